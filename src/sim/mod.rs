//! The simulated world: models with known errors behind a real HTTP server, so that the whole
//! pipeline can be seen, tested and measured without keys or GPUs. Nothing that works with real
//! models uses it; `cli` and tests start it.
//!
//! `scene` knows what a text asks for, `draw` makes a PNG of it, `look` reads it back from its
//! pixels, `mind` says what each role says, `wire` and `server` speak the same formats as the real
//! endpoints; `faults` and `stats` belong to the server. Every reply is a pure function of (world's
//! seed, request), and what a judge says of a picture comes from its pixels, so the truth of a
//! dataset made here is known.

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
