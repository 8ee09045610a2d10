//! Targets that left a call without an answer lately. One lost call says little, so they are not left
//! out: of a name's targets they come last, until they are heard or time has passed (engine.md G33).

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use crate::transaction::Moment;

/// How long a target comes last.
const SILENT_FOR: Duration = Duration::from_secs(300);
/// Targets that are remembered.
const MAX_SILENT: usize = 1024;

/// By address, until when.
#[derive(Debug, Default)]
pub(super) struct Silent {
    until: BTreeMap<SocketAddr, Moment>,
}

impl Silent {
    /// A call got no answer there.
    pub(super) fn note(&mut self, target: SocketAddr, now: Moment) {
        self.until.retain(|_, until| now < *until);
        if self.until.len() < MAX_SILENT {
            self.until.insert(target, now + SILENT_FOR);
        }
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
