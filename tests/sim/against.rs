//! Two tables of transactions with a bad network between them, and beside every one of their
//! transactions its model: after each event both have sent and told the same.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use trunkline::transaction::{
    Chance, Class, ClientKey, ConnectionId, Flow, Link, Moment, Notice, Packet, ServerKey, Table,
    Tell,
};

use crate::model::{Effects, Model, State, Told};

#[path = "users.rs"]
mod users;

/// Where choices come from: a seed, or the bytes of a fuzzer.
pub(crate) trait Source {
    /// A number below `bound`, which is not 0.
    fn below(&mut self, bound: u64) -> u64;
}

/// What happens at some time.
#[derive(Debug)]
enum Thing {
    Begin,
    /// A packet arrives at the server or at the client.
    Request(String),
    Reply(String),
    Answer(usize, u16),
    /// The user repeats its 2xx, until its ACK.
    Repeat(usize, u64),
    Cancel(usize),
    Unsent(usize),
    Lost(u64),
    Forget(usize),
    /// A response could not be sent.
    Undelivered(usize),
}

struct Ours {
    key: ClientKey,
    invite: bool,
    number: usize,
    request: String,
    connection: Option<u64>,
    renewed: bool,
    cancel: bool,
    model: Model,
}

struct Theirs {
    key: ServerKey,
    name: String,
    owned: bool,
    acknowledged: bool,
    connection: Option<u64>,
    model: Model,
}

/// How bad the network is.
struct Network {
    loss: u64,
    twice: u64,
    delay: u64,
}

pub(crate) struct Run<S> {
    source: S,
    chance: Chance,
    network: Network,
    now: u64,
    serial: u64,
    queue: BTreeMap<(u64, u64), Thing>,
    client: Table<u64>,
    server: Table<u64>,
    ours: Vec<Ours>,
    theirs: Vec<Theirs>,
    branches: Vec<Vec<u8>>,
    to_begin: u64,
    /// What the models say was sent and told in this step, and what the tables did.
    expected: Vec<String>,
    seen: Vec<String>,
    /// Events that were compared.
    pub(crate) events: u64,
}

/// Transactions on each side at the same time; the next one has to be refused.
const LIMIT: usize = 6;
/// Events of one run.
const MAX_EVENTS: u64 = 5_000;
const CODES: [u16; 10] = [100, 180, 183, 200, 200, 299, 302, 408, 486, 603];

fn told(told: Told) -> &'static str {
    match told {
        Told::Response => "Response",
        Told::TimedOut => "TimedOut",
        Told::Unreachable => "Unreachable",
        Told::NoAck => "NoAck",
    }
}

fn tell(tell: Tell) -> &'static str {
    match tell {
        Tell::Response => "Response",
        Tell::TimedOut => "TimedOut",
        Tell::Unreachable => "Unreachable",
        Tell::NoAck => "NoAck",
    }
}

fn class(method: &str) -> Class {
    match method {
        "INVITE" | "ACK" => Class::Invite,
        "CANCEL" => Class::Cancel,
        _ => Class::Other,
    }
}

fn packet(text: &str) -> Packet {
    text.as_bytes().into()
}

/// The connections' far end; a port for each.
fn flow(connection: Option<u64>) -> Flow {
    let link = connection.map_or(Link::Datagram, |one| Link::Stream(Some(ConnectionId(one))));
    let port = u16::try_from(connection.unwrap_or_default()).unwrap();
    Flow { transport: 0, remote: ([192, 0, 2, 1], port).into(), link }
}

impl<S: Source> Run<S> {
    pub(crate) fn new(mut source: S, salt: u64) -> Self {
        let network = Network {
            loss: [0, 10, 30, 60][usize::try_from(source.below(4)).unwrap()],
            twice: [0, 10, 30][usize::try_from(source.below(3)).unwrap()],
            delay: [1, 60, 700, 6_000][usize::try_from(source.below(4)).unwrap()],
        };
        let to_begin = 1 + source.below(8);
        let mut run = Self {
            source,
            chance: Chance::from_number(salt),
            network,
            now: 0,
            serial: 0,
            queue: BTreeMap::new(),
            client: Table::new(LIMIT),
            server: Table::new(LIMIT),
            ours: Vec::new(),
            theirs: Vec::new(),
            branches: Vec::new(),
            to_begin,
            expected: Vec::new(),
            seen: Vec::new(),
            events: 0,
        };
        run.plan(0, Thing::Begin);
        run
    }

    /// Plays to the end: nothing is left in either table.
    pub(crate) fn play(&mut self) {
        while let Some(next) = self.next() {
            self.now = next;
            self.pass();
            while let Some((&key, _)) =
                self.queue.first_key_value().filter(|(key, _)| key.0 <= next)
            {
                let thing = self.queue.remove(&key).unwrap();
                self.happen(thing);
                self.compare();
            }
            self.events += 1;
            if self.events > MAX_EVENTS {
                return;
            }
        }
        assert!(self.client.is_empty() && self.server.is_empty(), "something is left");
    }

    /// When something happens next, in tables, models or the network.
    fn next(&self) -> Option<u64> {
        let tables = self.client.next_timeout().into_iter().chain(self.server.next_timeout());
        let ours = self.ours.iter().filter_map(|one| one.model.due());
        let theirs = self.theirs.iter().filter_map(|one| one.model.due());
        let things = self.queue.keys().map(|key| key.0).take(1);
        let models = ours.chain(theirs).map(|due| due.max(self.now + 1));
        tables.map(Moment::millis).chain(models).chain(things).min().map(|at| at.max(self.now))
    }

    fn plan(&mut self, after: u64, thing: Thing) {
        self.serial += 1;
        self.queue.insert((self.now + after, self.serial), thing);
    }

    fn at(&self) -> Moment {
        Moment::from_millis(self.now)
    }

    /// Whether something of so many percent happens.
    fn by_chance(&mut self, percent: u64) -> bool {
        self.source.below(100) < percent
    }

    /// Time passes in tables and models.
    fn pass(&mut self) {
        let now = self.at();
        while let Some(notice) = self.client.poll_timeout(now) {
            self.notice(notice);
        }
        while let Some(notice) = self.server.poll_timeout(now) {
            self.notice(notice);
        }
        let now = self.now;
        let mut fired = Vec::new();
        for one in &mut self.ours {
            while let Some(effects) = one.model.fire(now) {
                fired.push((format!("c{}", one.number), true, effects));
            }
        }
        for one in &mut self.theirs {
            while let Some(effects) = one.model.fire(now) {
                fired.push((one.name.clone(), one.owned, effects));
            }
        }
        for (name, owned, effects) in fired {
            // A server transaction that nobody owns has nobody to tell.
            let told = effects.told.filter(|_| owned);
            self.expect(&name, Effects { told, ..effects });
        }
        self.compare();
    }

    fn notice(&mut self, notice: Notice<u64>) {
        self.seen.push(match notice {
            Notice::Client(_, owner, what) => format!("c{owner} {}", tell(what)),
            Notice::Server(_, owner, what) => {
                let name = &self.theirs[usize::try_from(owner).unwrap()].name;
                format!("{name} {}", tell(what))
            }
        });
    }

    fn expect(&mut self, name: &str, effects: Effects) {
        self.expected.extend(effects.sent);
        self.expected.extend(effects.told.map(|what| format!("{name} {}", told(what))));
    }

    /// What was sent goes into the network; it has to be what the models sent.
    fn compare(&mut self) {
        let mut out = VecDeque::new();
        for (table, requests) in [(&mut self.client, true), (&mut self.server, false)] {
            while let Some((transmit, _)) = table.poll_transmit() {
                let text = String::from_utf8(transmit.packet.to_vec()).unwrap();
                out.push_back((requests, text, transmit.flow.link != Link::Datagram));
            }
        }
        self.seen.extend(out.iter().map(|(_, text, _)| text.clone()));
        self.seen.sort();
        self.expected.sort();
        assert_eq!(self.seen, self.expected, "at {} ms", self.now);
        self.seen.clear();
        self.expected.clear();
        let live = (self.live_clients(), self.live_servers());
        assert_eq!((self.client.len(), self.server.len()), live, "at {} ms", self.now);
        // What is sent once more after a failure is not what its user said.
        out.retain(|(_, text, _)| text != "again");
        for (requests, text, reliable) in out {
            self.carry(requests, &text, reliable);
        }
    }

    fn carry(&mut self, requests: bool, text: &str, reliable: bool) {
        let thing = |text: &str| {
            if requests { Thing::Request(text.to_owned()) } else { Thing::Reply(text.to_owned()) }
        };
        if reliable {
            self.plan(3, thing(text));
            return;
        }
        let copies = if self.by_chance(self.network.twice) { 2 } else { 1 };
        for _ in 0..copies {
            if !self.by_chance(self.network.loss) {
                let delay = self.source.below(self.network.delay);
                self.plan(delay, thing(text));
            }
        }
    }

    fn happen(&mut self, thing: Thing) {
        match thing {
            Thing::Begin => self.begin(),
            Thing::Request(text) => self.on_request(&text),
            Thing::Reply(text) => self.on_reply(&text),
            Thing::Answer(place, code) => self.answer(place, code),
            Thing::Repeat(place, interval) => self.repeat(place, interval),
            Thing::Cancel(place) => self.cancel(place),
            Thing::Unsent(place) => {
                let key = self.ours[place].key;
                let reached = self.client.client_unreachable(key, self.at());
                let effects = self.ours[place].model.unreachable(self.now);
                assert_eq!(reached.is_some(), effects.told.is_some());
            }
            Thing::Lost(connection) => self.lose(connection),
            Thing::Undelivered(place) => self.undelivered(place),
            Thing::Forget(place) => {
                let one = &mut self.theirs[place];
                self.server.forget_server(one.key);
                one.model.state = State::Terminated;
                one.model = ended();
            }
        }
    }
}

/// One that is over.
fn ended() -> Model {
    let mut model = Model::server(false, true);
    model.state = State::Terminated;
    model
}

/// Seconds that a run may last; everything has ended long before.
pub(crate) const LONGEST: Duration = Duration::from_secs(3_600);

/// Plays one run; how many events it had.
pub(crate) fn run(source: impl Source, salt: u64) -> u64 {
    let mut run = Run::new(source, salt);
    run.play();
    assert!(Duration::from_millis(run.now) < LONGEST);
    run.events
}
