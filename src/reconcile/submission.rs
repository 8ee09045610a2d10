//! Plans that were made for someone and wait for an approval by digest.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::manifest::tree::{Content, SourceFile, SourceTree};
use crate::model::Revision;
use crate::validate::Desired;

/// So many plans wait at most; the oldest is forgotten first.
pub const MAX_SUBMISSIONS: usize = 8;

/// A plan that may be approved. What is kept is what is wanted: the plan itself is made again at
/// the approval, and must come out with the same digest.
#[derive(Debug, Clone)]
pub struct Submission {
    /// The digest of the plan that was shown.
    pub digest: String,
    /// The revision that it brings.
    pub revision: Revision,
    /// What is wanted.
    pub desired: Desired,
}

/// The waiting plans, by digest.
#[derive(Debug, Clone, Default)]
pub(super) struct Submissions {
    waiting: Arc<Mutex<VecDeque<Arc<Submission>>>>,
}

impl Submissions {
    pub(super) fn put(&self, submission: Submission) {
        let mut waiting = self.waiting();
        waiting.retain(|other| other.digest != submission.digest);
        waiting.push_back(Arc::new(submission));
        while waiting.len() > MAX_SUBMISSIONS {
            waiting.pop_front();
        }
    }

    pub(super) fn get(&self, digest: &str) -> Option<Arc<Submission>> {
        self.waiting().iter().find(|submission| submission.digest == digest).cloned()
    }

    fn waiting(&self) -> MutexGuard<'_, VecDeque<Arc<Submission>>> {
        // A panic between two of our calls leaves a shorter queue, never a broken one.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The files as a tree: sorted, as a directory is read, so that equal files have an equal revision.
/// The error names a path that stands twice.
pub(super) fn tree_of(files: Vec<(String, String)>) -> Result<SourceTree, String> {
    let file =
        |(path, text): (String, String)| SourceFile { path, content: Content::Text(text.into()) };
    let mut files: Vec<SourceFile> = files.into_iter().map(file).collect();
    files.sort_by(|one, other| one.path.cmp(&other.path));
    let twice = files.windows(2).find_map(|pair| match pair {
        [one, other] if one.path == other.path => Some(one.path.clone()),
        _ => None,
    });
    twice.map_or(Ok(SourceTree { files, rooted: false }), Err)
}
