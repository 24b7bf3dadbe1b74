//! A RUN that is a service's: records come one by one from who asks, and each is decided at once.
//!
//! It has the journal, the ledger, the session and the tables of any run, so that who reads a RUN
//! needs to know nothing of it. Two things differ. What failed leaves no row: the asker was told, and
//! asks again. And rows cannot be made again by walking the pool, so those of earlier processes are
//! taken over when it opens and stand in the tables when it closes.

use crate::call::{CallError, Fatal};
use crate::env::{Env, Phase};
use crate::journal::{Journal, Journaled};
use crate::plan::Plan;
use crate::record::{Decision, Ending, Evidence, Report, Trajectory};
use crate::run::engine::{Engine, Node};
use crate::run::open::{Opened, open};
use crate::run::options::RunOptions;
use crate::run::tally::Tally;
use crate::run::{RunError, session, tables, visit};
use crate::stage::{Cx, Each, StageError, To, Used};
use crate::store::{Ledger as LiveLedger, Store, StoreError};
use futures::FutureExt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tracing::Instrument;

/// How often rows are written for readers of the live RUN.
const EVERY: Duration = Duration::from_secs(2);

/// An open service.
pub struct Service {
    env: Env,
    engine: Arc<Engine>,
    journal: Arc<Journal>,
    journaled: Arc<Journaled>,
    tally: Arc<Tally>,
    live: Arc<LiveLedger>,
    session: session::Live,
    store: Store,
    over: watch::Sender<bool>,
    writer: JoinHandle<()>,
}

/// A record that a stage has answered; its decision is not kept yet.
#[derive(Debug, Clone)]
pub struct Visited {
    pub trajectory: Trajectory,
    pub decision: Decision,
    pub used: Vec<Used>,
}

impl Service {
    /// Opens the RUN at `options.store`. `earlier` are the rows that count of those it holds.
    pub async fn open(
        env: &Env,
        plan: Plan,
        options: RunOptions,
        earlier: Vec<Decision>,
    ) -> Result<Service, RunError> {
        let Opened { journal, journaled, tally, live, session, .. } =
            open(env, &plan, &options).await?;
        let (progress, most) = (options.progress.clone(), options.max_in_flight);
        let engine = Engine::new(env.clone(), plan, tally.clone(), progress, most, None)?;
        let (engine, live) = (Arc::new(engine), Arc::new(live));
        for row in earlier {
            if let Some(at) = engine.names.iter().position(|name| *name == row.stage) {
                live.push(&row);
                engine.ledger.record(at, row)?;
            }
        }
        engine.ledger.drain_live();
        live.replace().await?;
        let (over, finished) = watch::channel(false);
        let writer = env.spawn(keep_live(engine.clone(), live.clone(), finished));
        let store = options.store;
        let env = env.clone();
        Ok(Service { env, engine, journal, journaled, tally, live, session, store, over, writer })
    }

    /// The stage of that name, and what it does to a record.
    pub fn stage(&self, name: &str) -> Option<(usize, Option<Arc<dyn Each>>)> {
        let at = self.engine.names.iter().position(|found| found == name)?;
        Some(match &self.engine.nodes[at] {
            Node::Each(each) => (at, Some(each.clone())),
            _ => (at, None),
        })
    }

    /// The run's seed.
    pub fn seed(&self) -> u64 {
        self.engine.seed
    }

    /// One record at stage `at`. Nothing is kept.
    ///
    /// # Errors
    /// As the stage's; a store that failed, or a successor, stops the service.
    pub async fn visit(
        &self,
        at: usize,
        each: &dyn Each,
        t: Trajectory,
    ) -> Result<Visited, StageError> {
        let name = &self.engine.names[at];
        let id = t.prompt.id;
        let cx = Cx::new(self.engine.model.as_ref(), self.engine.seed, name, id);
        let span = tracing::error_span!("stage", stage = %name, record = %id);
        self.engine.arrive(at);
        let step = AssertUnwindSafe(each.apply(t, &cx)).catch_unwind().instrument(span).await;
        self.engine.leave(at);
        let step = step.unwrap_or_else(|panic| Err(visit::defect(panic.as_ref())));
        let used = cx.into_used();
        let step = step.inspect_err(|error| self.heed(error))?;
        let mut trajectory = step.trajectory;
        visit::remember(&mut trajectory, &used);
        let decision = self.engine.decision(at, &trajectory.prompt, &step.to, step.evidence, &used);
        Ok(Visited { trajectory, decision, used })
    }

    /// A store that fails cannot keep replies, and a RUN that was taken over is another's.
    fn heed(&self, error: &StageError) {
        match error {
            StageError::Call(CallError::Fatal { kind: Fatal::Fenced, what }) => {
                self.engine.stop(Fatal::Fenced, what.clone(), None);
            }
            StageError::Call(CallError::Store(cause)) => {
                self.engine.stop(Fatal::Store, cause.to_string(), Some(cause.clone()));
            }
            _ => {}
        }
    }

    /// Keeps a decision, and before it that of the source `from` which the record came by.
    pub fn keep(&self, from: usize, t: &Trajectory, at: usize, decision: Decision) {
        let port = To::Port(self.engine.first_port(from));
        let received = self.engine.decision(from, &t.prompt, &port, Evidence::default(), &[]);
        self.engine.keep(from, received);
        self.engine.keep(at, decision);
    }

    /// What stopped it, if anything did.
    pub fn fatal(&self) -> Option<(Fatal, String)> {
        self.engine.fatal().map(|halted| (halted.kind, halted.what))
    }

    /// Writes the tables and the report, and ends the session. Nobody asks any more.
    pub async fn close(self) -> Result<Report, RunError> {
        let _ = self.over.send(true);
        let _ = self.writer.await;
        let mut report = tables::report(&self.engine, &self.journaled, &self.tally, true);
        let fatal = self.engine.phase() > Phase::Running;
        let written = match fatal {
            true => Err(self.engine.run_error(report.clone())),
            false => {
                report.ended = Some(Ending::Done);
                write(&self.engine, &self.store, &self.live, &report).await.map_err(RunError::from)
            }
        };
        let ending = written.as_ref().map_or_else(|error| error.ending(), |()| Ending::Done);
        self.session.end(ending).await;
        let closed = self.journal.close().await;
        let old = self.env.unix_ms().saturating_sub(Store::STALE_MS);
        let _ = self.store.clean("", old);
        written?;
        closed?;
        Ok(report)
    }
}

async fn write(
    engine: &Arc<Engine>,
    store: &Store,
    live: &LiveLedger,
    report: &Report,
) -> Result<(), StoreError> {
    tables::write_tables(engine, store).await?;
    tables::write_report(report, store).await?;
    live.clear().await
}

async fn keep_live(
    engine: Arc<Engine>,
    live: Arc<LiveLedger>,
    mut finished: watch::Receiver<bool>,
) {
    loop {
        let last = *finished.borrow();
        for row in engine.ledger.drain_live() {
            live.push_json(&row);
        }
        if let Err(error) = live.flush().await {
            engine.store_failed(&error);
        }
        if last {
            return;
        }
        tokio::select! {
            () = engine.env.sleep(EVERY) => {}
            _ = finished.changed() => {}
        }
    }
}
