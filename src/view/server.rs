//! The server: state, routes, and what is not a page (pictures, labels, assets, liveness).

use crate::archive::RunDir;
use crate::archive::labels::Label;
use crate::audit::AuditError;
use crate::audit::deep::{self, StageAudit};
use crate::audit::gather::costs;
use crate::env::{Env, Phase};
use crate::journal::ReadJournal;
use crate::media::Kind;
use crate::record::{Digest, Id};
use crate::store::Layout;
use crate::view::guard::{Guard, guard};
use crate::view::pages;
use crate::view::snapshot::{Snapshot, changed};
use crate::view::thumbs::Thumbs;
use axum::extract::{Form, Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Router, middleware};
use bytes::Bytes;
use parking_lot::RwLock;
use serde::Deserialize;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;

/// A RUN being viewed.
pub struct Viewer {
    env: Env,
    run: RunDir,
    snapshot: RwLock<Arc<Snapshot>>,
    /// Deep figures by stage; of a live run those of a moment ago.
    deep: RwLock<HashMap<String, Arc<StageAudit>>>,
    pub(super) journal: ReadJournal,
    thumbs: Thumbs,
    labels: tokio::sync::Mutex<LabelFile>,
    /// `/<token>`: what every link of a page starts with.
    pub(super) base: String,
}

/// This viewer's own labels file: written whole each time, so that it works in a bucket too.
struct LabelFile {
    name: String,
    lines: String,
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
    /// begin with: whoever knows it is let in.
    pub async fn serve(
        env: Env,
        run: RunDir,
        port: u16,
        token: String,
    ) -> Result<Served, AuditError> {
        let journal = run.journal().await?;
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
            snapshot: RwLock::new(snapshot),
            deep: RwLock::default(),
            journal,
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
        .route("/image/{digest}", get(image))
        .route("/thumb/{digest}", get(thumb))
        .route("/label", post(label))
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
    let bytes = viewer.run.blobs().get(digest).await.map_err(|err| format!("{err}\n"))?;
    Ok((digest, bytes))
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

#[derive(Deserialize)]
struct Said {
    id: String,
    stage: String,
    agree: String,
    #[serde(default)]
    note: String,
    /// Where to go back to, relative to the token's root.
    #[serde(default)]
    back: String,
}

/// A note's longest length, characters.
const NOTE: usize = 2000;

async fn label(State(viewer): State<Arc<Viewer>>, Form(said): Form<Said>) -> Response {
    let bad = |what: String| (StatusCode::BAD_REQUEST, what).into_response();
    let id: Id = match said.id.parse() {
        Ok(id) => id,
        Err(err) => return bad(format!("{err}\n")),
    };
    let snapshot = viewer.snapshot();
    let known = snapshot.index.stage(&said.stage).is_some();
    if !known || snapshot.index.records.find(&id).is_none() {
        return bad("there is no such record or stage\n".to_owned());
    }
    let label = Label {
        id,
        stage: said.stage,
        agree: Some(said.agree == "yes"),
        truth: None,
        weight: None,
        note: said.note.chars().take(NOTE).collect(),
        by: "viewer".to_owned(),
        at_ms: Some(viewer.env.unix_ms()),
    };
    if let Err(err) = keep(&viewer, &label).await {
        return (StatusCode::INTERNAL_SERVER_ERROR, format!("{err}\n")).into_response();
    }
    // Only our own pages: a full address or another host cannot be slipped in.
    let back = if said.back.starts_with("record/") { said.back } else { format!("record/{id}") };
    let clean: String = back.chars().filter(|c| !c.is_control()).collect();
    Redirect::to(&format!("{}/{clean}", viewer.base)).into_response()
}

async fn keep(viewer: &Viewer, label: &Label) -> Result<(), AuditError> {
    let line = serde_json::to_string(label).map_err(|err| AuditError::input(err.to_string()))?;
    let mut file = viewer.labels.lock().await;
    let lines = format!("{}{line}\n", file.lines);
    viewer.run.store().put(&file.name, Bytes::from(lines.clone())).await?;
    file.lines = lines;
    Ok(())
}
