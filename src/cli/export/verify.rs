//! `coldstart export --verify DIR`: reads an export back and prints what does not hold.

use crate::cli::export::Args;
use crate::cli::export::ahead::Ahead;
use crate::cli::export::write::{ACCOUNT, measure};
use crate::cli::{Done, shared};
use crate::export::dataset;
use crate::export::formats::{self, Container, Form};
use crate::export::report::{ExportReport, left_out};
use crate::export::tokens::Measure;
use crate::export::verify::{Verdict, Verifier};
use crate::store::{Store, StoreError};
use anyhow::{Context, bail};
use serde_json::Value;
use tokio::runtime::Handle;

/// A line of JSON that is longer than this is no row of ours.
const LONGEST_LINE: usize = 64 << 20;

pub async fn verify(uri: &str, args: &Args) -> anyhow::Result<Done> {
    let store = Store::open(uri)?;
    let account = match store.get(ACCOUNT).await {
        Err(StoreError::NotFound { .. }) => bail!(
            "`{uri}` holds no `{ACCOUNT}`: it is no export, or one that was not finished\n  write it \
             again by `coldstart export RUN --format F --out {uri}`"
        ),
        account => account?,
    };
    let report: ExportReport =
        serde_json::from_slice(&account).with_context(|| format!("`{ACCOUNT}`"))?;
    let Some(form) = formats::find(&report.format) else {
        bail!("`{ACCOUNT}` names format `{}`, which is not known here", report.format);
    };
    let measure = measure(args)?;
    if report.tokens_exact && matches!(measure, Measure::Estimate) {
        eprintln!("note: token lengths are estimated; give the `--tokenizer` of the export");
    }
    let handle = Handle::current();
    let work = move || prove(&store, form, &report, measure, &handle);
    let verdict = tokio::task::spawn_blocking(work).await??;
    tell(&verdict, args)
}

fn tell(verdict: &Verdict, args: &Args) -> anyhow::Result<Done> {
    if args.as_json() {
        shared::print_json(verdict)?;
    } else {
        println!("{} rows, {} images read back", verdict.rows, verdict.images);
        let mut lines = String::new();
        left_out(&mut lines, "finding", &verdict.findings);
        print!("{lines}");
        for name in &verdict.edited {
            println!("  changed since it was written: {name}");
        }
        if verdict.findings.is_empty() {
            println!("all holds");
        }
    }
    Ok(if verdict.findings.is_empty() { Done::Well } else { Done::Findings })
}

fn prove(
    store: &Store,
    form: &'static Form,
    report: &ExportReport,
    measure: Measure,
    handle: &Handle,
) -> anyhow::Result<Verdict> {
    let mut verifier = Verifier::new(form, report, measure);
    let mut ahead = Ahead::new(store, &mut verifier, handle);
    for split in report.splits.keys() {
        match form.container {
            Container::Jsonl => lines(store, split, &mut ahead, handle)?,
            Container::Parquet => {
                parquet(store, split, &format!("{split}.parquet"), &mut ahead, handle)?;
            }
            Container::Shards => {
                let stem = format!("data/{split}-");
                for (name, _) in handle.block_on(store.list("data"))? {
                    if name.starts_with(&stem) && name.ends_with(".parquet") {
                        parquet(store, split, &name, &mut ahead, handle)?;
                    }
                }
            }
        }
    }
    ahead.finish()?;
    for (name, digest) in &report.files {
        let bytes = match handle.block_on(store.get(name)) {
            Err(StoreError::NotFound { .. }) => None,
            bytes => Some(bytes?),
        };
        verifier.beside(name, *digest, bytes.as_deref());
    }
    Ok(verifier.finish())
}

/// The rows of a Parquet file; damage is a finding.
fn parquet(
    store: &Store,
    split: &str,
    name: &str,
    ahead: &mut Ahead<'_, '_>,
    handle: &Handle,
) -> anyhow::Result<()> {
    let ranges = match handle.block_on(store.ranges(name)) {
        Ok(ranges) => ranges,
        Err(error) => return ahead.find("file", name, &error.to_string()),
    };
    match dataset::table(ranges) {
        Err(error) => ahead.find("file", name, &error.to_string())?,
        Ok(rows) => {
            for row in rows {
                match row {
                    Ok((row, images)) => ahead.row(split, row, images)?,
                    Err(error) => ahead.find("file", name, &error.to_string())?,
                }
            }
        }
    }
    Ok(())
}

/// The lines of a JSON file, read in steps; images are read when a line names them.
fn lines(
    store: &Store,
    split: &str,
    ahead: &mut Ahead<'_, '_>,
    handle: &Handle,
) -> anyhow::Result<()> {
    let name = format!("{split}.jsonl");
    let reader = match handle.block_on(store.reader(&name)) {
        Ok(reader) => reader,
        // A split without rows has no file.
        Err(StoreError::NotFound { .. }) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    let (mut at, mut held) = (0, Vec::new());
    while at < reader.size() {
        let step = (reader.size() - at).min(1 << 20) as usize;
        held.extend_from_slice(&handle.block_on(reader.read_at(at, step))?);
        at += step as u64;
        let Some(end) = held.iter().rposition(|byte| *byte == b'\n') else {
            if held.len() > LONGEST_LINE {
                bail!("`{name}` has a line of more than {LONGEST_LINE} bytes");
            }
            continue;
        };
        for line in held[..end].split(|byte| *byte == b'\n') {
            match serde_json::from_slice::<Value>(line) {
                Ok(row) => ahead.row(split, row, Vec::new())?,
                Err(error) => ahead.find("row", &name, &error.to_string())?,
            }
        }
        held.drain(..=end);
    }
    if !held.is_empty() {
        ahead.find("row", &name, "the last line is cut short")?;
    }
    Ok(())
}
