//! The simulated world: models with known errors behind a real HTTP server, so that the whole
//! pipeline can be seen, tested and measured without keys or GPUs.
//!
//! Here: `scene` (what a text asks for), `draw` (as a PNG), `look` (read back from its pixels),
//! `mind` (what each role says), `wire` and `server` (the same wire formats as the real endpoints),
//! `faults` and `stats`. Not here: anything the pipeline uses with real models; only `cli` and tests
//! start it. The one idea: every reply is a pure function of (world's seed, request), and what a
//! judge says of a picture comes from its pixels, so the truth of a dataset made here is known.

pub mod draw;
pub mod look;
pub mod mind;
pub mod scene;

mod deliver;
mod faults;
mod serve;
mod server;
mod stats;
pub mod truth;
mod wire;
mod world;

pub use faults::{Fault, Faults};
pub use server::{MODELS, Server, SimOptions};
pub use stats::Stats;
pub use world::World;
