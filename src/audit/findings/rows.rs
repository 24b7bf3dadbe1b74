//! Checks within the stage tables: readable, well-formed, not repeated, not altered.

use crate::audit::facts::Facts;
use crate::audit::findings::Finding;
use crate::audit::index::HashedSet;
use crate::record::Disposition;

pub(super) fn unreadable(facts: &Facts) -> Vec<Finding> {
    let help = "restore it from a copy, or run the pipeline again: the journal rebuilds it";
    facts
        .unreadable
        .iter()
        .map(|u| Finding::error(format!("`{}` cannot be read: {}", u.name, u.what)).help(help))
        .collect()
}

/// Passed rows have a port (but at a sink); dropped and failed rows have a reason and no port.
pub(super) fn law(facts: &Facts) -> Vec<Finding> {
    let index = &facts.index;
    let mut out = Vec::new();
    for stage in &index.stages {
        let sink = facts.shape.stage(&stage.stage).is_none_or(|s| s.ports.is_empty());
        let broken: Vec<String> = (0..stage.len())
            .filter(|&row| match stage.disposition[row] {
                Disposition::Passed => stage.port[row] == 0 && !sink,
                _ => stage.reason[row] == 0 || stage.port[row] != 0,
            })
            .map(|row| index.records.id[stage.record[row] as usize].hex())
            .collect();
        if !broken.is_empty() {
            let what = "rows that passed without a port, or were dropped without a reason";
            out.push(Finding::error(what).at(&stage.stage).of(&broken));
        }
    }
    out
}

pub(super) fn repeated(facts: &Facts) -> Vec<Finding> {
    let index = &facts.index;
    let mut out = Vec::new();
    let mut seen = vec![usize::MAX; index.records.len()];
    for (s, stage) in index.stages.iter().enumerate() {
        let mut again = Vec::new();
        for record in &stage.record {
            let last = &mut seen[*record as usize];
            if *last == s {
                again.push(index.records.id[*record as usize].hex());
            }
            *last = s;
        }
        if !again.is_empty() {
            out.push(
                Finding::error("records with more than one row")
                    .at(&stage.stage)
                    .of(&again)
                    .help("a table was edited or two runs were merged; run again to rewrite it"),
            );
        }
    }
    out
}

pub(super) fn altered(facts: &Facts) -> Vec<Finding> {
    let index = &facts.index;
    let mut out: Vec<Finding> = Vec::new();
    let mut seen = HashedSet::default();
    for (s, stage) in index.stages.iter().enumerate() {
        seen.clear();
        let rows: Vec<String> = index
            .conflicts
            .iter()
            .filter(|c| c.stage == s)
            .map(|c| (index.records.id[stage.record[c.row] as usize], c.what))
            .filter(|(id, _)| seen.insert(*id))
            .map(|(id, what)| format!("{id} ({what})"))
            .collect();
        if !rows.is_empty() {
            let what = "rows that say another category, source or prompt than the record's first";
            out.push(Finding::error(what).at(&stage.stage).of(&rows));
        }
    }
    out
}
