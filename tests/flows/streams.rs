//! Calls over connections, and requests that are too large for a datagram.

use serde_json::{Value, json};
use trunkline::engine::Admission;
use trunkline::model::Protocol;
use trunkline::sip::HeaderName;
use trunkline::transaction::{ConnectionId, FarEnd, Link};

use crate::transfers::refer;
use crate::world::{CARRIER_A, CARRIER_B, PBX, Phone, SDP, World, config, set, stream, value};

/// The connection's end of the carrier: no port that it listens at.
pub(crate) const FROM: &str = "127.0.0.2:43210";

/// The first carrier on TCP, the rest on UDP.
pub(crate) fn tcp_world() -> World {
    let mut config = config();
    set(&mut config, "carrier-a", "/transport", json!("tcp"));
    set(&mut config, "carrier-b", "/transport", json!("udp"));
    let mut world = World::new();
    world.listen_tcp(&mut config);
    world
}

pub(crate) fn over_tcp(text: &str) -> String {
    text.replace("SIP/2.0/UDP", "SIP/2.0/TCP")
}

/// A call of the carrier on TCP, over its connection 7, answered and acknowledged; both ends.
pub(crate) fn in_over_tcp(world: &mut World) -> (Phone, Phone) {
    let mut caller = Phone::calling(CARRIER_A, "447700900123", "+442079460007", "in");
    let invite = caller.request("INVITE", "Content-Type: application/sdp\r\n", SDP);
    world.send_over(7, FROM, &over_tcp(&invite));
    world.expect_is(CARRIER_A, "100 INVITE");
    let callee = Phone::called(PBX, &world.expect_is(PBX, "INVITE"));
    callee.answer(world, 200, SDP);
    caller.learn(&world.expect_is(CARRIER_A, "200 INVITE"));
    caller.branch += 1;
    world.send_over(7, FROM, &over_tcp(&caller.print("ACK", "", "")));
    world.expect_is(PBX, "ACK");
    (caller, callee)
}

/// A PBX dials with a body of so many bytes.
fn dial(world: &mut World, bytes: usize) -> Phone {
    let mut pbx = Phone::calling(PBX, "1001", "00493012345", "large");
    let text = pbx.request("INVITE", "Content-Type: text/plain\r\n", &"x".repeat(bytes));
    world.send(PBX, &text);
    world.expect_is(PBX, "100 INVITE");
    pbx
}

#[test]
fn a_call_over_a_connection_is_answered_and_ended_on_it() {
    let mut world = tcp_world();
    let mut caller = Phone::calling(CARRIER_A, "447700900123", "+442079460007", "tcp");
    let invite = caller.request("INVITE", "Content-Type: application/sdp\r\n", SDP);
    world.send_over(7, FROM, &over_tcp(&invite));
    world.expect_is(CARRIER_A, "100 INVITE");
    let link = Link::Stream(Some(ConnectionId(7)));
    let invite = world.expect_is(PBX, "INVITE");
    assert!(value(&invite, HeaderName::Via).starts_with("SIP/2.0/UDP "));
    let callee = Phone::called(PBX, &invite);
    callee.answer(&mut world, 200, SDP);
    assert_eq!(world.last_flow().link, link);
    // Where a response goes if the connection is gone: to the port that the Via says.
    let answer = world.expect_is(CARRIER_A, "200 INVITE");
    assert_eq!(value(&answer, HeaderName::Contact), "<sip:127.0.0.1:5060;transport=tcp>");
    caller.learn(&answer);
    caller.branch += 1;
    world.send_over(7, FROM, &over_tcp(&caller.print("ACK", "", "")));
    world.expect_is(PBX, "ACK");
    let mut callee = callee;
    callee.send(&mut world, "BYE");
    world.expect_is(PBX, "200 BYE");
    let bye = world.expect_is(CARRIER_A, "BYE");
    assert_eq!(world.last_flow().link, link);
    assert!(value(&bye, HeaderName::Via).starts_with("SIP/2.0/TCP "));
    world.send_over(7, FROM, &caller.response(&bye, 200, ""));
    world.assert_all_over();
    world.quiet();
}

#[test]
fn an_unanswered_attempt_outlives_one_lost_connection_and_goes_on_at_the_second() {
    let mut world = tcp_world();
    dial(&mut world, 0);
    world.expect_is(CARRIER_A, "INVITE");
    assert_eq!(world.last_flow().link, Link::Stream(None));
    world.pass_ms(20_000);
    world.quiet();
    // The far end may just have closed what was idle: once more over another connection.
    world.lose(3, CARRIER_A);
    world.expect_is(CARRIER_A, "INVITE");
    world.quiet();
    world.lose(4, CARRIER_A);
    world.expect_is(CARRIER_B, "INVITE");
    assert!(world.told().contains(&"failover Unreachable 503".to_owned()));
}

#[test]
fn an_answer_to_an_attempt_that_was_lost_on_two_connections_is_hung_up() {
    let mut world = tcp_world();
    let mut pbx = dial(&mut world, 0);
    let carrier = Phone::called(CARRIER_A, &world.expect_is(CARRIER_A, "INVITE"));
    world.lose(3, CARRIER_A);
    world.expect_is(CARRIER_A, "INVITE");
    world.lose(4, CARRIER_A);
    let other = Phone::called(CARRIER_B, &world.expect_is(CARRIER_B, "INVITE"));
    world.pass_ms(5_000);
    world.clear();
    // It had the INVITE, and answers over a third connection.
    for again in [false, true] {
        world.send_over(5, FROM, &answer_of(&carrier, 200));
        world.expect_is(FROM, "ACK");
        if !again {
            let bye = world.expect_is(FROM, "BYE");
            world.send_over(5, FROM, &carrier.response(&bye, 200, ""));
        }
        world.quiet();
    }
    other.answer(&mut world, 200, SDP);
    pbx.take_answer(&mut world);
    world.expect_is(CARRIER_B, "ACK");
    world.quiet();
}

#[test]
fn an_answer_inside_the_call_after_a_504_ends_it() {
    let mut world = tcp_world();
    let (caller, mut callee) = in_over_tcp(&mut world);
    callee.invite(&mut world);
    world.expect_is(PBX, "100 INVITE");
    let again = world.expect_is(CARRIER_A, "INVITE");
    world.lose(7, FROM);
    world.expect_is(CARRIER_A, "INVITE");
    world.refuse_last();
    // RFC 3261 section 14.1: the session stays as it was.
    world.expect_is(PBX, "504 INVITE");
    callee.ack_failure(&mut world);
    world.quiet();
    // But now the two have agreed on nothing: one has taken what the other one was refused.
    world.send_over(8, FROM, &caller.response(&again, 200, SDP));
    world.expect_is(CARRIER_A, "ACK");
    for (end, phone) in [(CARRIER_A, &caller), (PBX, &callee)] {
        let bye = world.expect_is(end, "BYE");
        assert!(value(&bye, HeaderName::Reason).contains("too late"), "{bye:?}");
        let answer = phone.response(&bye, 200, "");
        if end == PBX { world.send(end, &answer) } else { world.send_over(8, FROM, &answer) }
    }
    assert_eq!(world.told().last().unwrap(), "ended AnswerTooLate 200");
    world.quiet();
    world.assert_all_over();
}

#[test]
fn a_ringing_attempt_outlives_its_connection() {
    let mut world = tcp_world();
    let mut pbx = dial(&mut world, 0);
    let carrier = Phone::called(CARRIER_A, &world.expect_is(CARRIER_A, "INVITE"));
    world.send_over(3, CARRIER_A, &answer_of(&carrier, 180));
    world.expect_is(PBX, "180 INVITE");
    world.lose(3, CARRIER_A);
    world.quiet();
    world.send_over(4, FROM, &answer_of(&carrier, 200));
    pbx.take_answer(&mut world);
    world.expect_is(CARRIER_A, "ACK");
}

fn answer_of(phone: &Phone, code: u16) -> String {
    phone.response(phone.invited(), code, "")
}

#[test]
fn a_large_request_goes_over_tcp_and_by_udp_when_there_is_no_connection() {
    let mut config = config();
    set(&mut config, "carrier-a", "/transport", json!("udp"));
    set(&mut config, "carrier-b", "/transport", json!("udp"));
    let mut world = World::new();
    world.listen_tcp(&mut config);
    let mut pbx = dial(&mut world, 1300);
    let invite = world.expect_is(CARRIER_A, "INVITE");
    assert!(value(&invite, HeaderName::Via).starts_with("SIP/2.0/TCP 127.0.0.1:5060;branch="));
    assert_eq!((world.last_flow().transport, world.last_flow().link), (1, Link::Stream(None)));
    world.refuse_last();
    let again = world.expect_is(CARRIER_A, "INVITE");
    assert!(value(&again, HeaderName::Via).starts_with("SIP/2.0/UDP 127.0.0.1:5060;branch="));
    assert_eq!(invite.via().branch(), again.via().branch());
    assert_eq!(world.last_flow().link, Link::Datagram);
    // From then on it is one on UDP: it is sent again.
    world.pass_ms(500);
    world.expect_is(CARRIER_A, "INVITE");
    Phone::called(CARRIER_A, &again).answer(&mut world, 200, SDP);
    pbx.take_answer(&mut world);
    world.expect_is(CARRIER_A, "ACK");
}

#[test]
fn a_request_that_fits_stays_on_udp() {
    let mut config = config();
    set(&mut config, "carrier-a", "/transport", json!("udp"));
    set(&mut config, "carrier-b", "/transport", json!("udp"));
    let mut world = World::new();
    world.listen_tcp(&mut config);
    dial(&mut world, 700);
    world.expect_is(CARRIER_A, "INVITE");
    assert_eq!(world.last_flow().link, Link::Datagram);
    // Without a listener for connections nothing else is possible.
    let mut world = World::new();
    dial(&mut world, 1300);
    world.expect_is(CARRIER_A, "INVITE");
    assert_eq!(world.last_flow().link, Link::Datagram);
}

#[test]
fn a_trunk_on_udp_is_known_on_the_tcp_listener_beside() {
    let mut config = config();
    set(&mut config, "carrier-a", "/transport", json!("udp"));
    set(&mut config, "carrier-b", "/transport", json!("udp"));
    let mut world = World::new();
    world.listen_tcp(&mut config);
    let mut caller = Phone::calling(CARRIER_A, "447700900123", "+442079460007", "tcp");
    let invite = caller.request("INVITE", "Content-Type: application/sdp\r\n", SDP);
    world.send_over(7, FROM, &over_tcp(&invite));
    world.expect_is(CARRIER_A, "100 INVITE");
    world.expect_is(PBX, "INVITE");
    assert_eq!(world.engine.admits(stream(8, FROM)), Admission::Known);
    assert_eq!(world.engine.admits(stream(9, "127.0.0.66:1")), Admission::Refused);
}

/// With the first carrier on TLS, which is listener 2.
pub(crate) fn tls_world(mut config: Vec<Value>) -> World {
    set(&mut config, "carrier-a", "/transport", json!("tls"));
    set(&mut config, "carrier-a", "/port", json!(5061));
    set(&mut config, "carrier-b", "/transport", json!("udp"));
    let mut world = World::new();
    let spec = json!({ "protocol": "tls", "bind": "127.0.0.1", "port": 5061 });
    world.listen_more(&mut config, 2, ("tls", Protocol::Tls, 5061), &spec);
    world
}

#[test]
fn a_far_end_that_asks_by_sips_is_answered_by_sips() {
    let plain = "<sip:127.0.0.1:5061;transport=tls>";
    let invite = "INVITE sip:+442079460007@127.0.0.1:5060";
    let contact = "Contact: <sip:127.0.0.2:5060>";
    for (from, to, expected) in [
        (invite, invite.to_owned(), plain),
        (invite, invite.replace("sip:", "sips:"), "<sips:127.0.0.1:5061>"),
        (contact, contact.replace("sip:", "SIPS:"), "<sips:127.0.0.1:5061>"),
        (
            contact,
            format!("{contact}\r\nRecord-Route: <sips:127.0.0.2;lr>"),
            "<sips:127.0.0.1:5061>",
        ),
        // The first hop counts, not what is behind it.
        (contact, "Record-Route: <sip:127.0.0.2;lr>\r\nContact: <sips:127.0.0.2>".into(), plain),
    ] {
        let mut world = tls_world(config());
        let mut caller = Phone::calling(CARRIER_A, "447700900123", "+442079460007", "sips");
        let text = caller.request("INVITE", "Content-Type: application/sdp\r\n", SDP);
        let text = text.replace("SIP/2.0/UDP", "SIP/2.0/TLS").replacen(from, &to, 1);
        world.send_tls(7, FROM, &text);
        world.expect_is(CARRIER_A, "100 INVITE");
        let callee = Phone::called(PBX, &world.expect_is(PBX, "INVITE"));
        assert!(value(callee.invited(), HeaderName::Contact).starts_with("<sip:"));
        callee.answer(&mut world, 200, SDP);
        let answer = world.expect_is(CARRIER_A, "200 INVITE");
        assert_eq!(value(&answer, HeaderName::Contact), expected, "{to}");
    }
}

#[test]
fn a_request_of_ours_to_a_sips_target_has_a_sips_contact() {
    let mut world = tls_world(config());
    let mut pbx = dial(&mut world, 0);
    let remote = "127.0.0.2:5061";
    let invite = world.expect_is(remote, "INVITE");
    assert_eq!(value(&invite, HeaderName::Contact), "<sip:127.0.0.1:5061;transport=tls>");
    let carrier = Phone::called(CARRIER_A, &invite);
    let answer = carrier.response(&invite, 200, SDP);
    let answer = answer.replace("Contact: <sip:127.0.0.2:5060>", "Contact: <sips:127.0.0.2>");
    world.send_tls(7, remote, &answer);
    pbx.take_answer(&mut world);
    assert_eq!(world.expect_is(remote, "ACK").request_uri_bytes(), b"sips:127.0.0.2");
    pbx.invite(&mut world);
    world.expect_is(PBX, "100 INVITE");
    let again = world.expect_is(remote, "INVITE");
    assert_eq!(again.request_uri_bytes(), b"sips:127.0.0.2");
    assert_eq!(value(&again, HeaderName::Contact), "<sips:127.0.0.1:5061>");
}

#[test]
fn who_has_to_be_at_the_far_end_of_a_transfer_over_tls_is_known() {
    let mut world = tls_world(config());
    let mut pbx = dial(&mut world, 0);
    let remote = "127.0.0.2:5061";
    let invite = world.expect_is(remote, "INVITE");
    let towards = world.last_flow().link;
    assert_ne!(towards.far_end(), FarEnd::default());
    let carrier = Phone::called(CARRIER_A, &invite);
    world.send_tls(7, remote, &carrier.response(&invite, 200, SDP));
    pbx.take_answer(&mut world);
    refer(&mut world, &mut pbx, "<sip:00493012346@127.0.0.1>");
    world.expect_is(PBX, "202 REFER");
    let invite = world.expect_is(remote, "INVITE");
    assert!(invite.to().tag().is_none());
    assert_eq!(world.last_flow().link, towards);
}
