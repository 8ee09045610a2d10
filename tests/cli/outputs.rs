//! `-o` several times, `--only`, `--allow`, `--deny-warnings`, and `completions`.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

const WRONG: &str = "apiVersion: trunkline.dev/v1\nkind: Tenant\nmetadata: {name: acme}\n\
                     sepc: {sipDomain: acme.example.net}\n";

fn run(args: &[&str], folder: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_trunkline"));
    command.env_remove("CLICOLOR_FORCE").stdin(Stdio::null());
    command.args(args).current_dir(folder).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// `voip/a.yaml` with an error and `voip/sub/b.yaml` without.
fn folder() -> TempDir {
    let folder = TempDir::new().unwrap();
    fs::create_dir_all(folder.path().join("voip/sub")).unwrap();
    fs::write(folder.path().join("voip/a.yaml"), WRONG).unwrap();
    let sound = WRONG.replace("sepc", "spec").replace("acme", "bolt");
    fs::write(folder.path().join("voip/sub/b.yaml"), sound).unwrap();
    folder
}

#[test]
fn several_forms_go_to_files_and_one_to_stdout() {
    let folder = folder();
    let args = ["validate", "./voip/", "-o", "sarif=s.json", "-o", "junit=j.xml", "-o", "github"];
    let output = run(&args, folder.path());
    assert_eq!(output.status.code(), Some(3));
    let shown = text(&output.stdout);
    assert!(shown.starts_with("::error file=voip/a.yaml,line=4,col=1,"), "{shown}");
    let sarif = fs::read(folder.path().join("s.json")).unwrap();
    let sarif: serde_json::Value = serde_json::from_slice(&sarif).unwrap();
    let place = &sarif["runs"][0]["results"][0]["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "voip/a.yaml");
    let junit = fs::read_to_string(folder.path().join("j.xml")).unwrap();
    assert!(junit.contains("<testsuite name=\"voip/sub/b.yaml\" tests=\"1\" failures=\"0\""));
    let absolute = folder.path().join("voip");
    let output = run(&["validate", absolute.to_str().unwrap(), "-o", "github"], folder.path());
    assert_eq!(text(&output.stdout), shown, "an absolute path below here is one from here");
}

#[test]
fn forms_that_would_mix_are_refused_before_anything_is_written() {
    let folder = folder();
    for args in [
        &["validate", "voip", "-o", "sarif", "-o", "human"][..],
        &["validate", "voip", "-o", "sarif=x", "-o", "junit=x"],
        &["validate", "voip", "-o", "sarif="],
        &["validate", "voip", "-o", "markdown=x"],
        &["status", "-o", "json=x"],
        &["status", "-o", "sarif"],
    ] {
        let output = run(args, folder.path());
        assert_eq!(
            (output.status.code(), text(&output.stdout).as_str()),
            (Some(64), ""),
            "{args:?}"
        );
        assert!(!folder.path().join("x").exists());
    }
    let output = run(&["validate", "-o", "sarfi"], folder.path());
    assert!(text(&output.stderr).contains("did you mean `sarif`?"));
    let output = run(&["validate", "voip", "-o", "sarif=no/x"], folder.path());
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("cannot write `no/x`"));
}

#[test]
fn a_form_on_each_side_of_the_verb_is_refused_and_none_is_dropped() {
    let folder = folder();
    let args = ["-o", "sarif=s.json", "validate", "voip", "--output=json"];
    let output = run(&args, folder.path());
    assert_eq!(output.status.code(), Some(64), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("before and after the verb"));
    assert!(!folder.path().join("s.json").exists());
    for args in [["-o", "json", "validate", "voip"], ["validate", "voip", "-o", "json"]] {
        assert_eq!(run(&args, folder.path()).status.code(), Some(3), "{args:?}");
    }
}

#[test]
fn only_shows_one_path_and_exits_by_what_is_shown() {
    let folder = folder();
    for (only, code) in
        [("sub", 0), ("voip/sub/", 0), ("a.yaml", 3), ("./voip/a.yaml", 3), ("voip", 3)]
    {
        let output = run(&["validate", "voip", "--only", only], folder.path());
        assert_eq!(output.status.code(), Some(code), "{only}");
        let hidden = text(&output.stderr).contains("; 1 not shown");
        assert_eq!(hidden, code == 0, "{only}");
    }
    let output = run(&["validate", "voip", "--only", "su"], folder.path());
    assert_eq!(output.status.code(), Some(64));
    assert!(text(&output.stderr).contains("no manifest at `su`"));
}

#[test]
fn only_takes_paths_as_seen_from_where_one_stands() {
    let folder = folder();
    let sub = folder.path().join("voip/sub");
    fs::create_dir(folder.path().join("voip/other")).unwrap();
    fs::write(folder.path().join("voip/other/c.yaml"), WRONG.replace("acme", "corp")).unwrap();
    fs::write(folder.path().join("outside.yaml"), WRONG).unwrap();
    let absolute = sub.join("b.yaml");
    for (only, shown) in [
        (".", 0),
        ("b.yaml", 0),
        ("./b.yaml", 0),
        (absolute.to_str().unwrap(), 0),
        ("..", 2),
        ("../a.yaml", 1),
        ("../other", 1),
        ("../sub/../other/c.yaml", 1),
        ("other", 1),
        ("a.yaml", 1),
        ("sub", 0),
    ] {
        for root in ["..", "../../voip"] {
            let output = run(&["validate", root, "-o", "json", "--only", only], &sub);
            let value: serde_json::Value =
                serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
            assert_eq!(value["diagnostics"].as_array().unwrap().len(), shown, "{root} {only}");
        }
    }
    for only in ["../../outside.yaml", "../..", "../voip", "x.yaml", "/"] {
        let output = run(&["validate", "..", "--only", only], &sub);
        assert_eq!(output.status.code(), Some(64), "{only}");
        assert!(text(&output.stderr).contains(&format!("no manifest at `{only}`")), "{only}");
    }
}

#[test]
fn annotations_and_reports_name_files_from_the_top_of_the_repository() {
    let folder = folder();
    let sub = folder.path().join("voip/sub");
    fs::write(sub.join("b.yaml"), WRONG).unwrap();
    let file = |args: &[&str], workspace: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_trunkline"));
        command.env_remove("GITHUB_WORKSPACE").stdin(Stdio::null());
        if !workspace.is_empty() {
            command.env("GITHUB_WORKSPACE", workspace);
        }
        command.args(["validate", "-o", "github", "-o", "sarif=s.json"]).args(args);
        let shown = text(&command.current_dir(&sub).output().unwrap().stdout);
        let sarif = fs::read_to_string(sub.join("s.json")).unwrap();
        let name = shown.strip_prefix("::error file=").and_then(|rest| rest.split(',').next());
        let name = name.unwrap_or_else(|| panic!("{shown}")).to_owned();
        assert!(sarif.contains(&format!("\"uri\": \"{name}\"")), "{name}: {sarif}");
        name
    };
    let top = folder.path().to_str().unwrap();
    assert_eq!(file(&[], ""), "b.yaml", "no repository");
    assert_eq!(file(&[], top), "voip/sub/b.yaml");
    assert_eq!(file(&[], "/elsewhere"), "b.yaml");
    fs::create_dir(folder.path().join("voip/.git")).unwrap();
    for workspace in ["", top] {
        for args in [&[][..], &["."], &["b.yaml"], &["./b.yaml", "b.yaml"]] {
            assert_eq!(file(args, workspace), "sub/b.yaml", "{args:?}");
        }
        assert_eq!(file(&[".."], workspace), "a.yaml");
    }
}

/// What `init` writes, with two more documents of `acme`, which is renamed: 13 documents name it.
fn renamed() -> TempDir {
    let folder = TempDir::new().unwrap();
    assert_eq!(run(&["init", "w"], folder.path()).status.code(), Some(0));
    let tenants = folder.path().join("w/system/tenants.yaml");
    let written = fs::read_to_string(&tenants).unwrap();
    fs::write(&tenants, written.replacen("name: acme", "name: zebra", 1)).unwrap();
    let more: String = ["a", "b"]
        .map(|name| {
            format!(
                "---\napiVersion: trunkline.dev/v1\nkind: Schedule\n\
                 metadata: {{name: {name}, tenant: acme}}\nspec: {{weekly: {{monday: open}}}}\n"
            )
        })
        .concat();
    fs::write(folder.path().join("w/tenants/acme/z.yaml"), more).unwrap();
    folder
}

#[test]
fn what_many_files_name_is_wrong_in_each_of_them() {
    let folder = renamed();
    let root = folder.path();
    for path in ["system/pools.yaml", "tenants/acme/tests.yaml", "tenants/acme/z.yaml"] {
        let output = run(&["validate", "w", "--only", path], root);
        let shown = text(&output.stdout);
        assert_eq!(output.status.code(), Some(3), "{path}: {shown}");
        assert!(shown.contains(&format!("{path}:")), "{path}: {shown}");
        assert!(shown.contains("and 2 more places"), "{shown}");
    }
    let output = run(&["validate", "w", "--only", "tenants/bolt"], root);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));

    let json = |form| -> serde_json::Value {
        serde_json::from_slice(&run(&["validate", "w", "-o", form], root).stdout).unwrap()
    };
    let all = json("json");
    assert_eq!(all["diagnostics"].as_array().map(Vec::len), Some(1), "{all}");
    assert_eq!(all["diagnostics"][0]["related"].as_array().map(Vec::len), Some(12), "{all}");
    let result = &json("sarif")["runs"][0]["results"][0];
    assert_eq!(result["relatedLocations"].as_array().map(Vec::len), Some(12), "{result}");

    let annotations = text(&run(&["validate", "w", "-o", "github"], root).stdout);
    assert_eq!(annotations.lines().count(), 1, "{annotations}");
    assert!(annotations.contains("%0Aand 2 more places%0Ahelp: "), "{annotations}");
}

#[test]
fn an_error_cannot_be_allowed_and_a_sound_tree_passes_with_warnings_denied() {
    let folder = folder();
    let output = run(&["validate", "voip", "--allow", "tl103"], folder.path());
    assert_eq!(output.status.code(), Some(64));
    assert!(text(&output.stderr).contains("TL103 is an error"));
    let output = run(&["validate", "voip", "--allow", "TL109"], folder.path());
    assert!(text(&output.stderr).contains("did you mean TL101, TL102,"));
    let output = run(&["validate", "voip/sub", "--deny-warnings"], folder.path());
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn annotations_are_as_many_as_a_person_reads() {
    let folder = tempfile::tempdir().unwrap();
    let items = "    - +442079460000\n".repeat(120);
    let manifest = format!(
        "apiVersion: trunkline.dev/v1\nkind: DidPool\nmetadata:\n  name: a\n  tenant: a\nspec:\n  trunk: a\n  numbers:\n{items}"
    );
    fs::write(folder.path().join("a.yaml"), manifest).unwrap();
    let output = text(&run(&["validate", "-o", "github"], folder.path()).stdout);
    assert_eq!(output.matches("title=TL302::").count(), 101, "{output}");
    assert!(output.contains("::error title=TL302::and 20 more of TL302: "), "{output}");
}

#[test]
fn completions_are_data_and_bash_reads_them() {
    let folder = folder();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let output = run(&["completions", shell], folder.path());
        assert_eq!((output.status.code(), text(&output.stderr).as_str()), (Some(0), ""), "{shell}");
        assert!(text(&output.stdout).contains("deny-warnings"), "{shell}");
    }
    let words = ["github", "TL306", "telnyx/us", "RouteTest", "any"];
    // Of arguments without an option before them fish knows none.
    for (shell, words) in [("bash", &words[..]), ("zsh", &words), ("fish", &words[..3])] {
        let script = text(&run(&["completions", shell], folder.path()).stdout);
        assert!(words.iter().all(|word| script.contains(word)), "{shell}");
    }
    assert_eq!(run(&["completions", "tcsh"], folder.path()).status.code(), Some(64));
    let script = run(&["completions", "bash"], folder.path()).stdout;
    fs::write(folder.path().join("c.bash"), script).unwrap();
    let read = Command::new("bash").args(["-n", "c.bash"]).current_dir(folder.path()).status();
    assert!(read.unwrap().success());
}
