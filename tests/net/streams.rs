//! Connections on loopback: taken, kept, bounded, closed.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use trunkline::model::{Condition, Resource, ResourceSet};
use trunkline::net::EngineHandle;
use trunkline::port::Target;

use crate::listeners::{PATIENCE, install, resource};

/// A listener for connections on a free port of `bind`, and a trunk over it at `peer`.
fn set(bind: SocketAddr, peer: SocketAddr, alive: bool) -> Arc<ResourceSet> {
    let transport = json!({ "protocol": "tcp", "bind": bind.ip(), "port": bind.port() });
    set_with(&transport, peer, alive)
}

fn set_with(transport: &Value, peer: SocketAddr, alive: bool) -> Arc<ResourceSet> {
    let trunk = json!({
        "type": "ip", "host": peer.ip(), "port": peer.port(), "transport": "tcp",
        "keepAlive": { "enabled": alive, "interval": "1s" } });
    let all: [Arc<Resource>; 3] = [
        resource("Transport", false, "tcp", transport),
        resource("Tenant", false, "acme", &json!({ "sipDomain": "acme.example" })),
        resource("Trunk", true, "peer", &trunk),
    ];
    Arc::new(all.into_iter().collect())
}

/// An engine that listens, and where.
pub(crate) fn listening(ip: &str, peer: SocketAddr, alive: bool) -> (EngineHandle, SocketAddr) {
    let engine = EngineHandle::spawn(None).unwrap();
    let any = SocketAddr::new(ip.parse().unwrap(), 0);
    assert_eq!(install(&engine, "one", set(any, peer, alive)).stalled, []);
    let address = engine.observe().unwrap().transports[0].address.clone();
    (engine, address.strip_prefix("tcp ").unwrap().parse().unwrap())
}

pub(crate) fn nobody(ip: &str) -> SocketAddr {
    SocketAddr::new(ip.parse().unwrap(), 9)
}

pub(crate) fn connect(to: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(to).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

pub(crate) fn options(branch: &str, length: &str) -> String {
    format!(
        "OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1;branch=z9hG4bK{branch};rport\r\n\
         Max-Forwards: 70\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:a@b>\r\nCall-ID: {branch}\r\n\
         CSeq: 1 OPTIONS\r\n{length}\r\n"
    )
}

/// Reads up to the end of one message without a body.
pub(crate) fn message(stream: &mut impl Read) -> String {
    let mut text = Vec::new();
    let mut byte = [0];
    while !text.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).unwrap();
        text.push(byte[0]);
    }
    String::from_utf8(text).unwrap()
}

/// Whether the far end has closed, with or without regard for what we sent.
pub(crate) fn is_closed(stream: &mut TcpStream) -> bool {
    match stream.read(&mut [0; 64]) {
        Ok(count) => count == 0,
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{error}");
            true
        }
    }
}

#[test]
fn requests_in_pieces_are_answered_on_their_connection() {
    for ip in ["127.0.0.1", "::1"] {
        let (engine, address) = listening(ip, nobody(ip), false);
        let mut stream = connect(address);
        let text = options("a", "Content-Length: 0\r\n");
        let (head, tail) = text.split_at(30);
        stream.write_all(head.as_bytes()).unwrap();
        // Another connection has its turn in between.
        let mut other = connect(address);
        other.write_all(options("b", "l: 0\r\n").as_bytes()).unwrap();
        assert!(message(&mut other).contains("branch=z9hG4bKb"));
        stream.write_all(tail.as_bytes()).unwrap();
        let answer = message(&mut stream);
        assert!(answer.starts_with("SIP/2.0 200 "), "{answer}");
        assert!(answer.contains("Via: SIP/2.0/TCP 127.0.0.1;branch=z9hG4bKa"), "{answer}");
        // Two in one write, behind a keep-alive that is answered first.
        let two = format!("\r\n\r\n{}{}", options("c", "l: 0\r\n"), options("d", "l: 0\r\n"));
        stream.write_all(two.as_bytes()).unwrap();
        let mut pong = [0; 2];
        stream.read_exact(&mut pong).unwrap();
        assert_eq!(&pong, b"\r\n");
        assert!(message(&mut stream).contains("branch=z9hG4bKc"));
        assert!(message(&mut stream).contains("branch=z9hG4bKd"));
        drop(engine);
        assert!(is_closed(&mut stream));
    }
}

#[test]
fn a_strangers_connection_is_closed_without_a_word() {
    let (engine, address) = listening("127.0.0.1", nobody("127.0.0.2"), false);
    let mut stream = connect(address);
    // It may be closed before this is sent.
    drop(stream.write_all(options("a", "l: 0\r\n").as_bytes()));
    assert!(is_closed(&mut stream));
    assert_eq!(engine.observe().unwrap().refusals["UnknownSource"], 1);
}

/// An engine whose listener answers strangers with 404, and where it is.
fn answering() -> (EngineHandle, SocketAddr) {
    let engine = EngineHandle::spawn(None).unwrap();
    let transport =
        json!({ "protocol": "tcp", "bind": "127.0.0.1", "port": 0, "unknownSources": "404" });
    let set = set_with(&transport, nobody("127.0.0.2"), false);
    assert_eq!(install(&engine, "one", set).stalled, []);
    let address = engine.observe().unwrap().transports[0].address.clone();
    (engine, address.strip_prefix("tcp ").unwrap().parse().unwrap())
}

#[test]
fn a_stranger_gets_one_answer_over_its_connection_and_no_more() {
    let (engine, address) = answering();
    let mut stream = connect(address);
    // Keep-alives are none of a stranger's business, and what follows the first message is not read.
    let two = format!("\r\n\r\n{}{}", options("a", "l: 0\r\n"), options("b", "l: 0\r\n"));
    stream.write_all(two.as_bytes()).unwrap();
    let answer = message(&mut stream);
    assert!(answer.starts_with("SIP/2.0 404 Not Found\r\n"), "{answer}");
    assert!(answer.contains("branch=z9hG4bKa"), "{answer}");
    assert!(is_closed(&mut stream));
    let observed = engine.observe().unwrap();
    assert_eq!((observed.strangers.packets, observed.strangers.answers), (1, 1));
    assert_eq!(observed.refusals["UnknownSource"], 1);
    // What is no message gets nothing.
    let mut stream = connect(address);
    stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    assert!(is_closed(&mut stream));
}

#[test]
fn strangers_hold_few_connections_and_none_for_long() {
    let (_engine, address) = answering();
    let mut held: Vec<TcpStream> = (0..16).map(|_| connect(address)).collect();
    assert!(is_closed(&mut connect(address)), "one more than a stranger may hold");
    // Saying nothing, or keeping alive what is nobody's, does not help.
    let first = held.first_mut().unwrap();
    first.write_all(b"\r\n\r\n").unwrap();
    first.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    assert!(is_closed(first));
    assert!(is_closed(held.last_mut().unwrap()));
    let mut again = connect(address);
    again.write_all(options("a", "l: 0\r\n").as_bytes()).unwrap();
    assert!(message(&mut again).starts_with("SIP/2.0 404 "));
}

#[test]
fn a_message_without_a_length_is_answered_and_its_connection_closed() {
    let (_engine, address) = listening("127.0.0.1", nobody("127.0.0.1"), false);
    let mut stream = connect(address);
    stream.write_all(options("a", "").as_bytes()).unwrap();
    let answer = message(&mut stream);
    assert!(answer.starts_with("SIP/2.0 400 Bad Request: missing Content-Length"), "{answer}");
    assert!(is_closed(&mut stream));
}

#[test]
fn a_far_end_that_never_reads_is_cut_off_and_others_are_served() {
    let (_engine, address) = listening("127.0.0.1", nobody("127.0.0.1"), false);
    let mut deaf = connect(address);
    let flood: String = (0..200).map(|n| options(&format!("f{n}"), "l: 0\r\n")).collect();
    // It is closed once the system's buffers and ours are full.
    let cut = (0..10_000).any(|_| deaf.write_all(flood.as_bytes()).is_err());
    assert!(cut);
    let mut other = connect(address);
    other.write_all(options("b", "l: 0\r\n").as_bytes()).unwrap();
    assert!(message(&mut other).starts_with("SIP/2.0 200 "));
}

#[test]
fn no_address_holds_more_connections_than_its_share() {
    let (_engine, address) = listening("127.0.0.1", nobody("127.0.0.1"), false);
    let mut held: Vec<TcpStream> = (0..256).map(|_| connect(address)).collect();
    let mut over = connect(address);
    assert!(is_closed(&mut over));
    let last = held.last_mut().unwrap();
    last.write_all(options("a", "l: 0\r\n").as_bytes()).unwrap();
    assert!(message(last).starts_with("SIP/2.0 200 "));
}

#[test]
fn probes_go_over_one_connection_and_over_a_new_one_when_that_is_lost() {
    let peer = TcpListener::bind("127.0.0.1:0").unwrap();
    let (engine, address) = listening("127.0.0.1", peer.local_addr().unwrap(), true);
    let mut first = peer.accept().unwrap().0;
    first.set_read_timeout(Some(PATIENCE)).unwrap();
    for _ in 0..2 {
        let probe = message(&mut first);
        assert!(probe.starts_with("OPTIONS "), "{probe}");
        assert!(probe.contains(&format!("Via: SIP/2.0/TCP {address};")), "{probe}");
        assert!(probe.contains(&format!("Contact: <sip:{address};transport=tcp>")), "{probe}");
        first.write_all(ok(&probe).as_bytes()).unwrap();
    }
    drop(first);
    let mut second = peer.accept().unwrap().0;
    second.set_read_timeout(Some(PATIENCE)).unwrap();
    let probe = message(&mut second);
    second.write_all(ok(&probe).as_bytes()).unwrap();
    assert!(message(&mut second).starts_with("OPTIONS "));
    assert_eq!(engine.observe().unwrap().trunks[0].health, trunkline::model::TrunkHealth::Up);
}

/// The answer to a probe.
fn ok(probe: &str) -> String {
    let keep = ["Via:", "From:", "To:", "Call-ID:", "CSeq:", "Content-Length:"];
    let lines = probe.lines().filter(|line| keep.iter().any(|name| line.starts_with(name)));
    let lines: String = lines.map(|line| format!("{line}\r\n")).collect();
    format!("SIP/2.0 200 OK\r\n{lines}\r\n")
}

#[test]
fn a_moved_listener_keeps_its_connections() {
    let (engine, old) = listening("127.0.0.1", nobody("127.0.0.1"), false);
    let mut stream = connect(old);
    stream.write_all(options("a", "l: 0\r\n").as_bytes()).unwrap();
    assert!(message(&mut stream).starts_with("SIP/2.0 200 "));
    let new = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    assert_eq!(install(&engine, "two", set(new, nobody("127.0.0.1"), false)).stalled, []);
    let transports = engine.observe().unwrap().transports;
    assert_eq!(transports.len(), 1);
    assert_eq!(transports[0].address, format!("tcp {new}"));
    assert_eq!(transports[0].condition, Condition::Ready);
    for (branch, stream) in [("b", &mut stream), ("c", &mut connect(new))] {
        stream.write_all(options(branch, "l: 0\r\n").as_bytes()).unwrap();
        assert!(message(stream).starts_with("SIP/2.0 200 "));
    }
}

#[test]
fn a_busy_port_stalls_a_listener_for_connections() {
    let engine = EngineHandle::spawn(None).unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let busy = taken.local_addr().unwrap();
    let installed = install(&engine, "busy", set(busy, nobody("127.0.0.1"), false));
    assert!(installed.stalled[0].1.contains("in use"), "{installed:?}");
    // UDP and TCP of one port are two.
    assert!(std::net::UdpSocket::bind(busy).is_ok());
}

#[test]
fn a_message_that_does_not_go_on_costs_its_sender_the_connection() {
    let (_engine, address) = listening("127.0.0.1", nobody("127.0.0.1"), false);
    let mut stream = connect(address);
    stream.write_all(b"OPTIONS sip:a@b SIP/2.0\r\nVia").unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    assert!(is_closed(&mut stream));
}
