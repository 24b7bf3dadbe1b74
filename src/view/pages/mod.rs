//! The pages. Each is a function of a snapshot and an address; all text goes through maud.

mod compare;
mod frame;
mod grid;
mod pipeline;
mod record;
mod rollout;
mod rows;
mod search;
mod stage;
mod versus;
mod work;

pub use compare::compare;
pub use frame::nowhere;
pub use pipeline::pipeline;
pub use record::record;
pub use rollout::table;
pub use rows::{search_file, stage_file};
pub use search::search;
pub use stage::stage;
pub use versus::versus;
pub use work::work;
