//! Our parser beside that of the `rsipstack` crate: what both take, both understand in the same way.
//! Where that crate is known to read less than the grammar says, nothing is compared.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rsipstack::sip::{HeadersExt, SipMessage, prelude::*};
use trunkline::sip::{HeaderName, Message, Scheme};

fuzz_target!(|datagram: &[u8]| {
    let Ok(ours) = Message::parse_datagram(datagram) else { return };
    let Ok(text) = std::str::from_utf8(ours.as_bytes()) else { return };
    let Ok(theirs) = SipMessage::try_from(text.as_bytes()) else { return };
    if ours.headers().any(|header| is_beyond(header.line)) {
        return;
    }
    same_start(&ours, &theirs);
    same_dialog(&ours, &theirs);
    if ours.value(HeaderName::ContentLength).is_some() {
        assert_eq!(body(&theirs), ours.body());
    }
});

/// Folds, quotes, escapes and white space inside values: that crate looks for bare delimiters.
fn is_beyond(line: &[u8]) -> bool {
    let value = line.strip_suffix(b"\r\n").unwrap_or(line);
    value.iter().any(|byte| matches!(byte, b'\r' | b'\n' | b'"' | b'\\' | 0x0b | 0x0c | 0x85))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn body(message: &SipMessage) -> &[u8] {
    match message {
        SipMessage::Request(request) => &request.body,
        SipMessage::Response(response) => &response.body,
    }
}

fn same_start(ours: &Message, theirs: &SipMessage) {
    match theirs {
        SipMessage::Response(response) => {
            assert_eq!(ours.status(), Some(response.status_code.code()));
        }
        SipMessage::Request(request) => {
            assert_eq!(text(ours.method().as_bytes()), request.method.to_string());
            let uri = ours.request_uri();
            // A user may hold `;`, `?` and `:`; that crate cuts there first.
            let plain =
                !uri.user.is_some_and(|user| user.iter().any(|byte| b";?:@".contains(byte)));
            if plain && uri.scheme == Scheme::Sip && uri.password.is_none() {
                let place = &request.uri.host_with_port;
                let host = place.host.to_string().to_ascii_lowercase();
                let own = text(uri.host).to_ascii_lowercase();
                assert!(host == own || uri.host_ip().is_some(), "{own} is {host}");
                assert_eq!(uri.port, place.port.as_ref().map(|port| port.value()));
                let user = request.uri.auth.as_ref().map(|auth| auth.user.clone());
                assert_eq!(uri.user.map(text), user);
            }
        }
    }
}

fn same_dialog(ours: &Message, theirs: &SipMessage) {
    let call_id = theirs.call_id_header().expect("a Call-ID").value().to_owned();
    assert_eq!(text(ours.call_id()), call_id);
    if let Ok(cseq) = theirs.cseq_header().expect("a CSeq").typed() {
        assert_eq!(ours.cseq().number, cseq.seq);
        assert_eq!(text(ours.cseq().method.as_bytes()), cseq.method.to_string());
    }
    if let Ok(from) = theirs.from_header().expect("a From").typed() {
        assert_eq!(ours.from().tag().map(text), from.tag().map(|tag| tag.value().to_owned()));
    }
    if let Ok(to) = theirs.to_header().expect("a To").typed() {
        assert_eq!(ours.to().tag().map(text), to.tag().map(|tag| tag.value().to_owned()));
    }
    let via = theirs.top_via_header().and_then(|via| via.typed());
    if let Ok(via) = via {
        let branch = via.branch().map(|branch| branch.value().to_owned());
        assert_eq!(ours.via().branch().map(text), branch);
    }
}
