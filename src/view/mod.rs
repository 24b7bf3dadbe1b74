//! view: being written.
