//! `trunkline fmt` from outside: what it prints of names, and what is left when it is stopped.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

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

#[test]
fn a_name_that_is_no_utf_8_is_found_and_two_that_look_alike_hold_up_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let name = |bytes: &[u8]| folder.path().join(OsStr::from_bytes(bytes));
    fs::create_dir(name(b"f\xff")).unwrap();
    for file in [&b"f\xff/a.yaml"[..], b"b\xfe.yaml", b"c.yaml"] {
        fs::write(name(file), UNSORTED).unwrap();
    }
    let output = trunkline(folder.path(), &["fmt"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    for file in [&b"f\xff/a.yaml"[..], b"b\xfe.yaml", b"c.yaml"] {
        assert!(fs::read_to_string(name(file)).unwrap().starts_with("apiVersion"), "{file:?}");
        fs::write(name(file), UNSORTED).unwrap();
    }
    fs::write(name(b"b\xfd.yaml"), UNSORTED).unwrap();
    let output = trunkline(folder.path(), &["fmt"]);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(said(&output).contains("b\u{fffd}.yaml: left as it is: its name is not UTF-8"));
    assert!(fs::read_to_string(name(b"c.yaml")).unwrap().starts_with("apiVersion"));
    for file in [&b"b\xfe.yaml"[..], b"b\xfd.yaml"] {
        assert_eq!(fs::read_to_string(name(file)).unwrap(), UNSORTED, "{file:?}");
    }
    let report = trunkline(folder.path(), &["fmt", "--check", "-o", "json"]);
    let report: serde_json::Value = serde_json::from_slice(&report.stdout).unwrap();
    assert_eq!(report["files"][0]["changed"], false, "{report}");
    assert!(report["files"][0]["message"].as_str().unwrap().ends_with("rename it"), "{report}");
}

#[test]
fn what_stops_it_leaves_no_file_beside_a_manifest() {
    let folder = tempfile::tempdir().unwrap();
    let files: Vec<_> = (0..60).map(|at| folder.path().join(format!("{at:03}.yaml"))).collect();
    let mut stopped = 0;
    for (round, signal) in
        [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP].repeat(2).into_iter().enumerate()
    {
        for file in &files {
            fs::write(file, UNSORTED).unwrap();
        }
        let mut command = Command::new(env!("CARGO_BIN_EXE_trunkline"));
        let command = command.arg("fmt").current_dir(folder.path()).stdout(Stdio::null());
        let mut child = command.stderr(Stdio::null()).spawn().unwrap();
        // It is at work when the first of the files is another one.
        let last = &files[round * 8];
        while fs::read_to_string(last).unwrap() == UNSORTED && child.try_wait().unwrap().is_none() {
        }
        kill(Pid::from_raw(i32::try_from(child.id()).unwrap()), signal).ok();
        stopped += usize::from(child.wait().unwrap().code().is_none());
        let names = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
        let left: Vec<_> = names.filter(|name| name.as_bytes().starts_with(b".")).collect();
        assert!(left.is_empty(), "{signal}: {left:?}");
    }
    assert!(stopped > 0, "every run was over before it was stopped");
}
