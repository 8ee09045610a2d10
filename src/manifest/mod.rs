//! Bytes to model: trees of files become spanned nodes, then typed resources.
#![deny(clippy::disallowed_methods)]

pub mod tree;
