//! The one integration-test crate: it drives the binary, the simulated world and scripted servers.

mod audit;
mod call;
mod endpoints;
mod export;
mod journal;
mod journal_damage;
mod kill;
mod plan;
mod pool;
mod pool_formats;
mod pool_known_truth;
mod probe;
mod run;
mod s3;
mod scripted;
mod secrets;
mod sim;
mod sim_coverage;
mod store;
mod view;
