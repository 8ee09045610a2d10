//! Where the requests of a dialog go: Record-Route and Route, Contact, addresses of our own.

use std::collections::BTreeMap;

use serde_json::json;
use trunkline::engine::{Command, Listener};
use trunkline::sip::{HeaderName, Message};

use crate::world::{CARRIER_A, PBX, Phone, SDP, World, config, inbound_call, set, text, value};

const PROXY: &str = "<sip:127.0.0.2:5060;lr>";

/// A caller's INVITE with further headers, and the INVITE that the callee gets.
fn ring(world: &mut World, call_id: &str, headers: &str) -> (Phone, Phone, Message) {
    let mut caller = Phone::calling(CARRIER_A, "+4930", "442079460001", call_id);
    let invite = caller.request("INVITE", headers, SDP);
    world.send(CARRIER_A, &invite);
    world.expect_is(CARRIER_A, "100 INVITE");
    let invite = world.expect_is(PBX, "INVITE");
    (caller, Phone::called(PBX, &invite), invite)
}

#[test]
fn the_record_route_of_an_invite_comes_back_where_it_makes_a_dialog() {
    let mut world = World::new();
    let headers = format!("Record-Route: {PROXY}\r\nRecord-Route: <sip:127.0.0.8;lr>\r\n");
    let (mut caller, callee, _) = ring(&mut world, "record-route", &headers);
    for (code, body) in [(180, ""), (200, SDP)] {
        callee.answer(&mut world, code, body);
        let response = world.expect_is(CARRIER_A, &format!("{code} INVITE"));
        let routes: Vec<_> = response.values(HeaderName::RecordRoute).map(text).collect();
        assert_eq!(routes, [PROXY, "<sip:127.0.0.8;lr>"], "RFC 3261 section 12.1.1");
        caller.learn(&response);
    }
    caller.ack(&mut world);
    world.expect_is(PBX, "ACK");
    let (mut caller, callee, _) = ring(&mut world, "record-route-486", &headers);
    callee.answer(&mut world, 486, "");
    let refused = world.expect_is(CARRIER_A, "486 INVITE");
    assert_eq!(refused.value(HeaderName::RecordRoute), None);
    caller.learn(&refused);
    caller.ack_failure(&mut world);
}

/// A call whose far ends name other addresses in their Contact than they speak from.
fn elsewhere(world: &mut World, call_id: &str) -> (Phone, Phone) {
    let mut caller = Phone::calling(CARRIER_A, "+4930", "442079460001", call_id);
    let invite = caller.request("INVITE", "", SDP);
    world.send(CARRIER_A, &invite.replace("Contact: <sip:127.0.0.2", "Contact: <sip:127.0.0.77"));
    world.expect_is(CARRIER_A, "100 INVITE");
    let invite = world.expect_is(PBX, "INVITE");
    let mut callee = Phone::called(PBX, &invite);
    let answer = callee.response(&invite, 200, SDP);
    world.send(PBX, &answer.replace("Contact: <sip:127.0.0.9", "Contact: <sip:127.0.0.78"));
    caller.take_answer(world);
    world.expect_is("127.0.0.78:5060", "ACK");
    (caller.address, callee.address) = ("127.0.0.77:5060", "127.0.0.78:5060");
    (caller, callee)
}

#[test]
fn a_far_end_may_speak_from_the_address_of_its_contact() {
    let mut world = World::new();
    let (caller, mut callee) = elsewhere(&mut world, "contact");
    callee.send(&mut world, "BYE");
    world.expect_is(callee.address, "200 BYE");
    let bye = world.expect_is(caller.address, "BYE");
    caller.reply(&mut world, &bye, 200, "");
    world.pass_ms(2000);
    world.quiet();
    world.assert_all_over();
    // With the call, what it made known is over, too.
    callee.send(&mut world, "BYE");
    world.quiet();
}

#[test]
fn an_address_that_a_contact_named_begins_nothing() {
    let mut world = World::new();
    let (caller, _) = elsewhere(&mut world, "no-call");
    let mut other = Phone::calling(caller.address, "+4930", "442079460001", "other");
    other.invite(&mut world);
    world.quiet();
    other.send(&mut world, "OPTIONS");
    world.quiet();
}

#[test]
fn headers_in_a_contact_are_no_part_of_a_request_uri() {
    let mut world = World::new();
    let (mut caller, callee, invite) = ring(&mut world, "uri-headers", "");
    let answer = callee.response(&invite, 200, SDP);
    let contact = "Contact: <sip:desk@127.0.0.9:5060;x=1?Subject=y>";
    world.send(PBX, &answer.replace("Contact: <sip:127.0.0.9:5060>", contact));
    caller.take_answer(&mut world);
    let ack = world.expect_is(PBX, "ACK");
    assert_eq!(text(ack.request_uri_bytes()), "sip:desk@127.0.0.9:5060;x=1");
}

/// RFC 3263 section 4: a `maddr` is where a URI leads; under the rules that hold for its host.
#[test]
fn the_maddr_of_a_dialog_is_where_its_requests_go() {
    for (contact, target) in [
        ("<sip:x@127.0.0.99;maddr=127.0.0.8>", "127.0.0.8:5060"),
        ("<sip:x@192.0.2.9:5070;maddr=127.0.0.8>", "127.0.0.8:5070"),
        ("<sip:x@127.0.0.99;maddr=192.0.2.1>", PBX),
        ("<sip:x@127.0.0.99;maddr=224.0.1.75>", PBX),
        ("<sip:x@127.0.0.99;maddr=name.example>", PBX),
    ] {
        let mut world = World::new();
        let (mut caller, callee, invite) = ring(&mut world, "maddr", "");
        let answer = callee.response(&invite, 200, SDP);
        let own = format!("Contact: <sip:{PBX}>");
        world.send(PBX, &answer.replace(&own, &format!("Contact: {contact}")));
        caller.take_answer(&mut world);
        let ack = world.expect_is(target, "ACK");
        assert_eq!(format!("<{}>", text(ack.request_uri_bytes())), contact);
        world.quiet();
    }
    let mut world = World::new();
    let headers = "Record-Route: <sip:127.0.0.99;lr;maddr=127.0.0.8>\r\n";
    let (mut caller, mut callee, _) = ring(&mut world, "maddr-route", headers);
    callee.answer(&mut world, 200, SDP);
    caller.take_answer(&mut world);
    world.expect_is(PBX, "ACK");
    callee.send(&mut world, "BYE");
    world.expect_is(PBX, "200 BYE");
    let bye = world.expect_is("127.0.0.8:5060", "BYE");
    assert_eq!(value(&bye, HeaderName::Route), "<sip:127.0.0.99;lr;maddr=127.0.0.8>");
}

#[test]
fn a_strict_router_finds_itself_in_the_request_uri() {
    let mut world = World::new();
    let headers = "Record-Route: <sip:127.0.0.2:5060>, <sip:127.0.0.8;lr>\r\n";
    let (mut caller, mut callee, _) = ring(&mut world, "strict", headers);
    callee.answer(&mut world, 200, SDP);
    caller.take_answer(&mut world);
    world.expect_is(PBX, "ACK");
    callee.send(&mut world, "BYE");
    world.expect_is(PBX, "200 BYE");
    // RFC 3261 section 12.2.1.1.
    let bye = world.expect_is(CARRIER_A, "BYE");
    assert_eq!(text(bye.request_uri_bytes()), "sip:127.0.0.2:5060");
    assert_eq!(value(&bye, HeaderName::Route), "<sip:127.0.0.8;lr>, <sip:127.0.0.2:5060>");
}

#[test]
fn only_what_aims_a_dialog_carries_a_contact() {
    let mut world = World::new();
    let (mut caller, callee) = inbound_call(&mut world, "contacts");
    for (method, carries) in
        [("UPDATE", true), ("NOTIFY", true), ("OPTIONS", true), ("INFO", false), ("MESSAGE", false)]
    {
        caller.send(&mut world, method);
        let request = world.expect_is(PBX, method);
        assert_eq!(request.contact().is_some(), carries, "{method}, RFC 3428 section 4");
        callee.reply(&mut world, &request, 200, "");
        let response = world.expect_is(CARRIER_A, &format!("200 {method}"));
        assert_eq!(response.contact().is_some(), carries, "{method}");
        caller.send(&mut world, method);
        let request = world.expect_is(PBX, method);
        // Of a failure it would name another place to try (RFC 3261 section 20.10).
        callee.reply(&mut world, &request, 488, "");
        assert!(world.expect(CARRIER_A).contact().is_none(), "{method}");
    }
}

#[test]
fn a_listener_on_every_address_names_one_of_its_own() {
    let mut config = config();
    set(&mut config, "udp", "/bind", json!("0.0.0.0"));
    set(&mut config, "carrier-a", "/host", json!("198.51.100.2"));
    set(&mut config, "carrier-a", "/associatedIps", json!(["203.0.113.0/24"]));
    set(&mut config, "pbx", "/contact", json!("sip:198.51.100.9:5060"));
    let mut world = World::with(&config);
    let local = [
        ("198.51.100.2", "198.51.100.1"),
        ("198.51.100.9", "198.51.100.1"),
        ("203.0.113.0", "203.0.113.250"),
    ];
    let local = local.map(|(remote, own)| (remote.parse().unwrap(), own.parse().unwrap()));
    let listener = Listener {
        protocol: trunkline::model::Protocol::Udp,
        name: "udp".parse().unwrap(),
        bound: "0.0.0.0:5060".parse().unwrap(),
        public: None,
        local: BTreeMap::from(local),
    };
    world.engine.handle_command(world.now, Command::Listen(0, listener));
    let pbx = "198.51.100.9:5060";
    let mut caller = Phone::calling("203.0.113.7:5060", "+4930", "442079460001", "everywhere");
    caller.invite(&mut world);
    world.expect_is(caller.address, "100 INVITE");
    let invite = world.expect_is(pbx, "INVITE");
    assert_eq!(value(&invite, HeaderName::Contact), "<sip:198.51.100.1:5060>");
    Phone::called(pbx, &invite).answer(&mut world, 200, SDP);
    let answer = caller.take_answer(&mut world);
    assert_eq!(value(&answer, HeaderName::Contact), "<sip:203.0.113.250:5060>");
}
