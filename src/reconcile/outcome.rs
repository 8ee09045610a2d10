//! The second half of the loop: what came of a look or a change is kept, told and logged.

use std::sync::Arc;

use super::handle::{ApproveError, Approved};
use super::runner::{Applying, Recovered, Runner, now};
use super::state::Verdict;
use super::status::Problems;
use super::weigh::Weighed;
use crate::apply::{Failed, RestoreError};
use crate::diag::{Code, Severity, render_text};
use crate::model::Revision;
use crate::port::{Applied, Installed, StoreError};

const DEFECT: &str = "a defect of Trunkline was met; the log has the details, please report it";

/// Diagnostics of one revision in the log; a tree may hold a million of them.
const MAX_LOGGED: usize = 20;

impl Runner {
    /// What an approver is told when nothing had to change.
    pub(super) fn unchanged(&self, weighed: &Weighed) -> Approved {
        Approved { generation: self.generation(), revision: weighed.revision.clone(), changes: 0 }
    }

    pub(super) fn source_is_readable(&self) {
        self.publish(|standing| {
            let message = format!("{} can be read", standing.source);
            let again = standing.source_ready.holds == Some(false);
            standing.source_ready.set(true, "Read", message, now());
            if again {
                tracing::info!("{} can be read again", standing.source);
            }
        });
    }

    pub(super) fn report_unreadable(&mut self) {
        let Some(error) = self.unreadable.take() else { return };
        let kept = self.kept();
        self.publish(|standing| {
            let words = error.to_string();
            if standing.source_ready.set(false, "Unreadable", words, now()) {
                tracing::error!("{error}; {kept}");
            }
        });
    }

    /// The revision has errors or a guard refuses it: the last good state stays.
    pub(super) fn report_rejected(&mut self) {
        let Some(weighed) = self.weighed.take() else { return };
        let all = weighed.diagnostics.iter();
        let errors = all.filter(|one| one.severity() == Severity::Error).count();
        let (reason, word, verb) = match weighed.verdict {
            Verdict::Refused => ("Refused", "is refused", "plan"),
            Verdict::Invalid | Verdict::Same | Verdict::Change => {
                ("Invalid", "is invalid", "validate")
            }
        };
        let count = format!("{errors} error{}", if errors == 1 { "" } else { "s" });
        let kept = self.kept();
        tracing::error!(
            revision = %weighed.revision, errors,
            "the revision {word}: {count}; {kept}"
        );
        tracing::error!("as `{verb}` prints it:\n{}", told(&weighed));
        let revision = weighed.revision;
        let problems = Problems {
            revision: revision.clone(),
            diagnostics: weighed.diagnostics,
            sources: weighed.sources,
        };
        self.publish(|standing| {
            let message = format!("revision {revision} {word}: {count}; {kept}");
            standing.valid.set(false, reason, message, now());
            standing.wanted = Some(revision);
            standing.problems = Some(Arc::new(problems));
        });
    }

    /// The wanted resources are in force already: only the revision's name moves.
    pub(super) fn rename(&mut self) {
        let Some(weighed) = self.weighed.take() else { return };
        log_warnings(&weighed);
        tracing::info!(revision = %weighed.revision, "the revision has no errors and changes nothing");
        let revision = weighed.revision;
        let renamed = match &self.broken {
            Some(error) => Err(error.clone()),
            None => self.ports.store.rename(&revision, Some(&revision)),
        };
        if let Err(error) = renamed {
            tracing::error!("the revision cannot be stored: {error}");
        }
        self.publish(|standing| {
            standing.valid.set(true, "Valid", format!("revision {revision} has no errors"), now());
            if let Some(applied) = &mut standing.applied {
                applied.revision = revision.clone();
                applied.followed = Some(revision.clone());
                let message = format!("revision {revision} is in force");
                standing.applied_well.set(true, "Applied", message, now());
            } else {
                let message = format!("revision {revision} declares nothing");
                standing.applied_well.set(false, "Empty", message, now());
            }
            standing.wanted = Some(revision);
            standing.problems = None;
        });
    }

    /// Keeps and tells what came of a change. Returns whether it is in force.
    pub(super) fn applied(&mut self, applying: Applying) -> bool {
        let Applying { plan, wanted, result, recovered, took } = applying;
        let (revision, generation) = (wanted.revision.clone(), wanted.generation);
        let mut applied = Some(Applied {
            generation,
            revision: revision.clone(),
            followed: wanted.followed,
            resources: wanted.resources,
        });
        let result = match recovered {
            None => result.map_err(|error| error.to_string()),
            Some(Ok(Some((found, installed)))) if found.generation == generation => {
                applied = Some(found);
                Ok(installed)
            }
            Some(recovered) => {
                self.recovered(recovered);
                Err(result.err().map_or_else(String::new, |error: Failed| error.to_string()))
            }
        };
        match result {
            Ok(installed) => {
                let count = plan.changes.len();
                // Kept before it is told: who reads of it may ask for it.
                self.in_force(applied, &revision);
                tracing::info!(
                    %revision, generation, duration_ms = took.as_millis(),
                    "applied {count} change{}: {}",
                    if count == 1 { "" } else { "s" }, wanted.summary
                );
                log_stalled(&installed);
                if self.machine.approver().is_some() {
                    self.answer = Some(Ok(Approved { generation, revision, changes: count }));
                }
                true
            }
            Err(error) => {
                let kept = self.kept();
                tracing::error!(%revision, "the change was not applied: {error}; {kept}");
                self.publish(|standing| {
                    standing.applied_well.set(false, "Failed", error.clone(), now());
                    standing.wanted = Some(revision);
                });
                if self.machine.approver().is_some() {
                    self.answer = Some(Err(ApproveError::Failed(error)));
                }
                false
            }
        }
    }

    fn in_force(&self, applied: Option<Applied>, revision: &Revision) {
        self.publish(|standing| {
            standing.applied = applied;
            standing.wanted = Some(revision.clone());
            standing.problems = None;
            standing.valid.set(true, "Valid", format!("revision {revision} has no errors"), now());
            let message = format!("revision {revision} is in force");
            standing.applied_well.set(true, "Applied", message, now());
        });
    }

    /// What the store says after an unknown outcome; when it says nothing, nothing is written any
    /// more until a restart reads it.
    fn recovered(&mut self, recovered: Recovered) {
        match recovered {
            Ok(found) => {
                let applied = found.map(|(applied, _)| applied);
                self.publish(|standing| standing.applied = applied);
            }
            Err(error) => {
                tracing::error!("{error}; nothing is stored any more until a restart");
                self.broken = Some(match error {
                    RestoreError::Store(error) => error,
                    RestoreError::Target(error) => StoreError::OutOfOrder(error.to_string()),
                });
            }
        }
    }

    /// Work ended in a panic. While something was being applied, nobody knows how far it came.
    pub(super) fn broke(&mut self) {
        if self.machine.is_applying() {
            let words = "a change met a defect of Trunkline; restart it to read the state again";
            self.broken = Some(StoreError::OutOfOrder(words.to_owned()));
        }
        if self.machine.approver().is_some() {
            self.answer = Some(Err(ApproveError::Failed(DEFECT.to_owned())));
        }
    }

    pub(super) fn report_broke(&mut self) {
        let kept = self.kept();
        tracing::error!("{DEFECT}; {kept}");
        self.publish(|standing| {
            standing.wanted.clone_from(&standing.seen);
            standing.valid.set(false, "Defect", format!("{DEFECT}; {kept}"), now());
        });
    }

    /// What goes on when something is refused.
    fn kept(&self) -> String {
        match &self.standing.borrow().applied {
            Some(applied) => format!("revision {} stays in force", applied.revision),
            None => "nothing is in force yet".to_owned(),
        }
    }
}

/// What was found, as far as a log should hold it.
fn told(weighed: &Weighed) -> String {
    let all = &weighed.diagnostics;
    let first = all.get(..MAX_LOGGED).unwrap_or(all);
    let text = render_text(first, &weighed.sources, false);
    match all.len() - first.len() {
        0 => text,
        more => format!("{text}and {more} more: `trunkline validate` prints them all"),
    }
}

/// A revision without errors may still be told something.
pub(super) fn log_warnings(weighed: &Weighed) {
    if !weighed.diagnostics.is_empty() {
        tracing::warn!("as `validate` prints it:\n{}", told(weighed));
    }
}

pub(super) fn restored_words(applied: &Applied) -> String {
    format!("revision {} was restored from the state directory", applied.revision)
}

/// Secrets or certificates were found to have changed.
pub(super) fn log_refreshed(installed: &Installed) {
    let generation = installed.generation;
    let Some((first, _)) = installed.unusable.first() else {
        tracing::info!(
            generation,
            "secrets or certificates have changed: the new ones are in force"
        );
        return;
    };
    let more = match installed.unusable.len() - 1 {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    tracing::warn!(
        generation,
        "secrets or certificates have changed, and what is there for {first}{more} cannot be used: \
         see the error before this line and `trunkline status`"
    );
}

/// Listeners that could not be opened, and in one line what waits for a secret: everything else
/// runs.
pub(super) fn log_stalled(installed: &Installed) {
    for (transport, why) in &installed.stalled {
        tracing::warn!("{transport} is stalled: {why}; everything else runs");
    }
    let waiting = &installed.waiting;
    if waiting.is_empty() {
        return;
    }
    let told: Vec<String> =
        waiting.iter().take(MAX_LOGGED).map(|(id, why)| format!("{id} ({why})")).collect();
    let more = if waiting.len() > told.len() { ", …" } else { "" };
    let count = match waiting.len() {
        1 => "1 resource waits for its secret and does not start".to_owned(),
        count => format!("{count} resources wait for their secrets and do not start"),
    };
    tracing::error!(
        code = Code::TL703.as_str(),
        "{count}; everything else runs: {}{more}",
        told.join(", ")
    );
}
