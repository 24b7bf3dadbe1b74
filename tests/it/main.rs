//! The one integration-test crate: it drives the binary, the simulated world and scripted servers.

mod call;
mod audit;
mod export;
mod journal;
mod plan;
mod pool;
mod pool_formats;
mod pool_known_truth;
mod scripted;
mod s3;
mod store;
