//! The call as it should be, both ways.

use trunkline::model::CallState;
use trunkline::sip::HeaderName;

use crate::world::{CARRIER_A, PBX, Phone, SDP, World, inbound_call, text, value};

#[test]
fn an_inbound_call_is_two_dialogs_and_ends_by_the_callers_bye() {
    let mut world = World::new();
    let mut caller = Phone::calling(CARRIER_A, "447700900123", "+442079460007", "in");
    caller.invite(&mut world);
    world.expect_is(CARRIER_A, "100 INVITE");
    let invite = world.expect_is(PBX, "INVITE");
    assert_eq!(text(invite.request_uri_bytes()), "sip:1007@127.0.0.9:5060");
    assert_eq!(value(&invite, HeaderName::To), "<sip:1007@127.0.0.9:5060>");
    assert_eq!(text(invite.from().uri.raw), "sip:447700900123@127.0.0.1");
    assert_eq!(value(&invite, HeaderName::MaxForwards), "69");
    assert_eq!(text(invite.contact().unwrap().uri.raw), "sip:127.0.0.1:5060");
    assert_eq!((invite.via_count(), text(invite.body())), (1, SDP.to_owned()));
    assert_ne!(text(invite.call_id()), "in");
    let callee = Phone::called(PBX, &invite);
    callee.answer(&mut world, 183, SDP);
    let progress = world.expect_is(CARRIER_A, "183 INVITE");
    assert_eq!(text(progress.body()), SDP);
    assert_eq!(world.observe().calls[0].state, CallState::Ringing);
    callee.answer(&mut world, 200, SDP);
    let answer = caller.take_answer(&mut world);
    assert_eq!(text(answer.call_id()), "in");
    assert_eq!(answer.to().tag(), progress.to().tag());
    let ack = world.expect_is(PBX, "ACK");
    assert_eq!(ack.to().tag(), Some(format!("to-{}", text(invite.call_id())).as_bytes()));
    let observed = world.observe();
    assert_eq!((observed.active_calls, observed.calls[0].state), (1, CallState::Established));
    assert_eq!(observed.calls[0].trunk, "Trunk/acme/carrier-a");
    assert_eq!(observed.calls[0].rule, "InboundRule/acme/main");
    assert_eq!(observed.trunks[0].active_calls, 1);
    caller.send(&mut world, "BYE");
    world.expect_is(CARRIER_A, "200 BYE");
    let bye = world.expect_is(PBX, "BYE");
    callee.reply(&mut world, &bye, 200, "");
    assert_eq!(world.observe().active_calls, 0);
    world.quiet();
    assert_eq!(world.told(), ["began", "answered", "ended CallerHungUp 200"]);
    world.assert_all_over();
    world.quiet();
}

#[test]
fn an_outbound_call_goes_to_the_first_route_with_its_number() {
    let mut world = World::new();
    let mut pbx = Phone::calling(PBX, "1001", "00493012345", "out");
    pbx.invite(&mut world);
    world.expect_is(PBX, "100 INVITE");
    let invite = world.expect_is(CARRIER_A, "INVITE");
    assert_eq!(text(invite.request_uri_bytes()), "sip:+493012345@127.0.0.2:5060");
    assert_eq!(value(&invite, HeaderName::To), "<sip:+493012345@127.0.0.2:5060>");
    assert_eq!(text(invite.from().uri.raw), "sip:1001@127.0.0.1");
    let mut carrier = Phone::called(CARRIER_A, &invite);
    carrier.answer(&mut world, 200, SDP);
    pbx.take_answer(&mut world);
    world.expect_is(CARRIER_A, "ACK");
    carrier.send(&mut world, "BYE");
    world.expect_is(CARRIER_A, "200 BYE");
    let bye = world.expect_is(PBX, "BYE");
    pbx.reply(&mut world, &bye, 200, "");
    assert_eq!(world.told(), ["began", "answered", "ended CalleeHungUp 200"]);
    world.assert_all_over();
    world.quiet();
}

#[test]
fn crossing_byes_end_the_call_once() {
    let mut world = World::new();
    let (mut caller, mut callee) = inbound_call(&mut world, "cross");
    caller.send(&mut world, "BYE");
    world.expect_is(CARRIER_A, "200 BYE");
    let bye = world.expect_is(PBX, "BYE");
    callee.send(&mut world, "BYE");
    world.expect_is(PBX, "200 BYE");
    callee.reply(&mut world, &bye, 200, "");
    world.quiet();
    assert_eq!(world.told().len(), 3);
    world.assert_all_over();
}
