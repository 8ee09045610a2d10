//! One call through the engine's core, INVITE to BYE: what the relay costs without the kernel.
//! Thirteen datagrams, of which the engine reads six and writes seven; only the engine's time counts.
#![expect(clippy::unwrap_used, reason = "a benchmark fails loudly on its own input")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use serde_json::{Value, json};
use trunkline::engine::{Command, Compiled, Engine, Input, Listener, Output};
use trunkline::model::{Resolved, Resource, ResourceSet, Revision};
use trunkline::transaction::Moment;

const CARRIER: &str = "127.0.0.2:5060";
const PBX: &str = "127.0.0.10:5060";
const SDP: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.2\r\ns=-\r\nc=IN IP4 127.0.0.2\r\nt=0 0\r\n\
                   m=audio 40000 RTP/AVP 8 0 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\n\
                   a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\na=sendrecv\r\n";

fn resources() -> ResourceSet {
    let resource = |value: Value| Arc::new(serde_json::from_value::<Resource>(value).unwrap());
    [
        json!({"kind": "Transport", "metadata": {"name": "udp"},
            "spec": {"protocol": "udp", "bind": "127.0.0.1", "port": 5060}}),
        json!({"kind": "Tenant", "metadata": {"name": "acme"},
            "spec": {"sipDomain": "acme.example", "limits": {"concurrentCalls": 100_000}}}),
        json!({"kind": "Trunk", "metadata": {"name": "carrier"},
            "spec": {"type": "ip", "host": "127.0.0.2", "keepAlive": {"enabled": false}}}),
        json!({"kind": "DidPool", "metadata": {"name": "p", "tenant": "acme"},
            "spec": {"trunk": "carrier", "numbers": ["4930123456000-4930123456999"]}}),
        json!({"kind": "Extension", "metadata": {"name": "pbx", "tenant": "acme"},
            "spec": {"numbers": "1000-1999", "contact": "sip:127.0.0.10:5060"}}),
        json!({"kind": "InboundRule", "metadata": {"name": "all", "tenant": "acme"},
            "spec": {"trunk": "carrier", "did": "4930123456000-4930123456999",
                "destination": {"extension": "1000-1999"}}}),
    ]
    .into_iter()
    .map(resource)
    .collect()
}

/// The engine, the time that passes for it, and the time that it took.
struct Bench {
    engine: Engine,
    now: u64,
    took: Duration,
    calls: u64,
}

impl Bench {
    fn new() -> Self {
        let mut engine = Engine::new([7; 32]);
        let revision = Revision("bench".into());
        let compiled = Box::new(Compiled::new(1, revision, &resources(), Resolved::default()));
        engine.handle_command(Moment::START, Command::Install(compiled));
        let listener = Listener {
            name: "udp".parse().unwrap(),
            protocol: trunkline::model::Protocol::Udp,
            bound: "127.0.0.1:5060".parse().unwrap(),
            public: None,
            local: BTreeMap::new(),
        };
        engine.handle_command(Moment::START, Command::Listen(0, listener));
        Self { engine, now: 0, took: Duration::ZERO, calls: 0 }
    }

    /// Feeds one datagram and returns what is sent.
    fn feed(&mut self, source: &str, bytes: &str) -> Vec<(SocketAddr, String)> {
        let source = source.parse().unwrap();
        self.now += 1;
        let now = Moment::from_millis(self.now);
        let mut sent = Vec::with_capacity(4);
        let began = Instant::now();
        let input = Input::Received { transport: 0, source, bytes: bytes.as_bytes() };
        self.engine.handle_input(now, input);
        self.engine.handle_timeout(now);
        while let Some(output) = self.engine.poll_output() {
            if let Output::Transmit(transmit) = output {
                sent.push(transmit);
            }
        }
        self.took += began.elapsed();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        sent.iter().map(|one| (one.flow.remote, text(&one.packet))).collect()
    }

    fn call(&mut self) {
        self.calls += 1;
        let id = self.calls;
        let invite = request("INVITE", "sip:+4930123456789@127.0.0.1:5060", id, "", 1, SDP);
        let sent = self.feed(CARRIER, &invite);
        let onward = sent.iter().find(|(_, text)| text.starts_with("INVITE")).unwrap().1.clone();
        self.feed(PBX, &response(&onward, "180 Ringing", ""));
        let sent = self.feed(PBX, &response(&onward, "200 OK", SDP));
        let answer = sent.iter().find(|(_, text)| text.starts_with("SIP/2.0 200")).unwrap();
        let to = header(&answer.1, "To");
        let contact = header(&answer.1, "Contact");
        let contact = contact.trim_start_matches('<').split('>').next().unwrap();
        self.feed(CARRIER, &request("ACK", contact, id, to, 1, ""));
        let sent = self.feed(CARRIER, &request("BYE", contact, id, to, 2, ""));
        let bye = sent.iter().find(|(_, text)| text.starts_with("BYE")).unwrap().1.clone();
        self.feed(PBX, &response(&bye, "200 OK", ""));
    }
}

fn header<'t>(text: &'t str, name: &str) -> &'t str {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    line.unwrap_or_else(|| panic!("no {name} in\n{text}"))
}

fn request(method: &str, uri: &str, id: u64, to: &str, cseq: u32, body: &str) -> String {
    let to = if to.is_empty() { "<sip:+4930123456789@127.0.0.1:5060>" } else { to };
    let mut text = format!(
        "{method} {uri} SIP/2.0\r\n\
         Via: SIP/2.0/UDP {CARRIER};branch=z9hG4bK{method}{id};rport\r\n\
         Max-Forwards: 70\r\n\
         From: \"Alice Example\" <sip:+4940987654321@carrier.example;user=phone>;tag=t{id}\r\n\
         To: {to}\r\nCall-ID: {id}@127.0.0.2\r\nCSeq: {cseq} {method}\r\n\
         Contact: <sip:alice@{CARRIER};transport=udp>\r\n\
         Allow: INVITE, ACK, CANCEL, OPTIONS, BYE\r\nSupported: timer\r\n\
         P-Asserted-Identity: <sip:+4940987654321@carrier.example;user=phone>\r\n"
    );
    finish(&mut text, body);
    text
}

fn response(request: &str, status: &str, body: &str) -> String {
    let mut text = format!("SIP/2.0 {status}\r\n");
    for name in ["Via", "From", "To", "Call-ID", "CSeq"] {
        let value = header(request, name);
        let tag = if name == "To" && !value.contains("tag=") { ";tag=pbx" } else { "" };
        write!(text, "{name}: {value}{tag}\r\n").unwrap();
    }
    write!(text, "Contact: <sip:1789@{PBX}>\r\n").unwrap();
    finish(&mut text, body);
    text
}

fn finish(text: &mut String, body: &str) {
    if !body.is_empty() {
        text.push_str("Content-Type: application/sdp\r\n");
    }
    write!(text, "Content-Length: {}\r\n\r\n{body}", body.len()).unwrap();
}

fn relay(c: &mut Criterion) {
    let mut group = c.benchmark_group("relay");
    group.throughput(Throughput::Elements(1));
    group.bench_function("call", |b| {
        b.iter_custom(|calls| {
            let mut bench = Bench::new();
            (0..calls).for_each(|_| bench.call());
            bench.took
        });
    });
    group.finish();
}

criterion_group!(benches, relay);
criterion_main!(benches);
