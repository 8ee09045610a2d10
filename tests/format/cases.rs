//! `tests/cases/fmt`: one file in, one file out; `UPDATE=1` rewrites.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use trunkline::diag::FileId;
use trunkline::manifest::format::{Formatted, format};
use trunkline::manifest::tree::{Content, SourceFile, SourceTree};
use trunkline::manifest::yaml::parse;
use trunkline::model::{Resource, ResourceId};
use trunkline::validate::validate;

pub(crate) fn formatted(text: &str) -> Formatted {
    format(FileId(0), text)
}

/// The texts of all comments, sorted.
pub(crate) fn comments(text: &str) -> Vec<String> {
    let options = granit_parser::options! {
        strict_indentation: false,
        max_buffered_comment_events: 1_000_000
    };
    let events = granit_parser::Parser::new_from_str_with_options(text, options);
    let mut found = Vec::new();
    for event in events {
        if let granit_parser::Event::Comment(text, _) = event.unwrap().0 {
            found.push(text.trim_end().to_owned());
        }
    }
    found.sort();
    found
}

/// What a file declares, by the way that `validate` reads it.
pub(crate) fn resources(text: &str) -> BTreeMap<ResourceId, Resource> {
    let content = Content::of(text.as_bytes());
    let file = SourceFile { path: "a.yaml".to_owned(), content };
    let checked = validate(&SourceTree { files: vec![file], rooted: false });
    checked.resources.iter().map(|(id, one)| ((*id).clone(), Resource::clone(one))).collect()
}

/// Everything that must hold of a text and of what is made of it.
pub(crate) fn holds(name: &str, text: &str) -> Formatted {
    let once = formatted(text);
    assert_eq!(formatted(&once.text).text, once.text, "{name}: formatted twice");
    if !parse(FileId(0), text.trim_start_matches('\u{feff}')).diagnostics.is_empty() {
        assert_eq!(once.text, text, "{name}: has faults and was changed");
        return once;
    }
    assert_eq!(comments(&once.text), comments(text), "{name}: comments");
    assert_eq!(resources(&once.text), resources(text), "{name}: resources");
    once
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn yaml_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && name != "target" && !name.starts_with('.') {
            yaml_files(&path, found);
        } else if path.is_file() && path.extension().is_some_and(|it| it == "yaml" || it == "yml") {
            found.push(path);
        }
    }
}

#[test]
fn every_case_comes_out_as_written() {
    let folder = root().join("tests/cases/fmt");
    let mut paths = Vec::new();
    yaml_files(&folder, &mut paths);
    paths.sort();
    let mut seen = 0;
    for path in paths.iter().filter(|path| path.to_string_lossy().ends_with(".in.yaml")) {
        let name = path.to_string_lossy().into_owned();
        let text = fs::read_to_string(path).unwrap();
        let out = holds(&name, &text);
        let expected = PathBuf::from(name.replace(".in.yaml", ".out.yaml"));
        if std::env::var_os("UPDATE").is_some() {
            fs::write(&expected, &out.text).unwrap();
        }
        assert_eq!(out.text, fs::read_to_string(&expected).unwrap(), "{name}");
        assert_eq!(out.kept.is_empty(), !name.contains("__kept"), "{name}: {:?}", out.kept);
        seen += 1;
    }
    assert!(seen >= 12, "{seen} cases");
}

#[test]
fn every_manifest_of_the_repository_says_the_same_afterwards() {
    let mut paths = Vec::new();
    for folder in ["examples", "tests", "bench", "src"] {
        yaml_files(&root().join(folder), &mut paths);
    }
    let (mut seen, mut kept) = (0, Vec::new());
    for path in paths {
        let name = path.strip_prefix(root()).unwrap().to_string_lossy().into_owned();
        let Ok(text) = fs::read_to_string(&path) else { continue };
        let out = holds(&name, &text);
        let sound = parse(FileId(0), &text).diagnostics.is_empty();
        if sound && !out.kept.is_empty() && !name.contains("__kept") {
            kept.push(name);
        }
        seen += 1;
    }
    assert!(seen > 150, "{seen} manifests");
    assert_eq!(kept, Vec::<String>::new(), "left as written");
}

#[test]
fn the_examples_are_in_canonical_form() {
    let mut paths = Vec::new();
    yaml_files(&root().join("examples"), &mut paths);
    assert!(!paths.is_empty());
    for path in paths {
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(formatted(&text).text, text, "{}", path.display());
    }
}
