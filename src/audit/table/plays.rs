//! A run's rollouts as its tables need them: all of them at once, without their texts.

use crate::archive::RunDir;
use crate::audit::AuditError;
use crate::audit::rollouts::{Play, RolloutReader, Truth};
use crate::benchmark::Benchmark;
use crate::record::{Decision, Disposition, Id, Vote};
use std::collections::BTreeMap;
use std::ops::Range;

/// A run's rollouts.
#[derive(Debug, Clone, Default)]
pub struct Played {
    pub name: String,
    pub set: Option<&'static Benchmark>,
    /// `agent`, `without_tool`, `raw`.
    pub setting: String,
    pub n_max: usize,
    pub simulated: bool,
    /// A stage scores its pictures.
    pub scored: bool,
    pub plays: Vec<Play>,
    pub notes: Vec<String>,
}

/// The rollouts of `run` in the order of their ids; `truth` is asked where replies are simulated.
pub async fn read(run: &RunDir, truth: Option<Truth>) -> Result<Played, AuditError> {
    let journal = run.journal().await?;
    let Some(reader) = RolloutReader::of(run, &journal, truth) else {
        return Err(AuditError::input(format!(
            "`{}` has no rollouts: no stage of its pipeline `{}` lets an agent play\n  `coldstart run \
             agent` makes some",
            run.name(),
            run.shape.pipeline
        )));
    };
    let mut out = Played {
        name: run.name(),
        setting: reader.setting.clone(),
        n_max: reader.n_max,
        simulated: run.shape.simulated,
        scored: reader.scored.is_some(),
        ..Played::default()
    };
    let mut rows = Vec::new();
    collect(run, &reader.rolled, &mut out.notes, &mut |row| rows.push(row)).await?;
    let mut scores: BTreeMap<Id, Vec<Vote>> = BTreeMap::new();
    match &reader.scored {
        Some(scored) => {
            let mut keep = |row: Decision| drop(scores.insert(row.id, row.evidence.votes));
            collect(run, scored, &mut out.notes, &mut keep).await?;
        }
        None => out.notes.push(format!("{}: nothing scores its pictures", out.name)),
    }
    rows.sort_by_key(|row| row.id);
    out.set = rows.first().and_then(|row| reader.set(&row.source));
    let name = |set: Option<&'static Benchmark>| set.map(|set| set.name);
    let (mut foreign, mut lost) = (0, 0);
    for row in rows {
        if name(reader.set(&row.source)) != name(out.set) {
            foreign += 1;
            continue;
        }
        let votes = scores.remove(&row.id).unwrap_or_default();
        let plays = reader.plays(&row, &votes).await?;
        lost += usize::from(plays.is_empty());
        out.plays.extend(plays.into_iter().map(Play::thin));
    }
    if foreign > 0 {
        let set = out.set.map_or("no evaluation set", |set| set.title);
        let what = format!("{foreign} prompts are of other sets than the first ({set})");
        out.notes.push(format!("{}: {what} and are in no figure: give each set a run", out.name));
    }
    if lost > 0 {
        let what = format!("the journal holds no call of {lost} records, which are in no figure");
        out.notes.push(format!("{}: {what}", out.name));
    }
    Ok(out)
}

/// The rows of a stage that did not fail; what failed is said.
async fn collect(
    run: &RunDir,
    stage: &str,
    notes: &mut Vec<String>,
    keep: &mut (dyn FnMut(Decision) + Send),
) -> Result<(), AuditError> {
    let mut failed = 0;
    let unreadable = run
        .each(stage, &mut |row| match row.disposition {
            Disposition::Failed => failed += 1,
            Disposition::Passed | Disposition::Dropped => keep(row),
        })
        .await?;
    let name = run.name();
    for part in unreadable {
        notes.push(format!("{name}: `{}` cannot be read: {}", part.name, part.what));
    }
    if failed > 0 {
        notes.push(format!(
            "{name}: {failed} records failed at `{stage}` and are in no figure; run again to retry them"
        ));
    }
    Ok(())
}

impl Played {
    /// The rollouts of each prompt: `plays` holds them side by side.
    pub fn prompts(&self) -> Vec<Range<usize>> {
        let mut out: Vec<Range<usize>> = Vec::new();
        for (at, play) in self.plays.iter().enumerate() {
            match out.last_mut().filter(|last| self.plays[last.start].id == play.id) {
                Some(last) => last.end = at + 1,
                None => out.push(at..at + 1),
            }
        }
        out
    }

    /// The best score of a picture.
    pub fn most(&self) -> f64 {
        self.set.map_or(1.0, |set| set.most)
    }
}
