//! The judge's explicit rules as data, the words that judges answer with, and the verdict that code
//! makes of them.
//!
//! A judge reports evidence and yes, no or unsure per rule and atom; code alone concludes. Rules are
//! shown to the judge and absent from every training text (paper, section 3.2). Asking the judge is
//! the stages' affair. `evidence` adds up several looks, `worths` says what a judge is worth, `fit`
//! learns it; the reward that comes of verdicts is in `reward`.

mod closing;
pub mod evidence;
pub mod fit;
mod parse;
mod quote;
pub mod reading;
mod reward;
mod verdict;
mod worths;

pub use closing::closing;
pub use parse::{Rule, Rules};
pub use reward::{Readings, Seen, reward};
pub use verdict::{Given, Overall, Verdict, conclude};
pub use worths::{Assumed, FEW, Known, MANY, RULE, Worths};
