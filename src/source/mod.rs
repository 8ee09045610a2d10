//! Where manifests come from. Readers turn the outside into a [`crate::manifest::tree::SourceTree`].

pub mod directory;
pub mod git;
pub mod secrets;
pub mod selection;
pub mod watch;
