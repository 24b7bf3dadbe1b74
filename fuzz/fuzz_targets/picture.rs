//! Pictures; see `coldstart_fuzz::picture`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| coldstart_fuzz::picture(bytes));
