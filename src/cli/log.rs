//! Where the daemon's log goes: stderr, for people or for programs. Lines are handed to a thread of
//! their own, so that a reader of the log that stands still (a full pipe, a stopped terminal) never
//! holds up a call.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

/// What may wait for a reader; further lines are lost, and counted.
const MAX_WAITING: usize = 4 << 20;
/// How long the first of several lines waits for others to be written with it.
const GATHERING: Duration = Duration::from_millis(5);
/// So much is written without waiting for more.
const ENOUGH: usize = 64 << 10;
/// How long the last lines may take to be written.
const LAST_LINES: Duration = Duration::from_secs(1);

/// The form of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum LogFormat {
    /// A line per event, for people.
    Human,
    /// A JSON object per line.
    Json,
}

/// Starts logging. `TRUNKLINE_LOG` selects what is told, as `info`, `debug` or
/// `trunkline::reconcile=debug`. The log ends with what is given back.
pub(super) fn start(format: LogFormat, colored: bool) -> io::Result<Log> {
    let filter = EnvFilter::try_from_env("TRUNKLINE_LOG");
    let filter = filter.unwrap_or_else(|_| EnvFilter::new("info"));
    let log = Log::to(io::stderr(), |lost| {
        tracing::warn!(lost, "lines of the log are lost: its reader is too slow");
    })?;
    let lines = log.lines.clone();
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(lines);
    // A log that is started already (by a test, twice) stays as it is.
    let started = match format {
        LogFormat::Human => subscriber.with_ansi(colored).with_target(false).try_init(),
        LogFormat::Json => subscriber.json().flatten_event(true).try_init(),
    };
    drop(started);
    Ok(log)
}

/// A running log; dropped, it writes what waits, if that goes within a second.
#[derive(Debug)]
pub(super) struct Log {
    lines: Lines,
}

impl Log {
    /// Writes to `out` from a thread of its own.
    fn to(
        out: impl Write + Send + 'static,
        told: impl Fn(u64) + Send + 'static,
    ) -> io::Result<Self> {
        let lines = Lines::default();
        let shared = lines.clone();
        let thread = std::thread::Builder::new().name("log".to_owned());
        drop(thread.spawn(move || shared.write_to(out, told))?);
        Ok(Self { lines })
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        let mut waiting = self.lines.lock();
        waiting.ends = true;
        self.lines.shared.more.notify_all();
        let written = &self.lines.shared.written;
        let last = written.wait_timeout_while(waiting, LAST_LINES, |waiting| !waiting.ended);
        drop(last);
    }
}

/// Takes lines and never waits for their reader.
#[derive(Debug, Clone, Default)]
struct Lines {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    more: Condvar,
    written: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    lines: Vec<u8>,
    lost: u64,
    ends: bool,
    ended: bool,
}

impl Lines {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.shared.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes until the end; `told` gets to know how many lines are lost and may log that.
    fn write_to(&self, mut out: impl Write, told: impl Fn(u64)) {
        let mut lines = Vec::new();
        loop {
            let idle = |waiting: &mut Waiting| waiting.lines.is_empty() && !waiting.ends;
            let waiting = self.shared.more.wait_while(self.lock(), idle);
            let waiting = waiting.unwrap_or_else(PoisonError::into_inner);
            let few = |waiting: &mut Waiting| waiting.lines.len() < ENOUGH && !waiting.ends;
            let gathered = self.shared.more.wait_timeout_while(waiting, GATHERING, few);
            let (mut waiting, _) = gathered.unwrap_or_else(PoisonError::into_inner);
            if waiting.lines.is_empty() {
                waiting.ended = true;
                self.shared.written.notify_all();
                return;
            }
            lines.clear();
            std::mem::swap(&mut lines, &mut waiting.lines);
            let lost = std::mem::take(&mut waiting.lost);
            drop(waiting);
            // Nobody is there to be told that the log itself fails.
            drop(out.write_all(&lines));
            if lost > 0 {
                told(lost);
            }
        }
    }
}

impl Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut waiting = self.lock();
        let before = waiting.lines.len();
        if before + line.len() > MAX_WAITING {
            waiting.lost += 1;
            return Ok(line.len());
        }
        waiting.lines.extend_from_slice(line);
        if before == 0 || (before < ENOUGH && waiting.lines.len() >= ENOUGH) {
            self.shared.more.notify_all();
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

    use super::*;

    /// A reader that takes one write whenever it is told to.
    struct Reader {
        may: Receiver<()>,
        wrote: SyncSender<Vec<u8>>,
    }

    impl Write for Reader {
        fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
            self.may.recv().map_err(io::Error::other)?;
            self.wrote.send(lines.to_vec()).map_err(io::Error::other)?;
            Ok(lines.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn log(told: impl Fn(u64) + Send + 'static) -> (Log, SyncSender<()>, Receiver<Vec<u8>>) {
        let ((allow, may), (wrote, read)) = (sync_channel(100), sync_channel(100));
        (Log::to(Reader { may, wrote }, told).unwrap(), allow, read)
    }

    #[test]
    fn who_logs_waits_for_no_reader_and_what_is_lost_is_counted() {
        let (tell, told) = sync_channel(100);
        let (log, allow, read) = log(move |lost| tell.send(lost).unwrap());
        let mut lines = log.lines.clone();
        let (line, count) = ([b'x'; 1 << 10], 2 * (MAX_WAITING >> 10));
        // Nobody reads the first line.
        lines.write_all(b"first").unwrap();
        while !lines.lock().lines.is_empty() {
            std::thread::yield_now();
        }
        // What waits behind it is bounded.
        (0..count).for_each(|_| lines.write_all(&line).unwrap());
        assert!(lines.lock().lines.len() <= MAX_WAITING);
        // The reader comes back: what waited, and how much did not.
        (0..2).for_each(|_| allow.send(()).unwrap());
        assert_eq!(read.recv().unwrap(), b"first");
        let kept = read.recv().unwrap().len() >> 10;
        let lost = usize::try_from(told.recv().unwrap()).unwrap();
        assert_eq!((kept, kept + lost), (count / 2, count));
        // The end does not wait for a reader that is gone for good.
        lines.write_all(b"unread").unwrap();
        drop(allow);
        drop(log);
    }

    #[test]
    fn the_last_lines_are_written_before_the_log_ends() {
        let (log, allow, read) = log(|_| {});
        log.lines.clone().write_all(b"ended\n").unwrap();
        allow.send(()).unwrap();
        drop(log);
        assert_eq!(read.try_iter().collect::<Vec<_>>().concat(), b"ended\n");
    }
}
