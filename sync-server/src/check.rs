//! Looking through everything that is stored: is it what was written, and does it fit together?
//!
//! One engine for `sync-server check`, for the daily look of a running server and for the short one at
//! its start. It reads in small pieces, each in a view of its own, and holds the write lock only to put
//! one thing right. What cannot be read is a finding like any other, and the rest is looked at.

mod records;
mod rest;

use std::fmt;
use std::time::{Duration, Instant};

use domain::id::{DocId, Part, RecordId};
use domain::time::Millis;
use sqlx::SqliteConnection;

use crate::album::Album;
use crate::limits;
use crate::store::{Store, damage, set_setting, setting};

/// What happens next with something that is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// It was only looked at.
    Check,
    /// The devices that have it send it again.
    Devices,
    /// It was put right.
    Mended,
    /// Somebody has to look into it: nothing can be put right by itself.
    Person,
    /// The file itself is damaged.
    Restore,
}

impl fmt::Display for Next {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Check => "run `sync-server check` without --read-only",
            Self::Devices => "set aside: devices that have it bring it back by themselves",
            Self::Mended => "made anew from what is sound",
            Self::Person => "stays as it is: compare with a backup from before",
            Self::Restore => "restore the last backup, then `sync-server heal`",
        })
    }
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The record, if it is about one.
    pub record: Option<RecordId>,
    /// Which part of it.
    pub part: Option<Part>,
    /// The name of the change or picture.
    pub hash: Option<String>,
    /// What is wrong.
    pub what: String,
    /// What happens next.
    pub next: Next,
}

impl Finding {
    /// Of nothing that has a name.
    fn of(what: impl Into<String>, next: Next) -> Self {
        Self {
            record: None,
            part: None,
            hash: None,
            what: what.into(),
            next,
        }
    }

    fn in_doc(self, doc: DocId) -> Self {
        Self {
            record: Some(doc.record),
            part: Some(doc.part),
            ..self
        }
    }

    fn in_record(self, record: RecordId) -> Self {
        Self {
            record: Some(record),
            ..self
        }
    }

    fn named(self, hash: String) -> Self {
        Self {
            hash: Some(hash),
            ..self
        }
    }
}

/// One line: record, part, hash, what, what happens next.
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let record = self
            .record
            .map_or_else(|| "-".to_owned(), |id| id.to_string());
        let part = match self.part {
            Some(Part::Body) => "body",
            Some(Part::Vault) => "vault",
            None => "-",
        };
        let hash = self.hash.as_deref().unwrap_or("-");
        write!(f, "{record}\t{part}\t{hash}\t{}\t{}", self.what, self.next)
    }
}

/// How much was looked at, and what came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Report {
    /// Changes whose bytes were compared with their names.
    pub changes: u64,
    /// Records that were folded.
    pub records: u64,
    /// Pictures whose bytes were compared with their names.
    pub pictures: u64,
    /// Things that are wrong.
    pub findings: u64,
    /// Changes and pictures that were set aside now.
    pub aside: u64,
}

/// How a look is taken.
#[derive(Debug, Clone, Copy)]
pub struct Manner {
    /// Whether what is damaged is set aside, and what can be made anew is.
    pub mends: bool,
    /// How long it rests between two pieces, for others' sake.
    pub rest: Duration,
    /// What is taken for the time.
    pub now: Millis,
}

/// Looks through everything, and tells each finding as soon as it is known.
pub async fn everything(
    (store, album): (&Store, &Album),
    manner: Manner,
    tell: &mut (dyn FnMut(&Finding) + Send),
) -> Report {
    let mut look = Look {
        store,
        album,
        manner,
        tell,
        report: Report::default(),
    };
    let outcome = look.file().await;
    look.unreadable("the database file", outcome);
    let outcome = look.changes().await;
    look.unreadable("the changes", outcome);
    let outcome = look.order().await;
    look.unreadable("the order of the log", outcome);
    let outcome = look.sums().await;
    look.unreadable("the sums of the log", outcome);
    let outcome = look.records().await;
    look.unreadable("the records", outcome);
    let outcome = look.packed().await;
    look.unreadable("frames and receipts", outcome);
    let outcome = look.pictures().await;
    look.unreadable("the pictures", outcome);
    look.report
}

struct Look<'a> {
    store: &'a Store,
    album: &'a Album,
    manner: Manner,
    tell: &'a mut (dyn FnMut(&Finding) + Send),
    report: Report,
}

impl Look<'_> {
    fn found(&mut self, finding: &Finding) {
        self.report.findings += 1;
        (self.tell)(finding);
    }

    fn unreadable(&mut self, what: &str, outcome: Result<(), sqlx::Error>) {
        if let Err(error) = outcome {
            let what = format!("cannot read {what} to the end: {error}");
            self.found(&Finding::of(what, Next::Restore));
        }
    }

    /// What happens with what can be made anew.
    const fn next(&self, mended: Next) -> Next {
        if self.manner.mends {
            mended
        } else {
            Next::Check
        }
    }

    /// What SQLite itself says of its file.
    async fn file(&mut self) -> Result<(), sqlx::Error> {
        for said in quick_check(self.store).await? {
            let what = format!("SQLite says: {said}");
            self.found(&Finding::of(what, Next::Restore));
        }
        Ok(())
    }

    /// The bytes of each change.
    async fn changes(&mut self) -> Result<(), sqlx::Error> {
        let mut after = 0;
        loop {
            let mut view = self.store.view().await?;
            let piece = damage::scan(&mut view, after, limits::SCRUB_CHANGES).await?;
            let aside = if self.manner.mends {
                drop(view);
                let aside = damage::note(self.store, &piece.damaged, self.manner.now).await?;
                self.report.aside += u64::try_from(aside.len()).unwrap_or(0);
                Vec::new()
            } else {
                damage::described(&mut view, &piece.damaged).await?
            };
            for one in aside {
                let wrong = Finding::of("its bytes do not fit its hash", Next::Check);
                self.found(&wrong.in_doc(one.doc).named(one.hash.hex()));
            }
            self.report.changes += piece.count;
            let Some(last) = piece.last else { break };
            after = last;
            rest(self.manner).await;
        }
        let mut view = self.store.view().await?;
        for one in damage::missing(&mut view, None).await? {
            let what = if one.at == self.manner.now {
                "its bytes do not fit its hash".to_owned()
            } else {
                format!(
                    "its bytes did not fit its hash on {}",
                    one.at.to_local_text()
                )
            };
            let wrong = Finding::of(what, Next::Devices);
            self.found(&wrong.in_doc(one.doc).named(one.hash.hex()));
        }
        Ok(())
    }
}

async fn rest(manner: Manner) {
    if !manner.rest.is_zero() {
        tokio::time::sleep(manner.rest).await;
    }
}

/// What SQLite says of its file, beside that it is in order.
async fn quick_check(store: &Store) -> Result<Vec<String>, sqlx::Error> {
    let mut view = store.view().await?;
    let said: Vec<String> = sqlx::query_scalar("PRAGMA quick_check(20)")
        .fetch_all(&mut *view)
        .await?;
    Ok(said.into_iter().filter(|line| line != "ok").collect())
}

/// The row of the change up to which starts have looked, beside the newest ones.
const LOOKED: &str = "scrubbed";

/// The look at a start: the newest changes, and a further piece of all of them each time. It ends
/// after so many bytes or so long, whatever is left; the daily look goes through everything.
///
/// # Errors
/// When the database fails.
pub(crate) async fn at_start(store: &Store, now: Millis) -> Result<(), sqlx::Error> {
    let began = Instant::now();
    let mut view = store.view().await?;
    let pages: i64 = sqlx::query_scalar(
        "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size",
    )
    .fetch_one(&mut *view)
    .await?;
    let newest: i64 = damage::newest(&mut view, limits::SCRUB_START_BYTES).await?;
    let window = looked(&mut view).await?;
    drop(view);
    if pages <= limits::SCRUB_FILE_BYTES {
        for said in quick_check(store).await? {
            tracing::error!(said, "the database file is damaged: {}", Next::Restore);
        }
    }
    span(store, (newest, i64::MAX), (began, now)).await?;
    if newest > 0 {
        let from = if window >= newest { 0 } else { window };
        let reached = span(store, (from, newest), (began, now)).await?;
        if reached != window {
            let mut write = store.begin().await?;
            set_setting(&mut write, LOOKED, &reached.to_be_bytes()).await?;
            write.commit().await?;
        }
    }
    Ok(())
}

async fn looked(db: &mut SqliteConnection) -> Result<i64, sqlx::Error> {
    let stored = setting(db, LOOKED).await?;
    let stored = stored.and_then(|bytes| bytes.try_into().ok());
    Ok(stored.map_or(0, i64::from_be_bytes).max(0))
}

/// Looks at the changes after one row and up to another; the row that was reached.
async fn span(
    store: &Store,
    (mut after, to): (i64, i64),
    (began, now): (Instant, Millis),
) -> Result<i64, sqlx::Error> {
    let mut bytes = 0;
    while after < to && bytes < limits::SCRUB_START_BYTES && began.elapsed() < limits::SCRUB_START {
        let mut view = store.view().await?;
        let piece = damage::scan(&mut view, after, limits::SCRUB_CHANGES).await?;
        drop(view);
        damage::note(store, &piece.damaged, now).await?;
        let Some(last) = piece.last else { break };
        bytes += piece.bytes;
        after = last;
    }
    Ok(after)
}

/// Looks through everything once a day, until the server ends.
pub(crate) async fn daily(shared: std::sync::Arc<crate::router::Shared>) {
    loop {
        tokio::time::sleep(limits::SCRUB_EVERY).await;
        let manner = Manner {
            mends: true,
            rest: limits::SCRUB_REST,
            now: shared.clock.now(),
        };
        let mut tell = |finding: &Finding| tracing::error!("{finding}");
        let store = shared.store.unhurried();
        let report = everything((&store, &shared.album), manner, &mut tell).await;
        tracing::info!(
            changes = report.changes,
            records = report.records,
            pictures = report.pictures,
            findings = report.findings,
            aside = report.aside,
            "everything stored was looked through"
        );
    }
}
