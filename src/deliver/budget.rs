//! What may still be spent: which budget is in force, what the journals of a RUN say is left of it, and
//! a shard's part of it and of the endpoints' quotas.

use crate::archive::{self, ArchiveError, spent, spent_by_shard};
use crate::call::Allowance;
use crate::call::endpoints::Endpoints;
use crate::deliver::DeliverError;
use crate::record::NanoUsd;
use crate::run::{Shard, shards};
use crate::store::{Layout, Store};
use std::collections::BTreeMap;

/// What a command says of the budget.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Bound {
    Most(NanoUsd),
    /// What the RUN remembers is lifted.
    Lifted,
}

/// The budget in force.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct InForce {
    pub most: NanoUsd,
    /// Not said by this command, but by an earlier one on the same RUN.
    pub remembered: bool,
}

/// What the command says, else what the RUN at `store` remembers; None: nothing bounds it.
pub async fn in_force(store: &Store, said: Option<Bound>) -> Result<Option<InForce>, ArchiveError> {
    let kept = archive::budget(store).await?;
    Ok(match said {
        Some(Bound::Most(most)) => Some(InForce { most, remembered: false }),
        Some(Bound::Lifted) => None,
        None => kept.map(|most| InForce { most, remembered: true }),
    })
}

/// The shards of the RUN at `store` that ask for nothing any more: their part of quotas and budget is
/// the others'. None of a RUN that is not there yet.
pub async fn closed(store: &Store) -> Result<Vec<u32>, DeliverError> {
    match archive::manifest(store).await {
        Ok(manifest) => Ok(shards::closed(store, &manifest.digest).await?),
        Err(ArchiveError::NoManifest { .. }) => Ok(Vec::new()),
        Err(error) => Err(error.into()),
    }
}

/// `endpoints` for one shard: an equal share of the quotas with those that are still at work. Those
/// that began earlier took no more.
pub async fn shared_endpoints(
    store: &Store,
    shard: Shard,
    endpoints: Endpoints,
) -> Result<Endpoints, DeliverError> {
    let closed = closed(store).await?;
    let others = closed.iter().filter(|index| **index != shard.index).count() as u32;
    Ok(endpoints.shared_by((shard.of - others.min(shard.of - 1)).max(1)))
}

/// A budget against what was spent before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unspent {
    /// What all runs on the RUN have spent together.
    pub spent: NanoUsd,
    /// What a shard may spend over all its runs; None without shards.
    pub share: Option<NanoUsd>,
    /// What counts against the share, or without shards against the budget: this shard's, or all.
    pub own: NanoUsd,
    /// What this process may still spend.
    pub left: NanoUsd,
}

impl Unspent {
    /// As the models' purse takes it; `budget` is what this was told of.
    pub fn allowance(&self, budget: NanoUsd) -> Allowance {
        Allowance { most: self.share.unwrap_or(budget), spent: self.own }
    }
}

/// What a process may still spend of `budget`, which is for all runs on the RUN at `store` together.
/// Shards work at the same time, so each has an equal share of what was spent by none of them; what
/// the shards `closed` (finished, nothing to try again) left of theirs is shared by the others.
pub async fn unspent(
    store: &Store,
    budget: NanoUsd,
    shard: Option<Shard>,
    closed: &[u32],
) -> Result<Unspent, ArchiveError> {
    let by_shard = match shard {
        Some(_) => spent_by_shard(store).await?,
        None => BTreeMap::new(),
    };
    let all = spent(store).await?;
    Ok(divide(budget, all, &by_shard, shard, closed))
}

/// `by_shard` is what each shard's own journal says, by its folder; `all` holds it too.
fn divide(
    budget: NanoUsd,
    all: NanoUsd,
    by_shard: &BTreeMap<String, NanoUsd>,
    shard: Option<Shard>,
    closed: &[u32],
) -> Unspent {
    let Some(shard) = shard else {
        let left = NanoUsd(budget.0.saturating_sub(all.0));
        return Unspent { spent: all, share: None, own: all, left };
    };
    let of = |index: u32| by_shard.get(&Layout::shard(index, shard.of)).map_or(0, |cost| cost.0);
    // They spend no more, so nothing is promised twice.
    let closed: Vec<u32> = closed.iter().copied().filter(|index| *index != shard.index).collect();
    let open: u64 = (0..shard.of).filter(|index| !closed.contains(index)).map(of).sum();
    let share = budget.0.saturating_sub(all.0.saturating_sub(open))
        / u64::from(shard.of).saturating_sub(closed.len() as u64).max(1);
    let own = of(shard.index);
    let left = NanoUsd(share.saturating_sub(own));
    Unspent { spent: all, share: Some(NanoUsd(share)), own: NanoUsd(own), left }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shard(index: u32, of: u32) -> Option<Shard> {
        Some(Shard { index, of })
    }

    #[test]
    fn a_run_without_shards_has_what_the_others_left() {
        let of =
            |budget, spent| divide(NanoUsd(budget), NanoUsd(spent), &BTreeMap::new(), None, &[]);
        assert_eq!(of(100, 30).left, NanoUsd(70));
        assert_eq!(of(100, 130).left, NanoUsd(0));
        assert_eq!(of(100, 30).share, None);
    }

    #[test]
    fn a_shard_pays_what_it_spent_before_out_of_its_own_share() {
        let by_shard = BTreeMap::from([(Layout::shard(1, 4), NanoUsd(10))]);
        // 30 in all, 20 of them before there were shards: 80 are left for four.
        let first = divide(NanoUsd(100), NanoUsd(30), &by_shard, shard(0, 4), &[]);
        let second = divide(NanoUsd(100), NanoUsd(30), &by_shard, shard(1, 4), &[]);
        assert_eq!((first.share, first.left), (Some(NanoUsd(20)), NanoUsd(20)));
        assert_eq!((second.share, second.left), (Some(NanoUsd(20)), NanoUsd(10)));
    }

    #[test]
    fn what_a_closed_shard_left_goes_to_the_others() {
        let by_shard = BTreeMap::from([(Layout::shard(0, 2), NanoUsd(10))]);
        let other = divide(NanoUsd(100), NanoUsd(10), &by_shard, shard(1, 2), &[0]);
        assert_eq!(other.left, NanoUsd(90));
        let before = divide(NanoUsd(100), NanoUsd(10), &by_shard, shard(1, 2), &[]);
        assert_eq!(before.left, NanoUsd(50));
    }

    proptest! {
        /// However far each shard goes, together they spend no more than the budget.
        #[test]
        fn shards_never_spend_more_than_the_budget(
            budget in 0u64..1_000_000, before in 0u64..1_000_000,
            own in proptest::collection::vec(0u64..1000, 1..9),
        ) {
            let of = own.len() as u32;
            let by_shard: BTreeMap<String, NanoUsd> = own
                .iter()
                .enumerate()
                .map(|(i, cost)| (Layout::shard(i as u32, of), NanoUsd(*cost)))
                .collect();
            let all = before + own.iter().sum::<u64>();
            // The first `done` are closed: the others share what these left.
            let done: Vec<u32> = (0..(of / 2)).collect();
            let left = |closed: &[u32]| -> u64 {
                (0..of)
                    .filter(|i| !closed.contains(i))
                    .map(|i| divide(NanoUsd(budget), NanoUsd(all), &by_shard, shard(i, of), closed))
                    .map(|unspent| unspent.left.0)
                    .sum()
            };
            prop_assert!(left(&done) <= budget.saturating_sub(before));
            let left = left(&[]);
            prop_assert!(left <= budget.saturating_sub(before));
        }
    }
}
