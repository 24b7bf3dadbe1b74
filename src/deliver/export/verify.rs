//! Reading an export back and proving all that it promises.

use crate::deliver::export::proof::Ahead;
use crate::deliver::export::{ACCOUNT, ExportError};
use crate::diag::chain;
use crate::export::dataset;
use crate::export::formats::{self, Container, Form};
use crate::export::report::ExportReport;
use crate::export::tokens::Measure;
use crate::export::verify::{Verdict, Verifier};
use crate::store::{Store, StoreError};
use serde_json::Value;
use tokio::runtime::Handle;

/// A line of JSON that is longer than this is no row of ours, in bytes.
const LONGEST_LINE: usize = 64 << 20;

/// What was proved, and how.
#[derive(Debug)]
pub struct Verified {
    pub verdict: Verdict,
    /// The export counted tokens by its trainer's tokenizer, and this proof could only estimate them.
    pub estimated: bool,
}

/// Proves the export at `uri`; `measure` should be the one that it was written with.
///
/// # Errors
/// What does not hold is no error but a finding of the verdict. `NoAccount` and `UnknownForm` say that
/// there is nothing to prove.
pub async fn verify(uri: &str, measure: Measure) -> Result<Verified, ExportError> {
    let store = Store::open(uri)?;
    let place = uri.to_string();
    let account = match store.get(ACCOUNT).await {
        Err(StoreError::NotFound { .. }) => return Err(ExportError::NoAccount { place }),
        account => account?,
    };
    let report: ExportReport = match serde_json::from_slice(&account) {
        Ok(report) => report,
        Err(source) => return Err(ExportError::Account { place, source }),
    };
    let Some(form) = formats::find(&report.format) else {
        return Err(ExportError::UnknownForm { place, format: report.format });
    };
    let estimated = report.tokens_exact && matches!(measure, Measure::Estimate);
    let handle = Handle::current();
    let work = move || prove(&store, form, &report, measure, &handle);
    let verdict = tokio::task::spawn_blocking(work).await??;
    Ok(Verified { verdict, estimated })
}

fn prove(
    store: &Store,
    form: &'static Form,
    report: &ExportReport,
    measure: Measure,
    handle: &Handle,
) -> Result<Verdict, ExportError> {
    let mut verifier = Verifier::new(form, report, measure);
    let mut ahead = Ahead::new(store, &mut verifier, handle);
    for (split, sums) in &report.splits {
        if sums.rows == 0 {
            empty(store, form, split, &mut ahead, handle)?;
            continue;
        }
        match form.container {
            Container::Jsonl => lines(store, split, &mut ahead, handle)?,
            Container::Parquet => {
                parquet(store, split, &format!("{split}.parquet"), &mut ahead, handle);
            }
            Container::Documents => documents(store, split, &mut ahead, handle)?,
            Container::Shards => {
                let stem = format!("data/{split}-");
                for (name, _) in handle.block_on(store.list("data"))? {
                    if name.starts_with(&stem) && name.ends_with(".parquet") {
                        parquet(store, split, &name, &mut ahead, handle);
                    }
                }
            }
        }
    }
    ahead.finish();
    for (name, digest) in &report.files {
        let bytes = match handle.block_on(store.get(name)) {
            Err(StoreError::NotFound { .. }) => None,
            bytes => Some(bytes?),
        };
        verifier.beside(name, *digest, bytes.as_deref());
    }
    Ok(verifier.finish())
}

/// A split without rows has no file: `datasets` (and with it TRL and verl) refuses the whole folder
/// where one is empty.
fn empty(
    store: &Store,
    form: &'static Form,
    split: &str,
    ahead: &mut Ahead<'_, '_>,
    handle: &Handle,
) -> Result<(), ExportError> {
    let (folder, stem) = match form.container {
        Container::Jsonl => ("", format!("{split}.jsonl")),
        Container::Parquet => ("", format!("{split}.parquet")),
        Container::Documents => (split, format!("{split}/")),
        Container::Shards => ("data", format!("data/{split}-")),
    };
    for (name, _) in handle.block_on(store.list(folder))? {
        if name.starts_with(&stem) {
            let what =
                format!("split `{split}` has no rows: loaders refuse the file; export again");
            ahead.find("split_empty", &name, &what);
        }
    }
    Ok(())
}

/// The rows of a Parquet file; damage is a finding.
fn parquet(store: &Store, split: &str, name: &str, ahead: &mut Ahead<'_, '_>, handle: &Handle) {
    let ranges = match handle.block_on(store.ranges(name)) {
        Ok(ranges) => ranges,
        Err(error) => return ahead.find("file", name, &chain(&error)),
    };
    match dataset::table(ranges) {
        Err(error) => ahead.find("file", name, &chain(&error)),
        Ok(rows) => {
            for row in rows {
                match row {
                    Ok((row, images)) => ahead.row(split, row, images),
                    Err(error) => ahead.find("file", name, &chain(&error)),
                }
            }
        }
    }
}

/// A JSON file a row, in the order of their names.
fn documents(
    store: &Store,
    split: &str,
    ahead: &mut Ahead<'_, '_>,
    handle: &Handle,
) -> Result<(), ExportError> {
    let mut names: Vec<String> =
        handle.block_on(store.list(split))?.into_iter().map(|(name, _)| name).collect();
    names.sort_unstable();
    for name in names.iter().filter(|name| formats::writes(name)) {
        match serde_json::from_slice::<Value>(&handle.block_on(store.get(name))?) {
            Ok(row) => ahead.row(split, row, Vec::new()),
            Err(error) => ahead.find("row", name, &error.to_string()),
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
) -> Result<(), ExportError> {
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
                return Err(ExportError::LongLine { name, most: LONGEST_LINE });
            }
            continue;
        };
        for line in held[..end].split(|byte| *byte == b'\n') {
            match serde_json::from_slice::<Value>(line) {
                Ok(row) => ahead.row(split, row, Vec::new()),
                Err(error) => ahead.find("row", &name, &error.to_string()),
            }
        }
        held.drain(..=end);
    }
    if !held.is_empty() {
        ahead.find("row", &name, "the last line is cut short");
    }
    Ok(())
}
