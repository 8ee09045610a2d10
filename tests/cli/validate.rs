//! `trunkline validate` and `trunkline schema`.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

const TENANT: &str = "apiVersion: trunkline.dev/v1\nkind: Tenant\nmetadata: {name: acme}\n\
                      spec: {sipDomain: acme.example.net}\n";

fn trunkline() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_trunkline"));
    command.env_remove("NO_COLOR").env_remove("CLICOLOR_FORCE").stdin(Stdio::null());
    command
}

fn run(args: &[&str], folder: &Path) -> Output {
    trunkline().args(args).current_dir(folder).output().unwrap()
}

fn code(output: &Output) -> i32 {
    output.status.code().expect("no signal ended it")
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A folder with files.
fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = TempDir::new().unwrap();
    for (path, text) in files {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

fn codes(value: &Value) -> Vec<&str> {
    let all = value["diagnostics"].as_array().unwrap();
    all.iter().map(|one| one["code"].as_str().unwrap()).collect()
}

#[test]
fn sound_manifests_exit_with_0_and_print_no_data() {
    let folder = folder(&[("acme.yaml", TENANT)]);
    let output = run(&["validate"], folder.path());
    assert_eq!((code(&output), stdout(&output).as_str()), (0, ""));
    assert_eq!(stderr(&output), "ok: 0 errors, 0 warnings in 1 document of 1 file\n");
}

#[test]
fn errors_exit_with_3_and_stand_on_stdout() {
    let folder = folder(&[("t/acme.yml", &TENANT.replace("spec", "sepc"))]);
    let output = run(&["validate", "."], folder.path());
    assert_eq!(code(&output), 3);
    assert!(stdout(&output).contains("error[TL103]: unknown field `sepc`\n --> t/acme.yml:4:1\n"));
    assert!(stderr(&output).starts_with("invalid: 1 error,"), "{}", stderr(&output));
}

#[test]
fn json_has_the_published_form() {
    let folder = folder(&[("a.yaml", TENANT), ("b.yaml", TENANT)]);
    let output = run(&["-o", "json", "validate", "."], folder.path());
    assert_eq!(code(&output), 3);
    let value = json(&output);
    assert_eq!(value["formatVersion"], "1.0");
    assert_eq!((&value["command"], &value["result"]), (&"validate".into(), &"invalid".into()));
    let summary = serde_json::json!({"files": 2, "documents": 2, "errors": 1, "warnings": 0});
    assert_eq!(value["summary"], summary);
    let expected = serde_json::json!({
        "code": "TL202", "severity": "error", "message": "Tenant/acme is declared twice",
        "file": "b.yaml", "line": 3, "column": 18, "endLine": 3, "endColumn": 22,
        "resource": "Tenant/acme", "help": "give one of them another name, or remove it",
        "related": [
            {"file": "a.yaml", "line": 3, "column": 18, "message": "it is declared here already"}
        ],
    });
    assert_eq!(value["diagnostics"], serde_json::json!([expected]));
    let sound = run(&["validate", "a.yaml", "-o", "json"], folder.path());
    assert_eq!((code(&sound), &json(&sound)["result"]), (0, &"ok".into()));
}

#[test]
fn wrong_arguments_exit_with_64() {
    let folder = folder(&[]);
    for args in [&["validate", "--nonsense"][..], &["nonsense"], &["validate", "-o", "xml"], &[]] {
        let output = run(args, folder.path());
        assert_eq!((code(&output), stdout(&output).as_str()), (64, ""), "{args:?}");
        assert!(stderr(&output).contains("--help"), "{args:?}");
    }
    let output = run(&["validate", "--help"], folder.path());
    assert_eq!((code(&output), stderr(&output).as_str()), (0, ""));
    assert!(stdout(&output).contains("Examples:"));
}

#[test]
fn a_missing_path_is_named() {
    let folder = folder(&[]);
    let output = run(&["validate", "nowhere.yaml"], folder.path());
    assert_eq!((code(&output), stdout(&output).as_str()), (1, ""));
    assert!(stderr(&output).contains("`nowhere.yaml`"), "{}", stderr(&output));
}

#[test]
fn a_failure_is_one_json_object_for_a_program() {
    let folder = folder(&[]);
    for verb in ["validate", "plan", "apply"] {
        let output = run(&[verb, "nowhere", "-o", "json"], folder.path());
        let value = json(&output);
        assert_eq!((code(&output), &value["result"]), (1, &"failed".into()), "{value}");
        assert_eq!((&value["formatVersion"], &value["command"]), (&"1.0".into(), &verb.into()));
        assert!(value["message"].as_str().unwrap().contains("`nowhere`"), "{value}");
        assert!(stderr(&output).contains("`nowhere`"), "{verb}");
    }
}

#[test]
fn what_is_no_address_of_a_daemon_is_wrong_usage() {
    let folder = folder(&[]);
    for server in ["bogus", "ftp://127.0.0.1:7080", "https://127.0.0.1:7080", "http://", ""] {
        for verb in ["status", "apply", "plan"] {
            let output = run(&[verb, "--server", server], folder.path());
            assert_eq!(code(&output), 64, "{verb} {server}: {}", stderr(&output));
        }
    }
}

#[test]
fn a_plan_has_the_same_keys_when_there_is_none() {
    let folder = folder(&[("a.yaml", "apiVersion: trunkline.dev/v2\n")]);
    let output = run(&["plan", "-o", "json"], folder.path());
    let value = json(&output);
    assert_eq!((code(&output), &value["result"]), (3, &"invalid".into()));
    for list in ["changes", "behaviour", "refusals", "steps"] {
        assert_eq!(value[list], serde_json::json!([]), "{list}");
    }
    let output = run(&["plan", "a.yaml", "--against", ".", "-o", "json"], folder.path());
    assert_eq!((code(&output), &json(&output)["result"]), (3, &"invalid".into()));
    for none in ["digest", "summary"] {
        assert_eq!(value.get(none), Some(&Value::Null), "{none}");
    }
}

#[test]
fn nothing_to_check_is_not_sound() {
    for files in [&[][..], &[("note.txt", "x")], &[("a.yaml", "")], &[("a.yaml", "# nothing\n")]] {
        let folder = folder(files);
        let output = run(&["validate", "-o", "json"], folder.path());
        assert_eq!((code(&output), codes(&json(&output))), (3, vec!["TL804"]), "{files:?}");
    }
}

#[test]
fn manifests_come_from_stdin() {
    let mut child = trunkline()
        .args(["validate", "-", "-o", "json"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"kind: [").unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(code(&output), 3);
    assert_eq!(json(&output)["diagnostics"][0]["file"], "-");
}

#[test]
fn an_endless_stream_is_cut_off() {
    let mut command = trunkline();
    command.args(["validate", "-", "-o", "json"]).stdin(File::open("/dev/zero").unwrap());
    let output = command.output().unwrap();
    assert_eq!((code(&output), codes(&json(&output))), (3, vec!["TL003"]));
}

#[test]
fn what_is_no_regular_file_is_refused_unopened() {
    let folder = folder(&[("acme.yaml", TENANT), ("elsewhere/x.txt", TENANT)]);
    let made = Command::new("mkfifo").arg(folder.path().join("pipe.yaml")).status().unwrap();
    assert!(made.success());
    symlink("elsewhere/x.txt", folder.path().join("link.yaml")).unwrap();
    symlink("acme.yaml", folder.path().join("link.txt")).unwrap();
    symlink("elsewhere", folder.path().join("folder")).unwrap();
    let huge = File::create(folder.path().join("huge.yaml")).unwrap();
    huge.set_len(100 * 1024 * 1024).unwrap();
    let output = run(&["validate", "-o", "json"], folder.path());
    let value = json(&output);
    let found: Vec<_> = value["diagnostics"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["file"].as_str().unwrap(), one["code"].as_str().unwrap()))
        .collect();
    let told = [
        ("folder", "TL603"),
        ("huge.yaml", "TL003"),
        ("link.yaml", "TL603"),
        ("pipe.yaml", "TL001"),
    ];
    assert_eq!(found, told);
    for path in ["pipe.yaml", "/dev/zero"] {
        let output = run(&["validate", path, "-o", "json"], folder.path());
        assert_eq!((code(&output), codes(&json(&output))), (3, vec!["TL001"]), "{path}");
    }
}

#[test]
fn ignored_and_hidden_files_are_not_read() {
    let folder = folder(&[
        ("acme.yaml", TENANT),
        (".hidden.yaml", "["),
        (".git/x.yaml", "["),
        ("drafts/x.yaml", "["),
        ("deep/drafts/y.yaml", "["),
        ("deep/skip.yaml", "["),
        (".trunklineignore", "drafts/\n"),
        ("deep/.trunklineignore", "skip.yaml\n"),
    ]);
    let output = run(&["validate"], folder.path());
    assert_eq!(code(&output), 0, "{}", stdout(&output));
    // What git ignores may still be a manifest.
    let folder =
        self::folder(&[("acme.yaml", "["), (".gitignore", "*.yaml\n"), (".ignore", "*\n")]);
    assert_eq!(code(&run(&["validate"], folder.path())), 3);
}

#[test]
fn an_ignore_file_that_is_a_pipe_does_not_block() {
    let folder = folder(&[("acme.yaml", TENANT), ("deep/x.yaml", TENANT)]);
    for at in [".trunklineignore", "deep/.trunklineignore"] {
        assert!(Command::new("mkfifo").arg(folder.path().join(at)).status().unwrap().success());
    }
    let output = run(&["validate", "-o", "json"], folder.path());
    assert_eq!(code(&output), 3, "{}", stdout(&output));
    assert_eq!(codes(&json(&output)), ["TL001"]);
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let folder = folder(&[("a.yaml", &"a: 1\n".repeat(20_000))]);
    let mut child = trunkline()
        .args(["validate", "."])
        .current_dir(folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut words = String::new();
    child.stderr.take().unwrap().read_to_string(&mut words).unwrap();
    assert!(!words.contains("panic"), "{words}");
    assert_eq!(child.wait().unwrap().code(), Some(3));
}

#[test]
fn colour_is_a_matter_of_choice() {
    let folder = folder(&[("a.yaml", "[")]);
    let colored = |args: &[&str]| stdout(&run(args, folder.path())).contains('\u{1b}');
    assert!(!colored(&["validate"]), "a pipe is no terminal");
    assert!(colored(&["validate", "--color", "always"]));
    assert!(!colored(&["validate", "--color", "never"]));
}

#[test]
fn a_terminal_is_never_told_what_to_do() {
    let folder = folder(&[("a.yaml", "a: \"\\e[2J\"\nkind: \"\\e]0;x\\a\"\n\"\\e[1m\": 1\n")]);
    let output = run(&["validate", "--color", "never"], folder.path());
    assert!(!stdout(&output).contains(['\u{1b}', '\u{7}']), "{}", stdout(&output));
}

#[test]
fn several_paths_keep_their_names() {
    let folder = folder(&[("one/a.yaml", TENANT), ("two/b.yaml", TENANT)]);
    let output = run(&["validate", "one", "two/b.yaml", "two", "-o", "json"], folder.path());
    let value = json(&output);
    assert_eq!(value["summary"]["files"], 2);
    assert_eq!(value["diagnostics"][0]["file"], "two/b.yaml");
    assert_eq!(value["diagnostics"][0]["related"][0]["file"], "one/a.yaml");
}

#[test]
fn one_file_under_two_spellings_is_one_file() {
    let folder = folder(&[("a.yaml", TENANT)]);
    let output = run(&["validate", "a.yaml", "./a.yaml", "././a.yaml"], folder.path());
    assert!(stderr(&output).contains("in 1 document of 1 file"), "{}", stderr(&output));
}

#[test]
fn a_file_in_two_folders_is_one_file() {
    let folder = folder(&[("a.yaml", TENANT), ("sub/b.yaml", &TENANT.replace("acme", "bolt"))]);
    let absolute = folder.path().to_str().unwrap().to_owned();
    for paths in [
        &[".", "sub"][..],
        &["sub", "."],
        &["sub/b.yaml", "."],
        &[".", "sub/b.yaml", "./sub/../sub/b.yaml"],
        &[".", "sub/.."],
        &[&absolute, ".", "sub"],
    ] {
        let output = run(&[&["validate"], paths].concat(), folder.path());
        let said = stderr(&output);
        assert!(said.starts_with("ok: 0 errors, 0 warnings in 2 documents of 2 files"), "{said}");
    }
}

#[test]
fn schemas_are_printed() {
    let folder = folder(&[]);
    let any = json(&run(&["schema"], folder.path()));
    assert_eq!(any["$id"], "https://trunkline.dev/schemas/v1/any.schema.json");
    let trunk = json(&run(&["schema", "Trunk"], folder.path()));
    assert_eq!(trunk["title"], "Trunk");
    let output = run(&["schema", "Nonsense"], folder.path());
    assert_eq!((code(&output), stdout(&output).as_str()), (64, ""));
}

#[test]
fn names_in_capitals_are_read_and_a_directory_is_no_stream() {
    let folder = folder(&[("a.YAML", TENANT), ("b.Yml", "x: 1\n"), ("c/d.yaml", TENANT)]);
    let output = run(&["validate", "-o", "json"], folder.path());
    assert_eq!(json(&output)["summary"]["files"], 3);
    assert_eq!(codes(&json(&output)), ["TL105", "TL202"]);
    let output = run(&["validate", "--only", "c/../a.YAML", "-o", "json"], folder.path());
    assert_eq!(codes(&json(&output)), ["TL202"], "the other end of the conflict");
    let stdin = File::open(folder.path()).unwrap();
    let output = trunkline().args(["validate", "-"]).stdin(stdin).output().unwrap();
    assert_eq!(code(&output), 1);
    assert!(stderr(&output).starts_with("error: cannot read stdin: "), "{}", stderr(&output));
}

#[test]
fn stdin_is_no_file_of_a_sarif_log() {
    let mut command = trunkline();
    command.args(["validate", "-", "-o", "sarif"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.stderr(Stdio::null()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"kind: Trunk\r\rx: 1\r").unwrap();
    let output = child.wait_with_output().unwrap();
    let place = &json(&output)["runs"][0]["results"][0]["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "stdin:");
}
