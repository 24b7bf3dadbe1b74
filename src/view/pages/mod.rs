//! The pages. Each is a function of a snapshot and an address; all text goes through maud.

mod frame;
mod grid;
mod pipeline;
mod record;
mod rollout;
mod search;
mod stage;
mod story;
mod work;

pub use frame::nowhere;
pub use grid::{search_rows, stage_rows};
pub use pipeline::pipeline;
pub use record::record;
pub use rollout::table;
pub use search::search;
pub use stage::stage;
pub use work::work;
