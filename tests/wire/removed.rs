//! A listener for connections that is taken away while a call runs over one of them.

use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};

use socket2::{Domain, Socket, Type};
use trunkline::sip::Message;

use crate::daemon::DEADLINE;
use crate::network::{CARRIER, DID, ENGINE, Network, PBX};
use crate::phone::Phone;
use crate::secure::message;

/// The carrier's connection to the engine.
fn connect(network: &Network) -> std::io::Result<TcpStream> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.bind(&SocketAddr::new(network.at(CARRIER).ip(), 0).into())?;
    socket.connect(&network.at(ENGINE).into())?;
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(DEADLINE))?;
    Ok(stream)
}

/// A request of a call, in the dialog that this answer made.
fn request(stream: &mut TcpStream, method: &str, cseq: u32, answered: Option<&Message>) {
    let us = stream.local_addr().unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let uri = answered.map_or_else(
        || format!("sip:{DID}@engine.invalid"),
        |answer| text(answer.contact().unwrap().uri.raw),
    );
    let tag = answered.and_then(|answer| answer.to().tag());
    let tag = tag.map_or(String::new(), |tag| format!(";tag={}", text(tag)));
    let request = format!(
        "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/TCP {us};branch=z9hG4bK{cseq}{method};rport\r\n\
         Max-Forwards: 70\r\nFrom: <sip:1234@{us}>;tag=f\r\nTo: <sip:{DID}@engine>{tag}\r\n\
         Call-ID: removed\r\nCSeq: {cseq} {method}\r\nContact: <sip:carrier@{us};transport=tcp>\r\n\
         Content-Length: 0\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).unwrap();
}

/// The next final answer.
fn answer(stream: &mut TcpStream) -> Message {
    loop {
        let message = message(stream).expect("an answer comes");
        if message.status().expect("a response") >= 200 {
            return message;
        }
    }
}

#[test]
fn a_call_ends_over_its_connection_whose_listener_is_gone_from_the_manifests() {
    let network = Network::claim();
    let (site, daemon) = network.serve_tcp(true, false);
    let pbx = Phone::new(&network, PBX);
    let mut carrier = connect(&network).unwrap();
    request(&mut carrier, "INVITE", 1, None);
    let invite = pbx.receive();
    pbx.respond(&invite, 200);
    let answered = answer(&mut carrier);
    request(&mut carrier, "ACK", 1, Some(&answered));
    assert_eq!(pbx.receive().method().as_bytes(), b"ACK");

    // The trunk goes by UDP from now on, and nothing listens for TCP.
    site.write("base.yaml", &network.base());
    daemon.until(|status| status["transports"].as_array().unwrap().len() == 1);
    let status = daemon.until(|status| status["condition"] == "Ready");
    assert_eq!(status["activeCalls"], 1);
    // What comes there now and is not of the call is refused until that is over.
    let mut late = connect(&network).unwrap();
    request(&mut late, "OPTIONS", 1, None);
    assert_eq!(answer(&mut late).status(), Some(503));
    daemon.until(|status| status["refusals"]["Draining"] == 1);
    request(&mut carrier, "BYE", 2, Some(&answered));
    assert_eq!(answer(&mut carrier).status(), Some(200));
    let bye = pbx.receive();
    assert_eq!(bye.method().as_bytes(), b"BYE");
    pbx.respond(&bye, 200);
    daemon.until(|status| status["activeCalls"] == 0);
}
