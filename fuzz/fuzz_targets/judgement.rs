//! Judges' replies; see `coldstart_fuzz::judgement`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| coldstart_fuzz::judgement(bytes));
