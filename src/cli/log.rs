//! Where the daemon's log goes: stderr, for people or for programs.

use tracing_subscriber::EnvFilter;

/// The form of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum LogFormat {
    /// A line per event, for people.
    Human,
    /// A JSON object per line.
    Json,
}

/// Starts logging. `TRUNKLINE_LOG` selects what is told, as `info`, `debug` or
/// `trunkline::reconcile=debug`.
pub(super) fn start(format: LogFormat, colored: bool) {
    let filter = EnvFilter::try_from_env("TRUNKLINE_LOG");
    let filter = filter.unwrap_or_else(|_| EnvFilter::new("info"));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A log that is started already (by a test, twice) stays as it is.
    let started = match format {
        LogFormat::Human => log.with_ansi(colored).with_target(false).try_init(),
        LogFormat::Json => log.json().flatten_event(true).try_init(),
    };
    drop(started);
}
