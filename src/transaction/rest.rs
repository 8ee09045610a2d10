//! What is left of one transaction that has ended: as little as its repetitions ask for.

use std::net::SocketAddr;

use super::entry::{Client, ClientMachine, Server, ServerMachine};
use super::{
    ClientInvite, ClientKey, ClientNonInvite, ConnectionId, FarEnd, Flow, Link, Moment, Packet,
    ServerInvite, ServerNonInvite,
};

/// How a client transaction ended.
#[derive(Debug, Clone, Copy)]
enum ClientEnd {
    /// An INVITE by a failure: its repetitions are acknowledged again.
    Failed,
    /// An INVITE by a 2xx: its repetitions are for the user.
    Accepted,
    /// Anything else.
    Other,
}

/// One of ours: a final response has come.
#[derive(Debug)]
pub(super) struct ClientRest<O> {
    pub(super) index: u32,
    pub(super) owner: O,
    end: ClientEnd,
    /// The CANCEL of this INVITE, which shares its branch.
    pub(super) cancel: Option<ClientKey>,
    /// Who has answered it by a 2xx.
    pub(super) answers: Answers,
    /// Where the ACK of a failure goes, and what it says; few have one.
    pub(super) ack: Option<Box<(Flow, Packet)>>,
}

impl<O> Client<O> {
    /// What is left once it has ended, and until when; `None` if nothing is.
    pub(super) fn into_rest(self, index: u32) -> Option<(Moment, ClientRest<O>)> {
        let (until, end, ack) = match self.machine {
            ClientMachine::Invite(ClientInvite::Completed { ack, until }) => {
                (until, ClientEnd::Failed, ack)
            }
            ClientMachine::Invite(ClientInvite::Accepted { until }) => {
                (until, ClientEnd::Accepted, None)
            }
            ClientMachine::Other(ClientNonInvite::Completed { until }) => {
                (until, ClientEnd::Other, None)
            }
            ClientMachine::Open(_) | ClientMachine::Invite(_) | ClientMachine::Other(_) => {
                return None;
            }
        };
        let (owner, cancel, flow) = (self.owner, self.cancel, self.flow);
        let ack = ack.map(|ack| Box::new((flow, ack)));
        Some((until, ClientRest { index, owner, end, cancel, answers: Answers::default(), ack }))
    }
}

impl<O> ClientRest<O> {
    /// Its machine, as it was when it ended.
    pub(super) fn machine(&self, until: Moment) -> ClientMachine {
        match self.end {
            ClientEnd::Failed => {
                let ack = self.ack.as_ref().map(|again| again.1.clone());
                ClientMachine::Invite(ClientInvite::Completed { ack, until })
            }
            ClientEnd::Accepted => ClientMachine::Invite(ClientInvite::Accepted { until }),
            ClientEnd::Other => ClientMachine::Other(ClientNonInvite::Completed { until }),
        }
    }
}

/// Who answered an INVITE by a 2xx, by their marks: the first, and of the others the last.
#[derive(Debug, Default)]
pub(super) struct Answers {
    /// 0 stands for none.
    first: u64,
    /// Forks are few: most of the time there are none.
    others: Option<Box<[u64; MAX_ANSWERS - 1]>>,
}

/// Marks of answers that are remembered of one INVITE.
const MAX_ANSWERS: usize = 8;

impl Answers {
    /// Whether a mark is new; it is remembered.
    pub(super) fn note(&mut self, mark: u64) -> bool {
        let mark = mark.max(1);
        if self.first == 0 {
            self.first = mark;
            return true;
        }
        let known = |others: &[u64; MAX_ANSWERS - 1]| others.contains(&mark);
        if self.first == mark || self.others.as_deref().is_some_and(known) {
            return false;
        }
        let others = self.others.get_or_insert_default();
        others.rotate_right(1);
        others.first_mut().into_iter().for_each(|newest| *newest = mark);
        true
    }
}

/// How a server transaction ended.
#[derive(Debug, Clone, Copy)]
enum ServerEnd {
    /// An INVITE by a 2xx, which its user repeats.
    Accepted,
    /// An INVITE by a failure that was acknowledged.
    Confirmed,
    /// Anything else: its final response is repeated.
    Completed,
}

/// One of theirs: it was answered for good.
#[derive(Debug)]
pub(super) struct ServerRest<O> {
    /// The second half of its print.
    pub(super) check: u64,
    pub(super) serial: u32,
    pub(super) owner: Option<O>,
    end: ServerEnd,
    /// What is said again.
    answer: Option<Packet>,
    pub(super) reply: Reply,
}

impl<O> Server<O> {
    /// What is left once it has ended, and until when; `None` if nothing is.
    pub(super) fn into_rest(self) -> Option<(Moment, ServerRest<O>)> {
        let (until, end, answer) = match self.machine {
            ServerMachine::Invite(ServerInvite::Accepted { until }) => {
                (until, ServerEnd::Accepted, None)
            }
            ServerMachine::Invite(ServerInvite::Confirmed { until }) => {
                (until, ServerEnd::Confirmed, None)
            }
            ServerMachine::Other(ServerNonInvite::Completed { response, until }) => {
                (until, ServerEnd::Completed, Some(response))
            }
            ServerMachine::Invite(_) | ServerMachine::Other(_) => return None,
        };
        let (check, serial, owner) = (self.print.check, self.serial, self.owner);
        let reply = self.reply.into();
        Some((until, ServerRest { check, serial, owner, end, answer, reply }))
    }
}

impl<O> ServerRest<O> {
    /// Its machine, as it was when it ended.
    pub(super) fn machine(&self, until: Moment) -> ServerMachine {
        match (self.end, &self.answer) {
            (ServerEnd::Accepted, _) => ServerMachine::Invite(ServerInvite::Accepted { until }),
            (ServerEnd::Confirmed, _) => ServerMachine::Invite(ServerInvite::Confirmed { until }),
            (ServerEnd::Completed, Some(answer)) => {
                let response = answer.clone();
                ServerMachine::Other(ServerNonInvite::Completed { response, until })
            }
            (ServerEnd::Completed, None) => ServerMachine::Other(ServerNonInvite::Terminated),
        }
    }
}

/// A flow in 52 bytes instead of 64: without room between its parts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reply {
    remote: SocketAddr,
    transport: u32,
    far_end: FarEnd,
    /// The number of the connection, which needs no alignment like this; [`ANY`] for any.
    connection: [u8; 8],
    carrier: Carrier,
}

/// No connection has this number: they are counted from the beginning.
const ANY: u64 = u64::MAX;

#[derive(Debug, Clone, Copy)]
enum Carrier {
    Datagram,
    Stream,
    Secure,
}

impl From<Flow> for Reply {
    fn from(flow: Flow) -> Self {
        let Flow { transport, remote, link } = flow;
        let carrier = match link {
            Link::Datagram => Carrier::Datagram,
            Link::Stream(_) => Carrier::Stream,
            Link::Secure(..) => Carrier::Secure,
        };
        let connection = link.connection().map_or(ANY, |one| one.0).to_ne_bytes();
        Self { remote, transport, far_end: link.far_end(), connection, carrier }
    }
}

impl Reply {
    pub(super) fn flow(&self) -> Flow {
        let number = u64::from_ne_bytes(self.connection);
        let connection = (number != ANY).then_some(ConnectionId(number));
        let link = match self.carrier {
            Carrier::Datagram => Link::Datagram,
            Carrier::Stream => Link::Stream(connection),
            Carrier::Secure => Link::Secure(connection, self.far_end),
        };
        Flow { transport: self.transport, remote: self.remote, link }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_answer_and_the_last_others_are_known_again() {
        let mut answers = Answers::default();
        assert!((0..12).all(|mark| answers.note(mark * 7)));
        assert!([0, 35, 42, 49, 56, 63, 70, 77].iter().all(|mark| !answers.note(*mark)));
        assert!(answers.note(28));
    }

    #[test]
    fn a_packed_flow_is_the_same_flow() {
        let one = Some(ConnectionId(7));
        for link in [
            Link::Datagram,
            Link::Stream(None),
            Link::Stream(one),
            Link::Secure(None, FarEnd(3)),
            Link::Secure(one, FarEnd(0)),
            Link::Secure(one, FarEnd::COMER),
        ] {
            let flow = Flow { transport: 9, remote: "[2001:db8::1]:5060".parse().unwrap(), link };
            assert_eq!(Reply::from(flow).flow(), flow);
        }
        assert!(size_of::<Reply>() <= 52);
    }
}
