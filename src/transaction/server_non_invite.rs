//! The non-INVITE server transaction (RFC 3261 section 17.2.2).

use super::{GIVE_UP, Link, Moment, Packet, Status, Step, Tell};

/// What can happen to it.
#[derive(Debug)]
pub enum Event {
    /// The request came again.
    Again,
    /// The user answers.
    Respond(Status, Packet),
    /// A deadline may have passed.
    Time,
    /// A response could not be sent.
    Unreachable,
}

/// The states, by their RFC names.
#[derive(Debug)]
pub enum ServerNonInvite {
    /// Not answered; repetitions of the request are dropped.
    Trying {
        /// What it came over.
        link: Link,
    },
    /// A provisional response was sent and is repeated on demand.
    Proceeding {
        /// The printed response.
        last: Packet,
        /// What it came over.
        link: Link,
    },
    /// A final response was sent and is repeated on demand.
    Completed {
        /// The printed response.
        response: Packet,
        /// Timer J.
        until: Moment,
    },
    /// Over.
    Terminated,
}

impl ServerNonInvite {
    /// A new request.
    pub fn start(link: Link) -> Self {
        Self::Trying { link }
    }

    /// The next deadline.
    pub fn deadline(&self) -> Option<Moment> {
        match self {
            Self::Completed { until, .. } => Some(*until),
            Self::Trying { .. } | Self::Proceeding { .. } | Self::Terminated => None,
        }
    }

    /// One event.
    pub fn handle(self, event: Event, now: Moment) -> Step<Self> {
        match (self, event) {
            (Self::Proceeding { last, link }, Event::Again) => {
                let send = last.clone();
                Step::sending(Self::Proceeding { last, link }, send)
            }
            (Self::Completed { response, until }, Event::Again) => {
                let send = response.clone();
                Step::sending(Self::Completed { response, until }, send)
            }
            (
                Self::Trying { link } | Self::Proceeding { link, .. },
                Event::Respond(status, packet),
            ) => {
                let response = packet.clone();
                let next = match status {
                    Status::Provisional => Self::Proceeding { last: response, link },
                    Status::Success | Status::Failure => {
                        Self::Completed { response, until: now + link.linger(GIVE_UP) }
                    }
                };
                Step::sending(next, packet)
            }
            (Self::Proceeding { .. } | Self::Completed { .. }, Event::Unreachable) => {
                Step::telling(Self::Terminated, Tell::Unreachable)
            }
            (state @ (Self::Trying { .. } | Self::Terminated), Event::Unreachable) => {
                Step::stay(state)
            }
            (Self::Completed { until, .. }, Event::Time) if now >= until => {
                Step::stay(Self::Terminated)
            }
            (state @ (Self::Trying { .. } | Self::Terminated), Event::Again)
            | (state @ (Self::Completed { .. } | Self::Terminated), Event::Respond(..))
            | (state, Event::Time) => Step::stay(state),
        }
    }
}
