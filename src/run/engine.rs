//! The engine: what a record's task needs, and its walk from stage to stage.
//!
//! A record is counted where it arrives and again where it is decided, by different hands, so that
//! the two can be held against each other (`conserve`). See `pump` for producers, `visit` for one
//! visit, `graph` for the graph's shape.

use crate::call::{Fatal, Model};
use crate::env::{Env, Phase};
use crate::plan::{Edge, Plan};
use crate::record::{Cause, Evidence, Id, Prompt, Trajectory};
use crate::run::error::RunError;
use crate::run::gate::Gate;
use crate::run::ledger::Ledger;
use crate::run::left::Leaving;
use crate::run::options::Shard;
use crate::run::progress::Progress;
use crate::run::take::Taken;
use crate::run::trail::Trail;
use crate::stage::{Each, Sink, Source, Stage, To};
use crate::store::{SpillRef, StoreError};
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::sync::Semaphore;

/// A stage at run time.
pub enum Node {
    Source { source: Box<dyn Source>, make: Option<Arc<dyn Each>> },
    Each(Arc<dyn Each>),
    Gate(Gate),
    Sink(Gate, Box<dyn Sink>),
}

/// Everything a record's task needs. Shared by all tasks.
pub struct Engine {
    pub env: Env,
    pub names: Vec<String>,
    pub nodes: Vec<Node>,
    /// Each stage's first port, by which a source without `make` lets its records out.
    first_ports: Vec<&'static str>,
    pub edges: Vec<Edge>,
    pub model: Arc<dyn Model>,
    pub ledger: Ledger,
    pub progress: Arc<Progress>,
    pub seed: u64,
    pub shard: Option<Shard>,
    /// Of each producer, whether shards share its records out among them.
    pub(super) parted: Vec<bool>,
    /// What a shard leaves for the run that assembles.
    pub leaving: Option<Leaving>,
    /// What finished shards left.
    pub taken: Option<Taken>,
    pub(super) permits: Arc<Semaphore>,
    fatal: Mutex<Option<Halted>>,
}

fn node(stage: Stage) -> Result<Node, StoreError> {
    Ok(match stage {
        Stage::Source { source, make } => Node::Source { source, make },
        Stage::Each(each) => Node::Each(each),
        Stage::Gather(gather) => Node::Gate(Gate::new(Some(gather))?),
        Stage::Sink(sink) => Node::Sink(Gate::new(None)?, sink),
    })
}

/// A walk that did not come to its end: the run is stopping.
pub struct Abandoned;

/// What stopped a run.
#[derive(Debug, Clone)]
pub struct Halted {
    pub kind: Fatal,
    pub what: String,
    /// The error below, where there is one.
    pub cause: Option<Cause>,
}

impl Engine {
    pub fn new(
        env: Env,
        plan: Plan,
        model: Arc<dyn Model>,
        progress: Arc<Progress>,
        max_in_flight: usize,
        shard: Option<Shard>,
    ) -> Result<Engine, StoreError> {
        let names: Vec<String> = plan.stages.iter().map(|s| s.name.clone()).collect();
        let first_ports =
            plan.stages.iter().map(|s| s.kind.ports.first().map_or("", |p| p.name)).collect();
        let ledger = Ledger::new(progress.start(names.iter().cloned()))?;
        let stages = plan.stages.into_iter().map(|stage| node(stage.stage));
        let nodes = stages.collect::<Result<Vec<_>, _>>()?;
        let mut engine = Engine {
            env,
            names,
            nodes,
            first_ports,
            edges: plan.edges,
            model,
            ledger,
            progress,
            seed: plan.seed,
            shard,
            parted: Vec::new(),
            leaving: shard.map(|_| Leaving::default()),
            taken: None,
            permits: Arc::new(Semaphore::new(max_in_flight.max(1))),
            fatal: Mutex::default(),
        };
        engine.parted = (0..engine.nodes.len()).map(|at| engine.is_parted(at)).collect();
        engine.mark();
        Ok(engine)
    }

    /// What a drawer of progress must know of the graph.
    fn mark(&self) {
        for (index, node) in self.nodes.iter().enumerate() {
            let cell = self.ledger.cell(index);
            match node {
                Node::Source { source, .. } if source.size_hint().is_none() => {
                    self.progress.expect_unsized(1);
                }
                Node::Source { .. } => {}
                Node::Each(_) => {
                    let aside = self.edges.iter().all(|e| e.from != index);
                    cell.aside.store(aside, Ordering::Relaxed);
                }
                Node::Gate(_) | Node::Sink(..) => {
                    cell.last.store(self.is_terminal(index), Ordering::Relaxed);
                    let end = self.edges.iter().all(|e| e.from != index);
                    cell.end.store(end, Ordering::Relaxed);
                }
            }
        }
    }

    /// The port by which what comes from source `at` goes on.
    pub(super) fn first_port(&self, at: usize) -> &'static str {
        self.first_ports[at]
    }

    pub fn phase(&self) -> Phase {
        self.env.shutdown().phase()
    }

    /// The first thing that stopped the run, if any.
    pub fn fatal(&self) -> Option<Halted> {
        self.fatal.lock().clone()
    }

    /// Notes what stops the run. A store that fails cannot keep replies: stop at once. Anything
    /// else: let the calls in flight come home, they are being paid.
    pub fn stop(&self, kind: Fatal, what: String, cause: Option<Cause>) {
        let mut fatal = self.fatal.lock();
        if fatal.is_none() {
            *fatal = Some(Halted { kind, what, cause });
        }
        let now = matches!(kind, Fatal::Store | Fatal::Fenced);
        self.env.shutdown().request(if now { Phase::Aborting } else { Phase::Draining });
    }

    pub(super) fn store_failed(&self, error: &StoreError) {
        self.stop(Fatal::Store, error.to_string(), Some(Cause::new(error.clone())));
    }

    /// A record's first stage: its source, which may still have to make it.
    pub(super) async fn enter(
        &self,
        at: usize,
        t: Trajectory,
        said: Evidence,
        trail: &mut Trail,
    ) -> Result<(), Abandoned> {
        let Node::Source { make, .. } = &self.nodes[at] else { return Ok(()) };
        self.arrive(at);
        let next = match make {
            Some(each) => self.visit(at, each.as_ref(), t, trail).await,
            None => {
                let port = self.first_ports[at];
                let decision = self.decision(at, &t.prompt, &To::Port(port), said, &[]);
                self.note(trail, at, decision);
                Ok(self.after(at, port, t))
            }
        };
        self.leave(at);
        self.walk(next?, trail).await
    }

    /// Walks records from stage to stage until each has come to a gate, a drop or a failure.
    pub(super) async fn walk(
        &self,
        mut queue: Vec<(usize, Trajectory)>,
        trail: &mut Trail,
    ) -> Result<(), Abandoned> {
        while let Some((at, t)) = queue.pop() {
            self.arrive(at);
            match &self.nodes[at] {
                Node::Each(each) => {
                    let next = self.visit(at, each.as_ref(), t, trail).await;
                    self.leave(at);
                    queue.extend(next?);
                }
                Node::Gate(_) | Node::Sink(..) => {
                    let place = self.wait(at, &t).map_err(|e| {
                        self.store_failed(&e);
                        Abandoned
                    })?;
                    trail.waits(at, place);
                }
                Node::Source { .. } => {}
            }
        }
        Ok(())
    }

    /// The room of a stage that records wait at.
    fn room(&self, at: usize) -> Result<&Gate, StoreError> {
        match &self.nodes[at] {
            Node::Gate(gate) | Node::Sink(gate, _) => Ok(gate),
            _ => Err(StoreError::other(&self.names[at], "no record waits at this stage")),
        }
    }

    /// Has a record wait at barrier `at`.
    pub(super) fn wait(&self, at: usize, t: &Trajectory) -> Result<SpillRef, StoreError> {
        self.room(at)?.offer(t)
    }

    /// What waits there, as JSON.
    pub fn waiting(&self, at: usize, place: SpillRef) -> Result<Vec<u8>, StoreError> {
        self.room(at)?.json(place)
    }

    /// A record has come to stage `at`; it stays `inside` until it `leave`s.
    pub(super) fn arrive(&self, at: usize) {
        let cell = self.ledger.cell(at);
        cell.arrived.fetch_add(1, Ordering::Relaxed);
        cell.inside.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn leave(&self, at: usize) {
        self.ledger.cell(at).inside.fetch_sub(1, Ordering::Relaxed);
    }

    /// What waits at a sink, in its keyed order.
    pub fn sink_order(&self, at: usize) -> Vec<(Id, SpillRef)> {
        match &self.nodes[at] {
            Node::Sink(gate, _) => gate.take_keyed("order", self.seed),
            _ => Vec::new(),
        }
    }

    /// Notes what a sink did with a record.
    pub fn sunk(&self, at: usize, prompt: &Prompt, failed: Option<&str>) {
        let decision = match failed {
            None => self.decision(at, prompt, &To::Port("written"), Evidence::default(), &[]),
            Some(what) => self.failure(at, prompt, "not_written", what, &[]),
        };
        self.keep(at, decision);
        self.leave(at);
    }

    pub fn run_error(&self, report: crate::record::Report) -> RunError {
        let report = Box::new(report);
        match self.fatal() {
            Some(Halted { kind, what, cause }) => RunError::Fatal { kind, what, report, cause },
            None => RunError::Stopped { report },
        }
    }
}
