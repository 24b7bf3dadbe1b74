//! G' rollouts of one prompt to G, uniform over how many rounds they took (paper, section 3.3), and
//! the advantages inside the group that is left (equation 5).
//!
//! The paper says "uniformly over round counts" and no more. Our reading: the places are shared among
//! the round counts by water-filling (each gets the same; what one that runs dry leaves is shared
//! among the others), a place that cannot be shared evenly goes to a round count by lot, and inside a
//! round count the rollouts are drawn by lot, without replacement and blind to their rewards. Every
//! lot is a SHA-256 of the prompt's uid, so that a trainer's process in another language draws the
//! same: `tests/cases/rl/resample.jsonl` holds both to it.

use crate::sample::water_fill;
use std::collections::BTreeMap;

/// Which of the rollouts stay, as ascending places in `rounds`: `min(keep, rounds.len())` of them.
/// `rounds` says how many pictures each has; those that failed for reasons of infrastructure are left
/// out before, since they say nothing of the model.
pub fn resample(uid: &str, rounds: &[u32], keep: usize) -> Vec<usize> {
    let mut strata: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
    for (place, count) in rounds.iter().enumerate() {
        strata.entry(*count).or_default().push(place);
    }
    let mut strata: Vec<(u32, Vec<usize>)> = strata.into_iter().collect();
    strata.sort_by_key(|(count, _)| lot(uid, "round", u64::from(*count)));
    let available: Vec<u64> = strata.iter().map(|(_, members)| members.len() as u64).collect();
    let quotas = water_fill(&available, None, keep as u64);
    let mut kept: Vec<usize> = Vec::with_capacity(keep.min(rounds.len()));
    for ((_, mut members), quota) in strata.into_iter().zip(quotas) {
        members.sort_by_key(|place| lot(uid, "rollout", *place as u64));
        kept.extend(members.into_iter().take(quota as usize));
    }
    kept.sort_unstable();
    kept
}

/// SHA-256 of `coldstart resample v1/<uid>/<what>/<number>`; the least comes first.
fn lot(uid: &str, what: &str, number: u64) -> [u8; 32] {
    let text = format!("coldstart resample v1/{uid}/{what}/{number}");
    let digest = ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
    let mut out = [0; 32];
    out.copy_from_slice(digest.as_ref());
    out
}

/// Equation 5: each reward's distance from the group's mean in standard deviations (of the sample,
/// plus 1e-6, as verl computes it). A group of one has mean 0 and deviation 1, as there.
pub fn advantages(rewards: &[f64]) -> Vec<f64> {
    let n = rewards.len() as f64;
    let (mean, deviation) = match rewards.len() {
        0 => return Vec::new(),
        1 => (0.0, 1.0),
        _ => {
            let mean = rewards.iter().sum::<f64>() / n;
            let squares: f64 = rewards.iter().map(|r| (r - mean).powi(2)).sum();
            (mean, (squares / (n - 1.0)).sqrt())
        }
    };
    rewards.iter().map(|reward| (reward - mean) / (deviation + 1e-6)).collect()
}

#[cfg(test)]
mod tests {
    use super::{advantages, resample};
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    #[derive(serde::Deserialize)]
    struct Case {
        uid: String,
        rounds: Vec<u32>,
        keep: usize,
        kept: Vec<usize>,
        rewards: Vec<f64>,
        advantages: Vec<f64>,
    }

    /// The same file that the exported Python is held to.
    #[test]
    fn the_vectors_hold() {
        let file = include_str!("../../tests/cases/rl/resample.jsonl");
        let cases: Vec<Case> =
            file.lines().map(|line| serde_json::from_str(line).expect("a case")).collect();
        assert!(cases.len() >= 12);
        for case in cases {
            assert_eq!(resample(&case.uid, &case.rounds, case.keep), case.kept, "{}", case.uid);
            let found = advantages(&case.rewards);
            assert_eq!(found.len(), case.advantages.len(), "{}", case.uid);
            for (found, expected) in found.iter().zip(&case.advantages) {
                assert!((found - expected).abs() < 1e-9, "{}: {found} {expected}", case.uid);
            }
        }
    }

    /// A lot that favoured a round count would show in every group of a training.
    #[test]
    fn what_cannot_be_shared_evenly_goes_to_every_count_as_often() {
        let rounds = [1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3];
        let mut extra: BTreeMap<u32, u32> = BTreeMap::new();
        let mut places = [0; 12];
        for n in 0..3000 {
            let kept = resample(&format!("uid {n}"), &rounds, 8);
            for (count, place) in [1, 2, 3].into_iter().zip([0..4, 4..8, 8..12]) {
                let quota = kept.iter().filter(|at| place.contains(*at)).count();
                assert!(quota == 2 || quota == 3);
                *extra.entry(count).or_default() += u32::from(quota == 2);
            }
            kept.iter().for_each(|at| places[*at] += 1);
        }
        assert!(extra.values().all(|n| (880..1120).contains(n)), "{extra:?}");
        assert!(places.iter().all(|n| (1880..2120).contains(n)), "{places:?}");
    }

    proptest! {
        #[test]
        fn takes_each_at_most_once_and_shares_evenly(
            uid in "[a-z0-9-]{0,12}",
            rounds in prop::collection::vec(0u32..5, 0..20),
            keep in 0usize..16,
        ) {
            let kept = resample(&uid, &rounds, keep);
            prop_assert_eq!(kept.len(), keep.min(rounds.len()));
            prop_assert!(kept.windows(2).all(|pair| pair[0] < pair[1]));
            let count = |places: &mut dyn Iterator<Item = usize>| {
                let mut out: BTreeMap<u32, usize> = BTreeMap::new();
                places.for_each(|at| *out.entry(rounds[at]).or_default() += 1);
                out
            };
            let there = count(&mut (0..rounds.len()));
            let taken = count(&mut kept.iter().copied());
            let most = taken.values().max().copied().unwrap_or(0);
            for (round, all) in &there {
                let got = taken.get(round).copied().unwrap_or(0);
                prop_assert!(got == *all || got + 1 >= most, "{there:?} {taken:?}");
            }
            prop_assert_eq!(kept, resample(&uid, &rounds, keep));
        }

        #[test]
        fn advantages_have_mean_zero_and_keep_the_order(
            rewards in prop::collection::vec(prop_oneof![Just(-0.2), Just(0.0), Just(0.15), Just(0.7), Just(1.0)], 2..12),
        ) {
            let found = advantages(&rewards);
            prop_assert!(found.iter().sum::<f64>().abs() < 1e-6);
            for (i, a) in rewards.iter().enumerate() {
                for (j, b) in rewards.iter().enumerate() {
                    prop_assert!(a >= b || found[i] < found[j]);
                }
            }
        }
    }
}
