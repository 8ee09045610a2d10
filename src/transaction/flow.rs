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
    /// The same under TLS, and who has to be at the far end.
    Secure(Option<ConnectionId>, FarEnd),
}

/// Who has to be at the far end of a TLS connection, by a number that the engine gave out; 0 stands
/// for whoever has the address.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FarEnd(pub u32);

impl FarEnd {
    /// Whoever came from the address, over a connection that it made: nobody listens there, so that
    /// no connection is made to it.
    pub const COMER: Self = Self(u32::MAX);
}

impl Link {
    /// The connection that is meant, if it is a certain one.
    pub fn connection(self) -> Option<ConnectionId> {
        match self {
            Self::Datagram => None,
            Self::Stream(one) | Self::Secure(one, _) => one,
        }
    }

    /// Whether it goes over TLS, so that who is there can be told.
    pub fn is_secure(self) -> bool {
        matches!(self, Self::Secure(..))
    }

    /// Who has to be at the far end.
    pub fn far_end(self) -> FarEnd {
        match self {
            Self::Datagram | Self::Stream(_) => FarEnd::default(),
            Self::Secure(_, end) => end,
        }
    }

    /// The same over whichever connection leads to the far end.
    pub fn over_any(self) -> Self {
        match self {
            Self::Datagram => Self::Datagram,
            Self::Stream(_) => Self::Stream(None),
            Self::Secure(_, end) => Self::Secure(None, end),
        }
    }

    /// The same over a certain connection.
    #[must_use]
    pub fn over(self, connection: ConnectionId) -> Self {
        match self {
            Self::Datagram => Self::Datagram,
            Self::Stream(_) => Self::Stream(Some(connection)),
            Self::Secure(_, end) => Self::Secure(Some(connection), end),
        }
    }

    /// The same towards somebody certain; without TLS nobody can be sure of that.
    #[must_use]
    pub fn towards(self, end: FarEnd) -> Self {
        match self {
            Self::Secure(connection, _) => Self::Secure(connection, end),
            Self::Datagram | Self::Stream(_) => self,
        }
    }

    /// When to send again for the first or next time; never over a connection (RFC 3261 sections
    /// 17.1.1.2, 17.1.2.2 and 17.2.1).
    pub(super) fn repeat(self, now: Moment, interval: Duration) -> Option<Moment> {
        match self {
            Self::Datagram => Some(now + interval),
            Self::Stream(_) | Self::Secure(..) => None,
        }
    }

    /// How long a finished transaction absorbs repetitions: timers D, I, J and K are zero over a
    /// connection.
    pub(super) fn linger(self, span: Duration) -> Duration {
        match self {
            Self::Datagram => span,
            Self::Stream(_) | Self::Secure(..) => Duration::ZERO,
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
