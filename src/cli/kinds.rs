//! `coldstart kinds`: the documentation of the kinds of stages, from their table.

use crate::cli::Done;
use crate::cli::shared::{Format, print_json};
use crate::diag::did_you_mean;
use crate::stage::{KINDS, Kind, kind};

/// List the kinds of stages, or document one: parameters, ports, drop reasons
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A kind's name
    kind: Option<String>,
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

pub fn run(args: Args) -> anyhow::Result<Done> {
    let kinds: Vec<&Kind> = match &args.kind {
        None => KINDS.to_vec(),
        Some(name) => match kind(name) {
            Some(kind) => vec![kind],
            None => {
                let near = did_you_mean(name, KINDS.iter().map(|k| k.name));
                let remedy = near.map_or("`coldstart kinds` lists them".to_owned(), |near| {
                    format!("did you mean `{near}`?")
                });
                anyhow::bail!("no kind `{name}`\n  {remedy}");
            }
        },
    };
    if args.format == Format::Json {
        return print_json(&kinds.iter().map(|kind| kind.to_json()).collect::<Vec<_>>());
    }
    if args.kind.is_none() {
        let width = kinds.iter().map(|k| k.name.len()).max().unwrap_or(0);
        for kind in kinds {
            println!("{:width$}  {}", kind.name, kind.about);
        }
    } else {
        kinds.iter().for_each(|kind| print!("{}", kind.document()));
    }
    Ok(Done::Well)
}
