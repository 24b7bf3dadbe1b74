//! Chat servers' bodies and event streams; see `coldstart_fuzz::chat_reply`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| coldstart_fuzz::chat_reply(bytes));
