//! The local web viewer of a RUN: pipeline, stage, record, search, labels.
//!
//! Here: the server, who may ask (`guard`), pages, thumbnails. Not here: the figures (`audit`).
//! The one idea: everything a model said is untrusted. It reaches a page through maud only (which
//! escapes), with hidden characters made visible; the content security policy forbids inline
//! script, foreign requests and framing; the server listens on the loopback only, under a random
//! path, and answers only to its own name.

mod guard;
mod pages;
mod query;
mod server;
mod snapshot;
mod thumbs;

pub use server::{Served, Viewer};
