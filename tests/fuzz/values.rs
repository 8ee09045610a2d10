//! Any bytes as one header value: URIs, addresses, Via, parameters, digests. What was read is a part of
//! what was given, and reads the same when it stands alone.

use std::net::SocketAddr;

use trunkline::sip::digest::{Answer, Challenge, Credentials, Ha1, MAX_CHALLENGES, MAX_VALUE};
use trunkline::sip::{
    Elements, NameAddr, Scheme, Uri, Via, digest, redacted, redacted_start, unescape, uri_header,
};

pub(crate) fn addresses(value: &[u8]) {
    if let Some(uri) = Uri::parse(value) {
        uri_holds(&uri);
    }
    if let Some(addr) = NameAddr::parse(value) {
        uri_holds(&addr.uri);
        let alone = [b"<", addr.uri.raw, b">", addr.params.as_bytes()].concat();
        let again = NameAddr::parse(&alone).expect("an address without its name is one");
        assert_eq!((again.uri.raw, again.tag()), (addr.uri.raw, addr.tag()));
        assert_eq!(again.params.iter().count(), addr.params.iter().count());
    }
    let source = SocketAddr::from(([198, 51, 100, 7], 40_000));
    if let Some((via, rest)) = Via::parse_first(value) {
        assert!(rest.len() < value.len());
        let _ = (via.branch(), via.wants_rport(), via.response_target(source));
    }
    let elements: Vec<&[u8]> = Elements::of(value).collect();
    assert!(elements.iter().map(|one| one.len()).sum::<usize>() <= value.len());
    assert!(unescape(value).len() <= value.len());
    let _ = uri_header(value, "Replaces");
}

fn uri_holds(uri: &Uri<'_>) {
    assert!(uri.user_decoded().is_none_or(|decoded| decoded.len() <= uri.raw.len()));
    if uri.host_ip().is_some_and(|ip| ip.is_ipv6()) && uri.host.first() == Some(&b'[') {
        assert_eq!(uri.host.last(), Some(&b']'));
    }
    if matches!(uri.scheme, Scheme::Sip | Scheme::Sips) {
        assert!(!uri.host.is_empty());
        let (user, rest) = uri.user_and_rest();
        assert!(user.len() + rest.len() <= uri.raw.len());
        let bare = [b"sip:", uri.host].concat();
        let again = Uri::parse(&bare).expect("a host alone is a URI");
        assert_eq!(again.host_ip(), uri.host_ip());
    }
    for (name, value) in uri.params.iter() {
        let found = std::str::from_utf8(name).ok().map(|name| uri.params.get(name));
        assert!(found.is_none_or(|found| found.is_some() || value.is_none()));
    }
}

pub(crate) fn digests(value: &[u8]) {
    let challenges = Challenge::parse_all(value);
    assert!(challenges.len() <= MAX_CHALLENGES);
    for challenge in &challenges {
        assert!(challenge.realm.len() <= MAX_VALUE && challenge.nonce.len() <= MAX_VALUE);
        let printed = challenge.print();
        assert!(!printed.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)));
        assert_eq!(Challenge::parse_all(&printed), std::slice::from_ref(challenge));
        proves(challenge);
    }
    if let Ok(found) = Credentials::parse(value) {
        assert!(found.count > 0 && found.username.len() <= MAX_VALUE);
        let own = Ha1::new(found.algorithm, [&found.username, &found.realm, b"password"]);
        let _ = found.prove(&own, b"INVITE");
    }
    for found in [digest::parameter(value, "nonce"), digest::next_nonce(value)] {
        assert!(found.is_none_or(|found| found.len() <= value.len()));
    }
}

/// What we answer to a challenge is credentials that prove the password, and no other.
fn proves(challenge: &Challenge) {
    let answer = Answer {
        username: b"us\"er\\",
        password: b"secret",
        method: b"INVITE",
        uri: b"sip:a@b",
        count: 1,
        cnonce: b"c",
    };
    let printed = answer.print(challenge);
    assert!(!printed.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)));
    if challenge.session || !challenge.qop {
        return;
    }
    let found = Credentials::parse(&printed).expect("our answer is credentials");
    assert_eq!((&found.nonce, &found.realm), (&challenge.nonce, &challenge.realm));
    let ha1 = |password: &[u8]| {
        Ha1::new(challenge.algorithm, [answer.username, &challenge.realm, password])
    };
    assert!(found.prove(&ha1(b"secret"), b"INVITE"));
    assert!(!found.prove(&ha1(b"Secret"), b"INVITE") && !found.prove(&ha1(b"secret"), b"BYE"));
}

/// Any bytes as a message that people look at: the password that stands in it is not shown.
pub(crate) fn hidden(message: &[u8]) {
    let shown = redacted(message);
    assert!(shown.lines().count() <= message.split(|byte| *byte == b'\n').count());
    let told = |c: char| matches!(c, '\n' | '\t') || !c.is_control();
    assert!(shown.chars().all(told), "{shown:?}");
    assert!(redacted_start(message).chars().all(|c| c == '\t' || !c.is_control()));
    // A line of credentials is masked whatever stands above it in the same head.
    let secret = b"\r\nAuthorization: Digest username=\"u\", response=\"SESAME\"\r\n";
    let whole = [b"INVITE sip:a@b SIP/2.0\r\n", message, secret].concat();
    let speaks = message.windows(6).any(|six| six == b"SESAME");
    if !speaks && !message.is_empty() && !message.contains(&b'\n') {
        assert!(!redacted(&whole).contains("SESAME"), "{}", whole.escape_ascii());
    }
}
