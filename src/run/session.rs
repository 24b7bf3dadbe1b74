//! `RUN/sessions/<start>-<chance>.json`: what this process has in flight, written now and then, so
//! that a reader can say how many calls a crash may have made us pay twice.

use crate::env::{Env, Phase};
use crate::journal::Journaled;
use crate::record::Session;
use crate::store::{Layout, Store, StoreError};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// How often it is written, if anything has changed.
const EVERY: Duration = Duration::from_secs(2);

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
        });
        writer.write(writer.now()).await?;
        let (over, ended) = watch::channel(false);
        let task = env.spawn(writer.clone().keep(ended));
        Ok(Live { writer, over, task })
    }

    /// The run is over. Calls that were called off half-way may have been paid: then the session
    /// stays as it was last seen.
    pub async fn end(self) {
        self.over.send_replace(true);
        let _ = self.task.await;
        let writer = &self.writer;
        if writer.env.shutdown().phase() < Phase::Aborting {
            // A store that is down now is told of by what had to be written before.
            let _ = writer.write(Session { in_flight: 0, closed: true, ..writer.now() }).await;
        }
    }
}

struct Writer {
    env: Env,
    store: Store,
    name: String,
    journaled: Arc<Journaled>,
    started_ms: u64,
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
        }
    }

    async fn write(&self, session: Session) -> Result<(), StoreError> {
        let text = serde_json::to_vec(&session)
            .map_err(|e| StoreError::Other { place: self.name.clone(), what: e.to_string() })?;
        self.store.put(&self.name, text.into()).await
    }

    async fn keep(self: Arc<Self>, mut over: watch::Receiver<bool>) {
        let mut last = (0, 0);
        while !*over.borrow() {
            let now = self.now();
            if (now.in_flight, now.most_in_flight) != last {
                // A store that is down stops the run by the calls that cannot be journaled.
                let _ = self.write(now).await;
                last = (now.in_flight, now.most_in_flight);
            }
            tokio::select! {
                () = self.env.sleep(EVERY) => {}
                _ = over.changed() => {}
            }
        }
    }
}
