//! The pixel judge's eyes: what a picture holds, from its pixels alone (`read`), and whether a
//! question of a checklist holds for it (`check`). `mind::judge` adds errors by rate, and prose.
//!
//! Nothing here ever sees a prompt's hidden truth: a foreign picture simply holds nothing that can
//! be named.

mod ask;
mod check;
mod read;
mod tell;

pub use ask::Ask;
pub use check::{Finding, check};
pub use read::{Seen, Thing, read};
pub use tell::overview;

#[cfg(test)]
mod tests;
