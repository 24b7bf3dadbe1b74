//! Canaries: what is learned of judges holds the world's rates, and no canary gets where rows are made or priced.
//! What no judge can settle is a reason of its own, and no record is lost by it.

use crate::run::{Go, conserved_along_the_edges, memory};
use crate::users::{coldstart, good, walk};
use coldstart::archive::{RunDir, decisions};
use coldstart::audit::judges::judges;
use coldstart::env::Env;
use coldstart::record::{CallKey, Decision, Report};
use coldstart::sim::{Server, SimOptions, World};
use coldstart::store::Store;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;

/// A world whose judges err so often, question by question and never twice alike, and in no other way.
fn erring(judge_error: f64) -> World {
    World {
        judge_error,
        judge_repeat: 0.0,
        rubber_stamp: 0.0,
        unparsed: 0.0,
        contradiction: 0.0,
        ..World::default()
    }
}

async fn run(world: World, limit: u64, set: (&str, &str, &str), store: &Store) -> Report {
    let set = vec![set];
    let env = Env::test(1);
    let (url, _server) =
        Server::start(env.clone(), world, SimOptions::default()).await.expect("a free port");
    Go { limit, set, ..Go::default() }.run_at(&env, store, &url).await.expect("runs")
}

fn calls<'a>(rows: impl IntoIterator<Item = &'a Decision>) -> BTreeSet<CallKey> {
    rows.into_iter().flat_map(|row| row.calls.iter().copied()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_canaries_tell_of_judges_is_true_and_they_go_nowhere_else() {
    let folder = tempfile::tempdir().expect("a folder");
    let place = folder.path().join("run").display().to_string();
    let store = Store::open(&place).expect("opens");
    // A clumsy generator has most first pictures wrong, and a canary goes beside a second one.
    let world = World { clumsiness: 1.5, ..erring(0.15) };
    let report = run(world, 16, ("canaries", "share", "1.0"), &store).await;
    conserved_along_the_edges(&report, &store).await;
    assert!(report.dataset.rows > 5, "{report:?}");

    let opened = RunDir::open(&place).await.expect("opens");
    let found = judges(&opened, &[]).await.expect("reads");
    assert!(found.fit.known > 25, "{}", found.fit.known);
    for judge in found.fit.judges.iter().filter(|judge| judge.kind.is_none()) {
        for share in [judge.sensitivity, judge.specificity] {
            assert!(share.low <= 0.85 && 0.85 <= share.high, "{}: {share:?}", judge.model);
        }
    }

    let canaries = decisions(&store, "canaries").await.expect("reads");
    let asked = calls(&canaries);
    assert!(asked.len() > 10, "{}", asked.len());
    for stage in report.stages.iter().filter(|stage| stage.stage != "canaries") {
        let rows = decisions(&store, &stage.stage).await.expect("reads");
        assert!(calls(&rows).is_disjoint(&asked), "{} used a canary's call", stage.stage);
    }
    let altered = |row: &Decision| row.evidence.note.strip_prefix("altered: ").map(str::to_owned);
    let altered: Vec<String> = canaries.iter().filter_map(altered).collect();
    assert!(altered.len() > 1, "{altered:?}");
    nowhere(&place, folder.path(), &altered, asked.len() as u64);
}

/// No export holds a canary, and no price of a row.
fn nowhere(run: &str, folder: &Path, altered: &[String], asked: u64) {
    let out = folder.join("export");
    good(&["export", run, "--format", "llamafactory", "--out", out.to_str().expect("UTF-8")]);
    let rows = good(&["audit", run, "--sql", "select * from dataset", "--format", "json"]);
    for prompt in altered {
        assert!(!rows.contains(prompt.as_str()), "a row holds `{prompt}`");
        for name in walk(&out) {
            let bytes = std::fs::read(&name).expect("readable");
            let held = bytes.windows(prompt.len()).any(|window| window == prompt.as_bytes());
            assert!(!held, "`{name}` holds `{prompt}`");
        }
    }
    // Whatever it finds beside: a slow machine's retries are a finding.
    let told = coldstart(&["audit", run, "--format", "json"]).stdout;
    let told: Value = serde_json::from_slice(&told).expect("JSON");
    let funnel = &told["funnel"];
    let number = |name: &str| funnel[name].as_f64().unwrap_or_else(|| panic!("{name}: {funnel}"));
    assert_eq!(number("canary_calls"), asked as f64);
    let per_row = number("calls_per_kept") * number("kept");
    assert!((per_row - (number("calls") - asked as f64)).abs() < 1e-6, "{funnel}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_stays_undecided_is_a_reason_of_its_own_and_loses_no_record() {
    let store = memory();
    let report = run(erring(0.3), 8, ("judged", "max_looks", "2"), &store).await;
    conserved_along_the_edges(&report, &store).await;
    let judged = report.stages.iter().find(|stage| stage.stage == "judged").expect("there");
    let undecided = judged.reasons.get("undecided").copied().unwrap_or(0);
    assert!(undecided > 2, "{judged:?}");
    assert!(judged.passed + undecided <= judged.entered, "{judged:?}");
}
