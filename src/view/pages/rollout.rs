//! What an agent did: a record's rollouts as conversations, and the RUN's tables and figures.

use crate::audit::AuditError;
use crate::audit::rollouts::{Play, RolloutReader};
use crate::audit::table::{Played, html, read, tables};
use crate::audit::talk::conversations;
use crate::record::{Id, ImageRef};
use crate::stage::Does;
use crate::view::pages::frame::{Here, run_name};
use crate::view::pages::story::figure;
use crate::view::server::Viewer;
use crate::view::snapshot::Snapshot;
use axum::extract::State;
use axum::response::Response;
use maud::{Markup, html as markup};
use std::sync::Arc;

/// Whether some stage of the RUN lets an agent play.
pub fn plays(snapshot: &Snapshot) -> bool {
    let shape = &snapshot.run.shape;
    shape.stages.iter().any(|stage| shape.does(&stage.name) == Some(Does::RollOut))
}

/// A record's rollouts and the best score of a picture; none where no agent played.
pub async fn rollouts(
    viewer: &Viewer,
    snapshot: &Snapshot,
    id: &Id,
    source: &str,
) -> Result<(Vec<Play>, f64), AuditError> {
    match RolloutReader::of(&snapshot.run, &viewer.journal, viewer.truth.clone()) {
        Some(reader) => {
            let most = reader.set(source).map_or(1.0, |set| set.most);
            Ok((reader.of_record(id).await?, most))
        }
        None => Ok((Vec::new(), 1.0)),
    }
}

/// The conversations, with pictures that open whole; beside them those of the other RUN, if one was
/// named: nothing there is that it has no rollout of this prompt.
pub async fn talk(
    viewer: &Viewer,
    here: &Here<'_>,
    id: &Id,
    (plays, most): (&[Play], f64),
) -> Result<Markup, AuditError> {
    let draw = |image: &ImageRef, name: &str, word: &str| figure(here, image, name, word);
    let Some(other) = &viewer.other else { return Ok(conversations(plays, most, &draw)) };
    other.journal.refresh().await?;
    let theirs = match RolloutReader::of(&other.run, &other.journal, viewer.truth.clone()) {
        Some(reader) => reader.of_record(id).await?,
        None => Vec::new(),
    };
    Ok(markup! {
        div.beside {
            div { h2 { (run_name(&viewer.run)) } (conversations(plays, most, &draw)) }
            div {
                h2 { (run_name(&other.run)) }
                (conversations(&theirs, most, &draw))
                @if theirs.is_empty() { p.note { "no rollout of this prompt here" } }
            }
        }
    })
}

/// The tables and figures of this RUN, and of the other beside it, as `coldstart table` prints them.
pub async fn table(State(viewer): State<Arc<Viewer>>) -> Response {
    let snapshot = viewer.snapshot();
    let here = Here::of(&viewer, &snapshot);
    let mut all = Vec::new();
    for run in [Some(&snapshot.run), viewer.other.as_ref().map(|other| &other.run)] {
        let Some(run) = run else { continue };
        match read(run, viewer.truth.clone()).await {
            Ok(played) => all.push(Played { name: run_name(run), ..played }),
            Err(err) => return here.fault(&err),
        }
    }
    if let [one] = &mut all[..] {
        one.name = "this run".to_owned();
    }
    let made = tables(&all);
    here.page("Tables", "tables", markup! { h1 { "Tables and figures" } (html(&made)) })
}
