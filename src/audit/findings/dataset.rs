//! Checks of the final shards against the tables that led to them.

use crate::audit::facts::{DatasetFacts, DatasetRow, Facts};
use crate::audit::findings::Finding;
use crate::audit::index::{HashedMap, HashedSet};
use crate::record::{CallKey, Disposition, Id};
use std::collections::BTreeMap;

pub(super) fn digest(facts: &Facts) -> Vec<Finding> {
    let (Some(report), Some(dataset)) = (&facts.report, &facts.dataset) else { return Vec::new() };
    let wrote = &report.dataset.digest;
    let mut out = Vec::new();
    if let Some(is) = dataset.digest.as_ref().filter(|is| !wrote.is_empty() && *is != wrote) {
        let what = format!("the shards' digest is {is}, the run wrote {wrote}");
        let help = "the shards were edited, added to or cut; run again to rewrite them";
        out.push(Finding::error(what).help(help));
    }
    if report.complete && report.dataset.rows != dataset.rows.len() as u64 {
        let (said, is) = (report.dataset.rows, dataset.rows.len());
        let what = format!("the dataset holds {is} rows, the report says {said}");
        out.push(Finding::error(what));
    }
    out
}

/// Ids that the last stage passed; None when there is no such table.
fn picked(facts: &Facts) -> Option<HashedSet<Id>> {
    let rows = facts.index.stages.last().filter(|rows| !rows.is_empty())?;
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
    let all: Vec<Id> = ids(dataset).filter(|id| !picked.contains(id)).collect();
    some(&all, |all| Finding::error("dataset rows that the last stage did not pass").of(all))
}

pub(super) fn lost(facts: &Facts) -> Vec<Finding> {
    let (Some(dataset), Some(picked)) = (&facts.dataset, picked(facts)) else { return Vec::new() };
    let there: HashedSet<Id> = ids(dataset).collect();
    let mut all: Vec<Id> = picked.into_iter().filter(|id| !there.contains(id)).collect();
    all.sort();
    some(&all, |all| Finding::error("records that were picked and are not in the dataset").of(all))
}

fn some<T>(all: &[T], finding: impl Fn(&[T]) -> Finding) -> Vec<Finding> {
    if all.is_empty() { Vec::new() } else { vec![finding(all)] }
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
    let same: Vec<String> = by_prompt
        .into_iter()
        .filter(|(_, rows)| rows.len() > 1)
        .map(|(prompt, rows)| {
            let outcomes: Vec<&str> = rows.iter().map(|r| r.outcome.as_str()).collect();
            let prompt: String = prompt.chars().take(60).collect();
            format!("\"{prompt}\" as {}", outcomes.join(" and "))
        })
        .collect();
    let mut out = some(&again, |all| Finding::error("records in the dataset twice").of(all));
    out.extend(some(&same, |all| {
        Finding::error("prompts in the dataset under two records")
            .of(all)
            .help("deduplicate the pool (kind `dedup`) before the calls")
    }));
    out
}

pub(super) fn calls(facts: &Facts) -> Vec<Finding> {
    let Some(dataset) = &facts.dataset else { return Vec::new() };
    let gone: HashedSet<CallKey> = facts.journal.missing.iter().map(|(key, ..)| *key).collect();
    let all: Vec<String> = dataset
        .rows
        .iter()
        .filter(|row| row.calls.iter().any(|key| gone.contains(key)))
        .filter_map(|row| row.id.map(|id| id.hex()))
        .collect();
    some(&all, |all| Finding::error("dataset rows that rest on calls not journaled").of(all))
}

pub(super) fn images(facts: &Facts) -> Vec<Finding> {
    let Some(dataset) = &facts.dataset else { return Vec::new() };
    let all: Vec<String> = dataset
        .rows
        .iter()
        .filter(|row| row.bad_images > 0)
        .map(|row| row.id.map_or_else(|| row.prompt.clone(), |id| id.hex()))
        .collect();
    some(&all, |all| Finding::error("dataset rows with a damaged embedded picture").of(all))
}

pub(super) fn short(facts: &Facts) -> Vec<Finding> {
    let Some(report) = &facts.report else { return Vec::new() };
    let all: Vec<String> = report
        .dataset
        .strata
        .iter()
        .filter(|(_, s)| s.taken < s.quota)
        .map(|(name, s)| format!("{name}: {} of {} (there were {})", s.taken, s.quota, s.available))
        .collect();
    some(&all, |all| {
        Finding::warning("strata got less than their quota")
            .of(all)
            .help("add prompts of these categories, or lower the target")
    })
}
