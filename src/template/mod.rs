//! template: being written.
