//! What is made of a RUN once models have answered: a replay with other parameters, an estimate for a
//! larger run, who answers its calls and what they may cost, and exports in the forms of trainers.
//!
//! Every call here takes values and returns values. Printing, flags and exit codes are `cli`'s; the
//! forms themselves, as pure functions of a trajectory, are `export`'s.

pub mod budget;
mod error;
pub mod estimate;
pub mod export;
pub mod forecast;
pub mod market;
pub mod official;
pub mod rebuild;
pub mod replay;
pub mod text;

pub use error::{DeliverError, OfficialError};
