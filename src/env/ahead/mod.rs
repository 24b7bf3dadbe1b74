//! Looking ahead, in order: blocking work on other threads whose results are taken in the order in
//! which it was handed out, and the way of values from one thread to another. What waits is bounded
//! by a count and by bytes.
//!
//! An `OrderedBuffer` is for many pieces of work, each on its own; a `channel` for values that one thread makes
//! one after another; a `Walk` for an iterator that is best walked beside whoever asks it; `groups` for
//! values so small that they are handed over together. Which thread was done first never shows.

mod channel;
mod groups;
mod ordered;
mod task;
mod walk;

pub use channel::{Closed, Receiver, Room, Sender, channel};
pub use groups::groups;
pub use ordered::OrderedBuffer;
pub use task::Task;
pub use walk::Walk;

/// How much may wait. The last that came is always let in, however large it is. (Of a channel so many again may
/// have been taken out of it and not asked for yet.)
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    pub count: usize,
    pub bytes: usize,
}
