//! How long a group of replies waits for company before it is written.
//!
//! A bucket is paid by the request, and many shards of few calls a second each would write hardly
//! more than one reply at a time. Where a group is a small part of the calls in flight, a call takes
//! many times the wait, and the endpoint stays busy with the others: there a group waits longer.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// So many times the wait at most.
const MOST: u32 = 5;

/// A group is small when it is less than this part of the calls in flight. A quarter leaves the endpoint
/// busy, and had eight shards write 1,078 segments for 16,305 calls where an eighth had 1,407.
const PART: usize = 4;

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
    /// whole number of waits. `patient`: more than one is worth the while.
    pub fn due(&self, group: usize, since: Duration, wait: Duration, patient: bool) -> Duration {
        let most = if patient && self.is_small(group) { MOST } else { 1 };
        (1..most).map(|times| wait * times).find(|due| *due > since).unwrap_or(wait * most)
    }
}

#[cfg(test)]
mod tests {
    use super::Company;
    use std::time::Duration;

    #[test]
    fn a_small_part_of_what_is_in_flight_waits_longer() {
        let company = Company::default();
        let ms = Duration::from_millis;
        let due = |group, since, patient| company.due(group, ms(since), ms(200), patient);
        company.set(512);
        // Not yet the time to look again; then again and again; then no more.
        for (since, expected) in [(0, 200), (199, 200), (200, 400), (650, 800), (800, 1000)] {
            assert_eq!(due(4, since, true), ms(expected));
        }
        assert_eq!(due(4, 5_000, true), ms(1000), "it is over");
        assert_eq!(due(127, 300, true), ms(400), "not yet a quarter");
        assert_eq!(due(128, 300, true), ms(200), "a large part");
        assert_eq!(due(4, 300, false), ms(200));
        company.set(4);
        assert_eq!(due(4, 300, true), ms(200), "nobody else may come");
    }
}
