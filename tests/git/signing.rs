//! Who may have made a commit (TL602).

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::world::{World, code, done, json, stderr};

const HEAD: &str = "apiVersion: trunkline.dev/v1\nkind: Policy\nmetadata: {name: policy}\nspec:\n";

/// The Policy with these keys of tenant `acme`.
fn policy(keys: &[String]) -> String {
    let keys: Vec<_> = keys.iter().map(|key| format!("\"{key}\"")).collect();
    format!("{HEAD}  signers: [{{scope: {{tenant: acme}}, keys: [{}]}}]\n", keys.join(", "))
}

fn rule(text: &str) -> String {
    format!("# {text}\n")
}

const RULES: &str = "tenants/acme/rules.yaml";

/// A repository with a Policy by which `alice` signs for `acme`.
fn world() -> World {
    let world = World::new();
    let alice = world.key("alice");
    world.key("mallory");
    world.write("acme.yaml", crate::world::TENANT);
    world.write("policy.yaml", policy(&[format!("alice@example.net {alice}")]));
    world.commit("the policy");
    world
}

/// The messages of TL602, without the names of commits and keys.
fn breaches(world: &World, rev: &str) -> Vec<String> {
    let output = world.trunkline("r", &["validate", "--rev", rev, "-o", "json"]);
    let value = json(&output);
    let all = value["diagnostics"].as_array().unwrap_or_else(|| panic!("{value}"));
    let wrong = all.iter().filter(|one| one["code"] == "TL602");
    let wrong: Vec<_> = wrong.map(|one| one["message"].as_str().unwrap().to_owned()).collect();
    assert_eq!(code(&output), if wrong.is_empty() { 0 } else { 3 }, "{value}");
    let bare = |text: &String| {
        let words = text.split(' ').enumerate();
        let words = words.filter(|(at, word)| *at != 1 && !word.starts_with("SHA256:"));
        words.map(|(_, word)| word).collect::<Vec<_>>().join(" ")
    };
    wrong.iter().map(bare).collect()
}

fn touches(subject: &str, why: &str) -> Vec<String> {
    vec![format!("commit (“{subject}”) touches `{RULES}`, of tenant `acme`, and {why}")]
}

#[test]
fn a_touched_scope_needs_a_signature_of_its_signer() {
    let world = world();
    world.write(RULES, rule("1"));
    world.commit("plain");
    assert_eq!(breaches(&world, "HEAD"), touches("plain", "is not signed"));
    let output = world.trunkline("r", &["validate", "--rev", "HEAD"]);
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(shown.contains(&format!(" --> {RULES}:1:1\n")), "{shown}");
    assert!(shown.contains("git commit --amend --no-edit -S"), "{shown}");
    world.write(RULES, rule("2"));
    world.commit_by("good", Some("alice"));
    assert_eq!(breaches(&world, "HEAD"), Vec::<String>::new());
    world.write(RULES, rule("3"));
    world.commit_by("foreign", Some("mallory"));
    let why = "is signed with ED25519 key which is no key of its signers";
    assert_eq!(breaches(&world, "HEAD"), touches("foreign", why));
    // Other scopes are free, and a range tells every commit of it.
    world.write("README", "x");
    world.commit("elsewhere");
    assert_eq!(breaches(&world, "HEAD"), Vec::<String>::new());
    assert_eq!(breaches(&world, "HEAD~4..HEAD").len(), 2);
    let zeros = "0".repeat(40);
    assert_eq!(breaches(&world, &format!("{zeros}..HEAD")).len(), 2);
}

/// Writes a commit object made from the newest one.
fn forge(world: &World, change: impl Fn(&str) -> String) {
    let text = change(&format!("{}\n", world.git(&["cat-file", "commit", "HEAD"])));
    let id = world.git_fed(&["hash-object", "-w", "-t", "commit", "--stdin"], text.as_bytes());
    world.git(&["update-ref", "HEAD", &id]);
}

#[test]
fn a_forged_signature_and_one_of_another_kind_are_told_apart() {
    let world = world();
    world.write(RULES, rule("1"));
    world.commit_by("signed", Some("alice"));
    forge(&world, |text| text.replace("\nsigned", "\nforged"));
    assert_eq!(breaches(&world, "HEAD"), touches("forged", "has a signature that does not fit it"));
    forge(&world, |text| {
        let (header, message) = text.split_once("\n\n").unwrap();
        let header = header.split("\ngpgsig").next().unwrap();
        format!(
            "{header}\ngpgsig -----BEGIN PGP SIGNATURE-----\n \n x\n -----END PGP SIGNATURE-----\n\n{message}"
        )
    });
    assert_eq!(breaches(&world, "HEAD"), touches("forged", "is signed with OpenPGP"));
}

#[test]
fn the_time_of_a_key_is_that_of_the_commit() {
    let world = World::new();
    let alice = world.key("alice");
    world.write("acme.yaml", crate::world::TENANT);
    for (times, fits) in [
        ("valid-before=\"20260201\"", false),
        ("valid-after=\"20260401\"", false),
        ("valid-after=\"20260201\",valid-before=\"20260401\"", true),
    ] {
        let line = format!("alice@example.net {} {alice}", times.replace('"', "\\\""));
        world.write("policy.yaml", policy(&[line]));
        world.commit("the policy");
        world.write(RULES, rule(&times.replace('"', "")));
        world.commit_by("signed", Some("alice"));
        let why = "is signed with ED25519 key which was not valid at the commit's date";
        let expected = if fits { vec![] } else { touches("signed", why) };
        assert_eq!(breaches(&world, "HEAD"), expected, "{times}");
    }
}

#[test]
fn signers_may_stand_in_a_file() {
    let world = World::new();
    let alice = world.key("alice");
    world.write("acme.yaml", crate::world::TENANT);
    let file =
        |name: &str| format!("{HEAD}  signers: [{{scope: {{tenant: acme}}, files: [{name}]}}]\n");
    world.write("policy.yaml", file("signers/acme"));
    world.write("signers/acme", format!("# who\nalice@example.net {alice}\n"));
    world.commit("the policy");
    world.write(RULES, rule("1"));
    world.commit_by("signed", Some("alice"));
    assert_eq!(breaches(&world, "HEAD"), Vec::<String>::new());
    for name in ["signers/none", "signers"] {
        world.write("policy.yaml", file(name));
        world.commit("another list");
        world.write(RULES, rule(name));
        world.commit_by("signed", Some("alice"));
        let why =
            format!("cannot be checked: `{name}`, which lists its signers, is not a file there");
        assert_eq!(breaches(&world, "HEAD"), touches("signed", &why));
    }
}

#[test]
fn a_list_of_signers_that_is_not_there_is_told() {
    let world = World::new();
    world.write("acme.yaml", crate::world::TENANT);
    world.write(
        "policy.yaml",
        format!("{HEAD}  signers: [{{scope: system, files: [keys/a, keys/b]}}]\n"),
    );
    let jo = world.key("jo");
    world.write("keys/a", format!("jo@example.net {jo}\n"));
    world.commit("one list");
    for args in [&["validate", "-o", "json"][..], &["validate", "--rev", "HEAD", "-o", "json"]] {
        let output = world.trunkline("r", args);
        let value = json(&output);
        assert_eq!(code(&output), 3, "{value}");
        let told: Vec<_> = value["diagnostics"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|one| one["code"] == "TL201")
            .collect();
        assert_eq!(told.len(), 1, "{value}");
        assert_eq!(told[0]["message"], "there is no file `keys/b`, which lists signers");
        assert_eq!((&told[0]["line"], &told[0]["column"]), (&5.into(), &45.into()));
    }
    world.write("keys/b", format!("# who\nbo@example.net {jo}\n"));
    let output = world.trunkline("r", &["validate", "-o", "json"]);
    assert_eq!(code(&output), 0, "{}", json(&output));
    for (text, fault) in [
        ("# nobody\n".to_owned(), "`keys/b` lists nobody"),
        (
            format!("bo@example.net {jo}\n\njunk\n"),
            "line 3 of `keys/b`: there is no public key in this line",
        ),
    ] {
        world.write("keys/b", text);
        world.commit(fault);
        for args in [&["validate", "-o", "json"][..], &["validate", "--rev", "HEAD", "-o", "json"]]
        {
            let output = world.trunkline("r", args);
            let value = json(&output);
            assert_eq!(code(&output), 3, "{value}");
            let all = value["diagnostics"].as_array().unwrap();
            let told: Vec<_> = all.iter().filter(|one| one["code"] == "TL104").collect();
            assert_eq!(told.len(), 1, "{value}");
            assert_eq!(told[0]["message"], fault);
        }
    }
}

#[test]
fn nobody_grants_a_right_to_themselves() {
    let world = world();
    let mallory = fs::read_to_string(world.path("mallory.pub")).unwrap();
    let mallory = mallory.rsplit_once(' ').unwrap().0.to_owned();
    world.write("policy.yaml", policy(&[format!("mallory@example.net {mallory}")]));
    world.write(RULES, rule("1"));
    world.commit_by("mine", Some("mallory"));
    let why = "is signed with ED25519 key which is no key of its signers";
    assert_eq!(breaches(&world, "HEAD"), touches("mine", why));
    // What the Policy of a parent grants is granted.
    world.write(RULES, rule("2"));
    world.commit_by("granted", Some("mallory"));
    assert_eq!(breaches(&world, "HEAD"), Vec::<String>::new());
    // A second Policy, or a broken one, frees nobody.
    world.write(
        "tenants/bolt/policy.yaml",
        HEAD.replace("{name: policy}", "{name: other}") + "  prune: true\n",
    );
    world.commit("a second policy");
    world.git(&["rm", "-q", "tenants/bolt/policy.yaml"]);
    world.write(RULES, rule("3"));
    world.commit("and gone");
    assert_eq!(breaches(&world, "HEAD"), touches("and gone", "is not signed"));
    world.write("policy.yaml", HEAD.replace("spec", "sepc"));
    world.commit("broken");
    world.write("policy.yaml", format!("{HEAD}  prune: true\n"));
    world.commit("mended");
    let words =
        "commit (“mended”) cannot be checked: the Policy before it, in `policy.yaml`, has errors";
    assert_eq!(breaches(&world, "HEAD"), [words]);
}

/// Whoever may write below `tenants/acme/` only, whatever is written there.
#[test]
fn a_policy_in_a_tenants_file_grants_and_demands_nothing() {
    let world = world();
    let mallory = world.key("eve");
    for (name, spec) in [
        ("one", "scopes: {\"tenants/acme/**\": system}".to_owned()),
        ("one", "scopes: {\"**\": {tenant: acme}}".to_owned()),
        ("policy", "scopes: {\"**\": {tenant: acme}}".to_owned()),
        ("one", format!("signers: [{{scope: system, keys: [\"eve@x {mallory}\"]}}]")),
        ("one", "sope: {".to_owned()),
    ] {
        let policy = HEAD.replace("{name: policy}", &format!("{{name: {name}}}"));
        world.write("tenants/acme/a.yaml", format!("{policy}  {spec}\n"));
        world.write(
            "tenants/acme/b.yaml",
            "apiVersion: trunkline.dev/v1\nkind: Tenant\nmetadata: {name: own}\nspec: {sipDomain: o.example.net}\n",
        );
        world.commit_by("mine", Some("alice"));
        for rev in ["HEAD", "HEAD~1..HEAD"] {
            let output = world.trunkline("r", &["validate", "--rev", rev, "-o", "json"]);
            let value = json(&output);
            assert_eq!(code(&output), 3, "{value}");
            let all = value["diagnostics"].as_array().unwrap();
            let outside = all.iter().filter(|one| one["code"] == "TL601");
            let outside: Vec<_> = outside.map(|one| one["file"].as_str().unwrap()).collect();
            let is_readable = !spec.starts_with("sope");
            assert!(
                !is_readable || outside == ["tenants/acme/a.yaml", "tenants/acme/b.yaml"],
                "{value}"
            );
            let elsewhere =
                |one: &&serde_json::Value| !one["file"].as_str().unwrap().starts_with("tenants/");
            assert!(!all.iter().any(|one| elsewhere(&one)), "{value}");
        }
        let output = world.trunkline("r", &["plan", "--rev", "HEAD", "-o", "json"]);
        assert_eq!(code(&output), 3, "{}", json(&output));
        // What the next commit needs is what the system's Policy says.
        world.git(&["rm", "-q", "-r", "tenants/acme"]);
        world.write(RULES, rule(&spec));
        world.commit("gone");
        let told = breaches(&world, "HEAD");
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].contains("of tenant `acme`, and is not signed"), "{told:?}");
        world.write("README", rule(&spec));
        world.git(&["rm", "-q", RULES]);
        world.commit_by("free", Some("alice"));
        assert_eq!(breaches(&world, "HEAD"), Vec::<String>::new());
    }
}

#[test]
fn a_merge_answers_for_what_it_made_itself() {
    let world = world();
    world.write(RULES, rule("1"));
    world.commit_by("signed", Some("alice"));
    world.git(&["checkout", "-q", "-b", "side", "HEAD~1"]);
    world.write("README", "x");
    world.commit("free");
    world.git(&["checkout", "-q", "main"]);
    world.git(&["merge", "-q", "--no-edit", "side"]);
    assert_eq!(breaches(&world, "HEAD"), Vec::<String>::new());
    assert_eq!(breaches(&world, "HEAD~2..HEAD"), Vec::<String>::new());
    // A merge that puts an older state back, though a parent has just that.
    world.git(&["reset", "-q", "--hard", "HEAD~1"]);
    let tree = world.git(&["rev-parse", "side^{tree}"]);
    let merge = world.git(&["commit-tree", "-p", "main", "-p", "side", "-m", "merge", &tree]);
    let range = format!("main..{merge}");
    assert_eq!(breaches(&world, &range), touches("merge", "is not signed"));
    assert_eq!(breaches(&world, &merge), touches("merge", "is not signed"));
}

#[test]
fn a_branch_from_before_the_policy_is_judged_by_the_base() {
    let world = World::new();
    let alice = world.key("alice");
    world.write("acme.yaml", crate::world::TENANT);
    world.commit("no policy yet");
    world.git(&["branch", "old"]);
    world.write("policy.yaml", policy(&[format!("alice@example.net {alice}")]));
    world.commit("the policy");
    world.git(&["checkout", "-q", "old"]);
    world.write(RULES, rule("1"));
    world.commit("smuggled");
    world.git(&["checkout", "-q", "main"]);
    world.git(&["merge", "-q", "--no-edit", "old"]);
    assert_eq!(breaches(&world, "HEAD~1..HEAD"), touches("smuggled", "is not signed"));
}

#[test]
fn a_shallow_clone_cannot_tell_and_says_so() {
    let world = world();
    world.write(RULES, rule("1"));
    world.commit_by("signed", Some("alice"));
    let origin = format!("file://{}", world.path("r").display());
    world.git_in(".", &["clone", "-q", "--depth", "1", &origin, "shallow"]);
    let output = world.trunkline("shallow", &["validate", "--rev", "HEAD", "-o", "json"]);
    let value = json(&output);
    assert_eq!((code(&output), &value["diagnostics"][0]["code"]), (3, &"TL602".into()), "{value}");
    assert!(value["diagnostics"][0]["help"].as_str().unwrap().contains("--deepen"), "{value}");
    world.git_in("shallow", &["fetch", "-q", "--deepen=1"]);
    let output = world.trunkline("shallow", &["validate", "--rev", "HEAD", "-o", "json"]);
    assert_eq!((code(&output), &json(&output)["signatures"]), (0, &"checked".into()));
}

#[test]
fn a_directory_says_that_signatures_are_not_checked() {
    let world = world();
    let output = world.trunkline("r", &["validate", "--deny-warnings"]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert!(stderr(&output).contains("signatures not checked"), "{}", stderr(&output));
    let output = world.trunkline("r", &["validate", "-o", "json"]);
    assert_eq!(json(&output)["signatures"], "notChecked");
}

#[test]
fn a_plan_of_an_unsigned_commit_is_refused() {
    let world = world();
    world.write(RULES, rule("1"));
    world.commit("plain");
    let output = world.trunkline("r", &["plan", "--rev", "HEAD", "-o", "json"]);
    let value = json(&output);
    assert_eq!((code(&output), &value["result"]), (4, &"refused".into()), "{value}");
    assert_eq!(value["refusals"][0]["code"], "TL602");
    let value = json(&world.trunkline("r", &["plan", "--rev", "HEAD~1", "-o", "json"]));
    let codes = value["refusals"].as_array().unwrap().iter().map(|one| &one["code"]);
    assert!(codes.into_iter().all(|code| code != "TL602"), "{value}");
}

#[test]
fn without_ssh_keygen_nothing_counts_as_checked() {
    let world = world();
    world.write(RULES, rule("1"));
    world.commit_by("signed", Some("alice"));
    fs::create_dir(world.path("bin")).unwrap();
    let git = done(world.command("sh", ".").args(["-c", "command -v git"]).output().unwrap());
    std::os::unix::fs::symlink(git, world.path("bin/git")).unwrap();
    let mut command = world.command(env!("CARGO_BIN_EXE_trunkline"), "r");
    let output = command
        .env("PATH", world.path("bin"))
        .args(["validate", "--rev", "HEAD"])
        .output()
        .unwrap();
    assert_eq!(code(&output), 1, "{}", stderr(&output));
    assert!(stderr(&output).contains("`ssh-keygen` is not installed"), "{}", stderr(&output));
}

#[test]
fn a_hook_refuses_a_push_before_it_is_taken() {
    let world = world();
    world.git_in(".", &["init", "-q", "--bare", "bare.git"]);
    let hook = world.path("bare.git/hooks/pre-receive");
    let script = format!(
        "#!/bin/sh\nwhile read old new ref; do\n  '{}' validate --rev \"$old..$new\" || exit 1\ndone\n",
        env!("CARGO_BIN_EXE_trunkline")
    );
    fs::write(&hook, script).unwrap();
    fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).unwrap();
    let push =
        || world.command("git", "r").args(["push", "-q", "../bare.git", "main"]).output().unwrap();
    let heads = || world.git_in("bare.git", &["for-each-ref", "--format=%(objectname)"]);
    done(push());
    let taken = heads();
    world.write(RULES, rule("1"));
    world.commit("plain");
    let output = push();
    assert_eq!((code(&output), heads()), (1, taken.clone()), "{}", stderr(&output));
    assert!(stderr(&output).contains("remote: error[TL602]: commit "), "{}", stderr(&output));
    world.git(&["reset", "-q", "--soft", "HEAD~1"]);
    world.commit_by("signed", Some("alice"));
    done(push());
    assert_ne!(heads(), taken);
    world.write("bad.yaml", "kind: [");
    world.commit("bad");
    let output = push();
    assert!(stderr(&output).contains("error[TL001]"), "{}", stderr(&output));
}
