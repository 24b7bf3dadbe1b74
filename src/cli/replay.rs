//! `coldstart replay`: what would the dataset be with other parameters, from the journal alone.
//!
//! Nothing is called: a call that the journal does not hold is counted, and its record ends there.

use crate::audit::show::diff_text;
use crate::audit::{Index, Reading, RunDir, Side, diff};
use crate::call::{CallError, Model, Reply, Request};
use crate::cli::Done;
use crate::cli::audit::look;
use crate::cli::shared::{Format, block_on, parse_set, print_json, tell};
use crate::env::Env;
use crate::journal::ReadJournal;
use crate::plan::{Manifest, compile};
use crate::run::{Options, Progress, execute};
use crate::store::{Blobs, Layout, Store};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// What would the dataset be with other parameters? Answered from the journal alone, as a diff
///
/// Calls that the journal does not hold are counted, not made; their records end as failed.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The RUN
    run: String,
    /// Set a stage's parameter over what the RUN had, for instance `--set better.ties=keep`
    #[arg(long, value_name = "STAGE.PARAM=VALUE", value_parser = parse_set)]
    set: Vec<(String, String, String)>,
    /// The project's root, for files that a RUN names only by digest (fingerprints)
    #[arg(long, default_value = ".", value_name = "DIR")]
    project: std::path::PathBuf,
    /// How to print the answer
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

pub fn run(args: Args) -> anyhow::Result<Done> {
    block_on(replay(args))
}

async fn replay(args: Args) -> anyhow::Result<Done> {
    let store = Store::open(&args.run)?;
    let bytes = store.get(Layout::MANIFEST).await?;
    let manifest = Manifest::parse(&bytes)
        .map_err(|what| anyhow::anyhow!("`{}/{}`: {what}", args.run, Layout::MANIFEST))?;
    let mut overrides = manifest.overrides();
    overrides.set.extend(args.set.clone());
    let compiled = compile(&manifest.project(Some(&args.project)), &overrides);
    let Some(plan) = compiled.plan else {
        tell(&compiled.diagnostics);
        return Ok(Done::Findings);
    };
    let missing =
        Arc::new(Missing { journal: ReadJournal::open(&store).await?, by_role: Mutex::default() });
    let folder = tempfile::tempdir()?;
    let scratch = folder.path().to_string_lossy().into_owned();
    let options = Options {
        store: Store::open(&scratch)?,
        blobs: Blobs::new(store.clone(), 16 << 20),
        model: missing.clone(),
        simulated: manifest.simulated,
        max_in_flight: 256,
        limit: manifest.limit,
        shard: None,
        into_changed_pipeline: false,
        commit_wait: Duration::from_millis(20),
        write_dataset: false,
        progress: Arc::new(Progress::default()),
    };
    let report = execute(&Env::real(), plan, options).await?;
    let missing = missing.by_role.lock().unwrap_or_else(PoisonError::into_inner).clone();
    show(&args, &scratch, &report, &missing).await
}

async fn show(
    args: &Args,
    scratch: &str,
    report: &crate::record::Report,
    missing: &BTreeMap<String, u64>,
) -> anyhow::Result<Done> {
    let (before, after) = (RunDir::open(&args.run).await?, RunDir::open(scratch).await?);
    let index = |tables: crate::audit::Tables| Index::assemble(tables.columns);
    let old = index(before.tables(Reading::Prompts).await?);
    let new = index(after.tables(Reading::Prompts).await?);
    let a = Side { name: args.run.clone(), shape: &before.shape, index: &old };
    let b = Side { name: "replay".to_owned(), shape: &after.shape, index: &new };
    let diff = diff(&a, &b);
    if args.format == Format::Json {
        return print_json(&serde_json::json!({
            "missing_calls": missing, "report": report, "diff": diff,
        }));
    }
    print!("{}", diff_text(&diff, look()));
    let total: u64 = missing.values().sum();
    println!("\ndataset   {} rows", report.dataset.rows);
    println!("calls     {} answered by the journal, {total} missing", report.calls.made);
    for (role, n) in missing {
        println!("  {role}: {n} missing; a run would buy these, and what follows from them");
    }
    Ok(Done::Well)
}

/// Answers from a RUN's journal; counts what is not there.
struct Missing {
    journal: ReadJournal,
    by_role: Mutex<BTreeMap<String, u64>>,
}

impl std::fmt::Debug for Missing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Missing")
    }
}

#[async_trait::async_trait]
impl Model for Missing {
    async fn call(&self, request: &Request) -> Result<Reply, CallError> {
        let key = request.key();
        match self.journal.reply(&key).await {
            Ok(Some(reply)) => Ok(reply),
            Ok(None) => {
                let mut by_role = self.by_role.lock().unwrap_or_else(PoisonError::into_inner);
                *by_role.entry(request.role().to_owned()).or_default() += 1;
                Err(CallError::Record { what: format!("call {key} is not in the journal") })
            }
            Err(error) => Err(CallError::Record { what: error.to_string() }),
        }
    }
}
