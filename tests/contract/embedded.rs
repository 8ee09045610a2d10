//! What only a store on disk can get wrong: foreign files, damage, a second opener.

use std::path::Path;

use rusqlite::Connection;
use trunkline::port::{Store as _, StoreError};
use trunkline::store::{DATABASE_FILE, Embedded};

use crate::stores::{apply, change, tenant};

fn sql(directory: &Path, statement: &str) {
    let database = Connection::open(directory.join(DATABASE_FILE)).unwrap();
    database.execute_batch(statement).unwrap();
}

fn filled(directory: &Path) {
    let store = Embedded::open(directory).unwrap();
    apply(&store, &change(1, &[tenant("a", "a.example"), tenant("b", "b.example")], &[]));
}

#[test]
fn a_second_daemon_on_the_same_directory_is_refused_and_told_who_holds_it() {
    let directory = tempfile::tempdir().unwrap();
    let first = Embedded::open(directory.path()).unwrap();
    let error = Embedded::open(directory.path()).unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, StoreError::InUse { .. }), "{text}");
    assert!(text.contains(&format!("process {}", std::process::id())), "{text}");
    assert!(text.contains(&directory.path().display().to_string()), "{text}");
    drop(first);
    Embedded::open(directory.path()).unwrap();
}

#[test]
fn the_state_directory_is_the_owners_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let outer = tempfile::tempdir().unwrap();
    let directory = outer.path().join("deep/state");
    Embedded::open(&directory).unwrap();
    assert_eq!(directory.metadata().unwrap().permissions().mode() & 0o777, 0o700);
}

#[test]
fn a_file_that_is_no_database_is_named_and_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(DATABASE_FILE);
    std::fs::write(
        &path,
        "Dear diary, this is no database but more than a hundred bytes long. ".repeat(40),
    )
    .unwrap();
    let before = std::fs::read(&path).unwrap();
    let error = Embedded::open(directory.path()).unwrap_err();
    assert!(matches!(error, StoreError::Foreign { .. }), "{error}");
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[test]
fn another_programs_database_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    sql(directory.path(), "CREATE TABLE photos (name TEXT)");
    let before = std::fs::read(directory.path().join(DATABASE_FILE)).unwrap();
    let error = Embedded::open(directory.path()).unwrap_err();
    assert!(matches!(error, StoreError::Foreign { .. }), "{error}");
    assert_eq!(std::fs::read(directory.path().join(DATABASE_FILE)).unwrap(), before);
}

#[test]
fn a_newer_schema_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    filled(directory.path());
    sql(directory.path(), "PRAGMA user_version = 99");
    let error = Embedded::open(directory.path()).unwrap_err();
    assert!(matches!(error, StoreError::Newer { found: 99, .. }), "{error}");
}

/// The digest of a row, which the applied state's digest is made of.
fn row_digest(id: &str, body: &str) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&(id.len() as u64).to_le_bytes());
    hasher.update(id.as_bytes()).update(body.as_bytes());
    *hasher.finalize().as_bytes()
}

/// A newer build writes a field that this one does not know, and the digest of what it wrote.
#[test]
fn what_is_whole_and_not_known_is_told_as_a_newer_builds() {
    let directory = tempfile::tempdir().unwrap();
    filled(directory.path());
    let database = Connection::open(directory.path().join(DATABASE_FILE)).unwrap();
    let id = "Tenant/a";
    let old: String = database
        .query_row("SELECT body FROM resource WHERE id = ?1", [id], |row| row.get(0))
        .unwrap();
    let new = old.replacen("\"sipDomain\"", "\"colour\":\"blue\",\"sipDomain\"", 1);
    assert_ne!(old, new);
    database.execute("UPDATE resource SET body = ?1 WHERE id = ?2", [&new, id]).unwrap();
    // Before its digest is written, too, it is damage.
    let error = Embedded::open(directory.path()).unwrap().load().unwrap_err();
    assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
    let mut digest: Vec<u8> =
        database.query_row("SELECT digest FROM applied", [], |row| row.get(0)).unwrap();
    for row in [row_digest(id, &old), row_digest(id, &new)] {
        digest.iter_mut().zip(row).for_each(|(ours, one)| *ours ^= one);
    }
    database.execute("UPDATE applied SET digest = ?1", [&digest]).unwrap();
    drop(database);
    let error = Embedded::open(directory.path()).unwrap().load().unwrap_err();
    assert!(matches!(error, StoreError::NewerContent { .. }), "{error}");
    let text = error.to_string();
    assert!(text.contains("was written by a newer build: `Tenant/a`"), "{text}");
    assert!(text.contains("`colour`") && !text.contains("damaged"), "{text}");
}

#[test]
fn a_lost_an_added_or_an_altered_row_is_damage_and_nothing_is_loaded() {
    for damage in [
        "DELETE FROM resource WHERE id = 'Tenant/a'",
        "UPDATE resource SET body = replace(body, 'a.example', 'b.example') WHERE id = 'Tenant/a'",
        "UPDATE resource SET body = 'x' WHERE id = 'Tenant/a'",
        "UPDATE resource SET id = 'Tenant/c' WHERE id = 'Tenant/a'",
        "DELETE FROM applied",
        "UPDATE applied SET generation = 7",
        "UPDATE applied SET followed = NULL",
        "UPDATE applied SET digest = x'00'",
    ] {
        let directory = tempfile::tempdir().unwrap();
        filled(directory.path());
        sql(directory.path(), damage);
        let error = Embedded::open(directory.path()).unwrap().load().unwrap_err();
        assert!(matches!(error, StoreError::Damaged { .. }), "{damage}: {error}");
    }
}

#[test]
fn a_page_of_garbage_is_an_error_and_never_another_state() {
    let directory = tempfile::tempdir().unwrap();
    filled(directory.path());
    let whole = Embedded::open(directory.path()).unwrap().load().unwrap();
    let path = directory.path().join(DATABASE_FILE);
    let bytes = std::fs::read(&path).unwrap();
    assert!(bytes.len() > 4096, "the log was folded into the file when it was closed");
    for at in (0..bytes.len()).step_by(61) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x5a;
        std::fs::write(&path, &damaged).unwrap();
        for leftover in ["-wal", "-shm"] {
            drop(std::fs::remove_file(directory.path().join(format!("{DATABASE_FILE}{leftover}"))));
        }
        let loaded = Embedded::open(directory.path()).and_then(|store| store.load());
        // A byte in an unused part of a page changes nothing; any other must be noticed.
        if let Ok(state) = loaded {
            assert_eq!(state, whole, "byte {at}");
        }
    }
}

#[test]
fn a_directory_that_cannot_be_made_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    std::fs::write(&file, "").unwrap();
    let error = Embedded::open(&file.join("state")).unwrap_err();
    assert!(error.to_string().contains(&file.join("state").display().to_string()), "{error}");
}
