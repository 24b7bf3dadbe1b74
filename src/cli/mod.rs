//! The command line: one verb a file; the only place that prints or exits.
//!
//! The one idea: a verb returns `Done` or an error; `main` alone turns that into text on stderr
//! and an exit code: 0 done, 1 something the user can fix (or an audit finding), 2 our defect.

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
enum Verb {}

/// How a verb ended when nothing went wrong with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Done {
    Well,
    /// Done, and there is something for the user to act on: exit 1.
    Findings,
}

/// Runs the program.
pub fn main() -> ExitCode {
    let args = Args::parse();
    match args.verb {}
}
