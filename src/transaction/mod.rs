//! SIP transactions (RFC 3261 section 17, RFC 6026) as values: four machines, a timer wheel and a
//! bounded table. No sockets, no clock, no chance of its own.
#![deny(clippy::disallowed_methods)]

mod chance;
pub mod client_invite;
pub mod client_non_invite;
mod entry;
mod flow;
mod key;
mod moment;
mod outcome;
mod rest;
mod resting;
pub mod server_invite;
pub mod server_non_invite;
mod table;
mod wheel;

use std::sync::Arc;
use std::time::Duration;

pub use chance::Chance;
pub use client_invite::ClientInvite;
pub use client_non_invite::ClientNonInvite;
pub use flow::{ConnectionId, FarEnd, Flow, Link};
pub use key::{ClientKey, MAGIC_COOKIE, ServerId, ServerKey, write_digits, write_hex};
pub use moment::Moment;
pub use outcome::{Asked, Full, Notice, Origin, Request, Response, Transmit};
pub use server_invite::ServerInvite;
pub use server_non_invite::ServerNonInvite;
pub use table::Table;
pub use wheel::{TimerKey, Wheel};

/// A printed message, kept for retransmission and shared with whoever sends it.
pub type Packet = Arc<[u8]>;

/// The round-trip estimate (RFC 3261 section 17.1.1.1).
pub const T1: Duration = Duration::from_millis(500);
/// The longest interval between retransmissions of anything but an INVITE request.
pub const T2: Duration = Duration::from_secs(4);
/// How long a message can live in the network.
pub const T4: Duration = Duration::from_secs(5);
/// 64*T1: timers B, F, H, J, L and M, and the least value of timer D.
pub const GIVE_UP: Duration = Duration::from_secs(32);

/// The method of a request as far as transactions care.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// INVITE: three-way, with its own machines.
    Invite,
    /// CANCEL: its own transaction, sharing the branch of the INVITE it cancels.
    Cancel,
    /// Everything else but ACK.
    Other,
}

/// A status code as far as transactions care.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// 100 to 199.
    Provisional,
    /// 200 to 299.
    Success,
    /// 300 to 699.
    Failure,
}

impl Status {
    /// The class of a status code.
    pub fn of(code: u16) -> Self {
        match code {
            ..200 => Self::Provisional,
            200..300 => Self::Success,
            300.. => Self::Failure,
        }
    }
}

/// What a machine wants its user told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tell {
    /// The response just handled is for the user.
    Response,
    /// Timer B or F, or the bound set by a CANCEL: nobody answered.
    TimedOut,
    /// The packet could not be sent.
    Unreachable,
    /// Timer H: the failure response was never acknowledged.
    NoAck,
}

/// The outcome of one event: the next state, at most one packet to send, at most one thing to tell.
#[derive(Debug)]
#[must_use = "the next state and the packet are in here"]
pub struct Step<S> {
    /// The state from now on.
    pub next: S,
    /// What to put on the wire.
    pub send: Option<Packet>,
    /// What the user has to know.
    pub tell: Option<Tell>,
}

impl<S> Step<S> {
    fn stay(next: S) -> Self {
        Self { next, send: None, tell: None }
    }

    fn sending(next: S, packet: Packet) -> Self {
        Self { next, send: Some(packet), tell: None }
    }

    fn telling(next: S, tell: Tell) -> Self {
        Self { next, send: None, tell: Some(tell) }
    }
}
