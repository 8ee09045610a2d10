//! Why a repository could not be read, and what to do.

/// What went wrong with a git repository. Prints as one sentence without a full stop.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GitError {
    /// There is no program of this name.
    #[error("the program `{0}` is not installed, or not on the PATH")]
    NoProgram(&'static str),
    /// No repository holds the path.
    #[error("`{0}` is not in a git repository")]
    NoRepository(String),
    /// The repository belongs to somebody else.
    #[error("git does not trust the repository at `{0}`, which belongs to another user")]
    Untrusted(String),
    /// The text cannot be a revision.
    #[error("`{text}` is not a revision: {why}")]
    Malformed {
        /// As it was given.
        text: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// No commit has this name.
    #[error("there is no commit `{text}` in this {}", if *shallow { "shallow clone" } else { "repository" })]
    NoCommit {
        /// As it was given.
        text: String,
        /// Whether the history is cut off.
        shallow: bool,
    },
    /// The folder that was named as root is not in the commit.
    #[error("there is no folder `{folder}` in commit {commit}")]
    NoFolder {
        /// Relative to the top of the repository.
        folder: String,
        /// The commit.
        commit: String,
    },
    /// An object that must be there is not.
    #[error("the repository lacks an object of {0}")]
    MissingObject(String),
    /// The input is larger than anything that is a repository of manifests.
    #[error("{0}")]
    TooMuch(String),
    /// The program did not end in time.
    #[error("git took longer than {0} s and was ended")]
    TimedOut(u64),
    /// The program failed, in its words.
    #[error("git failed: {0}")]
    Failed(String),
}

impl GitError {
    /// What to do.
    pub fn help(&self) -> String {
        match self {
            Self::NoProgram("ssh-keygen") => {
                "install OpenSSH's client programs (Debian: openssh-client)".to_owned()
            }
            Self::NoProgram(_) => {
                "install git, or check a directory without `--rev`".to_owned()
            }
            Self::NoRepository(_) => {
                "give the repository, or a folder in it, as PATH; without `--rev` any directory is read"
                    .to_owned()
            }
            Self::Untrusted(path) => format!(
                "if you trust it, say so once: git config --global --add safe.directory '{path}'"
            ),
            Self::Malformed { .. } => {
                "give a commit (`HEAD`, a branch, a tag, a SHA), or `A..B`".to_owned()
            }
            Self::NoCommit { shallow: true, .. } => {
                "fetch the rest of the history: git fetch --unshallow".to_owned()
            }
            Self::NoCommit { shallow: false, .. } => {
                "check the name, or fetch it: git fetch".to_owned()
            }
            Self::NoFolder { .. } => {
                "PATH names the folder of the manifests: correct it, or give a revision that has it"
                    .to_owned()
            }
            Self::MissingObject(_) => "the clone is partial or damaged: look with `git fsck`, and \
                                       fetch what is missing with `git fetch --refetch --no-filter`"
                .to_owned(),
            Self::TooMuch(_) => {
                "give the folder of the manifests as PATH, or a shorter range of commits".to_owned()
            }
            Self::TimedOut(_) | Self::Failed(_) => {
                "look at the repository with `git fsck`".to_owned()
            }
        }
    }
}
