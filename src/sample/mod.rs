//! Balanced sampling: how many of each stratum (`water_fill`), which ones (`BottomK`), and specs
//! drawn from a vocabulary (`spec`), and which rollouts of a prompt stay (`resample`).
//!
//! A pick is a comparison of keyed hashes, so it depends on the set of records alone and n shards
//! pick what one would. The keys are given, and `stage::balance` says what the strata are.

mod bottom_k;
mod resample;
pub mod spec;
mod verdicts;
mod water_fill;

pub use bottom_k::BottomK;
pub use resample::{advantages, resample};
pub use verdicts::{Quotas, Says, Wanted, by_verdict};
pub use water_fill::water_fill;
