//! Inside the dialog: re-INVITE both ways, its glare and end, INFO and its like, what we do not take.

use std::time::Duration;

use trunkline::sip::{HeaderName, Message};

use crate::world::{CARRIER_A, PBX, Phone, SDP, World, inbound_call, text, value};

const HOLD: &str = "v=0\r\na=sendonly\r\n";

fn reinvite(world: &mut World, from: &mut Phone) {
    let text = from.request("INVITE", "Content-Type: application/sdp\r\n", HOLD);
    world.send(from.address, &text);
}

/// A re-INVITE from one side through to the ACK at the other.
fn hold(world: &mut World, from: &mut Phone, to: &Phone) {
    reinvite(world, from);
    world.expect_is(from.address, "100 INVITE");
    let invite = world.expect_is(to.address, "INVITE");
    assert_eq!(text(invite.body()), HOLD);
    assert_eq!(text(invite.call_id()), to.call_id);
    to.reply(world, &invite, 200, SDP);
    let answer = from.take_answer(world);
    assert_eq!(text(answer.body()), SDP);
    let ack = world.expect_is(to.address, "ACK");
    assert_eq!(ack.cseq().number, invite.cseq().number);
    world.quiet();
}

#[test]
fn a_reinvite_passes_from_either_side() {
    let mut world = World::new();
    let (mut caller, mut callee) = inbound_call(&mut world, "hold");
    hold(&mut world, &mut caller, &callee.clone());
    hold(&mut world, &mut callee, &caller.clone());
    hold(&mut world, &mut caller, &callee.clone());
    caller.send(&mut world, "BYE");
    world.expect_is(CARRIER_A, "200 BYE");
    let bye = world.expect_is(PBX, "BYE");
    callee.reply(&mut world, &bye, 200, "");
    world.assert_all_over();
    world.quiet();
}

#[test]
fn a_late_offer_comes_back_in_the_200_and_its_answer_in_the_ack() {
    let mut world = World::new();
    let (mut caller, callee) = inbound_call(&mut world, "late-offer");
    caller.send(&mut world, "INVITE");
    world.expect_is(CARRIER_A, "100 INVITE");
    let invite = world.expect_is(PBX, "INVITE");
    assert!(invite.body().is_empty());
    callee.reply(&mut world, &invite, 200, SDP);
    let answer = world.expect_is(CARRIER_A, "200 INVITE");
    assert_eq!(text(answer.body()), SDP);
    let ack = caller.print("ACK", "Content-Type: application/sdp\r\n", HOLD);
    world.send(CARRIER_A, &ack.replace("branch=z9hG4bK-", "branch=z9hG4bKack-"));
    assert_eq!(text(world.expect_is(PBX, "ACK").body()), HOLD);
}

#[test]
fn a_refused_reinvite_leaves_the_call_as_it_was() {
    let mut world = World::new();
    let (mut caller, callee) = inbound_call(&mut world, "488");
    reinvite(&mut world, &mut caller);
    world.expect_is(CARRIER_A, "100 INVITE");
    let invite = world.expect_is(PBX, "INVITE");
    callee.reply(&mut world, &invite, 488, "");
    world.expect_is(PBX, "ACK");
    world.expect_is(CARRIER_A, "488 INVITE");
    caller.ack_failure(&mut world);
    world.pass(Duration::from_secs(60));
    world.quiet();
    assert_eq!(world.observe().active_calls, 1);
    let (mut caller, callee) = (caller, callee);
    hold(&mut world, &mut caller, &callee);
}

#[test]
fn crossing_reinvites_are_491_and_a_second_one_is_500() {
    let mut world = World::new();
    let (mut caller, mut callee) = inbound_call(&mut world, "glare");
    reinvite(&mut world, &mut caller);
    world.expect_is(CARRIER_A, "100 INVITE");
    let invite = world.expect_is(PBX, "INVITE");
    reinvite(&mut world, &mut callee);
    world.expect_is(PBX, "491 INVITE");
    callee.ack_failure(&mut world);
    let first = caller.clone();
    reinvite(&mut world, &mut caller);
    let answer = world.expect_is(CARRIER_A, "500 INVITE");
    assert!(answer.retry_after().is_some_and(|wait| wait <= 10));
    caller.ack_failure(&mut world);
    callee.reply(&mut world, &invite, 200, SDP);
    let mut first = first;
    first.branch += 10;
    first.take_answer(&mut world);
    world.expect_is(PBX, "ACK");
    world.quiet();
    assert_eq!(world.observe().active_calls, 1);
}

#[test]
fn a_reinvite_can_be_cancelled_and_the_call_goes_on() {
    let mut world = World::new();
    let (mut caller, callee) = inbound_call(&mut world, "re-cancel");
    reinvite(&mut world, &mut caller);
    world.expect_is(CARRIER_A, "100 INVITE");
    let invite = world.expect_is(PBX, "INVITE");
    caller.cancel(&mut world);
    world.expect_is(CARRIER_A, "200 CANCEL");
    world.quiet();
    callee.reply(&mut world, &invite, 180, "");
    world.expect_is(CARRIER_A, "180 INVITE");
    let cancel = world.expect_is(PBX, "CANCEL");
    callee.reply(&mut world, &cancel, 200, "");
    callee.reply(&mut world, &invite, 487, "");
    world.expect_is(PBX, "ACK");
    world.expect_is(CARRIER_A, "487 INVITE");
    caller.ack_failure(&mut world);
    world.quiet();
    assert_eq!(world.observe().active_calls, 1);
}

#[test]
fn a_bye_during_a_reinvite_ends_both_sides() {
    let mut world = World::new();
    let (mut caller, mut callee) = inbound_call(&mut world, "re-bye");
    reinvite(&mut world, &mut caller);
    world.expect_is(CARRIER_A, "100 INVITE");
    let invite = world.expect_is(PBX, "INVITE");
    callee.send(&mut world, "BYE");
    world.expect_is(PBX, "200 BYE");
    world.expect_is(CARRIER_A, "487 INVITE");
    caller.ack_failure(&mut world);
    let bye = world.expect_is(CARRIER_A, "BYE");
    caller.reply(&mut world, &bye, 200, "");
    callee.reply(&mut world, &invite, 487, "");
    world.expect_is(PBX, "ACK");
    world.assert_all_over();
    world.quiet();
}

/// The caller asks for something else and hangs up before the answer: the callee, and what it has got.
fn hung_up_while_asked(world: &mut World, call_id: &str) -> (Phone, Message, Message) {
    let (mut caller, callee) = inbound_call(world, call_id);
    reinvite(world, &mut caller);
    world.expect_is(CARRIER_A, "100 INVITE");
    let invite = world.expect_is(PBX, "INVITE");
    let at_invite = caller.clone();
    caller.send(world, "BYE");
    world.expect_is(CARRIER_A, "200 BYE");
    world.expect_is(CARRIER_A, "487 INVITE");
    at_invite.ack_failure(world);
    let bye = world.expect_is(PBX, "BYE");
    (callee, invite, bye)
}

#[test]
fn an_answer_to_a_reinvite_that_crosses_a_bye_is_acknowledged() {
    let mut world = World::new();
    let (callee, invite, bye) = hung_up_while_asked(&mut world, "bye-200");
    // The callee sent this before the BYE came; without an ACK it would repeat it for 32 s.
    callee.reply(&mut world, &invite, 200, SDP);
    let ack = world.expect_is(PBX, "ACK");
    assert_eq!(ack.cseq().number, invite.cseq().number);
    callee.reply(&mut world, &bye, 200, "");
    world.assert_all_over();
    world.quiet();
}

#[test]
fn an_answer_to_a_reinvite_after_the_end_of_the_call_is_acknowledged_too() {
    let mut world = World::new();
    let (callee, invite, bye) = hung_up_while_asked(&mut world, "late-200");
    callee.reply(&mut world, &bye, 200, "");
    assert_eq!(world.observe().active_calls, 0);
    for time in 0..2 {
        callee.reply(&mut world, &invite, 200, SDP);
        let ack = world.expect_is(PBX, "ACK");
        assert_eq!(ack.cseq().number, invite.cseq().number);
        assert_eq!((ack.call_id(), ack.to_tag()), (invite.call_id(), invite.to_tag()));
        assert_eq!(ack.from_tag(), invite.from_tag());
        // Who answered an INVITE that nobody waits for must not stay in a call.
        if time == 0 {
            let bye = world.expect_is(PBX, "BYE");
            callee.reply(&mut world, &bye, 481, "");
        }
        world.quiet();
    }
}

#[test]
fn a_dead_far_end_found_by_a_reinvite_ends_the_call() {
    let mut world = World::new();
    let (mut caller, _) = inbound_call(&mut world, "dead");
    reinvite(&mut world, &mut caller);
    world.expect_is(CARRIER_A, "100 INVITE");
    world.pass(Duration::from_secs(32));
    world.expect_is(CARRIER_A, "408 INVITE");
    caller.ack_failure(&mut world);
    world.expect_is(CARRIER_A, "BYE");
    assert_eq!(world.told().last().unwrap(), "ended Silence 200");
    world.assert_all_over();
}

#[test]
fn an_unknown_dialog_at_the_far_end_ends_the_call() {
    let mut world = World::new();
    let (mut caller, callee) = inbound_call(&mut world, "lost");
    caller.send(&mut world, "INFO");
    let info = world.expect_is(PBX, "INFO");
    callee.reply(&mut world, &info, 481, "");
    world.expect_is(CARRIER_A, "481 INFO");
    world.expect_is(CARRIER_A, "BYE");
    world.assert_all_over();
}

#[test]
fn requests_that_mean_nothing_to_us_pass_with_their_headers_and_body() {
    let mut world = World::new();
    let (mut caller, callee) = inbound_call(&mut world, "relay");
    for method in ["INFO", "UPDATE", "NOTIFY", "MESSAGE", "OPTIONS"] {
        let request = caller.request(
            method,
            "X-Account: 42\r\nContent-Type: text/plain\r\nRoute: <sip:192.0.2.77;lr>\r\n\
             Authorization: Digest x=y\r\nUser-Agent: secret/1\r\n",
            "hello",
        );
        world.send(CARRIER_A, &request);
        let passed = world.expect_is(PBX, method);
        assert_eq!(text(passed.body()), "hello");
        assert_eq!(passed.value_of("X-Account"), Some(&b"42"[..]));
        for stays in [HeaderName::Route, HeaderName::Authorization, HeaderName::UserAgent] {
            assert_eq!(value(&passed, stays), "");
        }
        callee.reply(&mut world, &passed, 202, "done");
        let answer = world.expect_is(CARRIER_A, &format!("202 {method}"));
        assert_eq!(text(answer.body()), "done");
        world.quiet();
    }
}

#[test]
fn what_we_do_not_take_is_refused_with_what_we_do() {
    let mut world = World::new();
    let (mut caller, _) = inbound_call(&mut world, "refused");
    let of_refer = "Event: refer;id=1\r\n";
    for (method, headers, code) in [
        ("SUBSCRIBE", of_refer, 405),
        ("SUBSCRIBE", "Event: presence\r\n", 489),
        ("SUBSCRIBE", "o: refers\r\n", 489),
        ("SUBSCRIBE", "", 489),
        ("PUBLISH", "", 405),
        ("REGISTER", "", 405),
        ("FROB", "", 501),
    ] {
        let request = caller.request(method, headers, "");
        world.send(CARRIER_A, &request);
        let answer = world.expect_is(CARRIER_A, &format!("{code} {method}"));
        let allow = value(&answer, HeaderName::Allow);
        assert_eq!(allow.contains("INVITE"), code != 489, "{allow}");
        let events = value(&answer, HeaderName::AllowEvents);
        assert_eq!(events, if code == 489 { "refer" } else { "" });
    }
    let request = caller.request("INFO", "Require: 100rel, timer\r\n", "");
    world.send(CARRIER_A, &request);
    let answer = world.expect_is(CARRIER_A, "420 INFO");
    assert_eq!(value(&answer, HeaderName::Unsupported), "100rel");
    world.quiet();
}

/// RFC 3261 section 12.1.1: to equipment of RFC 2543 the tag that it does not send is an empty one.
#[test]
fn a_caller_without_a_tag_has_a_dialog_all_the_same() {
    let mut world = World::new();
    let mut caller = Phone::calling(CARRIER_A, "447700900123", "+442079460007", "old");
    caller.local = "<sip:447700900123@127.0.0.2>".into();
    caller.invite(&mut world);
    world.expect_is(CARRIER_A, "100 INVITE");
    let callee = Phone::called(PBX, &world.expect_is(PBX, "INVITE"));
    callee.answer(&mut world, 200, SDP);
    caller.take_answer(&mut world);
    world.expect_is(PBX, "ACK");
    caller.send(&mut world, "BYE");
    world.expect_is(CARRIER_A, "200 BYE");
    let bye = world.expect_is(PBX, "BYE");
    callee.reply(&mut world, &bye, 200, "");
    world.assert_all_over();
    world.quiet();
}

#[test]
fn an_old_cseq_is_refused() {
    let mut world = World::new();
    let (mut caller, callee) = inbound_call(&mut world, "cseq");
    caller.cseq = 50;
    caller.send(&mut world, "INFO");
    let info = world.expect_is(PBX, "INFO");
    callee.reply(&mut world, &info, 200, "");
    world.expect_is(CARRIER_A, "200 INFO");
    caller.cseq = 10;
    caller.send(&mut world, "INFO");
    world.expect_is(CARRIER_A, "500 INFO");
    world.quiet();
}

#[test]
fn a_request_follows_the_contact_and_the_route_set_of_the_answer() {
    let mut world = World::new();
    let mut caller = Phone::calling(CARRIER_A, "447700900123", "+442079460007", "route");
    caller.invite(&mut world);
    let invite = world.expect_is(PBX, "INVITE");
    let callee = Phone::called(PBX, &invite);
    let answer = callee.response(&invite, 200, SDP).replace(
        "Contact: <sip:127.0.0.9:5060>",
        "Contact: <sip:1007@127.0.0.10:5070>\r\nRecord-Route: <sip:127.0.0.12;lr>, <sip:127.0.0.11:5080;lr>",
    );
    world.send(PBX, &answer);
    world.clear();
    world.pass_ms(500);
    caller.take_answer(&mut world);
    let ack = world.expect_is("127.0.0.11:5080", "ACK");
    assert_eq!(text(ack.request_uri_bytes()), "sip:1007@127.0.0.10:5070");
    assert_eq!(value(&ack, HeaderName::Route), "<sip:127.0.0.11:5080;lr>, <sip:127.0.0.12;lr>");
}

#[test]
fn a_challenge_inside_the_call_is_not_handed_on() {
    let mut world = World::new();
    let (mut caller, callee) = inbound_call(&mut world, "challenge");
    caller.send(&mut world, "INFO");
    let info = world.expect_is(PBX, "INFO");
    callee.reply(&mut world, &info, 407, "");
    world.expect_is(CARRIER_A, "403 INFO");
    reinvite(&mut world, &mut caller);
    world.expect_is(CARRIER_A, "100 INVITE");
    let invite = world.expect_is(PBX, "INVITE");
    callee.reply(&mut world, &invite, 401, "");
    world.expect_is(PBX, "ACK");
    world.expect_is(CARRIER_A, "403 INVITE");
    caller.ack_failure(&mut world);
    world.quiet();
    assert_eq!(world.observe().active_calls, 1);
}
