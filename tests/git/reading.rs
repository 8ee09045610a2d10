//! What is read of a revision, and from where.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::Path;

use proptest::prelude::*;
use trunkline::source::directory;
use trunkline::source::git::{Repository, Sieve};

use crate::world::{TENANT, World, code, contents, found, json, stderr};

#[test]
fn a_revision_is_read_and_named_and_nothing_is_touched() {
    let world = World::new();
    world.write("acme.yaml", TENANT);
    let first = world.commit("one");
    world.write("acme.yaml", TENANT.replace("spec", "sepc"));
    world.commit("two");
    world.write("acme.yaml", "dirty");
    world.write("new.yaml", "[");
    let before = contents(&world.path("r"));
    for rev in ["HEAD~1", &first, &first[..10], "main~1", "HEAD~1..HEAD~1"] {
        let output = world.trunkline("r", &["validate", "--rev", rev, "-o", "json"]);
        assert_eq!(code(&output), 0, "{rev}: {}", stderr(&output));
        assert_eq!(json(&output)["revision"], first.as_str(), "{rev}");
    }
    let output = world.trunkline("r", &["validate", "--rev", "HEAD~1"]);
    let words =
        format!("ok: 0 errors, 0 warnings in 1 document of 1 file at commit {}\n", &first[..12]);
    assert_eq!(stderr(&output), words);
    let output = world.trunkline("r", &["validate", "--rev", "main", "-o", "json"]);
    assert_eq!(
        (code(&output), found(&json(&output))),
        (3, vec![("acme.yaml".into(), "TL103".into())])
    );
    assert_eq!(contents(&world.path("r")), before);
}

#[test]
fn bare_repositories_worktrees_folders_and_shallow_clones_are_read() {
    let world = World::new();
    world.write("voip/acme.yaml", TENANT);
    world.write("other/x.yaml", "[");
    world.commit("one");
    world.commit("two");
    world.git(&["branch", "odd/ü'\"$(x)"]);
    world.git_in(".", &["clone", "-q", "--bare", "r", "bare.git"]);
    world.git(&["worktree", "add", "-q", "../tree"]);
    let origin = format!("file://{}", world.path("r").display());
    world.git_in(".", &["clone", "-q", "--depth", "1", &origin, "shallow"]);
    world.git(&["rm", "-qr", "voip"]);
    for (folder, path, rev) in [
        ("bare.git", "voip", "main"),
        (".", "bare.git/voip", "odd/ü'\"$(x)"),
        ("tree", "voip", "HEAD"),
        ("tree/voip", ".", "HEAD"),
        ("shallow", "voip", "HEAD"),
        ("shallow/voip", ".", "main"),
        ("r", "voip", "HEAD"),
        ("r/.git", "voip", "HEAD"),
    ] {
        let output = world.trunkline(folder, &["validate", path, "--rev", rev, "-o", "json"]);
        let value = json(&output);
        assert_eq!(code(&output), 0, "{folder} {path}: {value} {}", stderr(&output));
        assert_eq!(value["summary"]["files"], 1, "{folder} {path}");
    }
    let output = world.trunkline("shallow", &["validate", "voip", "--rev", "HEAD"]);
    assert!(stderr(&output).contains("this is a shallow clone"), "{}", stderr(&output));
    let output = world.trunkline("shallow", &["validate", "voip", "--rev", "HEAD~1"]);
    assert_eq!(code(&output), 1);
    assert!(stderr(&output).contains("git fetch --unshallow"), "{}", stderr(&output));
}

#[test]
fn what_cannot_be_read_says_why() {
    let world = World::new();
    world.write("acme.yaml", TENANT);
    world.commit("one");
    fs::create_dir(world.path("plain")).unwrap();
    for (folder, args, exit, words) in [
        ("r", &["--rev=-x"][..], 64, "it begins with `-`"),
        ("r", &["--rev="], 64, "it is empty"),
        ("r", &["--rev=a...b"], 64, "two dots"),
        ("r", &["--rev", "0000000000000000000000000000000000000000"], 64, "zeros name no commit"),
        ("r", &[".", "acme.yaml", "--rev", "HEAD"], 64, "one PATH"),
        ("r", &["-", "--rev", "HEAD"], 64, "stdin has no revisions"),
        ("r", &["--rev", "nope"], 1, "there is no commit `nope`"),
        ("r", &["--rev", ":acme.yaml"], 1, "there is no commit"),
        ("r", &["--rev", "HEAD^{tree}"], 1, "there is no commit"),
        ("r", &["--rev", "nope..HEAD"], 1, "there is no commit `nope`"),
        ("r", &["nope", "--rev", "HEAD"], 1, "there is no folder `nope`"),
        ("plain", &["--rev", "HEAD"], 1, "is not in a git repository"),
    ] {
        let args: Vec<_> = ["validate"].iter().chain(args).copied().collect();
        let output = world.trunkline(folder, &args);
        assert_eq!(code(&output), exit, "{args:?}: {}", stderr(&output));
        assert!(stderr(&output).contains(words), "{args:?}: {}", stderr(&output));
    }
    let mut command = world.command(env!("CARGO_BIN_EXE_trunkline"), "r");
    let output =
        command.args(["validate", "--rev", "HEAD"]).env("PATH", "/nowhere").output().unwrap();
    assert_eq!(code(&output), 1);
    assert!(stderr(&output).contains("`git` is not installed"), "{}", stderr(&output));
}

#[test]
fn a_missing_blob_is_named_by_its_file() {
    let world = World::new();
    world.write("voip/acme.yaml", TENANT);
    world.commit("one");
    let id = world.git(&["rev-parse", "HEAD:voip/acme.yaml"]);
    fs::remove_file(world.path("r/.git/objects").join(&id[..2]).join(&id[2..])).unwrap();
    let output = world.trunkline("r", &["validate", "--rev", "HEAD"]);
    assert_eq!(code(&output), 1);
    assert!(stderr(&output).contains("lacks an object of `voip/acme.yaml`"), "{}", stderr(&output));
}

#[test]
fn a_plan_and_a_simulation_read_revisions() {
    let world = World::new();
    world.write("acme.yaml", TENANT);
    let first = world.commit("one");
    world.write("acme.yaml", TENANT.replace("acme.example", "acme2.example"));
    world.commit("two");
    let args = ["plan", "--rev", "HEAD~1", "--against", "main", "-o", "json"];
    let output = world.trunkline("r", &args);
    let value = json(&output);
    assert_eq!((code(&output), &value["changes"][0]["action"]), (0, &"change".into()), "{value}");
    assert_eq!(value["revision"], format!("git@{first}"));
    let output = world.trunkline("r", &["plan", "--against", "nope", "-o", "json"]);
    assert_eq!(code(&output), 1);
    assert!(stderr(&output).contains("no commit `nope`"), "{}", stderr(&output));
    let output = world
        .trunkline("r", &["simulate", "inbound", "--trunk", "x", "--to", "1", "--rev", "nope"]);
    assert!(stderr(&output).contains("no commit `nope`"), "{}", stderr(&output));
}

/// Names that files and folders of a tree may have.
const NAMES: &[&[u8]] = &[
    b"a.yaml",
    b"b.yml",
    b"c.txt",
    b".hidden",
    b".x.yaml",
    b"drafts",
    b"tenants",
    b"a b.yaml",
    b"line\nend.yaml",
    b"quote\".yaml",
    b"\xff.yaml",
    b"x.yaml.d",
    b".trunklineignore",
];

/// What a file holds, or that it is a link.
const CONTENTS: &[Option<&str>] = &[
    Some(TENANT),
    Some("drafts\n!keep\n*.yml\n/a.yaml\n[\n"),
    Some("!b.yml\n"),
    Some("kind: ["),
    Some(""),
    None,
];

fn trees() -> impl Strategy<Value = Vec<(Vec<usize>, usize)>> {
    let path = prop::collection::vec(0..NAMES.len(), 1..4);
    prop::collection::vec((path, 0..CONTENTS.len()), 1..24)
}

/// Makes what can be made of a tree: a name that is taken stays what it is.
fn make(root: &Path, tree: &[(Vec<usize>, usize)]) {
    for (names, content) in tree {
        let names = names.iter().map(|name| std::ffi::OsStr::from_bytes(NAMES[*name]));
        let path = root.join(names.collect::<std::path::PathBuf>());
        if fs::create_dir_all(path.parent().unwrap()).is_err() || path.symlink_metadata().is_ok() {
            continue;
        }
        match CONTENTS[*content] {
            Some(text) => fs::write(path, text).unwrap(),
            None => symlink("elsewhere", path).unwrap(),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_commit_reads_as_the_directory_that_it_was_made_of(tree in trees()) {
        let world = World::new();
        make(&world.path("r"), &tree);
        let id = world.commit("all");
        // Git knows no empty folders.
        let repository = Repository::open(&world.path("r")).unwrap();
        let revisions = repository.resolve(&id).unwrap();
        let read = repository.tree(&revisions.tip, &mut Sieve::new(|_| false)).unwrap();
        prop_assert_eq!(read, directory::read(&world.path("r")).unwrap());
    }
}

#[test]
fn a_commit_and_its_directory_give_the_same_json() {
    let world = World::new();
    world.write("tenants/acme/rules.yaml", TENANT);
    world.write("broken.yaml", "kind: [\n---\na: 1\na: 2\n");
    world.write("latin.yaml", b"a: \xfc\n");
    world.write("huge.yaml", vec![b'#'; 8 * 1024 * 1024 + 1]);
    symlink("huge.yaml", world.path("r/link.yaml")).unwrap();
    let id = world.commit("all");
    let from_git = world.trunkline("r", &["validate", "--rev", "HEAD", "-o", "json"]);
    let mut value = json(&from_git);
    let codes: Vec<_> = found(&value).into_iter().map(|(_, code)| code).collect();
    for code in ["TL001", "TL002", "TL003", "TL004", "TL603"] {
        assert!(codes.iter().any(|found| found == code), "{code}: {codes:?}");
    }
    assert_eq!(value.as_object_mut().unwrap().remove("revision"), Some(id.into()));
    assert_eq!(value, json(&world.trunkline("r", &["validate", "-o", "json"])));
}

#[test]
fn scopes_are_relative_to_the_root_wherever_it_is() {
    let world = World::new();
    world.write("voip/tenants/bolt/acme.yaml", TENANT);
    world.commit("all");
    let told = |args: &[&str], scopes: &str| {
        let args: Vec<_> = ["validate", "-o", "json"].iter().chain(args).copied().collect();
        let value = json(&world.trunkline("r", &args));
        assert_eq!(value["scopes"], scopes, "{args:?}");
        found(&value).into_iter().map(|(_, code)| code).collect::<Vec<_>>()
    };
    for rev in [&[][..], &["--rev", "HEAD"]] {
        assert_eq!(told(&[&["voip"], rev].concat(), "checked"), ["TL601"], "{rev:?}");
        // From the top the folder is no tenant's.
        assert!(told(&[&["."], rev].concat(), "checked").is_empty(), "{rev:?}");
    }
    assert!(told(&["voip/tenants/bolt/acme.yaml"], "notChecked").is_empty());
}
