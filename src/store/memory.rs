//! A store that lives as long as the process: for tests, with the behaviour of the durable one.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::MAX_HISTORY;
use crate::model::Revision;
use crate::port::{Applied, Change, HistoryEntry, Outcome, Store, StoreError};

#[derive(Debug, Default)]
struct Content {
    applied: Option<Applied>,
    pending: Option<Change>,
    history: VecDeque<HistoryEntry>,
}

/// The applied state in memory. Clones share it, as two openings of one directory would.
#[derive(Debug, Clone, Default)]
pub struct Memory {
    content: Arc<Mutex<Content>>,
}

impl Memory {
    fn content(&self) -> MutexGuard<'_, Content> {
        // Every change of the content is one assignment, so a panic elsewhere leaves it whole.
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Content {
    fn end(&mut self, change: Change, outcome: Outcome) {
        self.history.push_front(HistoryEntry {
            generation: change.generation,
            revision: change.revision.clone(),
            summary: change.summary.clone(),
            began_unix_ms: change.began_unix_ms,
            outcome: outcome.clone(),
        });
        self.history.truncate(MAX_HISTORY as usize);
        if outcome != Outcome::Applied {
            return;
        }
        let mut resources = self
            .applied
            .as_ref()
            .map_or_else(Default::default, |applied| (*applied.resources).clone());
        for id in &change.deletes {
            resources.remove(id);
        }
        for resource in change.upserts {
            resources.insert(resource);
        }
        self.applied = Some(Applied {
            generation: change.generation,
            revision: change.revision,
            followed: change.followed,
            resources: Arc::new(resources),
        });
    }
}

impl Store for Memory {
    fn load(&self) -> Result<Option<Applied>, StoreError> {
        let mut content = self.content();
        if let Some(change) = content.pending.take() {
            content.end(change, Outcome::Interrupted);
        }
        Ok(content.applied.clone())
    }

    fn begin(&self, change: &Change) -> Result<(), StoreError> {
        let mut content = self.content();
        if content.pending.is_some() {
            return Err(StoreError::OutOfOrder("a change is begun already".to_owned()));
        }
        let stored = content.applied.as_ref().map_or(0, |applied| applied.generation);
        super::next_generation(stored, change.generation)?;
        content.pending = Some(change.clone());
        Ok(())
    }

    fn finish(&self, outcome: &Outcome) -> Result<(), StoreError> {
        let mut content = self.content();
        let Some(change) = content.pending.take() else {
            return Err(StoreError::OutOfOrder("no change is begun".to_owned()));
        };
        content.end(change, outcome.clone());
        Ok(())
    }

    fn rename(&self, revision: &Revision, followed: Option<&Revision>) -> Result<(), StoreError> {
        if let Some(applied) = &mut self.content().applied {
            applied.revision = revision.clone();
            applied.followed = followed.cloned();
        }
        Ok(())
    }

    fn history(&self, limit: usize) -> Result<Vec<HistoryEntry>, StoreError> {
        Ok(self.content().history.iter().take(limit).cloned().collect())
    }
}
