//! The engine: producers, walks, visits.

use crate::call::{Fatal, Model};
use crate::env::{Env, Phase};
use crate::plan::{Edge, Plan};
use crate::record::{Evidence, Id, Trajectory};
use crate::run::gate::Gate;
use crate::run::ledger::Ledger;
use crate::run::pending::Pending;
use crate::run::progress::Progress;
use crate::run::{Shard, error::RunError};
use crate::stage::{Each, Item, Sink, Source, SourceCx, Stage, To};
use crate::store::{SpillRef, StoreError};
use futures::StreamExt;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
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
    permits: Arc<Semaphore>,
    fatal: Mutex<Option<(Fatal, String)>>,
}

/// A walk that did not come to its end: the run is stopping.
pub struct Abandoned;

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
        let mut nodes = Vec::new();
        for (index, stage) in plan.stages.into_iter().enumerate() {
            let barrier = matches!(stage.stage, Stage::Gather(_) | Stage::Sink(_));
            ledger.cell(index).barrier.store(barrier, Ordering::Relaxed);
            nodes.push(match stage.stage {
                Stage::Source { source, make } => Node::Source { source, make },
                Stage::Each(each) => Node::Each(each),
                Stage::Gather(gather) => Node::Gate(Gate::new(Some(gather))?),
                Stage::Sink(sink) => Node::Sink(Gate::new(None)?, sink),
            });
        }
        Ok(Engine {
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
            permits: Arc::new(Semaphore::new(max_in_flight.max(1))),
            fatal: Mutex::default(),
        })
    }

    fn next(&self, from: usize, port: &str) -> Vec<usize> {
        self.edges.iter().filter(|e| e.from == from && e.port == port).map(|e| e.to).collect()
    }

    /// Gates that `from`'s records can come to without passing another gate.
    pub fn gates_after(&self, from: usize) -> Vec<usize> {
        let (mut gates, mut queue, mut seen) = (Vec::new(), vec![from], vec![from]);
        while let Some(at) = queue.pop() {
            for edge in self.edges.iter().filter(|e| e.from == at) {
                if seen.contains(&edge.to) {
                    continue;
                }
                seen.push(edge.to);
                match self.nodes[edge.to] {
                    Node::Gate(_) | Node::Sink(..) => gates.push(edge.to),
                    _ => queue.push(edge.to),
                }
            }
        }
        gates
    }

    /// A gate after which no single-record stage comes: where a shard's work ends.
    pub fn is_terminal(&self, gate: usize) -> bool {
        self.edges.iter().filter(|e| e.from == gate).all(|e| {
            matches!(self.nodes[e.to], Node::Gate(_) | Node::Sink(..)) && self.is_terminal(e.to)
        })
    }

    /// Whether a record emitted by `producer` is another shard's. Records on their way to an inner
    /// barrier are everybody's: the barrier must see them all.
    fn foreign(&self, producer: usize, id: Id) -> bool {
        let Some(shard) = self.shard else { return false };
        let inner = self.gates_after(producer).iter().any(|&g| !self.is_terminal(g));
        !inner && !shard.holds(id)
    }

    pub fn phase(&self) -> Phase {
        self.env.shutdown().phase()
    }

    /// The first thing that stopped the run, if any.
    pub fn fatal(&self) -> Option<(Fatal, String)> {
        self.fatal.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Notes what stops the run. A store that fails cannot keep replies: stop at once. Anything
    /// else: let the calls in flight come home, they are being paid.
    pub fn stop(&self, kind: Fatal, what: String) {
        let mut fatal = self.fatal.lock().unwrap_or_else(PoisonError::into_inner);
        if fatal.is_none() {
            *fatal = Some((kind, what));
        }
        let now = matches!(kind, Fatal::Store | Fatal::Fenced);
        self.env.shutdown().request(if now { Phase::Aborting } else { Phase::Draining });
    }

    pub(super) fn store_failed(&self, error: &StoreError) {
        self.stop(Fatal::Store, error.to_string());
    }

    /// Sends a source's records on their way; returns when all of them have come to a gate, a drop
    /// or a failure.
    pub async fn pump_source(self: &Arc<Self>, at: usize, cx: &SourceCx) {
        let Node::Source { source, .. } = &self.nodes[at] else { return };
        let pending = Pending::default();
        let mut items = source.items(cx);
        let hint = source.size_hint().map(|n| cx.limit.map_or(n, |limit| n.min(limit)));
        let mut read = 0;
        self.progress.expected.fetch_add(hint.unwrap_or(0), Ordering::Relaxed);
        loop {
            let Some(permit) = self.permit().await else { break };
            let Some(item) = items.next().await else { break };
            read += 1;
            match item {
                Ok(Item::Record(t, _)) if self.foreign(at, t.prompt.id) => {}
                Ok(Item::Record(t, said)) => self.start(at, *t, said, &pending, permit),
                Ok(Item::Bad { place, reason, what }) => self.bad(at, &place, reason, what),
                Err(error) => {
                    self.stage_failed(error);
                    break;
                }
            }
        }
        if hint.is_none() {
            // Known only now; barriers read their sources ahead of the calls, so it is early enough.
            self.progress.expected.fetch_add(read, Ordering::Relaxed);
        }
        self.settle(at, &pending).await;
    }

    /// Sends what a gate has kept on its way; returns as `pump_source` does.
    pub async fn pump_gate(self: &Arc<Self>, at: usize) {
        let Node::Gate(gate) = &self.nodes[at] else { return };
        let pending = Pending::default();
        let rulings = gate.rule();
        for (ruling, place) in rulings {
            let Ok(t) = gate.read(place).inspect_err(|e| self.store_failed(e)) else { break };
            let t = match &ruling.to {
                To::Port(_) => gate.with_gather(|g| g.amend(t.clone())).unwrap_or(t),
                To::Drop(_) => t,
            };
            let decision = self.decision(at, &t, &ruling.to, ruling.evidence, &[]);
            if self.ledger.record(at, decision).inspect_err(|e| self.store_failed(e)).is_err() {
                break;
            }
            self.leave(at);
            let To::Port(port) = ruling.to else { continue };
            if self.foreign(at, t.prompt.id) {
                continue;
            }
            let Some(permit) = self.permit().await else { break };
            let engine = self.clone();
            let ticket = pending.ticket();
            self.env.spawn(async move {
                let _held = (permit, ticket);
                engine.progress.in_flight.fetch_add(1, Ordering::Relaxed);
                let walk = engine.walk(engine.after(at, port, t));
                engine.unless_aborted(walk).await;
                engine.progress.in_flight.fetch_sub(1, Ordering::Relaxed);
            });
        }
        self.settle(at, &pending).await;
    }

    async fn settle(&self, at: usize, pending: &Pending) {
        tokio::select! {
            () = pending.drained() => {}
            () = self.env.shutdown().reached(Phase::Aborting) => {}
        }
        self.ledger.cell(at).done.store(true, Ordering::Relaxed);
    }

    /// A place among the records in flight; None when the run is stopping.
    async fn permit(&self) -> Option<tokio::sync::OwnedSemaphorePermit> {
        if self.phase() > Phase::Running {
            return None;
        }
        tokio::select! {
            permit = self.permits.clone().acquire_owned() => permit.ok(),
            () = self.env.shutdown().reached(Phase::Draining) => None,
        }
    }

    fn start(
        self: &Arc<Self>,
        at: usize,
        t: Trajectory,
        said: Evidence,
        pending: &Pending,
        permit: tokio::sync::OwnedSemaphorePermit,
    ) {
        let engine = self.clone();
        let ticket = pending.ticket();
        self.env.spawn(async move {
            let _held = (permit, ticket);
            engine.progress.in_flight.fetch_add(1, Ordering::Relaxed);
            engine.unless_aborted(engine.enter(at, t, said)).await;
            engine.progress.in_flight.fetch_sub(1, Ordering::Relaxed);
        });
    }

    async fn unless_aborted<T>(&self, work: impl Future<Output = T>) {
        tokio::select! {
            _ = work => {}
            () = self.env.shutdown().reached(Phase::Aborting) => {}
        }
    }

    /// A record's first stage: its source, which may still have to make it.
    async fn enter(&self, at: usize, t: Trajectory, said: Evidence) -> Result<(), Abandoned> {
        let Node::Source { make, .. } = &self.nodes[at] else { return Ok(()) };
        self.ledger.cell(at).inside.fetch_add(1, Ordering::Relaxed);
        let next = match make {
            Some(each) => self.visit(at, each.as_ref(), t).await?,
            None => {
                let port = self.first_ports[at];
                let decision = self.decision(at, &t, &To::Port(port), said, &[]);
                self.keep(at, decision);
                self.after(at, port, t)
            }
        };
        self.leave(at);
        self.walk(next).await
    }

    /// Walks records from stage to stage until each has come to a gate, a drop or a failure.
    async fn walk(&self, mut queue: Vec<(usize, Trajectory)>) -> Result<(), Abandoned> {
        while let Some((at, t)) = queue.pop() {
            self.ledger.cell(at).inside.fetch_add(1, Ordering::Relaxed);
            match &self.nodes[at] {
                Node::Each(each) => {
                    let next = self.visit(at, each.as_ref(), t).await;
                    self.leave(at);
                    queue.extend(next?);
                }
                Node::Gate(gate) | Node::Sink(gate, _) => {
                    gate.offer(&t).map_err(|e| {
                        self.store_failed(&e);
                        Abandoned
                    })?;
                }
                Node::Source { .. } => {}
            }
        }
        Ok(())
    }

    fn leave(&self, at: usize) {
        let _ =
            self.ledger
                .cell(at)
                .inside
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1));
    }

    pub(super) fn after(&self, at: usize, port: &str, t: Trajectory) -> Vec<(usize, Trajectory)> {
        let next = self.next(at, port);
        // The last branch takes the record itself; only forks pay for a copy.
        let mut out: Vec<(usize, Trajectory)> =
            next.iter().skip(1).map(|&to| (to, t.clone())).collect();
        out.extend(next.first().map(|&to| (to, t)));
        out
    }

    /// What waits at a sink, in its keyed order.
    pub fn sink_order(&self, at: usize) -> Vec<(Id, SpillRef)> {
        match &self.nodes[at] {
            Node::Sink(gate, _) => gate.take_keyed("order", self.seed),
            _ => Vec::new(),
        }
    }

    /// Notes what a sink did with a record.
    pub fn sunk(&self, at: usize, t: &Trajectory, failed: Option<&str>) {
        let decision = match failed {
            None => self.decision(at, t, &To::Port("written"), Evidence::default(), &[]),
            Some(what) => self.failure(at, &t.prompt, "not_written", what, &[]),
        };
        self.keep(at, decision);
        self.leave(at);
    }

    pub fn run_error(&self, report: crate::record::Report) -> RunError {
        let report = Box::new(report);
        match self.fatal() {
            Some((kind, what)) => RunError::Fatal { kind, what, report },
            None => RunError::Stopped { report },
        }
    }
}
