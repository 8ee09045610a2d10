//! `--rev`: manifests of a git commit, and whether those who made it were allowed to.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::Failure;
use crate::manifest::tree::SourceTree;
use crate::model::{Commit, ObjectId, Revision, Signature, SignatureForm, Signers};
use crate::source::git::{Base, GitError, History, Repository, Revisions, Sieve};
use crate::validate::{Breach, Demand, Signing, may_hold_policy};

/// A revision that was read.
pub(super) struct Read {
    /// Its manifests.
    pub(super) tree: SourceTree,
    /// Its commit.
    pub(super) commit: ObjectId,
    repository: Repository,
    revisions: Revisions,
    sieve: Sieve,
}

/// What is known of signatures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signatures {
    /// No Policy demands any.
    None,
    /// Those of so many commits were checked.
    Checked(usize),
    /// Somebody demands them, and they were not checked.
    NotChecked,
    /// The history is cut off, so that nobody knows whether they are demanded.
    CutOff,
}

impl Signatures {
    /// The word in JSON.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Checked(_) => "checked",
            Self::NotChecked | Self::CutOff => "notChecked",
        }
    }
}

/// Reads a revision of the repository that holds the one path.
pub(super) fn read(paths: &[PathBuf], revision: &str) -> Result<Read, Failure> {
    let [path] = paths else {
        let failure = Failure::usage("a revision is read from one repository");
        return Err(failure.help("give one PATH with --rev: the repository, or a folder in it"));
    };
    if path.as_os_str() == "-" {
        let failure = Failure::usage("stdin has no revisions");
        return Err(failure.help("give a repository, or a folder in it, as PATH"));
    }
    open(path, revision).map_err(failure)
}

fn open(path: &Path, revision: &str) -> Result<Read, GitError> {
    let repository = Repository::open(path)?;
    let revisions = repository.resolve(revision)?;
    let mut sieve = Sieve::new(may_hold_policy);
    let commit = revisions.tip.clone();
    let tree = repository.tree(&commit, &mut sieve)?;
    Ok(Read { tree, commit, repository, revisions, sieve })
}

fn failure(error: GitError) -> Failure {
    let failure = if matches!(error, GitError::Malformed { .. }) {
        Failure::usage(error.to_string())
    } else {
        Failure::failed(error.to_string())
    };
    failure.help(error.help())
}

impl Read {
    /// The name of the state.
    pub(super) fn revision(&self) -> Revision {
        Revision(format!("git@{}", self.commit))
    }

    /// What stands before the path of a diagnostic, seen from the top of the repository.
    pub(super) fn prefix(&self) -> String {
        self.repository.prefix()
    }

    /// The text of a file of the commit, relative to the root.
    pub(super) fn file(&self, path: &str) -> Result<Option<String>, Failure> {
        let found = self.repository.file(&self.commit, Path::new(path)).map_err(failure)?;
        Ok(found.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
    }

    /// What the commits lack that their bases demand.
    pub(super) fn breaches(&mut self) -> Result<(Vec<(Commit, Breach)>, Signatures), Failure> {
        self.weigh().map_err(failure)
    }

    fn weigh(&mut self) -> Result<(Vec<(Commit, Breach)>, Signatures), GitError> {
        let history = self.repository.history(&self.revisions)?;
        let mut judges =
            Judges { repository: &self.repository, sieve: &mut self.sieve, known: BTreeMap::new() };
        let own = Rc::new(Signing::of(&self.tree));
        let mut anybody = !own.is_empty();
        judges.known.insert(self.commit.clone(), own);
        for commit in &history.commits {
            for judge in judging(commit, &history, &self.revisions) {
                anybody |= !judges.of(&judge)?.is_empty();
            }
        }
        let is_cut_off = !history.cut_off.is_empty();
        if !anybody {
            let state = if is_cut_off { Signatures::CutOff } else { Signatures::None };
            return Ok((Vec::new(), state));
        }
        let touched = self.repository.touched(&history)?;
        let mut breaches = Vec::new();
        for (commit, touched) in history.commits.iter().zip(&touched) {
            if history.cut_off.contains(&commit.id) {
                breaches.push((commit.clone(), Breach::CutOff));
                continue;
            }
            for judge in judging(commit, &history, &self.revisions) {
                let found = judges.judge(&judge, commit, touched)?;
                breaches.extend(found.into_iter().map(|breach| (commit.clone(), breach)));
            }
        }
        // Two parents may demand the same.
        breaches.dedup();
        Ok((breaches, Signatures::Checked(history.commits.len())))
    }
}

/// The commits whose Policies judge a commit: its parents, so that nobody grants a right to
/// themselves. In a range only parents count that have its base among their ancestors: of those
/// who come from an older state, or from nowhere, the base demands what it demands of everybody.
fn judging(commit: &Commit, history: &History, revisions: &Revisions) -> Vec<ObjectId> {
    if let Some(Base::Commit(base)) = &revisions.base {
        let is_above = |id: &&ObjectId| *id == base || history.above_base.contains(*id);
        let above: Vec<_> = commit.parents.iter().filter(is_above).cloned().collect();
        return if above.is_empty() { vec![base.clone()] } else { above };
    }
    if history.cut_off.contains(&commit.id) {
        return Vec::new();
    }
    if commit.parents.is_empty() { vec![commit.id.clone()] } else { commit.parents.clone() }
}

/// What each commit demands of its children, so far as it was asked.
struct Judges<'a> {
    repository: &'a Repository,
    sieve: &'a mut Sieve,
    known: BTreeMap<ObjectId, Rc<Signing>>,
}

impl Judges<'_> {
    fn of(&mut self, commit: &ObjectId) -> Result<Rc<Signing>, GitError> {
        if let Some(known) = self.known.get(commit) {
            return Ok(Rc::clone(known));
        }
        let signing = match self.repository.sifted(commit, self.sieve) {
            Ok(tree) => Signing::of(&tree),
            // Before there was a root, nobody demanded anything.
            Err(GitError::NoFolder { .. }) => Signing::default(),
            Err(error) => return Err(error),
        };
        let signing = Rc::new(signing);
        self.known.insert(commit.clone(), Rc::clone(&signing));
        Ok(signing)
    }

    fn judge(
        &mut self,
        judge: &ObjectId,
        commit: &Commit,
        touched: &[String],
    ) -> Result<Vec<Breach>, GitError> {
        if touched.is_empty() {
            return Ok(Vec::new());
        }
        let signing = self.of(judge)?;
        if let Some(file) = signing.unreadable() {
            return Ok(vec![Breach::UnreadablePolicy(file.to_owned())]);
        }
        let mut breaches = Vec::new();
        for demand in signing.demands(touched) {
            breaches.extend(self.breach(judge, commit, demand)?);
        }
        Ok(breaches)
    }

    fn breach(
        &self,
        judge: &ObjectId,
        commit: &Commit,
        demand: Demand,
    ) -> Result<Option<Breach>, GitError> {
        match commit.signature {
            SignatureForm::None => return Ok(Some(Breach::Unsigned(demand))),
            SignatureForm::Ssh => {}
            form @ (SignatureForm::OpenPgp | SignatureForm::X509 | SignatureForm::Unknown) => {
                return Ok(Some(Breach::Form(demand, form)));
            }
        }
        let allowed = match self.allowed(judge, &demand.signers)? {
            Ok(allowed) => allowed,
            Err(file) => return Ok(Some(Breach::NoList(demand, file))),
        };
        Ok(match self.repository.signature(&commit.id, &allowed)? {
            Signature::Good => None,
            Signature::UnknownKey(key) => Some(Breach::UnknownKey(demand, key)),
            Signature::NotValidThen(key) => Some(Breach::NotValidThen(demand, key)),
            Signature::Bad => Some(Breach::Bad(demand)),
        })
    }

    /// The allowed signers as OpenSSH reads them; a file that is not in the judge's tree.
    fn allowed(
        &self,
        judge: &ObjectId,
        signers: &Signers,
    ) -> Result<Result<String, String>, GitError> {
        let mut lines = signers.keys.join("\n");
        for file in &signers.files {
            let Some(bytes) = self.repository.file(judge, Path::new(file))? else {
                return Ok(Err(file.clone()));
            };
            lines.push('\n');
            lines.push_str(&String::from_utf8_lossy(&bytes));
        }
        lines.push('\n');
        Ok(Ok(lines))
    }
}
