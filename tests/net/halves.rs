//! Connections whose far end has said all that it will say, and waits for answers.

use std::io::Write as _;
use std::net::{Shutdown, SocketAddr, TcpStream, UdpSocket};
use std::sync::Arc;

use serde_json::json;
use trunkline::model::Resource;
use trunkline::net::EngineHandle;
use trunkline::port::Target;

use crate::listeners::{install, peer, resource};
use crate::streams::{connect, is_closed, message};

/// An engine with a carrier over TCP, whose calls go to a PBX over UDP: where to connect, and the PBX.
pub(crate) fn engine() -> (EngineHandle, SocketAddr, UdpSocket) {
    let pbx = peer("127.0.0.1");
    let engine = EngineHandle::spawn(None).unwrap();
    let listener = |protocol: &str| {
        let spec = json!({ "protocol": protocol, "bind": "127.0.0.1", "port": 0 });
        resource("Transport", false, protocol, &spec)
    };
    let trunk = json!({
        "type": "ip", "host": "127.0.0.1", "port": 9, "transport": "tcp",
        "keepAlive": { "enabled": false } });
    let destination = format!("sip:desk@{}", pbx.local_addr().unwrap());
    let rule = json!({ "trunk": "carrier", "did": "442079460000-442079460099",
        "destination": { "sip": destination } });
    let pool = json!({ "trunk": "carrier", "numbers": ["442079460000-442079460099"] });
    let all: [Arc<Resource>; 6] = [
        listener("tcp"),
        listener("udp"),
        resource("Tenant", false, "acme", &json!({ "sipDomain": "acme.example" })),
        resource("Trunk", true, "carrier", &trunk),
        resource("DidPool", true, "pool", &pool),
        resource("InboundRule", true, "main", &rule),
    ];
    assert_eq!(install(&engine, "one", Arc::new(all.into_iter().collect())).stalled, []);
    let transports = engine.observe().unwrap().transports;
    let address = transports.iter().find_map(|one| one.address.strip_prefix("tcp ")).unwrap();
    let address = address.parse().unwrap();
    (engine, address, pbx)
}

/// An INVITE over a connection whose half is closed behind it, and as the PBX gets it.
fn invite(address: SocketAddr, pbx: &UdpSocket, branch: &str) -> (TcpStream, String, SocketAddr) {
    let mut stream = connect(address);
    let text = format!(
        "INVITE sip:+442079460007@{address} SIP/2.0\r\n\
         Via: SIP/2.0/TCP 127.0.0.1;branch=z9hG4bK{branch};rport\r\nMax-Forwards: 70\r\n\
         From: <sip:447700900123@127.0.0.1>;tag=1\r\nTo: <sip:+442079460007@{address}>\r\n\
         Call-ID: {branch}\r\nCSeq: 1 INVITE\r\nContact: <sip:127.0.0.1;transport=tcp>\r\n\
         Content-Length: 0\r\n\r\n"
    );
    stream.write_all(text.as_bytes()).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    assert!(message(&mut stream).starts_with("SIP/2.0 100 "));
    let mut buffer = [0; 4096];
    let (length, source) = pbx.recv_from(&mut buffer).unwrap();
    (stream, String::from_utf8_lossy(&buffer[..length]).into_owned(), source)
}

pub(crate) fn answer(pbx: &UdpSocket, invite: &str, (code, source): (u16, SocketAddr)) {
    let keep = ["Via:", "From:", "To:", "Call-ID:", "CSeq:", "Content-Length:"];
    let lines = invite.lines().filter(|line| keep.iter().any(|name| line.starts_with(name)));
    let lines: String = lines
        .map(|line| {
            if line.starts_with("To:") {
                format!("{line};tag=2\r\n")
            } else {
                format!("{line}\r\n")
            }
        })
        .collect();
    let contact = pbx.local_addr().unwrap();
    let text = format!("SIP/2.0 {code} Test\r\n{lines}Contact: <sip:{contact}>\r\n\r\n");
    pbx.send_to(text.replace("Content-Length:", "l:").as_bytes(), source).unwrap();
}

#[test]
fn who_closes_its_half_hears_how_its_call_goes_on() {
    let (engine, address, pbx) = engine();
    let (mut stream, invite, source) = invite(address, &pbx, "ok");
    answer(&pbx, &invite, (180, source));
    assert!(message(&mut stream).starts_with("SIP/2.0 180 "));
    answer(&pbx, &invite, (200, source));
    let answered = message(&mut stream);
    assert!(answered.starts_with("SIP/2.0 200 "), "{answered}");
    // It is said again until its ACK, which comes by another connection, as all that follows.
    assert_eq!(message(&mut stream), answered);
    let line = |name: &str| answered.lines().find(|line| line.starts_with(name)).unwrap();
    let request = |method: &str, number: u32| {
        format!(
            "{method} sip:{address} SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1;branch=z9hG4bK{method};rport\r\n\
             Max-Forwards: 70\r\n{}\r\n{}\r\n{}\r\nCSeq: {number} {method}\r\nl: 0\r\n\r\n",
            line("From:"),
            line("To:"),
            line("Call-ID:")
        )
    };
    let mut other = connect(address);
    other.write_all(request("ACK", 1).as_bytes()).unwrap();
    let mut buffer = [0; 4096];
    let (length, _) = pbx.recv_from(&mut buffer).unwrap();
    assert!(buffer[..length].starts_with(b"ACK "));
    other.write_all(request("BYE", 2).as_bytes()).unwrap();
    assert!(message(&mut other).starts_with("SIP/2.0 200 "));
    assert_eq!(engine.observe().unwrap().refusals.get("NoDialog"), None);
}

#[test]
fn who_closes_its_half_is_let_go_when_its_call_is_refused() {
    let (_engine, address, pbx) = engine();
    let (mut stream, invite, source) = invite(address, &pbx, "busy");
    answer(&pbx, &invite, (486, source));
    assert!(message(&mut stream).starts_with("SIP/2.0 486 "));
    // All is said: nothing keeps it open.
    assert!(is_closed(&mut stream));
}

#[test]
fn who_goes_altogether_takes_its_connection_with_it() {
    let (engine, address, pbx) = engine();
    let (stream, invite, source) = invite(address, &pbx, "gone");
    drop(stream);
    answer(&pbx, &invite, (180, source));
    answer(&pbx, &invite, (200, source));
    // It cannot be told: who answered is hung up on.
    let mut buffer = [0; 4096];
    let bye = (0..8).any(|_| {
        let (length, _) = pbx.recv_from(&mut buffer).unwrap();
        buffer[..length].starts_with(b"BYE ") || buffer[..length].starts_with(b"CANCEL ")
    });
    assert!(bye);
    drop(engine);
}
