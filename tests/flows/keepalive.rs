//! OPTIONS towards the trunks and what follows from their answers.

use std::time::Duration;

use serde_json::{Value, json};
use trunkline::model::TrunkHealth::{self, Down, Unknown, Up};
use trunkline::sip::Message;

use crate::world::{CARRIER_A, CARRIER_B, PBX, Phone, World, config, set, text};

const INTERVAL: Duration = Duration::from_secs(60);

fn probed() -> Vec<Value> {
    let mut config = config();
    set(&mut config, "carrier-a", "/keepAlive", json!({ "enabled": true, "interval": "60s" }));
    config
}

fn health(world: &World) -> TrunkHealth {
    world.observe().trunks[0].health
}

/// Waits for the next probe of carrier A, at most an interval.
fn next_probe(world: &mut World) -> Message {
    for _ in 0..INTERVAL.as_secs() + 1 {
        world.pass_ms(1000);
        let sent = world.clear();
        if let Some((remote, probe)) = sent.into_iter().next() {
            assert_eq!(remote, CARRIER_A.parse().unwrap());
            return probe;
        }
    }
    panic!("no probe in an interval");
}

fn answer(world: &mut World, probe: &Message, code: u16) {
    Phone::called(CARRIER_A, probe).reply(world, probe, code, "");
}

/// Three probes fail: one says 503, one 408, one nothing.
fn bring_down(world: &mut World) {
    for code in [503, 408] {
        let probe = next_probe(world);
        answer(world, &probe, code);
        assert_ne!(health(world), Down);
    }
    next_probe(world);
    world.pass(Duration::from_secs(32));
    world.clear();
    assert_eq!(health(world), Down);
}

#[test]
fn any_answer_but_a_server_failure_is_up() {
    for code in [200, 404, 405, 481, 600] {
        let mut world = World::with(&probed());
        assert_eq!(health(&world), Unknown);
        let probe = next_probe(&mut world);
        assert_eq!(text(probe.request_uri_bytes()), "sip:127.0.0.2:5060");
        answer(&mut world, &probe, code);
        assert_eq!(health(&world), Up, "{code}");
    }
}

#[test]
fn three_failures_are_down_and_one_answer_is_up_again() {
    let mut world = World::with(&probed());
    let probe = next_probe(&mut world);
    answer(&mut world, &probe, 200);
    bring_down(&mut world);
    let probe = next_probe(&mut world);
    answer(&mut world, &probe, 200);
    assert_eq!(health(&world), Up);
    let told = world.told();
    assert_eq!(
        told,
        ["Trunk/acme/carrier-a Up", "Trunk/acme/carrier-a Down", "Trunk/acme/carrier-a Up"]
    );
}

#[test]
fn a_trunk_that_is_down_is_not_hunted() {
    let mut world = World::with(&probed());
    bring_down(&mut world);
    let mut pbx = Phone::calling(PBX, "1001", "00493012345", "skip");
    pbx.invite(&mut world);
    world.expect_is(PBX, "100 INVITE");
    world.expect_is(CARRIER_B, "INVITE");
    world.quiet();
}

#[test]
fn with_every_trunk_down_the_tenant_learns_404() {
    let mut config = probed();
    set(&mut config, "world", "/routes", json!([{ "trunk": "carrier-a" }]));
    let mut world = World::with(&config);
    bring_down(&mut world);
    let mut pbx = Phone::calling(PBX, "1001", "00493012345", "none");
    pbx.invite(&mut world);
    world.expect_is(PBX, "100 INVITE");
    world.expect_is(PBX, "404 INVITE");
    pbx.ack_failure(&mut world);
    assert_eq!(world.refusals("NoTrunkUp"), 1);
}

#[test]
fn a_reload_leaves_schedule_and_verdict_of_an_unchanged_trunk_alone() {
    let probe_times = |reload: bool| {
        let mut world = World::with(&probed());
        let mut times = Vec::new();
        for second in 0..600 {
            world.pass_ms(1000);
            if reload && second % 7 == 0 {
                world.install(&probed());
            }
            // A probe may be sent again before the second is over.
            if let Some((_, probe)) = world.clear().into_iter().next() {
                times.push(second);
                answer(&mut world, &probe, 200);
            }
        }
        (times, health(&world))
    };
    let (times, health) = probe_times(false);
    assert_eq!((times.len(), health), (10, Up));
    assert_eq!(probe_times(true), (times, health));
}

#[test]
fn a_changed_far_end_is_unknown_again_and_a_disabled_trunk_is_not_probed() {
    let mut config = probed();
    let mut world = World::with(&config);
    bring_down(&mut world);
    set(&mut config, "carrier-a", "/port", json!(5070));
    world.install(&config);
    assert_eq!(health(&world), Unknown);
    set(&mut config, "carrier-a", "/enabled", json!(false));
    world.install(&config);
    world.pass(INTERVAL * 3);
    world.quiet();
}

#[test]
fn only_one_probe_is_in_flight() {
    let mut config = probed();
    set(&mut config, "carrier-a", "/keepAlive", json!({ "enabled": true, "interval": "1s" }));
    let mut world = World::with(&config);
    world.pass(Duration::from_secs(30));
    let probes = world.clear();
    let first = text(probes[0].1.call_id());
    assert!(probes.len() > 3, "it is sent again");
    assert!(probes.iter().all(|(_, probe)| text(probe.call_id()) == first));
}

#[test]
fn a_trunk_says_what_is_a_failure_and_how_many_it_takes() {
    let mut config = probed();
    let rules = json!({ "enabled": true, "interval": "60s", "failAfter": 2, "recoverAfter": 3,
                        "downCodes": ["404", "500-599"] });
    set(&mut config, "carrier-a", "/keepAlive", rules.clone());
    let mut world = World::with(&config);
    let mut verdicts = Vec::new();
    for code in [408, 404, 501, 503, 200, 200, 404, 200, 200, 200] {
        let probe = next_probe(&mut world);
        answer(&mut world, &probe, code);
        verdicts.push(health(&world));
    }
    assert_eq!(verdicts, [Up, Up, Down, Down, Down, Down, Down, Down, Down, Up]);
    // Judged otherwise from now on, and not begun anew.
    let mut strict = rules;
    strict["failAfter"] = json!(1);
    set(&mut config, "carrier-a", "/keepAlive", strict);
    world.install(&config);
    assert_eq!(health(&world), Up);
    let probe = next_probe(&mut world);
    answer(&mut world, &probe, 404);
    assert_eq!(health(&world), Down);
}
