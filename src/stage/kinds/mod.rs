//! The kinds, one file each, and the table of them. A new kind is a file here and a line in KINDS.

mod attempt;
mod balance;
mod canary;
mod consistency;
mod decontaminate;
mod dedup;
mod generate;
mod judge;
mod leak_filter;
mod pairwise;
mod pick_best;
mod pointwise;
mod prefer;
mod read_pool;
mod receive;
mod reflect;
mod resample;
mod reward;
mod roll_out;
mod score;
mod synthesize_prompts;
mod think_and_call;
mod write_dataset;

pub use generate::draw;

use crate::stage::Kind;

/// Every kind, in the order of the paper's pipeline.
pub const KINDS: &[&Kind] = &[
    &read_pool::KIND,
    &receive::KIND,
    &synthesize_prompts::KIND,
    &dedup::KIND,
    &decontaminate::KIND,
    &attempt::KIND,
    &think_and_call::KIND,
    &generate::KIND,
    &judge::KIND,
    &reflect::KIND,
    &leak_filter::KIND,
    &pairwise::KIND,
    &pointwise::KIND,
    &consistency::KIND,
    &canary::KIND,
    &roll_out::KIND,
    &score::KIND,
    &reward::KIND,
    &resample::KIND,
    &pick_best::KIND,
    &prefer::KIND,
    &balance::KIND,
    &write_dataset::KIND,
];

/// The kind that `--pool` speaks of.
pub const POOL_KIND: &str = read_pool::KIND.name;
/// The kind that writes prompts, by which parameter how many, and by which it writes them beside a pool
/// that the user names: without that word it writes none there.
pub const WRITTEN_PROMPTS: (&str, &str, &str) =
    (synthesize_prompts::KIND.name, "count", synthesize_prompts::BESIDE_POOL);
/// The kind that `--target` speaks of.
pub const QUOTA_KIND: &str = balance::KIND.name;
/// The kind that `--official` speaks of.
pub const SCORE_KIND: &str = score::KIND.name;
