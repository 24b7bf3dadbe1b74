//! `--budget`: what is left of it, by what the RUN's journals say was spent.

use crate::journal::ReadJournal;
use crate::record::NanoUsd;
use crate::run::Shard;
use crate::store::{Layout, Store};
use std::collections::{BTreeMap, BTreeSet};

/// What this process may still spend: the budget is for all runs on the RUN together. Shards work
/// at the same time, so each has an equal share of what they found unspent.
pub async fn left(store: &Store, budget: NanoUsd, shard: Option<Shard>) -> anyhow::Result<NanoUsd> {
    let all = spent(store).await?;
    if all.0 > 0 {
        eprintln!("${:.4} of ${:.4} were spent before", all.usd(), budget.usd());
    }
    let Some(shard) = shard else { return Ok(NanoUsd(budget.0.saturating_sub(all.0))) };
    let mut by_part = BTreeMap::new();
    let names = store.list("shards").await?;
    let part = |(name, _): &(String, u64)| name.split('/').take(2).collect::<Vec<_>>().join("/");
    for part in names.iter().map(part).collect::<BTreeSet<String>>() {
        let cost = spent(&store.under(&part)).await?;
        by_part.insert(part, cost.0);
    }
    let unsharded = all.0.saturating_sub(by_part.values().sum());
    let share = budget.0.saturating_sub(unsharded) / u64::from(shard.of);
    let own = by_part.get(&Layout::shard(shard.index, shard.of)).copied().unwrap_or(0);
    eprintln!("this shard's share is ${:.4}", NanoUsd(share).usd());
    Ok(NanoUsd(share.saturating_sub(own)))
}

/// What the journaled calls at `store` have cost.
async fn spent(store: &Store) -> anyhow::Result<NanoUsd> {
    let mut spent = NanoUsd(0);
    ReadJournal::open(store).await?.scan(&mut |entry, _| spent += entry.reply.cost).await?;
    Ok(spent)
}
