//! An engine between two carriers, a PBX, a phone and a stranger, for scripts of chance: what it sends
//! is looked at, and what a stranger gets is weighed.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use trunkline::engine::{Admission, Command, Compiled, Engine, Input, Listener, Output};
use trunkline::locate::Answer;
use trunkline::model::value::Name;
use trunkline::model::{Outside, Protocol, Resolved, ResourceSet, Revision, Secret};
use trunkline::sip::Message;
use trunkline::transaction::{ConnectionId, Flow, Link, Moment, Transmit};

/// Who speaks: carrier A, carrier B, the PBX, a phone that may register, nobody.
pub(crate) const PEERS: [&str; 5] =
    ["127.0.0.2:5060", "127.0.0.3:5060", "127.0.0.9:5060", "127.0.0.70:5062", "127.0.0.66:5060"];
/// The place of the stranger.
const STRANGER: usize = 4;
/// What one peer has been sent and may refer to.
const MAX_HEARD: usize = 16;
/// Packets that one input may bring about: an exchange with both sides and all that was given up.
const MAX_AT_ONCE: usize = 64;

/// The world that a script plays in.
pub(crate) struct World {
    pub(crate) engine: Engine,
    pub(crate) now: Moment,
    /// What each peer has been sent, the newest last.
    pub(crate) heard: [VecDeque<Message>; PEERS.len()],
    last: Option<Transmit>,
    generation: u64,
}

fn resource(kind: &str, tenant: bool, name: &str, spec: &Value) -> Value {
    let metadata =
        if tenant { json!({ "name": name, "tenant": "t" }) } else { json!({ "name": name }) };
    json!({ "kind": kind, "metadata": metadata, "spec": spec })
}

/// A configuration; the bits of `variant` choose among features.
fn config(variant: u8) -> ResourceSet {
    let has = |bit: u8| variant & (1 << bit) != 0;
    let refer = ["relay", "terminate", "refuse", "terminate"][usize::from(variant >> 6)];
    let trunk = |host: &str| {
        let kind = if has(0) && host.ends_with('2') { "register" } else { "ip" };
        let mut spec = json!({ "type": kind, "host": host, "port": 5060, "transport": "udp",
            "refer": refer, "keepAlive": { "enabled": has(1) } });
        if kind == "register" {
            spec["registration"] = json!({ "username": "acct", "password": { "env": "PASSWORD" } });
        }
        spec
    };
    let unknown = if has(2) { "403" } else { "drop" };
    let mut all = vec![
        resource(
            "Transport",
            false,
            "udp",
            &json!({ "protocol": "udp", "bind": "127.0.0.1", "port": 5060, "unknownSources": unknown }),
        ),
        resource(
            "Transport",
            false,
            "tcp",
            &json!({ "protocol": "tcp", "bind": "127.0.0.1", "port": 5060 }),
        ),
        resource("Tenant", false, "t", &json!({ "sipDomain": "t.example" })),
        resource("Trunk", true, "a", &trunk("127.0.0.2")),
        resource("Trunk", true, "b", &trunk("127.0.0.3")),
        resource(
            "DidPool",
            true,
            "pool",
            &json!({ "trunk": "a", "numbers": ["442079460000-442079460099"] }),
        ),
        resource(
            "Extension",
            true,
            "pbx",
            &json!({ "numbers": "1000-1099", "contact": "sip:127.0.0.9:5060" }),
        ),
        resource(
            "InboundRule",
            true,
            "in",
            &json!({ "trunk": "a", "did": "442079460000-442079460099",
            "destination": { "extension": "1000-1099" } }),
        ),
        resource(
            "OutboundRule",
            true,
            "out",
            &json!({ "match": { "prefixes": ["00"] },
            "routes": [{ "trunk": "a", "strip": 2, "prepend": "+" }, { "trunk": "b", "strip": 2 }] }),
        ),
    ];
    if has(3) {
        let register = json!({ "username": "desk", "password": { "env": "PASSWORD" } });
        all.push(resource(
            "Extension",
            true,
            "desk",
            &json!({ "numbers": "1100", "register": register }),
        ));
    }
    let read = |value: Value| Arc::new(serde_json::from_value(value).expect("a resource"));
    all.into_iter().map(read).collect()
}

fn look_up(_: Option<&Name>, _: &Outside) -> Result<Secret, String> {
    Ok(Secret::new(b"PASSWORD".to_vec().into()))
}

impl World {
    pub(crate) fn new(variant: u8) -> Self {
        let mut world = Self {
            engine: Engine::new([7; 32]),
            now: Moment::START,
            heard: Default::default(),
            last: None,
            generation: 0,
        };
        for (number, name, protocol) in [(0, "udp", Protocol::Udp), (1, "tcp", Protocol::Tcp)] {
            let bound = SocketAddr::from(([127, 0, 0, 1], 5060));
            let name = name.parse().expect("a name");
            let listener = Listener { name, protocol, bound, public: None, local: BTreeMap::new() };
            world.engine.handle_command(world.now, Command::Listen(number, listener));
        }
        world.install(variant);
        world
    }

    pub(crate) fn install(&mut self, variant: u8) {
        let set = config(variant);
        self.generation += 1;
        let revision = Revision(format!("fuzz@{}", self.generation));
        let secrets = Resolved::of(&set, &Resolved::default(), &look_up);
        let compiled = Box::new(Compiled::new(self.generation, revision, &set, secrets));
        self.engine.handle_command(self.now, Command::Install(compiled));
        self.drain();
    }

    fn stream(peer: usize, connection: u8) -> Flow {
        let mut remote: SocketAddr = PEERS[peer].parse().expect("an address");
        remote.set_port(40_000 + u16::from(connection));
        let link = Link::Stream(Some(ConnectionId(u64::from(connection))));
        Flow { transport: 1, remote, link }
    }

    /// A peer sends this: as a datagram, or over a connection.
    pub(crate) fn send(&mut self, peer: usize, over: Option<u8>, bytes: &[u8]) {
        if let Some(connection) = over {
            let flow = Self::stream(peer, connection);
            let message = Message::parse_datagram(bytes);
            self.engine.handle_input(self.now, Input::Framed { flow, message });
            self.drain();
            return;
        }
        let source: SocketAddr = PEERS[peer].parse().expect("an address");
        let flow = Flow { transport: 0, remote: source, link: Link::Datagram };
        let known = peer != STRANGER || self.engine.admits(flow) == Admission::Known;
        self.engine.handle_input(self.now, Input::Received { transport: 0, source, bytes });
        let said = self.drain();
        if !known {
            let total: usize = said.iter().sum();
            assert!(said.len() <= 1, "a stranger gets {} packets", said.len());
            assert!(total * 10 <= bytes.len() * 12, "a stranger gets {total} for {}", bytes.len());
        }
    }

    /// A connection of a peer is gone.
    pub(crate) fn lose(&mut self, peer: usize, connection: u8) {
        let flow = Self::stream(peer, connection);
        let connection = ConnectionId(u64::from(connection));
        self.engine.handle_input(self.now, Input::Lost { connection, flow });
        self.drain();
    }

    /// The last packet reached nobody, and could not be sent.
    pub(crate) fn refuse_last(&mut self) {
        if let Some(last) = self.last.take() {
            let (Flow { transport, remote, .. }, quoted) = (last.flow, &*last.packet);
            let input = Input::Unreachable { transport, remote, quoted };
            self.engine.handle_input(self.now, input);
            self.engine.handle_input(self.now, Input::Unsent(last));
            self.drain();
        }
    }

    /// Time passes, stopping at every deadline: how often it stopped.
    pub(crate) fn pass(&mut self, span: Duration) -> u32 {
        let until = self.now + span;
        let mut stops = 0;
        while let Some(due) = self.engine.next_timeout().filter(|due| *due <= until) {
            self.now = due.max(self.now);
            self.engine.handle_timeout(self.now);
            self.drain();
            stops += 1;
            assert!(
                self.engine.next_timeout() > Some(self.now) || self.engine.next_timeout().is_none()
            );
        }
        self.now = until;
        stops
    }

    /// Does what the engine wants: the sizes of the packets that it sent.
    fn drain(&mut self) -> Vec<usize> {
        let mut sizes = Vec::new();
        while let Some(output) = self.engine.poll_output() {
            match output {
                Output::Event(_) => {}
                Output::Ask(question) => {
                    let answer = Answer::Failed("there is no DNS".to_owned());
                    self.engine.handle_input(self.now, Input::Answered(&question, answer));
                }
                Output::Transmit(transmit) => {
                    sizes.push(transmit.packet.len());
                    self.hear(&transmit);
                    self.last = Some(transmit);
                }
            }
        }
        assert!(sizes.len() <= MAX_AT_ONCE, "{} packets at once", sizes.len());
        sizes
    }

    /// What is sent has to be a message, and a peer remembers it. Only the answer to what is none may
    /// lack what it could not find there.
    fn hear(&mut self, transmit: &Transmit) {
        let packet = &transmit.packet;
        let Ok(message) = Message::parse_datagram(packet) else {
            let answers = [&b"SIP/2.0 400 "[..], b"SIP/2.0 505 "];
            let answer = answers.iter().any(|start| packet.starts_with(start));
            assert!(answer, "no message: {}", packet.escape_ascii());
            return;
        };
        let ip = transmit.flow.remote.ip();
        let same = |peer: &&str| peer.parse::<SocketAddr>().is_ok_and(|peer| peer.ip() == ip);
        if let Some(place) = PEERS.iter().position(same) {
            let heard = &mut self.heard[place];
            if heard.len() >= MAX_HEARD {
                heard.pop_front();
            }
            heard.push_back(message);
        }
    }
}
