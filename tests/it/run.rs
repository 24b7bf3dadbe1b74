//! The run as a whole, on the simulated world: same bytes whatever the concurrency, crash or fault;
//! no record lost; no call bought twice.

use coldstart::archive::decisions;
use coldstart::call::endpoints::Endpoints;
use coldstart::call::{Fatal, Model, Stack, StackOptions};
use coldstart::env::Env;
use coldstart::journal::{BlobImages, Entry, Journal, ReadJournal};
use coldstart::plan::{Home, Manifest, Overrides, Plan, Project, compile};
use coldstart::record::Report;
use coldstart::run::{Progress, RunError, RunOptions, Shard, execute};
use coldstart::sim::{Faults, Server, SimOptions, World};
use coldstart::stage::Kinds;
use coldstart::store::{Blobs, Store};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// One run of the default pipeline.
pub struct Go<'a> {
    pub limit: u64,
    pub max_in_flight: usize,
    pub faults: Faults,
    pub set: Vec<(&'a str, &'a str, &'a str)>,
    pub shard: Option<Shard>,
    pub buy_missing: bool,
    pub into_changed: bool,
    pub pipeline: &'static str,
    /// The project's folder; None: this one.
    pub home: Option<&'a Path>,
    pub kinds: Kinds,
    /// Puts something in a stage's place.
    pub plan: fn(&mut Plan),
    /// Puts something over the endpoints.
    pub model: fn(Arc<dyn Model>) -> Arc<dyn Model>,
}

impl Default for Go<'_> {
    fn default() -> Self {
        Go {
            limit: 12,
            max_in_flight: 64,
            faults: Faults::default(),
            set: Vec::new(),
            shard: None,
            buy_missing: false,
            into_changed: false,
            pipeline: "standard",
            home: None,
            kinds: Kinds::default(),
            plan: |_| {},
            model: |model| model,
        }
    }
}

impl Go<'_> {
    pub async fn run(&self, env: &Env, store: &Store) -> Result<Report, RunError> {
        let options = SimOptions { faults: self.faults.clone(), ..SimOptions::default() };
        let (url, _server) =
            Server::start(env.clone(), World::default(), options).await.expect("a free port");
        self.run_at(env, store, &url).await
    }

    pub async fn run_at(&self, env: &Env, store: &Store, url: &str) -> Result<Report, RunError> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let home = Home::Folder(self.home.unwrap_or(root).into());
        let mut project = Project::open(&home, self.pipeline).expect("opens");
        project.kinds = self.kinds;
        let own = |(a, b, c): &(&str, &str, &str)| (a.to_string(), b.to_string(), c.to_string());
        let mut set = vec![own(&("pool", "path", root.join("data/pool").to_str().expect("UTF-8")))];
        set.extend(self.set.iter().map(own));
        let mut plan =
            compile(&project, &Overrides { seed: 0, set, flags: vec![] }).plan.expect("compiles");
        (self.plan)(&mut plan);
        let text = Endpoints::sim_text(url).replace("\"30s\"", "\"500ms\"");
        let source = coldstart::diag::SourceFile { path: "sim".into(), text };
        let endpoints = Endpoints::parse(Arc::new(source)).unwrap_or_else(|e| panic!("{e:?}"));
        let blobs = Blobs::new(store.clone(), 8 << 20);
        let images = Arc::new(BlobImages(blobs.clone()));
        let stack = Stack::build(env, &endpoints, images, StackOptions::default())
            .unwrap_or_else(|e| panic!("{e:?}"));
        let options = RunOptions {
            store: store.clone(),
            blobs,
            model: (self.model)(stack.model()),
            simulated: true,
            max_in_flight: self.max_in_flight,
            limit: Some(self.limit),
            shard: self.shard,
            mixed: false,
            buy_missing: self.buy_missing,
            into_changed_pipeline: self.into_changed,
            journaled: true,
            write_dataset: true,
            commit_wait: Duration::from_millis(2),
            budget: None,
            progress: Arc::new(Progress::default()),
        };
        execute(env, plan, options).await
    }
}

pub fn memory() -> Store {
    Store::open("memory://").expect("memory")
}

/// Name and content of everything that must be the same bytes.
pub async fn outcome(store: &Store) -> Vec<(String, blake3::Hash)> {
    let mut out = Vec::new();
    for folder in ["stages", "dataset"] {
        for (name, _) in store.list(folder).await.expect("lists") {
            out.push((name.clone(), blake3::hash(&store.get(&name).await.expect("reads"))));
        }
    }
    // Of the shortest pipeline: four tables, a shard and its card.
    assert!(out.len() > 5, "{out:?}");
    out
}

/// in = passed + dropped + failed, and everything is told by port or reason.
pub fn conserved(report: &Report) {
    for stage in &report.stages {
        assert_eq!(stage.entered, stage.passed + stage.dropped + stage.failed, "{stage:?}");
        let told: u64 = stage.reasons.values().sum();
        assert_eq!(told, stage.dropped + stage.failed, "{stage:?}");
        assert_eq!(stage.ports.values().sum::<u64>(), stage.passed, "{stage:?}");
    }
}

/// Of a complete run: what the stages before sent out by an edge's port is what came in, and each
/// stage's table holds a row for each.
pub async fn conserved_along_the_edges(report: &Report, store: &Store) {
    conserved(report);
    let manifest = store.get("manifest.json").await.expect("there");
    let manifest: Manifest = serde_json::from_slice(&manifest).expect("a manifest");
    let of = |name: &str| report.stages.iter().find(|s| s.stage == name).expect("reported");
    for stage in &manifest.stages {
        let entered = of(&stage.name).entered;
        if !stage.from.is_empty() {
            let sent = stage.from.iter().map(|edge| {
                let (from, port) = edge.split_once('.').expect("stage.port");
                of(from).ports.get(port).copied().unwrap_or(0)
            });
            assert_eq!(sent.sum::<u64>(), entered, "{}", stage.name);
        }
        let rows = decisions(store, &stage.name).await.expect("reads");
        assert_eq!(rows.len() as u64, entered, "{}", stage.name);
    }
}

pub async fn entries(store: &Store) -> Vec<Entry> {
    let mut out = Vec::new();
    let journal = ReadJournal::open(store).await.expect("opens");
    journal
        .scan(&mut |entry, twice| {
            assert!(!twice, "{} was bought twice", entry.key);
            out.push(entry);
        })
        .await
        .expect("scans");
    out
}

/// A store with the first `keep` calls of a journal, and nothing else.
pub async fn cut(env: &Env, full: &Store, entries: &[Entry]) -> Store {
    let store = memory();
    for (name, _) in full.list("blobs").await.expect("lists") {
        store.put(&name, full.get(&name).await.expect("reads")).await.expect("puts");
    }
    let journal =
        Journal::open(env.clone(), &store, "journal", Duration::ZERO).await.expect("opens");
    let appends = entries.iter().map(|e| journal.append(e.clone()));
    futures::future::try_join_all(appends).await.expect("appends");
    journal.close().await.expect("closes");
    store
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrency_does_not_show_in_the_bytes() {
    let mut seen = Vec::new();
    for max_in_flight in [1, 64] {
        let store = memory();
        let report = Go { limit: 40, max_in_flight, ..Go::default() }
            .run(&Env::test(1), &store)
            .await
            .expect("runs");
        conserved_along_the_edges(&report, &store).await;
        assert!(report.complete && report.simulated && report.dataset.rows > 5, "{report:?}");
        seen.push((report.dataset.digest, outcome(&store).await));
    }
    assert_eq!(seen[0], seen[1]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_journal_cut_after_any_event_leads_to_the_same_bytes() {
    let go = Go { limit: 4, ..Go::default() };
    let full = memory();
    let report = go.run(&Env::test(1), &full).await.expect("runs");
    let (all, whole) = (entries(&full).await, outcome(&full).await);
    assert_eq!(all.len() as u64, report.calls.made);
    for keep in 0..=all.len() {
        let env = Env::test(2);
        let store = cut(&env, &full, &all[..keep]).await;
        let again = go.run(&env, &store).await.expect("goes on");
        assert_eq!(again.calls.made, (all.len() - keep) as u64, "cut at {keep}");
        assert_eq!(outcome(&store).await, whole, "cut at {keep}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_segment_torn_at_any_place_costs_what_it_held_and_no_more() {
    let go = Go { limit: 4, ..Go::default() };
    let full = memory();
    go.run(&Env::test(1), &full).await.expect("runs");
    let (all, whole) = (entries(&full).await, outcome(&full).await);
    let env = Env::test(2);
    for part in 1..8 {
        let store = cut(&env, &full, &all).await;
        let segments = store.list("journal").await.expect("lists");
        let (name, size) = segments.iter().max_by_key(|(_, size)| *size).expect("a segment");
        let bytes = store.get(name).await.expect("reads");
        let torn = bytes.slice(..*size as usize * part / 8);
        store.put(name, torn).await.expect("tears");
        let again = go.run(&env, &store).await.expect("goes on");
        assert!(again.calls.made > 0 && again.calls.made < all.len() as u64, "{:?}", again.calls);
        assert_eq!(outcome(&store).await, whole, "torn at {part}/8");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn faults_of_servers_do_not_show_in_the_bytes() {
    let calm = memory();
    Go::default().run(&Env::test(1), &calm).await.expect("runs");
    let calm = outcome(&calm).await;
    let rates: [(&str, Faults); 7] = [
        ("429", Faults { too_many: 0.05, ..Faults::default() }),
        ("500", Faults { internal: 0.05, ..Faults::default() }),
        ("503", Faults { unavailable: 0.05, ..Faults::default() }),
        ("stall", Faults { stall: 0.02, ..Faults::default() }),
        ("cut", Faults { cut: 0.05, ..Faults::default() }),
        ("slow", Faults { slow: 0.02, ..Faults::default() }),
        ("garbage", Faults { garbage: 0.05, ..Faults::default() }),
    ];
    for (name, faults) in rates {
        let store = memory();
        let report = Go { faults, ..Go::default() }.run(&Env::test(1), &store).await;
        let report = report.unwrap_or_else(|e| panic!("{name}: {e}"));
        conserved_along_the_edges(&report, &store).await;
        let failed: u64 = report.stages.iter().map(|s| s.failed).sum();
        assert_eq!(failed, 0, "{name}: {report:?}");
        assert_eq!(outcome(&store).await, calm, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refusals_are_drops_with_a_reason_and_another_model_stops_the_run() {
    let blocked = Faults { blocked: 0.1, ..Faults::default() };
    let report =
        Go { faults: blocked, ..Go::default() }.run(&Env::test(1), &memory()).await.expect("runs");
    conserved(&report);
    let refused: u64 = report.stages.iter().filter_map(|s| s.reasons.get("refused")).sum();
    assert!(refused > 0, "{report:?}");

    let wrong = Faults { wrong_model: 1.0, ..Faults::default() };
    match (Go { faults: wrong, ..Go::default() }).run(&Env::test(1), &memory()).await {
        Err(RunError::Fatal { kind: Fatal::Model, what, report, .. }) => {
            assert!(what.contains("model"), "{what}");
            assert!(!report.complete);
            conserved(&report);
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_late_change_buys_only_what_depends_on_it_and_needs_a_word() {
    let store = memory();
    let first =
        Go { pipeline: "paper", ..Go::default() }.run(&Env::test(1), &store).await.expect("runs");
    let set = vec![("judged", "votes", "3")];
    let mut changed = Go { set, pipeline: "paper", ..Go::default() };
    match changed.run(&Env::test(1), &store).await {
        Err(RunError::Changed { differences, .. }) => {
            assert_eq!(differences, ["judged.votes: 1 -> 3"])
        }
        other => panic!("{other:?}"),
    }
    changed.into_changed = true;
    let second = changed.run(&Env::test(1), &store).await.expect("runs");
    let made = |r: &Report, role: &str| r.calls.by_role.get(role).map_or(0, |c| c.made);
    assert_eq!(made(&second, "generator") + made(&second, "teacher") + made(&second, "writer"), 0);
    let judged = second.stages.iter().find(|s| s.stage == "judged").expect("there").entered;
    // A reply that cannot be read is asked for again.
    let votes = made(&second, "judge");
    assert!((2 * judged..3 * judged).contains(&votes), "two more votes each: {votes} of {judged}");
    assert!(first.calls.made > second.calls.made);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shards_assemble_to_the_same_dataset() {
    let whole = memory();
    let go = Go::default();
    let made = go.run(&Env::test(1), &whole).await.expect("runs").calls.made;
    let store = memory();
    let mut bought = 0;
    for index in 0..3 {
        let shard = Go { shard: Some(Shard { index, of: 3 }), ..Go::default() };
        let report = shard.run(&Env::test(1), &store).await.expect("runs");
        conserved(&report);
        bought += report.calls.made;
    }
    assert_eq!(bought, made);
    let merged = go.run(&Env::test(1), &store).await.expect("assembles");
    assert_eq!(merged.calls.made, 0);
    assert_eq!(outcome(&store).await, outcome(&whole).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_rounds_end_in_the_other_cut() {
    let store = memory();
    let go = Go { limit: 160, pipeline: "three_rounds", ..Go::default() };
    let report = go.run(&Env::test(1), &store).await.expect("runs");
    conserved_along_the_edges(&report, &store).await;
    let open: u64 = report
        .dataset
        .strata
        .iter()
        .filter(|(name, _)| name.contains("/open"))
        .map(|(_, s)| s.taken)
        .sum();
    assert!(open > 0, "{:?}", report.dataset);
}

/// An agent learns when to go on only from judgements that reject, in every round.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_default_balances_what_the_judgements_say() {
    let store = memory();
    let go = Go { limit: 160, ..Go::default() };
    let report = go.run(&Env::test(1), &store).await.expect("runs");
    conserved_along_the_edges(&report, &store).await;
    let taken = |end: &str| -> u64 {
        let strata = report.dataset.strata.iter().filter(|(name, _)| name.ends_with(end));
        strata.map(|(_, s)| s.taken).sum()
    };
    let [one_round, closed] = ["/one_round, J1 accepts", "/closed, J2 accepts"].map(taken);
    let [second_call, third_call] = ["/open, J1 rejects", "/open, J2 rejects"].map(taken);
    assert!(third_call > 0 && closed > 0 && second_call > 0, "{:?}", report.dataset);
    assert!(one_round <= closed + second_call + third_call);
    assert!(closed * 2 <= third_call * 3, "six of ten second judgements accept at most");
    let card = store.get("dataset/README.md").await.expect("a card");
    let card = String::from_utf8_lossy(&card).into_owned();
    assert!(card.contains(&format!("| J2 | {closed} | {third_call} |")), "{card}");
}

/// The real prompts of T2I-R1 whose specs the world's grammar is made for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn real_prompts_go_through_the_whole_pipeline() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/pools/t2i_r1.json");
    if !path.exists() {
        eprintln!("skipped: the prompts of T2I-R1 are not beside this checkout");
        return;
    }
    let path = path.to_str().expect("UTF-8");
    let set = vec![("pool", "path", path), ("synthetic", "count", "0")];
    let store = memory();
    let report =
        Go { limit: 80, set, ..Go::default() }.run(&Env::test(1), &store).await.expect("runs");
    conserved(&report);
    let entered =
        |name: &str| report.stages.iter().find(|s| s.stage == name).map_or(0, |s| s.entered);
    assert_eq!(entered("pool"), 80);
    assert!(entered("judged") > 0 && report.dataset.rows > 0, "{report:?}");
}
