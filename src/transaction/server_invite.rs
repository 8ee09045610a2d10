//! The INVITE server transaction (RFC 3261 section 17.2.1, with the Accepted state of RFC 6026).

use std::time::Duration;

use super::{GIVE_UP, Link, Moment, Packet, Status, Step, T1, T2, T4, Tell};

/// What can happen to it.
#[derive(Debug)]
pub enum Event {
    /// The INVITE came again.
    Again,
    /// The ACK of a failure came; that of a 2xx has a branch of its own and never comes here.
    Ack,
    /// The user answers, or sends its 2xx again.
    Respond(Status, Packet),
    /// A deadline may have passed.
    Time,
    /// A response could not be sent.
    Unreachable,
}

/// The states, by their RFC names.
#[derive(Debug)]
pub enum ServerInvite {
    /// Not answered; the last provisional is repeated on demand.
    Proceeding {
        /// The last provisional response.
        last: Option<Packet>,
        /// What it came over.
        link: Link,
    },
    /// A failure was sent and is repeated by timer G until its ACK or timer H.
    Completed {
        /// The printed response.
        response: Packet,
        /// What it came over.
        link: Link,
        /// Timer G; none over a connection.
        retransmit: Option<Moment>,
        /// Doubles up to T2.
        interval: Duration,
        /// Timer H.
        give_up: Moment,
    },
    /// The failure was acknowledged; further ACKs are absorbed.
    Confirmed {
        /// Timer I.
        until: Moment,
    },
    /// A 2xx was sent; the INVITE is absorbed, the user repeats its 2xx (RFC 6026).
    Accepted {
        /// Timer L.
        until: Moment,
    },
    /// Over.
    Terminated,
}

impl ServerInvite {
    /// A new INVITE.
    pub fn start(link: Link) -> Self {
        Self::Proceeding { last: None, link }
    }

    /// The next deadline.
    pub fn deadline(&self) -> Option<Moment> {
        match self {
            Self::Completed { retransmit, give_up, .. } => {
                Some(retransmit.map_or(*give_up, |at| at.min(*give_up)))
            }
            Self::Confirmed { until } | Self::Accepted { until } => Some(*until),
            Self::Proceeding { .. } | Self::Terminated => None,
        }
    }

    /// One event.
    pub fn handle(self, event: Event, now: Moment) -> Step<Self> {
        match event {
            Event::Again => self.again(),
            Event::Ack => match self {
                Self::Completed { link, .. } => {
                    Step::stay(Self::Confirmed { until: now + link.linger(T4) })
                }
                state @ (Self::Proceeding { .. } | Self::Confirmed { .. })
                | state @ (Self::Accepted { .. } | Self::Terminated) => Step::stay(state),
            },
            Event::Respond(status, response) => self.respond(status, response, now),
            Event::Time => self.time(now),
            Event::Unreachable => self.unreachable(),
        }
    }

    fn unreachable(self) -> Step<Self> {
        match self {
            Self::Proceeding { .. } | Self::Completed { .. } => {
                Step::telling(Self::Terminated, Tell::Unreachable)
            }
            // RFC 6026 section 7.1: the INVITE may come again, and is absorbed all the same.
            state @ Self::Accepted { .. } => Step::telling(state, Tell::Unreachable),
            state @ (Self::Confirmed { .. } | Self::Terminated) => Step::stay(state),
        }
    }

    fn again(self) -> Step<Self> {
        let send = match &self {
            Self::Proceeding { last, .. } => last.clone(),
            Self::Completed { response, .. } => Some(response.clone()),
            Self::Confirmed { .. } | Self::Accepted { .. } | Self::Terminated => None,
        };
        Step { next: self, send, tell: None }
    }

    fn respond(self, status: Status, response: Packet, now: Moment) -> Step<Self> {
        match (self, status) {
            (Self::Proceeding { link, .. }, Status::Provisional) => {
                Step::sending(Self::Proceeding { last: Some(response.clone()), link }, response)
            }
            (Self::Proceeding { .. }, Status::Success) => {
                Step::sending(Self::Accepted { until: now + GIVE_UP }, response)
            }
            (Self::Proceeding { link, .. }, Status::Failure) => {
                let next = Self::Completed {
                    response: response.clone(),
                    link,
                    retransmit: link.repeat(now, T1),
                    interval: T1,
                    give_up: now + GIVE_UP,
                };
                Step::sending(next, response)
            }
            (state @ Self::Accepted { .. }, Status::Success) => Step::sending(state, response),
            // The first final response stands.
            (state @ Self::Accepted { .. }, Status::Provisional | Status::Failure)
            | (state @ (Self::Completed { .. } | Self::Confirmed { .. }), _)
            | (state @ Self::Terminated, _) => Step::stay(state),
        }
    }

    fn time(self, now: Moment) -> Step<Self> {
        match self {
            Self::Completed { give_up, .. } if now >= give_up => {
                Step::telling(Self::Terminated, Tell::NoAck)
            }
            Self::Completed { response, link, retransmit: Some(at), interval, give_up }
                if now >= at =>
            {
                let interval = (interval * 2).min(T2);
                let retransmit = link.repeat(now, interval);
                let send = response.clone();
                let next = Self::Completed { response, link, retransmit, interval, give_up };
                Step::sending(next, send)
            }
            Self::Confirmed { until } | Self::Accepted { until } if now >= until => {
                Step::stay(Self::Terminated)
            }
            state @ (Self::Proceeding { .. } | Self::Completed { .. } | Self::Confirmed { .. })
            | state @ (Self::Accepted { .. } | Self::Terminated) => Step::stay(state),
        }
    }
}
