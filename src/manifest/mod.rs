//! Bytes to model: trees of files become spanned nodes, then typed resources.
#![deny(clippy::disallowed_methods)]

mod hint;
pub mod node;
mod segments;
pub mod tree;
pub mod yaml;

pub use hint::Hint;
