//! What a finished transaction costs while it only absorbs repetitions, as the system counts it: under
//! load these are nearly all there are. One test, so that nothing else takes memory meanwhile.
#![cfg(test)]
#![cfg(target_os = "linux")]

use std::net::SocketAddr;
use std::process::Command;
use std::{env, fs};

use trunkline::transaction::{
    Chance, Class, Flow, Link, Moment, Packet, Request, Response, ServerId, Status, Table,
};

/// As many as this of each kind.
const COUNT: u32 = 100_000;
/// The most that one may cost, without the message that it repeats.
const MOST: u64 = 300;
/// A number of an owner, of the size that the engine's have.
type Owner = [u32; 3];

const NOW: Moment = Moment::from_millis(1_000);

fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches("kB").trim().parse::<u64>().unwrap() * 1024
}

fn flow() -> Flow {
    let remote: SocketAddr = "192.0.2.1:5060".parse().unwrap();
    Flow { transport: 0, remote, link: Link::Datagram }
}

struct Work {
    table: Table<Owner>,
    chance: Chance,
    /// One for all: what is repeated is counted apart.
    packet: Packet,
}

impl Work {
    fn drain(&mut self) {
        while self.table.poll_transmit().is_some() {}
    }

    fn serve(&mut self, number: u32, class: Class, status: Status) {
        let mut id = ServerId::default();
        let branch = format!("z9hG4bK-{number:08x}-0123456789abcdef0123456789abcdef");
        id.set_rfc3261(branch.as_bytes(), (b"sip.carrier.example", 5060), class);
        let request = self.table.receive_request(&id, class, flow(), NOW);
        let Request::New(key) = request else { panic!("{request:?}") };
        self.table.own_server(key, [number; 3]);
        let packet = self.packet.clone();
        self.table.respond(key, status, packet, NOW);
        if class == Class::Invite && status == Status::Failure {
            assert!(self.table.receive_ack(&id, NOW).is_some());
        }
        self.drain();
    }

    fn ask(&mut self, number: u32, class: Class, status: Status) {
        let opened = self.table.open_client(class, flow(), [number; 3], &mut self.chance);
        let key = opened.unwrap();
        let packet = self.packet.clone();
        self.table.start_client(key, packet.clone(), NOW);
        let mut branch = Vec::new();
        key.write_branch(&mut branch);
        let ack = |_: &[u8]| Some(packet.clone());
        let response = self.table.receive_response((&branch, class), status, &ack, NOW);
        assert!(matches!(response, Response::Deliver(..)), "{response:?}");
        self.drain();
    }
}

/// How one is made.
type Make = fn(&mut Work, u32);

/// The kinds, and how each is made.
const KINDS: [(&str, Make); 6] = [
    ("an INVITE that we answered", |work, one| work.serve(one, Class::Invite, Status::Success)),
    ("one that we refused", |work, one| work.serve(one, Class::Invite, Status::Failure)),
    ("another request to us", |work, one| work.serve(one, Class::Other, Status::Success)),
    ("an INVITE of ours, answered", |work, one| work.ask(one, Class::Invite, Status::Success)),
    ("one of ours, refused", |work, one| work.ask(one, Class::Invite, Status::Failure)),
    ("another request of ours", |work, one| work.ask(one, Class::Other, Status::Success)),
];

/// Says in a process of its own which kind to make, so that no other one's memory is used again.
const KIND: &str = "REMAINS_OF_KIND";

/// What so many of a kind cost, each.
fn cost(one: Make) -> u64 {
    let packet: Packet = vec![b'x'; 400].into();
    let table = Table::new(1 << 18);
    let mut work = Work { table, chance: Chance::from_number(1), packet };
    (0..1_000).for_each(|number| one(&mut work, number));
    let before = resident();
    (1_000..1_000 + COUNT).for_each(|number| one(&mut work, number));
    let after = resident();
    assert_eq!(work.table.len(), usize::try_from(1_000 + COUNT).unwrap(), "all of them rest");
    after.saturating_sub(before) / u64::from(COUNT)
}

#[test]
fn a_finished_transaction_costs_at_most_300_bytes() {
    if let Ok(kind) = env::var(KIND) {
        let (_, one) = KINDS[kind.parse::<usize>().unwrap()];
        println!("\ncost {}", cost(one));
        return;
    }
    for (kind, (what, _)) in KINDS.iter().enumerate() {
        let mut again = Command::new(env::current_exe().unwrap());
        again.args(["--nocapture", "--test-threads=1"]).env(KIND, kind.to_string());
        // What is large is given back to the system as soon as it is free.
        let output = again.env("MALLOC_MMAP_THRESHOLD_", "65536").output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        let cost = said.lines().find_map(|line| line.strip_prefix("cost "));
        let bytes: u64 = cost.unwrap_or_else(|| panic!("{output:?}")).parse().unwrap();
        println!("{what}: {bytes} bytes");
        assert!((1..=MOST).contains(&bytes), "{what}: {bytes} bytes of at most {MOST}");
    }
}
