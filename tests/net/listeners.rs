//! What `port::Target` promises of listeners, through packets on loopback.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use trunkline::model::{Condition, EventLine, Observed, Resource, ResourceSet, Revision};
use trunkline::net::EngineHandle;
use trunkline::port::{Installed, Target};

/// How long anything here may take; never waited for when it works.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) fn resource(kind: &str, tenant: bool, name: &str, spec: &Value) -> Arc<Resource> {
    let metadata =
        if tenant { json!({ "name": name, "tenant": "acme" }) } else { json!({ "name": name }) };
    let value = json!({ "kind": kind, "metadata": metadata, "spec": spec });
    Arc::new(serde_json::from_value(value).unwrap())
}

pub(crate) fn transport(name: &str, address: SocketAddr) -> Arc<Resource> {
    let spec = json!({ "protocol": "udp", "bind": address.ip(), "port": address.port() });
    resource("Transport", false, name, &spec)
}

/// Listeners, and a trunk at every peer over the first of them.
fn set(transports: Vec<Arc<Resource>>, peers: &[SocketAddr]) -> Arc<ResourceSet> {
    let first = transports[0].metadata.name.clone();
    let trunks = peers.iter().enumerate().map(|(number, peer)| {
        let spec = json!({
            "type": "ip", "host": peer.ip(), "port": peer.port(), "transport": first,
            "verifyPort": true, "keepAlive": { "enabled": false } });
        resource("Trunk", true, &format!("peer-{number}"), &spec)
    });
    let tenant = resource("Tenant", false, "acme", &json!({ "sipDomain": "acme.example" }));
    Arc::new(transports.into_iter().chain(trunks).chain([tenant]).collect())
}

pub(crate) fn install(engine: &EngineHandle, name: &str, resources: Arc<ResourceSet>) -> Installed {
    engine.install(Revision(format!("test@{name}")), resources).unwrap()
}

/// A socket of a peer, bound to a free port.
pub(crate) fn peer(ip: &str) -> UdpSocket {
    let socket = UdpSocket::bind((ip, 0)).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

/// A port that was free a moment ago.
pub(crate) fn free(ip: &str) -> SocketAddr {
    UdpSocket::bind((ip, 0)).unwrap().local_addr().unwrap()
}

/// Asks for OPTIONS and reads the answer.
fn options(from: &UdpSocket, to: SocketAddr, branch: &str) -> String {
    let us = from.local_addr().unwrap();
    let text = format!(
        "OPTIONS sip:{to} SIP/2.0\r\nVia: SIP/2.0/UDP {us};branch=z9hG4bK{branch};rport\r\n\
         Max-Forwards: 70\r\nFrom: <sip:{us}>;tag=1\r\nTo: <sip:{to}>\r\nCall-ID: {branch}\r\n\
         CSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
    );
    from.send_to(text.as_bytes(), to).unwrap();
    let mut buffer = [0; 2048];
    let (length, source) = from.recv_from(&mut buffer).unwrap();
    assert_eq!(source, to);
    String::from_utf8_lossy(&buffer[..length]).into_owned()
}

/// Polls the engine until it is as wanted.
fn until(
    engine: &EngineHandle,
    idle: &UdpSocket,
    mut wanted: impl FnMut(&Observed) -> bool,
) -> Observed {
    let began = Instant::now();
    loop {
        let observed = engine.observe().unwrap();
        if wanted(&observed) {
            return observed;
        }
        assert!(began.elapsed() < PATIENCE, "{observed:#?}");
        // Nothing comes here: a read that ends by its time-out.
        assert!(idle.recv_from(&mut [0; 9]).is_err());
    }
}

#[test]
fn a_known_peer_is_answered_on_a_port_that_the_system_chose() {
    for ip in ["127.0.0.1", "::1"] {
        let engine = EngineHandle::spawn(None).unwrap();
        let peer = peer(ip);
        let any = SocketAddr::new(ip.parse().unwrap(), 0);
        let resources = set(vec![transport("udp", any)], &[peer.local_addr().unwrap()]);
        let installed = install(&engine, "one", resources.clone());
        assert_eq!((installed.generation, installed.stalled), (1, vec![]));
        let observed = engine.observe().unwrap();
        assert_eq!(observed.transports[0].condition, Condition::Ready);
        let address = observed.transports[0].address.strip_prefix("udp ").unwrap();
        let address: SocketAddr = address.parse().unwrap();
        assert!(options(&peer, address, "a").starts_with("SIP/2.0 200 "));
        // The same again keeps the socket, and so the port.
        assert_eq!(install(&engine, "two", resources).generation, 2);
        assert!(options(&peer, address, "b").starts_with("SIP/2.0 200 "));
        assert_eq!(engine.observe().unwrap().revision, Some(Revision("test@two".into())));
    }
}

/// What is told of strangers, once something is.
fn strangers(engine: &EngineHandle, idle: &UdpSocket, after: usize) -> Vec<EventLine> {
    let mut told = Vec::new();
    until(engine, idle, |_| {
        let events = engine.events(0).unwrap().into_iter();
        told = events.filter(|one| one.event == "stranger").collect();
        told.len() > after
    });
    told
}

#[test]
fn where_a_stranger_comes_from_is_told() {
    let engine = EngineHandle::spawn(None).unwrap();
    let (peer, idle) = (peer("127.0.0.1"), peer("127.0.0.1"));
    idle.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    let any = SocketAddr::new("127.0.0.1".parse().unwrap(), 0);
    let resources = set(vec![transport("udp", any)], &[peer.local_addr().unwrap()]);
    install(&engine, "one", resources);
    let address = engine.observe().unwrap().transports[0].address.clone();
    let address: SocketAddr = address.strip_prefix("udp ").unwrap().parse().unwrap();
    // Somebody at the trunk's address, from a port that is not its own.
    let near = UdpSocket::bind(("127.0.0.1", 0)).unwrap();
    near.send_to(b"INVITE", address).unwrap();
    let told = strangers(&engine, &idle, 0);
    assert_eq!(told[0].from.as_deref(), Some(&*near.local_addr().unwrap().to_string()));
    assert_eq!(told[0].to.as_deref(), Some("Transport/udp"));
    assert_eq!(told[0].trunk.as_deref(), Some("Trunk/acme/peer-0"));
    assert_eq!(told[0].reason.as_deref(), Some("OtherPort"));
    // The next ones within 10 s are counted, and not told.
    let far = UdpSocket::bind(("127.0.0.2", 0)).unwrap();
    for _ in 0..3 {
        far.send_to(b"INVITE", address).unwrap();
    }
    until(&engine, &idle, |observed| observed.refusals.get("UnknownSource") == Some(&4));
    assert_eq!(strangers(&engine, &idle, 0).len(), 1);
}

#[test]
fn a_busy_port_stalls_its_listener_only_and_is_taken_once_it_is_free() {
    let engine = EngineHandle::spawn(None).unwrap();
    let peer = peer("127.0.0.1");
    let taken = UdpSocket::bind(("127.0.0.1", 0)).unwrap();
    let busy = taken.local_addr().unwrap();
    let good = free("127.0.0.1");
    let transports = vec![transport("good", good), transport("taken", busy)];
    let installed = install(&engine, "busy", set(transports, &[peer.local_addr().unwrap()]));
    assert_eq!(installed.stalled.len(), 1);
    let (name, words) = &installed.stalled[0];
    assert_eq!(name, "Transport/taken");
    assert!(words.contains("in use"), "{words}");
    assert!(options(&peer, good, "a").starts_with("SIP/2.0 200 "));
    let observed = engine.observe().unwrap();
    let conditions: Vec<_> = observed.transports.iter().map(|t| t.condition).collect();
    assert_eq!(conditions, [Condition::Ready, Condition::Stalled]);
    drop(taken);
    peer.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    until(&engine, &peer, |observed| observed.transports[1].condition == Condition::Ready);
}

#[test]
fn a_trunk_whose_listener_is_stalled_says_so() {
    let engine = EngineHandle::spawn(None).unwrap();
    let taken = UdpSocket::bind(("127.0.0.1", 0)).unwrap();
    let transports = vec![transport("taken", taken.local_addr().unwrap())];
    install(&engine, "stalled", set(transports, &["127.0.0.2:5060".parse().unwrap()]));
    let observed = engine.observe().unwrap();
    assert_eq!(observed.trunks[0].condition, Condition::Stalled);
    let message = observed.trunks[0].message.as_deref();
    assert_eq!(message, Some("Transport/taken is not listening"));
}

#[test]
fn a_moved_listener_answers_at_both_ports_and_new_ones_at_the_new() {
    let engine = EngineHandle::spawn(None).unwrap();
    let peer = peer("127.0.0.1");
    let peers = [peer.local_addr().unwrap()];
    let (old, new) = (free("127.0.0.1"), free("127.0.0.1"));
    install(&engine, "old", set(vec![transport("udp", old)], &peers));
    assert!(options(&peer, old, "a").starts_with("SIP/2.0 200 "));
    let installed = install(&engine, "new", set(vec![transport("udp", new)], &peers));
    assert_eq!(installed.stalled, []);
    assert!(options(&peer, new, "b").starts_with("SIP/2.0 200 "));
    // The old socket lingers for what is under way.
    assert!(options(&peer, old, "c").starts_with("SIP/2.0 200 "));
    let transports = engine.observe().unwrap().transports;
    assert_eq!(transports.len(), 1);
    assert_eq!(transports[0].address, format!("udp {new}"));
}

#[test]
fn a_listener_that_cannot_move_stays_where_it_was() {
    let engine = EngineHandle::spawn(None).unwrap();
    let peer = peer("127.0.0.1");
    let peers = [peer.local_addr().unwrap()];
    let old = free("127.0.0.1");
    let taken = UdpSocket::bind(("127.0.0.1", 0)).unwrap();
    let new = taken.local_addr().unwrap();
    install(&engine, "old", set(vec![transport("udp", old)], &peers));
    let installed = install(&engine, "busy", set(vec![transport("udp", new)], &peers));
    assert_eq!(installed.stalled.len(), 1);
    assert!(options(&peer, old, "a").starts_with("SIP/2.0 200 "));
    assert_eq!(engine.observe().unwrap().transports[0].condition, Condition::Stalled);
}

#[test]
fn a_renamed_listener_keeps_its_port() {
    let engine = EngineHandle::spawn(None).unwrap();
    let peer = peer("127.0.0.1");
    let peers = [peer.local_addr().unwrap()];
    let address = free("127.0.0.1");
    install(&engine, "old", set(vec![transport("before", address)], &peers));
    let installed = install(&engine, "new", set(vec![transport("after", address)], &peers));
    assert_eq!(installed.stalled, []);
    assert!(options(&peer, address, "a").starts_with("SIP/2.0 200 "));
    let transports = engine.observe().unwrap().transports;
    assert_eq!(transports[0].resource, "Transport/after");
}

#[test]
fn a_listener_on_every_address_names_the_one_that_the_peer_can_reach() {
    // Loopback is reached only from loopback binds, so that the peer here is this host's own
    // address towards the outside, where it has one.
    let Some(own) = own_address() else { return };
    let engine = EngineHandle::spawn(None).unwrap();
    let peer = UdpSocket::bind((own, 0)).unwrap();
    peer.set_read_timeout(Some(PATIENCE)).unwrap();
    let any: SocketAddr = "0.0.0.0:0".parse().unwrap();
    let there = peer.local_addr().unwrap();
    let spec = json!({
        "type": "ip", "host": own, "port": there.port(),
        "keepAlive": { "enabled": true, "interval": "1s" } });
    let tenant = resource("Tenant", false, "acme", &json!({ "sipDomain": "acme.example" }));
    let trunk = resource("Trunk", true, "peer", &spec);
    let resources: ResourceSet = [transport("udp", any), tenant, trunk].into_iter().collect();
    install(&engine, "any", Arc::new(resources));
    let mut buffer = [0; 2048];
    let (length, _) = peer.recv_from(&mut buffer).unwrap();
    let probe = String::from_utf8_lossy(&buffer[..length]).into_owned();
    assert!(probe.starts_with("OPTIONS "), "{probe}");
    assert!(probe.contains(&format!("Via: SIP/2.0/UDP {own}:")), "{probe}");
}

/// This host's address towards the outside; nothing is sent.
pub(crate) fn own_address() -> Option<std::net::IpAddr> {
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.connect("192.0.2.1:9").ok()?;
    socket.local_addr().ok().map(|address| address.ip())
}

#[test]
fn a_dropped_engine_frees_its_ports() {
    let engine = EngineHandle::spawn(None).unwrap();
    let address = free("127.0.0.1");
    let peers = ["127.0.0.2:5060".parse().unwrap()];
    assert_eq!(install(&engine, "one", set(vec![transport("udp", address)], &peers)).stalled, []);
    assert!(UdpSocket::bind(address).is_err());
    drop(engine);
    assert!(UdpSocket::bind(address).is_ok());
}
