//! Starts that must be refused, and starts that must not.

use std::net::TcpListener;
use std::process::Output;

use crate::daemon::{Site, rule, run};

fn text(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn refused(output: &Output, words: &[&str]) {
    let text = text(output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    for word in words {
        assert!(text.contains(word), "no `{word}` in: {text}");
    }
}

#[test]
fn a_second_daemon_on_one_state_directory_is_refused_and_told_by_whom() {
    let site = Site::new();
    let daemon = site.serve();
    let second = site.command(&site.manifests()).args(["--listen", "127.0.0.1:0"]).output();
    let holder = format!("process {}", daemon.pid());
    refused(&second.unwrap(), &["is in use by", &holder, "--state"]);
    assert_eq!(daemon.destination(), 100);
}

#[test]
fn a_busy_api_port_is_refused_and_another_one_advised() {
    let site = Site::new();
    let holder = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = holder.local_addr().unwrap().to_string();
    let output = site.command(&site.manifests()).args(["--listen", &address]).output().unwrap();
    refused(&output, &[&address, "in use", "--listen"]);
}

#[test]
fn off_loopback_a_token_is_needed() {
    let site = Site::new();
    let output = site.command(&site.manifests()).args(["--listen", "0.0.0.0:0"]).output().unwrap();
    refused(&output, &["off loopback", "--token-file"]);
    let token = site.path("token");
    std::fs::write(&token, "short\n").unwrap();
    let mut command = site.command(&site.manifests());
    command.args(["--listen", "0.0.0.0:0", "--token-file"]).arg(&token);
    refused(&command.output().unwrap(), &["16 to 4096"]);
}

#[test]
fn a_directory_that_never_was_is_named() {
    let site = Site::new();
    let nowhere = site.path("nowhere");
    let output = site.command(&nowhere).args(["--listen", "127.0.0.1:0"]).output().unwrap();
    refused(&output, &["nowhere is not a directory"]);
}

#[test]
fn a_foreign_or_damaged_database_is_named_and_left_alone() {
    let site = Site::new();
    std::fs::create_dir(site.state()).unwrap();
    let database = site.state().join("trunkline.db");
    let diary = "Dear diary. ".repeat(1000);
    std::fs::write(&database, &diary).unwrap();
    let output =
        site.command(&site.manifests()).args(["--listen", "127.0.0.1:0"]).output().unwrap();
    refused(&output, &["is not a Trunkline state database", "nothing was changed"]);
    assert_eq!(std::fs::read_to_string(&database).unwrap(), diary);
}

#[test]
fn a_first_start_with_errors_stays_up_unready_and_says_why_in_the_words_of_validate() {
    let site = Site::new();
    site.write("rule.yaml", &rule(100).replace("did: 1", "did: +1"));
    let validated = run(&["validate", site.manifests().to_str().unwrap()]);
    assert_eq!(validated.status.code(), Some(3));
    let place = "rule.yaml:6:8";
    assert!(String::from_utf8(validated.stdout.clone()).unwrap().contains(place));
    let mut daemon = site.serve();
    let (status, problem) = daemon.request("GET", "/readyz", None);
    assert_eq!((status, &problem["status"]), (503, &503.into()), "{problem}");
    assert_eq!(daemon.request("GET", "/healthz", None).0, 200);
    let status = daemon.get("/api/v1/status");
    assert_eq!(status["diagnostics"][0]["file"], "rule.yaml");
    assert_eq!(status["diagnostics"][0]["line"], 6);
    site.rule(100);
    daemon.wait_for("applied 6 changes");
    daemon.until(|status| status["ready"] == true && status["condition"] == "Ready");
    assert_eq!(daemon.request("GET", "/readyz", None).0, 200);
    daemon.signal("TERM");
    assert!(daemon.wait().success());
    let log = daemon.rest_of_log().join("\n");
    // The whole text, as `validate` prints it.
    for line in String::from_utf8(validated.stdout).unwrap().lines() {
        let line = serde_json::Value::from(line).to_string();
        assert!(log.contains(line.trim_matches('"')), "{line} is not in {log}");
    }
}

#[test]
fn an_empty_directory_serves_nothing_until_something_comes() {
    let site = Site::new();
    let empty = site.path("empty");
    std::fs::create_dir(&empty).unwrap();
    let daemon = site.serve_with(&empty, &[]);
    // Where nothing is live, an empty directory is no mistake.
    let status = daemon.until(|status| status["conditions"][2]["reason"] == "Empty");
    assert_eq!((&status["ready"], &status["problemCount"]), (&false.into(), &0.into()));
    for name in ["base.yaml", "rule.yaml"] {
        std::fs::copy(site.manifests().join(name), empty.join(name)).unwrap();
    }
    daemon.until(|status| status["ready"] == true);
    assert_eq!(daemon.destination(), 100);
}
