//! Responses that are too long for the datagram that they would have to go back in.

use serde_json::json;
use trunkline::sip::{HeaderName, Message};

use crate::early;
use crate::world::{CARRIER_A, PBX, Phone, SDP, World, config, inbound_call, set, value};

/// A call that rings, and an answer of the PBX that is too long to be passed on.
fn too_long(world: &mut World) -> (Phone, Phone, String) {
    let mut config = config();
    set(&mut config, "carrier-a", "/transport", json!("udp"));
    world.listen_tcp(&mut config);
    let mut caller = Phone::calling(CARRIER_A, "447700900123", "+442079460007", "long");
    caller.invite(world);
    world.expect_is(CARRIER_A, "100 INVITE");
    let callee = Phone::called(PBX, &world.expect_is(PBX, "INVITE"));
    callee.answer(world, 180, "");
    let ringing = world.expect_is(CARRIER_A, "180 INVITE").packet().len();
    (caller, callee, "x".repeat(65_515 - ringing))
}

#[test]
fn an_answer_that_no_datagram_can_hold_is_a_500_and_no_call() {
    let mut world = World::new();
    let (caller, callee, body) = too_long(&mut world);
    callee.answer(&mut world, 200, &body);
    let answer = world.expect_is(CARRIER_A, "500 INVITE");
    assert!(answer.body().is_empty());
    world.expect_is(PBX, "ACK");
    let bye = world.expect_is(PBX, "BYE");
    assert!(value(&bye, HeaderName::Reason).contains("too long"), "{bye:?}");
    callee.reply(&mut world, &bye, 200, "");
    assert_eq!(world.told().last().unwrap(), "ended AnswerTooLong 500");
    assert!(!world.told().contains(&"answered".to_owned()));
    // The 500 is sent again as any failure is.
    world.pass_ms(500);
    world.expect_is(CARRIER_A, "500 INVITE");
    caller.ack_failure(&mut world);
    callee.answer(&mut world, 200, &body);
    world.expect_is(PBX, "ACK");
    world.quiet();
    world.assert_all_over();
}

#[test]
fn an_answer_inside_the_call_that_no_datagram_can_hold_ends_it() {
    let mut world = World::new();
    let (mut caller, callee, body) = too_long(&mut world);
    callee.answer(&mut world, 200, SDP);
    caller.take_answer(&mut world);
    world.expect_is(PBX, "ACK");
    caller.invite(&mut world);
    world.expect_is(CARRIER_A, "100 INVITE");
    let again = world.expect_is(PBX, "INVITE");
    callee.reply(&mut world, &again, 200, &body);
    world.expect_is(CARRIER_A, "500 INVITE");
    caller.ack_failure(&mut world);
    world.expect_is(PBX, "ACK");
    for (end, phone) in [(PBX, &callee), (CARRIER_A, &caller)] {
        let bye = world.expect_is(end, "BYE");
        phone.reply(&mut world, &bye, 200, "");
    }
    assert_eq!(world.told().last().unwrap(), "ended AnswerTooLong 200");
    world.quiet();
    world.assert_all_over();
}

const TYPE: &str = "Content-Type: application/sdp\r\n";
const RELIABLE: &str = "Require: 100rel\r\nRSeq: 7\r\n";
/// The most that we let in, and more than a datagram takes back with our headers.
const MOST: usize = 65_530;

/// A call whose caller says this of extensions, up to the INVITE at the PBX.
fn placed(world: &mut World, headers: &str) -> (Phone, Phone) {
    // What goes back to the caller names its long branch.
    let call_id = "ring".repeat(60);
    let mut caller = Phone::calling(CARRIER_A, "447700900123", "+442079460007", &call_id);
    let invite = caller.request("INVITE", &format!("{headers}{TYPE}"), SDP);
    world.send(CARRIER_A, &invite);
    world.expect_is(CARRIER_A, "100 INVITE");
    let callee = Phone::called(PBX, &world.expect_is(PBX, "INVITE"));
    (caller, callee)
}

/// What makes the response to an INVITE as long as it may be.
fn rest(callee: &Phone, invite: &Message, headers: &str) -> usize {
    MOST - callee.response(invite, 183, "").len() - headers.len() - "65530".len()
}

/// The PBX answers with these headers, and a body that makes it too long.
fn say(world: &mut World, callee: &Phone, (code, headers): (u16, &str)) {
    let invite = callee.invited().clone();
    let body = "x".repeat(rest(callee, &invite, headers));
    callee.reply_with(world, &invite, (code, headers), &body);
}

/// The same with headers that alone are too long.
fn say_headers(world: &mut World, callee: &Phone, (code, headers): (u16, &str)) {
    let invite = callee.invited().clone();
    let each = rest(callee, &invite, headers) / 9 - "X-Long-1: \r\n".len();
    let long = (0..9).map(|one| format!("X-Long-{one}: {}\r\n", "x".repeat(each)));
    let headers = format!("{headers}{}", long.collect::<String>());
    callee.reply_with(world, &invite, (code, &headers), "");
}

#[test]
fn progress_that_no_datagram_can_hold_is_told_without_its_body() {
    let mut world = World::new();
    let (mut caller, callee) = placed(&mut world, "");
    say(&mut world, &callee, (183, TYPE));
    let progress = world.expect_is(CARRIER_A, "183 INVITE");
    assert!(progress.body().is_empty());
    assert_eq!(progress.value(HeaderName::ContentType), None);
    callee.answer(&mut world, 200, SDP);
    caller.take_answer(&mut world);
    world.expect_is(PBX, "ACK");
    world.quiet();
    assert_eq!(world.observe().active_calls, 1);
}

#[test]
fn progress_whose_headers_alone_are_too_long_is_not_told() {
    let mut world = World::new();
    let (mut caller, callee) = placed(&mut world, "");
    say_headers(&mut world, &callee, (180, ""));
    world.quiet();
    callee.answer(&mut world, 200, SDP);
    caller.take_answer(&mut world);
    world.expect_is(PBX, "ACK");
    world.quiet();
}

#[test]
fn reliable_progress_with_a_session_that_is_too_long_ends_the_call() {
    let mut world = World::new();
    let (caller, callee) = placed(&mut world, "Supported: 100rel\r\n");
    say(&mut world, &callee, (183, &format!("{RELIABLE}{TYPE}")));
    let refused = world.expect_is(CARRIER_A, "500 INVITE");
    assert!(refused.body().is_empty());
    caller.ack_failure(&mut world);
    let cancel = world.expect_is(PBX, "CANCEL");
    assert!(value(&cancel, HeaderName::Reason).contains("too long"), "{cancel:?}");
    callee.reply(&mut world, &cancel, 200, "");
    callee.answer(&mut world, 487, "");
    world.expect_is(PBX, "ACK");
    assert_eq!(world.told().last().unwrap(), "ended AnswerTooLong 500");
    world.quiet();
    world.assert_all_over();
}

#[test]
fn reliable_progress_without_a_session_is_acknowledged_here_if_it_is_too_long() {
    let mut world = World::new();
    let (mut caller, callee) = placed(&mut world, "Supported: 100rel\r\n");
    say_headers(&mut world, &callee, (180, RELIABLE));
    let prack = world.expect_is(PBX, "PRACK");
    assert_eq!(value(&prack, HeaderName::RAck), "7 1 INVITE");
    callee.reply(&mut world, &prack, 200, "");
    world.quiet();
    // The next one fits, and has the first number of the caller's side.
    let headers = RELIABLE.replace('7', "8");
    let invite = callee.invited().clone();
    callee.reply_with(&mut world, &invite, (180, &headers), "");
    let ringing = world.expect_is(CARRIER_A, "180 INVITE");
    early::prack(&mut world, &caller, &ringing, 2);
    let prack = world.expect_is(PBX, "PRACK");
    assert_eq!(value(&prack, HeaderName::RAck), "8 1 INVITE");
    callee.reply(&mut world, &prack, 200, "");
    world.expect_is(CARRIER_A, "200 PRACK");
    callee.answer(&mut world, 200, SDP);
    caller.take_answer(&mut world);
    world.expect_is(PBX, "ACK");
    world.quiet();
}

#[test]
fn who_requires_reliable_progress_gets_it_without_a_body_that_is_too_long() {
    let mut world = World::new();
    let (mut caller, callee) = placed(&mut world, "Require: 100rel\r\n");
    say(&mut world, &callee, (183, TYPE));
    let progress = world.expect_is(CARRIER_A, "183 INVITE");
    assert!(progress.body().is_empty());
    early::prack(&mut world, &caller, &progress, 2);
    world.expect_is(CARRIER_A, "200 PRACK");
    callee.answer(&mut world, 200, SDP);
    caller.take_answer(&mut world);
    world.expect_is(PBX, "ACK");
    world.quiet();
}

#[test]
fn a_failure_that_no_datagram_can_hold_is_told_as_far_as_it_fits() {
    for say in [say, say_headers] {
        let mut world = World::new();
        let (caller, callee) = placed(&mut world, "");
        say(&mut world, &callee, (486, TYPE));
        world.expect_is(PBX, "ACK");
        let busy = world.expect_is(CARRIER_A, "486 INVITE");
        assert!(busy.body().is_empty());
        caller.ack_failure(&mut world);
        world.quiet();
        world.assert_all_over();
    }
}

#[test]
fn progress_inside_a_call_that_is_too_long_leaves_its_final_answer() {
    let mut world = World::new();
    let (mut caller, callee) = inbound_call(&mut world, "inside");
    caller.invite(&mut world);
    world.expect_is(CARRIER_A, "100 INVITE");
    let again = world.expect_is(PBX, "INVITE");
    let body = "x".repeat(rest(&callee, &again, TYPE));
    callee.reply_with(&mut world, &again, (183, TYPE), &body);
    assert!(world.expect_is(CARRIER_A, "183 INVITE").body().is_empty());
    callee.reply(&mut world, &again, 200, SDP);
    caller.take_answer(&mut world);
    world.expect_is(PBX, "ACK");
    world.quiet();
}

/// A call, and a request of its caller inside it, answered at more length than fits.
fn asked(world: &mut World, method: &str) -> (Phone, Phone) {
    let (mut caller, callee) = inbound_call(world, method);
    caller.send(world, method);
    let request = world.expect_is(PBX, method);
    let body = "x".repeat(rest(&callee, &request, TYPE));
    callee.reply_with(world, &request, (200, TYPE), &body);
    (caller, callee)
}

#[test]
fn an_answer_to_another_request_goes_back_without_its_body() {
    for method in ["INFO", "OPTIONS"] {
        let mut world = World::new();
        asked(&mut world, method);
        let answer = world.expect_is(CARRIER_A, &format!("200 {method}"));
        assert!(answer.body().is_empty());
        assert_eq!(answer.value(HeaderName::ContentType), None);
        world.quiet();
        assert_eq!(world.observe().active_calls, 1);
    }
}

#[test]
fn a_session_that_no_answer_can_tell_ends_the_call() {
    let mut world = World::new();
    let (caller, callee) = asked(&mut world, "UPDATE");
    world.expect_is(CARRIER_A, "500 UPDATE");
    for (end, phone) in [(CARRIER_A, &caller), (PBX, &callee)] {
        let bye = world.expect_is(end, "BYE");
        assert!(value(&bye, HeaderName::Reason).contains("too long"), "{bye:?}");
        phone.reply(&mut world, &bye, 200, "");
    }
    assert_eq!(world.told().last().unwrap(), "ended AnswerTooLong 200");
    world.quiet();
    world.assert_all_over();
}

#[test]
fn a_session_that_no_answer_can_tell_ends_a_call_that_only_rings() {
    let mut world = World::new();
    let (mut caller, callee) = placed(&mut world, "");
    callee.answer(&mut world, 183, SDP);
    caller.learn(&world.expect_is(CARRIER_A, "183 INVITE"));
    let mut early = caller.clone();
    let update = early.request("UPDATE", TYPE, SDP);
    world.send(CARRIER_A, &update);
    let update = world.expect_is(PBX, "UPDATE");
    let body = "x".repeat(rest(&callee, &update, TYPE));
    callee.reply_with(&mut world, &update, (200, TYPE), &body);
    world.expect_is(CARRIER_A, "500 UPDATE");
    world.expect_is(CARRIER_A, "500 INVITE");
    caller.ack_failure(&mut world);
    early::take_cancel(&mut world, &callee);
    assert_eq!(world.told().last().unwrap(), "ended AnswerTooLong 500");
    world.quiet();
    world.assert_all_over();
}
