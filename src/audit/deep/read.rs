//! Stages read deep from a RUN: their rows from tables or ledger, their texts from the journal.

use crate::archive::{RunDir, Unreadable};
use crate::audit::deep::lengths::lengths;
use crate::audit::deep::{Deep, StageAudit};
use crate::audit::error::AuditError;
use crate::journal::ReadJournal;
use std::collections::HashMap;

/// How often a run may end while its ledger is read.
const LOOKS: usize = 4;

/// One stage, and what of it could not be read.
pub async fn one(
    run: &RunDir,
    journal: &ReadJournal,
    stage: &str,
) -> Result<(StageAudit, Vec<Unreadable>), AuditError> {
    let mut deep = Deep::new(stage, run.shape.known(stage));
    let unreadable = run.each(stage, &mut |row| deep.push(&row)).await?;
    Ok((finish(deep, journal).await?, unreadable))
}

/// Every stage, in the pipeline's order, by one pass over the rows.
pub async fn all(
    run: &RunDir,
    journal: &ReadJournal,
) -> Result<(Vec<StageAudit>, Vec<Unreadable>), AuditError> {
    let stages = &run.shape.stages;
    let number: HashMap<&str, usize> =
        stages.iter().enumerate().map(|(at, s)| (s.name.as_str(), at)).collect();
    for _ in 0..LOOKS {
        let mut deeps: Vec<Deep> =
            stages.iter().map(|s| Deep::new(&s.name, run.shape.known(&s.name))).collect();
        let read = run
            .every(&mut |row| {
                if let Some(at) = number.get(row.stage.as_str()) {
                    deeps[*at].push(&row);
                }
            })
            .await?;
        let Some(unreadable) = read else { continue };
        let mut out = Vec::with_capacity(deeps.len());
        for deep in deeps {
            out.push(finish(deep, journal).await?);
        }
        return Ok((out, unreadable));
    }
    Err(AuditError::input(format!("`{}` changes faster than it can be read", run.name())))
}

async fn finish(mut deep: Deep, journal: &ReadJournal) -> Result<StageAudit, AuditError> {
    let sample = std::mem::take(&mut deep.sample);
    Ok(StageAudit { lengths: lengths(journal, sample).await?, ..deep.finish() })
}
