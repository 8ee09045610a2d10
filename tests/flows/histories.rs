//! Who sent a call where before it came here (Diversion, History-Info): what passes, and over which
//! trunks not.

use serde_json::{Value, json};
use trunkline::sip::{HeaderName, Message};

use crate::world::{CARRIER_A, CARRIER_B, PBX, Phone, SDP, World, config, set, text, value};

const BY: &str = "<sip:+442079460055@carrier.example>;reason=unconditional";
const FIRST: &str = "<sip:+442079460055@carrier.example>;index=1";
const SECOND: &str = "<sip:+442079460001@carrier.example?Privacy=history>;index=1.1;mp=1";

/// The headers of a call that was diverted.
fn diverted() -> String {
    format!(
        "Diversion: {BY}\r\nHistory-Info: {FIRST}, {SECOND}\r\nSupported: histinfo\r\n\
         Privacy: history\r\nContent-Type: application/sdp\r\n"
    )
}

/// What a message says of diversions, and of what came before.
fn says(message: &Message) -> (bool, bool) {
    let has = |name| message.value(name).is_some();
    (has(HeaderName::Diversion), has(HeaderName::HistoryInfo))
}

/// A trunk that lets these pass.
fn with(trunk: &str, (diversion, history): (bool, bool)) -> Vec<Value> {
    let word = |passes: bool| json!(if passes { "pass" } else { "remove" });
    let mut config = config();
    set(&mut config, trunk, "/diversion", word(diversion));
    set(&mut config, trunk, "/historyInfo", word(history));
    config
}

/// The same response once more, with what came before.
fn respond(world: &mut World, phone: &Phone, (code, body): (u16, &str)) {
    let headers = format!("Diversion: {BY}\r\nHistory-Info: {FIRST}\r\n");
    phone.reply_with(world, &phone.invited().clone(), (code, &headers), body);
}

#[test]
fn both_pass_as_they_are_where_nothing_is_said_of_them() {
    let mut world = World::new();
    let mut caller = Phone::calling(CARRIER_A, "447700900123", "+442079460007", "pass");
    let invite = caller.request("INVITE", &diverted(), SDP);
    world.send(CARRIER_A, &invite);
    world.expect_is(CARRIER_A, "100 INVITE");
    let invite = world.expect_is(PBX, "INVITE");
    assert_eq!(value(&invite, HeaderName::Diversion), BY);
    let history: Vec<_> = invite.values(HeaderName::HistoryInfo).map(text).collect();
    // Who is asked for privacy is behind us: we are no privacy service (RFC 7044 section 10.1).
    assert_eq!(history, [FIRST, SECOND]);
    assert_eq!(value(&invite, HeaderName::Privacy), "history");
    assert!(invite.supports("histinfo"));
    let callee = Phone::called(PBX, &invite);
    respond(&mut world, &callee, (180, ""));
    assert!(says(&world.expect_is(CARRIER_A, "180 INVITE")).1);
    respond(&mut world, &callee, (486, ""));
    world.expect_is(PBX, "ACK");
    assert!(says(&world.expect_is(CARRIER_A, "486 INVITE")).1);
}

#[test]
fn what_a_trunk_removes_passes_neither_from_it_nor_to_it() {
    for passing in [(false, true), (true, false), (false, false)] {
        let mut world = World::with(&with("carrier-a", passing));
        let mut caller = Phone::calling(CARRIER_A, "447700900123", "+442079460007", "remove");
        let invite = caller.request("INVITE", &diverted(), SDP);
        world.send(CARRIER_A, &invite);
        world.expect_is(CARRIER_A, "100 INVITE");
        let invite = world.expect_is(PBX, "INVITE");
        assert_eq!(says(&invite), passing);
        assert_eq!(invite.supports("histinfo"), passing.1);
        assert_eq!(value(&invite, HeaderName::Privacy), "history");
        let mut callee = Phone::called(PBX, &invite);
        for (code, body) in [(180, ""), (200, SDP)] {
            respond(&mut world, &callee, (code, body));
            let response = world.expect_is(CARRIER_A, &format!("{code} INVITE"));
            assert_eq!(says(&response), passing);
            caller.learn(&response);
        }
        caller.branch += 1;
        let ack = caller.print("ACK", &diverted(), "");
        world.send(CARRIER_A, &ack);
        assert_eq!(says(&world.expect_is(PBX, "ACK")), passing);
        inside(&mut world, (&mut caller, &mut callee), passing);
    }
}

/// The same holds for every request of the call, and for what is said to it.
fn inside(world: &mut World, (caller, callee): (&mut Phone, &mut Phone), passing: (bool, bool)) {
    for method in ["INFO", "INVITE"] {
        refused(world, (caller, callee), method, passing);
        refused(world, (callee, caller), method, passing);
    }
    let bye = caller.request("BYE", &diverted(), "");
    world.send(caller.address, &bye);
    world.expect_is(caller.address, "200 BYE");
    let bye = world.expect_is(callee.address, "BYE");
    assert_eq!(says(&bye), passing);
    callee.reply(world, &bye, 200, "");
    world.quiet();
}

/// One asks, and the other refuses.
fn refused(
    world: &mut World,
    (from, to): (&mut Phone, &Phone),
    method: &str,
    passing: (bool, bool),
) {
    let request = from.request(method, &diverted(), SDP);
    world.send(from.address, &request);
    let invites = method == "INVITE";
    if invites {
        world.expect_is(from.address, "100 INVITE");
    }
    let there = world.expect_is(to.address, method);
    assert_eq!(says(&there), passing, "{method}");
    let headers = format!("Diversion: {BY}\r\nHistory-Info: {FIRST}\r\n");
    to.reply_with(world, &there, (488, &headers), "");
    if invites {
        world.expect_is(to.address, "ACK");
    }
    let back = world.expect_is(from.address, &format!("488 {method}"));
    assert_eq!(says(&back), passing, "{method}");
    if invites {
        from.ack_failure(world);
    }
}

#[test]
fn each_trunk_of_a_hunt_has_its_own_way() {
    for (trunk, to_first, to_second) in [("carrier-a", false, true), ("carrier-b", true, false)] {
        let mut world = World::with(&with(trunk, (false, false)));
        let mut pbx = Phone::calling(PBX, "1001", "00493012345", trunk);
        let invite = pbx.request("INVITE", &diverted(), SDP);
        world.send(PBX, &invite);
        world.expect_is(PBX, "100 INVITE");
        let invite = world.expect_is(CARRIER_A, "INVITE");
        assert_eq!(says(&invite), (to_first, to_first));
        respond(&mut world, &Phone::called(CARRIER_A, &invite), (503, ""));
        world.expect_is(CARRIER_A, "ACK");
        let invite = world.expect_is(CARRIER_B, "INVITE");
        assert_eq!(says(&invite), (to_second, to_second));
        // The answer that goes back is the first one's, and so are its rules.
        world.refuse_last();
        let refused = world.expect_is(PBX, "503 INVITE");
        assert_eq!(says(&refused), (to_first, to_first));
    }
}
