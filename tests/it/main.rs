//! The one integration-test crate: it drives the binary, the simulated world and scripted servers.

mod audit;
mod journal;
mod pool;
mod s3;
mod store;
