//! The real binary under test, with its log and its API.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// Nothing of these tests takes a fraction of this; running into it is a failure.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

pub(crate) fn trunkline() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_trunkline"));
    command.stdin(Stdio::null());
    for name in [
        "TRUNKLINE_SERVER",
        "TRUNKLINE_STATE",
        "TRUNKLINE_LISTEN",
        "TRUNKLINE_LOG",
        "TRUNKLINE_DNS",
    ] {
        command.env_remove(name);
    }
    command
}

pub(crate) fn run(arguments: &[&str]) -> Output {
    trunkline().args(arguments).output().unwrap()
}

/// A directory of manifests and a state directory beside it.
pub(crate) struct Site {
    folder: TempDir,
}

impl Site {
    /// With the small set of manifests.
    pub(crate) fn new() -> Self {
        let site = Self { folder: tempfile::tempdir().unwrap() };
        std::fs::create_dir(site.manifests()).unwrap();
        site.write("base.yaml", BASE);
        site.rule(100);
        site
    }

    pub(crate) fn manifests(&self) -> PathBuf {
        self.folder.path().join("manifests")
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a manifest as an editor does: aside, then renamed over the old one.
    pub(crate) fn write(&self, name: &str, text: &str) {
        let aside = self.manifests().join(".aside");
        std::fs::write(&aside, text).unwrap();
        std::fs::rename(aside, self.manifests().join(name)).unwrap();
    }

    /// Sends the one number to an extension.
    pub(crate) fn rule(&self, extension: u32) {
        self.write("rule.yaml", &rule(extension));
    }

    /// A daemon on this site that serves already.
    pub(crate) fn serve(&self) -> Daemon {
        self.serve_with(&self.manifests(), &[])
    }

    pub(crate) fn serve_with(&self, path: &Path, arguments: &[&str]) -> Daemon {
        let mut command = self.command(path);
        command.args(arguments);
        Daemon::start_with(command)
    }

    /// `serve` without an address.
    pub(crate) fn command(&self, path: &Path) -> Command {
        let mut command = trunkline();
        command.arg("serve").arg(path).arg("--state").arg(self.state());
        command.args(["--log-format", "json"]);
        command
    }
}

pub(crate) fn rule(extension: u32) -> String {
    format!(
        "apiVersion: trunkline.dev/v1\nkind: InboundRule\nmetadata: {{name: desk, tenant: acme}}\n\
         spec:\n  trunk: carrier\n  did: 14155550100\n  destination:\n    extension: {extension}\n"
    )
}

pub(crate) const BASE: &str = "\
apiVersion: trunkline.dev/v1
kind: Transport
metadata: {name: udp, annotations: {trunkline.dev/ephemeral: 'true'}}
spec: {protocol: udp, bind: 127.0.0.1, port: 0}
---
apiVersion: trunkline.dev/v1
kind: Tenant
metadata: {name: acme}
spec: {sipDomain: acme.example}
---
apiVersion: trunkline.dev/v1
kind: Trunk
metadata: {name: carrier}
spec: {type: ip, host: 127.0.0.2, keepAlive: {enabled: false}}
---
apiVersion: trunkline.dev/v1
kind: DidPool
metadata: {name: main, tenant: acme}
spec: {trunk: carrier, numbers: 14155550100-14155550199}
---
apiVersion: trunkline.dev/v1
kind: Extension
metadata: {name: desk, tenant: acme}
spec: {numbers: 100-199, contact: 'sip:127.0.0.9:5060'}
";

/// A running daemon; killed when it is dropped.
pub(crate) struct Daemon {
    child: Child,
    log: Receiver<String>,
    seen: Vec<String>,
    pub(crate) url: String,
}

impl Daemon {
    pub(crate) fn start_with(command: Command) -> Self {
        Self::start_reading(command, 100_000)
    }

    /// With a log of which so many lines are read before somebody asks for them.
    pub(crate) fn start_reading(mut command: Command, ahead: usize) -> Self {
        command.args(["--listen", "127.0.0.1:0"]);
        let mut child = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let stderr = child.stderr.take().unwrap();
        let (sender, log) = sync_channel(ahead);
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        let mut daemon = Self { child, log, seen: Vec::new(), url: String::new() };
        let line = daemon.wait_for("\"api\":");
        let event: Value = serde_json::from_str(&line).unwrap();
        daemon.url = event["api"].as_str().unwrap().to_owned();
        daemon
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The next line of the log that holds a text.
    pub(crate) fn wait_for(&mut self, text: &str) -> String {
        let deadline = Instant::now() + DEADLINE;
        loop {
            match self.log.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) => {
                    self.seen.push(line.clone());
                    if line.contains(text) {
                        return line;
                    }
                }
                Err(error) => panic!("no `{text}` in the log ({error}): {:#?}", self.seen),
            }
        }
    }

    /// Reads the log for so long, or until a line holds the text; says whether one did.
    pub(crate) fn watch_for(&mut self, text: &str, patience: Duration) -> bool {
        let deadline = Instant::now() + patience;
        loop {
            match self.log.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) => {
                    let found = line.contains(text);
                    self.seen.push(line);
                    if found {
                        return true;
                    }
                }
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return false,
            }
        }
    }

    /// Every line of the log until its end, once the process has ended.
    pub(crate) fn rest_of_log(&mut self) -> Vec<String> {
        while let Ok(line) = self.log.recv_timeout(DEADLINE) {
            self.seen.push(line);
        }
        std::mem::take(&mut self.seen)
    }

    pub(crate) fn get(&self, path: &str) -> Value {
        let (status, body) = self.request("GET", path, None);
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    /// Status and body of any request.
    pub(crate) fn request(&self, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(DEADLINE))
            .build();
        let agent = ureq::Agent::new_with_config(config);
        let url = format!("{}{path}", self.url);
        let answer = match (method, body) {
            ("GET", _) => agent.get(url).call(),
            (_, Some(body)) => agent.post(url).send_json(body),
            (_, None) => agent.post(url).send_empty(),
        };
        let mut answer = answer.unwrap();
        let text = answer.body_mut().read_to_string().unwrap();
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        (answer.status().as_u16(), body)
    }

    /// The status once it satisfies a condition.
    pub(crate) fn until(&self, holds: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let status = self.get("/api/v1/status");
            if holds(&status) {
                return status;
            }
            assert!(Instant::now() < deadline, "did not come about: {status:#}");
            std::thread::yield_now();
        }
    }

    /// The extension that the one rule leads to, as it is in force.
    pub(crate) fn destination(&self) -> u64 {
        destination(&self.get("/api/v1/resources")).expect("the rule is in force")
    }

    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Sends a signal by name.
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.pid().to_string();
        assert!(Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
    }

    pub(crate) fn wait(&mut self) -> ExitStatus {
        let deadline = Instant::now() + DEADLINE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < deadline, "the daemon ends");
            std::thread::yield_now();
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The extension that the one rule of an answer to `/api/v1/resources` leads to.
pub(crate) fn destination(live: &Value) -> Option<u64> {
    let resources = live["resources"].as_array()?;
    let rule = resources.iter().find(|resource| resource["kind"] == "InboundRule")?;
    let extension = &rule["spec"]["destination"]["extension"];
    extension.as_u64().or_else(|| extension.as_str()?.parse().ok())
}
