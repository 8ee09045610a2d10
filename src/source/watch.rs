//! Follows a directory: says when to look again. Notifications are a hint and nothing more; what is
//! read then, and its digest, decides.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use notify::event::{AccessKind, AccessMode};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};

use super::directory;
use crate::port::{Snapshot, Source, SourceError};

/// A change is taken when nothing further happened for this long.
pub const SETTLE: Duration = Duration::from_millis(20);

/// A change is taken at the latest this long after its first event.
pub const SETTLE_LIMIT: Duration = Duration::from_millis(250);

/// The directory is looked at this often without any notification, in case one was lost.
pub const RESCAN: Duration = Duration::from_secs(30);

/// It is looked at this often while the system gives no notifications.
pub const POLL: Duration = Duration::from_secs(1);

/// Events beyond this many between two looks are dropped: one is enough to look.
const MAX_EVENTS: usize = 1024;

/// A directory of manifests as a source.
#[derive(Debug, Clone)]
pub struct Directory {
    root: PathBuf,
}

impl Directory {
    /// The directory `root`; it need not exist yet.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }
}

impl Source for Directory {
    fn describe(&self) -> String {
        self.root.display().to_string()
    }

    fn read(&self) -> Result<Snapshot, SourceError> {
        let failed = |error| SourceError(format!("cannot read {}: {error}", self.root.display()));
        let tree = directory::read(&self.root).map_err(failed)?;
        Ok(Snapshot { revision: tree.revision(), tree: Arc::new(tree) })
    }
}

/// Watches a directory on a thread of its own until it is dropped.
#[derive(Debug)]
pub struct Watch {
    stop: Arc<AtomicBool>,
    wake: SyncSender<Signal>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
enum Signal {
    Changed,
    Stop,
}

impl Watch {
    /// Calls `hint` whenever the directory may hold something new, from the watch's own thread.
    /// `hint` returns at once; a hint that finds the receiver busy may be dropped by it only if
    /// another look is due anyway.
    pub fn start(root: &Path, hint: impl Fn() + Send + 'static) -> std::io::Result<Self> {
        let (wake, signals) = sync_channel(MAX_EVENTS);
        let stop = Arc::new(AtomicBool::new(false));
        let mut follower = Follower {
            place: Place::of(root),
            wake: wake.clone(),
            signals,
            stop: Arc::clone(&stop),
            hint: Box::new(hint),
            told: None,
        };
        let thread = std::thread::Builder::new()
            .name("source-watch".to_owned())
            .spawn(move || follower.run())?;
        Ok(Self { stop, wake, thread: Some(thread) })
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        // A full queue wakes the thread as well, and the flag is seen then.
        drop(self.wake.try_send(Signal::Stop));
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

/// A directory and the folder it stands in, which tells when it is replaced or comes back.
#[derive(Debug, Clone)]
struct Place {
    root: PathBuf,
    parent: Option<PathBuf>,
}

impl Place {
    fn of(root: &Path) -> Self {
        let absolute = std::path::absolute(root).unwrap_or_else(|_| root.to_owned());
        // A root like `.` or `..` has no name of its own.
        let named = match absolute.file_name() {
            Some(_) => absolute,
            None => absolute.canonicalize().unwrap_or(absolute),
        };
        Self { parent: named.parent().map(Path::to_owned), root: named }
    }

    /// Which directory stands there now; `None`: none.
    fn identity(&self) -> Option<(u64, u64)> {
        use std::os::unix::fs::MetadataExt as _;
        let metadata = std::fs::metadata(&self.root).ok().filter(std::fs::Metadata::is_dir)?;
        Some((metadata.dev(), metadata.ino()))
    }

    /// Whether an event can mean other manifests. Our own reading makes events too, and hidden
    /// files (a state directory below the root) are none of the manifests.
    fn concerns(&self, event: &Event) -> bool {
        if event.need_rescan() {
            return true;
        }
        let wrote = EventKind::Access(AccessKind::Close(AccessMode::Write));
        if matches!(event.kind, EventKind::Access(_)) && event.kind != wrote {
            return false;
        }
        event.paths.iter().any(|path| path.strip_prefix(&self.root).is_ok_and(visible))
    }
}

fn visible(below: &Path) -> bool {
    below.components().all(|part| {
        let name = part.as_os_str();
        name == directory::IGNORE_FILE || !name.as_encoded_bytes().starts_with(b".")
    })
}

struct Follower {
    place: Place,
    wake: SyncSender<Signal>,
    signals: Receiver<Signal>,
    stop: Arc<AtomicBool>,
    hint: Box<dyn Fn() + Send>,
    /// What was last said about missing notifications, so that it is said once.
    told: Option<String>,
}

/// Notifications for the directory that had this identity.
struct Watching {
    identity: (u64, u64),
    _watcher: RecommendedWatcher,
}

impl Follower {
    fn run(&mut self) {
        let mut watching = self.watch();
        loop {
            let patience = if watching.is_some() { RESCAN } else { POLL };
            match self.signals.recv_timeout(patience) {
                Ok(Signal::Changed) => self.settle(),
                Err(RecvTimeoutError::Timeout) => {}
                Ok(Signal::Stop) | Err(RecvTimeoutError::Disconnected) => return,
            }
            if self.stop.load(Ordering::Acquire) {
                return;
            }
            let now = self.place.identity();
            if watching.as_ref().map(|watching| watching.identity) != now || now.is_none() {
                // Watched before it is read, so that a change in between is not lost.
                watching = self.watch();
            }
            (self.hint)();
        }
    }

    /// Waits until the change is over, or for as long as a change may take.
    fn settle(&self) {
        let first = Instant::now();
        loop {
            let left = SETTLE_LIMIT.saturating_sub(first.elapsed());
            if left.is_zero() || self.signals.recv_timeout(SETTLE.min(left)).is_err() {
                return;
            }
        }
    }

    fn watch(&mut self) -> Option<Watching> {
        let identity = self.place.identity()?;
        match self.notifications() {
            Ok(watcher) => {
                if self.told.take().is_some() {
                    tracing::info!(root = %self.place.root.display(), "following by notifications again");
                }
                Some(Watching { identity, _watcher: watcher })
            }
            Err(error) => {
                let words = error.to_string();
                if self.told.as_ref() != Some(&words) {
                    tracing::warn!(
                        root = %self.place.root.display(),
                        "no file notifications ({words}); looking every {} s instead",
                        POLL.as_secs()
                    );
                    self.told = Some(words);
                }
                None
            }
        }
    }

    fn notifications(&self) -> notify::Result<RecommendedWatcher> {
        let (wake, place) = (self.wake.clone(), self.place.clone());
        let mut watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
            if event.as_ref().is_ok_and(|event| !place.concerns(event)) {
                return;
            }
            match wake.try_send(Signal::Changed) {
                // Full: a look is due anyway. Disconnected: the watch has ended.
                Ok(()) | Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {}
            }
        })?;
        watcher.watch(&self.place.root, RecursiveMode::Recursive)?;
        if let Some(parent) = &self.place.parent {
            // Only the quick way to learn of a replaced root; without it the rescan finds out.
            drop(watcher.watch(parent, RecursiveMode::NonRecursive));
        }
        Ok(watcher)
    }
}
