//! The house rules that no compiler checks: folder arrows, sizes, purity markers, nothing foreign.
#![cfg(test)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// What a folder of `src` may use, beside itself and `diag`. A folder missing here fails.
const ARROWS: &[(&str, &[&str])] = &[
    ("diag", &[]),
    ("model", &[]),
    ("sip", &[]),
    ("manifest", &["model"]),
    ("routing", &["model"]),
    ("validate", &["manifest", "routing", "model"]),
    ("plan", &["model", "routing", "validate"]),
    ("transaction", &["sip"]),
    ("locate", &["transaction", "model"]),
    ("engine", &["transaction", "locate", "sip", "routing", "model"]),
    ("port", &["model", "plan", "manifest"]),
    ("apply", &["port", "plan", "model"]),
    ("reconcile", &["apply", "port", "plan", "validate", "manifest", "model"]),
    ("source", &["port", "plan", "model", "manifest"]),
    ("store", &["port", "plan", "model", "manifest"]),
    ("net", &["port", "plan", "engine", "transaction", "locate", "sip", "model"]),
    ("api", &["reconcile", "port", "plan", "model", "routing"]),
];

/// The folders without I/O, clock, chance or async.
const PURE: &[&str] = &[
    "diag",
    "model",
    "sip",
    "manifest",
    "routing",
    "validate",
    "plan",
    "transaction",
    "locate",
    "engine",
];

const MAX_FILE_LINES: usize = 500;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn files(folder: &Path, extension: &str, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && name != "target" && !name.starts_with('.') {
            files(&path, extension, found);
        } else if path.extension().is_some_and(|found| found == extension) {
            found.push(path);
        }
    }
}

fn rust_files() -> Vec<(String, String)> {
    let mut paths = Vec::new();
    for folder in ["src", "tests", "benches", "fuzz"] {
        let folder = root().join(folder);
        if folder.is_dir() {
            files(&folder, "rs", &mut paths);
        }
    }
    paths.sort();
    let read = |path: PathBuf| {
        let name = path.strip_prefix(root()).unwrap().to_string_lossy().into_owned();
        (name, fs::read_to_string(path).unwrap())
    };
    paths.into_iter().map(read).collect()
}

/// The folder of `src` that a file belongs to; `main` and `lib` wire, as `cli` does.
fn folder(name: &str) -> Option<&str> {
    let rest = name.strip_prefix("src/")?;
    rest.split(['/', '.']).next()
}

/// Every `crate::x` and `trunkline::x` of a text, also inside `use crate::{x, y}`.
fn uses(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (at, _) in text.match_indices("crate::") {
        let before = text[..at].chars().next_back();
        if before.is_some_and(|c| c == '$' || c.is_alphanumeric() || c == '_') {
            continue;
        }
        let rest = &text[at + "crate::".len()..];
        let word = |rest: &str| -> String {
            rest.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
        };
        match rest.strip_prefix('{') {
            Some(group) => {
                let mut depth = 0;
                let mut start = true;
                for (at, c) in group.char_indices() {
                    if start && depth == 0 && !c.is_whitespace() {
                        found.insert(word(&group[at..]));
                        start = false;
                    }
                    match c {
                        '{' => depth += 1,
                        '}' if depth == 0 => break,
                        '}' => depth -= 1,
                        ',' if depth == 0 => start = true,
                        _ => {}
                    }
                }
            }
            None => {
                found.insert(word(rest));
            }
        }
    }
    found.remove("");
    found
}

/// The code of a file without comments and without its test module.
fn code(text: &str) -> String {
    let code = text.split("#[cfg(test)]").next().unwrap();
    let lines = code.lines().map(|line| line.split("//").next().unwrap());
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn folders_use_only_what_stands_right_of_their_arrow() {
    let arrows: BTreeMap<_, _> = ARROWS.iter().copied().collect();
    let mut faults = Vec::new();
    for (name, text) in rust_files() {
        let Some(from) = folder(&name) else { continue };
        if ["main", "lib", "cli"].contains(&from) {
            continue;
        }
        let Some(allowed) = arrows.get(from) else {
            faults.push(format!("{name}: the folder {from} has no arrow in tests/tidy.rs"));
            continue;
        };
        for to in uses(&code(&text)) {
            if to != from && to != "diag" && !allowed.contains(&to.as_str()) {
                faults.push(format!("{name}: {from} may not use {to}"));
            }
        }
        // `port` sees the shape of a source's files, not how they are parsed.
        if ["port", "source", "store"].contains(&from) {
            let parsed = code(&text)
                .match_indices("crate::manifest::")
                .any(|(at, path)| !code(&text)[at + path.len()..].starts_with("tree"));
            if parsed {
                faults.push(format!("{name}: {from} may use manifest::tree only"));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn files_stay_under_five_hundred_lines_and_say_what_they_are() {
    let mut faults = Vec::new();
    for (name, text) in rust_files() {
        let lines = text.lines().count();
        if lines > MAX_FILE_LINES {
            faults.push(format!("{name}: {lines} lines; would two rooms be clearer?"));
        }
        if !text.starts_with("//!") {
            faults.push(format!("{name}: begins without saying what it is (`//!`)"));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn pure_folders_deny_the_outside_world() {
    let deny = "#![deny(clippy::disallowed_methods)]";
    for folder in PURE {
        let module = root().join("src").join(folder).join("mod.rs");
        if module.is_file() {
            let text = fs::read_to_string(&module).unwrap();
            assert!(text.contains(deny), "src/{folder}/mod.rs lacks {deny}");
        }
    }
    for (name, text) in rust_files() {
        if folder(&name).is_some_and(|folder| PURE.contains(&folder)) {
            let code = code(&text);
            for word in ["async fn", ".await", "std::fs", "std::process", "std::thread", "tokio::"]
            {
                assert!(!code.contains(word), "{name}: {word} in a pure folder");
            }
        }
    }
}

#[test]
fn nothing_is_skipped_stubbed_or_slept() {
    let mut faults = Vec::new();
    for (name, text) in rust_files() {
        if name == "tests/tidy.rs" {
            continue;
        }
        for word in ["#[ignore", "todo!(", "unimplemented!(", "thread::sleep(", "#[allow("] {
            if text.contains(word) {
                faults.push(format!("{name}: {word}"));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn the_arrows_are_those_of_the_map() {
    let map = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    for (folder, _) in ARROWS {
        let exists = root().join("src").join(folder).is_dir()
            || root().join("src").join(format!("{folder}.rs")).is_file();
        let named = map.contains(&format!("`{folder}`")) || map.contains(&format!("`{folder}/`"));
        assert!(!exists || named, "ARCHITECTURE.md does not name {folder}");
    }
}

#[test]
fn uses_finds_grouped_and_plain_paths() {
    let found = uses("use crate::{a::B, c, d::{e, f}};\nlet x = crate::g::h(); xcrate::no");
    assert_eq!(found.into_iter().collect::<Vec<_>>(), ["a", "c", "d", "g"]);
}
