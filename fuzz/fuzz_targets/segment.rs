//! Any bytes taken for a journal segment: never a panic, never damage without a place in it.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let damage = coldstart::journal::read_segment("fuzzed", bytes, &mut |_| {});
    assert!(damage.iter().all(|d| d.offset <= bytes.len() as u64));
});
