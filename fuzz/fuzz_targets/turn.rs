//! Agents' turns and tool calls; see `coldstart_fuzz::turn`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| coldstart_fuzz::turn(bytes));
