//! Properties of parser and writer over generated and damaged messages.

use std::net::SocketAddr;

use proptest::collection::vec;
use proptest::prelude::*;
use trunkline::sip::{HeaderName, Message, Method, Writer};

use super::torture;

/// What a generated message says, to be found again after write and parse.
#[derive(Debug, Clone)]
struct Spoken {
    status: Option<u16>,
    method: String,
    uri: String,
    branch: String,
    via_host: String,
    display: String,
    tags: (String, String),
    call_id: String,
    cseq: u32,
    max_forwards: u8,
    others: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_parsed_again(spoken in spoken()) {
        let bytes = write(&spoken);
        let parsed = Message::parse_datagram(&bytes);
        let message = parsed.map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert_eq!(message.as_bytes(), &bytes[..]);
        prop_assert_eq!(message.status(), spoken.status);
        prop_assert_eq!(message.method().as_bytes(), spoken.method.as_bytes());
        if message.is_request() {
            prop_assert_eq!(message.request_uri().raw, spoken.uri.as_bytes());
        }
        prop_assert_eq!(message.via().branch(), Some(spoken.branch.as_bytes()));
        prop_assert_eq!(message.via().host, spoken.via_host.as_bytes());
        prop_assert_eq!(message.from().display, spoken.display.as_bytes());
        prop_assert_eq!(message.from().tag(), Some(spoken.tags.0.as_bytes()));
        prop_assert_eq!(message.to().tag(), Some(spoken.tags.1.as_bytes()));
        prop_assert_eq!(message.call_id(), spoken.call_id.as_bytes());
        prop_assert_eq!(message.cseq().number, spoken.cseq);
        prop_assert_eq!(message.max_forwards(), Some(spoken.max_forwards));
        prop_assert_eq!(message.body(), &spoken.body[..]);
        for (name, value) in &spoken.others {
            let found = message.headers().any(|header| {
                header.wire_name == name.as_bytes() && header.value == value.trim_ascii()
            });
            prop_assert!(found, "{name} is lost");
        }
    }

    #[test]
    fn copied_headers_pass_byte_for_byte(spoken in spoken()) {
        let bytes = write(&spoken);
        let message = Message::parse_datagram(&bytes).unwrap();
        let mut out = match spoken.status {
            Some(code) => Writer::response(code, message.reason_phrase()),
            None => Writer::request(message.method(), message.request_uri_bytes()),
        };
        out.copy_where(&message, |_| true);
        prop_assert_eq!(out.finish(message.body()), bytes);
    }

    #[test]
    fn no_value_ends_its_line(value in vec(any::<u8>(), 0..80), reason in vec(any::<u8>(), 0..40)) {
        let mut out = Writer::response(200, &reason);
        out.header("X-Value", &[&value, &value]);
        let bytes = out.finish(b"");
        let lines = bytes.split(|byte| *byte == b'\n').count();
        prop_assert_eq!(lines, 5, "status, one header, Content-Length, the empty line, the end");
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in vec(any::<u8>(), 0..2000)) {
        touch(&bytes);
    }

    #[test]
    fn sip_looking_bytes_never_panic(parts in vec(fragment(), 0..60)) {
        touch(&parts.concat());
    }

    #[test]
    fn damaged_torture_messages_never_panic(
        which in any::<prop::sample::Index>(),
        edits in vec((any::<prop::sample::Index>(), 0..5_u8, any::<u8>(), fragment()), 1..8),
    ) {
        let all = torture::all();
        let mut bytes = which.get(&all).clone();
        for (at, kind, byte, piece) in edits {
            let at = at.index(bytes.len().max(1));
            match kind {
                _ if bytes.is_empty() => bytes.push(byte),
                0 => bytes[at] = byte,
                1 => bytes.truncate(at),
                2 => drop(bytes.remove(at)),
                3 => bytes.insert(at, byte),
                _ => drop(bytes.splice(at..at, piece.iter().copied())),
            }
        }
        touch(&bytes);
    }
}

#[test]
fn a_response_repeats_what_the_request_said() {
    let source: SocketAddr = "198.51.100.7:40000".parse().unwrap();
    let request = b"OPTIONS sip:a@b SIP/2.0\r\nv: SIP/2.0/UDP h:5070;rport;branch=z9hG4bK1;received=1.1.1.1 ,\r\n SIP/2.0/UDP i;branch=z9hG4bK2\r\nVia: SIP/2.0/UDP j;branch=z9hG4bK3\r\nFrom: <sip:c@d>;tag=1\r\nt: \"x, y\" <sip:a@b>\r\nCall-ID: q\r\nCSeq: 7 OPTIONS\r\nX: y\r\n\r\n";
    let request = Message::parse_datagram(request).unwrap();
    let response =
        Writer::response_to(&request, source, 404, b"Not Found", Some(b"mine")).finish(b"");
    let response = Message::parse_datagram(&response).unwrap();
    let vias: Vec<_> = response.values(HeaderName::Via).map(String::from_utf8_lossy).collect();
    assert_eq!(
        vias,
        [
            "SIP/2.0/UDP h:5070;branch=z9hG4bK1;received=198.51.100.7;rport=40000",
            "SIP/2.0/UDP i;branch=z9hG4bK2",
            "SIP/2.0/UDP j;branch=z9hG4bK3",
        ]
    );
    assert_eq!(response.to().tag(), Some(&b"mine"[..]));
    assert_eq!(response.to().display, b"\"x, y\"");
    assert_eq!((response.cseq().number, response.call_id()), (7, &b"q"[..]));
    assert!(response.value_of("X").is_none());
}

#[test]
fn limits_are_enforced_at_their_edges() {
    let head = "OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:c@d>;tag=1\r\nTo: <sip:a@b>\r\nCall-ID: q\r\nCSeq: 7 OPTIONS\r\n";
    let reason = |extra: &str| {
        let error = Message::parse_datagram(format!("{head}{extra}\r\n").as_bytes()).err();
        error.map(|error| error.reason().as_str())
    };
    assert_eq!(reason(&"X: y\r\n".repeat(95)), None);
    assert_eq!(reason(&"X: y\r\n".repeat(96)), Some("too-many-headers"));
    assert_eq!(reason(&format!("X: {}\r\n", "y".repeat(8189))), None);
    assert_eq!(reason(&format!("X: {}\r\n", "y".repeat(8190))), Some("header-too-long"));
    assert_eq!(reason(&format!("X: {}\r\n", "y\r\n ".repeat(3000))), Some("header-too-long"));
    assert_eq!(reason("X: a\rb\r\n"), Some("bare-line-end"));
    assert_eq!(reason("X: a\nVia: b\r\n"), Some("bare-line-end"));
    assert_eq!(reason("X\r\n"), Some("header-name"));
    assert_eq!(reason("l: 0\r\nContent-Length: 0\r\n"), None);
    assert_eq!(reason("l: 0\r\nContent-Length: 1\r\n"), Some("content-length-conflict"));
    assert_eq!(reason("l: 1, 1\r\n"), Some("content-length"));
}

#[test]
fn nothing_but_line_ends_and_rubbish_is_met_with_silence() {
    for bytes in
        [&b"\r\n\r\n"[..], b"", b"\0", b"\r\n", b"hello\r\nVia: SIP/2.0/UDP h\r\n\r\n", b"\x80\x01"]
    {
        let error = Message::parse_datagram(bytes).unwrap_err();
        assert_eq!(error.status(), None, "{}", bytes.escape_ascii());
    }
    let ack = b"ACK sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP h\r\n\r\n";
    assert_eq!(Message::parse_datagram(ack).unwrap_err().status(), None);
    let huge = vec![b'x'; 70_000];
    assert_eq!(Message::parse_datagram(&huge).unwrap_err().reason().as_str(), "too-large");
}

/// Reads everything that can be read.
fn touch(bytes: &[u8]) {
    let source = "[2001:db8::1]:5060".parse().unwrap();
    let message = match Message::parse_datagram(bytes) {
        Ok(message) => message,
        Err(error) => {
            drop(error.answer(source));
            return;
        }
    };
    let _ = (message.method(), message.request_uri(), message.reason_phrase(), message.via());
    let _ = (message.from(), message.to(), message.cseq(), message.call_id(), message.contacts());
    let _ = (message.contact(), message.routes().count(), message.record_routes().count());
    let _ = (message.expires(), message.retry_after(), message.max_forwards(), message.body());
    for header in message.headers() {
        let _ = message.values(header.name).count();
    }
    if message.is_request() {
        let out = Writer::response_to(&message, source, 500, b"x", Some(b"t")).finish(b"");
        let parsed = Message::parse_datagram(&out).map(|response| response.status());
        assert_eq!(parsed, Ok(Some(500)), "{}", out.escape_ascii());
    }
}

fn write(spoken: &Spoken) -> Vec<u8> {
    let method = Method::of(spoken.method.as_bytes());
    let mut out = match spoken.status {
        Some(code) => Writer::response(code, b"Some Reason"),
        None => Writer::request(method, spoken.uri.as_bytes()),
    };
    out.header(
        "Via",
        &[b"SIP/2.0/UDP ", spoken.via_host.as_bytes(), b";branch=", spoken.branch.as_bytes()],
    );
    let (from, to) = &spoken.tags;
    out.header(
        "From",
        &[spoken.display.as_bytes(), b"<", spoken.uri.as_bytes(), b">;tag=", from.as_bytes()],
    );
    out.header_fmt("To", format_args!("<{}>;tag={to}", spoken.uri));
    out.header("Call-ID", &[spoken.call_id.as_bytes()]);
    out.header_fmt("CSeq", format_args!("{} {}", spoken.cseq, spoken.method));
    out.header_number("Max-Forwards", u32::from(spoken.max_forwards));
    for (name, value) in &spoken.others {
        out.header(name, &[value]);
    }
    out.finish(&spoken.body)
}

prop_compose! {
    fn spoken()(
        (status, method, uri) in (
            prop::option::of(100..700_u16),
            "INVITE|BYE|OPTIONS|[A-Z!%*_+`'~.-]{1,12}",
            r"sips?:([A-Za-z0-9_.!~*'()&=+$,;?/-]{1,16}(:[a-z0-9&=+$,]{0,6})?@)?(\[2001:db8::[0-9a-f]{1,4}\]|[a-z0-9.-]{1,20})(:[1-9][0-9]{0,3})?(;[a-z]{1,5}(=[a-z0-9]{1,5})?){0,3}",
        ),
        (branch, via_host, display) in (
            "z9hG4bK[A-Za-z0-9.!%*_+`'~-]{1,24}",
            r"[a-z0-9.-]{1,20}|\[2001:db8::[0-9a-f]{1,4}\]",
            r#"|"([a-z,;<> \t]|\\[\x20-\x7e]){0,12}"|[A-Za-z]{1,8}"#,
        ),
        tags in ("[A-Za-z0-9.!%*_+`'~-]{1,12}", "[A-Za-z0-9.!%*_+`'~-]{1,12}"),
        (call_id, cseq, max_forwards) in ("[!-~]{1,30}", 0..=0x7fff_ffff_u32, any::<u8>()),
        others in vec(("X-[A-Za-z0-9-]{1,12}", vec(0x20..=0xff_u8, 0..40)), 0..12),
        body in vec(any::<u8>(), 0..300),
    ) -> Spoken {
        Spoken { status, method, uri, branch, via_host, display, tags, call_id, cseq, max_forwards, others, body }
    }
}

/// Pieces that SIP is made of, so that damage hits where it hurts.
fn fragment() -> impl Strategy<Value = Vec<u8>> {
    let words: Vec<&[u8]> = vec![
        b"INVITE ",
        b"sip:a@b ",
        b"SIP/2.0\r\n",
        b"SIP/2.0 200 OK\r\n",
        b"Via: ",
        b"v:",
        b"SIP/2.0/UDP ",
        b"h:5060",
        b";branch=z9hG4bK",
        b"From: ",
        b"To: ",
        b"<sip:",
        b">",
        b"\"",
        b"\\",
        b";tag=",
        b",",
        b"Call-ID: x\r\n",
        b"CSeq: 1 INVITE\r\n",
        b"Contact: *\r\n",
        b"Content-Length: ",
        b"9",
        b"\r\n",
        b"\r\n ",
        b"\r",
        b"\n",
        b":",
        b";",
        b"=",
        b"[::1]",
        b"@",
        b"?",
        b"%",
        b"%4",
        b"\xff",
        b"\0",
        b" ",
        b"\t",
        b"Route: ",
        b"Max-Forwards: 300\r\n",
        b"tel:+1",
        b"\r\n\r\n",
        b"l: 4294967296\r\n",
    ];
    prop::sample::select(words).prop_map(<[u8]>::to_vec)
}
