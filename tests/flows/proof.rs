//! Challenges to our requests: who gets an answer, how often, and who never does.

use serde_json::{Value, json};
use trunkline::model::value::{Name, SecretRef};
use trunkline::model::{Outside, Secret};
use trunkline::sip::digest::{Credentials, Ha1};
use trunkline::sip::{HeaderName, Message};

use crate::world::{CARRIER_A, CARRIER_B, PBX, Phone, SDP, World, config, set, text, value};

const PROXY: HeaderName = HeaderName::ProxyAuthorization;
const MD5: &str = "Digest realm=\"carrier.example\", nonce=\"n-md5\", qop=\"auth\"";
const SHA: &str =
    "Digest realm=\"carrier.example\", nonce=\"n-sha\", qop=\"auth\", algorithm=SHA-256";
const STALE: &str =
    "Digest realm=\"carrier.example\", nonce=\"n-new\", qop=\"auth\", stale=true, opaque=\"o\"";

/// The secrets of the world: the name of a variable serves as its value.
pub(crate) fn look_up(_: Option<&Name>, at: &Outside) -> Result<Secret, String> {
    match at {
        Outside::Secret(SecretRef::Env(name)) if name != "MISSING" => {
            Ok(Secret::new(name.as_bytes().to_vec().into()))
        }
        Outside::Secret(_) | Outside::Pem(_) => Err("there is none".to_owned()),
    }
}

/// Answers any request from `address`, with more headers.
pub(crate) fn respond(
    world: &mut World,
    address: &str,
    request: &Message,
    code: u16,
    headers: &str,
) {
    let to = value(request, HeaderName::To);
    let tag = if request.to().tag().is_some() { "" } else { ";tag=far" };
    let text = format!(
        "SIP/2.0 {code} Test\r\nVia: {}\r\nFrom: {}\r\nTo: {to}{tag}\r\nCall-ID: {}\r\n\
         CSeq: {}\r\n{headers}Content-Length: 0\r\n\r\n",
        value(request, HeaderName::Via),
        value(request, HeaderName::From),
        text(request.call_id()),
        value(request, HeaderName::CSeq),
    );
    world.send(address, &text);
}

/// The usual line-up with an account at carrier A that only answers challenges.
fn with_account() -> Vec<Value> {
    let mut config = config();
    set(&mut config, "carrier-a", "/type", "register".into());
    let registration =
        json!({ "username": "acct", "password": { "env": "PASSWORD" }, "enabled": false });
    set(&mut config, "carrier-a", "/registration", registration);
    config
}

/// An outbound call whose INVITE stands before carrier A.
fn dialled(world: &mut World) -> (Phone, Message) {
    let mut pbx = Phone::calling(PBX, "1001", "00493012345", "out");
    pbx.invite(world);
    world.expect_is(PBX, "100 INVITE");
    let invite = world.expect_is(CARRIER_A, "INVITE");
    (pbx, invite)
}

fn challenge(world: &mut World, request: &Message, code: u16, challenges: &[&str]) {
    let name = if code == 401 { "WWW-Authenticate" } else { "Proxy-Authenticate" };
    let lines: String = challenges.iter().map(|one| format!("{name}: {one}\r\n")).collect();
    respond(world, CARRIER_A, request, code, &lines);
}

/// The next request to carrier A, which proves the password of its account.
fn proven(world: &mut World, method: &str, header: HeaderName) -> (Message, Credentials) {
    let request = world.expect_is(CARRIER_A, method);
    let proof = Credentials::parse(request.value(header).unwrap()).unwrap();
    let own = Ha1::new(proof.algorithm, [b"acct", b"carrier.example", b"PASSWORD"]);
    assert!(proof.prove(&own, method.as_bytes()), "{request:?}");
    assert_eq!(&*proof.uri, request.request_uri_bytes());
    (request, proof)
}

#[test]
fn a_challenged_attempt_goes_on_with_the_strongest_proof() {
    let mut world = World::with(&with_account());
    let (mut pbx, first) = dialled(&mut world);
    assert_eq!(first.value(PROXY), None);
    challenge(&mut world, &first, 407, &[MD5, SHA]);
    let ack = world.expect_is(CARRIER_A, "ACK");
    assert_eq!(ack.cseq().number, first.cseq().number);
    let (second, proof) = proven(&mut world, "INVITE", PROXY);
    assert_eq!((&*proof.nonce, proof.count), (&b"n-sha"[..], 1));
    assert_eq!(second.cseq().number, first.cseq().number + 1);
    assert_ne!(second.via().branch(), first.via().branch());
    assert_eq!((second.call_id(), second.body()), (first.call_id(), first.body()));
    assert_eq!((second.from().tag(), second.via_count()), (first.from().tag(), 1));
    let carrier = Phone::called(CARRIER_A, &second);
    carrier.answer(&mut world, 180, "");
    world.expect_is(PBX, "180 INVITE");
    carrier.answer(&mut world, 200, SDP);
    pbx.take_answer(&mut world);
    // RFC 3261 section 13.2.2.4.
    let ack = world.expect_is(CARRIER_A, "ACK");
    assert_eq!(value(&ack, PROXY), value(&second, PROXY));
    assert_eq!(ack.cseq().number, second.cseq().number);
    pbx.send(&mut world, "BYE");
    world.expect_is(PBX, "200 BYE");
    let bye = world.expect_is(CARRIER_A, "BYE");
    challenge(&mut world, &bye, 401, &[MD5]);
    let (bye, _) = proven(&mut world, "BYE", HeaderName::Authorization);
    carrier.reply(&mut world, &bye, 200, "");
    world.quiet();
    assert_eq!(world.told(), ["began", "answered", "ended CallerHungUp 200"]);
    world.assert_all_over();
}

#[test]
fn a_stale_nonce_is_replaced_once_and_then_it_is_enough() {
    let mut world = World::with(&with_account());
    let (_, first) = dialled(&mut world);
    challenge(&mut world, &first, 407, &[MD5]);
    world.expect_is(CARRIER_A, "ACK");
    let (second, _) = proven(&mut world, "INVITE", PROXY);
    challenge(&mut world, &second, 407, &[STALE]);
    world.expect_is(CARRIER_A, "ACK");
    let (third, proof) = proven(&mut world, "INVITE", PROXY);
    assert_eq!(&*proof.nonce, b"n-new");
    assert_eq!(third.headers().filter(|header| header.name == PROXY).count(), 1);
    challenge(&mut world, &third, 407, &[STALE]);
    world.expect_is(CARRIER_A, "ACK");
    world.expect_is(PBX, "403 INVITE");
    world.quiet();
}

#[test]
fn a_proxy_and_the_registrar_behind_it_are_both_answered() {
    let mut world = World::with(&with_account());
    let (_, first) = dialled(&mut world);
    challenge(&mut world, &first, 407, &[MD5]);
    world.expect_is(CARRIER_A, "ACK");
    let (second, _) = proven(&mut world, "INVITE", PROXY);
    challenge(&mut world, &second, 401, &[SHA]);
    world.expect_is(CARRIER_A, "ACK");
    let (third, _) = proven(&mut world, "INVITE", HeaderName::Authorization);
    assert_eq!(value(&third, PROXY), value(&second, PROXY));
}

#[test]
fn a_refused_password_is_not_said_twice() {
    let mut world = World::with(&with_account());
    let (_, first) = dialled(&mut world);
    challenge(&mut world, &first, 407, &[MD5]);
    world.expect_is(CARRIER_A, "ACK");
    let (second, _) = proven(&mut world, "INVITE", PROXY);
    challenge(&mut world, &second, 407, &[SHA]);
    world.expect_is(CARRIER_A, "ACK");
    world.expect_is(PBX, "403 INVITE");
    world.quiet();
}

#[test]
fn another_realm_than_the_manifest_names_gets_nothing() {
    let mut config = with_account();
    set(&mut config, "carrier-a", "/registration/realm", "other.example".into());
    let mut world = World::with(&config);
    let (_, first) = dialled(&mut world);
    challenge(&mut world, &first, 407, &[MD5, SHA]);
    world.expect_is(CARRIER_A, "ACK");
    world.expect_is(PBX, "403 INVITE");
    world.quiet();
}

#[test]
fn who_was_not_asked_gets_nothing() {
    let mut world = World::with(&with_account());
    let (_, first) = dialled(&mut world);
    respond(&mut world, CARRIER_B, &first, 407, &format!("Proxy-Authenticate: {MD5}\r\n"));
    let sent = world.clear();
    assert!(sent.iter().all(|(_, message)| message.value(PROXY).is_none()), "{sent:?}");
}

#[test]
fn who_calls_us_learns_nothing_by_challenging_our_bye() {
    let mut world = World::with(&with_account());
    let (_, mut callee) = crate::world::inbound_call(&mut world, "in");
    callee.send(&mut world, "BYE");
    world.expect_is(PBX, "200 BYE");
    let bye = world.expect_is(CARRIER_A, "BYE");
    challenge(&mut world, &bye, 401, &[MD5]);
    world.quiet();
    assert_eq!(world.told().last().unwrap(), "ended CalleeHungUp 200");
    world.assert_all_over();
}

#[test]
fn a_cancel_waits_for_the_provisional_of_the_second_invite() {
    let mut world = World::with(&with_account());
    let (pbx, first) = dialled(&mut world);
    respond(&mut world, CARRIER_A, &first, 100, "");
    challenge(&mut world, &first, 407, &[MD5]);
    world.expect_is(CARRIER_A, "ACK");
    let (second, _) = proven(&mut world, "INVITE", PROXY);
    pbx.cancel(&mut world);
    world.expect_is(PBX, "200 CANCEL");
    world.expect_is(PBX, "487 INVITE");
    world.quiet();
    respond(&mut world, CARRIER_A, &second, 180, "");
    let cancel = world.expect_is(CARRIER_A, "CANCEL");
    assert_eq!(cancel.via().branch(), second.via().branch());
    assert_eq!(cancel.cseq().number, second.cseq().number);
    // A challenge now comes too late to be answered.
    challenge(&mut world, &second, 407, &[STALE]);
    world.expect_is(CARRIER_A, "ACK");
    world.quiet();
}

#[test]
fn a_dialog_keeps_its_account_when_the_trunk_is_gone() {
    let mut world = World::with(&with_account());
    let (mut pbx, invite) = dialled(&mut world);
    let carrier = Phone::called(CARRIER_A, &invite);
    carrier.answer(&mut world, 200, SDP);
    pbx.take_answer(&mut world);
    world.expect_is(CARRIER_A, "ACK");
    let mut without = config();
    without.retain(|one| one["metadata"]["name"] != "carrier-a");
    world.install(&without);
    pbx.invite(&mut world);
    world.expect_is(PBX, "100 INVITE");
    let again = world.expect_is(CARRIER_A, "INVITE");
    challenge(&mut world, &again, 401, &[SHA]);
    world.expect_is(CARRIER_A, "ACK");
    let (again, _) = proven(&mut world, "INVITE", HeaderName::Authorization);
    assert_eq!(text(again.body()), SDP);
    carrier.reply(&mut world, &again, 200, SDP);
    pbx.take_answer(&mut world);
    let ack = world.expect_is(CARRIER_A, "ACK");
    assert_eq!(ack.cseq().number, again.cseq().number);
    let info = pbx.request("INFO", "", "hello");
    world.send(PBX, &info);
    let info = world.expect_is(CARRIER_A, "INFO");
    challenge(&mut world, &info, 401, &[SHA]);
    let (info, _) = proven(&mut world, "INFO", HeaderName::Authorization);
    assert_eq!(text(info.body()), "hello");
    carrier.reply(&mut world, &info, 200, "");
    world.expect_is(PBX, "200 INFO");
    world.quiet();
}
