//! Addresses of our own: a call that we would send to ourselves, where nobody knows us.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use trunkline::engine::{Command, Listener};
use trunkline::model::Protocol;

use crate::world::{CARRIER_A, CARRIER_B, PBX, Phone, World, config, set};
use crate::zone::Zone;

/// Another listener of ours.
const OTHER: &str = "127.0.0.1:5070";

fn dial(world: &mut World) -> (Phone, Phone) {
    let mut pbx = Phone::calling(PBX, "1001", "00493012345", "own");
    pbx.invite(world);
    world.expect_is(PBX, "100 INVITE");
    let invite = world.expect_is(CARRIER_A, "INVITE");
    (pbx, Phone::called(CARRIER_A, &invite))
}

fn redirect(world: &mut World, contacts: &str) -> Phone {
    let (pbx, carrier) = dial(world);
    let text = carrier.response(carrier.invited(), 302, "");
    let own = format!("Contact: <sip:{CARRIER_A}>");
    world.send(CARRIER_A, &text.replace(&own, &format!("Contact: {contacts}")));
    world.expect_is(CARRIER_A, "ACK");
    pbx
}

fn following() -> Vec<Value> {
    let mut config = config();
    set(&mut config, "carrier-a", "/redirect", json!("follow"));
    config
}

/// A second listener for datagrams, at [`OTHER`].
fn listen_there(world: &mut World, config: &mut Vec<Value>) {
    let spec = json!({ "protocol": "udp", "bind": "127.0.0.1", "port": 5070 });
    world.listen_more(config, 1, ("other", Protocol::Udp, 5070), &spec);
}

#[test]
fn a_redirection_to_a_listener_of_ours_leads_nowhere() {
    let mut config = following();
    let mut world = World::with(&config);
    listen_there(&mut world, &mut config);
    for contact in
        ["<sip:+4420000005@127.0.0.1:5060>", "<sip:a@127.0.0.1>", "<sip:a@127.0.0.1:5070>"]
    {
        let pbx = redirect(&mut world, contact);
        world.expect_is(PBX, "480 INVITE");
        pbx.ack_failure(&mut world);
        world.quiet();
        world.assert_all_over();
    }
    // What is left is tried.
    redirect(&mut world, "<sip:a@127.0.0.1>, <sip:b@127.0.0.21>;q=0.5");
    world.expect_is("127.0.0.21:5060", "INVITE");
    world.quiet();
}

#[test]
fn a_redirection_to_ourselves_goes_where_a_trunk_is_known_from_here() {
    let mut config = following();
    set(&mut config, "carrier-b", "/host", json!("127.0.0.1"));
    let mut world = World::with(&config);
    redirect(&mut world, "<sip:+442079460100@127.0.0.1>");
    world.expect_is("127.0.0.1:5060", "INVITE");
    world.quiet();
}

#[test]
fn a_trunk_that_is_a_listener_of_ours_is_passed_over() {
    let mut config = config();
    set(&mut config, "carrier-a", "/host", json!("127.0.0.1"));
    set(&mut config, "carrier-a", "/port", json!(5070));
    for trunk in ["carrier-a", "carrier-b"] {
        set(&mut config, trunk, "/transport", json!("udp"));
    }
    let mut world = World::with(&config);
    listen_there(&mut world, &mut config);
    let mut pbx = Phone::calling(PBX, "1001", "00493012345", "trunk");
    pbx.invite(&mut world);
    world.expect_is(PBX, "100 INVITE");
    // The next one is tried; what happened is told.
    let invite = world.expect_is(CARRIER_B, "INVITE");
    assert_eq!(world.refusals("LoopDetected"), 1);
    Phone::called(CARRIER_B, &invite).answer(&mut world, 404, "");
    world.expect_is(CARRIER_B, "ACK");
    world.expect_is(PBX, "404 INVITE");
    pbx.ack_failure(&mut world);
    world.quiet();
    // Where a trunk of that listener is known from here, one tenant calls the other by it.
    set(&mut config, "carrier-b", "/host", json!("127.0.0.1"));
    set(&mut config, "carrier-b", "/transport", json!("other"));
    world.install(&config);
    let mut pbx = Phone::calling(PBX, "1001", "00493012345", "known");
    pbx.invite(&mut world);
    world.expect_is(PBX, "100 INVITE");
    world.expect_is(OTHER, "INVITE");
}

/// Our listener behind a NAT: outside it is known by a name, whose address is the NAT's.
fn named_world(config: &mut [Value]) -> World {
    set(config, "udp", "/publicAddress", json!("sbc.example"));
    let mut zone = Zone::default();
    zone.set(&["sbc.example A 127.0.0.99", "away.example A 127.0.0.98"]);
    let mut world = World::with_zone(config, zone);
    let listener = Listener {
        name: "udp".parse().unwrap(),
        protocol: Protocol::Udp,
        bound: "127.0.0.1:5060".parse().unwrap(),
        public: Some("sbc.example".parse().unwrap()),
        local: BTreeMap::new(),
    };
    world.engine.handle_command(world.now, Command::Listen(0, listener));
    world
}

#[test]
fn a_redirection_to_the_name_that_we_are_known_by_leads_nowhere() {
    let mut config = following();
    let mut world = named_world(&mut config);
    let pbx = redirect(&mut world, "<sip:a@127.0.0.99>");
    world.expect_is(PBX, "480 INVITE");
    pbx.ack_failure(&mut world);
    world.quiet();
    // A name is followed, and found to lead nowhere: the next route is tried.
    for contact in ["<sip:a@sbc.example:5060>", "<sip:a@SBC.example>"] {
        let mut config = following();
        let mut world = named_world(&mut config);
        redirect(&mut world, contact);
        world.expect_is(CARRIER_B, "INVITE");
        assert_eq!(world.refusals("LoopDetected"), 1);
        world.quiet();
    }
    for contact in ["<sip:a@sbc.example:5061>", "<sip:a@127.0.0.99:5061>"] {
        let mut config = following();
        let mut world = named_world(&mut config);
        redirect(&mut world, contact);
        world.expect_is("127.0.0.99:5061", "INVITE");
    }
}

#[test]
fn a_destination_at_the_name_that_we_are_known_by_is_a_loop() {
    for destination in ["sip:me@sbc.example:5060", "sip:me@127.0.0.99:5060"] {
        let mut config = config();
        set(&mut config, "main", "/destination", json!({ "sip": destination }));
        let mut world = named_world(&mut config);
        let mut caller = Phone::calling(CARRIER_A, "447700900123", "+442079460007", "self");
        caller.invite(&mut world);
        world.expect_is(CARRIER_A, "100 INVITE");
        world.expect_is(CARRIER_A, "482 INVITE");
    }
    // A trunk that is known at the address of that name: one tenant calls the other.
    let mut config = config();
    set(&mut config, "main", "/destination", json!({ "sip": "sip:me@sbc.example:5060" }));
    set(&mut config, "carrier-b", "/host", json!("127.0.0.99"));
    let mut world = named_world(&mut config);
    let mut caller = Phone::calling(CARRIER_A, "447700900123", "+442079460007", "other");
    caller.invite(&mut world);
    world.expect_is(CARRIER_A, "100 INVITE");
    world.expect_is("127.0.0.99:5060", "INVITE");
}

#[test]
fn a_destination_that_is_a_listener_of_ours_is_a_loop_at_once() {
    let mut config = config();
    set(&mut config, "main", "/destination", json!({ "sip": "sip:me@127.0.0.1:5060" }));
    let mut world = World::with(&config);
    let mut caller = Phone::calling(CARRIER_A, "447700900123", "+442079460007", "self");
    caller.invite(&mut world);
    world.expect_is(CARRIER_A, "100 INVITE");
    world.expect_is(CARRIER_A, "482 INVITE");
    caller.ack_failure(&mut world);
    assert_eq!(world.refusals("LoopDetected"), 1);
    world.quiet();
    world.assert_all_over();
}

/// What is sent to an address where we are bound comes from where we are bound: who is known at the
/// public address does not matter there.
#[test]
fn a_bound_address_leads_nowhere_whoever_is_known_at_the_public_one() {
    let mut config = following();
    set(&mut config, "carrier-b", "/host", json!("127.0.0.99"));
    for contact in ["<sip:a@127.0.0.1>", "<sip:a@[::ffff:127.0.0.1]>"] {
        let mut world = named_world(&mut config);
        let pbx = redirect(&mut world, contact);
        world.expect_is(PBX, "480 INVITE");
        pbx.ack_failure(&mut world);
        world.quiet();
    }
    let mut world = named_world(&mut config);
    redirect(&mut world, "<sip:a@127.0.0.99>");
    world.expect_is("127.0.0.99:5060", "INVITE");
}
