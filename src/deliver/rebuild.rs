//! A pipeline run again on what a RUN has journaled: nothing is bought, and calls that the journal
//! does not hold are counted.

use crate::call::{CallError, KeyedRequest, Model, Output, Reply};
use crate::deliver::DeliverError;
use crate::diag::Diagnostic;
use crate::env::Env;
use crate::export::dataset::Face;
use crate::journal::ReadJournal;
use crate::plan::{Compiled, Manifest, Overrides, Plan, ProjectBase, compile};
use crate::record::{CallKey, Report};
use crate::run::{Progress, RunOptions, execute, pools};
use crate::store::{Blobs, Store, StoreError};
use parking_lot::Mutex;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

/// Pictures kept in memory, in bytes.
const CACHED: usize = 16 << 20;

/// Records in flight: the journal answers at once, so this bounds memory only.
const IN_FLIGHT: usize = 256;

/// What came out of running a pipeline again.
#[derive(Debug, Clone)]
pub struct Rebuilt {
    pub report: Report,
    /// The rows of its dataset, where it was only counted.
    pub rows: Vec<Face>,
    /// Calls that the journal does not hold, by role, each once; their records ended as failed. What would
    /// have followed from them is not counted, so a run needs at least so many.
    pub missing: BTreeMap<String, u64>,
}

impl Rebuilt {
    /// Missing calls of all roles.
    pub fn wanted(&self) -> u64 {
        self.missing.values().sum()
    }
}

/// Compiles the pipeline that `manifest` tells of, with `set` over the parameters that it had; also
/// gives the warnings, one of them for each source that would read something else than the RUN did.
/// `project` is where files are looked for that a manifest names by digest only (fingerprints).
///
/// # Errors
/// `Pipeline`, with everything that is wrong with it; `Run`, where a source cannot be read.
pub async fn plan(
    store: &Store,
    manifest: &Manifest,
    project: &ProjectBase,
    set: &[(String, String, String)],
) -> Result<(Plan, Vec<Diagnostic>), DeliverError> {
    let Overrides { seed, set: mut all, flags } = manifest.overrides();
    all.extend_from_slice(set);
    let overrides = Overrides { seed, set: all, flags };
    let compiled = compile(&manifest.project(project), &overrides);
    let Compiled { plan: Some(plan), mut diagnostics } = compiled else {
        let diagnostics = compiled.diagnostics;
        return Err(DeliverError::Pipeline { place: store.uri(), diagnostics });
    };
    let now = pools(&plan).await?;
    let changed = manifest.pools.iter().filter(|(stage, was)| {
        let meant = set.iter().any(|(set, _, _)| set == *stage);
        !meant && now.get(*stage).is_some_and(|now| now != *was)
    });
    diagnostics.extend(changed.map(|(stage, _)| {
        let title = format!("what stage `{stage}` reads is not what the RUN read");
        Diagnostic::warning("W04", title)
            .note("its records are those of today; the calls of new ones are missing")
            .help("put back what it read, to ask about the RUN as it was")
    }));
    Ok((plan, diagnostics))
}

/// Runs `plan` in the folder `scratch` on what the RUN at `store` has journaled; the RUN itself is
/// only read. The dataset's shards are written to `scratch` if `dataset` says so.
pub async fn rebuild(
    env: &Env,
    store: &Store,
    manifest: &Manifest,
    plan: Plan,
    scratch: &str,
    dataset: bool,
) -> Result<Rebuilt, DeliverError> {
    let blobs = Blobs::new(store.clone(), CACHED);
    let recorded = Arc::new(Recorded {
        journal: ReadJournal::open(store).await?,
        blobs: blobs.clone(),
        missing: Mutex::default(),
    });
    let progress = Arc::new(Progress::default());
    let options = RunOptions {
        store: Store::open(scratch)?,
        blobs,
        model: recorded.clone(),
        simulated: manifest.simulated,
        max_in_flight: IN_FLIGHT,
        limit: manifest.limit,
        shard: None,
        mixed: false,
        buy_missing: false,
        into_changed_pipeline: false,
        commit_wait: Duration::from_millis(20),
        journaled: false,
        write_dataset: dataset,
        budget: None,
        progress: progress.clone(),
    };
    let report = execute(env, plan, options).await?;
    let mut missing: BTreeMap<String, u64> = BTreeMap::new();
    for role in recorded.missing.lock().values() {
        *missing.entry(role.clone()).or_default() += 1;
    }
    Ok(Rebuilt { report, missing, rows: progress.counted() })
}

/// Answers from a RUN's journal; notes what is not there.
struct Recorded {
    journal: ReadJournal,
    /// Which pictures are there: the journal only names them.
    blobs: Blobs,
    /// And the role that asked, of several the first by name.
    missing: Mutex<HashMap<CallKey, String>>,
}

impl std::fmt::Debug for Recorded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Recorded")
    }
}

#[async_trait::async_trait]
impl Model for Recorded {
    async fn call(&self, request: KeyedRequest<'_>) -> Result<Reply, CallError> {
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
        let mut missing = self.missing.lock();
        let role = missing.entry(key).or_insert_with(|| request.role().to_owned());
        if request.role() < role.as_str() {
            *role = request.role().to_owned();
        }
        drop(missing);
        Err(CallError::Record { what: format!("call {key} is not in the journal") })
    }
}

#[cfg(test)]
mod tests {
    use super::Recorded;
    use crate::call::{ChatRequest, Model, Request, Sampling};
    use crate::journal::ReadJournal;
    use crate::store::{Blobs, Store};

    /// Of roles that share a call the first by name, whoever asks first.
    #[tokio::test]
    async fn a_missing_call_counts_once() {
        let store = Store::open("memory://").expect("a store");
        let journal = ReadJournal::open(&store).await.expect("empty");
        let recorded =
            Recorded { journal, blobs: Blobs::new(store, 0), missing: Default::default() };
        for (role, draw) in [("judge", 0), ("critic", 0), ("judge", 0), ("judge", 1)] {
            let request = Request::Chat(ChatRequest {
                role: role.into(),
                model: "m".into(),
                messages: Vec::new(),
                sampling: Sampling::default(),
                schema: None,
                draw,
            });
            assert!(recorded.call(request.keyed()).await.is_err());
        }
        let mut roles: Vec<String> = recorded.missing.lock().values().cloned().collect();
        roles.sort();
        assert_eq!(roles, ["critic", "judge"]);
    }
}
