//! Where bytes lie: a URI opened as an object store, blobs by content, the layout of a RUN, and the
//! codec of its decision tables.
//!
//! A local directory, memory and buckets share one code path, built on put-if-absent only; a local
//! commit is fsynced before it is reported done. `journal` knows what segments hold, and `audit`
//! what tables mean.

mod batch;
mod blobs;
mod buffers;
mod cache;
mod decisions;
mod direct;
mod environment;
mod error;
mod hashing;
mod layout;
mod local;
mod location;
mod open;
mod promises;
mod ranges;
mod reader;
mod spill;
mod staged;
mod stdin;
mod walk;
mod writer;

pub use batch::Batch;
pub use blobs::Blobs;
pub use buffers::Buffers;
pub use decisions::{
    DecisionWriter, Ledger, decision_batches, decision_schema, decode_batch, decode_decisions,
    encode_decisions,
};
pub use error::StoreError;
pub use hashing::Hashing;
pub use layout::Layout;
pub use location::{Created, Store};
pub use ranges::Ranges;
pub use reader::Reader;
pub use spill::{Spill, SpillRef};
pub use stdin::{forget_stdin, spool_stdin};
pub use writer::StoreWriter;
