//! The INVITE client transaction (RFC 3261 section 17.1.1, with the Accepted state of RFC 6026).

use std::time::Duration;

use super::{GIVE_UP, Link, Moment, Packet, Status, Step, T1, Tell};

/// What can happen to it.
pub enum Event<'a> {
    /// A response came; `ack` prints the ACK of a failure from the request (17.1.1.3).
    Response(Status, &'a dyn Fn(&[u8]) -> Option<Packet>),
    /// A deadline may have passed.
    Time,
    /// Give it 64*T1 from now: a CANCEL was sent, or its user is gone (9.1).
    Bound,
    /// The packet could not be sent, or is thought to have reached nobody: its connection was lost.
    Unreachable,
}

/// The states, by their RFC names.
#[derive(Debug)]
pub enum ClientInvite {
    /// The request is sent again by timer A until a response or timer B.
    Calling {
        /// The printed INVITE.
        request: Packet,
        /// What it goes over.
        link: Link,
        /// Timer A; none over a connection.
        retransmit: Option<Moment>,
        /// Doubles with each retransmission.
        interval: Duration,
        /// Timer B.
        give_up: Moment,
        /// Set by [`Event::Bound`]; outlives a provisional response, which ends timer B.
        bound: Option<Moment>,
    },
    /// A provisional response has come; nothing is sent any more.
    Proceeding {
        /// The printed INVITE, for the ACK of a failure.
        request: Packet,
        /// What it goes over.
        link: Link,
        /// Set by [`Event::Bound`].
        give_up: Option<Moment>,
    },
    /// A failure has come; its repetitions are acknowledged again.
    Completed {
        /// The printed ACK.
        ack: Option<Packet>,
        /// Timer D.
        until: Moment,
    },
    /// A 2xx has come; its repetitions, also of other forks, go to the user (RFC 6026). Or the user was
    /// told that nobody could be reached, and one that comes all the same has to be acknowledged.
    Accepted {
        /// Timer M.
        until: Moment,
    },
    /// Over.
    Terminated,
}

impl ClientInvite {
    /// Sends the INVITE.
    pub fn start(request: Packet, link: Link, now: Moment) -> Step<Self> {
        let next = Self::Calling {
            request: request.clone(),
            link,
            retransmit: link.repeat(now, T1),
            interval: T1,
            give_up: now + GIVE_UP,
            bound: None,
        };
        Step::sending(next, request)
    }

    /// The next deadline.
    pub fn deadline(&self) -> Option<Moment> {
        match self {
            Self::Calling { retransmit, give_up, .. } => {
                Some(retransmit.map_or(*give_up, |at| at.min(*give_up)))
            }
            Self::Proceeding { give_up, .. } => *give_up,
            Self::Completed { until, .. } | Self::Accepted { until } => Some(*until),
            Self::Terminated => None,
        }
    }

    /// One event.
    pub fn handle(self, event: Event<'_>, now: Moment) -> Step<Self> {
        match (self, event) {
            (Self::Terminated, _) => Step::stay(Self::Terminated),
            (state, Event::Response(status, ack)) => state.response(status, ack, now),
            (state, Event::Time) => state.time(now),
            (state, Event::Bound) => Step::stay(state.bound(now)),
            (Self::Calling { .. }, Event::Unreachable) => {
                let until = now + GIVE_UP;
                Step::telling(Self::Accepted { until }, Tell::Unreachable)
            }
            (state @ (Self::Proceeding { .. } | Self::Completed { .. }), Event::Unreachable)
            | (state @ Self::Accepted { .. }, Event::Unreachable) => Step::stay(state),
        }
    }

    fn response(
        self,
        status: Status,
        ack: &dyn Fn(&[u8]) -> Option<Packet>,
        now: Moment,
    ) -> Step<Self> {
        let (request, link, give_up) = match self {
            Self::Calling { request, link, bound, .. } => (request, link, bound),
            Self::Proceeding { request, link, give_up } => (request, link, give_up),
            Self::Completed { ack, until } => {
                let again = if status == Status::Failure { ack.clone() } else { None };
                return Step { next: Self::Completed { ack, until }, send: again, tell: None };
            }
            Self::Accepted { until } => {
                let tell = (status == Status::Success).then_some(Tell::Response);
                return Step { next: Self::Accepted { until }, send: None, tell };
            }
            Self::Terminated => return Step::stay(Self::Terminated),
        };
        match status {
            Status::Provisional => {
                Step::telling(Self::Proceeding { request, link, give_up }, Tell::Response)
            }
            Status::Success => {
                Step::telling(Self::Accepted { until: now + GIVE_UP }, Tell::Response)
            }
            Status::Failure => {
                let ack = ack(&request);
                let next = Self::Completed { ack: ack.clone(), until: now + link.linger(GIVE_UP) };
                Step { next, send: ack, tell: Some(Tell::Response) }
            }
        }
    }

    fn time(self, now: Moment) -> Step<Self> {
        match self {
            Self::Calling { give_up, .. } if now >= give_up => {
                Step::telling(Self::Terminated, Tell::TimedOut)
            }
            Self::Calling { request, link, retransmit: Some(at), interval, give_up, bound }
                if now >= at =>
            {
                let interval = interval * 2;
                let retransmit = link.repeat(now, interval);
                let send = request.clone();
                let next = Self::Calling { request, link, retransmit, interval, give_up, bound };
                Step::sending(next, send)
            }
            Self::Proceeding { give_up: Some(give_up), .. } if now >= give_up => {
                Step::telling(Self::Terminated, Tell::TimedOut)
            }
            Self::Completed { until, .. } | Self::Accepted { until } if now >= until => {
                Step::stay(Self::Terminated)
            }
            state @ (Self::Calling { .. } | Self::Proceeding { .. } | Self::Completed { .. })
            | state @ (Self::Accepted { .. } | Self::Terminated) => Step::stay(state),
        }
    }

    fn bound(self, now: Moment) -> Self {
        let limit = now + GIVE_UP;
        match self {
            Self::Calling { request, link, retransmit, interval, give_up, bound } => {
                let bound = Some(bound.unwrap_or(limit));
                Self::Calling { request, link, retransmit, interval, give_up, bound }
            }
            Self::Proceeding { request, link, give_up } => {
                let give_up = give_up.unwrap_or(limit);
                Self::Proceeding { request, link, give_up: Some(give_up) }
            }
            state @ (Self::Completed { .. } | Self::Accepted { .. } | Self::Terminated) => state,
        }
    }
}

impl std::fmt::Debug for Event<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Response(status, _) => write!(f, "Response({status:?})"),
            Self::Time => f.write_str("Time"),
            Self::Bound => f.write_str("Bound"),
            Self::Unreachable => f.write_str("Unreachable"),
        }
    }
}
