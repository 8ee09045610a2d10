//! REFER by policy, the transfers that we carry out, and Replaces.

use std::time::Duration;

use serde_json::json;
use trunkline::sip::{HeaderName, Message};

use crate::world::{
    CARRIER_A, CARRIER_B, PBX, Phone, SDP, World, config, inbound_call, set, text, value,
};

pub(crate) const OFFER: &str = "v=0\r\ns=target\r\n";
pub(crate) const ANSWER: &str = "v=0\r\ns=caller\r\n";

fn policy(refer: &str) -> World {
    let mut config = config();
    set(&mut config, "carrier-a", "/refer", json!(refer));
    World::with(&config)
}

pub(crate) fn refer(world: &mut World, phone: &mut Phone, to: &str) -> u32 {
    let text = phone.request("REFER", &format!("Refer-To: {to}\r\n"), "");
    world.send(phone.address, &text);
    phone.cseq
}

/// The next NOTIFY there, answered: its state and what it says.
pub(crate) fn notified(world: &mut World, phone: &Phone) -> (String, String) {
    let notify = world.expect_is(phone.address, "NOTIFY");
    phone.reply(world, &notify, 200, "");
    assert!(notify.contact().is_some());
    let state = text(notify.value_of("Subscription-State").unwrap());
    (state, text(notify.body()).trim_end().to_owned())
}

/// The PBX asks that its caller be transferred abroad: who is called there.
pub(crate) fn transfer(world: &mut World, callee: &mut Phone) -> Phone {
    let cseq = refer(world, callee, "<sip:00493012345@127.0.0.1>");
    let accepted = world.expect_is(PBX, "202 REFER");
    assert!(accepted.contact().is_some());
    let notify = world.expect_is(PBX, "NOTIFY");
    assert_eq!(value(&notify, HeaderName::Event), format!("refer;id={cseq}"));
    assert_eq!(text(notify.body()), "SIP/2.0 100 Trying\r\n");
    callee.reply(world, &notify, 200, "");
    let invite = world.expect_is(CARRIER_A, "INVITE");
    assert!(invite.body().is_empty() && invite.to().tag().is_none());
    assert_eq!(text(invite.from().uri.user.unwrap()), "447700900123", "the caller calls");
    Phone::called(CARRIER_A, &invite)
}

/// The target answers and the caller is asked: the re-INVITE.
pub(crate) fn answered(world: &mut World, target: &Phone, caller: &Phone) -> Message {
    target.answer(world, 200, OFFER);
    let invite = world.expect_is(CARRIER_A, "INVITE");
    assert_eq!(text(invite.call_id()), caller.call_id);
    assert_eq!(text(invite.body()), OFFER);
    invite
}

fn joined(world: &mut World, target: &Phone, caller: &Phone, invite: &Message) {
    caller.reply_with(world, invite, (200, "Content-Type: application/sdp\r\n"), ANSWER);
    let acks = [world.expect_is(CARRIER_A, "ACK"), world.expect_is(CARRIER_A, "ACK")];
    let of = |phone: &Phone| acks.iter().find(|ack| text(ack.call_id()) == phone.call_id).unwrap();
    assert_eq!(text(of(target).body()), ANSWER);
    assert!(of(caller).body().is_empty());
}

#[test]
fn a_transfer_joins_the_caller_with_whom_the_router_finds() {
    let mut world = World::new();
    let (mut caller, mut callee) = inbound_call(&mut world, "blind");
    let target = transfer(&mut world, &mut callee);
    target.answer(&mut world, 503, "");
    world.expect_is(CARRIER_A, "ACK");
    let invite = world.expect_is(CARRIER_B, "INVITE");
    let mut target = Phone::called(CARRIER_B, &invite);
    target.answer(&mut world, 180, "");
    let ringing = ("active;expires=60".to_owned(), "SIP/2.0 180 Ringing".to_owned());
    assert_eq!(notified(&mut world, &callee), ringing);
    target.answer(&mut world, 200, OFFER);
    let invite = world.expect_is(CARRIER_A, "INVITE");
    caller.reply_with(&mut world, &invite, (200, "Content-Type: application/sdp\r\n"), ANSWER);
    world.expect_is(CARRIER_A, "ACK");
    assert_eq!(text(world.expect_is(CARRIER_B, "ACK").body()), ANSWER);
    let done = ("terminated;reason=noresource".to_owned(), "SIP/2.0 200 OK".to_owned());
    assert_eq!(notified(&mut world, &callee), done);
    let bye = world.expect_is(PBX, "BYE");
    callee.reply(&mut world, &bye, 200, "");
    let observed = world.observe();
    assert_eq!(observed.calls[0].trunk, "Trunk/acme/carrier-b");
    let active: Vec<u32> = observed.trunks.iter().map(|trunk| trunk.active_calls).collect();
    assert_eq!(active, [1, 1]);
    // They talk: what one says the other hears.
    caller.send(&mut world, "INFO");
    let info = world.expect_is(CARRIER_B, "INFO");
    target.reply(&mut world, &info, 200, "");
    world.expect_is(CARRIER_A, "200 INFO");
    target.send(&mut world, "BYE");
    world.expect_is(CARRIER_B, "200 BYE");
    let bye = world.expect_is(CARRIER_A, "BYE");
    caller.reply(&mut world, &bye, 200, "");
    world.assert_all_over();
    world.quiet();
}

#[test]
fn a_transfer_that_fails_changes_nothing() {
    let mut world = World::new();
    let (mut caller, mut callee) = inbound_call(&mut world, "busy");
    let target = transfer(&mut world, &mut callee);
    target.answer(&mut world, 486, "");
    world.expect_is(CARRIER_A, "ACK");
    let (state, line) = notified(&mut world, &callee);
    assert!(state.starts_with("terminated") && line.starts_with("SIP/2.0 486"), "{state} {line}");
    // An answer that offers nothing is no better.
    let target = transfer(&mut world, &mut callee);
    target.answer(&mut world, 200, "");
    assert!(notified(&mut world, &callee).1.starts_with("SIP/2.0 488"));
    world.expect_is(CARRIER_A, "ACK");
    let bye = world.expect_is(CARRIER_A, "BYE");
    target.reply(&mut world, &bye, 200, "");
    // Nor is one that the caller cannot take.
    let target = transfer(&mut world, &mut callee);
    let invite = answered(&mut world, &target, &caller);
    caller.reply(&mut world, &invite, 488, "");
    assert!(notified(&mut world, &callee).1.starts_with("SIP/2.0 488"));
    world.expect_is(CARRIER_A, "ACK");
    world.expect_is(CARRIER_A, "ACK");
    let bye = world.expect_is(CARRIER_A, "BYE");
    target.reply(&mut world, &bye, 200, "");
    world.quiet();
    caller.send(&mut world, "BYE");
    world.expect_is(CARRIER_A, "200 BYE");
    let bye = world.expect_is(PBX, "BYE");
    callee.reply(&mut world, &bye, 200, "");
    world.assert_all_over();
    world.quiet();
}

#[test]
fn who_asked_may_hang_up_and_the_caller_is_joined_or_let_go() {
    for answers in [true, false] {
        let mut world = World::new();
        let (mut caller, mut callee) = inbound_call(&mut world, "early");
        let target = transfer(&mut world, &mut callee);
        callee.send(&mut world, "BYE");
        world.expect_is(PBX, "200 BYE");
        world.quiet();
        if answers {
            let invite = answered(&mut world, &target, &caller);
            joined(&mut world, &target, &caller, &invite);
            caller.send(&mut world, "BYE");
            world.expect_is(CARRIER_A, "200 BYE");
            let bye = world.expect_is(CARRIER_A, "BYE");
            target.reply(&mut world, &bye, 200, "");
        } else {
            target.answer(&mut world, 603, "");
            world.expect_is(CARRIER_A, "ACK");
            let bye = world.expect_is(CARRIER_A, "BYE");
            assert!(value(&bye, HeaderName::Reason).contains("Transfer failed"));
            caller.reply(&mut world, &bye, 200, "");
            assert_eq!(world.told().last().unwrap(), "ended TransferFailed 200");
        }
        world.assert_all_over();
        world.quiet();
    }
}

#[test]
fn a_caller_who_hangs_up_ends_the_transfer_too() {
    for answers in [true, false] {
        let mut world = World::new();
        let (mut caller, mut callee) = inbound_call(&mut world, "gone");
        let target = transfer(&mut world, &mut callee);
        if answers {
            let invite = answered(&mut world, &target, &caller);
            caller.send(&mut world, "BYE");
            world.expect_is(CARRIER_A, "200 BYE");
            world.expect_is(CARRIER_A, "ACK");
            let bye = world.expect_is(CARRIER_A, "BYE");
            target.reply(&mut world, &bye, 200, "");
            caller.reply(&mut world, &invite, 487, "");
            world.expect_is(CARRIER_A, "ACK");
        } else {
            target.answer(&mut world, 180, "");
            notified(&mut world, &callee);
            caller.send(&mut world, "BYE");
            world.expect_is(CARRIER_A, "200 BYE");
            let cancel = world.expect_is(CARRIER_A, "CANCEL");
            target.reply(&mut world, &cancel, 200, "");
            target.answer(&mut world, 487, "");
            world.expect_is(CARRIER_A, "ACK");
        }
        let bye = world.expect_is(PBX, "BYE");
        callee.reply(&mut world, &bye, 200, "");
        world.assert_all_over();
        world.quiet();
    }
}

#[test]
fn a_target_that_hangs_up_or_vanishes_leaves_nobody_hanging() {
    let mut world = World::new();
    let (caller, mut callee) = inbound_call(&mut world, "target");
    let mut target = transfer(&mut world, &mut callee);
    let invite = answered(&mut world, &target, &caller);
    target.send(&mut world, "BYE");
    world.expect_is(CARRIER_A, "200 BYE");
    assert!(notified(&mut world, &callee).1.starts_with("SIP/2.0 480"));
    world.clear();
    caller.reply(&mut world, &invite, 488, "");
    world.expect_is(CARRIER_A, "ACK");
    world.pass(Duration::from_secs(60));
    world.clear();
    transfer(&mut world, &mut callee);
    world.pass(Duration::from_secs(90));
    let last = world.clear().into_iter().rfind(|(to, _)| *to == PBX.parse().unwrap()).unwrap();
    assert!(text(last.1.body()).starts_with("SIP/2.0 408"), "{last:?}");
    assert_eq!(world.observe().active_calls, 1);
}

#[test]
fn a_glare_while_joining_is_tried_again_after_its_timer() {
    let mut world = World::new();
    let (mut caller, mut callee) = inbound_call(&mut world, "glare");
    let target = transfer(&mut world, &mut callee);
    let invite = answered(&mut world, &target, &caller);
    caller.invite(&mut world);
    world.expect_is(CARRIER_A, "491 INVITE");
    caller.ack_failure(&mut world);
    caller.reply(&mut world, &invite, 491, "");
    world.expect_is(CARRIER_A, "ACK");
    world.pass_ms(2000);
    let invite = world.expect_is(CARRIER_A, "INVITE");
    joined(&mut world, &target, &caller, &invite);
    assert!(notified(&mut world, &callee).1.starts_with("SIP/2.0 200"));
    let bye = world.expect_is(PBX, "BYE");
    callee.reply(&mut world, &bye, 200, "");
    world.quiet();
}

#[test]
fn an_extension_is_a_target_and_a_trunk_reaches_only_what_it_could_call() {
    let mut world = World::new();
    let (mut caller, mut callee) = inbound_call(&mut world, "where");
    refer(&mut world, &mut callee, "<sip:1042@127.0.0.1>");
    world.expect_is(PBX, "202 REFER");
    notified(&mut world, &callee);
    let invite = world.expect_is(PBX, "INVITE");
    assert_eq!(text(invite.request_uri_bytes()), "sip:1042@127.0.0.9:5060");
    // One at a time.
    refer(&mut world, &mut callee, "<sip:1043@127.0.0.1>");
    world.expect_is(PBX, "491 REFER");
    Phone::called(PBX, &invite).answer(&mut world, 404, "");
    world.expect_is(PBX, "ACK");
    notified(&mut world, &callee);
    for (to, code) in [("<sip:00900@x>", 404), ("<sip:9@x>, <sip:8@x>", 400)] {
        refer(&mut world, &mut caller, to);
        world.expect_is(CARRIER_A, &format!("{code} REFER"));
    }
    let text =
        caller.request("REFER", "Refer-To: <tel:+44-2079460009>\r\nRefer-Sub: false\r\n", "");
    world.send(CARRIER_A, &text);
    let accepted = world.expect_is(CARRIER_A, "202 REFER");
    assert_eq!(accepted.value_of("Refer-Sub"), Some(&b"false"[..]));
    world.expect_is(PBX, "INVITE");
    world.quiet();
}

#[test]
fn a_refer_that_asks_for_anything_but_a_call_is_not_carried_out() {
    let mut world = policy("terminate");
    let (_, mut callee) = inbound_call(&mut world, "bye-there");
    refer(&mut world, &mut callee, "<sip:00493012345@127.0.0.1;method=BYE>");
    world.expect_is(PBX, "400 REFER");
    world.quiet();
    refer(&mut world, &mut callee, "<sip:00493012345@127.0.0.1;method=INVITE>");
    world.expect_is(PBX, "202 REFER");
}

#[test]
fn a_trunk_may_refuse_refer() {
    let mut world = policy("refuse");
    let (_, mut callee) = inbound_call(&mut world, "refuse");
    refer(&mut world, &mut callee, "<sip:1042@127.0.0.1>");
    world.expect_is(PBX, "603 REFER");
    world.quiet();
    assert_eq!(world.observe().active_calls, 1);
}

#[test]
fn a_refer_that_goes_on_has_its_notifications_come_back_under_its_own_number() {
    let mut world = policy("relay");
    let (mut caller, mut callee) = inbound_call(&mut world, "relay");
    callee.cseq = 40;
    let to =
        "<sip:127.0.0.1?Replaces=x%40y%3Bto-tag%3D1%3Bfrom-tag%3D2>\r\nReferred-By: <sip:1007@x>";
    let cseq = refer(&mut world, &mut callee, to);
    let passed = world.expect_is(CARRIER_A, "REFER");
    assert!(value(&passed, HeaderName::ReferTo).contains("Replaces=x%40y"));
    assert_eq!(value(&passed, HeaderName::ReferredBy), "<sip:1007@x>");
    assert!(passed.contact().is_some() && passed.cseq().number != cseq);
    caller.reply(&mut world, &passed, 202, "");
    world.expect_is(PBX, "202 REFER");
    let headers = format!(
        "Event: refer;id={}\r\nSubscription-State: active;expires=60\r\nContent-Type: message/sipfrag\r\n",
        passed.cseq().number
    );
    let notify = caller.request("NOTIFY", &headers, "SIP/2.0 200 OK\r\n");
    world.send(CARRIER_A, &notify);
    let notify = world.expect_is(PBX, "NOTIFY");
    assert_eq!(value(&notify, HeaderName::Event), format!("refer;id={cseq}"));
    assert_eq!(text(notify.body()), "SIP/2.0 200 OK\r\n");
    assert_eq!(notify.values(HeaderName::Event).count(), 1);
    callee.reply(&mut world, &notify, 200, "");
    world.expect_is(CARRIER_A, "200 NOTIFY");
    world.quiet();
}

/// A second call, from the PBX to the second carrier, as the PBX stands in it and the carrier.
fn consultation(world: &mut World) -> (Phone, Phone) {
    let mut pbx = Phone::calling(PBX, "1007", "00493012345", "consult");
    pbx.invite(world);
    world.expect_is(PBX, "100 INVITE");
    let invite = world.expect_is(CARRIER_A, "INVITE");
    Phone::called(CARRIER_A, &invite).answer(world, 503, "");
    world.expect_is(CARRIER_A, "ACK");
    let invite = world.expect_is(CARRIER_B, "INVITE");
    let carrier = Phone::called(CARRIER_B, &invite);
    carrier.answer(world, 200, SDP);
    pbx.take_answer(world);
    world.expect_is(CARRIER_B, "ACK");
    (pbx, carrier)
}

fn tag(side: &str) -> &str {
    side.split_once("tag=").unwrap().1
}

/// What names a dialog to us.
fn replaces(phone: &Phone, separator: &str, equals: &str) -> String {
    let (ours, theirs) = (tag(&phone.remote), tag(&phone.local));
    format!("{}{separator}to-tag{equals}{ours}{separator}from-tag{equals}{theirs}", phone.call_id)
}

/// What names the same dialog to the far end of its other side.
fn named(invite: &Message, far: &Phone) {
    let expected =
        format!("{};to-tag={};from-tag={}", far.call_id, tag(&far.local), tag(&far.remote));
    assert_eq!(value(invite, HeaderName::Replaces), expected);
    assert!(invite.requires("replaces"));
}

#[test]
fn a_consulted_transfer_takes_the_place_of_the_consultation() {
    let mut world = World::new();
    let (caller, mut callee) = inbound_call(&mut world, "attended");
    let (mut pbx, mut carrier) = consultation(&mut world);
    let to = format!("<sip:127.0.0.1?Replaces={}>", replaces(&pbx, "%3B", "%3D"));
    refer(&mut world, &mut callee, &to);
    world.expect_is(PBX, "202 REFER");
    notified(&mut world, &callee);
    let invite = world.expect_is(CARRIER_B, "INVITE");
    named(&invite, &carrier);
    let target = Phone::called(CARRIER_B, &invite);
    target.answer(&mut world, 200, OFFER);
    let invite = world.expect_is(CARRIER_A, "INVITE");
    caller.reply(&mut world, &invite, 200, ANSWER);
    world.expect_is(CARRIER_A, "ACK");
    world.expect_is(CARRIER_B, "ACK");
    assert!(notified(&mut world, &callee).1.starts_with("SIP/2.0 200"));
    let bye = world.expect_is(PBX, "BYE");
    callee.reply(&mut world, &bye, 200, "");
    // The consultation is what was replaced: its far end hangs it up.
    carrier.send(&mut world, "BYE");
    world.expect_is(CARRIER_B, "200 BYE");
    let bye = world.expect_is(PBX, "BYE");
    pbx.reply(&mut world, &bye, 200, "");
    pbx.cseq += 1;
    world.quiet();
    assert_eq!(world.observe().active_calls, 1);
}

#[test]
fn an_invite_that_replaces_a_dialog_goes_to_its_other_side_under_its_name_there() {
    let mut world = World::new();
    let (pbx, carrier) = consultation(&mut world);
    let mut caller = Phone::calling(CARRIER_A, "447700900123", "", "replaces");
    (caller.remote, caller.target) = ("<sip:127.0.0.1>".into(), "sip:127.0.0.1:5060".into());
    let header = format!("Replaces: {}\r\nRequire: replaces\r\n", replaces(&pbx, ";", "="));
    let invite = caller.request("INVITE", &header, SDP);
    world.send(CARRIER_A, &invite);
    world.expect_is(CARRIER_A, "100 INVITE");
    let invite = world.expect_is(CARRIER_B, "INVITE");
    named(&invite, &carrier);
    assert_eq!(text(invite.body()), SDP);
    Phone::called(CARRIER_B, &invite).answer(&mut world, 200, SDP);
    caller.take_answer(&mut world);
    world.expect_is(CARRIER_B, "ACK");
    assert_eq!(world.observe().active_calls, 2);
}

#[test]
fn a_dialog_that_is_not_there_or_not_theirs_is_not_replaced() {
    let mut world = World::new();
    let (pbx, _) = consultation(&mut world);
    let right = replaces(&pbx, ";", "=");
    let wrong = [
        right.replace("to-tag=", "to-tag=f"),
        right.replace("from-tag=", "from-tag=f"),
        right.replace("consult", "other"),
        format!("{right};early-only"),
        "x".to_owned(),
    ];
    for (number, wrong) in wrong.iter().enumerate() {
        let call_id = format!("wrong{number}");
        let mut caller = Phone::calling(CARRIER_A, "447700900123", "+442079460007", &call_id);
        let invite = caller.request("INVITE", &format!("Replaces: {wrong}\r\n"), SDP);
        world.send(CARRIER_A, &invite);
        world.expect_is(CARRIER_A, "481 INVITE");
        caller.ack_failure(&mut world);
    }
    assert_eq!(world.observe().active_calls, 1);
}
