//! Between which two ends a message goes, and over what.

use std::net::SocketAddr;
use std::time::Duration;

use super::Moment;

/// One connection of the rim; its number is never used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub u64);

/// What carries a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    /// Datagrams: what is lost is sent again.
    Datagram,
    /// A connection: this one as long as it is open, else whichever leads to the far end.
    Stream(Option<ConnectionId>),
}

impl Link {
    /// When to send again for the first or next time; never over a connection (RFC 3261 sections
    /// 17.1.1.2, 17.1.2.2 and 17.2.1).
    pub(super) fn repeat(self, now: Moment, interval: Duration) -> Option<Moment> {
        match self {
            Self::Datagram => Some(now + interval),
            Self::Stream(_) => None,
        }
    }

    /// How long a finished transaction absorbs repetitions: timers D, I, J and K are zero over a
    /// connection.
    pub(super) fn linger(self, span: Duration) -> Duration {
        match self {
            Self::Datagram => span,
            Self::Stream(_) => Duration::ZERO,
        }
    }
}

/// A local listener and a remote address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flow {
    /// The listener, by the number that the rim gave it.
    pub transport: u32,
    /// The far end.
    pub remote: SocketAddr,
    /// What is between them.
    pub link: Link,
}
