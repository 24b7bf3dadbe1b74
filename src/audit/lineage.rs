//! One record's whole life: every decision with its evidence, every call with request and reply,
//! and the trajectory as far as it came. `show` and `view` draw it.
//!
//! A life is read off the stage tables and the journal alone, so a record that was dropped at the third
//! stage has one just as a row of the dataset has.

use crate::archive::{ArchiveError, Reading, RunDir, Unreadable};
use crate::audit::Index;
use crate::audit::error::AuditError;
use crate::audit::rounds::{Story, story};
use crate::audit::steps::{LifeCall, LifeStep, tagged};
use crate::journal::ReadJournal;
use crate::record::{CallKey, Decision, Id, NanoUsd};
use crate::stage::Does;
use serde::Serialize;

/// Everything known of a record.
#[derive(Debug, Clone, Serialize)]
pub struct Life {
    pub id: Id,
    pub category: String,
    pub source: String,
    /// q in full where a call shows it, else its first 200 characters.
    pub prompt: String,
    /// The sum over its stages.
    pub cost_usd: f64,
    pub steps: Vec<LifeStep>,
    /// The trajectory as far as it came.
    pub story: Story,
    /// Tables that could not be read: their stages are missing from `steps`.
    pub unreadable: Vec<Unreadable>,
}

/// The life of `id`, for who looks at one record of a RUN.
pub async fn life(run: &RunDir, id: &Id) -> Result<Life, AuditError> {
    let found = rows(run, id).await?;
    let keys: Vec<CallKey> = found.0.iter().flat_map(|row| &row.calls).copied().collect();
    let journal = run.journal_of(&keys).await?;
    tell(run, &journal, id, found).await
}

/// The life of `id`, for who has the journal open.
pub async fn life_in(run: &RunDir, journal: &ReadJournal, id: &Id) -> Result<Life, AuditError> {
    let found = rows(run, id).await?;
    tell(run, journal, id, found).await
}

/// Its decisions, of which there is at least one, and the tables that could not be read.
type Found = (Vec<Decision>, Vec<Unreadable>);

async fn rows(run: &RunDir, id: &Id) -> Result<Found, AuditError> {
    let found = run.rows_of(id).await?;
    if found.0.is_empty() {
        return Err(ArchiveError::Unknown {
            what: format!("no record `{id}` in `{}`", run.name()),
            help: "; `coldstart audit RUN --sql \"select id, prompt from records\"` lists them"
                .to_owned(),
        }
        .into());
    }
    Ok(found)
}

async fn tell(
    run: &RunDir,
    journal: &ReadJournal,
    id: &Id,
    (rows, unreadable): Found,
) -> Result<Life, AuditError> {
    let text = |of: fn(&Decision) -> &String| rows.first().map(of).cloned().unwrap_or_default();
    let (category, source) = (text(|row| &row.category), text(|row| &row.source));
    let short = text(|row| &row.prompt);
    // What judges are asked beside a record's own way is not its price.
    let canary =
        |row: &&Decision| run.shape.known(&row.stage).is_some_and(|k| k.does == Does::Canary);
    let cost: NanoUsd = rows.iter().filter(|row| !canary(row)).map(|row| row.cost).sum();
    let mut steps = Vec::with_capacity(rows.len());
    for decision in rows {
        let mut calls = Vec::with_capacity(decision.calls.len());
        for key in &decision.calls {
            calls.push(LifeCall { key: *key, entry: journal.get(key).await? });
        }
        let known = run.shape.known(&decision.stage);
        let kind = run.shape.kind(&decision.stage).to_owned();
        steps.push(LifeStep { kind, known, decision, calls });
    }
    let prompt = whole_prompt(&steps, &short);
    let story = story(&steps);
    Ok(Life { id: *id, category, source, prompt, cost_usd: cost.usd(), steps, story, unreadable })
}

/// Rows keep 200 characters of q; the requests hold it whole (some with words of the template
/// around it, which are left out).
fn whole_prompt(steps: &[LifeStep], short: &str) -> String {
    let calls = steps.iter().flat_map(|step| &step.calls);
    let mut asked = calls.filter_map(|call| tagged(&call.asked(), "request").map(str::to_owned));
    asked.find(|q| q.starts_with(short)).unwrap_or_else(|| short.to_owned())
}

/// The record of `run` whose id is `text` or starts with it; a whole id needs no look at the others.
pub async fn resolve(run: &RunDir, text: &str) -> Result<Id, AuditError> {
    if let Ok(id) = text.parse() {
        return Ok(id);
    }
    let (index, _) = Index::read(run, Reading::Prompts).await?;
    find(&index.records.id, text)
}

/// The one record whose id is `text` or starts with it.
pub fn find(known: &[Id], text: &str) -> Result<Id, AuditError> {
    if let Ok(id) = text.parse() {
        return Ok(id);
    }
    let is_hex = !text.is_empty() && text.bytes().all(|b| b.is_ascii_hexdigit());
    let start = text.to_ascii_lowercase();
    let mut near: Vec<Id> =
        known.iter().filter(|id| id.hex().starts_with(&start)).copied().collect();
    near.sort();
    near.dedup();
    match near[..] {
        _ if !is_hex => Err(AuditError::input(format!(
            "`{text}` is not a record's id; ids are 32 hex digits (or their unique beginning)"
        ))),
        [one] => Ok(one),
        [] => Err(AuditError::input(format!("no record's id starts with `{text}`"))),
        _ => Err(AuditError::input(format!(
            "{} records' ids start with `{text}`: give more digits",
            near.len()
        ))),
    }
}
