//! The SIP trunk engine: a signalling B2BUA between providers and tenants, as one value without
//! sockets, clock or chance of its own.
//!
//! Mutate it (`handle_input`, `handle_command`, `handle_timeout`), then drain `poll_output` until it
//! is empty, then wait until `next_timeout` or the next input. Every call is two dialogs with their
//! own Call-ID, tags, CSeq, Via and Contact; it pins the generation it began with.
#![deny(clippy::disallowed_methods)]

mod accept;
mod accounts;
mod ask;
mod attempt;
mod back;
mod bindings;
mod call;
mod context;
mod core;
mod dialog;
mod early;
mod end;
mod event;
mod exchange;
mod failover;
mod far_end;
mod generation;
mod guesses;
mod header_rules;
mod keepalive;
mod leg;
mod listener;
mod live;
mod merged;
mod meter;
mod near;
mod nonces;
mod observe;
mod own;
mod proof;
mod receive;
mod redirect;
mod refer;
mod refusal;
mod registrar;
mod registration;
mod relay;
mod replaces;
mod session;
mod silent;
mod stranger;
mod targets;
mod trail;
mod transfer;
mod transfer_ends;
mod undo;
mod unsent;
mod write;

use std::time::Duration;

pub use self::core::{Command, Engine, Input, Output};
pub use event::{About, Event};
pub use far_end::Admission;
pub use generation::Compiled;
pub use listener::Listener;
pub use meter::{Bucket, Meter, Rate, Strikes, around, near};
pub use trail::{
    ENDED_TRAIL_BYTES, ENDED_TRAILS, Ending, LIVE_TRAIL_BYTES, Record, Recorded, TRAIL_BYTES,
    TRAIL_MESSAGES,
};
pub use write::names_dialog;

/// Calls at the same time; the next one gets 503.
pub const MAX_CALLS: usize = 100_000;
/// Transactions of each side, also those that only absorb repetitions for their 32 s.
pub const MAX_TRANSACTIONS: usize = 1 << 18;
/// With so many transactions on the server side, what is answered at once leaves none behind: made-up
/// requests in a trunk's name must not take the place of its calls.
pub const CROWDED: usize = MAX_TRANSACTIONS / 2;
/// How long one attempt may stay without a provisional response above 100, unless its trunk says.
pub const ATTEMPT_LIMIT: Duration = Duration::from_secs(32);
/// How long hunting may go on before an attempt rings, unless its trunk says.
pub const HUNT_BUDGET: Duration = Duration::from_secs(60);
/// How long an INVITE may ring, from its last provisional response (RFC 3261 16.6 asks for more
/// than three minutes of timer C).
pub const RING_LIMIT: Duration = Duration::from_secs(300);
/// How long a call's remains wait for their BYE and CANCEL: timer F and a little.
pub const ENDING_LIMIT: Duration = Duration::from_secs(70);
/// Requests inside one dialog on their way to the other at the same time.
pub const MAX_RELAYS: usize = 8;
/// Legs of one call that were given up and still wait for their end: with so many, no other one is
/// called for a transfer.
pub const MAX_ABANDONED: usize = 8;
/// Redirections (3xx) that one call follows.
pub const MAX_REDIRECTS: u8 = 5;
/// How long a call waits for the DNS when a redirection names a host.
pub const NAME_PATIENCE: Duration = Duration::from_secs(4);
/// Early dialogs of one INVITE beside the first, and provisional responses that wait for a PRACK.
pub const MAX_EARLY: usize = 8;
/// `Retry-After` of a 503, in seconds.
pub const RETRY_AFTER: u32 = 10;
/// The largest request that is sent by UDP when it could go over TCP (RFC 3261 section 18.1.1, for
/// a path whose MTU nobody knows).
pub const MAX_DATAGRAM: usize = 1300;
/// Challenges that one request of ours answers, one after the other.
pub const MAX_PROOFS: u8 = 2;
/// REGISTERs a second towards one registrar, when many begin at once.
pub const REGISTRATION_RATE: u64 = 10;
/// How long calls of a trunk that is gone keep its registration.
pub const REGISTRATION_DRAIN: Duration = Duration::from_secs(3600);
/// The longest Service-Route that is followed.
pub const MAX_SERVICE_ROUTE: usize = 2048;
/// How long the keep-alive waits for more answers of the DNS before it looks at new targets.
pub const TARGETS_PAUSE: Duration = Duration::from_millis(100);
/// How long a nonce of ours is good.
pub const NONCE_LIFE: Duration = Duration::from_secs(300);
/// Nonces in use that are remembered against replay; with more, requests have to wait.
pub const MAX_NONCES: usize = 100_000;
/// Contacts that are registered with us, of all accounts together.
pub const MAX_BINDINGS: usize = 200_000;
/// The longest Contact or Path of one of them.
pub const MAX_CONTACT: usize = 512;
/// Sources whose wrong passwords are remembered.
pub const MAX_GUESSERS: usize = 65_536;
/// Former generations whose sources still reach their dialogs.
pub const MAX_RETIRED: usize = 64;
