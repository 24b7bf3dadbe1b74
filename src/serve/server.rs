//! The server: what it holds, its beginning and its end.

mod routes;

use crate::archive::{ArchiveError, RunDir, manifest};
use crate::call::Stack;
use crate::env::Env;
use crate::plan::Plan;
use crate::record::{Decision, Digest, Id, ImageRef, Report, Trajectory};
use crate::run::{Progress, RunError, RunOptions, Service};
use crate::serve::Options;
use crate::serve::door::Door;
use crate::serve::known::{Answer, Known, Lookup};
use crate::serve::metrics::Counters;
use crate::serve::refusal::Refusal;
use crate::stage::agent::{self, Grammar};
use crate::stage::{Does, Each, Role};
use crate::store::{Blobs, Layout, Store};
use axum::serve::ListenerExt;
use futures::FutureExt;
use parking_lot::Mutex;
use serde_json::{Value, json};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::net::TcpListener;
use tokio::sync::watch;

/// Why a service does not open.
#[derive(Debug, thiserror::Error)]
pub enum Open {
    /// The pipeline is no service's.
    #[error("{0}")]
    Pipeline(String),
    #[error("cannot listen on {address}")]
    Listen { address: String, source: std::io::Error },
    #[error(transparent)]
    Run(#[from] RunError),
    #[error(transparent)]
    Archive(#[from] ArchiveError),
}

/// Pictures whose sizes are remembered (some 90 bytes each).
const REMEMBERED: usize = 100_000;

/// What the requests share.
pub struct Server {
    pub(super) env: Env,
    /// Taken out when the service closes.
    service: Service,
    pub(super) blobs: Blobs,
    /// The role that draws, and its stage behind its source.
    pub(super) generator: Role,
    pub(super) drawn: (usize, usize),
    pub(super) rewarded: (usize, usize, Arc<dyn Each>),
    /// Ids of the judge's rules.
    pub(super) rules: Vec<String>,
    pub(super) grammar: Grammar,
    n_max: usize,
    images: Mutex<HashMap<Digest, ImageRef>>,
    /// Records that have their rows.
    rows: Mutex<HashSet<Id>>,
    known: Known,
    door: Door,
    counters: Counters,
    stack: Stack,
    progress: Arc<Progress>,
    stopping: AtomicBool,
    about: Value,
}

/// A service that listens.
pub struct Bound {
    pub url: String,
    listener: TcpListener,
    server: Arc<Server>,
    options: Options,
    stop: watch::Sender<bool>,
}

/// What of the pipeline answers which request.
struct Parts {
    generator: Role,
    captions: String,
    draws: String,
    rollouts: String,
    rewards: String,
    rules: Vec<String>,
    grammar: Grammar,
    n_max: usize,
}

impl Server {
    /// Opens the RUN of `run` and listens. `stack` is the model of `run`, for its metrics.
    pub async fn open(
        env: &Env,
        plan: Plan,
        run: RunOptions,
        stack: Stack,
        options: Options,
    ) -> Result<Bound, Open> {
        let parts = Parts::of(&plan)?;
        let listener = TcpListener::bind(options.address).await;
        let failed = |source| Open::Listen { address: options.address.to_string(), source };
        let listener = listener.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let about = json!({
            "version": env!("CARGO_PKG_VERSION"),
            "pipeline": plan.pipeline,
            "digest": plan.digest(),
            "run": run.store.uri(),
            "simulated": run.simulated,
        });
        // What another pipeline concluded would read as this one's.
        let changed = run.into_changed_pipeline.then(|| plan.digest());
        let earlier = earlier(&run.store, changed.as_deref()).await?;
        let rows = earlier.iter().map(|row| row.id).collect();
        let (blobs, progress) = (run.blobs.clone(), run.progress.clone());
        let service = Service::open(env, plan, run, earlier).await?;
        let (drawn, rewarded) = parts.places(&service)?;
        let server = Arc::new(Server {
            env: env.clone(),
            service,
            blobs,
            generator: parts.generator,
            drawn,
            rewarded,
            rules: parts.rules,
            grammar: parts.grammar,
            n_max: parts.n_max,
            images: Mutex::default(),
            rows: Mutex::new(rows),
            known: Known::default(),
            door: Door::new(options.token.clone(), options.queue),
            counters: Counters::default(),
            stack,
            progress,
            stopping: AtomicBool::new(false),
            about,
        });
        let url = format!("http://{address}");
        Ok(Bound { url, listener, server, options, stop: watch::channel(false).0 })
    }

    pub(super) fn service(&self) -> &Service {
        &self.service
    }

    /// Keeps a decision, once for each record.
    pub(super) fn keep(&self, from: usize, t: &Trajectory, at: usize, decision: Decision) {
        if self.rows.lock().insert(t.prompt.id) {
            self.service.keep(from, t, at, decision);
        }
    }

    pub(super) fn remember(&self, image: ImageRef) {
        let mut images = self.images.lock();
        // What is forgotten is read again.
        if images.len() >= REMEMBERED {
            images.clear();
        }
        images.insert(image.digest, image);
    }

    pub(super) fn remembered(&self, digest: &Digest) -> Option<ImageRef> {
        self.images.lock().get(digest).copied()
    }

    /// Seconds after which a place may be free.
    fn wait(&self) -> u64 {
        (self.counters.mean_seconds().ceil() as u64).clamp(1, 60)
    }

    /// The answer to a question that is asked under `id`, once.
    async fn once(
        self: &Arc<Self>,
        id: Id,
        name: &str,
        question: Digest,
        work: impl Future<Output = Answer> + Send + 'static,
    ) -> Answer {
        let server = self.clone();
        // A task of its own: what a caller who has gone away asked for is being paid.
        let begin = move || {
            let task = server.env.clone().spawn(async move {
                let answer = work.await;
                server.known.ended(id, &answer);
                answer
            });
            let lost = |_| Err(Refusal::stopping("the service is stopping"));
            task.map(move |done| done.unwrap_or_else(lost)).boxed()
        };
        match self.known.look_up(id, question, begin) {
            None => Err(Refusal::other_question(name)),
            Some(Lookup::Answered(answer)) => answer,
            Some(Lookup::Wait(flight)) => flight.await,
        }
    }
}

/// The rows of earlier processes; none where they must be of the pipeline `only` and are not.
async fn earlier(store: &Store, only: Option<&str>) -> Result<Vec<Decision>, Open> {
    let mut rows = Vec::new();
    let there = store.exists(Layout::MANIFEST).await.map_err(RunError::from)?;
    let other = match only {
        Some(digest) if there => manifest(store).await?.digest != digest,
        _ => false,
    };
    if there && !other {
        let run = RunDir::open(&store.uri()).await?;
        for stage in run.shape.stages.iter().map(|stage| stage.name.clone()) {
            run.each(&stage, &mut |row| rows.push(row)).await?;
        }
    }
    Ok(rows)
}

impl Parts {
    fn of(plan: &Plan) -> Result<Parts, Open> {
        let lacks = |what: &str| {
            Open::Pipeline(format!(
                "pipeline `{}` is no service: {what}\n  `coldstart serve` takes one like `service` \
                 (`coldstart init` writes it out)",
                plan.pipeline
            ))
        };
        let source = |what: &str| {
            let receives = |s: &&crate::plan::PlanStage| {
                s.kind.does == Does::Receive && s.params.text("what") == what
            };
            plan.stages.iter().find(receives)
        };
        let behind = |name: &str, does: Does| {
            let from = plan.stages.iter().position(|stage| stage.name == name)?;
            let edges = plan.edges.iter().filter(|edge| edge.from == from);
            edges.map(|edge| &plan.stages[edge.to]).find(|stage| stage.kind.does == does)
        };
        let captions = source("captions").ok_or_else(|| lacks("nothing receives captions"))?;
        let rollouts = source("rollouts").ok_or_else(|| lacks("nothing receives rollouts"))?;
        let draws = behind(&captions.name, Does::Draw)
            .ok_or_else(|| lacks("nothing draws the captions that it receives"))?;
        let rewards = behind(&rollouts.name, Does::Reward)
            .ok_or_else(|| lacks("nothing rewards the rollouts that it receives"))?;
        let generator = plan.roles.get(draws.params.text("model")).cloned();
        let rules = agent::Rules::of(rollouts.params.text("grammar"), "strict", "agent", 1, "");
        Ok(Parts {
            generator: generator.ok_or_else(|| lacks("the role that draws is not there"))?,
            captions: captions.name.clone(),
            draws: draws.name.clone(),
            rollouts: rollouts.name.clone(),
            rewards: rewards.name.clone(),
            rules: rules_of(plan, rewards.params.text("rules")),
            grammar: rules.grammar,
            n_max: rollouts.params.int("n_max") as usize,
        })
    }

    fn places(&self, service: &Service) -> Result<Places, Open> {
        let gone = |name: &str| Open::Pipeline(format!("stage `{name}` is not there"));
        let at = |name: &str| service.stage(name).ok_or_else(|| gone(name));
        let drawn = (at(&self.captions)?.0, at(&self.draws)?.0);
        let (rewards, each) = at(&self.rewards)?;
        let each = each.ok_or_else(|| gone(&self.rewards))?;
        Ok((drawn, (at(&self.rollouts)?.0, rewards, each)))
    }
}

/// Where captions and pictures are kept; where rollouts and rewards are, and what rewards.
type Places = ((usize, usize), (usize, usize, Arc<dyn Each>));

/// Ids of the rules in the plan's file of that name.
fn rules_of(plan: &Plan, name: &str) -> Vec<String> {
    let text = plan.files.get(&format!("data/{name}")).or_else(|| plan.files.get(name));
    let source =
        text.map(|text| crate::diag::SourceFile { path: name.to_owned(), text: text.clone() });
    let rules = source.and_then(|source| crate::rules::Rules::parse(&Arc::new(source)).ok());
    rules.map_or(Vec::new(), |rules| rules.rules.into_iter().map(|rule| rule.id).collect())
}

impl Bound {
    /// What ends the service when it is sent `true`: no request is admitted after it.
    pub fn stopper(&self) -> watch::Sender<bool> {
        self.stop.clone()
    }

    /// Serves until the wish to stop, finishes what was admitted, and writes the RUN's tables.
    pub async fn run(self) -> Result<Report, RunError> {
        let Bound { listener, server, options, stop, .. } = self;
        let router = routes::router(server.clone());
        let listener = listener.tap_io(|stream| {
            // An answer is one small packet: it must not wait for another.
            let _ = stream.set_nodelay(true);
        });
        let wish = {
            let (server, mut stop) = (server.clone(), stop.subscribe());
            async move {
                let asked = async { drop(stop.wait_for(|stop| *stop).await) };
                tokio::select! {
                    () = asked => {}
                    () = server.env.shutdown().reached(crate::env::Phase::Draining) => {}
                }
                server.stopping.store(true, Ordering::Relaxed);
            }
        };
        let served = axum::serve(listener, router).with_graceful_shutdown(wish);
        let end = async {
            let mut stop = stop.subscribe();
            drop(stop.wait_for(|stop| *stop).await);
            match options.grace {
                Some(grace) => server.env.sleep(grace).await,
                None => server.env.shutdown().reached(crate::env::Phase::Aborting).await,
            }
        };
        tokio::select! {
            done = served.into_future() => {
                if let Err(error) = done {
                    tracing::warn!(%error, "the server stopped");
                }
            }
            () = end => {}
        }
        close(server).await
    }
}

/// Waits for the tasks that still hold the server, then closes the RUN.
async fn close(mut server: Arc<Server>) -> Result<Report, RunError> {
    const LOOK_AGAIN: std::time::Duration = std::time::Duration::from_millis(20);
    loop {
        match Arc::try_unwrap(server) {
            Ok(server) => return server.service.close().await,
            Err(still) => server = still,
        }
        server.env.sleep(LOOK_AGAIN).await;
    }
}
