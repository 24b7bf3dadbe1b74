//! Decisions at rest: the stage tables (`stages/<stage>/part-*.parquet`) and the live ledger
//! (`ledger/*.jsonl.zst`), written and read.
//!
//! Both forms hold the same rows; a reader takes the tables where a stage has them, else the ledger.
//! See `audit` for what a decision means, `run` for when it is made.

mod decode;
mod encode;
mod ledger;
mod read;
mod schema;
mod table;

pub use decode::{Slim, decision_batches, decode_batch, decode_decisions, scan_slim_part};
pub use encode::encode_decisions;
pub use ledger::Ledger;
pub use read::{decision_stages, read_decisions, scan_decisions, scan_slim};
pub use schema::decision_schema;
pub use table::DecisionWriter;
