//! Checks of the flow from stage to stage: conservation, the report, odd filters.

use crate::audit::facts::Facts;
use crate::audit::findings::Finding;
use crate::audit::index::{Index, StageRows};
use crate::record::Disposition;
use crate::stage::{Does, StageError};
use crate::store::Layout;

/// Whether all of a stage's table was read.
fn readable(facts: &Facts, stage: &str) -> bool {
    let part = Layout::stage_part(stage, 0);
    let folder = part.rsplit_once('/').map_or("", |(folder, _)| folder);
    !facts.unreadable.iter().any(|u| u.name.rsplit_once('/').is_some_and(|(f, _)| f == folder))
}

/// For a stage whose feeders are all known and read: how often each record was sent to it.
fn sent(facts: &Facts, stage: &str) -> Option<Vec<u8>> {
    let index = &facts.index;
    let edges = &facts.shape.stage(stage)?.from;
    if edges.is_empty() || !edges.iter().all(|edge| readable(facts, &edge.stage)) {
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
    differences(
        facts,
        |sent, arrived| arrived > 0 && sent == 0,
        &Finding::error("rows of records that no earlier stage sent here")
            .help("a table was edited or taken from another run; run again to rewrite it"),
    )
}

/// Only of a complete run: in a live one, records are on their way.
pub(super) fn lost(facts: &Facts) -> Vec<Finding> {
    if !complete(facts) {
        return Vec::new();
    }
    differences(
        facts,
        |sent, arrived| sent > arrived,
        &Finding::error("records that were sent here and have no row")
            .help("run again: what is journaled is not bought again"),
    )
}

/// `finding` at each stage where the times a record was sent and arrived are `wrong`.
fn differences(facts: &Facts, wrong: fn(u8, u8) -> bool, finding: &Finding) -> Vec<Finding> {
    let index = &facts.index;
    let at_stage = |rows: &StageRows| {
        // What cannot be read is told of by itself.
        let sent = sent(facts, &rows.stage).filter(|_| readable(facts, &rows.stage))?;
        let arrived = arrived(rows, index);
        let records = (0..index.records.len()).filter(|&r| wrong(sent[r], arrived[r]));
        finding.clone().at(&rows.stage).of(records.map(|r| index.records.id[r]))
    };
    index.stages.iter().filter_map(at_stage).collect()
}

fn complete(facts: &Facts) -> bool {
    facts.report.as_ref().is_some_and(|r| r.complete) && !facts.from_ledger
}

pub(super) fn report(facts: &Facts) -> Vec<Finding> {
    let Some(report) = facts.report.as_ref().filter(|_| complete(facts)) else {
        return Vec::new();
    };
    let mut out = Vec::new();
    for said in report.stages.iter().filter(|said| readable(facts, &said.stage)) {
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
            let help = "a table or the report was edited; run again to rewrite both";
            out.push(Finding::error(what).at(&said.stage).help(help));
        }
        if said.entered != said.passed + said.dropped + said.failed {
            let what = "the report breaks in = passed + dropped + failed";
            let help = "the report was edited; run again to rewrite it";
            out.push(Finding::error(what).at(&said.stage).help(help));
        }
    }
    for rows in &facts.index.stages {
        if !rows.is_empty() && !report.stages.iter().any(|s| s.stage == rows.stage) {
            let what = "a table of a stage the report does not know";
            let help = "it is of another run: remove `stages/<its name>`, or run again";
            out.push(Finding::error(what).at(&rows.stage).help(help));
        }
    }
    out
}

/// Why, in the error's own words, for the first few of each stage.
pub(super) fn failed(facts: &Facts) -> Vec<Finding> {
    let index = &facts.index;
    let at_stage = |rows: &StageRows| {
        let reason = |row: usize| index.names.get(rows.reason[row]);
        let failed = (0..rows.len()).filter(|&row| rows.disposition[row] == Disposition::Failed);
        let (undecided, failed): (Vec<usize>, Vec<usize>) =
            failed.partition(|row| reason(*row) == StageError::UNDECIDED);
        let tell = |row: usize| {
            let id = index.records.id[rows.record[row] as usize];
            match rows.failures.iter().find(|(failed, _)| *failed == id) {
                Some((_, note)) => format!("{id} {}: {note}", reason(row)),
                None => format!("{id} {}", reason(row)),
            }
        };
        let failed = Finding::warning("records failed here")
            .at(&rows.stage)
            .help("the next run tries them again; `coldstart explain RUN ID` shows one whole")
            .of(failed.into_iter().map(tell));
        let undecided = Finding::warning(
            "records that a judge left undecided, asked again in vain",
        )
        .at(&rows.stage)
        .help("the journal holds what it said; another model or template of the stage asks anew")
        .of(undecided.into_iter().map(tell));
        [failed, undecided]
    };
    index.stages.iter().flat_map(at_stage).flatten().collect()
}

/// practice.md: a filter that drops more than 90 % or less than 0.5 % deserves a look. A quota is no
/// filter.
pub(super) fn extreme(facts: &Facts) -> Vec<Finding> {
    const ENOUGH: usize = 200;
    let mut out = Vec::new();
    let filters = |rows: &&StageRows| facts.shape.does(&rows.stage) != Some(Does::Quota);
    for rows in facts.index.stages.iter().filter(filters).filter(|rows| rows.len() >= ENOUGH) {
        let dropped = rows.disposition.iter().filter(|d| **d == Disposition::Dropped).count();
        let share = dropped as f64 / rows.len() as f64;
        let pc = share * 100.0;
        if share > 0.9 {
            let what =
                format!("drops {pc:.1} % of what it sees: too strict, or its parser is wrong");
            let help = "look at what it drops: `coldstart audit RUN --stage STAGE`";
            out.push(Finding::warning(what).at(&rows.stage).help(help));
        } else if dropped > 0 && share < 0.005 {
            let what = format!("drops only {pc:.2} % of what it sees: is it worth its cost?");
            let help = "hold it against labels: `coldstart calibrate RUN --sample 200`";
            out.push(Finding::warning(what).at(&rows.stage).help(help));
        }
    }
    out
}

/// Without a manifest the edges are not known, so what was sent where is not checked.
pub(super) fn unplanned(facts: &Facts) -> Vec<Finding> {
    if !facts.shape.pipeline.is_empty() || facts.index.records.is_empty() {
        return Vec::new();
    }
    let what = "there is no manifest to read: stages have no kinds and no edges, and conservation \
                from stage to stage is not checked";
    vec![
        Finding::warning(what).help("restore manifest.json from a copy, or run again into the RUN"),
    ]
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
