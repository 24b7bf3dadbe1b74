//! `RUN/sessions/<start>-<chance>.json`: what this process has in flight, written now and then, so
//! that a reader can say how many calls a crash may have made us pay twice.

use crate::env::{Env, Phase};
use crate::journal::Journaled;
use crate::record::{Ending, Session};
use crate::store::{Layout, Store, StoreError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// How often it is looked whether there is news to write.
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
            writer.written()
        };
        // A store that is down now is told of by what had to be written before.
        let _ = writer.write(Session { ended: Some(ending), ..session }).await;
    }
}

/// Whether `now` says something that `last` did not: a heartbeat, more calls than ever, or a number in
/// flight that is another by a quarter. A bucket is paid by the request.
fn is_news(last: &Session, now: &Session) -> bool {
    let beat = |session: &Session| session.seen_ms / HEARTBEAT_MS;
    beat(now) != beat(last)
        || now.most_in_flight > last.most_in_flight
        || 4 * now.in_flight.abs_diff(last.in_flight) > last.in_flight
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

    fn written(&self) -> Session {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn write(&self, session: Session) -> Result<(), StoreError> {
        let text = serde_json::to_vec(&session).map_err(|e| StoreError::of(&self.name, e))?;
        self.store.put(&self.name, text.into()).await?;
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = session;
        Ok(())
    }

    async fn keep(self: Arc<Self>, mut over: watch::Receiver<bool>) {
        let mut last = self.written();
        while !*over.borrow() {
            let now = self.now();
            if is_news(&last, &now) {
                last = now.clone();
                // A store that is down stops the run by the calls that cannot be journaled.
                let _ = self.write(now).await;
            }
            tokio::select! {
                () = self.env.sleep(EVERY) => {}
                _ = over.changed() => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{HEARTBEAT_MS, is_news};
    use crate::record::Session;

    #[test]
    fn what_hardly_changes_is_told_at_each_heartbeat() {
        let at = |seen_ms, in_flight, most_in_flight| Session {
            seen_ms,
            in_flight,
            most_in_flight,
            ..Session::default()
        };
        let last = at(10, 512, 512);
        assert!(!is_news(&last, &at(9_000, 500, 512)));
        assert!(is_news(&last, &at(9_000, 300, 512)));
        assert!(is_news(&last, &at(9_000, 512, 513)));
        assert!(is_news(&last, &at(HEARTBEAT_MS, 512, 512)));
        assert!(is_news(&at(10, 0, 9), &at(12, 1, 9)));
        assert!(!is_news(&at(10, 0, 9), &at(12, 0, 9)));
    }
}
