//! `Cx`: a stage's only door to the world: calls and keyed chance.

use crate::call::{CallError, Model, Reply, Request};
use crate::env::Rng;
use crate::record::{CallKey, Id, NanoUsd};
use parking_lot::Mutex;

/// What a stage did with a call, for the decision's row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Used {
    pub key: CallKey,
    pub cost: NanoUsd,
    pub served: String,
    pub simulated: bool,
}

/// One record's visit to one stage.
pub struct Cx<'a> {
    model: &'a dyn Model,
    seed: u64,
    stage: &'a str,
    id: Id,
    /// In the order in which the calls were started, which is the stage's code's and so the same
    /// on every run, whatever order the replies come in.
    used: Mutex<Vec<Option<Used>>>,
}

impl<'a> Cx<'a> {
    pub fn new(model: &'a dyn Model, seed: u64, stage: &'a str, id: Id) -> Cx<'a> {
        Cx { model, seed, stage, id, used: Mutex::default() }
    }

    /// Asks a model. Equal requests share one bought reply.
    pub async fn call(&self, request: &Request) -> Result<Reply, CallError> {
        self.call_with_key(request).await.map(|(reply, _)| reply)
    }

    /// `call`, with the key that evidence names the call by.
    pub async fn call_with_key(&self, request: &Request) -> Result<(Reply, CallKey), CallError> {
        let request = request.keyed();
        let slot = {
            let mut used = self.used.lock();
            used.push(None);
            used.len() - 1
        };
        let reply = self.model.call(request).await?;
        let entry = Used {
            key: request.key(),
            cost: reply.cost,
            served: reply.served.clone(),
            simulated: reply.simulated,
        };
        self.used.lock()[slot] = Some(entry);
        Ok((reply, request.key()))
    }

    /// A part of this visit whose calls go on beside those of other parts: the same record at the
    /// same stage, with an account of its own until `join` takes it.
    pub fn part(&self) -> Cx<'a> {
        Cx::new(self.model, self.seed, self.stage, self.id)
    }

    /// Takes the calls of `parts` into this account, part by part: the order is the stage's, whatever
    /// order the replies came in.
    pub fn join(&self, parts: impl IntoIterator<Item = Cx<'a>>) {
        let calls = parts.into_iter().flat_map(|part| part.used.into_inner());
        self.used.lock().extend(calls);
    }

    /// Chance for this record at this stage, keyed by `purpose`.
    pub fn rng(&self, purpose: &str) -> Rng {
        Rng::keyed(self.seed, &[self.stage, &self.id.hex(), purpose])
    }

    /// The calls that were answered, in order.
    pub fn into_used(self) -> Vec<Used> {
        self.used.into_inner().into_iter().flatten().collect()
    }
}
