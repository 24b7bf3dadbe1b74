//! A try that gave no reply: what the caller hears, and what it says of the server's health.
//!
//! The caller's reaction (`CallError`) and the flow control's reaction (`Health`) are two questions;
//! a 429 slows a URL down but must not open its breaker, a 500 the other way round. See `classify`
//! for how a server's words become one.

use crate::call::{CallError, Fatal};
use std::time::Duration;

/// What a failed try says of the URL it went to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// Nothing: the request itself was at fault, or the answer was final.
    Healthy,
    /// Too many requests at once (429, 503): lower the concurrency.
    Overloaded,
    /// Not reached, or it broke off, stalled, or answered rubbish: counts towards its breaker.
    Sick,
}

/// See the module's header.
#[derive(Debug, Clone, PartialEq)]
pub struct Failure {
    pub error: CallError,
    pub health: Health,
    /// The server will not do this, by its content policy: becomes a journaled refusal.
    pub refused: Option<String>,
    /// The fault may be this one request's (a gateway says 404 to a body over its limit): where the
    /// role has answered well it does not stop the run.
    pub maybe_local: bool,
}

impl Failure {
    fn new(error: CallError, health: Health) -> Failure {
        Failure { error, health, refused: None, maybe_local: false }
    }

    /// The server's policy forbids this request.
    pub fn refused(reason: impl Into<String>) -> Failure {
        let reason = reason.into();
        Failure { refused: Some(reason.clone()), ..Failure::record(reason) }
    }

    /// The server is up and wants fewer requests.
    pub fn overload(what: impl Into<String>, after: Option<Duration>) -> Failure {
        let error = CallError::Transient { what: what.into(), after, overload: true };
        Failure::new(error, Health::Overloaded)
    }

    /// No connection: tried again, elsewhere if there is an elsewhere.
    pub fn down(what: impl Into<String>) -> Failure {
        let error = CallError::Transient { what: what.into(), after: None, overload: true };
        Failure::new(error, Health::Sick)
    }

    /// A broken, cut, late or unreadable reply.
    pub fn sick(what: impl Into<String>) -> Failure {
        Failure::later(what, None)
    }

    /// As `sick`, with the server's own wish when to come back.
    pub fn later(what: impl Into<String>, after: Option<Duration>) -> Failure {
        let error = CallError::Transient { what: what.into(), after, overload: false };
        Failure::new(error, Health::Sick)
    }

    /// Worth another try, though the server is well (a model's own hiccup).
    pub fn again(what: impl Into<String>) -> Failure {
        let error = CallError::Transient { what: what.into(), after: None, overload: false };
        Failure::new(error, Health::Healthy)
    }

    /// This request cannot succeed.
    pub fn record(what: impl Into<String>) -> Failure {
        Failure::new(CallError::Record { what: what.into() }, Health::Healthy)
    }

    /// The run must stop.
    pub fn fatal(kind: Fatal, what: impl Into<String>) -> Failure {
        Failure::new(CallError::Fatal { kind, what: what.into() }, Health::Healthy)
    }
}

impl Failure {
    /// The same, as one that may be the request's own.
    pub fn maybe_local(self) -> Failure {
        Failure { maybe_local: true, ..self }
    }

    /// What the caller hears. `well`: the role has answered, or may yet.
    pub fn heard(self, well: bool) -> CallError {
        match self.error {
            CallError::Fatal { what, .. } if self.maybe_local && well => CallError::Record {
                what: format!("{what} (other calls of this role may be answered: the run goes on)"),
            },
            error => error,
        }
    }
}

impl From<CallError> for Failure {
    /// An error of ours on the way out (a missing blob, the store): says nothing of the server.
    fn from(error: CallError) -> Failure {
        Failure::new(error, Health::Healthy)
    }
}
