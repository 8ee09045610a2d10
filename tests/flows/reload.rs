//! A generation comes into force while calls are in progress.

use std::time::Duration;

use serde_json::json;
use trunkline::model::Condition;
use trunkline::sip::HeaderName;

use crate::world::{
    CARRIER_A, CARRIER_B, PBX, Phone, SDP, STRANGER, World, config, inbound_call, set, text, value,
};

const OTHER: &str = "127.0.0.10:5060";

/// Everything of carrier A is gone.
fn without_carrier_a() -> Vec<serde_json::Value> {
    let mut config = config();
    config.retain(|resource| {
        let name = resource["metadata"]["name"].as_str().unwrap();
        !["carrier-a", "pool-a", "main"].contains(&name)
    });
    set(&mut config, "world", "/routes", json!([{ "trunk": "carrier-b", "strip": 2 }]));
    config
}

#[test]
fn a_held_call_keeps_its_generation_and_the_next_goes_to_the_new_destination() {
    let mut world = World::new();
    let (mut caller, callee) = inbound_call(&mut world, "held");
    let mut edited = config();
    set(&mut edited, "main", "/destination", json!({ "sip": "sip:{did}@127.0.0.10:5060" }));
    world.install(&edited);
    world.quiet();
    let mut next = Phone::calling(CARRIER_A, "447700900124", "442079460008", "next");
    next.invite(&mut world);
    world.expect_is(CARRIER_A, "100 INVITE");
    let invite = world.expect_is(OTHER, "INVITE");
    assert_eq!(text(invite.request_uri_bytes()), "sip:442079460008@127.0.0.10:5060");
    let other = Phone::called(OTHER, &invite);
    other.answer(&mut world, 200, SDP);
    next.take_answer(&mut world);
    world.expect_is(OTHER, "ACK");
    let calls = world.observe().calls;
    assert_eq!([calls[0].generation, calls[1].generation], [1, 2]);
    // The held call still works, both ways, and ends.
    caller.send(&mut world, "INFO");
    let info = world.expect_is(PBX, "INFO");
    callee.reply(&mut world, &info, 200, "");
    world.expect_is(CARRIER_A, "200 INFO");
    caller.send(&mut world, "BYE");
    world.expect_is(CARRIER_A, "200 BYE");
    let bye = world.expect_is(PBX, "BYE");
    callee.reply(&mut world, &bye, 200, "");
    // So does the new one, whose far end is a plain address.
    let mut other = other;
    other.send(&mut world, "BYE");
    world.expect_is(OTHER, "200 BYE");
    let bye = world.expect_is(CARRIER_A, "BYE");
    next.reply(&mut world, &bye, 200, "");
    world.assert_all_over();
    world.quiet();
}

#[test]
fn a_deleted_trunks_call_goes_on_to_its_own_end() {
    let mut world = World::new();
    let (mut caller, callee) = inbound_call(&mut world, "orphan");
    world.install(&without_carrier_a());
    let observed = world.observe();
    let gone = observed.trunks.iter().find(|trunk| trunk.resource == "Trunk/acme/carrier-a");
    assert_eq!(
        gone.map(|trunk| (trunk.condition, trunk.active_calls)),
        Some((Condition::Disabled, 1))
    );
    caller.send(&mut world, "INVITE");
    world.expect_is(CARRIER_A, "100 INVITE");
    let invite = world.expect_is(PBX, "INVITE");
    callee.reply(&mut world, &invite, 200, SDP);
    caller.take_answer(&mut world);
    world.expect_is(PBX, "ACK");
    // New ones from there are refused, as long as this one is up.
    let mut new = Phone::calling(CARRIER_A, "447700900124", "442079460008", "new");
    new.invite(&mut world);
    turned_away(&mut world, CARRIER_A, "503 INVITE");
    new.ack_failure(&mut world);
    world.quiet();
    caller.send(&mut world, "BYE");
    world.expect_is(CARRIER_A, "200 BYE");
    let bye = world.expect_is(PBX, "BYE");
    callee.reply(&mut world, &bye, 200, "");
    world.pass(Duration::from_secs(40));
    // What was told of the call pins its generation, too.
    world.events.clear();
    caller.send(&mut world, "OPTIONS");
    world.quiet();
    world.assert_all_over();
    assert_eq!(world.observe().trunks.len(), 1);
}

/// The next answer there is one of who gives way to its last calls.
fn turned_away(world: &mut World, to: &str, what: &str) {
    let answer = world.expect_is(to, what);
    assert_eq!(value(&answer, HeaderName::RetryAfter), "10");
}

#[test]
fn a_source_that_is_nobodys_any_more_is_answered_while_its_call_goes_on() {
    let strict = |mut config: Vec<serde_json::Value>| {
        set(&mut config, "udp", "/unknownSources", json!("403"));
        config
    };
    let mut moved = config();
    set(&mut moved, "carrier-a", "/host", json!("127.0.0.71"));
    let mut elsewhere = config();
    set(&mut elsewhere, "pbx", "/contact", json!("sip:127.0.0.15:5060"));
    for (next, old) in [(without_carrier_a(), CARRIER_A), (moved, CARRIER_A), (elsewhere, PBX)] {
        let mut world = World::with(&strict(config()));
        let (mut caller, callee) = inbound_call(&mut world, "up");
        let next = strict(next);
        let ask = |world: &mut World, id: &str, method: &str| {
            let mut phone = Phone::calling(old, "1001", "00493012345", id);
            let body = if method == "INVITE" { SDP } else { "" };
            let text = phone.request(method, "", body);
            world.send(old, &text);
        };
        world.install(&next);
        for (id, method) in [("probe", "OPTIONS"), ("again", "INVITE"), ("third", "MESSAGE")] {
            ask(&mut world, id, method);
            turned_away(&mut world, old, &format!("503 {method}"));
        }
        world.quiet();
        assert_eq!((world.refusals("Draining"), world.strangers().len()), (3, 0));
        caller.send(&mut world, "BYE");
        world.expect_is(CARRIER_A, "200 BYE");
        let bye = world.expect_is(PBX, "BYE");
        callee.reply(&mut world, &bye, 200, "");
        // The call is over; what is left of it holds the address for a moment more.
        ask(&mut world, "after", "OPTIONS");
        world.expect_is(old, "403 OPTIONS");
        world.events.clear();
        world.pass(Duration::from_secs(40));
        ask(&mut world, "later", "INVITE");
        world.expect_is(old, "403 INVITE");
        world.quiet();
    }
}

#[test]
fn an_address_of_a_call_that_is_nobodys_is_a_strangers() {
    let mut strict = config();
    set(&mut strict, "udp", "/unknownSources", json!("404"));
    let mut world = World::with(&strict);
    let (caller, mut callee) = inbound_call(&mut world, "up");
    // The PBX has its phone go on alone: its address is heard from now on, and nobody's.
    let text = callee.request("UPDATE", "", "");
    let text = text.replace("Contact: <sip:127.0.0.9:5060>", "Contact: <sip:127.0.0.66:5060>");
    world.send(PBX, &text);
    let update = world.expect_is(CARRIER_A, "UPDATE");
    caller.reply(&mut world, &update, 200, "");
    world.expect_is(PBX, "200 UPDATE");
    let mut phone = Phone::calling(STRANGER, "1001", "00493012345", "new");
    phone.invite(&mut world);
    world.expect_is(STRANGER, "404 INVITE");
    world.quiet();
    assert_eq!(world.refusals("Draining"), 0);
}

#[test]
fn a_hunt_under_way_skips_a_trunk_that_was_removed_or_disabled_meanwhile() {
    let mut disabled = config();
    set(&mut disabled, "carrier-b", "/enabled", json!(false));
    let mut removed = config();
    removed.retain(|resource| {
        !["carrier-b", "pool-b"].contains(&resource["metadata"]["name"].as_str().unwrap())
    });
    set(&mut removed, "world", "/routes", json!([{ "trunk": "carrier-a" }]));
    for next in [disabled, removed] {
        let mut world = World::new();
        let mut pbx = Phone::calling(PBX, "1001", "00493012345", "hunt");
        pbx.invite(&mut world);
        world.expect_is(PBX, "100 INVITE");
        let invite = world.expect_is(CARRIER_A, "INVITE");
        world.install(&next);
        Phone::called(CARRIER_A, &invite).answer(&mut world, 503, "");
        world.expect_is(CARRIER_A, "ACK");
        world.expect_is(PBX, "503 INVITE");
        pbx.ack_failure(&mut world);
        world.quiet();
        world.assert_all_over();
    }
}

#[test]
fn a_hunt_under_way_goes_on_over_an_unchanged_trunk() {
    let mut world = World::new();
    let mut pbx = Phone::calling(PBX, "1001", "00493012345", "hunt-on");
    pbx.invite(&mut world);
    let invite = world.expect_is(CARRIER_A, "INVITE");
    world.install(&without_carrier_a());
    Phone::called(CARRIER_A, &invite).answer(&mut world, 503, "");
    world.expect_is(CARRIER_B, "INVITE");
}

#[test]
fn counts_carry_over_and_a_changed_limit_holds_at_once() {
    let mut limited = config();
    set(&mut limited, "carrier-a", "/limits", json!({ "concurrentCalls": 2 }));
    let mut world = World::with(&limited);
    inbound_call(&mut world, "one");
    set(&mut limited, "carrier-a", "/limits", json!({ "concurrentCalls": 1 }));
    world.install(&limited);
    let call = |world: &mut World, call_id: &str, code: &str| {
        let mut phone = Phone::calling(CARRIER_A, "447700900124", "442079460008", call_id);
        phone.invite(world);
        world.expect_is(CARRIER_A, code);
    };
    call(&mut world, "two", "503 INVITE");
    set(&mut limited, "carrier-a", "/limits", json!({ "concurrentCalls": 2 }));
    world.install(&limited);
    call(&mut world, "three", "100 INVITE");
    call(&mut world, "four", "503 INVITE");
    assert_eq!(world.observe().trunks[0].active_calls, 2);
}

#[test]
fn the_same_configuration_again_causes_no_traffic() {
    let mut world = World::new();
    inbound_call(&mut world, "quiet");
    for _ in 0..50 {
        world.install(&config());
    }
    world.pass(Duration::from_secs(100));
    world.quiet();
    assert_eq!(world.observe().active_calls, 1);
}
