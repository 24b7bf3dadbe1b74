//! The local web viewer of a RUN: its server, who may ask (`guard`), and the pages for pipeline,
//! stage, record, search and labels. Its figures come from `audit`.
//!
//! Everything a model said is untrusted. It reaches a page through maud only (which escapes), with
//! hidden characters made visible; the content security policy forbids inline script, foreign
//! requests and framing; the server listens on the loopback only, under a random path, and answers
//! only to its own name.

mod against;
mod guard;
mod labels;
mod pages;
mod query;
mod server;
mod snapshot;
mod thumbs;
mod token;

pub use against::Second;
pub use labels::Work;
pub use server::{Served, Viewer};
pub use token::{TokenError, token};
