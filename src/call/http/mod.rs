//! HTTP: one try of one request at one URL.
//!
//! Here: the client and its time-outs (`wire`), bodies, event streams, what a refusal means
//! (`classify`), keys, and the check of who answered. Not here: formats (`protocol`), or what
//! follows a failed try (`flow`). The one idea: a try ends in a complete, checked `Reply` or in a
//! `Failure`, within its deadlines, whatever the server does.

mod body;
mod classify;
mod date;
mod failure;
mod secret;
mod served;
mod sse;
mod target;
mod wire;

pub use body::Body;
pub use classify::error_body;
pub use failure::{Failure, Sign};
pub use secret::{Key, excerpt};
pub use sse::Events;
pub use target::{Http, Target};
pub use wire::{Incoming, Outgoing, Wire, client, is_local, place};
