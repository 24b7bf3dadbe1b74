//! Reading a RUN: the only room that knows where in a RUN things lie and which of them count.
//!
//! A RUN may be live, killed, damaged or somebody else's. What cannot be read is named
//! (`Unreadable`), and everything else is still given.
//!
//! **Which rows count.** Decisions can lie in three places. They are taken from the first of these
//! that has any, and never from two:
//! 1. the ledger at the root (`ledger/`): of the run that is at work, or was stopped. A run clears
//!    it when it starts and again after it has written its tables, so what stands there is newer
//!    than any table;
//! 2. the stage tables at the root (`stages/`): of the last run that came to its end;
//! 3. the shards' ledgers (`shards/*/ledger/`), until a run without `--shard` puts them together.
//!
//! **Which dataset counts.** The shards under `dataset/` count once they are sealed: `report.json`
//! is written after them. Shards without a report, beside rows that are still in a ledger, are
//! half-written or another pipeline's, and are not the RUN's dataset.
//!
//! What the rows mean is told by `audit`, `view` and `deliver`; writing them is `run`'s.

mod columns;
mod dataset;
mod decode;
mod error;
pub mod exchange;
pub mod labels;
mod ledger;
mod lookup;
mod names;
mod passages;
mod pictures;
mod rows;
mod run_dir;
mod sessions;
mod shape;
mod spent;

pub use columns::{CallColumn, Columns, Outcomes, Reading};
pub use dataset::{Dataset, Shard, shards_in};
pub use error::{ArchiveError, Unreadable};
pub use names::{Name, Names, Texts};
pub use passages::passages;
pub use rows::{Seen, decisions, stages};
pub use run_dir::{RunDir, manifest};
pub use sessions::Sessions;
pub use shape::{Edge, Shape, ShapeStage};
pub use spent::{budget, spent, spent_by_shard};
