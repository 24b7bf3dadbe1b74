//! Calling models: requests, replies, errors, and the wrappers that make a call dependable.
//!
//! It holds the wire types that every other module speaks (`Request`, `Reply`, `CallError`), the
//! narrow trait `Model`, and under it one file a protocol, with limits, retries, balancing and
//! prices. `journal` remembers what was answered; `stage` knows what a call is for.
//!
//! The stack is `Journaled(Retrying(Limited(Balanced(Http))))`, each around the next; a replay takes
//! no permit, and a wait before a retry holds none.

pub mod endpoints;
mod error;
pub mod estimate;
mod flow;
mod http;
mod live;
pub mod metrics;
pub mod otlp;
mod price;
pub mod probe;
pub mod protocol;
mod reply;
mod request;
mod schema;
mod stack;
mod twins;

pub use error::{CallError, Fatal};
pub use flow::Allowance;
pub use flow::BreakerState;
pub use live::{RoleLive, UrlLive};
pub use price::Prices;
pub use reply::{Output, Reply, Usage};
#[cfg(test)]
pub use request::HASHED;
pub use request::{ChatRequest, ImageRequest, KeyedRequest, Request, Sampling};
pub use schema::Schema;
pub use stack::{Stack, StackOptions, ask_once, ask_url};

use crate::record::Digest;
use bytes::Bytes;

/// Something that answers requests. Implementations are idempotent: the same request may be sent
/// again after a crash.
#[async_trait::async_trait]
pub trait Model: Send + Sync + std::fmt::Debug {
    /// The reply to `request`, complete and checked (an image decodes; a text is whole).
    async fn call(&self, request: KeyedRequest<'_>) -> Result<Reply, CallError>;
}

/// Where the bytes of images that a request names by digest are read from.
#[async_trait::async_trait]
pub trait Images: Send + Sync {
    /// The blob's bytes; an error is a `CallError::Record` (missing) or `Fatal` (store down).
    async fn image(&self, digest: Digest) -> Result<Bytes, CallError>;
}
