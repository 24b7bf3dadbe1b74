//! The run: walks records through the graph, keeps the ledger, seals the dataset. `call` buys,
//! `journal` remembers, `stage` decides, `cli` draws the progress.
//!
//! Resuming is not a mode. A run always starts from the pool and walks every record; what was bought
//! before is answered by the journal at once, so a run that was killed, a run that is complete and a
//! rebuilt run take the same path to the same bytes.
//!
//! Order: a *producer* (a source, or a barrier that has ruled) sends its records into the stages
//! after it, each in a task of its own, at most `max_in_flight` at once. A barrier rules when all
//! producers upstream of it are drained. Barriers keep records in a scratch file, so memory does not
//! grow with the pool; sinks read them back in a keyed order.
//!
//! A service (`service`) has no pool: records come one by one from who asks, and each decision is kept
//! in the same ledger.

mod agree;
mod conserve;
mod engine;
mod error;
mod gate;
mod graph;
mod guard;
mod ledger;
mod left;
pub mod metrics;
mod open;
mod options;
mod pending;
mod progress;
mod pump;
pub mod scheduler;
mod seal;
mod service;
mod session;
pub mod shards;
mod tables;
mod take;
mod tally;
mod trail;
mod visit;

pub use agree::pools;
pub use error::RunError;
pub use ledger::Ledger;
pub use open::execute;
pub use options::{RunOptions, Shard};
pub use progress::{Progress, Room, Snapshot, StageNow, Watch, role_words};
pub use service::{Service, Visited};
pub use visit::DEFECT;
