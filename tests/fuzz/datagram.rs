//! Any bytes as one datagram: parsing and every accessor never panic, a stateless answer is stable and
//! is a message, and what is copied from an accepted message is accepted again.

use std::net::SocketAddr;

use trunkline::sip::{Contacts, Message, Writer, limits};

pub(crate) fn run(datagram: &[u8]) {
    let source = SocketAddr::from(([198, 51, 100, 7], 40_000));
    let message = match Message::parse_datagram(datagram) {
        Ok(message) => message,
        Err(error) => {
            let answer = error.answer(source);
            assert_eq!(answer, error.answer(source));
            // What is wrong with a message may be in what its answer has to repeat.
            let answer = answer.and_then(|(_, bytes)| Message::parse_datagram(&bytes).ok());
            assert!(answer.is_none_or(|one| one.status().is_some_and(|code| code >= 400)));
            return;
        }
    };
    read(&message);
    copies(&message);
    if message.is_request() {
        let out =
            Writer::response_to(&message, source, 486, b"Busy Here", Some(b"tag")).finish(b"");
        let fits = out.split(|byte| *byte == b'\n').all(|line| line.len() < 8_000);
        if out.len() <= limits::MESSAGE_BYTES && fits {
            let response = Message::parse_datagram(&out).expect("a response is a message");
            assert_eq!(response.status(), Some(486));
            assert_eq!(response.cseq(), message.cseq());
            assert_eq!(response.via_count(), message.via_count());
            assert_eq!(response.via().branch(), message.via().branch());
            assert!(response.to().tag().is_some());
        }
    }
}

/// What is written from a message says the same as it, and written again stays as it is.
fn copies(message: &Message) {
    let copy = |message: &Message| {
        let mut copy = match message.status() {
            Some(code) => Writer::response(code, message.reason_phrase()),
            None => Writer::request(message.method(), message.request_uri_bytes()),
        };
        copy.copy_where(message, |_| true);
        copy.finish(message.body())
    };
    let once = copy(message);
    // The copy says its length, which the original may have left out: one header more.
    if message.headers().count() >= limits::HEADERS || once.len() > limits::MESSAGE_BYTES {
        return;
    }
    let again = Message::parse_datagram(&once).expect("a copy of a message is a message");
    assert_eq!(again.method(), message.method());
    assert_eq!(again.request_uri_bytes(), message.request_uri_bytes());
    assert_eq!(again.status(), message.status());
    assert_eq!(again.body(), message.body());
    assert_eq!(again.from(), message.from());
    assert_eq!(again.to(), message.to());
    assert_eq!(again.call_id(), message.call_id());
    assert_eq!(again.cseq(), message.cseq());
    assert_eq!(again.via_count(), message.via_count());
    assert_eq!(copy(&again), once);
}

fn read(message: &Message) {
    drop((message.method(), message.request_uri().user_decoded(), message.via().branch()));
    let _ = (message.from().tag(), message.to().tag(), message.cseq(), message.call_id());
    if let Some(Contacts::List(list)) = message.contacts() {
        let _ = list.count();
    }
    let _ = (message.routes().count(), message.record_routes().count(), message.contact());
    let _ = (message.expires(), message.retry_after(), message.max_forwards());
    let _ = (message.session_expires(), message.min_se(), message.rseq(), message.rack());
    let _ = (message.supports("timer"), message.requires("100rel"));
    for header in message.headers() {
        let _ = message.values(header.name).count();
        let _ = message.addresses(header.name).count();
    }
}
