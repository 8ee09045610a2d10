//! A far end that forks: the caller ends one early dialog of several.

use std::time::Duration;

use trunkline::sip::Message;

use crate::early::{placed, prack, ring, take_cancel};
use crate::world::{CARRIER_A, PBX, Phone, SDP, World, text};

const BYE: &str = "Reason: SIP ;cause=200 ;text=\"Not you\"\r\n";

/// The caller in the early dialog of a response.
fn within(caller: &Phone, response: &Message, branch: u32) -> Phone {
    let mut here = caller.clone();
    here.learn(response);
    (here.cseq, here.branch) = (10, branch);
    here
}

/// Two that ring, each with the caller's end of its early dialog.
fn two(world: &mut World, headers: &str) -> (Phone, [(Phone, Phone); 2]) {
    let (caller, desk) = placed(world, headers, SDP);
    let mobile = desk.fork("mobile");
    let ends = [(desk, 100), (mobile, 200)].map(|(phone, branch)| {
        phone.answer(world, 180, "");
        let here = within(&caller, &world.expect_is(CARRIER_A, "180 INVITE"), branch);
        (here, phone)
    });
    (caller, ends)
}

/// The caller ends an early dialog, which its far end hears of and nobody else.
fn end(world: &mut World, here: &mut Phone, phone: &Phone) {
    let bye = here.request("BYE", BYE, "");
    world.send(CARRIER_A, &bye);
    world.expect_is(CARRIER_A, "200 BYE");
    let bye = world.expect_is(PBX, "BYE");
    assert_eq!(bye.to().tag(), phone_tag(phone).as_deref().map(str::as_bytes));
    assert!(text(bye.as_bytes()).contains("Not you"), "{bye:?}");
    phone.reply(world, &bye, 200, "");
    world.quiet();
    // It is gone.
    here.send(world, "BYE");
    world.expect_is(CARRIER_A, "481 BYE");
}

fn phone_tag(phone: &Phone) -> Option<String> {
    phone.local.split_once(";tag=").map(|(_, tag)| tag.to_owned())
}

#[test]
fn a_bye_ends_the_early_dialog_that_it_names_and_the_other_one_answers() {
    for first in [0, 1] {
        let mut world = World::new();
        let (mut caller, mut ends) = two(&mut world, "");
        let (here, phone) = &mut ends[first];
        end(&mut world, here, phone);
        // What rings on there is not told; a request of it is nobody's.
        phone.answer(&mut world, 183, SDP);
        world.quiet();
        phone.send(&mut world, "INFO");
        world.expect_is(PBX, "481 INFO");
        let (_, other) = &mut ends[1 - first];
        other.answer(&mut world, 183, SDP);
        world.expect_is(CARRIER_A, "183 INVITE");
        other.answer(&mut world, 200, SDP);
        caller.take_answer(&mut world);
        let ack = world.expect_is(PBX, "ACK");
        assert_eq!(ack.to().tag(), phone_tag(other).as_deref().map(str::as_bytes));
        caller.send(&mut world, "BYE");
        world.expect_is(CARRIER_A, "200 BYE");
        let bye = world.expect_is(PBX, "BYE");
        other.reply(&mut world, &bye, 200, "");
        world.assert_all_over();
        world.quiet();
    }
}

#[test]
fn a_bye_in_the_last_early_dialog_ends_the_call() {
    let mut world = World::new();
    let (caller, [(mut first, desk), (mut second, mobile)]) = two(&mut world, "");
    end(&mut world, &mut second, &mobile);
    let bye = first.request("BYE", BYE, "");
    world.send(CARRIER_A, &bye);
    world.expect_is(CARRIER_A, "200 BYE");
    world.expect_is(CARRIER_A, "487 INVITE");
    caller.ack_failure(&mut world);
    take_cancel(&mut world, &desk);
    world.assert_all_over();
    world.quiet();
}

#[test]
fn who_answers_in_an_ended_early_dialog_is_hung_up_and_another_may_still_answer() {
    for another in [true, false] {
        let mut world = World::new();
        let (mut caller, [(mut here, desk), (_, mobile)]) = two(&mut world, "");
        end(&mut world, &mut here, &desk);
        desk.answer(&mut world, 200, SDP);
        let ack = world.expect_is(PBX, "ACK");
        let bye = world.expect_is(PBX, "BYE");
        for message in [ack, bye.clone()] {
            assert_eq!(message.to().tag(), phone_tag(&desk).as_deref().map(str::as_bytes));
        }
        desk.answer(&mut world, 200, SDP);
        world.expect_is(PBX, "ACK");
        desk.reply(&mut world, &bye, 200, "");
        world.quiet();
        if another {
            world.pass(Duration::from_secs(1));
            mobile.answer(&mut world, 200, SDP);
            caller.take_answer(&mut world);
            world.expect_is(PBX, "ACK");
            caller.send(&mut world, "BYE");
            world.expect_is(CARRIER_A, "200 BYE");
            let bye = world.expect_is(PBX, "BYE");
            mobile.reply(&mut world, &bye, 200, "");
        } else {
            world.pass_ms(31_999);
            world.quiet();
            world.pass_ms(1);
            world.expect_is(CARRIER_A, "487 INVITE");
            caller.ack_failure(&mut world);
        }
        world.assert_all_over();
        world.quiet();
    }
}

#[test]
fn an_ended_early_dialog_waits_for_no_prack_and_answers_what_passed_in_it() {
    let mut world = World::new();
    let (mut caller, desk) = placed(&mut world, "Supported: 100rel\r\n", SDP);
    let mobile = desk.fork("mobile");
    ring(&mut world, &desk, (183, 1), SDP);
    let mut here = within(&caller, &world.expect_is(CARRIER_A, "183 INVITE"), 100);
    ring(&mut world, &mobile, (183, 1), SDP);
    let second = world.expect_is(CARRIER_A, "183 INVITE");
    prack(&mut world, &caller, &second, 2);
    let passed = world.expect_is(PBX, "PRACK");
    mobile.reply(&mut world, &passed, 200, "");
    world.expect_is(CARRIER_A, "200 PRACK");
    // The answer of one waits for a PRACK, a request passes in each.
    desk.answer(&mut world, 200, SDP);
    here.send(&mut world, "INFO");
    let info = world.expect_is(PBX, "INFO");
    let bye = here.request("BYE", BYE, "");
    world.send(CARRIER_A, &bye);
    world.expect_is(CARRIER_A, "200 BYE");
    world.expect_is(CARRIER_A, "487 INFO");
    world.expect_is(PBX, "ACK");
    let bye = world.expect_is(PBX, "BYE");
    desk.reply(&mut world, &info, 200, "");
    desk.reply(&mut world, &bye, 200, "");
    world.pass(Duration::from_secs(20));
    world.quiet();
    mobile.answer(&mut world, 200, SDP);
    caller.take_answer(&mut world);
    world.expect_is(PBX, "ACK");
    world.pass(Duration::from_secs(40));
    world.quiet();
    assert_eq!(world.observe().active_calls, 1);
}

#[test]
fn early_dialogs_that_come_and_go_are_bounded_and_leave_nothing() {
    let mut world = World::new();
    let (caller, desk) = placed(&mut world, "", SDP);
    desk.answer(&mut world, 180, "");
    world.expect_is(CARRIER_A, "180 INVITE");
    for number in 0..20 {
        let fork = desk.fork(&format!("fork{number}"));
        fork.answer(&mut world, 180, "");
        if !world.waits(CARRIER_A) {
            assert_eq!(number, trunkline::engine::MAX_EARLY);
            break;
        }
        let ringing = world.expect_is(CARRIER_A, "180 INVITE");
        let mut here = within(&caller, &ringing, u32::try_from(100 * number).unwrap());
        here.send(&mut world, "BYE");
        world.expect_is(CARRIER_A, "200 BYE");
        world.expect_is(PBX, "BYE");
    }
    world.quiet();
    // Their BYEs are still under way.
    desk.answer(&mut world, 486, "");
    world.expect_is(PBX, "ACK");
    world.expect_is(CARRIER_A, "486 INVITE");
    caller.ack_failure(&mut world);
    world.assert_all_over();
}
