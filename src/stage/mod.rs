//! Stages: what each of the sixteen steps does to a record. One file a kind, one table of kinds.
//!
//! Not here: how records get from stage to stage (`run`), what a stage file looks like (`plan`).
//! The one idea: a stage is a function of a record and of model replies, and `Cx` is its only
//! door to the world; so it can be run again, in any order, with the journal answering.
