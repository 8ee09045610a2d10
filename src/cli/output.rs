//! Where words go: stdout carries data only, stderr everything else; colour only where wanted.

use std::io::{ErrorKind, Write};

use anstream::{AutoStream, ColorChoice};

use super::error::Failure;
use crate::diag::visible;

/// The form of a verb's data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// For people.
    Human,
    /// One JSON object with a `formatVersion`.
    Json,
    /// For pull requests; plans only.
    Markdown,
}

/// When to colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Color {
    /// On a terminal, unless `NO_COLOR` says otherwise.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// The `formatVersion` of every JSON output: minor is additive, major breaks.
pub const FORMAT_VERSION: &str = "1.0";

/// Stdout and stderr of one run.
#[derive(Debug, Clone, Copy)]
pub struct Output {
    /// The form asked for.
    pub format: Format,
    color: Color,
}

impl Output {
    /// An output in a form, with a colour choice.
    pub fn new(format: Format, color: Color) -> Self {
        Self { format, color }
    }

    /// Writes data to stdout. A reader that went away is no fault of ours: the rest is dropped.
    pub fn data(&self, text: &str) -> Result<(), Failure> {
        let stdout = AutoStream::new(std::io::stdout(), self.choice());
        let mut stdout = std::io::BufWriter::new(stdout);
        let written = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
        match written {
            Err(error) if error.kind() != ErrorKind::BrokenPipe => {
                Err(Failure::failed(format!("cannot write to stdout: {error}")))
            }
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Writes one JSON object and a line end to stdout.
    pub fn json(&self, value: &serde_json::Value) -> Result<(), Failure> {
        self.data(&format!("{value:#}\n"))
    }

    /// Writes words for people to stderr. Nobody may be listening there, which is fine.
    pub fn say(&self, text: &str) {
        let mut stderr = AutoStream::new(std::io::stderr(), self.choice());
        drop(stderr.write_all(text.as_bytes()));
    }

    /// Prints a failure to stderr: `error: …`, then `help: …`, a line each, whatever the names in them
    /// hold.
    pub fn failure(&self, failure: &Failure) {
        let (red, cyan) = (anstyle::AnsiColor::Red, anstyle::AnsiColor::Cyan);
        self.say(&format!("{}: {}\n", paint("error", red), visible(&failure.message)));
        if let Some(help) = &failure.help {
            self.say(&format!("{}: {}\n", paint("help", cyan), visible(help)));
        }
    }

    /// Whether what goes to stderr is coloured.
    pub(super) fn colors_stderr(&self) -> bool {
        let stderr = AutoStream::new(std::io::stderr(), self.choice());
        stderr.current_choice() != ColorChoice::Never
    }

    fn choice(&self) -> ColorChoice {
        match self.color {
            Color::Auto => ColorChoice::Auto,
            Color::Always => ColorChoice::Always,
            Color::Never => ColorChoice::Never,
        }
    }
}

/// The text in bold colour; the streams take the codes away where they are not wanted.
pub fn paint(text: &str, color: anstyle::AnsiColor) -> String {
    let style = color.on_default().bold();
    format!("{style}{text}{style:#}")
}
