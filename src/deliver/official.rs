//! A run of an evaluation set as the folder that its owners' scripts expect: pictures under the names
//! that they look for, and the judge's answers in their own result files.
//!
//! Rows come from the pool that the run was made of, since a RUN keeps neither their numbers nor what
//! the official files repeat of them. A row that was not run, or came to no picture, is there as the
//! scripts take it.

use crate::archive::{self, RunDir};
use crate::audit::rollouts::{Play, RolloutReader};
use crate::benchmark::{Benchmark, Judged};
use crate::deliver::{OfficialError, rebuild};
use crate::media::Picture;
use crate::plan::{Home, ProjectBase};
use crate::record::{Decision, Disposition, Id, Mime, Prompt, Vote};
use crate::stage::{POOL_KIND, SourceCx, SourceItem, Stage};
use crate::store::{Blobs, Store};
use bytes::Bytes;
use futures::StreamExt;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A layout that `--format` knows.
#[derive(Debug)]
pub struct OfficialLayout {
    pub name: &'static str,
    pub about: &'static str,
    /// The sets that are laid out so.
    pub sets: &'static [&'static str],
    /// Where pictures and result files go, and how the script is told.
    pictures: &'static str,
    results: &'static str,
    use_it: &'static str,
}

pub static LAYOUTS: [OfficialLayout; 3] = [
    OfficialLayout {
        name: "geneval-pp",
        about: "a run of GenEval++ as the folder that its official script is started in",
        sets: &["geneval_pp"],
        pictures: "image",
        results: "",
        use_it: "Put the set's own `Geneval++.jsonl` into this folder and start the official script \
                 here: it reads `image/<line>.jpg` (a PNG under that name is read as it is) and \
                 writes over `Output.json`, which holds the answers of this run's judge till then.",
    },
    OfficialLayout {
        name: "wise",
        about: "a run of WISE (legacy or verified) as picture folder and output folder of its script",
        sets: &["wise_legacy", "wise_verified"],
        pictures: "images",
        results: "results/",
        use_it: "`images/<prompt_id>.png` is the picture folder. `results/` is an output folder with \
                 this run's judge's answers: the official script skips what stands there and prints \
                 its totals; give it another output folder to have the pictures judged anew.",
    },
    OfficialLayout {
        name: "imagine",
        about: "a run of Imagine as picture folder and result files of its official script",
        sets: &["imagine"],
        pictures: "images",
        results: "results/",
        use_it: "`images/<id>.*` is the picture folder. `results/` holds this run's judge's answers \
                 in the official files' form; let the script write elsewhere to have the pictures \
                 judged anew.",
    },
];

/// The layout of that name.
pub fn find(name: &str) -> Option<&'static OfficialLayout> {
    LAYOUTS.iter().find(|layout| layout.name == name)
}

/// The account of a folder, written last: one without it is not whole.
pub const ACCOUNT: &str = "export.json";

/// What was written.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct OfficialReport {
    pub format: String,
    pub set: String,
    pub run: String,
    pub simulated: bool,
    /// Rows of the set in the pool.
    pub rows: usize,
    pub pictures: usize,
    /// Rows that were run and came to no picture.
    pub no_picture: usize,
    /// Rows that were not run, or failed.
    pub not_run: usize,
    /// Pictures that no judge was asked about.
    pub unjudged: usize,
    /// Pictures of another kind than the name says, written anew as PNG with the same pixels.
    pub as_png: usize,
    /// Prompts that were drawn more than once: the first rollout is taken.
    pub more_rollouts: usize,
    pub files: Vec<String>,
}

impl OfficialReport {
    /// What was laid out, and what of it is not as the set's script would have it.
    pub fn text(&self) -> String {
        let OfficialReport { format, set, rows, pictures, .. } = self;
        let mut out = format!("format {format}: {rows} rows of {set}, {pictures} pictures\n");
        for (what, n) in [
            ("rows without a picture", self.no_picture),
            ("rows that were not run, or failed", self.not_run),
            ("pictures that no judge was asked about", self.unjudged),
            ("pictures written anew as PNG, with the same pixels", self.as_png),
            ("prompts with more than one rollout: the first is taken", self.more_rollouts),
        ] {
            if n > 0 {
                out += &format!("  {n} {what}\n");
            }
        }
        if self.simulated {
            out += "  SIMULATED: pictures and answers come from the simulated world\n";
        }
        out
    }
}

/// What to write, from where.
pub struct OfficialRequest<'a> {
    pub run: &'a str,
    pub layout: &'static OfficialLayout,
    /// The pool, where it does not lie any more where the RUN says.
    pub pool: Option<&'a str>,
    /// Where files are looked for that a manifest names by digest only.
    pub project: &'a Home,
    pub replace: bool,
}

/// Lays out the RUN's last pictures and its judge's answers in `out`.
pub async fn write(
    asked: OfficialRequest<'_>,
    out: &Store,
) -> Result<OfficialReport, OfficialError> {
    let run = RunDir::open(asked.run).await?;
    let journal = run.journal().await?;
    let reader = RolloutReader::of(&run, &journal, None).ok_or(OfficialError::NoRollouts)?;
    let (rows, votes) = decisions(&run, &reader).await?;
    let source = rows.values().next().map_or("", |row| row.source.as_str());
    let set = reader.set(source).filter(|set| asked.layout.sets.contains(&set.name));
    let Some(set) = set else {
        let of = reader.set(source).map_or("no evaluation set", |set| set.title);
        return Err(OfficialError::OtherSet { of, layout: asked.layout.name });
    };
    let prompts = prompts(&run, set, &asked).await?;
    if !rows.keys().any(|id| prompts.values().any(|prompt| prompt.id == *id)) {
        return Err(OfficialError::OtherPool);
    }
    make_room(out, asked.replace).await?;
    let mut folder = Folder { out, layout: asked.layout, set, written: OfficialReport::default() };
    folder.written = OfficialReport {
        format: asked.layout.name.to_owned(),
        set: set.name.to_owned(),
        run: asked.run.to_owned(),
        simulated: run.shape.simulated,
        rows: prompts.len(),
        ..OfficialReport::default()
    };
    let mut judged: Vec<(&Prompt, Option<String>, Option<String>)> = Vec::new();
    for (number, prompt) in &prompts {
        let plays = match rows.get(&prompt.id) {
            Some(row) => reader.plays(row, votes.get(&row.id).map_or(&[], Vec::as_slice)).await?,
            None => Vec::new(),
        };
        let image = folder.picture(&run, *number, &plays).await?;
        let answer = match plays.first().and_then(Play::last) {
            Some(shot) => reader.answer(shot).await?,
            None => None,
        };
        folder.written.unjudged += usize::from(image.is_some() && answer.is_none());
        judged.push((prompt, answer, image));
    }
    folder.results(&judged).await?;
    folder.seal().await
}

/// The rows of the stage that plays and the votes of the one that scores, failed ones left out.
async fn decisions(
    run: &RunDir,
    reader: &RolloutReader<'_>,
) -> Result<(BTreeMap<Id, Decision>, BTreeMap<Id, Vec<Vote>>), OfficialError> {
    let (mut rows, mut votes) = (BTreeMap::new(), BTreeMap::new());
    let whole = |row: &Decision| row.disposition != Disposition::Failed;
    run.each(&reader.rolled, &mut |row| {
        if whole(&row) {
            rows.insert(row.id, row);
        }
    })
    .await?;
    if let Some(scored) = &reader.scored {
        run.each(scored, &mut |row| {
            if whole(&row) {
                votes.insert(row.id, row.evidence.votes);
            }
        })
        .await?;
    }
    Ok((rows, votes))
}

/// The set's rows by their numbers, out of the pool.
async fn prompts(
    run: &RunDir,
    set: &Benchmark,
    asked: &OfficialRequest<'_>,
) -> Result<BTreeMap<u64, Prompt>, OfficialError> {
    let manifest = archive::manifest(run.store()).await?;
    let pools = manifest.stages.iter().filter(|stage| stage.kind == POOL_KIND);
    let path = |pool: &str| -> Vec<(String, String, String)> {
        pools.clone().map(|s| (s.name.clone(), "path".to_owned(), pool.to_owned())).collect()
    };
    let over = asked.pool.map_or(Vec::new(), path);
    let project = ProjectBase::from(asked.project.clone());
    let (plan, _) = rebuild::plan(run.store(), &manifest, &project, &over).await?;
    let nowhere = Blobs::new(Store::open("memory://")?, 0);
    let cx = SourceCx { blobs: nowhere, seed: plan.seed, limit: None };
    let mut out = BTreeMap::new();
    for stage in &plan.stages {
        let Stage::Source { source, .. } = &stage.stage else { continue };
        let mut items = source.items(&cx);
        while let Some(item) = items.next().await {
            let item = item.map_err(OfficialError::Pool)?;
            if let SourceItem::Record(t, _) = item
                && let Some(number) = set.number(&t.prompt)
            {
                out.insert(number, t.prompt);
            }
        }
    }
    Ok(out)
}

struct Folder<'a> {
    out: &'a Store,
    layout: &'static OfficialLayout,
    set: &'static Benchmark,
    written: OfficialReport,
}

impl Folder<'_> {
    async fn put(&mut self, name: String, bytes: Bytes) -> Result<(), OfficialError> {
        self.out.put(&name, bytes).await?;
        self.written.files.push(name);
        Ok(())
    }

    /// The row's last picture under the name that the script looks for.
    async fn picture(
        &mut self,
        run: &RunDir,
        number: u64,
        plays: &[Play],
    ) -> Result<Option<String>, OfficialError> {
        self.written.more_rollouts += usize::from(plays.len() > 1);
        let Some(play) = plays.first() else {
            self.written.not_run += 1;
            return Ok(None);
        };
        let Some(image) = play.rollout.pictures().last().copied() else {
            self.written.no_picture += 1;
            return Ok(None);
        };
        let mut bytes = run.blobs().get(image.digest).await?;
        let name = (self.set.picture)(number, image.mime.ext());
        if name.ends_with(".png") && image.mime != Mime::Png {
            let png = Picture::decode(&bytes).and_then(|picture| picture.to_png());
            bytes = png.ok_or(OfficialError::Picture { number })?.into();
            self.written.as_png += 1;
        }
        let name = format!("{}/{name}", self.layout.pictures);
        self.put(name.clone(), bytes).await?;
        self.written.pictures += 1;
        Ok(Some(name))
    }

    /// The set's result files and a page for people.
    async fn results(
        &mut self,
        rows: &[(&Prompt, Option<String>, Option<String>)],
    ) -> Result<(), OfficialError> {
        let rows: Vec<Judged<'_>> = rows
            .iter()
            .map(|(prompt, answer, image)| Judged {
                prompt,
                answer: answer.as_deref().filter(|_| image.is_some()),
                image: image.as_deref(),
            })
            .collect();
        for (name, text) in (self.set.files)(self.set, &rows) {
            self.put(format!("{}{name}", self.layout.results), text.into()).await?;
        }
        let readme = self.readme();
        self.put("README.md".to_owned(), readme.into()).await
    }

    fn readme(&self) -> String {
        let OfficialReport { run, simulated, rows, pictures, no_picture, not_run, .. } =
            &self.written;
        let label = match simulated {
            true => {
                "> **SIMULATED**: pictures and answers come from coldstart's simulated world.\n\n"
            }
            false => "",
        };
        format!(
            "# {}: a run in the owners' layout\n\n{label}{}\n\n{rows} rows, {pictures} pictures, \
             {no_picture} rows without a picture, {not_run} rows not run. Made of `{run}` by \
             `coldstart export --format {}`. It is an evaluation set: nothing in here is to be \
             trained on.\n",
            self.set.title, self.layout.use_it, self.layout.name
        )
    }

    async fn seal(self) -> Result<OfficialReport, OfficialError> {
        let text = serde_json::to_vec_pretty(&self.written).map_err(OfficialError::Account)?;
        self.out.put(ACCOUNT, text.into()).await?;
        Ok(self.written)
    }
}

/// An empty folder, or one whose account says which files are an earlier export's.
async fn make_room(out: &Store, replace: bool) -> Result<(), OfficialError> {
    let there = out.list("").await?;
    if there.is_empty() {
        return Ok(());
    }
    let place = out.uri();
    let account = match there.iter().any(|(name, _)| name == ACCOUNT) {
        true => serde_json::from_slice::<OfficialReport>(&out.get(ACCOUNT).await?).ok(),
        false => None,
    };
    let Some(account) = account else { return Err(OfficialError::Foreign { place }) };
    if !replace {
        return Err(OfficialError::Taken { place });
    }
    // The account goes first: what a crash leaves is never taken for whole.
    out.delete(ACCOUNT).await?;
    for name in &account.files {
        out.delete(name).await?;
    }
    Ok(())
}
