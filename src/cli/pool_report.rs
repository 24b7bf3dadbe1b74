//! `coldstart pool report`: what a pool holds, as text, JSON and one self-contained page.

use crate::builtin;
use crate::cli::Done;
use crate::cli::pool_inspect::plain;
use crate::cli::shared::Format;
use crate::diag::{self, Style, render, summary};
use crate::media::Verify;
use crate::plan::Home;
use crate::pool::report::{Report, collect, page, ranges};
use crate::pool::{Images, Sources, open_all};
use crate::text::decontam::Fingerprints;
use crate::text::dedup::THRESHOLD;
use anyhow::{Context, bail};
use std::collections::BTreeMap;
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
    let prints = fingerprints(&args)?;
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
        Format::Text => print_text(&report),
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
fn fingerprints(args: &Args) -> anyhow::Result<Fingerprints> {
    if !args.fingerprints.is_empty() {
        return load(&args.fingerprints);
    }
    if let Home::Folder(root) = Home::find(None, &std::env::current_dir()?) {
        let usual = root.join(FINGERPRINTS);
        if usual.is_dir() {
            return load(&[usual]);
        }
    }
    let mut all = Fingerprints::default();
    for path in builtin::list(FINGERPRINTS).iter().filter(|path| path.ends_with(".fp")) {
        let bytes = builtin::file(path).unwrap_or_default();
        all.merge(Fingerprints::load(bytes).with_context(|| format!("built-in `{path}`"))?);
    }
    Ok(all)
}

fn load(paths: &[PathBuf]) -> anyhow::Result<Fingerprints> {
    let mut all = Fingerprints::default();
    for path in paths {
        let mut files = Vec::new();
        if path.is_dir() {
            for entry in std::fs::read_dir(path)? {
                files.push(entry?.path());
            }
            files.retain(|f| f.extension().is_some_and(|e| e == "fp"));
            files.sort();
        } else {
            files.push(path.clone());
        }
        for file in files {
            let shown = file.display();
            let bytes = std::fs::read(&file).with_context(|| {
                format!(
                    "cannot read fingerprints `{shown}`; `coldstart pool fingerprint` makes them"
                )
            })?;
            all.merge(Fingerprints::load(&bytes).with_context(|| format!("`{shown}`"))?);
        }
    }
    Ok(all)
}

fn print_text(report: &Report) {
    println!(
        "{} prompts, {} with a spec, median of {} words",
        report.rows, report.with_spec, report.median_words
    );
    table("categories", &report.by_category, report.rows);
    if report.by_source.len() > 1 {
        table("sources", &report.by_source, report.rows);
    }
    bars("length, in words", &ranges(&report.words), report.rows);
    table("languages", &report.by_language, report.rows);
    let d = &report.duplicates;
    println!("\nduplicates (likeness {:.2} or more)", d.threshold);
    println!("  {:>9}  exact\n  {:>9}  near", d.exact, d.near);
    for e in d.examples.iter().filter(|e| e.similarity < 1.0).take(3) {
        println!(
            "    {:.2}  {}\n          {}",
            e.similarity,
            plain(&e.dropped, 90),
            plain(&e.kept, 90)
        );
    }
    let c = &report.contamination;
    match c.benchmarks.len() {
        0 => println!("\noverlap with evaluation sets: not checked"),
        n => println!("\noverlap with {n} evaluation sets\n  {:>9}  would be dropped", c.dropped),
    }
    for (title, hits) in [("", &c.hits), (" (reported only)", &c.advisory)] {
        for (set, rules) in hits {
            for (rule, n) in rules {
                println!("  {n:>9}  {set}, by {rule}{title}");
            }
        }
    }
    if report.images.count > 0 {
        println!("\n{} images, {} bytes", report.images.count, report.images.bytes);
        table("types", &report.images.by_type, report.images.count);
        bars("longer side, in pixels", &ranges(&report.images.sides), report.images.count);
    }
    if report.unread_files > 0 {
        println!("\n{} files not read; `coldstart pool inspect` names some", report.unread_files);
    }
    let bad: BTreeMap<String, u64> = report.bad.iter().map(|(k, b)| (k.clone(), b.count)).collect();
    if !bad.is_empty() {
        table("cannot be used", &bad, report.rows);
    }
}

/// Largest first.
fn table(title: &str, counts: &BTreeMap<String, u64>, of: u64) {
    let mut rows: Vec<(String, u64)> = counts.iter().map(|(k, n)| (k.clone(), *n)).collect();
    rows.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    let more = rows.len().saturating_sub(25);
    rows.truncate(25);
    bars(title, &rows, of);
    if more > 0 {
        println!("  … and {more} more");
    }
}

fn bars(title: &str, rows: &[(String, u64)], of: u64) {
    println!("\n{title}");
    for (name, n) in rows {
        let share = *n as f64 / of.max(1) as f64;
        let bar = "▇".repeat((share.min(1.0) * 40.0).round() as usize);
        println!("{}", format!("  {n:>9}  {:<24} {bar}", plain(name, 24)).trim_end());
    }
}
