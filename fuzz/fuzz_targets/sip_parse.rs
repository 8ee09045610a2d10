//! Any bytes: parsing and every accessor never panic, a stateless answer is stable, and what is copied
//! from an accepted message is accepted again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use trunkline::sip::{Contacts, Message, Writer};

fuzz_target!(|datagram: &[u8]| {
    let source = std::net::SocketAddr::from(([198, 51, 100, 7], 40_000));
    let message = match Message::parse_datagram(datagram) {
        Ok(message) => message,
        Err(error) => return assert_eq!(error.answer(source), error.answer(source)),
    };
    read(&message);
    let mut copy = match message.status() {
        Some(code) => Writer::response(code, message.reason_phrase()),
        None => Writer::request(message.method(), message.request_uri_bytes()),
    };
    copy.copy_where(&message, |_| true);
    let copy = copy.finish(message.body());
    // The copy says its length, which the original may have left out: one header more.
    if message.headers().count() < 100 && copy.len() <= 65_535 {
        let again = Message::parse_datagram(&copy).expect("a copy of a message is a message");
        assert_eq!(again.body(), message.body());
        assert_eq!(again.from(), message.from());
        assert_eq!(again.via_count(), message.via_count());
    }
    if message.is_request() {
        let out = Writer::response_to(&message, source, 486, b"Busy Here", Some(b"tag")).finish(b"");
        if out.len() <= 65_535 && out.split(|byte| *byte == b'\n').all(|line| line.len() < 8_000) {
            let response = Message::parse_datagram(&out).expect("a response is a message");
            assert_eq!(response.status(), Some(486));
            assert_eq!(response.cseq(), message.cseq());
        }
    }
});

fn read(message: &Message) {
    let _ = (message.method(), message.request_uri().user_decoded(), message.via().branch());
    let _ = (message.from().tag(), message.to().tag(), message.cseq(), message.call_id());
    if let Some(Contacts::List(list)) = message.contacts() {
        let _ = list.count();
    }
    let _ = (message.routes().count(), message.record_routes().count(), message.contact());
    let _ = (message.expires(), message.retry_after(), message.max_forwards());
    for header in message.headers() {
        let _ = message.values(header.name).count();
    }
}
