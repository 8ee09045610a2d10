//! Our registrations, in virtual time: digest, refresh, failures by class, reloads, many at once.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::{Value, json};
use trunkline::model::{Condition, ObservedTrunk, Protocol, RegistrationState};
use trunkline::sip::digest::{Credentials, Ha1};
use trunkline::sip::{HeaderName, Message};
use trunkline::transaction::Moment;

use crate::proof::respond;
use crate::world::{
    CARRIER_A, CARRIER_B, PBX, Phone, World, config, inbound_call, set, text, value,
};

const CHALLENGE: &str =
    "WWW-Authenticate: Digest realm=\"r\", nonce=\"n1\", qop=\"auth\", algorithm=SHA-256\r\n";

/// The usual line-up with a registration at carrier A.
pub(crate) fn registering() -> Vec<Value> {
    let mut config = config();
    set(&mut config, "carrier-a", "/type", "register".into());
    let registration = json!({ "username": "acct", "password": { "env": "PASSWORD" } });
    set(&mut config, "carrier-a", "/registration", registration);
    config
}

fn trunk(world: &World) -> ObservedTrunk {
    let mut trunks = world.observe().trunks.into_iter();
    trunks.find(|one| one.resource == "Trunk/acme/carrier-a").unwrap()
}

pub(crate) fn state(world: &World) -> RegistrationState {
    trunk(world).registration.unwrap().state
}

/// Lets time pass until something is sent to `to`, and says how long that took.
pub(crate) fn next(world: &mut World, to: &str, limit: u64) -> (Message, Duration) {
    let began = world.now;
    while !world.waits(to) {
        let due = world.engine.next_timeout().unwrap();
        assert!(due <= began + Duration::from_secs(limit), "nothing for {limit} s");
        world.pass(due - world.now);
    }
    (world.expect_is(to, "REGISTER"), world.now - began)
}

fn grant(world: &mut World, register: &Message, seconds: u32) {
    let contact = value(register, HeaderName::Contact);
    let headers =
        format!("Contact: <sip:else@192.0.2.9>;expires=1, {contact};expires={seconds}\r\n");
    respond(world, CARRIER_A, register, 200, &headers);
}

/// Registered for 600 s with the nonce of [`CHALLENGE`].
fn registered() -> (World, Message) {
    let mut world = World::with(&registering());
    let (first, _) = next(&mut world, CARRIER_A, 1);
    respond(&mut world, CARRIER_A, &first, 401, CHALLENGE);
    let second = world.expect_is(CARRIER_A, "REGISTER");
    grant(&mut world, &second, 600);
    world.quiet();
    assert_eq!(state(&world), RegistrationState::Registered);
    (world, second)
}

fn proof(register: &Message, password: &str) -> Credentials {
    let proof = Credentials::parse(register.value(HeaderName::Authorization).unwrap()).unwrap();
    let own = Ha1::new(proof.algorithm, [b"acct", b"r", password.as_bytes()]);
    assert!(proof.prove(&own, b"REGISTER"), "{register:?}");
    proof
}

#[test]
fn it_registers_with_digest_and_refreshes_in_time_with_the_same_nonce() {
    let mut world = World::with(&registering());
    let (first, _) = next(&mut world, CARRIER_A, 1);
    assert_eq!(text(first.request_uri_bytes()), "sip:127.0.0.2:5060");
    assert_eq!(value(&first, HeaderName::To), "<sip:acct@127.0.0.2:5060>");
    assert_eq!(value(&first, HeaderName::Contact), "<sip:acct@127.0.0.1:5060>");
    assert_eq!(value(&first, HeaderName::Expires), "600");
    assert_eq!(trunk(&world).condition, Condition::Reconciling);
    respond(&mut world, CARRIER_A, &first, 401, CHALLENGE);
    let mut last = world.expect_is(CARRIER_A, "REGISTER");
    assert_eq!(proof(&last, "PASSWORD").count, 1);
    assert_eq!(last.cseq().number, first.cseq().number + 1);
    for count in 2..5 {
        grant(&mut world, &last, 100);
        assert_eq!(trunk(&world).condition, Condition::Ready);
        assert_eq!(trunk(&world).registration.unwrap().expires, Some(100));
        let (refresh, after) = next(&mut world, CARRIER_A, 100);
        assert!((50..=80).contains(&after.as_secs()), "{after:?}");
        assert_eq!(proof(&refresh, "PASSWORD").count, count);
        assert_eq!(refresh.call_id(), first.call_id());
        assert_eq!(refresh.from().tag(), first.from().tag());
        assert_eq!(refresh.cseq().number, last.cseq().number + 1);
        last = refresh;
    }
    assert_eq!(world.told(), ["Trunk/acme/carrier-a Registered Some(200)"]);
}

#[test]
fn the_next_nonce_that_is_announced_is_used() {
    let (mut world, _) = registered();
    let (refresh, _) = next(&mut world, CARRIER_A, 600);
    let info = "Authentication-Info: qop=auth, nextnonce=\"n,2\"\r\nExpires: 100\r\n";
    respond(&mut world, CARRIER_A, &refresh, 200, info);
    let (refresh, _) = next(&mut world, CARRIER_A, 100);
    let proof = proof(&refresh, "PASSWORD");
    assert_eq!((&*proof.nonce, proof.count), (&b"n,2"[..], 1));
    // The registrar has forgotten it, and does not say that it is stale: it was used unasked.
    respond(&mut world, CARRIER_A, &refresh, 401, &CHALLENGE.replace("n1", "n3"));
    world.expect_is(CARRIER_A, "REGISTER");
}

#[test]
fn a_reload_that_changes_nothing_of_it_sends_nothing() {
    let (mut world, _) = registered();
    let mut config = registering();
    set(&mut config, "carrier-a", "/limits", json!({ "concurrentCalls": 3 }));
    world.install(&config);
    world.pass_ms(10_000);
    world.quiet();
}

#[test]
fn another_password_is_one_register_of_the_same_registration() {
    let (mut world, last) = registered();
    let mut config = registering();
    set(&mut config, "carrier-a", "/registration/password", json!({ "env": "OTHER" }));
    world.install(&config);
    let (renewed, after) = next(&mut world, CARRIER_A, 1);
    assert!(after < Duration::from_secs(1));
    assert_eq!(
        (renewed.call_id(), renewed.cseq().number),
        (last.call_id(), last.cseq().number + 1)
    );
    assert_eq!(value(&renewed, HeaderName::Expires), "600");
    assert_eq!(state(&world), RegistrationState::Registered);
    respond(&mut world, CARRIER_A, &renewed, 401, CHALLENGE);
    let renewed = world.expect_is(CARRIER_A, "REGISTER");
    proof(&renewed, "OTHER");
    grant(&mut world, &renewed, 600);
    world.pass_ms(10_000);
    world.quiet();
}

#[test]
fn another_registrar_is_registered_at_before_the_former_one_is_left() {
    let (mut world, last) = registered();
    let mut moved = registering();
    set(&mut moved, "carrier-a", "/host", "127.0.0.4".into());
    world.install(&moved);
    let (first, _) = next(&mut world, "127.0.0.4:5060", 1);
    assert_ne!(first.call_id(), last.call_id());
    respond(&mut world, "127.0.0.4:5060", &first, 503, "Retry-After: 60\r\n");
    let observed = trunk(&world).registration.unwrap();
    assert_eq!((observed.state, observed.degraded), (RegistrationState::Failing, true));
    assert_eq!((observed.code, observed.retry_after), (Some(503), Some(60)));
    // The former binding is refreshed meanwhile.
    world.quiet();
    let (second, after) = next(&mut world, "127.0.0.4:5060", 70);
    assert!(after >= Duration::from_secs(60), "{after:?}");
    respond(&mut world, "127.0.0.4:5060", &second, 200, "");
    let (gone, _) = next(&mut world, CARRIER_A, 1);
    assert_eq!((value(&gone, HeaderName::Expires), gone.call_id()), ("0".into(), last.call_id()));
    proof(&gone, "PASSWORD");
    respond(&mut world, CARRIER_A, &gone, 200, "");
    let observed = trunk(&world).registration.unwrap();
    assert_eq!((observed.state, observed.degraded), (RegistrationState::Registered, false));
    world.pass_ms(200_000);
    world.quiet();
}

#[test]
fn back_at_the_former_place_the_binding_there_is_kept() {
    let (mut world, _) = registered();
    let mut moved = registering();
    set(&mut moved, "carrier-a", "/host", "127.0.0.4".into());
    world.install(&moved);
    next(&mut world, "127.0.0.4:5060", 1);
    world.install(&registering());
    world.pass_ms(40_000);
    assert!(!world.waits(CARRIER_A));
    assert_eq!(state(&world), RegistrationState::Registered);
}

#[test]
fn a_trunk_that_is_gone_unregisters_after_its_last_call() {
    let (mut world, last) = registered();
    let (mut caller, callee) = inbound_call(&mut world, "in");
    let mut without = registering();
    without.retain(|one| one["metadata"]["name"] != "carrier-a");
    world.install(&without);
    world.pass_ms(60_000);
    world.quiet();
    caller.send(&mut world, "BYE");
    world.expect_is(CARRIER_A, "200 BYE");
    let bye = world.expect_is(PBX, "BYE");
    callee.reply(&mut world, &bye, 200, "");
    let (gone, after) = next(&mut world, CARRIER_A, 10);
    assert!(after <= Duration::from_secs(5), "{after:?}");
    assert_eq!((value(&gone, HeaderName::Expires), gone.call_id()), ("0".into(), last.call_id()));
    respond(&mut world, CARRIER_A, &gone, 401, CHALLENGE);
    let gone = world.expect_is(CARRIER_A, "REGISTER");
    assert_eq!(value(&gone, HeaderName::Expires), "0");
    respond(&mut world, CARRIER_A, &gone, 200, "");
    world.assert_all_over();
    world.quiet();
}

#[test]
fn an_unanswered_goodbye_is_forgotten() {
    let (mut world, _) = registered();
    let mut off = registering();
    set(&mut off, "carrier-a", "/registration/enabled", false.into());
    world.install(&off);
    next(&mut world, CARRIER_A, 1);
    world.pass_ms(40_000);
    world.clear();
    assert!(trunk(&world).registration.is_none());
    world.assert_all_over();
}

#[test]
fn silence_is_tried_again_for_ever_and_ever_less_often() {
    let mut world = World::with(&registering());
    let mut longest = Duration::ZERO;
    for round in 0..20 {
        let (_, after) = next(&mut world, CARRIER_A, 333);
        assert!(round == 0 || after > Duration::from_secs(1), "{after:?}");
        longest = longest.max(after);
        // Timer F, with its repetitions.
        world.pass_ms(32_000);
        world.clear();
        assert_eq!(state(&world), RegistrationState::Failing);
    }
    assert!(longest > Duration::from_secs(100), "{longest:?}");
    assert_eq!(world.told(), ["Trunk/acme/carrier-a Failing None"]);
}

#[test]
fn a_refused_registration_takes_its_trunk_out_of_hunting() {
    let mut world = World::with(&registering());
    let (first, _) = next(&mut world, CARRIER_A, 1);
    respond(&mut world, CARRIER_A, &first, 403, "Warning: 399 x \"no funds\"\r\n");
    let observed = trunk(&world);
    assert_eq!(observed.condition, Condition::Stalled);
    assert_eq!(observed.registration.unwrap().warning.unwrap(), "399 x \"no funds\"");
    let mut pbx = Phone::calling(PBX, "1001", "00493012345", "out");
    pbx.invite(&mut world);
    world.expect_is(PBX, "100 INVITE");
    world.expect_is(CARRIER_B, "INVITE");
    let (second, after) = next(&mut world, CARRIER_A, 40);
    assert!(after >= Duration::from_secs(30), "{after:?}");
    respond(&mut world, CARRIER_A, &second, 403, "");
    let (third, after) = next(&mut world, CARRIER_A, 70);
    assert!(after >= Duration::from_secs(60), "{after:?}");
    grant(&mut world, &third, 600);
    world.clear();
    assert_eq!(trunk(&world).condition, Condition::Ready);
    let mut pbx = Phone::calling(PBX, "1001", "00493012345", "again");
    pbx.invite(&mut world);
    world.expect_is(CARRIER_A, "INVITE");
}

#[test]
fn a_wrong_password_is_said_twice_at_most_and_then_slowly() {
    let mut world = World::with(&registering());
    let (first, _) = next(&mut world, CARRIER_A, 1);
    respond(&mut world, CARRIER_A, &first, 401, CHALLENGE);
    let second = world.expect_is(CARRIER_A, "REGISTER");
    respond(&mut world, CARRIER_A, &second, 401, &CHALLENGE.replace("n1", "n2"));
    world.quiet();
    assert_eq!(state(&world), RegistrationState::Rejected);
}

#[test]
fn a_realm_that_is_not_ours_waits_for_the_manifests() {
    let mut config = registering();
    set(&mut config, "carrier-a", "/registration/realm", "other".into());
    let mut world = World::with(&config);
    let (first, _) = next(&mut world, CARRIER_A, 1);
    respond(&mut world, CARRIER_A, &first, 401, CHALLENGE);
    assert_eq!(state(&world), RegistrationState::Misconfigured);
    world.pass_ms(3_500_000);
    world.quiet();
    set(&mut config, "carrier-a", "/registration/realm", "r".into());
    world.install(&config);
    let (again, _) = next(&mut world, CARRIER_A, 1);
    respond(&mut world, CARRIER_A, &again, 401, CHALLENGE);
    let again = world.expect_is(CARRIER_A, "REGISTER");
    proof(&again, "PASSWORD");
}

#[test]
fn an_interval_that_is_too_brief_is_lengthened_twice_at_most() {
    let mut world = World::with(&registering());
    let (mut register, _) = next(&mut world, CARRIER_A, 1);
    for least in ["1800", "3600"] {
        respond(&mut world, CARRIER_A, &register, 423, &format!("Min-Expires: {least}\r\n"));
        register = world.expect_is(CARRIER_A, "REGISTER");
        assert_eq!(value(&register, HeaderName::Expires), least);
    }
    respond(&mut world, CARRIER_A, &register, 423, "Min-Expires: 7200\r\n");
    world.quiet();
    assert_eq!(state(&world), RegistrationState::Rejected);
}

#[test]
fn calls_take_the_service_route() {
    let (mut world, _) = registered();
    let (refresh, _) = next(&mut world, CARRIER_A, 600);
    let routes = "Service-Route: <sip:127.0.0.2:5080;lr>, <sip:core.example;lr>\r\n";
    respond(&mut world, CARRIER_A, &refresh, 200, routes);
    let mut pbx = Phone::calling(PBX, "1001", "00493012345", "out");
    pbx.invite(&mut world);
    let invite = world.expect_is("127.0.0.2:5080", "INVITE");
    let route = value(&invite, HeaderName::Route);
    assert_eq!(route, "<sip:127.0.0.2:5080;lr>, <sip:core.example;lr>");
    assert_eq!(text(invite.request_uri_bytes()), "sip:+493012345@127.0.0.2:5060");
}

#[test]
fn many_at_one_registrar_keep_its_rate() {
    const MANY: usize = 300;
    let mut config = registering();
    let one = config.iter().find(|one| one["metadata"]["name"] == "carrier-a").unwrap().clone();
    for number in 1..MANY {
        let mut other = one.clone();
        other["metadata"]["name"] = format!("carrier-{number}").into();
        other["spec"]["registration"]["username"] = format!("acct{number}").into();
        config.push(other);
    }
    let mut world = World::with(&config);
    let mut sent: Vec<Moment> = Vec::new();
    let registrar: SocketAddr = CARRIER_A.parse().unwrap();
    for _ in 0..MANY * 4 {
        world.pass_ms(100);
        for (to, register) in world.clear() {
            assert_eq!(to, registrar);
            sent.push(world.now);
            let challenged = register.value(HeaderName::Authorization).is_none();
            if challenged {
                respond(&mut world, CARRIER_A, &register, 401, CHALLENGE);
            } else {
                grant(&mut world, &register, 600);
            }
        }
    }
    assert_eq!(sent.len(), MANY * 2);
    let busiest = sent.iter().map(|from| {
        sent.iter().filter(|at| **at >= *from && **at < *from + Duration::from_secs(10)).count()
    });
    assert!(busiest.max().unwrap() <= 102);
}

#[test]
fn a_trunk_on_tls_that_is_gone_unregisters_with_its_listener_at_the_same_far_end() {
    let mut config = registering();
    set(&mut config, "carrier-a", "/transport", json!("tls"));
    set(&mut config, "carrier-a", "/port", json!(5061));
    set(&mut config, "carrier-b", "/transport", json!("udp"));
    let certificate = json!({ "protocol": "tls", "bind": "127.0.0.1", "port": 5061 });
    let mut world = World::new();
    world.listen_more(&mut config, 2, ("tls", Protocol::Tls, 5061), &certificate);
    let registrar = "127.0.0.2:5061";
    let (first, _) = next(&mut world, registrar, 1);
    let far_end = world.last_flow().link.far_end();
    assert_eq!(world.engine.far_end(far_end).unwrap().0.to_string(), "127.0.0.2");
    let contact = value(&first, HeaderName::Contact);
    assert!(contact.contains("127.0.0.1:5061;transport=tls"), "{contact}");
    let granted = format!("Contact: {contact};expires=600\r\n");
    respond(&mut world, registrar, &first, 200, &granted);
    // Trunk and Transport go together: the listener stays until the registrar has been told.
    let mut without = config.clone();
    without
        .retain(|one| !["carrier-a", "tls"].contains(&one["metadata"]["name"].as_str().unwrap()));
    assert_eq!(world.engine.uses(2), 1);
    world.install(&without);
    let (gone, _) = next(&mut world, registrar, 1);
    assert_eq!(value(&gone, HeaderName::Expires), "0");
    assert_eq!((world.last_flow().transport, world.last_flow().link.far_end()), (2, far_end));
    assert_eq!(world.engine.uses(2), 1);
    respond(&mut world, registrar, &gone, 200, "");
    assert_eq!(world.engine.uses(2), 0);
    world.quiet();
}
