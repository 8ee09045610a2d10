//! Reads revisions of a git repository from its objects: no checkout, and neither working tree nor
//! index is touched. The repository's own configuration is not trusted.

mod command;
mod commits;
mod error;
mod objects;
mod tree;
mod verify;

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

pub use commits::History;
pub use error::GitError;
pub use tree::Sieve;

use crate::model::ObjectId;
use command::{Git, args};

/// A repository, and the folder in it that is the root of the manifests.
#[derive(Debug, Clone)]
pub struct Repository {
    git: Git,
    /// Relative to the top, without a `/` at the end; empty: the top itself.
    prefix: PathBuf,
    is_shallow: bool,
}

/// Where a range begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Base {
    /// Behind this commit.
    Commit(ObjectId),
    /// With the first commit of all: a push of a new branch names it by zeros.
    Nothing,
}

/// What a revision names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revisions {
    /// Where a range `A..B` begins; `None` for a single commit.
    pub base: Option<Base>,
    /// The commit whose tree is read.
    pub tip: ObjectId,
}

impl Repository {
    /// The repository of a path. A path that does not exist names a folder in it (in a bare
    /// repository there is no other way, and a folder may have been removed since).
    pub fn open(path: &Path) -> Result<Self, GitError> {
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let base = path.ancestors().find(|folder| folder.is_dir()).unwrap_or(&path);
        let below = path.strip_prefix(base).unwrap_or_else(|_| Path::new(""));
        let mut git = Git::new(base.to_owned());
        let folder = discover(&git, &path)?;
        let facts = git.run(&["rev-parse", "--is-inside-git-dir", "--is-shallow-repository"])?;
        let facts = String::from_utf8_lossy(&facts).into_owned();
        let prefix = if facts.starts_with("true") {
            let inside = base.canonicalize().ok().zip(folder.canonicalize().ok());
            let inside = inside
                .and_then(|(base, folder)| base.strip_prefix(folder).ok().map(Path::to_owned));
            inside.unwrap_or_default()
        } else {
            path_of(git.run(&["rev-parse", "--show-prefix"])?)
        };
        git.caller_objects = objects_belong_to(&folder);
        let prefix = prefix.components().collect::<PathBuf>().join(below);
        // `join` with nothing leaves a `/` at the end.
        let prefix = prefix.components().collect();
        Ok(Self { git, prefix, is_shallow: facts.trim_end().ends_with("true") })
    }

    /// What a revision means: `A..B`, or one commit.
    pub fn resolve(&self, text: &str) -> Result<Revisions, GitError> {
        let malformed = |why| GitError::Malformed { text: text.to_owned(), why };
        if text.contains("...") {
            return Err(malformed("a range has two dots"));
        }
        let Some((from, to)) = text.split_once("..") else {
            return Ok(Revisions { base: None, tip: self.commit_named(text)? });
        };
        let or_head =
            |part: &str| if part.is_empty() { "HEAD".to_owned() } else { part.to_owned() };
        let base = if from.len() >= 40 && from.bytes().all(|byte| byte == b'0') {
            Base::Nothing
        } else {
            Base::Commit(self.commit_named(&or_head(from))?)
        };
        Ok(Revisions { base: Some(base), tip: self.commit_named(&or_head(to))? })
    }

    fn commit_named(&self, text: &str) -> Result<ObjectId, GitError> {
        let malformed = |why| Err(GitError::Malformed { text: text.to_owned(), why });
        if text.is_empty() {
            return malformed("it is empty");
        }
        if text.starts_with('-') {
            return malformed("it begins with `-`");
        }
        if text.len() >= 40 && text.bytes().all(|byte| byte == b'0') {
            return malformed("zeros name no commit (what is deleted need not be checked)");
        }
        let wanted = OsString::from(format!("{text}^{{commit}}"));
        let fixed = ["rev-parse", "--verify", "--quiet", "--end-of-options"];
        let told = self.git.ask(&args(&fixed, wanted))?;
        let output = String::from_utf8_lossy(&told.output);
        let id = output.lines().last().and_then(|line| line.parse().ok());
        let id = id.filter(|_| told.status.success());
        id.ok_or_else(|| GitError::NoCommit { text: text.to_owned(), shallow: self.is_shallow })
    }

    /// The folder that is the root of the manifests, relative to the top of the repository, with a
    /// `/` at the end; empty for the top itself.
    pub fn prefix(&self) -> String {
        match self.prefix.as_os_str().is_empty() {
            true => String::new(),
            false => format!("{}/", self.prefix.to_string_lossy()),
        }
    }

    /// The name by which git finds the root's tree in a commit.
    fn root_of(&self, commit: &ObjectId) -> OsString {
        let mut name = OsString::from(commit.as_str());
        if !self.prefix.as_os_str().is_empty() {
            name.push(":");
            name.push(&self.prefix);
        }
        name
    }
}

/// The repository's own folder.
fn discover(git: &Git, path: &Path) -> Result<PathBuf, GitError> {
    let told = git.ask(&["rev-parse", "--absolute-git-dir"])?;
    if told.status.success() {
        return Ok(path_of(told.output));
    }
    let words = told.words;
    let shown = path.display().to_string();
    if let Some((_, rest)) = words.split_once("dubious ownership in repository at '") {
        let folder = rest.split('\'').next().unwrap_or(&shown);
        return Err(GitError::Untrusted(folder.to_owned()));
    }
    if words.contains("not a git repository") {
        return Err(GitError::NoRepository(shown));
    }
    Err(command::failed(&words))
}

/// Whether the object directories of the environment are meant for this repository: a hook may
/// check another one than it runs in.
fn objects_belong_to(folder: &Path) -> bool {
    let Some(named) = std::env::var_os("GIT_DIR") else { return true };
    let same = |path: &Path| path.canonicalize().ok();
    same(Path::new(&named)) == same(folder)
}

/// What git prints as one path, which may hold anything but the line end behind it.
fn path_of(mut output: Vec<u8>) -> PathBuf {
    if output.last() == Some(&b'\n') {
        output.pop();
    }
    PathBuf::from(OsString::from_vec(output))
}

fn path_from(bytes: &[u8]) -> &Path {
    Path::new(OsStr::from_bytes(bytes))
}
