//! How a run ends when it does not simply end: stopped, with failed records, with a defect, into a
//! changed pipeline.

use crate::run::{Go, conserved, conserved_along_the_edges, entries, memory, outcome};
use coldstart::archive::{decisions, stages};
use coldstart::call::{CallError, KeyedRequest, Model, Reply};
use coldstart::env::{Env, Phase};
use coldstart::plan::{Manifest, Plan};
use coldstart::record::{Report, Trajectory};
use coldstart::run::{DEFECT, RunError};
use coldstart::sim::{Server, SimOptions, World};
use coldstart::stage::{Cx, Each, Gather, Ruling, Stage, StageError, Step};
use coldstart::store::Store;
use std::sync::Arc;
use std::time::Duration;

fn failed(report: &Report) -> u64 {
    report.stages.iter().map(|s| s.failed).sum()
}

async fn manifest(store: &Store) -> Manifest {
    serde_json::from_slice(&store.get("manifest.json").await.expect("there")).expect("a manifest")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_graceful_stop_keeps_what_was_bought() {
    let whole = memory();
    let go = Go { limit: 20, ..Go::default() };
    let made = go.run(&Env::test(1), &whole).await.expect("runs").calls.made;
    let store = memory();
    let env = Env::test(1);
    let options =
        SimOptions { latency: Duration::from_millis(5), slots: 8, ..SimOptions::default() };
    let (url, server) =
        Server::start(env.clone(), World::default(), options).await.expect("starts");
    let stopper = async {
        while server.stats().requests < made / 3 {
            env.sleep(Duration::from_millis(1)).await;
        }
        env.shutdown().request(Phase::Draining);
        server.stats().requests
    };
    let (result, asked) = tokio::join!(go.run_at(&env, &store, &url), stopper);
    let more = server.stats().requests - asked;
    assert!(more <= go.max_in_flight as u64, "{more} calls were begun after the stop");
    let Err(RunError::Stopped { report }) = result else { panic!("{result:?}") };
    conserved(&report);
    assert!(!report.complete && report.calls.made < made);
    for stage in &report.stages {
        let rows = decisions(&store, &stage.stage).await.expect("reads");
        assert_eq!(rows.len() as u64, stage.entered, "`{}` in the live ledger", stage.stage);
    }
    let bought = entries(&store).await.len() as u64;
    assert_eq!(bought, report.calls.made, "every paid reply was journaled");
    let again = go.run(&Env::test(3), &store).await.expect("goes on");
    assert_eq!(again.calls.made, made - bought);
    assert_eq!(outcome(&store).await, outcome(&whole).await);
}

/// Cannot answer some of the requests.
#[derive(Debug)]
struct Flaky(Arc<dyn Model>);

#[async_trait::async_trait]
impl Model for Flaky {
    async fn call(&self, request: KeyedRequest<'_>) -> Result<Reply, CallError> {
        if request.key().0[0].is_multiple_of(16) {
            return Err(CallError::Record { what: "503, the last of five tries".into() });
        }
        self.0.call(request).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failed_records_are_set_aside_and_tried_again() {
    let calm = memory();
    let made = Go::default().run(&Env::test(1), &calm).await.expect("runs").calls.made;
    let store = memory();
    let flaky = Go { model: |model| Arc::new(Flaky(model)), ..Go::default() };
    let report = flaky.run(&Env::test(1), &store).await.expect("runs");
    conserved_along_the_edges(&report, &store).await;
    assert!(report.complete && failed(&report) > 2, "{report:?}");
    for stage in report.stages.iter().filter(|s| s.failed > 0) {
        assert_eq!(stage.reasons["call_failed"], stage.failed);
        let rows = decisions(&store, &stage.stage).await.expect("reads");
        let listed = rows.iter().filter(|r| r.reason == "call_failed");
        assert!(listed.clone().all(|r| r.evidence.note.contains("503")));
        assert_eq!(listed.count() as u64, stage.failed);
    }
    let again = Go::default().run(&Env::test(1), &store).await.expect("goes on");
    assert_eq!(failed(&again), 0);
    assert_eq!(report.calls.made + again.calls.made, made, "only what was lacking is bought");
    assert_eq!(outcome(&store).await, outcome(&calm).await);
}

/// A stage with a defect that some records meet.
struct Panics(Arc<dyn Each>);

#[async_trait::async_trait]
impl Each for Panics {
    async fn apply(&self, t: Trajectory, cx: &Cx<'_>) -> Result<Step, StageError> {
        let step = self.0.apply(t, cx).await;
        assert!(
            !matches!(&step, Ok(s) if s.trajectory.prompt.id.0[0].is_multiple_of(4)),
            "a defect"
        );
        step
    }
}

fn break_first_round(plan: &mut Plan) {
    for stage in plan.stages.iter_mut().filter(|s| s.name == "first_round") {
        if let Stage::Each(each) = &stage.stage {
            stage.stage = Stage::Each(Arc::new(Panics(each.clone())));
        }
    }
}

/// A barrier with a defect that some records meet when they leave it.
struct PanicsAtTheEnd(Box<dyn Gather>);

impl Gather for PanicsAtTheEnd {
    fn offer(&mut self, t: &Trajectory) {
        self.0.offer(t);
    }

    fn rule(&mut self) -> Vec<Ruling> {
        self.0.rule()
    }

    fn amend(&self, t: Trajectory) -> Trajectory {
        assert!(!t.prompt.id.0[0].is_multiple_of(4), "a defect");
        self.0.amend(t)
    }
}

fn break_unique(plan: &mut Plan) {
    let at = plan.stages.iter().position(|s| s.name == "unique").expect("there");
    let mut stage = plan.stages.remove(at);
    if let Stage::Gather(gather) = stage.stage {
        stage.stage = Stage::Gather(Box::new(PanicsAtTheEnd(gather)));
    }
    plan.stages.insert(at, stage);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_in_a_stage_costs_its_record_and_is_told() {
    for (broken, plan) in
        [("first_round", break_first_round as fn(&mut Plan)), ("unique", break_unique)]
    {
        let store = memory();
        let go = Go { limit: 24, plan, ..Go::default() };
        let report = go.run(&Env::test(1), &store).await.expect("the run goes on");
        conserved_along_the_edges(&report, &store).await;
        let stage = report.stages.iter().find(|s| s.stage == broken).expect("there");
        assert!(stage.reasons[DEFECT] > 0 && stage.passed > 0, "{stage:?}");
        let rows = decisions(&store, broken).await.expect("reads");
        let row = rows.iter().find(|r| r.reason == DEFECT).expect("listed");
        assert!(row.evidence.note.contains("a defect"), "{row:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn comments_are_no_change_of_pipeline() {
    let store = memory();
    Go::default().run(&Env::test(1), &store).await.expect("runs");
    let (before, whole) = (manifest(&store).await, outcome(&store).await);
    fn comment(plan: &mut Plan) {
        let text = plan.files.get_mut("stages/standard/judged.toml").expect("there");
        text.push_str("# a remark\n");
    }
    let go = Go { plan: comment, ..Go::default() };
    go.run(&Env::test(1), &store).await.expect("needs no word");
    assert_eq!(manifest(&store).await, before);
    assert_eq!(outcome(&store).await, whole, "the dataset keeps its identity");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_pipeline_leaves_no_table_of_the_old_one() {
    let store = memory();
    let first = Go { pipeline: "three_rounds", ..Go::default() };
    first.run(&Env::test(1), &store).await.expect("runs");
    let go = Go { into_changed: true, ..Go::default() };
    match (Go { into_changed: false, ..Go::default() }).run(&Env::test(1), &store).await {
        Err(RunError::Changed { differences, .. }) => {
            assert_eq!(differences[0], "pipeline: three_rounds -> standard");
            assert!(differences.contains(&"stage coherent_again: there -> absent".to_owned()));
        }
        other => panic!("{other:?}"),
    }
    let report = go.run(&Env::test(1), &store).await.expect("goes on");
    conserved_along_the_edges(&report, &store).await;
    let mut names: Vec<String> = report.stages.iter().map(|s| s.stage.clone()).collect();
    names.sort();
    assert_eq!(stages(&store).await.expect("lists"), names);
    let alone = memory();
    Go::default().run(&Env::test(1), &alone).await.expect("runs");
    assert_eq!(outcome(&store).await, outcome(&alone).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_that_is_read_twice_is_one_record() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("prompts.jsonl");
    let line =
        |n: u32| format!("{{\"prompt\": \"{n} red cubes on a table\", \"id\": \"row {n}\"}}\n");
    let twice: String = [1, 2, 2, 3, 3, 3].map(line).concat();
    std::fs::write(&path, twice).expect("writable");
    let path = path.to_str().expect("UTF-8");
    let set = vec![("pool", "path", path), ("synthetic", "count", "0")];
    let store = memory();
    let report = Go { set, ..Go::default() }.run(&Env::test(1), &store).await.expect("runs");
    conserved_along_the_edges(&report, &store).await;
    let unique = report.stages.iter().find(|s| s.stage == "unique").expect("there");
    assert_eq!((unique.entered, unique.passed), (6, 3));
    assert_eq!(unique.reasons["exact_duplicate"], 3);
}

/// What scripts read. A new key is a decision; a lost one breaks them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_report_has_the_documented_shape() {
    let report = Go::default().run(&Env::test(1), &memory()).await.expect("runs");
    let json = serde_json::to_value(&report).expect("serialises");
    let keys = |value: &serde_json::Value| -> Vec<String> {
        let mut keys: Vec<String> = value.as_object().expect("an object").keys().cloned().collect();
        keys.sort();
        keys
    };
    let wanted = ["calls", "complete", "cost_usd", "dataset", "ended", "simulated", "stages"];
    assert_eq!(keys(&json), wanted);
    assert_eq!(keys(&json["calls"]), ["by_role", "made", "replayed"]);
    assert_eq!(keys(&json["dataset"]), ["digest", "purity", "rows", "strata", "target"]);
    assert_eq!(
        keys(&json["stages"][0]),
        ["cost_usd", "dropped", "failed", "in", "passed", "ports", "reasons", "stage"]
    );
    let roles = json["calls"]["by_role"].as_object().expect("roles");
    let made: u64 = roles.values().map(|r| r["made"].as_u64().expect("a number")).sum();
    assert_eq!(json["calls"]["made"], made);
    let strata = json["dataset"]["strata"].as_object().expect("strata");
    let taken: u64 = strata.values().map(|s| s["taken"].as_u64().expect("a number")).sum();
    assert_eq!(json["dataset"]["rows"], taken);
}
