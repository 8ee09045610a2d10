//! Those whom nobody knows: what they may cost, what they may get, and what they cannot take.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

use proptest::prelude::*;
use serde_json::json;
use trunkline::engine::{Input, Output};
use trunkline::sip::{HeaderName, Message};

use crate::handset::Handset;
use crate::registrar::with_phone;
use crate::world::{
    CARRIER_A, PBX, Phone, STRANGER, World, config, inbound_call, kind, set, value,
};

fn answering(code: u16) -> World {
    let mut config = config();
    set(&mut config, "udp", "/unknownSources", json!(code.to_string()));
    World::with(&config)
}

/// The same where phones register.
fn asking(code: u16) -> World {
    let mut config = with_phone();
    set(&mut config, "udp", "/unknownSources", json!(code.to_string()));
    World::with(&config)
}

/// Packets and bytes that a datagram from there brings about; nothing may remain of it.
fn answered(world: &mut World, source: SocketAddr, bytes: &[u8]) -> (usize, usize) {
    let input = Input::Received { transport: 0, source, bytes };
    world.engine.handle_input(world.now, input);
    let (mut packets, mut size) = (0, 0);
    while let Some(output) = world.engine.poll_output() {
        if let Output::Transmit(transmit) = output {
            assert_eq!(transmit.flow.remote.ip(), source.ip());
            packets += 1;
            size += transmit.packet.len();
        }
    }
    assert_eq!(world.engine.in_progress(), [0, 0, 0]);
    (packets, size)
}

/// Every message of RFC 4475.
fn torture() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/rfc4475");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let all: Vec<Vec<u8>> = files.map(|path| std::fs::read(path).unwrap()).collect();
    assert!(all.len() >= 49);
    all
}

#[test]
fn a_stranger_gets_the_one_answer_that_its_listener_gives() {
    for code in [403, 404] {
        let mut world = answering(code);
        for method in ["INVITE", "OPTIONS", "REGISTER", "BYE", "CANCEL", "FROB"] {
            let mut stranger = Phone::calling(STRANGER, "1", "442079460000", method);
            stranger.send(&mut world, method);
            let answer = world.expect_is(STRANGER, &format!("{code} {method}"));
            assert!(answer.to().tag().is_some() && value(&answer, HeaderName::Allow).is_empty());
            // A repetition has the same answer, though nothing is kept.
            world.send(STRANGER, &stranger.print(method, "", ""));
            assert_eq!(world.expect(STRANGER).as_bytes(), answer.as_bytes());
            world.send(STRANGER, &stranger.print("ACK", "", ""));
            world.quiet();
        }
        world.send(STRANGER, "garbage");
        world.send(STRANGER, "SIP/2.0 200 OK\r\n\r\n");
        world.quiet();
        assert_eq!(world.engine.in_progress(), [0, 0, 0]);
        assert_eq!(world.observe().strangers.answers, 12);
    }
}

#[test]
fn strangers_are_answered_at_a_rate_each_and_in_all() {
    let mut world = answering(403);
    let mut count = |from: SocketAddr, id: usize| {
        let text = Phone::calling(STRANGER, "1", "2", &format!("r{id}")).request("OPTIONS", "", "");
        answered(&mut world, from, text.as_bytes()).0
    };
    let ip = |a: usize, b: usize, c: usize| {
        let [a, b, c] = [a, b, c].map(|part| u8::try_from(part).unwrap());
        SocketAddr::new(Ipv4Addr::new(198, a, b, c).into(), 5060)
    };
    assert_eq!((0..100).map(|id| count(ip(51, 100, 1), id)).sum::<usize>(), 20);
    // The network around has ten times as much.
    assert_eq!((0..1000).map(|n| count(ip(51, 100, n % 250), n)).sum::<usize>(), 180);
    // All together, from a thousand networks.
    let many = (0..2000).map(|n| count(ip(n % 100, n / 100, 7), n));
    assert_eq!(many.sum::<usize>(), 800);
    assert_eq!(world.refusals("StrangerRate"), 80 + 820 + 1200);
}

#[test]
fn nothing_is_kept_of_any_number_of_strangers() {
    let mut world = answering(404);
    let template = Phone::calling(STRANGER, "1", "2", "NUMBER").request("INVITE", "", "");
    for number in 0..200_000_u32 {
        let ip: IpAddr = if number % 2 == 0 {
            Ipv4Addr::from_bits(0xc000_0000 | number.wrapping_mul(2_654_435_761) >> 4).into()
        } else {
            Ipv6Addr::from_bits(0x2001_0db8 << 96 | u128::from(number) << 64).into()
        };
        if number % 64 == 0 {
            let text = template.replace("NUMBER", &number.to_string());
            answered(&mut world, SocketAddr::new(ip, 5060), text.as_bytes());
        } else {
            answered(&mut world, SocketAddr::new(ip, 5060), template.as_bytes());
        }
        if number % 10_000 == 0 {
            world.pass_ms(10);
        }
    }
    assert_eq!(world.observe().strangers.packets, 200_000);
    world.clear();
    // Who is known is served as ever.
    inbound_call(&mut world, "known");
}

#[test]
fn no_answer_to_a_torture_message_is_much_longer_than_it() {
    for mut world in [answering(403), answering(404), asking(403)] {
        let mut answers = 0;
        for message in torture() {
            let source = STRANGER.parse().unwrap();
            let (packets, bytes) = answered(&mut world, source, &message);
            assert!(packets <= 1 && bytes * 10 <= message.len() * 12, "{}", message.escape_ascii());
            answers += packets;
            world.pass_ms(1000);
        }
        assert!(answers >= 15, "{answers}");
    }
}

/// What phones say first, as long as it comes and shorter.
fn introductions() -> Vec<Vec<u8>> {
    let mut desk = Handset::new(STRANGER, "desk", "PASSWORD");
    let register = desk.print("");
    let invite = register.replace("REGISTER", "INVITE");
    let short = |text: &str| {
        let kept = |line: &&str| !line.starts_with("Allow") && !line.starts_with("Supported");
        let lines: Vec<&str> = text.split("\r\n").filter(kept).collect();
        lines.join("\r\n")
    };
    let all = [short(&register), short(&invite), register, invite];
    all.iter().cycle().take(50).map(|text| text.clone().into_bytes()).collect()
}

#[test]
fn proofs_are_asked_for_at_a_rate_for_each_stranger_and_never_of_the_known() {
    let mut world = asking(403);
    let mut desk = Handset::new(STRANGER, "desk", "PASSWORD");
    let asked = desk.send(&mut world, "");
    assert_eq!(asked.status(), Some(401));
    let register = Handset::new(STRANGER, "desk", "PASSWORD").print("");
    let invite = register.replace("REGISTER", "INVITE");
    let mut count = |from: &str, text: &str| {
        let mut one = || answered(&mut world, from.parse().unwrap(), text.as_bytes()).0;
        (0..50).map(|_| one()).sum::<usize>()
    };
    assert_eq!(count(STRANGER, &register) + count(STRANGER, &invite), 19);
    // Neither his neighbour nor a trunk has to wait for that.
    assert_eq!(count("127.0.0.98:5060", &register), 20);
    assert_eq!(count(CARRIER_A, &register), 50);
    assert_eq!(world.refusals("StrangerRate"), 81 + 30);
    let strangers = world.observe().strangers;
    assert_eq!((strangers.packets, strangers.answers), (151, 40));
    // A proof is no question.
    desk.learn(&asked);
    assert_eq!(desk.register(&mut world, 600).status(), Some(200));
    let known = Handset::new(STRANGER, "desk", "PASSWORD").send(&mut world, "");
    assert_eq!(known.status(), Some(401));
}

#[test]
fn where_phones_register_other_strangers_get_what_the_listener_says() {
    let mut world = asking(404);
    let mut desk = Handset::new(STRANGER, "desk", "PASSWORD");
    let register = desk.print("");
    for text in [
        register.replace("acme.example", "other.example"),
        register.replace("REGISTER", "INVITE").replace("acme.example", "other.example"),
        register.replace("REGISTER", "OPTIONS"),
        register.replace("To: <sip:desk@acme.example>", "To: <sip:desk@acme.example>;tag=1"),
    ] {
        world.send(STRANGER, &text);
        assert_eq!(world.expect(STRANGER).status(), Some(404));
    }
    world.send(STRANGER, &register.replace("Call-ID: ", "Call ID: "));
    world.quiet();
    assert_eq!(world.refusals("UnknownSource"), 5);
}

proptest! {
    #[test]
    fn no_answer_is_much_longer_than_its_question(
        base in 0..100_usize,
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..20),
        cut in any::<prop::sample::Index>(),
        random in prop::collection::vec(any::<u8>(), 0..2000),
    ) {
        let all: Vec<Vec<u8>> = torture().into_iter().chain(introductions()).collect();
        let mut message = all[base % all.len()].clone();
        for (place, byte) in edits {
            let place = place.index(message.len());
            message[place] = byte;
        }
        let cut = cut.index(message.len() * 4);
        message.truncate(cut.max(1));
        let tiny = b"OPTIONS sip:a SIP/2.0\r\nv:SIP/2.0/UDP h\r\nf:<a:b>;tag=1\r\nt:<a:b>\r\ni:1\r\nCSeq:1 OPTIONS\r\n\r\n";
        for mut world in [answering(403), asking(403)] {
            for bytes in [&message[..], &random, tiny] {
                let (packets, size) = answered(&mut world, STRANGER.parse().unwrap(), bytes);
                prop_assert!(packets <= 1 && size * 10 <= bytes.len() * 12);
            }
        }
    }
}

fn phone_is_answered(world: &mut World) {
    let mut phone = Phone::calling(CARRIER_A, "1", "2", "probe");
    phone.send(world, "OPTIONS");
    world.expect_is(CARRIER_A, "200 OPTIONS");
}

/// What can be made up in a trunk's name, over and over.
#[test]
fn nothing_that_is_sent_in_a_trunks_name_takes_its_calls_away() {
    let mut world = answering(403);
    let (mut caller, _) = inbound_call(&mut world, "standing");
    let source: SocketAddr = CARRIER_A.parse().unwrap();
    let invite = Phone::calling(CARRIER_A, "1", "+15550100", "NUMBER").request("INVITE", "", "");
    let options = invite.replace("INVITE", "OPTIONS");
    for number in 0..140_000 {
        let text = if number % 2 == 0 { &invite } else { &options };
        let text = text.replace("NUMBER", &number.to_string());
        let input = Input::Received { transport: 0, source, bytes: text.as_bytes() };
        world.engine.handle_input(world.now, input);
        while world.engine.poll_output().is_some() {}
        if number % 10 == 0 {
            world.pass_ms(1);
        }
    }
    let [_, transactions, _] = world.engine.in_progress();
    assert!(transactions <= trunkline::engine::CROWDED + 10, "{transactions}");
    assert_eq!(world.refusals("EngineLimit"), 0);
    world.clear();
    // The rest of the address's packets are the trunk's own, and so are its calls.
    inbound_call(&mut world, "another");
    caller.send(&mut world, "BYE");
    world.expect_is(CARRIER_A, "200 BYE");
    world.expect_is(PBX, "BYE");
    phone_is_answered(&mut world);
}

#[test]
fn a_stateless_refusal_says_the_same_again() {
    let mut world = World::new();
    let mut phone = Phone::calling(CARRIER_A, "1", "+15550100", "again");
    phone.invite(&mut world);
    let first = world.expect(CARRIER_A);
    phone.ack_failure(&mut world);
    world.pass_ms(40_000);
    world.send(CARRIER_A, &phone.print("INVITE", "Content-Type: application/sdp\r\n", ""));
    let second: Message = world.expect(CARRIER_A);
    assert_eq!((kind(&first), first.to().tag()), (kind(&second), second.to().tag()));
}

#[test]
fn a_stranger_is_told_with_the_trunk_that_it_nearly_was() {
    let mut config = config();
    set(&mut config, "carrier-a", "/verifyPort", json!(true));
    let mut world = World::with(&config);
    for from in [STRANGER, "127.0.0.2:5099"] {
        world.send(from, "OPTIONS sip:127.0.0.1 SIP/2.0\r\n");
        // Told now and then, not each time.
        world.send(from, "OPTIONS sip:127.0.0.1 SIP/2.0\r\n");
        world.pass_ms(10_000);
    }
    let expected =
        [STRANGER.to_owned(), "127.0.0.2:5099 Trunk/acme/carrier-a OtherPort".to_owned()];
    assert_eq!(world.strangers(), expected);
    set(&mut config, "carrier-a", "/transport", json!("udp"));
    set(&mut config, "carrier-b", "/transport", json!("tcp"));
    let mut world = World::new();
    world.listen_tcp(&mut config);
    world.send("127.0.0.3:5060", "OPTIONS sip:127.0.0.1 SIP/2.0\r\n");
    assert_eq!(world.strangers(), ["127.0.0.3:5060 Trunk/acme/carrier-b OtherTransport"]);
}
