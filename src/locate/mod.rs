//! Locating SIP servers (RFC 3263) as a sans-I/O machine: names wanted and answers of the DNS in,
//! questions and ordered targets out.
//!
//! Mutate a [`Locator`] (`want`, `answer`, `handle_timeout`), then drain `poll_question`, then wait
//! until `next_timeout` or the next answer. Names are looked up ahead and again when their answers
//! are old; nobody ever waits for one. While the DNS fails, the last good answers stay in use.
#![deny(clippy::disallowed_methods)]

mod answer;
mod guests;
mod locator;
mod order;
mod walk;

use std::time::Duration;

pub use answer::{Answer, Data, Question, Record, RecordType};
pub use locator::{Locator, Servers};
pub use walk::Lack;

/// Questions under way at the same time.
pub const MAX_IN_FLIGHT: usize = 64;
/// Questions that are kept; what further names need is not asked.
pub const MAX_QUESTIONS: usize = 100_000;
/// Records used of one answer.
pub const MAX_RECORDS: usize = 64;
/// Targets of one name.
pub const MAX_TARGETS: usize = 32;
/// SRV names that the NAPTR records of one name may lead to.
pub const MAX_SERVICES: usize = 4;
/// Names that are wanted for a while at the same time.
pub const MAX_GUESTS: usize = 256;
/// How long such a name is kept after it was brought up last.
pub const GUEST_TIME: Duration = Duration::from_secs(120);
/// Aliases (CNAME) in a row.
pub const MAX_ALIASES: usize = 8;
/// An answer counts at least so long, however short its TTL.
pub const MIN_TTL: Duration = Duration::from_secs(30);
/// An answer is asked for again after so long, however long its TTL.
pub const MAX_TTL: Duration = Duration::from_secs(3600);
/// How long a failed question waits for its next try; it doubles up to the longest.
pub const FIRST_RETRY: Duration = Duration::from_secs(2);
/// The longest wait of a failed question.
pub const LAST_RETRY: Duration = Duration::from_secs(60);
/// How long the last good answer serves while the DNS fails (RFC 8767 section 5 asks for one to
/// three days).
pub const MAX_STALE: Duration = Duration::from_secs(3 * 24 * 3600);
/// How long an address that the DNS does not name any more is still trusted, and how long the
/// former targets serve when an answer takes all of them away.
pub const GRACE: Duration = Duration::from_secs(600);
