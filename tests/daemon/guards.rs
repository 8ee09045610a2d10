//! Guards against deletions in the daemon and in `apply`: what is refused changes nothing, and the
//! step that the refusal names goes on.

use std::fmt::Write as _;
use std::process::Output;

use serde_json::Value;

use crate::daemon::{BASE, Daemon, Site, run};

const PROTECTED: &str =
    "metadata: {name: carrier, annotations: {trunkline.dev/prevent-destroy: true}}";

fn protected() -> String {
    BASE.replace("metadata: {name: carrier}", PROTECTED)
}

/// The base without its trunk, and without the pool on it.
fn without_trunk() -> String {
    let documents = BASE.split("---\n");
    let kept = documents.filter(|one| !one.contains("kind: Trunk") && !one.contains("DidPool"));
    kept.collect::<Vec<_>>().join("---\n")
}

fn desks(numbers: std::ops::Range<u32>) -> String {
    let mut text = String::new();
    for number in numbers {
        writeln!(
            text,
            "---\napiVersion: trunkline.dev/v1\nkind: Extension\n\
             metadata: {{name: desk-{number}, tenant: acme}}\n\
             spec: {{numbers: {number}, contact: 'sip:127.0.0.9:5060'}}"
        )
        .unwrap();
    }
    text
}

fn policy(spec: &str) -> String {
    format!(
        "apiVersion: trunkline.dev/v1\nkind: Policy\nmetadata: {{name: all}}\nspec: {{{spec}}}\n"
    )
}

fn apply(site: &Site, daemon: &Daemon, more: &[&str]) -> Output {
    let path = site.manifests();
    let fixed = ["apply", path.to_str().unwrap(), "--server", &daemon.url, "--auto-approve"];
    run(&[&fixed[..], more].concat())
}

/// The one refusal of `plan` and of `apply`, which say the same and return 4.
fn refusal(site: &Site, daemon: &Daemon) -> Value {
    let path = site.manifests();
    let plan = run(&["plan", path.to_str().unwrap(), "--server", &daemon.url, "-o", "json"]);
    let applied = apply(site, daemon, &["-o", "json"]);
    let mut told = Vec::new();
    for output in [plan, applied] {
        assert_eq!(output.status.code(), Some(4), "{output:?}");
        let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(answer["result"], "refused", "{answer:#}");
        assert_eq!(answer["refusals"].as_array().unwrap().len(), 1, "{answer:#}");
        told.push(answer["refusals"][0].clone());
    }
    assert_eq!(told[0], told[1]);
    told.remove(0)
}

#[test]
fn a_protected_trunk_goes_in_two_revisions_and_not_in_one() {
    let site = Site::new();
    site.write("base.yaml", &protected());
    let daemon = site.serve();
    // The live state remembers it, also after a restart.
    daemon.signal("KILL");
    drop(daemon);
    let mut daemon = site.serve();
    let gone = Site::new();
    gone.write("base.yaml", &without_trunk());
    std::fs::remove_file(gone.manifests().join("rule.yaml")).unwrap();
    let told = refusal(&gone, &daemon);
    assert_eq!((&told["code"], &told["resource"]), (&"TL802".into(), &"Trunk/carrier".into()));
    assert!(told["help"].as_str().unwrap().contains("without the annotation"), "{told:#}");
    let path = gone.manifests();
    for (verb, form) in [("plan", "human"), ("plan", "markdown"), ("apply", "human")] {
        let fixed = [verb, path.to_str().unwrap(), "--server", &daemon.url, "-o", form];
        let output = run(&fixed);
        let words = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(4), "{words}");
        assert_eq!(words.matches("error[TL802]").count(), 1, "{verb} {form}: {words}");
        assert!(words.contains("= help: put its manifest back"), "{verb} {form}: {words}");
    }
    // The followed directory is refused the same way, and goes on with the two revisions.
    std::fs::remove_file(site.manifests().join("rule.yaml")).unwrap();
    site.write("base.yaml", &without_trunk());
    let line = daemon.wait_for("the revision is refused");
    assert!(line.contains("stays in force"), "{line}");
    assert!(daemon.wait_for("as `plan` prints it").contains("TL802"));
    let status = daemon.until(|status| status["condition"] == "Stalled");
    assert_eq!(status["conditions"][1]["reason"], "Refused");
    assert_eq!(status["diagnostics"][0]["code"], "TL802");
    assert_eq!(daemon.destination(), 100);
    site.write("base.yaml", BASE);
    daemon.until(|status| status["condition"] == "Ready" && status["problemCount"] == 0);
    site.write("base.yaml", &without_trunk());
    daemon.until(|status| status["condition"] == "Ready" && status["resources"] == 3);
}

#[test]
fn too_many_deletions_wait_for_a_policy_that_was_applied_before() {
    let site = Site::new();
    site.write("desks.yaml", &desks(300..310));
    let mut daemon = site.serve();
    let fewer = Site::new();
    fewer.write("desks.yaml", &desks(300..304));
    let told = refusal(&fewer, &daemon);
    assert_eq!((&told["code"], &told["resource"]), (&"TL803".into(), &"Tenant/acme".into()));
    let message = told["message"].as_str().unwrap();
    assert!(message.contains("6 of the 13") && message.contains("limit is 3"), "{message}");
    // A revision that raises the limit may not use it.
    fewer.write("policy.yaml", &policy("deletions: {maxPercent: 50}"));
    assert_eq!(refusal(&fewer, &daemon)["code"], "TL803");
    site.write("desks.yaml", &desks(300..304));
    daemon.wait_for("the revision is refused");
    assert!(daemon.wait_for("as `plan` prints it").contains("TL803"));
    site.write("policy.yaml", &policy("deletions: {maxPercent: 50}"));
    daemon.wait_for("the revision is refused");
    site.write("desks.yaml", &desks(300..310));
    daemon.wait_for("applied 1 change");
    // The Policy survives a restart as what is live does.
    daemon.signal("KILL");
    drop(daemon);
    let mut daemon = site.serve();
    site.write("desks.yaml", &desks(300..304));
    daemon.wait_for("applied 6 changes");
    assert_eq!(daemon.destination(), 100);
}

#[test]
fn an_empty_revision_is_taken_where_the_live_policy_says_so() {
    let site = Site::new();
    let mut daemon = site.serve();
    let empty = Site::new();
    for name in ["base.yaml", "rule.yaml"] {
        std::fs::remove_file(empty.manifests().join(name)).unwrap();
    }
    let told = refusal(&empty, &daemon);
    assert_eq!(told["code"], "TL804");
    assert!(told["help"].as_str().unwrap().contains("allowEmpty: true"), "{told:#}");
    assert_eq!(daemon.destination(), 100);
    site.write("policy.yaml", &policy("allowEmpty: true"));
    daemon.wait_for("applied 1 change");
    // A directory that is away is not empty.
    std::fs::rename(site.manifests(), site.path("away")).unwrap();
    daemon.wait_for("cannot read");
    assert_eq!(daemon.destination(), 100);
    std::fs::rename(site.path("away"), site.manifests()).unwrap();
    daemon.until(|status| status["condition"] == "Ready");
    let done = apply(&empty, &daemon, &["-o", "json"]);
    assert_eq!(done.status.code(), Some(0), "{done:?}");
    daemon.until(|status| status["resources"] == 0);
    // Where nothing is live, nothing is refused and nothing is waited for.
    let again = apply(&empty, &daemon, &["-o", "json"]);
    assert_eq!(again.status.code(), Some(0), "{again:?}");
}

#[test]
fn tests_of_the_repository_are_never_live() {
    let site = Site::new();
    let test = "apiVersion: trunkline.dev/v1\nkind: RouteTest\n\
                metadata: {name: reaches, tenant: acme}\n\
                spec: {inbound: {trunk: carrier, to: '14155550100', from: '1'}, expect: {destination: x}}\n";
    site.write("test.yaml", test);
    let daemon = site.serve();
    assert_eq!(daemon.get("/api/v1/status")["resources"], 6);
}
