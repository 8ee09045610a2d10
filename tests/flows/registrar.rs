//! Phones that register with us: challenges, proofs, bindings, and what a stranger learns (nothing).

use std::time::Duration;

use serde_json::{Value, json};
use trunkline::sip::HeaderName;
use trunkline::sip::digest::{Algorithm, Challenge};
use trunkline::transaction::{ConnectionId, FarEnd, Link};

use crate::handset::Handset;
use crate::manifests::{config, resource, set};
use crate::proof::respond;
use crate::streams::tls_world;
use crate::world::{CARRIER_A, CARRIER_B, PBX, Phone, SDP, STRANGER, World, text, value};

/// Where a phone is.
const HOME: &str = "127.0.0.70:5062";

/// The usual line-up with a phone of its own for the tenant.
pub(crate) fn with_phone() -> Vec<Value> {
    let mut config = config();
    let spec = json!({ "numbers": "1100",
        "register": { "username": "desk", "password": { "env": "PASSWORD" } } });
    config.push(resource("Extension", Some("acme"), "desk", &spec));
    config
}

fn bound(world: &World) -> Vec<String> {
    world.observe().bindings.into_iter().map(|one| one.contact).collect()
}

#[test]
fn a_phone_registers_refreshes_and_leaves() {
    let mut world = World::with(&with_phone());
    let mut desk = Handset::new(HOME, "desk", "PASSWORD");
    let contact = desk.contact("");
    let asked = desk.send(&mut world, &contact);
    assert_eq!(asked.status(), Some(401));
    let challenges: Vec<String> = asked
        .headers()
        .filter(|header| header.name == HeaderName::WwwAuthenticate)
        .map(|header| text(header.value))
        .collect();
    assert!(challenges[0].starts_with("Digest realm=\"acme.example\", nonce=\""));
    assert!(challenges[0].ends_with("algorithm=SHA-256, qop=\"auth\""), "{challenges:?}");
    assert!(challenges[1].ends_with("algorithm=MD5, qop=\"auth\""), "{challenges:?}");
    desk.learn(&asked);
    let done = desk.send(&mut world, &contact);
    assert_eq!(done.status(), Some(200));
    let expires = value(&done, HeaderName::Contact);
    let expires = expires.strip_prefix("<sip:desk@127.0.0.70:5062>;expires=").unwrap();
    assert!((3240..=3600).contains(&expires.parse::<u32>().unwrap()), "{expires}");
    let observed = world.observe().bindings.remove(0);
    assert_eq!(observed.resource, "Extension/acme/desk");
    assert_eq!(observed.source, "udp 127.0.0.70:5062");
    // The same nonce again, its count grown; another user's Contact beside it.
    let done = desk.send(&mut world, "Contact: <sip:desk@127.0.0.71>;expires=90\r\n");
    assert_eq!(value(&done, HeaderName::Contact).split('>').next(), Some("<sip:desk@127.0.0.71"));
    assert_eq!(bound(&world).len(), 2);
    world.pass(Duration::from_secs(90));
    assert_eq!(bound(&world), ["sip:desk@127.0.0.70:5062"]);
    assert_eq!(desk.register(&mut world, 0).status(), Some(200));
    assert_eq!(bound(&world), Vec::<String>::new());
    world.quiet();
    world.assert_all_over();
}

#[test]
fn unknown_switched_off_and_wrong_look_the_same() {
    let mut off = with_phone();
    let spec = json!({ "sipDomain": "off.example", "enabled": false });
    off.push(resource("Tenant", None, "off", &spec));
    let spec = json!({ "numbers": "1",
        "register": { "username": "desk", "password": { "env": "PASSWORD" } } });
    off.push(resource("Extension", Some("off"), "phone", &spec));
    let mut world = World::with(&off);
    let mut shape = |user, password, domain: &str| {
        let mut one = Handset::new(HOME, user, password);
        let mut shapes = Vec::new();
        for _ in 0..2 {
            let contact = one.contact("");
            let print = one.print(&contact).replace("acme.example", domain);
            world.send(HOME, &print);
            let answer = world.expect_is(HOME, "401 REGISTER");
            one.learn(&answer);
            let nonce = text(&one.challenge.as_ref().unwrap().nonce);
            let tag = text(answer.to().tag().unwrap());
            let shape = text(answer.as_bytes()).replace(&nonce, "NONCE").replace(&tag, "TAG");
            shapes.push(shape.replace(user, "USER").replace(domain, "DOMAIN"));
        }
        shapes
    };
    let unknown = shape("nobody", "PASSWORD", "acme.example");
    assert_eq!(unknown, shape("desk", "WRONG", "acme.example"));
    assert_eq!(unknown, shape("desk", "PASSWORD", "off.example"));
    assert!(bound(&world).is_empty());
}

#[test]
fn a_request_counts_once() {
    let mut world = World::with(&with_phone());
    let mut desk = Handset::new(HOME, "desk", "PASSWORD");
    let contact = desk.contact("");
    let asked = desk.send(&mut world, &contact);
    desk.learn(&asked);
    let print = desk.print(&contact);
    for _ in 0..2 {
        // The transaction answers a repetition.
        world.send(HOME, &print);
        world.expect_is(HOME, "200 REGISTER");
    }
    let replayed = print.replace("branch=z9hG4bK", "branch=z9hG4bK-again");
    world.send(HOME, &replayed);
    let asked = world.expect_is(HOME, "401 REGISTER");
    assert!(Challenge::all(&asked, HeaderName::WwwAuthenticate)[0].stale);
    // From elsewhere it is not good at all.
    let moved = desk.print(&contact);
    world.send("127.0.0.71:5062", &moved);
    let asked = world.expect_is("127.0.0.71:5062", "401 REGISTER");
    assert!(Challenge::all(&asked, HeaderName::WwwAuthenticate)[0].stale);
    world.pass(Duration::from_secs(300));
    let late = desk.send(&mut world, &contact);
    assert!(Challenge::all(&late, HeaderName::WwwAuthenticate)[0].stale);
    desk.learn(&late);
    assert_eq!(desk.send(&mut world, &contact).status(), Some(200));
}

#[test]
fn proofs_that_do_not_fit_their_request_are_none() {
    let mut world = World::with(&with_phone());
    let mut desk = Handset::new(HOME, "desk", "PASSWORD");
    let contact = desk.contact("");
    let asked = desk.send(&mut world, &contact);
    desk.learn(&asked);
    for (from, to) in [
        ("uri=\"sip:acme.example\"", "uri=\"sip:other.example\""),
        ("realm=\"acme.example\"", "realm=\"other.example\""),
        ("algorithm=SHA-256", "algorithm=SHA-512-256"),
        ("algorithm=SHA-256", "algorithm=SHA-256-sess"),
        ("qop=auth, ", ""),
        ("nonce=\"0", "nonce=\"1"),
    ] {
        let print = desk.print(&contact);
        let changed = print.replace(from, to);
        assert_ne!(print, changed, "{from}");
        world.send(HOME, &changed);
        world.expect_is(HOME, "401 REGISTER");
    }
    let print = desk.print(&contact);
    let line = print.lines().find(|line| line.starts_with("Authorization")).unwrap().to_owned();
    world.send(HOME, &print.replace(&line, &format!("{line}\r\n{line}")));
    world.expect_is(HOME, "401 REGISTER");
    assert!(bound(&world).is_empty());
}

#[test]
fn what_a_phone_may_not_say_is_refused() {
    let mut world = World::with(&with_phone());
    let mut desk = Handset::new(HOME, "desk", "PASSWORD");
    assert_eq!(desk.register(&mut world, 600).status(), Some(200));
    let many: String = (0..6).map(|one| format!("Contact: <sip:{one}@h>\r\n")).collect();
    for (headers, code) in [
        ("Contact: *\r\n", 400),
        ("Contact: *\r\nExpires: 5\r\n", 400),
        ("Contact: <tel:+49>\r\n", 400),
        ("Contact: <sip:a@h?Route=x>\r\n", 400),
        (&many, 400),
        ("Contact: <sip:a@h>;expires=59\r\n", 423),
        ("Require: path, foo\r\nContact: <sip:a@h>\r\n", 420),
    ] {
        let answer = desk.send(&mut world, headers);
        assert_eq!(answer.status(), Some(code), "{headers}");
        let least = answer.value(HeaderName::MinExpires);
        assert_eq!(least, (code == 423).then_some(&b"60"[..]));
        let unsupported = answer.value(HeaderName::Unsupported);
        assert_eq!(unsupported, (code == 420).then_some(&b"foo"[..]));
    }
    let other = desk.print("").replace("To: <sip:desk@", "To: <sip:1000@");
    world.send(HOME, &other);
    world.expect_is(HOME, "403 REGISTER");
    let own = desk.print("").replace("To: <sip:desk@", "To: <sip:1100@");
    world.send(HOME, &own);
    world.expect_is(HOME, "200 REGISTER");
    world.pass_ms(40_000);
    desk.cseq = 1;
    let contact = desk.contact("");
    assert_eq!(desk.send(&mut world, &contact).status(), Some(500));
    desk.cseq = 50;
    assert_eq!(bound(&world).len(), 1);
    assert_eq!(desk.send(&mut world, "Contact: *\r\nExpires: 0\r\n").status(), Some(200));
    assert!(bound(&world).is_empty());
}

#[test]
fn one_contact_too_many_takes_the_place_of_the_oldest() {
    let mut world = World::with(&with_phone());
    let mut desk = Handset::new(HOME, "desk", "PASSWORD");
    desk.register(&mut world, 600);
    for one in 0..5 {
        let answer = desk.send(&mut world, &format!("Contact: <sip:{one}@127.0.0.70>\r\n"));
        assert_eq!(answer.status(), Some(200));
    }
    let contacts = bound(&world);
    assert_eq!((contacts.len(), contacts[0].as_str()), (5, "sip:0@127.0.0.70"));
}

#[test]
fn a_stranger_learns_nothing_and_gets_hardly_more_than_it_sent() {
    let mut world = World::with(&with_phone());
    let mut desk = Handset::new(STRANGER, "desk", "PASSWORD");
    let contact = desk.contact("");
    let full = desk.print(&contact);
    let invite = full.replace("REGISTER", "INVITE");
    let short = "REGISTER sip:acme.example SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\n\
        From: <sip:a@b>;tag=1\r\nTo: <sip:a@b>\r\nCall-ID: c\r\nCSeq: 1 REGISTER\r\n\r\n";
    let more = format!("Subject: {}\r\nCall-ID", "none of yours ".repeat(10));
    let middle = short.replace("Call-ID", &more);
    // Who comes again without a proof is asked for what everybody knows.
    for (text, algorithms) in [(&*full, 2), (&*invite, 1), (&*middle, 1), (short, 0)] {
        world.send(STRANGER, text);
        let sent = world.clear();
        assert!(sent.len() <= 1);
        let out: usize = sent.iter().map(|(_, answer)| answer.as_bytes().len()).sum();
        assert!(out * 10 <= text.len() * 12, "{out} for {}", text.len());
        let found = sent.iter().flat_map(|(_, answer)| {
            let header = if answer.status() == Some(401) {
                HeaderName::WwwAuthenticate
            } else {
                HeaderName::ProxyAuthenticate
            };
            Challenge::all(answer, header)
        });
        let found: Vec<_> = found.map(|one| one.algorithm).collect();
        assert_eq!(found.len(), algorithms, "{text}");
        assert!(algorithms != 1 || found == [Algorithm::Md5]);
        world.pass_ms(1000);
    }
    let foreign = full.replace("acme.example", "other.example");
    let options = full.replace("REGISTER", "OPTIONS");
    let broken = full.replace("Call-ID: ", "Call ID: ");
    for text in [&foreign, &options, &broken, "INVITE", "REGISTER sip:acme.example SIP/2.0\r\n\r\n"]
    {
        world.send(STRANGER, text);
        world.quiet();
    }
    assert_eq!(world.engine.in_progress(), [0, 0, 0]);
}

#[test]
fn without_phones_a_stranger_is_not_even_read() {
    let mut world = World::new();
    let mut desk = Handset::new(STRANGER, "desk", "PASSWORD");
    let contact = desk.contact("");
    let print = desk.print(&contact);
    world.send(STRANGER, &print);
    world.quiet();
    assert_eq!(world.refusals("UnknownSource"), 1);
}

#[test]
fn who_guesses_waits_and_nobody_else_does() {
    let mut world = World::with(&with_phone());
    let mut guesser = Handset::new(STRANGER, "desk", "WRONG");
    for _ in 0..12 {
        let asked = guesser.send(&mut world, "");
        guesser.learn(&asked);
        world.pass_ms(100);
    }
    // Even the right password has to wait there, and looks like a wrong one.
    guesser.password = "PASSWORD";
    assert_eq!(guesser.send(&mut world, "").status(), Some(401));
    let mut desk = Handset::new(HOME, "desk", "PASSWORD");
    assert_eq!(desk.register(&mut world, 600).status(), Some(200));
    world.pass(Duration::from_secs(300));
    let asked = guesser.send(&mut world, "");
    guesser.learn(&asked);
    assert_eq!(guesser.send(&mut world, "").status(), Some(200));
}

/// The INVITE of a phone to a number, as its next request.
fn dial(desk: &mut Handset, world: &mut World, phone: &mut Phone) {
    phone.target = "sip:00493012345@acme.example".into();
    phone.remote = "<sip:00493012345@acme.example>".into();
    let proof = desk.prove("INVITE", &phone.target);
    let headers = format!("{proof}Content-Type: application/sdp\r\n");
    let text = phone.request("INVITE", &headers, SDP);
    world.send(phone.address, &text);
}

#[test]
fn an_unregistered_phone_proves_its_invite() {
    let mut world = World::with(&with_phone());
    let mut desk = Handset::new(HOME, "desk", "PASSWORD");
    let mut phone = Phone::calling(HOME, "desk", "00493012345", "out");
    phone.local = "<sip:desk@acme.example>;tag=f".into();
    dial(&mut desk, &mut world, &mut phone);
    let asked = world.expect_is(HOME, "407 INVITE");
    // Its ACK finds nothing, and that is all right.
    phone.ack_failure(&mut world);
    world.quiet();
    desk.learn(&asked);
    dial(&mut desk, &mut world, &mut phone);
    world.expect_is(HOME, "100 INVITE");
    let invite = world.expect_is(CARRIER_A, "INVITE");
    assert_eq!(text(invite.request_uri_bytes()), "sip:+493012345@127.0.0.2:5060");
    assert_eq!(invite.value(HeaderName::ProxyAuthorization), None);
    let carrier = Phone::called(CARRIER_A, &invite);
    carrier.answer(&mut world, 200, SDP);
    phone.take_answer(&mut world);
    world.expect_is(CARRIER_A, "ACK");
    phone.send(&mut world, "BYE");
    world.expect_is(HOME, "200 BYE");
    let bye = world.expect_is(CARRIER_A, "BYE");
    carrier.reply(&mut world, &bye, 200, "");
    world.assert_all_over();
    world.quiet();
    // With a proof it still may not say that it is somebody else.
    phone.local = "<sip:1000@acme.example>;tag=g".into();
    phone.call_id = "other".into();
    dial(&mut desk, &mut world, &mut phone);
    world.expect_is(HOME, "403 INVITE");
}

#[test]
fn a_registered_phone_calls_without_being_asked_until_it_is_gone() {
    let mut config = with_phone();
    let mut world = World::with(&config);
    let mut desk = Handset::new(HOME, "desk", "PASSWORD");
    desk.register(&mut world, 600);
    desk.challenge = None;
    let mut phone = Phone::calling(HOME, "desk", "00493012345", "one");
    dial(&mut desk, &mut world, &mut phone);
    world.expect_is(HOME, "100 INVITE");
    world.expect_is(CARRIER_A, "INVITE");
    phone.cancel(&mut world);
    world.pass(Duration::from_secs(200));
    world.clear();
    // From another port of the same address it could be anybody.
    let mut other = Phone::calling("127.0.0.70:5063", "desk", "00493012345", "two");
    dial(&mut desk, &mut world, &mut other);
    world.expect_is("127.0.0.70:5063", "407 INVITE");
    set(&mut config, "desk", "/register/username", "other".into());
    world.install(&config);
    assert!(bound(&world).is_empty());
    let mut phone = Phone::calling(HOME, "desk", "00493012345", "three");
    dial(&mut desk, &mut world, &mut phone);
    world.expect_is(HOME, "407 INVITE");
}

/// The usual line-up where the phone answers a number.
fn with_called_phone() -> Vec<Value> {
    let mut config = with_phone();
    set(&mut config, "main", "/did", "442079460000".into());
    set(&mut config, "main", "/destination", json!({ "extension": "1100" }));
    config
}

#[test]
fn calls_go_to_where_the_phone_is_registered() {
    let mut world = World::with(&with_called_phone());
    let mut caller = Phone::calling(CARRIER_A, "447700900123", "+442079460000", "none");
    caller.invite(&mut world);
    world.expect_is(CARRIER_A, "480 INVITE");
    caller.ack_failure(&mut world);
    assert_eq!(world.refusals("NotRegistered"), 1);
    let mut desk = Handset::new(HOME, "desk", "PASSWORD");
    desk.register(&mut world, 600);
    // Behind a NAT its Contact is an address that nobody else has; the path is that of its edge.
    let contact = "Contact: <sip:line7@10.0.0.7:5070;x=1>\r\nPath: <sip:edge.example;lr>\r\n";
    let answer = desk.send(&mut world, contact);
    assert_eq!(value(&answer, HeaderName::Path), "<sip:edge.example;lr>");
    let mut caller = Phone::calling(CARRIER_A, "447700900123", "+442079460000", "in");
    caller.invite(&mut world);
    world.expect_is(CARRIER_A, "100 INVITE");
    let first = world.expect_is(HOME, "INVITE");
    assert_eq!(text(first.request_uri_bytes()), "sip:line7@10.0.0.7:5070;x=1");
    assert_eq!(value(&first, HeaderName::Route), "<sip:edge.example;lr>");
    respond(&mut world, HOME, &first, 503, "");
    world.expect_is(HOME, "ACK");
    let second = world.expect_is(HOME, "INVITE");
    assert_eq!(text(second.request_uri_bytes()), "sip:desk@127.0.0.70:5062");
    assert_eq!(second.value(HeaderName::Route), None);
    let mut callee = Phone::called(HOME, &second);
    callee.answer(&mut world, 200, SDP);
    caller.take_answer(&mut world);
    world.expect_is(HOME, "ACK");
    callee.send(&mut world, "BYE");
    world.expect_is(HOME, "200 BYE");
    let bye = world.expect_is(CARRIER_A, "BYE");
    caller.reply(&mut world, &bye, 200, "");
    desk.send(&mut world, "Contact: *\r\nExpires: 0\r\n");
    world.assert_all_over();
    world.quiet();
}

#[test]
fn a_sips_contact_is_never_called_in_clear() {
    let mut world = World::with(&with_called_phone());
    let mut desk = Handset::new(HOME, "desk", "PASSWORD");
    let sips = "Contact: <sips:desk@127.0.0.70:5061>\r\n";
    let asked = desk.send(&mut world, sips);
    desk.learn(&asked);
    assert_eq!(desk.send(&mut world, sips).status(), Some(200));
    let mut caller = Phone::calling(CARRIER_A, "447700900123", "+442079460000", "clear");
    caller.invite(&mut world);
    world.expect_is(CARRIER_A, "480 INVITE");
    caller.ack_failure(&mut world);
    assert_eq!(world.refusals("NotSecure"), 1);
    assert_eq!(world.told().last().unwrap(), "refused NotSecure 480");
    world.quiet();
    // Another contact of the same phone may be called as it is.
    desk.register(&mut world, 600);
    let mut caller = Phone::calling(CARRIER_A, "447700900123", "+442079460000", "both");
    caller.invite(&mut world);
    world.expect_is(CARRIER_A, "100 INVITE");
    let invite = world.expect_is(HOME, "INVITE");
    assert_eq!(text(invite.request_uri_bytes()), "sip:desk@127.0.0.70:5062");
    respond(&mut world, HOME, &invite, 503, "");
    world.expect_is(HOME, "ACK");
    world.expect_is(CARRIER_A, "503 INVITE");
    world.quiet();
}

#[test]
fn a_sips_contact_over_tls_is_called_as_one() {
    let mut config = with_called_phone();
    set(&mut config, "carrier-b", "/enabled", false.into());
    let mut world = tls_world(config);
    let mut desk = Handset::new(HOME, "desk", "PASSWORD");
    let (sips, mut granted) = ("Contact: <sips:desk@127.0.0.70:5061>\r\n", None);
    for _ in 0..2 {
        let print = desk.print(sips).replace("SIP/2.0/UDP", "SIP/2.0/TLS");
        world.send_tls(9, HOME, &print);
        let answer = world.expect(HOME);
        desk.learn(&answer);
        granted = answer.contact().map(|at| text(at.params.get("expires").unwrap_or_default()));
    }
    // It refreshes before its connection counts as idle.
    assert!((486..=540).contains(&granted.unwrap().parse::<u32>().unwrap()));
    let mut caller = Phone::calling(CARRIER_A, "447700900123", "+442079460000", "tls");
    let invite = caller.request("INVITE", "Content-Type: application/sdp\r\n", SDP);
    world.send_tls(8, CARRIER_A, &invite.replace("SIP/2.0/UDP", "SIP/2.0/TLS"));
    world.expect_is(CARRIER_A, "100 INVITE");
    let invite = world.expect_is(HOME, "INVITE");
    assert_eq!(text(invite.request_uri_bytes()), "sips:desk@127.0.0.70:5061");
    assert_eq!(value(&invite, HeaderName::Contact), "<sips:127.0.0.1:5061>");
    let way = world.last_flow();
    assert_eq!(way.link, Link::Secure(Some(ConnectionId(9)), FarEnd::COMER));
    // Wherever it says to be, it is where it came from.
    let callee = Phone::called(HOME, &invite);
    let answer = callee.response(&invite, 200, SDP);
    let answer = answer.replace("Contact: <sip:127.0.0.70:5062>", "Contact: <sips:a@127.0.0.71>");
    world.send_tls(9, HOME, &answer);
    caller.take_answer(&mut world);
    assert_eq!(world.expect_is(HOME, "ACK").request_uri_bytes(), b"sips:a@127.0.0.71");
    assert_eq!(world.last_flow(), way);
}

#[test]
fn a_gateway_registers_and_its_calls_are_its_trunks() {
    let mut config = with_phone();
    set(&mut config, "carrier-a", "/type", "acceptRegister".into());
    set(&mut config, "carrier-a", "/host", Value::Null);
    let registrar = json!({ "domain": "gw.example", "username": "desk",
        "password": { "env": "GATEWAY" }, "maxContacts": 1, "minExpires": "120s" });
    set(&mut config, "carrier-a", "/registrar", registrar);
    let mut world = World::with(&config);
    let mut gateway = Handset::new(HOME, "desk", "GATEWAY");
    gateway.domain = "gw.example";
    let asked = gateway.send(&mut world, "Contact: <sip:gw@h>;expires=60\r\n");
    gateway.learn(&asked);
    let brief = gateway.send(&mut world, "Contact: <sip:gw@h>;expires=60\r\n");
    assert_eq!(value(&brief, HeaderName::MinExpires), "120");
    assert_eq!(gateway.register(&mut world, 240).status(), Some(200));
    // The password of a phone of the same name is another one.
    assert_eq!(
        Handset::new(STRANGER, "desk", "GATEWAY").register(&mut world, 240).status(),
        Some(401)
    );
    assert_eq!(world.observe().bindings[0].resource, "Trunk/acme/carrier-a");
    let mut caller = Phone::calling(HOME, "447700900123", "+442079460007", "in");
    caller.invite(&mut world);
    world.expect_is(HOME, "100 INVITE");
    let invite = world.expect_is(PBX, "INVITE");
    assert_eq!(text(invite.request_uri_bytes()), "sip:1007@127.0.0.9:5060");
    world.clear();
    // And calls over the trunk go to it, with the number that is dialled.
    let mut pbx = Phone::calling(PBX, "1001", "00493012345", "out");
    pbx.invite(&mut world);
    world.expect_is(PBX, "100 INVITE");
    let invite = world.expect_is(HOME, "INVITE");
    assert_eq!(text(invite.request_uri_bytes()), "sip:+493012345@127.0.0.70:5062");
    let carrier = Phone::called(HOME, &invite);
    carrier.answer(&mut world, 503, "");
    world.expect_is(HOME, "ACK");
    world.expect_is(CARRIER_B, "INVITE");
}
