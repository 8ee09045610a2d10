//! Those whom nobody knows: what they may cost, what they may get, and what they cannot take.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

use proptest::prelude::*;
use serde_json::json;
use trunkline::engine::{Input, Output};
use trunkline::sip::{HeaderName, Message};

use crate::world::{
    CARRIER_A, PBX, Phone, STRANGER, World, config, inbound_call, kind, set, value,
};

fn answering(code: u16) -> World {
    let mut config = config();
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
    for code in [403, 404] {
        let mut world = answering(code);
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

proptest! {
    #[test]
    fn no_answer_is_much_longer_than_its_question(
        base in 0..50_usize,
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..20),
        cut in any::<prop::sample::Index>(),
        random in prop::collection::vec(any::<u8>(), 0..2000),
    ) {
        let mut world = answering(403);
        let all = torture();
        let mut message = all[base % all.len()].clone();
        for (place, byte) in edits {
            let place = place.index(message.len());
            message[place] = byte;
        }
        let cut = cut.index(message.len() * 4);
        message.truncate(cut.max(1));
        let tiny = b"OPTIONS sip:a SIP/2.0\r\nv:SIP/2.0/UDP h\r\nf:<a:b>;tag=1\r\nt:<a:b>\r\ni:1\r\nCSeq:1 OPTIONS\r\n\r\n";
        for bytes in [&message[..], &random, tiny] {
            let (packets, size) = answered(&mut world, STRANGER.parse().unwrap(), bytes);
            prop_assert!(packets <= 1 && size * 10 <= bytes.len() * 12);
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
