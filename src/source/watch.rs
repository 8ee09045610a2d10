//! Follows a directory: says when to look again. Notifications are a hint and nothing more; what is
//! read then, and its digest, decides.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use notify::event::{AccessKind, AccessMode, ModifyKind};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};

use super::directory;
use super::selection::IGNORE_FILE;
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
    /// Calls `hint` once the watch stands, and then whenever the directory may hold something new,
    /// from the watch's own thread.
    /// `hint` returns at once.
    pub fn start(root: &Path, hint: impl Fn() + Send + 'static) -> std::io::Result<Self> {
        let (wake, signals) = sync_channel(MAX_EVENTS);
        let stop = Arc::new(AtomicBool::new(false));
        let mut follower = Follower {
            place: Place::of(root),
            wake: wake.clone(),
            signals,
            stop: Arc::clone(&stop),
            replaced: Arc::default(),
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

    /// Whether an event says that another directory may stand there now. Its identity alone does
    /// not: a file system may give the number of a removed directory to the next one.
    fn is_replaced_by(&self, event: &Event) -> bool {
        let moved = match event.kind {
            EventKind::Create(_) | EventKind::Remove(_) => true,
            EventKind::Modify(kind) => matches!(kind, ModifyKind::Name(_)),
            EventKind::Any | EventKind::Access(_) | EventKind::Other => false,
        };
        moved && event.paths.contains(&self.root)
    }
}

fn visible(below: &Path) -> bool {
    below.components().all(|part| {
        let name = part.as_os_str();
        name == IGNORE_FILE || !name.as_encoded_bytes().starts_with(b".")
    })
}

struct Follower {
    place: Place,
    wake: SyncSender<Signal>,
    signals: Receiver<Signal>,
    stop: Arc<AtomicBool>,
    /// The root may be another directory than the one that is watched.
    replaced: Arc<AtomicBool>,
    hint: Box<dyn Fn() + Send>,
    /// What was last said about missing notifications, so that it is said once.
    told: Option<String>,
}

/// Notifications for the directory that had this identity; while there is none, for the folder in
/// which it may appear.
struct Watching {
    identity: Option<(u64, u64)>,
    _watcher: RecommendedWatcher,
}

impl Follower {
    fn run(&mut self) {
        let mut watching = self.watch();
        // What changed before the watch stood is found by a look that begins now.
        (self.hint)();
        loop {
            let complete = watching.as_ref().is_some_and(|watching| watching.identity.is_some());
            let patience = if complete { RESCAN } else { POLL };
            match self.signals.recv_timeout(patience) {
                Ok(Signal::Changed) => self.settle(),
                Err(RecvTimeoutError::Timeout) => {}
                Ok(Signal::Stop) | Err(RecvTimeoutError::Disconnected) => return,
            }
            if self.stop.load(Ordering::Acquire) {
                return;
            }
            let now = self.place.identity();
            let replaced = self.replaced.swap(false, Ordering::AcqRel);
            if replaced || watching.as_ref().is_none_or(|seen| seen.identity != now) {
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
        let identity = self.place.identity();
        match self.notifications(identity.is_some()) {
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

    fn notifications(&self, exists: bool) -> notify::Result<RecommendedWatcher> {
        let (wake, place) = (self.wake.clone(), self.place.clone());
        let replaced = Arc::clone(&self.replaced);
        let mut watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
            if event.as_ref().is_ok_and(|event| !place.concerns(event)) {
                return;
            }
            if event.is_ok_and(|event| place.is_replaced_by(&event)) {
                replaced.store(true, Ordering::Release);
            }
            match wake.try_send(Signal::Changed) {
                // Full: a look is due anyway. Disconnected: the watch has ended.
                Ok(()) | Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {}
            }
        })?;
        if exists {
            watcher.watch(&self.place.root, RecursiveMode::Recursive)?;
        }
        if let Some(parent) = &self.place.parent {
            // Only the quick way to learn of a replaced root; without it the rescan finds out.
            drop(watcher.watch(parent, RecursiveMode::NonRecursive));
        }
        Ok(watcher)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEADLINE: Duration = Duration::from_secs(20);

    fn watched(root: &Path) -> (Watch, Receiver<()>) {
        let (sender, hints) = sync_channel(100);
        let watch = Watch::start(root, move || sender.try_send(()).unwrap_or(())).unwrap();
        (watch, hints)
    }

    /// Whether a hint comes before the safety look could be its cause.
    fn hinted(hints: &Receiver<()>) -> bool {
        hints.recv_timeout(DEADLINE).is_ok()
    }

    #[test]
    fn a_burst_of_writes_is_one_hint_and_reading_is_none() {
        let root = tempfile::tempdir().unwrap();
        let (_watch, hints) = watched(root.path());
        assert!(hinted(&hints), "the watch stands");
        let file = root.path().join("a.yaml");
        for text in 0..50 {
            std::fs::write(&file, text.to_string()).unwrap();
        }
        assert!(hinted(&hints));
        // Longer than a change may take to settle. Where the writes take longer than that, there is
        // more than one hint, and yet not one for each.
        let next = || hints.recv_timeout(2 * SETTLE_LIMIT).ok();
        assert!(std::iter::from_fn(next).count() < 10);
        for _ in 0..50 {
            Directory::new(root.path()).read().unwrap();
        }
        assert!(next().is_none());
    }

    #[test]
    fn a_change_that_does_not_end_is_taken_all_the_same() {
        let root = tempfile::tempdir().unwrap();
        let (_watch, hints) = watched(root.path());
        let began = Instant::now();
        let mut seen = 0;
        while seen < 3 {
            assert!(began.elapsed() < DEADLINE, "{seen} hints");
            std::fs::write(root.path().join("a.yaml"), format!("{:?}", began.elapsed())).unwrap();
            seen += hints.try_iter().count();
        }
    }

    #[test]
    fn a_root_that_comes_later_goes_and_comes_back_is_followed() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("later");
        let (_watch, hints) = watched(&root);
        assert!(hinted(&hints), "the watch stands");
        for _ in 0..3 {
            std::fs::create_dir(&root).unwrap();
            assert!(hinted(&hints));
            std::fs::write(root.join("a.yaml"), "x").unwrap();
            assert!(hinted(&hints));
            std::fs::remove_dir_all(&root).unwrap();
            assert!(hinted(&hints));
        }
    }

    #[test]
    fn hidden_files_and_our_own_reading_concern_nobody() {
        let place = Place { root: "/r".into(), parent: Some("/".into()) };
        let event = |kind, path: &str| Event::new(kind).add_path(path.into());
        let modify = EventKind::Modify(ModifyKind::Any);
        let open = EventKind::Access(AccessKind::Open(AccessMode::Any));
        let wrote = EventKind::Access(AccessKind::Close(AccessMode::Write));
        for (kind, path, concerns) in [
            (modify, "/r/a.yaml", true),
            (wrote, "/r/deep/a.yaml", true),
            (modify, "/r", true),
            (modify, "/r/.trunklineignore", true),
            (open, "/r/a.yaml", false),
            (modify, "/r/.trunkline/trunkline.db-wal", false),
            (modify, "/r/a/.git/index", false),
            (modify, "/other", false),
        ] {
            assert_eq!(place.concerns(&event(kind, path)), concerns, "{kind:?} {path}");
        }
    }
}
