//! Reads manifests from a directory, single files or a stream, bounded in every direction: nothing
//! but regular files is opened, symlinks are not followed, large files are not read.

use std::fs::{DirEntry, File, OpenOptions, ReadDir};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::selection::{
    IGNORE_FILE, Ignored, MAX_FILES, is_hidden, is_manifest, not_a_file, sorted,
};
use crate::manifest::tree::{Content, MAX_FILE_BYTES, SourceFile, SourceTree};

/// Reads every `*.yaml` and `*.yml` below `root`, sorted by path. Hidden files and folders and what
/// [`IGNORE_FILE`] names are skipped. Fails only when the root itself cannot be read; what cannot
/// be read below it is part of the tree as such.
pub fn read(root: &Path) -> io::Result<SourceTree> {
    // Opened first so that a root that is missing or closed to us is an error, not an empty tree.
    drop(std::fs::read_dir(root)?);
    let top = Folder { path: PathBuf::new(), ignored: Ignored::default() };
    let mut walk = Walk { root, folders: vec![top], files: Vec::new() };
    while let Some(folder) = walk.folders.pop() {
        walk.enter(folder);
        if walk.files.len() > MAX_FILES {
            return Err(io::Error::other(format!("more than {MAX_FILES} manifest files")));
        }
    }
    Ok(SourceTree { files: sorted(walk.files), rooted: true })
}

/// Reads one file that was named by its path; a symlink there is followed.
pub fn read_file(path: &Path, name: &str) -> io::Result<SourceFile> {
    let metadata = std::fs::metadata(path)?;
    if metadata.is_dir() {
        return Err(io::Error::from(io::ErrorKind::IsADirectory));
    }
    let content = if metadata.is_file() { content(path, 0) } else { not_a_file() };
    Ok(SourceFile { path: name.to_owned(), content })
}

/// Reads a stream to its end, or until it is too large.
pub fn read_stream(stream: impl Read, name: &str) -> SourceFile {
    let content = bounded(stream, 0).unwrap_or_else(|error| Content::Unreadable(error.to_string()));
    SourceFile { path: name.to_owned(), content }
}

/// A folder that is yet to be read; its path is relative to the root.
struct Folder {
    path: PathBuf,
    ignored: Ignored,
}

struct Walk<'a> {
    root: &'a Path,
    folders: Vec<Folder>,
    files: Vec<(PathBuf, Content)>,
}

impl Walk<'_> {
    fn enter(&mut self, mut folder: Folder) {
        match self.ignore_file(&folder.path) {
            Ok(None) => {}
            Ok(Some(patterns)) => folder.ignored = folder.ignored.with(&folder.path, &patterns),
            Err(closed) => return self.files.push((folder.path.join(IGNORE_FILE), closed)),
        }
        match std::fs::read_dir(self.root.join(&folder.path)) {
            Ok(entries) => self.entries(&folder, entries),
            Err(error) => self.unreadable(folder.path, &error),
        }
    }

    /// The patterns of a folder. One whose ignore file cannot be read is not entered: what it would
    /// hide is not known.
    fn ignore_file(&self, folder: &Path) -> Result<Option<Vec<u8>>, Content> {
        let path = self.root.join(folder).join(IGNORE_FILE);
        match std::fs::symlink_metadata(&path) {
            Err(_) => Ok(None),
            Ok(metadata) if !metadata.is_file() => Err(not_a_file()),
            Ok(_) => match content(&path, nix::libc::O_NOFOLLOW) {
                Content::Text(text) => Ok(Some(text.as_bytes().to_vec())),
                Content::Bytes(bytes) => Ok(Some(bytes.to_vec())),
                closed @ (Content::TooLarge(_)
                | Content::Unreadable(_)
                | Content::NotAFile(_)
                | Content::Symlink
                | Content::Outside(_)) => Err(closed),
            },
        }
    }

    fn entries(&mut self, folder: &Folder, entries: ReadDir) {
        for entry in entries {
            match entry {
                Ok(entry) => self.entry(folder, &entry),
                Err(error) => self.unreadable(folder.path.clone(), &error),
            }
        }
    }

    fn entry(&mut self, folder: &Folder, entry: &DirEntry) {
        let name = entry.file_name();
        if is_hidden(name.as_encoded_bytes()) {
            return;
        }
        let path = folder.path.join(&name);
        let kind = match entry.file_type() {
            Ok(kind) => kind,
            Err(error) => return self.unreadable(path, &error),
        };
        // What a link hides is looked at as far as whether it is a folder: its manifests are missing.
        let linked =
            kind.is_symlink() && std::fs::metadata(entry.path()).is_ok_and(|to| to.is_dir());
        let is_folder = kind.is_dir() || linked;
        let wanted = is_folder || is_manifest(name.as_encoded_bytes());
        if !wanted || folder.ignored.skips(&path, is_folder) {
            return;
        }
        if kind.is_dir() {
            return self.folders.push(Folder { path, ignored: folder.ignored.clone() });
        }
        let content = if kind.is_symlink() {
            Content::Symlink
        } else if kind.is_file() {
            content(&entry.path(), nix::libc::O_NOFOLLOW)
        } else {
            not_a_file()
        };
        self.files.push((path, content));
    }

    /// A folder that cannot be read, as a file of the tree: it may hold manifests.
    fn unreadable(&mut self, path: PathBuf, error: &io::Error) {
        let path = if path.as_os_str().is_empty() { PathBuf::from(".") } else { path };
        self.files.push((path, Content::Unreadable(error.to_string())));
    }
}

/// What a regular file holds. It may have become a pipe since we looked: `O_NONBLOCK` opens one
/// without waiting for a writer, and the second look refuses it.
fn content(path: &Path, flags: i32) -> Content {
    let flags = flags | nix::libc::O_NONBLOCK;
    let read = OpenOptions::new().read(true).custom_flags(flags).open(path).and_then(regular);
    read.unwrap_or_else(|error| Content::Unreadable(error.to_string()))
}

fn regular(file: File) -> io::Result<Content> {
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Ok(not_a_file());
    }
    if metadata.len() > MAX_FILE_BYTES {
        return Ok(Content::TooLarge(metadata.len()));
    }
    // One more byte, so that the end is seen without growing.
    bounded(file, usize::try_from(metadata.len()).unwrap_or_default() + 1)
}

fn bounded(stream: impl Read, capacity: usize) -> io::Result<Content> {
    let mut bytes = Vec::with_capacity(capacity);
    stream.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes)?;
    let size = bytes.len() as u64;
    Ok(if size > MAX_FILE_BYTES { Content::TooLarge(size) } else { Content::of(&bytes) })
}
