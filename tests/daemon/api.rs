//! The API: plans by digest, access, problem documents; `apply` and `status` over it.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

use serde_json::{Value, json};

use crate::daemon::{BASE, DEADLINE, Daemon, Site, rule, run};

fn posted(site: &Site) -> Value {
    let file = |name: &str| {
        let text = std::fs::read_to_string(site.manifests().join(name)).unwrap();
        json!({"path": name, "content": text})
    };
    json!({"files": [file("base.yaml"), file("rule.yaml")]})
}

/// Site and manifests that send the number to another extension.
fn other(extension: u32) -> Site {
    let site = Site::new();
    site.rule(extension);
    site
}

/// The answer to a request written by hand.
fn raw(daemon: &Daemon, request: &str) -> String {
    let mut stream = TcpStream::connect(daemon.url.trim_start_matches("http://")).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn a_plan_is_made_approved_by_its_digest_and_stale_afterwards() {
    let site = Site::new();
    let daemon = site.serve();
    let (status, plan) = daemon.request("POST", "/api/v1/plans", Some(&posted(&other(150))));
    assert_eq!((status, &plan["changes"], &plan["refused"]), (201, &1.into(), &false.into()));
    let approve = format!("/api/v1/plans/{}/approve", plan["digest"].as_str().unwrap());
    let (status, done) = daemon.request("POST", &approve, None);
    assert_eq!((status, &done["generation"]), (200, &2.into()), "{done}");
    assert_eq!(daemon.destination(), 150);
    let (status, problem) = daemon.request("POST", &approve, None);
    assert_eq!((status, &problem["type"]), (409, &"urn:trunkline:problem:stale".into()));
    assert_eq!(daemon.request("POST", "/api/v1/plans/blake3:00/approve", None).0, 404);
}

#[test]
fn invalid_manifests_and_malformed_bodies_are_problem_documents() {
    let site = Site::new();
    let daemon = site.serve();
    let wrong = other(150);
    wrong.write("rule.yaml", &rule(150).replace("did: 1", "did: +1"));
    let (status, problem) = daemon.request("POST", "/api/v1/plans", Some(&posted(&wrong)));
    assert_eq!((status, &problem["diagnostics"][0]["line"]), (422, &6.into()), "{problem}");
    for body in [json!({}), json!([]), json!({"files": 1}), json!({"files": [], "x": 1})] {
        let (status, problem) = daemon.request("POST", "/api/v1/plans", Some(&body));
        assert!((400..500).contains(&status), "{body}: {status} {problem}");
        assert_eq!(problem["status"], status, "{problem}");
    }
    assert_eq!(daemon.request("GET", "/api/v1/nothing", None).0, 404);
    assert_eq!(daemon.request("POST", "/api/v1/status", None).0, 405);
    assert_eq!(daemon.destination(), 100);
}

#[test]
fn a_web_page_cannot_speak_with_the_daemon() {
    let site = Site::new();
    let daemon = site.serve();
    let host = daemon.url.trim_start_matches("http://").to_owned();
    let request = |host: &str, more: &str| {
        raw(
            &daemon,
            &format!(
                "GET /api/v1/status HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{more}\r\n"
            ),
        )
    };
    assert!(request(&host, "").starts_with("HTTP/1.1 200"));
    // A name that was made to resolve to 127.0.0.1.
    assert!(request("evil.example", "").starts_with("HTTP/1.1 403"));
    assert!(request(&host, "Origin: http://evil.example\r\n").starts_with("HTTP/1.1 403"));
    // A form that needs no preflight: not JSON by its type.
    let body = r#"{"files":[]}"#;
    let form = format!(
        "POST /api/v1/plans HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    assert!(raw(&daemon, &form).starts_with("HTTP/1.1 415"));
}

#[test]
fn with_a_token_only_its_bearer_is_answered() {
    let site = Site::new();
    let token = site.path("token");
    std::fs::write(&token, "correct-horse-battery-staple\n").unwrap();
    let token = token.to_str().unwrap();
    let daemon = site.serve_with(&site.manifests(), &["--token-file", token]);
    assert_eq!(daemon.request("GET", "/api/v1/status", None).0, 401);
    assert_eq!(daemon.request("GET", "/readyz", None).0, 200);
    let without = run(&["status", "--server", &daemon.url]);
    assert_eq!(without.status.code(), Some(1));
    assert!(String::from_utf8(without.stderr).unwrap().contains("--token-file"));
    let with = run(&["status", "--server", &daemon.url, "--token-file", token]);
    assert_eq!(with.status.code(), Some(0));
}

#[test]
fn apply_performs_the_plan_once_and_then_finds_nothing_to_do() {
    let site = Site::new();
    let daemon = site.serve();
    let other = other(150);
    let path = other.manifests();
    let apply = |more: &[&str]| {
        run(&[&["apply", path.to_str().unwrap(), "--server", &daemon.url], more].concat())
    };
    // Nobody can be asked without a terminal.
    assert_eq!(apply(&[]).status.code(), Some(64));
    assert_eq!(daemon.destination(), 100);
    let done = apply(&["--auto-approve", "-o", "json"]);
    let answer: Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!((done.status.code(), &answer["changes"]), (Some(0), &1.into()), "{answer}");
    assert_eq!(answer["formatVersion"], "1.0");
    assert_eq!(daemon.destination(), 150);
    let again = apply(&["--auto-approve", "-o", "json"]);
    let answer: Value = serde_json::from_slice(&again.stdout).unwrap();
    assert_eq!((again.status.code(), &answer["changes"]), (Some(0), &0.into()));
    other.write("rule.yaml", &rule(150).replace("did: 1", "did: +1"));
    assert_eq!(apply(&["--auto-approve"]).status.code(), Some(3));
}

#[test]
fn deleting_a_trunk_in_use_is_refused_by_apply_and_by_the_followed_directory() {
    let site = Site::new();
    let mut daemon = site.serve();
    let trunk = "kind: Trunk\nmetadata: {name: carrier}";
    let without = BASE.replace(trunk, "kind: Trunk\nmetadata: {name: other}");
    let other = Site::new();
    other.write("base.yaml", &without);
    let path = other.manifests();
    let done = run(&["apply", path.to_str().unwrap(), "--server", &daemon.url, "--auto-approve"]);
    let words = String::from_utf8(done.stdout).unwrap();
    assert_eq!(done.status.code(), Some(4), "{words}");
    for word in ["TL801", "Trunk/carrier", "InboundRule/acme/desk", "DidPool/acme/main"] {
        assert!(words.contains(word), "{words}");
    }
    let (status, problem) = daemon.request("POST", "/api/v1/plans", Some(&posted(&other)));
    assert_eq!((status, &problem["type"]), (422, &"urn:trunkline:problem:refused".into()));
    site.write("base.yaml", &without);
    daemon.wait_for("the revision is refused");
    let line = daemon.wait_for("as `plan` prints it");
    assert!(line.contains("TL801") && line.contains("InboundRule/acme/desk"), "{line}");
    assert_eq!(daemon.destination(), 100);
}

/// Stands between `apply` and the daemon. Just before the first request to make a plan passes, the
/// live state moves.
fn interfering(daemon: &Daemon, other: Value) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let target = daemon.url.trim_start_matches("http://").to_owned();
    let direct = daemon.url.clone();
    std::thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let server = TcpStream::connect(&target).unwrap();
            let (mut from, mut to) = (server.try_clone().unwrap(), client.try_clone().unwrap());
            std::thread::spawn(move || drop(std::io::copy(&mut from, &mut to)));
            forward(client, server, &direct, &other);
        }
    });
    url
}

fn forward(mut client: TcpStream, mut server: TcpStream, direct: &str, other: &Value) {
    let mut buffer = [0; 65536];
    let mut moved = false;
    while let Ok(length @ 1..) = client.read(&mut buffer) {
        if !moved && buffer[..length].starts_with(b"POST /api/v1/plans ") {
            moved = true;
            let mut plan = ureq::post(format!("{direct}/api/v1/plans")).send_json(other).unwrap();
            let plan: Value = plan.body_mut().read_json().unwrap();
            let digest = plan["digest"].as_str().unwrap();
            ureq::post(format!("{direct}/api/v1/plans/{digest}/approve")).send_empty().unwrap();
        }
        server.write_all(&buffer[..length]).unwrap();
    }
}

#[test]
fn apply_is_stale_when_the_live_state_moves_after_the_plan_was_shown() {
    let site = Site::new();
    let daemon = site.serve();
    let url = interfering(&daemon, posted(&other(160)));
    let mine = other(150);
    let path = mine.manifests();
    let done = run(&["apply", path.to_str().unwrap(), "--server", &url, "--auto-approve"]);
    let words = String::from_utf8(done.stderr).unwrap();
    assert_eq!(done.status.code(), Some(5), "{words}");
    assert!(words.contains("has changed since the plan was made"), "{words}");
    assert_eq!(daemon.destination(), 160);
}

#[test]
fn status_without_a_daemon_says_how_to_start_one() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let output = run(&["status", "--server", &format!("http://{free}")]);
    let words = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{words}");
    assert!(words.contains("no daemon answers") && words.contains("trunkline serve"), "{words}");
}

#[test]
fn status_is_one_json_object_with_revisions_and_conditions() {
    let site = Site::new();
    let daemon = site.serve();
    let output = run(&["status", "--server", &daemon.url, "-o", "json"]);
    let status: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(status["formatVersion"], "1.0");
    assert_eq!((&status["command"], &status["result"]), (&"status".into(), &"ok".into()));
    let revision = &status["revision"];
    assert!(revision["wanted"].is_string() && revision["wanted"] == revision["converged"]);
    let names: Vec<_> =
        status["conditions"].as_array().unwrap().iter().map(|c| c["type"].clone()).collect();
    assert_eq!(names, ["SourceReady", "Valid", "Applied"]);
    let human = run(&["status", "--server", &daemon.url]);
    assert!(String::from_utf8(human.stdout).unwrap().contains("CONDITIONS"));
}
