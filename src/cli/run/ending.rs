//! How a run ended, for people: the funnel, what is left to do, and the exit code.
//!
//! Not here: the funnel's text (`funnel`). The one idea: every ending names the next step, and for
//! most of them it is the same command again.

use crate::call::Fatal;
use crate::cli::run::Args;
use crate::cli::shared::{Format, print_json};
use crate::cli::{Done, funnel};
use crate::record::Report;
use crate::run::{DEFECT, RunError};

/// Differences that are listed one by one.
const MOST_LINES: usize = 20;

/// Prints the report and what follows from the ending.
pub fn tell(args: &Args, result: Result<Report, RunError>) -> anyhow::Result<Done> {
    match result {
        Ok(report) => done(args, &report),
        Err(RunError::Stopped { report }) => {
            show(args, &report)?;
            eprintln!("stopped before the end. What was bought is kept: the same command goes on.");
            Ok(Done::Findings)
        }
        Err(RunError::Fatal { kind, what, report }) => {
            show(args, &report)?;
            eprintln!("error: {what}\n  {}", remedy(kind));
            Ok(Done::Findings)
        }
        Err(RunError::Changed { place, differences }) => {
            changed(&place, &differences);
            Ok(Done::Findings)
        }
        Err(error @ RunError::Simulated { .. }) => Err(anyhow::anyhow!(
            "{error}\n  choose a new `--out`: simulated and real replies never share a RUN"
        )),
        Err(error @ RunError::Pool { .. }) => Err(anyhow::anyhow!(
            "{error}\n  name a file, folder or URI by `--pool`, or in the stage's file; \
             `coldstart pool inspect PATH` says what it finds there"
        )),
        Err(error @ RunError::Lost(_)) => {
            eprintln!("error: {error}");
            Ok(Done::Defect)
        }
        Err(error) => Err(error.into()),
    }
}

fn done(args: &Args, report: &Report) -> anyhow::Result<Done> {
    show(args, report)?;
    let out = &args.out;
    match args.shard {
        Some(s) => eprintln!(
            "shard {}/{} is done. When all are, run once without `--shard` to assemble the dataset.",
            s.index, s.of
        ),
        None => eprintln!("RUN {out}: dataset in {out}/dataset, stage tables in {out}/stages"),
    }
    let failed: u64 = report.stages.iter().map(|s| s.failed).sum();
    if failed > 0 {
        let records = if failed == 1 { "1 record" } else { &format!("{failed} records") };
        eprintln!(
            "{records} failed and are not in the dataset; `coldstart audit {out}` lists them, the \
             same command tries them again"
        );
    }
    let ours = |s: &crate::record::StageReport| s.reasons.contains_key(DEFECT);
    Ok(if report.stages.iter().any(ours) { Done::Defect } else { Done::Well })
}

fn changed(place: &str, differences: &[String]) {
    eprintln!("error: `{place}` was made by a different pipeline, seed, limit or pool");
    for line in differences.iter().take(MOST_LINES) {
        eprintln!("  {line}");
    }
    if differences.len() > MOST_LINES {
        eprintln!("  and {} more", differences.len() - MOST_LINES);
    }
    eprintln!(
        "  choose a new `--out`, or say `--into-changed-pipeline` to go on in this one: calls that \
         are still asked for are not bought again"
    );
}

fn show(args: &Args, report: &Report) -> anyhow::Result<()> {
    match args.format {
        Format::Json => print_json(report).map(|_| ()),
        Format::Text => {
            print!("{}", funnel::render(report));
            Ok(())
        }
    }
}

fn remedy(kind: Fatal) -> &'static str {
    match kind {
        Fatal::Key => "set the key's environment variable to a valid key; the same command goes on",
        Fatal::Model => "mend the endpoints file or the server; the same command goes on",
        Fatal::Money => "raise `--budget` or the account's limit; the same command goes on",
        Fatal::Quota => "wait until the quota resets; the same command goes on",
        Fatal::Endpoint => "look at the endpoint; when it answers again, the same command goes on",
        Fatal::Store => {
            "make room or mend the store; what was journaled is kept and the same command goes on"
        }
        Fatal::Fenced => {
            "only one process can work on a RUN (use `--shard` for several); nothing was damaged"
        }
    }
}
