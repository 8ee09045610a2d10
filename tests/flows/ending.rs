//! CANCEL and its races, lost packets around the answer, ends that nobody asked for.

use std::time::Duration;

use trunkline::engine::RING_LIMIT;
use trunkline::sip::HeaderName;

use crate::early::take_cancel;
use crate::world::{CARRIER_A, CARRIER_B, PBX, Phone, SDP, World, inbound_call, text, value};

/// An inbound call up to the INVITE at the PBX.
fn placed(world: &mut World, call_id: &str) -> (Phone, Phone) {
    let mut caller = Phone::calling(CARRIER_A, "447700900123", "+442079460007", call_id);
    caller.invite(world);
    world.expect_is(CARRIER_A, "100 INVITE");
    let invite = world.expect_is(PBX, "INVITE");
    let callee = Phone::called(PBX, &invite);
    (caller, callee)
}

#[test]
fn a_cancel_while_ringing_reaches_the_other_leg_at_once() {
    let mut world = World::new();
    let (caller, callee) = placed(&mut world, "cancel");
    callee.answer(&mut world, 180, "");
    world.expect_is(CARRIER_A, "180 INVITE");
    caller.cancel(&mut world);
    world.expect_is(CARRIER_A, "200 CANCEL");
    world.expect_is(CARRIER_A, "487 INVITE");
    caller.ack_failure(&mut world);
    take_cancel(&mut world, &callee);
    world.quiet();
    assert_eq!(world.told(), ["began", "ended Cancelled 487"]);
    assert_eq!(world.observe().active_calls, 0);
    world.assert_all_over();
    world.quiet();
}

#[test]
fn a_cancel_waits_for_a_provisional_response() {
    let mut world = World::new();
    let (caller, callee) = placed(&mut world, "early");
    caller.cancel(&mut world);
    world.expect_is(CARRIER_A, "200 CANCEL");
    world.expect_is(CARRIER_A, "487 INVITE");
    caller.ack_failure(&mut world);
    world.quiet();
    callee.answer(&mut world, 100, "");
    take_cancel(&mut world, &callee);
    world.assert_all_over();
    world.quiet();
}

#[test]
fn a_200_that_crosses_the_cancel_is_acknowledged_and_hung_up() {
    let mut world = World::new();
    let (caller, callee) = placed(&mut world, "race");
    callee.answer(&mut world, 180, "");
    world.expect_is(CARRIER_A, "180 INVITE");
    caller.cancel(&mut world);
    world.expect_is(CARRIER_A, "200 CANCEL");
    world.expect_is(CARRIER_A, "487 INVITE");
    caller.ack_failure(&mut world);
    let cancel = world.expect_is(PBX, "CANCEL");
    callee.answer(&mut world, 200, SDP);
    world.expect_is(PBX, "ACK");
    let bye = world.expect_is(PBX, "BYE");
    callee.reply(&mut world, &cancel, 200, "");
    // Its ACK was lost: the 200 comes again and is acknowledged again, without a second BYE.
    callee.answer(&mut world, 200, SDP);
    world.expect_is(PBX, "ACK");
    world.quiet();
    callee.reply(&mut world, &bye, 200, "");
    world.assert_all_over();
    world.quiet();
}

#[test]
fn a_cancel_after_the_answer_changes_nothing() {
    let mut world = World::new();
    let (mut caller, callee) = placed(&mut world, "late");
    callee.answer(&mut world, 200, SDP);
    caller.cancel(&mut world);
    caller.take_answer(&mut world);
    world.expect_is(CARRIER_A, "200 CANCEL");
    world.expect_is(PBX, "ACK");
    world.quiet();
    assert_eq!(world.observe().active_calls, 1);
}

#[test]
fn a_cancel_from_somebody_else_is_481_and_changes_nothing() {
    let mut world = World::new();
    let (caller, callee) = placed(&mut world, "forged-cancel");
    callee.answer(&mut world, 180, "");
    world.expect_is(CARRIER_A, "180 INVITE");
    // The right branch and all, from another trunk.
    world.send(CARRIER_B, &caller.print("CANCEL", "", ""));
    world.expect_is(CARRIER_B, "481 CANCEL");
    world.quiet();
    caller.cancel(&mut world);
    world.expect_is(CARRIER_A, "200 CANCEL");
    world.expect_is(CARRIER_A, "487 INVITE");
    world.expect_is(PBX, "CANCEL");
}

#[test]
fn a_cancel_of_nothing_is_481() {
    let mut world = World::new();
    let mut caller = Phone::calling(CARRIER_A, "1", "2", "none");
    let text = caller.request("CANCEL", "", "");
    world.send(CARRIER_A, &text);
    world.expect_is(CARRIER_A, "481 CANCEL");
    assert_eq!(world.refusals("NoDialog"), 1);
    world.assert_all_over();
}

#[test]
fn a_bye_ends_an_early_dialog_too() {
    let mut world = World::new();
    let (mut caller, callee) = placed(&mut world, "early-bye");
    callee.answer(&mut world, 180, "");
    let ringing = world.expect_is(CARRIER_A, "180 INVITE");
    let at_invite = caller.clone();
    caller.learn(&ringing);
    caller.send(&mut world, "BYE");
    world.expect_is(CARRIER_A, "200 BYE");
    world.expect_is(CARRIER_A, "487 INVITE");
    at_invite.ack_failure(&mut world);
    take_cancel(&mut world, &callee);
    world.assert_all_over();
    world.quiet();
}

#[test]
fn a_repeated_invite_is_absorbed_and_its_last_response_repeated() {
    let mut world = World::new();
    let (caller, callee) = placed(&mut world, "again");
    callee.answer(&mut world, 180, "");
    world.expect_is(CARRIER_A, "180 INVITE");
    world.send(CARRIER_A, &caller.print("INVITE", "", ""));
    world.expect_is(CARRIER_A, "180 INVITE");
    callee.answer(&mut world, 200, SDP);
    world.expect_is(CARRIER_A, "200 INVITE");
    world.send(CARRIER_A, &caller.print("INVITE", "", ""));
    world.quiet();
    assert_eq!(world.observe().active_calls, 1);
}

#[test]
fn a_merged_invite_is_a_loop() {
    let mut world = World::new();
    let (caller, _) = placed(&mut world, "merged");
    let other_way = caller.print("INVITE", "", "").replace("branch=z9hG4bK-", "branch=z9hG4bKx-");
    world.send(CARRIER_A, &other_way);
    world.expect_is(CARRIER_A, "482 INVITE");
    assert_eq!(world.refusals("Merged"), 1);
}

#[test]
fn a_lost_ack_makes_the_answer_come_again_until_both_sides_are_hung_up() {
    let mut world = World::new();
    let (caller, callee) = placed(&mut world, "no-ack");
    callee.answer(&mut world, 200, SDP);
    world.expect_is(CARRIER_A, "200 INVITE");
    world.pass_ms(31_999);
    let repeated = world.clear();
    // T1 doubling to T2: at 0.5, 1.5, 3.5, 7.5, and then every 4 s.
    assert_eq!(repeated.len(), 10);
    world.pass_ms(1);
    let to_caller = world.expect_is(CARRIER_A, "BYE");
    world.expect_is(PBX, "ACK");
    let to_callee = world.expect_is(PBX, "BYE");
    callee.reply(&mut world, &to_callee, 200, "");
    caller.reply(&mut world, &to_caller, 481, "");
    assert_eq!(world.told().last().unwrap(), "ended NoAck 200");
    world.assert_all_over();
    world.quiet();
}

#[test]
fn a_lost_200_is_repeated_and_an_ack_to_the_second_is_enough() {
    let mut world = World::new();
    let (mut caller, callee) = placed(&mut world, "lost-200");
    callee.answer(&mut world, 200, SDP);
    world.clear();
    world.pass_ms(500);
    caller.take_answer(&mut world);
    world.expect_is(PBX, "ACK");
    // The callee did not see the ACK in time and answers again.
    callee.answer(&mut world, 200, SDP);
    world.expect_is(PBX, "ACK");
    // Nor did the caller's next ACK mean anything new.
    caller.ack(&mut world);
    world.pass_ms(10_000);
    world.quiet();
    assert_eq!(world.observe().active_calls, 1);
}

#[test]
fn another_forks_answer_is_acknowledged_and_hung_up() {
    let mut world = World::new();
    let (mut caller, callee) = placed(&mut world, "fork");
    let mut fork = callee.clone();
    fork.local = fork.local.replace("tag=to-", "tag=fork-");
    callee.answer(&mut world, 200, SDP);
    caller.take_answer(&mut world);
    world.expect_is(PBX, "ACK");
    fork.answer(&mut world, 200, SDP);
    let ack = world.expect_is(PBX, "ACK");
    assert!(ack.to().tag().unwrap().starts_with(b"fork-"));
    let bye = world.expect_is(PBX, "BYE");
    assert!(bye.to().tag().unwrap().starts_with(b"fork-"));
    fork.reply(&mut world, &bye, 200, "");
    world.quiet();
    assert_eq!(world.observe().active_calls, 1);
}

#[test]
fn a_peer_that_never_answers_a_bye_is_forgotten() {
    let mut world = World::new();
    let (mut caller, _) = inbound_call(&mut world, "gone");
    caller.send(&mut world, "BYE");
    world.expect_is(CARRIER_A, "200 BYE");
    world.expect_is(PBX, "BYE");
    assert_eq!(world.observe().trunks[0].active_calls, 0, "the seat is free at once");
    assert_eq!(world.observe().active_calls, 1);
    world.pass(Duration::from_secs(33));
    assert_eq!(world.observe().active_calls, 0);
    world.assert_all_over();
}

#[test]
fn ringing_forever_ends_with_408() {
    let mut world = World::new();
    let (caller, callee) = placed(&mut world, "ringing");
    callee.answer(&mut world, 180, "");
    world.expect_is(CARRIER_A, "180 INVITE");
    world.pass(RING_LIMIT);
    world.expect_is(CARRIER_A, "408 INVITE");
    caller.ack_failure(&mut world);
    take_cancel(&mut world, &callee);
    world.assert_all_over();
    world.quiet();
}

#[test]
fn a_side_that_has_not_acknowledged_its_200_gets_its_bye_after_the_ack() {
    let mut world = World::new();
    let (mut caller, mut callee) = placed(&mut world, "quick");
    callee.answer(&mut world, 200, SDP);
    world.clear();
    callee.send(&mut world, "BYE");
    world.expect_is(PBX, "200 BYE");
    world.expect_is(PBX, "ACK");
    world.quiet();
    world.pass_ms(500);
    caller.take_answer(&mut world);
    let bye = world.expect_is(CARRIER_A, "BYE");
    caller.reply(&mut world, &bye, 200, "");
    assert_eq!(world.told().last().unwrap(), "ended CalleeHungUp 200");
    world.assert_all_over();
    world.quiet();
}

#[test]
fn an_answer_that_comes_after_its_call_gets_its_ack_each_time_and_that_of_a_fork_a_bye() {
    let mut world = World::new();
    let (mut caller, callee) = inbound_call(&mut world, "late");
    caller.send(&mut world, "BYE");
    world.expect_is(CARRIER_A, "200 BYE");
    let bye = world.expect_is(PBX, "BYE");
    callee.reply(&mut world, &bye, 200, "");
    assert_eq!(world.observe().active_calls, 0);
    // Its ACK was lost on the way, again and again.
    for _ in 0..4 {
        callee.answer(&mut world, 200, SDP);
        world.expect_is(PBX, "ACK");
        world.quiet();
        world.pass_ms(500);
    }
    let fork = callee.fork("fork");
    fork.answer(&mut world, 200, SDP);
    world.expect_is(PBX, "ACK");
    let bye = world.expect_is(PBX, "BYE");
    fork.answer(&mut world, 200, SDP);
    world.expect_is(PBX, "ACK");
    assert!(bye.to().tag().unwrap().starts_with(b"fork-"));
    fork.reply(&mut world, &bye, 200, "");
    world.quiet();
    world.assert_all_over();
    world.quiet();
}

#[test]
fn an_invite_that_its_caller_gave_a_time_is_over_with_it() {
    let mut world = World::new();
    let mut caller = Phone::calling(CARRIER_A, "447700900123", "+442079460007", "short");
    let text = caller.request("INVITE", "Expires: 20\r\nContent-Type: application/sdp\r\n", SDP);
    world.send(CARRIER_A, &text);
    world.expect_is(CARRIER_A, "100 INVITE");
    let invite = world.expect_is(PBX, "INVITE");
    assert_eq!(value(&invite, HeaderName::Expires), "20");
    let callee = Phone::called(PBX, &invite);
    callee.answer(&mut world, 180, "");
    world.expect_is(CARRIER_A, "180 INVITE");
    world.pass_ms(19_999);
    world.quiet();
    world.pass_ms(1);
    world.expect_is(CARRIER_A, "487 INVITE");
    caller.ack_failure(&mut world);
    let cancel = world.expect_is(PBX, "CANCEL");
    assert!(value(&cancel, HeaderName::Reason).contains("expired"), "{cancel:?}");
    callee.reply(&mut world, &cancel, 200, "");
    callee.answer(&mut world, 487, "");
    world.expect_is(PBX, "ACK");
    assert_eq!(world.told().last().unwrap(), "ended Expired 487");
    world.assert_all_over();
    world.quiet();
}

#[test]
fn the_time_of_an_invite_neither_ends_what_is_answered_nor_lengthens_what_rings() {
    let mut world = World::new();
    let mut caller = Phone::calling(CARRIER_A, "447700900123", "+442079460007", "soon");
    let text = caller.request("INVITE", "Expires: 20\r\nContent-Type: application/sdp\r\n", SDP);
    world.send(CARRIER_A, &text);
    world.expect_is(CARRIER_A, "100 INVITE");
    let callee = Phone::called(PBX, &world.expect_is(PBX, "INVITE"));
    callee.answer(&mut world, 200, SDP);
    caller.take_answer(&mut world);
    world.expect_is(PBX, "ACK");
    world.pass_ms(30_000);
    world.quiet();
    assert_eq!(world.observe().active_calls, 1);
    let mut world = World::new();
    let mut caller = Phone::calling(CARRIER_A, "447700900123", "+442079460007", "long");
    let text = caller.request("INVITE", "Expires: 4294967295\r\n", "");
    world.send(CARRIER_A, &text);
    let callee = Phone::called(PBX, &world.expect_is(PBX, "INVITE"));
    callee.answer(&mut world, 180, "");
    world.clear();
    world.pass(Duration::from_secs(301));
    world.expect_is(CARRIER_A, "408 INVITE");
}

#[test]
fn every_reason_of_a_cancel_or_early_bye_goes_on() {
    const SAID: &str = "Reason: SIP ;cause=200 ;text=\"Call, completed elsewhere\"\r\n\
                        Reason: Q.850 ;cause=16, X ;cause=1\r\n";
    for method in ["CANCEL", "BYE"] {
        for early in [true, false] {
            let mut world = World::new();
            let (mut caller, callee) = placed(&mut world, "why");
            if early {
                callee.answer(&mut world, 180, "");
                let ringing = world.expect_is(CARRIER_A, "180 INVITE");
                caller.remote = value(&ringing, HeaderName::To);
            } else if method == "BYE" {
                // There is no dialog that it could end.
                continue;
            }
            let ending = if method == "BYE" {
                caller.request(method, SAID, "")
            } else {
                let mut first = caller.clone();
                first.remote = first.remote.split(";tag").next().unwrap().to_owned();
                first.print(method, SAID, "")
            };
            world.send(CARRIER_A, &ending);
            if !early {
                // It waits until it may go on.
                callee.answer(&mut world, 180, "");
            }
            let cancel = world.expect_is(PBX, "CANCEL");
            let all = text(cancel.as_bytes());
            for part in ["\"Call, completed elsewhere\"", "Q.850 ;cause=16", "X ;cause=1"] {
                assert!(all.contains(part), "{all}");
            }
        }
    }
}
