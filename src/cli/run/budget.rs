//! What a run may spend: the command's budget or the one that the RUN remembers, less what was spent.

use crate::archive;
use crate::call::Allowance;
use crate::deliver::budget::{Unspent, unspent};
use crate::plan::Manifest;
use crate::record::NanoUsd;
use crate::run::{Shard, shards};
use crate::store::{Layout, Store, StoreError};

/// What `--budget` says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Bound {
    Most(NanoUsd),
    /// What the RUN remembers is lifted.
    Lifted,
}

pub fn parse_budget(text: &str) -> Result<Bound, String> {
    if text == "none" {
        return Ok(Bound::Lifted);
    }
    match text.trim_start_matches('$').parse::<f64>() {
        Ok(usd) if usd.is_finite() && usd >= 0.0 => Ok(Bound::Most(NanoUsd::from_usd(usd))),
        _ => Err("write US dollars, for instance 25 or 0.5, or `none`".to_owned()),
    }
}

/// The budget in force: what the command says, else what the RUN remembers.
pub async fn budget_of(store: &Store, said: Option<Bound>) -> anyhow::Result<Option<NanoUsd>> {
    let kept = archive::budget(store).await?;
    Ok(match (said, kept) {
        (Some(Bound::Most(most)), _) => Some(most),
        (None, Some(kept)) => {
            eprintln!(
                "budget ${:.4}, as this RUN remembers; `--budget USD` changes it, `--budget none` lifts it",
                kept.usd()
            );
            Some(kept)
        }
        (Some(Bound::Lifted), _) | (None, None) => None,
    })
}

/// What this process may spend of `budget`; tells what was spent before.
pub async fn left(
    store: &Store,
    budget: NanoUsd,
    shard: Option<Shard>,
) -> anyhow::Result<Allowance> {
    let Unspent { spent, share, own, .. } =
        unspent(store, budget, shard, &closed(store).await?).await?;
    if spent.0 > 0 {
        eprintln!("${:.4} of ${:.4} were spent before", spent.usd(), budget.usd());
    }
    if let Some(share) = share {
        eprintln!("this shard's share is ${:.4}", share.usd());
    }
    Ok(Allowance { most: share.unwrap_or(budget), spent: own })
}

/// The shards that ask for nothing any more: their part of quotas and budget is the others'.
pub async fn closed(store: &Store) -> anyhow::Result<Vec<u32>> {
    match store.get(Layout::MANIFEST).await {
        Ok(bytes) => {
            let manifest = Manifest::parse(&bytes).map_err(anyhow::Error::msg)?;
            Ok(shards::closed(store, &manifest.digest).await?)
        }
        Err(StoreError::NotFound { .. }) => Ok(Vec::new()),
        Err(error) => Err(error.into()),
    }
}
