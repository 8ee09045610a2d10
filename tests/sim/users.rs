//! The users of both tables: what they ask, answer, take back and repeat, told to the models as well.

use std::collections::BTreeSet;

use trunkline::transaction::{
    Class, ClientKey, ConnectionId, Flow, Request, Response, ServerId, Status,
};

use super::{CODES, LIMIT, Ours, Run, Source, Theirs, Thing, class, flow, packet};
use crate::model::{Model, State};

impl<S: Source> Run<S> {
    pub(super) fn begin(&mut self) {
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

    pub(super) fn live_clients(&self) -> usize {
        self.ours.iter().filter(|one| one.model.state != State::Terminated).count()
    }

    pub(super) fn live_servers(&self) -> usize {
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

    pub(super) fn cancel(&mut self, place: usize) {
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

    pub(super) fn lose(&mut self, connection: u64) {
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
            } else if one.model.unreachable(self.now).told.is_some() {
                expected.insert(u64::try_from(one.number).unwrap());
            }
        }
        assert_eq!(told, expected);
    }

    /// A packet arrives at the server.
    pub(super) fn on_request(&mut self, text: &str) {
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
                self.theirs.push(Theirs {
                    key,
                    name,
                    owned,
                    acknowledged: false,
                    connection,
                    model,
                });
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
        if self.by_chance(5) {
            let after = self.source.below(50_000);
            self.plan(after, Thing::Undelivered(place));
        }
        if self.by_chance(3) {
            let after = self.source.below(20_000);
            self.plan(after, Thing::Forget(place));
        } else {
            let code = CODES[usize::try_from(3 + self.source.below(7)).unwrap()];
            self.plan(45_000, Thing::Answer(place, code));
        }
    }

    /// The last response cannot be sent: over its connection, then over any other one.
    pub(super) fn undelivered(&mut self, place: usize) {
        let now = self.at();
        let one = &mut self.theirs[place];
        let connection = one.connection;
        let over = flow(connection);
        if connection.is_some() && one.model.state != State::Terminated {
            let told = self.server.server_unreachable(one.key, (over, packet("again")), now);
            assert_eq!(told, None);
            self.expected.push("again".into());
        }
        let over = Flow { link: over.link.over_any(), ..over };
        let told = self.server.server_unreachable(one.key, (over, packet("again")), now);
        let effects = one.model.unreachable(self.now);
        assert_eq!(told.is_some(), effects.told.is_some() && one.owned);
    }

    pub(super) fn answer(&mut self, place: usize, code: u16) {
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
    pub(super) fn repeat(&mut self, place: usize, interval: u64) {
        let one = &self.theirs[place];
        if one.acknowledged || one.model.state != State::Accepted {
            return;
        }
        self.answer(place, 200);
        let next = (interval * 2).min(4_000);
        self.plan(next, Thing::Repeat(place, next));
    }

    /// A packet arrives at the client.
    pub(super) fn on_reply(&mut self, text: &str) {
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
