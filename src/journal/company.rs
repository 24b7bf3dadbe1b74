//! How long a group of replies waits for company before it is written.
//!
//! A bucket is paid by the request, and many shards of few calls a second each would write hardly
//! more than one reply at a time. Where a group is a small part of the calls in flight, a call takes
//! many times the wait, and the endpoint stays busy with the others: there a group waits longer.

use crate::store::{Layout, Store};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// So many times the wait at most, at a bucket.
const MOST: u32 = 5;

/// The same for a shard, whose RUN pays all shards' requests: eight of them wrote 1,231 segments for
/// 39,851 calls, and 2,005 at five times, where one process writes 319.
const MOST_OF_A_SHARD: u32 = 10;

/// A group is small when it is less than this part of the calls in flight. A quarter leaves the endpoint
/// busy, and had eight shards write 1,078 segments for 16,305 calls where an eighth had 1,407.
const PART: usize = 4;

/// How many waits a small group of the journal at `dir` is worth.
pub(super) fn patience(store: &Store, dir: &str) -> u32 {
    match (store.is_remote(), dir == Layout::JOURNAL) {
        (false, _) => 1,
        (true, true) => MOST,
        (true, false) => MOST_OF_A_SHARD,
    }
}

/// The calls in flight, shared between who makes them and the writer.
#[derive(Debug, Clone, Default)]
pub(super) struct Company(Arc<AtomicUsize>);

impl Company {
    /// So many are in flight now, those that wait to be durable among them.
    pub fn set(&self, in_flight: usize) {
        self.0.store(in_flight, Ordering::Relaxed);
    }

    fn is_small(&self, group: usize) -> bool {
        group * PART < self.0.load(Ordering::Relaxed)
    }

    /// How long after the last commit a group of this size is written, when `since` have gone by: a
    /// whole number of waits, `most` of them where the group is small.
    pub fn due(&self, group: usize, since: Duration, wait: Duration, most: u32) -> Duration {
        let most = if self.is_small(group) { most } else { 1 };
        (1..most).map(|times| wait * times).find(|due| *due > since).unwrap_or(wait * most)
    }
}

#[cfg(test)]
mod tests {
    use super::{Company, MOST, MOST_OF_A_SHARD};
    use std::time::Duration;

    #[test]
    fn a_small_part_of_what_is_in_flight_waits_longer() {
        let company = Company::default();
        let ms = Duration::from_millis;
        let due = |group, since, most| company.due(group, ms(since), ms(200), most);
        company.set(512);
        // Not yet the time to look again; then again and again; then no more.
        for (since, expected) in [(0, 200), (199, 200), (200, 400), (650, 800), (800, 1000)] {
            assert_eq!(due(4, since, MOST), ms(expected));
        }
        assert_eq!(due(4, 5_000, MOST), ms(1000), "it is over");
        assert_eq!(due(4, 5_000, MOST_OF_A_SHARD), ms(2000), "it is over for a shard");
        assert_eq!(due(127, 300, MOST), ms(400), "not yet a quarter");
        assert_eq!(due(128, 300, MOST), ms(200), "a large part");
        assert_eq!(due(4, 300, 1), ms(200), "on a disk");
        company.set(4);
        assert_eq!(due(4, 300, MOST), ms(200), "nobody else may come");
    }
}
