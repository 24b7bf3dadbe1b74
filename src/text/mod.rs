//! What can be said of a text without asking a model: normal forms, masks, near-duplicates, overlap
//! with benchmarks, leaks, languages, and what a plain sentence asks to be drawn.
//!
//! Every answer is a pure function of the text (and a seed where a pick is made), so that order,
//! shards and reruns never show. Hashes are `hash::bytes`, fixed for good: the fingerprint files
//! depend on it.

pub mod decontam;
pub mod dedup;
pub mod diff;
pub mod gloss;
pub mod hash;
pub mod json;
pub mod language;
pub mod leak;
pub mod lexicon;
pub mod mask;
pub mod minhash;
mod normal;
pub mod shown;
pub mod spec;

pub use normal::{normalise, normalise_onto, stem, words};
pub use spec::spec_eq;
