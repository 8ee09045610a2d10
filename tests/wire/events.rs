//! `trunkline events` and `status` against a daemon that carries real calls.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use serde_json::Value;
use trunkline::sip::{HeaderName, Message};

use crate::daemon::{Daemon, run, trunkline};
use crate::network::{CARRIER, DID, Network, PBX};
use crate::phone::Phone;

fn told(daemon: &Daemon, arguments: &[&str]) -> String {
    let output = run(&[&["events", "--server", &daemon.url][..], arguments].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// A call from the carrier to the PBX and its end; the INVITE as the PBX got it.
fn one_call((carrier, pbx): &(Phone, Phone), id: &str) -> Message {
    std::thread::scope(|scope| {
        let answering = scope.spawn(|| {
            let invite = pbx.receive();
            pbx.respond(&invite, 200);
            assert_eq!(pbx.receive().method().as_bytes(), b"ACK");
            let bye = pbx.receive();
            pbx.respond(&bye, 200);
            invite
        });
        let call = carrier.call(id, DID);
        carrier.hang_up(&call);
        answering.join().unwrap()
    })
}

fn phones(network: &Network) -> (Phone, Phone) {
    (Phone::new(network, CARRIER), Phone::new(network, PBX))
}

#[test]
fn a_call_that_ended_is_shown_message_by_message() {
    let network = Network::claim();
    let (_site, daemon) = network.serve();
    let invite = one_call(&phones(&network), "shown");
    daemon.until(|status| status["activeCalls"] == 0);
    let call_id = format!("shown@{}", network.at(CARRIER));
    let human = told(&daemon, &["--call", &call_id]);
    let lines: Vec<&str> = human.lines().filter(|line| line.contains('│')).collect();
    assert_eq!(lines.len(), 11, "{human}");
    assert!(lines[0].contains("│─────────▶│          │  A  udp "), "{human}");
    assert!(lines[0].contains(&format!("INVITE sip:{DID}@")), "{human}");
    assert!(human.contains("CallerHungUp 200") && human.contains("100 Trying (INVITE)"));
    // By the other leg's Call-ID and by our own name, as a value.
    let other = String::from_utf8_lossy(invite.call_id()).into_owned();
    let json: Value =
        serde_json::from_str(&told(&daemon, &["--call", &other, "-o", "json"])).unwrap();
    assert_eq!((&json["command"], &json["result"]), (&"events".into(), &"ok".into()));
    let name = json["call"].as_str().unwrap();
    let messages = json["messages"].as_array().unwrap();
    let of: Vec<&str> = messages.iter().map(|one| one["leg"].as_str().unwrap()).collect();
    assert_eq!(of.iter().filter(|leg| **leg == "B").count(), 5, "{of:?}");
    assert_eq!(messages[0]["farEnd"], format!("udp {}", network.at(CARRIER)));
    assert!(messages[0]["at"].as_str().unwrap().ends_with('Z'));
    let full = told(&daemon, &["--call", name, "--full"]);
    let from = String::from_utf8_lossy(invite.value(HeaderName::From).unwrap()).into_owned();
    assert!(full.contains(&format!("    From: {from}\n")), "{full}");
    let status = run(&["status", "--server", &daemon.url]);
    let status = String::from_utf8(status.stdout).unwrap();
    assert!(status.contains("ENDINGS") && status.contains("CallerHungUp"), "{status}");
    let missing = run(&["events", "--server", &daemon.url, "--call", "nobody"]);
    assert_eq!(missing.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&missing.stderr).contains("trunkline status"));
}

#[test]
fn no_secret_is_ever_shown() {
    let network = Network::claim();
    let (_site, mut daemon) = {
        let site = network.site();
        let mut command = site.command(&site.manifests());
        command.env("TRUNKLINE_LOG", "trace");
        let daemon = Daemon::start_with(command);
        daemon.until(|status| status["condition"] == "Ready");
        (site, daemon)
    };
    let carrier = Phone::new(&network, CARRIER);
    let (us, engine) = (network.at(CARRIER), network.at(crate::network::ENGINE));
    carrier.send(
        format!(
            "INVITE sip:{DID}:CANARY1@{engine} SIP/2.0\r\nVia: SIP/2.0/UDP {us};branch=z9hG4bKs;rport\r\n\
             Max-Forwards: 70\r\nFrom: <sip:u:CANARY2@{us}>;tag=1\r\nTo: <sip:{DID}@{engine}>\r\n\
             Call-ID: secret\r\nCSeq: 1 INVITE\r\nContact: <sip:u:CANARY3@{us}>\r\n\
             Proxy-Authorization: Digest username=\"u\",\r\n response=\"CANARY4\"\r\n\
             Content-Type: application/sdp\r\n\r\nv=0\r\n\
             a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:CANARY5\r\nk=clear:CANARY6\r\n"
        )
        .as_bytes(),
    );
    let seen = daemon.wait_for("trunkline::signalling");
    assert!(seen.contains("\"id\":\"secret\""), "{seen}");
    let shown = [
        told(&daemon, &["--call", "secret", "--full"]),
        told(&daemon, &["--call", "secret", "-o", "json"]),
        told(&daemon, &["-o", "json"]),
        daemon.get("/api/v1/status").to_string(),
    ];
    daemon.signal("KILL");
    let log = daemon.rest_of_log();
    for text in shown.iter().chain(&log) {
        assert!(!text.contains("CANARY"), "{text}");
    }
    assert!(shown[0].contains("Digest username=\"u\""), "{}", shown[0]);
}

#[test]
fn events_are_followed_as_they_happen() {
    let network = Network::claim();
    let (_site, daemon) = network.serve();
    let mut follower = trunkline();
    follower.args(["events", "--follow", "--server", &daemon.url, "-o", "json"]);
    let mut follower = follower.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(follower.stdout.take().unwrap()).lines();
    let mut next = || -> Value { serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap() };
    // Which of these calls is the first that the follower sees, its start decides.
    let phones = phones(&network);
    let (enough, done) = std::sync::mpsc::sync_channel::<()>(1);
    let calls = std::thread::spawn(move || {
        let mut number = 0;
        while done.try_recv().is_err() {
            number += 1;
            one_call(&phones, &format!("follow{number}"));
        }
    });
    let first = next();
    assert_eq!(first["formatVersion"], "1.0");
    let numbers: Vec<u64> = (0..5).map(|_| next()["number"].as_u64().unwrap()).collect();
    assert!(numbers.windows(2).all(|two| two[1] == two[0] + 1), "{numbers:?}");
    let kinds: Vec<String> = (0..3).map(|_| next()["event"].as_str().unwrap().to_owned()).collect();
    assert!(["began", "answered", "ended"].iter().all(|kind| kinds.iter().any(|one| one == kind)));
    follower.kill().unwrap();
    follower.wait().unwrap();
    enough.send(()).unwrap();
    calls.join().unwrap();
}
