//! TLS on loopback: who is let in, whom we believe, and certificates that change.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};
use trunkline::model::{Condition, Observed, Resource, ResourceSet};
use trunkline::net::EngineHandle;
use trunkline::port::Target as _;

use crate::listeners::{PATIENCE, install, resource};
use crate::pki::{Authority, Issued, client, self_signed, server};
use crate::secrets::Shelf;
use crate::streams::{connect, is_closed, message, options};

/// An engine with a TLS listener, its authority, and the place that its certificates are in.
struct World {
    engine: EngineHandle,
    shelf: Arc<Shelf>,
    authority: Authority,
    listener: Value,
    trunks: Vec<Value>,
}

impl World {
    fn new() -> Self {
        let shelf = Arc::<Shelf>::default();
        let authority = Authority::new("ours");
        let engine = EngineHandle::spawn(None).unwrap().with_secrets(shelf.clone());
        let listener = json!({ "protocol": "tls", "bind": "127.0.0.1", "port": 0, "tls": {
            "certificate": "own.pem", "privateKey": { "env": "OWN" }, "clientCa": "ca.pem" } });
        let world = Self { engine, shelf, authority, listener, trunks: Vec::new() };
        world.put_own(&world.authority.issue(&["127.0.0.1"]));
        world.shelf.put("ca.pem", &world.authority.pem());
        world
    }

    fn put_own(&self, issued: &Issued) {
        self.shelf.put("own.pem", &issued.certificate);
        self.shelf.put("OWN", &issued.key);
    }

    /// The listener asks callers for a certificate.
    fn asking(mut self, how: &str) -> Self {
        self.listener["tls"]["clientCertificate"] = json!(how);
        self
    }

    fn trunk(mut self, host: &str, port: u16, more: Value) -> Self {
        let mut trunk = json!({ "type": "ip", "host": host, "port": port, "transport": "tls",
            "keepAlive": { "enabled": false } });
        for (key, value) in more.as_object().unwrap() {
            trunk[key] = value.clone();
        }
        self.trunks.push(trunk);
        self
    }

    /// A trunk at an address that probes it at once and again every second.
    fn probing(self, peer: &TcpListener) -> Self {
        let peer = peer.local_addr().unwrap();
        let alive = json!({ "keepAlive": { "interval": "1s" } });
        self.trunk(&peer.ip().to_string(), peer.port(), alive)
    }

    fn set(&self) -> Arc<ResourceSet> {
        let own =
            |number: usize, spec: &Value| resource("Trunk", true, &format!("peer-{number}"), spec);
        let trunks = self.trunks.iter().enumerate().map(|(number, spec)| own(number, spec));
        let all: Vec<Arc<Resource>> = trunks
            .chain([
                resource("Transport", false, "tls", &self.listener),
                resource("Tenant", false, "acme", &json!({ "sipDomain": "acme.example" })),
            ])
            .collect();
        Arc::new(all.into_iter().collect())
    }

    /// Puts everything in force; where it listens.
    fn listen(&self) -> SocketAddr {
        assert_eq!(install(&self.engine, "one", self.set()).stalled, []);
        let address = self.observe().transports[0].address.clone();
        address.strip_prefix("tls ").unwrap().parse().unwrap()
    }

    fn observe(&self) -> Observed {
        self.engine.observe().unwrap()
    }

    /// Asks over a new connection; `None` when there is none, or no answer.
    fn ask(&self, at: SocketAddr, own: Option<&Issued>) -> Option<String> {
        ask(&mut client(connect(at), &self.authority, own))
    }
}

/// One request, which no other one is a repetition of, and its answer.
fn ask(stream: &mut (impl Read + Write)) -> Option<String> {
    static ASKED: AtomicU32 = AtomicU32::new(0);
    let branch = format!("a{}", ASKED.fetch_add(1, Ordering::Relaxed));
    let text = options(&branch, "Content-Length: 0\r\n").replace("SIP/2.0/TCP", "SIP/2.0/TLS");
    stream.write_all(text.as_bytes()).ok()?;
    let mut answer = Vec::new();
    let mut byte = [0];
    while !answer.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).ok()?;
        answer.push(byte[0]);
    }
    String::from_utf8(answer).ok()
}

fn answered(answer: Option<String>) -> bool {
    answer.is_some_and(|answer| answer.starts_with("SIP/2.0 200 "))
}

#[test]
fn a_stranger_is_told_so_once_over_tls_whatever_it_shows() {
    let mut world = World::new().asking("optional").trunk("carrier.example", 9, json!({}));
    world.listener["unknownSources"] = "403".into();
    let at = world.listen();
    let other = world.authority.issue(&["other.example"]);
    for own in [None, Some(&other)] {
        let mut stream = client(connect(at), &world.authority, own);
        let answer = ask(&mut stream).unwrap();
        assert!(answer.starts_with("SIP/2.0 403 Forbidden\r\n"), "{answer}");
        assert_eq!(ask(&mut stream), None);
    }
    let own = world.authority.issue(&["carrier.example"]);
    assert!(answered(world.ask(at, Some(&own))));
}

#[test]
fn a_known_peer_is_answered_over_tls() {
    let world = World::new().trunk("127.0.0.1", 9, json!({}));
    let at = world.listen();
    let answer = world.ask(at, None).unwrap();
    assert!(answer.starts_with("SIP/2.0 200 "), "{answer}");
    assert!(answer.contains("Via: SIP/2.0/TLS 127.0.0.1;"), "{answer}");
    // Who does not trust our authority says so and goes.
    let stranger = Authority::new("another");
    assert!(ask(&mut client(connect(at), &stranger, None)).is_none());
    // Clear text is no TLS.
    let mut clear = connect(at);
    clear.write_all(options("b", "l: 0\r\n").as_bytes()).unwrap();
    let mut rest = Vec::new();
    drop(clear.read_to_end(&mut rest));
    assert!(!rest.starts_with(b"SIP/2.0"));
    assert!(answered(world.ask(at, None)));
}

#[test]
fn a_required_certificate_must_be_there_and_be_signed_by_ours() {
    let world = World::new().asking("require").trunk("127.0.0.1", 9, json!({}));
    let at = world.listen();
    assert!(answered(world.ask(at, Some(&world.authority.issue(&["a.example"])))));
    assert!(world.ask(at, None).is_none());
    let stranger = Authority::new("another").issue(&["a.example"]);
    assert!(world.ask(at, Some(&stranger)).is_none());
    let late = world.authority.issue_with(&["a.example"], |params| {
        params.not_after = rcgen::date_time_ymd(2020, 1, 1);
    });
    assert!(world.ask(at, Some(&late)).is_none());
    assert!(world.ask(at, Some(&self_signed(&["a.example"]))).is_none());
}

#[test]
fn a_trunk_is_known_by_the_domain_of_its_verified_certificate_only() {
    let world = World::new().asking("optional").trunk("carrier.example.net", 5061, json!({}));
    let at = world.listen();
    let issue = |names: &[&str]| world.authority.issue(names);
    for names in [&["carrier.example.net"][..], &["other.example", "sip:Carrier.Example.NET"]] {
        assert!(answered(world.ask(at, Some(&issue(names)))), "{names:?}");
    }
    for names in [
        &["other.example.net"][..],
        &["*.example.net"],
        // A URI of SIP goes before names of hosts (RFC 5922 section 7.1).
        &["carrier.example.net", "sip:other.example.net"],
        &["sip:user@carrier.example.net"],
        &[],
    ] {
        assert!(world.ask(at, Some(&issue(names))).is_none(), "{names:?}");
    }
    let common = world.authority.issue_with(&[], |params| {
        params.distinguished_name.push(rcgen::DnType::CommonName, "carrier.example.net");
    });
    assert!(world.ask(at, Some(&common)).is_none(), "a Common Name is no SIP domain");
    assert!(world.ask(at, None).is_none(), "a stranger without a certificate");
    let forged = Authority::new("ours").issue(&["carrier.example.net"]);
    assert!(world.ask(at, Some(&forged)).is_none(), "an authority of the same name");
}

#[test]
fn where_no_certificate_is_asked_for_a_stranger_is_closed_at_once() {
    let world = World::new().trunk("carrier.example.net", 5061, json!({}));
    let at = world.listen();
    assert!(is_closed(&mut connect(at)));
    assert_eq!(world.observe().refusals.get("UnknownSource"), Some(&1));
}

/// Takes connections until one brings a request; what it read, with the connection's far end.
fn probed(peer: &TcpListener, own: &Issued, asks: Option<&Authority>) -> Option<(String, usize)> {
    peer.set_nonblocking(false).unwrap();
    let (stream, _) = peer.accept().unwrap();
    let mut stream = server(stream, own, asks);
    let mut text = Vec::new();
    let mut byte = [0];
    while !text.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).ok()?;
        text.push(byte[0]);
    }
    let shown = stream.conn.peer_certificates().map_or(0, <[_]>::len);
    Some((String::from_utf8(text).unwrap(), shown))
}

#[test]
fn a_server_is_believed_if_its_certificate_names_the_trunks_host() {
    let peer = TcpListener::bind("127.0.0.1:0").unwrap();
    let world = World::new().probing(&peer);
    let issue = |names: &[&str]| world.authority.issue(names);
    let bad = [
        issue(&["127.0.0.9"]),
        issue(&["carrier.example.net"]),
        issue(&["*.0.0.1"]),
        issue(&["127.0.0.1", "sip:other.example"]),
        issue(&[]),
        world.authority.issue_with(&[], |params| {
            params.distinguished_name.push(rcgen::DnType::CommonName, "127.0.0.1");
        }),
        world.authority.issue_with(&["127.0.0.1"], |params| {
            params.not_after = rcgen::date_time_ymd(2020, 1, 1);
        }),
        world.authority.issue_with(&["127.0.0.1"], |params| {
            params.not_before = rcgen::date_time_ymd(2100, 1, 1);
        }),
        Authority::new("ours").issue(&["127.0.0.1"]),
        self_signed(&["127.0.0.1"]),
    ];
    world.listen();
    // Of each bad one there is one handshake and no word; the back-off is longer each time, so that
    // each gets a listener of its own time.
    for (number, bad) in bad.iter().enumerate().take(4) {
        assert!(probed(&peer, bad, None).is_none(), "{number}");
    }
    let (request, _) = probed(&peer, &issue(&["sip:127.0.0.1", "else.example"]), None).unwrap();
    assert!(request.starts_with("OPTIONS sip:127.0.0.1:"), "{request}");
    assert!(request.contains("\r\nVia: SIP/2.0/TLS 127.0.0.1:"), "{request}");
    assert!(request.contains(";transport=tls>\r\n"), "{request}");
    for (number, bad) in bad.iter().enumerate().skip(4) {
        let peer = TcpListener::bind("127.0.0.1:0").unwrap();
        let World { engine, shelf, authority, listener, .. } = World::new();
        shelf.put("ca.pem", &world.authority.pem());
        let other = World { engine, shelf, authority, listener, trunks: Vec::new() }.probing(&peer);
        other.listen();
        assert!(probed(&peer, bad, None).is_none(), "{number}");
    }
}

#[test]
fn a_trunk_shows_its_own_certificate_and_others_the_listeners() {
    let (one, other) = (Authority::new("one"), Authority::new("other"));
    let peers = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    let mut world = World::new().probing(&peers[0]).probing(&peers[1]);
    world.trunks[0]["tls"] =
        json!({ "certificate": "client.pem", "privateKey": { "env": "CLIENT" } });
    let own = one.issue(&["us.example"]);
    world.shelf.put("client.pem", &own.certificate);
    world.shelf.put("CLIENT", &own.key);
    world.listen();
    let here = world.authority.issue(&["127.0.0.1"]);
    assert_eq!(probed(&peers[0], &here, Some(&one)).unwrap().1, 1);
    assert_eq!(probed(&peers[1], &here, Some(&world.authority)).unwrap().1, 1);
    // Each shows no other than its own.
    assert!(probed(&peers[0], &here, Some(&other)).is_none());
}

#[test]
fn a_handshake_that_does_not_come_ends_after_five_seconds_and_holds_nobody_up() {
    let world = World::new().asking("optional").trunk("127.0.0.1", 9, json!({}));
    let at = world.listen();
    let began = std::time::Instant::now();
    let mut silent: Vec<TcpStream> = (0..100).map(|_| connect(at)).collect();
    let mut garbage = connect(at);
    garbage.write_all(&[0x16, 3, 1, 0xff, 0xff, 1, 2, 3]).unwrap();
    assert!(answered(world.ask(at, None)));
    // Half a handshake, and the end of our half of the connection.
    let half = connect(at);
    half.shutdown(std::net::Shutdown::Write).unwrap();
    let mut half = half;
    assert!(is_closed(&mut half));
    for stream in &mut silent {
        assert!(is_closed(stream));
    }
    let took = began.elapsed().as_secs_f32();
    assert!(took > 4.0, "{took}");
    let mut rest = Vec::new();
    drop(garbage.read_to_end(&mut rest));
    assert!(answered(world.ask(at, None)));
}

#[test]
fn strangers_who_only_connect_take_few_places() {
    let world = World::new().asking("require").trunk("carrier.example.net", 5061, json!({}));
    let at = world.listen();
    let mut silent: Vec<TcpStream> = (0..17).map(|_| connect(at)).collect();
    // The last one is closed while the others may still show a certificate.
    assert!(is_closed(silent.last_mut().unwrap()));
    silent[0].set_nonblocking(true).unwrap();
    assert_eq!(silent[0].read(&mut [0]).unwrap_err().kind(), ErrorKind::WouldBlock);
    drop(silent);
    let own = world.authority.issue(&["carrier.example.net"]);
    // Their places are free again once the engine has seen them go.
    let began = std::time::Instant::now();
    while !answered(world.ask(at, Some(&own))) {
        assert!(began.elapsed() < PATIENCE);
    }
}

/// The serial number, or whatever tells one certificate from another.
fn shown(stream: &crate::pki::Client) -> Vec<u8> {
    stream.conn.peer_certificates().unwrap()[0].to_vec()
}

#[test]
fn a_new_certificate_serves_new_handshakes_and_ends_no_connection() {
    let world = World::new().trunk("127.0.0.1", 9, json!({}));
    let at = world.listen();
    let mut old = client(connect(at), &world.authority, None);
    assert!(answered(ask(&mut old)));
    assert_eq!(world.engine.refresh().unwrap(), None, "nothing has changed");
    world.put_own(&world.authority.issue(&["127.0.0.1"]));
    let installed = world.engine.refresh().unwrap().unwrap();
    assert_eq!((installed.generation, installed.stalled), (2, vec![]));
    let mut new = client(connect(at), &world.authority, None);
    assert!(answered(ask(&mut new)));
    assert!(answered(ask(&mut old)), "the connection goes on");
    assert_ne!(shown(&old), shown(&new));

    // A key of another certificate changes nothing, and says so.
    world.shelf.put("OWN", &world.authority.issue(&["127.0.0.1"]).key);
    let faults = world.engine.check(&world.set());
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert_eq!(faults[0].why, "the private key does not belong to the certificate");
    let installed = world.engine.refresh().unwrap().unwrap();
    assert_eq!((installed.stalled, installed.waiting), (vec![], vec![]));
    assert_eq!(installed.unusable, [("Transport/tls".to_owned(), faults[0].why.clone())]);
    let told = || world.observe().transports[0].clone();
    assert_eq!(told().condition, Condition::Ready);
    let why = format!("what is new cannot be used: {}; the former stays", faults[0].why);
    assert_eq!(told().message, Some(why.clone()));
    // Another generation changes nothing of that.
    install(&world.engine, "again", world.set());
    assert_eq!(told().message, Some(why));
    let mut third = client(connect(at), &world.authority, None);
    assert!(answered(ask(&mut third)));
    assert_eq!(shown(&third), shown(&new));
    assert!(answered(ask(&mut old)));
    world.put_own(&world.authority.issue(&["127.0.0.1"]));
    assert_eq!(world.engine.refresh().unwrap().unwrap().unusable, []);
    assert_eq!(told().message, None);
}

#[test]
fn a_listener_without_its_key_is_stalled_until_that_is_there() {
    let world = World::new().trunk("127.0.0.1", 9, json!({}));
    let own = world.authority.issue(&["127.0.0.1"]);
    world.shelf.put("own.pem", &own.certificate);
    world.shelf.put("OWN", "no key at all");
    let installed = install(&world.engine, "one", world.set());
    let why = "the private key holds no unencrypted key in PEM form";
    assert_eq!(installed.stalled, [("Transport/tls".to_owned(), why.to_owned())]);
    assert_eq!(world.observe().transports[0].condition, Condition::Stalled);
    world.put_own(&own);
    assert_eq!(world.engine.refresh().unwrap().unwrap().stalled, []);
    let observed = world.observe();
    assert_eq!(observed.transports[0].condition, Condition::Ready);
    let at = observed.transports[0].address.strip_prefix("tls ").unwrap().parse().unwrap();
    assert!(answered(world.ask(at, None)));
}

#[test]
fn a_certificate_that_ends_soon_is_told_and_still_served() {
    let world = World::new().trunk("127.0.0.1", 9, json!({}));
    let day = jiff::Zoned::now().date() + jiff::Span::new().days(7);
    let (year, month, day) = (day.year().into(), day.month() as u8, day.day() as u8);
    world.put_own(&world.authority.issue_with(&["127.0.0.1"], |params| {
        params.not_after = rcgen::date_time_ymd(year, month, day);
    }));
    let at = world.listen();
    let observed = world.observe();
    assert_eq!(observed.transports[0].condition, Condition::Ready);
    let words = observed.transports[0].message.clone().unwrap();
    let date = format!("the certificate expires at {year:04}-{month:02}-{day:02}T00:00:00Z");
    assert_eq!(words, date);
    assert!(answered(world.ask(at, None)));
}

#[test]
fn a_probe_is_answered_over_the_connection_that_brought_it() {
    let peer = TcpListener::bind("127.0.0.1:0").unwrap();
    let world = World::new().probing(&peer);
    world.listen();
    let own = world.authority.issue(&["127.0.0.1"]);
    let (stream, _) = peer.accept().unwrap();
    let mut stream = server(stream, &own, None);
    let request = message(&mut stream);
    let line = |name: &str| {
        let line = request.lines().find(|line| line.starts_with(name)).unwrap();
        format!("{line}\r\n")
    };
    let answer = format!(
        "SIP/2.0 200 OK\r\n{}{}{}{}{}Content-Length: 0\r\n\r\n",
        line("Via"),
        line("From"),
        line("To").replace("\r\n", ";tag=9\r\n"),
        line("Call-ID"),
        line("CSeq")
    );
    stream.write_all(answer.as_bytes()).unwrap();
    // The next probe comes over the same connection.
    assert!(message(&mut stream).starts_with("OPTIONS "));
    let up = trunkline::model::TrunkHealth::Up;
    assert_eq!(world.observe().trunks[0].health, up);
}
