//! `coldstart pool fingerprint`: builds `data/fingerprints/*.fp` from the texts of evaluation sets.

use crate::cli::Done;
use crate::pool::benchmark::{BENCHMARKS, fingerprint};
use crate::store::Store;
use anyhow::{Context, bail};
use std::path::PathBuf;

/// Build fingerprints (hashes, no texts) of evaluation sets, for the stage that drops overlaps.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A folder with the sets' prompt files: geneval.jsonl, geneval_pp.jsonl, imagine.jsonl,
    /// dpg.jsonl, t2i_compbench/, wise_legacy/, wise_verified/. What is not there is said.
    #[arg(required_unless_present = "add")]
    benchmarks: Option<String>,
    /// Fingerprint one more file of prompts, of any format that `pool inspect` knows.
    #[arg(long, value_name = "FILE", requires = "name")]
    add: Option<String>,
    /// What the set of --add is called in reports.
    #[arg(long, value_parser = set_name)]
    name: Option<String>,
    /// The set of --add is made from templates: drop what equals it with numbers and colours masked.
    #[arg(long, requires = "add")]
    templates: bool,
    /// The licence of --add's texts.
    #[arg(long, default_value = "unstated", requires = "add")]
    licence: String,
    /// Where the .fp files go.
    #[arg(long, default_value = "data/fingerprints")]
    out: PathBuf,
}

fn set_name(text: &str) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-';
    if !text.is_empty() && text.len() <= 60 && text.chars().all(plain) {
        Ok(text.to_owned())
    } else {
        Err("use lower-case letters, digits, `_` and `-`".to_owned())
    }
}

pub fn run(args: Args) -> anyhow::Result<Done> {
    let runtime = tokio::runtime::Runtime::new()?;
    std::fs::create_dir_all(&args.out)
        .with_context(|| format!("cannot make the folder `{}`", args.out.display()))?;
    if let Some(folder) = &args.benchmarks {
        runtime.block_on(known(folder, &args))?;
    }
    if let (Some(file), Some(name)) = (&args.add, &args.name) {
        runtime.block_on(added(file, name, &args))?;
    }
    Ok(Done::Well)
}

async fn known(folder: &str, args: &Args) -> anyhow::Result<()> {
    let store = Store::open(folder)?;
    let mut built = 0;
    for set in &BENCHMARKS {
        match set.build(&store).await? {
            None => eprintln!("{}: its prompts are not in `{folder}`; skipped", set.name),
            Some((bytes, rows)) => {
                write(args, set.name, &bytes, rows)?;
                built += 1;
            }
        }
    }
    if built == 0 {
        bail!("`{folder}` holds none of the known sets; see `coldstart pool fingerprint --help`");
    }
    Ok(())
}

async fn added(file: &str, name: &str, args: &Args) -> anyhow::Result<()> {
    let found = fingerprint(file, name, &args.licence, args.templates).await?;
    if found.bad > 0 {
        eprintln!(
            "{name}: {} rows could not be used; `coldstart pool inspect {file}` names them",
            found.bad
        );
    }
    write(args, name, &found.bytes, found.rows)
}

fn write(args: &Args, name: &str, bytes: &[u8], rows: u32) -> anyhow::Result<()> {
    let path = args.out.join(format!("{name}.fp"));
    std::fs::write(&path, bytes).with_context(|| format!("cannot write `{}`", path.display()))?;
    println!("{}\t{rows} prompts\t{} bytes", path.display(), bytes.len());
    Ok(())
}
