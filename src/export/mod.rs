//! A trajectory as training data: the conversation, the dataset of a RUN with its card, and each
//! trainer's own files.
//!
//! Not here: where files lie (`store`) or what is asked for on the command line (`cli::export`).
//! Pure: trajectories and image bytes in, names and bytes out. The one idea: every form is a
//! rendering of `conversation::turns`, which reads nothing that training must not see.

pub mod card;
pub mod columns;
pub mod control;
pub mod conversation;
pub mod dataset;
pub mod grid;
pub mod picture;
