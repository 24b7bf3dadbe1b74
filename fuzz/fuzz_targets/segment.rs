//! Journal segments; see `coldstart_fuzz::segment`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| coldstart_fuzz::segment(bytes));
