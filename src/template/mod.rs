//! Prompt templates: every word said to a model, as files with declared variables.
//!
//! A template is split into messages *before* anything is filled in, and images are markers that
//! only a template can place; so no text of a user or a model can open a turn, move an image or
//! close a tag. See `stage` for which variables a stage offers, `call` for sending the result.

mod fill;
mod parse;

pub use fill::{Context, TemplateError};
pub use parse::{Template, Variable};
