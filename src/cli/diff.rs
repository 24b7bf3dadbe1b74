//! `coldstart diff`: two runs held against each other.

use crate::archive::{Reading, RunDir};
use crate::audit::show::diff_text;
use crate::audit::{Index, Side, diff, faces, row_diff};
use crate::cli::Done;
use crate::cli::audit::look;
use crate::cli::shared::{Format, block_on, print_json};

/// Compare two RUNs: which records changed decision, where, why; funnels and texts side by side
#[derive(Debug, clap::Args)]
pub struct Args {
    /// One RUN
    a: String,
    /// The other
    b: String,
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

pub fn run(args: Args) -> anyhow::Result<Done> {
    block_on(async {
        let (run_a, index_a) = read(&args.a).await?;
        let (run_b, index_b) = read(&args.b).await?;
        let a =
            Side { name: args.a.clone(), shape: &run_a.shape, index: &index_a, replayed: false };
        let b =
            Side { name: args.b.clone(), shape: &run_b.shape, index: &index_b, replayed: false };
        let mut diff = diff(&a, &b);
        if let (Some(a), Some(b)) = (faces(&run_a).await?, faces(&run_b).await?) {
            diff.rows = Some(row_diff(&a, &b));
        }
        match args.format {
            Format::Text => print!("{}", diff_text(&diff, look())),
            Format::Json => {
                print_json(&diff)?;
            }
        }
        Ok(Done::Well)
    })
}

async fn read(uri: &str) -> anyhow::Result<(RunDir, Index)> {
    let run = RunDir::open(uri).await?;
    let tables = run.tables(Reading::Prompts).await?;
    for part in &tables.unreadable {
        eprintln!("warning: `{}` cannot be read: {}", part.name, part.what);
    }
    Ok((run, Index::assemble(tables.columns)))
}
