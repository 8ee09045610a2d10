//! Where a state came from.

use serde::{Deserialize, Serialize};

/// The name of one state of a source: `dir@blake3:<hex>` for a directory (a digest of paths and
/// contents), later `branch@sha1:<hex>` for git. Equal revisions have equal content.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Revision(pub String);

impl std::fmt::Display for Revision {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}
