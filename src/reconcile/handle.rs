//! How the rest of the program speaks with the loop.

use std::sync::Arc;

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};

use super::outcome::{log_refreshed, log_stalled};
use super::state::Verdict;
use super::status::Standing;
use super::submission::{Submission, Submissions, tree_of};
use super::weigh::{Weighed, refuse_unusable, weigh};
use crate::diag::Diagnostic;
use crate::model::{CallRecord, EventLine, Observed, ResourceSet, Revision};
use crate::port::{HistoryEntry, Store, StoreError, Target, TargetError};

/// Requests that may wait for the loop.
pub(super) const MAX_REQUESTS: usize = 64;

/// Plans that are made for others at the same time.
pub(super) const MAX_PLANNING: usize = 2;

/// What the loop is asked for.
#[derive(Debug)]
pub(super) enum Request {
    Demand,
    Approve { submission: Arc<Submission>, reply: oneshot::Sender<Result<Approved, ApproveError>> },
}

/// An approved plan, carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approved {
    /// The generation in force.
    pub generation: u64,
    /// Its revision.
    pub revision: Revision,
    /// How many resources changed.
    pub changes: usize,
}

/// Why an approved plan was not carried out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApproveError {
    /// There is no such plan (any more).
    #[error(
        "there is no plan with the digest {0}: it was never made here, or is forgotten; make it again"
    )]
    Unknown(String),
    /// The live state has changed since the plan was made.
    #[error(
        "the live state has changed since the plan was made: it would now be {found}, not {approved}"
    )]
    Stale {
        /// The digest that was approved.
        approved: String,
        /// The digest of the plan as it would be now.
        found: String,
    },
    /// A guard refuses it.
    #[error("the plan is refused: {}", .0.iter().map(|one| format!("{} {}", one.code, one.message)).collect::<Vec<_>>().join("; "))]
    Refused(Vec<Diagnostic>),
    /// Too many approvals wait.
    #[error("too many approved plans are waiting; try again")]
    Busy,
    /// It was tried and failed.
    #[error("{0}")]
    Failed(String),
    /// The loop has ended.
    #[error("the daemon is shutting down")]
    Stopped,
}

/// A way to ask the loop and to see how it stands. Clones speak with the same loop.
#[derive(Clone)]
pub struct Handle {
    pub(super) hints: Arc<Notify>,
    pub(super) requests: mpsc::Sender<Request>,
    pub(super) standing: watch::Receiver<Arc<Standing>>,
    pub(super) submissions: Submissions,
    pub(super) planning: Arc<Semaphore>,
    pub(super) store: Arc<dyn Store>,
    pub(super) target: Arc<dyn Target>,
}

impl std::fmt::Debug for Handle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Handle").finish_non_exhaustive()
    }
}

impl Handle {
    /// How the loop stands now.
    pub fn standing(&self) -> Arc<Standing> {
        Arc::clone(&self.standing.borrow())
    }

    /// Waits until the standing satisfies a condition; `None` when the loop has ended before.
    pub async fn wait_until(&self, holds: impl Fn(&Standing) -> bool) -> Option<Arc<Standing>> {
        let mut standing = self.standing.clone();
        let found = standing.wait_for(|standing| holds(standing)).await.ok()?;
        Some(Arc::clone(&found))
    }

    /// What is in force; empty before the first change.
    pub fn live(&self) -> Arc<ResourceSet> {
        let standing = self.standing();
        standing
            .applied
            .as_ref()
            .map_or_else(Arc::default, |applied| Arc::clone(&applied.resources))
    }

    /// What the engine tells of itself.
    pub fn observe(&self) -> Result<Observed, TargetError> {
        self.target.observe()
    }

    /// The messages of a call, if they are remembered.
    pub fn record(&self, call: &str) -> Result<Option<CallRecord>, TargetError> {
        self.target.record(call)
    }

    /// What happened after the event of this number.
    pub fn events(&self, after: u64) -> Result<Vec<EventLine>, TargetError> {
        self.target.events(after)
    }

    /// The newest changes first.
    pub fn history(&self, limit: usize) -> Result<Vec<HistoryEntry>, StoreError> {
        self.store.history(limit)
    }

    /// The source may hold something new. Never blocks; hints that are not taken yet are one.
    pub fn hint(&self) {
        self.hints.notify_one();
    }

    /// A person wants the source applied now, also what was dealt with before.
    pub async fn demand(&self) {
        drop(self.requests.send(Request::Demand).await);
    }

    /// Looks up secrets and certificates anew, which may have changed while no manifest did, and
    /// puts what changed in force. Returns whether anything has.
    pub async fn refresh(&self) -> Result<bool, TargetError> {
        let target = Arc::clone(&self.target);
        let refreshed = tokio::task::spawn_blocking(move || target.refresh()).await;
        let refreshed = refreshed.map_err(|_| TargetError::Stopped)??;
        if let Some(installed) = &refreshed {
            log_refreshed(installed);
            log_stalled(installed);
        }
        Ok(refreshed.is_some())
    }

    /// Waits for one of the few places of those who plan; it is given back when it is dropped.
    /// Planning for others must leave the machine to calls and to the loop.
    pub async fn planning(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.planning).acquire_owned().await.ok()
    }

    /// Checks and plans a tree against the live state. A plan that changes something and that no
    /// guard refuses can be approved by its digest afterwards. Costs CPU, changes nothing. The
    /// files are path and text; a path that stands twice is the error.
    pub fn submit(&self, files: Vec<(String, String)>) -> Result<Weighed, String> {
        let tree = tree_of(files)?;
        let live = self.live();
        let observed = self.observe().ok();
        let mut weighed = weigh(&tree, tree.revision(), &live, observed.as_ref());
        refuse_unusable(&mut weighed, &*self.target);
        if let (Verdict::Change | Verdict::Same, Some(plan), Some(desired)) =
            (weighed.verdict, &weighed.plan, &weighed.desired)
        {
            self.submissions.put(Submission {
                digest: plan.digest.clone(),
                revision: weighed.revision.clone(),
                desired: desired.clone(),
            });
        }
        Ok(weighed)
    }

    /// Carries out the plan with this digest, if it is still the plan.
    pub async fn approve(&self, digest: &str) -> Result<Approved, ApproveError> {
        let submission = self.submissions.get(digest);
        let submission = submission.ok_or_else(|| ApproveError::Unknown(digest.to_owned()))?;
        let (reply, answer) = oneshot::channel();
        let request = Request::Approve { submission, reply };
        self.requests.send(request).await.map_err(|_| ApproveError::Stopped)?;
        answer.await.unwrap_or(Err(ApproveError::Stopped))
    }
}
