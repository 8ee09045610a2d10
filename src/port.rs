//! The outside world as traits. Whoever implements one is an edge; whoever calls one decides
//! nothing about sockets, files or databases.

use std::sync::Arc;

use crate::manifest::tree::SourceTree;
use crate::model::value::Name;
use crate::model::{
    CallRecord, EventLine, Observed, Outside, Resource, ResourceId, ResourceSet, Revision, Secret,
};

/// What a source held when it was read, once and whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// The name of the content; equal content has an equal name.
    pub revision: Revision,
    /// The files.
    pub tree: Arc<SourceTree>,
}

/// Why a source could not be read at all; a single unreadable file is no such error, it stands in
/// the tree. Holds the path and the system's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SourceError(pub String);

/// Where manifests come from. Reading changes nothing.
pub trait Source: Send + Sync {
    /// What is read, for people: a path.
    fn describe(&self) -> String;

    /// Reads everything now.
    fn read(&self) -> Result<Snapshot, SourceError>;
}

/// What was applied last, as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// Counts the applied changes of this state directory, from 1; it never goes back.
    pub generation: u64,
    /// The revision that was applied.
    pub revision: Revision,
    /// The newest revision of the daemon's own source that was dealt with when this was applied.
    /// It differs from `revision` when the change was brought by `apply`.
    pub followed: Option<Revision>,
    /// Everything that is in force.
    pub resources: Arc<ResourceSet>,
}

/// One change of the applied state: only what differs, so that its cost follows the change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The generation it makes: one more than the applied one, 1 at first.
    pub generation: u64,
    /// The revision it brings.
    pub revision: Revision,
    /// Becomes [`Applied::followed`].
    pub followed: Option<Revision>,
    /// Resources that are new or differ.
    pub upserts: Vec<Arc<Resource>>,
    /// Resources that go.
    pub deletes: Vec<ResourceId>,
    /// The plan in one line, for the history.
    pub summary: String,
    /// When it began, in milliseconds since 1970 (UTC); for display only.
    pub began_unix_ms: u64,
}

/// How a change ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// In force and stored.
    Applied,
    /// Refused by the target, in its words; the former generation stands.
    Failed(String),
    /// The process ended between begin and finish; the former generation stands.
    Interrupted,
}

/// One line of the history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryEntry {
    /// The generation it made, or would have made.
    pub generation: u64,
    /// The revision it brought.
    pub revision: Revision,
    /// The plan in one line.
    pub summary: String,
    /// When it began, in milliseconds since 1970 (UTC).
    pub began_unix_ms: u64,
    /// How it ended.
    pub outcome: Outcome,
}

/// Why a store did not do what it was told. After any of them the truth is what a new `load` says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Another process holds the state directory.
    #[error(
        "the state directory {directory} is in use by {holder}; stop it, or give this one another directory with --state DIR"
    )]
    InUse {
        /// The directory.
        directory: String,
        /// Who holds it, `process 4711` when it is known.
        holder: String,
    },
    /// The file is a database of something else, or none at all.
    #[error(
        "{path} is not a Trunkline state database ({detail}); nothing was changed: give another directory with --state DIR, or move the file away"
    )]
    Foreign {
        /// The file.
        path: String,
        /// What was found.
        detail: String,
    },
    /// Written by a newer build.
    #[error(
        "{path} has schema {found}, this build reads up to {known}; nothing was changed: run the newer build, or give another directory with --state DIR"
    )]
    Newer {
        /// The file.
        path: String,
        /// Its schema version.
        found: i64,
        /// The newest version that this build reads.
        known: i64,
    },
    /// What was stored whole, and this build does not know: a newer one wrote it.
    #[error(
        "{path} was written by a newer build: {detail}; nothing was changed: run the newer build, or give another directory with --state DIR"
    )]
    NewerContent {
        /// The file.
        path: String,
        /// What was found.
        detail: String,
    },
    /// The content contradicts itself.
    #[error(
        "{path} is damaged: {detail}; nothing was changed: restore a copy, or move the file away and start again from the repository"
    )]
    Damaged {
        /// The file.
        path: String,
        /// What was found.
        detail: String,
    },
    /// Reading or writing failed.
    #[error("{path}: {detail}")]
    Io {
        /// The file or directory.
        path: String,
        /// The system's words.
        detail: String,
    },
    /// `begin` and `finish` do not follow each other, or the generation is not the next one.
    #[error("the change does not follow the stored state: {0}")]
    OutOfOrder(String),
}

/// Where the applied state survives a restart. A change is begun before the target is touched and
/// finished after it, each in one durable transaction: whoever dies in between leaves the former
/// generation, and a history entry that says so.
pub trait Store: Send + Sync {
    /// The applied state; `None` before the first change. A change that was begun and not finished
    /// is ended as [`Outcome::Interrupted`].
    fn load(&self) -> Result<Option<Applied>, StoreError>;

    /// Writes down what is about to be done. Nothing of it counts until `finish`.
    fn begin(&self, change: &Change) -> Result<(), StoreError>;

    /// Ends the begun change: with [`Outcome::Applied`] it becomes the applied state, else it is
    /// forgotten but for the history.
    fn finish(&self, outcome: &Outcome) -> Result<(), StoreError>;

    /// Notes that the applied resources are also what `revision` says (a comment was edited): the
    /// revision moves, the generation and the history stay. Nothing to do before the first change.
    fn rename(&self, revision: &Revision, followed: Option<&Revision>) -> Result<(), StoreError>;

    /// The newest changes first, at most `limit`.
    fn history(&self, limit: usize) -> Result<Vec<HistoryEntry>, StoreError>;
}

/// Why a secret or a certificate was not found: where it was looked for and what is wrong there,
/// never a word of its value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SecretError(pub String);

/// Where values stand that are in no repository. Reading changes nothing.
pub trait Secrets: Send + Sync {
    /// Reads a value for a resource of `owner`; `None` is the system scope.
    fn read(&self, owner: Option<&Name>, at: &Outside) -> Result<Secret, SecretError>;
}

/// What an install did beyond the swap.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Installed {
    /// The number of the generation now in force.
    pub generation: u64,
    /// Listeners that could not be opened, as (`Transport/name`, the system's words). Everything
    /// else runs.
    pub stalled: Vec<(String, String)>,
    /// Resources that wait for a secret or a certificate, as (resource, what is missing). They send
    /// nothing; everything else runs.
    pub waiting: Vec<(String, String)>,
    /// Resources whose certificate or authorities were found and cannot be used, as (resource, why).
    /// What was in use before stays so, if anything was.
    pub unusable: Vec<(String, String)>,
}

/// Something that was found outside of the manifests and cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Whose it is.
    pub resource: ResourceId,
    /// The field that refers to it, as a JSON pointer.
    pub field: &'static str,
    /// What is wrong, never a value.
    pub why: String,
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

    /// Looks up all secrets and certificates anew. What has changed comes into force as an install
    /// of the same resources does; `None` when nothing has.
    fn refresh(&self) -> Result<Option<Installed>, TargetError> {
        Ok(None)
    }

    /// Certificates and keys of these resources that are there and cannot be used: a plan that brings
    /// them is refused. What is not there only keeps its resource from starting.
    fn check(&self, _resources: &ResourceSet) -> Vec<Fault> {
        Vec::new()
    }

    /// What is in force and in progress, as one consistent value.
    fn observe(&self) -> Result<Observed, TargetError>;

    /// The messages of a call in progress or of one that ended lately, by the target's own name of
    /// it or by the Call-ID of any of its legs. A target without calls remembers none.
    fn record(&self, _call: &str) -> Result<Option<CallRecord>, TargetError> {
        Ok(None)
    }

    /// What happened after the event of this number, oldest first, as far as it is remembered.
    fn events(&self, _after: u64) -> Result<Vec<EventLine>, TargetError> {
        Ok(Vec::new())
    }
}
