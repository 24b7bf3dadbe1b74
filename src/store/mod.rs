//! Where bytes lie: a URI opened as an object store, blobs by content, the layout of a RUN.
//!
//! Not here: what the journal's segments hold (`journal`) or what tables mean (`audit`).
//! The one idea: one code path for a local directory, memory and buckets, built on put-if-absent
//! only; a local commit is fsynced before it is reported done.

mod blobs;
mod error;
mod layout;
mod location;
mod spill;

pub use blobs::Blobs;
pub use error::StoreError;
pub use layout::Layout;
pub use location::{Created, Store, StoreWriter};
pub use spill::{Spill, SpillRef};
