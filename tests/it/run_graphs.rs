//! Random graphs of stages that only route: whatever the shape, no record is lost, and concurrency
//! does not show.
//!
//! The engine must keep its law for every graph that `plan` could build, not only for those that are
//! shipped.

use crate::run::conserved_along_the_edges;
use coldstart::call::{CallError, KeyedRequest, Model, Reply};
use coldstart::env::Env;
use coldstart::plan::{Edge, Plan, PlanStage};
use coldstart::record::{Evidence, Id, Prompt, Report, Trajectory};
use coldstart::run::{Progress, RunOptions, execute};
use coldstart::stage::{
    Cx, Each, Gather, Params, Ruling, Sealed, Sink, SinkCx, Source, SourceCx, SourceItem, Stage,
    StageError, Step, To, kind,
};
use coldstart::store::{Blobs, Store};
use futures::StreamExt;
use futures::stream::BoxStream;
use proptest::prelude::*;
use std::sync::Arc;
use std::time::Duration;

/// Two sources, then stages that read from any earlier ones, then an end.
#[derive(Debug, Clone)]
struct Shape {
    sources: [u64; 2],
    /// Per stage: whether it is a barrier, and which of the ports before it feed it (by index,
    /// wrapped round).
    stages: Vec<(bool, Vec<usize>)>,
    last: Vec<usize>,
}

fn shapes() -> impl Strategy<Value = Shape> {
    let feeds = || prop::collection::vec(0usize..40, 1..4);
    let stages = prop::collection::vec((any::<bool>(), feeds()), 0..7);
    ([0u64..12, 0..12], stages, feeds()).prop_map(|(sources, stages, last)| Shape {
        sources,
        stages,
        last,
    })
}

struct Rows(String, u64);

#[async_trait::async_trait]
impl Source for Rows {
    async fn digest(&self) -> Result<Option<String>, StageError> {
        Ok(None)
    }

    fn size_hint(&self) -> Option<u64> {
        self.1.is_multiple_of(2).then_some(self.1)
    }

    fn items<'a>(&'a self, _: &'a SourceCx) -> BoxStream<'a, Result<SourceItem, StageError>> {
        let item = |n: u64| {
            if n % 7 == 6 {
                let place = format!("row {n}");
                return Ok(SourceItem::Bad { place, reason: "syntax", what: "not a row".into() });
            }
            let text = format!("{} {n}", self.0);
            let t = Trajectory::new(Prompt {
                id: Id::of(&self.0, &n.to_string(), &text),
                text,
                category: "c".into(),
                source: self.0.clone(),
                key: None,
                reference: None,
                spec: None,
                gloss: None,
                licence: None,
            });
            Ok(SourceItem::Record(Box::new(t), Evidence::default()))
        };
        futures::stream::iter((0..self.1).map(item)).boxed()
    }
}

/// One of two ports, a drop, or an error, as the record's id and the stage say.
struct Router(String);

#[async_trait::async_trait]
impl Each for Router {
    async fn apply(&self, t: Trajectory, _: &Cx<'_>) -> Result<Step, StageError> {
        tokio::task::yield_now().await;
        match t.prompt.id.keyed(&self.0, 1) % 8 {
            0 => Err(StageError::Record { code: "odd", what: "an odd record".into() }),
            1 => Ok(Step::drop(t, "refused", Evidence::note("no"))),
            2..=4 => Ok(Step::out(t, "satisfied")),
            _ => Ok(Step::out(t, "unsatisfied")),
        }
    }
}

/// Lets two of three records on.
struct Barrier(Vec<Id>);

impl Gather for Barrier {
    fn offer(&mut self, t: &Trajectory) {
        self.0.push(t.prompt.id);
    }

    fn rule(&mut self) -> Vec<Ruling> {
        let to = |id: Id| match id.keyed("barrier", 1) % 3 {
            0 => To::Drop("near_duplicate"),
            _ => To::Port("unique"),
        };
        let ruling =
            |&id: &Id| Ruling { id, outcome: None, to: to(id), evidence: Evidence::default() };
        self.0.iter().map(ruling).collect()
    }

    fn amend(&self, t: Trajectory) -> Trajectory {
        t
    }
}

/// Takes everything and says that some of it could not be written.
struct End;

#[async_trait::async_trait]
impl Sink for End {
    async fn write<'a>(
        &'a self,
        mut records: BoxStream<'a, Result<Trajectory, StageError>>,
        _: &'a SinkCx,
    ) -> Result<Sealed, StageError> {
        let mut sealed = Sealed::default();
        while let Some(t) = records.next().await {
            let id = t?.prompt.id;
            match id.keyed("end", 1) % 5 {
                0 => sealed.failed.push((id, "no room".into())),
                _ => sealed.rows += 1,
            }
        }
        Ok(sealed)
    }
}

#[derive(Debug)]
struct Nobody;

#[async_trait::async_trait]
impl Model for Nobody {
    async fn call(&self, _: KeyedRequest<'_>) -> Result<Reply, CallError> {
        Err(CallError::Stopped)
    }
}

fn plan(shape: &Shape) -> Plan {
    let mut stages: Vec<PlanStage> = Vec::new();
    let mut edges: Vec<Edge> = Vec::new();
    let mut ports: Vec<(usize, &'static str)> = Vec::new();
    let mut add = |name: String, of: &str, stage: Stage, feeds: &[usize]| {
        let (at, kind) = (stages.len(), kind(of).expect("a kind"));
        for feed in feeds {
            let (from, port) = ports[feed % ports.len()];
            let edge = Edge { from, port, to: at };
            if !edges.contains(&edge) {
                edges.push(edge);
            }
        }
        ports.extend(kind.ports.iter().map(|p| (at, p.name)));
        let source =
            Arc::new(coldstart::diag::SourceFile { path: name.clone(), text: String::new() });
        let about = String::new();
        stages.push(PlanStage { name, about, kind, params: Params::default(), stage, source });
    };
    for (n, size) in shape.sources.into_iter().enumerate() {
        let source = Box::new(Rows(format!("s{n}"), size));
        add(format!("source_{n}"), "read_pool", Stage::Source { source, make: None }, &[]);
    }
    for (n, (barrier, feeds)) in shape.stages.iter().enumerate() {
        let name = format!("stage_{n}");
        match barrier {
            true => add(name, "dedup", Stage::Gather(Box::new(Barrier(Vec::new()))), feeds),
            false => {
                let each = Arc::new(Router(name.clone()));
                add(name, "judge", Stage::Each(each), feeds);
            }
        }
    }
    add("end".into(), "write_dataset", Stage::Sink(Box::new(End)), &shape.last);
    let (roles, files) = Default::default();
    Plan { pipeline: "random".into(), seed: 3, stages, edges, roles, files }
}

async fn run(shape: &Shape, max_in_flight: usize) -> (Report, Store) {
    let store = Store::open("memory://").expect("memory");
    let options = RunOptions {
        store: store.clone(),
        blobs: Blobs::new(store.clone(), 0),
        model: Arc::new(Nobody),
        simulated: true,
        max_in_flight,
        limit: None,
        shard: None,
        mixed: false,
        buy_missing: false,
        into_changed_pipeline: false,
        commit_wait: Duration::ZERO,
        journaled: true,
        write_dataset: true,
        budget: None,
        progress: Arc::new(Progress::default()),
    };
    let report = execute(&Env::test(1), plan(shape), options).await.expect("runs");
    (report, store)
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 64,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn no_graph_loses_a_record_and_none_shows_its_concurrency(shape in shapes()) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        runtime.expect("a runtime").block_on(async {
            let (one, store) = run(&shape, 1).await;
            conserved_along_the_edges(&one, &store).await;
            let (many, other) = run(&shape, 16).await;
            assert_eq!(one, many);
            for (name, _) in store.list("stages").await.expect("lists") {
                let bytes = |s: Store, name: String| async move { s.get(&name).await.expect("reads") };
                let a = bytes(store.clone(), name.clone()).await;
                assert_eq!(a, bytes(other.clone(), name).await);
            }
        });
    }
}
