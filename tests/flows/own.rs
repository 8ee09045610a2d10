//! Addresses of our own: a call that we would send to ourselves, where nobody knows us.

use serde_json::{Value, json};
use trunkline::model::Protocol;

use crate::world::{CARRIER_A, CARRIER_B, PBX, Phone, World, config, set};

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
