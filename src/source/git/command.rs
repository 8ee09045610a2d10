//! Runs the `git` program: arguments as a list, never a shell; no configuration of the repository
//! can make it run another program; a time-out, and bounded output.

use std::ffi::{OsStr, OsString};
use std::io::{self, BufReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use super::GitError;

/// One run of git takes at most this long.
const PATIENCE: Duration = Duration::from_secs(120);

/// So much of what git says on stderr is kept.
const MAX_WORDS: u64 = 16 * 1024;

/// So much output is taken where it is collected whole.
const MAX_OUTPUT: u64 = 16 * 1024 * 1024;

/// Settings of the repository that could make git run something, fetch something, or see another
/// history than the objects tell. The command line is stronger than any file.
const OVERRIDES: &[&str] = &[
    "core.fsmonitor=false",
    "core.hooksPath=/dev/null",
    "core.pager=cat",
    "core.commitGraph=false",
    "core.attributesFile=/dev/null",
    "core.useReplaceRefs=false",
    "core.alternateRefsCommand=false",
    "credential.helper=",
    "diff.external=",
    "gpg.program=false",
    "gpg.openpgp.program=false",
    "gpg.x509.program=false",
    "gpg.ssh.program=ssh-keygen",
    "gpg.ssh.defaultKeyCommand=",
    "gpg.minTrustLevel=undefined",
    "protocol.allow=never",
];

/// Variables that say the same, for what has no setting.
const VARIABLES: &[(&str, &str)] = &[
    ("GIT_CONFIG_NOSYSTEM", "1"),
    ("GIT_ATTR_NOSYSTEM", "1"),
    ("GIT_NO_LAZY_FETCH", "1"),
    ("GIT_NO_REPLACE_OBJECTS", "1"),
    ("GIT_GRAFT_FILE", "/dev/null"),
    ("GIT_OPTIONAL_LOCKS", "0"),
    ("GIT_TERMINAL_PROMPT", "0"),
    ("GIT_PAGER", "cat"),
    ("LC_ALL", "C"),
];

/// Variables of the caller that are kept; every other `GIT_…` is not passed on.
const KEPT: &[&str] = &[
    "GIT_EXEC_PATH",
    "GIT_CONFIG_GLOBAL",
    "GIT_CONFIG_COUNT",
    "GIT_CONFIG_KEY_",
    "GIT_CONFIG_VALUE_",
];

/// Where objects are besides the repository; in a pre-receive hook those of the push.
const OBJECTS: &[&str] =
    &["GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_QUARANTINE_PATH"];

/// How git is run for one repository.
#[derive(Debug, Clone)]
pub(super) struct Git {
    pub(super) folder: PathBuf,
    /// Whether the caller's object directories are those of this repository.
    pub(super) caller_objects: bool,
    program: PathBuf,
    patience: Duration,
}

impl Git {
    pub(super) fn new(folder: PathBuf) -> Self {
        Self { folder, caller_objects: false, program: "git".into(), patience: PATIENCE }
    }

    fn command(&self, args: &[&OsStr]) -> Command {
        let mut command = Command::new(&self.program);
        let is_kept = |name: &str| {
            KEPT.iter().any(|kept| name.starts_with(kept))
                || (self.caller_objects && OBJECTS.contains(&name))
        };
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if text.starts_with("GIT_") && !is_kept(&text) {
                command.env_remove(&name);
            }
        }
        if let Some(path) = std::env::var_os("GIT_OBJECT_DIRECTORY").filter(|_| self.caller_objects)
            && let Ok(path) = std::path::absolute(&path)
        {
            command.env("GIT_OBJECT_DIRECTORY", path);
        }
        command.envs(VARIABLES.iter().copied());
        command.arg("-C").arg(&self.folder);
        command.args(["--no-pager", "--literal-pathspecs"]);
        for setting in OVERRIDES {
            command.args(["-c", setting]);
        }
        command.args(args);
        command.process_group(0);
        command
    }

    /// Runs git without input and returns what it prints.
    pub(super) fn run<S: AsRef<OsStr>>(&self, args: &[S]) -> Result<Vec<u8>, GitError> {
        let told = self.ask(args)?;
        if told.status.success() { Ok(told.output) } else { Err(failed(&told.words)) }
    }

    /// Runs git without input; its failure is an answer, too.
    pub(super) fn ask<S: AsRef<OsStr>>(&self, args: &[S]) -> Result<Told, GitError> {
        let mut output = Vec::new();
        let (status, words) = self.talk(
            args,
            |_| Ok(()),
            |stdout| stdout.by_ref().take(MAX_OUTPUT).read_to_end(&mut output).map(drop),
        )?;
        if output.len() as u64 == MAX_OUTPUT {
            return Err(GitError::TooMuch("git says more than it should".to_owned()));
        }
        Ok(Told { status, output, words })
    }

    /// Runs git, writes its input from a thread of its own and has its output read meanwhile. Ends
    /// it when it takes too long, or when the reader has seen enough (an error of the reader).
    pub(super) fn talk<S: AsRef<OsStr>>(
        &self,
        args: &[S],
        write: impl FnOnce(&mut dyn Write) -> io::Result<()> + Send,
        read: impl FnOnce(&mut BufReader<ChildStdout>) -> io::Result<()>,
    ) -> Result<(ExitStatus, String), GitError> {
        let args: Vec<_> = args.iter().map(AsRef::as_ref).collect();
        let mut command = self.command(&args);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|error| {
            let missing = error.kind() == io::ErrorKind::NotFound;
            if missing { GitError::NoProgram("git") } else { GitError::Failed(error.to_string()) }
        })?;
        let (Some(mut stdin), Some(stdout), Some(stderr)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(GitError::Failed("no pipes".to_owned()));
        };
        let group = Group::of(&child);
        let (done, waiting) = mpsc::sync_channel::<()>(1);
        let (read, words, late) = thread::scope(|scope| {
            // A reader that went away is git's end, which its status tells.
            scope.spawn(move || drop(write(&mut io::BufWriter::new(&mut stdin))));
            let (group, patience) = (&group, self.patience);
            let watchdog = scope.spawn(move || {
                let late = waiting.recv_timeout(patience) == Err(RecvTimeoutError::Timeout);
                if late {
                    group.end();
                }
                late
            });
            let words = scope.spawn(move || {
                let mut words = Vec::new();
                let mut stderr = stderr;
                let read = stderr.by_ref().take(MAX_WORDS).read_to_end(&mut words);
                drop(read.and_then(|_| io::copy(&mut stderr, &mut io::sink())));
                String::from_utf8_lossy(&words).into_owned()
            });
            let mut stdout = BufReader::with_capacity(64 * 1024, stdout);
            let read = read(&mut stdout);
            if read.is_err() {
                group.end();
            }
            drop(stdout);
            let words = words.join().unwrap_or_default();
            drop(done);
            (read, words, watchdog.join().unwrap_or_default())
        });
        let status = child.wait().map_err(|error| GitError::Failed(error.to_string()))?;
        if late {
            return Err(GitError::TimedOut(self.patience.as_secs()));
        }
        read.map_err(|error| GitError::Failed(error.to_string()))?;
        Ok((status, words))
    }
}

/// What git answered.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) status: ExitStatus,
    pub(super) output: Vec<u8>,
    pub(super) words: String,
}

/// The processes of one run: git and what it starts. Ended only while git is not yet waited for, so
/// that the number is still its own.
struct Group(Option<Pid>);

impl Group {
    fn of(child: &Child) -> Self {
        Self(i32::try_from(child.id()).ok().map(Pid::from_raw))
    }

    fn end(&self) {
        if let Some(group) = self.0 {
            // It may have ended by itself.
            killpg(group, Signal::SIGKILL).unwrap_or_default();
        }
    }
}

/// A failure in git's own words: its first complaint.
pub(super) fn failed(words: &str) -> GitError {
    let mut lines = words.lines().filter(|line| !line.trim().is_empty());
    let line = lines.clone().find(|line| line.starts_with("fatal:")).or_else(|| lines.next());
    let line = line.unwrap_or("it gave no reason");
    GitError::Failed(line.trim_start_matches("fatal: ").replace(char::is_control, "\u{fffd}"))
}

/// A list of arguments, some of which need not be text.
pub(super) fn args(fixed: &[&str], last: OsString) -> Vec<OsString> {
    fixed.iter().map(OsString::from).chain([last]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn fake(script: &str, patience: Duration) -> (tempfile::TempDir, Git) {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("git");
        std::fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        let git = Git { program, patience, ..Git::new(folder.path().to_owned()) };
        (folder, git)
    }

    #[test]
    fn a_git_that_does_not_end_is_ended_with_its_children() {
        let (_folder, git) = fake("sleep 600 & sleep 600", Duration::from_millis(50));
        assert!(matches!(git.ask(&["x"]), Err(GitError::TimedOut(_))));
    }

    #[test]
    fn output_without_end_is_cut_off() {
        let (_folder, git) = fake("yes", PATIENCE);
        assert!(matches!(git.ask(&["x"]), Err(GitError::TooMuch(_))));
    }

    #[test]
    fn a_missing_program_is_named() {
        let git = Git { program: "/nowhere/git".into(), ..Git::new(".".into()) };
        assert_eq!(git.ask(&["x"]).unwrap_err(), GitError::NoProgram("git"));
    }

    #[test]
    fn the_first_complaint_is_told() {
        let error = failed("warning: x\nfatal: bad \u{1b}[2J\nmore\n");
        assert_eq!(error, GitError::Failed("bad \u{fffd}[2J".to_owned()));
    }
}
