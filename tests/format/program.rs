//! `trunkline fmt` through the real binary.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Output, Stdio};

const UGLY: &str = "kind: Tenant\napiVersion: trunkline.dev/v1\nmetadata: {name: a}\nspec:\n    sipDomain: a.b # c\n";
const NEAT: &str = "apiVersion: trunkline.dev/v1\nkind: Tenant\nmetadata: {name: a}\nspec:\n  sipDomain: a.b # c\n";

fn fmt(folder: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_trunkline"));
    command.arg("fmt").args(args).current_dir(folder).output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn a_directory_is_formatted_in_place_and_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a b.yaml");
    fs::write(&path, UGLY).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    fs::write(folder.path().join("skipped.yaml"), UGLY).unwrap();
    fs::write(folder.path().join(".trunklineignore"), "skipped.yaml\n").unwrap();
    let checked = fmt(folder.path(), &["--check"]);
    assert_eq!((checked.status.code(), &*stdout(&checked)), (Some(1), "a b.yaml\n"));
    assert_eq!(fs::read_to_string(&path).unwrap(), UGLY);
    let diff = fmt(folder.path(), &["--diff"]);
    assert_eq!(diff.status.code(), Some(0));
    assert!(stdout(&diff).contains("--- a/a b.yaml\n+++ b/a b.yaml\n@@"), "{}", stdout(&diff));
    assert!(stdout(&diff).contains("\n-    sipDomain: a.b # c\n+  sipDomain: a.b # c\n"));
    assert_eq!(fs::read_to_string(&path).unwrap(), UGLY);
    let written = fmt(folder.path(), &[]);
    assert_eq!((written.status.code(), &*stdout(&written)), (Some(0), "a b.yaml\n"));
    assert_eq!(fs::read_to_string(&path).unwrap(), NEAT);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
    assert_eq!(fs::read_to_string(folder.path().join("skipped.yaml")).unwrap(), UGLY);
    let again = fmt(folder.path(), &["--check"]);
    assert_eq!((again.status.code(), &*stdout(&again)), (Some(0), ""));
    let names = fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(names, 3, "nothing is left beside the files");
}

#[test]
fn a_difference_shows_no_secret() {
    let folder = tempfile::tempdir().unwrap();
    let text = "kind: Trunk\napiVersion: trunkline.dev/v1\nmetadata: {name: a}\nspec:\n    type: register\n    registration:\n        username: a\n        password: Xk9cAnAr\n        appSecret: |\n            Xk9cAnAr\n        privateKey:\n        - Xk9cAnAr\n";
    fs::write(folder.path().join("a.yaml"), text).unwrap();
    for form in ["human", "json"] {
        let output = fmt(folder.path(), &["--check", "--diff", ".", "-o", form]);
        let shown = stdout(&output);
        assert!(shown.contains("password: ••••••") && !shown.contains("Xk9c"), "{shown}");
    }
}

#[test]
fn stdin_goes_to_stdout() {
    let run = |args: &[&str], text: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_trunkline"));
        let piped = command.arg("fmt").args(args).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = piped.stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    };
    let out = run(&["-"], UGLY);
    assert_eq!((out.status.code(), &*stdout(&out)), (Some(0), NEAT));
    let out = run(&["-", "--check"], UGLY);
    assert_eq!((out.status.code(), &*stdout(&out)), (Some(1), "-\n"));
    let out = run(&["-", "-o", "json"], UGLY);
    let report: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
    assert_eq!(report["text"], NEAT);
    assert_eq!((&report["command"], &report["result"]), (&"fmt".into(), &"ok".into()));
    let out = run(&["-"], "a: [\n");
    assert_eq!((out.status.code(), &*stdout(&out)), (Some(3), ""));
    assert!(String::from_utf8_lossy(&out.stderr).contains("TL001"));
    let out = run(&["-", "."], UGLY);
    assert_eq!(out.status.code(), Some(64));
}

#[test]
fn what_cannot_be_read_is_told_and_the_rest_is_formatted() {
    let folder = tempfile::tempdir().unwrap();
    let outside = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| fs::write(folder.path().join(name), bytes).unwrap();
    write("bad.yaml", b"kind: Tenant\napiVersion: [\n");
    write("latin.yaml", b"kind: \xe9\n");
    write("twice.yaml", b"b: 1\nb: 2\n");
    write("good.yaml", UGLY.as_bytes());
    let target = outside.path().join("target.yaml");
    fs::write(&target, UGLY).unwrap();
    symlink(&target, folder.path().join("link.yaml")).unwrap();
    let out = fmt(folder.path(), &["-o", "json"]);
    assert_eq!(out.status.code(), Some(3));
    let report: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
    let codes: Vec<_> = report["diagnostics"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| format!("{} {}", one["file"].as_str().unwrap(), one["code"].as_str().unwrap()))
        .collect();
    let expected = ["bad.yaml TL001", "latin.yaml TL004", "link.yaml TL603", "twice.yaml TL002"];
    assert_eq!(codes, expected);
    assert_eq!(report["files"][0]["file"], "good.yaml");
    assert_eq!(fs::read_to_string(folder.path().join("good.yaml")).unwrap(), NEAT);
    assert_eq!(fs::read(folder.path().join("latin.yaml")).unwrap(), b"kind: \xe9\n");
    assert_eq!(fs::read_to_string(&target).unwrap(), UGLY);
    let out = fmt(folder.path(), &["link.yaml"]);
    assert_eq!(out.status.code(), Some(3), "a link by its own name");
    assert_eq!(fs::read_to_string(&target).unwrap(), UGLY);
}

#[test]
fn a_file_that_is_not_there_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let out = fmt(folder.path(), &["nowhere.yaml"]);
    assert_eq!(out.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&out.stderr).contains("cannot read `nowhere.yaml`"));
}

#[test]
fn a_run_that_has_to_stop_names_what_it_has_changed() {
    let folder = tempfile::tempdir().unwrap();
    // No file can stand beside it, because its name would be too long.
    let long = format!("b{}.yaml", "b".repeat(245));
    for name in ["a.yaml", long.as_str(), "c.yaml"] {
        fs::write(folder.path().join(name), UGLY).unwrap();
    }
    let output = fmt(folder.path(), &[]);
    let words = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(output.status.code(), Some(1), "{words}");
    assert!(words.contains("cannot write `./bbb"), "{words}");
    assert!(
        words.contains("changed before it, and complete: `a.yaml`; the rest is as it was"),
        "{words}"
    );
    let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
    assert_eq!([read("a.yaml"), read(&long), read("c.yaml")], [NEAT, UGLY, UGLY]);
}
