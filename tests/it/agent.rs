//! An agent's runs: same bytes whatever the concurrency, a cut journal or a kill; the history that is
//! sent is the row that is exported; what a judge cannot say is no verdict; and the doors out of a run
//! of an evaluation set.

mod doors;

use crate::kill::{Bench, bytes, kill};
use crate::run::{Go, conserved_along_the_edges, cut, entries, memory, outcome};
use coldstart::archive::decisions;
use coldstart::call::{CallError, KeyedRequest, Model, Output, Reply, Request};
use coldstart::env::Env;
use coldstart::record::{Message, Part, Speaker};
use coldstart::store::Store;
use std::collections::BTreeMap;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

fn agent(limit: u64) -> Go<'static> {
    let set = vec![("rolled", "draws", "3")];
    Go { limit, set, pipeline: "agent", ..Go::default() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn neither_concurrency_nor_rollouts_side_by_side_show_in_the_bytes() {
    let mut seen = Vec::new();
    for max_in_flight in [1, 64] {
        let store = memory();
        let go = Go { max_in_flight, ..agent(12) };
        let report = go.run(&Env::test(1), &store).await.expect("runs");
        conserved_along_the_edges(&report, &store).await;
        assert!(report.complete && report.simulated && report.dataset.rows > 3, "{report:?}");
        seen.push((report.dataset.digest, outcome(&store).await));
    }
    assert_eq!(seen[0], seen[1]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_journal_cut_within_any_rollout_leads_to_the_same_bytes() {
    let go = Go { set: vec![("rolled", "draws", "2")], ..agent(2) };
    let full = memory();
    let report = go.run(&Env::test(1), &full).await.expect("runs");
    let (all, whole) = (entries(&full).await, outcome(&full).await);
    assert_eq!(all.len() as u64, report.calls.made);
    for keep in (0..all.len()).step_by(3) {
        let env = Env::test(2);
        let store = cut(&env, &full, &all[..keep]).await;
        let again = go.run(&env, &store).await.expect("goes on");
        assert_eq!(again.calls.made, (all.len() - keep) as u64, "cut at {keep}");
        assert_eq!(outcome(&store).await, whole, "cut at {keep}");
    }
}

/// Rollouts of up to three rounds, two a prompt.
const AGENT: [&str; 5] = ["agent", "--set", "rolled.draws=2", "--limit", "8"];

#[test]
fn kill_9_amid_rollouts_buys_no_turn_twice_and_gives_the_same_table() {
    let folder = tempfile::tempdir().expect("a folder");
    let bench = Bench::new(folder.path(), &AGENT);
    let calm = folder.path().join("calm");
    let env = Env::real();
    let started = env.now();
    let whole = bench.finish(&calm);
    let took = env.now().duration_since(started);
    let all = whole["calls"]["made"].as_u64().expect("a number");
    let out = folder.path().join("killed");
    let (mut kept, mut struck) = (0, 0);
    for share in [0.1, 0.15, 0.2, 0.25] {
        let mut child =
            bench.run(&out).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("starts");
        if kill(&mut child, &out, took.mul_f64(share)) {
            struck += 1;
            let journaled = bench.journaled(&out);
            assert!(journaled >= kept, "a journaled turn was lost");
            kept = journaled;
        }
    }
    assert!(struck > 0, "no kill struck a process at work");
    let last = bench.finish(&out);
    assert_eq!(last["calls"]["made"].as_u64().expect("a number") + kept, all);
    assert!(bytes(&out) == bytes(&calm), "stage tables or dataset differ");
    assert_eq!(bench.journaled(&out), all);
    let table = |run: &std::path::Path| {
        let run = run.to_str().expect("UTF-8");
        // Seconds are the one thing that no two runs share.
        let text = coldstart(&["table", run, "--format", "csv"]).replace(run, "RUN");
        text.lines().filter(|line| !line.contains(",s of ")).collect::<Vec<_>>().join("\n")
    };
    let (calm, killed) = (table(&calm), table(&out));
    assert!(calm.contains("\nJudgements,") && calm.contains("J1 of wrong, rejects %"), "{calm}");
    assert!(calm.contains("Table 1,RUN,error rate per turn %"), "{calm}");
    assert_eq!(calm, killed);
}

/// What the binary prints; it must end well.
pub fn coldstart(args: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_coldstart"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(args)
        .output()
        .expect("starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{args:?}: {said}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// Speaker and text of each message, `<image>` for a picture.
fn flat(request: &Request) -> Vec<(Speaker, String)> {
    let Request::Chat(chat) = request else { return Vec::new() };
    let text = |part: &Part| match part {
        Part::Text(text) => text.clone(),
        Part::Image(_) => "<image>".to_owned(),
    };
    let one = |m: &Message| (m.speaker, m.parts.iter().map(text).collect());
    chat.messages.iter().map(one).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_history_that_is_sent_is_the_exported_row_and_grows_at_its_end_only() {
    let folder = tempfile::tempdir().expect("a folder");
    let (run, out) = (folder.path().join("run"), folder.path().join("sft"));
    let store = Store::open(run.to_str().expect("UTF-8")).expect("opens");
    let go = Go { set: Vec::new(), ..agent(16) };
    go.run(&Env::real(), &store).await.expect("runs");
    let (run, to) = (run.to_str().expect("UTF-8"), out.to_str().expect("UTF-8"));
    coldstart(&["export", run, "--format", "llamafactory", "--out", to]);
    let mut sent: BTreeMap<String, Vec<Vec<(Speaker, String)>>> = BTreeMap::new();
    for entry in entries(&store).await.iter().filter(|e| e.request.role() == "agent") {
        let messages = flat(&entry.request);
        sent.entry(messages[1].1.clone()).or_default().push(messages);
    }
    for requests in sent.values_mut() {
        requests.sort_by_key(Vec::len);
        for pair in requests.windows(2) {
            assert_eq!(pair[1][..pair[0].len()], pair[0][..], "the same prefix each turn");
        }
    }
    let rows = std::fs::read_to_string(out.join("train.jsonl")).expect("there");
    let mut several = 0;
    for row in rows.lines() {
        let row: serde_json::Value = serde_json::from_str(row).expect("JSON");
        let mut turns = vec![(Speaker::System, row["system"].as_str().expect("text").to_owned())];
        for turn in row["conversations"].as_array().expect("turns") {
            let speaker = match turn["from"].as_str().expect("text") {
                "gpt" => Speaker::Assistant,
                _ => Speaker::User,
            };
            turns.push((speaker, turn["value"].as_str().expect("text").to_owned()));
        }
        let longest = sent[&turns[1].1].last().expect("asked");
        assert_eq!(longest[..], turns[..longest.len()]);
        several += usize::from(longest.len() > 4);
    }
    assert!(several > 0, "no row of several rounds: {rows}");
}

/// The judge answers in words that say nothing.
#[derive(Debug)]
struct Mumbles(Arc<dyn Model>);

#[async_trait::async_trait]
impl Model for Mumbles {
    async fn call(&self, request: KeyedRequest<'_>) -> Result<Reply, CallError> {
        let mut reply = self.0.call(request).await?;
        if request.request().role() == "judge" {
            let text = "One would have to look again.".to_owned();
            reply.output = Output::Text { text, reasoning: String::new() };
        }
        Ok(reply)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_judge_that_says_nothing_gives_no_score_and_fails_no_record() {
    let store = memory();
    let go = Go { model: |model| Arc::new(Mumbles(model)), ..agent(4) };
    let report = go.run(&Env::test(1), &store).await.expect("runs");
    let scored = report.stages.iter().find(|s| s.stage == "scored").expect("there");
    assert_eq!((scored.entered, scored.failed), (4, 0));
    let rows = decisions(&store, "scored").await.expect("reads");
    let answers: Vec<&str> =
        rows.iter().flat_map(|row| &row.evidence.votes).map(|v| v.answer.as_str()).collect();
    assert!(answers.len() >= 24 && answers.iter().all(|a| *a == "undecided"), "{answers:?}");
}

/// How many turns are asked for at once, and the most there were.
static TURNS: [AtomicUsize; 2] = [AtomicUsize::new(0), AtomicUsize::new(0)];

/// Counts the agent's turns in flight.
#[derive(Debug)]
struct Counts(Arc<dyn Model>);

#[async_trait::async_trait]
impl Model for Counts {
    async fn call(&self, request: KeyedRequest<'_>) -> Result<Reply, CallError> {
        if request.request().role() != "agent" {
            return self.0.call(request).await;
        }
        let [now, most] = &TURNS;
        most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        let reply = self.0.call(request).await;
        now.fetch_sub(1, Ordering::SeqCst);
        reply
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rollouts_of_a_prompt_go_on_side_by_side() {
    let set = vec![("rolled", "draws", "12")];
    let go = Go { set, model: |model| Arc::new(Counts(model)), ..agent(1) };
    go.run(&Env::test(1), &memory()).await.expect("runs");
    let most = TURNS[1].load(Ordering::SeqCst);
    assert!((8..=12).contains(&most), "{most} turns at once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_v2_agent_edits_by_the_released_editing_server() {
    let store = memory();
    let report = Go { set: Vec::new(), pipeline: "agent_v2", ..agent(12) }
        .run(&Env::test(1), &store)
        .await
        .expect("runs");
    conserved_along_the_edges(&report, &store).await;
    let entries = entries(&store).await;
    let edits = entries.iter().filter_map(|entry| match &entry.request {
        Request::Image(image) => image.edits.map(|source| (image.role.as_str(), source)),
        Request::Chat(_) => None,
    });
    let edits: Vec<_> = edits.collect();
    assert!(!edits.is_empty(), "no picture was changed");
    assert!(edits.iter().all(|(role, _)| *role == "editor"), "{edits:?}");
    let rows = decisions(&store, "rolled").await.expect("reads");
    let broken =
        rows.iter().flat_map(|row| &row.evidence.votes).filter(|v| v.answer == "wrong_tool");
    assert_eq!(broken.count(), 0);
}
