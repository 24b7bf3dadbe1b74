//! Tokenizer files; see `coldstart_fuzz::tokenizer`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| coldstart_fuzz::tokenizer(bytes));
