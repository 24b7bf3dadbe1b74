//! `coldstart replay`: what would the dataset be with other parameters, from the journal alone.
//!
//! Nothing is called: a call that the journal does not hold is counted, and its record ends there.

use crate::audit::show::diff_text;
use crate::audit::{Index, Reading, RunDir, Side, diff};
use crate::call::{CallError, Model, Output, Reply, Request};
use crate::cli::Done;
use crate::cli::audit::look;
use crate::cli::shared::{Format, ProjectArg, block_on, parse_set, print_json, tell};
use crate::env::Env;
use crate::journal::ReadJournal;
use crate::plan::{Manifest, Plan, compile};
use crate::record::Report;
use crate::run::{Options, Progress, execute};
use crate::store::{Blobs, Layout, Store, StoreError};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;
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
    #[command(flatten)]
    project: ProjectArg,
    /// How to print the answer
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

pub fn run(args: Args) -> anyhow::Result<Done> {
    block_on(replay(args))
}

async fn replay(args: Args) -> anyhow::Result<Done> {
    // Says what is wrong with a place that is no RUN.
    let store = RunDir::open(&args.run).await?.store().clone();
    let manifest = manifest(&store).await?;
    let mut overrides = manifest.overrides();
    overrides.set.extend(args.set.clone());
    let home = args.project.home();
    let compiled = compile(&manifest.project(Some(&home)), &overrides);
    tell(&compiled.diagnostics);
    let Some(plan) = compiled.plan else {
        eprintln!(
            "Nothing was replayed. Files that the RUN names by digest only (fingerprints) are looked \
             for in {home}; name the project's folder by `--project`."
        );
        return Ok(Done::Findings);
    };
    let folder = tempfile::tempdir()?;
    let scratch = folder.path().to_string_lossy().into_owned();
    let (report, missing) = rebuild(&store, &manifest, plan, &scratch, false).await?;
    show(&args, &scratch, &report, &missing).await
}

/// Runs `plan` in the folder `scratch` on what the RUN at `store` has journaled, with its dataset if
/// `dataset` says so: the report, and the calls that the journal does not hold, by role.
pub async fn rebuild(
    store: &Store,
    manifest: &Manifest,
    plan: Plan,
    scratch: &str,
    dataset: bool,
) -> anyhow::Result<(Report, BTreeMap<String, u64>)> {
    // Read only: what the RUN has is there, so nothing is written to it.
    let blobs = Blobs::new(store.clone(), 16 << 20);
    let missing = Arc::new(Missing {
        journal: ReadJournal::open(store).await?,
        blobs: blobs.clone(),
        by_role: Mutex::default(),
    });
    let options = Options {
        store: Store::open(scratch)?,
        blobs,
        model: missing.clone(),
        simulated: manifest.simulated,
        max_in_flight: 256,
        limit: manifest.limit,
        shard: None,
        into_changed_pipeline: false,
        commit_wait: Duration::from_millis(20),
        write_dataset: dataset,
        progress: Arc::new(Progress::default()),
    };
    let report = execute(&Env::real(), plan, options).await?;
    let missing = missing.by_role.lock().clone();
    Ok((report, missing))
}

/// What the RUN was made by; without it there is nothing to replay.
async fn manifest(store: &Store) -> anyhow::Result<Manifest> {
    let place = format!("{}/{}", store.uri().trim_end_matches('/'), Layout::MANIFEST);
    let fault = |what: &dyn std::fmt::Display| {
        anyhow::anyhow!(
            "`{place}`: {what}\n  a replay needs it: it holds the pipeline that the RUN was made by; \
             restore it from a copy"
        )
    };
    let bytes = match store.get(Layout::MANIFEST).await {
        Err(StoreError::NotFound { .. }) => return Err(fault(&"it is not there")),
        bytes => bytes?,
    };
    Manifest::parse(&bytes).map_err(|err| fault(&err))
}

async fn show(
    args: &Args,
    scratch: &str,
    report: &Report,
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
        println!("  {role}: at least {n} missing; a run buys these, and what follows from them");
    }
    Ok(Done::Well)
}

/// Answers from a RUN's journal; counts what is not there.
struct Missing {
    journal: ReadJournal,
    /// Which pictures are there: the journal only names them.
    blobs: Blobs,
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
        let down = |error: StoreError| CallError::Record { what: error.to_string() };
        let reply = self.journal.reply(&key).await.map_err(down)?;
        // A picture that is lost would be drawn again.
        let held = match reply.as_ref().map(|reply| &reply.output) {
            Some(Output::Image { image, .. }) => {
                self.blobs.holds(image.digest, image.bytes).await.map_err(down)?
            }
            _ => true,
        };
        if let Some(reply) = reply.filter(|_| held) {
            return Ok(reply);
        }
        let mut by_role = self.by_role.lock();
        *by_role.entry(request.role().to_owned()).or_default() += 1;
        Err(CallError::Record { what: format!("call {key} is not in the journal") })
    }
}
