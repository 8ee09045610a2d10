//! Answers that nobody waits for any more: each dialog gets one BYE, each answer its ACK.

use crate::world::{CARRIER_A, CARRIER_B, PBX, Phone, SDP, World, inbound_call};

/// A call from the carrier that rings at the PBX: both ends.
fn ringing(world: &mut World, call_id: &str) -> (Phone, Phone) {
    let mut caller = Phone::calling(CARRIER_A, "447700900123", "+442079460007", call_id);
    caller.invite(world);
    world.expect_is(CARRIER_A, "100 INVITE");
    let callee = Phone::called(PBX, &world.expect_is(PBX, "INVITE"));
    callee.answer(world, 180, "");
    world.expect_is(CARRIER_A, "180 INVITE");
    (caller, callee)
}

/// Answers once more: an ACK and nothing else.
fn again(world: &mut World, callee: &Phone) {
    world.pass_ms(500);
    callee.answer(world, 200, SDP);
    let ack = world.expect_is(PBX, "ACK");
    let theirs = callee.local.rsplit_once(";tag=").unwrap().1;
    assert_eq!(ack.to().tag().unwrap(), theirs.as_bytes());
    world.quiet();
}

/// Answers: an ACK and a BYE, which gets its answer.
fn answered_and_hung_up(world: &mut World, callee: &Phone) {
    callee.answer(world, 200, SDP);
    world.expect_is(PBX, "ACK");
    let bye = world.expect_is(PBX, "BYE");
    callee.reply(world, &bye, 200, "");
    world.quiet();
}

/// Who is called and was cancelled before an answer.
fn given_up(world: &mut World, call: &str) -> Phone {
    let (caller, callee) = ringing(world, call);
    caller.cancel(world);
    world.expect_is(CARRIER_A, "200 CANCEL");
    world.expect_is(CARRIER_A, "487 INVITE");
    caller.ack_failure(world);
    let cancel = world.expect_is(PBX, "CANCEL");
    callee.reply(world, &cancel, 200, "");
    callee
}

#[test]
fn an_answer_that_crosses_the_cancel_has_one_bye() {
    let mut world = World::new();
    let callee = given_up(&mut world, "crossed");
    answered_and_hung_up(&mut world, &callee);
    assert_eq!(world.engine.in_progress()[0], 0);
    (0..3).for_each(|_| again(&mut world, &callee));
    world.assert_all_over();
}

#[test]
fn forks_that_answer_by_turns_have_one_bye_each() {
    let mut world = World::new();
    let callee = given_up(&mut world, "turns");
    let forks = ["a", "b", "c", "d", "e", "f", "g"].map(|name| callee.fork(name));
    answered_and_hung_up(&mut world, &callee);
    forks.iter().for_each(|fork| answered_and_hung_up(&mut world, fork));
    for _ in 0..3 {
        again(&mut world, &callee);
        forks.iter().for_each(|fork| again(&mut world, fork));
    }
    world.assert_all_over();
}

#[test]
fn a_second_fork_of_a_live_call_has_one_bye() {
    let mut world = World::new();
    let (_, callee) = inbound_call(&mut world, "second");
    let fork = callee.fork("second");
    answered_and_hung_up(&mut world, &fork);
    for _ in 0..3 {
        again(&mut world, &fork);
        again(&mut world, &callee);
    }
    assert_eq!(world.observe().active_calls, 1);
}

#[test]
fn more_forks_than_a_call_has_room_for_are_hung_up_all_the_same() {
    let mut world = World::new();
    let (_, callee) = inbound_call(&mut world, "many");
    let names = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"];
    for fork in names.map(|name| callee.fork(name)) {
        fork.answer(&mut world, 200, SDP);
        world.expect_is(PBX, "ACK");
        world.expect_is(PBX, "BYE");
        world.quiet();
    }
}

#[test]
fn the_answer_of_a_call_that_is_over_has_no_bye() {
    let mut world = World::new();
    let (mut caller, callee) = inbound_call(&mut world, "over");
    caller.send(&mut world, "BYE");
    world.expect_is(CARRIER_A, "200 BYE");
    let bye = world.expect_is(PBX, "BYE");
    // Before the BYE is answered as well.
    callee.answer(&mut world, 200, SDP);
    world.expect_is(PBX, "ACK");
    world.quiet();
    callee.reply(&mut world, &bye, 200, "");
    assert_eq!(world.engine.in_progress()[0], 0);
    (0..3).for_each(|_| again(&mut world, &callee));
    answered_and_hung_up(&mut world, &callee.fork("new"));
    again(&mut world, &callee);
    world.assert_all_over();
}

#[test]
fn a_fork_of_an_attempt_that_is_over_is_hung_up_while_the_call_goes_on() {
    let mut world = World::new();
    let mut pbx = Phone::calling(PBX, "1001", "00493012345", "over");
    pbx.invite(&mut world);
    world.expect_is(PBX, "100 INVITE");
    let first = Phone::called(CARRIER_A, &world.expect_is(CARRIER_A, "INVITE"));
    first.answer(&mut world, 100, "");
    world.pass(std::time::Duration::from_secs(32));
    let cancel = world.expect_is(CARRIER_A, "CANCEL");
    first.reply(&mut world, &cancel, 200, "");
    let second = Phone::called(CARRIER_B, &world.expect_is(CARRIER_B, "INVITE"));
    for fork in [first.fork("one"), first.fork("two")] {
        fork.answer(&mut world, 200, SDP);
        world.expect_is(CARRIER_A, "ACK");
        let bye = world.expect_is(CARRIER_A, "BYE");
        fork.reply(&mut world, &bye, 200, "");
        world.quiet();
    }
    second.answer(&mut world, 200, SDP);
    pbx.take_answer(&mut world);
    world.expect_is(CARRIER_B, "ACK");
    world.quiet();
}
