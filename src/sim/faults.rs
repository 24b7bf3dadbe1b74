//! Faults of servers, drawn by (seed, body, how often that body was seen): a retry of a request
//! draws anew, and the same history gives the same faults.

use crate::env::Rng;

/// Rates per request, 0..=1; all zero by default.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Faults {
    /// 429 with Retry-After.
    pub too_many: f64,
    pub internal: f64,
    /// 503.
    pub unavailable: f64,
    /// No answer at all, until the client gives up.
    pub stall: f64,
    /// The connection breaks in the middle of the body.
    pub cut: f64,
    /// HTTP 200 with something that is no reply.
    pub garbage: f64,
    /// The body comes in drips, over about a second.
    pub slow: f64,
    /// Another model answers.
    pub wrong_model: f64,
    /// The safety filter refuses: by the body alone, so that no retry helps.
    pub blocked: f64,
}

/// One fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    TooMany,
    Internal,
    Unavailable,
    Stall,
    Cut,
    Garbage,
    Slow,
    WrongModel,
    Blocked,
}

impl Fault {
    pub fn name(self) -> &'static str {
        match self {
            Fault::TooMany => "429",
            Fault::Internal => "500",
            Fault::Unavailable => "503",
            Fault::Stall => "stall",
            Fault::Cut => "cut",
            Fault::Garbage => "garbage",
            Fault::Slow => "slow",
            Fault::WrongModel => "wrong_model",
            Fault::Blocked => "blocked",
        }
    }
}

impl Faults {
    /// The fault that meets the `seen`th arrival of the body named `body`.
    pub fn draw(&self, seed: u64, body: &str, seen: u64) -> Option<Fault> {
        if self.blocked > 0.0 && Rng::keyed(seed, &["blocked", body]).chance(self.blocked) {
            return Some(Fault::Blocked);
        }
        let rates = [
            (self.too_many, Fault::TooMany),
            (self.internal, Fault::Internal),
            (self.unavailable, Fault::Unavailable),
            (self.stall, Fault::Stall),
            (self.cut, Fault::Cut),
            (self.garbage, Fault::Garbage),
            (self.slow, Fault::Slow),
            (self.wrong_model, Fault::WrongModel),
        ];
        if rates.iter().all(|(rate, _)| *rate <= 0.0) {
            return None;
        }
        let mut u = Rng::keyed(seed, &["fault", body, &seen.to_string()]).unit();
        rates.into_iter().find_map(|(rate, fault)| {
            u -= rate;
            (u < 0.0).then_some(fault)
        })
    }
}
