//! What an agent did: a record's rollouts as conversations, and the RUN's tables and figures.

use crate::archive::RunDir;
use crate::audit::AuditError;
use crate::audit::rollouts::{Play, RolloutReader, Truth};
use crate::audit::table::{html, read, tables};
use crate::audit::talk::conversations;
use crate::journal::ReadJournal;
use crate::record::{Id, ImageRef};
use crate::stage::Does;
use crate::view::pages::frame::Here;
use crate::view::server::Viewer;
use crate::view::snapshot::Snapshot;
use axum::extract::State;
use axum::response::Response;
use maud::html as markup;
use std::sync::Arc;

/// Whether some stage of the RUN lets an agent play.
pub fn plays(snapshot: &Snapshot) -> bool {
    let shape = &snapshot.run.shape;
    shape.stages.iter().any(|stage| shape.does(&stage.name) == Some(Does::RollOut))
}

/// A record's rollouts and the best score of a picture; none where no agent played.
pub async fn rollouts(
    run: &RunDir,
    journal: &ReadJournal,
    truth: Option<Truth>,
    id: &Id,
    source: &str,
) -> Result<(Vec<Play>, f64), AuditError> {
    match RolloutReader::of(run, journal, truth) {
        Some(reader) => {
            let most = reader.set(source).map_or(1.0, |set| set.most);
            Ok((reader.of_record(id).await?, most))
        }
        None => Ok((Vec::new(), 1.0)),
    }
}

/// The conversations, with pictures that open whole.
pub fn talk(here: &Here, plays: &[Play], most: f64) -> maud::Markup {
    let draw = |image: &ImageRef, name: &str, word: &str| here.draw(image, name, word, false);
    conversations(plays, most, &draw)
}

/// The tables and figures of this RUN, as `coldstart table` prints them.
pub async fn table(State(viewer): State<Arc<Viewer>>) -> Response {
    let snapshot = viewer.snapshot();
    let here = Here::of(&viewer, &snapshot);
    let mut played = match read(&snapshot.run, viewer.truth.clone()).await {
        Ok(played) => played,
        Err(err) => return here.fault(&err),
    };
    played.name = "this run".to_owned();
    let made = tables(&[played]);
    here.page("Tables", "tables", markup! { h1 { "Tables and figures" } (html(&made)) })
}
