//! How a record ends, and how many of each sort are picked: quotas over outcomes or over what the last
//! judgements say.

use super::{Balance, End, Group, Offer, OpenEnd};
use crate::record::{Id, Outcome, Trajectory};
use crate::sample::{Says, Wanted, by_verdict, water_fill};
use crate::stage::To;
use std::collections::BTreeMap;

impl Balance {
    pub(super) fn end_of(&self, t: &Trajectory) -> End {
        let Some(last) = t.rounds.last() else { return End::Nowhere };
        let rounds = t.rounds.len();
        // A third reflection that was not drawn has nothing to be accepted.
        let accepted = last.judgement.as_ref().is_some_and(|j| j.satisfied);
        let round = u8::try_from(rounds).unwrap_or(u8::MAX);
        let may_open = match self.open_end {
            OpenEnd::Rejection => rounds >= 3 && rejected(t, 1),
            OpenEnd::SecondCall => rounds >= 2,
            OpenEnd::LastCall => rounds >= 2 && rejected(t, rounds - 2),
        };
        match accepted {
            true => End::Accepted { round, may_open },
            false if t.improved && may_open && self.improved_opens => End::Call { round },
            false => End::Nowhere,
        }
    }

    /// A function of the record and of the shares alone, so that shards and reruns agree.
    pub(super) fn outcome_of(&self, id: Id, end: End) -> Option<Outcome> {
        match end {
            End::Accepted { round: 1, .. } => Some(Outcome::OneRound),
            End::Accepted { round, may_open } => {
                let share = self.shares.get(&round).copied().unwrap_or(self.share);
                let open = may_open && self.draw(id) < share;
                Some(if open { Outcome::Open } else { Outcome::Closed })
            }
            End::Call { .. } => Some(Outcome::Open),
            End::Nowhere => None,
        }
    }

    /// Which closed records are cut open first: 0..=1.
    fn draw(&self, id: Id) -> f64 {
        id.keyed("open", self.seed) as f64 / u64::MAX as f64
    }

    /// How many rounds an open record of `rounds` has, the last of them a call that is not drawn.
    pub(super) fn rounds_of_open(&self, rounds: usize) -> usize {
        match self.open_end {
            OpenEnd::SecondCall => 2,
            OpenEnd::Rejection => 3,
            OpenEnd::LastCall => rounds,
        }
    }

    /// What the last judgement says, once the record is cut to its outcome.
    fn says(&self, id: Id, end: End) -> Says {
        let open = self.outcome_of(id, end) == Some(Outcome::Open);
        let (End::Accepted { round, .. } | End::Call { round }) = end else { return (0, false) };
        match open {
            true => (self.rounds_of_open(round.into()) as u8 - 1, false),
            false => (round, true),
        }
    }

    fn category(&self, offer: &Offer) -> String {
        self.categories[offer.category as usize].clone()
    }

    /// Quotas over category x outcome.
    pub(super) fn by_outcome(&self, fit: Vec<Offer>) -> Vec<Group> {
        let mut strata: BTreeMap<(String, Outcome), Vec<(Id, End)>> = BTreeMap::new();
        for offer in fit {
            let Some(outcome) = self.outcome_of(offer.id, offer.end) else { continue };
            let key = (self.category(&offer), outcome);
            strata.entry(key).or_default().push((offer.id, offer.end));
        }
        let weights: Vec<f64> = strata.keys().map(|(_, o)| self.mix[*o as usize]).collect();
        let strata = strata.into_iter().map(|((category, _), members)| (category, members));
        filled(strata.collect(), Some(&weights), self.target)
    }

    /// Quotas by what the last judgement says, shared evenly over the categories.
    pub(super) fn by_verdict(&mut self, fit: Vec<Offer>) -> Vec<Group> {
        let mut classes: BTreeMap<Says, BTreeMap<String, Vec<(Id, End)>>> = BTreeMap::new();
        // Nothing is cut before it is known how much is to be.
        let shares = std::mem::replace(&mut self.share, 0.0);
        for offer in fit {
            let class = classes.entry(self.says(offer.id, offer.end)).or_default();
            class.entry(self.category(&offer)).or_default().push((offer.id, offer.end));
        }
        let count = |c: &BTreeMap<_, Vec<_>>| c.values().map(|m| m.len() as u64).sum::<u64>();
        let quotas = by_verdict(
            &classes.iter().map(|(says, class)| (*says, count(class))).collect(),
            &Wanted {
                target: self.target,
                accepts: &self.accepts,
                cut_share: shares,
                cut_from: self.closed_opens.then_some(match self.open_end {
                    OpenEnd::Rejection => 3,
                    _ => 2,
                }),
            },
        );
        let mut groups = Vec::new();
        for (says, class) in classes {
            let quota = quotas.taken.get(&says).copied().unwrap_or(0);
            groups.extend(filled(class.into_iter().collect(), None, quota));
        }
        self.cut(&groups, &quotas.cut);
        groups
    }

    /// Sets the shares by which `cut` of the picked records that a round accepts end open.
    fn cut(&mut self, groups: &[Group], cut: &BTreeMap<u8, u64>) {
        for (&round, &wanted) in cut {
            let mut draws = Vec::new();
            for group in groups {
                let mut ranked: Vec<_> = group.members.iter().collect();
                ranked.sort_by_key(|(id, _)| (id.keyed("balance", self.seed), *id));
                let picked = ranked.into_iter().take(group.quota as usize);
                let accepted = picked.filter(|(_, end)| {
                    matches!(end, End::Accepted { round: r, may_open: true } if *r == round)
                });
                draws.extend(accepted.map(|(id, _)| self.draw(*id)));
            }
            draws.sort_by(f64::total_cmp);
            self.shares.insert(round, draws.get(wanted as usize).copied().unwrap_or(2.0));
        }
    }

    pub(super) fn pick(&mut self, groups: Vec<Group>, rulings: &mut Vec<(Id, End, To, String)>) {
        for Group { category, members, quota } in groups {
            let available = members.len();
            for (rank, (id, end)) in members.into_iter().enumerate() {
                let stratum = self.stratum(&category, id, end);
                let note = format!("{} of {available} in {stratum}, quota {quota}", rank + 1);
                let picked = (rank as u64) < quota;
                let entry = self.strata.entry(stratum).or_default();
                entry.available += 1;
                entry.quota += u64::from(picked);
                entry.taken += u64::from(picked);
                let to = if picked { To::Port("picked") } else { To::Drop("over_quota") };
                rulings.push((id, end, to, note));
            }
        }
        // What an even target would have of each, whatever is there.
        let even = (self.target as f64 / self.strata.len().max(1) as f64).round() as u64;
        self.strata.values_mut().for_each(|stratum| stratum.wanted = even);
    }

    /// Category and outcome; where the verdicts are balanced, what the last judgement says as well.
    fn stratum(&self, category: &str, id: Id, end: End) -> String {
        let outcome = self.outcome_of(id, end).map_or("", Outcome::as_str);
        if self.accepts.is_empty() {
            return format!("{category}/{outcome}");
        }
        let (round, accepts) = self.says(id, end);
        let word = if accepts { "accepts" } else { "rejects" };
        format!("{category}/{outcome}, J{round} {word}")
    }
}

/// Quotas by water-filling over groups of one category each.
fn filled(
    groups: Vec<(String, Vec<(Id, End)>)>,
    weights: Option<&[f64]>,
    target: u64,
) -> Vec<Group> {
    let available: Vec<u64> = groups.iter().map(|(_, members)| members.len() as u64).collect();
    let quotas = water_fill(&available, weights, target);
    let group = |((category, members), quota)| Group { category, members, quota };
    groups.into_iter().zip(quotas).map(group).collect()
}

/// Round `index` (from 0) was judged and rejected.
pub(super) fn rejected(t: &Trajectory, index: usize) -> bool {
    t.rounds.get(index).and_then(|r| r.judgement.as_ref()).is_some_and(|j| !j.satisfied)
}
