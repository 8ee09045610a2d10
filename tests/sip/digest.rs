//! Digest: the examples of the RFCs, what challenges and credentials look like in the wild, and that
//! nothing made of bytes brings it down.

use proptest::collection::vec;
use proptest::prelude::*;
use trunkline::sip::digest::{Algorithm, Answer, Challenge, Credentials, Fault, Ha1};
use trunkline::sip::{HeaderName, Message};

const MUFASA: Answer<'_> = Answer {
    username: b"Mufasa",
    password: b"Circle of Life",
    method: b"GET",
    uri: b"/dir/index.html",
    count: 1,
    cnonce: b"f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
};

fn one(value: &str) -> Challenge {
    let mut found = Challenge::parse_all(value.as_bytes());
    assert_eq!(found.len(), 1, "{value}");
    found.remove(0)
}

fn answered(answer: &Answer<'_>, challenge: &str) -> String {
    String::from_utf8(answer.print(&one(challenge))).unwrap()
}

/// The answer to the example of RFC 7616 section 3.9.1, with what a test says differently.
fn mufasa(more: &str) -> String {
    let nonce = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v";
    answered(&MUFASA, &format!("Digest realm=\"http-auth@example.org\", nonce=\"{nonce}\"{more}"))
}

#[test]
fn the_examples_of_the_rfcs_come_out() {
    for (more, response) in [
        (", qop=\"auth, auth-int\"", "8ca523f5e9506fed4657c9700eebdbec"),
        (
            ", qop=\"auth, auth-int\", algorithm=sha-256",
            "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
        ),
    ] {
        let answer = mufasa(more);
        assert!(answer.contains(&format!("response=\"{response}\"")), "{answer}");
    }
    // RFC 2617 section 3.5.
    let old = Answer { password: b"Circle Of Life", cnonce: b"0a4f113b", ..MUFASA };
    let nonce = "dcd98b7102dd2f0e8b11d0f600bfb0c093";
    let challenge = format!("Digest realm=\"testrealm@host.com\", qop=\"auth\", nonce=\"{nonce}\"");
    assert!(answered(&old, &challenge).contains("\"6629fae49393a05397450978507c4ef1\""));
    // RFC 7616 section 3.9.2 with the user name in plain, as its erratum 4897 corrects it.
    let doe = Answer {
        username: "J\u{e4}s\u{f8}n Doe".as_bytes(),
        password: b"Secret, or not?",
        uri: b"/doe.json",
        cnonce: b"NTg6RKcb9boFIAS3KrFK9BGeh+iDa/sm6jUMp2wds69v",
        ..MUFASA
    };
    let challenge = "Digest realm=\"api@example.org\",qop=\"auth\",algorithm=SHA-512-256,\
        nonce=\"5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK\",\
        opaque=\"HRPCssKJSGjCrkzDg8OhwpzCiGPChXYjwrI2QmXDnsOS\",charset=UTF-8,userhash=true";
    let answer = answered(&doe, challenge);
    assert!(
        answer.contains("\"3798d4131c277846293534c3edc11bd8a5e4cdcbff78b05db9d95eeb1cec68a5\""),
        "{answer}"
    );
    assert!(answer.ends_with("opaque=\"HRPCssKJSGjCrkzDg8OhwpzCiGPChXYjwrI2QmXDnsOS\""));
    assert!(!answer.contains("userhash"));
}

#[test]
fn sessions_and_challenges_without_qop_are_answered() {
    // By an independent implementation.
    for (more, response) in [
        ("", "7b2cc3b30e75b4777ea31027084363fd"),
        (", algorithm=SHA-256", "a1306b0595a6c7fe96c448631fb5cfbd5107bd1fe1da729d978dd7446b812363"),
        (", qop=auth, algorithm=\"MD5-Sess\"", "e783283f46242139c486a698fec7211d"),
        (
            ", qop=auth, algorithm=SHA-512-256-sess",
            "3f2a34f923c38b0fb26dce2fdfc2ce326c23cecf86fbb1444f3e51fbbc2cb92e",
        ),
    ] {
        let answer = mufasa(more);
        assert!(answer.contains(&format!("response=\"{response}\"")), "{answer}");
        assert_eq!(answer.contains("nc=00000001"), more.contains("qop"), "{answer}");
    }
}

#[test]
fn several_challenges_are_found_strongest_first() {
    let response = b"SIP/2.0 401 Unauthorized\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\n\
        From: <sip:a@b>;tag=1\r\nTo: <sip:a@b>;tag=2\r\nCall-ID: c\r\nCSeq: 1 REGISTER\r\n\
        WWW-Authenticate: Negotiate abc==, Basic realm=\"x, Digest y\", Digest realm=\"one\",\r\n \
        nonce=\"<n1, \\\"q\\\"\" , algorithm=MD5,qop=\"auth\"\r\n\
        WWW-Authenticate: dIGEST nonce=n/2+==, realm=two, algorithm=SHA-512-256, new-thing=7,, \
        Digest realm=three, nonce=\"n3\", algorithm=SHA3-999, Digest realm=four,nonce=n4,\
        algorithm=SHA-256, stale = TRUE\r\n\
        Proxy-Authenticate: Digest realm=\"proxy\", nonce=\"n5\"\r\n\r\n";
    let response = Message::parse_datagram(response).unwrap();
    let found = Challenge::all(&response, HeaderName::WwwAuthenticate);
    let realms: Vec<&[u8]> = found.iter().map(|one| &*one.realm).collect();
    assert_eq!(realms, [&b"two"[..], b"four", b"one"]);
    assert_eq!(&*found[0].nonce, b"n/2+==");
    assert_eq!(&*found[2].nonce, b"<n1, \"q\"");
    assert_eq!(found.iter().map(|one| one.stale).collect::<Vec<_>>(), [false, true, false]);
    assert_eq!(found.iter().map(|one| one.qop).collect::<Vec<_>>(), [false, false, true]);
    assert_eq!(Challenge::all(&response, HeaderName::ProxyAuthenticate).len(), 1);
}

#[test]
fn what_cannot_be_answered_is_no_challenge() {
    for bad in [
        "",
        "Digest",
        "Basic realm=\"a\", nonce=\"b\"",
        "Digest realm=\"a\"",
        "Digest nonce=\"a\"",
        "Digest realm=\"a\", nonce=\"b\", realm=\"c\"",
        "Digest realm=\"a\", nonce=\"b\", qop=\"auth-int\"",
        "Digest realm=\"a\", nonce=\"b\", algorithm=SHA-384",
        "Digest realm=\"a\", nonce=\"b",
        "Digest realm=\"a\", nonce=\"b\" x",
        "Digest realm=\"a\", nonce=",
        "Digest realm=\"a\", nonce=\"b\0\"",
    ] {
        assert_eq!(Challenge::parse_all(bad.as_bytes()), [], "{bad}");
    }
    let long = format!("Digest realm=\"a\", nonce=\"{}\"", "n".repeat(1025));
    assert_eq!(Challenge::parse_all(long.as_bytes()), []);
    let many = "Digest realm=\"a\", nonce=\"b\", ".repeat(20);
    assert_eq!(Challenge::parse_all(many.as_bytes()).len(), 16);
}

#[test]
fn credentials_prove_the_password_of_their_user_and_nothing_else() {
    for algorithm in Algorithm::ALL {
        let challenge = format!(", qop=auth, algorithm={}", algorithm.as_str());
        let credentials = Credentials::parse(mufasa(&challenge).as_bytes()).unwrap();
        assert_eq!((credentials.algorithm, credentials.count), (algorithm, 1));
        assert_eq!(&*credentials.username, b"Mufasa");
        let realm = b"http-auth@example.org";
        let own = |of, password| Ha1::new(of, [b"Mufasa", realm, password]);
        assert!(credentials.prove(&own(algorithm, b"Circle of Life"), b"GET"));
        assert!(!credentials.prove(&own(algorithm, b"Circle of Life"), b"POST"));
        assert!(!credentials.prove(&own(algorithm, b"circle of life"), b"GET"));
        for other in Algorithm::ALL.into_iter().filter(|other| *other != algorithm) {
            assert!(!credentials.prove(&own(other, b"Circle of Life"), b"GET"));
        }
        assert!(!format!("{:?}", own(algorithm, b"Circle of Life")).contains("939e"));
    }
}

#[test]
fn every_fault_of_credentials_is_named() {
    let sound = "Digest username=\"u\", realm=\"r\", nonce=\"n\", uri=\"sip:r\", \
        response=\"00\", qop=auth, nc=00000001, cnonce=\"c\"";
    Credentials::parse(sound.as_bytes()).unwrap();
    for (from, to, fault) in [
        ("Digest", "Basic", Fault::NotDigest),
        ("cnonce=\"c\"", "cnonce=\"c\", Digest realm=\"r\"", Fault::NotDigest),
        ("Digest username=\"u\",", "", Fault::NotDigest),
        ("realm=\"r\"", "realm=\"r\", realm=\"r\"", Fault::Malformed),
        ("username=\"u\", ", "", Fault::Malformed),
        ("nc=00000001", "nc=1", Fault::Malformed),
        ("nc=00000001", "nc=00000000", Fault::Malformed),
        ("nc=00000001", "nc=+0000001", Fault::Malformed),
        ("cnonce=\"c\"", "cnonce=\"c", Fault::Malformed),
        ("qop=auth", "qop=auth, algorithm=MD5-sess", Fault::Algorithm),
        ("qop=auth", "qop=auth, algorithm=SHA-1", Fault::Algorithm),
        ("qop=auth, ", "", Fault::Quality),
        ("qop=auth", "qop=auth-int", Fault::Quality),
    ] {
        let text = sound.replace(from, to);
        assert_ne!(text, sound);
        assert_eq!(Credentials::parse(text.as_bytes()), Err(fault), "{text}");
    }
}

fn challenge() -> impl Strategy<Value = Challenge> {
    let value = || "[ -~]{1,40}".prop_map(|text| text.into_bytes().into());
    let flags = (any::<bool>(), any::<bool>(), any::<bool>());
    (value(), value(), proptest::option::of(value()), 0..3_usize, flags).prop_map(
        |(realm, nonce, opaque, algorithm, (session, qop, stale))| Challenge {
            realm,
            nonce,
            opaque,
            algorithm: Algorithm::ALL[algorithm],
            session,
            qop,
            stale,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_printed_challenge_is_read_again(challenge in challenge(), other in challenge()) {
        let both = [challenge.print(), b", ".to_vec(), other.print()].concat();
        prop_assert_eq!(Challenge::parse_all(&both), [challenge, other]);
    }

    #[test]
    fn a_printed_answer_proves_its_password(
        challenge in challenge(),
        username in "[ -~]{1,20}",
        password in vec(any::<u8>(), 0..20),
        count in 1_u32..,
    ) {
        let challenge = Challenge { qop: true, session: false, ..challenge };
        let username = username.as_bytes();
        let answer = Answer { username, password: &password, count, ..MUFASA };
        let credentials = Credentials::parse(&answer.print(&challenge));
        let credentials = credentials.map_err(|fault| TestCaseError::fail(format!("{fault:?}")))?;
        prop_assert_eq!(&*credentials.username, username);
        prop_assert_eq!(credentials.count, count);
        let own = Ha1::new(challenge.algorithm, [username, &challenge.realm, &password]);
        prop_assert!(credentials.prove(&own, b"GET"));
    }

    #[test]
    fn no_bytes_bring_it_down(
        bytes in vec(prop_oneof![any::<u8>(), proptest::sample::select(b"Digest realm=\",\\".to_vec())], 0..200),
    ) {
        let found = Challenge::parse_all(&[b"Digest realm=a,nonce=", &bytes[..]].concat());
        for one in found {
            prop_assert_eq!(Challenge::parse_all(&one.print()), [one]);
        }
        drop(Credentials::parse(&bytes));
    }
}
