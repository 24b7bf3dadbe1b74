//! `coldstart audit`: the funnel, the findings, one stage deep, SQL.

use crate::archive::RunDir;
use crate::audit::AuditReport;
use crate::audit::deep;
use crate::audit::findings::CHECKS;
use crate::audit::gather::{Depth, gather};
use crate::audit::show::{Look, audit_text, stage_text};
use crate::audit::sql::{query, tables_text};
use crate::cli::Done;
use crate::cli::shared::{block_on, print_json};
use std::io::{IsTerminal, Write};
use std::path::PathBuf;

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
    /// Ask the RUN's tables in SQL, for instance "select reason, count(*) from stages group by 1"
    #[arg(long, value_name = "QUERY", conflicts_with = "stage")]
    sql: Option<String>,
    /// List the tables and columns that --sql knows, and exit
    #[arg(long)]
    tables: bool,
    /// Write the answer of --sql to a file: .csv, .json, .parquet or .txt
    #[arg(long, value_name = "FILE", requires = "sql")]
    out: Option<PathBuf>,
    /// csv is for --sql
    #[arg(long, value_enum, default_value = "text")]
    format: Shape,
}

/// How this verb prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Shape {
    Text,
    Json,
    Csv,
}

/// Colours are for a terminal on stdout that did not refuse them; so is its width (else `COLUMNS` says it).
pub fn look() -> Look {
    let colour = std::io::stdout().is_terminal()
        && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let width = terminal_size::terminal_size_of(std::io::stdout());
    let told = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    let width = width.map(|(width, _)| usize::from(width.0)).or(told.filter(|width| *width >= 20));
    let width = width.unwrap_or(Look::PLAIN.width);
    Look { colour, width }
}

pub fn run(args: Args) -> anyhow::Result<Done> {
    if args.checks {
        for check in CHECKS {
            println!("{:15} {:8} {}", check.name, check.severity.as_str(), check.about);
        }
        return Ok(Done::Well);
    }
    if args.tables {
        print!("{}", tables_text());
        return Ok(Done::Well);
    }
    if args.format == Shape::Csv && args.sql.is_none() {
        anyhow::bail!("`--format csv` is for `--sql`; an audit is text or json");
    }
    block_on(async {
        let run = RunDir::open(&args.run).await?;
        match (&args.sql, &args.stage) {
            (Some(sql), _) => ask(&run, sql, &args).await,
            (None, Some(stage)) => one_stage(&run, stage, args.format).await,
            (None, None) => whole(&run, &args).await,
        }
    })
}

async fn ask(run: &RunDir, sql: &str, args: &Args) -> anyhow::Result<Done> {
    let answer = query(run, sql).await?;
    let Some(path) = &args.out else {
        let bytes = match args.format {
            Shape::Text => answer.text(look()).into_bytes(),
            Shape::Csv => answer.csv()?,
            Shape::Json => return print_json(&answer.json()),
        };
        std::io::stdout().write_all(&bytes)?;
        return Ok(Done::Well);
    };
    let Some(bytes) = answer.as_file(path)? else {
        anyhow::bail!("`--out` ends in .csv, .json, .parquet or .txt, not `{}`", path.display())
    };
    std::fs::write(path, bytes)
        .map_err(|err| anyhow::anyhow!("cannot write `{}`: {err}", path.display()))?;
    eprintln!("{} rows in `{}`", answer.rows.len(), path.display());
    Ok(Done::Well)
}

async fn whole(run: &RunDir, args: &Args) -> anyhow::Result<Done> {
    let depth = if args.full { Depth::Full } else { Depth::Quick };
    let facts = gather(run, depth).await?;
    let report = AuditReport::of(&args.run, &facts);
    match args.format {
        Shape::Text => print!("{}", audit_text(&report, look())),
        _ => {
            print_json(&report)?;
        }
    }
    Ok(if report.broken() { Done::Findings } else { Done::Well })
}

async fn one_stage(run: &RunDir, stage: &str, format: Shape) -> anyhow::Result<Done> {
    let number = run.stage(stage)?;
    let journal = run.journal().await?;
    let (audit, damaged) = deep::one(run, &journal, stage).await?;
    for part in &damaged {
        eprintln!("error: `{}` cannot be read: {}", part.name, part.what);
    }
    match format {
        Shape::Text => print!("{}", stage_text(&audit, &run.shape.stages[number], look())),
        _ => {
            print_json(&audit)?;
        }
    }
    Ok(if damaged.is_empty() { Done::Well } else { Done::Findings })
}
