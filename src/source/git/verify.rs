//! Signatures of commits, checked by git and OpenSSH against a list of allowed signers.

use std::io::Write;
use std::path::Path;

use super::{GitError, Repository};
use crate::model::{ObjectId, Signature};

impl Repository {
    /// What a commit's SSH signature comes to against allowed signers (lines as in OpenSSH's file).
    /// Times of validity are compared with the date of the commit.
    pub fn signature(&self, commit: &ObjectId, allowed: &str) -> Result<Signature, GitError> {
        let io = |error: std::io::Error| GitError::Failed(format!("a temporary file: {error}"));
        // Only its owner may read the file, and it goes when it is dropped.
        let mut file =
            tempfile::Builder::new().prefix("trunkline-signers-").tempfile().map_err(io)?;
        file.write_all(allowed.as_bytes()).and_then(|()| file.flush()).map_err(io)?;
        let setting = |name: &str, path: &Path| format!("gpg.ssh.{name}={}", path.display());
        let told = self.git.ask(&[
            "-c",
            &setting("allowedSignersFile", file.path()),
            "-c",
            &setting("revocationFile", Path::new("/dev/null")),
            "verify-commit",
            "--raw",
            commit.as_str(),
        ])?;
        if told.status.success() {
            return Ok(Signature::Good);
        }
        read(&told.words)
    }
}

/// Why a signature is not good, by the words of git and OpenSSH.
fn read(words: &str) -> Result<Signature, GitError> {
    if words.contains("cannot run ssh-keygen") || words.contains("cannot exec 'ssh-keygen'") {
        return Err(GitError::NoProgram("ssh-keygen"));
    }
    if words.contains("ssh-keygen -Y find-principals/verify is needed") {
        return Err(GitError::Failed("this OpenSSH cannot check signatures: 8.2 is needed".into()));
    }
    let sound = words.lines().find_map(|line| line.strip_prefix("Good \"git\" signature "));
    let Some(sound) = sound else { return Ok(Signature::Bad) };
    let key = sound.split_once("with ").map_or(sound, |(_, key)| key).trim();
    let key = key.replace(char::is_control, "\u{fffd}");
    let then = words.contains("key has expired") || words.contains("key is not yet valid");
    Ok(if then { Signature::NotValidThen(key) } else { Signature::UnknownKey(key) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_program_is_no_verdict() {
        let words = "error: cannot run ssh-keygen: No such file or directory\n";
        assert_eq!(read(words), Err(GitError::NoProgram("ssh-keygen")));
        assert_eq!(read("error: anything\n"), Ok(Signature::Bad));
    }
}
