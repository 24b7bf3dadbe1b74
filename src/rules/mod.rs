//! The judge's explicit rules as data, and the verdict that code makes of a judge's answers.
//!
//! Not here: asking the judge (`stage`). The one idea (practice: binary per atom, all must pass):
//! a judge reports evidence and yes/no per rule and atom; code alone concludes. Rules are shown to
//! the judge and absent from every training text (paper, section 3.2).

mod parse;
mod verdict;

pub use parse::{Rule, Rules};
pub use verdict::{Given, Verdict, conclude};
