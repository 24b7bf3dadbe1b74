//! `coldstart diff`: two runs held against each other.

use crate::audit::diff_runs;
use crate::audit::show::diff_text;
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
    let (diff, unreadable) = block_on(async { Ok(diff_runs(&args.a, &args.b).await?) })?;
    for part in &unreadable {
        eprintln!("warning: `{}` cannot be read: {}", part.name, part.what);
    }
    match args.format {
        Format::Text => print!("{}", diff_text(&diff, look())),
        Format::Json => {
            print_json(&diff)?;
        }
    }
    Ok(Done::Well)
}
