//! The engine between telephones over a network that loses, delays, reorders and repeats: every
//! call ends, and nothing of it is left.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use trunkline::engine::{Command, Compiled, Engine, Input, Listener, Output};
use trunkline::model::{Resolved, Resource, ResourceSet, Revision};
use trunkline::transaction::{Chance, Moment, Packet};

use crate::agent::Agent;

/// Seeds of a normal run; `SEEDS=5000` for more.
const SEEDS: u64 = 120;
/// Seeds that once failed.
const KEPT: &[u64] = &[];
/// Calls per seed.
const CALLS: u64 = 10;
const ENGINE: &str = "127.0.0.1:5060";
/// Another engine, which is a trunk to the first, as that is to it.
const PEER: &str = "127.0.0.4:5060";
/// The telephones of each.
const PHONES: [(&str, &str); 4] = [
    ("127.0.0.2:5060", ENGINE),
    ("127.0.0.3:5060", ENGINE),
    ("127.0.0.9:5060", ENGINE),
    ("127.0.0.8:5060", PEER),
];
/// The longest anything may take: ringing, talking, every timer, and some.
const END: Duration = Duration::from_secs(1200);

fn resource(kind: &str, tenant: bool, name: &str, spec: Value) -> Arc<Resource> {
    let metadata =
        if tenant { json!({ "name": name, "tenant": "acme" }) } else { json!({ "name": name }) };
    let value = json!({ "kind": kind, "metadata": metadata, "spec": spec });
    Arc::new(serde_json::from_value(value).unwrap())
}

/// The configuration of the engine at an address.
fn resources(engine: &str, generation: u64) -> ResourceSet {
    let (bind, trunks, pbx, out) = match engine {
        ENGINE => (
            "127.0.0.1",
            [("a", "127.0.0.2"), ("b", "127.0.0.3"), ("c", "127.0.0.4")],
            "127.0.0.9",
            ["a", "b"],
        ),
        _ => (
            "127.0.0.4",
            [("a", "127.0.0.1"), ("b", "127.0.0.98"), ("c", "127.0.0.99")],
            "127.0.0.8",
            ["a", "b"],
        ),
    };
    let trunk = |host: &str| json!({ "type": "ip", "host": host, "keepAlive": { "enabled": true, "interval": "30s" }, "sessionTimer": { "expires": "90s" } });
    let mut all = vec![
        resource(
            "Transport",
            false,
            "udp",
            json!({ "protocol": "udp", "bind": bind, "port": 5060 }),
        ),
        resource("Tenant", false, "acme", json!({ "sipDomain": "acme.example" })),
        resource(
            "Extension",
            true,
            "pbx",
            json!({ "numbers": "100-199", "contact": format!("sip:{pbx}") }),
        ),
        // To the other engine, and to whoever answers.
        resource(
            "OutboundRule",
            true,
            "peer",
            json!({ "priority": 1, "match": { "prefixes": ["00441"] },
                "routes": [{ "trunk": if engine == ENGINE { "c" } else { "a" }, "strip": 2 }] }),
        ),
        resource(
            "OutboundRule",
            true,
            "out",
            json!({ "priority": 1 + generation, "match": { "prefixes": ["00"] },
                "routes": [{ "trunk": out[0], "strip": 2 }, { "trunk": out[1], "strip": 2 }] }),
        ),
    ];
    for (name, host) in trunks {
        all.push(resource("Trunk", true, name, trunk(host)));
    }
    // Calls come in over the first trunk and over the other engine's.
    for name in if engine == ENGINE { vec!["a", "c"] } else { vec!["a"] } {
        all.push(resource(
            "DidPool",
            true,
            name,
            json!({ "trunk": name, "numbers": ["44100-44199"] }),
        ));
        all.push(resource(
            "InboundRule",
            true,
            name,
            json!({ "trunk": name, "did": "44100-44199", "destination": { "extension": "100-199" } }),
        ));
    }
    all.into_iter().collect()
}

/// What the engines sent, by its first word or its method.
type Seen = BTreeMap<&'static str, u64>;

struct World {
    now: Moment,
    chance: Chance,
    engines: BTreeMap<SocketAddr, Engine>,
    seen: Seen,
    agents: BTreeMap<SocketAddr, Agent>,
    /// Packets under way: (arrival, tie-breaker) to (from, to, bytes).
    air: BTreeMap<(Moment, u64), (SocketAddr, SocketAddr, Packet)>,
    serial: u64,
    loss: u64,
    generation: u64,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut chance = Chance::from_number(seed);
        let engines =
            [ENGINE, PEER].map(|address| (address.parse().unwrap(), engine(seed, address)));
        let agents = PHONES.map(|(address, engine)| Agent::new(address, engine));
        let loss = chance.below(35);
        let mut world = Self {
            now: Moment::START,
            chance,
            engines: engines.into_iter().collect(),
            seen: Seen::new(),
            agents: agents.into_iter().map(|agent| (agent.address, agent)).collect(),
            air: BTreeMap::new(),
            serial: 0,
            loss,
            generation: 0,
        };
        world.install(|address| resources(address, 1));
        world
    }

    fn install(&mut self, resources: impl Fn(&str) -> ResourceSet) {
        self.generation += 1;
        for (address, engine) in &mut self.engines {
            let revision = Revision(format!("sim@{}", self.generation));
            let set = resources(&address.to_string());
            let compiled = Compiled::new(self.generation, revision, &set, Resolved::default());
            engine.handle_command(self.now, Command::Install(Box::new(compiled)));
        }
    }

    fn fly(&mut self, from: SocketAddr, to: SocketAddr, packet: &Packet) {
        let copies = if self.chance.below(100) < 10 { 2 } else { 1 };
        for _ in 0..copies {
            self.serial += 1;
            let at = self.now + Duration::from_millis(1 + self.chance.below(400));
            if self.chance.below(100) >= self.loss {
                self.air.insert((at, self.serial), (from, to, packet.clone()));
            }
        }
    }

    /// Puts into the air what anybody wants to send.
    fn transmit(&mut self) {
        let mut sent = Vec::new();
        for (address, engine) in &mut self.engines {
            while let Some(output) = engine.poll_output() {
                if let Output::Transmit(transmit) = output {
                    sent.push((*address, transmit.flow.remote, transmit.packet));
                }
            }
        }
        sent.iter().for_each(|(_, _, packet)| count(&mut self.seen, packet));
        for agent in self.agents.values_mut() {
            while let Some(transmit) = agent.poll_transmit() {
                sent.push((agent.address, transmit.flow.remote, transmit.packet));
            }
        }
        sent.iter().for_each(|(from, to, packet)| self.fly(*from, *to, packet));
    }

    fn arrive(&mut self, from: SocketAddr, to: SocketAddr, packet: &Packet) {
        if let Some(agent) = self.agents.get_mut(&to) {
            agent.receive(self.now, &mut self.chance, packet);
        } else if let Some(engine) = self.engines.get_mut(&to) {
            let input = Input::Received { transport: 0, source: from, bytes: packet };
            engine.handle_input(self.now, input);
        }
    }

    fn next(&self) -> Option<Moment> {
        let air = self.air.keys().next().map(|key| key.0);
        let agents = self.agents.values().filter_map(Agent::next);
        let engines = self.engines.values().filter_map(Engine::next_timeout);
        agents.chain(air).chain(engines).min()
    }

    /// One moment of the world.
    fn step(&mut self) {
        self.transmit();
        let Some(next) = self.next() else { return };
        self.now = self.now.max(next);
        while let Some(entry) = self.air.first_entry().filter(|entry| entry.key().0 <= next) {
            let (from, to, packet) = entry.remove();
            self.arrive(from, to, &packet);
        }
        self.agents.values_mut().for_each(|agent| agent.pass(next, &mut self.chance));
        self.engines.values_mut().for_each(|engine| engine.handle_timeout(self.now));
    }

    fn run(&mut self) {
        let end = Moment::START + END;
        for call in 0..CALLS {
            let (from, number) = match self.chance.below(4) {
                0 => ("127.0.0.2:5060", format!("441{:02}", call % 100)),
                1 => ("127.0.0.9:5060", format!("0049{call}")),
                // From one engine to the other.
                2 => ("127.0.0.9:5060", format!("00441{:02}", call % 100)),
                _ => ("127.0.0.8:5060", format!("00441{:02}", call % 100)),
            };
            let agent = self.agents.get_mut(&from.parse().unwrap()).unwrap();
            agent.call(self.now, &mut self.chance, &number, &format!("c{call}"));
            // Calls overlap, and generations change while they are in progress.
            let until = self.now + Duration::from_millis(self.chance.below(30_000));
            while self.next().is_some_and(|next| next < until) {
                self.step();
            }
            self.now = until;
            self.install(|address| resources(address, 2 + call));
        }
        while self.now < end {
            self.step();
        }
    }
}

/// The engine at an address, with everything random from the seed.
fn engine(seed: u64, address: &str) -> Engine {
    let mut key = [u8::try_from(address.len()).unwrap(); 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    key[8..].iter_mut().zip(address.bytes()).for_each(|(to, from)| *to = from);
    let mut engine = Engine::new(key);
    let listener = Listener {
        name: "udp".parse().unwrap(),
        protocol: trunkline::model::Protocol::Udp,
        bound: address.parse().unwrap(),
        public: None,
        local: BTreeMap::new(),
    };
    engine.handle_command(Moment::START, Command::Listen(0, listener));
    engine
}

fn count(seen: &mut Seen, packet: &[u8]) {
    let words = ["PRACK", "UPDATE", "REFER", "NOTIFY", "INVITE", "CANCEL", "BYE"];
    for word in words.iter().filter(|word| packet.starts_with(word.as_bytes())) {
        *seen.entry(word).or_default() += 1;
    }
    let holds = |text: &str| memchr::memmem::find(packet, text.as_bytes()).is_some();
    if packet.starts_with(b"NOTIFY") && holds("SIP/2.0 200") {
        *seen.entry("transferred").or_default() += 1;
    }
    if packet.starts_with(b"BYE") && holds("Session expired") {
        *seen.entry("expired").or_default() += 1;
    }
    if packet.starts_with(b"SIP/2.0 491") {
        *seen.entry("glare").or_default() += 1;
    }
}

#[test]
fn every_call_ends_and_nothing_is_left_whatever_the_network_does() {
    let more = std::env::var("SEEDS").ok().and_then(|seeds| seeds.parse().ok());
    let (mut answered, mut failed, mut seen) = (0, 0, Seen::new());
    for seed in KEPT.iter().copied().chain(0..more.unwrap_or(SEEDS)) {
        println!("seed {seed}");
        let mut world = World::new(seed);
        world.run();
        for engine in world.engines.values() {
            let observed = engine.observe(world.now);
            assert_eq!(observed.active_calls, 0, "{observed:#?}");
            assert!(observed.trunks.iter().all(|trunk| trunk.active_calls == 0));
        }
        // Keep-alive goes on for ever: switched off, the last of it ends, too.
        world.install(|_| ResourceSet::default());
        let end = world.now + Duration::from_secs(100);
        while world.next().is_some_and(|next| next < end) {
            world.step();
        }
        for engine in world.engines.values() {
            assert_eq!(engine.in_progress(), [0, 0, 0]);
        }
        for agent in world.agents.values() {
            assert!(agent.is_idle(), "{agent:#?}");
            answered += agent.answered;
            failed += agent.failed;
        }
        for (what, count) in world.seen {
            *seen.entry(what).or_default() += count;
        }
    }
    // The simulation must have seen all of it, or it proves nothing.
    println!("{answered} answered, {failed} failed, {seen:?}");
    assert!(answered > 200 && failed > 200);
    for what in ["PRACK", "UPDATE", "NOTIFY", "CANCEL", "transferred", "expired", "glare"] {
        assert!(seen.get(what).is_some_and(|count| *count > 3), "{what}");
    }
}
