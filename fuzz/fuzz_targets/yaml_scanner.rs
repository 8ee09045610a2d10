//! Any text: the fast scanner and the full parser make the same documents, places and diagnostics of it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use trunkline::diag::FileId;
use trunkline::manifest::yaml::{parse, parse_in_full};

fuzz_target!(|text: &str| {
    let file = FileId(0);
    assert_eq!(parse(file, text), parse_in_full(file, text));
});
