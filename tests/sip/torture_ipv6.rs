//! Every message of RFC 5118 with its outcome, whole and on a stream.

use std::net::IpAddr;
use std::path::PathBuf;

use trunkline::sip::{Frame, Framer, HeaderName, Message, Method};

/// What holds of a message that is accepted; `None`: it is refused with 400 for its Request-URI.
type Holds = Option<fn(&Message) -> bool>;

/// File and outcome.
const TABLE: &[(&str, Holds)] = &[
    ("ipv6-good", Some(|m| m.request_uri().host_ip() == ip("2001:db8::10"))),
    // Section 4.2: without brackets nobody can tell the port.
    ("ipv6-bad", None),
    (
        "port-ambiguous",
        Some(|m| {
            m.request_uri().host_ip() == ip("2001:db8::10:5070") && m.request_uri().port.is_none()
        }),
    ),
    (
        "port-unambiguous",
        Some(|m| {
            m.request_uri().host_ip() == ip("2001:db8::10") && m.request_uri().port == Some(5070)
        }),
    ),
    // Section 4.5: brackets are no part of `received`, and yet some write them.
    (
        "via-received-param-with-delim",
        Some(|m| {
            m.method() == Method::Bye
                && m.via().params.get("received") == Some(b"[2001:db8::9:255]")
                && m.via().branch() == Some(b"z9hG4bKas3-111")
        }),
    ),
    (
        "via-received-param-no-delim",
        Some(|m| m.via().params.get("received") == Some(b"2001:db8::9:255")),
    ),
    ("ipv6-in-sdp", Some(|m| m.body().ends_with(b"H263-1998/90000\r\n"))),
    (
        "mult-ip-in-header",
        Some(|m| {
            m.via_count() == 3 && m.via().host == b"[2001:db8::9:1]" && m.via().port == Some(6050)
        }),
    ),
    ("mult-ip-in-sdp", Some(|m| m.body().starts_with(b"v=0\r\no=bob"))),
    (
        "ipv4-mapped-ipv6",
        Some(|m| {
            let contact = m.contact().and_then(|contact| contact.uri.host_ip());
            contact == ip("::ffff:192.0.2.2") && m.via().port == Some(19823)
        }),
    ),
    // Section 4.10: the grammar of RFC 3261 lets this be written, so it has to be understood.
    (
        "ipv6-bug-abnf-3-colons",
        Some(|m| {
            m.request_uri().host_ip() == ip("2001:db8::192.0.2.1")
                && m.to().uri.host == b"[2001:db8:::192.0.2.1]"
        }),
    ),
    (
        "ipv6-correct-abnf-2-colons",
        Some(|m| m.request_uri().host_ip() == ip("2001:db8::192.0.2.1")),
    ),
];

fn ip(text: &str) -> Option<IpAddr> {
    Some(text.parse().unwrap())
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/rfc5118")
}

#[test]
fn every_message_of_rfc_5118_has_its_outcome() {
    let files = std::fs::read_dir(folder()).unwrap();
    let messages =
        files.filter(|file| file.as_ref().unwrap().path().extension() == Some("dat".as_ref()));
    assert_eq!(messages.count(), TABLE.len());
    for (name, holds) in TABLE {
        let bytes = std::fs::read(folder().join(name).with_extension("dat")).unwrap();
        match (Message::parse_datagram(&bytes), holds) {
            (Ok(message), Some(holds)) => {
                assert!(holds(&message), "{name}");
                assert_eq!(message.as_bytes(), bytes, "{name}");
                assert_eq!(message.value(HeaderName::CallId), Some(message.call_id()), "{name}");
            }
            (Err(error), None) => {
                assert_eq!((error.status(), error.reason().as_str()), (Some(400), "request-uri"));
            }
            (found, _) => panic!("{name}: {found:?}"),
        }
        for at in 1..bytes.len() {
            let (head, tail) = bytes.split_at(at);
            let mut framer = Framer::default();
            framer.push(head);
            let early = framer.poll();
            framer.push(tail);
            match early.or_else(|| framer.poll()) {
                Some(Frame::Message(message)) => {
                    assert!(holds.is_some() && message.as_bytes() == bytes, "{name} cut at {at}");
                }
                Some(Frame::Malformed(_)) => assert!(holds.is_none(), "{name} cut at {at}"),
                other => panic!("{name} cut at {at}: {other:?}"),
            }
        }
    }
}
