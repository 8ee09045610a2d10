//! Our requests.

use std::net::SocketAddr;

use super::super::entry::{Client, ClientMachine, Left};
use super::super::outcome::{Asked, Full, Notice, Origin, Response, Transmit};
use super::super::rest::ClientRest;
use super::super::{
    Chance, Class, ClientInvite, ClientKey, ConnectionId, Flow, Link, Moment, Packet, Status, Tell,
    client_invite,
};
use super::{Table, Timed, at, rearm};

impl<O: Copy> Table<O> {
    /// Makes room for a request and with it the branch to write into it.
    pub fn open_client(
        &mut self,
        class: Class,
        flow: Flow,
        owner: O,
        chance: &mut Chance,
    ) -> Result<ClientKey, Full> {
        if self.clients() >= self.limit {
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
        self.step_client(key, now, |machine| machine.start(request, link, now));
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
        self.step_client(key, now, |machine| machine.invite(client_invite::Event::Bound, now));
    }

    /// A packet of this transaction could not be sent; its user, if that ended it. A BYE is sent again
    /// until its time is over.
    pub fn client_unreachable(&mut self, key: ClientKey, now: Moment) -> Option<O> {
        let owner = self.client(key)?.owner;
        self.step_client(key, now, |machine| machine.unreachable(now)).map(|_| owner)
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
        let named = ClientKey::from_branch(branch);
        let key = match class {
            Class::Cancel => named.and_then(|invite| self.cancel_of(invite)),
            Class::Invite | Class::Other => named,
        };
        let Some(key) = key else { return Response::Stray };
        let Some(entry) = self.client(key) else {
            return self.receive_again((key, class), status, ack, now);
        };
        if !entry.machine.is_of(class) {
            return Response::Stray;
        }
        let owner = entry.owner;
        match self.step_client(key, now, |machine| machine.response(status, ack, now)) {
            Some(_) => Response::Deliver(key, owner),
            None => Response::Absorbed(owner),
        }
    }

    /// A response to a request that has its final one.
    fn receive_again(
        &mut self,
        (key, class): (ClientKey, Class),
        status: Status,
        ack: &dyn Fn(&[u8]) -> Option<Packet>,
        now: Moment,
    ) -> Response<O> {
        let Some((until, rest)) = self.resting_client(key) else { return Response::Stray };
        let mut machine = rest.machine(*until);
        if !machine.is_of(class) {
            return Response::Stray;
        }
        let (owner, flow) = (rest.owner, rest.ack.as_ref().map(|again| again.0));
        let (send, tell) = machine.response(status, ack, now);
        if let Some((flow, packet)) = flow.zip(send) {
            let origin = Some(Origin::Client(key));
            self.out.push_back((Transmit { flow, packet, origin, fallback: None }, Some(owner)));
        }
        match tell {
            Some(_) => Response::Deliver(key, owner),
            None => Response::Absorbed(owner),
        }
    }

    /// Notes that this INVITE was answered by a 2xx with this mark; whether none of those remembered had
    /// it.
    pub fn note_answer(&mut self, key: ClientKey, mark: u64) -> bool {
        let found = self.resting_clients.get_mut(key.token);
        found
            .filter(|(_, rest)| rest.index == key.index)
            .is_none_or(|(_, rest)| rest.answers.note(mark))
    }

    /// The CANCEL of an INVITE.
    fn cancel_of(&self, invite: ClientKey) -> Option<ClientKey> {
        match self.client(invite) {
            Some(entry) => entry.cancel,
            None => self.resting_client(invite)?.1.cancel,
        }
    }

    pub(super) fn clients(&self) -> usize {
        self.clients.len() + self.resting_clients.len()
    }

    fn client(&self, key: ClientKey) -> Option<&Client<O>> {
        self.clients.get(at(key.index)).filter(|entry| entry.token == key.token)
    }

    fn client_mut(&mut self, key: ClientKey) -> Option<&mut Client<O>> {
        self.clients.get_mut(at(key.index)).filter(|entry| entry.token == key.token)
    }

    fn resting_client(&self, key: ClientKey) -> Option<&(Moment, ClientRest<O>)> {
        self.resting_clients.get(key.token).filter(|(_, rest)| rest.index == key.index)
    }

    pub(super) fn client_time(&mut self, index: u32, now: Moment) -> Option<Notice<O>> {
        let entry = self.clients.get_mut(at(index))?;
        entry.timer = None;
        let (key, owner) = (ClientKey { index, token: entry.token }, entry.owner);
        let tell = self.step_client(key, now, |machine| machine.time(now))?;
        Some(Notice::Client(key, owner, tell))
    }

    /// Steps a machine, sends what that left to send, and sets the timer anew; what is over is removed,
    /// and what only absorbs repetitions put to rest.
    fn step_client(
        &mut self,
        key: ClientKey,
        now: Moment,
        step: impl FnOnce(&mut ClientMachine) -> Left,
    ) -> Option<Tell> {
        let entry = self.client_mut(key)?;
        let (send, tell) = step(&mut entry.machine);
        let (flow, owner) = (entry.flow, entry.owner);
        let (deadline, ended) = (entry.machine.deadline(), entry.machine.has_ended());
        if let Some(packet) = send {
            let origin = Some(Origin::Client(key));
            let transmit = Transmit { flow, packet, origin, fallback: None };
            self.out.push_back((transmit, Some(owner)));
        }
        let entry = self.clients.get_mut(at(key.index))?;
        let deadline = deadline.filter(|_| !ended);
        rearm(&mut self.wheel, &mut entry.timer, deadline, Timed::Client(key.index));
        if ended {
            let entry = self.clients.remove(at(key.index));
            if let Some(rest) = entry.into_rest(key.index) {
                self.resting_clients.insert(key.token, rest, now);
            }
        }
        tell
    }
}
