//! Why a verb could not do its work, as the person at the terminal reads it.

use serde_json::{Value, json};

use super::FORMAT_VERSION;
use super::exit::Exit;

/// A failure: the exit code, what happened, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// The exit code.
    pub exit: Exit,
    /// What happened, one sentence without a full stop.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
}

impl Failure {
    /// The operation failed (exit 1).
    pub fn failed(message: impl Into<String>) -> Self {
        Self { exit: Exit::Failed, message: message.into(), help: None }
    }

    /// The arguments are wrong (exit 64).
    pub fn usage(message: impl Into<String>) -> Self {
        Self { exit: Exit::Usage, message: message.into(), help: None }
    }

    /// Adds advice.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The object that a program gets in place of the data.
    pub(super) fn report(&self, command: &str) -> Value {
        json!({
            "formatVersion": FORMAT_VERSION,
            "command": command,
            "result": self.exit.word(),
            "message": self.message,
            "help": self.help,
        })
    }
}
