//! Specs drawn from a vocabulary: being written.
