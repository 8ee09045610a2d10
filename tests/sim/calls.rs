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

/// Seeds of a normal run.
const SEEDS: u64 = 150;
/// Calls per seed.
const CALLS: u64 = 10;
const ENGINE: &str = "127.0.0.1:5060";
/// The longest anything may take: ringing, talking, every timer, and some.
const END: Duration = Duration::from_secs(1200);

fn resources(generation: u64) -> ResourceSet {
    let resource = |kind: &str, tenant: bool, name: &str, spec: Value| -> Arc<Resource> {
        let metadata = if tenant {
            json!({ "name": name, "tenant": "acme" })
        } else {
            json!({ "name": name })
        };
        let value = json!({ "kind": kind, "metadata": metadata, "spec": spec });
        Arc::new(serde_json::from_value(value).unwrap())
    };
    let trunk = |host: &str| json!({ "type": "ip", "host": host, "keepAlive": { "enabled": true, "interval": "30s" } });
    [
        resource(
            "Transport",
            false,
            "udp",
            json!({ "protocol": "udp", "bind": "127.0.0.1", "port": 5060 }),
        ),
        resource("Tenant", false, "acme", json!({ "sipDomain": "acme.example" })),
        resource("Trunk", true, "a", trunk("127.0.0.2")),
        resource("Trunk", true, "b", trunk("127.0.0.3")),
        resource("DidPool", true, "a", json!({ "trunk": "a", "numbers": ["44100-44199"] })),
        resource(
            "Extension",
            true,
            "pbx",
            json!({ "numbers": "100-199", "contact": "sip:127.0.0.9" }),
        ),
        resource(
            "InboundRule",
            true,
            "in",
            json!({
            "trunk": "a", "did": "44100-44199", "destination": { "extension": "100-199" } }),
        ),
        resource(
            "OutboundRule",
            true,
            "out",
            json!({
            "priority": generation, "match": { "prefixes": ["00"] },
            "routes": [{ "trunk": "a", "strip": 2 }, { "trunk": "b", "strip": 2 }] }),
        ),
    ]
    .into_iter()
    .collect()
}

struct World {
    now: Moment,
    chance: Chance,
    engine: Engine,
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
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        let mut engine = Engine::new(key);
        let listener = Listener {
            name: "udp".parse().unwrap(),
            protocol: trunkline::model::Protocol::Udp,
            bound: ENGINE.parse().unwrap(),
            public: None,
            local: BTreeMap::new(),
        };
        engine.handle_command(Moment::START, Command::Listen(0, listener));
        let addresses = ["127.0.0.2:5060", "127.0.0.3:5060", "127.0.0.9:5060"];
        let agents = addresses.map(|address| Agent::new(address, ENGINE));
        let loss = chance.below(35);
        let mut world = Self {
            now: Moment::START,
            chance,
            engine,
            agents: agents.into_iter().map(|agent| (agent.address, agent)).collect(),
            air: BTreeMap::new(),
            serial: 0,
            loss,
            generation: 0,
        };
        world.install(&resources(1));
        world
    }

    fn install(&mut self, resources: &ResourceSet) {
        self.generation += 1;
        let revision = Revision(format!("sim@{}", self.generation));
        let compiled =
            Box::new(Compiled::new(self.generation, revision, resources, Resolved::default()));
        self.engine.handle_command(self.now, Command::Install(compiled));
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
        let engine: SocketAddr = ENGINE.parse().unwrap();
        let mut sent = Vec::new();
        while let Some(output) = self.engine.poll_output() {
            if let Output::Transmit(transmit) = output {
                sent.push((engine, transmit.flow.remote, transmit.packet));
            }
        }
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
        } else {
            let input = Input::Received { transport: 0, source: from, bytes: packet };
            self.engine.handle_input(self.now, input);
        }
    }

    fn next(&self) -> Option<Moment> {
        let air = self.air.keys().next().map(|key| key.0);
        let agents = self.agents.values().filter_map(Agent::next);
        agents.chain(air).chain(self.engine.next_timeout()).min()
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
        self.engine.handle_timeout(self.now);
    }

    fn run(&mut self) {
        let end = Moment::START + END;
        for call in 0..CALLS {
            let (from, number) = match self.chance.below(2) {
                0 => ("127.0.0.2:5060", format!("441{:02}", call % 100)),
                _ => ("127.0.0.9:5060", format!("0049{call}")),
            };
            let agent = self.agents.get_mut(&from.parse().unwrap()).unwrap();
            agent.call(self.now, &mut self.chance, &number, &format!("c{call}"));
            // Calls overlap, and generations change while they are in progress.
            let until = self.now + Duration::from_millis(self.chance.below(30_000));
            while self.next().is_some_and(|next| next < until) {
                self.step();
            }
            self.now = until;
            self.install(&resources(2 + call));
        }
        while self.now < end {
            self.step();
        }
    }
}

#[test]
fn every_call_ends_and_nothing_is_left_whatever_the_network_does() {
    let (mut answered, mut failed) = (0, 0);
    for seed in 0..SEEDS {
        println!("seed {seed}");
        let mut world = World::new(seed);
        world.run();
        let observed = world.engine.observe(world.now);
        assert_eq!(observed.active_calls, 0, "{observed:#?}");
        assert!(observed.trunks.iter().all(|trunk| trunk.active_calls == 0));
        // Keep-alive goes on for ever: switched off, the last of it ends, too.
        world.install(&ResourceSet::default());
        let end = world.now + Duration::from_secs(100);
        while world.next().is_some_and(|next| next < end) {
            world.step();
        }
        assert_eq!(world.engine.in_progress(), [0, 0, 0]);
        for agent in world.agents.values() {
            assert!(agent.is_idle(), "{agent:#?}");
            answered += agent.answered;
            failed += agent.failed;
        }
    }
    // The simulation must have seen both, or it proves nothing.
    assert!(answered > 300 && failed > 300, "{answered} answered, {failed} failed");
}
