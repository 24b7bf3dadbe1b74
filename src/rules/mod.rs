//! The judge's explicit rules as data, the words that judges answer with, and the verdict that code
//! makes of them.
//!
//! A judge reports evidence and yes, no or unsure per rule and atom; code alone concludes. Rules are
//! shown to the judge and absent from every training text (paper, section 3.2). Asking the judge is
//! the stages' affair.

mod closing;
mod parse;
pub mod reading;
mod verdict;

pub use closing::closing;
pub use parse::{Rule, Rules};
pub use verdict::{Given, Overall, Verdict, conclude};
