//! Prompt sources of any format; see `coldstart_fuzz::pool`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| coldstart_fuzz::pool(bytes));
