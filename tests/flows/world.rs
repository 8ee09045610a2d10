//! The engine between a carrier, another carrier and a PBX, with a clock that the test owns.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use trunkline::engine::{Command, Compiled, Engine, Event, Input, Listener, Output};
use trunkline::locate::Question;
use trunkline::model::{Observed, Protocol, Resolved, Resource, ResourceSet, Revision};
use trunkline::sip::{HeaderName, Message};
use trunkline::transaction::{ConnectionId, FarEnd, Flow, Link, Moment, Transmit};

use crate::manifests::resource;
pub(crate) use crate::manifests::{config, set};
use crate::zone::Zone;

/// A carrier, identified by its address.
pub(crate) const CARRIER_A: &str = "127.0.0.2:5060";
/// Another carrier.
pub(crate) const CARRIER_B: &str = "127.0.0.3:5060";
/// The tenant's PBX.
pub(crate) const PBX: &str = "127.0.0.9:5060";
/// Nobody.
pub(crate) const STRANGER: &str = "127.0.0.66:5060";
/// A session description, as far as the engine cares.
pub(crate) const SDP: &str = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\n";

pub(crate) struct World {
    pub(crate) engine: Engine,
    pub(crate) now: Moment,
    pub(crate) events: Vec<Event>,
    pub(crate) zone: Zone,
    sent: VecDeque<(SocketAddr, Message)>,
    last: Option<Transmit>,
    last_to: BTreeMap<SocketAddr, Transmit>,
    generation: u64,
    secrets: Resolved,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(&config())
    }

    pub(crate) fn with(config: &[Value]) -> Self {
        Self::with_zone(config, Zone::default())
    }

    /// One with a DNS.
    pub(crate) fn with_zone(config: &[Value], zone: Zone) -> Self {
        let mut world = Self {
            engine: Engine::new([7; 32]),
            now: Moment::START,
            events: Vec::new(),
            zone,
            sent: VecDeque::new(),
            last: None,
            last_to: BTreeMap::new(),
            generation: 0,
            secrets: Resolved::default(),
        };
        let listener = Listener {
            name: "udp".parse().unwrap(),
            protocol: Protocol::Udp,
            bound: "127.0.0.1:5060".parse().unwrap(),
            public: None,
            local: BTreeMap::new(),
        };
        world.engine.handle_command(world.now, Command::Listen(0, listener));
        world.install(config);
        world
    }

    /// A listener for connections beside the one for datagrams, at the same address and port.
    pub(crate) fn listen_tcp(&mut self, config: &mut Vec<Value>) {
        let spec = json!({ "protocol": "tcp", "bind": "127.0.0.1", "port": 5060 });
        self.listen_more(config, 1, ("tcp", Protocol::Tcp, 5060), &spec);
    }

    /// One more listener.
    pub(crate) fn listen_more(
        &mut self,
        config: &mut Vec<Value>,
        number: u32,
        (name, protocol, port): (&str, Protocol, u16),
        spec: &Value,
    ) {
        config.push(resource("Transport", None, name, spec));
        let listener = Listener {
            protocol,
            name: name.parse().unwrap(),
            bound: ([127, 0, 0, 1], port).into(),
            public: None,
            local: BTreeMap::new(),
        };
        self.engine.handle_command(self.now, Command::Listen(number, listener));
        self.install(config);
    }

    /// A message arrives over a connection.
    pub(crate) fn send_over(&mut self, connection: u64, from: &str, text: &str) {
        let message = Message::parse_datagram(text.as_bytes());
        let flow = stream(connection, from);
        self.engine.handle_input(self.now, Input::Framed { flow, message });
        self.drain();
    }

    /// The same over TLS, at listener 2.
    pub(crate) fn send_tls(&mut self, connection: u64, from: &str, text: &str) {
        let message = Message::parse_datagram(text.as_bytes());
        let link = Link::Secure(Some(ConnectionId(connection)), FarEnd::default());
        let flow = Flow { transport: 2, remote: from.parse().unwrap(), link };
        self.input(Input::Framed { flow, message });
    }

    /// A connection is gone.
    pub(crate) fn lose(&mut self, connection: u64, from: &str) {
        let flow = stream(connection, from);
        let connection = ConnectionId(connection);
        self.engine.handle_input(self.now, Input::Lost { connection, flow });
        self.drain();
    }

    /// The way that the last packet went.
    pub(crate) fn last_flow(&self) -> Flow {
        self.last.as_ref().unwrap().flow
    }

    pub(crate) fn install(&mut self, config: &[Value]) {
        let resource = |value: &Value| -> Arc<Resource> {
            Arc::new(serde_json::from_value(value.clone()).unwrap())
        };
        let set: ResourceSet = config.iter().map(resource).collect();
        self.generation += 1;
        let revision = Revision(format!("test@{}", self.generation));
        self.secrets = Resolved::of(&set, &self.secrets, &crate::proof::look_up);
        let secrets = self.secrets.clone();
        let compiled = Box::new(Compiled::new(self.generation, revision, &set, secrets));
        self.engine.handle_command(self.now, Command::Install(compiled));
        self.drain();
    }

    /// A datagram arrives.
    pub(crate) fn send(&mut self, from: &str, text: &str) {
        let source = from.parse().unwrap();
        let input = Input::Received { transport: 0, source, bytes: text.as_bytes() };
        self.engine.handle_input(self.now, input);
        self.drain();
    }

    /// Anything else happens.
    pub(crate) fn input(&mut self, input: Input<'_>) {
        self.engine.handle_input(self.now, input);
        self.drain();
    }

    /// The last packet could not be sent.
    pub(crate) fn refuse_last(&mut self) {
        let last = self.last.take().unwrap();
        self.engine.handle_input(self.now, Input::Unsent(last));
        self.drain();
    }

    /// The last packet to there could not be sent.
    pub(crate) fn refuse_to(&mut self, to: &str) {
        let last = self.last_to.remove(&to.parse().unwrap()).unwrap();
        self.input(Input::Unsent(last));
    }

    /// The DNS answers a question that it was asked before.
    pub(crate) fn answer(&mut self, question: &Question) {
        let answer = self.zone.answer(question).unwrap();
        self.engine.handle_input(self.now, Input::Answered(question, answer));
        self.drain();
    }

    /// The next message that was sent there, whatever was sent elsewhere before it.
    pub(crate) fn expect(&mut self, to: &str) -> Message {
        let to: SocketAddr = to.parse().unwrap();
        let place = self.sent.iter().position(|(remote, _)| *remote == to);
        let place = place.unwrap_or_else(|| panic!("nothing for {to} in {:#?}", self.sent));
        self.sent.remove(place).unwrap().1
    }

    /// The next message there is a response with this code, or a request with this method.
    pub(crate) fn expect_is(&mut self, to: &str, what: &str) -> Message {
        let message = self.expect(to);
        assert_eq!(kind(&message), what, "{message:?}");
        message
    }

    /// Whether something was sent there that no one has expected yet.
    pub(crate) fn waits(&self, to: &str) -> bool {
        self.sent.iter().any(|(remote, _)| *remote == to.parse().unwrap())
    }

    /// Nothing was sent that no one has expected.
    pub(crate) fn quiet(&self) {
        assert!(self.sent.is_empty(), "{:#?}", self.sent);
    }

    /// Forgets what was sent.
    pub(crate) fn clear(&mut self) -> Vec<(SocketAddr, Message)> {
        self.sent.drain(..).collect()
    }

    /// Time passes, stopping at every deadline.
    pub(crate) fn pass(&mut self, span: Duration) {
        let until = self.now + span;
        while let Some(due) = self.engine.next_timeout().filter(|due| *due <= until) {
            self.now = due.max(self.now);
            self.engine.handle_timeout(self.now);
            self.drain();
        }
        self.now = until;
    }

    pub(crate) fn pass_ms(&mut self, millis: u64) {
        self.pass(Duration::from_millis(millis));
    }

    pub(crate) fn observe(&self) -> Observed {
        self.engine.observe(self.now)
    }

    pub(crate) fn refusals(&self, word: &str) -> u64 {
        self.observe().refusals.get(word).copied().unwrap_or_default()
    }

    /// The words of the events so far.
    pub(crate) fn told(&self) -> Vec<String> {
        let counted = |event: &&Event| matches!(event, Event::Counted(..) | Event::Stranger { .. });
        self.events.iter().filter(|event| !counted(event)).map(word).collect()
    }

    /// The words of what is told of strangers.
    pub(crate) fn strangers(&self) -> Vec<String> {
        let strangers = self.events.iter().filter(|event| matches!(event, Event::Stranger { .. }));
        strangers.map(word).collect()
    }

    /// Everything is over: no call, no transaction, no far end, no seat is left.
    pub(crate) fn assert_all_over(&mut self) {
        self.pass(Duration::from_secs(200));
        assert_eq!(self.engine.in_progress(), [0, 0, 0]);
        let observed = self.observe();
        assert_eq!(observed.active_calls, 0);
        assert!(observed.trunks.iter().all(|trunk| trunk.active_calls == 0));
    }

    fn drain(&mut self) {
        while let Some(output) = self.engine.poll_output() {
            match output {
                Output::Event(event) => self.events.push(event),
                Output::Ask(question) => {
                    if let Some(answer) = self.zone.answer(&question) {
                        self.engine.handle_input(self.now, Input::Answered(&question, answer));
                    }
                }
                Output::Transmit(transmit) => {
                    let Transmit { flow, packet, .. } = transmit.clone();
                    self.last_to.insert(flow.remote, transmit.clone());
                    self.last = Some(transmit);
                    let message = Message::parse_datagram(&packet);
                    let message = message.unwrap_or_else(|error| {
                        panic!("{error} in what we sent: {}", packet.escape_ascii())
                    });
                    self.sent.push_back((flow.remote, message));
                }
            }
        }
    }
}

fn word(event: &Event) -> String {
    match event {
        Event::Began(_) => "began".to_owned(),
        Event::Failover { reason, code, .. } => format!("failover {reason} {code}"),
        Event::Answered(_) => "answered".to_owned(),
        Event::Ended { reason, code, .. } => format!("ended {reason} {code}"),
        Event::Refused { reason, code, .. } => format!("refused {reason} {code}"),
        Event::Registration(trunk, state, code) => format!("{trunk} {state:?} {code:?}"),
        Event::Health(trunk, health) => format!("{trunk} {health:?}"),
        Event::Counted(reason, count) => format!("counted {reason} {count}"),
        Event::Stranger { source, near, .. } => {
            let near = near.as_ref().map(|(id, why)| format!(" {id} {why}"));
            format!("{source}{}", near.unwrap_or_default())
        }
    }
}

/// A connection of the second listener.
pub(crate) fn stream(connection: u64, remote: &str) -> Flow {
    let link = Link::Stream(Some(ConnectionId(connection)));
    Flow { transport: 1, remote: remote.parse().unwrap(), link }
}

/// `INVITE`, or `180 INVITE`.
pub(crate) fn kind(message: &Message) -> String {
    let method = String::from_utf8_lossy(message.method().as_bytes()).into_owned();
    match message.status() {
        Some(code) => format!("{code} {method}"),
        None => method,
    }
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

pub(crate) fn value(message: &Message, name: HeaderName) -> String {
    text(message.value(name).unwrap_or_default())
}

/// One end of one dialog, as simple as a phone can be.
#[derive(Clone)]
pub(crate) struct Phone {
    pub(crate) address: &'static str,
    pub(crate) call_id: String,
    /// Our side with its tag.
    pub(crate) local: String,
    /// Their side, with its tag once it is known.
    pub(crate) remote: String,
    pub(crate) target: String,
    pub(crate) cseq: u32,
    pub(crate) branch: u32,
    invite: Option<Message>,
}

impl Phone {
    /// One that calls `called` from `caller`.
    pub(crate) fn calling(
        address: &'static str,
        caller: &str,
        called: &str,
        call_id: &str,
    ) -> Self {
        Self {
            address,
            call_id: call_id.into(),
            local: format!("<sip:{caller}@{address}>;tag=from-{call_id}"),
            remote: format!("<sip:{called}@127.0.0.1>"),
            target: format!("sip:{called}@127.0.0.1:5060"),
            cseq: 0,
            branch: 0,
            invite: None,
        }
    }

    /// One that has an INVITE in front of it.
    pub(crate) fn called(address: &'static str, invite: &Message) -> Self {
        let call_id = text(invite.call_id());
        Self {
            address,
            local: format!("{};tag=to-{call_id}", value(invite, HeaderName::To)),
            remote: value(invite, HeaderName::From),
            target: text(invite.contact().unwrap().uri.raw),
            cseq: 0,
            branch: 0,
            invite: Some(invite.clone()),
            call_id,
        }
    }

    /// The text of a request with a new CSeq.
    pub(crate) fn request(&mut self, method: &str, headers: &str, body: &str) -> String {
        self.cseq += 1;
        self.branch += 1;
        self.print(method, headers, body)
    }

    /// The text of a request with the CSeq and branch of the last.
    pub(crate) fn print(&self, method: &str, headers: &str, body: &str) -> String {
        let Self { address, call_id, local, remote, target, cseq, branch, .. } = self;
        format!(
            "{method} {target} SIP/2.0\r\nVia: SIP/2.0/UDP {address};branch=z9hG4bK-{call_id}-{branch};rport\r\n\
             Max-Forwards: 70\r\nFrom: {local}\r\nTo: {remote}\r\nCall-ID: {call_id}\r\n\
             CSeq: {cseq} {method}\r\nContact: <sip:{address}>\r\n{headers}Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
    }

    pub(crate) fn invite(&mut self, world: &mut World) {
        let text = self.request("INVITE", "Content-Type: application/sdp\r\n", SDP);
        world.send(self.address, &text);
    }

    /// Sends a request inside the dialog.
    pub(crate) fn send(&mut self, world: &mut World, method: &str) {
        let text = self.request(method, "", "");
        world.send(self.address, &text);
    }

    /// The CANCEL of the last INVITE.
    pub(crate) fn cancel(&self, world: &mut World) {
        world.send(self.address, &self.print("CANCEL", "", ""));
    }

    /// The ACK of a failure: same branch.
    pub(crate) fn ack_failure(&self, world: &mut World) {
        world.send(self.address, &self.print("ACK", "", ""));
    }

    /// The ACK of a 2xx: a branch of its own.
    pub(crate) fn ack(&mut self, world: &mut World) {
        self.branch += 1;
        world.send(self.address, &self.print("ACK", "", ""));
    }

    /// Takes tag and target from a 2xx (or 18x).
    pub(crate) fn learn(&mut self, response: &Message) {
        self.remote = value(response, HeaderName::To);
        if let Some(contact) = response.contact() {
            self.target = text(contact.uri.raw);
        }
    }

    /// Expects a 2xx to the INVITE, learns from it and acknowledges it.
    pub(crate) fn take_answer(&mut self, world: &mut World) -> Message {
        let answer = world.expect_is(self.address, "200 INVITE");
        self.learn(&answer);
        self.ack(world);
        answer
    }

    /// The INVITE in front of it.
    pub(crate) fn invited(&self) -> &Message {
        self.invite.as_ref().unwrap()
    }

    /// Answers the INVITE in front of it.
    pub(crate) fn answer(&self, world: &mut World, code: u16, body: &str) {
        let invite = self.invite.clone().unwrap();
        self.reply(world, &invite, code, body);
    }

    /// Answers any request.
    pub(crate) fn reply(&self, world: &mut World, request: &Message, code: u16, body: &str) {
        world.send(self.address, &self.response(request, code, body));
    }

    /// Answers any request, saying more.
    pub(crate) fn reply_with(
        &self,
        world: &mut World,
        request: &Message,
        (code, headers): (u16, &str),
        body: &str,
    ) {
        let text = self.response(request, code, body);
        let headers = format!("{headers}Content-Length");
        world.send(self.address, &text.replacen("Content-Length", &headers, 1));
    }

    /// Another fork of the same far end.
    pub(crate) fn fork(&self, name: &str) -> Self {
        Self { local: self.local.replace("tag=to-", &format!("tag={name}-")), ..self.clone() }
    }

    pub(crate) fn response(&self, request: &Message, code: u16, body: &str) -> String {
        let via = value(request, HeaderName::Via);
        let to = if request.to().tag().is_some() {
            value(request, HeaderName::To)
        } else {
            self.local.clone()
        };
        format!(
            "SIP/2.0 {code} Test\r\nVia: {via}\r\nFrom: {}\r\nTo: {to}\r\nCall-ID: {}\r\nCSeq: {}\r\n\
             Contact: <sip:{}>\r\nContent-Length: {}\r\n\r\n{body}",
            value(request, HeaderName::From),
            self.call_id,
            value(request, HeaderName::CSeq),
            self.address,
            body.len()
        )
    }
}

/// A call from the carrier to the PBX, answered and acknowledged: both ends.
pub(crate) fn inbound_call(world: &mut World, call_id: &str) -> (Phone, Phone) {
    let mut caller = Phone::calling(CARRIER_A, "447700900123", "+442079460007", call_id);
    caller.invite(world);
    world.expect_is(CARRIER_A, "100 INVITE");
    let invite = world.expect_is(PBX, "INVITE");
    let callee = Phone::called(PBX, &invite);
    callee.answer(world, 180, "");
    world.expect_is(CARRIER_A, "180 INVITE");
    callee.answer(world, 200, SDP);
    caller.take_answer(world);
    world.expect_is(PBX, "ACK");
    world.quiet();
    (caller, callee)
}
