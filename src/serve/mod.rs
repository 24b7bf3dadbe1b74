//! The service for trainers: pictures and rewards behind two calls, with the pipeline's journal,
//! limits, prices, judges and metrics.
//!
//! A trainer samples on its own; what it needs of the world is a picture for a caption (`POST /image`)
//! and what a finished rollout is worth (`POST /reward`). Both are answered by the stages of a
//! pipeline (`stages/service`) over a RUN: each answer leaves its decision, so audit, viewer and SQL
//! read which rewards were given and by which judge answers. A reward that could not be computed is an
//! error, never a 0; the same question is bought once, whoever asks and however often.

mod ask;
mod door;
mod fields;
mod known;
pub mod metrics;
mod picture;
mod refusal;
mod reward;
mod server;

pub use server::{Bound, Open, Server};

use std::net::SocketAddr;
use std::time::Duration;

/// How the service listens.
#[derive(Debug, Clone)]
pub struct Options {
    /// Port 0 takes a free one.
    pub address: SocketAddr,
    /// What a request must bring as its bearer token; absent: nothing (loopback only).
    pub token: Option<String>,
    /// Requests admitted at once; further ones are told to come again.
    pub queue: usize,
    /// After the wish to stop, requests that were admitted have so long; absent: as long as they take.
    pub grace: Option<Duration>,
}
