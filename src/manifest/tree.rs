//! The files of one revision, read once. How they were read is the edges' business.

use std::sync::Arc;

/// Files over this size are refused unread (TL003).
pub const MAX_FILE_BYTES: u64 = 8 * 1024 * 1024;

/// What a file of the tree holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// Its bytes.
    Bytes(Arc<[u8]>),
    /// Over [`MAX_FILE_BYTES`]; its size in bytes.
    TooLarge(u64),
    /// Could not be read, with the system's words.
    Unreadable(String),
    /// Not a regular file where a manifest should be (a named pipe, a device), in words.
    NotAFile(String),
}

/// One file: its path relative to the root with `/` separators (`-` for stdin), and its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile {
    /// Relative path.
    pub path: String,
    /// What it holds.
    pub content: Content,
}

/// The manifest files of one revision, sorted by path.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SourceTree {
    /// The files, sorted by path.
    pub files: Vec<SourceFile>,
}
