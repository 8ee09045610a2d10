//! Their requests.

use super::super::entry::{Left, Server, ServerMachine};
use super::super::outcome::{Notice, Origin, Request, Transmit};
use super::super::{Class, Flow, Moment, Packet, ServerId, ServerInvite, ServerKey, Status, Tell};
use super::{Table, Timed, at, rearm};

/// Where a transaction is.
#[derive(Debug, Clone, Copy)]
enum Place {
    /// In progress, under this index.
    Open(u32),
    /// Finished, under the id of its print.
    Resting(u64),
}

/// What a transaction is found with.
struct Found<O> {
    place: Place,
    serial: u32,
    check: u64,
    owner: Option<O>,
}

impl<O: Copy> Table<O> {
    /// A request. `reply` is where its responses go (RFC 3261 section 18.2.2, RFC 3581).
    pub fn receive_request(
        &mut self,
        id: &ServerId,
        class: Class,
        reply: Flow,
        now: Moment,
    ) -> Request<O> {
        let print = self.prints.of(id.as_bytes());
        if let Some(found) = self.at_print(print.id) {
            if found.check != print.check {
                // Another one with the same half of a print, once in 2^46 requests of a full table:
                // the far end asks again, or elsewhere.
                return Request::Full;
            }
            self.step_server(found.place, now, |machine| machine.again(now));
            return Request::Absorbed(found.owner);
        }
        if self.servers() >= self.limit {
            return Request::Full;
        }
        let entry = self.servers.vacant_entry();
        let Ok(index) = u32::try_from(entry.key()) else { return Request::Full };
        self.serial = self.serial.wrapping_add(1);
        let serial = self.serial;
        let machine = ServerMachine::start(class, reply.link);
        self.by_id.insert(print.id, index);
        entry.insert(Server { serial, owner: None, print, reply, machine, timer: None });
        Request::New(ServerKey { id: print.id, serial })
    }

    /// An ACK: if it was that of a failure sent by an INVITE transaction here, that has it now, and
    /// its user is given if it was named; `None` if it may be that of a 2xx, for its dialog.
    pub fn receive_ack(&mut self, id: &ServerId, now: Moment) -> Option<Option<O>> {
        let found = self.named(id)?;
        let mut taken = false;
        self.step_server(found.place, now, |machine| {
            let left = machine.ack(now);
            taken = left.is_some();
            left.unwrap_or_default()
        });
        taken.then_some(found.owner)
    }

    /// The transaction with this id and its user.
    pub fn find_server(&self, id: &ServerId) -> Option<(ServerKey, Option<O>)> {
        let found = self.named(id)?;
        let key = ServerKey { id: self.prints.of(id.as_bytes()).id, serial: found.serial };
        Some((key, found.owner))
    }

    /// Names the user of a server transaction.
    pub fn own_server(&mut self, key: ServerKey, owner: O) {
        match self.place_of(key) {
            Some(Place::Open(index)) => {
                let entry = self.servers.get_mut(at(index));
                entry.into_iter().for_each(|entry| entry.owner = Some(owner));
            }
            Some(Place::Resting(id)) => {
                let rest = self.resting_servers.get_mut(id);
                rest.into_iter().for_each(|(_, rest)| rest.owner = Some(owner));
            }
            None => {}
        }
    }

    /// The failure that an INVITE was answered with, while that waits for its ACK.
    pub fn unacknowledged(&self, key: ServerKey) -> Option<&Packet> {
        let Some(Place::Open(index)) = self.place_of(key) else { return None };
        match &self.servers.get(at(index))?.machine {
            ServerMachine::Invite(ServerInvite::Completed { response, .. }) => Some(response),
            ServerMachine::Invite(_) | ServerMachine::Other(_) => None,
        }
    }

    /// Answers a request, or repeats the 2xx of an INVITE. After a final response others are
    /// ignored.
    pub fn respond(&mut self, key: ServerKey, status: Status, packet: Packet, now: Moment) {
        if let Some(place) = self.place_of(key) {
            self.step_server(place, now, |machine| machine.respond(status, packet, now));
        }
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
        let place = self.place_of(key)?;
        let owner = self.at_print(key.id)?.owner;
        if flow.link.connection().is_some() {
            let flow = self.reply_over_any(place)?;
            let origin = Some(Origin::Server(key));
            self.out.push_back((Transmit { flow, packet, origin, fallback: None }, owner));
            return None;
        }
        self.step_server(place, now, |machine| machine.unreachable(now)).and(owner)
    }

    /// From here on its responses take any connection to where the Via says.
    fn reply_over_any(&mut self, place: Place) -> Option<Flow> {
        match place {
            Place::Open(index) => {
                let entry = self.servers.get_mut(at(index))?;
                entry.reply.link = entry.reply.link.over_any();
                Some(entry.reply)
            }
            Place::Resting(id) => {
                let (_, rest) = self.resting_servers.get_mut(id)?;
                let reply = rest.reply.flow();
                let reply = Flow { link: reply.link.over_any(), ..reply };
                rest.reply = reply.into();
                Some(reply)
            }
        }
    }

    /// How many there are on the server side.
    pub fn servers(&self) -> usize {
        self.servers.len() + self.resting_servers.len()
    }

    /// Forgets a transaction at once: a repetition of its request is a new request.
    pub fn forget_server(&mut self, key: ServerKey) {
        match self.place_of(key) {
            Some(Place::Open(index)) => drop(self.take_server(index)),
            Some(Place::Resting(id)) => self.resting_servers.remove(id),
            None => {}
        }
    }

    /// Takes one that is in progress out of everything.
    fn take_server(&mut self, index: u32) -> Option<Server<O>> {
        let entry = self.servers.try_remove(at(index))?;
        if let Some((_, timer)) = entry.timer {
            self.wheel.cancel(timer);
        }
        self.by_id.remove(&entry.print.id);
        Some(entry)
    }

    fn at_print(&self, id: u64) -> Option<Found<O>> {
        if let Some(&index) = self.by_id.get(&id) {
            let entry = self.servers.get(at(index))?;
            let (place, check) = (Place::Open(index), entry.print.check);
            return Some(Found { place, serial: entry.serial, check, owner: entry.owner });
        }
        let (_, rest) = self.resting_servers.get(id)?;
        let (place, check) = (Place::Resting(id), rest.check);
        Some(Found { place, serial: rest.serial, check, owner: rest.owner })
    }

    fn named(&self, id: &ServerId) -> Option<Found<O>> {
        let print = self.prints.of(id.as_bytes());
        self.at_print(print.id).filter(|found| found.check == print.check)
    }

    fn place_of(&self, key: ServerKey) -> Option<Place> {
        self.at_print(key.id).filter(|found| found.serial == key.serial).map(|found| found.place)
    }

    pub(super) fn server_time(&mut self, index: u32, now: Moment) -> Option<Notice<O>> {
        let entry = self.servers.get_mut(at(index))?;
        entry.timer = None;
        let (key, owner) = (ServerKey { id: entry.print.id, serial: entry.serial }, entry.owner);
        let tell = self.step_server(Place::Open(index), now, |machine| machine.time(now))?;
        Some(Notice::Server(key, owner?, tell))
    }

    fn step_server(
        &mut self,
        place: Place,
        now: Moment,
        step: impl FnOnce(&mut ServerMachine) -> Left,
    ) -> Option<Tell> {
        match place {
            Place::Open(index) => self.step_open(index, now, step),
            Place::Resting(id) => self.step_resting(id, step),
        }
    }

    /// Steps a machine, sends what that left to send, and sets the timer anew; what is over is removed,
    /// and what only absorbs repetitions put to rest.
    fn step_open(
        &mut self,
        index: u32,
        now: Moment,
        step: impl FnOnce(&mut ServerMachine) -> Left,
    ) -> Option<Tell> {
        let entry = self.servers.get_mut(at(index))?;
        let (send, tell) = step(&mut entry.machine);
        if let Some(packet) = send {
            let (flow, id) = (entry.reply, entry.print.id);
            let origin = Some(Origin::Server(ServerKey { id, serial: entry.serial }));
            let transmit = Transmit { flow, packet, origin, fallback: None };
            self.out.push_back((transmit, entry.owner));
        }
        if entry.machine.has_ended() {
            let entry = self.take_server(index)?;
            let id = entry.print.id;
            if let Some(rest) = entry.into_rest() {
                self.resting_servers.insert(id, rest, now);
            }
        } else {
            let deadline = entry.machine.deadline();
            rearm(&mut self.wheel, &mut entry.timer, deadline, Timed::Server(index));
        }
        tell
    }

    /// The same with one that has ended; what repetitions cannot change is not kept anew.
    fn step_resting(
        &mut self,
        id: u64,
        step: impl FnOnce(&mut ServerMachine) -> Left,
    ) -> Option<Tell> {
        let (until, rest) = self.resting_servers.get(id)?;
        let mut machine = rest.machine(*until);
        let (send, tell) = step(&mut machine);
        if let Some(packet) = send {
            let (flow, serial) = (rest.reply.flow(), rest.serial);
            let origin = Some(Origin::Server(ServerKey { id, serial }));
            let transmit = Transmit { flow, packet, origin, fallback: None };
            self.out.push_back((transmit, rest.owner));
        }
        if machine.is_over() {
            self.resting_servers.remove(id);
        }
        tell
    }
}
