//! What the failure of a request inside a call means for the call (RFC 5057): only what belongs to
//! the call itself can end it.

use std::time::Duration;

use serde_json::json;
use trunkline::sip::HeaderName;

use crate::transfers::{notified, refer, transfer};
use crate::world::{CARRIER_A, PBX, Phone, SDP, World, config, inbound_call, set, value};

/// A call over a trunk that hands a REFER on.
fn relaying(call_id: &str) -> (World, [Phone; 2]) {
    let mut config = config();
    set(&mut config, "carrier-a", "/refer", json!("relay"));
    let mut world = World::with(&config);
    let (caller, callee) = inbound_call(&mut world, call_id);
    (world, [caller, callee])
}

fn sent(world: &mut World, phone: &mut Phone, (method, headers): (&str, &str)) {
    let body = if method == "INFO" { SDP } else { "" };
    let text = phone.request(method, headers, body);
    world.send(phone.address, &text);
}

/// The call stands: a request passes, and a BYE ends it.
fn stands(world: &mut World, [asker, other]: &mut [Phone; 2]) {
    asker.cseq += 10;
    sent(world, asker, ("INFO", ""));
    let info = world.expect_is(other.address, "INFO");
    other.reply(world, &info, 200, "");
    world.expect_is(asker.address, "200 INFO");
    asker.send(world, "BYE");
    world.expect_is(asker.address, "200 BYE");
    let bye = world.expect_is(other.address, "BYE");
    other.reply(world, &bye, 200, "");
    world.quiet();
    world.assert_all_over();
}

/// Both were hung up.
fn is_over(world: &mut World, ends: &[Phone; 2], why: &str) {
    for phone in ends {
        let bye = world.expect_is(phone.address, "BYE");
        assert!(value(&bye, HeaderName::Reason).contains(why), "{bye:?}");
        phone.reply(world, &bye, 200, "");
    }
    world.quiet();
    world.assert_all_over();
}

const OTHERS: [(&str, &str); 5] = [
    ("NOTIFY", "Event: refer\r\nSubscription-State: active\r\n"),
    ("NOTIFY", "Event: talk\r\nSubscription-State: active\r\n"),
    ("REFER", "Refer-To: <sip:1002@127.0.0.1>\r\n"),
    ("MESSAGE", ""),
    ("OPTIONS", ""),
];
const OWN: [(&str, &str); 2] = [("INFO", ""), ("UPDATE", "")];

#[test]
fn a_failure_of_a_request_that_is_not_the_calls_leaves_the_call() {
    for (request, code, turned) in OTHERS
        .into_iter()
        .flat_map(|request| [481, 408].map(|code| (request, code)))
        .flat_map(|(request, code)| [false, true].map(|turned| (request, code, turned)))
    {
        let (mut world, mut ends) = relaying("other");
        if turned {
            ends.reverse();
        }
        let [asker, other] = &mut ends;
        sent(&mut world, asker, request);
        let passed = world.expect_is(other.address, request.0);
        other.reply(&mut world, &passed, code, "");
        world.expect_is(asker.address, &format!("{code} {}", request.0));
        world.quiet();
        stands(&mut world, &mut ends);
    }
}

#[test]
fn silence_to_such_a_request_leaves_it_too() {
    for request in OTHERS {
        let (mut world, mut ends) = relaying("silence");
        let [asker, _] = &mut ends;
        sent(&mut world, asker, request);
        world.pass(Duration::from_secs(33));
        let answer = format!("504 {}", request.0);
        assert!(world.clear().iter().any(|(_, message)| crate::world::kind(message) == answer));
        stands(&mut world, &mut ends);
    }
}

#[test]
fn a_failure_of_one_that_is_the_calls_ends_it() {
    for (request, code) in OWN.into_iter().flat_map(|one| [481, 408].map(|code| (one, code))) {
        let (mut world, mut ends) = relaying("own");
        let [asker, other] = &mut ends;
        sent(&mut world, asker, request);
        let passed = world.expect_is(other.address, request.0);
        other.reply(&mut world, &passed, code, "");
        world.expect_is(asker.address, &format!("{code} {}", request.0));
        is_over(&mut world, &ends, "cause=481");
    }
}

#[test]
fn who_does_not_know_of_its_transfer_hears_no_more_of_it_and_it_goes_on() {
    for code in [Some(481), None] {
        let mut config = config();
        set(&mut config, "carrier-a", "/refer", json!("terminate"));
        let mut world = World::with(&config);
        let (caller, mut callee) = inbound_call(&mut world, "lost");
        let target = if let Some(code) = code {
            refer(&mut world, &mut callee, "<sip:00493012345@127.0.0.1>");
            world.expect_is(PBX, "202 REFER");
            let notify = world.expect_is(PBX, "NOTIFY");
            callee.reply(&mut world, &notify, code, "");
            Phone::called(CARRIER_A, &world.expect_is(CARRIER_A, "INVITE"))
        } else {
            transfer(&mut world, &mut callee)
        };
        target.answer(&mut world, 180, "");
        if code.is_none() {
            assert_eq!(notified(&mut world, &callee).1, "SIP/2.0 180 Ringing");
        }
        world.quiet();
        target.answer(&mut world, 200, SDP);
        let invite = world.expect_is(CARRIER_A, "INVITE");
        caller.reply(&mut world, &invite, 200, SDP);
        world.expect_is(CARRIER_A, "ACK");
        world.expect_is(CARRIER_A, "ACK");
        if code.is_none() {
            assert_eq!(notified(&mut world, &callee).1, "SIP/2.0 200 OK");
        }
        let bye = world.expect_is(PBX, "BYE");
        callee.reply(&mut world, &bye, 200, "");
        world.quiet();
        assert_eq!(world.observe().active_calls, 1);
    }
}
