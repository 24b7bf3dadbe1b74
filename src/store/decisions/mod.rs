//! The codec of decisions: the stage tables (`stages/<stage>/part-*.parquet`) and the live ledger
//! (`ledger/*.jsonl.zst`). Both forms hold the same rows.
//!
//! Which of them count is told by `archive`; what a decision means, by `audit`; `run` makes them.

mod decode;
mod encode;
mod ledger;
mod schema;
mod table;

pub use decode::{decision_batches, decode_batch, decode_decisions};
pub use encode::encode_decisions;
pub use ledger::Ledger;
pub use schema::decision_schema;
pub use table::DecisionWriter;
