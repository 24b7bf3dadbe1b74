//! export: being written.
