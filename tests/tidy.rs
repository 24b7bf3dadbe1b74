//! What the sources must keep: the module table of the design, headers, and that every kind, flag
//! and format is documented and tested.

mod tidy_placeholder {}
