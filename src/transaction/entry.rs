//! One transaction in the table: its machine behind the events that the table knows, and what is left
//! of it once it has ended.

use super::resting::Print;
use super::{
    Class, ClientInvite, ClientKey, ClientNonInvite, Flow, Link, Moment, Packet, ServerInvite,
    ServerNonInvite, Status, Step, Tell, TimerKey, client_invite, client_non_invite, server_invite,
    server_non_invite,
};

/// What a step leaves to do: a packet to send and something to tell.
pub(super) type Left = (Option<Packet>, Option<Tell>);

#[derive(Debug)]
pub(super) enum ClientMachine {
    /// Opened, not yet started: its branch stands in a message being written.
    Open(Class),
    Invite(ClientInvite),
    Other(ClientNonInvite),
}

#[derive(Debug)]
pub(super) enum ServerMachine {
    Invite(ServerInvite),
    Other(ServerNonInvite),
}

#[derive(Debug)]
pub(super) struct Client<O> {
    pub(super) token: u64,
    pub(super) owner: O,
    pub(super) flow: Flow,
    pub(super) machine: ClientMachine,
    /// The CANCEL of this INVITE, which shares its branch.
    pub(super) cancel: Option<ClientKey>,
    /// Whether it was sent once more because its connection was lost.
    pub(super) renewed: bool,
    /// How many challenges its request answers already.
    pub(super) proofs: u8,
    pub(super) timer: Option<(Moment, TimerKey)>,
}

#[derive(Debug)]
pub(super) struct Server<O> {
    pub(super) serial: u32,
    pub(super) owner: Option<O>,
    pub(super) print: Print,
    pub(super) reply: Flow,
    pub(super) machine: ServerMachine,
    pub(super) timer: Option<(Moment, TimerKey)>,
}

impl ClientMachine {
    pub(super) fn start(&mut self, request: Packet, link: Link, now: Moment) -> Left {
        let Self::Open(class) = self else { return (None, None) };
        match class {
            Class::Invite => {
                let step = ClientInvite::start(request, link, now);
                *self = Self::Invite(step.next);
                (step.send, step.tell)
            }
            Class::Cancel | Class::Other => {
                let step = ClientNonInvite::start(request, link, now);
                *self = Self::Other(step.next);
                (step.send, step.tell)
            }
        }
    }

    pub(super) fn invite(&mut self, event: client_invite::Event<'_>, now: Moment) -> Left {
        let Self::Invite(machine) = self else { return (None, None) };
        let state = std::mem::replace(machine, ClientInvite::Terminated);
        let Step { next, send, tell } = state.handle(event, now);
        *machine = next;
        (send, tell)
    }

    pub(super) fn other(&mut self, event: client_non_invite::Event, now: Moment) -> Left {
        let Self::Other(machine) = self else { return (None, None) };
        let state = std::mem::replace(machine, ClientNonInvite::Terminated);
        let Step { next, send, tell } = state.handle(event, now);
        *machine = next;
        (send, tell)
    }

    pub(super) fn response(
        &mut self,
        status: Status,
        ack: &dyn Fn(&[u8]) -> Option<Packet>,
        now: Moment,
    ) -> Left {
        match self {
            Self::Open(_) => (None, None),
            Self::Invite(_) => self.invite(client_invite::Event::Response(status, ack), now),
            Self::Other(_) => self.other(client_non_invite::Event::Response(status), now),
        }
    }

    pub(super) fn unreachable(&mut self, now: Moment) -> Left {
        match self {
            Self::Open(_) => (None, None),
            // Who was not told that a call is over keeps its end for hours.
            Self::Other(_)
                if self.unanswered().is_some_and(|packet| packet.starts_with(b"BYE ")) =>
            {
                self.other(client_non_invite::Event::Later, now)
            }
            Self::Invite(_) => self.invite(client_invite::Event::Unreachable, now),
            Self::Other(_) => self.other(client_non_invite::Event::Unreachable, now),
        }
    }

    pub(super) fn time(&mut self, now: Moment) -> Left {
        match self {
            Self::Open(_) => (None, None),
            Self::Invite(_) => self.invite(client_invite::Event::Time, now),
            Self::Other(_) => self.other(client_non_invite::Event::Time, now),
        }
    }

    pub(super) fn deadline(&self) -> Option<Moment> {
        match self {
            Self::Open(_) => None,
            Self::Invite(machine) => machine.deadline(),
            Self::Other(machine) => machine.deadline(),
        }
    }

    /// Whether only repetitions can follow, if anything.
    pub(super) fn has_ended(&self) -> bool {
        match self {
            Self::Open(_) => false,
            Self::Invite(machine) => match machine {
                ClientInvite::Calling { .. } | ClientInvite::Proceeding { .. } => false,
                ClientInvite::Completed { .. }
                | ClientInvite::Accepted { .. }
                | ClientInvite::Terminated => true,
            },
            Self::Other(machine) => match machine {
                ClientNonInvite::Trying { .. } | ClientNonInvite::Proceeding { .. } => false,
                ClientNonInvite::Completed { .. } | ClientNonInvite::Terminated => true,
            },
        }
    }

    /// Its class and its request, while nothing has been heard of that.
    pub(super) fn waits(&self) -> Option<(Class, &Packet)> {
        match self {
            Self::Invite(ClientInvite::Calling { request, .. }) => Some((Class::Invite, request)),
            Self::Other(ClientNonInvite::Trying { request, .. }) => Some((Class::Other, request)),
            Self::Open(_) | Self::Invite(_) | Self::Other(_) => None,
        }
    }

    /// Its request, while that has no final answer.
    pub(super) fn unanswered(&self) -> Option<&Packet> {
        match self {
            Self::Invite(
                ClientInvite::Calling { request, .. } | ClientInvite::Proceeding { request, .. },
            )
            | Self::Other(
                ClientNonInvite::Trying { request, .. }
                | ClientNonInvite::Proceeding { request, .. },
            ) => Some(request),
            Self::Open(_) | Self::Invite(_) | Self::Other(_) => None,
        }
    }

    /// Whether this is what answers a request of that class.
    pub(super) fn is_of(&self, class: Class) -> bool {
        match self {
            Self::Open(_) => false,
            Self::Invite(_) => class == Class::Invite,
            Self::Other(_) => class != Class::Invite,
        }
    }
}

impl ServerMachine {
    pub(super) fn start(class: Class, link: Link) -> Self {
        match class {
            Class::Invite => Self::Invite(ServerInvite::start(link)),
            Class::Cancel | Class::Other => Self::Other(ServerNonInvite::start(link)),
        }
    }

    fn invite(machine: &mut ServerInvite, event: server_invite::Event, now: Moment) -> Left {
        let state = std::mem::replace(machine, ServerInvite::Terminated);
        let Step { next, send, tell } = state.handle(event, now);
        *machine = next;
        (send, tell)
    }

    fn other(machine: &mut ServerNonInvite, event: server_non_invite::Event, now: Moment) -> Left {
        let state = std::mem::replace(machine, ServerNonInvite::Terminated);
        let Step { next, send, tell } = state.handle(event, now);
        *machine = next;
        (send, tell)
    }

    pub(super) fn again(&mut self, now: Moment) -> Left {
        match self {
            Self::Invite(machine) => Self::invite(machine, server_invite::Event::Again, now),
            Self::Other(machine) => Self::other(machine, server_non_invite::Event::Again, now),
        }
    }

    pub(super) fn respond(&mut self, status: Status, packet: Packet, now: Moment) -> Left {
        match self {
            Self::Invite(machine) => {
                Self::invite(machine, server_invite::Event::Respond(status, packet), now)
            }
            Self::Other(machine) => {
                Self::other(machine, server_non_invite::Event::Respond(status, packet), now)
            }
        }
    }

    /// `None` when an ACK is not for this transaction.
    pub(super) fn ack(&mut self, now: Moment) -> Option<Left> {
        match self {
            // Some send the ACK of a 2xx with the branch of the INVITE: it is the dialog's.
            Self::Invite(ServerInvite::Accepted { .. }) | Self::Other(_) => None,
            Self::Invite(machine) => Some(Self::invite(machine, server_invite::Event::Ack, now)),
        }
    }

    pub(super) fn time(&mut self, now: Moment) -> Left {
        match self {
            Self::Invite(machine) => Self::invite(machine, server_invite::Event::Time, now),
            Self::Other(machine) => Self::other(machine, server_non_invite::Event::Time, now),
        }
    }

    pub(super) fn unreachable(&mut self, now: Moment) -> Left {
        match self {
            Self::Invite(machine) => Self::invite(machine, server_invite::Event::Unreachable, now),
            Self::Other(machine) => {
                Self::other(machine, server_non_invite::Event::Unreachable, now)
            }
        }
    }

    pub(super) fn deadline(&self) -> Option<Moment> {
        match self {
            Self::Invite(machine) => machine.deadline(),
            Self::Other(machine) => machine.deadline(),
        }
    }

    /// Whether only repetitions can follow, if anything.
    pub(super) fn has_ended(&self) -> bool {
        match self {
            Self::Invite(machine) => match machine {
                ServerInvite::Proceeding { .. } | ServerInvite::Completed { .. } => false,
                ServerInvite::Confirmed { .. }
                | ServerInvite::Accepted { .. }
                | ServerInvite::Terminated => true,
            },
            Self::Other(machine) => match machine {
                ServerNonInvite::Trying { .. } | ServerNonInvite::Proceeding { .. } => false,
                ServerNonInvite::Completed { .. } | ServerNonInvite::Terminated => true,
            },
        }
    }

    pub(super) fn is_over(&self) -> bool {
        match self {
            Self::Invite(machine) => matches!(machine, ServerInvite::Terminated),
            Self::Other(machine) => matches!(machine, ServerNonInvite::Terminated),
        }
    }
}
