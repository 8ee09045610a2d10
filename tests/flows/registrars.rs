//! Registrations at a registrar that is a name: its targets in order, and back to the first.

use std::time::Duration;

use serde_json::{Value, json};
use trunkline::model::RegistrationState;
use trunkline::sip::{HeaderName, Message};

use crate::proof::respond;
use crate::registration::{next, registering, state};
use crate::world::{World, set, text, value};
use crate::zone::Zone;

const FIRST: &str = "127.0.0.4:5070";
const SECOND: &str = "127.0.0.5:5080";
const LINES: &[&str] = &[
    "_sip._udp.carrier.example SRV 1 0 5070 one.example",
    "_sip._udp.carrier.example SRV 2 0 5080 two.example",
    "one.example A 127.0.0.4",
    "two.example A 127.0.0.5",
];

fn named() -> Vec<Value> {
    let mut config = registering();
    set(&mut config, "carrier-a", "/host", json!("carrier.example"));
    set(&mut config, "carrier-a", "/port", json!(0));
    config
}

fn world() -> World {
    let mut zone = Zone::default();
    zone.set(LINES);
    World::with_zone(&named(), zone)
}

fn grant(world: &mut World, from: &'static str, register: &Message) {
    let contact = value(register, HeaderName::Contact);
    respond(world, from, register, 200, &format!("Contact: {contact};expires=600\r\n"));
}

/// What stays the same while a registration moves from target to target.
fn identity(register: &Message) -> (String, String, String) {
    let from = value(register, HeaderName::From);
    (text(register.request_uri_bytes()), text(register.call_id()), from)
}

#[test]
fn a_target_that_fails_gives_way_to_the_next_at_once() {
    let mut world = world();
    let (first, _) = next(&mut world, FIRST, 1);
    assert_eq!(text(first.request_uri_bytes()), "sip:carrier.example");
    respond(&mut world, FIRST, &first, 503, "Retry-After: 900\r\n");
    let (second, waited) = next(&mut world, SECOND, 1);
    assert!(waited <= Duration::from_secs(1), "{waited:?}");
    assert_eq!(identity(&second), identity(&first));
    assert_eq!(second.cseq().number, first.cseq().number + 1);
    grant(&mut world, SECOND, &second);
    assert_eq!(state(&world), RegistrationState::Registered);
}

#[test]
fn silence_gives_way_to_the_next_too() {
    let mut world = world();
    next(&mut world, FIRST, 1);
    let (second, _) = next(&mut world, SECOND, 40);
    grant(&mut world, SECOND, &second);
    assert_eq!(state(&world), RegistrationState::Registered);
}

#[test]
fn a_refusal_is_the_registrars_word_at_whichever_target() {
    let mut world = world();
    let (first, _) = next(&mut world, FIRST, 1);
    respond(&mut world, FIRST, &first, 403, "");
    assert_eq!(state(&world), RegistrationState::Rejected);
    world.pass(Duration::from_secs(20));
    world.quiet();
}

#[test]
fn with_every_target_failing_it_waits_and_begins_with_the_first_again() {
    let mut world = world();
    for target in [FIRST, SECOND] {
        let (register, _) = next(&mut world, target, 1);
        respond(&mut world, target, &register, 503, "");
    }
    assert_eq!(state(&world), RegistrationState::Failing);
    let (again, waited) = next(&mut world, FIRST, 10);
    assert!(waited >= Duration::from_secs(1), "{waited:?}");
    grant(&mut world, FIRST, &again);
    assert_eq!(state(&world), RegistrationState::Registered);
}

#[test]
fn it_goes_back_to_the_preferred_target_after_a_while_not_at_once() {
    let mut world = world();
    let (first, _) = next(&mut world, FIRST, 1);
    respond(&mut world, FIRST, &first, 503, "");
    let (second, _) = next(&mut world, SECOND, 1);
    grant(&mut world, SECOND, &second);
    // The first refresh comes within ten minutes, the second after them.
    let (refresh, _) = next(&mut world, SECOND, 500);
    grant(&mut world, SECOND, &refresh);
    let (back, _) = next(&mut world, FIRST, 500);
    assert_eq!(identity(&back), identity(&first));
    grant(&mut world, FIRST, &back);
    let (stays, _) = next(&mut world, FIRST, 500);
    grant(&mut world, FIRST, &stays);
    world.quiet();
}

#[test]
fn a_name_without_an_answer_is_registered_at_as_soon_as_it_has_one() {
    let mut zone = Zone::default();
    zone.set(LINES);
    zone.fail("Server Failure");
    let mut world = World::with_zone(&named(), zone);
    world.pass(Duration::from_secs(300));
    world.quiet();
    assert_eq!(state(&world), RegistrationState::Failing);
    world.zone.recover();
    let (register, waited) = next(&mut world, FIRST, 90);
    assert!(waited <= Duration::from_secs(62), "{waited:?}");
    grant(&mut world, FIRST, &register);
    assert_eq!(state(&world), RegistrationState::Registered);
}

#[test]
fn a_target_that_the_dns_takes_away_is_left_at_the_next_refresh() {
    let mut world = world();
    let (first, _) = next(&mut world, FIRST, 1);
    grant(&mut world, FIRST, &first);
    world.zone.set(&[LINES[1], LINES[3]]);
    let (moved, _) = next(&mut world, SECOND, 500);
    assert_eq!(identity(&moved), identity(&first));
    grant(&mut world, SECOND, &moved);
    world.quiet();
}

#[test]
fn a_proxy_on_the_way_is_registered_through() {
    let mut config = registering();
    set(&mut config, "carrier-a", "/outboundProxy", json!({ "host": "carrier.example" }));
    let mut zone = Zone::default();
    zone.set(LINES);
    let mut world = World::with_zone(&config, zone);
    let (register, _) = next(&mut world, FIRST, 1);
    assert_eq!(text(register.request_uri_bytes()), "sip:127.0.0.2:5060");
    assert_eq!(value(&register, HeaderName::Route), "<sip:carrier.example;lr>");
}
