//! The one integration-test crate: it drives the binary, the simulated world and scripted servers.

mod pool;
mod journal;
mod store;
