//! The daemon follows its directory, whatever happens to it.

use crate::daemon::{Site, rule, run};

#[test]
fn an_edit_is_one_applied_change_in_the_log_the_history_and_the_status() {
    let site = Site::new();
    let mut daemon = site.serve();
    site.rule(150);
    let line = daemon.wait_for("applied 1 change");
    assert!(line.contains("\"generation\":2") && line.contains("dir@blake3:"), "{line}");
    let status = daemon.until(|status| status["generation"] == 2);
    assert_eq!(status["revision"]["wanted"], status["revision"]["applied"]);
    assert_eq!(daemon.destination(), 150);
    // The same content again, differently written, is nothing.
    site.write("rule.yaml", &format!("# words\n{}", rule(150)));
    let revision = status["revision"]["applied"].clone();
    daemon.until(|status| status["revision"]["applied"] != revision);
    let history = daemon.get("/api/v1/history");
    assert_eq!(history["history"].as_array().unwrap().len(), 2, "{history:#}");
    assert_eq!(history["history"][0]["summary"], "1 changed");
    daemon.signal("TERM");
    assert!(daemon.wait().success());
    let log = daemon.rest_of_log();
    let applied = log.iter().filter(|line| line.contains("\"applied ")).count();
    assert_eq!(applied, 2, "{log:#?}");
}

#[test]
fn an_invalid_edit_keeps_the_last_good_state_and_names_the_line_that_validate_names() {
    let site = Site::new();
    let mut daemon = site.serve();
    site.write("rule.yaml", &rule(150).replace("did: 1", "did: +1"));
    let line = daemon.wait_for("the revision is invalid: 1 error");
    assert!(line.contains("stays in force"), "{line}");
    let line = daemon.wait_for("as `validate` prints it");
    assert!(line.contains("TL302") && line.contains("rule.yaml:6:8"), "{line}");
    let validated = run(&["validate", site.manifests().to_str().unwrap()]);
    assert!(String::from_utf8(validated.stdout).unwrap().contains("rule.yaml:6:8"));
    assert_eq!(daemon.destination(), 100);
    let status = daemon.until(|status| status["condition"] == "Stalled");
    assert_ne!(status["revision"]["wanted"], status["revision"]["applied"]);
    assert_eq!(status["diagnostics"][0]["line"], 6);
    site.rule(150);
    daemon.wait_for("applied 1 change");
    daemon.until(|status| status["condition"] == "Ready");
    assert_eq!(daemon.destination(), 150);
}

#[test]
fn new_folders_renamed_files_and_deletions_are_seen() {
    let site = Site::new();
    let mut daemon = site.serve();
    let folder = site.manifests().join("tenants/acme");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::rename(site.manifests().join("rule.yaml"), folder.join("rule.yaml")).unwrap();
    let revision = daemon.get("/api/v1/status")["revision"]["applied"].clone();
    daemon.until(|status| status["revision"]["applied"] != revision);
    // Inside the folder that is new: written in place this time.
    std::fs::write(folder.join("rule.yaml"), rule(160)).unwrap();
    daemon.wait_for("applied 1 change");
    assert_eq!(daemon.destination(), 160);
    std::fs::remove_file(folder.join("rule.yaml")).unwrap();
    daemon.wait_for("applied 1 change");
    assert_eq!(daemon.get("/api/v1/status")["resources"], 5);
}

#[test]
fn a_replaced_directory_is_followed() {
    let site = Site::new();
    let mut daemon = site.serve();
    let next = site.path("next");
    std::fs::create_dir(&next).unwrap();
    std::fs::copy(site.manifests().join("base.yaml"), next.join("base.yaml")).unwrap();
    std::fs::write(next.join("rule.yaml"), rule(170)).unwrap();
    std::fs::rename(site.manifests(), site.path("last")).unwrap();
    std::fs::rename(&next, site.manifests()).unwrap();
    daemon.wait_for("applied 1 change");
    assert_eq!(daemon.destination(), 170);
    // Edits in the new one are seen, too.
    site.rule(171);
    daemon.wait_for("applied 1 change");
    assert_eq!(daemon.destination(), 171);
}

#[test]
fn a_directory_that_is_taken_away_keeps_the_last_good_state_and_says_why() {
    let site = Site::new();
    let mut daemon = site.serve();
    std::fs::rename(site.manifests(), site.path("away")).unwrap();
    let line = daemon.wait_for("cannot read");
    assert!(line.contains("stays in force"), "{line}");
    let status = daemon.until(|status| status["condition"] == "Stalled");
    assert_eq!(status["conditions"][0]["reason"], "Unreadable");
    assert_eq!(daemon.destination(), 100);
    std::fs::rename(site.path("away"), site.manifests()).unwrap();
    daemon.until(|status| status["condition"] == "Ready");
    site.rule(180);
    daemon.wait_for("applied 1 change");
}

#[test]
fn an_emptied_directory_is_refused() {
    let site = Site::new();
    let mut daemon = site.serve();
    for name in ["base.yaml", "rule.yaml"] {
        std::fs::remove_file(site.manifests().join(name)).unwrap();
    }
    daemon.until(|status| status["diagnostics"][0]["code"] == "TL804");
    daemon.wait_for("stays in force");
    assert_eq!(daemon.destination(), 100);
}

#[test]
fn a_state_directory_below_the_followed_one_is_no_manifest() {
    let site = Site::new();
    let state = site.manifests().join(".trunkline");
    let state = state.to_str().unwrap();
    let mut command = crate::daemon::trunkline();
    command.current_dir(site.manifests()).args(["serve", ".", "--log-format", "json"]);
    let mut daemon = crate::daemon::Daemon::start_with(command);
    assert!(std::path::Path::new(state).join("trunkline.db").is_file());
    site.rule(190);
    daemon.wait_for("applied 1 change");
    daemon.signal("TERM");
    assert!(daemon.wait().success());
}

#[test]
fn a_hangup_brings_the_directory_back_after_an_applied_plan() {
    let site = Site::new();
    let mut daemon = site.serve();
    let other = Site::new();
    other.rule(150);
    let path = other.manifests();
    let applied =
        run(&["apply", path.to_str().unwrap(), "--server", &daemon.url, "--auto-approve"]);
    assert_eq!(applied.status.code(), Some(0), "{applied:?}");
    daemon.wait_for("applied 1 change");
    let status = daemon.get("/api/v1/status");
    assert_ne!(status["revision"]["source"], status["revision"]["applied"]);
    assert_eq!(daemon.destination(), 150);
    daemon.signal("HUP");
    daemon.wait_for("applied 1 change");
    assert_eq!(daemon.destination(), 100);
}
