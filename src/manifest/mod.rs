//! Bytes to model: trees of files become spanned nodes, then typed resources.
#![deny(clippy::disallowed_methods)]

pub mod characters;
mod colons;
mod columns;
mod dashes;
pub mod de;
pub mod decode;
pub mod direct;
mod faults;
pub mod fences;
pub mod format;
mod hint;
pub mod kinds;
mod lost;
pub mod markers;
mod misplaced;
pub mod node;
mod notations;
pub(crate) mod numbers;
mod opened;
mod orphans;
mod outline;
pub mod print;
pub mod salvage;
pub mod scanner;
pub mod schema;
mod segments;
mod shifted;
mod shown;
pub mod slips;
pub(crate) mod suggest;
mod swapped;
mod synonyms;
pub mod tree;
pub mod yaml;

pub use hint::Hint;
