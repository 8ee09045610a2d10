//! The engine fed with scripts: requests outside and inside dialogs, answers, CANCELs, ACKs, damage,
//! time, lost connections, new configurations, in any order. It never panics, says only messages, does
//! not spin, and whatever happened, all calls have ended some hours later.

use std::time::Duration;

use trunkline::sip::{HeaderName, Message};

use crate::world::{PEERS, World};

/// The steps of one script; longer ones only cost time.
const MAX_STEPS: usize = 48;
/// After so long nothing of a call may be left: no far end refreshes its session any more.
const AFTERWARDS: Duration = Duration::from_secs(4 * 3600);
/// Deadlines in that time: retransmissions and refreshes of what a script can begin, and probes and
/// registrations every minute or so.
const MAX_STOPS: u32 = 20_000;

const METHODS: [&str; 14] = [
    "INVITE",
    "BYE",
    "ACK",
    "CANCEL",
    "PRACK",
    "UPDATE",
    "INFO",
    "REFER",
    "NOTIFY",
    "SUBSCRIBE",
    "MESSAGE",
    "OPTIONS",
    "REGISTER",
    "FROB",
];
const CODES: [u16; 24] = [
    100, 180, 183, 199, 200, 202, 204, 302, 305, 401, 407, 408, 422, 423, 480, 481, 486, 487, 488,
    491, 500, 503, 603, 699,
];
const NUMBERS: [&str; 8] = [
    "+442079460007",
    "442079460099",
    "00493012345",
    "1001",
    "1100",
    "112",
    "desk",
    "%31\u{e9};x=1",
];
const WAITS: [u64; 8] = [1, 250, 500, 4_000, 10_000, 33_000, 200_000, 2_000_000];
const SDP: &str = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\n";
/// What a message may say beside the usual.
const HEADERS: [&str; 40] = [
    "Require: 100rel\r\n",
    "Supported: 100rel, timer, replaces\r\nAllow: INVITE, UPDATE, PRACK\r\n",
    "Session-Expires: 90;refresher=uac\r\nSupported: timer\r\n",
    "Session-Expires: 90;refresher=uas\r\nRequire: timer\r\n",
    "Session-Expires: 1\r\n",
    "Session-Expires: 4294967295\r\nMin-SE: 4294967295\r\n",
    "Min-SE: 90\r\n",
    "RSeq: 1\r\nRequire: 100rel\r\n",
    "RSeq: 4294967295\r\nRequire: 100rel\r\n",
    "RAck: 1 1 INVITE\r\n",
    "Refer-To: <sip:00493012345@127.0.0.1>\r\n",
    "Refer-To: <sip:+442079460007@127.0.0.1?Replaces=x%3Bto-tag%3D1%3Bfrom-tag%3D2>\r\n",
    "Refer-To: <sip:1001@127.0.0.1>, <sip:1002@127.0.0.1>\r\n",
    "Refer-Sub: false\r\nRefer-To: <sip:1001@127.0.0.1>\r\n",
    "Replaces: c1;to-tag=t0;from-tag=f0\r\n",
    "Event: refer;id=1\r\nSubscription-State: active;expires=60\r\n",
    "Event: refer\r\nSubscription-State: terminated;reason=noresource\r\n",
    "Event: presence\r\nExpires: 3600\r\n",
    "Contact: <sip:127.0.0.66:5060>\r\n",
    "Contact: <sip:127.0.0.1:5060>\r\n",
    "Contact: <sip:host.invalid;transport=tcp>\r\n",
    "Contact: *\r\nExpires: 0\r\n",
    "Contact: <tel:+4930>\r\n",
    "Route: <sip:127.0.0.3;lr>\r\n",
    "Route: <sip:127.0.0.1;lr>, <sip:127.0.0.66>\r\n",
    "Record-Route: <sip:127.0.0.3;lr>\r\nRecord-Route: <sip:127.0.0.9:5060;lr>\r\n",
    "Record-Route: <sip:[2001:db8::1]>\r\n",
    "Retry-After: 1\r\n",
    "Retry-After: 4294967295 (busy);duration=9\r\n",
    "Max-Forwards: 0\r\n",
    "Max-Forwards: 255\r\n",
    "WWW-Authenticate: Digest realm=\"r\", nonce=\"n\", qop=\"auth\"\r\n",
    "Proxy-Authenticate: Digest realm=\"r\", nonce=\"n\", algorithm=SHA-256, stale=true\r\n",
    "Authorization: Digest username=\"desk\", realm=\"t.example\", nonce=\"n\", uri=\"sip:a\", response=\"0\", qop=auth, nc=00000001, cnonce=\"c\"\r\n",
    "Expires: 60\r\n",
    "Min-Expires: 100000\r\n",
    "Reason: Q.850;cause=16\r\n",
    "Proxy-Require: x\r\n",
    "Require: foo, 100rel\r\n",
    "Content-Type: multipart/mixed;boundary=b\r\nContent-Encoding: gzip\r\n",
];

/// The bytes of a script; at their end there are only zeros.
struct Script<'a> {
    rest: &'a [u8],
}

impl<'a> Script<'a> {
    fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.rest.split_first() else { return 0 };
        self.rest = rest;
        *first
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[usize::from(self.byte()) % from.len()]
    }

    fn take(&mut self, length: usize) -> &'a [u8] {
        let (taken, rest) = self.rest.split_at(length.min(self.rest.len()));
        self.rest = rest;
        taken
    }
}

fn value(message: &Message, name: HeaderName) -> String {
    String::from_utf8_lossy(message.value(name).unwrap_or_default()).into_owned()
}

fn with_tag(address: String, tag: &str) -> String {
    if address.contains(";tag=") { address } else { format!("{address};tag={tag}") }
}

/// What one step sends, and who.
struct Speech {
    peer: usize,
    over: Option<u8>,
    text: String,
}

/// The rest of any message: headers by chance, and perhaps a body.
fn tail(script: &mut Script<'_>, peer: usize) -> String {
    let mut headers = String::new();
    let choice = script.byte();
    for _ in 0..choice & 3 {
        headers.push_str(script.pick(&HEADERS));
    }
    if !headers.contains("Contact") && choice & 4 == 0 {
        headers = format!("{headers}Contact: <sip:{}>\r\n", PEERS[peer]);
    }
    let body = if choice & 8 == 0 { "" } else { SDP };
    let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
    format!("{headers}{kind}Content-Length: {}\r\n\r\n{body}", body.len())
}

fn speaker(script: &mut Script<'_>) -> (usize, Option<u8>, &'static str) {
    let byte = script.byte();
    let peer = usize::from(byte & 15) % PEERS.len();
    let over = (byte & 0xc0 == 0xc0).then_some(byte >> 4 & 3);
    (peer, over, if over.is_some() { "TCP" } else { "UDP" })
}

/// A request that begins something, or repeats one that did.
fn outside(script: &mut Script<'_>) -> Speech {
    let (peer, over, protocol) = speaker(script);
    let (method, number) = (script.pick(&METHODS), script.pick(&NUMBERS));
    let serial = script.byte();
    let (call, cseq, branch) = (serial & 7, serial >> 3 & 3, serial >> 5);
    let to_tag = if script.byte() == 1 { ";tag=t0" } else { "" };
    let rest = tail(script, peer);
    let address = PEERS[peer];
    let text = format!(
        "{method} sip:{number}@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/{protocol} {address};branch=z9hG4bK{call}{branch}{peer};rport\r\n\
         From: <sip:447700900123@{address}>;tag=f{peer}\r\nTo: <sip:{number}@127.0.0.1>{to_tag}\r\n\
         Call-ID: c{call}\r\nCSeq: {cseq} {method}\r\n{rest}"
    );
    Speech { peer, over, text }
}

/// One of the messages that a peer was sent lately.
fn heard(script: &mut Script<'_>, world: &World, peer: usize) -> Option<Message> {
    let heard = &world.heard[peer];
    let back = usize::from(script.byte() & 15) % heard.len().max(1);
    heard.get(heard.len().checked_sub(back + 1)?).cloned()
}

fn response(script: &mut Script<'_>, world: &World) -> Option<Speech> {
    let (peer, over, _) = speaker(script);
    let request = heard(script, world, peer).filter(Message::is_request)?;
    let (code, tag) = (script.pick(&CODES), script.byte() & 3);
    let rest = tail(script, peer);
    let text = format!(
        "SIP/2.0 {code} X\r\nVia: {}\r\nFrom: {}\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: {}\r\n{rest}",
        value(&request, HeaderName::Via),
        value(&request, HeaderName::From),
        with_tag(value(&request, HeaderName::To), &format!("t{tag}")),
        value(&request, HeaderName::CallId),
        value(&request, HeaderName::CSeq),
    );
    Some(Speech { peer, over, text })
}

/// A request in the dialog that a message names: of either side of it.
fn inside(script: &mut Script<'_>, world: &World) -> Option<Speech> {
    let (peer, over, protocol) = speaker(script);
    let last = heard(script, world, peer)?;
    let (method, serial) = (script.pick(&METHODS), script.byte());
    let (from, to) = (value(&last, HeaderName::From), value(&last, HeaderName::To));
    let (from, to) = match last.is_request() {
        true => (with_tag(to, &format!("t{}", serial >> 6)), from),
        false => (from, to),
    };
    let contact = last.contact().map(|one| String::from_utf8_lossy(one.uri.raw).into_owned());
    let target = contact.unwrap_or_else(|| "sip:127.0.0.1:5060".to_owned());
    // A CANCEL, or the ACK of a failure, has the Via and the CSeq of what it follows.
    let follows = serial & 1 == 1 && matches!(method, "ACK" | "CANCEL");
    let number = if follows { last.cseq().number } else { u32::from(serial >> 1 & 15) };
    let via = match last.via().branch().filter(|_| follows) {
        Some(branch) => String::from_utf8_lossy(branch).into_owned(),
        None => format!("z9hG4bKi{serial}{peer}"),
    };
    let rack = match (method, last.rseq()) {
        ("PRACK", Some(rseq)) => format!("RAck: {rseq} {}\r\n", value(&last, HeaderName::CSeq)),
        _ => String::new(),
    };
    let rest = tail(script, peer);
    let text = format!(
        "{method} {target} SIP/2.0\r\nVia: SIP/2.0/{protocol} {};branch={via};rport\r\nFrom: {from}\r\nTo: {to}\r\n\
         Call-ID: {}\r\nCSeq: {number} {method}\r\n{rack}{rest}",
        PEERS[peer],
        value(&last, HeaderName::CallId),
    );
    Some(Speech { peer, over, text })
}

/// A copy of a message with some bytes replaced, taken out or put in.
fn damaged(script: &mut Script<'_>, text: &str) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    for _ in 0..=script.byte() % 3 {
        let at = usize::from(script.byte()) * 256 + usize::from(script.byte());
        let at = at % bytes.len().max(1);
        let (cut, put) = (script.byte(), script.byte());
        let cut = usize::from(cut % 16).min(bytes.len() - at);
        let put = script.take(usize::from(put % 32)).to_vec();
        drop(bytes.splice(at..at + cut, put));
    }
    bytes
}

/// The first byte chooses the configuration; the rest is steps.
pub(crate) fn run(data: &[u8]) {
    let mut script = Script { rest: data };
    let variant = script.byte();
    let mut world = World::new(variant);
    let mut last: Option<Speech> = None;
    for _ in 0..MAX_STEPS {
        if script.rest.is_empty() {
            break;
        }
        let op = script.byte();
        let speech = match op % 16 {
            0..=2 => Some(outside(&mut script)),
            3..=6 => response(&mut script, &world),
            7..=10 => inside(&mut script, &world),
            _ => None,
        };
        if let Some(speech) = speech {
            world.send(speech.peer, speech.over, speech.text.as_bytes());
            last = Some(speech);
            continue;
        }
        match (op % 16, &last) {
            (11, Some(speech)) => {
                let bytes = damaged(&mut script, &speech.text);
                world.send(speech.peer, speech.over, &bytes);
            }
            (12, Some(speech)) => world.send(speech.peer, speech.over, speech.text.as_bytes()),
            (13, _) => match op >> 4 & 3 {
                0 => world.refuse_last(),
                1 => world.lose(usize::from(op >> 6), script.byte() & 3),
                2 => world.install(script.byte()),
                _ => {
                    let (peer, over, _) = speaker(&mut script);
                    let length = usize::from(script.byte()) * 4;
                    world.send(peer, over, script.take(length));
                }
            },
            _ => {
                let wait = Duration::from_millis(script.pick(&WAITS));
                assert!(world.pass(wait) <= MAX_STOPS);
            }
        }
    }
    // Without keep-alive, registrations and phones, which go on for ever.
    world.install(variant & !3);
    assert!(world.pass(AFTERWARDS) <= MAX_STOPS, "it spins");
    let [calls, transactions, _] = world.engine.in_progress();
    assert_eq!((calls, transactions), (0, 0), "something is left");
    assert!(world.engine.observe(world.now).trunks.iter().all(|trunk| trunk.active_calls == 0));
}
