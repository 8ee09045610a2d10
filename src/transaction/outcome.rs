//! What the table of transactions says of what it was given.

use super::{Class, ClientKey, Flow, Packet, ServerKey, Tell};

/// A packet to send.
#[derive(Debug, Clone)]
pub struct Transmit {
    /// From where to where.
    pub flow: Flow,
    /// The bytes.
    pub packet: Packet,
    /// The transaction to tell when it cannot be sent.
    pub origin: Option<Origin>,
    /// What to send instead when no connection can be had (RFC 3261 section 18.1.1).
    pub fallback: Option<Box<(Flow, Packet)>>,
}

/// The transaction that a packet belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// It is a request of ours.
    Client(ClientKey),
    /// It answers a request of theirs.
    Server(ServerKey),
}

/// The table holds as many transactions as it may: answer 503 without state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Full;

/// A request of ours on its way.
#[derive(Debug, Clone)]
pub struct Asked<O> {
    /// What kind.
    pub class: Class,
    /// As it was sent.
    pub packet: Packet,
    /// Who uses it.
    pub owner: O,
    /// Where it went.
    pub flow: Flow,
    /// How many challenges it answers.
    pub proofs: u8,
}

/// What a response was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Response<O> {
    /// For the user of this transaction.
    Deliver(ClientKey, O),
    /// A repetition, for this user; dealt with.
    Absorbed(O),
    /// Of no transaction of ours.
    Stray,
}

/// What a request was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request<O> {
    /// New: the user has to answer it.
    New(ServerKey),
    /// A repetition, or the ACK of a failure; dealt with. Whose it is, if that was said.
    Absorbed(Option<O>),
    /// New, and there is no room.
    Full,
}

/// What time brought about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notice<O> {
    /// A client transaction ended without an answer.
    Client(ClientKey, O, Tell),
    /// A server transaction ended without an ACK.
    Server(ServerKey, O, Tell),
}
