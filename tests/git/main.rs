//! Revisions of git as input, through the real binary and real repositories: what is read, who may
//! have made it, and repositories that mean harm.

#[cfg(test)]
mod hostile;
#[cfg(test)]
mod reading;
#[cfg(test)]
mod signing;

#[cfg(test)]
mod world {
    use std::fs;
    use std::io::Write;
    use std::path::{Path, PathBuf};
    use std::process::{Command, Output, Stdio};

    use serde_json::Value;
    use tempfile::TempDir;

    pub(crate) const TENANT: &str = "apiVersion: trunkline.dev/v1\nkind: Tenant\n\
                                     metadata: {name: acme}\nspec: {sipDomain: acme.example.net}\n";

    /// A folder with a repository `r` in it, and keys beside it.
    pub(crate) struct World(pub(crate) TempDir);

    impl World {
        pub(crate) fn new() -> Self {
            let world = Self(TempDir::new().unwrap());
            fs::write(world.path("config"), "[init]\n\tdefaultBranch = main\n").unwrap();
            world.git_in(".", &["init", "-q", "r"]);
            world
        }

        pub(crate) fn path(&self, below: &str) -> PathBuf {
            self.0.path().join(below)
        }

        /// A command that sees neither this user's nor this machine's configuration of git.
        pub(crate) fn command(
            &self,
            program: impl AsRef<std::ffi::OsStr>,
            folder: &str,
        ) -> Command {
            let mut command = Command::new(program);
            command.current_dir(self.path(folder)).stdin(Stdio::null());
            for (name, _) in std::env::vars_os() {
                if name.to_string_lossy().starts_with("GIT_") {
                    command.env_remove(name);
                }
            }
            for name in ["NO_COLOR", "CLICOLOR_FORCE"] {
                command.env_remove(name);
            }
            command.env("GIT_CONFIG_GLOBAL", self.path("config")).env("GIT_CONFIG_NOSYSTEM", "1");
            for who in ["AUTHOR", "COMMITTER"] {
                command.env(format!("GIT_{who}_NAME"), "Jo");
                command.env(format!("GIT_{who}_EMAIL"), "jo@example.net");
                command.env(format!("GIT_{who}_DATE"), "2026-03-01T12:00:00Z");
            }
            command
        }

        pub(crate) fn git_in(&self, folder: &str, args: &[&str]) -> String {
            done(self.command("git", folder).args(args).output().unwrap())
        }

        pub(crate) fn git(&self, args: &[&str]) -> String {
            self.git_in("r", args)
        }

        /// Runs git with an input.
        pub(crate) fn git_fed(&self, args: &[&str], input: &[u8]) -> String {
            let mut command = self.command("git", "r");
            let mut child =
                command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
            child.stdin.take().unwrap().write_all(input).unwrap();
            done(child.wait_with_output().unwrap())
        }

        pub(crate) fn trunkline(&self, folder: &str, args: &[&str]) -> Output {
            self.command(env!("CARGO_BIN_EXE_trunkline"), folder).args(args).output().unwrap()
        }

        pub(crate) fn write(&self, path: &str, text: impl AsRef<[u8]>) {
            let path = self.path("r").join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }

        /// Commits everything; returns the commit.
        pub(crate) fn commit(&self, subject: &str) -> String {
            self.commit_by(subject, None)
        }

        /// Commits everything, signed with a key of this world.
        pub(crate) fn commit_by(&self, subject: &str, key: Option<&str>) -> String {
            self.git(&["add", "-A"]);
            let key = key.map(|key| format!("user.signingKey={}", self.path(key).display()));
            let mut args = vec!["-c", "gpg.format=ssh"];
            args.extend(key.iter().flat_map(|key| ["-c", key.as_str()]));
            args.extend(["commit", "-q", "--allow-empty", "-m", subject]);
            args.extend(key.as_ref().map(|_| "-S"));
            self.git(&args);
            self.git(&["rev-parse", "HEAD"])
        }

        /// Makes a key; returns its public half, `ssh-ed25519 AAAA…`.
        pub(crate) fn key(&self, name: &str) -> String {
            let mut command = self.command("ssh-keygen", ".");
            done(
                command
                    .args(["-q", "-t", "ed25519", "-N", "", "-C", name, "-f", name])
                    .output()
                    .unwrap(),
            );
            let line = fs::read_to_string(self.path(&format!("{name}.pub"))).unwrap();
            line.rsplit_once(' ').unwrap().0.to_owned()
        }
    }

    pub(crate) fn done(output: Output) -> String {
        assert!(output.status.success(), "{}", stderr(&output));
        String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
    }

    pub(crate) fn code(output: &Output) -> i32 {
        output.status.code().expect("no signal ended it")
    }

    pub(crate) fn stderr(output: &Output) -> String {
        String::from_utf8_lossy(&output.stderr).into_owned()
    }

    pub(crate) fn json(output: &Output) -> Value {
        let text = String::from_utf8_lossy(&output.stdout);
        serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}{}", stderr(output)))
    }

    /// Files and codes of what was found.
    pub(crate) fn found(value: &Value) -> Vec<(String, String)> {
        let word = |value: &Value| value.as_str().unwrap_or("-").to_owned();
        let all = value["diagnostics"].as_array().unwrap().iter();
        all.map(|one| (word(&one["file"]), word(&one["code"]))).collect()
    }

    /// Every file below a folder with its bytes.
    pub(crate) fn contents(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
        let mut found = Vec::new();
        let mut folders = vec![folder.to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                match path.is_dir() {
                    true => folders.push(path),
                    false => found.push((path.clone(), fs::read(path).unwrap())),
                }
            }
        }
        found.sort();
        found
    }
}
