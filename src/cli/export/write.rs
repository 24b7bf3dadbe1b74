//! Writing an export: what was asked for, and the thread that renders rows.
//!
//! Not here: how their bytes get to the store (`carry`), and where rows come from (`read`, `items`).

use crate::cli::export::carry::{self, Sender};
use crate::cli::export::items::Items;
use crate::cli::export::place::{make_room, seal};
use crate::cli::export::read::{self, Source};
use crate::cli::export::{Args, groups};
use crate::cli::{Done, shared};
use crate::diag;
use crate::export::control;
use crate::export::conversation::{self, Options};
use crate::export::dataset;
use crate::export::formats::{Example, Files, Form, README, Settings, Writer};
use crate::export::report::{ExportReport, SplitReport, readme};
use crate::export::screen::Screen;
use crate::export::seal::Seal;
use crate::export::split::Shares;
use crate::export::tokens::{Measure, Tokenizer};
use crate::record::{Digest, Id};
use crate::rules::Rules;
use crate::store::Store;
use anyhow::{Context, bail};
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use tokio::runtime::Handle;

/// The export's own account, written last.
pub const ACCOUNT: &str = "export.json";

pub async fn write(form: &'static Form, from: &str, to: &str, args: &Args) -> anyhow::Result<Done> {
    let out = Store::open(to)?;
    // What can be wrong with the request is told before a RUN is read or a folder cleared.
    let shape = Shape::new(form, args)?;
    let source = read::open(from, &args.project.home(), out.local_path("").as_deref()).await?;
    let job = Job::new(shape, source, args)?;
    make_room(&out, args.replace).await?;
    let (sender, receiver) = carry::channel();
    let handle = Handle::current();
    let render = tokio::task::spawn_blocking(move || job.run(&handle, &sender));
    let carried = carry::carry(&out, receiver).await;
    let rendered = render.await?;
    // A full disk ends the carrying; that is the error to tell, not the closed channel.
    carried?;
    let report = rendered?;
    tell(&report, args)?;
    let trained = args.split.names().into_iter().next().unwrap_or_default();
    if report.rows() == 0 {
        bail!("no row could be exported; the report says why");
    }
    if report.splits.get(&trained).is_none_or(|split| split.rows == 0) {
        bail!(
            "no row fell into `{trained}`\n  choose other shares by `--split`, or another `--seed`"
        );
    }
    seal(&out, &report).await?;
    Ok(Done::Well)
}

fn tell(report: &ExportReport, args: &Args) -> anyhow::Result<()> {
    if args.as_json() {
        shared::print_json(report)?;
    } else {
        print!("{}", report.text());
    }
    Ok(())
}

/// What was asked for, checked before anything is read.
struct Shape {
    form: &'static Form,
    options: Options,
    measure: Measure,
}

impl Shape {
    fn new(form: &'static Form, args: &Args) -> anyhow::Result<Shape> {
        let system = args.system.as_deref().map(system).transpose()?;
        let options = Options { dialect: args.dialect(), control: args.control(), system };
        Ok(Shape { form, options, measure: measure(args)? })
    }
}

/// The text of a system turn of the user's own.
fn system(path: &Path) -> anyhow::Result<String> {
    let text = std::fs::read_to_string(path).with_context(|| format!("`{}`", path.display()))?;
    if text.trim().is_empty() {
        bail!("`{}` is empty: trainers would put a system turn of their own there", path.display());
    }
    if let Some(token) = control::find_in_system(&text) {
        bail!(
            "`{}` holds `{token}`, which trainers take for structure\n  take it out of the text",
            path.display()
        );
    }
    Ok(text)
}

/// All that the rendering thread needs.
struct Job {
    form: &'static Form,
    source: Source,
    screen: Screen,
    shares: Shares,
    settings: Settings,
    writer: Box<dyn Writer>,
    seals: HashMap<String, Seal>,
    report: ExportReport,
}

impl Job {
    fn new(shape: Shape, source: Source, args: &Args) -> anyhow::Result<Job> {
        let Shape { form, options, measure } = shape;
        let settings = Settings {
            dialect: options.dialect,
            splits: args.split.names(),
            max_tokens: args.max_tokens,
            max_image_pixels: args.max_image_pixels,
            rules: if form.name == "verl-rl" { rules(args, &source)? } else { Vec::new() },
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
        let (shares, seals) = (args.split.clone(), HashMap::new());
        Ok(Job { form, source, screen, shares, settings, writer, seals, report })
    }

    /// Renders everything; the pieces go to `sender`.
    fn run(mut self, handle: &Handle, sender: &Sender) -> anyhow::Result<ExportReport> {
        let splits = groups::splits(&self.source, &self.shares, self.report.seed, handle)?;
        let mut files = Files::default();
        for shard in self.source.shards.clone() {
            let ranges = handle.block_on(self.source.store.ranges(&shard))?;
            let mut items = Items::of(ranges, handle).with_context(|| format!("`{shard}`"))?;
            while let Some(item) = items.next()? {
                match item {
                    Ok((item, digests)) => self.push(item, &digests, &splits, &mut files)?,
                    // The rest of this shard is lost, and only that.
                    Err(error) => self.leave(&shard, "shard_damaged", &error.to_string()),
                }
                sender.send(files.take(), handle)?;
            }
        }
        self.finish(&mut files)?;
        sender.send(files.take(), handle)?;
        Ok(self.report)
    }

    /// The rest of the data and the files beside it, whose digests the report keeps.
    fn finish(&mut self, files: &mut Files) -> anyhow::Result<()> {
        for (name, split) in &mut self.report.splits {
            split.digest = self.seals.remove(name).unwrap_or_default().digest().hex();
        }
        let rows = self.report.splits.iter().map(|(name, split)| (name.clone(), split.rows));
        self.writer.finish(&rows.collect(), files)?;
        if !self.form.beside.contains(&README) {
            files.whole(README, readme(self.form, &self.report));
        }
        self.report.files = files.beside().map(|(name, bytes)| (name, Digest::of(bytes))).collect();
        Ok(())
    }

    fn push(
        &mut self,
        item: dataset::Item,
        digests: &[Digest],
        splits: &HashMap<Id, usize>,
        files: &mut Files,
    ) -> anyhow::Result<()> {
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
        let mut tokens = passed.tokens;
        if let Some(most) = self.form.prompt_tokens {
            turns = &turns[..turns.len().min(2)];
            images.clear();
            tokens = self.screen.tokens(turns).unwrap_or(tokens);
            if tokens > most {
                let what = format!("a prompt of {tokens} tokens, at most {most}");
                self.leave(&id.hex(), "too_long", &what);
                return Ok(());
            }
        }
        let split = splits.get(&id).copied().unwrap_or(0);
        let split = self.settings.splits.get(split).cloned().unwrap_or_default();
        let example = Example { trajectory: &trajectory, turns, images: &images, split: &split };
        let Some(row) = self.writer.push(&example, files)? else {
            self.leave(&id.hex(), "same_prompt", "its prompt is in already");
            return Ok(());
        };
        let names: Vec<_> = images.iter().map(|(_, image)| dataset::image_name(image)).collect();
        let seal = self.seals.entry(split.clone()).or_default();
        seal.add(&row, names.iter().map(String::as_str));
        self.report.escaped += passed.conversation.escaped as u64;
        self.report.simulated += u64::from(trajectory.simulated);
        let sums = self.report.splits.entry(split).or_default();
        sums.rows += 1;
        sums.images += images.len() as u64;
        sums.image_bytes += images.iter().map(|(bytes, _)| bytes.len() as u64).sum::<u64>();
        sums.tokens += u64::from(tokens);
        sums.longest = sums.longest.max(tokens);
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

/// The judge's rules: those given, the RUN's own, or those that came with the program.
fn rules(args: &Args, source: &Source) -> anyhow::Result<Vec<(String, String)>> {
    let (path, text) = match (&args.rules, &source.rules) {
        (Some(path), _) => {
            let text =
                std::fs::read_to_string(path).with_context(|| format!("`{}`", path.display()))?;
            (path.display().to_string(), text)
        }
        (None, Some(rules)) => rules.clone(),
        (None, None) => {
            let text = include_str!("../../../data/judge_rules.toml");
            ("data/judge_rules.toml".to_string(), text.to_string())
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
