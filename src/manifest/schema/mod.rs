//! What a document may say, as JSON Schema: generated from the Rust types, checked on the spanned
//! tree, told in our own words. The validator's crate is known to this folder alone.

mod bounds;
mod check;
mod examples;
mod forms;
mod generate;
mod json;
mod meant;
mod meant_forms;
mod pairs;
mod pattern;
mod publish;
mod secrets;
mod shape;
mod stand_in;
mod tidy;
mod types;
mod words;

pub(super) use check::{LEAKED, check};
pub use generate::published;
pub(super) use meant::one_each;
pub(super) use pairs::{absent, meant};
pub(super) use shape::{Fields, Shape, parts};
pub(super) use stand_in::{Refusal, fields, has, refusals, required, stand_in};
pub(super) use words::dotted;
