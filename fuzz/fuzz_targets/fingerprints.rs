//! Fingerprint files; see `coldstart_fuzz::fingerprints`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| coldstart_fuzz::fingerprints(bytes));
