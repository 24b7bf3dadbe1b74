//! Checks of the flow from stage to stage: conservation, the report, odd filters.

use crate::audit::facts::Facts;
use crate::audit::findings::Finding;
use crate::audit::index::{Index, StageRows};
use crate::record::Disposition;

/// For a stage whose feeders are all known: how often each record was sent to it.
fn sent(facts: &Facts, stage: &str) -> Option<Vec<u8>> {
    let index = &facts.index;
    let edges = &facts.shape.stage(stage)?.from;
    if edges.is_empty() {
        return None;
    }
    let mut out = vec![0u8; index.records.len()];
    for edge in edges {
        let (_, rows) = index.stage(&edge.stage)?;
        let port = index.names.find(&edge.port);
        for row in 0..rows.len() {
            if rows.disposition[row] == Disposition::Passed && Some(rows.port[row]) == port {
                let times = &mut out[rows.record[row] as usize];
                *times = times.saturating_add(1);
            }
        }
    }
    Some(out)
}

fn arrived(rows: &StageRows, index: &Index) -> Vec<u8> {
    let mut out = vec![0u8; index.records.len()];
    for record in &rows.record {
        let times = &mut out[*record as usize];
        *times = times.saturating_add(1);
    }
    out
}

pub(super) fn orphans(facts: &Facts) -> Vec<Finding> {
    differences(facts, |sent, arrived| arrived > 0 && sent == 0)
        .into_iter()
        .map(|(stage, ids)| {
            Finding::error("rows of records that no earlier stage sent here").at(&stage).of(&ids)
        })
        .collect()
}

/// Only of a complete run: in a live one, records are on their way.
pub(super) fn lost(facts: &Facts) -> Vec<Finding> {
    if !complete(facts) {
        return Vec::new();
    }
    differences(facts, |sent, arrived| sent > arrived)
        .into_iter()
        .map(|(stage, ids)| {
            Finding::error("records that were sent here and have no row")
                .at(&stage)
                .of(&ids)
                .help("run again: what is journaled is not bought again")
        })
        .collect()
}

fn differences(facts: &Facts, wrong: fn(u8, u8) -> bool) -> Vec<(String, Vec<String>)> {
    let index = &facts.index;
    let mut out = Vec::new();
    for rows in &index.stages {
        let Some(sent) = sent(facts, &rows.stage) else { continue };
        let arrived = arrived(rows, index);
        let ids: Vec<String> = (0..index.records.len())
            .filter(|&r| wrong(sent[r], arrived[r]))
            .map(|r| index.records.id[r].hex())
            .collect();
        if !ids.is_empty() {
            out.push((rows.stage.clone(), ids));
        }
    }
    out
}

fn complete(facts: &Facts) -> bool {
    facts.report.as_ref().is_some_and(|r| r.complete) && !facts.from_ledger
}

pub(super) fn report(facts: &Facts) -> Vec<Finding> {
    let Some(report) = facts.report.as_ref().filter(|_| complete(facts)) else {
        return Vec::new();
    };
    let mut out = Vec::new();
    for said in &report.stages {
        let mut counts = [0u64; 4];
        if let Some((_, rows)) = facts.index.stage(&said.stage) {
            counts[0] = rows.len() as u64;
            for disposition in &rows.disposition {
                counts[1 + *disposition as usize] += 1;
            }
        }
        let says = [said.entered, said.passed, said.dropped, said.failed];
        if says != counts {
            let what = format!(
                "the report says in/passed/dropped/failed {}/{}/{}/{}, the table holds {}/{}/{}/{}",
                says[0], says[1], says[2], says[3], counts[0], counts[1], counts[2], counts[3],
            );
            out.push(Finding::error(what).at(&said.stage));
        }
        if said.entered != said.passed + said.dropped + said.failed {
            let what = "the report breaks in = passed + dropped + failed";
            out.push(Finding::error(what).at(&said.stage));
        }
    }
    for rows in &facts.index.stages {
        if !rows.is_empty() && !report.stages.iter().any(|s| s.stage == rows.stage) {
            out.push(Finding::error("a table of a stage the report does not know").at(&rows.stage));
        }
    }
    out
}

pub(super) fn failed(facts: &Facts) -> Vec<Finding> {
    let index = &facts.index;
    let mut out = Vec::new();
    for rows in &index.stages {
        let ids: Vec<String> = (0..rows.len())
            .filter(|&row| rows.disposition[row] == Disposition::Failed)
            .map(|row| {
                let id = index.records.id[rows.record[row] as usize];
                format!("{id} ({})", index.names.get(rows.reason[row]))
            })
            .collect();
        if !ids.is_empty() {
            out.push(
                Finding::warning("records failed here")
                    .at(&rows.stage)
                    .of(&ids)
                    .help("`coldstart explain RUN ID` shows the error; the next run retries them"),
            );
        }
    }
    out
}

/// practice.md: a filter that drops more than 90 % or less than 0.5 % deserves a look.
pub(super) fn extreme(facts: &Facts) -> Vec<Finding> {
    const ENOUGH: usize = 200;
    let mut out = Vec::new();
    for rows in facts.index.stages.iter().filter(|rows| rows.len() >= ENOUGH) {
        let dropped = rows.disposition.iter().filter(|d| **d == Disposition::Dropped).count();
        let share = dropped as f64 / rows.len() as f64;
        let pc = share * 100.0;
        if share > 0.9 {
            let what =
                format!("drops {pc:.1} % of what it sees: too strict, or its parser is wrong");
            out.push(Finding::warning(what).at(&rows.stage));
        } else if dropped > 0 && share < 0.005 {
            let what = format!("drops only {pc:.2} % of what it sees: is it worth its cost?");
            out.push(Finding::warning(what).at(&rows.stage));
        }
    }
    out
}

pub(super) fn incomplete(facts: &Facts) -> Vec<Finding> {
    if complete(facts) {
        return Vec::new();
    }
    let what = match &facts.report {
        _ if facts.from_ledger => "the run is live or was stopped; its ledger was read",
        Some(_) => "the run stopped before its end",
        None => "there is no report: the run has not come to an end",
    };
    vec![Finding::note(what).help("the same `coldstart run` command goes on")]
}

pub(super) fn simulated(facts: &Facts) -> Vec<Finding> {
    let simulated =
        facts.shape.simulated || facts.report.as_ref().is_some_and(|report| report.simulated);
    if simulated {
        vec![Finding::note("replies come from the simulated world: not data to train on")]
    } else {
        Vec::new()
    }
}
