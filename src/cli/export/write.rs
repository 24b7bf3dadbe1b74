//! Writing an export: a thread that renders rows, and a task that carries their bytes to the store.

use crate::cli::export::read::{self, Ranges, Source};
use crate::cli::export::{Args, ReportArg};
use crate::cli::{Done, shared};
use crate::diag;
use crate::export::conversation::{self, Options};
use crate::export::dataset;
use crate::export::formats::{Example, Files, Form, Piece, Settings, Writer};
use crate::export::report::{ExportReport, SplitReport};
use crate::export::screen::Screen;
use crate::export::split::{Groups, Shares};
use crate::export::tokens::{Measure, Tokenizer};
use crate::record::{Digest, Id};
use crate::rules::Rules;
use crate::store::{Store, StoreWriter};
use crate::text::dedup::{Dedup, Ruling};
use anyhow::{Context, bail};
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use std::collections::HashMap;
use std::sync::Arc;
use tokio::runtime::Handle;
use tokio::sync::mpsc;

/// The export's own account, written last.
pub const ACCOUNT: &str = "export.json";

/// Batches of pieces that may wait for the store: one row's files each.
const WAITING: usize = 16;

/// Files written at once.
const AT_ONCE: usize = 16;

pub async fn write(form: &'static Form, from: &str, to: &str, args: &Args) -> anyhow::Result<Done> {
    let source = read::open(from).await?;
    if source.complete == Some(false) {
        eprintln!("note: the run has not come to its end; this exports the dataset as it stands");
    }
    let out = Store::open(to)?;
    make_room(&out).await?;
    let (sender, receiver) = mpsc::channel(WAITING);
    let job = Job::new(form, source, args)?;
    let handle = Handle::current();
    let render = tokio::task::spawn_blocking(move || job.run(&handle, &sender));
    let carried = carry(&out, receiver).await;
    let rendered = render.await?;
    // A full disk ends the carrying; that is the error to tell, not the closed channel.
    carried?;
    let report = rendered?;
    out.put(ACCOUNT, serde_json::to_vec_pretty(&report)?.into()).await?;
    tell(&report, args)
}

fn tell(report: &ExportReport, args: &Args) -> anyhow::Result<Done> {
    match args.report {
        ReportArg::Json => shared::print_json(report)?,
        ReportArg::Text => {
            print!("{}", report.text());
            Done::Well
        }
    };
    if report.rows() == 0 {
        bail!("no row could be exported; the report says why");
    }
    Ok(Done::Well)
}

/// Refuses a folder of other things; removes an earlier export, its account first, so that what is
/// left is never taken for whole.
async fn make_room(out: &Store) -> anyhow::Result<()> {
    let there = out.list("").await?;
    if there.is_empty() {
        return Ok(());
    }
    if !there.iter().any(|(name, _)| name == ACCOUNT || name == MARK) {
        bail!(
            "`{}` is not empty and holds no earlier export\n  choose an empty folder by `--out`",
            out.uri()
        );
    }
    out.put(MARK, Bytes::from_static(b"an export is being written\n")).await?;
    out.delete(ACCOUNT).await?;
    for (name, _) in there.iter().filter(|(name, _)| name != MARK && name != ACCOUNT) {
        out.delete(name).await?;
    }
    Ok(())
}

/// Stands in a folder while an export is written.
const MARK: &str = "export.unfinished";

/// Writes what comes, in order per file, several files at once.
async fn carry(out: &Store, mut pieces: mpsc::Receiver<Vec<Piece>>) -> anyhow::Result<()> {
    out.put(MARK, Bytes::from_static(b"an export is being written\n")).await?;
    let mut open: HashMap<String, StoreWriter> = HashMap::new();
    let mut puts = FuturesUnordered::new();
    while let Some(batch) = pieces.recv().await {
        for piece in batch {
            match piece {
                Piece::Whole(name, bytes) => {
                    let out = out.clone();
                    puts.push(async move { out.put(&name, bytes).await });
                    while puts.len() >= AT_ONCE {
                        puts.next().await.transpose()?;
                    }
                }
                Piece::Next(name, bytes) => {
                    if !open.contains_key(&name) {
                        open.insert(name.clone(), out.writer(&name).await?);
                    }
                    if let Some(writer) = open.get_mut(&name) {
                        writer.write(bytes).await?;
                    }
                }
                Piece::End(name) => {
                    if let Some(writer) = open.remove(&name) {
                        writer.finish().await?;
                    }
                }
            }
        }
    }
    while puts.next().await.transpose()?.is_some() {}
    out.delete(MARK).await?;
    Ok(())
}

/// All that the rendering thread needs.
struct Job {
    source: Source,
    screen: Screen,
    shares: Shares,
    settings: Settings,
    writer: Box<dyn Writer>,
    report: ExportReport,
}

impl Job {
    fn new(form: &'static Form, source: Source, args: &Args) -> anyhow::Result<Job> {
        let system = match &args.system {
            Some(path) => {
                Some(std::fs::read_to_string(path).with_context(|| path.display().to_string())?)
            }
            None => None,
        };
        let options = Options { dialect: args.dialect(), control: args.control(), system };
        let measure = measure(args)?;
        let settings = Settings {
            dialect: options.dialect,
            splits: args.split.names(),
            max_tokens: args.max_tokens,
            max_image_pixels: args.max_image_pixels,
            rules: if form.name == "verl-rl" { rules(args)? } else { Vec::new() },
            card: source.card.clone(),
        };
        let report = ExportReport {
            format: form.name.to_string(),
            dialect: options.dialect.as_str().to_string(),
            control_tokens: format!("{:?}", options.control).to_lowercase(),
            system_digest: Digest::of(options.system().as_bytes()).hex(),
            seed: args.seed,
            max_tokens: args.max_tokens,
            max_image_pixels: args.max_image_pixels,
            tokens_exact: matches!(measure, Measure::Exact(_)),
            splits: settings.splits.iter().map(|s| (s.clone(), SplitReport::default())).collect(),
            version: env!("CARGO_PKG_VERSION").to_string(),
            ..ExportReport::default()
        };
        let screen = Screen {
            options,
            measure,
            max_tokens: args.max_tokens,
            max_image_pixels: args.max_image_pixels,
        };
        let writer = (form.start)(&settings)?;
        Ok(Job { source, screen, shares: args.split.clone(), settings, writer, report })
    }

    /// Renders everything; the pieces go to `sender`.
    fn run(
        mut self,
        handle: &Handle,
        sender: &mpsc::Sender<Vec<Piece>>,
    ) -> anyhow::Result<ExportReport> {
        let splits = self.splits(handle)?;
        let mut files = Files::default();
        let send = |files: &mut Files| -> anyhow::Result<()> {
            let pieces = files.take();
            if pieces.is_empty() {
                return Ok(());
            }
            sender.blocking_send(pieces).context("writing stopped")
        };
        for shard in self.source.shards.clone() {
            let ranges = Ranges::open(&self.source.store, &shard, handle)?;
            let items = dataset::read(ranges).with_context(|| format!("`{shard}`"))?;
            for item in items {
                match item {
                    Ok(item) => self.push(item, &splits, &mut files)?,
                    // The rest of this shard is lost, and only that.
                    Err(error) => self.leave(&shard, "shard_damaged", &error.to_string()),
                }
                send(&mut files)?;
            }
        }
        let rows = self.report.splits.iter().map(|(name, split)| (name.clone(), split.rows));
        self.writer.finish(&rows.collect(), &mut files)?;
        send(&mut files)?;
        Ok(self.report)
    }

    /// Each record's split. Prompts with the same words, near-duplicates and prompts of one spec
    /// stay together.
    fn splits(&self, handle: &Handle) -> anyhow::Result<HashMap<Id, usize>> {
        if self.settings.splits.len() < 2 {
            return Ok(HashMap::new());
        }
        let mut keys: Vec<(Id, String, Option<String>)> = Vec::new();
        let mut near = Dedup::new(crate::text::dedup::THRESHOLD, self.report.seed);
        read::light(&self.source, handle, |row| {
            near.offer(row.id, &row.prompt);
            let words = crate::export::split::words(&row.prompt).join(" ");
            keys.push((row.id, words, row.truth.spec));
            Ok(())
        })?;
        let near: HashMap<Id, Ruling> = near.finish().into_iter().collect();
        let mut groups = Groups::default();
        for (id, words, spec) in &keys {
            let kept = match near.get(id) {
                Some(Ruling::Exact { peer, .. } | Ruling::Near { peer, .. }) => *peer,
                _ => *id,
            };
            let mut all = vec![["words ", words].concat().into_bytes()];
            all.push([b"near ".as_slice(), &kept.0].concat());
            all.push([b"near ".as_slice(), &id.0].concat());
            all.extend(spec.as_ref().map(|spec| ["spec ", spec].concat().into_bytes()));
            groups.add(*id, all.iter().map(Vec::as_slice));
        }
        Ok(groups.assign(&self.shares, self.report.seed))
    }

    fn push(
        &mut self,
        item: dataset::Item,
        splits: &HashMap<Id, usize>,
        files: &mut Files,
    ) -> anyhow::Result<()> {
        let (trajectory, images) = item.into_parts();
        let id = trajectory.prompt.id;
        let passed = match self.screen.pass(&trajectory, &images) {
            Ok(passed) => passed,
            Err(left) => {
                self.leave(&id.hex(), left.code, &left.what);
                return Ok(());
            }
        };
        let shown = conversation::images(&trajectory);
        let images: Vec<_> = images.into_iter().zip(shown).collect();
        let split = splits.get(&id).copied().unwrap_or(0);
        let split = self.settings.splits.get(split).cloned().unwrap_or_default();
        let turns = &passed.conversation.turns;
        let example = Example { trajectory: &trajectory, turns, images: &images, split: &split };
        if !self.writer.push(&example, files)? {
            self.leave(&id.hex(), "same_prompt", "its prompt is in already");
            return Ok(());
        }
        self.report.escaped += passed.conversation.escaped as u64;
        self.report.simulated += u64::from(trajectory.simulated);
        let sums = self.report.splits.entry(split).or_default();
        sums.rows += 1;
        sums.images += images.len() as u64;
        sums.image_bytes += images.iter().map(|(bytes, _)| bytes.len() as u64).sum::<u64>();
        sums.tokens += u64::from(passed.tokens);
        sums.longest = sums.longest.max(passed.tokens);
        Ok(())
    }

    fn leave(&mut self, id: &str, code: &str, what: &str) {
        self.report.left_out.entry(code.to_string()).or_default().add(id, what);
    }
}

/// The tokenizer that was given, or the estimate.
pub fn measure(args: &Args) -> anyhow::Result<Measure> {
    let Some(path) = &args.tokenizer else { return Ok(Measure::Estimate) };
    let json = std::fs::read(path).with_context(|| format!("`{}`", path.display()))?;
    let tokenizer = Tokenizer::from_json(&json).with_context(|| format!("`{}`", path.display()))?;
    Ok(Measure::Exact(Box::new(tokenizer)))
}

/// The judge's rules: those given, the project's, or those that came with the program.
fn rules(args: &Args) -> anyhow::Result<Vec<(String, String)>> {
    let (path, text) = match &args.rules {
        Some(path) => {
            let text =
                std::fs::read_to_string(path).with_context(|| format!("`{}`", path.display()))?;
            (path.display().to_string(), text)
        }
        None => {
            let path = "data/judge_rules.toml";
            let built_in = include_str!("../../../data/judge_rules.toml");
            let text = std::fs::read_to_string(path).unwrap_or_else(|_| built_in.to_string());
            (path.to_string(), text)
        }
    };
    match Rules::parse(&Arc::new(diag::Source { path, text })) {
        Ok(rules) => Ok(rules.rules.into_iter().map(|rule| (rule.id, rule.text)).collect()),
        Err(diagnostics) => {
            shared::tell(&diagnostics);
            bail!("the rules file cannot be used");
        }
    }
}
