//! The command line: one verb a file; the only place that prints or exits.
//!
//! The one idea: a verb returns `Done` or an error; `main` alone turns that into text on stderr
//! and an exit code: 0 done, 1 something the user can fix (or an audit finding), 2 our defect.

mod pool;
mod pool_fingerprint;
mod pool_inspect;
mod pool_report;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Builds cold-start SFT data for agents that call an image generator, look, judge, reflect and
/// call again (GenAgent, arXiv 2601.18543).
#[derive(Debug, Parser)]
#[command(name = "coldstart", version, max_term_width = 100)]
struct Args {
    #[command(subcommand)]
    verb: Verb,
}

/// One line a verb; its arguments and its work are in the file of its name.
#[derive(Debug, Subcommand)]
enum Verb {
    Pool(pool::Args),
}

/// How a verb ended when nothing went wrong with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Done {
    Well,
    /// Done, and there is something for the user to act on: exit 1.
    Findings,
}

/// Runs the program.
pub fn main() -> ExitCode {
    let outcome = match Args::parse().verb {
        Verb::Pool(args) => pool::run(args),
    };
    finish(outcome)
}

/// The exit code; what went wrong is said on stderr, with its causes.
fn finish(outcome: anyhow::Result<Done>) -> ExitCode {
    match outcome {
        Ok(Done::Well) => ExitCode::SUCCESS,
        Ok(Done::Findings) => ExitCode::from(1),
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(1)
        }
    }
}
