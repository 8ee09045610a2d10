//! Calls over IPv6, and between IPv6 and IPv4.

use std::net::{Ipv6Addr, SocketAddr, TcpListener, UdpSocket};

use crate::daemon::{Daemon, Site};
use crate::network::{CARRIER, DID, Network, PBX};
use crate::sipp::{Counts, Mode, Sipp};

const CALLS: u64 = 50;
const LOAD: (u64, u64) = (CALLS, 50);
const ABROAD: &str = "00442079460000";

/// Ports of `::1`, the only address of IPv6 that loopback has, free for UDP and TCP a moment ago.
fn free<const N: usize>() -> [SocketAddr; N] {
    let held = [(); N].map(|()| {
        (0..100)
            .find_map(|_| {
                let udp = UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)).ok()?;
                let tcp = TcpListener::bind(udp.local_addr().ok()?).ok()?;
                Some((udp, tcp))
            })
            .expect("a free port")
    });
    held.map(|(udp, _)| udp.local_addr().unwrap())
}

/// A daemon whose first carrier is behind a listener of IPv6, and where that is.
fn serve(
    network: &Network,
    protocol: &str,
    pbx: Option<SocketAddr>,
) -> (Daemon, Site, [SocketAddr; 2]) {
    let [engine, carrier] = free();
    let site = network.site();
    let host = format!("host: {},", network.ip(CARRIER));
    let six = format!("host: '::1', port: {}, verifyPort: true, transport: six,", carrier.port());
    let mut base = network.base().replace(&host, &six);
    if let Some(pbx) = pbx {
        base = base.replace(&format!("sip:{}", network.at(PBX)), &format!("sip:{pbx}"));
    }
    let port = engine.port();
    let transport = format!(
        "---\napiVersion: trunkline.dev/v1\nkind: Transport\nmetadata: {{name: six}}\n\
         spec: {{protocol: {protocol}, bind: '::1', port: {port}}}\n"
    );
    let base = base.replace("type: ip, host: 127", "type: ip, transport: udp, host: 127");
    site.write("base.yaml", &[base, transport].concat());
    let daemon = site.serve();
    daemon.until(|status| status["condition"] == "Ready");
    (daemon, site, [engine, carrier])
}

fn mode(protocol: &str) -> Mode {
    if protocol == "udp" { "u1" } else { "t1" }
}

#[test]
fn calls_from_an_ipv6_trunk_reach_an_ipv4_pbx() {
    for protocol in ["udp", "tcp"] {
        let network = Network::claim();
        let (daemon, _site, [engine, carrier]) = serve(&network, protocol, None);
        let callee = Sipp::answer(&network, PBX, "callee_answers", CALLS);
        let ends = (carrier, engine);
        let what = ("caller_hangs_up", DID);
        let caller = Sipp::call_between(mode(protocol), ends, "491701234567", what, LOAD);
        assert_eq!(caller.finish(), Counts::clean(CALLS), "{protocol}");
        assert_eq!(callee.finish(), Counts::clean(CALLS), "{protocol}");
        daemon.until(|status| status["activeCalls"] == 0);
    }
}

#[test]
fn calls_from_an_ipv4_pbx_reach_an_ipv6_trunk() {
    for protocol in ["udp", "tcp"] {
        let network = Network::claim();
        let (daemon, _site, [_, carrier]) = serve(&network, protocol, None);
        let what = ("callee_answers", "service");
        let callee = Sipp::answer_at(mode(protocol), carrier, what, CALLS);
        let caller = Sipp::call(&network, (PBX, "100"), ("caller_hangs_up", ABROAD), LOAD);
        assert_eq!(caller.finish(), Counts::clean(CALLS), "{protocol}");
        assert_eq!(callee.finish(), Counts::clean(CALLS), "{protocol}");
        daemon.until(|status| status["activeCalls"] == 0);
    }
}

#[test]
fn calls_run_over_ipv6_on_both_sides_in_both_directions() {
    let network = Network::claim();
    let [pbx] = free();
    let (daemon, _site, [engine, carrier]) = serve(&network, "udp", Some(pbx));
    let callee = Sipp::answer_at("u1", pbx, ("callee_answers", "service"), CALLS);
    let what = ("caller_hangs_up", DID);
    let caller = Sipp::call_between("u1", (carrier, engine), "491701234567", what, LOAD);
    assert_eq!((caller.finish(), callee.finish()), (Counts::clean(CALLS), Counts::clean(CALLS)));
    let callee = Sipp::answer_at("u1", carrier, ("callee_hangs_up", "service"), CALLS);
    let what = ("caller_waits", ABROAD);
    let caller = Sipp::call_between("u1", (pbx, engine), "100", what, LOAD);
    assert_eq!((caller.finish(), callee.finish()), (Counts::clean(CALLS), Counts::clean(CALLS)));
    daemon.until(|status| status["activeCalls"] == 0);
}
