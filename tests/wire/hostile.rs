//! Strangers, rubbish, busy ports and a second daemon.

use std::net::UdpSocket;

use crate::daemon::trunkline;
use crate::network::{CARRIER, DID, ENGINE, Network, OTHER_CARRIER, PBX, STRANGER};
use crate::phone::{Call, Phone};
use crate::sipp::{Counts, Sipp};

fn options(id: &str) -> Call {
    Call { id: id.into(), number: DID.into(), target: None, to_tag: None }
}

#[test]
fn a_stranger_hears_nothing_and_a_trunk_is_answered() {
    let network = Network::claim();
    let (_site, daemon) = network.serve();
    let (stranger, carrier) = (Phone::new(&network, STRANGER), Phone::new(&network, CARRIER));
    for method in ["OPTIONS", "INVITE", "REGISTER"] {
        stranger.request(method, &options("strange"), 1);
    }
    stranger.send(b"OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP h\r\n\r\n");
    // The engine takes datagrams in their order: once this is answered, the stranger's are done.
    carrier.request("OPTIONS", &options("known"), 1);
    assert_eq!(carrier.final_response().status(), Some(200));
    assert!(!stranger.has_mail(), "{:?}", stranger.receive());
    let counted = daemon.until(|status| status["refusals"]["UnknownSource"] == 4);
    assert_eq!(counted["activeCalls"], 0);
}

#[test]
fn rubbish_on_the_port_does_not_disturb_calls() {
    let network = Network::claim();
    let (_site, daemon) = network.serve();
    let callee = Sipp::answer(&network, PBX, "callee_answers", 100);
    let load = (100, 100);
    let caller = Sipp::call(&network, (CARRIER, "491701234567"), ("caller_hangs_up", DID), load);
    // A stranger and a trunk both send it; the trunk's OPTIONS in between are answered, which also
    // keeps the flood from being one that the system's socket buffer cannot hold.
    let (stranger, trunk) = (Phone::new(&network, STRANGER), Phone::new(&network, OTHER_CARRIER));
    for (n, bytes) in rubbish().iter().cycle().take(2_000).enumerate() {
        stranger.send(bytes);
        trunk.send(bytes);
        if n % 10 == 0 {
            let probe = options(&format!("probe{n}"));
            trunk.request("OPTIONS", &probe, 1);
            trunk.response_to(&probe);
        }
    }
    assert_eq!(caller.finish(), Counts::clean(100));
    assert_eq!(callee.finish(), Counts::clean(100));
    assert!(!stranger.has_mail());
    daemon.until(|status| status["activeCalls"] == 0);
}

#[test]
fn a_busy_port_stalls_its_transport_and_nothing_else() {
    let network = Network::claim();
    let site = network.site();
    let busy = UdpSocket::bind((network.at(ENGINE).ip(), 5070)).unwrap();
    site.write(
        "busy.yaml",
        &format!(
            "apiVersion: trunkline.dev/v1\nkind: Transport\nmetadata: {{name: busy}}\n\
             spec: {{protocol: udp, bind: {}, port: 5070}}\n",
            network.ip(ENGINE)
        ),
    );
    let base = std::fs::read_to_string(site.manifests().join("base.yaml")).unwrap();
    site.write("base.yaml", &base.replace("type: ip,", "type: ip, transport: udp,"));
    let daemon = site.serve();
    let status =
        daemon.until(|status| status["transports"].as_array().is_some_and(|all| all.len() == 2));
    assert_eq!(status["condition"], "Stalled", "{status:#}");
    let of = |name: &str| {
        let all = status["transports"].as_array().unwrap();
        all.iter().find(|one| one["resource"] == name).unwrap().clone()
    };
    assert_eq!(of("Transport/busy")["condition"], "Stalled");
    assert!(of("Transport/busy")["message"].as_str().unwrap().contains("in use"));
    assert_eq!(of("Transport/udp")["condition"], "Ready");
    let callee = Sipp::answer(&network, PBX, "callee_answers", 1);
    let who = (CARRIER, "491701234567");
    let caller = Sipp::call(&network, who, ("caller_hangs_up", DID), (1, 1));
    assert_eq!(caller.finish(), Counts::clean(1));
    assert_eq!(callee.finish(), Counts::clean(1));
    drop(busy);
}

#[test]
fn a_second_daemon_on_one_state_directory_is_refused_and_the_first_goes_on() {
    let network = Network::claim();
    let (site, _daemon) = network.serve();
    let mut second = trunkline();
    second.arg("serve").arg(site.manifests()).arg("--state").arg(site.state());
    let refused = second.args(["--listen", "127.0.0.1:0"]).output().unwrap();
    assert_eq!(refused.status.code(), Some(1));
    let words = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(words.contains(site.state().to_str().unwrap()), "{words}");
    let carrier = Phone::new(&network, CARRIER);
    carrier.request("OPTIONS", &options("first"), 1);
    assert_eq!(carrier.final_response().status(), Some(200));
}

/// Bytes that are no SIP, half SIP, and SIP with a mistake in it.
fn rubbish() -> Vec<Vec<u8>> {
    let torture = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/rfc4475");
    let files = std::fs::read_dir(torture).unwrap().map(|entry| entry.unwrap().path());
    let mut all: Vec<Vec<u8>> = files.map(|path| std::fs::read(path).unwrap()).collect();
    all.push(vec![0xff; 1400]);
    all.push(b"\r\n\r\n".to_vec());
    all.push(b"GET / HTTP/1.1\r\n\r\n".to_vec());
    all.push([&b"INVITE sip:a@b SIP/2.0\r\n"[..], &b"Via: SIP/2.0/UDP h\r\n".repeat(500)].concat());
    all
}
