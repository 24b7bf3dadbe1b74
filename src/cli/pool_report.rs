//! `coldstart pool report`: what a pool holds, as text, JSON and one self-contained page.

use crate::builtin;
use crate::cli::Done;
use crate::cli::shared::Format;
use crate::diag::{self, Style, render, summary};
use crate::media::Verify;
use crate::plan::Home;
use crate::pool::fingerprints;
use crate::pool::report::{collect, page};
use crate::pool::show::report_text;
use crate::pool::{Images, Sources, open_all};
use crate::text::decontam::Fingerprints;
use crate::text::dedup::THRESHOLD;
use anyhow::{Context, bail};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Say what a pool holds: sizes, categories, lengths, languages, duplicates, overlap with
/// evaluation sets, images.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Files, folders or URIs.
    #[arg(required_unless_present = "sources")]
    paths: Vec<String>,
    /// A file with `[[source]]` tables, such as stages/<pipeline>/pool.toml.
    #[arg(long, value_name = "FILE")]
    sources: Option<PathBuf>,
    /// Fingerprints of evaluation sets: .fp files or folders of them. May be repeated. Without it,
    /// those of the project at hand are taken, else the built-in ones.
    #[arg(long)]
    fingerprints: Vec<PathBuf>,
    /// Likeness from which two prompts are near duplicates, 0.3 to 1.
    #[arg(long, default_value_t = THRESHOLD, value_parser = threshold)]
    threshold: f32,
    /// Keys which of two duplicates is kept, as a run's seed does.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Do not open images.
    #[arg(long)]
    no_images: bool,
    /// Also write the report as one HTML page that needs nothing else.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

fn threshold(text: &str) -> Result<f32, String> {
    match text.parse() {
        Ok(value) if (0.3..=1.0).contains(&value) => Ok(value),
        _ => Err("give a number from 0.3 to 1".to_owned()),
    }
}

pub fn run(args: Args) -> anyhow::Result<Done> {
    let mut sources = match &args.sources {
        Some(file) => read_sources(file)?,
        None => Sources::default(),
    };
    for path in &args.paths {
        sources.add(path);
    }
    for source in &mut sources.list {
        source.options.verify = Verify::Header;
        if args.no_images {
            source.options.images = Images::Skip;
        }
    }
    let prints = compared_with(&args)?;
    let runtime = tokio::runtime::Runtime::new()?;
    let walk = collect(open_all(&sources), &prints, args.threshold, args.seed);
    let report = runtime.block_on(walk)?;
    if let Some(file) = &args.html {
        let names: Vec<&str> = sources.list.iter().map(|s| s.path.as_str()).collect();
        std::fs::write(file, page(&names.join(", "), &report))
            .with_context(|| format!("cannot write `{}`", file.display()))?;
        eprintln!("wrote {}", file.display());
    }
    match args.format {
        Format::Json => println!("{}", serde_json::to_string_pretty(&report)?),
        Format::Text => print!("{}", report_text(&report)),
    }
    Ok(Done::Well)
}

fn read_sources(file: &Path) -> anyhow::Result<Sources> {
    let text = std::fs::read_to_string(file)
        .with_context(|| format!("cannot read `{}`", file.display()))?;
    let source = Arc::new(diag::SourceFile { path: file.display().to_string(), text });
    let sources = Sources::parse(&source).map_err(|found| {
        anyhow::anyhow!("{}\n{}", summary(&found), render(&found, Style::Plain))
    })?;
    if sources.list.is_empty() {
        bail!("`{}` lists no `[[source]]`", file.display());
    }
    Ok(sources)
}

const FINGERPRINTS: &str = "data/fingerprints";

/// Those that were named, else those of the project at hand, else the built-in ones.
fn compared_with(args: &Args) -> anyhow::Result<Fingerprints> {
    if !args.fingerprints.is_empty() {
        return Ok(fingerprints::read(&args.fingerprints)?);
    }
    if let Home::Folder(root) = Home::find(None, &std::env::current_dir()?) {
        let usual = root.join(FINGERPRINTS);
        if usual.is_dir() {
            return Ok(fingerprints::read(&[usual])?);
        }
    }
    let mut all = Fingerprints::default();
    for path in builtin::list(FINGERPRINTS).iter().filter(|path| path.ends_with(".fp")) {
        let bytes = builtin::file(path).unwrap_or_default();
        all.merge(Fingerprints::load(bytes).with_context(|| format!("built-in `{path}`"))?);
    }
    Ok(all)
}
