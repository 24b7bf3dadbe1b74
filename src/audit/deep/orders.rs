//! The two orders of pairwise comparisons: do they agree, and does the judge prefer a place?

use crate::audit::stats::Share;
use serde::Serialize;

/// Agreement of the two orders of a pairwise comparison. A is the picture shown first.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OrderAudit {
    /// Both orders preferred the same picture (or both said tie).
    pub agree: Share,
    /// The later picture won both orders, of all pairs.
    pub later_wins: Share,
    /// Of pairs decided against each other by place alone: A was preferred both times. 0.5 = no
    /// bias; an interval that excludes 0.5 = the judge prefers a place.
    pub prefers_a: Share,
    /// At least one order said tie.
    pub any_tie: Share,
}

impl OrderAudit {
    /// Whether the interval excludes a judge without a preferred place.
    pub fn biased(&self) -> bool {
        self.prefers_a.of > 0 && !self.prefers_a.holds(0.5)
    }
}

/// Counts pairs.
#[derive(Default)]
pub struct Orders {
    pairs: u64,
    agree: u64,
    later: u64,
    tie: u64,
    place_a: u64,
    place_b: u64,
}

impl Orders {
    /// Answers name the picture, not its place: `first` is the earlier picture, which the first
    /// ask showed as A and the second as B.
    pub fn push(&mut self, ab: &str, ba: &str) {
        self.pairs += 1;
        self.agree += u64::from(ab == ba);
        self.later += u64::from(ab == "second" && ba == "second");
        self.tie += u64::from(ab == "tie" || ba == "tie");
        self.place_a += u64::from(ab == "first" && ba == "second");
        self.place_b += u64::from(ab == "second" && ba == "first");
    }

    pub fn finish(&self) -> Option<OrderAudit> {
        (self.pairs > 0).then(|| OrderAudit {
            agree: Share::of(self.agree, self.pairs),
            later_wins: Share::of(self.later, self.pairs),
            prefers_a: Share::of(self.place_a, self.place_a + self.place_b),
            any_tie: Share::of(self.tie, self.pairs),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_judge_who_prefers_a_place_is_found() {
        let mut orders = Orders::default();
        assert!(orders.finish().is_none());
        for (ab, ba, times) in
            [("second", "second", 100), ("first", "second", 40), ("second", "first", 5)]
        {
            (0..times).for_each(|_| orders.push(ab, ba));
        }
        let found = orders.finish().unwrap();
        assert_eq!((found.prefers_a.hits, found.prefers_a.of), (40, 45));
        assert_eq!((found.agree.hits, found.agree.of), (100, 145));
        assert!(found.biased());
    }

    #[test]
    fn ties_show_no_preference() {
        let mut orders = Orders::default();
        (0..50).for_each(|_| orders.push("tie", "tie"));
        let found = orders.finish().unwrap();
        assert_eq!((found.any_tie.hits, found.prefers_a.of), (50, 0));
        assert!(!found.biased());
    }
}
