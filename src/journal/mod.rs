//! What was bought: numbered segments of replies, group commit, single flight, fencing.
//!
//! A reply counts once it is durable. `Journaled` is a `call::Model` that answers from the journal
//! when it can, and otherwise buys, makes durable, then answers. See `call` for how a reply is got,
//! `store` for where bytes lie.
//!
//! A segment is a file of frames; a frame is a zstd skippable frame (key, length, checksum)
//! followed by a zstd frame of one JSON line, so that `zstd -dc` reads every segment as JSON
//! lines, opening reads only headers, and damage costs one frame.

mod bytes;
mod catalog;
mod compact;
mod company;
mod entry;
mod error;
mod footer;
mod frame;
mod index;
mod journaled;
mod log;
mod segment;
mod wanted;
mod writer;

pub use bytes::{Short, short};
pub use entry::{Bought, BoughtReply, BoughtRequest, Entry};
pub use error::{Damage, JournalError};
pub use journaled::{BlobImages, Counts, Journaled};
pub use log::{Journal, ReadJournal};
pub use segment::read_segment;
