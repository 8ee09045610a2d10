//! What far ends do inside dialogs that they should not, or do seldom.

use serde_json::json;
use trunkline::sip::HeaderName;

use crate::transfers::refer;
use crate::world::{CARRIER_A, PBX, Phone, SDP, World, config, inbound_call, set, text, value};

/// An inbound call up to the INVITE at the PBX; with more headers, and perhaps a body.
fn placed(world: &mut World, headers: &str, body: &str) -> (Phone, Phone) {
    let mut caller = Phone::calling(CARRIER_A, "447700900123", "+442079460007", "odd");
    let text = caller.request("INVITE", headers, body);
    world.send(CARRIER_A, &text);
    world.expect_is(CARRIER_A, "100 INVITE");
    let invite = world.expect_is(PBX, "INVITE");
    (caller, Phone::called(PBX, &invite))
}

/// Both ends hang up and nothing is left.
fn end(world: &mut World, caller: &mut Phone, callee: &Phone) {
    caller.send(world, "BYE");
    world.expect_is(CARRIER_A, "200 BYE");
    let bye = world.expect_is(PBX, "BYE");
    callee.reply(world, &bye, 200, "");
    world.quiet();
    world.assert_all_over();
    world.quiet();
}

/// The callee's 200 with its Contact changed to this.
fn answer_from(world: &mut World, callee: &Phone, contact: &str) {
    let text = callee.response(callee.invited(), 200, SDP);
    let from = format!("Contact: <sip:{PBX}>\r\n");
    assert!(text.contains(&from));
    world.send(PBX, &text.replacen(&from, contact, 1));
}

#[test]
fn an_answer_without_a_usable_contact_is_a_call_all_the_same() {
    for contact in
        ["", "Contact: *\r\n", "Contact: <tel:+4420>\r\n", "Contact: <mailto:a@b.example>\r\n"]
    {
        let mut world = World::new();
        let (mut caller, callee) = placed(&mut world, "", SDP);
        answer_from(&mut world, &callee, contact);
        caller.take_answer(&mut world);
        let ack = world.expect_is(PBX, "ACK");
        // What was called is all that is known.
        assert_eq!(ack.request_uri_bytes(), callee.invited().request_uri_bytes(), "{contact}");
        end(&mut world, &mut caller, &callee);
    }
}

#[test]
fn of_several_contacts_of_an_answer_the_first_counts() {
    let mut world = World::new();
    let (mut caller, callee) = placed(&mut world, "", SDP);
    let contacts = "Contact: <sip:first@127.0.0.9:5062>, <sip:second@127.0.0.9:5063>\r\n";
    answer_from(&mut world, &callee, contacts);
    caller.take_answer(&mut world);
    let ack = world.expect_is("127.0.0.9:5062", "ACK");
    assert_eq!(text(ack.request_uri_bytes()), "sip:first@127.0.0.9:5062");
}

#[test]
fn an_invite_whose_contact_is_no_place_to_send_to_is_refused() {
    for contact in ["Contact: *", "Contact: <tel:+4420>", "Contact: <mailto:a@b.example>"] {
        let mut world = World::new();
        let mut caller = Phone::calling(CARRIER_A, "447700900123", "+442079460007", "odd");
        let text = caller.request("INVITE", "", SDP);
        world.send(CARRIER_A, &text.replacen("Contact: <sip:127.0.0.2:5060>", contact, 1));
        world.expect_is(CARRIER_A, "400 INVITE");
        world.quiet();
    }
}

#[test]
fn a_new_contact_that_is_no_place_changes_nothing() {
    let mut world = World::new();
    let (mut caller, callee) = inbound_call(&mut world, "stays");
    let text = caller.request("UPDATE", "Content-Type: application/sdp\r\n", SDP);
    world.send(
        CARRIER_A,
        &text.replacen("Contact: <sip:127.0.0.2:5060>", "Contact: <tel:+4420>", 1),
    );
    let update = world.expect_is(PBX, "UPDATE");
    callee.reply(&mut world, &update, 200, SDP);
    world.expect_is(CARRIER_A, "200 UPDATE");
    let mut callee = callee;
    callee.send(&mut world, "INFO");
    let info = world.expect_is(CARRIER_A, "INFO");
    assert_eq!(info.request_uri_bytes(), b"sip:127.0.0.2:5060");
}

#[test]
fn a_call_in_which_nobody_describes_a_session_passes() {
    let mut world = World::new();
    let (mut caller, callee) = placed(&mut world, "", "");
    callee.answer(&mut world, 200, "");
    assert!(caller.take_answer(&mut world).body().is_empty());
    assert!(world.expect_is(PBX, "ACK").body().is_empty());
    end(&mut world, &mut caller, &callee);
}

#[test]
fn a_caller_may_hang_up_before_it_acknowledges() {
    let mut world = World::new();
    let (mut caller, callee) = placed(&mut world, "", SDP);
    callee.answer(&mut world, 200, SDP);
    let answer = world.expect_is(CARRIER_A, "200 INVITE");
    caller.learn(&answer);
    caller.send(&mut world, "BYE");
    world.expect_is(CARRIER_A, "200 BYE");
    // Who answered has its ACK before the BYE.
    world.expect_is(PBX, "ACK");
    let bye = world.expect_is(PBX, "BYE");
    callee.reply(&mut world, &bye, 200, "");
    world.pass_ms(4_000);
    world.quiet();
    // The ACK comes after all.
    caller.cseq = 1;
    caller.ack(&mut world);
    world.quiet();
    world.assert_all_over();
}

#[test]
fn an_ack_of_another_number_acknowledges_nothing() {
    let mut world = World::new();
    let (mut caller, callee) = placed(&mut world, "", SDP);
    callee.answer(&mut world, 200, SDP);
    caller.learn(&world.expect_is(CARRIER_A, "200 INVITE"));
    for cseq in [0, 2, 2_147_483_647] {
        caller.cseq = cseq;
        caller.ack(&mut world);
        world.quiet();
    }
    world.pass_ms(500);
    world.expect_is(CARRIER_A, "200 INVITE");
    caller.cseq = 1;
    caller.ack(&mut world);
    world.expect_is(PBX, "ACK");
    end(&mut world, &mut caller, &callee);
}

#[test]
fn the_largest_cseq_is_taken_and_what_is_below_it_goes_back() {
    let mut world = World::new();
    let (mut caller, callee) = inbound_call(&mut world, "cseq");
    caller.cseq = 2_147_483_646;
    caller.send(&mut world, "INFO");
    let info = world.expect_is(PBX, "INFO");
    callee.reply(&mut world, &info, 200, "");
    world.expect_is(CARRIER_A, "200 INFO");
    // Below it is going back.
    caller.cseq = 7;
    caller.send(&mut world, "INFO");
    world.expect_is(CARRIER_A, "500 INFO");
    world.quiet();
}

#[test]
fn a_prack_of_something_else_is_481_and_the_right_one_goes_on() {
    let mut world = World::new();
    let (mut caller, callee) = placed(&mut world, "Supported: 100rel\r\n", SDP);
    let invite = callee.invited().clone();
    callee.reply_with(&mut world, &invite, (183, "Require: 100rel\r\nRSeq: 70\r\n"), "");
    let progress = world.expect_is(CARRIER_A, "183 INVITE");
    caller.learn(&progress);
    let rseq: u32 = value(&progress, HeaderName::RSeq).parse().unwrap();
    for rack in [
        format!("{} 1 INVITE", rseq + 1),
        format!("{rseq} 2 INVITE"),
        format!("{rseq} 1 UPDATE"),
        "0 0 INVITE".into(),
        "4294967296 1 INVITE".into(),
        "nonsense".into(),
    ] {
        let text = caller.request("PRACK", &format!("RAck: {rack}\r\n"), "");
        world.send(CARRIER_A, &text);
        let code = world.expect(CARRIER_A).status().unwrap();
        assert!(matches!(code, 400 | 481), "{rack}: {code}");
        world.quiet();
    }
    let text = caller.request("PRACK", "", "");
    world.send(CARRIER_A, &text);
    assert!(matches!(world.expect(CARRIER_A).status(), Some(400 | 481)));
    let text = caller.request("PRACK", &format!("RAck: {rseq} 1 INVITE\r\n"), "");
    world.send(CARRIER_A, &text);
    let prack = world.expect_is(PBX, "PRACK");
    assert_eq!(value(&prack, HeaderName::RAck), "70 1 INVITE");
    callee.reply(&mut world, &prack, 200, "");
    world.expect_is(CARRIER_A, "200 PRACK");
    // A second INVITE before the first is answered is not for now, PRACK or not.
    caller.invite(&mut world);
    world.expect_is(CARRIER_A, "500 INVITE");
    world.quiet();
}

#[test]
fn nothing_passes_before_there_is_a_dialog_to_pass_it_in() {
    let mut world = World::new();
    let mut caller = Phone::calling(CARRIER_A, "447700900123", "+442079460007", "early");
    caller.invite(&mut world);
    // Only that says where we are; the callee has said nothing yet.
    caller.learn(&world.expect_is(CARRIER_A, "100 INVITE"));
    let callee = Phone::called(PBX, &world.expect_is(PBX, "INVITE"));
    for (method, code) in
        [("UPDATE", 491), ("INFO", 491), ("OPTIONS", 491), ("MESSAGE", 491), ("PRACK", 481)]
    {
        caller.send(&mut world, method);
        world.expect_is(CARRIER_A, &format!("{code} {method}"));
    }
    refer(&mut world, &mut caller, "<sip:1042@127.0.0.1>");
    world.expect_is(CARRIER_A, "491 REFER");
    world.quiet();
    callee.answer(&mut world, 180, "");
    world.expect_is(CARRIER_A, "180 INVITE");
    for method in ["OPTIONS", "MESSAGE", "INFO"] {
        caller.send(&mut world, method);
        let request = world.expect_is(PBX, method);
        callee.reply(&mut world, &request, 200, "");
        world.expect_is(CARRIER_A, &format!("200 {method}"));
    }
    refer(&mut world, &mut caller, "<sip:1042@127.0.0.1>");
    world.expect_is(CARRIER_A, "491 REFER");
    world.quiet();
}

#[test]
fn replaces_stands_once_and_in_an_invite_only() {
    let mut world = World::new();
    let replaces = "Replaces: x;to-tag=1;from-tag=2\r\n";
    let mut caller = Phone::calling(CARRIER_A, "447700900123", "+442079460007", "twice");
    let text = caller.request("INVITE", &format!("{replaces}{replaces}"), SDP);
    world.send(CARRIER_A, &text);
    world.expect_is(CARRIER_A, "400 INVITE");
    caller.ack_failure(&mut world);
    let mut caller = Phone::calling(CARRIER_A, "447700900123", "+442079460007", "options");
    let text = caller.request("OPTIONS", replaces, "");
    world.send(CARRIER_A, &text);
    world.expect_is(CARRIER_A, "400 OPTIONS");
    let (mut caller, callee) = inbound_call(&mut world, "inside");
    let text = caller.request("INFO", replaces, "");
    world.send(CARRIER_A, &text);
    world.expect_is(CARRIER_A, "400 INFO");
    // It is no reason to stay in a call.
    let text = caller.request("BYE", replaces, "");
    world.send(CARRIER_A, &text);
    world.expect_is(CARRIER_A, "200 BYE");
    let bye = world.expect_is(PBX, "BYE");
    callee.reply(&mut world, &bye, 200, "");
    world.quiet();
}

#[test]
fn a_callee_without_a_tag_is_in_the_call_once_it_has_answered() {
    let mut world = World::new();
    let (mut caller, callee) = placed(&mut world, "", SDP);
    let text = callee.response(callee.invited(), 200, SDP);
    let (to, _) = callee.local.rsplit_once(";tag=").unwrap();
    let bare = |text: &str| text.replace(&callee.local, to);
    // Before its answer nobody speaks for it.
    let mut early = callee.clone();
    let info = early.request("INFO", "", "");
    world.send(PBX, &bare(&info));
    world.expect_is(PBX, "481 INFO");
    world.send(PBX, &bare(&text));
    caller.take_answer(&mut world);
    assert_eq!(world.expect_is(PBX, "ACK").to_tag(), None);
    let bye = early.request("BYE", "", "");
    world.send(PBX, &bare(&bye));
    world.expect_is(PBX, "200 BYE");
    let bye = world.expect_is(CARRIER_A, "BYE");
    caller.reply(&mut world, &bye, 200, "");
    world.assert_all_over();
}

#[test]
fn what_a_refer_to_hides_in_its_escapes_stays_hidden() {
    let mut config = config();
    set(&mut config, "carrier-a", "/refer", json!("terminate"));
    for to in [
        "<sip:00493012345@127.0.0.1?Replaces=a%3Bto-tag%3D1%3Bfrom-tag%3D2%0D%0AX-Evil:%201>",
        "<sip:00493012345@127.0.0.1?Replaces=%00>",
        "<sip:0049%0D%0AX-Evil%3a1@127.0.0.1>",
        "<sip:00493012345@127.0.0.1?X-Evil=1&Body=evil>",
        "<tel:00493012345;X-Evil=1>",
        "<sip:@127.0.0.1>",
        "<http://127.0.0.1/X-Evil>",
        "<urn:service:sos>",
        "sip:00493012345@127.0.0.1?X-Evil=1",
        "\"X-Evil\" <sips:00493012345@192.0.2.1;X-Evil=1>;X-Evil=1",
        "",
    ] {
        let mut world = World::with(&config);
        let (_, mut callee) = inbound_call(&mut world, "hidden");
        refer(&mut world, &mut callee, to);
        let answer = world.expect(PBX);
        let code = answer.status().unwrap();
        let hidden = to.contains("Replaces");
        assert!(!hidden || code == 400, "{to}: {code}");
        for (_, message) in world.clear() {
            let said = text(&message.packet());
            assert!(!said.contains("X-Evil"), "{to}: {code}: {said}");
        }
        assert!(matches!(code, 202 | 400 | 403 | 404 | 416 | 484 | 603), "{to}: {code}");
        assert_eq!(world.observe().active_calls, 1);
    }
}

#[test]
fn requests_of_two_methods_are_two_transactions_also_under_one_branch() {
    let mut world = World::new();
    let (mut caller, callee) = inbound_call(&mut world, "branch");
    caller.send(&mut world, "INFO");
    let info = world.expect_is(PBX, "INFO");
    callee.reply(&mut world, &info, 200, "");
    world.expect_is(CARRIER_A, "200 INFO");
    // RFC 3261 section 17.2.3: the method has to be the same as well.
    caller.cseq += 1;
    world.send(CARRIER_A, &caller.print("BYE", "", ""));
    world.expect_is(CARRIER_A, "200 BYE");
    world.expect_is(PBX, "BYE");
}
