//! Parsing, typed access and writing of the messages that trunks exchange.
#![expect(clippy::unwrap_used, reason = "a benchmark fails loudly on its own input")]

use std::hint::black_box;
use std::net::SocketAddr;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use trunkline::sip::{HeaderName, Message, Writer};

/// As in the product.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// An INVITE of 1.2 kB as a provider sends it: two Via, Record-Route, identity, SDP.
const INVITE: &str = "INVITE sip:+4930123456789@192.0.2.10:5060;user=phone SIP/2.0\r\n\
Via: SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bK0c8c2f8e7d11e2a6d5b1;rport\r\n\
Via: SIP/2.0/UDP 10.20.30.40:5060;received=10.20.30.40;branch=z9hG4bK-524287-1---b6e5f0a1c2\r\n\
Record-Route: <sip:198.51.100.7;lr;ftag=8f3a1b;did=3b2.7c41>\r\n\
Max-Forwards: 68\r\n\
From: \"Alice Example\" <sip:+491701234567@carrier.example.net;user=phone>;tag=8f3a1b2c3d4e\r\n\
To: <sip:+4930123456789@192.0.2.10;user=phone>\r\n\
Call-ID: 7c2f1e9a-55aa-4be0-9d3f-0a1b2c3d4e5f@10.20.30.40\r\n\
CSeq: 102 INVITE\r\n\
Contact: <sip:+491701234567@10.20.30.40:5060;transport=udp>\r\n\
P-Asserted-Identity: <sip:+491701234567@carrier.example.net;user=phone>\r\n\
Allow: INVITE, ACK, CANCEL, OPTIONS, BYE, REFER, NOTIFY, UPDATE, PRACK, INFO\r\n\
Supported: timer, 100rel, replaces\r\n\
Session-Expires: 1800;refresher=uac\r\n\
Min-SE: 90\r\n\
User-Agent: Carrier SBC 9.4\r\n\
Content-Type: application/sdp\r\n\
Content-Length: 248\r\n\
\r\n\
v=0\r\n\
o=- 3902 3902 IN IP4 10.20.30.40\r\n\
s=-\r\n\
c=IN IP4 10.20.30.40\r\n\
t=0 0\r\n\
m=audio 30000 RTP/AVP 8 0 9 101\r\n\
a=rtpmap:8 PCMA/8000\r\n\
a=rtpmap:0 PCMU/8000\r\n\
a=rtpmap:9 G722/8000\r\n\
a=rtpmap:101 telephone-event/8000\r\n\
a=fmtp:101 0-16\r\n\
a=ptime:20\r\n\
a=sendrecv\r\n";

/// What the engine reads of an INVITE that it relays.
fn read_typed(message: &Message) {
    let via = message.via();
    black_box((via.host, via.port, via.branch()));
    let (from, to) = (message.from(), message.to());
    black_box((from.uri.user, from.uri.host, from.tag()));
    black_box((to.uri.user, to.uri.host, to.tag()));
    black_box((message.cseq(), message.call_id(), message.contact()));
}

/// A B-leg INVITE: own Via, tags, CSeq and Contact; the rest and the body pass.
fn relay(message: &Message, us: SocketAddr) -> Vec<u8> {
    let mut out = Writer::request(message.method(), b"sip:alice@192.0.2.20:5060");
    out.via_udp(us, b"z9hG4bK0123456789abcdef");
    out.header_number("Max-Forwards", u32::from(message.max_forwards().unwrap_or(70)) - 1);
    out.header("From", &[b"<", message.from().uri.raw, b">;tag=0123456789abcdef"]);
    out.header("To", &[b"<", message.to().uri.raw, b">"]);
    out.header("Call-ID", &[b"0123456789abcdef0123456789abcdef"]);
    out.header("CSeq", &[b"1 INVITE"]);
    out.header_fmt("Contact", format_args!("<sip:{us}>"));
    out.copy_where(message, |header| {
        matches!(
            header.name,
            HeaderName::Allow
                | HeaderName::Supported
                | HeaderName::SessionExpires
                | HeaderName::MinSe
                | HeaderName::PAssertedIdentity
                | HeaderName::ContentType
        )
    });
    out.finish(message.body())
}

fn messages(criterion: &mut Criterion) {
    let invite = INVITE.as_bytes();
    let message = Message::parse_datagram(invite).unwrap();
    let us: SocketAddr = "192.0.2.10:5060".parse().unwrap();
    let source: SocketAddr = "198.51.100.7:5060".parse().unwrap();
    let mut group = criterion.benchmark_group("sip");
    group.throughput(Throughput::Bytes(u64::try_from(invite.len()).unwrap()));
    group.bench_function("parse INVITE", |bench| {
        bench.iter(|| Message::parse_datagram(black_box(invite)).unwrap());
    });
    group.bench_function("parse INVITE, read typed", |bench| {
        bench.iter(|| read_typed(&Message::parse_datagram(black_box(invite)).unwrap()));
    });
    group.bench_function("write B-leg INVITE", |bench| {
        bench.iter(|| relay(black_box(&message), us));
    });
    group.bench_function("write response", |bench| {
        let respond = || Writer::response_to(&message, source, 100, b"Trying", None).finish(b"");
        bench.iter(respond);
    });
    group.finish();
}

criterion_group!(benches, messages);
criterion_main!(benches);
