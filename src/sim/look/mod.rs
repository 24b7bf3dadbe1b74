//! The pixel judge's eyes: what a picture holds, from its pixels alone (`read`), and whether a
//! question of a checklist holds for it (`check`).
//!
//! Not here: errors (`mind::judge` adds them by rate) and prose. Nothing here ever sees a prompt's
//! hidden truth: a foreign picture simply holds nothing that can be named.

mod check;
mod read;

pub use check::{Ask, Finding, check, overview};
pub use read::{Seen, Thing, read};

#[cfg(test)]
mod tests;
