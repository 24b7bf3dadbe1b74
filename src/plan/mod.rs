//! plan: being written.
