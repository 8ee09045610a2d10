//! Client against server transactions over a network that loses, delays, reorders and repeats.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use trunkline::transaction::{
    Chance, Class, ClientKey, Flow, Moment, Notice, Packet, Request, Response, ServerId, ServerKey,
    Status, Table, Tell,
};

/// Seeds of a normal run.
const SEEDS: u64 = 400;
/// Transactions per seed.
const TRANSACTIONS: u64 = 12;
/// No transaction may outlive this: a provisional, an answer, its timers.
const END: u64 = 10 * 60 * 1000;

fn flow() -> Flow {
    let remote: SocketAddr = "127.0.0.1:5060".parse().unwrap();
    Flow { transport: 0, remote, link: trunkline::transaction::Link::Datagram }
}

/// What travels: `method branch code`, code 0 in requests.
struct Wire {
    method: char,
    branch: Vec<u8>,
    code: u16,
}

impl Wire {
    fn print(&self) -> Packet {
        let mut bytes = format!("{} {} ", self.method, self.code).into_bytes();
        bytes.extend_from_slice(&self.branch);
        bytes.into()
    }

    fn parse(bytes: &[u8]) -> Self {
        let text = std::str::from_utf8(bytes).unwrap();
        let mut words = text.split(' ');
        let method = words.next().unwrap().chars().next().unwrap();
        let code = words.next().unwrap().parse().unwrap();
        Self { method, branch: words.next().unwrap().into(), code }
    }

    fn class(&self) -> Class {
        if matches!(self.method, 'I' | 'A') { Class::Invite } else { Class::Other }
    }
}

fn ack(request: &[u8]) -> Option<Packet> {
    Some(Wire { method: 'A', ..Wire::parse(request) }.print())
}

/// What one transaction's client user has seen.
#[derive(Default, Debug)]
struct Seen {
    finals: u32,
    ended: u32,
}

struct World {
    now: Moment,
    chance: Chance,
    client: Table<u64>,
    server: Table<u64>,
    /// Packets under way: (arrival, tie-breaker) to (towards the server, bytes).
    air: BTreeMap<(Moment, u64), (bool, Packet)>,
    /// Answers that the server's user has yet to give.
    answers: BTreeMap<(Moment, u64), (ServerKey, Wire)>,
    /// When a client's user loses patience with an INVITE in Proceeding.
    patience: BTreeMap<(Moment, u64), ClientKey>,
    seen: BTreeMap<u64, Seen>,
    serial: u64,
    loss: u64,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut chance = Chance::from_number(seed);
        let loss = chance.below(60);
        Self {
            now: Moment::START,
            chance,
            client: Table::new(1000),
            server: Table::new(1000),
            air: BTreeMap::new(),
            answers: BTreeMap::new(),
            patience: BTreeMap::new(),
            seen: BTreeMap::new(),
            serial: 0,
            loss,
        }
    }

    fn after(&mut self, most: u64) -> (Moment, u64) {
        self.serial += 1;
        (self.now + Duration::from_millis(1 + self.chance.below(most)), self.serial)
    }

    fn begin(&mut self, number: u64) {
        let invite = self.chance.below(2) == 0;
        let (class, method) = if invite { (Class::Invite, 'I') } else { (Class::Other, 'B') };
        let key = self.client.open_client(class, flow(), number, &mut self.chance).unwrap();
        let mut branch = Vec::new();
        key.write_branch(&mut branch);
        self.client.start_client(key, Wire { method, branch, code: 0 }.print(), self.now);
        self.seen.insert(number, Seen::default());
    }

    /// Puts what both tables want to send into the air: lost, repeated, late, out of order.
    fn transmit(&mut self) {
        for to_server in [true, false] {
            let table = if to_server { &mut self.client } else { &mut self.server };
            let sent = std::iter::from_fn(|| table.poll_transmit());
            let packets: Vec<_> = sent.map(|(transmit, _)| transmit).collect();
            for packet in packets {
                let copies = if self.chance.below(100) < 15 { 2 } else { 1 };
                (0..copies).for_each(|_| self.fly(to_server, &packet.packet));
            }
        }
    }

    fn fly(&mut self, to_server: bool, packet: &Packet) {
        let when = self.after(900);
        if self.chance.below(100) >= self.loss {
            self.air.insert(when, (to_server, packet.clone()));
        }
    }

    fn arrive(&mut self, to_server: bool, wire: Wire) {
        if to_server { self.at_server(wire) } else { self.at_client(&wire) }
    }

    fn at_server(&mut self, wire: Wire) {
        let mut id = ServerId::default();
        id.set_rfc3261(&wire.branch, (b"host", 5060), wire.class());
        if wire.method == 'A' {
            self.server.receive_ack(&id, self.now);
            return;
        }
        let Request::New(key) = self.server.receive_request(&id, wire.class(), flow(), self.now)
        else {
            return;
        };
        self.server.own_server(key, 0);
        if self.chance.below(2) == 0 {
            let when = self.after(3_000);
            self.answers
                .insert(when, (key, Wire { code: 180, branch: wire.branch.clone(), ..wire }));
        }
        let code = [200, 200, 404, 503][usize::try_from(self.chance.below(4)).unwrap()];
        let when = self.after(20_000);
        self.answers.insert(when, (key, Wire { code, ..wire }));
    }

    fn at_client(&mut self, wire: &Wire) {
        let status = Status::of(wire.code);
        let place = (wire.branch.as_slice(), wire.class());
        let Response::Deliver(key, number) =
            self.client.receive_response(place, status, &ack, self.now)
        else {
            return;
        };
        if status == Status::Provisional && wire.method == 'I' {
            let when = self.after(120_000);
            self.patience.insert(when, key);
        }
        let seen = self.seen.get_mut(&number).unwrap();
        assert_eq!(seen.ended, 0, "a response after the end");
        // RFC 6026: repeated 2xx of an INVITE go up; a user tells them apart by their To tag.
        let repeated = seen.finals > 0 && wire.method == 'I' && status == Status::Success;
        if status != Status::Provisional && !repeated {
            seen.finals += 1;
        }
    }

    fn next(&self) -> Option<Moment> {
        let air = self.air.keys().next().map(|key| key.0);
        let answer = self.answers.keys().next().map(|key| key.0);
        let patience = self.patience.keys().next().map(|key| key.0);
        let timers = [self.client.next_timeout(), self.server.next_timeout()];
        [air, answer, patience].into_iter().chain(timers).flatten().min()
    }

    fn run(&mut self) {
        self.transmit();
        while let Some(next) = self.next() {
            assert!(next.millis() < END, "something lives on at {next:?}");
            self.now = next;
            while let Some(due) = self.air.first_entry().filter(|entry| entry.key().0 <= next) {
                let (to_server, packet) = due.remove();
                self.arrive(to_server, Wire::parse(&packet));
            }
            while let Some(due) = self.answers.first_entry().filter(|entry| entry.key().0 <= next) {
                let (key, wire) = due.remove();
                self.server.respond(key, Status::of(wire.code), wire.print(), self.now);
            }
            while let Some(due) = self.patience.first_entry().filter(|entry| entry.key().0 <= next)
            {
                self.client.bound_client(due.remove(), self.now);
            }
            self.time();
            self.transmit();
        }
    }

    fn time(&mut self) {
        while let Some(notice) = self.client.poll_timeout(self.now) {
            let Notice::Client(_, number, tell) = notice else { panic!("{notice:?}") };
            assert_eq!(tell, Tell::TimedOut);
            let seen = self.seen.get_mut(&number).unwrap();
            assert_eq!((seen.finals, seen.ended), (0, 0), "a time-out after an answer");
            seen.ended += 1;
        }
        while let Some(notice) = self.server.poll_timeout(self.now) {
            assert!(matches!(notice, Notice::Server(_, _, Tell::NoAck)), "{notice:?}");
        }
    }
}

#[test]
fn every_transaction_ends_and_its_user_sees_at_most_one_final() {
    let (mut answered, mut timed_out) = (0, 0);
    for seed in 0..SEEDS {
        println!("seed {seed}");
        let mut world = World::new(seed);
        (0..TRANSACTIONS).for_each(|number| world.begin(number));
        world.run();
        assert!(world.client.is_empty() && world.server.is_empty());
        for seen in world.seen.values() {
            assert_eq!(seen.finals + seen.ended, 1, "{seen:?}");
            answered += seen.finals;
            timed_out += seen.ended;
        }
    }
    // The simulation must have seen both ends, or it proves nothing.
    assert!(answered > 1000 && timed_out > 10, "{answered} answered, {timed_out} timed out");
}

#[test]
fn a_full_table_takes_no_more_and_recovers() {
    let mut chance = Chance::from_number(1);
    let mut table: Table<u64> = Table::new(2);
    let open = |table: &mut Table<u64>, chance: &mut Chance| {
        table.open_client(Class::Other, flow(), 0, chance)
    };
    let first = open(&mut table, &mut chance).unwrap();
    open(&mut table, &mut chance).unwrap();
    assert!(open(&mut table, &mut chance).is_err());
    table.start_client(first, Packet::from(*b"B 0 x"), Moment::START);
    assert!(table.client_unreachable(first, Moment::START).is_some());
    assert!(open(&mut table, &mut chance).is_ok());
    let mut id = ServerId::default();
    let mut requests = ["a", "b", "c"].map(|branch| {
        id.set_rfc3261(branch.as_bytes(), (b"host", 5060), Class::Other);
        table.receive_request(&id, Class::Other, flow(), Moment::START)
    });
    assert_eq!(requests[2], Request::Full);
    let Request::New(key) = &mut requests[0] else { panic!() };
    table.respond(*key, Status::Success, Packet::from(*b"200"), Moment::START);
    while let Some(next) = table.next_timeout() {
        assert!(table.poll_timeout(next).is_none());
    }
    id.set_rfc3261(b"c", (b"host", 5060), Class::Other);
    let late = table.receive_request(&id, Class::Other, flow(), Moment::from_millis(40_000));
    assert!(matches!(late, Request::New(_)));
}

#[test]
fn a_response_without_the_token_of_the_branch_is_a_stray() {
    let mut chance = Chance::from_number(1);
    let mut table: Table<u64> = Table::new(9);
    let key: ClientKey = table.open_client(Class::Other, flow(), 7, &mut chance).unwrap();
    let mut branch = Vec::new();
    key.write_branch(&mut branch);
    table.start_client(key, Packet::from(*b"B 0 x"), Moment::START);
    let mut forged = branch.clone();
    let last = forged.last_mut().unwrap();
    *last = if *last == b'1' { b'2' } else { b'1' };
    let mut receive = |branch: &[u8], class| {
        table.receive_response((branch, class), Status::Success, &ack, Moment::START)
    };
    assert_eq!(receive(&forged, Class::Other), Response::Stray);
    assert_eq!(receive(b"z9hG4bKelse", Class::Other), Response::Stray);
    assert_eq!(receive(&branch, Class::Invite), Response::Stray);
    assert_eq!(receive(&branch, Class::Cancel), Response::Stray);
    assert_eq!(receive(&branch, Class::Other), Response::Deliver(key, 7));
    assert_eq!(receive(&branch, Class::Other), Response::Absorbed(7));
}
