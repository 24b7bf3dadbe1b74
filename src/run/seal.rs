//! The sealing of the dataset: the sink gets its records in keyed order, and the ledger hears what
//! became of each.
//!
//! The sink answers for the whole, and names the records that it could not write; all others were
//! written. See `stage` for how a dataset is written.

use crate::call::CallError;
use crate::env::Phase;
use crate::export::dataset::Face;
use crate::record::{Cause, Id, Trajectory};
use crate::run::RunError;
use crate::run::engine::{Engine, Node};
use crate::run::open::Run;
use crate::stage::{Sealed, SinkCx, StageError};
use crate::store::{SpillRef, StoreError};
use futures::StreamExt;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Records read together on another thread: handing over costs as much as reading a small one.
const TOGETHER: usize = 64;

/// So many times `TOGETHER` at once.
const AHEAD: usize = 2;

impl Run<'_> {
    /// Hands the sink its records and notes what became of each. None when the run is stopping.
    pub(super) async fn seal(&self, i: usize) -> Result<Option<Sealed>, RunError> {
        let engine = &self.engine;
        let Node::Sink(gate, sink) = &engine.nodes[i] else { return Ok(None) };
        let order = engine.sink_order(i);
        if !self.options.write_dataset {
            for &(_, at) in &order {
                let t = gate.read(at)?;
                engine.sunk(i, &t.prompt, None);
                if let Some(face) = Face::of_trajectory(&t) {
                    engine.progress.count_row(face);
                }
            }
            return Ok(Some(Sealed { rows: order.len() as u64, ..Sealed::default() }));
        }
        let records = futures::stream::iter(order.clone())
            .chunks(TOGETHER)
            .map(|some| read(engine.clone(), i, some))
            .buffered(AHEAD)
            .flat_map(futures::stream::iter)
            .boxed();
        let cx = self.sink_cx();
        // A shard that is given up half-way leaves nothing under its name, so this may be cut off.
        let written = tokio::select! {
            written = sink.write(records, &cx) => written,
            () = engine.env.shutdown().reached(Phase::Aborting) => return Ok(None),
        };
        let sealed = match written {
            Ok(sealed) => sealed,
            Err(error) => {
                engine.stage_failed(error);
                return Ok(None);
            }
        };
        let failed: BTreeMap<Id, &str> =
            sealed.failed.iter().map(|(id, what)| (*id, what.as_str())).collect();
        for (id, at) in order {
            engine.sunk(i, &gate.prompt(at)?, failed.get(&id).copied());
        }
        Ok(Some(sealed))
    }

    fn sink_cx(&self) -> SinkCx {
        SinkCx {
            store: self.options.store.clone(),
            blobs: self.options.blobs.clone(),
            about: self.report(true),
            pipeline: self.manifest.pipeline.clone(),
            pipeline_digest: self.manifest.digest.clone(),
            models: self.manifest.models.clone().into_iter().collect(),
        }
    }
}

/// What waits at these places before the sink `i`, read on another thread: putting a whole trajectory
/// together takes as long as encoding its row.
async fn read(
    engine: Arc<Engine>,
    i: usize,
    places: Vec<(Id, SpillRef)>,
) -> Vec<Result<Trajectory, StageError>> {
    let one = move |at| match &engine.nodes[i] {
        Node::Sink(gate, _) => gate.read(at),
        _ => Err(StoreError::other("scratch file", "only a sink's records wait for it")),
    };
    let one = move |(_, at)| one(at).map_err(|e| fatal_store(&e));
    let read = move || places.into_iter().map(one).collect();
    let read = tokio::task::spawn_blocking(read).await;
    read.unwrap_or_else(|panic| vec![Err(fatal_store(&StoreError::of("scratch file", panic)))])
}

fn fatal_store(error: &StoreError) -> StageError {
    StageError::Call(CallError::Store(Cause::new(error.clone())))
}
