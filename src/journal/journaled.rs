//! `Journaled`: a `call::Model` that buys a call at most once; and blobs as `call::Images`.

use crate::call::{CallError, Fatal, Images, KeyedRequest, Model, Output, Reply};
use crate::env::Env;
use crate::journal::bytes::{Short, short};
use crate::journal::entry::Line;
use crate::journal::{Journal, JournalError};
use crate::record::{CallKey, Cause, Digest, NanoUsd};
use crate::store::{Blobs, StoreError};
use bytes::Bytes;
use parking_lot::{Mutex, MutexGuard, RwLock};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::watch;

/// How many calls of a role were bought and replayed in this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct Counts {
    pub made: u64,
    pub replayed: u64,
    /// Joined a call already in flight.
    pub shared: u64,
}

#[derive(Default)]
struct Tally {
    made: AtomicU64,
    replayed: AtomicU64,
    shared: AtomicU64,
}

type Outcome = Result<Reply, CallError>;

/// Answers from the journal; else asks `inner`, writes the image to the blobs, makes the reply
/// durable, and answers. Equal requests in flight share one call.
pub struct Journaled {
    env: Env,
    journal: Arc<Journal>,
    blobs: Blobs,
    inner: Arc<dyn Model>,
    /// Calls in flight. The value is there once the call has ended.
    flights: Mutex<HashMap<CallKey, watch::Receiver<Option<Outcome>>>>,
    /// The most calls that were in flight at once.
    most: AtomicU64,
    /// Paid replies that could not be journaled, and their cost in nano-dollars.
    uncounted: (AtomicU64, AtomicU64),
    /// Grows by a role a run has, so a write is rare and readers do not meet.
    tallies: RwLock<HashMap<String, Arc<Tally>>>,
    /// See `passing`: the keys that were answered.
    passed: Option<Mutex<HashSet<Short>>>,
}

impl std::fmt::Debug for Journaled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Journaled").field(&self.inner).finish()
    }
}

/// Whoever holds it makes the call; dropping it (also by cancellation) ends the flight.
struct Leader<'a> {
    of: &'a Journaled,
    key: CallKey,
    done: watch::Sender<Option<Outcome>>,
}

impl Drop for Leader<'_> {
    fn drop(&mut self) {
        let mut flights = self.of.flights();
        flights.remove(&self.key);
        self.of.journal.in_flight(flights.len());
    }
}

/// What an asker of a call that is in flight is: the one who makes it, or one who waits for it.
enum Flight<'a> {
    Leader(Leader<'a>),
    Follower(watch::Receiver<Option<Outcome>>),
}

impl Journaled {
    pub fn new(env: Env, journal: Arc<Journal>, blobs: Blobs, inner: Arc<dyn Model>) -> Self {
        Journaled {
            env,
            journal,
            blobs,
            inner,
            flights: Mutex::default(),
            most: AtomicU64::new(0),
            uncounted: Default::default(),
            tallies: RwLock::default(),
            passed: None,
        }
    }

    /// One that only counts what passes, since `inner` answers from another RUN's journal: a call counts
    /// as made when it passes first, and as replayed after that.
    pub fn passing(self) -> Self {
        Journaled { passed: Some(Mutex::default()), ..self }
    }

    /// By role, sorted.
    pub fn counts(&self) -> Vec<(String, Counts)> {
        let tallies = self.tallies.read();
        let mut counts: Vec<(String, Counts)> = tallies
            .iter()
            .map(|(role, tally)| {
                let read = |n: &AtomicU64| n.load(Ordering::Relaxed);
                let Tally { made, replayed, shared } = &**tally;
                let counts =
                    Counts { made: read(made), replayed: read(replayed), shared: read(shared) };
                (role.clone(), counts)
            })
            .collect();
        counts.sort_by(|a, b| a.0.cmp(&b.0));
        counts
    }

    /// Calls asked for and not yet durable: now, and the most there were at once.
    pub fn in_flight(&self) -> (u64, u64) {
        let now = self.flights().len() as u64;
        (now, self.most.load(Ordering::Relaxed))
    }

    /// Paid replies that did not become durable, and what they cost.
    pub fn uncounted(&self) -> (u64, NanoUsd) {
        let (calls, cost) = &self.uncounted;
        (calls.load(Ordering::Relaxed), NanoUsd(cost.load(Ordering::Relaxed)))
    }

    fn tally(&self, role: &str) -> Arc<Tally> {
        let known = self.tallies.read().get(role).cloned();
        known.unwrap_or_else(|| {
            let mut tallies = self.tallies.write();
            Arc::clone(tallies.entry(role.to_string()).or_default())
        })
    }

    fn flights(&self) -> MutexGuard<'_, HashMap<CallKey, watch::Receiver<Option<Outcome>>>> {
        self.flights.lock()
    }

    fn board(&self, key: CallKey) -> Flight<'_> {
        let mut flights = self.flights();
        if let Some(flight) = flights.get(&key) {
            return Flight::Follower(flight.clone());
        }
        let (done, flight) = watch::channel(None);
        flights.insert(key, flight);
        self.most.fetch_max(flights.len() as u64, Ordering::Relaxed);
        self.journal.in_flight(flights.len());
        Flight::Leader(Leader { of: self, key, done })
    }

    async fn buy(&self, request: KeyedRequest<'_>) -> Outcome {
        let mut reply = self.inner.call(request).await?;
        self.keep_image(&mut reply).await?;
        let at_ms = self.env.unix_ms();
        let line = Line { key: request.key(), at_ms, request: request.request(), reply: &reply };
        if let Err(error) = self.journal.keep(line).await {
            self.uncounted.0.fetch_add(1, Ordering::Relaxed);
            self.uncounted.1.fetch_add(reply.cost.0, Ordering::Relaxed);
            return Err(fatal(&error));
        }
        Ok(reply)
    }

    /// What the journal has for `key`. An entry whose image is lost counts as not bought: whoever
    /// needs the picture can only have it drawn again.
    async fn replay(&self, key: &CallKey) -> Result<Option<Reply>, CallError> {
        while let Some(reply) = self.journal.reply(key).await.map_err(|e| store_down(&e))? {
            let Output::Image { image, .. } = &reply.output else { return Ok(Some(reply)) };
            if self.blobs.holds(image.digest, image.bytes).await.map_err(|e| store_down(&e))? {
                return Ok(Some(reply));
            }
            self.journal.pass_over(key);
        }
        Ok(None)
    }

    /// The image's bytes into the blobs, durable before the frame that names them.
    async fn keep_image(&self, reply: &mut Reply) -> Result<(), CallError> {
        let Output::Image { image, bytes, .. } = &mut reply.output else { return Ok(()) };
        let Some(bytes) = bytes.take() else {
            // Whoever answers from another journal names a picture that is there already.
            let there = self.blobs.holds(image.digest, image.bytes).await;
            return match there.map_err(|e| store_down(&e))? {
                true => Ok(()),
                false => Err(CallError::Record {
                    what: "an image came without its bytes, and is not among the blobs".to_string(),
                }),
            };
        };
        let digest = self.blobs.put(bytes).await.map_err(|e| store_down(&e))?;
        if digest != image.digest {
            let what = format!("an image says digest `{}` and has `{digest}`", image.digest);
            return Err(CallError::Record { what });
        }
        Ok(())
    }
}

#[async_trait::async_trait]
impl Model for Journaled {
    async fn call(&self, request: KeyedRequest<'_>) -> Result<Reply, CallError> {
        let key = request.key();
        let tally = self.tally(request.role());
        let count = |n: &AtomicU64| n.fetch_add(1, Ordering::Relaxed);
        if let Some(passed) = &self.passed {
            let reply = self.inner.call(request).await?;
            let first = passed.lock().insert(short(&key));
            count(if first { &tally.made } else { &tally.replayed });
            return Ok(reply);
        }
        loop {
            if let Some(reply) = self.replay(&key).await? {
                count(&tally.replayed);
                return Ok(reply);
            }
            match self.board(key) {
                Flight::Leader(leader) => {
                    // Another may have led and landed since we looked into the journal.
                    if self.journal.contains(&key) {
                        continue;
                    }
                    let outcome = self.buy(request).await;
                    if outcome.is_ok() {
                        count(&tally.made);
                    }
                    // Who boards after this look finds the reply in the journal.
                    if outcome.is_err() || leader.done.receiver_count() > 1 {
                        leader.done.send_replace(Some(outcome.clone()));
                    }
                    return outcome;
                }
                Flight::Follower(mut flight) => {
                    // An error here means that the leader was cancelled: somebody else leads then.
                    let Ok(outcome) = flight.wait_for(Option::is_some).await else { continue };
                    if let Some(outcome) = outcome.clone() {
                        if outcome.is_ok() {
                            count(&tally.shared);
                        }
                        return outcome;
                    }
                }
            }
        }
    }
}

fn fatal(error: &JournalError) -> CallError {
    match error {
        JournalError::Fenced { .. } => {
            CallError::Fatal { kind: Fatal::Fenced, what: error.to_string() }
        }
        JournalError::Store(e) => store_down(e),
    }
}

fn store_down(error: &StoreError) -> CallError {
    CallError::Store(Cause::new(error.clone()))
}

/// The blobs as the images that a request names by digest.
#[derive(Clone)]
pub struct BlobImages(pub Blobs);

#[async_trait::async_trait]
impl Images for BlobImages {
    async fn image(&self, digest: Digest) -> Result<Bytes, CallError> {
        self.0.get(digest).await.map_err(|e| match e {
            // One image is lost, not the store: the records that need it are set aside.
            StoreError::NotFound { .. } | StoreError::Damaged { .. } => {
                CallError::Record { what: e.to_string() }
            }
            e => store_down(&e),
        })
    }
}
