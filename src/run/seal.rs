//! The sealing of the dataset: the sink gets its records in keyed order, and the ledger hears what
//! became of each.
//!
//! The sink answers for the whole, and names the records that it could not write; all others were
//! written. See `stage::kinds::write_dataset` for how a dataset is written.

use crate::call::CallError;
use crate::env::Phase;
use crate::export::dataset::Face;
use crate::record::{Cause, Id, Trajectory};
use crate::run::RunError;
use crate::run::engine::{Engine, Node};
use crate::run::gate::Gate;
use crate::run::open::Run;
use crate::run::tables::{SCRATCH, done};
use crate::stage::{Sealed, SinkCx, StageError};
use crate::store::{SpillRef, StoreError};
use futures::{StreamExt, TryStreamExt};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Records read together on another thread: handing over costs as much as reading a small one.
const TOGETHER: usize = 64;

/// Records whose ends are noted together.
const NOTED: usize = 512;

/// So many times `TOGETHER`, or `NOTED`, at once.
const AHEAD: usize = 2;

impl Run {
    /// Hands the sink its records and notes what became of each. None when the run is stopping.
    pub(super) async fn seal(&self, i: usize) -> Result<Option<Sealed>, RunError> {
        let engine = &self.engine;
        let Node::Sink(_, sink) = &engine.nodes[i] else { return Ok(None) };
        let order = engine.sink_order(i);
        if !self.options.write_dataset {
            return self.count(i, &order).await.map(Some);
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
        let failed: BTreeMap<Id, String> = sealed.failed.iter().cloned().collect();
        let note = move |gate: &Gate, engine: &Engine, id, at| {
            engine.sunk(i, &gate.prompt(at)?, failed.get(&id).map(String::as_str));
            Ok(())
        };
        self.each_waiting(i, &order, note).await?;
        Ok(Some(sealed))
    }

    /// Counts the rows that would be written.
    async fn count(&self, i: usize, order: &[(Id, SpillRef)]) -> Result<Sealed, RunError> {
        let count = move |gate: &Gate, engine: &Engine, _, at| {
            let t = gate.read(at)?;
            engine.sunk(i, &t.prompt, None);
            Ok(Face::of_trajectory(&t))
        };
        let faces = self.each_waiting(i, order, count).await?;
        faces.into_iter().flatten().for_each(|face| self.engine.progress.count_row(face));
        Ok(Sealed { rows: order.len() as u64, ..Sealed::default() })
    }

    /// Does `each` to all that waits before the sink `i`, on other threads and in no order; what it gives comes in
    /// theirs. (Tables are sorted when they are written.)
    async fn each_waiting<T: Send + 'static>(
        &self,
        i: usize,
        order: &[(Id, SpillRef)],
        each: impl Fn(&Gate, &Engine, Id, SpillRef) -> Result<T, StoreError> + Send + Sync + 'static,
    ) -> Result<Vec<T>, StoreError> {
        let each = Arc::new(each);
        let some = |places: &[(Id, SpillRef)]| {
            let (engine, each, places) = (self.engine.clone(), each.clone(), places.to_vec());
            let work = tokio::task::spawn_blocking(move || {
                let Node::Sink(gate, _) = &engine.nodes[i] else { return Ok(Vec::new()) };
                places.into_iter().map(|(id, at)| each(gate, &engine, id, at)).collect()
            });
            async { done(SCRATCH, work.await) }
        };
        let all = futures::stream::iter(order.chunks(NOTED).map(some)).buffered(AHEAD);
        Ok(all.try_collect::<Vec<Vec<T>>>().await?.into_iter().flatten().collect())
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
    let read = tokio::task::spawn_blocking(move || Ok(read()));
    done(SCRATCH, read.await).unwrap_or_else(|error| vec![Err(fatal_store(&error))])
}

fn fatal_store(error: &StoreError) -> StageError {
    StageError::Call(CallError::Store(Cause::new(error.clone())))
}
