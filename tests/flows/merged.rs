//! The same INVITE by two ways, and the tag of what a refused one is answered with.

use trunkline::sip::Message;

use crate::world::{CARRIER_A, PBX, Phone, World};

/// A number that is nobody's.
fn refused(world: &mut World, call_id: &str) -> (Phone, Message) {
    let mut caller = Phone::calling(CARRIER_A, "447700900123", "+442079469999", call_id);
    caller.invite(world);
    let answer = world.expect_is(CARRIER_A, "404 INVITE");
    (caller, answer)
}

/// The INVITE once more by another way.
fn by_another_way(world: &mut World, caller: &Phone) {
    let mut other = caller.clone();
    other.branch += 100;
    world.send(CARRIER_A, &other.print("INVITE", "", ""));
}

#[test]
fn a_refused_invite_that_waits_for_its_ack_is_merged_with_one_by_another_way() {
    let mut world = World::new();
    let (caller, _) = refused(&mut world, "merged");
    by_another_way(&mut world, &caller);
    world.expect_is(CARRIER_A, "482 INVITE");
    world.quiet();
    world.assert_all_over();
}

#[test]
fn an_acknowledged_refusal_is_over() {
    let mut world = World::new();
    let (caller, answer) = refused(&mut world, "hunts");
    let mut acknowledging = caller.clone();
    acknowledging.learn(&answer);
    acknowledging.ack_failure(&mut world);
    // A proxy that hunts asks by the next way.
    by_another_way(&mut world, &caller);
    world.expect_is(CARRIER_A, "404 INVITE");
}

#[test]
fn a_call_that_its_far_end_refused_is_merged_too_until_the_ack() {
    let mut world = World::new();
    let mut caller = Phone::calling(CARRIER_A, "447700900123", "+442079460007", "busy");
    caller.invite(&mut world);
    world.expect_is(CARRIER_A, "100 INVITE");
    let callee = Phone::called(PBX, &world.expect_is(PBX, "INVITE"));
    callee.answer(&mut world, 486, "");
    world.expect_is(PBX, "ACK");
    let answer = world.expect_is(CARRIER_A, "486 INVITE");
    assert_eq!(world.engine.in_progress()[0], 0);
    by_another_way(&mut world, &caller);
    world.expect_is(CARRIER_A, "482 INVITE");
    caller.cancel(&mut world);
    let cancelled = world.expect_is(CARRIER_A, "200 CANCEL");
    assert_eq!(cancelled.to().tag(), answer.to().tag());
    world.quiet();
}

#[test]
fn the_cancel_of_a_refused_invite_is_answered_with_the_tag_of_the_refusal() {
    let mut world = World::new();
    let (mut caller, answer) = refused(&mut world, "tag");
    caller.cancel(&mut world);
    let cancelled = world.expect_is(CARRIER_A, "200 CANCEL");
    assert!(answer.to().tag().is_some());
    assert_eq!(cancelled.to().tag(), answer.to().tag());
    caller.learn(&answer);
    caller.ack_failure(&mut world);
    world.quiet();
}
