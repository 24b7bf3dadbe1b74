//! `--budget`: how it is written, and what is told of it.

use crate::call::Allowance;
use crate::deliver::budget::{Bound, closed, in_force, unspent};
use crate::record::NanoUsd;
use crate::run::Shard;
use crate::store::Store;

pub fn parse_budget(text: &str) -> Result<Bound, String> {
    if text == "none" {
        return Ok(Bound::Lifted);
    }
    match text.trim_start_matches('$').parse::<f64>() {
        Ok(usd) if usd.is_finite() && usd >= 0.0 => Ok(Bound::Most(NanoUsd::from_usd(usd))),
        _ => Err("write US dollars, for instance 25 or 0.5, or `none`".to_owned()),
    }
}

/// The budget in force; tells where the RUN remembers it.
pub async fn budget_of(store: &Store, said: Option<Bound>) -> anyhow::Result<Option<NanoUsd>> {
    let found = in_force(store, said).await?;
    if let Some(found) = found.filter(|found| found.remembered) {
        eprintln!(
            "budget ${:.4}, as this RUN remembers; `--budget USD` changes it, `--budget none` lifts it",
            found.most.usd()
        );
    }
    Ok(found.map(|found| found.most))
}

/// What this process may spend of `budget`; tells what was spent before.
pub async fn left(
    store: &Store,
    budget: NanoUsd,
    shard: Option<Shard>,
) -> anyhow::Result<Allowance> {
    let found = unspent(store, budget, shard, &closed(store).await?).await?;
    if found.spent.0 > 0 {
        eprintln!("${:.4} of ${:.4} were spent before", found.spent.usd(), budget.usd());
    }
    if let Some(share) = found.share {
        eprintln!("this shard's share is ${:.4}", share.usd());
    }
    Ok(found.allowance(budget))
}
