//! The manifests of one commit: names by `ls-tree`, contents by `cat-file`.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::io::{self, BufRead, Read};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use super::command::{args, failed};
use super::{GitError, Repository, objects, path_from};
use crate::manifest::tree::{Content, MAX_FILE_BYTES, SourceTree};
use crate::model::ObjectId;
use crate::source::selection::{
    IGNORE_FILE, Ignored, MAX_FILES, is_hidden, is_manifest, not_a_file, sorted,
};

/// Names in one tree, manifests or not. A small repository can name the same tree again and again.
const MAX_ENTRIES: usize = 4_000_000;

/// Bytes of one name with its folders and what stands before it; no checkout could make a longer one.
const MAX_ENTRY_BYTES: u64 = 4096 + 128;

/// Bytes of all manifests of one tree: a small repository can hold very many that look alike.
const MAX_TREE_BYTES: u64 = 2 * 1024 * 1024 * 1024;

/// Bytes of where a symbolic link leads; no system takes a longer one.
const MAX_LINK_BYTES: u64 = 4096;

/// The mode of a symbolic link.
const SYMLINK: &str = "120000";

/// One line of `ls-tree`.
struct Entry {
    path: PathBuf,
    kind: Kind,
    id: ObjectId,
    size: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    File,
    Symlink,
    Submodule,
}

/// Which blobs are worth reading, remembered over many trees: a blob never changes.
#[derive(Debug)]
pub struct Sieve {
    /// Whether a content is worth reading again.
    wanted: fn(&[u8]) -> bool,
    seen: HashMap<ObjectId, Option<Content>>,
}

impl Sieve {
    /// A sieve that has seen nothing.
    pub fn new(wanted: fn(&[u8]) -> bool) -> Self {
        Self { wanted, seen: HashMap::new() }
    }

    /// The content of a blob, kept if it is wanted.
    fn see(&mut self, id: &ObjectId, bytes: &[u8]) -> Content {
        let content = Content::of(bytes);
        let kept = (self.wanted)(bytes).then(|| content.clone());
        self.seen.insert(id.clone(), kept);
        content
    }
}

impl Repository {
    /// The manifests of a commit: what a directory made of it would hold. The sieve sees them, too.
    pub fn tree(&self, commit: &ObjectId, sieve: &mut Sieve) -> Result<SourceTree, GitError> {
        let selected = self.selected(commit)?;
        let mut blobs: HashMap<&ObjectId, Content> = HashMap::new();
        for (_, blob) in &selected.blobs {
            blobs.insert(&blob.id, Content::TooLarge(blob.size));
        }
        let total = selected.small().map(|blob| blob.size).fold(0, u64::saturating_add);
        if total > MAX_TREE_BYTES {
            let limit = MAX_TREE_BYTES >> 30;
            return Err(GitError::TooMuch(format!("the manifests are over {limit} GiB in all")));
        }
        let wanted: Vec<_> = selected.small().map(|entry| &entry.id).collect();
        let wanted = distinct(wanted);
        objects::read(&self.git, &wanted, MAX_FILE_BYTES, |index, bytes| {
            let Some(id) = wanted.get(index) else { return };
            blobs.insert(id, sieve.see(id, &bytes));
        })
        .map_err(|error| selected.named(error))?;
        let read = selected
            .blobs
            .iter()
            .filter_map(|(path, blob)| Some((path.clone(), blobs.get(&blob.id)?.clone())));
        let files = selected.others.iter().cloned().chain(read).collect();
        Ok(SourceTree { files: sorted(files), rooted: true })
    }

    /// The manifests of a commit whose content the sieve wants. Only blobs that it has not seen are
    /// read.
    pub fn sifted(&self, commit: &ObjectId, sieve: &mut Sieve) -> Result<SourceTree, GitError> {
        let selected = self.selected(commit)?;
        let unseen = selected.small().map(|entry| &entry.id);
        let unseen = distinct(unseen.filter(|id| !sieve.seen.contains_key(*id)).collect());
        objects::read(&self.git, &unseen, MAX_FILE_BYTES, |index, bytes| {
            if let Some(id) = unseen.get(index) {
                sieve.see(id, &bytes);
            }
        })
        .map_err(|error| selected.named(error))?;
        let kept = selected.blobs.iter().filter_map(|(path, entry)| {
            let content = sieve.seen.get(&entry.id)?.clone()?;
            Some((path.clone(), content))
        });
        Ok(SourceTree { files: sorted(kept.collect()), rooted: true })
    }

    /// One regular file of a commit, which need not be a manifest; `None` where there is none.
    pub fn file(&self, commit: &ObjectId, path: &Path) -> Result<Option<Arc<[u8]>>, GitError> {
        let mut parts = path.components();
        if path.as_os_str().is_empty() || !parts.all(|part| matches!(part, Component::Normal(_))) {
            return Ok(None);
        }
        let fixed = ["ls-tree", "-z", "-l", "--full-tree"];
        let root = self.root_of(commit);
        let mut arguments = args(&fixed, root);
        arguments.extend([OsString::from("--"), path.as_os_str().to_owned()]);
        let output = self.git.run(&arguments)?;
        let entry = output.split(|byte| *byte == 0).find_map(entry);
        let Some(entry) = entry.filter(|entry| entry.kind == Kind::File && entry.path == path)
        else {
            return Ok(None);
        };
        let mut content = None;
        objects::read(&self.git, &[&entry.id], MAX_FILE_BYTES, |_, bytes| {
            content = Some(Arc::from(bytes));
        })?;
        Ok(content)
    }

    fn selected(&self, commit: &ObjectId) -> Result<Selected, GitError> {
        let entries = self.entries(commit)?;
        let is_read = |entry: &&Entry| {
            let is_named = entry.path.file_name().is_some_and(|name| name == IGNORE_FILE);
            is_named && entry.kind == Kind::File && entry.size <= MAX_FILE_BYTES
        };
        let ignore_files: Vec<_> = entries.iter().filter(is_read).collect();
        let wanted: Vec<_> = ignore_files.iter().map(|entry| &entry.id).collect();
        let mut read = BTreeMap::new();
        objects::read(&self.git, &wanted, MAX_FILE_BYTES, |index, bytes| {
            if let Some(entry) = ignore_files.get(index) {
                read.insert(entry.path.clone(), bytes.into());
            }
        })?;
        let mut selection = Selection::new(&entries, read);
        selection.linked = self.linked(&entries)?;
        let mut selected = Selected::default();
        for entry in &entries {
            selection.take(entry, &mut selected);
            if selected.blobs.len() + selected.others.len() > MAX_FILES {
                return Err(GitError::TooMuch(format!("more than {MAX_FILES} manifest files")));
            }
        }
        Ok(selected)
    }

    /// The links that lead to a folder of the same tree, as a checkout would have them, or perhaps to one
    /// outside of it: the manifests there would be missing.
    fn linked(&self, entries: &[Entry]) -> Result<HashSet<PathBuf>, GitError> {
        let is_read = |entry: &&Entry| entry.kind == Kind::Symlink && entry.size <= MAX_LINK_BYTES;
        let links: Vec<_> = entries.iter().filter(is_read).collect();
        if links.is_empty() {
            return Ok(HashSet::new());
        }
        let folders: HashSet<&Path> =
            entries.iter().flat_map(|entry| entry.path.ancestors().skip(1)).collect();
        let wanted: Vec<_> = links.iter().map(|entry| &entry.id).collect();
        let mut found = HashSet::new();
        objects::read(&self.git, &wanted, MAX_LINK_BYTES, |index, bytes| {
            let Some(entry) = links.get(index) else { return };
            let is_folder = match resolved(&entry.path, path_from(&bytes)) {
                Some(to) => folders.contains(to.as_path()),
                // Nobody knows what is there: a name without a dot is that of a folder.
                None => entry.path.extension().is_none(),
            };
            if is_folder {
                found.insert(entry.path.clone());
            }
        })?;
        Ok(found)
    }

    fn entries(&self, commit: &ObjectId) -> Result<Vec<Entry>, GitError> {
        let fixed = ["ls-tree", "-r", "-z", "-l", "--full-tree", "--end-of-options"];
        let arguments = args(&fixed, self.root_of(commit));
        let mut entries = Vec::new();
        let mut fault = None;
        let (status, words) = self
            .git
            .talk(
                &arguments,
                |_| Ok(()),
                |output| {
                    let mut line = Vec::new();
                    loop {
                        line.clear();
                        output.by_ref().take(MAX_ENTRY_BYTES).read_until(0, &mut line)?;
                        if line.is_empty() {
                            return Ok(());
                        }
                        let read = line.strip_suffix(&[0]).and_then(entry);
                        fault = match read {
                            Some(_) if entries.len() == MAX_ENTRIES => {
                                Some(GitError::TooMuch(format!("more than {MAX_ENTRIES} files")))
                            }
                            Some(entry) => {
                                entries.push(entry);
                                continue;
                            }
                            None => Some(unreadable(&line)),
                        };
                        return Err(io::Error::other("stop"));
                    }
                },
            )
            .map_err(|error| fault.take().unwrap_or(error))?;
        if status.success() {
            return Ok(entries);
        }
        let gone = words.contains("Not a valid object name") || words.contains("not a tree");
        if gone && !self.prefix.as_os_str().is_empty() {
            let folder = self.prefix.display().to_string();
            return Err(GitError::NoFolder { folder, commit: commit.short().to_owned() });
        }
        if gone || words.contains("missing") || words.contains("could not read") {
            return Err(GitError::MissingObject(format!("commit {}", commit.short())));
        }
        Err(failed(&words))
    }
}

/// A line that is no entry: git prints `BAD` for the size of an object that is missing.
fn unreadable(line: &[u8]) -> GitError {
    let text = String::from_utf8_lossy(line);
    match text.split_once('\t') {
        Some((facts, path)) if facts.contains("BAD") => {
            GitError::MissingObject(format!("`{}`", path.trim_end_matches('\0')))
        }
        Some(_) | None => GitError::TooMuch("a file's path is too long".to_owned()),
    }
}

/// `MODE TYPE ID SIZE<TAB>PATH`.
fn entry(line: &[u8]) -> Option<Entry> {
    let tab = line.iter().position(|byte| *byte == b'\t')?;
    let (facts, path) = line.split_at_checked(tab)?;
    let mut words = std::str::from_utf8(facts).ok()?.split_ascii_whitespace();
    let kind = match (words.next()?, words.next()?) {
        (SYMLINK, _) => Kind::Symlink,
        (_, "commit") => Kind::Submodule,
        (_, "blob") => Kind::File,
        _ => return None,
    };
    let id = words.next()?.parse().ok()?;
    let size = match words.next()? {
        "-" => 0,
        size => size.parse().ok()?,
    };
    Some(Entry { path: path_from(path.get(1..)?).to_owned(), kind, id, size })
}

/// What is read of a tree.
#[derive(Default)]
struct Selected {
    /// Regular files.
    blobs: Vec<(PathBuf, Blob)>,
    /// What stands in the place of one.
    others: Vec<(PathBuf, Content)>,
}

struct Blob {
    id: ObjectId,
    size: u64,
}

impl Selected {
    /// The blobs that are not too large to be read.
    fn small(&self) -> impl Iterator<Item = &Blob> {
        self.blobs.iter().map(|(_, blob)| blob).filter(|blob| blob.size <= MAX_FILE_BYTES)
    }

    /// A missing object by the name of its file, which says more.
    fn named(&self, error: GitError) -> GitError {
        let GitError::MissingObject(id) = &error else { return error };
        let mut blobs = self.blobs.iter();
        let Some((path, _)) = blobs.find(|(_, blob)| blob.id.as_str() == id) else { return error };
        GitError::MissingObject(format!("`{}`", path.display()))
    }
}

fn distinct(mut ids: Vec<&ObjectId>) -> Vec<&ObjectId> {
    ids.sort();
    ids.dedup();
    ids
}

/// Where a link leads, from the root; `None` outside of it.
fn resolved(link: &Path, target: &Path) -> Option<PathBuf> {
    let mut at = link.parent()?.to_owned();
    for part in target.components() {
        match part {
            Component::Normal(name) => at.push(name),
            Component::CurDir => {}
            Component::ParentDir => at.pop().then_some(())?,
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(at)
}

/// The walk over a tree's names, folder by folder as a directory is walked.
struct Selection<'a> {
    /// The ignore file of each folder, or what stands in its place.
    ignore_files: BTreeMap<PathBuf, Result<Arc<[u8]>, Content>>,
    /// What holds in the folders so far; `None` for one that is not entered.
    folders: HashMap<&'a OsStr, Option<Ignored>>,
    /// Links that lead to a folder.
    linked: HashSet<PathBuf>,
}

impl<'a> Selection<'a> {
    fn new(entries: &[Entry], read: BTreeMap<PathBuf, Arc<[u8]>>) -> Self {
        let mut ignore_files = BTreeMap::new();
        for entry in entries {
            let is_named = |path: &&Path| path.file_name().is_some_and(|name| name == IGNORE_FILE);
            for at in entry.path.ancestors().filter(is_named) {
                let state = match read.get(at) {
                    Some(bytes) => Ok(Arc::clone(bytes)),
                    None if at == entry.path && entry.kind == Kind::File => {
                        Err(Content::TooLarge(entry.size))
                    }
                    None => Err(not_a_file()),
                };
                ignore_files.insert(at.to_owned(), state);
            }
        }
        Self { ignore_files, folders: HashMap::new(), linked: HashSet::new() }
    }

    fn take(&mut self, entry: &'a Entry, selected: &mut Selected) {
        let name = entry.path.file_name().map(|name| name.as_encoded_bytes());
        let is_folder = entry.kind == Kind::Submodule || self.linked.contains(&entry.path);
        if is_odd(&entry.path) {
            if name.is_some_and(is_manifest) {
                let words = "the path leads outside the repository, and is not read".to_owned();
                selected.others.push((entry.path.clone(), Content::Outside(words)));
            }
            return;
        }
        let folder = entry.path.parent().unwrap_or_else(|| Path::new(""));
        let Some(ignored) = self.folder(folder, selected) else { return };
        let wanted = |name: &[u8]| !is_hidden(name) && (is_folder || is_manifest(name));
        if !name.is_some_and(wanted) || ignored.skips(&entry.path, is_folder) {
            return;
        }
        let path = entry.path.clone();
        match entry.kind {
            Kind::File => {
                selected.blobs.push((path, Blob { id: entry.id.clone(), size: entry.size }));
            }
            Kind::Symlink => selected.others.push((path, Content::Symlink)),
            Kind::Submodule => {
                let words = "the folder is a submodule, whose files are in another repository";
                selected.others.push((path, Content::Outside(words.to_owned())));
            }
        }
    }

    /// What holds in a folder; `None` where it is not entered.
    fn folder(&mut self, folder: &'a Path, selected: &mut Selected) -> Option<Ignored> {
        if let Some(known) = self.folders.get(folder.as_os_str()) {
            return known.clone();
        }
        let above = match folder.parent() {
            Some(parent) => self.folder(parent, selected).filter(|above| {
                let name = folder.file_name().unwrap_or_default();
                !is_hidden(name.as_encoded_bytes()) && !above.skips(folder, true)
            }),
            None => Some(Ignored::default()),
        };
        let here = above.and_then(|above| {
            let path = folder.join(IGNORE_FILE);
            match self.ignore_files.get(&path) {
                None => Some(above),
                Some(Ok(patterns)) => Some(above.with(folder, patterns)),
                Some(Err(closed)) => {
                    selected.others.push((path, closed.clone()));
                    None
                }
            }
        });
        self.folders.insert(folder.as_os_str(), here.clone());
        here
    }
}

/// Whether a path is none that a checkout could make: git refuses to make such trees, other
/// programs do not.
fn is_odd(path: &Path) -> bool {
    let bytes = path.as_os_str().as_encoded_bytes();
    let mut parts = bytes.split(|byte| *byte == b'/');
    parts.any(|part| matches!(part, b"" | b"." | b".."))
}
