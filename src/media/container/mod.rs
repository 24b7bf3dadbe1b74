//! The three containers, walked part by part: where each ends, what in it is pixels and what is a note.

pub mod jpeg;
pub mod png;
pub mod webp;
