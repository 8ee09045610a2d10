//! Calls that a far end sends elsewhere or back to us: 3xx by policy, loops, why a call ended.

use std::time::Duration;

use serde_json::json;
use trunkline::engine::NAME_PATIENCE;
use trunkline::locate::{Question, RecordType};
use trunkline::sip::HeaderName;

use crate::streams::tls_world;
use crate::world::{CARRIER_A, CARRIER_B, PBX, Phone, SDP, World, config, set, text, value};
use crate::zone::Zone;

fn following() -> World {
    let mut config = config();
    set(&mut config, "carrier-a", "/redirect", json!("follow"));
    World::with(&config)
}

fn dial(world: &mut World) -> (Phone, Phone) {
    let mut pbx = Phone::calling(PBX, "1001", "00493012345", "redirect");
    pbx.invite(world);
    world.expect_is(PBX, "100 INVITE");
    let invite = world.expect_is(CARRIER_A, "INVITE");
    (pbx, Phone::called(CARRIER_A, &invite))
}

/// A 302 to these addresses.
fn redirect(world: &mut World, carrier: &Phone, contacts: &str) {
    let text = carrier.response(carrier.invited(), 302, "");
    let own = format!("Contact: <sip:{}>", carrier.address);
    world.send(carrier.address, &text.replace(&own, &format!("Contact: {contacts}")));
    world.expect_is(carrier.address, "ACK");
}

#[test]
fn a_redirection_is_followed_where_the_trunk_says_so_by_weight() {
    let mut world = following();
    let (mut pbx, carrier) = dial(&mut world);
    let contacts = "<sip:low@127.0.0.21>;q=0.1, <sip:gone@192.0.2.1>, <sip:name@carrier.example>, \
                    <sip:high@127.0.0.22:5070>;q=0.9";
    redirect(&mut world, &carrier, contacts);
    let first = world.expect_is("127.0.0.22:5070", "INVITE");
    assert_eq!(text(first.request_uri_bytes()), "sip:high@127.0.0.22:5070");
    let high = Phone::called("127.0.0.22:5070", &first);
    high.answer(&mut world, 503, "");
    world.expect_is("127.0.0.22:5070", "ACK");
    let second = world.expect_is("127.0.0.21:5060", "INVITE");
    Phone::called("127.0.0.21:5060", &second).answer(&mut world, 200, SDP);
    pbx.take_answer(&mut world);
    world.expect_is("127.0.0.21:5060", "ACK");
    assert_eq!(world.observe().calls[0].trunk, "Trunk/acme/carrier-a");
    assert_eq!(world.observe().trunks[0].active_calls, 1);
    world.quiet();
}

#[test]
fn redirections_in_a_circle_come_to_an_end() {
    let mut world = following();
    let (pbx, mut carrier) = dial(&mut world);
    for turn in 0..trunkline::engine::MAX_REDIRECTS {
        redirect(&mut world, &carrier, &format!("<sip:again{turn}@127.0.0.2>"));
        let invite = world.expect_is(CARRIER_A, "INVITE");
        carrier = Phone::called(CARRIER_A, &invite);
    }
    redirect(&mut world, &carrier, "<sip:once-more@127.0.0.2>");
    world.expect_is(PBX, "480 INVITE");
    pbx.ack_failure(&mut world);
    world.assert_all_over();
    world.quiet();
}

#[test]
fn a_redirection_leads_to_each_uri_once() {
    // Also by another spelling, and back to where the call was sent first.
    let same = "<sip:5@127.0.0.21>, <sip:%35@127.0.0.21:5060>, <sip:5@127.0.0.21;method=INVITE>, \
                <sip:+493012345@127.0.0.2:5060>, <sip:5@127.0.0.21>;q=0.3";
    let mut world = following();
    let (pbx, carrier) = dial(&mut world);
    redirect(&mut world, &carrier, "<sip:5@127.0.0.21>");
    let invite = world.expect_is("127.0.0.21:5060", "INVITE");
    let itself = Phone::called("127.0.0.21:5060", &invite);
    redirect(&mut world, &itself, same);
    world.expect_is(PBX, "480 INVITE");
    pbx.ack_failure(&mut world);
    world.quiet();
    world.assert_all_over();
    // Two that send a call to each other; another user or parameter is another place.
    let mut world = following();
    let (pbx, carrier) = dial(&mut world);
    let others = "<sip:5@127.0.0.21>, <sip:6@127.0.0.21>;q=0.5, <sip:5@127.0.0.21;tgrp=x>;q=0.2";
    redirect(&mut world, &carrier, others);
    for turn in 0..3 {
        let invite = world.expect_is("127.0.0.21:5060", "INVITE");
        let one = Phone::called("127.0.0.21:5060", &invite);
        redirect(&mut world, &one, "<sip:7@127.0.0.22>, <sip:5@127.0.0.21>");
        if turn == 0 {
            let invite = world.expect_is("127.0.0.22:5060", "INVITE");
            let two = Phone::called("127.0.0.22:5060", &invite);
            redirect(&mut world, &two, "<sip:5@127.0.0.21>, <sip:6@127.0.0.21>");
        }
        if turn < 2 {
            continue;
        }
        world.expect_is(PBX, "480 INVITE");
    }
    pbx.ack_failure(&mut world);
    world.quiet();
    world.assert_all_over();
}

#[test]
fn a_redirection_to_nowhere_is_a_refusal() {
    let mut world = following();
    let (pbx, carrier) = dial(&mut world);
    redirect(&mut world, &carrier, "<sip:a@192.0.2.1>, <tel:+4930>, <sip:b@-.example>");
    world.expect_is(PBX, "480 INVITE");
    pbx.ack_failure(&mut world);
    world.quiet();
}

#[test]
fn what_a_contact_of_a_redirection_says_is_kept() {
    for (contact, expected) in [
        (
            "<sip:u:pw@127.0.0.21:5070;user=phone;foo=bar;lone>",
            "sip:u:pw@127.0.0.21:5070;user=phone;foo=bar;lone",
        ),
        ("<sip:127.0.0.21:5070;Method=BYE;a=b?Subject=x&Priority=y>", "sip:127.0.0.21:5070;a=b"),
    ] {
        let mut world = following();
        let (_, carrier) = dial(&mut world);
        redirect(&mut world, &carrier, contact);
        let invite = world.expect_is("127.0.0.21:5070", "INVITE");
        assert_eq!(text(invite.request_uri_bytes()), expected);
        assert_eq!(value(&invite, HeaderName::To), format!("<{expected}>"));
    }
}

#[test]
fn a_redirection_to_sips_is_never_followed_without_tls() {
    let mut world = following();
    let (_, carrier) = dial(&mut world);
    redirect(&mut world, &carrier, "<sips:a@127.0.0.21>, <sip:b@127.0.0.22>;q=0.5");
    world.expect_is("127.0.0.22:5060", "INVITE");
    world.quiet();
}

#[test]
fn over_tls_a_redirection_to_sips_stays_one() {
    let mut config = config();
    set(&mut config, "carrier-a", "/redirect", json!("follow"));
    let mut world = tls_world(config);
    let mut pbx = Phone::calling(PBX, "1001", "00493012345", "redirect");
    pbx.invite(&mut world);
    world.expect_is(PBX, "100 INVITE");
    let invite = world.expect_is("127.0.0.2:5061", "INVITE");
    let carrier = Phone::called(CARRIER_A, &invite);
    let answer = carrier.response(&invite, 302, "");
    let answer = answer.replace("Contact: <sip:127.0.0.2:5060>", "Contact: <sips:a@127.0.0.21>");
    world.send_tls(7, "127.0.0.2:5061", &answer);
    world.expect_is("127.0.0.2:5061", "ACK");
    let invite = world.expect_is("127.0.0.21:5061", "INVITE");
    assert_eq!(text(invite.request_uri_bytes()), "sips:a@127.0.0.21");
    assert_eq!(value(&invite, HeaderName::Contact), "<sips:127.0.0.1:5061>");
}

/// RFC 3263 section 4: a `maddr` is the target, and goes no further than a host may.
#[test]
fn the_maddr_of_a_redirection_is_where_it_leads() {
    let mut world = following_names();
    let (_, carrier) = dial(&mut world);
    let contacts = "<sip:a@127.0.0.21;maddr=192.0.2.1>, <sip:b@127.0.0.21;maddr=127.0.0.1>;q=0.9, \
                    <sip:c@192.0.2.9:5070;maddr=127.0.0.22>;q=0.8";
    redirect(&mut world, &carrier, contacts);
    let invite = world.expect_is("127.0.0.22:5070", "INVITE");
    assert_eq!(text(invite.request_uri_bytes()), "sip:c@192.0.2.9:5070;maddr=127.0.0.22");
    let carrier = Phone::called("127.0.0.22:5070", &invite);
    redirect(&mut world, &carrier, "<sip:e@192.0.2.9:5060;maddr=two.example>");
    world.expect_is("127.0.0.32:5060", "INVITE");
    world.quiet();
}

#[test]
fn a_name_with_a_dot_at_its_end_is_a_name() {
    let mut world = following_names();
    let (_, carrier) = dial(&mut world);
    redirect(&mut world, &carrier, "<sip:there@ELSE.example.>");
    let invite = world.expect_is("127.0.0.31:5070", "INVITE");
    assert_eq!(text(invite.request_uri_bytes()), "sip:there@ELSE.example.");
}

/// What a redirection may name.
const LINES: &[&str] = &[
    "_sip._udp.else.example SRV 1 0 5070 one.example",
    "_sip._udp.else.example SRV 2 0 5080 two.example",
    "one.example A 127.0.0.31",
    "two.example A 127.0.0.32",
    "far.example A 192.0.2.1",
];

fn following_names() -> World {
    let mut config = config();
    set(&mut config, "carrier-a", "/redirect", json!("follow"));
    let mut zone = Zone::default();
    zone.set(LINES);
    World::with_zone(&config, zone)
}

#[test]
fn a_name_in_a_redirection_is_located_and_its_targets_are_tried_in_order() {
    let mut world = following_names();
    let (mut pbx, carrier) = dial(&mut world);
    redirect(&mut world, &carrier, "<sip:there@else.example>");
    let first = world.expect_is("127.0.0.31:5070", "INVITE");
    assert_eq!(text(first.request_uri_bytes()), "sip:there@else.example");
    Phone::called("127.0.0.31:5070", &first).answer(&mut world, 503, "");
    world.expect_is("127.0.0.31:5070", "ACK");
    let second = world.expect_is("127.0.0.32:5080", "INVITE");
    Phone::called("127.0.0.32:5080", &second).answer(&mut world, 200, SDP);
    pbx.take_answer(&mut world);
    world.expect_is("127.0.0.32:5080", "ACK");
    assert_eq!(world.observe().calls[0].trunk, "Trunk/acme/carrier-a");
    // That its addresses are known makes them nobody's.
    let mut stranger = Phone::calling("127.0.0.31:5070", "1", "+442079460007", "stranger");
    stranger.invite(&mut world);
    world.quiet();
}

#[test]
fn a_name_in_a_redirection_goes_no_further_than_its_trunk_may() {
    let mut world = following_names();
    let (_, carrier) = dial(&mut world);
    redirect(
        &mut world,
        &carrier,
        "<sip:a@far.example:5060>, <sip:a@-.example>, <sip:a@no.example>",
    );
    assert_eq!(world.refusals("NoTarget"), 2);
    world.expect_is(CARRIER_B, "INVITE");
    world.quiet();
}

#[test]
fn a_call_waits_for_the_name_and_goes_on_when_it_is_answered() {
    let mut world = following_names();
    let (_, carrier) = dial(&mut world);
    world.zone.fall_silent();
    redirect(&mut world, &carrier, "<sip:a@two.example:5060>;q=0.9, <sip:b@127.0.0.21>;q=0.5");
    world.pass_ms(1000);
    world.quiet();
    world.zone.recover();
    let question = |record_type| Question { name: "two.example".to_owned(), record_type };
    world.answer(&question(RecordType::A));
    world.quiet();
    world.answer(&question(RecordType::Aaaa));
    world.expect_is("127.0.0.32:5060", "INVITE");
}

#[test]
fn a_call_waits_for_a_name_no_longer_than_its_patience() {
    let mut world = following_names();
    let (_, carrier) = dial(&mut world);
    world.zone.fall_silent();
    redirect(&mut world, &carrier, "<sip:a@else.example>");
    world.pass(NAME_PATIENCE - Duration::from_millis(1));
    world.quiet();
    world.pass_ms(1);
    world.expect_is(CARRIER_B, "INVITE");
    // What comes now changes nothing.
    world.zone.recover();
    world.answer(&Question { name: "else.example".to_owned(), record_type: RecordType::Naptr });
    world.quiet();
}

#[test]
fn who_gives_up_while_a_name_is_looked_up_is_gone() {
    let mut world = following_names();
    let (pbx, carrier) = dial(&mut world);
    world.zone.fall_silent();
    redirect(&mut world, &carrier, "<sip:a@else.example>");
    pbx.cancel(&mut world);
    world.expect_is(PBX, "200 CANCEL");
    world.expect_is(PBX, "487 INVITE");
    pbx.ack_failure(&mut world);
    world.zone.recover();
    world.answer(&Question { name: "else.example".to_owned(), record_type: RecordType::Naptr });
    world.quiet();
    world.assert_all_over();
}

#[test]
fn an_invite_expires_also_while_a_name_is_looked_up() {
    let mut world = following_names();
    let mut pbx = Phone::calling(PBX, "1001", "00493012345", "redirect");
    let invite = pbx.request("INVITE", "Expires: 2\r\n", SDP);
    world.send(PBX, &invite);
    world.expect_is(PBX, "100 INVITE");
    let invite = world.expect_is(CARRIER_A, "INVITE");
    world.zone.fall_silent();
    redirect(&mut world, &Phone::called(CARRIER_A, &invite), "<sip:a@else.example>");
    world.pass_ms(2000);
    world.expect_is(PBX, "487 INVITE");
    pbx.ack_failure(&mut world);
    world.quiet();
    world.assert_all_over();
}

#[test]
fn a_call_that_comes_back_the_same_way_is_a_loop() {
    let mut world = World::new();
    let mut caller = Phone::calling(CARRIER_A, "447700900123", "+442079460007", "loop");
    caller.invite(&mut world);
    world.expect_is(CARRIER_A, "100 INVITE");
    let invite = world.expect_is(PBX, "INVITE");
    let mark = text(invite.value_of("X-Trunkline-Loop").unwrap());
    // The PBX sends it out, which is another way; the carrier sends it in again, which is not.
    let mut pbx = Phone::calling(PBX, "1007", "00442079460007", "back");
    let marked = pbx.request("INVITE", &format!("X-Trunkline-Loop: {mark}\r\n"), SDP);
    world.send(PBX, &marked);
    world.expect_is(PBX, "100 INVITE");
    let out = world.expect_is(CARRIER_A, "INVITE");
    let marks: Vec<String> = out
        .headers()
        .filter(|header| header.wire_name == b"X-Trunkline-Loop")
        .map(|header| format!("X-Trunkline-Loop: {}\r\n", text(header.value)))
        .collect();
    assert_eq!(marks.len(), 2);
    let mut again = Phone::calling(CARRIER_A, "447700900123", "+442079460007", "again");
    let looped = again.request("INVITE", &marks.concat(), SDP);
    world.send(CARRIER_A, &looped);
    world.expect_is(CARRIER_A, "482 INVITE");
    assert_eq!(world.refusals("LoopDetected"), 1);
    // To another number it is another call.
    let mut other = Phone::calling(CARRIER_A, "447700900123", "+442079460008", "other");
    let fine = other.request("INVITE", &marks.concat(), SDP);
    world.send(CARRIER_A, &fine);
    world.expect_is(CARRIER_A, "100 INVITE");
}

#[test]
fn why_a_call_was_cancelled_goes_on_also_when_the_cancel_has_to_wait() {
    for rings in [true, false] {
        let mut world = World::new();
        let mut caller = Phone::calling(CARRIER_A, "447700900123", "+442079460007", "why");
        caller.invite(&mut world);
        world.expect_is(CARRIER_A, "100 INVITE");
        let invite = world.expect_is(PBX, "INVITE");
        let callee = Phone::called(PBX, &invite);
        if rings {
            callee.answer(&mut world, 180, "");
            world.expect_is(CARRIER_A, "180 INVITE");
        }
        let why = "Reason: SIP;cause=200;text=\"Call completed elsewhere\"\r\n";
        world.send(CARRIER_A, &caller.print("CANCEL", why, ""));
        world.expect_is(CARRIER_A, "200 CANCEL");
        world.expect_is(CARRIER_A, "487 INVITE");
        if !rings {
            callee.answer(&mut world, 100, "");
        }
        let cancel = world.expect_is(PBX, "CANCEL");
        assert!(value(&cancel, HeaderName::Reason).contains("completed elsewhere"));
    }
}

#[test]
fn diversion_history_and_the_reason_of_a_failure_pass() {
    let mut world = World::new();
    let mut caller = Phone::calling(CARRIER_A, "447700900123", "+442079460007", "history");
    let headers = "Diversion: <sip:+4930@carrier.example>;reason=unconditional\r\n\
                   History-Info: <sip:+4930@carrier.example>;index=1\r\n";
    let invite = caller.request("INVITE", headers, SDP);
    world.send(CARRIER_A, &invite);
    world.expect_is(CARRIER_A, "100 INVITE");
    let invite = world.expect_is(PBX, "INVITE");
    assert!(value(&invite, HeaderName::Diversion).contains("unconditional"));
    assert!(value(&invite, HeaderName::HistoryInfo).contains("index=1"));
    let callee = Phone::called(PBX, &invite);
    let why = "Reason: Q.850;cause=17\r\n";
    callee.reply_with(&mut world, &invite, (486, why), "");
    world.expect_is(PBX, "ACK");
    let busy = world.expect_is(CARRIER_A, "486 INVITE");
    assert_eq!(value(&busy, HeaderName::Reason), "Q.850;cause=17");
}
