//! Far ends where nobody is, as the network tells it (ICMP).

use serde_json::Value;

use crate::daemon::{Daemon, run};
use crate::network::{CARRIER, DID, Network, OTHER_CARRIER, PBX};
use crate::phone::{Call, Phone};

const ABROAD: &str = "00442079460000";

/// The requests of a call that left, each with where it went.
fn requests(daemon: &Daemon, call_id: &str) -> Vec<(String, String)> {
    let shown = ["events", "--server", &daemon.url, "--call", call_id, "-o", "json"];
    let shown: Value = serde_json::from_slice(&run(&shown).stdout).unwrap();
    let messages = shown["messages"].as_array().unwrap().iter();
    let left = messages.filter(|one| one["direction"] == "out");
    let words = |one: &Value, name: &str| one[name].as_str().unwrap().to_owned();
    let left = left.map(|one| (words(one, "firstLine"), words(one, "farEnd")));
    left.filter(|(line, _)| !line.starts_with("SIP/2.0 "))
        .map(|(line, to)| (line.split(' ').next().unwrap().to_owned(), to))
        .collect()
}

#[test]
fn a_call_leaves_a_target_where_nobody_is_before_it_asks_there_twice() {
    let network = Network::claim();
    let (_site, daemon) = network.serve();
    let (pbx, other) = (Phone::new(&network, PBX), Phone::new(&network, OTHER_CARRIER));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let invite = other.receive();
            other.respond(&invite, 200);
            assert_eq!(other.receive().method().as_bytes(), b"ACK");
            let bye = other.receive();
            other.respond(&bye, 200);
        });
        let call = pbx.call("nobody", ABROAD);
        pbx.hang_up(&call);
    });
    let sent = requests(&daemon, &format!("nobody@{}", network.at(PBX)));
    let to = |last: u8| format!("udp {}", network.at(last));
    // Timer A would have sent the first INVITE once more after 500 ms.
    let wanted = [("INVITE", CARRIER), ("INVITE", OTHER_CARRIER), ("ACK", OTHER_CARRIER)];
    let wanted = wanted.map(|(method, last)| (method.to_owned(), to(last)));
    assert_eq!(sent[..3], wanted, "{sent:?}");
}

#[test]
fn a_caller_learns_at_once_that_nobody_is_at_the_only_contact() {
    let network = Network::claim();
    let (_site, daemon) = network.serve();
    let carrier = Phone::new(&network, CARRIER);
    let call = Call { id: "empty".into(), number: DID.into(), target: None, to_tag: None };
    carrier.request("INVITE", &call, 1);
    assert_eq!(carrier.final_response().status(), Some(408));
    let sent = requests(&daemon, &format!("empty@{}", network.at(CARRIER)));
    assert_eq!(sent, [("INVITE".to_owned(), format!("udp {}", network.at(PBX)))]);
}

#[test]
fn probes_of_a_target_where_nobody_is_fail_each_at_once() {
    let network = Network::claim();
    let site = network.site();
    let base = network.base();
    let alive = "keepAlive: {interval: 1s, failAfter: 2}";
    site.write("base.yaml", &base.replacen("keepAlive: {enabled: false}", alive, 1));
    let daemon = site.serve();
    let trunk = |status: &Value| status["trunks"][0].clone();
    // Timer F alone takes 32 s for the first one.
    let began = std::time::Instant::now();
    let status = daemon.until(|status| trunk(status)["health"] == "down");
    assert_eq!(trunk(&status)["resource"], "Trunk/carrier");
    assert!(began.elapsed().as_secs() < 16, "{:?}", began.elapsed());
    // Somebody is there again, and nothing that was told before keeps its answers out.
    let carrier = Phone::new(&network, CARRIER);
    for _ in 0..3 {
        let probe = carrier.receive();
        carrier.respond(&probe, 200);
    }
    daemon.until(|status| trunk(status)["health"] == "up");
}
