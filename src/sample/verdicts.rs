//! Quotas by verdict: how many records to take by what their judgements say, so that accepting and
//! rejecting judgements are balanced in every round.
//!
//! Each record has one last judged turn: J of round k accepts and ends it, or rejects and a call
//! follows that nothing judges. So the rows form a chain: of those that reach round k, some end
//! there accepted, some end before J of round k (on the call), the rest go deeper, rejected.

use crate::sample::water_fill;
use std::collections::BTreeMap;

/// What the last judged turn says: its round (from 1), and whether it accepts.
pub type Says = (u8, bool);

/// What to take.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Quotas {
    pub taken: BTreeMap<Says, u64>,
    /// Of those that J of a round accepts, how many are to end on the call before it: the round's
    /// accepting judgements would be too many with them. A part of `taken`.
    pub cut: BTreeMap<u8, u64>,
}

/// What is wanted.
pub struct Wanted<'a> {
    /// Rows in all.
    pub target: u64,
    /// By round: the largest share of its judgements that may accept, in 0..1. Rounds that are not
    /// named are not held, and share evenly.
    pub accepts: &'a BTreeMap<u8, f64>,
    /// Of the records accepted after the first round, the share that is cut whatever the balance.
    pub cut_share: f64,
    /// The first round whose accepted records can be cut; none: they are left out instead.
    pub cut_from: Option<u8>,
}

/// Quotas for records `on_offer` by what their last judged turn says.
///
/// Where `target` is the bound, a round's accepting rows and the rest are taken in the wanted
/// proportion (and more of one where the other is dry). In every case accepting judgements are then
/// lowered to their share: those of the first round are left out, later ones are cut, so that
/// nothing that was paid for is lost but its last turn. Rejections are never left out for being
/// too many.
pub fn by_verdict(on_offer: &BTreeMap<Says, u64>, wanted: &Wanted<'_>) -> Quotas {
    let mut taken = BTreeMap::new();
    let mut budget = wanted.target;
    let last = on_offer.keys().map(|(round, _)| *round).max().unwrap_or(0);
    for round in 1..=last + 1 {
        let accepting = on_offer.get(&(round, true)).copied().unwrap_or(0);
        // They end on a call before this round is judged.
        let ending = match round {
            1 => 0,
            _ => on_offer.get(&(round - 1, false)).copied().unwrap_or(0),
        };
        let share = wanted.accepts.get(&round).copied().unwrap_or(0.5);
        let parts = [accepting, rejected_in(on_offer, round), ending];
        let quotas = water_fill(&parts, Some(&[share, 1.0 - share, 1.0 - share]), budget);
        taken.insert((round, true), quotas[0]);
        if round > 1 {
            taken.insert((round - 1, false), quotas[2]);
        }
        budget = quotas[1];
    }
    taken.retain(|_, n| *n > 0);
    hold(taken, wanted)
}

/// Lowers the accepting judgements of each round to their share, from the last round to the first:
/// what is left out of a later round no longer rejects in an earlier one.
fn hold(mut taken: BTreeMap<Says, u64>, wanted: &Wanted<'_>) -> Quotas {
    let mut cut = BTreeMap::new();
    let last = taken.keys().map(|(round, _)| *round).max().unwrap_or(0);
    for round in (1..=last).rev() {
        let Some(accepts) = taken.get(&(round, true)).copied() else { continue };
        let share = wanted.accepts.get(&round);
        let rejecting = rejected_in(&taken, round);
        let most = share.map_or(u64::MAX, |share| most_accepting(*share, rejecting));
        if wanted.cut_from.is_some_and(|from| round >= from) {
            let whole = accepts - (accepts as f64 * wanted.cut_share).round() as u64;
            cut.insert(round, accepts - whole.min(most));
        } else {
            taken.insert((round, true), accepts.min(most));
        }
    }
    taken.retain(|_, n| *n > 0);
    cut.retain(|_, n| *n > 0);
    Quotas { taken, cut }
}

/// Records whose J of `round` rejects.
fn rejected_in(on_offer: &BTreeMap<Says, u64>, round: u8) -> u64 {
    let deeper = |&&(last, accepts): &&Says| last > round || last == round && !accepts;
    on_offer.iter().filter(|(says, _)| deeper(says)).map(|(_, n)| n).sum()
}

/// How many may accept beside `rejecting` ones.
fn most_accepting(share: f64, rejecting: u64) -> u64 {
    (share / (1.0 - share) * rejecting as f64 + 1e-9).floor() as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn wanted(target: u64, accepts: &BTreeMap<u8, f64>) -> Wanted<'_> {
        Wanted { target, accepts, cut_share: 0.0, cut_from: Some(2) }
    }

    #[test]
    fn what_accepts_too_often_is_left_out_at_first_and_cut_later() {
        let offer = BTreeMap::from([((1, true), 106), ((2, true), 87), ((2, false), 12)]);
        let accepts = BTreeMap::from([(1, 0.5), (2, 0.6)]);
        let quotas = by_verdict(&offer, &wanted(32_000, &accepts));
        assert_eq!(quotas.taken, [((1, true), 99), ((2, true), 87), ((2, false), 12)].into());
        assert_eq!(quotas.cut, [(2, 87 - 18)].into());
        let uncut = Wanted { cut_from: None, ..wanted(32_000, &accepts) };
        assert_eq!(by_verdict(&offer, &uncut).taken[&(2, true)], 18);
    }

    #[test]
    fn a_small_target_is_met_in_proportion() {
        let offer = BTreeMap::from([((1, true), 900), ((2, true), 900), ((2, false), 900)]);
        let accepts = BTreeMap::from([(1, 0.5), (2, 0.6)]);
        let quotas = by_verdict(&offer, &wanted(200, &accepts));
        assert_eq!(quotas.taken, [((1, true), 100), ((2, true), 60), ((2, false), 40)].into());
        assert!(quotas.cut.is_empty());
    }

    proptest! {
        #[test]
        fn shares_hold_and_nothing_is_made_up(
            counts in proptest::collection::vec(0u64..300, 6), target in 1u64..900,
            first in 0.1f64..0.9, second in 0.1f64..0.9, cut_share in 0.0f64..1.0,
        ) {
            let says = [(1, true), (1, false), (2, true), (2, false), (3, true), (3, false)];
            let offer: BTreeMap<Says, u64> = says.into_iter().zip(counts).collect();
            let accepts = BTreeMap::from([(1, first), (2, second)]);
            let quotas = by_verdict(&offer, &Wanted { cut_share, ..wanted(target, &accepts) });
            for (says, taken) in &quotas.taken {
                prop_assert!(*taken <= offer[says]);
            }
            prop_assert!(quotas.taken.values().sum::<u64>() <= target);
            for round in [1, 2] {
                let cut = quotas.cut.get(&round).copied().unwrap_or(0);
                let accepting = quotas.taken.get(&(round, true)).copied().unwrap_or(0) - cut;
                let rejecting = rejected_in(&quotas.taken, round);
                prop_assert!(accepting as f64 <= accepts[&round] / (1.0 - accepts[&round]) * rejecting as f64 + 1e-6);
            }
        }
    }
}
