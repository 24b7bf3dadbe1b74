//! What a picture is to hold: a `Meaning` (objects x count x colour x size x place, material,
//! relations, lettering), read from text (`parse`) or a spec, and said again in words (`say`).
//!
//! The grammar keeps what it did not understand, so that nobody mistakes a partial reading for a
//! whole one. See `draw` for where things stand on the canvas, `mind` for what goes wrong.

pub mod lexicon;
mod meaning;
mod parse;
pub mod say;

pub use meaning::{Group, Meaning, Stress};
pub use parse::{parse, words};
