//! The files of one revision, read once. How they were read is the edges' business.

use std::sync::Arc;

use crate::model::Revision;

/// Files over this size are refused unread (TL003).
pub const MAX_FILE_BYTES: u64 = 8 * 1024 * 1024;

/// What a file of the tree holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// Its text.
    Text(Arc<str>),
    /// Its bytes, which are not UTF-8 (TL004).
    Bytes(Arc<[u8]>),
    /// Over [`MAX_FILE_BYTES`]; its size in bytes.
    TooLarge(u64),
    /// Could not be read, with the system's words.
    Unreadable(String),
    /// Not a regular file where a manifest should be (a named pipe, a device), in words.
    NotAFile(String),
    /// A symbolic link, which is not followed (TL603).
    Symlink,
    /// What stands here belongs to another place than this repository, in words (TL603).
    Outside(String),
}

impl Content {
    /// The content of a file that could be read.
    pub fn of(bytes: &[u8]) -> Self {
        std::str::from_utf8(bytes)
            .map_or_else(|_| Self::Bytes(bytes.into()), |text| Self::Text(text.into()))
    }
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
    /// Whether paths are relative to the root of a repository, so that its scopes can be checked;
    /// not so for single files and streams.
    pub rooted: bool,
}

impl SourceTree {
    /// The name of this content, `dir@blake3:<hex>`: a digest of every path and what stands there.
    /// Lengths are hashed with the bytes, so that no two trees print alike.
    pub fn revision(&self) -> Revision {
        let mut hasher = blake3::Hasher::new();
        let mut part = |tag: &[u8; 1], bytes: &[u8]| {
            hasher.update(tag);
            hasher.update(&(bytes.len() as u64).to_le_bytes());
            hasher.update(bytes);
        };
        for file in &self.files {
            part(b"p", file.path.as_bytes());
            match &file.content {
                Content::Text(text) => part(b"b", text.as_bytes()),
                Content::Bytes(bytes) => part(b"b", bytes),
                Content::TooLarge(size) => part(b"l", &size.to_le_bytes()),
                Content::Unreadable(why) => part(b"u", why.as_bytes()),
                Content::NotAFile(what) => part(b"n", what.as_bytes()),
                Content::Symlink => part(b"s", b""),
                Content::Outside(what) => part(b"o", what.as_bytes()),
            }
        }
        Revision(format!("dir@blake3:{}", hasher.finalize().to_hex()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[(&str, &str)]) -> SourceTree {
        let file = |(path, text): &(&str, &str)| SourceFile {
            path: (*path).to_owned(),
            content: Content::Text((*text).into()),
        };
        SourceTree { files: files.iter().map(file).collect(), rooted: true }
    }

    #[test]
    fn the_revision_follows_paths_and_contents() {
        let one = tree(&[("a.yaml", "x"), ("b.yaml", "y")]).revision();
        assert_eq!(one, tree(&[("a.yaml", "x"), ("b.yaml", "y")]).revision());
        for other in [
            tree(&[]),
            tree(&[("a.yaml", "x")]),
            tree(&[("a.yaml", "xb.yaml"), ("", "y")]),
            tree(&[("a.yaml", "x"), ("c.yaml", "y")]),
            tree(&[("a.yaml", "y"), ("b.yaml", "x")]),
        ] {
            assert_ne!(one, other.revision());
        }
    }
}
