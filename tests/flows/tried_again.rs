//! Requests inside a call that cannot be sent: who asked hears so, and the call lives.

use std::time::Duration;

use trunkline::sip::HeaderName;

use crate::streams::{FROM, in_over_tcp, over_tcp, tcp_world};
use crate::world::{CARRIER_A, PBX, Phone, SDP, World, value};

/// A call from the PBX to a carrier on TCP, answered and acknowledged; both ends.
fn out_over_tcp(world: &mut World, headers: &str) -> (Phone, Phone) {
    let mut pbx = Phone::calling(PBX, "1001", "00493012345", "again");
    let invite = pbx.request("INVITE", "Content-Type: application/sdp\r\n", SDP);
    world.send(PBX, &invite);
    world.expect_is(PBX, "100 INVITE");
    let carrier = Phone::called(CARRIER_A, &world.expect_is(CARRIER_A, "INVITE"));
    let answer = carrier.response(carrier.invited(), 200, SDP);
    let answer = answer.replacen("Content-Length", &format!("{headers}Content-Length"), 1);
    world.send_over(3, CARRIER_A, &answer);
    pbx.take_answer(world);
    world.expect_is(CARRIER_A, "ACK");
    world.quiet();
    (pbx, carrier)
}

/// The last packet went to the carrier as this, and cannot be sent.
fn refuse(world: &mut World, what: &str) {
    world.expect_is(CARRIER_A, what);
    world.refuse_to(CARRIER_A);
}

#[test]
fn who_asks_inside_the_call_hears_of_it_and_the_call_lives() {
    for method in ["INFO", "UPDATE", "MESSAGE", "OPTIONS", "NOTIFY"] {
        let mut world = tcp_world();
        let (mut pbx, carrier) = out_over_tcp(&mut world, "");
        pbx.send(&mut world, method);
        refuse(&mut world, method);
        world.expect_is(PBX, &format!("504 {method}"));
        world.quiet();
        assert_eq!(world.observe().active_calls, 1, "{method}");
        // The next one gets through.
        pbx.send(&mut world, method);
        let request = world.expect_is(CARRIER_A, method);
        world.send_over(4, CARRIER_A, &over_tcp(&carrier.response(&request, 200, "")));
        world.expect_is(PBX, &format!("200 {method}"));
    }
}

#[test]
fn two_lost_connections_are_no_silence() {
    let mut world = tcp_world();
    let (mut pbx, _) = out_over_tcp(&mut world, "");
    pbx.send(&mut world, "INFO");
    world.expect_is(CARRIER_A, "INFO");
    world.lose(3, CARRIER_A);
    world.expect_is(CARRIER_A, "INFO");
    world.lose(4, CARRIER_A);
    world.expect_is(PBX, "504 INFO");
    world.quiet();
    assert_eq!(world.observe().active_calls, 1);
}

#[test]
fn silence_ends_the_call_as_ever() {
    let mut world = tcp_world();
    let (mut pbx, _) = out_over_tcp(&mut world, "");
    pbx.send(&mut world, "INFO");
    world.expect_is(CARRIER_A, "INFO");
    world.pass(Duration::from_secs(32));
    world.expect_is(PBX, "504 INFO");
    world.expect_is(PBX, "BYE");
    world.expect_is(CARRIER_A, "BYE");
    assert_eq!(world.told().last().unwrap(), "ended Silence 200");
}

#[test]
fn a_session_that_cannot_be_changed_just_now_stays_as_it_was() {
    let mut world = tcp_world();
    let (mut pbx, carrier) = out_over_tcp(&mut world, "");
    pbx.invite(&mut world);
    world.expect_is(PBX, "100 INVITE");
    refuse(&mut world, "INVITE");
    world.expect_is(PBX, "504 INVITE");
    pbx.ack_failure(&mut world);
    world.quiet();
    assert_eq!(world.observe().active_calls, 1);
    pbx.invite(&mut world);
    world.expect_is(PBX, "100 INVITE");
    let again = world.expect_is(CARRIER_A, "INVITE");
    world.send_over(4, CARRIER_A, &over_tcp(&carrier.response(&again, 200, SDP)));
    pbx.take_answer(&mut world);
    world.expect_is(CARRIER_A, "ACK");
}

#[test]
fn a_refresh_is_tried_again_until_the_session_is_over() {
    let timer = "Require: timer\r\nSession-Expires: 90;refresher=uac\r\nAllow: UPDATE\r\n";
    for reached in [true, false] {
        let mut world = tcp_world();
        let (_, carrier) = out_over_tcp(&mut world, timer);
        world.pass(Duration::from_secs(45));
        refuse(&mut world, "UPDATE");
        world.quiet();
        world.pass(Duration::from_secs(5));
        refuse(&mut world, "UPDATE");
        world.quiet();
        assert_eq!(world.observe().active_calls, 1);
        world.pass(Duration::from_secs(5));
        if reached {
            let update = world.expect_is(CARRIER_A, "UPDATE");
            let answer = carrier.response(&update, 200, "");
            let answer = answer.replacen("Content-Length", &format!("{timer}Content-Length"), 1);
            world.send_over(4, CARRIER_A, &over_tcp(&answer));
            world.pass(Duration::from_secs(40));
            world.quiet();
            assert_eq!(world.observe().active_calls, 1);
        } else {
            refuse(&mut world, "UPDATE");
            world.pass(Duration::from_secs(5));
            let bye = world.expect_is(PBX, "BYE");
            assert!(value(&bye, HeaderName::Reason).contains("Session expired"), "{bye:?}");
            assert_eq!(world.told().last().unwrap(), "ended SessionExpired 200");
        }
    }
}

#[test]
fn a_bye_is_sent_again_until_its_time_is_over() {
    let mut world = tcp_world();
    let (mut pbx, carrier) = out_over_tcp(&mut world, "");
    pbx.send(&mut world, "BYE");
    world.expect_is(PBX, "200 BYE");
    let first = world.expect_is(CARRIER_A, "BYE");
    world.refuse_last();
    for ms in [500, 1000, 2000, 4000, 4000] {
        world.pass_ms(ms - 1);
        world.quiet();
        world.pass_ms(1);
        let again = world.expect_is(CARRIER_A, "BYE");
        assert_eq!(again.packet(), first.packet());
        world.refuse_last();
    }
    // It is up again.
    world.pass_ms(4000);
    let bye = world.expect_is(CARRIER_A, "BYE");
    world.send_over(5, CARRIER_A, &over_tcp(&carrier.response(&bye, 200, "")));
    world.quiet();
    assert_eq!(world.engine.in_progress()[0], 0);
    world.assert_all_over();
}

#[test]
fn a_bye_that_reaches_nobody_ends_with_its_time() {
    let mut world = tcp_world();
    let (mut pbx, _) = out_over_tcp(&mut world, "");
    pbx.send(&mut world, "BYE");
    world.expect_is(PBX, "200 BYE");
    let mut count = 0;
    while world.waits(CARRIER_A) {
        refuse(&mut world, "BYE");
        count += 1;
        world.pass(Duration::from_secs(4));
    }
    assert!((8..=12).contains(&count), "{count}");
    assert_eq!(world.engine.in_progress()[0], 0);
    world.assert_all_over();
}

#[test]
fn the_bye_of_a_carrier_over_tcp_reaches_a_pbx_that_comes_back() {
    let mut world = tcp_world();
    let (caller, mut callee) = in_over_tcp(&mut world);
    callee.send(&mut world, "BYE");
    world.expect_is(PBX, "200 BYE");
    // Its connection is lost with the BYE on it, and nobody listens for a while.
    world.expect_is(CARRIER_A, "BYE");
    world.lose(7, FROM);
    refuse(&mut world, "BYE");
    world.pass_ms(500);
    let bye = world.expect_is(CARRIER_A, "BYE");
    world.send_over(8, CARRIER_A, &over_tcp(&caller.response(&bye, 200, "")));
    world.assert_all_over();
    world.quiet();
}
