//! A telephone for simulations: its own transactions, a will of its own from a seeded generator.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use trunkline::sip::{HeaderName, Message, Method};
use trunkline::transaction::{
    Chance, Class, ClientKey, Flow, GIVE_UP, Moment, Notice, Packet, Request, Response, ServerId,
    ServerKey, Status, T1, T2, Table, Transmit,
};

/// What a telephone does by itself at some time.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Will {
    Ring,
    /// A reliable provisional response again, until its PRACK: interval and end.
    RingAgain(Duration, Moment),
    /// A request inside the call.
    Ask,
    Answer(u16),
    Repeat(Duration, Moment),
    Cancel,
    HangUp,
    Reinvite,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Early,
    Talking,
    Over,
}

/// One dialog of one telephone.
#[derive(Debug)]
pub(crate) struct Talk {
    pub(crate) state: State,
    pub(crate) local: String,
    pub(crate) remote: String,
    pub(crate) target: String,
    pub(crate) cseq: u32,
    /// That of our last INVITE.
    invited: u32,
    /// Our INVITE: its transaction, text and final codes.
    pub(crate) ours: Option<(ClientKey, Packet)>,
    finals: BTreeSet<u16>,
    pub(crate) provisional: bool,
    ack: Option<Packet>,
    /// Their INVITE, and our answer until its ACK.
    pub(crate) theirs: Option<(ServerKey, Message)>,
    answer: Option<Packet>,
    /// Our reliable provisional response until its PRACK.
    pub(crate) ringing: Option<Packet>,
    /// The RSeq of the last one of theirs that we acknowledged.
    pub(crate) pracked: u32,
}

#[derive(Debug)]
pub(crate) struct Agent {
    pub(crate) address: SocketAddr,
    pub(crate) engine: SocketAddr,
    pub(crate) table: Table<u64>,
    pub(crate) talks: BTreeMap<String, Talk>,
    pub(crate) wills: BTreeMap<(Moment, u64), (String, Will)>,
    pub(crate) serial: u64,
    pub(crate) answered: u32,
    pub(crate) failed: u32,
}

const SDP_TYPE: &str = "Content-Type: application/sdp\r\n";
const SDP: &str = "v=0\r\ns=sim\r\n";

pub(crate) fn value(message: &Message, name: HeaderName) -> String {
    String::from_utf8(message.value(name).unwrap_or_default().to_vec()).unwrap()
}

/// The ACK of a failure or the CANCEL of an INVITE: the same but for the method and To.
pub(crate) fn like_invite(invite: &[u8], method: &str, to: Option<String>) -> Packet {
    let message = Message::parse_datagram(invite).unwrap();
    let to = to.unwrap_or_else(|| value(&message, HeaderName::To));
    let uri = String::from_utf8_lossy(message.request_uri_bytes()).into_owned();
    format!(
        "{method} {uri} SIP/2.0\r\nVia: {}\r\nMax-Forwards: 70\r\nFrom: {}\r\nTo: {to}\r\n\
         Call-ID: {}\r\nCSeq: {} {method}\r\nContent-Length: 0\r\n\r\n",
        value(&message, HeaderName::Via),
        value(&message, HeaderName::From),
        value(&message, HeaderName::CallId),
        message.cseq().number
    )
    .into_bytes()
    .into()
}

fn class(method: Method<'_>) -> Class {
    let class = [
        (Method::Invite, Class::Invite),
        (Method::Ack, Class::Invite),
        (Method::Cancel, Class::Cancel),
    ];
    class.iter().find(|(of, _)| *of == method).map_or(Class::Other, |(_, class)| *class)
}

impl Agent {
    pub(crate) fn new(address: &str, engine: &str) -> Self {
        Self {
            address: address.parse().unwrap(),
            engine: engine.parse().unwrap(),
            table: Table::new(10_000),
            talks: BTreeMap::new(),
            wills: BTreeMap::new(),
            serial: 0,
            answered: 0,
            failed: 0,
        }
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.table.is_empty() && self.talks.values().all(|talk| talk.state == State::Over)
    }

    pub(crate) fn next(&self) -> Option<Moment> {
        let will = self.wills.keys().next().map(|key| key.0);
        self.table.next_timeout().into_iter().chain(will).min()
    }

    pub(crate) fn poll_transmit(&mut self) -> Option<Transmit> {
        self.table.poll_transmit().map(|(transmit, _)| transmit)
    }

    /// Calls a number, and decides how long to wait, to talk.
    pub(crate) fn call(&mut self, now: Moment, chance: &mut Chance, number: &str, call_id: &str) {
        let address = self.address;
        let talk = Talk {
            state: State::Early,
            local: format!("<sip:1001@{address}>;tag=a{call_id}"),
            remote: format!("<sip:{number}@{}>", self.engine),
            target: format!("sip:{number}@{}", self.engine),
            cseq: 0,
            invited: 0,
            ours: None,
            finals: BTreeSet::new(),
            provisional: false,
            ack: None,
            theirs: None,
            answer: None,
            ringing: None,
            pracked: 0,
        };
        self.talks.insert(call_id.to_owned(), talk);
        self.invite(now, chance, call_id);
        if chance.below(4) == 0 {
            self.will(now, chance, 20_000, call_id, Will::Cancel);
        }
    }

    pub(crate) fn flow(&self) -> Flow {
        Flow { transport: 0, remote: self.engine, link: trunkline::transaction::Link::Datagram }
    }

    pub(crate) fn will(
        &mut self,
        now: Moment,
        chance: &mut Chance,
        most: u64,
        call_id: &str,
        will: Will,
    ) {
        self.serial += 1;
        let at = now + Duration::from_millis(1 + chance.below(most));
        self.wills.insert((at, self.serial), (call_id.to_owned(), will));
    }

    fn print(&self, call_id: &str, method: &str, branch: &str, headers: &str) -> Packet {
        let Talk { local, remote, target, cseq, invited, .. } = &self.talks[call_id];
        let address = self.address;
        let cseq = if method == "ACK" { invited } else { cseq };
        format!(
            "{method} {target} SIP/2.0\r\nVia: SIP/2.0/UDP {address};branch={branch};rport\r\n\
             Max-Forwards: 70\r\nFrom: {local}\r\nTo: {remote}\r\nCall-ID: {call_id}\r\n\
             CSeq: {cseq} {method}\r\nContact: <sip:{address}>\r\n{headers}Content-Length: 0\r\n\r\n"
        )
        .into_bytes()
        .into()
    }

    pub(crate) fn request(
        &mut self,
        now: Moment,
        chance: &mut Chance,
        call_id: &str,
        (method, headers): (&str, &str),
    ) -> ClientKey {
        let class = if method == "INVITE" { Class::Invite } else { Class::Other };
        let key = self.table.open_client(class, self.flow(), 0, chance).unwrap();
        let mut branch = Vec::new();
        key.write_branch(&mut branch);
        self.talks.get_mut(call_id).unwrap().cseq += 1;
        let branch = std::str::from_utf8(&branch).unwrap();
        let packet = self.print(call_id, method, branch, headers);
        self.table.start_client(key, packet.clone(), now);
        if method == "INVITE" {
            let talk = self.talks.get_mut(call_id).unwrap();
            talk.invited = talk.cseq;
            talk.ours = Some((key, packet));
            talk.finals.clear();
            talk.provisional = false;
        }
        key
    }

    fn invite(&mut self, now: Moment, chance: &mut Chance, call_id: &str) {
        let headers = Self::abilities(chance);
        self.request(now, chance, call_id, ("INVITE", headers));
    }

    fn hang_up(&mut self, now: Moment, chance: &mut Chance, call_id: &str) {
        if self.talks[call_id].state == State::Talking {
            let talk = self.talks.get_mut(call_id).unwrap();
            talk.state = State::Over;
            // After our BYE nobody owes our re-INVITE an answer any more.
            let pending = talk.ours.as_ref().map(|(key, _)| *key);
            pending.into_iter().for_each(|key| self.table.bound_client(key, now));
            self.request(now, chance, call_id, ("BYE", ""));
        }
    }

    pub(crate) fn receive(&mut self, now: Moment, chance: &mut Chance, bytes: &[u8]) {
        let message = Message::parse_datagram(bytes)
            .unwrap_or_else(|error| panic!("{error}: {}", bytes.escape_ascii()));
        if message.is_request() {
            self.on_request(now, chance, message);
        } else {
            self.on_response(now, chance, &message);
        }
    }

    fn on_response(&mut self, now: Moment, chance: &mut Chance, message: &Message) {
        let code = message.status().unwrap();
        let class = class(message.method());
        let ack =
            |invite: &[u8]| Some(like_invite(invite, "ACK", Some(value(message, HeaderName::To))));
        let via = message.via();
        let place = (via.branch().unwrap(), class);
        let outcome = self.table.receive_response(place, Status::of(code), &ack, now);
        let Response::Deliver(key, _) = outcome else { return };
        let call_id = value(message, HeaderName::CallId);
        let talk = self.talks.get_mut(&call_id).unwrap();
        if class != Class::Invite || talk.ours.as_ref().is_none_or(|(ours, _)| *ours != key) {
            return;
        }
        if code < 200 {
            talk.provisional = true;
            self.prack(now, chance, message, &call_id);
            return;
        }
        talk.finals.insert(code);
        assert_eq!(talk.finals.len(), 1, "two finals to one INVITE");
        if code >= 300 {
            if talk.state == State::Early {
                talk.state = State::Over;
                self.failed += 1;
            }
            return;
        }
        talk.remote = value(message, HeaderName::To);
        let packet = self.print(&call_id, "ACK", &format!("z9hG4bK-ack-{}", chance.word()), "");
        let talk = self.talks.get_mut(&call_id).unwrap();
        // The same ACK for a repeated 200, also when the CSeq has gone on since.
        let packet =
            if talk.ours.is_some() { talk.ack.get_or_insert(packet).clone() } else { packet };
        self.table.send_stateless(self.flow(), packet, None);
        let talk = self.talks.get_mut(&call_id).unwrap();
        if talk.state == State::Early {
            talk.state = State::Talking;
            self.answered += 1;
            self.will(now, chance, 90_000, &call_id, Will::HangUp);
            if chance.below(3) == 0 {
                self.will(now, chance, 30_000, &call_id, Will::Reinvite);
            }
            self.will(now, chance, 60_000, &call_id, Will::Ask);
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "whatever else is sent inside a call")]
    fn on_request(&mut self, now: Moment, chance: &mut Chance, message: Message) {
        let via = message.via();
        let class = class(message.method());
        let mut id = ServerId::default();
        id.set_rfc3261(via.branch().unwrap(), (via.host, via.port.unwrap_or(5060)), class);
        let call_id = value(&message, HeaderName::CallId);
        if message.method() == Method::Ack {
            if self.table.receive_ack(&id, now).is_none()
                && let Some(talk) = self.talks.get_mut(&call_id)
            {
                talk.answer = None;
            }
            return;
        }
        let Request::New(server) = self.table.receive_request(&id, class, self.flow(), now) else {
            return;
        };
        match message.method() {
            Method::Invite if message.to().tag().is_none() => {
                self.on_invite(now, chance, message, server);
            }
            Method::Invite => self.on_reinvite(now, chance, &message, server),
            Method::Cancel => {
                self.reply(now, &message, server, 200);
                self.decide(now, chance, &call_id, 487);
            }
            Method::Bye => {
                let known = self.talks.get_mut(&call_id);
                let code = if known.is_some() { 200 } else { 481 };
                known.into_iter().for_each(|talk| {
                    talk.state = State::Over;
                    talk.answer = None;
                });
                self.reply(now, &message, server, code);
            }
            _ => self.on_inside(now, chance, &message, server),
        }
    }

    fn on_invite(&mut self, now: Moment, chance: &mut Chance, invite: Message, server: ServerKey) {
        let call_id = value(&invite, HeaderName::CallId);
        let talk = Talk {
            state: State::Early,
            local: format!("{};tag=b{call_id}", value(&invite, HeaderName::To)),
            remote: value(&invite, HeaderName::From),
            target: String::from_utf8(invite.contact().unwrap().uri.raw.to_vec()).unwrap(),
            cseq: 0,
            invited: 0,
            ours: None,
            finals: BTreeSet::new(),
            provisional: false,
            ack: None,
            theirs: Some((server, invite)),
            answer: None,
            ringing: None,
            pracked: 0,
        };
        self.talks.insert(call_id.clone(), talk);
        if chance.below(2) == 0 {
            self.will(now, chance, 2_000, &call_id, Will::Ring);
        }
        let code = [200, 200, 200, 486, 503][usize::try_from(chance.below(5)).unwrap()];
        self.will(now, chance, 25_000, &call_id, Will::Answer(code));
    }

    fn on_reinvite(
        &mut self,
        now: Moment,
        chance: &mut Chance,
        invite: &Message,
        server: ServerKey,
    ) {
        let call_id = value(invite, HeaderName::CallId);
        let talking = self.talks.get(&call_id).is_some_and(|talk| talk.state == State::Talking);
        let code = if !talking {
            481
        } else if self.talks[&call_id].answer.is_some() {
            491
        } else {
            [200, 200, 488][usize::try_from(chance.below(3)).unwrap()]
        };
        let packet = self.reply(now, invite, server, code);
        if code == 200 {
            let talk = self.talks.get_mut(&call_id).unwrap();
            talk.theirs = Some((server, invite.clone()));
            talk.answer = Some(packet);
            self.will(now, chance, 1, &call_id, Will::Repeat(T1, now + GIVE_UP));
        }
    }

    pub(crate) fn reply(
        &mut self,
        now: Moment,
        request: &Message,
        server: ServerKey,
        code: u16,
    ) -> Packet {
        self.reply_with(now, (request, server), code, "")
    }

    pub(crate) fn reply_with(
        &mut self,
        now: Moment,
        (request, server): (&Message, ServerKey),
        code: u16,
        headers: &str,
    ) -> Packet {
        let call_id = value(request, HeaderName::CallId);
        let own = self.talks.get(&call_id).map(|talk| talk.local.clone());
        let to = match request.to().tag() {
            Some(_) => value(request, HeaderName::To),
            None => own.unwrap_or_else(|| format!("{};tag=x", value(request, HeaderName::To))),
        };
        let invited = request.method() == Method::Invite && code == 200;
        let (headers, body) = if invited { (SDP_TYPE, SDP) } else { (headers, "") };
        let packet: Packet = format!(
            "SIP/2.0 {code} Sim\r\nVia: {}\r\nFrom: {}\r\nTo: {to}\r\nCall-ID: {call_id}\r\n\
             CSeq: {}\r\nContact: <sip:{}>\r\n{headers}Content-Length: {}\r\n\r\n{body}",
            value(request, HeaderName::Via),
            value(request, HeaderName::From),
            value(request, HeaderName::CSeq),
            self.address,
            body.len()
        )
        .into_bytes()
        .into();
        self.table.respond(server, Status::of(code), packet.clone(), now);
        packet
    }

    /// The final answer to the first INVITE, unless there was one.
    fn decide(&mut self, now: Moment, chance: &mut Chance, call_id: &str, code: u16) {
        let Some(talk) = self.talks.get(call_id) else { return };
        let Some((server, invite)) = &talk.theirs else { return };
        if talk.state != State::Early {
            return;
        }
        let (server, invite) = (*server, invite.clone());
        let packet = self.reply(now, &invite, server, code);
        let talk = self.talks.get_mut(call_id).unwrap();
        if code >= 300 {
            (talk.state, talk.ringing) = (State::Over, None);
            return;
        }
        talk.state = State::Talking;
        talk.answer = Some(packet);
        talk.ringing = None;
        self.will(now, chance, 1, call_id, Will::Repeat(T1, now + GIVE_UP));
        self.will(now, chance, 90_000, call_id, Will::HangUp);
        self.will(now, chance, 60_000, call_id, Will::Ask);
        if chance.below(4) == 0 {
            self.will(now, chance, 30_000, call_id, Will::Reinvite);
        }
    }

    /// Time has come to `now`.
    pub(crate) fn pass(&mut self, now: Moment, chance: &mut Chance) {
        while let Some(notice) = self.table.poll_timeout(now) {
            let Notice::Client(key, ..) = notice else { continue };
            let lost = |talk: &&mut Talk| talk.ours.as_ref().is_some_and(|(ours, _)| *ours == key);
            // Nobody answers an INVITE: the dialog is over for this telephone.
            for talk in self.talks.values_mut().filter(lost) {
                self.failed += u32::from(talk.state == State::Early);
                talk.state = State::Over;
            }
        }
        while let Some(entry) = self.wills.first_entry().filter(|entry| entry.key().0 <= now) {
            let (call_id, will) = entry.remove();
            self.act(now, chance, &call_id, will);
        }
    }

    fn act(&mut self, now: Moment, chance: &mut Chance, call_id: &str, will: Will) {
        let talk = &self.talks[call_id];
        match will {
            Will::Ring => {
                if let (State::Early, Some(theirs)) = (talk.state, talk.theirs.clone()) {
                    self.ring(now, chance, call_id, &theirs);
                }
            }
            Will::Answer(code) => self.decide(now, chance, call_id, code),
            Will::Repeat(interval, give_up) => {
                let Some((answer, (server, _))) = talk.answer.clone().zip(talk.theirs.clone())
                else {
                    return;
                };
                if now >= give_up {
                    self.talks.get_mut(call_id).unwrap().answer = None;
                    self.hang_up(now, chance, call_id);
                    return;
                }
                self.table.respond(server, Status::Success, answer, now);
                self.serial += 1;
                let next = Will::Repeat((interval * 2).min(T2), give_up);
                self.wills.insert((now + interval, self.serial), (call_id.to_owned(), next));
            }
            Will::RingAgain(interval, end) => self.ring_again(now, call_id, (interval, end)),
            Will::Ask => self.ask(now, chance, call_id),
            Will::Cancel => self.cancel(now, chance, call_id),
            Will::HangUp => self.hang_up(now, chance, call_id),
            Will::Reinvite => {
                if talk.state == State::Talking && talk.answer.is_none() {
                    self.talks.get_mut(call_id).unwrap().ack = None;
                    self.invite(now, chance, call_id);
                }
            }
        }
    }
}
