//! Fakes of the source, the store and the engine, and manifests to feed them with.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::sync::watch;
use trunkline::manifest::tree::{Content, SourceFile, SourceTree};
use trunkline::model::{Observed, ResourceSet, Revision};
use trunkline::port::{
    Applied, Change, HistoryEntry, Installed, Outcome, Snapshot, Source, SourceError, Store,
    StoreError, Target, TargetError,
};
use trunkline::reconcile::{Handle, Ports, Runner, Standing};
use trunkline::store::Memory;

/// Nothing of these tests takes a fraction of this; running into it is a failure.
const DEADLINE: Duration = Duration::from_secs(20);

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap()
}

/// A source whose content the test sets; counts its readings.
pub(crate) struct Shelf {
    content: Mutex<Result<SourceTree, String>>,
    reads: watch::Sender<usize>,
}

impl Source for Shelf {
    fn describe(&self) -> String {
        "shelf".to_owned()
    }

    fn read(&self) -> Result<Snapshot, SourceError> {
        let content = locked(&self.content).clone();
        self.reads.send_modify(|reads| *reads += 1);
        assert!(content != Err("defect".to_owned()), "a defect that a test put here");
        let tree = content.map_err(SourceError)?;
        Ok(Snapshot { revision: tree.revision(), tree: Arc::new(tree) })
    }
}

/// An engine that writes down what it is told, and does it unless the test says otherwise.
#[derive(Default)]
pub(crate) struct Recorder {
    pub(crate) installs: Mutex<Vec<(Revision, Arc<ResourceSet>)>>,
    pub(crate) refuses: AtomicBool,
    /// While the test holds it, an install waits.
    pub(crate) gate: Mutex<()>,
}

impl Target for Recorder {
    fn install(
        &self,
        revision: Revision,
        resources: Arc<ResourceSet>,
    ) -> Result<Installed, TargetError> {
        drop(locked(&self.gate));
        if self.refuses.load(Ordering::SeqCst) {
            return Err(TargetError::Refused("not today".to_owned()));
        }
        let mut installs = locked(&self.installs);
        installs.push((revision, resources));
        Ok(Installed { generation: installs.len() as u64, ..Installed::default() })
    }

    fn observe(&self) -> Result<Observed, TargetError> {
        let installs = locked(&self.installs);
        Ok(Observed {
            generation: installs.len() as u64,
            revision: installs.last().map(|(revision, _)| revision.clone()),
            transports: Vec::new(),
            trunks: Vec::new(),
            calls: Vec::new(),
            active_calls: 0,
            waiting: Vec::new(),
            bindings: Vec::new(),
            active_bindings: 0,
            refusals: BTreeMap::new(),
            endings: BTreeMap::new(),
            strangers: trunkline::model::ObservedStrangers::default(),
        })
    }
}

/// A memory store whose disk fails when the test says so.
#[derive(Default)]
pub(crate) struct Disk {
    memory: Memory,
    pub(crate) refuses_begin: AtomicBool,
    /// The change is stored, and the answer is an error all the same.
    pub(crate) lies_at_finish: AtomicBool,
    pub(crate) refuses_finish: AtomicBool,
    pub(crate) refuses_load: AtomicBool,
}

fn full() -> StoreError {
    StoreError::Io { path: "disk".to_owned(), detail: "no space left on device".to_owned() }
}

impl Store for Disk {
    fn load(&self) -> Result<Option<Applied>, StoreError> {
        if self.refuses_load.load(Ordering::SeqCst) {
            return Err(full());
        }
        self.memory.load()
    }

    fn begin(&self, change: &Change) -> Result<(), StoreError> {
        if self.refuses_begin.load(Ordering::SeqCst) {
            return Err(full());
        }
        self.memory.begin(change)
    }

    fn finish(&self, outcome: &Outcome) -> Result<(), StoreError> {
        if self.refuses_finish.load(Ordering::SeqCst) {
            return Err(full());
        }
        self.memory.finish(outcome)?;
        if self.lies_at_finish.load(Ordering::SeqCst) { Err(full()) } else { Ok(()) }
    }

    fn rename(&self, revision: &Revision, followed: Option<&Revision>) -> Result<(), StoreError> {
        self.memory.rename(revision, followed)
    }

    fn history(&self, limit: usize) -> Result<Vec<HistoryEntry>, StoreError> {
        self.memory.history(limit)
    }
}

/// A running loop in its world.
pub(crate) struct World {
    pub(crate) shelf: Arc<Shelf>,
    pub(crate) disk: Arc<Disk>,
    pub(crate) engine: Arc<Recorder>,
    pub(crate) handle: Handle,
}

impl World {
    /// A first start with these manifests; nothing was looked at yet.
    pub(crate) fn new(files: &Files) -> Self {
        let shelf = Shelf { content: Mutex::new(Ok(files.tree())), reads: watch::Sender::new(0) };
        Self::start(Arc::new(shelf), Arc::default())
    }

    fn start(shelf: Arc<Shelf>, disk: Arc<Disk>) -> Self {
        let engine = Arc::<Recorder>::default();
        let ports = Ports {
            source: Arc::clone(&shelf) as Arc<dyn Source>,
            store: Arc::clone(&disk) as Arc<dyn Store>,
            target: Arc::clone(&engine) as Arc<dyn Target>,
        };
        let (runner, handle) = Runner::restore(ports).unwrap();
        drop(tokio::spawn(runner.run()));
        Self { shelf, disk, engine, handle }
    }

    /// The same directory and disk in a new process with a new engine.
    pub(crate) fn restarted(self) -> Self {
        let Self { shelf, disk, .. } = self;
        Self::start(shelf, disk)
    }

    /// Puts manifests on the shelf and has them looked at.
    pub(crate) async fn edit(&self, files: &Files) -> Arc<Standing> {
        self.put(files);
        self.look().await
    }

    pub(crate) fn put(&self, files: &Files) {
        *self.shelf.content.lock().unwrap() = Ok(files.tree());
    }

    pub(crate) fn break_shelf(&self, why: &str) {
        *self.shelf.content.lock().unwrap() = Err(why.to_owned());
    }

    /// Hints, and waits until a reading that began after it is dealt with.
    pub(crate) async fn look(&self) -> Arc<Standing> {
        let mut reads = self.shelf.reads.subscribe();
        let before = *reads.borrow_and_update();
        self.handle.hint();
        let read = reads.wait_for(|reads| *reads > before);
        tokio::time::timeout(DEADLINE, read).await.expect("the source is read").unwrap();
        self.until(|standing| !standing.busy).await
    }

    /// Waits until the source was read so many times.
    pub(crate) fn read_times(&self, times: usize) {
        let deadline = std::time::Instant::now() + DEADLINE;
        while *self.shelf.reads.borrow() < times {
            assert!(std::time::Instant::now() < deadline, "the source is read");
            std::thread::yield_now();
        }
    }

    pub(crate) async fn until(&self, holds: impl Fn(&Standing) -> bool) -> Arc<Standing> {
        let waited = tokio::time::timeout(DEADLINE, self.handle.wait_until(holds)).await;
        let Ok(standing) = waited else {
            panic!("did not come about: {:?}", self.handle.standing());
        };
        standing.expect("the loop runs")
    }

    pub(crate) fn installs(&self) -> usize {
        self.engine.installs.lock().unwrap().len()
    }

    /// What the engine runs.
    pub(crate) fn running(&self) -> Arc<ResourceSet> {
        let installs = self.engine.installs.lock().unwrap();
        Arc::clone(&installs.last().expect("something is installed").1)
    }

    pub(crate) fn outcomes(&self) -> Vec<Outcome> {
        let history = self.disk.history(100).unwrap();
        history.into_iter().map(|entry| entry.outcome).collect()
    }
}

/// Manifest files by path.
#[derive(Debug, Clone, Default)]
pub(crate) struct Files(BTreeMap<String, String>);

impl Files {
    /// One tenant, one trunk, one pool, one extension, one rule.
    pub(crate) fn small() -> Self {
        let resource = |kind: &str, metadata: &str, spec: &str| {
            format!(
                "apiVersion: trunkline.dev/v1\nkind: {kind}\nmetadata: {{{metadata}}}\nspec: {{{spec}}}\n"
            )
        };
        let owned = |name: &str| format!("name: {name}, tenant: acme");
        let mut files = Self::default();
        files.set(
            "transport.yaml",
            &resource("Transport", "name: udp", "protocol: udp, bind: 127.0.0.1, port: 5060"),
        );
        files.set("tenant.yaml", &resource("Tenant", "name: acme", "sipDomain: acme.example"));
        files.set("trunk.yaml", &resource("Trunk", "name: carrier", "type: ip, host: 127.0.0.2"));
        files.set(
            "pool.yaml",
            &resource(
                "DidPool",
                &owned("main"),
                "trunk: carrier, numbers: [14155550100-14155550199]",
            ),
        );
        files.set(
            "extension.yaml",
            &resource(
                "Extension",
                &owned("desk"),
                "numbers: 100-199, contact: 'sip:127.0.0.9:5060'",
            ),
        );
        files.rule("14155550100", 100);
        files
    }

    /// Sends one number to one extension.
    pub(crate) fn rule(&mut self, did: &str, extension: u32) -> &mut Self {
        self.set(
            "rule.yaml",
            &format!(
                "apiVersion: trunkline.dev/v1\nkind: InboundRule\nmetadata: {{name: desk, tenant: acme}}\n\
                 spec:\n  trunk: carrier\n  did: {did}\n  destination:\n    extension: {extension}\n"
            ),
        )
    }

    pub(crate) fn set(&mut self, path: &str, text: &str) -> &mut Self {
        self.0.insert(path.to_owned(), text.to_owned());
        self
    }

    pub(crate) fn remove(&mut self, path: &str) -> &mut Self {
        self.0.remove(path).expect("the file is there");
        self
    }

    /// The same with the one rule sent elsewhere.
    pub(crate) fn with_rule_to(&self, extension: u32) -> Self {
        let mut files = self.clone();
        files.rule("14155550100", extension);
        files
    }

    pub(crate) fn tree(&self) -> SourceTree {
        let file = |(path, text): (&String, &String)| SourceFile {
            path: path.clone(),
            content: Content::Bytes(text.as_bytes().into()),
        };
        SourceTree { files: self.0.iter().map(file).collect(), rooted: false }
    }

    pub(crate) fn revision(&self) -> Revision {
        self.tree().revision()
    }

    /// As they are posted.
    pub(crate) fn posted(&self) -> Vec<(String, String)> {
        self.0.clone().into_iter().collect()
    }
}

/// The extension that the rule of [`Files::small`] sends its number to.
pub(crate) fn destination(resources: &ResourceSet) -> String {
    let (_, rule) = resources.inbound_rules().next().expect("there is the rule");
    format!("{:?}", rule.destination)
}
