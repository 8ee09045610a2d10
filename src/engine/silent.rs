//! Targets that left a call without an answer lately, or asked for time. One lost call says little, so
//! they are not left out, but come last (engine.md G33): the silent ones among a name's targets until
//! they are heard or time has passed, those that asked for time also among routes, as long as they asked.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use crate::transaction::Moment;

/// How long a target comes last.
const SILENT_FOR: Duration = Duration::from_secs(300);
/// Targets that are remembered.
const MAX_SILENT: usize = 1024;

/// The longest that who asks for time comes last.
const MAX_ASKED: Duration = Duration::from_secs(300);

/// By address, until when.
#[derive(Debug, Default)]
pub(super) struct Silent {
    until: BTreeMap<SocketAddr, Moment>,
    asked: BTreeMap<SocketAddr, Moment>,
}

impl Silent {
    /// A call got no answer there.
    pub(super) fn note(&mut self, target: SocketAddr, now: Moment) {
        self.until.retain(|_, until| now < *until);
        if self.until.len() < MAX_SILENT {
            self.until.insert(target, now + SILENT_FOR);
        }
    }

    /// A call got a 503 there that says when to come again (RFC 3261 section 21.5.4).
    pub(super) fn ask(&mut self, target: SocketAddr, after: Duration, now: Moment) {
        self.asked.retain(|_, until| now < *until);
        if self.asked.len() < MAX_SILENT {
            self.asked.insert(target, now + after.min(MAX_ASKED));
        }
    }

    /// Whether nobody has asked for time.
    pub(super) fn nobody_asked(&self) -> bool {
        self.asked.is_empty()
    }

    /// Whether it has asked for time that is not over.
    pub(super) fn has_asked(&self, target: SocketAddr, now: Moment) -> bool {
        self.asked.get(&target).is_some_and(|until| now < *until)
    }

    /// Something answers from there.
    pub(super) fn heard(&mut self, target: SocketAddr) {
        if !self.until.is_empty() {
            self.until.remove(&target);
        }
    }

    /// Whether it comes last.
    pub(super) fn holds(&self, target: SocketAddr, now: Moment) -> bool {
        self.until.get(&target).is_some_and(|until| now < *until)
    }
}
