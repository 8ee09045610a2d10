//! What the loop tells of itself: revisions and conditions, as one value that readers share.

use std::sync::Arc;

use crate::diag::{Diagnostic, SourceMap};
use crate::model::Revision;
use crate::port::Applied;

/// One condition: whether something holds, a stable CamelCase reason, words, and since when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConditionLine {
    /// `SourceReady`, `Valid` or `Applied`.
    pub name: &'static str,
    /// Whether it holds; `None` until it is known.
    pub holds: Option<bool>,
    /// One CamelCase word.
    pub reason: &'static str,
    /// For people.
    pub message: String,
    /// Since when it holds or does not, in milliseconds since 1970 (UTC).
    pub since_unix_ms: u64,
}

impl ConditionLine {
    fn unknown(name: &'static str, message: &str, now: u64) -> Self {
        Self {
            name,
            holds: None,
            reason: "Unknown",
            message: message.to_owned(),
            since_unix_ms: now,
        }
    }

    /// Sets it. Returns whether that says anything new.
    pub(super) fn set(
        &mut self,
        holds: bool,
        reason: &'static str,
        message: String,
        now: u64,
    ) -> bool {
        if self.holds != Some(holds) || self.reason != reason {
            self.since_unix_ms = now;
        }
        let new = (self.holds, self.reason, &self.message) != (Some(holds), reason, &message);
        (self.holds, self.reason, self.message) = (Some(holds), reason, message);
        new
    }
}

/// What is wrong with a revision, with its texts.
#[derive(Debug, Clone)]
pub struct Problems {
    /// The revision.
    pub revision: Revision,
    /// What was found.
    pub diagnostics: Vec<Diagnostic>,
    /// The texts that the diagnostics point into.
    pub sources: Arc<SourceMap>,
}

/// The loop at one moment.
#[derive(Debug, Clone)]
pub struct Standing {
    /// What is followed, for people.
    pub source: String,
    /// The newest revision that the source was seen at.
    pub seen: Option<Revision>,
    /// The revision that was asked for last, by the source or by `apply`.
    pub wanted: Option<Revision>,
    /// What is in force and stored; `None` before the first change.
    pub applied: Option<Applied>,
    /// Whether the source can be read.
    pub source_ready: ConditionLine,
    /// Whether the wanted revision has no errors and no guard refuses it.
    pub valid: ConditionLine,
    /// Whether the last change could be applied.
    pub applied_well: ConditionLine,
    /// What is wrong with the wanted revision, if anything is.
    pub problems: Option<Arc<Problems>>,
    /// Whether work is in progress.
    pub busy: bool,
}

impl Standing {
    pub(super) fn new(source: String, now: u64) -> Self {
        Self {
            source,
            seen: None,
            wanted: None,
            applied: None,
            source_ready: ConditionLine::unknown("SourceReady", "not read yet", now),
            valid: ConditionLine::unknown("Valid", "not checked yet", now),
            applied_well: ConditionLine::unknown("Applied", "nothing was applied yet", now),
            problems: None,
            busy: false,
        }
    }

    /// Every condition, in a fixed order.
    pub fn conditions(&self) -> [&ConditionLine; 3] {
        [&self.source_ready, &self.valid, &self.applied_well]
    }

    /// Whether calls can be routed: a generation is in force.
    pub fn is_ready(&self) -> bool {
        self.applied.is_some()
    }

    /// Whether the source was looked at since the start, and nothing came of it or everything has.
    pub fn first_look_is_over(&self) -> bool {
        self.source_ready.holds.is_some() && !self.busy
    }

    /// Whether some condition does not hold.
    pub fn is_stalled(&self) -> bool {
        self.conditions().iter().any(|condition| condition.holds == Some(false))
    }
}
