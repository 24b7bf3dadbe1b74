//! The trajectories that a page shows: which, and with what of each.

use crate::archive::RunDir;
use crate::audit::facts::Facts;
use crate::audit::lineage::life_in;
use crate::audit::rollouts::{RolloutReader, Truth};
use crate::audit::{AuditError, Index, Sample};
use crate::journal::ReadJournal;
use crate::media::{Kind, thumbnail};
use crate::record::{Disposition, Id, ImageRef};
use std::collections::{BTreeMap, HashMap};

/// Which trajectories a page is to show.
#[derive(Debug, Clone, Copy)]
pub struct Wanted {
    pub count: usize,
    /// With all pictures of their lives, those of the rounds as they are.
    pub published: bool,
}

/// About `wanted.count` trajectories of the RUN that are worth looking at, whole and with their pictures.
pub async fn samples(
    run: &RunDir,
    journal: &ReadJournal,
    facts: &Facts,
    wanted: Wanted,
    truth: Option<Truth>,
) -> Result<Vec<Sample>, AuditError> {
    let reader = RolloutReader::of(run, journal, truth);
    let mut samples = Vec::new();
    for id in chosen(facts, wanted.count) {
        let mut sample = sample(run, journal, reader.as_ref(), &id).await?;
        if wanted.published {
            add_pictures(run, &mut sample).await;
        }
        samples.push(sample);
    }
    Ok(samples)
}

/// Rows of the dataset, each outcome in its turn, by keyed hash, so that the same page is made each
/// time; without a dataset, records that came as far as any did.
fn chosen(facts: &Facts, count: usize) -> Vec<Id> {
    let mut outcomes: BTreeMap<&str, Vec<Id>> = BTreeMap::new();
    for row in facts.dataset.iter().flat_map(|dataset| &dataset.rows) {
        outcomes.entry(&row.outcome).or_default().extend(row.id);
    }
    if outcomes.is_empty() {
        outcomes.insert("", farthest(&facts.index));
    }
    for ids in outcomes.values_mut() {
        ids.sort_by_key(|id| std::cmp::Reverse(id.keyed("report sample", 0)));
    }
    let mut out = Vec::new();
    while out.len() < count && outcomes.values().any(|ids| !ids.is_empty()) {
        out.extend(outcomes.values_mut().filter_map(Vec::pop));
    }
    out.truncate(count);
    out
}

fn farthest(index: &Index) -> Vec<Id> {
    let Some(rows) = index.stages.iter().rev().find(|rows| !rows.is_empty()) else {
        return Vec::new();
    };
    (0..rows.len())
        .filter(|row| rows.disposition[*row] == Disposition::Passed)
        .map(|row| index.records.id[rows.record[row] as usize])
        .collect()
}

async fn sample(
    run: &RunDir,
    journal: &ReadJournal,
    reader: Option<&RolloutReader<'_>>,
    id: &Id,
) -> Result<Sample, AuditError> {
    let life = life_in(run, journal, id).await?;
    // A picture that is gone is a finding of its own; the page is still made.
    let small = async |image: &ImageRef| {
        let bytes = run.blobs().get(image.digest).await.ok()?;
        thumbnail(&bytes)
    };
    let mut pictures = Vec::new();
    for (what, image) in life.story.judged_pictures() {
        pictures.extend(small(&image).await.map(|png| (what, png)));
    }
    let (mut plays, mut most, mut thumbs) = (Vec::new(), 1.0, HashMap::new());
    if let Some(reader) = reader {
        most = reader.set(&life.source).map_or(1.0, |set| set.most);
        plays = reader.of_record(id).await?;
        plays.truncate(ROLLOUTS);
    }
    for image in plays.iter().flat_map(|play| play.rollout.turns.iter().filter_map(|t| t.picture)) {
        thumbs.extend(small(&image).await.map(|png| (image.digest, png)));
    }
    for image in plays.iter().filter_map(|play| play.rollout.instead) {
        thumbs.extend(small(&image).await.map(|png| (image.digest, png)));
    }
    Ok(Sample { life, pictures, plays, most, thumbs, whole: HashMap::new() })
}

/// The largest picture that a page holds as it is; of larger ones it has the thumbnail.
const LARGEST: usize = 4 << 20;

/// Adds what the page of one trajectory shows. A picture that is gone is a finding of its own.
async fn add_pictures(run: &RunDir, sample: &mut Sample) {
    let story = sample.life.story.pictures().into_iter().map(|(_, image)| image);
    let calls = sample.life.steps.iter().flat_map(|step| &step.calls);
    let calls = calls.flat_map(|call| call.shown().into_iter().chain(call.image()));
    let all: Vec<ImageRef> = story.chain(calls).collect();
    let judged: Vec<ImageRef> =
        sample.life.story.judged_pictures().into_iter().map(|(_, image)| image).collect();
    for image in all {
        if sample.thumbs.contains_key(&image.digest) {
            continue;
        }
        let Ok(bytes) = run.blobs().get(image.digest).await else { continue };
        let Some(png) = thumbnail(&bytes) else { continue };
        sample.thumbs.insert(image.digest, png);
        let shown = judged.iter().any(|judged| judged.digest == image.digest);
        if shown
            && bytes.len() <= LARGEST
            && Kind::of(&bytes).and_then(Kind::mime) == Some(image.mime)
        {
            sample.whole.insert(image.digest, bytes);
        }
    }
}

/// Rollouts of one prompt that are shown.
const ROLLOUTS: usize = 2;
