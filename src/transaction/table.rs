//! All transactions of one engine: client ones in a slab that our branches index, server ones behind
//! a hash map, each with one timer in the wheel.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;

use slab::Slab;

use super::entry::{Client, ClientMachine, Left, Server, ServerMachine};
use super::outcome::{Asked, Full, Notice, Origin, Request, Response, Transmit};
use super::{
    Chance, Class, ClientInvite, ClientKey, ConnectionId, Flow, Link, Moment, Packet, ServerId,
    ServerKey, Status, Tell, TimerKey, Wheel, client_invite,
};

#[derive(Debug, Clone, Copy)]
enum Timed {
    Client(u32),
    Server(u32),
}

/// The transactions of one engine. `O` names the user of each.
#[derive(Debug)]
pub struct Table<O> {
    clients: Slab<Client<O>>,
    servers: Slab<Server<O>>,
    by_id: HashMap<Box<[u8]>, u32>,
    wheel: Wheel<Timed>,
    out: VecDeque<(Transmit, Option<O>)>,
    serial: u64,
    limit: usize,
}

impl<O: Copy> Table<O> {
    /// An empty table for at most `limit` transactions on each side.
    pub fn new(limit: usize) -> Self {
        Self {
            clients: Slab::new(),
            servers: Slab::new(),
            by_id: HashMap::new(),
            wheel: Wheel::new(),
            out: VecDeque::new(),
            serial: 0,
            limit: limit.min(1 << 24),
        }
    }

    /// How many transactions there are, also those that only absorb repetitions.
    pub fn len(&self) -> usize {
        self.clients.len() + self.servers.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The next packet to send and whose it is; drain it after every call that changes anything.
    pub fn poll_transmit(&mut self) -> Option<(Transmit, Option<O>)> {
        self.out.pop_front()
    }

    /// Queues a packet that belongs to no transaction: an ACK of a 2xx, a stateless answer.
    pub fn send_stateless(&mut self, flow: Flow, packet: Packet, owner: Option<O>) {
        self.out.push_back((Transmit { flow, packet, origin: None, fallback: None }, owner));
    }

    /// When [`Self::poll_timeout`] has to be called next.
    pub fn next_timeout(&self) -> Option<Moment> {
        self.wheel.next_deadline()
    }

    /// Lets time pass; call until it returns `None`.
    pub fn poll_timeout(&mut self, now: Moment) -> Option<Notice<O>> {
        while let Some(timed) = self.wheel.poll(now) {
            let notice = match timed {
                Timed::Client(index) => self.client_time(index, now),
                Timed::Server(index) => self.server_time(index, now),
            };
            if notice.is_some() {
                return notice;
            }
        }
        None
    }

    /// Makes room for a request and with it the branch to write into it.
    pub fn open_client(
        &mut self,
        class: Class,
        flow: Flow,
        owner: O,
        chance: &mut Chance,
    ) -> Result<ClientKey, Full> {
        if self.clients.len() >= self.limit {
            return Err(Full);
        }
        let entry = self.clients.vacant_entry();
        let index = u32::try_from(entry.key()).map_err(|_| Full)?;
        let key = ClientKey::new(index, chance);
        let machine = ClientMachine::Open(class);
        entry.insert(Client {
            token: key.token,
            owner,
            flow,
            machine,
            cancel: None,
            renewed: false,
            proofs: 0,
            timer: None,
        });
        Ok(key)
    }

    /// Makes room for a request that was challenged, to be sent once more with credentials: same
    /// way, same user, and the count of its proofs goes on.
    pub fn open_again(&mut self, asked: &Asked<O>, chance: &mut Chance) -> Result<ClientKey, Full> {
        let key = self.open_client(asked.class, asked.flow, asked.owner, chance)?;
        if let Some(entry) = self.client_mut(key) {
            entry.proofs = asked.proofs.saturating_add(1);
        }
        Ok(key)
    }

    /// What a request of ours was, as long as it has no final answer. Not for a CANCEL, which nobody
    /// may challenge (RFC 3261 section 22.1).
    pub fn asked(&self, branch: &[u8], class: Class) -> Option<Asked<O>> {
        let entry = self.client(ClientKey::from_branch(branch)?)?;
        let packet = entry.machine.unanswered().filter(|_| entry.machine.is_of(class))?.clone();
        let Client { owner, flow, proofs, .. } = *entry;
        (class != Class::Cancel).then_some(Asked { class, packet, owner, flow, proofs })
    }

    /// Makes room for the CANCEL of an INVITE, to be written with the branch of `invite`.
    pub fn open_cancel(
        &mut self,
        invite: ClientKey,
        chance: &mut Chance,
    ) -> Result<Option<ClientKey>, Full> {
        let Some(entry) = self.client(invite) else { return Ok(None) };
        if entry.cancel.is_some() {
            return Ok(None);
        }
        let (flow, owner) = (entry.flow, entry.owner);
        let cancel = self.open_client(Class::Cancel, flow, owner, chance)?;
        if let Some(entry) = self.client_mut(invite) {
            entry.cancel = Some(cancel);
        }
        Ok(Some(cancel))
    }

    /// Sends the request that was written for an opened transaction.
    pub fn start_client(&mut self, key: ClientKey, request: Packet, now: Moment) {
        let Some(link) = self.client(key).map(|entry| entry.flow.link) else { return };
        self.step_client(key, |machine| machine.start(request, link, now));
    }

    /// Sends a request over a connection though its flow is one of datagrams, which it is too large
    /// for; `fallback` is that flow and the request as printed for it.
    pub fn start_client_over(
        &mut self,
        key: ClientKey,
        (flow, request): (Flow, Packet),
        fallback: (Flow, Packet),
        now: Moment,
    ) {
        let Some(entry) = self.client_mut(key) else { return };
        entry.flow = flow;
        self.start_client(key, request, now);
        if let Some((last, _)) = self.out.back_mut() {
            last.fallback = Some(Box::new(fallback));
        }
    }

    /// No connection could be had: the request goes by its fallback, as if it began now.
    pub fn fall_back(&mut self, key: ClientKey, (flow, request): (Flow, Packet), now: Moment) {
        let Some(entry) = self.client_mut(key) else { return };
        if let Some((class, _)) = entry.machine.waits() {
            (entry.flow, entry.machine) = (flow, ClientMachine::Open(class));
            self.start_client(key, request, now);
        }
    }

    /// The bytes of an INVITE that is not finally answered yet, to build its CANCEL from.
    pub fn pending_invite(&self, key: ClientKey) -> Option<&Packet> {
        match &self.client(key)?.machine {
            ClientMachine::Invite(
                ClientInvite::Calling { request, .. } | ClientInvite::Proceeding { request, .. },
            ) => Some(request),
            ClientMachine::Invite(
                ClientInvite::Completed { .. }
                | ClientInvite::Accepted { .. }
                | ClientInvite::Terminated,
            )
            | ClientMachine::Open(_)
            | ClientMachine::Other(_) => None,
        }
    }

    /// Gives an INVITE 64*T1 from now to end (RFC 3261 section 9.1).
    pub fn bound_client(&mut self, key: ClientKey, now: Moment) {
        self.step_client(key, |machine| machine.invite(client_invite::Event::Bound, now));
    }

    /// A packet of this transaction could not be sent; its user, if that ended it.
    pub fn client_unreachable(&mut self, key: ClientKey, now: Moment) -> Option<O> {
        let owner = self.client(key)?.owner;
        self.step_client(key, |machine| machine.unreachable(now)).map(|_| owner)
    }

    /// The network says that nobody is there to take a datagram of ours to `remote` with this branch.
    /// It is believed of a request of which nothing has been heard, and which went there; its bytes.
    pub fn in_vain(
        &self,
        branch: &[u8],
        (transport, remote): (u32, SocketAddr),
    ) -> Option<(ClientKey, &Packet)> {
        let key = ClientKey::from_branch(branch)?;
        let entry = self.client(key)?;
        let went = Flow { transport, remote, link: Link::Datagram };
        let (_, request) = entry.machine.waits().filter(|_| entry.flow == went)?;
        Some((key, request))
    }

    /// A response could not be sent. If it was to go over one connection it goes once more over any
    /// that leads to where the Via says (RFC 3261 section 18.2.2); else that is the end of the
    /// transaction (17.2.4), and its user is given if it was named.
    pub fn server_unreachable(
        &mut self,
        key: ServerKey,
        (flow, packet): (Flow, Packet),
        now: Moment,
    ) -> Option<O> {
        let entry = self.server_mut(key)?;
        let owner = entry.owner;
        if flow.link.connection().is_some() {
            entry.reply.link = entry.reply.link.over_any();
            let (flow, origin) = (entry.reply, Some(Origin::Server(key)));
            self.out.push_back((Transmit { flow, packet, origin, fallback: None }, owner));
            return None;
        }
        self.step_server(key.index, |machine| machine.unreachable(now)).and(owner)
    }

    /// A connection is gone. A request that waits for its first answer on it, or on whatever leads
    /// there, goes once more over another one: the far end may have closed an idle connection just
    /// then. The second time its user is told, and given here. What has been answered in part may
    /// be answered over another connection (RFC 3261 section 18.2.2).
    pub fn connection_lost(
        &mut self,
        (lost, flow): (ConnectionId, Flow),
        now: Moment,
    ) -> Vec<(ClientKey, O)> {
        let over = |entry: &Client<O>| {
            entry.flow.transport == flow.transport
                && match (entry.flow.link, entry.flow.link.connection()) {
                    (Link::Datagram, _) => false,
                    (_, Some(used)) => used == lost,
                    (Link::Stream(_), None) => entry.flow.remote == flow.remote,
                    (Link::Secure(_, end), None) => {
                        entry.flow.remote == flow.remote && flow.link.far_end() == end
                    }
                }
        };
        let keys: Vec<(ClientKey, O)> = self
            .clients
            .iter()
            .filter(|(_, entry)| over(entry))
            .filter_map(|(index, entry)| {
                let index = u32::try_from(index).ok()?;
                Some((ClientKey { index, token: entry.token }, entry.owner))
            })
            .collect();
        let mut told = |(key, _): &(ClientKey, O)| {
            !self.renew(*key) && self.client_unreachable(*key, now).is_some()
        };
        keys.into_iter().filter(|one| told(one)).collect()
    }

    /// Sends an unanswered request once more, over whichever connection leads to its far end.
    fn renew(&mut self, key: ClientKey) -> bool {
        let Some(entry) = self.client_mut(key).filter(|entry| !entry.renewed) else { return false };
        let Some((_, packet)) = entry.machine.waits() else { return false };
        let (packet, flow) =
            (packet.clone(), Flow { link: entry.flow.link.over_any(), ..entry.flow });
        (entry.flow, entry.renewed) = (flow, true);
        let owner = Some(entry.owner);
        let origin = Some(Origin::Client(key));
        self.out.push_back((Transmit { flow, packet, origin, fallback: None }, owner));
        true
    }

    /// A response to one of our requests. `class` is that of its CSeq; `ack` prints the ACK of a
    /// failure from our INVITE.
    pub fn receive_response(
        &mut self,
        (branch, class): (&[u8], Class),
        status: Status,
        ack: &dyn Fn(&[u8]) -> Option<Packet>,
        now: Moment,
    ) -> Response<O> {
        let Some(key) = ClientKey::from_branch(branch) else { return Response::Stray };
        let Some(entry) = self.client(key) else { return Response::Stray };
        let key = match (class, entry.cancel) {
            (Class::Cancel, Some(cancel)) => cancel,
            (Class::Cancel, None) => return Response::Stray,
            (Class::Invite | Class::Other, _) => key,
        };
        let Some(entry) = self.client(key) else { return Response::Stray };
        if !entry.machine.is_of(class) {
            return Response::Stray;
        }
        let owner = entry.owner;
        match self.step_client(key, |machine| machine.response(status, ack, now)) {
            Some(_) => Response::Deliver(key, owner),
            None => Response::Absorbed(owner),
        }
    }

    /// A request. `reply` is where its responses go (RFC 3261 section 18.2.2, RFC 3581).
    pub fn receive_request(
        &mut self,
        id: &ServerId,
        class: Class,
        reply: Flow,
        now: Moment,
    ) -> Request<O> {
        if let Some(&index) = self.by_id.get(id.as_bytes()) {
            let owner = self.servers.get(at(index)).and_then(|entry| entry.owner);
            self.step_server(index, |machine| machine.again(now));
            return Request::Absorbed(owner);
        }
        if self.servers.len() >= self.limit {
            return Request::Full;
        }
        let entry = self.servers.vacant_entry();
        let Ok(index) = u32::try_from(entry.key()) else { return Request::Full };
        self.serial += 1;
        let machine = ServerMachine::start(class, reply.link);
        let id: Box<[u8]> = id.as_bytes().into();
        self.by_id.insert(id.clone(), index);
        let serial = self.serial;
        entry.insert(Server { serial, owner: None, id, reply, machine, timer: None });
        Request::New(ServerKey { index, serial })
    }

    /// An ACK: if it was that of a failure sent by an INVITE transaction here, that has it now, and
    /// its user is given if it was named; `None` if it may be that of a 2xx, for its dialog.
    pub fn receive_ack(&mut self, id: &ServerId, now: Moment) -> Option<Option<O>> {
        let index = *self.by_id.get(id.as_bytes())?;
        let entry = self.servers.get_mut(at(index))?;
        let (owner, left) = (entry.owner, entry.machine.ack(now)?);
        self.settle_server(index, left);
        Some(owner)
    }

    /// The transaction with this id and its user.
    pub fn find_server(&self, id: &ServerId) -> Option<(ServerKey, Option<O>)> {
        let index = *self.by_id.get(id.as_bytes())?;
        let entry = self.servers.get(at(index))?;
        Some((ServerKey { index, serial: entry.serial }, entry.owner))
    }

    /// Names the user of a server transaction.
    pub fn own_server(&mut self, key: ServerKey, owner: O) {
        if let Some(entry) = self.server_mut(key) {
            entry.owner = Some(owner);
        }
    }

    /// Answers a request, or repeats the 2xx of an INVITE. After a final response others are
    /// ignored.
    pub fn respond(&mut self, key: ServerKey, status: Status, packet: Packet, now: Moment) {
        if self.server_mut(key).is_some() {
            self.step_server(key.index, |machine| machine.respond(status, packet, now));
        }
    }

    /// How many there are on the server side.
    pub fn servers(&self) -> usize {
        self.servers.len()
    }

    /// Forgets a transaction at once: a repetition of its request is a new request.
    pub fn forget_server(&mut self, key: ServerKey) {
        let Some(entry) = self.server_mut(key) else { return };
        if let Some((_, timer)) = entry.timer.take() {
            self.wheel.cancel(timer);
        }
        let entry = self.servers.remove(at(key.index));
        self.by_id.remove(&entry.id);
    }

    fn client(&self, key: ClientKey) -> Option<&Client<O>> {
        self.clients.get(at(key.index)).filter(|entry| entry.token == key.token)
    }

    fn client_mut(&mut self, key: ClientKey) -> Option<&mut Client<O>> {
        self.clients.get_mut(at(key.index)).filter(|entry| entry.token == key.token)
    }

    fn server_mut(&mut self, key: ServerKey) -> Option<&mut Server<O>> {
        self.servers.get_mut(at(key.index)).filter(|entry| entry.serial == key.serial)
    }

    fn client_time(&mut self, index: u32, now: Moment) -> Option<Notice<O>> {
        let entry = self.clients.get_mut(at(index))?;
        entry.timer = None;
        let (key, owner) = (ClientKey { index, token: entry.token }, entry.owner);
        let tell = self.step_client(key, |machine| machine.time(now))?;
        Some(Notice::Client(key, owner, tell))
    }

    fn server_time(&mut self, index: u32, now: Moment) -> Option<Notice<O>> {
        let entry = self.servers.get_mut(at(index))?;
        entry.timer = None;
        let (key, owner) = (ServerKey { index, serial: entry.serial }, entry.owner);
        let tell = self.step_server(index, |machine| machine.time(now))?;
        Some(Notice::Server(key, owner?, tell))
    }

    /// Steps a machine, sends what that left to send, sets the timer anew or removes what is over.
    fn step_client(
        &mut self,
        key: ClientKey,
        step: impl FnOnce(&mut ClientMachine) -> Left,
    ) -> Option<Tell> {
        let entry = self.client_mut(key)?;
        let (send, tell) = step(&mut entry.machine);
        let (flow, owner) = (entry.flow, entry.owner);
        let (deadline, over) = (entry.machine.deadline(), entry.machine.is_over());
        if let Some(packet) = send {
            let origin = Some(Origin::Client(key));
            let transmit = Transmit { flow, packet, origin, fallback: None };
            self.out.push_back((transmit, Some(owner)));
        }
        let entry = self.clients.get_mut(at(key.index))?;
        rearm(&mut self.wheel, &mut entry.timer, deadline, Timed::Client(key.index));
        if over {
            self.clients.remove(at(key.index));
        }
        tell
    }

    fn step_server(
        &mut self,
        index: u32,
        step: impl FnOnce(&mut ServerMachine) -> Left,
    ) -> Option<Tell> {
        let left = step(&mut self.servers.get_mut(at(index))?.machine);
        self.settle_server(index, left)
    }

    fn settle_server(&mut self, index: u32, (send, tell): Left) -> Option<Tell> {
        let entry = self.servers.get_mut(at(index))?;
        if let Some(packet) = send {
            let flow = entry.reply;
            let origin = Some(Origin::Server(ServerKey { index, serial: entry.serial }));
            let transmit = Transmit { flow, packet, origin, fallback: None };
            self.out.push_back((transmit, entry.owner));
        }
        let deadline = entry.machine.deadline();
        rearm(&mut self.wheel, &mut entry.timer, deadline, Timed::Server(index));
        if entry.machine.is_over() {
            let entry = self.servers.remove(at(index));
            self.by_id.remove(&entry.id);
        }
        tell
    }
}

/// Makes `timer` run to `deadline`, touching the wheel only if that is a change.
fn rearm(
    wheel: &mut Wheel<Timed>,
    timer: &mut Option<(Moment, TimerKey)>,
    deadline: Option<Moment>,
    token: Timed,
) {
    if timer.map(|(moment, _)| moment) == deadline {
        return;
    }
    if let Some((_, key)) = timer.take() {
        wheel.cancel(key);
    }
    *timer = deadline.map(|deadline| (deadline, wheel.insert(deadline, token)));
}

fn at(index: u32) -> usize {
    usize::try_from(index).unwrap_or(usize::MAX)
}
