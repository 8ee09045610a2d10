//! Reads manifests from a directory, single files or a stream, bounded in every direction: nothing
//! but regular files is opened, symlinks are not followed, large files are not read.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use ignore::{DirEntry, WalkBuilder};

use crate::manifest::tree::{Content, MAX_FILE_BYTES, SourceFile, SourceTree};

/// More manifest files than this in one tree are refused: a loop or a mistake, not a repository.
pub const MAX_FILES: usize = 1_000_000;

/// The file of ignore patterns (gitignore syntax), in any folder of the tree.
pub const IGNORE_FILE: &str = ".trunklineignore";

/// Reads every `*.yaml` and `*.yml` below `root`, sorted by path. Hidden files and folders and what
/// [`IGNORE_FILE`] names are skipped. Fails only when the root itself cannot be read; what cannot
/// be read below it is part of the tree as such.
pub fn read(root: &Path) -> io::Result<SourceTree> {
    // Opened first so that a root that is missing or closed to us is an error, not an empty tree.
    drop(std::fs::read_dir(root)?);
    let closed = Closed::default();
    let mut files = Vec::new();
    for entry in walk(root, closed.clone()).into_iter().flatten() {
        let file = match entry {
            Ok(entry) => manifest(root, &entry),
            Err(error) => Some(unreadable(root, &error)),
        };
        files.extend(file);
        if files.len() > MAX_FILES {
            return Err(io::Error::other(format!("more than {MAX_FILES} manifest files")));
        }
    }
    files.extend(closed.take().iter().map(|path| not_a_file(relative(root, path))));
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(SourceTree { files, rooted: true })
}

/// Reads one file that was named by its path; a symlink there is followed.
pub fn read_file(path: &Path, name: &str) -> io::Result<SourceFile> {
    let metadata = std::fs::metadata(path)?;
    if metadata.is_dir() {
        return Err(io::Error::from(io::ErrorKind::IsADirectory));
    }
    let content = if metadata.is_file() {
        content(path, 0)
    } else {
        Content::NotAFile("it is not a regular file".to_owned())
    };
    Ok(SourceFile { path: name.to_owned(), content })
}

/// Reads a stream to its end, or until it is too large.
pub fn read_stream(stream: impl Read, name: &str) -> SourceFile {
    let content = bounded(stream, 0).unwrap_or_else(|error| Content::Unreadable(error.to_string()));
    SourceFile { path: name.to_owned(), content }
}

/// Ignore files that are no regular files. The walker opens the ignore file of each folder that it
/// enters, and a pipe would block it: such a folder is not entered, which is told.
#[derive(Debug, Clone, Default)]
struct Closed(Arc<Mutex<Vec<PathBuf>>>);

impl Closed {
    /// Whether a folder may be entered; remembers the ignore file of one that may not.
    fn admits(&self, folder: &Path) -> bool {
        let ignore = folder.join(IGNORE_FILE);
        let harmless = std::fs::symlink_metadata(&ignore).map_or(true, |meta| meta.is_file());
        if !harmless {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).push(ignore);
        }
        harmless
    }

    fn take(&self) -> Vec<PathBuf> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The entries below a folder, or none if the folder itself may not be entered.
fn walk(root: &Path, closed: Closed) -> Option<ignore::Walk> {
    if !closed.admits(root) {
        return None;
    }
    let walk = WalkBuilder::new(root)
        .standard_filters(false)
        .hidden(true)
        .follow_links(false)
        .add_custom_ignore_filename(IGNORE_FILE)
        .filter_entry(move |entry| !is_dir(entry) || closed.admits(entry.path()))
        .build();
    Some(walk)
}

fn not_a_file(path: String) -> SourceFile {
    SourceFile { path, content: Content::NotAFile("it is not a regular file".to_owned()) }
}

fn is_dir(entry: &DirEntry) -> bool {
    entry.file_type().is_some_and(|kind| kind.is_dir())
}

/// The manifest that an entry is, if its name says that it is one.
fn manifest(root: &Path, entry: &DirEntry) -> Option<SourceFile> {
    if is_dir(entry) {
        return None;
    }
    let extension = entry.path().extension()?;
    if extension != "yaml" && extension != "yml" {
        return None;
    }
    let kind = entry.file_type()?;
    let content = if kind.is_symlink() {
        Content::Symlink
    } else if kind.is_file() {
        content(entry.path(), nix::libc::O_NOFOLLOW)
    } else {
        Content::NotAFile("it is not a regular file".to_owned())
    };
    Some(SourceFile { path: relative(root, entry.path()), content })
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
        return Ok(Content::NotAFile("it is not a regular file".to_owned()));
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

/// A folder that cannot be entered, as a file of the tree: it may hold manifests.
fn unreadable(root: &Path, error: &ignore::Error) -> SourceFile {
    let path = blamed(error).map_or_else(|| ".".to_owned(), |path| relative(root, &path));
    let words = error.io_error().map_or_else(|| error.to_string(), ToString::to_string);
    SourceFile { path, content: Content::Unreadable(words) }
}

fn blamed(error: &ignore::Error) -> Option<PathBuf> {
    match error {
        ignore::Error::WithPath { path, .. } => Some(path.clone()),
        ignore::Error::WithDepth { err, .. } | ignore::Error::WithLineNumber { err, .. } => {
            blamed(err)
        }
        ignore::Error::Partial(errors) => errors.iter().find_map(blamed),
        ignore::Error::Loop { .. }
        | ignore::Error::Io(_)
        | ignore::Error::Glob { .. }
        | ignore::Error::UnrecognizedFileType(_)
        | ignore::Error::InvalidDefinition => None,
    }
}

fn relative(root: &Path, path: &Path) -> String {
    let below = path.strip_prefix(root).unwrap_or(path);
    let parts = below.components().map(|part| part.as_os_str().to_string_lossy());
    parts.collect::<Vec<_>>().join("/")
}
