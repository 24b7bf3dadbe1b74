//! Checks of the final shards against the tables that led to them, and against the journal.

use crate::audit::facts::{DatasetFacts, DatasetRow, Facts};
use crate::audit::findings::Finding;
use crate::audit::index::{HashedMap, HashedSet};
use crate::record::{Disposition, Id};
use std::collections::BTreeMap;

const REWRITE: &str = "run again: it rewrites the shards from the journal, and buys nothing";

pub(super) fn digest(facts: &Facts) -> Vec<Finding> {
    let (Some(report), Some(dataset)) = (&facts.report, &facts.dataset) else { return Vec::new() };
    let wrote = &report.dataset.digest;
    let mut out = Vec::new();
    if let Some(is) = dataset.digest.as_ref().filter(|is| !wrote.is_empty() && *is != wrote) {
        let what = format!("the shards' digest is {is}, the run wrote {wrote}: edited, or cut");
        out.push(Finding::error(what).help(REWRITE));
    }
    if report.complete && report.dataset.rows != dataset.rows.len() as u64 {
        let (said, is) = (report.dataset.rows, dataset.rows.len());
        let what = format!("the dataset holds {is} rows, the report says {said}");
        out.push(Finding::error(what).help(REWRITE));
    }
    out
}

/// Ids that the last stage passed; None when there is no such table, or it is of a live run, whose
/// shards are of the run before.
fn picked(facts: &Facts) -> Option<HashedSet<Id>> {
    let rows = facts.index.stages.last().filter(|rows| !rows.is_empty() && !facts.from_ledger)?;
    Some(
        (0..rows.len())
            .filter(|&row| rows.disposition[row] == Disposition::Passed)
            .map(|row| facts.index.records.id[rows.record[row] as usize])
            .collect(),
    )
}

fn ids(dataset: &DatasetFacts) -> impl Iterator<Item = Id> + '_ {
    dataset.rows.iter().filter_map(|row| row.id)
}

pub(super) fn orphans(facts: &Facts) -> Vec<Finding> {
    let (Some(dataset), Some(picked)) = (&facts.dataset, picked(facts)) else { return Vec::new() };
    Finding::error("dataset rows that the last stage did not pass")
        .help(REWRITE)
        .of(ids(dataset).filter(|id| !picked.contains(id)))
        .into_iter()
        .collect()
}

pub(super) fn lost(facts: &Facts) -> Vec<Finding> {
    let (Some(dataset), Some(picked)) = (&facts.dataset, picked(facts)) else { return Vec::new() };
    let there: HashedSet<Id> = ids(dataset).collect();
    let mut all: Vec<Id> = picked.into_iter().filter(|id| !there.contains(id)).collect();
    all.sort();
    Finding::error("records that were picked and are not in the dataset")
        .help(REWRITE)
        .of(all)
        .into_iter()
        .collect()
}

/// The same record twice, or the same prompt text under two ids: a prompt is in one outcome only.
pub(super) fn twice(facts: &Facts) -> Vec<Finding> {
    let Some(dataset) = &facts.dataset else { return Vec::new() };
    let mut seen: HashedMap<Id, &DatasetRow> = HashedMap::default();
    let mut again = Vec::new();
    let mut by_prompt: BTreeMap<&str, Vec<&DatasetRow>> = BTreeMap::new();
    for row in &dataset.rows {
        let Some(id) = row.id else { continue };
        if let Some(first) = seen.insert(id, row) {
            again.push(format!("{id} as {} and {}", first.outcome, row.outcome));
        } else {
            by_prompt.entry(&row.prompt).or_default().push(row);
        }
    }
    let same = by_prompt.into_iter().filter(|(_, rows)| rows.len() > 1).map(|(prompt, rows)| {
        let outcomes: Vec<&str> = rows.iter().map(|r| r.outcome.as_str()).collect();
        let prompt: String = prompt.chars().take(60).collect();
        format!("\"{prompt}\" as {}", outcomes.join(" and "))
    });
    let again = Finding::error("records in the dataset twice").help(REWRITE).of(again);
    let same = Finding::error("prompts in the dataset under two records")
        .help("deduplicate the pool (kind `dedup`) before the calls")
        .of(same);
    again.into_iter().chain(same).collect()
}

pub(super) fn calls(facts: &Facts) -> Vec<Finding> {
    let Some(dataset) = &facts.dataset else { return Vec::new() };
    Finding::error("dataset rows that rest on calls not journaled")
        .help(
            "restore the journal from a copy: without it these rows cannot be explained or rebuilt",
        )
        .of(dataset.rows.iter().filter(|row| row.calls_missing > 0).map(DatasetRow::name))
        .into_iter()
        .collect()
}

pub(super) fn images(facts: &Facts) -> Vec<Finding> {
    let Some(dataset) = &facts.dataset else { return Vec::new() };
    Finding::error("dataset rows with a damaged embedded picture")
        .help(REWRITE)
        .of(dataset.rows.iter().filter(|row| row.bad_images > 0).map(DatasetRow::name))
        .into_iter()
        .collect()
}

pub(super) fn short(facts: &Facts) -> Vec<Finding> {
    let Some(report) = &facts.report else { return Vec::new() };
    let short = report.dataset.strata.iter().filter(|(_, s)| s.taken < s.quota);
    Finding::warning("strata got less than their quota")
        .help("add prompts of these categories, or lower the target")
        .of(short.map(|(name, s)| {
            format!("{name}: {} of {} (there were {})", s.taken, s.quota, s.available)
        }))
        .into_iter()
        .collect()
}

/// Fewer judgements of a round say nothing of the rest.
const ENOUGH_JUDGED: u64 = 20;

pub(super) fn one_sided(facts: &Facts) -> Vec<Finding> {
    let Some(dataset) = &facts.dataset else { return Vec::new() };
    let sided = dataset.acceptance.rounds().filter_map(|(name, judged)| {
        let always = match (judged.accepts, judged.rejects) {
            (_, 0) => "accepts",
            (0, _) => "rejects",
            _ => return None,
        };
        (judged.all() >= ENOUGH_JUDGED).then(|| (name, always, judged.all()))
    });
    sided
        .map(|(name, always, of)| Finding {
            count: of,
            ..Finding::warning(format!(
                "{name} always {always}: an agent trained on these rows learns to do so as well"
            ))
            .help(
                "balance by verdict (`accepts` of kind `balance`), and reflect once more on what \
                 got better but not good, as `stages/standard` does",
            )
        })
        .collect()
}
