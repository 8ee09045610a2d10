//! From one route to the next, and when not.

use std::time::Duration;

use serde_json::json;
use trunkline::engine::HUNT_BUDGET;

use crate::world::{CARRIER_A, CARRIER_B, PBX, Phone, SDP, World, config, inbound_call, set, text};

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
        assert_eq!(world.told()[1], format!("failover Refused {code}"));
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
    assert_eq!(world.told().last().unwrap(), "failover Silence 408");
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
    world.expect_is(PBX, "100 INVITE");
    world.expect_is(CARRIER_A, "INVITE");
    world.refuse_last();
    world.expect_is(CARRIER_B, "INVITE");
    // RFC 3261 section 8.1.3.1; the trunk has not said so.
    assert_eq!(world.told().last().unwrap(), "failover Unreachable 503");
    // Nobody has answered.
    world.refuse_last();
    world.expect_is(PBX, "408 INVITE");
    assert_eq!(world.told().last().unwrap(), "ended Unreachable 408");
    assert_eq!((world.refusals("Unreachable"), world.refusals("Silence")), (1, 0));
}

#[test]
fn what_was_answered_counts_more_than_who_cannot_be_reached() {
    let mut world = World::new();
    refused_by_first(&mut world, 500);
    world.expect_is(CARRIER_B, "INVITE");
    world.refuse_last();
    world.expect_is(PBX, "500 INVITE");
    assert_eq!(world.told().last().unwrap(), "ended Refused 500");
    // And silence more than that: somebody may have heard it.
    let mut world = World::new();
    dial(&mut world, "silent");
    world.expect_is(CARRIER_A, "INVITE");
    world.pass_ms(32_000);
    world.refuse_to(CARRIER_B);
    assert_eq!(world.told().last().unwrap(), "ended Silence 408");
}

#[test]
fn a_trunk_says_which_answers_lead_on_and_how_long_it_may_take() {
    let with = |rules: serde_json::Value| {
        let mut config = config();
        set(&mut config, "carrier-a", "/failover", rules);
        World::with(&config)
    };
    // Its own codes, and none but those; busy stops whatever they are.
    for (codes, code, leads_on) in [
        (json!(["403"]), 403, true),
        (json!(["403"]), 503, false),
        (json!(["400-699"]), 404, true),
        (json!(["400-699"]), 486, false),
        (json!(["400-699"]), 487, false),
        (json!(["400-699"]), 603, false),
        (json!([]), 503, false),
    ] {
        let mut world = with(json!({ "codes": codes }));
        refused_by_first(&mut world, code);
        if leads_on {
            world.expect_is(CARRIER_B, "INVITE");
        } else {
            world.expect_is(PBX, &format!("{code} INVITE"));
        }
        world.quiet();
    }
    // Its own patience with silence, which no codes are needed for.
    let mut world = with(json!({ "codes": [], "attemptTimeout": "4s" }));
    dial(&mut world, "patience");
    world.pass_ms(3_999);
    assert!(!world.clear().iter().any(|(remote, _)| *remote == CARRIER_B.parse().unwrap()));
    world.pass_ms(1);
    world.expect_is(CARRIER_B, "INVITE");
    // And for all attempts: the second one's trunk gives the call ten seconds.
    let mut config = config();
    set(&mut config, "carrier-b", "/failover", json!({ "totalTimeout": "10s" }));
    set(&mut config, "carrier-a", "/failover", json!({ "attemptTimeout": "4s" }));
    let mut world = World::with(&config);
    dial(&mut world, "total");
    world.pass_ms(9_999);
    world.clear();
    world.pass_ms(1);
    world.expect_is(PBX, "408 INVITE");
    // Too late for it to be tried at all.
    set(&mut config, "carrier-a", "/failover", json!({ "attemptTimeout": "20s" }));
    let mut world = World::with(&config);
    dial(&mut world, "late");
    world.pass_ms(20_000);
    let sent = world.clear();
    assert!(!sent.iter().any(|(remote, _)| *remote == CARRIER_B.parse().unwrap()), "{sent:?}");
    assert_eq!(world.told().last().unwrap(), "ended Silence 408");
}

#[test]
fn after_progress_goes_on_where_the_trunk_says_so() {
    for after in [false, true] {
        let mut config = config();
        set(&mut config, "carrier-a", "/failover", json!({ "afterProgress": after }));
        let mut world = World::with(&config);
        dial(&mut world, "progress");
        world.expect_is(PBX, "100 INVITE");
        let invite = world.expect_is(CARRIER_A, "INVITE");
        let ringing = Phone::called(CARRIER_A, &invite);
        ringing.answer(&mut world, 183, SDP);
        world.expect_is(PBX, "183 INVITE");
        ringing.answer(&mut world, 503, "");
        world.expect_is(CARRIER_A, "ACK");
        if after {
            world.expect_is(CARRIER_B, "INVITE");
        } else {
            world.expect_is(PBX, "503 INVITE");
        }
        world.quiet();
    }
}

#[test]
fn no_more_calls_begin_in_any_second_than_a_limit_says() {
    for (name, pointer, word) in
        [("carrier-a", "/limits", "TrunkRateLimit"), ("acme", "/limits", "TenantRateLimit")]
    {
        let mut config = config();
        set(&mut config, name, pointer, json!({ "callsPerSecond": 3 }));
        let mut world = World::with(&config);
        let mut begun = Vec::new();
        for number in 0..40 {
            let id = format!("rate{number}");
            let mut phone = Phone::calling(CARRIER_A, "447700900123", "+442079460007", &id);
            phone.invite(&mut world);
            let answer = world.expect(CARRIER_A);
            match answer.status() {
                Some(100) => begun.push(number * 100),
                code => {
                    assert_eq!(code, Some(503));
                    assert_eq!(answer.retry_after(), Some(10));
                }
            }
            world.pass_ms(100);
            // Refusals that nobody acknowledges are sent again.
            world.clear();
        }
        assert!(begun.windows(4).all(|four| four[3] - four[0] >= 1000), "{begun:?}");
        assert_eq!(begun.len(), 12, "{begun:?}");
        assert_eq!(world.refusals(word), 28);
    }
    // Outwards the next trunk is taken, and a tenant learns 403.
    let mut config = config();
    set(&mut config, "carrier-a", "/limits", json!({ "callsPerSecond": 1 }));
    let mut world = World::with(&config);
    dial(&mut world, "first");
    world.expect_is(CARRIER_A, "INVITE");
    dial(&mut world, "second");
    world.expect_is(CARRIER_B, "INVITE");
    set(&mut config, "acme", "/limits", json!({ "callsPerSecond": 0 }));
    world.install(&config);
    world.clear();
    dial(&mut world, "third");
    world.expect_is(PBX, "403 INVITE");
}

#[test]
fn a_call_lasts_no_longer_than_its_trunks_let_it() {
    let mut config = config();
    set(&mut config, "carrier-a", "/limits", json!({ "maxCallDuration": "90s" }));
    let mut world = World::with(&config);
    let (caller, callee) = inbound_call(&mut world, "long");
    world.pass_ms(89_999);
    world.quiet();
    world.pass_ms(1);
    for phone in [caller, callee] {
        let bye = world.expect_is(phone.address, "BYE");
        phone.reply(&mut world, &bye, 200, "");
    }
    assert_eq!(world.told().last().unwrap(), "ended DurationLimit 200");
    world.assert_all_over();
}
