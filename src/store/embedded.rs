//! The durable store: one SQLite file in the state directory, write-ahead log, every transaction
//! synced. Users may read it with any SQLite tool while the daemon runs.

use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, ErrorCode, OptionalExtension, Row, Transaction, params};

use super::codec::{self, SetDigest};
use super::lock::DirectoryLock;
use super::{MAX_HISTORY, next_generation};
use crate::model::{ResourceSet, Revision};
use crate::port::{Applied, Change, HistoryEntry, Outcome, Store, StoreError};

/// The database's name inside the state directory.
pub const DATABASE_FILE: &str = "trunkline.db";

/// `TRKL`, in SQLite's header: tells our files from other programs'.
const APPLICATION_ID: i64 = 0x5452_4B4C;

/// The schema below.
const SCHEMA_VERSION: i64 = 1;

const SCHEMA: &str = "
CREATE TABLE applied (
    one INTEGER PRIMARY KEY CHECK (one = 1), generation INTEGER NOT NULL, revision TEXT NOT NULL,
    followed TEXT, digest BLOB NOT NULL
);
CREATE TABLE resource (id TEXT NOT NULL UNIQUE, body TEXT NOT NULL);
CREATE TABLE pending (
    one INTEGER PRIMARY KEY CHECK (one = 1), generation INTEGER NOT NULL, revision TEXT NOT NULL,
    followed TEXT, summary TEXT NOT NULL, began_unix_ms INTEGER NOT NULL
);
-- A body of NULL deletes.
CREATE TABLE pending_resource (id TEXT NOT NULL UNIQUE, body TEXT);
CREATE TABLE history (
    seq INTEGER PRIMARY KEY, generation INTEGER NOT NULL, revision TEXT NOT NULL,
    summary TEXT NOT NULL, began_unix_ms INTEGER NOT NULL, outcome TEXT NOT NULL, detail TEXT
);
";

/// The applied state in `DIR/trunkline.db`, held against other daemons until it is dropped.
#[derive(Debug)]
pub struct Embedded {
    path: PathBuf,
    connection: Mutex<Connection>,
    _lock: DirectoryLock,
}

impl Embedded {
    /// Opens a state directory, creating it (readable by its owner only) when it is missing.
    pub fn open(directory: &Path) -> Result<Self, StoreError> {
        create_private(directory)?;
        let lock = DirectoryLock::take(directory)?;
        let path = directory.join(DATABASE_FILE);
        let connection = Connection::open(&path).and_then(configured);
        let mut connection = connection.map_err(|error| from_sqlite(&path, &error))?;
        prepare(&mut connection, &path)?;
        sync_directory(directory)?;
        Ok(Self { path, connection: Mutex::new(connection), _lock: lock })
    }

    fn connection(&self) -> MutexGuard<'_, Connection> {
        // A transaction that a panic leaves behind is rolled back when it is dropped.
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn transact<T>(
        &self,
        work: impl FnOnce(&Writing<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let failed = |error: rusqlite::Error| from_sqlite(&self.path, &error);
        let mut connection = self.connection();
        let transaction = connection.transaction().map_err(failed)?;
        let writing = Writing { transaction, path: &self.path };
        let value = work(&writing)?;
        writing.transaction.commit().map_err(failed)?;
        Ok(value)
    }
}

impl Store for Embedded {
    fn load(&self) -> Result<Option<Applied>, StoreError> {
        self.transact(|writing| {
            if writing.pending()?.is_some() {
                writing.end(&Outcome::Interrupted)?;
            }
            writing.load()
        })
    }

    fn begin(&self, change: &Change) -> Result<(), StoreError> {
        self.transact(|writing| writing.begin(change))
    }

    fn finish(&self, outcome: &Outcome) -> Result<(), StoreError> {
        self.transact(|writing| writing.end(outcome))
    }

    fn rename(&self, revision: &Revision, followed: Option<&Revision>) -> Result<(), StoreError> {
        self.transact(|writing| writing.rename(revision, followed))
    }

    fn history(&self, limit: usize) -> Result<Vec<HistoryEntry>, StoreError> {
        self.transact(|writing| writing.history(limit))
    }
}

fn create_private(directory: &Path) -> Result<(), StoreError> {
    use std::os::unix::fs::DirBuilderExt as _;
    let created = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(directory);
    created.map_err(|error| {
        let words = format!("this state directory cannot be made: {error}");
        io(directory, std::io::Error::new(error.kind(), words))
    })
}

/// The entry of a new database file is durable only when its directory is synced.
fn sync_directory(directory: &Path) -> Result<(), StoreError> {
    let synced = std::fs::File::open(directory).and_then(|file| file.sync_all());
    synced.map_err(|error| io(directory, error))
}

fn configured(connection: Connection) -> rusqlite::Result<Connection> {
    // Readers (a person with the sqlite3 program) may hold the file for a moment.
    connection.busy_timeout(std::time::Duration::from_secs(5))?;
    Ok(connection)
}

/// Finds out whose file it is before a byte is written, then creates the tables of a new one.
fn prepare(connection: &mut Connection, path: &Path) -> Result<(), StoreError> {
    let failed = |error: rusqlite::Error| from_sqlite(path, &error);
    let number = |connection: &Connection, pragma: &str| {
        connection.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0)).map_err(failed)
    };
    let tables: i64 = connection
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .map_err(failed)?;
    let application = number(connection, "application_id")?;
    let version = number(connection, "user_version")?;
    if tables > 0 && application != APPLICATION_ID {
        return Err(StoreError::Foreign {
            path: path.display().to_string(),
            detail: "it is another program's SQLite database".to_owned(),
        });
    }
    if version > SCHEMA_VERSION {
        return Err(StoreError::Newer {
            path: path.display().to_string(),
            found: version,
            known: SCHEMA_VERSION,
        });
    }
    connection
        .query_row("PRAGMA journal_mode = WAL", [], |row| row.get::<_, String>(0))
        .map_err(failed)?;
    connection.pragma_update(None, "synchronous", "FULL").map_err(failed)?;
    if tables == 0 {
        let transaction = connection.transaction().map_err(failed)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID).map_err(failed)?;
        transaction.pragma_update(None, "user_version", SCHEMA_VERSION).map_err(failed)?;
        transaction.execute_batch(SCHEMA).map_err(failed)?;
        transaction.commit().map_err(failed)?;
    }
    Ok(())
}

/// One open transaction.
struct Writing<'a> {
    transaction: Transaction<'a>,
    path: &'a Path,
}

/// What an applied state or a begun change is, without its resources.
struct Head {
    generation: u64,
    revision: String,
    followed: Option<String>,
}

impl Head {
    /// Covered by the digest under the id `""`, which no resource has.
    fn text(&self) -> String {
        let followed = self.followed.as_deref().unwrap_or("-");
        format!("{} {} {followed}", self.generation, self.revision)
    }
}

/// A begun change.
struct Pending {
    head: Head,
    summary: String,
    began_unix_ms: u64,
}

impl Writing<'_> {
    fn failed(&self, error: &rusqlite::Error) -> StoreError {
        from_sqlite(self.path, error)
    }

    fn damaged(&self, detail: impl Display) -> StoreError {
        StoreError::Damaged { path: self.path.display().to_string(), detail: detail.to_string() }
    }

    fn execute(&self, sql: &str, values: impl rusqlite::Params) -> Result<usize, StoreError> {
        let statement = self.transaction.prepare_cached(sql);
        statement.and_then(|mut statement| statement.execute(values)).map_err(|e| self.failed(&e))
    }

    fn one<T>(
        &self,
        sql: &str,
        values: impl rusqlite::Params,
        read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>, StoreError> {
        let statement = self.transaction.prepare_cached(sql);
        let row = statement.and_then(|mut statement| statement.query_row(values, read).optional());
        row.map_err(|error| self.failed(&error))
    }

    fn all<T>(
        &self,
        sql: &str,
        values: impl rusqlite::Params,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, StoreError> {
        let collected = self
            .transaction
            .prepare_cached(sql)
            .and_then(|mut statement| statement.query_map(values, read)?.collect());
        collected.map_err(|error| self.failed(&error))
    }

    fn pending(&self) -> Result<Option<Pending>, StoreError> {
        let sql = "SELECT generation, revision, followed, summary, began_unix_ms FROM pending";
        self.one(sql, [], |row| {
            Ok(Pending {
                head: Head {
                    generation: row.get(0)?,
                    revision: row.get(1)?,
                    followed: row.get(2)?,
                },
                summary: row.get(3)?,
                began_unix_ms: row.get(4)?,
            })
        })
    }

    /// The head of the applied state and the digest of its rows as it must be.
    fn head(&self) -> Result<Option<(Head, SetDigest)>, StoreError> {
        let sql = "SELECT generation, revision, followed, digest FROM applied";
        let row = self.one(sql, [], |row| {
            let head =
                Head { generation: row.get(0)?, revision: row.get(1)?, followed: row.get(2)? };
            Ok((head, row.get::<_, Vec<u8>>(3)?))
        })?;
        let Some((head, digest)) = row else { return Ok(None) };
        let mut digest = SetDigest::from_bytes(&digest)
            .ok_or_else(|| self.damaged("the digest has a wrong length"))?;
        digest.toggle("", &head.text());
        Ok(Some((head, digest)))
    }

    fn generation(&self) -> Result<u64, StoreError> {
        Ok(self.head()?.map_or(0, |(head, _)| head.generation))
    }

    fn load(&self) -> Result<Option<Applied>, StoreError> {
        let (head, stored) = self.head()?.unzip();
        let mut found = SetDigest::default();
        let mut resources = ResourceSet::default();
        let mut unread = None;
        let rows = self.all("SELECT id, body FROM resource", [], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))
        })?;
        for (id, body) in rows {
            found.toggle(&id, &body);
            match codec::decode(&id, &body) {
                Ok(resource) => drop(resources.insert(Arc::new(resource))),
                Err(detail) => drop(unread.get_or_insert(detail)),
            }
        }
        let is_whole = found == stored.unwrap_or_default();
        match unread {
            // What is exactly as it was written, and says something that this build does not know, was
            // written by another one.
            Some(detail) if is_whole => {
                let path = self.path.display().to_string();
                return Err(StoreError::NewerContent { path, detail });
            }
            Some(detail) => return Err(self.damaged(detail)),
            None if !is_whole => {
                return Err(self.damaged("what it holds is not what was applied"));
            }
            None => {}
        }
        Ok(head.map(|head| Applied {
            generation: head.generation,
            revision: Revision(head.revision),
            followed: head.followed.map(Revision),
            resources: Arc::new(resources),
        }))
    }

    fn begin(&self, change: &Change) -> Result<(), StoreError> {
        if self.pending()?.is_some() {
            return Err(StoreError::OutOfOrder("a change is begun already".to_owned()));
        }
        next_generation(self.generation()?, change.generation)?;
        self.execute(
            "INSERT INTO pending (one, generation, revision, followed, summary, began_unix_ms)
             VALUES (1, ?1, ?2, ?3, ?4, ?5)",
            params![
                change.generation,
                change.revision.0,
                change.followed.as_ref().map(|revision| &revision.0),
                change.summary,
                change.began_unix_ms,
            ],
        )?;
        let sql = "INSERT INTO pending_resource (id, body) VALUES (?1, ?2)";
        for resource in &change.upserts {
            let id = resource.id().to_string();
            let body = codec::encode(resource).map_err(|detail| self.damaged(detail))?;
            self.execute(sql, params![id, body])?;
        }
        for id in &change.deletes {
            self.execute(sql, params![id.to_string(), None::<String>])?;
        }
        Ok(())
    }

    fn end(&self, outcome: &Outcome) -> Result<(), StoreError> {
        let Some(pending) = self.pending()? else {
            return Err(StoreError::OutOfOrder("no change is begun".to_owned()));
        };
        if *outcome == Outcome::Applied {
            self.promote(&pending)?;
        }
        self.execute("DELETE FROM pending_resource", [])?;
        self.execute("DELETE FROM pending", [])?;
        let (word, detail) = outcome_text(outcome);
        self.execute(
            "INSERT INTO history (generation, revision, summary, began_unix_ms, outcome, detail)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![
                pending.head.generation,
                pending.head.revision,
                pending.summary,
                pending.began_unix_ms,
                word,
                detail
            ],
        )?;
        let oldest = "DELETE FROM history WHERE seq <= (SELECT max(seq) FROM history) - ?1";
        self.execute(oldest, [MAX_HISTORY])?;
        Ok(())
    }

    /// Makes the begun rows the applied ones; what it costs follows their number.
    fn promote(&self, pending: &Pending) -> Result<(), StoreError> {
        let mut digest = self.head()?.map_or_else(SetDigest::default, |(_, digest)| digest);
        let rows = self.all("SELECT id, body FROM pending_resource", [], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, Option<String>>(1)?))
        })?;
        for (id, body) in &rows {
            let old: Option<String> =
                self.one("SELECT body FROM resource WHERE id = ?1", [id], |row| row.get(0))?;
            if let Some(old) = old {
                digest.toggle(id, &old);
            }
            let Some(body) = body else {
                self.execute("DELETE FROM resource WHERE id = ?1", [id])?;
                continue;
            };
            digest.toggle(id, body);
            self.execute(
                "INSERT INTO resource (id, body) VALUES (?1, ?2)
                 ON CONFLICT (id) DO UPDATE SET body = excluded.body",
                [id, body],
            )?;
        }
        self.write_head(&pending.head, digest)
    }

    fn write_head(&self, head: &Head, mut digest: SetDigest) -> Result<(), StoreError> {
        digest.toggle("", &head.text());
        self.execute(
            "INSERT OR REPLACE INTO applied (one, generation, revision, followed, digest)
             VALUES (1, ?1, ?2, ?3, ?4)",
            params![head.generation, head.revision, head.followed, digest.bytes()],
        )?;
        Ok(())
    }

    fn rename(&self, revision: &Revision, followed: Option<&Revision>) -> Result<(), StoreError> {
        let Some((mut head, digest)) = self.head()? else { return Ok(()) };
        head.revision = revision.0.clone();
        head.followed = followed.map(|revision| revision.0.clone());
        self.write_head(&head, digest)
    }

    fn history(&self, limit: usize) -> Result<Vec<HistoryEntry>, StoreError> {
        let sql = "SELECT generation, revision, summary, began_unix_ms, outcome, detail
                   FROM history ORDER BY seq DESC LIMIT ?1";
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.all(sql, [limit], |row| {
            let detail: Option<String> = row.get(5)?;
            Ok(HistoryEntry {
                generation: row.get(0)?,
                revision: Revision(row.get(1)?),
                summary: row.get(2)?,
                began_unix_ms: row.get(3)?,
                outcome: outcome_of(&row.get::<_, String>(4)?, detail),
            })
        })
    }
}

fn outcome_text(outcome: &Outcome) -> (&'static str, Option<&str>) {
    match outcome {
        Outcome::Applied => ("applied", None),
        Outcome::Failed(why) => ("failed", Some(why)),
        Outcome::Interrupted => ("interrupted", None),
    }
}

fn outcome_of(word: &str, detail: Option<String>) -> Outcome {
    match word {
        "applied" => Outcome::Applied,
        "interrupted" => Outcome::Interrupted,
        _ => Outcome::Failed(detail.unwrap_or_default()),
    }
}

fn io(path: &Path, error: impl Display) -> StoreError {
    StoreError::Io { path: path.display().to_string(), detail: error.to_string() }
}

fn from_sqlite(path: &Path, error: &rusqlite::Error) -> StoreError {
    let shown = path.display().to_string();
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => {
            StoreError::Foreign { path: shown, detail: "it is no SQLite file".to_owned() }
        }
        Some(ErrorCode::DatabaseCorrupt) => {
            StoreError::Damaged { path: shown, detail: error.to_string() }
        }
        _ => io(path, error),
    }
}
