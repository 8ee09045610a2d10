//! See `tests/fuzz/transactions.rs`.
#![no_main]

#[path = "../../tests/sim/against.rs"]
mod against;
#[path = "../../tests/sim/model.rs"]
mod model;
#[path = "../../tests/fuzz/transactions.rs"]
mod transactions;

libfuzzer_sys::fuzz_target!(|data: &[u8]| transactions::run(data));
