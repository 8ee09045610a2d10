//! The manifests of this repository, as texts to begin with.

use std::fs;
use std::path::{Path, PathBuf};

/// Those of the examples and of the test cases, as far as they are text, in the order of their paths.
pub(crate) fn all() -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = Vec::new();
    for folder in ["examples", "tests/cases"] {
        find(&root.join(folder), &mut paths);
    }
    paths.sort();
    paths.iter().filter_map(|path| String::from_utf8(fs::read(path).unwrap()).ok()).collect()
}

fn find(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            find(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "yaml") {
            found.push(path);
        }
    }
}
