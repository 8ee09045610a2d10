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

/// A parameter that both know: that crate keeps blanks around it, and leaves out what has no value or
/// is no token.
fn same<T: AsRef<[u8]> + ?Sized>(ours: Option<&[u8]>, theirs: Option<&T>) {
    let token = |byte: &u8| byte.is_ascii_alphanumeric() || b"-.!%*_+`'~".contains(byte);
    let ours = ours.filter(|ours| !ours.is_empty() && ours.iter().all(token));
    if let Some((ours, theirs)) = ours.zip(theirs) {
        assert_eq!(text(ours), text(theirs.as_ref().trim_ascii()));
    }
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
            same_method(&text(ours.method().as_bytes()), &request.method.to_string());
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

/// Methods are told apart by case (RFC 3261 section 7.1); that crate writes the known ones anew.
fn same_method(ours: &str, theirs: &str) {
    assert!(ours.eq_ignore_ascii_case(theirs), "{ours} is {theirs}");
}

fn same_dialog(ours: &Message, theirs: &SipMessage) {
    let call_id = theirs.call_id_header().expect("a Call-ID").value().to_owned();
    assert_eq!(text(ours.call_id()), call_id);
    if let Ok(cseq) = theirs.cseq_header().expect("a CSeq").typed() {
        assert_eq!(ours.cseq().number, cseq.seq);
        same_method(&text(ours.cseq().method.as_bytes()), &cseq.method.to_string());
    }
    if let Ok(from) = theirs.from_header().expect("a From").typed() {
        same(ours.from().tag(), from.tag().map(|tag| tag.value()));
    }
    if let Ok(to) = theirs.to_header().expect("a To").typed() {
        same(ours.to().tag(), to.tag().map(|tag| tag.value()));
    }
    let via = theirs.top_via_header().and_then(|via| via.typed());
    if let Ok(via) = via {
        same(ours.via().branch(), via.branch().map(|branch| branch.value()));
    }
}
