//! `trunkline init`: what it writes works at once.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use trunkline::diag::FileId;
use trunkline::manifest::yaml;

fn trunkline(folder: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_trunkline"));
    command.args(args).current_dir(folder).output().unwrap()
}

fn json(folder: &Path, args: &[&str]) -> Value {
    let output = trunkline(folder, &[args, &["-o", "json"]].concat());
    serde_json::from_slice(&output.stdout).unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files(&path, found) } else { found.push(path) }
    }
}

#[test]
fn the_new_repository_works_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let made = trunkline(folder.path(), &["init", "my voip"]);
    assert_eq!(made.status.code(), Some(0), "{}", said(&made));
    for args in [
        &["validate", "--deny-warnings", "my voip"][..],
        &["fmt", "--check", "--diff", "my voip"],
        &["plan", "my voip"],
    ] {
        let output = trunkline(folder.path(), args);
        assert_eq!(output.status.code(), Some(0), "{args:?}: {}", said(&output));
    }
    let summary = json(folder.path(), &["validate", "my voip"])["summary"].clone();
    assert_eq!((&summary["errors"], &summary["warnings"]), (&0.into(), &0.into()));
    let plan = json(folder.path(), &["plan", "my voip"]);
    assert_eq!(plan["refusals"], Value::Array(vec![]), "the engine carries out all of it");
}

#[test]
fn the_commands_that_it_prints_and_explains_work() {
    let folder = tempfile::tempdir().unwrap();
    let report = json(folder.path(), &["init", "voip"]);
    let next: Vec<&str> =
        report["next"].as_array().unwrap().iter().map(|it| it.as_str().unwrap()).collect();
    let readme = fs::read_to_string(folder.path().join("voip/README.md")).unwrap();
    let mut ran = 0;
    for command in next {
        let bare = command.strip_suffix(" voip").unwrap();
        assert!(readme.contains(&format!("    {bare}")), "the README has {bare}");
        let words: Vec<&str> = command.split(' ').skip(1).collect();
        if words[0] == "serve" {
            continue;
        }
        let output = trunkline(folder.path(), &words);
        assert_eq!(output.status.code(), Some(0), "{command}: {}", said(&output));
        if words[0] == "simulate" {
            let decision = json(folder.path(), &words)["decision"].clone();
            assert_eq!(decision["outcome"], "deliver", "{command}: {decision}");
            ran += 1;
        }
    }
    assert_eq!(ran, 2, "one call in and one call out");
}

#[test]
fn the_route_tests_say_what_the_router_says() {
    let folder = tempfile::tempdir().unwrap();
    trunkline(folder.path(), &["init"]);
    let decision = |args: &[&str]| json(folder.path(), args)["decision"].clone();
    let desk = decision(&[
        "simulate",
        "inbound",
        "--trunk",
        "carrier-a",
        "--to",
        "+442079460005",
        "--from",
        "+4930123456",
    ]);
    assert!(desk["rule"].as_str().unwrap().ends_with("desks"), "{desk}");
    let abroad = decision(&[
        "simulate",
        "outbound",
        "--tenant",
        "acme",
        "--extension",
        "1000",
        "--to",
        "004930123456",
    ]);
    assert_eq!(abroad["number"], "+4930123456", "{abroad}");
    assert_eq!(abroad["trunks"].as_array().unwrap().len(), 2, "{abroad}");
    let front = decision(&[
        "simulate",
        "inbound",
        "--trunk",
        "carrier-b",
        "--to",
        "+14155550160",
        "--from",
        "+12125550111",
    ]);
    assert!(front["rule"].as_str().unwrap().ends_with("front-desk"), "{front}");
}

#[test]
fn editors_find_the_schema_and_ci_files_are_yaml() {
    let folder = tempfile::tempdir().unwrap();
    trunkline(folder.path(), &["init"]);
    let mut all = Vec::new();
    files(folder.path(), &mut all);
    let (mut manifests, mut workflows) = (0, 0);
    for path in all {
        let text = fs::read_to_string(&path).unwrap();
        let name = path.strip_prefix(folder.path()).unwrap().to_string_lossy().into_owned();
        let is_yaml = name.ends_with(".yaml") || name.ends_with(".yml");
        if is_yaml {
            let parsed = yaml::parse(FileId(0), &text);
            assert_eq!(parsed.diagnostics, vec![], "{name}");
        }
        if name.starts_with("system/") || name.starts_with("tenants/") {
            // An editor uses a schema for the document alone in which its line stands.
            for document in text.split("\n---\n") {
                let first = document.lines().next().unwrap();
                let schema = first.strip_prefix("# yaml-language-server: $schema=").unwrap();
                let schema = fs::read_to_string(path.parent().unwrap().join(schema)).unwrap();
                let schema: Value = serde_json::from_str(&schema).unwrap();
                assert_eq!(schema["title"], "Trunkline manifest", "{name}");
            }
            manifests += 1;
        } else if is_yaml {
            assert!(text.contains("trunkline validate --deny-warnings"), "{name}");
            workflows += 1;
        }
    }
    assert_eq!((manifests, workflows), (11, 2));
    let settings = fs::read_to_string(folder.path().join(".vscode/settings.json")).unwrap();
    serde_json::from_str::<Value>(&settings).unwrap();
}

#[test]
fn nothing_is_ever_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let readme = folder.path().join("README.md");
    fs::write(&readme, "mine\n").unwrap();
    let refused = trunkline(folder.path(), &["init"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(said(&refused).contains("there is already README.md"), "{}", said(&refused));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing was written");
    let dry = trunkline(folder.path(), &["init", "--skip-existing", "--dry-run"]);
    assert_eq!(dry.status.code(), Some(0));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing was written");
    let rest = trunkline(folder.path(), &["init", "--skip-existing"]);
    assert_eq!(rest.status.code(), Some(0), "{}", said(&rest));
    assert_eq!(fs::read_to_string(&readme).unwrap(), "mine\n");
    assert!(folder.path().join("system/trunks.yaml").is_file());
    let again = trunkline(folder.path(), &["init"]);
    assert_eq!(again.status.code(), Some(1));
}

#[test]
fn inside_a_repository_it_says_where_ci_looks() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join(".git")).unwrap();
    let top = folder.path().canonicalize().unwrap();
    for args in [&["init", "--dry-run", "a/voip"][..], &["init", "a/voip"]] {
        let output = trunkline(folder.path(), args);
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
        let told = format!("git repository {}, and CI reads its files at the top", top.display());
        assert!(said(&output).contains(&told), "{}", said(&output));
    }
    let report = json(folder.path(), &["init", "b"]);
    assert_eq!(report["moveCiTo"], top.to_str().unwrap());
    let output = trunkline(folder.path(), &["init", "."]);
    assert!(!said(&output).contains("CI reads"), "{}", said(&output));
    assert_eq!(json(folder.path(), &["init", "--skip-existing"])["moveCiTo"], Value::Null);
}

#[test]
fn links_in_the_way_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let outside = tempfile::tempdir().unwrap();
    symlink(outside.path(), folder.path().join("system")).unwrap();
    symlink(outside.path(), folder.path().join("whole")).unwrap();
    fs::write(folder.path().join("file"), "").unwrap();
    for args in [
        &["init"][..],
        &["init", "--skip-existing"],
        &["init", "whole"],
        &["init", "whole/"],
        &["init", "file"],
    ] {
        let output = trunkline(folder.path(), args);
        assert_eq!(output.status.code(), Some(1), "{args:?}: {}", said(&output));
        assert!(said(&output).contains("nothing was written"), "{args:?}: {}", said(&output));
    }
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3);
}

#[test]
fn a_folder_that_begins_with_a_hyphen_is_no_option() {
    let folder = tempfile::tempdir().unwrap();
    let output = trunkline(folder.path(), &["init", "--dry-run", "-o", "json", "--", "-voip"]);
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    let next = said["next"].as_array().unwrap();
    assert!(next.iter().all(|one| one.as_str().unwrap().ends_with(" ./-voip")), "{next:?}");
}
