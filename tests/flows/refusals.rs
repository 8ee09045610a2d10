//! Strangers, forgeries, garbage, limits: who gets what.

use std::time::Duration;

use serde_json::json;
use trunkline::sip::HeaderName;

use crate::world::{
    CARRIER_A, CARRIER_B, PBX, Phone, STRANGER, World, config, inbound_call, set, text, value,
};

#[test]
fn a_stranger_gets_nothing_at_all() {
    let mut world = World::new();
    let (caller, _) = inbound_call(&mut world, "known");
    for method in ["INVITE", "OPTIONS", "REGISTER", "BYE", "CANCEL", "FROB"] {
        let mut stranger = Phone::calling(STRANGER, "1", "442079460000", method);
        stranger.send(&mut world, method);
    }
    world.send(STRANGER, "garbage");
    let mut forged = caller;
    let bye = forged.request("BYE", "", "");
    world.send(STRANGER, &bye);
    world.quiet();
    assert_eq!(world.refusals("UnknownSource"), 8);
    assert_eq!(world.observe().active_calls, 1);
}

#[test]
fn a_forged_bye_is_481_and_changes_nothing() {
    let mut world = World::new();
    let (caller, callee) = inbound_call(&mut world, "forged");
    let mut branch = 0;
    let mut bye = |phone: &Phone, from: &str, to: &str| {
        branch += 1;
        phone
            .clone()
            .request("BYE", "", "")
            .replace(from, to)
            .replace("z9hG4bK-", &format!("z9hG4bK{branch}-"))
    };
    // The right identifiers from another carrier.
    world.send(CARRIER_B, &bye(&caller, CARRIER_A, CARRIER_B));
    world.expect_is(CARRIER_B, "481 BYE");
    // The right source with a wrong tag, on either side, and with another Call-ID.
    world.send(CARRIER_A, &bye(&caller, "tag=from-", "tag=other-"));
    world.expect_is(CARRIER_A, "481 BYE");
    world.send(CARRIER_A, &bye(&caller, "Call-ID: forged", "Call-ID: forger"));
    world.expect_is(CARRIER_A, "481 BYE");
    world.send(PBX, &bye(&callee, "tag=to-", "tag=ot-"));
    world.expect_is(PBX, "481 BYE");
    world.quiet();
    assert_eq!(world.refusals("NoDialog"), 4);
    assert_eq!(world.observe().active_calls, 1);
}

#[test]
fn garbage_from_a_carrier_gets_one_400_or_silence() {
    let mut world = World::new();
    let mut phone = Phone::calling(CARRIER_A, "1", "2", "bad");
    let request = phone.request("OPTIONS", "", "");
    world.send(CARRIER_A, &request.replace("Max-Forwards: 70", "Max-Forwards: many"));
    world.expect_is(CARRIER_A, "400 OPTIONS");
    // However long it is, a header that no answer repeats does not make it any longer.
    let long = format!("X-Long: {}\r\nMax-Forwards", "x".repeat(9_000));
    world.send(CARRIER_A, &request.replace("Max-Forwards", &long));
    let answer = world.expect_is(CARRIER_A, "400 OPTIONS");
    assert_eq!(text(answer.reason_phrase()), "Bad Request: a header is too long");
    for garbage in ["", "\r\n\r\n", "\0\u{1}\u{2}", "INVITE", "SIP/2.0 200 OK\r\n\r\n"] {
        world.send(CARRIER_A, garbage);
    }
    world.quiet();
    assert_eq!(world.engine.in_progress(), [0, 0, 0]);
}

#[test]
fn options_are_answered_and_other_methods_told_what_is_allowed() {
    let mut world = World::new();
    for (method, code) in [
        ("OPTIONS", 200),
        ("REGISTER", 405),
        ("SUBSCRIBE", 405),
        ("MESSAGE", 405),
        ("REFER", 405),
        ("PUBLISH", 405),
        ("NOTIFY", 489),
        ("FROB", 501),
        ("INFO", 481),
        ("BYE", 481),
    ] {
        let mut phone = Phone::calling(CARRIER_A, "1", "2", method);
        phone.send(&mut world, method);
        let answer = world.expect_is(CARRIER_A, &format!("{code} {method}"));
        assert!(answer.to().tag().is_some());
        let allow = value(&answer, HeaderName::Allow);
        assert_eq!(allow.contains("INVITE"), code != 481 && code != 489, "{method}");
        assert_eq!(allow.contains(method), code == 200, "what is refused is not allowed: {allow}");
        let events = value(&answer, HeaderName::AllowEvents);
        assert_eq!(events, if code == 489 { "refer" } else { "" });
        // A repetition has the same answer, bytes and all.
        let again = phone.print(method, "", "");
        world.send(CARRIER_A, &again);
        assert_eq!(world.expect(CARRIER_A).as_bytes(), answer.as_bytes());
    }
    world.assert_all_over();
}

#[test]
fn a_notification_of_no_subscription_is_told_so() {
    let mut world = World::new();
    for (event, code) in [("refer;id=7", 481), ("message-summary", 489), ("referee", 489)] {
        let mut phone = Phone::calling(CARRIER_A, "1", "2", event);
        let headers = format!("Event: {event}\r\nSubscription-State: active\r\n");
        let request = phone.request("NOTIFY", &headers, "");
        world.send(CARRIER_A, &request);
        world.expect_is(CARRIER_A, &format!("{code} NOTIFY"));
    }
}

#[test]
fn options_that_ask_too_much_are_refused() {
    let mut world = World::new();
    let ours = "OPTIONS sip:2@127.0.0.1:5060";
    for (from, to, code) in [
        (ours, "OPTIONS nobody:knows", 416),
        ("Contact: ", "Require: zap\r\nContact: ", 420),
        ("Contact: ", "Proxy-Require: zap\r\nContact: ", 420),
        // A question for us, not for who stands behind us (RFC 3261 section 11.2).
        ("Max-Forwards: 70", "Max-Forwards: 0", 200),
        ("Contact: ", "X-Contact: ", 200),
    ] {
        let mut phone = Phone::calling(
            CARRIER_A,
            "1",
            "2",
            &format!("options-{code}-{from:.7}-{to:.9}").replace([' ', ':'], ""),
        );
        let request = phone.request("OPTIONS", "", "");
        assert!(request.contains(from));
        world.send(CARRIER_A, &request.replace(from, to));
        let answer = world.expect_is(CARRIER_A, &format!("{code} OPTIONS"));
        let unsupported = if code == 420 { "zap" } else { "" };
        assert_eq!(value(&answer, HeaderName::Unsupported), unsupported);
    }
    world.assert_all_over();
}

#[test]
fn an_options_in_a_datagram_leaves_nothing_behind_and_has_one_answer() {
    let mut world = World::new();
    let mut phone = Phone::calling(CARRIER_A, "1", "2", "ping");
    let request = phone.request("OPTIONS", "", "");
    let answers: Vec<_> = (0..3)
        .map(|_| {
            world.send(CARRIER_A, &request);
            assert_eq!(world.engine.in_progress(), [0, 0, 0]);
            text(world.expect_is(CARRIER_A, "200 OPTIONS").as_bytes())
        })
        .collect();
    // RFC 3261 section 8.2.7: the same one for every repetition, without remembering any.
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:#?}");
    world.quiet();
}

#[test]
fn what_no_invite_may_lack_or_ask_is_refused() {
    let mut world = World::new();
    for (number, (from, to, code)) in [
        ("Max-Forwards: 70", "Max-Forwards: 0", 483),
        ("Contact: ", "X-Contact: ", 400),
        ("INVITE sip:442079460007@127.0.0.1:5060", "INVITE mailto:a@b", 416),
    ]
    .into_iter()
    .enumerate()
    {
        let call_id = format!("bad-{number}");
        let mut phone = Phone::calling(CARRIER_A, "447700900123", "442079460007", &call_id);
        let request = phone.request("INVITE", "", "").replace(from, to);
        world.send(CARRIER_A, &request);
        world.expect_is(CARRIER_A, &format!("{code} INVITE"));
        phone.ack_failure(&mut world);
    }
    world.quiet();
    world.assert_all_over();
}

#[test]
fn unroutable_calls_have_their_codes_and_reasons() {
    let mut config = config();
    for (tenant_enabled, from, number, code, reason) in [
        (true, CARRIER_A, "441111111111", 404, "NoPool"),
        (true, CARRIER_A, "sales", 404, "NotANumber"),
        (true, CARRIER_B, "442079460100", 404, "NoRule"),
        (true, PBX, "1234", 404, "NoRule"),
        (false, CARRIER_A, "442079460007", 503, "TenantDisabled"),
        (false, PBX, "00493012345", 403, "TenantDisabled"),
    ] {
        set(&mut config, "acme", "/enabled", json!(tenant_enabled));
        let mut world = World::with(&config);
        let mut phone = Phone::calling(from, "1001", number, "refused");
        phone.invite(&mut world);
        let answer = world.expect_is(from, &format!("{code} INVITE"));
        assert_eq!(answer.retry_after().is_some(), code == 503);
        phone.ack_failure(&mut world);
        assert_eq!(world.refusals(reason), 1, "{reason}");
        world.quiet();
        world.assert_all_over();
    }
}

#[test]
fn a_limit_is_503_with_retry_after_to_a_trunk_and_403_to_a_tenant() {
    for (name, pointer, reason) in [
        ("carrier-a", "/limits", "TrunkLimit"),
        ("acme", "/limits", "TenantLimit"),
        ("pool-a", "/concurrentCalls", "TenantOnTrunkLimit"),
    ] {
        let mut config = config();
        let one = if pointer == "/limits" { json!({ "concurrentCalls": 1 }) } else { json!(1) };
        set(&mut config, name, pointer, one);
        let mut world = World::with(&config);
        let (mut caller, callee) = inbound_call(&mut world, "one");
        let mut second = Phone::calling(CARRIER_A, "447700900124", "442079460008", "two");
        second.invite(&mut world);
        let answer = world.expect_is(CARRIER_A, "503 INVITE");
        assert_eq!(answer.retry_after(), Some(10));
        second.ack_failure(&mut world);
        assert_eq!(world.refusals(reason), 1);
        if name == "acme" {
            let mut out = Phone::calling(PBX, "1001", "00493012345", "out");
            out.invite(&mut world);
            world.expect_is(PBX, "403 INVITE");
            out.ack_failure(&mut world);
        }
        // The place is free as soon as the caller has hung up.
        caller.send(&mut world, "BYE");
        world.expect_is(CARRIER_A, "200 BYE");
        let bye = world.expect_is(PBX, "BYE");
        let mut third = Phone::calling(CARRIER_A, "447700900124", "442079460008", "three");
        third.invite(&mut world);
        world.expect_is(CARRIER_A, "100 INVITE");
        world.expect_is(PBX, "INVITE");
        callee.reply(&mut world, &bye, 200, "");
        world.pass(Duration::from_secs(40));
        world.clear();
        third.ack_failure(&mut world);
        world.assert_all_over();
    }
}

#[test]
fn the_stock_of_header_rules_holds_for_an_invite() {
    let mut world = World::new();
    let mut caller = Phone::calling(CARRIER_A, "447700900123", "442079460007", "headers");
    let request = caller.request(
        "INVITE",
        "Supported: 100rel, timer, replaces, histinfo\r\nX-Account: 42\r\n\
         P-Asserted-Identity: <sip:+447700900123@carrier.example>\r\n\
         Record-Route: <sip:127.0.0.2;lr>\r\nProxy-Authorization: Digest a=b\r\n\
         Via: SIP/2.0/UDP 192.0.2.99;branch=z9hG4bKinside\r\nSession-Expires: 180\r\n",
        "",
    );
    world.send(CARRIER_A, &request);
    let invite = world.expect_is(PBX, "INVITE");
    assert_eq!(value(&invite, HeaderName::Supported), "histinfo");
    assert!(invite.supports("timer") && invite.supports("100rel"), "ours");
    assert_eq!(value(&invite, HeaderName::SessionExpires), "1800");
    assert_eq!(invite.value_of("X-Account"), Some(&b"42"[..]));
    assert!(value(&invite, HeaderName::PAssertedIdentity).contains("+447700900123"));
    let text = String::from_utf8_lossy(invite.as_bytes()).into_owned();
    for hidden in ["127.0.0.2", "192.0.2.99", "Digest", "replaces", "headers"] {
        assert!(!text.contains(hidden), "{hidden} in {text}");
    }
    let refused = world.expect_is(CARRIER_A, "100 INVITE");
    assert_eq!(refused.via_count(), 2);
}
