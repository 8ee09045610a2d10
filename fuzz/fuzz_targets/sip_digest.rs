//! See `tests/fuzz/values.rs`.
#![no_main]

#[path = "../../tests/fuzz/values.rs"]
mod values;

libfuzzer_sys::fuzz_target!(|data: &[u8]| values::digests(data));
