//! `coldstart completions SHELL`: a completion script on stdout.

use crate::cli::Done;
use clap::CommandFactory;

/// Print a shell's completion script
#[derive(Debug, clap::Args)]
pub struct Args {
    #[arg(value_enum)]
    shell: clap_complete::Shell,
}

pub fn run(args: Args) -> anyhow::Result<Done> {
    let mut command = crate::cli::Program::command();
    clap_complete::generate(args.shell, &mut command, "coldstart", &mut std::io::stdout());
    Ok(Done::Well)
}
