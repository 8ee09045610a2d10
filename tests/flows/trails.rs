//! What is remembered of calls: their messages, why they ended, what was refused.

use serde_json::json;
use trunkline::engine::{Event, Record};
use trunkline::sip::Message;

use crate::world::{
    CARRIER_A, CARRIER_B, PBX, Phone, STRANGER, World, config, inbound_call, kind, set,
};

/// `<A INVITE`: from the caller; `>B 200 BYE`: to the called.
fn story(record: &Record) -> Vec<String> {
    let told = record.messages.iter().map(|one| {
        let message = Message::parse_datagram(&one.packet).unwrap();
        let leg = record.legs.iter().position(|id| **id == *message.call_id()).unwrap();
        let way = if one.inward { '<' } else { '>' };
        format!("{way}{} {}", ["A", "B", "C"][leg], kind(&message))
    });
    told.collect()
}

#[test]
fn a_call_is_told_message_by_message_during_it_and_after_it() {
    let mut world = World::new();
    let (mut caller, callee) = inbound_call(&mut world, "told");
    let begun = [
        "<A INVITE",
        ">A 100 INVITE",
        ">B INVITE",
        "<B 180 INVITE",
        ">A 180 INVITE",
        "<B 200 INVITE",
        ">A 200 INVITE",
        "<A ACK",
        ">B ACK",
    ];
    let record = world.engine.record("told").unwrap();
    assert_eq!(story(&record), begun);
    assert_eq!((record.dropped, record.ending), (0, None));
    let ends: Vec<String> =
        record.messages.iter().map(|one| one.end.unwrap().1.to_string()).collect();
    assert_eq!(ends[..4], [CARRIER_A, CARRIER_A, PBX, PBX]);
    caller.send(&mut world, "BYE");
    world.expect_is(CARRIER_A, "200 BYE");
    let bye = world.expect_is(PBX, "BYE");
    callee.reply(&mut world, &bye, 200, "");
    // By our own name, and by the Call-ID of the other leg.
    let name = record.about.name();
    for id in [name.as_str(), &callee.call_id] {
        let record = world.engine.record(id).unwrap();
        assert_eq!(story(&record)[9..], ["<A BYE", ">A 200 BYE", ">B BYE", "<B 200 BYE"]);
        assert_eq!(record.ending.unwrap().reason, "CallerHungUp");
    }
    world.assert_all_over();
    assert_eq!(story(&world.engine.record("told").unwrap()).len(), 13);
    assert!(world.engine.record("other").is_none());
    assert_eq!(world.observe().endings["CallerHungUp"], 1);
}

#[test]
fn every_attempt_and_every_repetition_is_told() {
    let mut world = World::new();
    let mut caller = Phone::calling(PBX, "1000", "00442079460000", "hunt");
    caller.invite(&mut world);
    let invite = world.expect_is(CARRIER_A, "INVITE");
    world.send(PBX, &caller.print("INVITE", "", ""));
    world.pass_ms(600);
    Phone::called(CARRIER_A, &invite).answer(&mut world, 503, "");
    let invite = world.expect_is(CARRIER_B, "INVITE");
    Phone::called(CARRIER_B, &invite).answer(&mut world, 486, "");
    caller.ack_failure(&mut world);
    let record = world.engine.record("hunt").unwrap();
    assert_eq!(
        story(&record),
        [
            "<A INVITE",
            ">A 100 INVITE",
            ">B INVITE",
            "<A INVITE",
            ">A 100 INVITE",
            ">B INVITE",
            "<B 503 INVITE",
            ">B ACK",
            ">C INVITE",
            "<C 486 INVITE",
            ">C ACK",
            ">A 486 INVITE",
            "<A ACK",
        ]
    );
    let tried = world.events.iter().find_map(|event| {
        let Event::Failover { trunk, .. } = event else { return None };
        trunk.clone()
    });
    assert_eq!(tried.unwrap().to_string(), "Trunk/acme/carrier-a");
}

#[test]
fn what_is_refused_is_told_with_its_reason() {
    let mut world = World::new();
    let mut phone = Phone::calling(CARRIER_A, "1", "+15550100", "nobody");
    phone.invite(&mut world);
    phone.ack_failure(&mut world);
    let record = world.engine.record("nobody").unwrap();
    assert_eq!(story(&record), ["<A INVITE", ">A 404 INVITE", "<A ACK"]);
    let ending = record.ending.unwrap();
    assert_eq!((ending.reason, ending.code), ("NoPool", 404));
    assert_eq!(record.about.trunk.as_ref().unwrap().to_string(), "Trunk/acme/carrier-a");
    assert_eq!(world.told(), ["refused NoPool 404"]);
    assert_eq!(world.refusals("NoPool"), 1);
    phone.cancel(&mut world);
    assert_eq!(world.engine.in_progress()[0], 0);
}

#[test]
fn a_limit_that_is_hit_is_told_now_and_then() {
    let mut world = World::new();
    let counted = |world: &World| {
        let counts = world.events.iter().filter_map(|event| {
            let Event::Counted("UnknownSource", count) = event else { return None };
            Some(*count)
        });
        counts.collect::<Vec<_>>()
    };
    for _ in 0..100 {
        world.send(STRANGER, "OPTIONS");
    }
    assert_eq!(counted(&world), [1]);
    world.pass_ms(10_000);
    world.send(STRANGER, "OPTIONS");
    assert_eq!(counted(&world), [1, 101]);
    assert!(world.engine.record("c1").is_none());
}

#[test]
fn what_is_told_of_calls_keeps_no_former_generation_alive() {
    let mut world = World::new();
    let mut phone = Phone::calling(CARRIER_A, "1", "+15550100", "former");
    phone.invite(&mut world);
    let mut without = config();
    without.retain(|resource| {
        let name = resource["metadata"]["name"].as_str().unwrap();
        !["carrier-a", "pool-a", "main"].contains(&name)
    });
    set(&mut without, "world", "/routes", json!([{ "trunk": "carrier-b" }]));
    world.install(&without);
    world.pass_ms(40_000);
    world.clear();
    // What a source of a generation in use would be answered with 400.
    let request = phone.request("OPTIONS", "", "").replace("Max-Forwards: 70", "Max-Forwards: x");
    world.send(CARRIER_A, &request);
    world.quiet();
    assert_eq!(world.events.len(), 4);
    assert!(world.engine.record("former").is_some());
}
