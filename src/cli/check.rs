//! `coldstart check`: every fault of a pipeline at once, before any model is called.

use crate::call::endpoints::Endpoints;
use crate::cli::run::served::parse_endpoints;
use crate::cli::shared::{Format, PipelineArgs, print_json, tell};
use crate::cli::{Done, log, probe};
use crate::diag::{self, Diagnostic, Severity};
use crate::plan::{Plan, Project, compile};
use crate::stage::Files;
use crate::text::leak::{Patterns, labelled};
use anyhow::Context as _;
use std::path::{Path, PathBuf};

/// Check a pipeline: every error at once, with file, line and remedy; nothing is run
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    pipeline: PipelineArgs,
    /// Take warnings for errors
    #[arg(long)]
    deny_warnings: bool,
    /// Also check this endpoints file: its faults, and roles without one (`coldstart endpoints example`)
    #[arg(long, value_name = "FILE")]
    endpoints: Option<String>,
    /// Also ask each endpoint one small true call, and name what is set up wrong
    #[arg(long, requires = "endpoints")]
    probe: bool,
    /// Instead: hold data/leak_patterns.toml against labelled sentences: JSON lines of {"text", "leak"}, or
    /// `leak`, `hard` or `fine`, a tab and the sentence
    #[arg(long, value_name = "FILE", conflicts_with = "endpoints")]
    leaks: Option<PathBuf>,
    #[command(flatten)]
    log: log::LogArgs,
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

pub fn run(args: Args) -> anyhow::Result<Done> {
    args.log.start()?;
    let project = args.pipeline.open()?;
    args.pipeline.say_home();
    if let Some(file) = &args.leaks {
        return leaks(&project, file, args.format);
    }
    let compiled = compile(&project, &args.pipeline.overrides());
    let mut found = compiled.diagnostics;
    let endpoints = match &args.endpoints {
        Some(path) => of_file(path, compiled.plan.as_ref(), &mut found)?,
        None => None,
    };
    let wrong = found.iter().any(|d| d.severity == Severity::Error);
    let bad = wrong || (args.deny_warnings && !found.is_empty());
    if let (true, Some(plan), Some(endpoints)) = (args.probe, &compiled.plan, &endpoints) {
        tell(&found);
        let done = probe::run(plan, endpoints, args.format)?;
        return Ok(if bad { Done::Findings } else { done });
    }
    match args.format {
        Format::Json => {
            print_json(&diag::rows(&found))?;
        }
        Format::Text => {
            tell(&found);
            match &compiled.plan {
                Some(plan) if !wrong => println!(
                    "pipeline `{}`: {} stages, {} roles; {}",
                    plan.pipeline,
                    plan.stages.len(),
                    plan.roles_used().len(),
                    diag::summary(&found)
                ),
                _ => eprintln!("{}. Nothing was run; no model was called.", diag::summary(&found)),
            }
        }
    }
    Ok(if bad { Done::Findings } else { Done::Well })
}

/// The project's leak patterns by labelled sentences: precision, recall, and each sentence read wrong.
fn leaks(project: &Project, file: &Path, format: Format) -> anyhow::Result<Done> {
    let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
    let rows =
        labelled::parse(&text).map_err(|what| anyhow::anyhow!("{}: {what}", file.display()))?;
    let source = project.text("data/leak_patterns.toml").context("no data/leak_patterns.toml")?;
    let patterns = match Patterns::parse(&source) {
        Ok(patterns) => patterns,
        Err(faults) => {
            tell(&faults);
            return Ok(Done::Findings);
        }
    };
    let score = patterns.score(&rows);
    if let Format::Json = format {
        print_json(&score)?;
        return Ok(Done::Well);
    }
    print!("{}", score.text());
    Ok(Done::Well)
}

/// The endpoints of the file at `path`, where it has no fault; its faults, warnings, and the roles
/// of the plan that it leaves out go to `found`.
fn of_file(
    path: &str,
    plan: Option<&Plan>,
    found: &mut Vec<Diagnostic>,
) -> anyhow::Result<Option<Endpoints>> {
    let endpoints = match parse_endpoints(path)? {
        Ok(endpoints) => endpoints,
        Err(faults) => {
            found.extend(faults);
            return Ok(None);
        }
    };
    found.extend(endpoints.warnings().iter().cloned());
    found.extend(plan.map(|plan| plan.unserved(&endpoints, false)).unwrap_or_default());
    found.extend(endpoints.without_keys());
    Ok(Some(endpoints))
}
