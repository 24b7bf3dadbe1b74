//! The processes that worked on a RUN, and what those that were killed left in flight.

use crate::archive::error::ArchiveError;
use crate::record::Session;
use crate::store::{Layout, Store};
use serde::Serialize;
use std::collections::BTreeMap;

/// What processes on the RUN left in flight when they were killed. A later run asks again for what
/// it needs of that, so it may have been paid twice.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Sessions {
    /// Processes known of; RUNs of older versions have none.
    pub known: u64,
    /// Of these, killed, with a process after them.
    pub killed: u64,
    /// Calls that the killed had in flight when they were last seen, and at their most.
    pub in_flight: u64,
    pub most_in_flight: u64,
}

impl Sessions {
    /// Of the sessions of one folder of a RUN, in any order.
    pub fn of(mut sessions: Vec<Session>) -> Sessions {
        sessions.sort_by_key(|session| session.started_ms);
        let mut out = Sessions { known: sessions.len() as u64, ..Sessions::default() };
        // The last may still be alive, and nothing was asked again after it.
        for session in sessions.iter().rev().skip(1).filter(|session| !session.closed) {
            out.killed += 1;
            out.in_flight += session.in_flight;
            out.most_in_flight += session.most_in_flight;
        }
        out
    }

    pub fn add(&mut self, other: Sessions) {
        self.known += other.known;
        self.killed += other.killed;
        self.in_flight += other.in_flight;
        self.most_in_flight += other.most_in_flight;
    }
}

/// By folder: a shard's processes follow each other, not those of other shards.
pub async fn read(store: &Store) -> Result<Sessions, ArchiveError> {
    let mut folders: BTreeMap<String, Vec<Session>> = BTreeMap::new();
    let mut names = store.list(Layout::SESSIONS).await?;
    names.extend(store.list(Layout::SHARDS).await?);
    for (name, _) in names {
        let Some((folder, _)) = name.rsplit_once('/') else { continue };
        if folder.rsplit('/').next() != Some(Layout::SESSIONS) {
            continue;
        }
        // One that cannot be read is one whose end is not known.
        let read = store.get(&name).await.ok();
        let session = read.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        folders.entry(folder.to_owned()).or_default().push(session.unwrap_or_default());
    }
    let mut out = Sessions::default();
    folders.into_values().for_each(|sessions| out.add(Sessions::of(sessions)));
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_kill_with_a_run_after_it_can_have_been_paid_twice() {
        let session = |started_ms: u64, in_flight: u64, closed: bool| Session {
            started_ms,
            in_flight,
            most_in_flight: 2 * in_flight,
            closed,
            ..Session::default()
        };
        // Killed, ended well, and one that may still be at work.
        let found =
            Sessions::of(vec![session(3, 9, false), session(1, 5, false), session(2, 0, true)]);
        let wanted = Sessions { known: 3, killed: 1, in_flight: 5, most_in_flight: 10 };
        assert_eq!(found, wanted);
        assert_eq!(Sessions::of(vec![session(1, 7, false)]).killed, 0);
    }
}
