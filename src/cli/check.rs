//! `coldstart check`: every fault of a pipeline at once, before any model is called.

use crate::cli::run::read_endpoints;
use crate::cli::shared::{Format, PipelineArgs, print_json, tell};
use crate::cli::{Done, probe};
use crate::diag::{self, Diagnostic, Severity};
use crate::plan::{Plan, compile};

/// Check a pipeline: every error at once, with file, line and remedy; nothing is run
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    pipeline: PipelineArgs,
    /// Take warnings for errors
    #[arg(long)]
    deny_warnings: bool,
    /// Also ask each endpoint one small true call, and name what is set up wrong
    #[arg(long, requires = "endpoints")]
    probe: bool,
    /// The endpoints file to probe (`coldstart endpoints example`)
    #[arg(long, value_name = "FILE")]
    endpoints: Option<String>,
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

#[derive(serde::Serialize)]
struct Row<'a> {
    severity: &'static str,
    code: &'static str,
    title: &'a str,
    file: Option<&'a str>,
    /// From 1, as the text form shows them.
    line: Option<usize>,
    column: Option<usize>,
    notes: &'a [String],
    help: Option<&'a str>,
}

pub fn run(args: Args) -> anyhow::Result<Done> {
    let project = args.pipeline.open()?;
    let compiled = compile(&project, &args.pipeline.overrides());
    let found = &compiled.diagnostics;
    let bad = compiled.plan.is_none() || (args.deny_warnings && !found.is_empty());
    if let (true, Some(plan), Some(path)) = (args.probe, &compiled.plan, &args.endpoints) {
        tell(found);
        return probed(plan, path, args.format, bad);
    }
    match args.format {
        Format::Json => {
            print_json(&found.iter().map(row).collect::<Vec<_>>())?;
        }
        Format::Text => {
            tell(found);
            match &compiled.plan {
                Some(plan) => println!(
                    "pipeline `{}`: {} stages, {} roles; {}",
                    plan.pipeline,
                    plan.stages.len(),
                    plan.roles_used().len(),
                    diag::summary(found)
                ),
                None => {
                    eprintln!("{}. Nothing was run; no model was called.", diag::summary(found))
                }
            }
        }
    }
    Ok(if bad { Done::Findings } else { Done::Well })
}

/// The probe's findings; a pipeline that is wrong by itself stays wrong.
fn probed(plan: &Plan, path: &str, format: Format, bad: bool) -> anyhow::Result<Done> {
    let Some(endpoints) = read_endpoints(path)? else { return Ok(Done::Findings) };
    let roles: Vec<&str> = plan.roles_used().iter().map(|role| role.name.as_str()).collect();
    let missing = endpoints.missing(&roles);
    tell(&missing);
    let done = probe::run(plan, &endpoints, format)?;
    Ok(if bad || !missing.is_empty() { Done::Findings } else { done })
}

fn row(d: &Diagnostic) -> Row<'_> {
    let before = d.span.as_ref().map(|s| {
        let end = s.range.start.min(s.source.text.len());
        s.source.text.get(..end).unwrap_or_default()
    });
    Row {
        severity: if d.severity == Severity::Error { "error" } else { "warning" },
        code: d.code,
        title: &d.title,
        file: d.span.as_ref().map(|s| s.source.path.as_str()),
        line: before.map(|text| text.matches('\n').count() + 1),
        column: before.map(|text| text.rsplit('\n').next().unwrap_or("").chars().count() + 1),
        notes: &d.notes,
        help: d.help.as_deref(),
    }
}
