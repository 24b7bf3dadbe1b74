//! `RUN/sessions/<start>-<chance>.json`: what this process has in flight, written now and then, so
//! that a reader can say how many calls a crash may have made us pay twice.

use crate::env::{Env, Phase};
use crate::journal::Journaled;
use crate::record::{Ending, Session};
use crate::store::{Layout, Store, StoreError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// How often it is written, if anything has changed.
const EVERY: Duration = Duration::from_secs(2);
/// How often it is written all the same: by this a reader tells a live process from a lost one.
pub(super) const HEARTBEAT_MS: u64 = 30_000;

/// This process's session.
pub struct Live {
    writer: Arc<Writer>,
    over: watch::Sender<bool>,
    task: tokio::task::JoinHandle<()>,
}

impl Live {
    /// Writes the session's file and keeps it up to date until `end`.
    pub async fn begin(
        env: &Env,
        store: Store,
        journaled: Arc<Journaled>,
    ) -> Result<Live, StoreError> {
        let started_ms = env.unix_ms();
        let chance = env.entropy() as u32;
        let writer = Arc::new(Writer {
            env: env.clone(),
            store,
            name: format!("{}/{started_ms:013}-{chance:08x}.json", Layout::SESSIONS),
            journaled,
            started_ms,
            by: env.process(),
            last: Mutex::default(),
        });
        writer.write(writer.now()).await?;
        let (over, ended) = watch::channel(false);
        let task = env.spawn(writer.clone().keep(ended));
        Ok(Live { writer, over, task })
    }

    /// The run is over. Calls that were called off half-way may have been paid: then the session
    /// keeps how many there were when they were last seen.
    pub async fn end(self, ending: Ending) {
        self.over.send_replace(true);
        let _ = self.task.await;
        let writer = &self.writer;
        let session = if writer.env.shutdown().phase() < Phase::Aborting {
            Session { in_flight: 0, closed: true, ..writer.now() }
        } else {
            writer.last.lock().unwrap_or_else(PoisonError::into_inner).clone()
        };
        // A store that is down now is told of by what had to be written before.
        let _ = writer.write(Session { ended: Some(ending), ..session }).await;
    }
}

struct Writer {
    env: Env,
    store: Store,
    name: String,
    journaled: Arc<Journaled>,
    started_ms: u64,
    by: String,
    /// What was written last.
    last: Mutex<Session>,
}

impl Writer {
    fn now(&self) -> Session {
        let (in_flight, most_in_flight) = self.journaled.in_flight();
        Session {
            started_ms: self.started_ms,
            seen_ms: self.env.unix_ms(),
            in_flight,
            most_in_flight,
            closed: false,
            by: self.by.clone(),
            ended: None,
        }
    }

    async fn write(&self, session: Session) -> Result<(), StoreError> {
        let text = serde_json::to_vec(&session).map_err(|e| StoreError::of(&self.name, e))?;
        self.store.put(&self.name, text.into()).await?;
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = session;
        Ok(())
    }

    async fn keep(self: Arc<Self>, mut over: watch::Receiver<bool>) {
        let mut last = (0, 0, 0);
        while !*over.borrow() {
            let now = self.now();
            let beat = now.seen_ms / HEARTBEAT_MS;
            let seen = (now.in_flight, now.most_in_flight, beat);
            if seen != last {
                // A store that is down stops the run by the calls that cannot be journaled.
                let _ = self.write(now).await;
                last = seen;
            }
            tokio::select! {
                () = self.env.sleep(EVERY) => {}
                _ = over.changed() => {}
            }
        }
    }
}
