//! Opening a RUN, running a plan on it, closing it.

use crate::env::{Env, Phase};
use crate::journal::{Journal, Journaled};
use crate::plan::{Manifest, Plan};
use crate::record::{Ending, KeptBudget, NanoUsd, Report, StageReport};
use crate::run::agree::{agree, pools};
use crate::run::engine::{Engine, Node};
use crate::run::guard::{Guard, Held};
use crate::run::left::Leaving;
use crate::run::options::RunOptions;
use crate::run::take::Taken;
use crate::run::tally::Tally;
use crate::run::{DEFECT, RunError, conserve, session, shards, tables};
use crate::stage::{Kind, Sealed, SourceCx};
use crate::store::{Layout, Ledger as LiveLedger, Store, StoreError};
use futures::FutureExt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// How often the live ledger is written; by a shard, as many times less often as there are shards, to
/// four times: the RUN as a whole is seen as often.
const LEDGER_EVERY: Duration = Duration::from_secs(2);
const SHARDS_LESS_OFTEN: u32 = 4;

/// Runs `plan` on the RUN at `options.store`. Ok when the dataset is sealed (or, for a shard, when
/// its records have come as far as a shard can take them).
pub async fn execute(env: &Env, plan: Plan, options: RunOptions) -> Result<Report, RunError> {
    let Opened { manifest, journal, journaled, tally, live, session } =
        open(env, &plan, &options).await?;
    live.clear().await?;
    let (progress, most) = (options.progress.clone(), options.max_in_flight);
    let mut engine = Engine::new(env.clone(), plan, tally.clone(), progress, most, options.shard)?;
    if options.shard.is_none() {
        let (store, blobs) = (&options.store, options.blobs.clone());
        let read = Taken::read(store, &manifest.digest, journal.clone(), blobs, tally.clone());
        if let Some((taken, said)) = read.await? {
            engine.taken = Some(taken);
            said.into_iter().for_each(|what| options.progress.say(what));
        }
    }
    let engine = Arc::new(engine);
    let run = Run { env: env.clone(), engine, journaled, tally, options, manifest, live };
    let run = Arc::new(run);
    let driven = AssertUnwindSafe(driven(&run)).catch_unwind().await;
    let ending = match &driven {
        Ok(Ok(report)) => run.ending(report),
        Ok(Err(error)) => error.ending(),
        Err(_) => Ending::Defect,
    };
    session.end(ending).await;
    let closed = journal.close().await;
    // A defect of ours goes on; what was bought is kept, and the RUN says how this ended.
    let result = driven.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    // What ended the run says more than that the journal could not be closed after it.
    let mut report = result.map_err(|mut error| {
        if let Some(report) = error.report_mut() {
            report.ended = Some(ending);
        }
        error
    })?;
    report.ended = Some(ending);
    closed?;
    Ok(report)
}

/// Drives `run` on the runtime's threads.
async fn driven(run: &Arc<Run>) -> Result<Report, RunError> {
    let (env, run) = (run.env.clone(), Arc::clone(run));
    env.on_a_worker(async move { run.drive().await }).await
}

/// Keeps the budget in the RUN, or takes it away where there is none any more.
async fn keep_budget(options: &RunOptions) -> Result<(), StoreError> {
    match options.budget {
        Some(NanoUsd(nano_usd)) => {
            let text = format!("{}\n", serde_json::json!(KeptBudget { nano_usd }));
            options.store.put(Layout::BUDGET, text.into()).await
        }
        None if options.store.exists(Layout::BUDGET).await? => {
            options.store.delete(Layout::BUDGET).await
        }
        None => Ok(()),
    }
}

/// A RUN taken over by this process, with the plan's model behind its journal.
pub(super) struct Opened {
    pub manifest: Manifest,
    pub journal: Arc<Journal>,
    pub journaled: Arc<Journaled>,
    pub tally: Arc<Tally>,
    pub live: LiveLedger,
    pub session: session::Live,
}

/// Begins the RUN at `options.store`, or goes on with it if it was made by the same plan.
pub(super) async fn open(env: &Env, plan: &Plan, options: &RunOptions) -> Result<Opened, RunError> {
    let manifest = Manifest::of(plan, options.simulated, pools(plan).await?, options.limit);
    // What was written by this code was tried when it was begun; a bucket's server may have changed.
    if options.store.is_remote() || !options.store.exists(Layout::MANIFEST).await? {
        options.store.keeps_promises().await?;
    }
    let kinds: Vec<&Kind> = plan.stages.iter().map(|stage| stage.kind).collect();
    let manifest = agree(manifest, &kinds, options).await?;
    keep_budget(options).await?;
    let (dir, side) = place_of(options, &manifest).await?;
    let journal =
        Arc::new(Journal::open(env.clone(), &options.store, &dir, options.commit_wait).await?);
    let live = LiveLedger::open(&side).await?;
    let held = match options.mixed {
        true => Held::Both,
        false => Held::read(&options.store, !journal.is_empty()).await?,
    };
    let guard = Arc::new(Guard::new(
        env.clone(),
        options.model.clone(),
        options.store.clone(),
        manifest.clone(),
        held,
    ));
    let journaled = Journaled::new(env.clone(), journal.clone(), options.blobs.clone(), guard);
    let journaled = Arc::new(match options.journaled {
        true => journaled,
        false => journaled.passing(),
    });
    let session = session::Live::begin(env, side, journaled.clone()).await?;
    let tally = Arc::new(match options.shard {
        Some(_) => Tally::keeping(journaled.clone()),
        None => Tally::new(journaled.clone()),
    });
    Ok(Opened { manifest, journal, journaled, tally, live, session })
}

/// Where this process's journal lies, and what its sessions and live ledger are kept under.
async fn place_of(options: &RunOptions, manifest: &Manifest) -> Result<(String, Store), RunError> {
    let store = &options.store;
    let Some(shard) = options.shard else {
        let missing = match options.buy_missing {
            true => Vec::new(),
            false => shards::missing(store, &manifest.digest).await?,
        };
        if !missing.is_empty() {
            let of = shards::count(store).await?.unwrap_or_default();
            return Err(RunError::ShardsMissing { place: store.uri(), of, missing });
        }
        return Ok((Layout::JOURNAL.to_owned(), store.clone()));
    };
    shards::settle(store, shard).await?;
    let part = Layout::shard(shard.index, shard.of);
    let side = store.under(&part);
    shards::begin(&side).await?;
    Ok((format!("{part}/{}", Layout::JOURNAL), side))
}

/// A run under way.
pub(super) struct Run {
    env: Env,
    pub(super) engine: Arc<Engine>,
    journaled: Arc<Journaled>,
    tally: Arc<Tally>,
    pub(super) options: RunOptions,
    pub(super) manifest: Manifest,
    live: LiveLedger,
}

impl Run {
    async fn drive(&self) -> Result<Report, RunError> {
        let (done, finished) = watch::channel(false);
        let work = async {
            let result = self.produce().await;
            let _ = done.send(true);
            result
        };
        let (result, ()) = futures::join!(work, self.keep_live(finished));
        let sealed = result?;
        if self.engine.phase() > Phase::Running {
            return Err(self.engine.run_error(self.report(false)));
        }
        let mut report = self.sealed_report(sealed);
        if let Some((side, leaving)) = self.leaving() {
            let left = leaving.finish(&self.engine, &self.tally, &side).await?;
            let failed = report.stages.iter().map(StageReport::to_try_again).sum();
            let now = self.env.unix_ms();
            shards::finish(&side, &self.manifest.digest, now, failed, Some(left)).await?;
        } else {
            let lost = conserve::broken(&self.engine);
            if !lost.is_empty() {
                return Err(RunError::Lost(lost));
            }
            tables::write_tables(&self.engine, &self.options.store).await?;
            report.ended = Some(self.ending(&report));
            tables::write_report(&report, &self.options.store).await?;
            self.live.clear().await?;
            // Blobs and tables that killed runs left half-written; what stays hurts nobody.
            let old = self.env.unix_ms().saturating_sub(Store::STALE_MS);
            let _ = self.options.store.clean("", old);
        }
        Ok(report)
    }

    /// A shard's folder, and what it leaves there.
    fn leaving(&self) -> Option<(Store, &Leaving)> {
        let shard = self.options.shard?;
        let side = self.options.store.under(&Layout::shard(shard.index, shard.of));
        Some((side, self.engine.leaving.as_ref()?))
    }

    /// How it ended when nothing stopped it.
    fn ending(&self, report: &Report) -> Ending {
        let ours = report.stages.iter().any(|stage| stage.reasons.contains_key(DEFECT));
        if ours { Ending::Defect } else { report.natural_ending() }
    }

    pub(super) fn report(&self, complete: bool) -> Report {
        tables::report(&self.engine, &self.journaled, &self.tally, complete)
    }

    fn sealed_report(&self, sealed: Option<Sealed>) -> Report {
        let mut report = self.report(true);
        if let Some(sealed) = sealed {
            report.dataset.rows = sealed.rows;
            report.dataset.digest = sealed.digest;
            report.dataset.purity = sealed.purity;
        }
        report
    }

    /// Writes decisions to the live ledger now and then, so that readers see a live run.
    async fn keep_live(&self, mut finished: watch::Receiver<bool>) {
        let shards = self.options.shard.map_or(1, |shard| shard.of);
        let every = LEDGER_EVERY * shards.min(SHARDS_LESS_OFTEN);
        loop {
            let last = *finished.borrow();
            if let Err(error) = self.write_live().await {
                self.engine.store_failed(&error);
            }
            if last {
                return;
            }
            tokio::select! {
                () = self.env.sleep(every) => {}
                _ = finished.changed() => {}
            }
        }
    }

    /// Every decision since the last time, in objects of bounded size.
    async fn write_live(&self) -> Result<(), StoreError> {
        let rows = self.engine.ledger.drain_live();
        if !self.options.journaled {
            // Nobody follows what is not journaled, and nobody goes on with it.
            return Ok(());
        }
        for row in rows {
            if self.live.push_json(&row) {
                self.live.flush().await?;
            }
        }
        self.live.flush().await?;
        match self.leaving() {
            Some((side, leaving)) => leaving.flush(&self.engine, &self.tally, &side).await,
            None => Ok(()),
        }
    }

    /// Runs all producers; a gate's starts when those upstream of it are drained. Gives what the
    /// dataset's sink sealed, once it has.
    async fn produce(&self) -> Result<Option<Sealed>, RunError> {
        let engine = &self.engine;
        let count = engine.nodes.len();
        let producer = |i: usize| !matches!(engine.nodes[i], Node::Each(_));
        let drained: Vec<watch::Sender<bool>> =
            (0..count).map(|_| watch::channel(false).0).collect();
        let upstream = |gate: usize| -> Vec<watch::Receiver<bool>> {
            (0..count)
                .filter(|&p| producer(p) && p != gate && engine.gates_after(p).contains(&gate))
                .map(|p| drained[p].subscribe())
                .collect()
        };
        let runs = (0..count).filter(|&i| producer(i)).map(|i| {
            let before = upstream(i);
            let done = &drained[i];
            async move {
                for mut ready in before {
                    // The sender lives in this function.
                    let _ = ready.wait_for(|d| *d).await;
                }
                let result = self.pump(i).await;
                done.send_replace(true);
                result
            }
        });
        let made = futures::future::try_join_all(runs).await?;
        Ok(made.into_iter().flatten().next())
    }

    /// Runs one producer; what the dataset's sink sealed, if it is that.
    async fn pump(&self, i: usize) -> Result<Option<Sealed>, RunError> {
        let engine = &self.engine;
        // A shard takes its records as far as a barrier that ends the pipeline, no further.
        let ends_here = self.options.shard.is_some() && engine.is_terminal(i);
        match &engine.nodes[i] {
            Node::Source { .. } => {
                let cx = SourceCx {
                    blobs: self.options.blobs.clone(),
                    seed: engine.seed,
                    limit: self.options.limit,
                };
                engine.pump_source(i, &cx).await;
            }
            Node::Gate(_) | Node::Sink(..) if ends_here || engine.phase() > Phase::Running => {}
            Node::Gate(_) => engine.pump_gate(i).await,
            Node::Sink(..) => return self.seal(i).await,
            Node::Each(_) => {}
        }
        Ok(None)
    }
}
