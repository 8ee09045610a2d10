//! Speaking with a running daemon: where it is, its token, its problem documents as failures.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use ureq::http::{Response, StatusCode, Uri};
use ureq::{Agent, Body};

use super::{Exit, Failure};
use crate::api::Token;
use crate::model::{Observed, Resource, ResourceSet};

/// Where a daemon listens unless it is told otherwise.
pub(super) const DEFAULT_SERVER: &str = "http://127.0.0.1:7080";

/// Answers larger than this are refused: ten times the largest live state that was measured.
const MAX_ANSWER_BYTES: u64 = 4 * 1024 * 1024 * 1024;

/// A daemon that accepts no connection for this long is not there.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// A daemon that does not answer for this long hangs.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(120);

/// Which daemon.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct ServerArgs {
    /// The daemon's address.
    #[arg(long, env = "TRUNKLINE_SERVER", value_name = "URL", default_value = DEFAULT_SERVER)]
    #[arg(value_parser = server_url)]
    pub(super) server: String,
    /// A file with the daemon's bearer token.
    #[arg(long, env = "TRUNKLINE_TOKEN_FILE", value_name = "FILE")]
    pub(super) token_file: Option<PathBuf>,
}

/// The address of a daemon as an argument: `http://HOST:PORT`.
pub(super) fn server_url(text: &str) -> Result<String, String> {
    let url: Uri = text.parse().map_err(|error| format!("it is no URL: {error}"))?;
    if url.scheme_str() != Some("http") || url.host().is_none_or(str::is_empty) {
        return Err(format!("write http://HOST:PORT, like {DEFAULT_SERVER}"));
    }
    Ok(text.to_owned())
}

impl ServerArgs {
    /// A client for this daemon; nothing is sent yet.
    pub(super) fn client(&self) -> Result<Client, Failure> {
        Client::open(&self.server, self.token_file.as_deref())
    }
}

/// A way to speak with one daemon.
pub(super) struct Client {
    server: String,
    token: Option<String>,
    agent: Agent,
}

/// What a daemon refused, from its problem document.
#[derive(Debug)]
pub(super) struct Refusal {
    /// The HTTP status.
    pub(super) status: u16,
    /// The last part of the problem's type, `stale`.
    pub(super) kind: String,
    /// Its words.
    pub(super) detail: String,
}

/// What is in force in a daemon.
#[derive(Debug, Deserialize)]
pub(super) struct Live {
    /// All resources.
    resources: Vec<Arc<Resource>>,
}

impl Live {
    /// All resources.
    pub(super) fn set(&self) -> ResourceSet {
        self.resources.iter().cloned().collect()
    }
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum ClientError {
    /// Nobody answered, or not a daemon.
    Unreachable(Failure),
    /// The daemon refused.
    Refused(Refusal),
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::Unreachable(failure) => failure,
            ClientError::Refused(refusal) => refusal.into(),
        }
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        let exit = match refusal.kind.as_str() {
            "stale" => Exit::Stale,
            "refused" => Exit::Refused,
            "invalid" => Exit::Invalid,
            _ => Exit::Failed,
        };
        let failure = Self { exit, message: refusal.detail, help: None };
        match refusal.status {
            401 => failure.help("give the daemon's token with --token-file FILE"),
            _ => failure,
        }
    }
}

impl Client {
    /// A client for a daemon and the token in a file; nothing is sent yet.
    pub(super) fn open(server: &str, token_file: Option<&Path>) -> Result<Self, Failure> {
        let token = token_file.map(Token::text).transpose();
        let token = token.map_err(|error| Failure::failed(error.to_string()))?;
        Ok(Self::new(server, token))
    }

    fn new(server: &str, token: Option<String>) -> Self {
        // A proxy of the environment has no business between us and our own daemon.
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .proxy(None)
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .timeout_global(Some(ANSWER_TIMEOUT))
            .build();
        let server = server.trim_end_matches('/').to_owned();
        Self { server, token, agent: Agent::new_with_config(config) }
    }

    /// The answer to a GET.
    pub(super) fn get(&self, path: &str) -> Result<Value, ClientError> {
        let mut request = self.agent.get(self.url(path));
        if let Some(token) = &self.token {
            request = request.header("Authorization", format!("Bearer {token}"));
        }
        self.answer(request.call())
    }

    /// The lines of data of a stream of events, for as long as the daemon sends them and `take`
    /// wants them.
    pub(super) fn follow(
        &self,
        path: &str,
        mut take: impl FnMut(&Value) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let mut request = self.agent.get(self.url(path)).header("Accept", "text/event-stream");
        if let Some(token) = &self.token {
            request = request.header("Authorization", format!("Bearer {token}"));
        }
        // It ends when somebody ends it.
        let answer = request.config().timeout_global(None).build().call();
        let mut answer = answer.map_err(|error| Failure::from(self.unreachable(&error)))?;
        if !answer.status().is_success() {
            return self.answer(Ok(answer)).map(drop).map_err(Failure::from);
        }
        let body = answer.body_mut().with_config().limit(u64::MAX).reader();
        for line in BufReader::new(body).lines() {
            let line =
                line.map_err(|error| Failure::failed(format!("the stream ended: {error}")))?;
            if let Some(data) = line.strip_prefix("data:") {
                take(&serde_json::from_str(data.trim()).unwrap_or_default())?;
            }
        }
        Err(Failure::failed("the daemon has ended the stream"))
    }

    /// The answer to a POST of a JSON body.
    pub(super) fn post(&self, path: &str, body: &impl Serialize) -> Result<Value, ClientError> {
        let mut request = self.agent.post(self.url(path));
        if let Some(token) = &self.token {
            request = request.header("Authorization", format!("Bearer {token}"));
        }
        self.answer(request.send_json(body))
    }

    /// The daemon's live state; empty when nothing was applied yet.
    pub(super) fn live(&self) -> Result<Live, ClientError> {
        self.parsed("/api/v1/resources")
    }

    /// What the daemon's engine tells of itself.
    pub(super) fn observed(&self) -> Result<Observed, ClientError> {
        self.parsed("/api/v1/observed")
    }

    fn parsed<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        serde_json::from_value(self.get(path)?).map_err(|error| {
            let message = format!("{} is no daemon of this version: {error}", self.server);
            ClientError::Unreachable(Failure::failed(message))
        })
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.server)
    }

    fn answer(&self, answer: Result<Response<Body>, ureq::Error>) -> Result<Value, ClientError> {
        let mut answer = answer.map_err(|error| self.unreachable(&error))?;
        let status = answer.status();
        let body = answer.body_mut().with_config().limit(MAX_ANSWER_BYTES).read_json::<Value>();
        match body {
            Ok(value) if status.is_success() => Ok(value),
            Ok(problem) => Err(ClientError::Refused(refusal(status, &problem))),
            Err(_) => {
                let server = &self.server;
                let message = format!("what answers at {server} is no Trunkline daemon ({status})");
                Err(ClientError::Unreachable(Failure::failed(message)))
            }
        }
    }

    fn unreachable(&self, error: &ureq::Error) -> ClientError {
        let message = format!("no daemon answers at {}: {error}", self.server);
        let help = "start one with `trunkline serve PATH`, or say where it is with --server URL";
        ClientError::Unreachable(Failure::failed(message).help(help))
    }
}

fn refusal(status: StatusCode, problem: &Value) -> Refusal {
    let text = |name: &str| problem.get(name).and_then(Value::as_str).unwrap_or_default();
    let kind = text("type").rsplit(':').next().unwrap_or_default().to_owned();
    let detail = match text("detail") {
        "" => format!("the daemon answered {status}"),
        detail => detail.to_owned(),
    };
    Refusal { status: status.as_u16(), kind, detail }
}
