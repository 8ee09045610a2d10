//! Every message of RFC 4475 with its outcome. What needs more than the message itself (a registrar,
//! a body reader) is accepted here, and the fact from which the engine answers is checked instead.

use std::collections::BTreeSet;
use std::path::PathBuf;

use trunkline::sip::{Frame, Framer, HeaderName, Message, Method, Scheme};

use Outcome::{Accept, Refuse, Silence};

/// What becomes of a message.
#[derive(Clone, Copy)]
enum Outcome {
    /// It parses, and this holds.
    Accept(fn(&Message) -> bool),
    /// It gets this one stateless answer, for this reason.
    Refuse(u16, &'static str),
    /// It gets none, for this reason.
    Silence(&'static str),
}

/// File, outcome, why.
const TABLE: &[(&str, Outcome, &str)] = &[
    // Section 3.1.1: valid.
    (
        "wsinv",
        Accept(is_the_short_tortuous_invite),
        "3.1.1.1: folds, blanks, compact names, escapes in quotes",
    ),
    (
        "intmeth",
        Accept(has_the_wide_range_of_characters),
        "3.1.1.2: every character that is allowed",
    ),
    ("esc01", Accept(has_escaped_users), "3.1.1.3: escapes in users are no delimiters"),
    ("escnull", Accept(has_escaped_nulls), "3.1.1.4: %00 is a character like others"),
    (
        "esc02",
        Accept(has_percent_signs_that_are_no_escapes),
        "3.1.1.5: no escapes in methods and names; 501 follows",
    ),
    (
        "lwsdisp",
        Accept(|m| m.from().display == b"caller" && m.from().tag() == Some(b"323")),
        "3.1.1.6: no blank before <",
    ),
    ("longreq", Accept(|m| m.via_count() == 34 && m.call_id().len() > 100), "3.1.1.7: long values"),
    (
        "dblreq",
        Accept(|m| m.method() == Method::Register && m.body().is_empty()),
        "3.1.1.8: what follows Content-Length is dropped on UDP",
    ),
    (
        "semiuri",
        Accept(|m| m.request_uri().user_decoded().as_deref() == Some(b"user;par=u@example.net")),
        "3.1.1.9: a semicolon belongs to the user",
    ),
    (
        "transports",
        Accept(|m| m.via_count() == 5 && m.via().transport == b"UDP"),
        "3.1.1.10: unknown transports below the top",
    ),
    (
        "mpart01",
        Accept(|m| m.method() == Method::Message && m.body().len() == body_length(m)),
        "3.1.1.11: a binary body",
    ),
    (
        "unreason",
        Accept(|m| m.status() == Some(200) && m.reason_phrase().len() > 40),
        "3.1.1.12: a reason phrase in UTF-8",
    ),
    (
        "noreason",
        Accept(|m| m.status() == Some(100) && m.reason_phrase().is_empty()),
        "3.1.1.13: an empty reason phrase",
    ),
    // Section 3.1.2: invalid.
    ("badinv01", Refuse(400, "via"), "3.1.2.1: separators with nothing between them"),
    ("clerr", Refuse(400, "truncated"), "3.1.2.2: Content-Length beyond the datagram"),
    ("ncl", Refuse(400, "content-length"), "3.1.2.3: negative Content-Length"),
    ("scalar02", Refuse(400, "cseq"), "3.1.2.4: numbers out of range in a request"),
    (
        "scalarlg",
        Silence("cseq"),
        "3.1.2.5: numbers out of range in a response, which is discarded",
    ),
    ("quotbal", Refuse(400, "to"), "3.1.2.6: an unterminated quoted string"),
    ("ltgtruri", Refuse(400, "request-uri"), "3.1.2.7: angle brackets around the Request-URI"),
    ("lwsruri", Refuse(400, "request-uri"), "3.1.2.8: blanks inside the Request-URI"),
    ("lwsstart", Refuse(400, "request-uri"), "3.1.2.9: several blanks in the start line"),
    ("trws", Refuse(400, "start-line"), "3.1.2.10: blanks at the end of the start line"),
    ("escruri", Refuse(400, "request-uri"), "3.1.2.11: headers in the Request-URI"),
    (
        "baddate",
        Accept(|m| m.value(HeaderName::Date).is_some_and(|date| date.ends_with(b"EST"))),
        "3.1.2.12: may be ignored by who does not use Date; we do not",
    ),
    ("regbadct", Refuse(400, "contact"), "3.1.2.13: a URI with headers outside of angle brackets"),
    ("badaspec", Refuse(400, "to"), "3.1.2.14: blanks inside the angle brackets"),
    (
        "baddn",
        Refuse(400, "unterminated"),
        "3.1.2.15: unquoted commas in display names; this copy also lacks the empty line",
    ),
    ("badvers", Refuse(505, "version"), "3.1.2.16: SIP/7.0"),
    ("mismatch01", Refuse(400, "method-mismatch"), "3.1.2.17: CSeq names another method"),
    (
        "mismatch02",
        Refuse(400, "method-mismatch"),
        "3.1.2.18: the same with an unknown method; 400 and 501 are both right",
    ),
    ("bigcode", Silence("start-line"), "3.1.2.19: a status code out of range is discarded"),
    // Section 3.2: transaction layer.
    ("badbranch", Refuse(400, "branch"), "3.2.1: a branch that is only the magic cookie"),
    // Section 3.3: application layer.
    ("insuf", Refuse(400, "no-from"), "3.3.1: no From, To, Call-ID; ideally 400"),
    (
        "unkscm",
        Accept(|m| m.request_uri().scheme == Scheme::Other),
        "3.3.2: 416 follows from the scheme",
    ),
    (
        "novelsc",
        Accept(|m| m.request_uri().scheme == Scheme::Other),
        "3.3.3: 416 follows from the scheme",
    ),
    (
        "unksm2",
        Accept(|m| m.to().uri.scheme == Scheme::Other && m.from().uri.scheme == Scheme::Other),
        "3.3.4: unknown schemes in From, To and Contact are no syntax error",
    ),
    (
        "bext01",
        Accept(|m| {
            m.values(HeaderName::Require).count() == 2
                && m.values(HeaderName::ProxyRequire).count() == 2
        }),
        "3.3.5: 420 follows from Require",
    ),
    (
        "invut",
        Accept(|m| m.value(HeaderName::ContentType) == Some(b"application/unknownformat")),
        "3.3.6: 415 is up to who reads the body; we pass it on",
    ),
    (
        "regaut01",
        Accept(|m| {
            m.value(HeaderName::Authorization).is_some_and(|v| v.starts_with(b"NoOneKnows"))
        }),
        "3.3.7: an unknown scheme counts as no credentials",
    ),
    ("multi01", Refuse(400, "duplicate"), "3.3.8: headers repeated that may stand once"),
    ("mcl01", Refuse(400, "content-length-conflict"), "3.3.9: two lengths that differ"),
    (
        "bcast",
        Accept(|m| m.status() == Some(200) && m.via_count() == 2),
        "3.3.10: discarded, because a response to us has one Via",
    ),
    (
        "zeromf",
        Accept(|m| m.max_forwards() == Some(0)),
        "3.3.11: 483 follows, or for OPTIONS the answer",
    ),
    (
        "cparam01",
        Accept(|m| m.contact().is_some_and(|c| c.params.has("unknownparam"))),
        "3.3.12: an unknown parameter of the header",
    ),
    (
        "cparam02",
        Accept(|m| m.contact().is_some_and(|c| c.uri.params.has("unknownparam"))),
        "3.3.13: an unknown parameter of the URI",
    ),
    (
        "regescrt",
        Accept(|m| m.contact().is_some_and(|c| c.uri.headers.starts_with(b"Route=%3C"))),
        "3.3.14: headers in a Contact URI are allowed",
    ),
    (
        "sdp01",
        Accept(|m| m.value(HeaderName::Accept) == Some(b"text/nobodyKnowsThis")),
        "3.3.15: 406 is up to who makes the body",
    ),
    // Section 3.4: backward compatibility.
    (
        "inv2543",
        Accept(|m| m.via().branch().is_none() && m.from().tag().is_none()),
        "3.4.1: no branch, no tag, no Max-Forwards",
    ),
];

#[test]
fn every_message_of_rfc_4475_has_its_outcome() {
    let listed: BTreeSet<String> = TABLE.iter().map(|(name, ..)| (*name).to_owned()).collect();
    assert_eq!(listed.len(), TABLE.len(), "an entry is listed twice");
    assert_eq!(listed, files(), "files and table differ");
    let wrong: Vec<String> = TABLE.iter().filter_map(mistake).collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn the_answer_to_a_malformed_request_is_itself_a_message() {
    let source = "198.51.100.7:40000".parse().unwrap();
    for (name, outcome, _) in TABLE {
        let (Refuse(status, _), bytes) = (outcome, read(name)) else { continue };
        let refused = Message::parse_datagram(&bytes).unwrap_err();
        let (target, answer) = refused.answer(source).unwrap();
        assert_eq!(target.ip(), source.ip(), "{name}");
        assert_eq!(refused.answer(source).unwrap().1, answer, "{name}: two answers differ");
        let text = String::from_utf8_lossy(&answer).into_owned();
        assert!(text.starts_with(&format!("SIP/2.0 {status} ")), "{name}: {text}");
        // What these repeat is itself what was wrong.
        let broken = [
            "badinv01",
            "scalar02",
            "quotbal",
            "insuf",
            "baddn",
            "badbranch",
            "badaspec",
            "badvers",
        ];
        if !broken.contains(name) {
            let parsed =
                Message::parse_datagram(&answer).unwrap_or_else(|_| panic!("{name}: {text}"));
            assert_eq!(parsed.status(), Some(*status), "{name}");
            assert!(parsed.to().tag().is_some(), "{name}: {text}");
        }
    }
}

fn mistake((name, outcome, why): &(&str, Outcome, &str)) -> Option<String> {
    let found = Message::parse_datagram(&read(name));
    let (right, wanted) = match (&found, outcome) {
        (Ok(message), Accept(holds)) => (holds(message), "to be accepted as described".into()),
        (Err(_), Accept(_)) => (false, "to be accepted".into()),
        (Ok(_), _) => (false, "to be refused".into()),
        (Err(error), Refuse(status, reason)) => (
            error.status() == Some(*status) && error.reason().as_str() == *reason,
            format!("{status} for {reason}"),
        ),
        (Err(error), Silence(reason)) => (
            error.status().is_none() && error.reason().as_str() == *reason,
            format!("silence for {reason}"),
        ),
    };
    let found = match &found {
        Ok(message) => format!("accepted, {} Via", message.via_count()),
        Err(error) => format!("{:?} for {}", error.status(), error.reason().as_str()),
    };
    (!right).then(|| format!("{name} ({why}): wanted {wanted}, found {found}"))
}

fn is_the_short_tortuous_invite(m: &Message) -> bool {
    let branches: Vec<_> = m.values(HeaderName::Via).collect();
    m.method() == Method::Invite
        && m.cseq().number == 9
        && m.max_forwards() == Some(68)
        && m.to().tag() == Some(b"1918181833n")
        && m.from().display == br#""J Rosenberg \\\"""#
        && m.from().tag() == Some(b"98asjd8")
        && m.via().host == b"192.0.2.2"
        && branches.len() == 3
        && m.routes().count() == 1
        && m.value(HeaderName::Subject) == Some(b"")
        && m.value_of("UnknownHeaderWithUnusualValue") == Some(b";;,,;;,;")
        && m.contact().is_some_and(|c| c.params.get("newparam") == Some(b"newvalue"))
        && m.contact().is_some_and(|c| c.params.get("q") == Some(b"0.33"))
        && m.body().len() == 150
}

fn has_the_wide_range_of_characters(m: &Message) -> bool {
    m.method() == Method::Extension(b"!interesting-Method0123456789_*+`.%indeed'~")
        && m.request_uri().host == b"example.com"
        && m.request_uri().password == Some(b"&it+has=1,weird!*pas$wo~d_too.(doesn't-it)")
        && m.to().display == b"\"BEL:\\\x07 NUL:\\\x00 DEL:\\\x7f\""
        && m.from().tag() == Some(b"_token~1'+`*%!-.")
        && m.call_id() == br#"intmeth.word%ZK-!.*_+'@word`~)(><:\/"][?}{"#
        && m.max_forwards() == Some(255)
}

fn has_escaped_users(m: &Message) -> bool {
    m.request_uri().user_decoded().as_deref() == Some(b"sips:user@example.com")
        && m.request_uri().host == b"example.net"
        && m.to().uri.user_decoded().as_deref() == Some(b"user")
        && m.from().uri.user_decoded().as_deref() == Some(b"I have spaces")
        && m.contact().is_some_and(|c| c.uri.params.has("%6C%72"))
}

fn has_escaped_nulls(m: &Message) -> bool {
    let users: Vec<_> = m
        .addresses(HeaderName::Contact)
        .filter_map(|c| c.uri.user_decoded().map(|u| u.to_vec()))
        .collect();
    m.to().uri.user_decoded().as_deref() == Some(b"null-\0-null")
        && users == [b"\0".to_vec(), b"\0\0".to_vec()]
}

fn has_percent_signs_that_are_no_escapes(m: &Message) -> bool {
    m.method() == Method::Extension(b"RE%47IST%45R")
        && m.addresses(HeaderName::Contact).count() == 2
        && m.value_of("C%6Fntact").is_some()
        && m.via().branch() == Some(b"z9hG4bK209%fzsnel234")
}

fn body_length(m: &Message) -> usize {
    let length = m.value(HeaderName::ContentLength).unwrap();
    std::str::from_utf8(length).unwrap().parse().unwrap()
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/rfc4475")
}

fn files() -> BTreeSet<String> {
    let entries = std::fs::read_dir(folder()).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let messages = paths.filter(|path| path.extension().is_some_and(|end| end == "dat"));
    messages.map(|path| path.file_stem().unwrap().to_string_lossy().into_owned()).collect()
}

/// The bytes of one message.
pub(crate) fn read(name: &str) -> Vec<u8> {
    std::fs::read(folder().join(name).with_extension("dat")).unwrap()
}

/// All messages, by name.
pub(crate) fn all() -> Vec<Vec<u8>> {
    files().iter().map(|name| read(name)).collect()
}

/// What stands on a stream that brings these pieces, as text.
fn framed(pieces: &[&[u8]]) -> Vec<String> {
    let mut framer = Framer::default();
    let mut found = Vec::new();
    for piece in pieces {
        framer.push(piece);
        found.extend(std::iter::from_fn(|| framer.poll()).map(|frame| format!("{frame:?}")));
    }
    found.push(format!("within: {}", framer.is_within()));
    found
}

#[test]
fn a_stream_gives_the_same_messages_wherever_it_is_cut() {
    let next = b"\r\n\r\nOPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:x@y>\r\nCall-ID: c\r\nCSeq: 7 OPTIONS\r\nContent-Length: 0\r\n\r\n";
    for name in files() {
        let bytes = [&read(&name), &next[..]].concat();
        let whole = framed(&[&bytes]);
        for at in 1..bytes.len() {
            let (head, tail) = bytes.split_at(at);
            assert_eq!(framed(&[head, tail]), whole, "{name} cut at {at}");
        }
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        assert_eq!(framed(&single), whole, "{name} byte by byte");
    }
}

/// What a stream makes of a message: as on UDP where its length is said and right.
#[test]
fn every_message_has_its_outcome_on_a_stream_too() {
    let first = |name: &str| {
        let mut framer = Framer::default();
        framer.push(&read(name));
        (framer.poll(), framer.poll())
    };
    for (name, outcome, why) in TABLE {
        let bytes = read(name);
        let same = match (first(name).0, Message::parse_datagram(&bytes)) {
            (Some(Frame::Message(framed)), Ok(message)) => framed.as_bytes() == message.as_bytes(),
            (Some(Frame::Malformed(framed)), Err(error)) => framed.reason() == error.reason(),
            // It says no length, or one that cannot be, or its head is not to be trusted.
            (Some(Frame::Lost(error)), _) => {
                let reason = error.reason().as_str();
                let lengths = ["no-content-length", "content-length", "content-length-conflict"];
                lengths.contains(&reason) || reason == "duplicate"
            }
            (None, Err(error)) => ["truncated", "unterminated"].contains(&error.reason().as_str()),
            (Some(Frame::Message(_) | Frame::Malformed(_) | Frame::Ping) | None, _) => false,
        };
        assert!(same, "{name} ({why}, {}): {:?}", matches!(outcome, Accept(_)), first(name).0);
    }
    // RFC 4475 section 3.1.1.8: on a stream the second request is one.
    assert!(matches!(first("dblreq"), (Some(Frame::Message(_)), Some(Frame::Message(_)))));
}
