//! The database: opening it, its two pools, and the lock that keeps a second server out.

pub mod audit;
pub mod author;
pub mod count;
pub mod damage;
pub mod device;
pub mod directory;
pub(crate) mod frame;
pub mod held;
pub mod hold;
pub mod invitation;
pub mod log;
pub mod org;
pub mod photo;
pub mod poison;
pub mod receipt;
pub mod retire;
pub mod retired;
pub mod sums;
pub mod usage;

use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqliteSynchronous};
use sqlx::{Connection, Row, SqlSafeStr as _, SqliteConnection};

use crate::cursor;
use crate::limits;
use crate::private::{self, PrivateError};
use hold::{Hold, Leash, Readers};

/// The steps of the schema, in order; one that was released never changes.
const MIGRATIONS: [(&str, &str); 14] = [
    ("first", include_str!("../migrations/0001_first.sql")),
    (
        "entry by change",
        include_str!("../migrations/0002_entry_by_change.sql"),
    ),
    (
        "stream sum",
        include_str!("../migrations/0003_stream_sum.sql"),
    ),
    ("photo", include_str!("../migrations/0004_photo.sql")),
    ("frame", include_str!("../migrations/0005_frame.sql")),
    (
        "poison by record",
        include_str!("../migrations/0006_poison_by_record.sql"),
    ),
    ("proof", include_str!("../migrations/0007_proof.sql")),
    (
        "photo named",
        include_str!("../migrations/0008_photo_named.sql"),
    ),
    (
        "row counts",
        include_str!("../migrations/0009_row_counts.sql"),
    ),
    ("healing", include_str!("../migrations/0010_healing.sql")),
    ("access", include_str!("../migrations/0011_access.sql")),
    ("damage", include_str!("../migrations/0012_damage.sql")),
    ("quota", include_str!("../migrations/0013_quota.sql")),
    ("retired", include_str!("../migrations/0014_retired.sql")),
];

/// The setting with the key that cursors are made with.
pub const CURSOR_KEY: &str = "cursor_key";
/// The setting that says that everything here is a demonstration.
pub const DEMO: &str = "demo";

/// The oldest SQLite that keeps a write-ahead log whole (a corruption bug ended with it).
const SQLITE_VERSION_MIN: (u32, u32, u32) = (3, 51, 3);

/// Rows that the database's thread reads ahead of whoever asked: each time that it waits costs two
/// changes of thread.
const ROWS_AHEAD: usize = 1_024;

/// What lies beside a database that was in use.
const LEFT_BEHIND: [&str; 2] = ["fengge.db-wal", "photos"];

/// How a write begins.
const BEGIN: &str = "BEGIN IMMEDIATE";

/// Why the database cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The folder cannot be made or the lock file not be opened.
    #[error("cannot use the data folder {path}: {source}; check --data and its permissions")]
    Folder {
        /// The folder.
        path: String,
        /// What went wrong.
        source: io::Error,
    },
    /// It cannot be kept to the server's own account.
    #[error(transparent)]
    Private(#[from] PrivateError),
    /// Another server works there.
    #[error("another server already uses the data folder {0}; stop it or give another --data")]
    Taken(String),
    /// There is no database yet.
    #[error("there is no database in {0}; check --data, or start the server once")]
    Absent(String),
    /// The library is too old.
    #[error("SQLite {0} can damage its log; build with 3.51.3 or newer")]
    SqliteTooOld(String),
    /// The schema cannot be brought up to date.
    #[error("cannot bring the database up to date: {0}; restore the last backup or upgrade")]
    Migration(MigrateError),
    /// The file is not what SQLite wrote.
    #[error(
        "the database file {0}: {1}; stop, keep the folder for study, restore the last backup, start, \
         and let the devices bring the rest back with `sync-server heal --days 30`"
    )]
    Damaged(&'static str, sqlx::Error),
    /// The database is gone, and what lay beside it is there.
    #[error(
        "there is no database in {0}, but what belongs to one: restore the last backup, start, and let \
         the devices bring the rest back with `sync-server heal --days 30`; or begin in an empty folder"
    )]
    Lost(String),
    /// The database was not brought up to date yet.
    #[error("the database is of another version: start the server once, then look again")]
    Older,
    /// Any other failure.
    #[error("database: {0}")]
    Database(sqlx::Error),
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        if is_damaged(&error) {
            Self::Damaged("is damaged", error)
        } else {
            Self::Database(error)
        }
    }
}

impl From<MigrateError> for StoreError {
    fn from(error: MigrateError) -> Self {
        match (is_stopped_by_damage(&error), error) {
            (true, MigrateError::Execute(cause) | MigrateError::ExecuteMigration(cause, _)) => {
                Self::from(cause)
            }
            (_, error) => Self::Migration(error),
        }
    }
}

/// Whether a migration ended because the file is damaged.
fn is_stopped_by_damage(error: &MigrateError) -> bool {
    matches!(
        error,
        MigrateError::Execute(cause) | MigrateError::ExecuteMigration(cause, _) if is_damaged(cause)
    )
}

/// Whether SQLite says that its file is not what it wrote: torn, cut or overwritten.
#[must_use]
pub fn is_damaged(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code());
    let number = code.and_then(|code| code.parse::<u32>().ok());
    // SQLITE_CORRUPT and SQLITE_NOTADB, with their extended codes.
    number.is_some_and(|number| matches!(number & 0xff, 11 | 26))
}

/// The open database: one writer, a few readers.
#[derive(Debug, Clone)]
pub struct Store {
    write: SqlitePool,
    /// What ends a write that takes too long or that nobody waits for.
    leash: Arc<Leash>,
    read: Readers,
    /// How long a query may take; none for the admin's own commands and at the start.
    limit: Option<Duration>,
    /// Names this database's log; a restored or new database has another one.
    pub generation: [u8; 4],
    /// What this server's cursors are made with.
    pub cursors: cursor::Key,
}

fn migrations() -> Migrator {
    let step = |(version, (name, sql)): (i64, (&'static str, &'static str))| {
        let kind = MigrationType::Simple;
        Migration::new(version, name.into(), kind, sql.into_sql_str(), false)
    };
    Migrator::with_migrations((1..).zip(MIGRATIONS).map(step).collect())
}

/// Held while a server runs on a data folder.
#[derive(Debug)]
pub struct ServerLock {
    _file: File,
}

impl ServerLock {
    /// Takes the folder for one server.
    ///
    /// # Errors
    /// When another server has it or the folder cannot be used.
    pub fn take(data: &Path) -> Result<Self, StoreError> {
        let failed = |source| StoreError::Folder {
            path: data.display().to_string(),
            source,
        };
        let was_open = private::folder(data, &OURS)?;
        let path = data.join(LOCK);
        let mut closed = u64::from(was_open) + u64::from(private::file(&path)?);
        let mut options = File::options();
        let options = options.create(true).truncate(false).write(true);
        let file = private::open(options, &path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {
                closed += private::everything(data)?;
                tell_closed(closed);
                Ok(Self { _file: file })
            }
            Err(TryLockError::WouldBlock) => Err(StoreError::Taken(data.display().to_string())),
            Err(TryLockError::Error(source)) => Err(failed(source)),
        }
    }
}

/// What shows that a folder is a server's.
const OURS: [&str; 2] = [DATABASE, LOCK];
const LOCK: &str = "server.lock";
/// The file of the database.
pub(crate) const DATABASE: &str = "fengge.db";
/// The database and what SQLite keeps beside it.
const FILES: [&str; 4] = [
    DATABASE,
    "fengge.db-wal",
    "fengge.db-shm",
    "fengge.db-journal",
];

/// Closes the folder and the database to other accounts. SQLite gives the files that it makes the
/// rights of the database, so that one is made before SQLite sees it.
fn close_to_others(data: &Path, create: bool) -> Result<(), StoreError> {
    let mut closed = u64::from(private::folder(data, &OURS)?);
    for name in FILES {
        closed += u64::from(private::file(&data.join(name))?);
    }
    tell_closed(closed);
    if create {
        let mut options = File::options();
        let made = private::open(options.create(true).append(true), &data.join(DATABASE));
        made.map_err(|source| StoreError::Folder {
            path: data.display().to_string(),
            source,
        })?;
    }
    Ok(())
}

fn tell_closed(closed: u64) {
    if closed > 0 {
        tracing::warn!(
            closed,
            "data was open to other accounts of this machine and is closed now; who had one could \
             have read it"
        );
    }
}

impl Store {
    /// Opens the database of a folder, making it when `create` is set.
    ///
    /// # Errors
    /// When it cannot be opened or brought up to date.
    pub async fn open(data: &Path, create: bool) -> Result<Self, StoreError> {
        let file = data.join(DATABASE);
        if !create && !file.exists() {
            return Err(StoreError::Absent(data.display().to_string()));
        }
        // A server that began anew beside what was left of a lost database would look as if all were
        // well.
        if !file.exists() && LEFT_BEHIND.iter().any(|name| data.join(name).exists()) {
            return Err(StoreError::Lost(data.display().to_string()));
        }
        close_to_others(data, create)?;
        let leash = Leash::new();
        let write = hold::pool(&leash)
            .min_connections(1)
            .idle_timeout(None)
            .max_lifetime(None)
            .connect_with(options(file.clone()).create_if_missing(create))
            .await?;
        check_version(&write).await?;
        migrations().run(&write).await?;
        let generation = made_once(&write, "generation").await?;
        let secret = made_once(&write, CURSOR_KEY).await?;
        let cursors = cursor::Key::new(&secret, generation);
        let read = Readers::new(&options(file).pragma("query_only", "on"));
        Ok(Self {
            write,
            leash,
            read,
            limit: Some(limits::QUERY_TIME_MAX),
            generation,
            cursors,
        })
    }

    /// The same database for work that may take long: an admin's command, what a start mends.
    #[must_use]
    pub fn unhurried(&self) -> Self {
        let limit = None;
        Self {
            limit,
            ..self.clone()
        }
    }

    /// The same database with another time limit.
    #[must_use]
    pub fn within(&self, limit: Duration) -> Self {
        let limit = Some(limit);
        Self {
            limit,
            ..self.clone()
        }
    }

    /// Opens the database of a folder to look at it: nothing is written.
    ///
    /// # Errors
    /// When it cannot be opened, or was not brought up to date yet.
    pub async fn look(data: &Path) -> Result<Self, StoreError> {
        let file = data.join("fengge.db");
        if !file.exists() {
            return Err(StoreError::Absent(data.display().to_string()));
        }
        let options = options(file).pragma("query_only", "on");
        let leash = Leash::new();
        let write = hold::pool(&leash).connect_with(options.clone()).await?;
        check_version(&write).await?;
        let steps: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM _sqlx_migrations WHERE success")
            .fetch_one(&write)
            .await?;
        if usize::try_from(steps) != Ok(MIGRATIONS.len()) {
            return Err(StoreError::Older);
        }
        let mut view = write.acquire().await?;
        let generation = setting(&mut view, "generation").await?;
        let generation = generation.and_then(|bytes| bytes.try_into().ok());
        let generation: [u8; 4] = generation.ok_or(StoreError::Older)?;
        let secret = setting(&mut view, CURSOR_KEY).await?;
        let secret = secret.and_then(|bytes| bytes.try_into().ok());
        let cursors = cursor::Key::new(&secret.ok_or(StoreError::Older)?, generation);
        drop(view);
        Ok(Self {
            write,
            leash,
            read: Readers::new(&options),
            limit: None,
            generation,
            cursors,
        })
    }

    /// Begins a write: waits for the one before to end, then holds the database's write lock.
    ///
    /// # Errors
    /// When the lock cannot be had in time.
    pub async fn begin(&self) -> Result<Hold, sqlx::Error> {
        let begun = match self.write.begin_with(BEGIN).await {
            // On a full disk, and when a write is broken off, SQLite ends the transaction by itself,
            // the library still counts it, and this connection would never begin another one.
            Err(sqlx::Error::InvalidSavePointStatement) => {
                self.write.acquire().await?.close().await?;
                self.write.begin_with(BEGIN).await
            }
            begun => begun,
        };
        Ok(Hold::new(begun?, &self.leash, (self.limit, None)))
    }

    /// Begins a read of one unchanging state.
    ///
    /// # Errors
    /// When no connection is free in time.
    pub async fn view(&self) -> Result<Hold, sqlx::Error> {
        self.read.begin(self.limit).await
    }

    /// A connection of one's own, for reading.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub(crate) async fn connect(&self) -> Result<SqliteConnection, sqlx::Error> {
        let options = (*self.write.connect_options()).clone();
        SqliteConnection::connect_with(&options.pragma("query_only", "on")).await
    }

    /// Writes the database as it is at this moment into a file that is not there yet, or empty.
    ///
    /// # Errors
    /// When the database cannot be read or the file not be written.
    pub async fn copy_to(&self, file: &Path) -> Result<(), sqlx::Error> {
        let mut connection = self.write.acquire().await?;
        sqlx::query("VACUUM INTO ?")
            .bind(file.to_string_lossy().into_owned())
            .execute(&mut *connection)
            .await?;
        Ok(())
    }

    /// Closes all connections and lets the write-ahead log be folded into the database.
    pub async fn close(&self) {
        self.read.close().await;
        self.write.close().await;
    }
}

fn options(file: PathBuf) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(file)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(limits::BUSY_TIMEOUT)
        .row_buffer_size(ROWS_AHEAD)
        .pragma("trusted_schema", "off")
        .pragma("cell_size_check", "on")
}

async fn check_version(pool: &SqlitePool) -> Result<(), StoreError> {
    let text: String = sqlx::query_scalar("SELECT sqlite_version()")
        .fetch_one(pool)
        .await?;
    let mut parts = text.split('.').map(|part| part.parse::<u32>().unwrap_or(0));
    let mut next = || parts.next().unwrap_or(0);
    if (next(), next(), next()) < SQLITE_VERSION_MIN {
        return Err(StoreError::SqliteTooOld(text));
    }
    Ok(())
}

/// Reads random bytes of this database's own, and makes them when it is new: the name of its log, the
/// key of its cursors.
async fn made_once<const N: usize>(
    pool: &SqlitePool,
    key: &'static str,
) -> Result<[u8; N], StoreError> {
    let fresh = crate::auth::random::<N>();
    let mut connection = pool.acquire().await?;
    let mut write = connection.begin_with("BEGIN IMMEDIATE").await?;
    sqlx::query("INSERT INTO setting (key, value) VALUES (?, ?) ON CONFLICT DO NOTHING")
        .bind(key)
        .bind(fresh.as_slice())
        .execute(&mut *write)
        .await?;
    let row = sqlx::query("SELECT value FROM setting WHERE key = ?")
        .bind(key)
        .fetch_one(&mut *write)
        .await?;
    write.commit().await?;
    Ok(bytes::<N>(&row, 0)?)
}

/// Reads a setting.
///
/// # Errors
/// When the database fails.
pub async fn setting(
    db: &mut SqliteConnection,
    key: &'static str,
) -> Result<Option<Vec<u8>>, sqlx::Error> {
    sqlx::query_scalar("SELECT value FROM setting WHERE key = ?")
        .bind(key)
        .fetch_optional(db)
        .await
}

/// Writes a setting.
///
/// # Errors
/// When the database fails.
pub async fn set_setting(
    db: &mut SqliteConnection,
    key: &'static str,
    value: &[u8],
) -> Result<(), sqlx::Error> {
    sqlx::query("INSERT OR REPLACE INTO setting (key, value) VALUES (?, ?)")
        .bind(key)
        .bind(value)
        .execute(db)
        .await?;
    Ok(())
}

/// A column of exactly `N` bytes.
pub(crate) fn bytes<const N: usize>(
    row: &sqlx::sqlite::SqliteRow,
    column: usize,
) -> Result<[u8; N], sqlx::Error> {
    let value: &[u8] = row.try_get(column)?;
    value
        .try_into()
        .map_err(|_| damaged(format!("column {column}: not {N} bytes")))
}

/// An error for a stored value that cannot be what was written.
pub(crate) fn damaged(what: String) -> sqlx::Error {
    sqlx::Error::Decode(what.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn f58_a_server_writes_again_after_its_disk_was_full() {
        let data = tempfile::tempdir().expect("a folder");
        let store = Store::open(data.path(), true).await.expect("a database");
        let mut write = store.begin().await.expect("begins");
        sqlx::query("PRAGMA max_page_count = 1")
            .fetch_all(&mut *write)
            .await
            .expect("a limit");
        let full = set_setting(&mut write, DEMO, &[0; 100_000]).await;
        let full = full.expect_err("no room").into_database_error();
        assert_eq!(
            full.expect("an error of SQLite").code().as_deref(),
            Some("13")
        );
        drop(write);
        let mut write = store.begin().await.expect("begins again");
        set_setting(&mut write, DEMO, &[1]).await.expect("writes");
        write.commit().await.expect("commits");
        let mut view = store.view().await.expect("a view");
        let kept = setting(&mut view, DEMO).await.expect("reads");
        assert_eq!(kept, Some(vec![1]));
    }
}
