//! How a run ended, for people: the funnel, what is left to do, and the exit code.
//!
//! Every ending names the next step; for most of them it is the same command again.

use crate::audit::show::outcome_text;
use crate::call::Fatal;
use crate::cli::Done;
use crate::cli::audit::look;
use crate::cli::run::Args;
use crate::cli::shared::{Format, print_json};
use crate::diag::chain;
use crate::record::{Ending, Report, StageReport};
use crate::run::RunError;
use crate::run::shards::array_expression;

/// Differences that are listed one by one.
const MOST_LINES: usize = 20;

/// Prints the report and what follows from the ending.
pub fn tell(args: &Args, result: Result<Report, RunError>) -> anyhow::Result<Done> {
    let error = match result {
        Ok(report) => return done(args, &report),
        Err(error) => error,
    };
    let ending = error.ending();
    match error.report() {
        Some(report) => show(args, report)?,
        // The cause is in the JSON although there is nothing else to tell.
        None if args.format == Format::Json => {
            print_json(&Report { ended: Some(ending), ..Report::default() }).map(|_| ())?;
        }
        None => {}
    }
    match &error {
        RunError::Changed { place, differences } => changed(place, differences),
        RunError::Stopped { .. } => {
            eprintln!("stopped before the end. What was bought is kept: the same command goes on.");
        }
        RunError::Fatal { kind, report, .. } => {
            eprintln!("error: {}\n  {}", chain(&error), remedy(*kind));
            uncounted(report);
        }
        error => {
            eprintln!("error: {}", chain(error));
            if let Some(remedy) = hint(error) {
                eprintln!("  {remedy}");
            }
        }
    }
    Ok(Done::Ended(ending))
}

/// Paid replies that came after another process had taken the RUN over.
fn uncounted(report: &Report) {
    let calls = &report.calls;
    if calls.uncounted > 0 {
        eprintln!(
            "{} paid replies (${:.4}) came too late to count; the successor buys them again",
            calls.uncounted, calls.uncounted_usd
        );
    }
}

/// What to do about what stopped a run before it began.
fn hint(error: &RunError) -> Option<String> {
    Some(match error {
        RunError::Simulated { .. } => {
            "choose a new `--out`: simulated and real replies never share a RUN".to_owned()
        }
        RunError::Pool { .. } => "name a file, folder or URI by `--pool`, or in the stage's file; \
             `coldstart pool inspect PATH` says what it finds there"
            .to_owned(),
        RunError::OtherShards { of, .. } => format!(
            "the first process fixed it: say `--shard I/{of}`, or set COLDSTART_SHARD_COUNT={of} \
             for every task"
        ),
        RunError::ShardsMissing { missing, .. } => format!(
            "run shards {} first (`coldstart shards` shows them), or say `--buy-missing` to do \
             their work here",
            array_expression(missing)
        ),
        _ => return None,
    })
}

fn done(args: &Args, report: &Report) -> anyhow::Result<Done> {
    show(args, report)?;
    let out = &args.out;
    match args.shard {
        Some(s) => eprintln!(
            "shard {}/{} is done. When all are, run once without `--shard` to assemble the dataset.",
            s.index, s.of
        ),
        None => {
            eprintln!("RUN {out}: dataset in {out}/dataset, stage tables in {out}/stages");
            if report.dataset.rows > 0 && !args.quiet {
                eprint!("{}", next(out));
            }
        }
    }
    let failed: u64 = report.stages.iter().map(StageReport::to_try_again).sum();
    if failed > 0 {
        let records = if failed == 1 { "1 record" } else { &format!("{failed} records") };
        eprintln!(
            "{records} failed and are not in the dataset; `coldstart audit {out}` lists them, the \
             same command tries them again"
        );
    }
    let undecided = report.undecided();
    if undecided > 0 {
        let records = if undecided == 1 { "1 record" } else { &format!("{undecided} records") };
        eprintln!(
            "{records} left undecided and not in the dataset: a judge that was asked again gave no answer \
             that can be read. What it said is in the journal, so that the same command ends the same; \
             another model or template of the stage asks anew"
        );
    }
    let ending = report.ended.unwrap_or_else(|| report.natural_ending());
    if args.accept_failed && ending == Ending::PartlyFailed {
        return Ok(Done::Well);
    }
    Ok(Done::Ended(ending))
}

/// What to do with a finished run, for whoever has just made his first.
fn next(out: &str) -> String {
    format!(
        "next      coldstart view {out}                      look at records, pictures and verdicts\n\
         \u{20}         coldstart audit {out}                     what each filter kept, cost and dropped\n\
         \u{20}         coldstart export {out} --format llamafactory --out sft\n"
    )
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
            print!("{}", outcome_text(report, look().width));
            Ok(())
        }
    }
}

fn remedy(kind: Fatal) -> &'static str {
    match kind {
        Fatal::Key => "set the key's environment variable to a valid key; the same command goes on",
        Fatal::Model | Fatal::Address => {
            "mend the endpoints file or the server; the same command goes on"
        }
        Fatal::Money => {
            "raise it by a higher `--budget` (the RUN remembers this one; `none` lifts it), or raise the \
             account's limit; then the same command goes on"
        }
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
