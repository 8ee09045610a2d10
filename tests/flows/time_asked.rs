//! A far end that says when to come again (503 with Retry-After): the next calls go elsewhere first.

use std::time::Duration;

use serde_json::json;

use crate::world::{CARRIER_A, CARRIER_B, PBX, Phone, World, config, set};
use crate::zone::Zone;

const FIRST: &str = "127.0.0.4:5070";
const SECOND: &str = "127.0.0.5:5080";

/// A call to the world, whose attempts meet these in order, each with this answer; with what it ends.
fn call(world: &mut World, id: &str, met: &[(&'static str, u16, &str)]) {
    let mut pbx = Phone::calling(PBX, "1001", "00493012345", id);
    pbx.invite(world);
    world.expect_is(PBX, "100 INVITE");
    for (address, code, headers) in met {
        let invite = world.expect_is(address, "INVITE");
        let carrier = Phone::called(address, &invite);
        carrier.reply_with(world, &invite, (*code, headers), "");
        world.expect_is(address, "ACK");
    }
    let (_, code, _) = met.last().unwrap();
    world.expect_is(PBX, &format!("{code} INVITE"));
    pbx.ack_failure(world);
    world.quiet();
}

const SOON: &str = "Retry-After: 120 (overload);duration=3600\r\n";
const NEVER: &str = "Retry-After: 999999\r\n";

#[test]
fn a_trunk_that_asks_for_time_comes_after_the_other_one_as_long_as_it_asks() {
    let mut world = World::new();
    let (a, b) = (CARRIER_A, CARRIER_B);
    call(&mut world, "no-time", &[(a, 503, ""), (b, 486, "")]);
    call(&mut world, "other-code", &[(a, 500, SOON), (b, 486, "")]);
    call(&mut world, "asks", &[(a, 503, SOON), (b, 486, "")]);
    call(&mut world, "spared", &[(b, 486, "")]);
    // It is no ban: what fails elsewhere comes to it all the same.
    call(&mut world, "last", &[(b, 503, ""), (a, 486, "")]);
    // With nobody else to ask, the order is the usual one.
    call(&mut world, "both", &[(b, 503, SOON), (a, 486, "")]);
    call(&mut world, "usual", &[(a, 486, "")]);
    world.pass(Duration::from_secs(120));
    call(&mut world, "again", &[(a, 503, NEVER), (b, 486, "")]);
    call(&mut world, "long", &[(b, 486, "")]);
    // At most five minutes.
    world.pass(Duration::from_secs(299));
    call(&mut world, "still", &[(b, 486, "")]);
    world.pass(Duration::from_secs(1));
    call(&mut world, "back", &[(a, 486, "")]);
}

#[test]
fn a_trunk_that_is_the_only_one_is_called_whatever_it_asks() {
    let mut alone = config();
    set(&mut alone, "world", "/routes", json!([{ "trunk": "carrier-a", "strip": 2 }]));
    let mut world = World::with(&alone);
    call(&mut world, "asks", &[(CARRIER_A, 503, SOON)]);
    call(&mut world, "called", &[(CARRIER_A, 486, "")]);
    // Nor does it give way where its answer is no reason to go on.
    let mut kept = config();
    set(&mut kept, "carrier-a", "/failover", json!({ "codes": ["500"] }));
    let mut world = World::with(&kept);
    call(&mut world, "stays", &[(CARRIER_A, 503, SOON)]);
    call(&mut world, "stayed", &[(CARRIER_A, 486, "")]);
}

#[test]
fn so_does_a_target_of_a_name_and_the_trunk_when_all_of_them_ask() {
    let mut named = config();
    set(&mut named, "carrier-a", "/host", json!("carrier.example"));
    set(&mut named, "carrier-a", "/port", json!(0));
    let mut zone = Zone::default();
    zone.set(&[
        "_sip._udp.carrier.example SRV 1 0 5070 one.example",
        "_sip._udp.carrier.example SRV 2 0 5080 two.example",
        "one.example A 127.0.0.4",
        "two.example A 127.0.0.5",
    ]);
    let mut world = World::with_zone(&named, zone);
    call(&mut world, "asks", &[(FIRST, 503, SOON), (SECOND, 486, "")]);
    call(&mut world, "spared", &[(SECOND, 486, "")]);
    // The other target of the trunk comes before the other trunk, and that before who has asked.
    call(&mut world, "all", &[(SECOND, 503, SOON), (CARRIER_B, 503, ""), (FIRST, 486, "")]);
    call(&mut world, "elsewhere", &[(CARRIER_B, 486, "")]);
    world.pass(Duration::from_secs(120));
    call(&mut world, "back", &[(FIRST, 486, "")]);
}
