//! See `tests/fuzz/engine.rs`.
#![no_main]

#[path = "../../tests/fuzz/engine.rs"]
mod engine;
#[path = "../../tests/fuzz/world.rs"]
mod world;

libfuzzer_sys::fuzz_target!(|data: &[u8]| engine::run(data));
