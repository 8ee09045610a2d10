//! Phones that register over connections, and are called over them.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;

use serde_json::json;
use socket2::{Domain, Socket, Type};
use trunkline::model::Resource;
use trunkline::net::EngineHandle;
use trunkline::port::Target as _;
use trunkline::sip::digest::{Answer, Challenge};
use trunkline::sip::{HeaderName, Message, Method};

use crate::listeners::{PATIENCE, install, peer, resource};
use crate::pki::{Authority, client};
use crate::secrets::Shelf;
use crate::streams::message;

const DOMAIN: &str = "acme.example";

/// An engine with a phone to be, a gateway to be, and a carrier over UDP.
struct World {
    engine: EngineHandle,
    authority: Authority,
    carrier: UdpSocket,
}

impl World {
    fn new() -> Self {
        let (authority, shelf) = (Authority::new("ours"), Arc::<Shelf>::default());
        let own = authority.issue(&["127.0.0.1"]);
        let kept = [("own.pem", &own.certificate), ("OWN", &own.key)];
        kept.into_iter().for_each(|(name, value)| shelf.put(name, value));
        shelf.put("PASSWORD", "secret");
        let engine = EngineHandle::spawn(None).unwrap().with_secrets(shelf);
        let carrier = peer("127.0.0.1");
        let at = carrier.local_addr().unwrap();
        let listener = |protocol: &str| {
            let mut spec = json!({ "protocol": protocol, "bind": "127.0.0.1", "port": 0 });
            if protocol == "tls" {
                spec["tls"] = json!({ "certificate": "own.pem", "privateKey": { "env": "OWN" } });
            }
            resource("Transport", false, protocol, &spec)
        };
        let trunk = json!({ "type": "ip", "host": at.ip(), "port": at.port(), "transport": "udp",
            "verifyPort": true, "keepAlive": { "enabled": false } });
        let account = json!({ "username": "desk", "password": { "env": "PASSWORD" } });
        let mut registrar = account.clone();
        registrar["domain"] = json!("gw.example");
        let gateway = json!({ "type": "acceptRegister", "registrar": registrar });
        let range = "442079460000-442079460099";
        let rule =
            json!({ "trunk": "carrier", "did": range, "destination": { "extension": "300" } });
        let outbound = |prefix: &str, trunk: &str| json!({ "match": { "prefixes": [prefix] }, "routes": [{ "trunk": trunk }] });
        let all: [Arc<Resource>; 11] = [
            listener("tcp"),
            listener("tls"),
            listener("udp"),
            resource("Tenant", false, "acme", &json!({ "sipDomain": DOMAIN })),
            resource("Trunk", true, "carrier", &trunk),
            resource("Trunk", true, "gateway", &gateway),
            resource("DidPool", true, "pool", &json!({ "trunk": "carrier", "numbers": [range] })),
            resource("InboundRule", true, "main", &rule),
            resource("Extension", true, "desk", &json!({ "numbers": "300", "register": account })),
            resource("OutboundRule", true, "abroad", &outbound("00", "carrier")),
            resource("OutboundRule", true, "branch", &outbound("7", "gateway")),
        ];
        assert_eq!(install(&engine, "one", Arc::new(all.into_iter().collect())).stalled, []);
        Self { engine, authority, carrier }
    }

    /// Where a listener is.
    fn at(&self, protocol: &str) -> SocketAddr {
        let all = self.engine.observe().unwrap().transports;
        let address = all.iter().find_map(|one| one.address.strip_prefix(protocol));
        address.unwrap().trim().parse().unwrap()
    }

    /// Connects over TLS; `%` in `contact` stands for where it connects from.
    fn over_tls(&self, contact: &str, domain: &'static str) -> Phone {
        let stream = reach(self.at("tls"));
        let at = stream.local_addr().unwrap();
        Phone::new(client(stream, &self.authority, None), (at, "TLS"), contact, domain)
    }

    fn over_tcp(&self, contact: &str, domain: &'static str) -> Phone {
        let stream = reach(self.at("tcp"));
        let at = stream.local_addr().unwrap();
        Phone::new(stream, (at, "TCP"), contact, domain)
    }

    /// A request of the carrier in a dialog, which an answer of the engine may have begun.
    fn say(&self, method: &str, cseq: u32, name: &str, answered: Option<&Message>) {
        let us = self.carrier.local_addr().unwrap();
        let engine = self.at("udp");
        let uri = answered.and_then(|one| Some(text(one.contact()?.uri.raw)));
        let uri = uri.unwrap_or_else(|| format!("sip:+442079460007@{engine}"));
        let to = answered.map(|one| text(one.value(HeaderName::To).unwrap()));
        let to = to.unwrap_or_else(|| format!("<sip:+442079460007@{engine}>"));
        let request = format!(
            "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {us};branch=z9hG4bK{name}{method}\r\n\
             Max-Forwards: 70\r\nFrom: <sip:447700900123@{us}>;tag=1\r\nTo: {to}\r\n\
             Call-ID: {name}\r\nCSeq: {cseq} {method}\r\nContact: <sip:{us}>\r\n\
             Content-Length: 0\r\n\r\n"
        );
        self.carrier.send_to(request.as_bytes(), engine).unwrap();
    }

    /// The next message at the carrier but provisional ones.
    fn hear(&self) -> Message {
        let mut buffer = [0; 4096];
        loop {
            let (length, _) = self.carrier.recv_from(&mut buffer).unwrap();
            let heard = Message::parse_datagram(&buffer[..length]).unwrap();
            if heard.status().is_none_or(|code| code >= 200) {
                return heard;
            }
        }
    }

    /// A call to the phone that it takes, and the carrier ends.
    fn call(&self, phone: &mut Phone, name: &str) {
        self.say("INVITE", 1, name, None);
        let invite = phone.hear("INVITE ");
        assert_eq!(text(invite.request_uri_bytes()), phone.contact);
        phone.answer(&invite, "200 OK");
        let answered = self.hear();
        assert_eq!(answered.status(), Some(200));
        self.say("ACK", 1, name, Some(&answered));
        phone.hear("ACK ");
        self.say("BYE", 2, name, Some(&answered));
        let bye = phone.hear("BYE ");
        phone.answer(&bye, "200 OK");
        assert_eq!(self.hear().status(), Some(200));
    }

    /// What becomes of a call to a phone that is not there.
    fn call_in_vain(&self, name: &str) -> Option<u16> {
        self.say("INVITE", 1, name, None);
        let refused = self.hear();
        self.say("ACK", 1, name, Some(&refused));
        refused.status()
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Connects from where somebody may listen afterwards.
fn reach(to: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_reuse_address(true).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.connect(&to.into()).unwrap();
    socket.into()
}

/// The answer of a far end to a request.
fn answer(request: &Message, status: &str, contact: &str) -> String {
    let print = text(request.as_bytes());
    let kept = ["Via: ", "From: ", "To: ", "Call-ID: ", "CSeq: "];
    let lines = print.lines().filter(|line| kept.iter().any(|name| line.starts_with(name)));
    let new = request.to_tag().is_none();
    let lines = lines.map(|line| match line.starts_with("To: ") && new {
        true => format!("{line};tag=far\r\n"),
        false => format!("{line}\r\n"),
    });
    let lines: String = lines.collect();
    format!("SIP/2.0 {status}\r\n{lines}Contact: <{contact}>\r\nContent-Length: 0\r\n\r\n")
}

trait Stream: Read + Write {}
impl<S: Read + Write> Stream for S {}

/// Who registers over a connection.
struct Phone {
    stream: Box<dyn Stream>,
    at: SocketAddr,
    over: &'static str,
    contact: String,
    domain: &'static str,
}

impl Phone {
    fn new(
        stream: impl Stream + 'static,
        (at, over): (SocketAddr, &'static str),
        contact: &str,
        domain: &'static str,
    ) -> Self {
        let contact = contact.replace('%', &at.to_string());
        let mut phone = Self { stream: Box::new(stream), at, over, contact, domain };
        phone.say("REGISTER", &format!("sip:{domain}"), 1, ("1", ""));
        let asked = phone.hear("SIP/2.0 401 ");
        let challenge = Challenge::all(&asked, HeaderName::WwwAuthenticate).remove(0);
        let uri = format!("sip:{domain}");
        let answer = Answer {
            username: b"desk",
            password: b"secret",
            method: b"REGISTER",
            uri: uri.as_bytes(),
            count: 1,
            cnonce: b"c",
        };
        let proof = format!("Authorization: {}\r\n", text(&answer.print(&challenge)));
        phone.say("REGISTER", &uri, 2, ("1", &proof));
        phone.hear("SIP/2.0 200 ");
        phone
    }

    /// A request outside dialogs.
    fn say(&mut self, method: &str, uri: &str, cseq: u32, (name, more): (&str, &str)) {
        let Self { stream, at, over, contact, domain } = self;
        let to = if method == "REGISTER" { format!("sip:desk@{domain}") } else { uri.to_owned() };
        let request = format!(
            "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/{over} {at};branch=z9hG4bK{name}{cseq}{method};rport\r\n\
             Max-Forwards: 70\r\nFrom: <sip:desk@{domain}>;tag=p\r\nTo: <{to}>\r\n\
             Call-ID: {name}-{at}\r\nCSeq: {cseq} {method}\r\nContact: <{contact}>\r\n{more}\
             Content-Length: 0\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).unwrap();
    }

    /// The next message but provisional ones, which has to begin like this.
    fn hear(&mut self, begins: &str) -> Message {
        loop {
            let heard = message(&mut self.stream);
            if !heard.starts_with("SIP/2.0 1") {
                assert!(heard.starts_with(begins), "{heard}");
                return Message::parse_datagram(heard.as_bytes()).unwrap();
            }
        }
    }

    fn answer(&mut self, request: &Message, status: &str) {
        self.stream.write_all(answer(request, status, &self.contact).as_bytes()).unwrap();
    }

    /// Goes; who listens where it was from then on.
    fn replace(self) -> TcpListener {
        let at = self.at;
        drop(self);
        let listener = TcpListener::bind(at).unwrap();
        listener.set_nonblocking(true).unwrap();
        listener
    }
}

#[test]
fn a_phone_is_called_over_the_connection_that_it_registered_by() {
    let world = World::new();
    for (number, contact) in [
        "sip:desk@%;transport=tls",
        "sips:desk@%",
        "sip:desk@%",
        // Behind a NAT, by a name that only it knows.
        "sip:desk@192.168.1.5:5061;transport=tls",
        "sips:desk@phone.invalid",
    ]
    .into_iter()
    .enumerate()
    {
        let mut phone = world.over_tls(contact, DOMAIN);
        world.call(&mut phone, &format!("tls{number}"));
    }
    let mut phone = world.over_tcp("sip:desk@%;transport=tcp", DOMAIN);
    world.call(&mut phone, "tcp");
}

#[test]
fn nobody_is_dialled_where_a_phone_came_from_over_tls() {
    let world = World::new();
    let phone = world.over_tls("sip:desk@%;transport=tls", DOMAIN);
    let listener = phone.replace();
    assert_eq!(world.call_in_vain("gone"), Some(480));
    assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
    assert_eq!(world.engine.observe().unwrap().refusals["NotRegistered"], 1);
    // It is back: the contact that was refreshed last is tried first.
    let mut phone = world.over_tls("sip:desk@%;transport=tls", DOMAIN);
    world.call(&mut phone, "back");
}

#[test]
fn a_call_that_a_phone_began_over_tls_is_ended_over_its_connection() {
    let world = World::new();
    let mut phone = world.over_tls("sip:desk@%;transport=tls", DOMAIN);
    phone.say("INVITE", &format!("sip:00493012345@{DOMAIN}"), 1, ("out", ""));
    let invite = world.hear();
    let us = world.carrier.local_addr().unwrap();
    let answer = answer(&invite, "200 OK", &format!("sip:{us}"));
    world.carrier.send_to(answer.as_bytes(), world.at("udp")).unwrap();
    let answered = phone.hear("SIP/2.0 200 ");
    let engine = text(answered.contact().unwrap().uri.raw);
    let tagged = text(answered.value(HeaderName::To).unwrap());
    let Phone { at, stream, .. } = &mut phone;
    let ack = format!(
        "ACK {engine} SIP/2.0\r\nVia: SIP/2.0/TLS {at};branch=z9hG4bKack\r\nMax-Forwards: 70\r\n\
         From: <sip:desk@{DOMAIN}>;tag=p\r\nTo: {tagged}\r\nCall-ID: {}\r\nCSeq: 1 ACK\r\n\
         Content-Length: 0\r\n\r\n",
        text(answered.call_id())
    );
    stream.write_all(ack.as_bytes()).unwrap();
    assert_eq!(world.hear().method(), Method::Ack);
    let asked = text(invite.as_bytes());
    let line = |name: &str| asked.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    let ours = text(invite.contact().unwrap().uri.raw);
    let bye = format!(
        "BYE {ours} SIP/2.0\r\nVia: SIP/2.0/UDP {us};branch=z9hG4bKbye\r\nMax-Forwards: 70\r\n\
         From: {};tag=far\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: 9 BYE\r\nContent-Length: 0\r\n\r\n",
        line("To: "),
        line("From: "),
        line("Call-ID: ")
    );
    world.carrier.send_to(bye.as_bytes(), world.at("udp")).unwrap();
    let bye = phone.hear("BYE ");
    assert_eq!(bye.to_tag(), Some(&b"p"[..]));
    assert_eq!(answered.call_id(), bye.call_id());
    phone.answer(&bye, "200 OK");
}

#[test]
fn a_gateway_is_called_over_the_connection_that_it_registered_by() {
    let world = World::new();
    let contact = "sip:gw@%;transport=tls";
    let mut gateway = world.over_tls(contact, "gw.example");
    let mut phone = world.over_tcp("sip:desk@%;transport=tcp", DOMAIN);
    phone.say("INVITE", &format!("sip:7123@{DOMAIN}"), 1, ("first", ""));
    let invite = gateway.hear("INVITE ");
    assert_eq!(
        text(invite.request_uri_bytes()),
        contact.replace('%', &gateway.at.to_string()).replace("gw@", "7123@")
    );
    gateway.answer(&invite, "486 Busy Here");
    gateway.hear("ACK ");
    phone.hear("SIP/2.0 486 ");
    let listener = gateway.replace();
    phone.say("INVITE", &format!("sip:7123@{DOMAIN}"), 1, ("second", ""));
    phone.hear("SIP/2.0 480 ");
    assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
}
