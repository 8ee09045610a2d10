//! A listener that cannot bind stalls alone.

use std::net::UdpSocket;

use crate::daemon::{Site, run};

/// A transport on a port that somebody else holds, beside the one that works.
fn busy(port: u16) -> String {
    format!(
        "apiVersion: trunkline.dev/v1\nkind: Transport\nmetadata: {{name: busy}}\n\
         spec: {{protocol: udp, bind: 127.0.0.1, port: {port}}}\n---\n\
         apiVersion: trunkline.dev/v1\nkind: Trunk\nmetadata: {{name: second}}\n\
         spec: {{type: ip, host: 127.0.0.3, transport: busy}}\n"
    )
}

#[test]
fn a_transport_that_cannot_bind_is_stalled_and_the_rest_runs_until_it_can() {
    let site = Site::new();
    let holder = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = holder.local_addr().unwrap().port();
    let base = crate::daemon::BASE.replace("host: 127.0.0.2,", "host: 127.0.0.2, transport: udp,");
    site.write("base.yaml", &base);
    site.write("busy.yaml", &busy(port));
    let daemon = site.serve();
    let status = daemon.get("/api/v1/status");
    assert_eq!((&status["ready"], &status["condition"]), (&true.into(), &"Stalled".into()));
    assert!(status["revision"]["converged"].is_null(), "{status:#}");
    let transports = status["transports"].as_array().unwrap();
    let of = |name: &str| transports.iter().find(|one| one["resource"] == name).unwrap();
    assert_eq!(of("Transport/udp")["condition"], "Ready");
    let stalled = of("Transport/busy");
    assert_eq!(stalled["condition"], "Stalled");
    assert!(stalled["message"].as_str().unwrap().contains("in use"), "{stalled}");
    // Applied, and not converged in time.
    site.rule(150);
    daemon.until(|status| status["generation"] == 2);
    let other = Site::new();
    other.write("base.yaml", &base);
    other.write("busy.yaml", &busy(port));
    other.rule(160);
    let path = other.manifests();
    let arguments = ["apply", path.to_str().unwrap(), "--auto-approve", "--timeout", "0"];
    let done = run(&[&arguments[..], &["--server", &daemon.url]].concat());
    assert_eq!(done.status.code(), Some(6), "{done:?}");
    assert_eq!(daemon.destination(), 160);
    // Nothing to change is no convergence either.
    let again = run(&[&arguments[..], &["--server", &daemon.url, "-o", "json"]].concat());
    let answer: serde_json::Value = serde_json::from_slice(&again.stdout).unwrap();
    assert_eq!((again.status.code(), &answer["changes"]), (Some(6), &0.into()), "{answer}");
    assert_eq!((&answer["result"], &answer["converged"]), (&"unconverged".into(), &false.into()));
    // The port becomes free: it heals by itself.
    drop(holder);
    daemon.until(|status| {
        status["condition"] == "Ready" && !status["revision"]["converged"].is_null()
    });
}
