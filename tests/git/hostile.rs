//! Repositories that mean harm: nothing of theirs is run, and nothing outside them is read.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use crate::world::{TENANT, World, code, found, json, stderr};

#[test]
fn no_setting_of_a_repository_runs_a_program() {
    let world = World::new();
    let key = world.key("alice");
    world.write("acme.yaml", TENANT);
    let policy = format!(
        "apiVersion: trunkline.dev/v1\nkind: Policy\nmetadata: {{name: policy}}\nspec:\n  \
         signers: [{{scope: system, keys: [\"alice@example.net {key}\"]}}]\n"
    );
    world.write("policy.yaml", policy);
    world.write(".gitattributes", "* diff=evil filter=evil\n");
    world.commit("one");
    world.write("acme.yaml", TENANT.replace("acme.example", "b.example"));
    world.commit_by("two", Some("alice"));
    let evil = world.path("evil");
    let marker = world.path("marker");
    fs::write(&evil, format!("#!/bin/sh\ntouch '{}'\nexit 0\n", marker.display())).unwrap();
    fs::set_permissions(&evil, fs::Permissions::from_mode(0o755)).unwrap();
    let evil = evil.to_str().unwrap();
    for name in [
        "core.fsmonitor",
        "core.pager",
        "core.sshCommand",
        "core.editor",
        "core.askPass",
        "core.alternateRefsCommand",
        "gpg.program",
        "gpg.ssh.program",
        "gpg.openpgp.program",
        "gpg.ssh.defaultKeyCommand",
        "diff.external",
        "diff.evil.command",
        "diff.evil.textconv",
        "filter.evil.smudge",
        "filter.evil.clean",
        "filter.evil.process",
        "credential.helper",
        "uploadpack.packObjectsHook",
        "pager.validate",
        "pager.ls-tree",
        "pager.rev-list",
        "interactive.diffFilter",
    ] {
        world.git(&["config", name, evil]);
    }
    world.git(&["config", "core.hooksPath", world.0.path().to_str().unwrap()]);
    world.git(&["config", "alias.ls-tree", &format!("!{evil}")]);
    drop(fs::remove_file(&marker));
    let output = world.trunkline("r", &["validate", "--rev", "HEAD~1..HEAD", "-o", "json"]);
    assert_eq!(code(&output), 0, "{}{}", json(&output), stderr(&output));
    assert_eq!(json(&output)["signatures"], "checked");
    assert!(!marker.exists());
}

#[test]
fn replaced_and_grafted_objects_do_not_count() {
    let world = World::new();
    world.write("acme.yaml", "kind: [");
    let bad = world.commit("bad");
    world.write("acme.yaml", TENANT);
    let good = world.commit("good");
    world.git(&["replace", &bad, &good]);
    fs::write(world.path("r/.git/info/grafts"), format!("{good}\n")).unwrap();
    let output = world.trunkline("r", &["validate", "--rev", &bad, "-o", "json"]);
    assert_eq!((code(&output), &json(&output)["revision"]), (3, &bad.clone().into()));
    let output = world.trunkline("r", &["validate", "--rev", "main~1", "-o", "json"]);
    assert_eq!(json(&output)["revision"], bad.as_str());
}

#[test]
fn nothing_is_fetched() {
    let world = World::new();
    world.write("acme.yaml", TENANT);
    world.commit("one");
    world.git(&["config", "uploadpack.allowFilter", "true"]);
    let origin = format!("file://{}", world.path("r").display());
    world.git_in(".", &["clone", "-q", "--no-checkout", "--filter=blob:none", &origin, "partial"]);
    let output = world.trunkline("partial", &["validate", "--rev", "HEAD"]);
    assert_eq!(code(&output), 1);
    assert!(stderr(&output).contains("lacks an object of `acme.yaml`"), "{}", stderr(&output));
    assert!(stderr(&output).contains("--refetch"), "{}", stderr(&output));
}

#[test]
fn links_submodules_and_odd_paths_are_told() {
    let world = World::new();
    let blob = world.git_fed(&["hash-object", "-w", "--stdin"], TENANT.as_bytes());
    let link = world.git_fed(&["hash-object", "-w", "--stdin"], b"/etc/passwd");
    // What no git program would write: names that lead elsewhere.
    let raw = |mode: &str, name: &str, id: &str| {
        let digits = id.as_bytes().chunks(2).map(|two| std::str::from_utf8(two).unwrap());
        let id = digits.map(|two| u8::from_str_radix(two, 16).unwrap());
        [format!("{mode} {name}\0").into_bytes(), id.collect()].concat()
    };
    let make = |entries: &[Vec<u8>]| {
        let args = ["hash-object", "-w", "-t", "tree", "--literally", "--stdin"];
        world.git_fed(&args, &entries.concat())
    };
    let up = make(&[raw("100644", "up.yaml", &blob)]);
    let top = make(&[
        raw("40000", "..", &up),
        raw("100644", "/etc/root.yaml", &blob),
        raw("100644", "acme.yaml", &blob),
        raw("120000", "link.yaml", &link),
        raw("120000", "link.txt", &link),
        raw("160000", "module", &"1".repeat(40)),
    ]);
    let id = world.git(&["commit-tree", "-m", "odd", &top]);
    let output = world.trunkline("r", &["validate", "--rev", &id, "-o", "json"]);
    let told = |file: &str| (file.to_owned(), "TL603".to_owned());
    let expected: Vec<_> =
        ["../up.yaml", "/etc/root.yaml", "link.yaml", "module"].into_iter().map(told).collect();
    assert_eq!((code(&output), found(&json(&output))), (3, expected));
    // An ignored submodule is not missed.
    let ignore = world.git_fed(&["hash-object", "-w", "--stdin"], b"module/\n");
    let top = make(&[
        raw("100644", ".trunklineignore", &ignore),
        raw("100644", "acme.yaml", &blob),
        raw("160000", "module", &"1".repeat(40)),
    ]);
    let id = world.git(&["commit-tree", "-m", "ignored", &top]);
    let output = world.trunkline("r", &["validate", "--rev", &id, "-o", "json"]);
    assert_eq!((code(&output), found(&json(&output))), (0, vec![]));
}

#[test]
fn a_linked_folder_takes_no_manifest_away_in_silence() {
    let world = World::new();
    world.write("tenants/.real/acme.yaml", TENANT);
    world.write("notes.txt", "none");
    symlink(".real", world.path("r/tenants/acme")).unwrap();
    symlink("../notes.txt", world.path("r/tenants/notes")).unwrap();
    symlink("nowhere", world.path("r/tenants/gone")).unwrap();
    world.write("system.yaml", TENANT);
    world.commit("linked");
    let expected = vec![("tenants/acme".to_owned(), "TL603".to_owned())];
    for args in [&["validate", "-o", "json"][..], &["validate", "--rev", "HEAD", "-o", "json"]] {
        let output = world.trunkline("r", args);
        assert_eq!((code(&output), found(&json(&output))), (3, expected.clone()), "{args:?}");
    }
    fs::create_dir(world.path("outside")).unwrap();
    symlink("../../outside", world.path("r/tenants/bolt")).unwrap();
    symlink("/etc/hosts.conf", world.path("r/hosts.conf")).unwrap();
    world.commit("a folder of another place");
    let expected =
        ["tenants/acme", "tenants/bolt"].map(|path| (path.to_owned(), "TL603".to_owned()));
    for args in [&["validate", "-o", "json"][..], &["validate", "--rev", "HEAD", "-o", "json"]] {
        let output = world.trunkline("r", args);
        assert_eq!((code(&output), found(&json(&output))), (3, expected.to_vec()), "{args:?}");
    }
    world.write(".trunklineignore", "tenants/acme\ntenants/bolt\n");
    world.commit("ignored");
    for args in [&["validate", "-o", "json"][..], &["validate", "--rev", "HEAD", "-o", "json"]] {
        assert_eq!(code(&world.trunkline("r", args)), 0, "{args:?}");
    }
}

#[test]
fn a_small_repository_that_unfolds_without_end_is_refused() {
    let world = World::new();
    let text = vec![b'#'; 8 * 1024 * 1024];
    let blob = world.git_fed(&["hash-object", "-w", "--stdin"], &text);
    let lines: String = (0..300).map(|n| format!("100644 blob {blob}\t{n}.yaml\n")).collect();
    let tree = world.git_fed(&["mktree"], lines.as_bytes());
    let id = world.git(&["commit-tree", "-m", "large", &tree]);
    let output = world.trunkline("r", &["validate", "--rev", &id]);
    assert_eq!(code(&output), 1);
    assert!(stderr(&output).contains("over 2 GiB"), "{}", stderr(&output));
}

#[test]
fn a_repository_of_somebody_else_says_what_to_do() {
    let world = World::new();
    world.write("acme.yaml", TENANT);
    world.commit("one");
    // Another user would be needed; what git then says is as good.
    let mut command = world.command(env!("CARGO_BIN_EXE_trunkline"), "r");
    let script = world.path("git");
    let words = "fatal: detected dubious ownership in repository at '/srv/x'";
    fs::write(&script, format!("#!/bin/sh\necho \"{words}\" >&2\nexit 128\n")).unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    command.env("PATH", world.0.path()).args(["validate", "--rev", "HEAD"]);
    let output = command.output().unwrap();
    assert_eq!(code(&output), 1);
    let help = "git config --global --add safe.directory '/srv/x'";
    assert!(stderr(&output).contains(help), "{}", stderr(&output));
}
