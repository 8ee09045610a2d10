//! Before the answer: early dialogs of a far end that forks, reliable provisional responses, UPDATE
//! and its glare.

use std::time::Duration;

use trunkline::sip::{HeaderName, Message};

use crate::world::{CARRIER_A, PBX, Phone, SDP, World, inbound_call, text, value};

const OFFER: &str = "v=0\r\ns=offer\r\n";
const RELIABLE: &str = "Require: 100rel\r\nRSeq: ";

/// An inbound call up to the INVITE at the PBX, whose caller says this of extensions.
pub(crate) fn placed(world: &mut World, headers: &str, body: &str) -> (Phone, Phone) {
    let mut caller = Phone::calling(CARRIER_A, "447700900123", "+442079460007", "early");
    let invite = caller.request("INVITE", headers, body);
    world.send(CARRIER_A, &invite);
    world.expect_is(CARRIER_A, "100 INVITE");
    let invite = world.expect_is(PBX, "INVITE");
    (caller, Phone::called(PBX, &invite))
}

/// A reliable provisional response of the callee.
pub(crate) fn ring(world: &mut World, callee: &Phone, (code, rseq): (u16, u32), body: &str) {
    let headers = format!("{RELIABLE}{rseq}\r\n");
    callee.reply_with(world, &callee.invited().clone(), (code, &headers), body);
}

/// The PRACK of a response, in its early dialog; the caller as it stands in that.
pub(crate) fn prack(world: &mut World, caller: &Phone, response: &Message, cseq: u32) -> Phone {
    let mut caller = caller.clone();
    caller.learn(response);
    (caller.cseq, caller.branch) = (cseq, cseq + 100);
    let rack = format!("RAck: {} 1 INVITE\r\n", response.rseq().unwrap());
    world.send(CARRIER_A, &caller.print("PRACK", &rack, ""));
    caller
}

fn rack(message: &Message) -> String {
    value(message, HeaderName::RAck)
}

/// What a cancelled callee does, up to the ACK of its 487.
pub(crate) fn take_cancel(world: &mut World, callee: &Phone) {
    let cancel = world.expect_is(PBX, "CANCEL");
    callee.reply(world, &cancel, 200, "");
    callee.answer(world, 487, "");
    world.expect_is(PBX, "ACK");
}

#[test]
fn early_dialogs_of_a_fork_are_early_dialogs_to_the_caller_and_one_answers() {
    let mut world = World::new();
    let (mut caller, desk) = placed(&mut world, "", SDP);
    let (mobile, voicemail) = (desk.fork("mobile"), desk.fork("voicemail"));
    let mut tags = Vec::new();
    for phone in [&desk, &mobile, &voicemail] {
        phone.answer(&mut world, 183, SDP);
        let progress = world.expect_is(CARRIER_A, "183 INVITE");
        tags.push(text(progress.to().tag().unwrap()));
    }
    let known: std::collections::BTreeSet<&String> = tags.iter().collect();
    assert_eq!(known.len(), 3, "each has a dialog of its own");
    for (phone, tag) in [(&voicemail, &tags[2]), (&desk, &tags[0])] {
        phone.answer(&mut world, 180, "");
        let ringing = world.expect_is(CARRIER_A, "180 INVITE");
        assert_eq!(text(ringing.to().tag().unwrap()), *tag, "and keeps it");
    }
    mobile.answer(&mut world, 200, SDP);
    let answer = caller.take_answer(&mut world);
    assert_eq!(text(answer.to().tag().unwrap()), tags[1]);
    let ack = world.expect_is(PBX, "ACK");
    assert!(ack.to().tag().unwrap().starts_with(b"mobile-"));
    // A second one that answers is told that nobody needs it.
    desk.answer(&mut world, 200, SDP);
    assert!(world.expect_is(PBX, "ACK").to().tag().unwrap().starts_with(b"to-"));
    let bye = world.expect_is(PBX, "BYE");
    assert!(bye.to().tag().unwrap().starts_with(b"to-"));
    desk.reply(&mut world, &bye, 200, "");
    caller.send(&mut world, "BYE");
    world.expect_is(CARRIER_A, "200 BYE");
    let bye = world.expect_is(PBX, "BYE");
    assert!(bye.to().tag().unwrap().starts_with(b"mobile-"));
    mobile.reply(&mut world, &bye, 200, "");
    world.assert_all_over();
    world.quiet();
}

#[test]
fn forks_without_end_are_bounded_and_a_cancel_ends_them_all() {
    let mut world = World::new();
    let (caller, desk) = placed(&mut world, "", SDP);
    for number in 0..20 {
        desk.fork(&format!("fork{number}")).answer(&mut world, 180, "");
    }
    assert_eq!(world.clear().len(), 1 + trunkline::engine::MAX_EARLY);
    assert_eq!(world.refusals("EarlyDialogLimit"), 11);
    caller.cancel(&mut world);
    world.expect_is(CARRIER_A, "200 CANCEL");
    world.expect_is(CARRIER_A, "487 INVITE");
    caller.ack_failure(&mut world);
    take_cancel(&mut world, &desk);
    world.assert_all_over();
    world.quiet();
}

#[test]
fn a_reliable_provisional_goes_from_end_to_end_with_its_prack() {
    let mut world = World::new();
    let (mut caller, callee) = placed(&mut world, "Supported: 100rel\r\n", "");
    assert!(callee.invited().supports("100rel") && !callee.invited().requires("100rel"));
    // A late offer, so that the answer goes in the PRACK.
    ring(&mut world, &callee, (183, 77), OFFER);
    let progress = world.expect_is(CARRIER_A, "183 INVITE");
    assert!(progress.requires("100rel") && progress.contact().is_some());
    assert_eq!(text(progress.body()), OFFER);
    // Theirs again, and one out of order: neither crosses. Ours is repeated until the PRACK.
    ring(&mut world, &callee, (183, 77), OFFER);
    ring(&mut world, &callee, (183, 79), OFFER);
    world.quiet();
    for wait in [500, 1000, 2000, 4000] {
        world.pass_ms(wait);
        assert_eq!(world.expect_is(CARRIER_A, "183 INVITE").rseq(), progress.rseq());
        world.quiet();
    }
    let mut early = caller.clone();
    early.learn(&progress);
    let header = format!("RAck: {} 1 INVITE\r\n", progress.rseq().unwrap());
    let request = early.request("PRACK", &header, SDP);
    world.send(CARRIER_A, &request);
    let passed = world.expect_is(PBX, "PRACK");
    assert_eq!((rack(&passed), text(passed.body())), ("77 1 INVITE".into(), SDP.into()));
    callee.reply(&mut world, &passed, 200, "");
    world.expect_is(CARRIER_A, "200 PRACK");
    world.pass_ms(20_000);
    world.quiet();
    ring(&mut world, &callee, (180, 78), "");
    let ringing = world.expect_is(CARRIER_A, "180 INVITE");
    assert_eq!(ringing.rseq(), Some(progress.rseq().unwrap() + 1));
    prack(&mut world, &caller, &ringing, 3);
    let passed = world.expect_is(PBX, "PRACK");
    assert_eq!(rack(&passed), "78 1 INVITE");
    callee.reply(&mut world, &passed, 200, "");
    world.expect_is(CARRIER_A, "200 PRACK");
    callee.answer(&mut world, 200, "");
    caller.take_answer(&mut world);
    world.expect_is(PBX, "ACK");
    world.quiet();
    assert_eq!(world.observe().active_calls, 1);
}

#[test]
fn each_early_dialog_has_a_numbering_of_its_own() {
    let mut world = World::new();
    let (caller, desk) = placed(&mut world, "Supported: 100rel\r\n", SDP);
    let mobile = desk.fork("mobile");
    ring(&mut world, &desk, (183, 10), SDP);
    let first = world.expect_is(CARRIER_A, "183 INVITE");
    ring(&mut world, &mobile, (183, 500), SDP);
    let second = world.expect_is(CARRIER_A, "183 INVITE");
    assert_ne!(first.to().tag(), second.to().tag());
    prack(&mut world, &caller, &first, 2);
    let to_desk = world.expect_is(PBX, "PRACK");
    assert!(to_desk.to().tag().unwrap().starts_with(b"to-"));
    assert_eq!(rack(&to_desk), "10 1 INVITE");
    // Acknowledged once, it is nothing that a PRACK could name.
    prack(&mut world, &caller, &first, 3);
    world.expect_is(CARRIER_A, "481 PRACK");
    prack(&mut world, &caller, &second, 4);
    let to_mobile = world.expect_is(PBX, "PRACK");
    assert!(to_mobile.to().tag().unwrap().starts_with(b"mobile-"));
    assert_eq!(rack(&to_mobile), "500 1 INVITE");
    mobile.reply(&mut world, &to_mobile, 200, "");
    desk.reply(&mut world, &to_desk, 200, "");
    let answers = [world.expect(CARRIER_A), world.expect(CARRIER_A)];
    assert_eq!(answers[0].to().tag(), second.to().tag());
    assert_eq!(answers[1].to().tag(), first.to().tag());
    world.quiet();
}

#[test]
fn a_prack_that_crosses_the_answer_still_goes_on() {
    let mut world = World::new();
    let (mut caller, callee) = placed(&mut world, "Supported: 100rel\r\n", SDP);
    ring(&mut world, &callee, (180, 5), "");
    let ringing = world.expect_is(CARRIER_A, "180 INVITE");
    callee.answer(&mut world, 200, SDP);
    let answer = world.expect_is(CARRIER_A, "200 INVITE");
    let mut late = prack(&mut world, &caller, &ringing, 2);
    let passed = world.expect_is(PBX, "PRACK");
    assert_eq!(rack(&passed), "5 1 INVITE");
    callee.reply(&mut world, &passed, 200, "");
    world.expect_is(CARRIER_A, "200 PRACK");
    // Its repetitions have ended with the answer.
    world.pass_ms(400);
    world.quiet();
    caller.learn(&answer);
    caller.ack(&mut world);
    world.expect_is(PBX, "ACK");
    late.send(&mut world, "BYE");
    world.expect_is(CARRIER_A, "200 BYE");
    let bye = world.expect_is(PBX, "BYE");
    callee.reply(&mut world, &bye, 200, "");
    world.assert_all_over();
    world.quiet();
}

#[test]
fn a_prack_after_the_ack_is_not_too_late() {
    let mut world = World::new();
    let (mut caller, callee) = placed(&mut world, "Supported: 100rel\r\n", SDP);
    ring(&mut world, &callee, (180, 5), "");
    let ringing = world.expect_is(CARRIER_A, "180 INVITE");
    callee.answer(&mut world, 200, SDP);
    let at_invite = caller.clone();
    caller.take_answer(&mut world);
    world.expect_is(PBX, "ACK");
    prack(&mut world, &at_invite, &ringing, 2);
    let passed = world.expect_is(PBX, "PRACK");
    callee.reply(&mut world, &passed, 200, "");
    world.expect_is(CARRIER_A, "200 PRACK");
    world.pass(Duration::from_secs(60));
    prack(&mut world, &at_invite, &ringing, 3);
    world.expect_is(CARRIER_A, "481 PRACK");
    assert_eq!(world.observe().active_calls, 1);
}

#[test]
fn who_requires_100rel_is_served_whatever_the_far_end_does() {
    let mut world = World::new();
    let (mut caller, callee) = placed(&mut world, "Require: 100rel\r\n", SDP);
    callee.answer(&mut world, 180, "");
    let ringing = world.expect_is(CARRIER_A, "180 INVITE");
    assert!(ringing.requires("100rel"));
    // The next one, and an answer that describes the session anew, wait for their turn.
    callee.answer(&mut world, 183, SDP);
    world.quiet();
    prack(&mut world, &caller, &ringing, 2);
    world.expect_is(CARRIER_A, "200 PRACK");
    let progress = world.expect_is(CARRIER_A, "183 INVITE");
    assert_eq!(progress.rseq(), Some(ringing.rseq().unwrap() + 1));
    callee.answer(&mut world, 200, SDP);
    callee.answer(&mut world, 200, SDP);
    world.quiet();
    let mut wrong = caller.clone();
    wrong.learn(&progress);
    (wrong.cseq, wrong.branch) = (2, 50);
    let text = wrong.request("PRACK", "RAck: 1 1 INVITE\r\n", "");
    world.send(CARRIER_A, &text);
    world.expect_is(CARRIER_A, "481 PRACK");
    prack(&mut world, &caller, &progress, 4);
    world.expect_is(CARRIER_A, "200 PRACK");
    caller.take_answer(&mut world);
    world.expect_is(PBX, "ACK");
    world.quiet();
    assert_eq!(world.observe().active_calls, 1);
}

#[test]
fn a_caller_without_100rel_hears_of_it_all_the_same() {
    let mut world = World::new();
    let (mut caller, callee) = placed(&mut world, "", SDP);
    assert!(!callee.invited().supports("100rel"));
    ring(&mut world, &callee, (183, 9), SDP);
    let passed = world.expect_is(PBX, "PRACK");
    assert_eq!(rack(&passed), "9 1 INVITE");
    callee.reply(&mut world, &passed, 200, "");
    let progress = world.expect_is(CARRIER_A, "183 INVITE");
    assert!(!progress.requires("100rel") && progress.rseq().is_none());
    callee.answer(&mut world, 200, SDP);
    caller.take_answer(&mut world);
    world.expect_is(PBX, "ACK");
    world.pass_ms(5000);
    world.quiet();
}

#[test]
fn without_a_prack_the_call_is_refused_and_neither_side_hangs() {
    for answered in [false, true] {
        let mut world = World::new();
        let (caller, callee) = placed(&mut world, "Supported: 100rel\r\n", SDP);
        ring(&mut world, &callee, (183, 1), SDP);
        if answered {
            callee.answer(&mut world, 200, SDP);
        }
        world.pass_ms(31_999);
        // 0.5, 1.5, 3.5, 7.5, 15.5 and 31.5 s after the first.
        assert_eq!(world.clear().len(), 7);
        world.pass_ms(1);
        world.expect_is(CARRIER_A, "504 INVITE");
        caller.ack_failure(&mut world);
        if answered {
            world.expect_is(PBX, "ACK");
            let bye = world.expect_is(PBX, "BYE");
            callee.reply(&mut world, &bye, 200, "");
        } else {
            take_cancel(&mut world, &callee);
        }
        assert_eq!(world.told().last().unwrap(), "ended NoPrack 504");
        world.assert_all_over();
        world.quiet();
    }
}

#[test]
fn a_cancel_while_the_answer_waits_for_a_prack_hangs_the_callee_up() {
    let mut world = World::new();
    let (caller, callee) = placed(&mut world, "Require: 100rel\r\n", SDP);
    callee.answer(&mut world, 183, SDP);
    world.expect_is(CARRIER_A, "183 INVITE");
    callee.answer(&mut world, 200, SDP);
    world.quiet();
    caller.cancel(&mut world);
    world.expect_is(CARRIER_A, "200 CANCEL");
    world.expect_is(CARRIER_A, "487 INVITE");
    caller.ack_failure(&mut world);
    world.expect_is(PBX, "ACK");
    let bye = world.expect_is(PBX, "BYE");
    callee.reply(&mut world, &bye, 200, "");
    world.assert_all_over();
    world.quiet();
}

#[test]
fn requests_pass_in_an_early_dialog_both_ways() {
    let mut world = World::new();
    let (caller, mut callee) = placed(&mut world, "", SDP);
    callee.send(&mut world, "UPDATE");
    world.expect_is(PBX, "481 UPDATE");
    callee.answer(&mut world, 183, SDP);
    let progress = world.expect_is(CARRIER_A, "183 INVITE");
    let mut early = caller.clone();
    early.learn(&progress);
    for method in ["UPDATE", "INFO"] {
        let request = early.request(method, "", OFFER);
        world.send(CARRIER_A, &request);
        let passed = world.expect_is(PBX, method);
        assert_eq!(value(&passed, HeaderName::SessionExpires), "", "no session stands yet");
        callee.reply(&mut world, &passed, 200, SDP);
        world.expect_is(CARRIER_A, &format!("200 {method}"));
        let request = callee.request(method, "", OFFER);
        world.send(PBX, &request);
        let passed = world.expect_is(CARRIER_A, method);
        early.reply(&mut world, &passed, 200, SDP);
        world.expect_is(PBX, &format!("200 {method}"));
    }
    // Who is called may not end it so.
    callee.send(&mut world, "BYE");
    world.expect_is(PBX, "481 BYE");
    // One that is under way when the call ends has its answer.
    early.send(&mut world, "INFO");
    let info = world.expect_is(PBX, "INFO");
    callee.answer(&mut world, 486, "");
    world.expect_is(PBX, "ACK");
    world.expect_is(CARRIER_A, "486 INVITE");
    world.expect_is(CARRIER_A, "487 INFO");
    caller.ack_failure(&mut world);
    callee.reply(&mut world, &info, 200, "");
    world.assert_all_over();
    world.quiet();
}

#[test]
fn crossing_updates_are_491_and_a_second_one_is_500_with_a_time_to_wait() {
    let mut world = World::new();
    let (mut caller, mut callee) = inbound_call(&mut world, "update-glare");
    let update = caller.request("UPDATE", "", OFFER);
    world.send(CARRIER_A, &update);
    let passed = world.expect_is(PBX, "UPDATE");
    let crossing = callee.request("UPDATE", "", OFFER);
    world.send(PBX, &crossing);
    world.expect_is(PBX, "491 UPDATE");
    let crossing = callee.request("INVITE", "", OFFER);
    world.send(PBX, &crossing);
    world.expect_is(PBX, "491 INVITE");
    callee.ack_failure(&mut world);
    caller.send(&mut world, "UPDATE");
    let refused = world.expect_is(CARRIER_A, "500 UPDATE");
    assert!(refused.retry_after().is_some_and(|wait| wait <= 10));
    callee.reply(&mut world, &passed, 200, SDP);
    world.expect_is(CARRIER_A, "200 UPDATE");
    let again = callee.request("UPDATE", "", OFFER);
    world.send(PBX, &again);
    let passed = world.expect_is(CARRIER_A, "UPDATE");
    caller.reply(&mut world, &passed, 491, "");
    world.expect_is(PBX, "491 UPDATE");
    world.quiet();
    assert_eq!(world.observe().active_calls, 1);
}
