//! The one integration-test crate: it drives the binary, the simulated world and scripted servers.

mod audit;
mod call;
mod endpoints;
mod export;
mod journal;
mod plan;
mod pool;
mod pool_formats;
mod pool_known_truth;
mod s3;
mod scripted;
mod store;
