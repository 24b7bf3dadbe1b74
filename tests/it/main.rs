//! The one integration-test crate: it drives the binary, the simulated world and scripted servers.

mod audit;
mod call;
mod connect;
mod endpoints;
mod export;
mod hostile;
mod journal;
mod journal_damage;
mod kill;
mod plan;
mod pool;
mod pool_formats;
mod pool_known_truth;
mod pool_traps;
mod probe;
mod run;
mod run_ends;
mod run_graphs;
mod s3;
mod scripted;
mod secrets;
mod sim;
mod sim_coverage;
mod stages;
mod store;
mod view;
