//! From one route to the next, and when not.

use std::time::Duration;

use serde_json::json;
use trunkline::engine::HUNT_BUDGET;

use crate::world::{CARRIER_A, CARRIER_B, PBX, Phone, SDP, World, config, set, text};

fn dial(world: &mut World, call_id: &str) -> Phone {
    let mut pbx = Phone::calling(PBX, "1001", "00493012345", call_id);
    pbx.invite(world);
    pbx
}

/// Dials, and lets the first carrier answer with this code; that carrier.
fn refused_by_first(world: &mut World, code: u16) -> Phone {
    let pbx = dial(world, &format!("code-{code}"));
    world.expect_is(PBX, "100 INVITE");
    let invite = world.expect_is(CARRIER_A, "INVITE");
    Phone::called(CARRIER_A, &invite).answer(world, code, "");
    world.expect_is(CARRIER_A, "ACK");
    pbx
}

#[test]
fn a_503_goes_on_to_the_next_route_with_its_own_dialog() {
    for code in [408, 500, 502, 503, 504] {
        let mut world = World::new();
        let mut pbx = refused_by_first(&mut world, code);
        let invite = world.expect_is(CARRIER_B, "INVITE");
        assert_eq!(text(invite.request_uri_bytes()), "sip:493012345@127.0.0.3:5060");
        let mut carrier = Phone::called(CARRIER_B, &invite);
        carrier.answer(&mut world, 200, SDP);
        pbx.take_answer(&mut world);
        world.expect_is(CARRIER_B, "ACK");
        let observed = world.observe();
        let active = observed.trunks.iter().map(|trunk| trunk.active_calls).collect::<Vec<_>>();
        assert_eq!(active, [0, 1]);
        assert_eq!(observed.calls[0].trunk, "Trunk/acme/carrier-b");
        carrier.send(&mut world, "BYE");
        world.expect_is(CARRIER_B, "200 BYE");
        let bye = world.expect_is(PBX, "BYE");
        pbx.reply(&mut world, &bye, 200, "");
        assert_eq!(world.told()[1], format!("failover {code}"));
        world.assert_all_over();
        world.quiet();
    }
}

#[test]
fn busy_decline_and_every_6xx_stop_the_hunt() {
    for code in [404, 486, 487, 488, 600, 603, 606] {
        let mut world = World::new();
        let pbx = refused_by_first(&mut world, code);
        world.expect_is(PBX, &format!("{code} INVITE"));
        pbx.ack_failure(&mut world);
        world.quiet();
        world.assert_all_over();
    }
}

#[test]
fn a_challenge_or_redirection_is_not_handed_on() {
    for (code, shown) in [(401, 403), (407, 403), (302, 480)] {
        let mut world = World::new();
        let pbx = refused_by_first(&mut world, code);
        let answer = world.expect_is(PBX, &format!("{shown} INVITE"));
        assert!(answer.contact().is_none());
        pbx.ack_failure(&mut world);
        world.assert_all_over();
    }
}

#[test]
fn a_failure_after_ringing_does_not_go_on() {
    let mut world = World::new();
    let pbx = dial(&mut world, "rang");
    world.expect_is(PBX, "100 INVITE");
    let invite = world.expect_is(CARRIER_A, "INVITE");
    let carrier = Phone::called(CARRIER_A, &invite);
    carrier.answer(&mut world, 180, "");
    world.expect_is(PBX, "180 INVITE");
    carrier.answer(&mut world, 503, "");
    world.expect_is(CARRIER_A, "ACK");
    world.expect_is(PBX, "503 INVITE");
    pbx.ack_failure(&mut world);
    world.quiet();
    world.assert_all_over();
}

#[test]
fn silence_goes_on_after_timer_b_and_twice_silence_is_408() {
    let mut world = World::new();
    let pbx = dial(&mut world, "silence");
    world.expect_is(PBX, "100 INVITE");
    world.expect_is(CARRIER_A, "INVITE");
    world.pass_ms(31_999);
    assert!(world.clear().iter().all(|(remote, _)| *remote == CARRIER_A.parse().unwrap()));
    world.pass_ms(1);
    world.expect_is(CARRIER_B, "INVITE");
    world.pass(HUNT_BUDGET - Duration::from_secs(32));
    world.expect_is(PBX, "408 INVITE");
    pbx.ack_failure(&mut world);
    assert_eq!(world.refusals("Silence"), 1);
    world.assert_all_over();
}

#[test]
fn a_trunk_that_only_says_100_is_cancelled_and_the_next_is_tried() {
    let mut world = World::new();
    let mut pbx = dial(&mut world, "trying");
    world.expect_is(PBX, "100 INVITE");
    let invite = world.expect_is(CARRIER_A, "INVITE");
    let slow = Phone::called(CARRIER_A, &invite);
    slow.answer(&mut world, 100, "");
    world.pass(Duration::from_secs(32));
    let cancel = world.expect_is(CARRIER_A, "CANCEL");
    let invite = world.expect_is(CARRIER_B, "INVITE");
    let carrier = Phone::called(CARRIER_B, &invite);
    carrier.answer(&mut world, 200, SDP);
    pbx.take_answer(&mut world);
    world.expect_is(CARRIER_B, "ACK");
    // The slow one answers after all: it is thanked and hung up, the call goes on.
    slow.answer(&mut world, 200, SDP);
    world.expect_is(CARRIER_A, "ACK");
    let bye = world.expect_is(CARRIER_A, "BYE");
    slow.reply(&mut world, &bye, 200, "");
    slow.reply(&mut world, &cancel, 200, "");
    world.quiet();
    assert_eq!(world.observe().active_calls, 1);
}

#[test]
fn the_last_answer_is_relayed_when_another_route_was_silent() {
    let mut world = World::new();
    let pbx = refused_by_first(&mut world, 503);
    world.expect_is(CARRIER_B, "INVITE");
    world.pass(Duration::from_secs(32));
    world.clear();
    let pbx_log = world.told();
    assert_eq!(pbx_log.last().unwrap(), "ended Refused 503");
    pbx.ack_failure(&mut world);
    world.assert_all_over();
}

#[test]
fn a_full_trunk_is_skipped_and_two_full_ones_are_403() {
    let mut config = config();
    set(&mut config, "carrier-a", "/limits", json!({ "concurrentCalls": 1 }));
    set(&mut config, "pool-b", "/concurrentCalls", json!(1));
    let mut world = World::with(&config);
    dial(&mut world, "first");
    world.expect_is(CARRIER_A, "INVITE");
    dial(&mut world, "second");
    world.expect_is(CARRIER_B, "INVITE");
    let third = dial(&mut world, "third");
    world.clear();
    assert_eq!(world.told().last().unwrap(), "ended TenantOnTrunkLimit 403");
    third.ack_failure(&mut world);
    assert_eq!(world.refusals("TenantOnTrunkLimit"), 1);
    let observed = world.observe();
    assert!(observed.trunks.iter().all(|trunk| trunk.active_calls == 1));
    world.pass(Duration::from_secs(70));
    world.assert_all_over();
}

#[test]
fn an_address_that_cannot_be_sent_to_is_left_at_once() {
    let mut world = World::new();
    dial(&mut world, "unsent");
    world.expect_is(CARRIER_A, "INVITE");
    world.refuse_last();
    world.expect_is(CARRIER_B, "INVITE");
}
