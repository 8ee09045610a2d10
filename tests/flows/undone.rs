//! Transfers that do not come off: targets that vanish, silence, and who asks over and over.

use std::time::Duration;

use trunkline::sip::Message;

use crate::transfers::{ANSWER, OFFER, answered, notified, refer, transfer};
use crate::world::{CARRIER_A, CARRIER_B, PBX, Phone, SDP, World, inbound_call, text};

const TYPE: &str = "Content-Type: application/sdp\r\n";

/// The caller is asked for the target of its callee's transfer, which has hung up meanwhile.
fn vanished(world: &mut World, caller: &Phone, callee: &mut Phone) -> Message {
    let mut target = transfer(world, callee);
    let invite = answered(world, &target, caller);
    target.send(world, "BYE");
    world.expect_is(CARRIER_A, "200 BYE");
    assert!(notified(world, callee).1.starts_with("SIP/2.0 480"));
    world.expect_is(CARRIER_A, "ACK");
    // A BYE that crosses; where it is too late it is 481.
    let bye = world.expect_is(CARRIER_A, "BYE");
    target.reply(world, &bye, 481, "");
    world.quiet();
    invite
}

/// Lets time pass until something is sent there.
fn wait_for(world: &mut World, to: &str) {
    let patience = world.now + Duration::from_secs(10);
    while !world.waits(to) {
        world.pass_ms(10);
        assert!(world.now < patience);
    }
}

#[test]
fn a_caller_who_took_a_vanished_targets_offer_is_joined_with_who_asked_again() {
    let mut world = World::new();
    let (mut caller, mut callee) = inbound_call(&mut world, "undone");
    let invite = vanished(&mut world, &caller, &mut callee);
    // Until then nobody else may change anything.
    refer(&mut world, &mut callee, "<sip:1042@127.0.0.1>");
    world.expect_is(PBX, "491 REFER");
    caller.reply_with(&mut world, &invite, (200, TYPE), ANSWER);
    world.expect_is(CARRIER_A, "ACK");
    let asked = world.expect_is(PBX, "INVITE");
    assert!(asked.body().is_empty());
    callee.reply(&mut world, &asked, 491, "");
    world.expect_is(PBX, "ACK");
    wait_for(&mut world, PBX);
    let asked = world.expect_is(PBX, "INVITE");
    callee.reply_with(&mut world, &asked, (200, TYPE), SDP);
    let invite = world.expect_is(CARRIER_A, "INVITE");
    assert_eq!(text(invite.body()), SDP);
    caller.reply_with(&mut world, &invite, (200, TYPE), ANSWER);
    assert_eq!(text(world.expect_is(PBX, "ACK").body()), ANSWER);
    assert!(world.expect_is(CARRIER_A, "ACK").body().is_empty());
    // They talk as before.
    caller.send(&mut world, "INFO");
    let info = world.expect_is(PBX, "INFO");
    callee.reply(&mut world, &info, 200, "");
    world.expect_is(CARRIER_A, "200 INFO");
    callee.send(&mut world, "BYE");
    world.expect_is(PBX, "200 BYE");
    let bye = world.expect_is(CARRIER_A, "BYE");
    caller.reply(&mut world, &bye, 200, "");
    world.assert_all_over();
    world.quiet();
}

#[test]
fn a_caller_who_refuses_a_vanished_target_goes_on_as_before() {
    for rings in [true, false] {
        let mut world = World::new();
        let (mut caller, mut callee) = inbound_call(&mut world, "undone");
        let invite = if rings {
            let mut target = transfer(&mut world, &mut callee);
            let invite = answered(&mut world, &target, &caller);
            caller.reply(&mut world, &invite, 180, "");
            target.send(&mut world, "BYE");
            let mut sent = world.clear().into_iter().map(|(_, one)| one);
            let cancel = sent.find(|one| one.method().as_bytes() == b"CANCEL").unwrap();
            caller.reply(&mut world, &cancel, 200, "");
            invite
        } else {
            vanished(&mut world, &caller, &mut callee)
        };
        caller.reply(&mut world, &invite, if rings { 487 } else { 488 }, "");
        world.expect_is(CARRIER_A, "ACK");
        world.clear();
        caller.invite(&mut world);
        world.expect_is(CARRIER_A, "100 INVITE");
        world.expect_is(PBX, "INVITE");
        assert_eq!(world.observe().active_calls, 1);
    }
}

#[test]
fn a_caller_who_says_nothing_more_is_let_go_and_so_is_who_asked() {
    let mut world = World::new();
    let (_, mut callee) = inbound_call(&mut world, "undone");
    let caller = Phone::calling(CARRIER_A, "447700900123", "+442079460007", "undone");
    vanished(&mut world, &caller, &mut callee);
    world.pass(Duration::from_secs(40));
    let last = world.clear();
    assert!(
        last.iter()
            .any(|(to, one)| *to == PBX.parse().unwrap() && one.method().as_bytes() == b"BYE")
    );
    assert_eq!(world.told().last().unwrap(), "ended Silence 200");
    world.assert_all_over();
}

#[test]
fn who_asked_may_hang_up_on_the_way_back() {
    for offered in [false, true] {
        let mut world = World::new();
        let (caller, mut callee) = inbound_call(&mut world, "undone");
        let invite = vanished(&mut world, &caller, &mut callee);
        caller.reply_with(&mut world, &invite, (200, TYPE), ANSWER);
        world.expect_is(CARRIER_A, "ACK");
        let asked = world.expect_is(PBX, "INVITE");
        if offered {
            callee.reply_with(&mut world, &asked, (200, TYPE), SDP);
            world.expect_is(CARRIER_A, "INVITE");
        }
        callee.send(&mut world, "BYE");
        world.expect_is(PBX, "200 BYE");
        if offered {
            world.expect_is(PBX, "ACK");
        }
        let bye = world.expect_is(CARRIER_A, "BYE");
        caller.reply(&mut world, &bye, 200, "");
        world.clear();
        world.assert_all_over();
    }
}

#[test]
fn a_target_that_says_nothing_gives_way_to_the_next_one() {
    for rings in [false, true] {
        let mut world = World::new();
        let (_, mut callee) = inbound_call(&mut world, "silent");
        let target = transfer(&mut world, &mut callee);
        target.answer(&mut world, if rings { 180 } else { 100 }, "");
        if rings {
            notified(&mut world, &callee);
        }
        world.pass(Duration::from_secs(if rings { 299 } else { 31 }));
        world.quiet();
        wait_for(&mut world, CARRIER_A);
        let cancel = world.expect_is(CARRIER_A, "CANCEL");
        target.reply(&mut world, &cancel, 200, "");
        target.answer(&mut world, 487, "");
        world.expect_is(CARRIER_A, "ACK");
        if rings {
            assert!(notified(&mut world, &callee).1.starts_with("SIP/2.0 408"));
        } else {
            let invite = world.expect_is(CARRIER_B, "INVITE");
            Phone::called(CARRIER_B, &invite).answer(&mut world, 200, OFFER);
            world.expect_is(CARRIER_A, "INVITE");
        }
        world.quiet();
    }
}

#[test]
fn transfers_that_leave_something_behind_are_not_begun_without_end() {
    let mut world = World::new();
    let (_, mut callee) = inbound_call(&mut world, "greedy");
    for _ in 0..trunkline::engine::MAX_ABANDONED {
        // It answers with nothing to join with, and never says that it has hung up.
        let target = transfer(&mut world, &mut callee);
        target.answer(&mut world, 200, "");
        assert!(notified(&mut world, &callee).1.starts_with("SIP/2.0 488"));
        world.expect_is(CARRIER_A, "ACK");
        world.expect_is(CARRIER_A, "BYE");
    }
    refer(&mut world, &mut callee, "<sip:00493012345@127.0.0.1>");
    world.expect_is(PBX, "500 REFER");
    assert_eq!(world.refusals("RelaysFull"), 1);
    world.pass(Duration::from_secs(40));
    world.clear();
    transfer(&mut world, &mut callee);
}

#[test]
fn what_passes_while_two_are_joined_does_not_confuse_the_ack() {
    let mut world = World::new();
    let (caller, mut callee) = inbound_call(&mut world, "between");
    let target = transfer(&mut world, &mut callee);
    let invite = answered(&mut world, &target, &caller);
    callee.send(&mut world, "INFO");
    let info = world.expect_is(CARRIER_A, "INFO");
    caller.reply(&mut world, &info, 200, "");
    world.expect_is(PBX, "200 INFO");
    caller.reply_with(&mut world, &invite, (200, TYPE), ANSWER);
    let acks = [world.expect_is(CARRIER_A, "ACK"), world.expect_is(CARRIER_A, "ACK")];
    let own = acks.iter().find(|ack| text(ack.call_id()) == caller.call_id).unwrap();
    assert_eq!(own.cseq().number, invite.cseq().number);
}
