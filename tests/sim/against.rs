//! Two tables of transactions with a bad network between them, and beside every one of their
//! transactions its model: after each event both have sent and told the same.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use trunkline::transaction::{
    Chance, Class, ClientKey, ConnectionId, Flow, Link, Moment, Notice, Packet, Request, Response,
    ServerId, ServerKey, Status, Table, Tell,
};

use crate::model::{Effects, Model, State, Told};

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
                let effects = self.ours[place].model.unreachable();
                assert_eq!(reached.is_some(), effects.told.is_some());
            }
            Thing::Lost(connection) => self.lose(connection),
            Thing::Forget(place) => {
                let one = &mut self.theirs[place];
                self.server.forget_server(one.key);
                one.model.state = State::Terminated;
                one.model = ended();
            }
        }
    }

    fn begin(&mut self) {
        if self.to_begin == 0 {
            return;
        }
        self.to_begin -= 1;
        let gap = self.source.below(9_000);
        self.plan(gap, Thing::Begin);
        let invite = self.source.below(3) > 0;
        let connection = (self.source.below(3) == 0).then(|| 1 + self.source.below(2));
        let class = if invite { Class::Invite } else { Class::Other };
        let place = self.ours.len();
        let owner = u64::try_from(place).unwrap();
        let opened = self.client.open_client(class, flow(connection), owner, &mut self.chance);
        assert_eq!(opened.is_err(), self.live_clients() >= LIMIT, "what is full refuses");
        let Ok(key) = opened else { return };
        let mut branch = Vec::new();
        key.write_branch(&mut branch);
        self.branches.push(branch);
        let number = self.branches.len() - 1;
        let method = if invite { "INVITE" } else { "INFO" };
        let request = format!("{method} {number}");
        self.start(key, invite, (number, request), connection, place);
        if invite {
            let after = if self.by_chance(30) { self.source.below(20_000) } else { 200_000 };
            // Without an end of its user's patience (timer C) it would wait for ever.
            self.plan(after, Thing::Cancel(place));
            self.plan(200_001, Thing::Cancel(place));
        }
        if self.by_chance(5) {
            let after = self.source.below(9_000);
            self.plan(after, Thing::Unsent(place));
        }
        if let Some(connection) = connection.filter(|_| self.by_chance(20)) {
            let after = self.source.below(9_000);
            self.plan(after, Thing::Lost(connection));
        }
    }

    fn live_clients(&self) -> usize {
        self.ours.iter().filter(|one| one.model.state != State::Terminated).count()
    }

    fn live_servers(&self) -> usize {
        self.theirs.iter().filter(|one| one.model.state != State::Terminated).count()
    }

    fn start(
        &mut self,
        key: ClientKey,
        invite: bool,
        (number, request): (usize, String),
        connection: Option<u64>,
        owner: usize,
    ) {
        assert_eq!(owner, self.ours.len());
        self.client.start_client(key, packet(&request), self.at());
        let model = Model::client(invite, connection.is_some(), &request, self.now);
        self.expected.push(request.clone());
        let (renewed, cancel) = (false, false);
        self.ours.push(Ours {
            key,
            invite,
            number: owner,
            request,
            connection,
            renewed,
            cancel,
            model,
        });
        assert!(number < self.branches.len());
    }

    fn cancel(&mut self, place: usize) {
        let one = &self.ours[place];
        let (key, connection) = (one.key, one.connection);
        let open = matches!(one.model.state, State::Calling | State::Proceeding);
        assert_eq!(self.client.pending_invite(key).is_some(), open);
        if !open || one.cancel {
            return;
        }
        let full = self.live_clients() >= LIMIT;
        self.client.bound_client(key, self.at());
        self.ours[place].model.bound(self.now);
        let opened = self.client.open_cancel(key, &mut self.chance);
        assert_eq!(opened.is_err(), full);
        let Ok(Some(cancel)) = opened else { return };
        self.ours[place].cancel = true;
        let number = self.ours[place].request.rsplit(' ').next().unwrap().parse().unwrap();
        let owner = self.ours.len();
        // The CANCEL tells the owner of its INVITE.
        self.start(cancel, false, (number, format!("CANCEL {number}")), connection, owner);
        self.ours[owner].number = place;
    }

    fn lose(&mut self, connection: u64) {
        let now = self.at();
        let lost =
            self.client.connection_lost((ConnectionId(connection), flow(Some(connection))), now);
        let told: BTreeSet<u64> = lost.iter().map(|(_, owner)| *owner).collect();
        let mut expected = BTreeSet::new();
        for one in self.ours.iter_mut().filter(|one| one.connection == Some(connection)) {
            let waits = matches!(one.model.state, State::Calling | State::Trying);
            if waits && !one.renewed {
                one.renewed = true;
                self.expected.push(one.request.clone());
            } else if one.model.unreachable().told.is_some() {
                expected.insert(u64::try_from(one.number).unwrap());
            }
        }
        assert_eq!(told, expected);
    }

    /// A packet arrives at the server.
    fn on_request(&mut self, text: &str) {
        let (method, number) = text.split_once(' ').unwrap();
        let number: usize = number.parse().unwrap();
        if method == "ACK2" {
            let of = format!("s INVITE {number}");
            let found = self.theirs.iter_mut().filter(|one| one.name == of);
            found.for_each(|one| one.acknowledged = true);
            return;
        }
        let class = class(method);
        let mut id = ServerId::default();
        id.set_rfc3261(&self.branches[number], (b"h", 5060), class);
        let named = if method == "ACK" { "INVITE" } else { method };
        let name = format!("s {named} {number}");
        let alive = |one: &Theirs| one.name == name && one.model.state != State::Terminated;
        let place = self.theirs.iter().position(alive);
        let now = self.at();
        if method == "ACK" {
            let taken = self.server.receive_ack(&id, now).is_some();
            let by_model =
                place.is_some_and(|place| self.theirs[place].model.acknowledged(self.now));
            assert_eq!(taken, by_model, "{text} at {}", self.now);
            return;
        }
        let begun = format!("{method} {number}");
        let connection = self.ours.iter().find(|one| one.request == begun).unwrap().connection;
        match (self.server.receive_request(&id, class, flow(connection), now), place) {
            (Request::Absorbed(_), Some(place)) => {
                let effects = self.theirs[place].model.again();
                self.expect(&name, effects);
            }
            (Request::Full, None) => assert!(self.live_servers() >= LIMIT),
            (Request::New(key), None) => {
                let model = Model::server(method == "INVITE", connection.is_some());
                let owned = self.by_chance(80);
                let place = self.theirs.len();
                if owned {
                    self.server.own_server(key, u64::try_from(place).unwrap());
                }
                self.theirs.push(Theirs { key, name, owned, acknowledged: false, model });
                self.decide(place);
            }
            (other, place) => panic!("{other:?} where the model has {place:?}"),
        }
    }

    /// The user of a server transaction makes up its mind.
    fn decide(&mut self, place: usize) {
        for _ in 0..1 + self.source.below(3) {
            let code = CODES[usize::try_from(self.source.below(10)).unwrap()];
            let after = self.source.below(if code < 200 { 6_000 } else { 40_000 });
            self.plan(after, Thing::Answer(place, code));
        }
        if self.by_chance(3) {
            let after = self.source.below(20_000);
            self.plan(after, Thing::Forget(place));
        } else {
            let code = CODES[usize::try_from(3 + self.source.below(7)).unwrap()];
            self.plan(45_000, Thing::Answer(place, code));
        }
    }

    fn answer(&mut self, place: usize, code: u16) {
        let now = self.at();
        let one = &mut self.theirs[place];
        let text = format!("{code} {}", &one.name[2..]);
        self.server.respond(one.key, Status::of(code), packet(&text), now);
        let before = one.model.state;
        let effects = one.model.respond(code, &text, self.now);
        let accepted = before == State::Proceeding && one.model.state == State::Accepted;
        let name = one.name.clone();
        self.expect(&name, effects);
        if accepted {
            self.plan(500, Thing::Repeat(place, 500));
        }
    }

    /// RFC 3261 section 13.3.1.4: the user repeats its 2xx.
    fn repeat(&mut self, place: usize, interval: u64) {
        let one = &self.theirs[place];
        if one.acknowledged || one.model.state != State::Accepted {
            return;
        }
        self.answer(place, 200);
        let next = (interval * 2).min(4_000);
        self.plan(next, Thing::Repeat(place, next));
    }

    /// A packet arrives at the client.
    fn on_reply(&mut self, text: &str) {
        let mut words = text.split(' ');
        let mut word = || words.next().unwrap();
        let (code, method, number) = (word(), word(), word());
        let code: u16 = code.parse().unwrap();
        let request = format!("{method} {number}");
        let place = self.ours.iter().position(|one| one.request == request).unwrap();
        let branch = self.branches[number.parse::<usize>().unwrap()].clone();
        let ack_text = format!("ACK {number}");
        let ack = |_: &[u8]| Some(packet(&ack_text));
        let status = Status::of(code);
        let now = self.at();
        let orphan = self.is_orphan(place);
        let response = self.client.receive_response((&branch, class(method)), status, &ack, now);
        if orphan {
            assert_eq!(response, Response::Stray);
            return;
        }
        let one = &mut self.ours[place];
        let gone = one.model.state == State::Terminated;
        let effects = one.model.response(code, &ack_text, self.now);
        let deliver = effects.told.is_some();
        match response {
            Response::Deliver(key, _) => assert!(deliver && key == one.key, "{text}"),
            Response::Absorbed(_) => assert!(!deliver && !gone, "{text}"),
            Response::Stray => assert!(gone, "{text}"),
        }
        self.expected.extend(effects.sent);
        if deliver && self.ours[place].invite && status == Status::Success {
            // The ACK of a 2xx has a transaction of its own in the RFC's words, and none in fact.
            let (flow, text) = (flow(self.ours[place].connection), format!("ACK2 {number}"));
            self.client.send_stateless(flow, packet(&text), None);
            self.expected.push(text);
        }
    }

    /// A CANCEL is found by way of its INVITE, and lost with it.
    fn is_orphan(&self, place: usize) -> bool {
        let cancel = &self.ours[place];
        let invite = &self.ours[cancel.number];
        cancel.request.starts_with("CANCEL") && invite.model.state == State::Terminated
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
