//! Checks within the stage tables: readable, well-formed, not repeated, not altered.

use crate::audit::facts::Facts;
use crate::audit::findings::Finding;
use crate::audit::index::{HashedSet, StageRows};
use crate::record::Disposition;

pub(super) fn unreadable(facts: &Facts) -> Vec<Finding> {
    let help = "restore it from a copy, or run the pipeline again: the journal rebuilds it";
    facts
        .unreadable
        .iter()
        .map(|u| Finding::error(format!("`{}` cannot be read: {}", u.name, u.what)).help(help))
        .collect()
}

const EDITED: &str = "a table was edited or taken from another run; run again to rewrite it";

/// Passed rows have a port (but at a sink); dropped and failed rows have a reason and no port.
pub(super) fn law(facts: &Facts) -> Vec<Finding> {
    let index = &facts.index;
    let at_stage = |stage: &StageRows| {
        let sink = facts.shape.stage(&stage.stage).is_none_or(|s| s.ports.is_empty());
        let broken = (0..stage.len()).filter(|&row| match stage.disposition[row] {
            Disposition::Passed => stage.port[row] == 0 && !sink,
            _ => stage.reason[row] == 0 || stage.port[row] != 0,
        });
        Finding::error("rows that passed without a port, or were dropped without a reason")
            .at(&stage.stage)
            .help(EDITED)
            .of(broken.map(|row| index.records.id[stage.record[row] as usize]))
    };
    index.stages.iter().filter_map(at_stage).collect()
}

pub(super) fn repeated(facts: &Facts) -> Vec<Finding> {
    let index = &facts.index;
    let mut seen = vec![usize::MAX; index.records.len()];
    let at_stage = |(s, stage): (usize, &StageRows)| {
        let again = stage.record.iter().filter(|record| {
            let last = &mut seen[**record as usize];
            std::mem::replace(last, s) == s
        });
        Finding::error("records with more than one row")
            .at(&stage.stage)
            .help(EDITED)
            .of(again.map(|record| index.records.id[*record as usize]))
    };
    index.stages.iter().enumerate().filter_map(at_stage).collect()
}

pub(super) fn altered(facts: &Facts) -> Vec<Finding> {
    let index = &facts.index;
    let mut seen = HashedSet::default();
    let at_stage = |(s, stage): (usize, &StageRows)| {
        seen.clear();
        let rows = index
            .conflicts
            .iter()
            .filter(|c| c.stage == s)
            .map(|c| (index.records.id[stage.record[c.row] as usize], c.what))
            .filter(|(id, _)| seen.insert(*id));
        Finding::error("rows that say another category, source or prompt than the record's first")
            .at(&stage.stage)
            .help(EDITED)
            .of(rows.map(|(id, what)| format!("{id} ({what})")))
    };
    index.stages.iter().enumerate().filter_map(at_stage).collect()
}
