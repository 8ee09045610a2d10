//! Which files of a tree are read as manifests: one rule for directories and for git.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder};

use crate::manifest::tree::{Content, SourceFile};

/// More manifest files than this in one tree are refused: a loop or a mistake, not a repository.
pub const MAX_FILES: usize = 1_000_000;

/// The file of ignore patterns (gitignore syntax), in any folder of the tree.
pub const IGNORE_FILE: &str = ".trunklineignore";

/// What some editors write at the beginning of a UTF-8 file.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Whether a file or folder of this name is hidden, and so never read.
pub(super) fn is_hidden(name: &[u8]) -> bool {
    name.starts_with(b".")
}

/// Whether a file of this name is a manifest. A name in capitals is read as well: a file that is
/// passed over in silence would be missed by nobody.
pub(super) fn is_manifest(name: &[u8]) -> bool {
    let ends = |end: &[u8]| {
        let at = name.len().checked_sub(end.len()).and_then(|at| name.get(at..));
        at.is_some_and(|found| found.eq_ignore_ascii_case(end))
    };
    ends(b".yaml") || ends(b".yml")
}

/// What a manifest, or an ignore file, is that is neither a regular file nor a link.
pub(super) fn not_a_file() -> Content {
    Content::NotAFile("it is not a regular file".to_owned())
}

/// A path as diagnostics name it.
pub(super) fn shown(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// The files in the order of a tree. Paths that are shown alike keep the order of their bytes.
pub(super) fn sorted(mut files: Vec<(PathBuf, Content)>) -> Vec<SourceFile> {
    files.sort_by(|a, b| a.0.as_os_str().cmp(b.0.as_os_str()));
    let named = files.into_iter().map(|(path, content)| SourceFile { path: shown(&path), content });
    let mut files: Vec<_> = named.collect();
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files
}

/// The ignore patterns that hold in a folder: its own and, behind them, those of the folders above
/// it. Cloning is cheap.
#[derive(Debug, Clone, Default)]
pub(super) struct Ignored(Option<Arc<Level>>);

#[derive(Debug)]
struct Level {
    folder: PathBuf,
    patterns: Gitignore,
    above: Ignored,
}

impl Ignored {
    /// What holds in a folder (relative to the root) with an ignore file. A line that is no
    /// pattern matches nothing, as in git.
    pub(super) fn with(&self, folder: &Path, ignore_file: &[u8]) -> Self {
        let mut builder = GitignoreBuilder::new(".");
        let bytes = ignore_file.strip_prefix(BYTE_ORDER_MARK).unwrap_or(ignore_file);
        for line in String::from_utf8_lossy(bytes).lines() {
            drop(builder.add_line(None, line));
        }
        let patterns = builder.build().unwrap_or_else(|_| Gitignore::empty());
        Self(Some(Arc::new(Level { folder: folder.to_owned(), patterns, above: self.clone() })))
    }

    /// Whether a file or folder (relative to the root) is ignored; the innermost pattern decides.
    pub(super) fn skips(&self, path: &Path, is_dir: bool) -> bool {
        let mut next = &self.0;
        while let Some(level) = next {
            let below = path.strip_prefix(&level.folder).unwrap_or(path);
            match level.patterns.matched(below, is_dir) {
                Match::Ignore(_) => return true,
                Match::Whitelist(_) => return false,
                Match::None => next = &level.above.0,
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_innermost_pattern_decides() {
        let root =
            Ignored::default().with(Path::new(""), b"\xef\xbb\xbf*.yml\ndrafts/\n/top.yaml\n");
        let deep = root.with(Path::new("deep"), b"!keep.yml\n/only-here.yaml\n");
        for (ignored, path, is_dir, skipped) in [
            (&root, "a.yml", false, true),
            (&root, "a.yaml", false, false),
            (&root, "x/drafts", true, true),
            (&root, "x/drafts", false, false),
            (&root, "top.yaml", false, true),
            (&root, "x/top.yaml", false, false),
            (&deep, "deep/a.yml", false, true),
            (&deep, "deep/keep.yml", false, false),
            (&deep, "deep/only-here.yaml", false, true),
            (&deep, "deep/x/only-here.yaml", false, false),
            (&Ignored::default(), "a.yml", false, false),
        ] {
            assert_eq!(ignored.skips(Path::new(path), is_dir), skipped, "{path}");
        }
    }
}
