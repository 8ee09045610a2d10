//! Trunks and PBXs that are names: targets in order, failover among them, whose packets are whose,
//! and what becomes of calls when the DNS says something else, or nothing.

use std::time::Duration;

use serde_json::{Value, json};
use trunkline::locate::{GRACE, MAX_STALE};
use trunkline::model::{Condition, ObservedTrunk, TrunkHealth};
use trunkline::sip::HeaderName;

use crate::world::{CARRIER_A, CARRIER_B, PBX, Phone, SDP, World, config, set, text, value};
use crate::zone::{TTL, Zone};

const FIRST: &str = "127.0.0.4:5070";
const SECOND: &str = "127.0.0.5:5080";

/// Two targets, in order.
const LINES: &[&str] = &[
    "_sip._udp.carrier.example SRV 1 0 5070 one.example",
    "_sip._udp.carrier.example SRV 2 0 5080 two.example",
    "one.example A 127.0.0.4",
    "two.example A 127.0.0.5",
];

/// Carrier A is a name.
fn named() -> Vec<Value> {
    let mut config = config();
    set(&mut config, "carrier-a", "/host", json!("carrier.example"));
    set(&mut config, "carrier-a", "/port", json!(0));
    config
}

fn zone(lines: &[&str]) -> Zone {
    let mut zone = Zone::default();
    zone.set(lines);
    zone
}

fn world(lines: &[&str]) -> World {
    World::with_zone(&named(), zone(lines))
}

fn trunk(world: &World) -> ObservedTrunk {
    world.observe().trunks[0].clone()
}

fn targets(world: &World) -> Vec<String> {
    trunk(world).targets.into_iter().map(|target| target.address).collect()
}

fn message(world: &World) -> String {
    trunk(world).message.unwrap_or_default()
}

fn dial(world: &mut World, call_id: &str) -> Phone {
    let mut pbx = Phone::calling(PBX, "1001", "00493012345", call_id);
    pbx.invite(world);
    world.expect_is(PBX, "100 INVITE");
    pbx
}

/// A call from a target of carrier A that rings the PBX.
fn called_from(world: &mut World, address: &'static str, call_id: &str) -> Phone {
    let mut caller = Phone::calling(address, "447700900123", "+442079460007", call_id);
    caller.invite(world);
    caller
}

#[test]
fn a_call_goes_to_the_first_target_and_is_for_the_name() {
    let mut world = world(LINES);
    assert_eq!(targets(&world), [FIRST, SECOND]);
    assert_eq!((trunk(&world).condition, message(&world)), (Condition::Ready, String::new()));
    let mut pbx = dial(&mut world, "first");
    let invite = world.expect_is(FIRST, "INVITE");
    assert_eq!(text(invite.request_uri_bytes()), "sip:+493012345@carrier.example");
    assert!(invite.value(HeaderName::Route).is_none());
    let mut carrier = Phone::called(FIRST, &invite);
    carrier.answer(&mut world, 200, SDP);
    pbx.take_answer(&mut world);
    world.expect_is(FIRST, "ACK");
    carrier.send(&mut world, "BYE");
    world.expect_is(FIRST, "200 BYE");
    let bye = world.expect_is(PBX, "BYE");
    pbx.reply(&mut world, &bye, 200, "");
    world.quiet();
    world.assert_all_over();
}

#[test]
fn failures_go_on_to_the_next_target_each_once_then_to_the_next_trunk() {
    let mut world = world(LINES);
    let mut pbx = dial(&mut world, "hunt");
    for (target, code) in [(FIRST, 503), (SECOND, 500)] {
        let invite = world.expect_is(target, "INVITE");
        Phone::called(target, &invite).answer(&mut world, code, "");
        world.expect_is(target, "ACK");
    }
    let invite = world.expect_is(CARRIER_B, "INVITE");
    Phone::called(CARRIER_B, &invite).answer(&mut world, 200, SDP);
    pbx.take_answer(&mut world);
    world.expect_is(CARRIER_B, "ACK");
    assert_eq!(world.told(), ["began", "failover Refused 503", "failover Refused 500", "answered"]);
    world.quiet();
}

#[test]
fn busy_at_one_target_is_busy() {
    let mut world = world(LINES);
    let pbx = dial(&mut world, "busy");
    let invite = world.expect_is(FIRST, "INVITE");
    Phone::called(FIRST, &invite).answer(&mut world, 486, "");
    world.expect_is(FIRST, "ACK");
    world.expect_is(PBX, "486 INVITE");
    pbx.ack_failure(&mut world);
    world.quiet();
    world.assert_all_over();
}

#[test]
fn silence_goes_on_to_the_next_target_within_the_budget() {
    let mut world = world(LINES);
    let mut pbx = dial(&mut world, "silent");
    world.expect_is(FIRST, "INVITE");
    world.pass(Duration::from_secs(32));
    let invite = world.expect_is(SECOND, "INVITE");
    world.clear();
    Phone::called(SECOND, &invite).answer(&mut world, 200, SDP);
    pbx.take_answer(&mut world);
    world.expect_is(SECOND, "ACK");
    world.quiet();
}

#[test]
fn a_target_that_was_silent_comes_last_until_it_is_heard_or_time_has_passed() {
    let mut world = world(LINES);
    dial(&mut world, "silent");
    world.pass(Duration::from_secs(32));
    let invite = world.expect_is(SECOND, "INVITE");
    Phone::called(SECOND, &invite).answer(&mut world, 486, "");
    let first = |world: &mut World, call_id: &str| {
        world.clear();
        let pbx = dial(world, call_id);
        let (target, invite) = world.clear().pop().unwrap();
        let address = if target == FIRST.parse().unwrap() { FIRST } else { SECOND };
        (address, pbx, Phone::called(address, &invite))
    };
    let (address, _, other) = first(&mut world, "spared");
    assert_eq!(address, SECOND);
    // What fails there goes on to the one that was silent; it answers, and is first again.
    other.answer(&mut world, 503, "");
    world.expect_is(SECOND, "ACK");
    let invite = world.expect_is(FIRST, "INVITE");
    Phone::called(FIRST, &invite).answer(&mut world, 180, "");
    assert_eq!(first(&mut world, "back").0, FIRST);
    // Silent once more, and nobody hears of it: time alone brings it back.
    world.pass(Duration::from_secs(32));
    assert_eq!(first(&mut world, "spared-again").0, SECOND);
    world.pass(Duration::from_secs(300));
    assert_eq!(first(&mut world, "later").0, FIRST);
}

#[test]
fn a_target_that_cannot_be_sent_to_is_left_at_once() {
    let mut world = world(LINES);
    dial(&mut world, "unsent");
    world.expect_is(FIRST, "INVITE");
    world.refuse_last();
    world.expect_is(SECOND, "INVITE");
}

#[test]
fn a_name_without_an_answer_is_passed_over_and_no_call_waits() {
    let mut silent = zone(LINES);
    silent.fall_silent();
    let mut world = World::with_zone(&named(), silent);
    assert_eq!(trunk(&world).condition, Condition::Reconciling);
    assert_eq!(message(&world), "carrier.example is being looked up");
    let pbx = dial(&mut world, "early");
    world.expect_is(CARRIER_B, "INVITE");
    assert_eq!(world.refusals("NoTarget"), 1);
    pbx.cancel(&mut world);
    world.clear();
    // The other trunk and everybody else never noticed.
    assert_eq!(world.observe().trunks[1].condition, Condition::Ready);
}

#[test]
fn a_name_that_does_not_exist_stalls_its_trunk_only_until_it_does() {
    let mut world = world(&[]);
    assert_eq!(trunk(&world).condition, Condition::Stalled);
    assert_eq!(
        message(&world),
        "carrier.example has no target: there is no name carrier.example (NXDOMAIN)"
    );
    assert_eq!(world.observe().trunks[1].condition, Condition::Ready);
    world.zone.set(LINES);
    world.pass(TTL);
    assert_eq!(trunk(&world).condition, Condition::Ready);
    dial(&mut world, "late");
    world.expect_is(FIRST, "INVITE");
}

#[test]
fn every_address_of_the_name_is_the_trunks_and_no_other() {
    let mut world = world(LINES);
    // From whatever port, as long as `verifyPort` is off.
    for (at, source) in ["127.0.0.4:5070", "127.0.0.5:1024"].into_iter().enumerate() {
        let caller = called_from(&mut world, source, &format!("in-{at}"));
        world.expect_is(source, "100 INVITE");
        world.expect_is(PBX, "INVITE");
        assert_eq!(world.observe().calls[at].trunk, "Trunk/acme/carrier-a");
        caller.cancel(&mut world);
        world.clear();
    }
    called_from(&mut world, "127.0.0.6:5070", "stranger");
    world.quiet();
    assert_eq!(world.refusals("UnknownSource"), 1);
}

#[test]
fn the_port_is_verified_against_those_of_the_targets() {
    let mut config = named();
    set(&mut config, "carrier-a", "/verifyPort", json!(true));
    let mut world = World::with_zone(&config, zone(LINES));
    called_from(&mut world, "127.0.0.4:1024", "wrong");
    called_from(&mut world, "127.0.0.4:5080", "others");
    world.quiet();
    called_from(&mut world, FIRST, "right");
    world.expect_is(FIRST, "100 INVITE");
}

#[test]
fn a_removed_address_loses_its_trust_and_its_dialog_goes_on() {
    let mut world = world(LINES);
    let mut caller = called_from(&mut world, FIRST, "stays");
    world.expect_is(FIRST, "100 INVITE");
    let invite = world.expect_is(PBX, "INVITE");
    let mut pbx = Phone::called(PBX, &invite);
    pbx.answer(&mut world, 200, SDP);
    caller.take_answer(&mut world);
    world.expect_is(PBX, "ACK");
    world.zone.set(&[LINES[1], LINES[3]]);
    world.pass(TTL);
    assert_eq!(targets(&world), [SECOND]);
    let probe = called_from(&mut world, FIRST, "in-grace");
    world.expect_is(FIRST, "100 INVITE");
    probe.cancel(&mut world);
    world.clear();
    world.pass(GRACE);
    world.clear();
    called_from(&mut world, FIRST, "after-grace");
    world.quiet();
    // Both directions of the old dialog work as before.
    pbx.send(&mut world, "INFO");
    let info = world.expect_is(FIRST, "INFO");
    caller.reply(&mut world, &info, 200, "");
    world.expect_is(PBX, "200 INFO");
    caller.send(&mut world, "BYE");
    world.expect_is(FIRST, "200 BYE");
    let bye = world.expect_is(PBX, "BYE");
    pbx.reply(&mut world, &bye, 200, "");
    world.assert_all_over();
}

#[test]
fn a_new_target_is_used_by_the_next_call() {
    let mut world = world(LINES);
    world
        .zone
        .set(&["_sip._udp.carrier.example SRV 1 0 5060 new.example", "new.example A 127.0.0.7"]);
    world.pass(TTL);
    dial(&mut world, "next");
    world.expect_is("127.0.0.7:5060", "INVITE");
}

#[test]
fn while_the_dns_fails_calls_go_where_they_went() {
    let mut world = world(LINES);
    world.zone.fail("Server Failure");
    world.pass(MAX_STALE);
    assert_eq!(trunk(&world).condition, Condition::Ready);
    assert_eq!(
        message(&world),
        "old answers serve: the DNS does not answer _sip._udp.carrier.example SRV: Server Failure"
    );
    let pbx = dial(&mut world, "stale");
    world.expect_is(FIRST, "INVITE");
    pbx.cancel(&mut world);
    world.pass(TTL + GRACE + Duration::from_secs(120));
    assert_eq!(trunk(&world).condition, Condition::Stalled);
    world.zone.recover();
    world.pass(Duration::from_secs(60));
    assert_eq!((trunk(&world).condition, message(&world)), (Condition::Ready, String::new()));
}

#[test]
fn an_address_that_may_not_be_sent_to_is_no_target() {
    // A listener on loopback reaches loopback only.
    let mut world = world(&["carrier.example A 10.0.0.1", "carrier.example A 203.0.113.7"]);
    assert_eq!(targets(&world), Vec::<String>::new());
    assert_eq!(trunk(&world).condition, Condition::Stalled);
    assert_eq!(
        message(&world),
        "Transport/udp may not send to 10.0.0.1, an address of carrier.example"
    );
    dial(&mut world, "refused");
    world.expect_is(CARRIER_B, "INVITE");
    // A public listener reaches neither loopback nor, for a tenant's trunk, a private network.
    let mut public = named();
    set(&mut public, "udp", "/bind", json!("203.0.113.5"));
    let lines = [
        "carrier.example A 127.0.0.4",
        "carrier.example A 10.0.0.1",
        "carrier.example A 192.0.2.7",
    ];
    let mut world = World::with_zone(&public, zone(&lines));
    assert_eq!(targets(&world), ["192.0.2.7:5060"]);
    world.clear();
}

#[test]
fn a_name_takes_no_calls_from_what_a_manifest_says_in_addresses() {
    // The name answers the address of the other carrier, and of the PBX.
    let mut world = world(&["carrier.example A 127.0.0.3", "carrier.example A 127.0.0.9"]);
    let mut caller = Phone::calling(CARRIER_B, "1", "442079460100", "other");
    caller.invite(&mut world);
    // Carrier B has the number; it has no rule there.
    world.expect_is(CARRIER_B, "404 INVITE");
    assert_eq!(world.refusals("NoRule"), 1);
    dial(&mut world, "still-the-pbx");
    assert_eq!(world.observe().calls[0].direction, "outbound");
}

/// Waits for the next probe of each target and lets the first fail, the second answer.
fn probe_once(world: &mut World) {
    for _ in 0..61 {
        world.pass_ms(1000);
        for (remote, probe) in world.clear() {
            let (address, code) =
                if remote == FIRST.parse().unwrap() { (FIRST, 503) } else { (SECOND, 200) };
            assert_eq!(text(probe.request_uri_bytes()), "sip:carrier.example");
            Phone::called(address, &probe).reply(world, &probe, code, "");
        }
    }
}

#[test]
fn every_target_is_probed_and_one_that_is_down_is_left_out() {
    let mut config = named();
    set(&mut config, "carrier-a", "/keepAlive", json!({ "enabled": true, "interval": "60s" }));
    let mut world = World::with_zone(&config, zone(LINES));
    (0..4).for_each(|_| probe_once(&mut world));
    let observed = trunk(&world);
    assert_eq!(observed.health, TrunkHealth::Up);
    assert_eq!(observed.targets.iter().map(|one| one.down).collect::<Vec<_>>(), [true, false]);
    dial(&mut world, "second");
    world.expect_is(SECOND, "INVITE");
    // The target that answered goes away: what is left is down, and so is the trunk.
    world.zone.set(&[LINES[0], LINES[2]]);
    world.pass(TTL);
    world.pass_ms(200);
    assert_eq!(trunk(&world).health, TrunkHealth::Down);
}

#[test]
fn a_reload_leaves_names_and_their_probes_alone() {
    let mut config = named();
    set(&mut config, "carrier-a", "/keepAlive", json!({ "enabled": true, "interval": "60s" }));
    let mut world = World::with_zone(&config, zone(LINES));
    (0..4).for_each(|_| probe_once(&mut world));
    world.zone.fall_silent();
    set(&mut config, "carrier-b", "/limits", json!({ "concurrentCalls": 7 }));
    world.install(&config);
    assert_eq!(targets(&world), [FIRST, SECOND]);
    assert_eq!(trunk(&world).health, TrunkHealth::Up);
    assert!(trunk(&world).targets[0].down);
}

#[test]
fn an_outbound_proxy_is_where_calls_go_and_the_route_names_it() {
    for (force, next) in [(false, CARRIER_A), (true, FIRST)] {
        let mut config = config();
        let proxy = json!({ "host": "carrier.example", "force": force });
        set(&mut config, "carrier-a", "/outboundProxy", proxy);
        let mut world = World::with_zone(&config, zone(LINES));
        assert_eq!(targets(&world), [FIRST, SECOND]);
        let mut pbx = dial(&mut world, "proxied");
        let invite = world.expect_is(FIRST, "INVITE");
        assert_eq!(text(invite.request_uri_bytes()), "sip:+493012345@127.0.0.2:5060");
        assert_eq!(value(&invite, HeaderName::Route), "<sip:carrier.example;lr>");
        let mut carrier = Phone::called(CARRIER_A, &invite);
        let answer = carrier.response(&invite, 200, SDP);
        carrier.address = FIRST;
        world.send(FIRST, &answer);
        pbx.take_answer(&mut world);
        let ack = world.expect_is(next, "ACK");
        assert!(ack.value(HeaderName::Route).is_none());
        pbx.send(&mut world, "BYE");
        world.expect_is(PBX, "200 BYE");
        let bye = world.expect_is(next, "BYE");
        carrier.reply(&mut world, &bye, 200, "");
        world.quiet();
    }
}

#[test]
fn a_pbx_may_be_a_name() {
    let mut config = config();
    set(&mut config, "pbx", "/contact", json!("sip:pbx.acme.example"));
    let lines = ["_sip._udp.pbx.acme.example SRV 1 0 5090 pbx.example", "pbx.example A 127.0.0.8"];
    let mut world = World::with_zone(&config, zone(&lines));
    const NAMED: &str = "127.0.0.8:5090";
    called_from(&mut world, CARRIER_A, "in");
    world.expect_is(CARRIER_A, "100 INVITE");
    let invite = world.expect_is(NAMED, "INVITE");
    assert_eq!(text(invite.request_uri_bytes()), "sip:1007@pbx.acme.example");
    let mut pbx = Phone::calling(NAMED, "1001", "00493012345", "out");
    pbx.invite(&mut world);
    world.expect_is(NAMED, "100 INVITE");
    world.expect_is(CARRIER_A, "INVITE");
}
