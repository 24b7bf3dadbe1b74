//! The thread that renders an export's rows.
//!
//! How their bytes get to the store is `carry`'s, and where rows come from is `source`'s.

use crate::deliver::export::carry::Sender;
use crate::deliver::export::select::Picked;
use crate::deliver::export::{ExportError, Request, Shards, groups, select};
use crate::diag;
use crate::env::ahead::{Bounds, Walk};
use crate::export::conversation::{self, Turn};
use crate::export::dataset::{self, DatasetError};
use crate::export::formats::{Example, Files, README, Settings, Writer};
use crate::export::report::{ExportReport, readme};
use crate::export::screen::{Left, Passed, Screen};
use crate::export::seal::Seal;
use crate::export::tokens::Measure;
use crate::record::{Digest, Id, ImageRef, Trajectory};
use crate::store::Ranges;
use bytes::Bytes;
use serde_json::Value;
use std::collections::{HashMap, HashSet};
use tokio::runtime::Handle;

/// All that the rendering thread needs.
pub struct Job {
    request: Request,
    source: Shards,
    screen: Screen,
    settings: Settings,
    writer: Box<dyn Writer>,
    seals: HashMap<String, Seal>,
    report: ExportReport,
}

impl Job {
    pub fn new(mut request: Request, source: Shards) -> Result<Job, ExportError> {
        let settings = request.settings(&source)?;
        let report = request.report();
        let screen = Screen {
            options: request.options(),
            measure: std::mem::replace(&mut request.measure, Measure::Estimate),
            max_tokens: request.max_tokens,
            max_image_pixels: request.max_image_pixels,
            min_posterior: request.min_posterior,
        };
        let writer = (request.form.start)(&settings).map_err(ExportError::Encode)?;
        Ok(Job { request, source, screen, settings, writer, seals: HashMap::new(), report })
    }

    /// Renders everything; the pieces go to `sender`.
    pub fn run(mut self, handle: &Handle, sender: &Sender) -> Result<ExportReport, ExportError> {
        let Request { shares, seed, selection, .. } = &self.request;
        let mut seen = HashSet::new();
        let mut fits = |t: &Trajectory| {
            self.fits(t)?;
            // Where a prompt comes once, its first row is the one.
            let again =
                self.request.form.prompt_tokens.is_some() && !seen.insert(t.prompt.text.clone());
            if again { Err(same_prompt()) } else { Ok(()) }
        };
        let picked = select::pick(&self.source, selection, *seed, handle, &mut fits)?;
        let among = picked.as_ref().map(|picked| &picked.ids);
        let splits = groups::splits(&self.source, shares, *seed, among, handle)?;
        let picked = picked.map(|Picked { ids, left }| {
            self.report.left_out.extend(left);
            ids
        });
        let mut files = Files::default();
        for shard in self.source.shards.clone() {
            let ranges = handle.block_on(self.source.store.ranges(&shard))?;
            let mut rows = rows(ranges, handle)
                .map_err(|source| ExportError::Shard { name: shard.clone(), source })?;
            while let Some(item) = rows.pull()? {
                match item {
                    Ok((item, _)) if picked.as_ref().is_some_and(|p| !p.contains(&item.row.id)) => {
                    }
                    Ok((item, digests)) => self.push(item, &digests, &splits, &mut files)?,
                    // The rest of this shard is lost, and only that.
                    Err(error) => self.leave(&shard, "shard_damaged", &diag::chain(&error)),
                }
                sender.send(files.take())?;
            }
        }
        self.finish(&mut files)?;
        sender.send(files.take())?;
        Ok(self.report)
    }

    /// The rest of the data and the files beside it, whose digests the report keeps.
    fn finish(&mut self, files: &mut Files) -> Result<(), ExportError> {
        for (name, split) in &mut self.report.splits {
            split.digest = self.seals.remove(name).unwrap_or_default().digest().hex();
        }
        let rows = self.report.splits.iter().map(|(name, split)| (name.clone(), split.rows));
        self.writer.finish(&rows.collect(), files).map_err(ExportError::Encode)?;
        if !self.request.form.beside.contains(&README) {
            files.whole(README, readme(self.request.form, &self.report));
        }
        self.report.files = files.beside().map(|(name, bytes)| (name, Digest::of(bytes))).collect();
        Ok(())
    }

    fn push(
        &mut self,
        item: dataset::PicturedRow,
        digests: &[Digest],
        splits: &HashMap<Id, usize>,
        files: &mut Files,
    ) -> Result<(), ExportError> {
        let (trajectory, images) = item.into_parts();
        let id = trajectory.prompt.id;
        let passed = match self.screen.pass(&trajectory, &images, digests) {
            Ok(passed) => passed,
            Err(left) => {
                self.leave(&id.hex(), left.code, &left.what);
                return Ok(());
            }
        };
        let shown = conversation::images(&trajectory);
        let mut images: Vec<_> = images.into_iter().zip(shown).collect();
        let mut turns = &passed.conversation.turns[..];
        let tokens = match self.in_form(&trajectory, &passed) {
            Ok(tokens) => tokens,
            Err(left) => {
                self.leave(&id.hex(), left.code, &left.what);
                return Ok(());
            }
        };
        if self.request.form.prompt_tokens.is_some() {
            turns = prompt_of(turns);
            images.clear();
        }
        let split = splits.get(&id).copied().unwrap_or(0);
        let split = self.settings.splits.get(split).cloned().unwrap_or_default();
        let example = Example { trajectory: &trajectory, turns, images: &images, split: &split };
        let Some(row) = self.writer.push(&example, files).map_err(ExportError::Encode)? else {
            let left = same_prompt();
            self.leave(&id.hex(), left.code, &left.what);
            return Ok(());
        };
        self.count(&split, &row, &images, tokens);
        self.report.escaped += passed.conversation.escaped as u64;
        self.report.simulated += u64::from(trajectory.simulated);
        Ok(())
    }

    /// Whether a row can be exported, as far as its texts tell.
    fn fits(&self, trajectory: &Trajectory) -> Result<(), Left> {
        let passed = self.screen.pass_texts(trajectory)?;
        self.in_form(trajectory, &passed).map(drop)
    }

    /// The row's tokens in this form, or why the form cannot hold it.
    fn in_form(&self, trajectory: &Trajectory, passed: &Passed) -> Result<u32, Left> {
        let form = self.request.form;
        if form.pairs && trajectory.rejected.is_none() {
            let what = "it is no preference pair: `stages/rl_pairs` makes such".to_owned();
            return Err(Left { code: "no_pair", what });
        }
        let Some(most) = form.prompt_tokens else { return Ok(passed.tokens) };
        let turns = prompt_of(&passed.conversation.turns);
        match self.screen.tokens(turns).unwrap_or(passed.tokens) {
            tokens if tokens > most => {
                let what = format!("a prompt of {tokens} tokens, at most {most}");
                Err(Left { code: "too_long", what })
            }
            tokens => Ok(tokens),
        }
    }

    /// Adds a row to the sums and to the seal of its split.
    fn count(&mut self, split: &str, row: &Value, images: &[(Bytes, ImageRef)], tokens: u32) {
        let names: Vec<_> = images.iter().map(|(_, image)| dataset::image_name(image)).collect();
        let seal = self.seals.entry(split.to_string()).or_default();
        seal.add(row, names.iter().map(String::as_str));
        let sums = self.report.splits.entry(split.to_string()).or_default();
        sums.rows += 1;
        sums.images += images.len() as u64;
        sums.image_bytes += images.iter().map(|(bytes, _)| bytes.len() as u64).sum::<u64>();
        sums.tokens += u64::from(tokens);
        sums.longest = sums.longest.max(tokens);
    }

    fn leave(&mut self, id: &str, code: &str, what: &str) {
        self.report.left_out.entry(code.to_string()).or_default().add(id, what);
    }
}

/// The turns that a form of prompts holds: system and user.
fn prompt_of(turns: &[Turn]) -> &[Turn] {
    &turns[..turns.len().min(2)]
}

fn same_prompt() -> Left {
    Left { code: "same_prompt", what: "its prompt is in already".to_owned() }
}

/// Rows that wait to be rendered, and the bytes of their images.
const WAITING: Bounds = Bounds { count: 8, bytes: 64 << 20 };

/// A row with what each of its images hashes to; a damaged shard's last is its error.
type Hashed = Result<(dataset::PicturedRow, Vec<Digest>), DatasetError>;

/// A shard's rows, read and hashed on a thread of their own while those before them are rendered: a
/// row's images are read once and hashed once, and neither keeps the encoder from its work.
fn rows(shard: Ranges, handle: &Handle) -> Result<Walk<Hashed>, DatasetError> {
    let hashed = dataset::read(shard)?.map(|item| {
        item.map(|item| {
            let digests = item.images.iter().map(|(bytes, _)| Digest::of(bytes)).collect();
            (item, digests)
        })
    });
    Ok(Walk::start(handle, WAITING, images, hashed))
}

/// Bytes of a row's images.
fn images(row: &Hashed) -> usize {
    row.iter().flat_map(|(item, _)| &item.images).map(|(bytes, _)| bytes.len()).sum()
}
