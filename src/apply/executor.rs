//! Store, swap, store: the order in which a plan becomes the state in force.
//!
//! The change is written down (`begin`), then the target swaps its generation once, then the change
//! is marked applied (`finish`). Whoever is killed before the last step restarts with the former
//! generation, after it with the new one; nothing is reported as applied before it is durable. A
//! full disk is found before the target is touched.

use std::sync::Arc;

use crate::model::{ResourceSet, Revision};
use crate::plan::Plan;
use crate::port::{Applied, Change, Installed, Outcome, Store, StoreError, Target, TargetError};

/// What a plan leads to.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// The generation it makes: one more than the applied one.
    pub generation: u64,
    /// The revision it brings.
    pub revision: Revision,
    /// See [`Applied::followed`].
    pub followed: Option<Revision>,
    /// Everything that is in force afterwards.
    pub resources: Arc<ResourceSet>,
    /// The plan in one line.
    pub summary: String,
    /// When it begins, in milliseconds since 1970 (UTC).
    pub began_unix_ms: u64,
}

/// Why a plan was not carried out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failed {
    /// The change could not be written down; nothing has changed.
    #[error("the state cannot be stored: {0}")]
    NotBegun(StoreError),
    /// The target refused; nothing has changed.
    #[error("{0}")]
    Target(TargetError),
    /// Whether the change is stored is unknown: the store must be read again and what it says be
    /// put in force with [`restore`] before anything else.
    #[error("whether the change is stored is unknown: {0}")]
    Unknown(StoreError),
}

/// Carries out a plan whole, or not at all.
pub fn apply(
    plan: &Plan,
    wanted: &Wanted,
    store: &dyn Store,
    target: &dyn Target,
) -> Result<Installed, Failed> {
    store.begin(&change(plan, wanted)).map_err(Failed::NotBegun)?;
    match target.install(wanted.revision.clone(), Arc::clone(&wanted.resources)) {
        Ok(installed) => {
            store.finish(&Outcome::Applied).map_err(Failed::Unknown)?;
            Ok(installed)
        }
        Err(error) => {
            store.finish(&Outcome::Failed(error.to_string())).map_err(Failed::Unknown)?;
            Err(Failed::Target(error))
        }
    }
}

/// Reads what was applied and puts it in force: at the start, and when the outcome of a change is
/// unknown. `None` when nothing was ever applied.
pub fn restore(
    store: &dyn Store,
    target: &dyn Target,
) -> Result<Option<(Applied, Installed)>, RestoreError> {
    let Some(applied) = store.load()? else { return Ok(None) };
    let installed = target.install(applied.revision.clone(), Arc::clone(&applied.resources))?;
    Ok(Some((applied, installed)))
}

/// Why the stored state is not in force.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RestoreError {
    /// It could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The target refused it.
    #[error("the stored state cannot be put in force: {0}")]
    Target(#[from] TargetError),
}

fn change(plan: &Plan, wanted: &Wanted) -> Change {
    let upserts = plan.changes.iter().filter_map(|change| change.new.clone()).collect();
    let gone = plan.changes.iter().filter(|change| change.new.is_none());
    Change {
        generation: wanted.generation,
        revision: wanted.revision.clone(),
        followed: wanted.followed.clone(),
        upserts,
        deletes: gone.map(|change| change.resource.clone()).collect(),
        summary: wanted.summary.clone(),
        began_unix_ms: wanted.began_unix_ms,
    }
}
