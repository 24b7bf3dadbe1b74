//! HTTP: one try of one request at one URL.
//!
//! It holds the client and its time-outs (`wire`), bodies, event streams, what a refusal means
//! (`classify`), keys, images named by URL (`fetch`), and the check of who answered. A try ends in a
//! complete, checked `Reply` or in a `Failure`, within its deadlines, whatever the server does.
//! Formats are in `protocol`; what follows a failed try is in `flow`.

mod body;
mod classify;
mod connection;
mod date;
mod failure;
mod fetch;
mod redirect;
mod room;
mod secret;
mod served;
mod sse;
mod target;
mod tls;
mod wire;

pub use body::Body;
pub use classify::speaks_of_policy;
pub use connection::{Connection, Timeouts};
pub use failure::{Failure, Health};
pub use fetch::{decode, is_listed};
pub use room::Room;
pub use secret::{Key, excerpt};
pub use sse::Events;
pub use target::{Http, Target};
pub use wire::{Incoming, Outgoing, SIM_HEADER, Wire, client, place};
