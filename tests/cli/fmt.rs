//! `trunkline fmt` from outside: what it prints of names, and what is left when it is stopped.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

const UNSORTED: &str = "kind: Tenant\napiVersion: trunkline.dev/v1\nmetadata: {name: a}\nspec: {sipDomain: a.example.net}\n";

fn trunkline(folder: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_trunkline"));
    command.args(args).current_dir(folder).output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// No line that a runner takes for a command, nothing that steers a terminal.
fn is_harmless(text: &str) -> bool {
    let commands = text.split(['\n', '\r']).any(|line| line.trim_start().starts_with("::"));
    !commands && !text.contains('\u{1b}')
}

#[test]
fn a_file_name_is_no_command_of_a_runner_or_terminal() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["a\n::error title=x::pwned\n.yaml", "b\u{1b}[31m\r::error::y\r.yaml"] {
        fs::write(folder.path().join(name), UNSORTED).unwrap();
    }
    // Kept as it is written, and broken.
    fs::write(folder.path().join("c\n::error::z\n.yaml"), "? kind\n: Tenant\n").unwrap();
    fs::write(folder.path().join("d\n::error::z\n.yaml"), "a: b: c\n").unwrap();
    for args in [
        &["fmt", "--check", "--diff"][..],
        &["fmt", "--check"],
        &["fmt", "--diff", "."],
        &["fmt", "e\n::error::z\n.yaml"],
        &["fmt"],
        &["init", "--dry-run", "e\n::error::z\n"],
        &["init", "e\n::error::z\u{1b}\n"],
        &["init", "e\n::error::z\u{1b}\n"],
        &["plan", "e\n::error::z\n.yaml"],
        &["validate", "--only", "e\n::error::z\n.yaml"],
    ] {
        let output = trunkline(folder.path(), args);
        assert!(is_harmless(&said(&output)), "{args:?}: {:?}", said(&output));
    }
    let output = trunkline(folder.path(), &["fmt", "--check", "--diff"]);
    assert_eq!(output.status.code(), Some(3), "{}", said(&output));
}

#[test]
fn a_command_for_a_strange_folder_can_be_pasted() {
    let folder = tempfile::tempdir().unwrap();
    let name = "it's\n\u{1b}\u{202e}\\x";
    let report = trunkline(folder.path(), &["init", "-o", "json", name]);
    let report: serde_json::Value = serde_json::from_slice(&report.stdout).unwrap();
    let next = report["next"][0].as_str().unwrap();
    let folder_of = next.strip_prefix("trunkline validate ").unwrap();
    let script = format!("test -d {folder_of}");
    let found = Command::new("bash").args(["-c", &script]).current_dir(folder.path()).status();
    assert!(found.unwrap().success(), "{script}");
}
