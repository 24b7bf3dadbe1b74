//! The reward of the second stage as a pure function of what was seen of a rollout (paper, section
//! 3.3, equations 6 and 7). The kind `reward` and the service share it.
//!
//! Readings of what the paper leaves open, with their defaults:
//! - A rollout of one picture compares nothing. Equation 6 asks that *every* later picture be better,
//!   which is true of none at all; the text and Figure 6 speak of a reward that is earned by going on.
//!   So it earns nothing (`one_picture`).
//! - A tie is not better (`ties`): else drawing the same picture again would be paid for.
//! - The format costs once a rollout, however many turns break it: equation 7 has one term for it.
//! - Without a picture nothing is satisfied and nothing is better.

use crate::record::{Preference, Reward};

/// The readings that are choices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Readings {
    /// One picture earns the pairwise part, having nothing to be better than.
    pub one_picture: bool,
    /// A picture that ties with the one before counts as better.
    pub ties: bool,
}

/// What was seen of a rollout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen<'a> {
    /// All rules and the whole checklist hold of the last picture; false without a picture.
    pub satisfied: bool,
    /// Every turn keeps the grammar and the end is one of the grammar's.
    pub whole: bool,
    pub pictures: usize,
    /// Each picture but the first against the one before it, in order.
    pub pairs: &'a [Preference],
}

/// The parts in thousandths, so that sums are exact.
const POINT: i32 = 700;
const FORMAT: i32 = -200;
const PAIR: i32 = 300;
/// lambda where the last picture does not satisfy, in thousandths.
const UNSATISFIED: i32 = 500;

/// Equation 7: `point + format + lambda * pair`. The values are 0, 0.15, 0.7 and 1, and the same less
/// 0.2 where the format was broken.
pub fn reward(seen: &Seen<'_>, readings: Readings) -> Reward {
    let better = |pair: &Preference| match pair {
        Preference::Second => true,
        Preference::Tie => readings.ties,
        Preference::First => false,
    };
    let pairs = match seen.pictures {
        0 => false,
        1 => readings.one_picture,
        n => seen.pairs.len() + 1 == n && seen.pairs.iter().all(better),
    };
    let satisfied = seen.satisfied && seen.pictures > 0;
    let point = if satisfied { POINT } else { 0 };
    let format = if seen.whole { 0 } else { FORMAT };
    let pair = if pairs { PAIR } else { 0 };
    let lambda = if satisfied { 1000 } else { UNSATISFIED };
    let part = |thousandths: i32| f64::from(thousandths) / 1000.0;
    Reward {
        score: part(point + format + lambda * pair / 1000),
        point: part(point),
        format: part(format),
        pair: part(pair),
        lambda: part(lambda),
    }
}

#[cfg(test)]
mod tests {
    use super::{Readings, Seen, reward};
    use crate::record::Preference;
    use proptest::prelude::*;

    fn preference() -> impl Strategy<Value = Preference> {
        prop_oneof![Just(Preference::First), Just(Preference::Second), Just(Preference::Tie)]
    }

    fn readings() -> impl Strategy<Value = Readings> {
        (any::<bool>(), any::<bool>())
            .prop_map(|(one_picture, ties)| Readings { one_picture, ties })
    }

    fn seen(satisfied: bool, whole: bool, pairs: &[Preference], pictures: usize) -> Seen<'_> {
        Seen { satisfied, whole, pictures, pairs }
    }

    #[test]
    fn the_papers_cases() {
        use Preference::{First, Second, Tie};
        let all = Readings { one_picture: true, ties: true };
        let none = Readings::default();
        for (satisfied, whole, pairs, pictures, readings, expected) in [
            (true, true, vec![Second, Second], 3, none, 1.0),
            (true, true, vec![Second, First], 3, none, 0.7),
            (false, true, vec![Second], 2, none, 0.15),
            (true, true, vec![Tie], 2, none, 0.7),
            (true, true, vec![Tie], 2, all, 1.0),
            (true, true, vec![], 1, none, 0.7),
            (true, true, vec![], 1, all, 1.0),
            (false, true, vec![], 1, all, 0.15),
            (true, false, vec![Second], 2, none, 0.8),
            (true, false, vec![], 1, none, 0.5),
            (false, false, vec![], 0, all, -0.2),
            // Without a picture nothing can be satisfied, whatever was said.
            (true, true, vec![], 0, all, 0.0),
            // A pair that was not asked about is not won.
            (true, true, vec![Second], 3, none, 0.7),
        ] {
            let found = reward(&seen(satisfied, whole, &pairs, pictures), readings);
            assert_eq!(found.score, expected, "{satisfied} {whole} {pairs:?} of {pictures}");
        }
    }

    proptest! {
        #[test]
        fn is_one_of_eight_values_and_the_sum_of_its_parts(
            satisfied: bool, whole: bool,
            pairs in prop::collection::vec(preference(), 0..5),
            more in 0usize..2, readings in readings(),
        ) {
            let found = reward(&seen(satisfied, whole, &pairs, pairs.len() + more), readings);
            let values = [0.0, 0.15, 0.7, 1.0, -0.2, -0.05, 0.5, 0.8];
            prop_assert!(values.contains(&found.score), "{found:?}");
            let sum = found.point + found.format + found.lambda * found.pair;
            prop_assert!((sum - found.score).abs() < 1e-12);
            prop_assert_eq!(found.lambda, if found.point > 0.0 { 1.0 } else { 0.5 });
        }

        #[test]
        fn rises_with_each_part(
            satisfied: bool, whole: bool,
            pairs in prop::collection::vec(preference(), 1..5),
            at in 0usize..5, readings in readings(),
        ) {
            let score = |s, w, p: &[Preference]| reward(&seen(s, w, p, p.len() + 1), readings).score;
            let now = score(satisfied, whole, &pairs);
            prop_assert!(score(true, whole, &pairs) >= now);
            prop_assert!(score(satisfied, true, &pairs) >= now);
            let mut won = pairs.clone();
            won[at % pairs.len()] = Preference::Second;
            prop_assert!(score(satisfied, whole, &won) >= now);
            let mut lost = pairs.clone();
            lost[at % pairs.len()] = Preference::First;
            prop_assert!(score(satisfied, whole, &lost) <= now);
        }
    }
}
