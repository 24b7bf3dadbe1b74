//! The server: state, routes, and what is not a page (pictures, labels, assets, liveness).

use crate::archive::RunDir;
use crate::audit::AuditError;
use crate::audit::deep::{self, StageAudit};
use crate::audit::gather::costs;
use crate::audit::rollouts::Truth;
use crate::env::{Env, Phase};
use crate::journal::ReadJournal;
use crate::media::Kind;
use crate::record::Digest;
use crate::store::Layout;
use crate::view::guard::{Guard, guard};
use crate::view::labels::{LabelFile, Queue, Work, label, unlabel};
use crate::view::pages;
use crate::view::snapshot::{Snapshot, changed};
use crate::view::thumbs::Thumbs;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Router, middleware};
use bytes::Bytes;
use parking_lot::RwLock;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;

/// A RUN being viewed.
pub struct Viewer {
    env: Env,
    pub(super) run: RunDir,
    snapshot: RwLock<Arc<Snapshot>>,
    /// Deep figures by stage; of a live run those of a moment ago.
    deep: RwLock<HashMap<String, Arc<StageAudit>>>,
    pub(super) journal: ReadJournal,
    /// The RUN whose rollouts stand beside, if one was named.
    pub(super) other: Option<Other>,
    /// The judge that cannot err, where somebody knows one.
    pub(super) truth: Option<Truth>,
    thumbs: Thumbs,
    pub(super) labels: tokio::sync::Mutex<LabelFile>,
    pub(super) work: Work,
    pub(super) queued: Queue,
    /// `/<token>`: what every link of a page starts with.
    pub(super) base: String,
}

/// A second RUN: only its rollouts are shown.
pub(super) struct Other {
    pub run: RunDir,
    pub journal: ReadJournal,
}

/// A server that listens.
pub struct Served {
    /// What to open in a browser.
    pub url: String,
    listener: TcpListener,
    router: Router,
    env: Env,
}

/// How often a live RUN is looked at again.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

impl Viewer {
    /// Reads the RUN and listens on the loopback; `port` 0 takes a free one. `token` is what addresses
    /// begin with: whoever knows it is let in. `truth` is asked about pictures of simulated runs.
    /// `other`: a RUN whose rollouts of the same prompts, tables and figures stand beside.
    pub async fn serve(
        env: Env,
        run: RunDir,
        port: u16,
        token: String,
        work: Work,
        truth: Option<Truth>,
        other: Option<RunDir>,
    ) -> Result<Served, AuditError> {
        let journal = run.journal().await?;
        let other = match other {
            Some(run) => Some(Other { journal: run.journal().await?, run }),
            None => None,
        };
        let snapshot = Arc::new(Snapshot::take(&run, &costs(&journal).await?).await?);
        let listener = TcpListener::bind(("127.0.0.1", port)).await.map_err(|err| {
            AuditError::input(format!("cannot listen on 127.0.0.1:{port}: {err}; try `--port 0`"))
        })?;
        let port = listener.local_addr().map_err(|err| AuditError::input(err.to_string()))?.port();
        let base = format!("/{token}");
        let viewer = Arc::new(Viewer {
            labels: tokio::sync::Mutex::new(LabelFile {
                name: format!(
                    "{}/{}-{:08x}.jsonl",
                    Layout::LABELS,
                    env.unix_ms(),
                    env.entropy() as u32
                ),
                lines: String::new(),
            }),
            env: env.clone(),
            run,
            work,
            queued: Queue::default(),
            snapshot: RwLock::new(snapshot),
            deep: RwLock::default(),
            journal,
            other,
            truth,
            thumbs: Thumbs::default(),
            base: base.clone(),
        });
        env.spawn(watch(viewer.clone()));
        let guarding = Arc::new(Guard { token, port });
        let router = Router::new()
            .nest(&base, routes())
            .route(&format!("{base}/"), get(pages::pipeline))
            .fallback(pages::nowhere)
            .with_state(viewer)
            .layer(middleware::from_fn_with_state(guarding, guard));
        Ok(Served { url: format!("http://127.0.0.1:{port}{base}/"), listener, router, env })
    }

    /// Unix milliseconds.
    pub(super) fn now_ms(&self) -> u64 {
        self.env.unix_ms()
    }

    pub(super) fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshot.read().clone()
    }

    /// The deep figures of a stage: what was read last, or read now.
    pub(super) async fn deep(&self, stage: &str) -> Result<Arc<StageAudit>, AuditError> {
        let known = self.deep.read().get(stage).cloned();
        if let Some(known) = known {
            return Ok(known);
        }
        let (audit, _) = deep::one(&self.run, &self.journal, stage).await?;
        let audit = Arc::new(audit);
        let mut all = self.deep.write();
        Ok(all.entry(stage.to_owned()).or_insert(audit).clone())
    }

    async fn look_again(&self) -> Result<(), AuditError> {
        if changed(&self.snapshot()).await {
            self.journal.refresh().await?;
            let costs = costs(&self.journal).await?;
            let fresh = Arc::new(Snapshot::take(&self.run, &costs).await?);
            *self.snapshot.write() = fresh;
            self.look_deep().await?;
        }
        Ok(())
    }

    /// Reads the deep figures of all stages before somebody waits for them.
    async fn look_deep(&self) -> Result<(), AuditError> {
        let (all, _) = deep::all(&self.run, &self.journal).await?;
        let all = all.into_iter().map(|audit| (audit.stage.clone(), Arc::new(audit)));
        *self.deep.write() = all.collect();
        Ok(())
    }
}

impl Served {
    /// Serves until the wish to stop.
    pub async fn run(self) -> std::io::Result<()> {
        let env = self.env.clone();
        axum::serve(self.listener, self.router)
            .with_graceful_shutdown(async move { env.shutdown().reached(Phase::Draining).await })
            .await
    }
}

/// A RUN that cannot be read now is shown as it was; the next look may succeed.
async fn watch(viewer: Arc<Viewer>) {
    let env = viewer.env.clone();
    aside(viewer.clone(), async |viewer| viewer.look_deep().await).await;
    let mut pause = LOOK_AGAIN;
    while env.shutdown().phase() == Phase::Running {
        env.sleep(pause).await;
        let start = env.now();
        aside(viewer.clone(), async |viewer| viewer.look_again().await).await;
        // Reading a large live RUN must not take the machine from the run itself.
        pause = LOOK_AGAIN.max(4 * env.now().duration_since(start));
    }
}

/// Reads on a thread of its own: decoding tables for a second must not keep a page waiting.
async fn aside(
    viewer: Arc<Viewer>,
    look: impl AsyncFnOnce(&Viewer) -> Result<(), AuditError> + Send + 'static,
) {
    let runtime = tokio::runtime::Handle::current();
    let work = tokio::task::spawn_blocking(move || runtime.block_on(look(&viewer)));
    let _ = work.await;
}

fn routes() -> Router<Arc<Viewer>> {
    Router::new()
        .route("/", get(pages::pipeline))
        .route("/stage/{name}", get(pages::stage))
        .route("/record/{id}", get(pages::record))
        .route("/search", get(pages::search))
        .route("/search/rows.jsonl", get(pages::search_rows))
        .route("/stage/{name}/rows.jsonl", get(pages::stage_rows))
        .route("/tables", get(pages::table))
        .route("/image/{digest}", get(image))
        .route("/thumb/{digest}", get(thumb))
        .route("/work", get(pages::work))
        .route("/label", post(label))
        .route("/unlabel", post(unlabel))
        .route("/live", get(live))
        .route("/app.js", get(script))
        .route("/style.css", get(style))
        .route("/icon.svg", get(icon))
}

async fn script() -> Response {
    let kind = [(header::CONTENT_TYPE, "text/javascript; charset=utf-8")];
    (kind, include_str!("assets/app.js")).into_response()
}

async fn style() -> Response {
    let kind = [(header::CONTENT_TYPE, "text/css; charset=utf-8")];
    (kind, include_str!("assets/style.css")).into_response()
}

async fn icon() -> Response {
    let kind = [(header::CONTENT_TYPE, "image/svg+xml")];
    (kind, include_str!("assets/icon.svg")).into_response()
}

/// The snapshot's version: pages ask for it and load again when it has changed.
async fn live(State(viewer): State<Arc<Viewer>>) -> Response {
    let snapshot = viewer.snapshot();
    let kind = [(header::CONTENT_TYPE, "application/json")];
    let body = serde_json::json!({ "version": snapshot.version, "live": snapshot.live });
    (kind, body.to_string()).into_response()
}

async fn blob(viewer: &Viewer, digest: &str) -> Result<(Digest, Bytes), String> {
    let digest: Digest = digest.parse().map_err(|err| format!("{err}\n"))?;
    let bytes = match (viewer.run.blobs().get(digest).await, &viewer.other) {
        (Err(_), Some(other)) => other.run.blobs().get(digest).await,
        (found, _) => found,
    };
    Ok((digest, bytes.map_err(|err| format!("{err}\n"))?))
}

/// Content never changes under its digest. What is none of the three formats goes as plain bytes,
/// which a browser does not show.
fn picture(bytes: Bytes) -> Response {
    let kind = Kind::of(&bytes).and_then(Kind::mime);
    let kind = kind.map_or("application/octet-stream", |mime| mime.as_str());
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, "private, max-age=86400, immutable"),
    ];
    (headers, bytes).into_response()
}

async fn image(State(viewer): State<Arc<Viewer>>, Path(digest): Path<String>) -> Response {
    match blob(&viewer, &digest).await {
        Ok((_, bytes)) => picture(bytes),
        Err(what) => (StatusCode::NOT_FOUND, what).into_response(),
    }
}

async fn thumb(State(viewer): State<Arc<Viewer>>, Path(digest): Path<String>) -> Response {
    if let Some(made) = digest.parse().ok().and_then(|digest| viewer.thumbs.get(&digest)) {
        return picture(made);
    }
    let (digest, bytes) = match blob(&viewer, &digest).await {
        Ok(found) => found,
        Err(what) => return (StatusCode::NOT_FOUND, what).into_response(),
    };
    picture(viewer.thumbs.make(digest, bytes.clone()).await.unwrap_or(bytes))
}
