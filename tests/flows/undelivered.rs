//! What cannot be sent, and what the network says reached nobody: whoever waits for it is told at once.

use std::net::SocketAddr;

use trunkline::engine::Input;
use trunkline::sip::{HeaderName, Message};
use trunkline::transaction::Link;

use crate::streams::{FROM, over_tcp, tcp_world};
use crate::world::{CARRIER_A, CARRIER_B, PBX, Phone, SDP, World, inbound_call, value};

/// A carrier calls over a connection: who calls, and who is called.
fn called_over_tcp(world: &mut World) -> (Phone, Phone) {
    let mut caller = Phone::calling(CARRIER_A, "447700900123", "+442079460007", "gone");
    let invite = caller.request("INVITE", "Content-Type: application/sdp\r\n", SDP);
    world.send_over(7, FROM, &over_tcp(&invite));
    world.expect_is(CARRIER_A, "100 INVITE");
    let callee = Phone::called(PBX, &world.expect_is(PBX, "INVITE"));
    (caller, callee)
}

/// The last packet cannot be sent over its connection, nor over another one.
fn refuse_twice(world: &mut World, what: &str) {
    world.refuse_last();
    world.expect_is(CARRIER_A, what);
    assert_eq!(world.last_flow().link, Link::Stream(None));
    assert_eq!(world.last_flow().remote, CARRIER_A.parse::<SocketAddr>().unwrap());
    world.refuse_last();
}

#[test]
fn an_answer_that_cannot_be_sent_ends_the_call_at_once() {
    let mut world = tcp_world();
    let (_, mut callee) = called_over_tcp(&mut world);
    callee.answer(&mut world, 200, SDP);
    world.expect_is(CARRIER_A, "200 INVITE");
    refuse_twice(&mut world, "200 INVITE");
    // Who answered would hear nobody.
    world.expect_is(PBX, "ACK");
    let bye = world.expect_is(PBX, "BYE");
    assert!(value(&bye, HeaderName::Reason).contains("cannot be reached"), "{bye:?}");
    callee.cseq = 1;
    callee.reply(&mut world, &bye, 200, "");
    // The caller may have had the answer, and may be found where its Contact says.
    world.expect_is(CARRIER_A, "BYE");
    world.refuse_last();
    assert_eq!(world.told().last().unwrap(), "ended CallerUnreachable 200");
    world.quiet();
    world.assert_all_over();
    world.quiet();
}

#[test]
fn ringing_that_cannot_be_told_takes_the_call_back() {
    let mut world = tcp_world();
    let (_, callee) = called_over_tcp(&mut world);
    callee.answer(&mut world, 180, "");
    world.expect_is(CARRIER_A, "180 INVITE");
    refuse_twice(&mut world, "180 INVITE");
    let cancel = world.expect_is(PBX, "CANCEL");
    assert!(value(&cancel, HeaderName::Reason).contains("cannot be reached"), "{cancel:?}");
    callee.reply(&mut world, &cancel, 200, "");
    callee.answer(&mut world, 487, "");
    world.expect_is(PBX, "ACK");
    assert_eq!(world.told().last().unwrap(), "ended CallerUnreachable 408");
    world.quiet();
    world.assert_all_over();
    world.quiet();
}

#[test]
fn a_refusal_that_cannot_be_sent_leaves_nothing_behind() {
    let mut world = tcp_world();
    let (_, callee) = called_over_tcp(&mut world);
    callee.answer(&mut world, 486, "");
    world.expect_is(PBX, "ACK");
    world.expect_is(CARRIER_A, "486 INVITE");
    assert_eq!(world.told().last().unwrap(), "ended Refused 486");
    refuse_twice(&mut world, "486 INVITE");
    // Nobody is left to acknowledge it: only what absorbs repetitions of the far end's 486 is left.
    assert_eq!(world.engine.in_progress()[1], 1);
    world.assert_all_over();
    world.quiet();
}

#[test]
fn one_lost_connection_is_no_lost_answer() {
    let mut world = tcp_world();
    let (mut caller, callee) = called_over_tcp(&mut world);
    callee.answer(&mut world, 200, SDP);
    world.expect_is(CARRIER_A, "200 INVITE");
    world.refuse_last();
    // RFC 3261 section 18.2.2: to where the Via says, over any connection.
    let answer = world.expect_is(CARRIER_A, "200 INVITE");
    caller.learn(&answer);
    caller.branch += 1;
    world.send_over(8, FROM, &over_tcp(&caller.print("ACK", "", "")));
    world.expect_is(PBX, "ACK");
    world.quiet();
    assert_eq!(world.observe().active_calls, 1);
}

#[test]
fn an_answer_inside_the_call_is_sent_again_and_ends_nothing() {
    let mut world = tcp_world();
    let (mut caller, callee) = called_over_tcp(&mut world);
    callee.answer(&mut world, 200, SDP);
    caller.learn(&world.expect_is(CARRIER_A, "200 INVITE"));
    caller.branch += 1;
    world.send_over(7, FROM, &over_tcp(&caller.print("ACK", "", "")));
    world.expect_is(PBX, "ACK");
    let hold = caller.request("INVITE", "Content-Type: application/sdp\r\n", SDP);
    world.send_over(7, FROM, &over_tcp(&hold));
    world.expect_is(CARRIER_A, "100 INVITE");
    let again = world.expect_is(PBX, "INVITE");
    callee.reply(&mut world, &again, 200, SDP);
    world.expect_is(CARRIER_A, "200 INVITE");
    refuse_twice(&mut world, "200 INVITE");
    world.quiet();
    world.pass_ms(500);
    world.expect_is(CARRIER_A, "200 INVITE");
    caller.branch += 1;
    world.send_over(9, FROM, &over_tcp(&caller.print("ACK", "", "")));
    world.expect_is(PBX, "ACK");
    world.quiet();
    assert_eq!(world.observe().active_calls, 1);
}

#[test]
fn a_datagram_that_the_system_refuses_for_a_moment_is_one_lost() {
    let mut world = World::new();
    let mut caller = Phone::calling(CARRIER_A, "447700900123", "+442079460007", "udp");
    caller.invite(&mut world);
    world.expect_is(CARRIER_A, "100 INVITE");
    let callee = Phone::called(PBX, &world.expect_is(PBX, "INVITE"));
    callee.answer(&mut world, 200, SDP);
    world.expect_is(CARRIER_A, "200 INVITE");
    world.refuse_last();
    world.quiet();
    world.pass_ms(500);
    caller.take_answer(&mut world);
    world.expect_is(PBX, "ACK");
}

/// ICMP says that nobody took this at `remote`.
fn unreachable(world: &mut World, remote: &str, quoted: &[u8]) {
    let remote = remote.parse().unwrap();
    world.input(Input::Unreachable { transport: 0, remote, quoted });
}

/// The PBX calls out; the INVITE to the first carrier.
fn dialled(world: &mut World) -> Message {
    let mut pbx = Phone::calling(PBX, "1001", "00493012345", "dial");
    pbx.invite(world);
    world.expect_is(PBX, "100 INVITE");
    world.expect_is(CARRIER_A, "INVITE")
}

#[test]
fn a_port_where_nobody_listens_gives_way_to_the_next_carrier_at_once() {
    let mut world = World::new();
    let invite = dialled(&mut world);
    // The network quotes only the beginning.
    let quoted = &invite.packet()[..200];
    unreachable(&mut world, CARRIER_A, quoted);
    world.expect_is(CARRIER_B, "INVITE");
    assert!(world.told().contains(&"failover Unreachable 503".to_owned()));
    // Once is enough.
    unreachable(&mut world, CARRIER_A, quoted);
    world.quiet();
}

#[test]
fn an_icmp_message_that_quotes_nothing_of_ours_is_not_believed() {
    let mut world = World::new();
    let invite = dialled(&mut world);
    let bytes = invite.packet();
    // From elsewhere, too short to name it, or of another branch.
    unreachable(&mut world, CARRIER_B, &bytes);
    unreachable(&mut world, "127.0.0.2:5070", &bytes);
    unreachable(&mut world, CARRIER_A, &bytes[..40]);
    unreachable(&mut world, CARRIER_A, b"");
    let forged = String::from_utf8(bytes.to_vec()).unwrap().replace("z9hG4bK0.", "z9hG4bK1.");
    unreachable(&mut world, CARRIER_A, forged.as_bytes());
    let ack = String::from_utf8(bytes.to_vec()).unwrap().replacen("INVITE ", "ACK ", 1);
    unreachable(&mut world, CARRIER_A, ack.as_bytes());
    world.quiet();
    // What rings is there, whatever ICMP says.
    let carrier = Phone::called(CARRIER_A, &invite);
    carrier.answer(&mut world, 180, "");
    world.expect_is(PBX, "180 INVITE");
    unreachable(&mut world, CARRIER_A, &bytes);
    world.quiet();
}

#[test]
fn icmp_ends_no_dialog() {
    let mut world = World::new();
    let (mut caller, callee) = inbound_call(&mut world, "stay");
    caller.send(&mut world, "INFO");
    let info = world.expect_is(PBX, "INFO");
    unreachable(&mut world, PBX, &info.packet());
    world.quiet();
    world.pass_ms(500);
    let again = world.expect_is(PBX, "INFO");
    callee.reply(&mut world, &again, 200, "");
    world.expect_is(CARRIER_A, "200 INFO");
    assert_eq!(world.observe().active_calls, 1);
}
