//! What every store promises.

use std::sync::Arc;

use trunkline::model::{Kind, Resource, ResourceId, ResourceSet, Revision};
use trunkline::port::{Change, Outcome, Store, StoreError};
use trunkline::store::{Embedded, Memory};

/// A place where a store can be opened again and again, as after a restart.
pub(crate) trait Place {
    fn open(&self) -> Box<dyn Store>;
}

impl Place for Memory {
    fn open(&self) -> Box<dyn Store> {
        Box::new(self.clone())
    }
}

impl Place for tempfile::TempDir {
    fn open(&self) -> Box<dyn Store> {
        Box::new(Embedded::open(self.path()).unwrap())
    }
}

fn every_store(promise: impl Fn(&dyn Place)) {
    promise(&Memory::default());
    promise(&tempfile::tempdir().unwrap());
}

pub(crate) fn tenant(name: &str, domain: &str) -> Arc<Resource> {
    let value = serde_json::json!({
        "kind": "Tenant", "metadata": {"name": name}, "spec": {"sipDomain": domain}
    });
    Arc::new(serde_json::from_value(value).unwrap())
}

pub(crate) fn change(generation: u64, upserts: &[Arc<Resource>], deletes: &[&str]) -> Change {
    let id = |name: &&str| ResourceId::system(Kind::Tenant, name.parse().unwrap());
    Change {
        generation,
        revision: Revision(format!("dir@blake3:{generation:064x}")),
        followed: Some(Revision("dir@blake3:followed".to_owned())),
        upserts: upserts.to_vec(),
        deletes: deletes.iter().map(id).collect(),
        summary: format!("change {generation}"),
        began_unix_ms: 1_750_000_000_000 + generation,
    }
}

pub(crate) fn apply(store: &dyn Store, change: &Change) {
    store.begin(change).unwrap();
    store.finish(&Outcome::Applied).unwrap();
}

fn set(resources: &[Arc<Resource>]) -> ResourceSet {
    resources.iter().cloned().collect()
}

#[test]
fn nothing_is_applied_at_first() {
    every_store(|place| {
        let store = place.open();
        assert_eq!(store.load().unwrap(), None);
        assert_eq!(store.history(10).unwrap(), Vec::new());
    });
}

#[test]
fn an_applied_change_survives_a_restart_whole() {
    every_store(|place| {
        let store = place.open();
        apply(&*store, &change(1, &[tenant("a", "a.example"), tenant("b", "b.example")], &[]));
        apply(&*store, &change(2, &[tenant("a", "z.example"), tenant("c", "c.example")], &["b"]));
        drop(store);
        let applied = place.open().load().unwrap().unwrap();
        assert_eq!(applied.generation, 2);
        assert_eq!(applied.revision, change(2, &[], &[]).revision);
        assert_eq!(applied.followed, Some(Revision("dir@blake3:followed".to_owned())));
        assert_eq!(*applied.resources, set(&[tenant("a", "z.example"), tenant("c", "c.example")]));
    });
}

#[test]
fn a_change_that_was_never_finished_leaves_the_former_state_and_a_line_in_the_history() {
    every_store(|place| {
        let store = place.open();
        apply(&*store, &change(1, &[tenant("a", "a.example")], &[]));
        store.begin(&change(2, &[tenant("b", "b.example")], &["a"])).unwrap();
        drop(store);
        for _ in 0..2 {
            let store = place.open();
            let applied = store.load().unwrap().unwrap();
            assert_eq!(applied.generation, 1);
            assert_eq!(*applied.resources, set(&[tenant("a", "a.example")]));
            let history = store.history(10).unwrap();
            let outcomes: Vec<_> = history.iter().map(|entry| entry.outcome.clone()).collect();
            assert_eq!(outcomes, [Outcome::Interrupted, Outcome::Applied]);
        }
    });
}

#[test]
fn a_failed_change_leaves_the_former_state_and_says_why() {
    every_store(|place| {
        let store = place.open();
        apply(&*store, &change(1, &[tenant("a", "a.example")], &[]));
        store.begin(&change(2, &[tenant("b", "b.example")], &["a"])).unwrap();
        store.finish(&Outcome::Failed("no".to_owned())).unwrap();
        assert_eq!(*store.load().unwrap().unwrap().resources, set(&[tenant("a", "a.example")]));
        assert_eq!(store.history(1).unwrap()[0].outcome, Outcome::Failed("no".to_owned()));
        // The same generation may be tried again.
        apply(&*store, &change(2, &[tenant("b", "b.example")], &["a"]));
        assert_eq!(*store.load().unwrap().unwrap().resources, set(&[tenant("b", "b.example")]));
    });
}

#[test]
fn the_history_shows_the_newest_first_and_no_more_than_asked() {
    every_store(|place| {
        let store = place.open();
        for generation in 1..=5 {
            apply(&*store, &change(generation, &[tenant("a", "a.example")], &[]));
        }
        let generations = |limit| -> Vec<u64> {
            store.history(limit).unwrap().iter().map(|entry| entry.generation).collect()
        };
        assert_eq!(generations(2), [5, 4]);
        assert_eq!(generations(100), [5, 4, 3, 2, 1]);
        let first = &store.history(5).unwrap()[4];
        assert_eq!(first.summary, "change 1");
        assert_eq!(first.began_unix_ms, 1_750_000_000_001);
        assert_eq!(first.revision, change(1, &[], &[]).revision);
    });
}

#[test]
fn a_change_that_does_not_follow_the_stored_generation_is_refused() {
    every_store(|place| {
        let store = place.open();
        let refused = |result: Result<(), StoreError>| {
            assert!(matches!(result, Err(StoreError::OutOfOrder(_))), "{result:?}");
        };
        refused(store.finish(&Outcome::Applied));
        refused(store.begin(&change(2, &[], &[])));
        apply(&*store, &change(1, &[], &[]));
        refused(store.begin(&change(1, &[], &[])));
        store.begin(&change(2, &[], &[])).unwrap();
        refused(store.begin(&change(2, &[], &[])));
    });
}

#[test]
fn a_change_without_resources_still_moves_the_revision() {
    every_store(|place| {
        let store = place.open();
        apply(&*store, &change(1, &[tenant("a", "a.example")], &[]));
        apply(&*store, &change(2, &[], &[]));
        let applied = store.load().unwrap().unwrap();
        assert_eq!((applied.generation, applied.resources.len()), (2, 1));
        assert_eq!(applied.revision, change(2, &[], &[]).revision);
    });
}

#[test]
fn a_renamed_revision_keeps_resources_generation_and_history() {
    every_store(|place| {
        let store = place.open();
        let name = Revision("dir@blake3:other".to_owned());
        store.rename(&name, None).unwrap();
        assert_eq!(store.load().unwrap(), None);
        apply(&*store, &change(1, &[tenant("a", "a.example")], &[]));
        store.rename(&name, Some(&name)).unwrap();
        drop(store);
        let store = place.open();
        let applied = store.load().unwrap().unwrap();
        assert_eq!(applied.revision, name);
        assert_eq!(applied.followed, Some(name));
        assert_eq!((applied.generation, applied.resources.len()), (1, 1));
        assert_eq!(store.history(9).unwrap().len(), 1);
    });
}
