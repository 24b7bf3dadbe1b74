//! The command line: one verb a file; the only place that prints or exits.
//!
//! A verb returns `Done` or an error; `main` alone turns that into text on stderr and an exit code: 0
//! done, 1 something the user can fix (or an audit finding), 2 our defect.

mod audit;
mod calibrate;
mod check;
mod completions;
mod diff;
mod endpoints;
mod estimate;
mod explain;
mod export;
mod graph;
mod init;
mod judges;
mod kinds;
mod log;
mod pool;
mod pool_fingerprint;
mod pool_inspect;
mod pool_report;
pub mod probe;
mod progress;
mod replay;
mod report;
mod run;
mod serve;
mod shards;
mod shared;
mod sim;
mod table;
mod view;

use crate::diag;
use crate::record::Ending;
use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Builds cold-start SFT data for agents that call an image generator, look, judge, reflect and
/// call again (GenAgent, arXiv 2601.18543).
#[derive(Debug, Parser)]
#[command(name = "coldstart", version, max_term_width = 100)]
struct Program {
    #[command(subcommand)]
    verb: Verb,
}

/// One line a verb; its arguments and its work are in the file of its name.
#[derive(Debug, Subcommand)]
enum Verb {
    Run(run::Args),
    Check(check::Args),
    Replay(replay::Args),
    Graph(graph::Args),
    Init(init::Args),
    Kinds(kinds::Args),
    Audit(audit::Args),
    Explain(explain::Args),
    Diff(diff::Args),
    Calibrate(calibrate::Args),
    Judges(judges::Args),
    Table(table::Args),
    Report(report::Args),
    View(view::Args),
    Endpoints(endpoints::Args),
    Estimate(estimate::Args),
    Shards(shards::Args),
    Sim(sim::Args),
    Serve(serve::Args),
    Completions(completions::Args),
    Export(export::Args),
    Pool(pool::Args),
}

/// How a verb ended when nothing went wrong with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Done {
    Well,
    /// Done, and there is something for the user to act on: exit 1.
    Findings,
    /// A run's ending, with the exit code of its own.
    Ended(Ending),
}

fn dispatch(verb: Verb) -> anyhow::Result<Done> {
    match verb {
        Verb::Run(args) => run::run(args),
        Verb::Check(args) => check::run(args),
        Verb::Replay(args) => replay::run(args),
        Verb::Graph(args) => graph::run(args),
        Verb::Init(args) => init::run(args),
        Verb::Kinds(args) => kinds::run(args),
        Verb::Audit(args) => audit::run(args),
        Verb::Explain(args) => explain::run(args),
        Verb::Diff(args) => diff::run(args),
        Verb::Calibrate(args) => calibrate::run(args),
        Verb::Judges(args) => judges::run(args),
        Verb::Table(args) => table::run(args),
        Verb::Report(args) => report::run(args),
        Verb::View(args) => view::run(args),
        Verb::Endpoints(args) => endpoints::run(args),
        Verb::Estimate(args) => estimate::run(args),
        Verb::Shards(args) => shards::run(args),
        Verb::Sim(args) => sim::run(args),
        Verb::Serve(args) => serve::run(args),
        Verb::Completions(args) => completions::run(args),
        Verb::Export(args) => export::run(args),
        Verb::Pool(args) => pool::run(args),
    }
}

/// Runs the program.
pub fn main() -> ExitCode {
    let program = match Program::try_parse() {
        Ok(program) => program,
        Err(error) => {
            // Help and version are data on stdout; a wrong word is the user's to fix.
            let code = u8::from(error.use_stderr());
            let _ = error.print();
            return ExitCode::from(code);
        }
    };
    quiet_broken_pipes();
    let done = std::panic::catch_unwind(|| dispatch(program.verb));
    crate::store::forget_stdin();
    match done {
        Ok(Ok(Done::Well)) => ExitCode::SUCCESS,
        Ok(Ok(Done::Findings)) => ExitCode::from(1),
        Ok(Ok(Done::Ended(ending))) if ending != Ending::Defect => ExitCode::from(ending.code()),
        Ok(Err(error)) if is_closed_stdout(&error) => ExitCode::SUCCESS,
        Ok(Err(error)) => {
            eprintln!("error: {}", diag::chain(error.as_ref()));
            ExitCode::from(1)
        }
        Err(panic) if is_broken_pipe(panic.as_ref()) => ExitCode::SUCCESS,
        Err(panic) if unwritable(panic.as_ref()).is_some() => {
            eprintln!("error: stdout: {}", unwritable(panic.as_ref()).unwrap_or_default());
            ExitCode::from(1)
        }
        Ok(Ok(Done::Ended(_))) | Err(_) => {
            eprintln!("this is a defect of coldstart, not of your input: please report it");
            ExitCode::from(2)
        }
    }
}

/// `coldstart audit --format json | head` closes our stdout early; that is no error.
fn is_closed_stdout(error: &anyhow::Error) -> bool {
    use std::io::ErrorKind::BrokenPipe;
    error.chain().any(|cause| {
        let json = cause.downcast_ref::<serde_json::Error>().and_then(|e| e.io_error_kind());
        let io = cause.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
        json == Some(BrokenPipe) || io == Some(BrokenPipe)
    })
}

/// The same of `coldstart kinds | head`, where it is `println!` that panics.
fn is_broken_pipe(panic: &(dyn std::any::Any + Send)) -> bool {
    panic.downcast_ref::<String>().is_some_and(|text| text.contains("Broken pipe"))
}

/// What the system says where `println!` could not write: a full disk is the user's to mend.
fn unwritable(panic: &(dyn std::any::Any + Send)) -> Option<&str> {
    panic.downcast_ref::<String>()?.strip_prefix("failed printing to stdout: ")
}

fn quiet_broken_pipes() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if !is_broken_pipe(info.payload()) && unwritable(info.payload()).is_none() {
            before(info);
        }
    }));
}
