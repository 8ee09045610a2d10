//! The DNS client of the engine against a server that says whatever the test wants, also nonsense.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Instant;

use hickory_resolver::proto::op::{Message, OpCode, Query, ResponseCode};
use hickory_resolver::proto::rr::rdata::{A, CNAME};
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};
use serde_json::json;
use trunkline::model::{Condition, ObservedTrunk, ResourceSet};
use trunkline::net::EngineHandle;
use trunkline::port::Target;

use crate::listeners::{PATIENCE, free, install, own_address, resource, transport};

/// What a server does with a question.
type Answer = fn(&Query, Message) -> Option<Vec<u8>>;

/// A DNS server on loopback for the rest of the test run.
fn serve(answer: impl Fn(&Query, Message) -> Option<Vec<u8>> + Send + 'static) -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut buffer = [0; 2048];
        while let Ok((length, from)) = socket.recv_from(&mut buffer) {
            let asked = Message::from_vec(&buffer[..length]).unwrap();
            let mut answered = Message::response(asked.metadata.id, OpCode::Query);
            answered.add_query(asked.queries[0].clone());
            if let Some(bytes) = answer(&asked.queries[0], answered) {
                drop(socket.send_to(&bytes, from));
            }
        }
    });
    address
}

fn name(text: &str) -> Name {
    Name::from_ascii(text).unwrap()
}

fn address(owner: &Name, ip: Ipv4Addr) -> Record {
    Record::from_rdata(owner.clone(), 60, RData::A(A(ip)))
}

/// An engine with one trunk that is a name, and one that is an address.
fn engine(dns: SocketAddr) -> EngineHandle {
    let engine = EngineHandle::spawn(Some(dns)).unwrap();
    let trunk = |name: &str, host: &str| {
        let alive = json!({ "enabled": false });
        let spec = json!({ "type": "ip", "host": host, "port": 5060, "keepAlive": alive });
        resource("Trunk", false, name, &spec)
    };
    let transport = transport("udp", free("127.0.0.1"));
    let trunks = [trunk("named", "peer.example"), trunk("plain", "127.0.0.2")];
    let resources: ResourceSet = [transport].into_iter().chain(trunks).collect();
    install(&engine, "one", Arc::new(resources));
    engine
}

/// The trunk that is a name, once it has left its first state.
fn settled(engine: &EngineHandle) -> ObservedTrunk {
    let began = Instant::now();
    loop {
        let observed = engine.observe().unwrap();
        assert_eq!(observed.trunks[1].condition, Condition::Ready, "the other trunk");
        let named = observed.trunks[0].clone();
        if named.condition != Condition::Reconciling {
            return named;
        }
        assert!(began.elapsed() < PATIENCE, "{named:?}");
        std::thread::yield_now();
    }
}

fn code(mut message: Message, code: ResponseCode) -> Option<Vec<u8>> {
    message.metadata.response_code = code;
    message.to_vec().ok()
}

#[test]
fn whatever_a_dns_says_its_trunk_tells_and_the_other_works() {
    let cases: [(&str, Answer, &str); 6] = [
        ("failure", |_, message| code(message, ResponseCode::ServFail), "does not answer"),
        ("refusal", |_, message| code(message, ResponseCode::Refused), "does not answer"),
        ("no such name", |_, message| code(message, ResponseCode::NXDomain), "NXDOMAIN"),
        ("nonsense", |_, _| Some(vec![0xff; 40]), "does not answer"),
        ("silence", |_, _| None, "does not answer"),
        (
            "a ring of aliases",
            |asked, mut message| {
                let other = if *asked.name() == name("peer.example.") { "b" } else { "peer" };
                let alias = RData::CNAME(CNAME(name(&format!("{other}.example."))));
                message.add_answer(Record::from_rdata(asked.name().clone(), 60, alias));
                message.to_vec().ok()
            },
            "has no address",
        ),
    ];
    // All at once: some of them take the client's whole patience.
    let engines = cases.map(|(what, answer, words)| (what, engine(serve(answer)), words));
    for (what, engine, words) in engines {
        let trunk = settled(&engine);
        assert_eq!(trunk.condition, Condition::Stalled, "{what}: {trunk:?}");
        let message = trunk.message.unwrap();
        assert!(message.contains(words), "{what}: {message}");
    }
}

#[test]
fn addresses_behind_aliases_are_found_and_are_not_without_bound() {
    let dns = serve(|asked, mut message| {
        let end = name("end.example.");
        if asked.query_type() == RecordType::A {
            let alias = RData::CNAME(CNAME(end.clone()));
            message.add_answer(Record::from_rdata(asked.name().clone(), 60, alias));
            let all = (1..=70).map(|last| address(&end, Ipv4Addr::new(127, 0, 1, last)));
            message.add_answers(all);
        }
        message.to_vec().ok()
    });
    let trunk = settled(&engine(dns));
    assert_eq!(trunk.condition, Condition::Ready, "{trunk:?}");
    assert_eq!(trunk.targets.len(), trunkline::locate::MAX_TARGETS);
}

#[test]
fn a_listener_on_every_address_names_the_one_that_a_named_peer_can_reach() {
    let Some(IpAddr::V4(own)) = own_address() else { return };
    let peer = UdpSocket::bind((own, 0)).unwrap();
    peer.set_read_timeout(Some(PATIENCE)).unwrap();
    let dns = serve(move |asked, mut message| {
        if asked.query_type() == RecordType::A {
            message.add_answer(address(asked.name(), own));
        }
        message.to_vec().ok()
    });
    let engine = EngineHandle::spawn(Some(dns)).unwrap();
    let spec = json!({
        "type": "ip", "host": "peer.example", "port": peer.local_addr().unwrap().port(),
        "keepAlive": { "enabled": true, "interval": "1s" } });
    let any = transport("udp", "0.0.0.0:0".parse().unwrap());
    let resources: ResourceSet =
        [any, resource("Trunk", false, "peer", &spec)].into_iter().collect();
    install(&engine, "any", Arc::new(resources));
    let mut buffer = [0; 2048];
    let (length, _) = peer.recv_from(&mut buffer).unwrap();
    let probe = String::from_utf8_lossy(&buffer[..length]).into_owned();
    assert!(probe.starts_with("OPTIONS sip:peer.example:"), "{probe}");
    assert!(probe.contains(&format!("Via: SIP/2.0/UDP {own}:")), "{probe}");
}
