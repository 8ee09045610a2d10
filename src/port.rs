//! The outside world as traits. Whoever implements one is an edge; whoever calls one decides
//! nothing about sockets, files or databases.

use std::sync::Arc;

use crate::model::{Observed, ResourceSet, Revision};

/// What an install did beyond the swap.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Installed {
    /// The number of the generation now in force.
    pub generation: u64,
    /// Listeners that could not be opened, as (`Transport/name`, the system's words). Everything
    /// else runs.
    pub stalled: Vec<(String, String)>,
}

/// Why a target did not do what it was told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// It is shutting down or gone.
    #[error("the engine has stopped")]
    Stopped,
    /// The resources cannot be compiled; nothing has changed.
    #[error("the engine refused the generation: {0}")]
    Refused(String),
}

/// What carries out a generation: the embedded engine, or a fake.
pub trait Target: Send + Sync {
    /// Opens the listeners that are new, makes `resources` the generation in force by one atomic
    /// swap, then closes the listeners that are gone once nothing uses them. Calls in progress keep
    /// the generation that they began with. On an error the former generation stays.
    fn install(
        &self,
        revision: Revision,
        resources: Arc<ResourceSet>,
    ) -> Result<Installed, TargetError>;

    /// What is in force and in progress, as one consistent value.
    fn observe(&self) -> Result<Observed, TargetError>;
}
