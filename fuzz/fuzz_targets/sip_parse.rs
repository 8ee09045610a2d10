//! See `tests/fuzz/datagram.rs`.
#![no_main]

#[path = "../../tests/fuzz/datagram.rs"]
mod datagram;

libfuzzer_sys::fuzz_target!(|data: &[u8]| datagram::run(data));
