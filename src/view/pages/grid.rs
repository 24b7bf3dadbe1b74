//! A list as pictures: each record's own, as thumbnails.

use crate::audit::StageRows;
use crate::audit::panels::said;
use crate::call::Output;
use crate::journal::ReadJournal;
use crate::record::ImageRef;
use crate::stage::Does;
use crate::view::pages::frame::Here;
use crate::view::pages::stage::record_link;
use crate::view::query::Filter;
use crate::view::server::Viewer;
use crate::view::snapshot::Snapshot;
use maud::{Markup, html};

/// The pictures of some records, a cell each.
pub async fn grid(
    viewer: &Viewer,
    here: &Here<'_>,
    records: &[usize],
    list: &str,
    filter: &Filter,
) -> Markup {
    let mut cells = Vec::with_capacity(records.len());
    for &record in records {
        cells.push((record, pictures(&viewer.journal, here.snapshot, record).await));
    }
    let index = &here.snapshot.index;
    html! {
        ul.rows.grid { @for (record, pictures) in &cells {
            @let id = index.records.id[*record].hex();
            @let href = record_link(here, &id, list, filter);
            li data-href=(href) {
                div.pictures.small { @for (n, (name, image)) in pictures.iter().enumerate() {
                    (here.draw(image, name, "", false)) @if n > 5 { "…" }
                } }
                @if pictures.is_empty() { p.note { "no picture" } }
                a href=(href) { (said(&crate::audit::show::line(index.records.prompt.get(*record), 90))) }
            }
        } }
    }
}

/// I1, I2, … of a record, or the draws of its raw prompt where it came no further.
pub async fn pictures(
    journal: &ReadJournal,
    snapshot: &Snapshot,
    record: usize,
) -> Vec<(String, ImageRef)> {
    let does = |wanted: Does| {
        let shape = &snapshot.run.shape;
        snapshot.index.stages.iter().filter(move |rows| shape.does(&rows.stage) == Some(wanted))
    };
    let mut out = Vec::new();
    for rows in does(Does::Draw) {
        for image in drawn(journal, rows, record).await {
            out.push((format!("I{}", out.len() + 1), image));
        }
    }
    if out.is_empty() {
        for rows in does(Does::Trial) {
            for image in drawn(journal, rows, record).await {
                out.push((format!("draw {}", out.len() + 1), image));
            }
        }
    }
    out
}

/// What a stage drew for a record. A call that cannot be read is no picture.
async fn drawn(journal: &ReadJournal, rows: &StageRows, record: usize) -> Vec<ImageRef> {
    let Some(row) = rows.record.iter().position(|r| *r as usize == record) else {
        return Vec::new();
    };
    let mut out = Vec::new();
    for key in rows.calls.get(row) {
        if let Ok(Some(entry)) = journal.get(key).await
            && let Output::Image { image, .. } = entry.reply.output
        {
            out.push(image);
        }
    }
    out
}
