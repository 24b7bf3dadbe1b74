//! What an endpoints file says of every exchange with a server: clocks, headers, hosts. `wire` works
//! by it and knows no endpoints file.

use reqwest::header::{HeaderName, HeaderValue};
use std::time::Duration;

/// How one endpoint's servers are spoken to.
#[derive(Clone, Default)]
pub struct Connection {
    pub timeouts: Timeouts,
    /// Go with every request to the endpoint's own origin.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Hosts besides the endpoint's own from which image URLs are fetched; `*.` stands for any
    /// subdomain.
    pub image_hosts: Vec<String>,
    /// Whether a refusal that speaks of a used-up quota is a limit of speed, as DashScope means it.
    /// Where nothing is said, the protocol decides.
    pub quota_is_rate: Option<bool>,
}

/// The clocks of one try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    pub connect: Duration,
    /// From the request to the head of the answer.
    pub first_byte: Duration,
    /// Silence between bytes of the answer.
    pub idle: Duration,
    /// The whole try.
    pub total: Duration,
}

impl Default for Timeouts {
    fn default() -> Timeouts {
        Timeouts {
            connect: Duration::from_secs(10),
            first_byte: Duration::from_secs(600),
            idle: Duration::from_secs(300),
            total: Duration::from_secs(3600),
        }
    }
}
