//! A trajectory as each trainer's row: the conversation, the dataset's shards, one file a format.
//!
//! Everything is a pure function of trajectories and image bytes to named bytes, so that every form can
//! be tested, verified and rebuilt without a disk. Shards are read and files written by
//! `deliver::export` and by the stage that writes the dataset.

pub mod card;
pub mod columns;
pub mod control;
pub mod conversation;
pub mod croissant;
pub mod dataset;
pub mod fill;
pub mod formats;
pub mod grammar;
pub mod grid;
pub mod purity;
pub mod recipe;
pub mod report;
pub mod screen;
pub mod seal;
pub mod split;
pub mod table1;
pub mod tokens;
pub mod verify;
