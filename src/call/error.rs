//! Why a call gave no reply: one kind for each different reaction of the caller.

use crate::record::Cause;
use std::time::Duration;

/// Never holds an API key: protocols redact before they build one.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CallError {
    /// Try again, no earlier than `after`. `overload` (429, 503, refused connection) also lowers
    /// the concurrency.
    #[error("{what}")]
    Transient { what: String, after: Option<Duration>, overload: bool },
    /// This request cannot succeed (context overflow, bad request, retries spent): the record is
    /// quarantined, the run goes on.
    #[error("{what}")]
    Record { what: String },
    /// The whole run must stop.
    #[error("{what}")]
    Fatal { kind: Fatal, what: String },
    /// The store failed (full disk, lost bucket): the whole run must stop.
    #[error("{0}")]
    Store(#[source] Cause),
    /// The run is stopping; nothing was bought.
    #[error("the run is stopping")]
    Stopped,
}

/// What stops a run; decides the remedy that is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fatal {
    /// 401/403.
    Key,
    /// No such model, or another one answered.
    Model,
    /// 402, spend limit, or our own `--budget`.
    Money,
    /// The day's quota is used up.
    Quota,
    /// The endpoints file names a place where this cannot be had: the server has moved, its certificate is not
    /// trusted, its protocol is another.
    Address,
    /// The retry budget of the run is spent: the endpoint is down.
    Endpoint,
    /// The store failed: full disk, lost bucket.
    Store,
    /// Another process took the RUN over.
    Fenced,
}
