//! The one integration-test crate: it drives the binary, the simulated world and scripted servers.

mod call;
mod audit;
mod export;
mod journal;
mod plan;
mod pool;
mod scripted;
mod s3;
mod store;
