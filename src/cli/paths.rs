//! Paths as people give them at a prompt, and as diagnostics and machines name the same files.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};
use std::{env, fs, io};

use super::Failure;
use super::selection::is_below;
use crate::manifest::tree::{Content, SourceTree};
use crate::source::directory;

/// What the runner of GitHub's workflows calls the folder that it checks out into.
const WORKSPACE: &str = "GITHUB_WORKSPACE";

/// The files to check. One directory is the root, and paths are relative to it; otherwise each
/// path stands as it was given.
pub(super) fn read(paths: &[PathBuf]) -> Result<SourceTree, Failure> {
    if let [root] = paths
        && root.is_dir()
    {
        return directory::read(root).map_err(|error| cannot_read(root, &error));
    }
    let mut tree = SourceTree::default();
    // A file that lies in two of the directories is one file, whatever it is called there.
    let mut seen = BTreeSet::new();
    for path in paths.iter().map(|path| without_dots(path)) {
        let path = path.as_path();
        if path.as_os_str() == "-" {
            let stream = directory::read_stream(io::stdin().lock(), "-");
            if let Content::Unreadable(words) = &stream.content {
                let failure = Failure::failed(format!("cannot read stdin: {words}"));
                return Err(
                    failure.help("pipe a manifest into it; a directory is given by its name")
                );
            }
            tree.files.push(stream);
        } else if path.is_dir() {
            let below = directory::read(path).map_err(|error| cannot_read(path, &error))?;
            let is_here = path.as_os_str() == ".";
            let (place, shown) = (real(path), if is_here { Path::new("") } else { path });
            let files = below.files.into_iter().filter(|file| seen.insert(place.join(&file.path)));
            tree.files.extend(files.map(|mut file| {
                file.path = shown.join(&file.path).to_string_lossy().into_owned();
                file
            }));
        } else {
            let file = directory::read_file(path, &path.to_string_lossy());
            let file = file.map_err(|error| cannot_read(path, &error))?;
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
            let folder = real(folder.unwrap_or_else(|| Path::new(".")));
            if seen.insert(folder.join(path.file_name().unwrap_or_default())) {
                tree.files.push(file);
            }
        }
    }
    tree.files.sort_by(|a, b| a.path.cmp(&b.path));
    // Stdin given twice is one stream.
    tree.files.dedup_by(|a, b| a.path == b.path);
    Ok(tree)
}

/// What stands before the path of a diagnostic to find the file from the folder where we run:
/// `voip/` for `validate ./voip`, nothing for single files, whose paths are as given.
pub(super) fn from_here(paths: &[PathBuf]) -> String {
    match paths {
        [root] if root.is_dir() => Some(shown(root)).filter(|root| !root.is_empty()),
        _ => None,
    }
    .map_or(String::new(), |root| root + "/")
}

/// What stands before it to find the file from the top of the repository, where those look who read
/// annotations and reports; from here, if this is no repository's.
pub(super) fn from_top(paths: &[PathBuf], files: &[&str]) -> String {
    let folder = match paths {
        [root] if root.is_dir() => Some(real(root)),
        // As given: from here.
        _ => {
            let below = |path: &&str| Path::new(path).is_relative() && !path.starts_with("..");
            let are_below = files.iter().all(below) && !files.contains(&"-");
            are_below.then(|| real(Path::new(".")))
        }
    };
    let inside = folder.and_then(|folder| {
        let inside = folder.strip_prefix(top_of(&folder)?).ok()?;
        Some(inside.to_string_lossy().into_owned())
    });
    match inside {
        Some(inside) if inside.is_empty() => inside,
        Some(inside) => inside + "/",
        None => from_here(paths),
    }
}

/// The top of the repository that a folder lies in.
fn top_of(folder: &Path) -> Option<PathBuf> {
    let workspace = || {
        let workspace = env::var_os(WORKSPACE).filter(|path| !path.is_empty())?;
        Some(real(Path::new(&workspace))).filter(|top| folder.starts_with(top))
    };
    repository_of(folder).or_else(workspace)
}

/// The top of the git repository that a folder lies in.
pub(super) fn repository_of(folder: &Path) -> Option<PathBuf> {
    folder.ancestors().find(|above| above.join(".git").exists()).map(Path::to_owned)
}

/// A path that a person gives to be shown alone, as diagnostics name it: the file or folder that it
/// is from here, if there is a manifest, or what is called so from the root. `prefix` stands before
/// the paths of diagnostics from here, or from the top of a repository.
pub(super) fn named(
    only: &Path,
    roots: &[PathBuf],
    prefix: &str,
    files: &[&str],
) -> Option<String> {
    let as_seen = || {
        let [root] = roots else { return None };
        let path = without_parents(&env::current_dir().ok()?.join(only));
        Some(path.strip_prefix(real(root)).ok()?.to_string_lossy().into_owned())
    };
    let path = shown(&without_parents(only));
    let inside = || match path.strip_prefix(prefix) {
        Some(rest) => Some(rest.to_owned()),
        None => (format!("{path}/") == prefix).then(String::new),
    };
    let is_there = |name: &String| files.iter().any(|file| is_below(file, name));
    // What leads out of here is never the root's name for a folder.
    let as_named = || Some(path.clone()).filter(|path| !path.is_empty() || only.is_absolute());
    as_seen()
        .filter(is_there)
        .or_else(|| inside().filter(is_there))
        .or_else(|| as_named().filter(is_there))
}

/// A path without `..` where what it leaves is named before it: links are none of the tree's.
fn without_parents(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        let leaves = part == Component::ParentDir;
        let named = matches!(plain.components().next_back(), Some(Component::Normal(_)));
        if leaves && named {
            plain.pop();
        } else if part != Component::CurDir {
            plain.push(part);
        }
    }
    plain
}

/// A path without `.` parts and the `/` at the end, from here where it is below here.
fn shown(path: &Path) -> String {
    let here = env::current_dir().unwrap_or_default();
    let path = path.strip_prefix(&here).unwrap_or(path);
    let parts = path.components().filter(|part| *part != Component::CurDir);
    parts.collect::<PathBuf>().to_string_lossy().into_owned()
}

/// Where a folder is, by no link.
fn real(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

/// `./a` and `a/.` are `a`, so that a file given twice counts once.
fn without_dots(path: &Path) -> PathBuf {
    let named = path.components().filter(|part| *part != Component::CurDir);
    let plain: PathBuf = named.collect();
    if plain.as_os_str().is_empty() { path.to_owned() } else { plain }
}

fn cannot_read(path: &Path, error: &io::Error) -> Failure {
    let failure = Failure::failed(format!("cannot read `{}`: {error}", path.display()));
    failure.help("give a directory of manifests, a manifest file, or `-` for stdin")
}
