//! `coldstart audit`: the funnel, the findings, one stage deep, SQL.

use crate::audit::deep::Deep;
use crate::audit::findings::CHECKS;
use crate::audit::gather::{Depth, gather};
use crate::audit::show::{Look, audit_text, stage_text};
use crate::audit::{AuditReport, RunDir};
use crate::cli::Done;
use crate::cli::shared::{Format, block_on, print_json};
use std::io::IsTerminal;

/// Audit a RUN: why records were kept or dropped, what each filter costs, what is damaged
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The RUN: a directory or a URI; it may be live, stopped, or somebody else's
    #[arg(default_value = "runs/demo")]
    run: String,
    /// One stage deep: reasons with examples, distributions, agreement of votes and orders
    #[arg(long, value_name = "STAGE")]
    stage: Option<String>,
    /// Read every call, picture and shard, however many there are
    #[arg(long)]
    full: bool,
    /// List the checks that are made, and exit
    #[arg(long)]
    checks: bool,
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// Colours are for a terminal on stdout that did not refuse them.
pub fn look() -> Look {
    let colour = std::io::stdout().is_terminal()
        && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    Look { colour, ..Look::PLAIN }
}

pub fn run(args: Args) -> anyhow::Result<Done> {
    if args.checks {
        for check in CHECKS {
            println!("{:15} {:8} {}", check.name, check.severity.as_str(), check.about);
        }
        return Ok(Done::Well);
    }
    block_on(async {
        let run = RunDir::open(&args.run).await?;
        match &args.stage {
            Some(stage) => deep(&run, stage, args.format).await,
            None => whole(&run, &args).await,
        }
    })
}

async fn whole(run: &RunDir, args: &Args) -> anyhow::Result<Done> {
    let depth = if args.full { Depth::Full } else { Depth::Quick };
    let facts = gather(run, depth).await?;
    let report = AuditReport::of(&args.run, &facts);
    match args.format {
        Format::Text => print!("{}", audit_text(&report, look())),
        Format::Json => {
            print_json(&report)?;
        }
    }
    Ok(if report.broken() { Done::Findings } else { Done::Well })
}

async fn deep(run: &RunDir, stage: &str, format: Format) -> anyhow::Result<Done> {
    let number = run.stage(stage)?;
    let mut deep = Deep::new(stage);
    let damaged = run.each(stage, &mut |row| deep.push(&row)).await?;
    let audit = deep.finish();
    for part in &damaged {
        eprintln!("error: `{}` cannot be read: {}", part.name, part.what);
    }
    match format {
        Format::Text => print!("{}", stage_text(&audit, &run.shape.stages[number], look())),
        Format::Json => {
            print_json(&audit)?;
        }
    }
    Ok(if damaged.is_empty() { Done::Well } else { Done::Findings })
}
