//! Producers: a source, or a barrier that has ruled, sends its records into the stages after it.
//!
//! A producer is done when every task that it started has come to a barrier, a drop or a failure;
//! barriers after it wait for that. See `engine` for what a record's task does.

use crate::env::{Phase, joined};
use crate::record::{Evidence, Trajectory};
use crate::run::engine::{Abandoned, Engine, Node};
use crate::run::gate::Gate;
use crate::run::pending::Pending;
use crate::run::visit::{DEFECT, defect};
use crate::stage::{Ruling, SourceCx, SourceItem, To};
use crate::store::SpillRef;
use futures::StreamExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::sync::OwnedSemaphorePermit;

impl Engine {
    /// Sends a source's records on their way; returns when all of them have come to a gate, a drop
    /// or a failure.
    pub async fn pump_source(self: &Arc<Self>, at: usize, cx: &SourceCx) {
        let Node::Source { source, .. } = &self.nodes[at] else { return };
        let pending = Pending::default();
        let mut items = source.items(cx);
        let hint = source.size_hint().map(|n| cx.limit.map_or(n, |limit| n.min(limit)));
        let hinted = hint.map_or(0, |n| i64::try_from(n).unwrap_or(i64::MAX));
        let mut ours = 0;
        self.progress.expect(hinted);
        loop {
            let Some(permit) = self.permit().await else { break };
            let Some(item) = self.unless_stopping(items.next()).await.flatten() else { break };
            ours += 1;
            match item {
                Ok(SourceItem::Record(t, _)) if self.foreign(at, t.prompt.id) => ours -= 1,
                Ok(SourceItem::Record(t, said)) => {
                    let engine = self.clone();
                    self.start(&pending, permit, async move { engine.bring(at, *t, said).await });
                }
                Ok(SourceItem::Bad { place, reason, what }) => self.bad(at, &place, reason, what),
                Ok(SourceItem::Aside { what }) => {
                    ours -= 1;
                    self.progress.say(format!("stage `{}`: {what}", self.names[at]));
                }
                Err(error) => {
                    self.stage_failed(error);
                    break;
                }
            }
        }
        // Barriers read their sources ahead of the calls, so the true number is known early.
        self.progress.expect(ours - hinted);
        if hint.is_none() {
            self.progress.expect_unsized(-1);
        }
        self.settle(at, &pending).await;
    }

    /// Sends what a gate has kept on its way; returns as `pump_source` does.
    pub async fn pump_gate(self: &Arc<Self>, at: usize) {
        let pending = Pending::default();
        for (ruling, place) in self.ruled(at).await {
            let Some(permit) = self.permit().await else { break };
            let engine = self.clone();
            let release = async move { engine.release(at, ruling, place).await };
            self.start(&pending, permit, release);
        }
        self.settle(at, &pending).await;
    }

    /// What a gate has ruled, found on another thread: of many records it takes seconds, in which calls go on.
    async fn ruled(self: &Arc<Self>, at: usize) -> Vec<(Ruling, SpillRef)> {
        let engine = self.clone();
        let rule = move || match &engine.nodes[at] {
            Node::Gate(gate) => gate.rule(),
            _ => Vec::new(),
        };
        // Not joined: the runtime is being shut down.
        joined(tokio::task::spawn_blocking(rule).await).unwrap_or_default()
    }

    /// Takes a record that a gate has ruled on out of it, and to its end.
    async fn release(&self, at: usize, ruling: Ruling, place: SpillRef) -> Result<(), Abandoned> {
        let Node::Gate(gate) = &self.nodes[at] else { return Ok(()) };
        let Ok(t) = gate.read(place).inspect_err(|e| self.store_failed(e)) else { return Ok(()) };
        let t = match &ruling.to {
            To::Port(_) => match self.amended(at, gate, t) {
                Some(t) => t,
                None => return Ok(()),
            },
            To::Drop(_) => t,
        };
        let decision = self.decision(at, &t.prompt, &ruling.to, ruling.evidence, &[]);
        if self.ledger.record(at, decision).inspect_err(|e| self.store_failed(e)).is_err() {
            return Ok(());
        }
        self.leave(at);
        match ruling.to {
            To::Port(_) if self.foreign(at, t.prompt.id) => {
                self.progress.expect(-1);
                Ok(())
            }
            To::Port(port) => self.send(at, port, t).await,
            To::Drop(_) => Ok(()),
        }
    }

    /// What a gate keeps, as it goes on. As in a visit, a defect costs the record that shows it.
    fn amended(&self, at: usize, gate: &Gate, t: Trajectory) -> Option<Trajectory> {
        let prompt = t.prompt.clone();
        let amended = catch_unwind(AssertUnwindSafe(|| gate.amend(t)));
        let note = |panic: Box<dyn std::any::Any + Send>| {
            let what = defect(panic.as_ref()).to_string();
            self.keep(at, self.failure(at, &prompt, DEFECT, &what, &[]));
            self.leave(at);
        };
        amended.map_err(note).ok()
    }

    /// Takes a source's record to its end.
    async fn bring(&self, at: usize, t: Trajectory, said: Evidence) -> Result<(), Abandoned> {
        let head = self.head(at, "", &t, &said);
        if let Some(head) = head
            && self.took(head).await
        {
            return Ok(());
        }
        let mut trail = self.trail();
        self.enter(at, t, said, &mut trail).await?;
        self.walked(head, trail);
        Ok(())
    }

    /// Takes a record that a gate lets out by `port` to its end.
    async fn send(&self, at: usize, port: &'static str, t: Trajectory) -> Result<(), Abandoned> {
        let head = self.head(at, port, &t, &Evidence::default());
        if let Some(head) = head
            && self.took(head).await
        {
            return Ok(());
        }
        let mut trail = self.trail();
        self.walk(self.after(at, port, t), &mut trail).await?;
        self.walked(head, trail);
        Ok(())
    }

    async fn settle(&self, at: usize, pending: &Pending) {
        tokio::select! {
            () = pending.drained() => {}
            () = self.env.shutdown().reached(Phase::Aborting) => {}
        }
        self.ledger.cell(at).done.store(true, Ordering::Relaxed);
    }

    /// A place among the records in flight; None when the run is stopping.
    async fn permit(&self) -> Option<OwnedSemaphorePermit> {
        if self.phase() > Phase::Running {
            return None;
        }
        self.unless_stopping(self.permits.clone().acquire_owned()).await?.ok()
    }

    /// Resolves to None once the run is stopping: a slow source holds nobody up.
    async fn unless_stopping<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            done = work => Some(done),
            () = self.env.shutdown().reached(Phase::Draining) => None,
        }
    }

    /// One record in flight, in a task of its own.
    fn start(
        self: &Arc<Self>,
        pending: &Pending,
        permit: OwnedSemaphorePermit,
        walk: impl Future<Output = Result<(), Abandoned>> + Send + 'static,
    ) {
        let engine = self.clone();
        let ticket = pending.ticket();
        // A walk is some kilobytes: boxed, it is not moved from hand to hand on its way into a task.
        let walk = Box::pin(walk);
        self.env.spawn(async move {
            let _held = (permit, ticket);
            engine.progress.in_flight.fetch_add(1, Ordering::Relaxed);
            tokio::select! {
                _ = walk => {}
                () = engine.env.shutdown().reached(Phase::Aborting) => {}
            }
            engine.progress.in_flight.fetch_sub(1, Ordering::Relaxed);
        });
    }
}
