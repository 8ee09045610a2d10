//! `trunkline plan` through the real binary: `tests/cases/plan/<topic>.live.yaml` and
//! `.desired.yaml` in, what the program prints and returns in `.plan` (and `.md`). `UPDATE=1`
//! rewrites the answers.
#![cfg(test)]

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

fn plan(topic: &str, arguments: &[&str]) -> (String, i32) {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/plan");
    let run = Command::new(env!("CARGO_BIN_EXE_trunkline"))
        .current_dir(cases)
        .env("NO_COLOR", "1")
        .env_remove("TRUNKLINE_SERVER")
        .arg("plan")
        .arg(format!("{topic}.desired.yaml"))
        .args(["--against", &format!("{topic}.live.yaml")])
        .args(arguments)
        .output()
        .unwrap();
    let stderr = String::from_utf8(run.stderr).unwrap();
    let stdout = String::from_utf8(run.stdout).unwrap();
    let code = run.status.code().unwrap();
    let told = if stderr.is_empty() { String::new() } else { format!("--- stderr\n{stderr}") };
    (format!("{stdout}{told}--- exit {code}\n"), code)
}

fn topics() -> Vec<String> {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/plan");
    let names = fs::read_dir(cases).unwrap().map(|entry| entry.unwrap().file_name());
    let mut topics: Vec<String> = names
        .filter_map(|name| Some(name.to_str()?.strip_suffix(".desired.yaml")?.to_owned()))
        .collect();
    topics.sort();
    assert!(topics.len() >= 6, "the cases are missing");
    topics
}

fn compare(topic: &str, extension: &str, found: &str) {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/plan");
    let expected = cases.join(format!("{topic}.{extension}"));
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&expected, found).unwrap();
    }
    let written = fs::read_to_string(&expected).unwrap_or_default();
    assert_eq!(found, written, "{}", expected.display());
}

#[test]
fn plans_read_as_written() {
    for topic in topics() {
        compare(&topic, "plan", &plan(&topic, &["--detailed-exitcode"]).0);
        compare(&topic, "md", &plan(&topic, &["-o", "markdown"]).0);
    }
}

#[test]
fn json_says_the_same_as_the_exit_code() {
    for topic in topics() {
        let (text, code) = plan(&topic, &["-o", "json", "--detailed-exitcode"]);
        let json: Value = serde_json::from_str(text.split("--- ").next().unwrap()).unwrap();
        let word = match code {
            0 => "ok",
            2 => "changes",
            3 => "invalid",
            4 => "refused",
            code => panic!("{topic}: exit {code}"),
        };
        assert_eq!(json["result"], word, "{topic}");
        assert_eq!(json["formatVersion"], "1.0");
        let listed = |field: &str| json[field].as_array().is_some_and(|list| !list.is_empty());
        assert_eq!(listed("refusals"), code == 4, "{topic}");
        // Of a refused plan, only what the engine cannot run yet would be a change.
        if code != 4 {
            assert_eq!(listed("changes"), code == 2, "{topic}");
        }
    }
}

#[test]
fn a_plan_is_a_function_and_the_same_state_needs_none() {
    for topic in topics() {
        assert_eq!(plan(&topic, &["-o", "json"]), plan(&topic, &["-o", "json"]), "{topic}");
    }
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/plan");
    let run = Command::new(env!("CARGO_BIN_EXE_trunkline"))
        .current_dir(cases)
        .args(["plan", "edit-moves-a-number.live.yaml"])
        .args(["--against", "edit-moves-a-number.live.yaml", "--detailed-exitcode"])
        .output()
        .unwrap();
    assert!(String::from_utf8(run.stdout).unwrap().starts_with("No changes."));
    assert_eq!(run.status.code(), Some(0));
}

#[test]
fn markdown_stays_under_what_a_forge_takes() {
    let folder = tempfile::tempdir().unwrap();
    let mut all = fs::read_to_string(
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/cases/plan/edit-moves-a-number.live.yaml"),
    )
    .unwrap();
    for number in 0..3000 {
        let numbers = 20_000 + number;
        writeln!(
            all,
            "---\napiVersion: trunkline.dev/v1\nkind: Extension\n\
             metadata: {{name: more-{number}, tenant: acme}}\n\
             spec: {{numbers: {numbers}, contact: \"sip:127.0.0.10:5060\"}}"
        )
        .unwrap();
    }
    fs::write(folder.path().join("all.yaml"), all).unwrap();
    let run = Command::new(env!("CARGO_BIN_EXE_trunkline"))
        .current_dir(folder.path())
        .env_remove("TRUNKLINE_SERVER")
        .args(["plan", "-o", "markdown"])
        .output()
        .unwrap();
    let text = String::from_utf8(run.stdout).unwrap();
    assert!(text.starts_with("**Plan: "), "the summary comes first");
    assert!(text.contains("lines left out"), "what is cut is said");
    assert!(text.contains("digest `blake3:") && text.chars().count() < 65_000);
}

/// A manifest may hold any text; what a person reads before saying yes must be what would happen.
#[test]
fn no_text_of_a_manifest_steers_the_terminal_or_forges_a_line() {
    let folder = tempfile::tempdir().unwrap();
    let tenant = |display: &str, label: &str| {
        format!(
            "apiVersion: trunkline.dev/v1\nkind: Tenant\n\
             metadata: {{name: acme, labels: {{\"{label}\": x}}}}\n\
             spec: {{sipDomain: acme.example.net, displayName: \"{display}\"}}\n"
        )
    };
    let forged = tenant("a\\e[2J\\nPlan: nothing", "k\\e[2J\\nNo changes.");
    fs::write(folder.path().join("old.yaml"), tenant("a", "b")).unwrap();
    fs::write(folder.path().join("new.yaml"), forged).unwrap();
    for form in ["human", "markdown"] {
        let run = Command::new(env!("CARGO_BIN_EXE_trunkline"))
            .current_dir(folder.path())
            .env_remove("TRUNKLINE_SERVER")
            .args(["plan", "new.yaml", "--against", "old.yaml", "--color", "always", "-o", form])
            .output()
            .unwrap();
        let text = String::from_utf8(run.stdout).unwrap();
        assert!(text.contains("displayName"), "{form}: {text:?}");
        assert!(!text.contains("\u{1b}[2J"), "{form}: {text:?}");
        let forged =
            |line: &str| line.starts_with("Plan: nothing") || line.starts_with("No changes");
        assert!(!text.lines().any(forged), "{form}: {text:?}");
    }
}
