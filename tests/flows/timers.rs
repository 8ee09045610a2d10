//! Session timers (RFC 4028): each leg with its own interval and refresher, and no leg that outlives
//! a far end that vanished.

use std::time::Duration;

use serde_json::json;
use trunkline::sip::{HeaderName, Message};

use crate::world::{CARRIER_A, PBX, Phone, SDP, World, config, inbound_call, set, text, value};

const TYPE: &str = "Content-Type: application/sdp\r\n";
const ALLOW: &str = "Allow: INVITE, ACK, BYE, UPDATE\r\n";

/// An answer of a phone with more headers.
fn answer(phone: &Phone, world: &mut World, request: &Message, (code, headers): (u16, &str)) {
    phone.reply_with(world, request, (code, &format!("{TYPE}{headers}")), SDP);
}

/// A call from the carrier, whose INVITE and whose answer say this of timers.
fn timed_call(world: &mut World, asked: &str, told: &str) -> (Phone, Phone, Message, Message) {
    let mut caller = Phone::calling(CARRIER_A, "447700900123", "+442079460007", "timed");
    let invite = caller.request("INVITE", &format!("{TYPE}{asked}"), SDP);
    world.send(CARRIER_A, &invite);
    world.expect_is(CARRIER_A, "100 INVITE");
    let invite = world.expect_is(PBX, "INVITE");
    let callee = Phone::called(PBX, &invite);
    answer(&callee, world, &invite, (200, told));
    let answered = caller.take_answer(world);
    world.expect_is(PBX, "ACK");
    world.quiet();
    (caller, callee, invite, answered)
}

fn seconds(world: &mut World, seconds: u64) {
    world.pass(Duration::from_secs(seconds));
}

#[test]
fn each_leg_has_its_own_interval_and_refresher() {
    let mut config = config();
    set(&mut config, "carrier-a", "/sessionTimer", json!({ "expires": "600s", "min": "120s" }));
    let mut world = World::with(&config);
    let asked = "Supported: timer\r\nSession-Expires: 1200;refresher=uac\r\n";
    let told = "Require: timer\r\nSession-Expires: 300;refresher=uas\r\n";
    let (_, _, invite, answered) = timed_call(&mut world, asked, told);
    // The PBX is asked for what is usual, the carrier told what its trunk says.
    assert_eq!(value(&invite, HeaderName::SessionExpires), "1800");
    assert!(invite.supports("timer"));
    assert_eq!(value(&answered, HeaderName::SessionExpires), "600;refresher=uac");
    assert!(answered.requires("timer"));
}

#[test]
fn an_interval_that_is_too_short_is_422_and_one_that_they_raise_is_asked_again() {
    let mut config = config();
    set(&mut config, "carrier-a", "/sessionTimer", json!({ "min": "120s" }));
    let mut world = World::with(&config);
    let mut caller = Phone::calling(CARRIER_A, "447700900123", "+442079460007", "short");
    let invite = caller.request("INVITE", "Supported: timer\r\nSession-Expires: 100\r\n", "");
    world.send(CARRIER_A, &invite);
    let refused = world.expect_is(CARRIER_A, "422 INVITE");
    assert_eq!(value(&refused, HeaderName::MinSe), "120");
    caller.ack_failure(&mut world);
    let invite = caller.request("INVITE", "Supported: timer\r\nSession-Expires: 120\r\n", "");
    world.send(CARRIER_A, &invite);
    world.expect_is(CARRIER_A, "100 INVITE");
    let first = world.expect_is(PBX, "INVITE");
    let callee = Phone::called(PBX, &first);
    answer(&callee, &mut world, &first, (422, "Min-SE: 3600\r\n"));
    world.expect_is(PBX, "ACK");
    let second = world.expect_is(PBX, "INVITE");
    assert_eq!(value(&second, HeaderName::SessionExpires), "3600");
    assert_eq!(value(&second, HeaderName::MinSe), "3600");
    assert_eq!((second.call_id(), second.from().tag()), (first.call_id(), first.from().tag()));
    assert_eq!(second.cseq().number, first.cseq().number + 1);
    answer(&callee, &mut world, &second, (422, "Min-SE: 3600\r\n"));
    world.expect_is(PBX, "ACK");
    world.expect_is(CARRIER_A, "422 INVITE");
    caller.ack_failure(&mut world);
    world.assert_all_over();
    world.quiet();
}

#[test]
fn a_far_end_without_timers_is_asked_by_us_whether_it_lives() {
    let mut world = World::new();
    let (caller, callee, _, answered) = timed_call(&mut world, ALLOW, "");
    assert_eq!(value(&answered, HeaderName::SessionExpires), "");
    for _ in 0..3 {
        seconds(&mut world, 900);
        // The carrier takes UPDATE; the PBX does not say so, and is offered what it has.
        let update = world.expect_is(CARRIER_A, "UPDATE");
        assert_eq!(value(&update, HeaderName::SessionExpires), "1800;refresher=uac");
        assert!(update.body().is_empty());
        caller.reply(&mut world, &update, 200, "");
        let invite = world.expect_is(PBX, "INVITE");
        assert_eq!(text(invite.body()), SDP);
        assert_eq!(value(&invite, HeaderName::ContentType), "application/sdp");
        answer(&callee, &mut world, &invite, (200, ""));
        world.expect_is(PBX, "ACK");
        world.quiet();
    }
    // Its ACK was lost.
    seconds(&mut world, 900);
    let update = world.expect_is(CARRIER_A, "UPDATE");
    caller.reply(&mut world, &update, 405, "");
    let invite = world.expect_is(PBX, "INVITE");
    answer(&callee, &mut world, &invite, (200, ""));
    world.expect_is(PBX, "ACK");
    answer(&callee, &mut world, &invite, (200, ""));
    world.expect_is(PBX, "ACK");
    world.quiet();
    assert_eq!(world.observe().active_calls, 1);
}

#[test]
fn two_ends_that_vanished_are_a_call_that_ends() {
    let mut world = World::new();
    inbound_call(&mut world, "gone");
    seconds(&mut world, 900 + 33);
    assert_eq!(world.told().last().unwrap(), "ended Silence 200");
    let sent = world.clear();
    let bye = sent.iter().find(|(_, message)| message.method().as_bytes() == b"BYE").unwrap();
    let reason = text(bye.1.value(HeaderName::Reason).unwrap());
    assert!(reason.starts_with("SIP ;cause=408"), "{reason}");
    world.assert_all_over();
}

#[test]
fn a_session_that_they_do_not_refresh_is_over_before_its_interval_is() {
    let mut world = World::new();
    let asked = "Supported: timer\r\nSession-Expires: 600\r\n";
    let told = "Session-Expires: 1800;refresher=uac\r\n";
    let (caller, callee, _, answered) = timed_call(&mut world, asked, told);
    assert_eq!(value(&answered, HeaderName::SessionExpires), "600;refresher=uac");
    seconds(&mut world, 600 - 33);
    world.quiet();
    seconds(&mut world, 1);
    for phone in [&caller, &callee] {
        let bye = world.expect_is(phone.address, "BYE");
        assert_eq!(value(&bye, HeaderName::Reason), "SIP ;cause=408 ;text=\"Session expired\"");
        phone.reply(&mut world, &bye, 200, "");
    }
    assert_eq!(world.told().last().unwrap(), "ended SessionExpired 200");
    world.assert_all_over();
}

#[test]
fn a_refresh_of_one_leg_is_answered_there_and_does_not_cross() {
    let mut world = World::new();
    let asked = "Supported: timer\r\nSession-Expires: 600\r\n";
    let told = "Session-Expires: 3600;refresher=uas\r\n";
    let (mut caller, ..) = timed_call(&mut world, asked, told);
    for _ in 0..4 {
        seconds(&mut world, 500);
        let headers = "Supported: timer\r\nSession-Expires: 600;refresher=uac\r\n";
        let update = caller.request("UPDATE", headers, "");
        world.send(CARRIER_A, &update);
        let answer = world.expect_is(CARRIER_A, "200 UPDATE");
        assert_eq!(value(&answer, HeaderName::SessionExpires), "600;refresher=uac");
        assert!(answer.requires("timer") && answer.contact().is_some());
        world.quiet();
    }
    let update = caller.request("UPDATE", "Supported: timer\r\nSession-Expires: 30\r\n", "");
    world.send(CARRIER_A, &update);
    let refused = world.expect_is(CARRIER_A, "422 UPDATE");
    assert_eq!(value(&refused, HeaderName::MinSe), "90");
    assert_eq!(world.observe().active_calls, 1);
}

#[test]
fn a_reinvite_refreshes_both_legs() {
    let mut world = World::new();
    let asked = "Supported: timer\r\nSession-Expires: 600\r\n";
    let told = "Session-Expires: 600;refresher=uas\r\n";
    let (mut caller, callee, ..) = timed_call(&mut world, asked, told);
    for _ in 0..3 {
        seconds(&mut world, 500);
        let headers = format!("{TYPE}Supported: timer\r\nSession-Expires: 600;refresher=uac\r\n");
        let invite = caller.request("INVITE", &headers, SDP);
        world.send(CARRIER_A, &invite);
        world.expect_is(CARRIER_A, "100 INVITE");
        let invite = world.expect_is(PBX, "INVITE");
        assert_eq!(value(&invite, HeaderName::SessionExpires), "600;refresher=uas");
        answer(&callee, &mut world, &invite, (200, told));
        let answer = caller.take_answer(&mut world);
        assert_eq!(value(&answer, HeaderName::SessionExpires), "600;refresher=uac");
        world.expect_is(PBX, "ACK");
        world.quiet();
    }
}

#[test]
fn a_refresh_that_crosses_theirs_is_491_and_sent_again_after_its_timer() {
    let mut world = World::new();
    let (mut caller, mut callee, ..) = timed_call(&mut world, ALLOW, "");
    seconds(&mut world, 900);
    let update = world.expect_is(CARRIER_A, "UPDATE");
    caller.reply(&mut world, &update, 200, "");
    let refresh = world.expect_is(PBX, "INVITE");
    // Neither may begin an INVITE now: the PBX crosses ours, the carrier's would have to follow it.
    for phone in [&mut callee, &mut caller] {
        let invite = phone.request("INVITE", TYPE, SDP);
        world.send(phone.address, &invite);
        world.expect_is(phone.address, "491 INVITE");
        phone.ack_failure(&mut world);
    }
    answer(&callee, &mut world, &refresh, (491, ""));
    world.expect_is(PBX, "ACK");
    world.pass_ms(2099);
    world.quiet();
    world.pass_ms(1901);
    let refresh = world.expect_is(PBX, "INVITE");
    world.clear();
    answer(&callee, &mut world, &refresh, (200, ""));
    world.expect_is(PBX, "ACK");
    world.quiet();
    assert_eq!(world.observe().active_calls, 1);
}

#[test]
fn a_refresh_that_finds_no_dialog_ends_the_call() {
    let mut world = World::new();
    let (caller, callee, ..) = timed_call(&mut world, ALLOW, ALLOW);
    seconds(&mut world, 900);
    let update = world.expect_is(CARRIER_A, "UPDATE");
    caller.reply(&mut world, &update, 481, "");
    world.expect_is(PBX, "UPDATE");
    for phone in [&caller, &callee] {
        let bye = world.expect_is(phone.address, "BYE");
        assert!(value(&bye, HeaderName::Reason).contains("cause=481"));
        phone.reply(&mut world, &bye, 200, "");
    }
    world.assert_all_over();
}

#[test]
fn a_refresh_that_is_refused_is_tried_again_until_the_interval_is_over() {
    let mut world = World::new();
    let told = format!("{ALLOW}Session-Expires: 90;refresher=uac\r\n");
    let (_, callee, ..) = timed_call(&mut world, "", &told);
    seconds(&mut world, 45);
    let mut tried = 0;
    while world.told().len() == 2 {
        if world.waits(PBX) {
            let update = world.expect_is(PBX, "UPDATE");
            callee.reply(&mut world, &update, 500, "");
            tried += 1;
        }
        seconds(&mut world, 1);
    }
    assert_eq!(tried, 3);
    assert_eq!(world.told().last().unwrap(), "ended SessionExpired 200");
}
