//! All transactions of one engine: those in progress in slabs, client ones under the index in our
//! branches and server ones under a print of their key, with one timer each in the wheel; the finished
//! ones apart.

mod clients;
mod servers;

use std::collections::VecDeque;

use slab::Slab;

use super::entry::{Client, Server};
use super::outcome::{Notice, Transmit};
use super::rest::{ClientRest, ServerRest};
use super::resting::{ByNumber, Prints, Resting};
use super::{Flow, Moment, Packet, TimerKey, Wheel};

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
    by_id: ByNumber<u32>,
    /// By the tokens of their branches.
    resting_clients: Resting<ClientRest<O>>,
    /// By the ids of their prints.
    resting_servers: Resting<ServerRest<O>>,
    prints: Prints,
    wheel: Wheel<Timed>,
    out: VecDeque<(Transmit, Option<O>)>,
    serial: u32,
    limit: usize,
}

impl<O: Copy> Table<O> {
    /// An empty table for at most `limit` transactions on each side.
    pub fn new(limit: usize) -> Self {
        Self {
            clients: Slab::new(),
            servers: Slab::new(),
            by_id: ByNumber::default(),
            resting_clients: Resting::default(),
            resting_servers: Resting::default(),
            prints: Prints::default(),
            wheel: Wheel::new(),
            out: VecDeque::new(),
            serial: 0,
            limit: limit.min(1 << 24),
        }
    }

    /// How many transactions there are, also those that only absorb repetitions.
    pub fn len(&self) -> usize {
        self.clients() + self.servers()
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
        let ends = [self.resting_clients.next_end(), self.resting_servers.next_end()];
        ends.into_iter().chain([self.wheel.next_deadline()]).flatten().min()
    }

    /// Lets time pass; call until it returns `None`.
    pub fn poll_timeout(&mut self, now: Moment) -> Option<Notice<O>> {
        self.resting_clients.expire(now);
        self.resting_servers.expire(now);
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
