//! The non-INVITE client transaction (RFC 3261 section 17.1.2).

use std::time::Duration;

use super::{GIVE_UP, Link, Moment, Packet, Status, Step, T1, T2, T4, Tell};

/// What can happen to it.
#[derive(Debug)]
pub enum Event {
    /// A response came.
    Response(Status),
    /// A deadline may have passed.
    Time,
    /// The packet could not be sent.
    Unreachable,
    /// It could not be sent, but its user asks for it as long as there is time.
    Later,
}

/// The states, by their RFC names.
#[derive(Debug)]
pub enum ClientNonInvite {
    /// The request is sent again by timer E until a response or timer F.
    Trying {
        /// The printed request.
        request: Packet,
        /// What it goes over.
        link: Link,
        /// Timer E; none over a connection.
        retransmit: Option<Moment>,
        /// Doubles up to T2.
        interval: Duration,
        /// Timer F.
        give_up: Moment,
    },
    /// A provisional response has come; timer E goes on at T2.
    Proceeding {
        /// The printed request.
        request: Packet,
        /// What it goes over.
        link: Link,
        /// Timer E; none over a connection.
        retransmit: Option<Moment>,
        /// Timer F.
        give_up: Moment,
    },
    /// A final response has come; its repetitions are absorbed.
    Completed {
        /// Timer K.
        until: Moment,
    },
    /// Over.
    Terminated,
}

impl ClientNonInvite {
    /// Sends the request.
    pub fn start(request: Packet, link: Link, now: Moment) -> Step<Self> {
        let next = Self::Trying {
            request: request.clone(),
            link,
            retransmit: link.repeat(now, T1),
            interval: T1,
            give_up: now + GIVE_UP,
        };
        Step::sending(next, request)
    }

    /// The next deadline.
    pub fn deadline(&self) -> Option<Moment> {
        match self {
            Self::Trying { retransmit, give_up, .. }
            | Self::Proceeding { retransmit, give_up, .. } => {
                Some(retransmit.map_or(*give_up, |at| at.min(*give_up)))
            }
            Self::Completed { until } => Some(*until),
            Self::Terminated => None,
        }
    }

    /// One event.
    pub fn handle(self, event: Event, now: Moment) -> Step<Self> {
        match (self, event) {
            (state @ (Self::Completed { .. } | Self::Terminated), Event::Response(_)) => {
                Step::stay(state)
            }
            (state @ (Self::Trying { .. } | Self::Proceeding { .. }), Event::Response(status)) => {
                Step::telling(state.response(status, now), Tell::Response)
            }
            (Self::Trying { .. } | Self::Proceeding { .. }, Event::Unreachable) => {
                Step::telling(Self::Terminated, Tell::Unreachable)
            }
            (state @ (Self::Completed { .. } | Self::Terminated), Event::Unreachable) => {
                Step::stay(state)
            }
            (state, Event::Later) => Step::stay(state.later(now)),
            (state, Event::Time) => state.time(now),
        }
    }

    fn response(self, status: Status, now: Moment) -> Self {
        match (self, status) {
            (Self::Trying { request, link, give_up, .. }, Status::Provisional) => {
                Self::Proceeding { request, link, retransmit: link.repeat(now, T2), give_up }
            }
            (state, Status::Provisional) => state,
            (
                Self::Trying { link, .. } | Self::Proceeding { link, .. },
                Status::Success | Status::Failure,
            ) => Self::Completed { until: now + link.linger(T4) },
            (state @ (Self::Completed { .. } | Self::Terminated), _) => state,
        }
    }

    /// Timer E, which a connection has no need of as long as it stands; timer F runs on.
    fn later(self, now: Moment) -> Self {
        match self {
            Self::Trying { request, link, retransmit, interval, give_up } => {
                let retransmit = Some(retransmit.unwrap_or(now + interval));
                Self::Trying { request, link, retransmit, interval, give_up }
            }
            Self::Proceeding { request, link, retransmit, give_up } => {
                let retransmit = Some(retransmit.unwrap_or(now + T2));
                Self::Proceeding { request, link, retransmit, give_up }
            }
            state @ (Self::Completed { .. } | Self::Terminated) => state,
        }
    }

    fn time(self, now: Moment) -> Step<Self> {
        match self {
            Self::Trying { give_up, .. } | Self::Proceeding { give_up, .. } if now >= give_up => {
                Step::telling(Self::Terminated, Tell::TimedOut)
            }
            Self::Trying { request, link, retransmit: Some(at), interval, give_up }
                if now >= at =>
            {
                let interval = (interval * 2).min(T2);
                let retransmit = link.repeat(now, interval);
                let send = request.clone();
                Step::sending(Self::Trying { request, link, retransmit, interval, give_up }, send)
            }
            Self::Proceeding { request, link, retransmit: Some(at), give_up } if now >= at => {
                let (send, retransmit) = (request.clone(), link.repeat(now, T2));
                Step::sending(Self::Proceeding { request, link, retransmit, give_up }, send)
            }
            Self::Completed { until } if now >= until => Step::stay(Self::Terminated),
            state @ (Self::Trying { .. } | Self::Proceeding { .. })
            | state @ (Self::Completed { .. } | Self::Terminated) => Step::stay(state),
        }
    }
}
