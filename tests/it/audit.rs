//! Audit over made-up RUNs with a known truth: figures, planted defects, lives, differences.

mod defects;
pub mod made;
mod published;

use coldstart::archive::decisions;
use coldstart::archive::labels::{Label, Truth};
use coldstart::archive::{Reading, RunDir};
use coldstart::audit::calibrate::calibrate;
use coldstart::audit::deep::{self, Deep};
use coldstart::audit::findings::Severity;
use coldstart::audit::gather::{Depth, gather};
use coldstart::audit::lineage::{life, life_in};
use coldstart::audit::sampling::sample;
use coldstart::audit::{AuditReport, Index, sql};
use coldstart::record::{Decision, Disposition, Evidence, Id};
use coldstart::store::{Ledger, Store};
use made::{Plan, make};
use std::process::{Command, Output};

async fn audit(uri: &str) -> AuditReport {
    let run = RunDir::open(uri).await.unwrap();
    AuditReport::of(uri, &gather(&run, Depth::Full).await.unwrap())
}

fn coldstart(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_coldstart")).args(args).output().unwrap()
}

fn stdout(args: &[&str]) -> String {
    let output = coldstart(args);
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{args:?}: {stderr}");
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test]
async fn a_sound_run_has_no_error() {
    let dir = tempfile::tempdir().unwrap();
    let uri = dir.path().to_str().unwrap();
    let truth = make(uri, Plan { hostile: true, ..Plan::default() }).await;
    let report = audit(uri).await;
    let errors: Vec<_> = report.findings.iter().filter(|f| f.severity == Severity::Error).collect();
    assert!(errors.is_empty(), "{errors:?}");
    assert_eq!(report.funnel.rows, truth.rows as u64);
    assert_eq!(report.calls_journaled, truth.calls as u64);
    assert_eq!(report.funnel.kept, truth.kept.len() as u64);
    let warned = |check: &str| report.findings.iter().any(|f| f.check == check);
    assert!(warned("stratum_short") && warned("simulated"));
    // Every row of two rounds ends on a judgement that accepts.
    assert!(warned("one_sided"), "{:?}", report.acceptance);
    assert!(report.acceptance.0[0].rejects > 0 && report.acceptance.0[1].rejects == 0);
    for stage in &report.funnel.stages {
        assert_eq!(stage.entered, stage.passed + stage.dropped + stage.failed, "{}", stage.stage);
    }
}

#[tokio::test]
async fn calibrate_finds_the_error_rate_the_world_was_set_to() {
    let dir = tempfile::tempdir().unwrap();
    let uri = dir.path().to_str().unwrap();
    let plan = Plan { prompts: 1500, judge_error: 0.08, calls: false, ..Plan::default() };
    let truth = make(uri, plan).await;
    let run = RunDir::open(uri).await.unwrap();
    let (index, _) = Index::read(&run, Reading::Prompts).await.unwrap();
    let label = |(id, good): &(Id, bool)| Label {
        id: *id,
        stage: "judged".to_owned(),
        agree: None,
        truth: Some(if *good { Truth::Accept } else { Truth::Reject }),
        weight: None,
        note: String::new(),
        by: String::new(),
        at_ms: None,
        adjudicates: false,
        retracted: false,
    };
    let labels: Vec<Label> = truth.judged.iter().map(label).collect();
    let all = calibrate(&index, &run.shape, &labels).unwrap();
    let judged = &all[0];
    assert_eq!(judged.all.labels, labels.len() as u64);
    let error = judged.all.error.unwrap();
    assert!(error.holds(0.08) && error.high - error.low < 0.05, "{error:?}");

    // The same from stratified samples of 300, by their weights: of 95 % intervals nearly all hold it.
    let known = |id: &Id| labels.iter().find(|l| l.id == *id).unwrap().clone();
    let mut held = 0;
    for seed in 0..20 {
        let asked = sample(&index, &run.shape, &["judged"], 300, seed);
        assert!((280..=320).contains(&asked.len()), "{}", asked.len());
        let rows: f64 = asked.iter().map(|a| a.weight).sum();
        assert!((rows - labels.len() as f64).abs() < 1e-6, "weights add up to all rows");
        let sampled: Vec<Label> =
            asked.iter().map(|a| Label { weight: Some(a.weight), ..known(&a.id) }).collect();
        let all = calibrate(&index, &run.shape, &sampled).unwrap();
        held += usize::from(all[0].all.error.unwrap().holds(0.08));
    }
    assert!(held >= 17, "{held} of 20 intervals hold the error rate");
}

#[tokio::test]
async fn the_judge_who_prefers_a_place_is_told_from_the_one_who_does_not() {
    for (bias, biased) in [(0.0, false), (0.15, true)] {
        let dir = tempfile::tempdir().unwrap();
        let uri = dir.path().to_str().unwrap();
        let plan = Plan { prompts: 800, place_bias: bias, calls: false, ..Plan::default() };
        make(uri, plan).await;
        let run = RunDir::open(uri).await.unwrap();
        let mut deep = Deep::new("better", None);
        run.each("better", &mut |row| deep.push(&row)).await.unwrap();
        assert_eq!(deep.finish().orders.unwrap().biased(), biased, "bias {bias}");
    }
}

#[tokio::test]
async fn a_life_is_told_whole() {
    let dir = tempfile::tempdir().unwrap();
    let uri = dir.path().to_str().unwrap();
    make(uri, Plan { prompts: 80, ..Plan::default() }).await;
    let run = RunDir::open(uri).await.unwrap();
    let journal = run.journal().await.unwrap();
    let coherent = decisions(run.store(), "coherent").await.unwrap();
    let id = coherent[0].id;
    let alone = life(&run, &id).await.unwrap();
    let life = life_in(&run, &journal, &id).await.unwrap();
    // Who opens the journal for this record alone is told the same.
    let json = |life| serde_json::to_string(life).unwrap();
    assert_eq!(json(&alone), json(&life));
    assert!(life.steps.iter().flat_map(|step| &step.calls).all(|call| call.entry.is_some()));
    let stages: Vec<&str> = life.steps.iter().map(|s| s.decision.stage.as_str()).collect();
    assert_eq!(&stages[..4], ["pool", "unique", "clean", "hard"]);
    assert_eq!(life.story.rounds.len(), 2);
    assert_eq!(life.story.draws.len(), 3);
    assert!(life.story.reference.is_some());
    let first = &life.story.rounds[0];
    assert_eq!(first.thinking, "Count them, then place them.");
    assert!(first.refined.ends_with("clearly arranged") && first.image.is_some());
    let judgement = first.judgement.as_ref().unwrap();
    assert!(!judgement.satisfied);
    assert_eq!(judgement.checks[0].question, "every object is there");
    assert!(life.steps.iter().all(|s| s.calls.iter().all(|c| c.entry.is_some())));
    // By the command, by the start of its id.
    let text = stdout(&["explain", uri, &id.hex()[..10]]);
    assert!(text.contains("round 2") && text.contains("order_ab second"), "{text}");
    assert!(text.contains("no atom a2: seen"), "a verdict that failed is shown: {text}");
    assert!(!text.contains('\u{1b}'), "no picture and no colour in a pipe");
    let upper = stdout(&["explain", uri, &id.hex()[..10].to_uppercase()]);
    assert_eq!(upper, text);
    let drawn = stdout(&["explain", uri, &id.hex(), "--pictures", "kitty"]);
    assert_eq!(drawn.matches("\u{1b}_Ga=T,f=100").count(), 6, "3 draws, the hint, I1, I2");
}

#[tokio::test]
async fn a_damaged_table_is_told_and_the_rest_of_the_life_shown() {
    let dir = tempfile::tempdir().unwrap();
    let uri = dir.path().to_str().unwrap();
    let truth = make(uri, Plan { prompts: 40, ..Plan::default() }).await;
    std::fs::write(dir.path().join("stages/judged/part-00000.parquet"), b"garbage").unwrap();
    let output = coldstart(&["explain", uri, &truth.kept[0].hex()]);
    let (text, told) =
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert!(told.contains("`stages/judged/part-00000.parquet` cannot be read"), "{told}");
    assert!(text.contains("first_image") && !text.contains("judged (judge)"), "{text}");
}

#[tokio::test]
async fn what_models_said_is_measured() {
    let dir = tempfile::tempdir().unwrap();
    let uri = dir.path().to_str().unwrap();
    make(uri, Plan { prompts: 60, ..Plan::default() }).await;
    let run = RunDir::open(uri).await.unwrap();
    let journal = run.journal().await.unwrap();
    let (all, damaged) = deep::all(&run, &journal).await.unwrap();
    assert!(damaged.is_empty());
    let first_round = all.iter().find(|audit| audit.stage == "first_round").unwrap();
    let texts: Vec<(&str, f64)> =
        first_round.lengths.iter().map(|l| (l.text, l.chars.spread.p50)).collect();
    let thinking = "Count them, then place them.".len() as f64;
    assert!(texts.contains(&("thinking", thinking)), "{texts:?}");
    assert!(texts.iter().any(|(text, chars)| *text == "refined prompt" && *chars > 40.0));
    // One pass over all stages gives what a stage alone gives.
    for audit in &all {
        assert_eq!(deep::one(&run, &journal, &audit.stage).await.unwrap().0, *audit);
    }
}

#[tokio::test]
async fn two_runs_are_compared() {
    let (a, b) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (a, b) = (a.path().to_str().unwrap(), b.path().to_str().unwrap());
    make(a, Plan { prompts: 60, calls: false, ..Plan::default() }).await;
    make(b, Plan { prompts: 60, calls: false, votes: 3, judge_error: 0.4, ..Plan::default() })
        .await;
    let json = stdout(&["diff", a, b, "--format", "json"]);
    let diff: serde_json::Value = serde_json::from_str(&json).unwrap();
    let count = |name: &str| diff[name].as_u64().unwrap();
    assert_eq!(count("same") + count("changed"), 60);
    assert!(count("changed") > 0);
    assert_eq!(diff["texts"][0]["path"], "stages/made/judged.toml");
    assert!(json.contains("+votes = 3"));
    let text = stdout(&["diff", a, b]);
    assert!(text.contains("judged.votes: 1 -> 3"), "{text}");
    let same = stdout(&["diff", a, a]);
    assert!(same.contains("60 records decide the same, 0 changed"), "{same}");
}

#[tokio::test]
async fn sql_answers_and_cannot_write() {
    let dir = tempfile::tempdir().unwrap();
    let uri = dir.path().to_str().unwrap();
    let truth = make(uri, Plan { prompts: 80, ..Plan::default() }).await;
    for table in sql::TABLES {
        let query = format!("select count(*) as total, * from {}", table.name);
        let json = stdout(&["audit", uri, "--sql", &query, "--format", "json"]);
        let rows: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert!(rows[0]["total"].as_u64().unwrap() > 0, "{}", table.name);
        assert!(stdout(&["audit", "--tables"]).contains(&format!("{}: ", table.name)));
    }
    let query = "select sum(cost_usd), count(*) from calls";
    let csv = stdout(&["audit", uri, "--sql", query, "--format", "csv"]);
    assert!(csv.trim_end().ends_with(&format!(",{}", truth.calls)), "{csv}");
    let out = dir.path().join("answer.parquet");
    let query = "select stage, count(*) as n from stages group by 1";
    stdout(&["audit", uri, "--sql", query, "--out", out.to_str().unwrap()]);
    assert!(std::fs::read(out).unwrap().starts_with(b"PAR1"));
    let victim = dir.path().join("written.db");
    for query in [
        format!("attach '{}' as x", victim.display()),
        format!("select 1; attach '{}' as x", victim.display()),
        "create table x (a)".to_owned(),
        "select * from nowhere".to_owned(),
    ] {
        let refused = coldstart(&["audit", uri, "--sql", &query]);
        assert_eq!(refused.status.code(), Some(1), "{query}");
    }
    assert!(!victim.exists());
}

#[tokio::test]
async fn a_live_run_is_read_from_its_ledger() {
    let (whole, live) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let from = whole.path().to_str().unwrap();
    make(from, Plan { prompts: 60, calls: false, ..Plan::default() }).await;
    let uri = live.path().to_str().unwrap();
    std::fs::copy(whole.path().join("manifest.json"), live.path().join("manifest.json")).unwrap();
    let store = Store::open(uri).unwrap();
    let ledger = Ledger::open(&store).await.unwrap();
    let rows = decisions(&Store::open(from).unwrap(), "hard").await.unwrap();
    // A record that failed first and passed when it was tried again has one row.
    let failed = Decision {
        disposition: Disposition::Failed,
        reason: "call".into(),
        port: String::new(),
        ..rows[0].clone()
    };
    for row in [&failed].into_iter().chain(&rows) {
        ledger.push(row);
    }
    ledger.flush().await.unwrap();
    let report = audit(uri).await;
    let hard = report.funnel.stages.iter().find(|s| s.stage == "hard").unwrap();
    assert_eq!((hard.entered, hard.failed), (rows.len() as u64, 0));
    assert!(!report.complete);
    assert!(report.findings.iter().any(|f| f.check == "incomplete"));
    assert!(!report.findings.iter().any(|f| f.check == "lost_record"), "on their way, not lost");
}

#[tokio::test]
async fn a_run_at_work_is_not_mixed_with_the_tables_of_the_run_before() {
    let dir = tempfile::tempdir().unwrap();
    let uri = dir.path().to_str().unwrap();
    make(uri, Plan { prompts: 60, calls: false, ..Plan::default() }).await;
    let store = Store::open(uri).unwrap();
    let rows = decisions(&store, "pool").await.unwrap();
    let ledger = Ledger::open(&store).await.unwrap();
    let why = "the server said 400: no such model";
    for (n, row) in rows.iter().take(10).enumerate() {
        let failed = Decision {
            disposition: Disposition::Failed,
            reason: "call".into(),
            port: String::new(),
            evidence: Evidence::note(why),
            ..row.clone()
        };
        ledger.push(if n == 0 { &failed } else { row });
    }
    ledger.flush().await.unwrap();
    let report = audit(uri).await;
    let entered: Vec<u64> = report.funnel.stages.iter().map(|s| s.entered).collect();
    assert_eq!(entered[0], 10);
    assert_eq!(entered[1..].iter().sum::<u64>(), 0, "nothing of the tables");
    assert!(!report.complete);
    let failed = report.findings.iter().find(|f| f.check == "failed").unwrap();
    assert!(failed.examples[0].ends_with(&format!("call: {why}")), "{failed:?}");
}

#[tokio::test]
async fn the_commands_speak_in_exit_codes() {
    let dir = tempfile::tempdir().unwrap();
    let uri = dir.path().to_str().unwrap();
    make(uri, Plan { prompts: 40, hostile: true, ..Plan::default() }).await;
    let text = stdout(&["audit", uri]);
    assert!(text.contains("funnel") && !text.contains('\u{1b}'), "colours off in a pipe");
    let deep = stdout(&["audit", uri, "--stage", "judged"]);
    assert!(!deep.contains('\u{1b}'), "model text cannot drive the terminal");
    let wrong = coldstart(&["audit", uri, "--stage", "juged"]);
    assert_eq!(wrong.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("did you mean `judged`?"));
    let nowhere = coldstart(&["audit", dir.path().join("nowhere").to_str().unwrap()]);
    assert_eq!(nowhere.status.code(), Some(1));
    let out = dir.path().join("report.html");
    stdout(&["report", uri, "--out", out.to_str().unwrap()]);
    let page = std::fs::read_to_string(out).unwrap();
    assert!(page.contains("Content-Security-Policy") && !page.contains("<script"));
    assert!(!page.contains("http://") && !page.contains("https://"), "nothing from elsewhere");
    // A planted error makes the exit code 1.
    let part = dir.path().join("stages/better/part-00000.parquet");
    std::fs::write(part, b"garbage").unwrap();
    assert_eq!(coldstart(&["audit", uri]).status.code(), Some(1));
    let sample = stdout(&["calibrate", uri, "--sample", "20"]);
    let line: serde_json::Value = serde_json::from_str(sample.lines().next().unwrap()).unwrap();
    assert!(line["truth"].is_null() && line["weight"].as_f64().unwrap() >= 1.0);
}

/// A small run on the simulated world; what it printed.
fn simulate(out: &str, more: &[&str]) -> String {
    let project = env!("CARGO_MANIFEST_DIR");
    let args = ["run", "--project", project, "--quiet", "--out", out, "--limit", "24"];
    stdout(&[&args, more].concat())
}

#[test]
fn a_replay_is_the_run_and_a_changed_rule_shows_what_it_changes() {
    let dir = tempfile::tempdir().unwrap();
    let uri = dir.path().join("run");
    let uri = uri.to_str().unwrap();
    simulate(uri, &["--target", "8"]);
    let replay = |set: &[&str]| -> serde_json::Value {
        let project = env!("CARGO_MANIFEST_DIR");
        let args = ["replay", uri, "--project", project, "--format", "json"];
        serde_json::from_str(&stdout(&[&args, set].concat())).unwrap()
    };
    let before = std::fs::read(std::path::Path::new(uri).join("report.json")).unwrap();
    let same = replay(&[]);
    assert_eq!(same["diff"]["changed"], 0, "{}", same["diff"]["changes"]);
    assert_eq!(same["missing_calls"], serde_json::json!({}));
    assert_eq!(same["report"]["dataset"]["rows"], 8);

    // Fewer looks need no picture; surer verdicts need looks that nobody bought.
    let fewer = replay(&["--set", "judged.max_looks=1"]);
    assert_eq!(fewer["missing_calls"]["generator"].as_u64(), None, "{}", fewer["missing_calls"]);
    let settings = fewer["diff"]["settings"].to_string();
    assert!(settings.contains("\"judged.max_looks\",\"13\",\"1\""), "{settings}");
    let more = replay(&["--set", "judged.purity=0.995"]);
    let looks = |role: &str| more["missing_calls"][role].as_u64().unwrap_or(0);
    assert!(looks("judge") + looks("second_judge") > 0, "{}", more["missing_calls"]);
    assert!(more["diff"]["unknown"].as_u64().unwrap() > 0);
    let after = std::fs::read(std::path::Path::new(uri).join("report.json")).unwrap();
    assert_eq!(before, after, "the RUN is only read");
}

/// `COLDSTART_MADE=DIR cargo test --test it audit::made_for_a_look` leaves a RUN to look at.
#[tokio::test]
async fn made_for_a_look() {
    let Ok(dir) = std::env::var("COLDSTART_MADE") else { return };
    let prompts = std::env::var("COLDSTART_MADE_PROMPTS").ok().and_then(|n| n.parse().ok());
    let plan =
        Plan { prompts: prompts.unwrap_or(400), hostile: true, side: 256, ..Plan::default() };
    make(&dir, plan).await;
}
