//! The real server of a run: its router and its database, without a socket and by the world's clock.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use domain::document::Hashed;
use domain::id::{ChangeHash, DeviceId, DocId, Part, PersonId, RecordId, UnitId};
use domain::sync::signed::PublicKey;
use domain::time::Millis;
use domain::view::Row as RecordRow;
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;
use sync_server::Server;
use sync_server::clock::Clock;
use sync_server::config::Config;
use sync_server::healing;
use sync_server::keys;
use sync_server::store::org::{self, PersonLine, UnitLine};
use sync_server::store::{self, invitation, retire};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::people::Town;

/// The name of every simulated log, so that a run repeats byte for byte.
const GENERATION: [u8; 4] = *b"sim0";
/// The longest body of an answer that is read.
const BODY_BYTES_MAX: usize = 4 << 20;
const PEER: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// A server.
#[derive(Debug)]
pub struct Station {
    runtime: Runtime,
    root: TempDir,
    /// How often it was started, each time in a folder of its own.
    starts: u32,
    server: Option<Server>,
    clock: Arc<AtomicI64>,
}

/// The database as it lay on the disk at some moment.
#[derive(Debug, Clone)]
pub struct Copy {
    database: Vec<u8>,
    log: Vec<u8>,
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Answered {
    /// The status of HTTP.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
}

/// One change of the server's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logged {
    /// Its place.
    pub seq: u64,
    /// Its document.
    pub doc: DocId,
    /// Its grid.
    pub grid: UnitId,
    /// Its name.
    pub hash: ChangeHash,
    /// When it was made, by the writer's clock.
    pub device_at: Millis,
    /// When it came, by the server's clock.
    pub received_at: Millis,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// What was refused and kept for study.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Poison {
    /// Its document.
    pub doc: DocId,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

impl Station {
    /// A server on a copy of a database, or on a new one of the town.
    #[must_use]
    pub fn start(from: Option<&Copy>, town: &Town, now: Millis) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(1)
            .build()
            .expect("a runtime");
        let mut station = Self {
            runtime,
            root: folder(),
            starts: 0,
            server: None,
            clock: Arc::new(AtomicI64::new(now.0)),
        };
        station.boot(from);
        if from.is_none() {
            station.found(town);
        }
        station
    }

    fn found(&mut self, town: &Town) {
        let store = self.server().store();
        self.runtime.block_on(async {
            let mut write = store.begin().await.expect("a write");
            org::put(&mut write, &town.org()).await.expect("a town");
            store::set_setting(&mut write, "generation", &GENERATION)
                .await
                .expect("a generation");
            store::set_setting(&mut write, store::CURSOR_KEY, &[7; 32])
                .await
                .expect("a key");
            write.commit().await.expect("a commit");
        });
        let copy = self.copy();
        self.boot(Some(&copy));
    }

    /// Sets the server's clock.
    pub fn set_clock(&self, now: Millis) {
        self.clock.store(now.0, Ordering::Relaxed);
    }

    /// The server's clock.
    #[must_use]
    pub fn now(&self) -> Millis {
        Millis(self.clock.load(Ordering::Relaxed))
    }

    fn server(&self) -> &Server {
        self.server.as_ref().expect("a running server")
    }

    /// Starts the server in a fresh folder, on these files where there are some. What ran before is
    /// left behind as a dead process leaves it.
    fn boot(&mut self, from: Option<&Copy>) {
        self.starts += 1;
        let dir = self.dir();
        std::fs::create_dir_all(&dir).expect("a folder");
        if let Some(copy) = from {
            std::fs::write(dir.join("fengge.db"), &copy.database).expect("a database");
            if !copy.log.is_empty() {
                std::fs::write(dir.join("fengge.db-wal"), &copy.log).expect("a log");
            }
        }
        let config = Config {
            listen: (PEER, 0).into(),
            data: dir,
            app: None,
            tls: None,
            public_url: None,
            demo: false,
            // Little is in scope here, and both ways of a first load are to be tried.
            frames_from: 24,
            quotas: store::usage::Quotas::default(),
            trusted_proxies: Vec::new(),
            bench_join: None,
        };
        let clock = Arc::clone(&self.clock);
        let clock = Clock::new(move || Millis(clock.load(Ordering::Relaxed)));
        let before = self.server.take();
        let server = self.runtime.block_on(async {
            let server = Server::open_by(&config, clock).await;
            if let Some(before) = before {
                before.close().await;
            }
            server
        });
        self.server = Some(server.expect("a server that starts"));
    }

    fn dir(&self) -> PathBuf {
        self.root.path().join(self.starts.to_string())
    }

    /// The files of the database as they lie there now.
    #[must_use]
    pub fn copy(&self) -> Copy {
        let read = |name: &str| std::fs::read(self.dir().join(name)).unwrap_or_default();
        Copy {
            database: read("fengge.db"),
            log: read("fengge.db-wal"),
        }
    }

    /// The power goes, and comes back.
    pub fn power_cut(&mut self) {
        let copy = self.copy();
        self.boot(Some(&copy));
    }

    /// An older copy is put back.
    pub fn restore(&mut self, copy: &Copy) {
        self.boot(Some(copy));
    }

    /// Answers a request; `query` as it stands in the address, with the proof of who posts a part.
    pub fn answer(&self, (query, proof): (&str, &str), body: Vec<u8>) -> Answered {
        let mut request = Request::post(format!("/api/v1/exchange{query}"));
        if !query.is_empty() {
            request = request.header("authorization", proof);
        }
        self.ask(request.body(Body::from(body)).expect("a request"))
    }

    /// Gives what is kept of an answer under a name to the device of a proof.
    pub fn rest(&self, id: &str, proof: &str) -> Answered {
        let request = Request::get(format!("/api/v1/parts/{id}?from=0"));
        let request = request.header("authorization", proof).body(Body::empty());
        self.ask(request.expect("a request"))
    }

    fn ask(&self, request: Request) -> Answered {
        self.runtime.block_on(async {
            let response = self.server().answer(PEER, request).await;
            let status = response.status().as_u16();
            let body = to_bytes(response.into_body(), BODY_BYTES_MAX).await;
            Answered {
                status,
                body: body.expect("a body").to_vec(),
            }
        })
    }

    /// Lets the next writes die after so many instructions of the database; whether they did.
    pub fn with_fuse<T>(&self, instructions: u32, work: impl FnOnce(&Self) -> T) -> (T, bool) {
        let left = Arc::new(AtomicU32::new(instructions));
        let fuse = Arc::clone(&left);
        self.hook(move || {
            let before = fuse.load(Ordering::Relaxed);
            fuse.store(before.saturating_sub(1), Ordering::Relaxed);
            before > 0
        });
        let done = work(self);
        (done, left.load(Ordering::Relaxed) == 0)
    }

    fn hook(&self, step: impl FnMut() -> bool + Send + 'static) {
        let store = self.server().store();
        self.runtime.block_on(async {
            let mut write = store.begin().await.expect("a write");
            let mut handle = write.lock_handle().await.expect("a handle");
            handle.set_progress_handler(1, step);
            drop(handle);
            // Not rolled back by hand: that would already count.
            drop(write);
        });
    }

    /// Takes the room on the disk away, or gives it back.
    pub fn set_full(&self, full: bool) {
        let store = self.server().store();
        self.runtime.block_on(async {
            let mut write = store.begin().await.expect("a write");
            // A number below what is used means: not one page more.
            let pragma = if full {
                "PRAGMA max_page_count = 1"
            } else {
                "PRAGMA max_page_count = 1073741823"
            };
            let done = sqlx::query(pragma).fetch_all(&mut *write).await;
            done.expect("a limit");
            write.commit().await.expect("a commit");
        });
    }

    /// Gives a person other units.
    pub fn put_person(&self, line: &PersonLine) {
        let store = self.server().store();
        self.runtime.block_on(async {
            let mut write = store.begin().await.expect("a write");
            org::put_person(&mut write, line).await.expect("a person");
            write.commit().await.expect("a commit");
        });
    }

    /// Moves a unit.
    pub fn put_unit(&self, line: &UnitLine) {
        let store = self.server().store();
        self.runtime.block_on(async {
            let mut write = store.begin().await.expect("a write");
            org::put_unit(&mut write, line).await.expect("a unit");
            write.commit().await.expect("a commit");
        });
    }

    /// Retires a person.
    pub fn retire(&self, who: &PersonId) {
        let (store, now) = (self.server().store(), self.now());
        self.runtime.block_on(async {
            let mut write = store.begin().await.expect("a write");
            let retired = retire::person(&mut write, who, now).await;
            retired.expect("a person");
            write.commit().await.expect("a commit");
        });
    }

    /// An administrator opens healing for so many days; 0 closes it.
    pub fn heal(&self, days: u32) {
        let store = self.server().store();
        let now = self.now();
        self.runtime.block_on(async {
            let mut write = store.begin().await.expect("a write");
            let opened = healing::open(&mut write, days, now).await;
            opened.expect("healing");
            write.commit().await.expect("a commit");
        });
    }

    /// Whether healing is open.
    #[must_use]
    pub fn is_healing(&self) -> bool {
        let store = self.server().store();
        let now = self.now();
        self.runtime.block_on(async {
            let mut view = store.view().await.expect("a view");
            let last = healing::last(&mut view).await.expect("a setting");
            last.is_some_and(|healing| now < healing.until)
        })
    }

    /// The records of which a step waits for the station.
    #[must_use]
    pub fn held(&self) -> BTreeSet<RecordId> {
        let rows = self.rows("SELECT record, part FROM held WHERE ? = 0", 0);
        rows.iter()
            .map(|row| doc(row.get(0), row.get(1)).record)
            .collect()
    }

    /// How many keys a device has.
    #[must_use]
    pub fn keys_of(&self, device: DeviceId) -> usize {
        let store = self.server().store();
        self.runtime.block_on(async {
            let mut view = store.view().await.expect("a view");
            keys::of(&mut view, device).await.expect("keys").len()
        })
    }

    /// Gives a device a key that nobody vouches for.
    pub fn plant_key(&self, device: DeviceId, key: &PublicKey) {
        let store = self.server().store();
        self.runtime.block_on(async {
            let mut write = store.begin().await.expect("a write");
            let planted =
                sqlx::query("INSERT INTO device_key (device, key, enrolled_at) VALUES (?, ?, 0)")
                    .bind(device.0.as_slice())
                    .bind([key.x, key.y].concat())
                    .execute(&mut *write)
                    .await;
            planted.expect("a key");
            write.commit().await.expect("a commit");
        });
    }

    /// A fresh code for a person, and for one device alone; none when the disk is full.
    #[must_use]
    pub fn invite(&self, who: &PersonId, device: Option<DeviceId>) -> Option<String> {
        let store = self.server().store();
        let now = self.now();
        self.runtime.block_on(async {
            let mut write = store.begin().await.ok()?;
            let code = invitation::invite(&mut write, (who, device), now)
                .await
                .ok()?;
            write.commit().await.ok()?;
            Some(code)
        })
    }

    /// What came to the log after a place.
    #[must_use]
    pub fn log_after(&self, seq: u64) -> Vec<Logged> {
        let after = i64::try_from(seq).unwrap_or(i64::MAX);
        let rows = self.rows(
            "SELECT e.seq, d.record, d.part, d.stream, c.hash, c.device_at, c.received_at, c.bytes \
             FROM entry e JOIN change c ON c.id = e.change JOIN doc d ON d.id = c.doc \
             WHERE e.seq > ? ORDER BY e.seq",
            after,
        );
        rows.iter().map(logged).collect()
    }

    /// What was refused after so many, and how many there are then.
    #[must_use]
    pub fn poison_after(&self, id: i64) -> (Vec<Poison>, i64) {
        let rows = self.rows(
            "SELECT record, part, bytes, id FROM poison WHERE id > ? ORDER BY id",
            id,
        );
        let last = rows.last().map_or(id, |row| row.get(3));
        let poison = rows.iter().map(|row| Poison {
            doc: doc(row.get(0), row.get(1)),
            bytes: row.get(2),
        });
        (poison.collect(), last)
    }

    /// Every row, as lists show them.
    #[must_use]
    pub fn record_rows(&self) -> Vec<RecordRow> {
        let rows = self.rows("SELECT bytes FROM row WHERE ? = 0 ORDER BY record", 0);
        rows.iter()
            .filter_map(|row| RecordRow::decode(row.get(0)))
            .collect()
    }

    /// How many rows differ from what their changes say.
    #[must_use]
    pub fn rows_that_differ(&self) -> usize {
        let store = self.server().store();
        self.runtime.block_on(async {
            let mut write = store.begin().await.expect("a write");
            let report = sync_server::projection::rebuild(&mut write, self.now()).await;
            report.expect("a report").differed
        })
    }

    /// Writes the device's clock where the server's should stand.
    pub fn spoil_times(&self) {
        let store = self.server().store();
        self.runtime.block_on(async {
            let mut write = store.begin().await.expect("a write");
            sqlx::query("UPDATE change SET received_at = device_at")
                .execute(&mut *write)
                .await
                .expect("an update");
            write.commit().await.expect("a commit");
        });
    }

    /// Turns a bit of a stored change, as a disk does; where `believed`, its name is made to fit, as if
    /// the server had not compared the two.
    pub fn turn_bit(&self, (doc, hash): (DocId, ChangeHash), salt: u64, believed: bool) {
        let store = self.server().store();
        self.runtime.block_on(async {
            let mut write = store.begin().await.expect("a write");
            let row = sqlx::query(
                "SELECT c.id, c.bytes FROM change c JOIN doc d ON d.id = c.doc \
                 WHERE d.record = ? AND d.part = ? AND c.hash = ?",
            )
            .bind(doc.record.bytes().to_vec())
            .bind(i64::from(doc.part == Part::Vault))
            .bind(hash.0.to_vec())
            .fetch_optional(&mut *write)
            .await
            .expect("a change");
            let Some(row) = row else { return };
            let (id, mut bytes): (i64, Vec<u8>) = (row.get(0), row.get(1));
            // Near the end stand texts, so that what comes of it can still be read as a change.
            let len = u64::try_from(bytes.len()).unwrap_or(1).max(9);
            let place = match believed {
                true => len - 1 - salt % 8,
                false => salt % len,
            };
            if let Some(byte) = usize::try_from(place).ok().and_then(|at| bytes.get_mut(at)) {
                *byte ^= 1;
            }
            let name = Hashed::name(&bytes);
            if believed && let Some(sum) = bytes.get_mut(4..8) {
                sum.copy_from_slice(&name.0[..4]);
            }
            let name = if believed { name } else { hash };
            sqlx::query("UPDATE change SET bytes = ?, hash = ? WHERE id = ?")
                .bind(bytes)
                .bind(name.0.to_vec())
                .bind(id)
                .execute(&mut *write)
                .await
                .expect("an update");
            let sums = store::sums::rebuild(&mut write).await;
            sums.expect("sums");
            write.commit().await.expect("a commit");
        });
    }

    /// How many stored changes are damaged and not back yet.
    #[must_use]
    pub fn damaged(&self) -> usize {
        let rows = "SELECT id FROM change WHERE damaged_at IS NOT NULL AND ? = 0";
        self.rows(rows, 0).len()
    }

    fn rows(&self, sql: &'static str, number: i64) -> Vec<SqliteRow> {
        let store = self.server().store();
        self.runtime.block_on(async {
            let mut view = store.view().await.expect("a view");
            let rows = sqlx::query(sql).bind(number).fetch_all(&mut *view).await;
            view.rollback().await.expect("an end");
            rows.expect("rows")
        })
    }
}

impl Drop for Station {
    fn drop(&mut self) {
        if let Some(server) = self.server.take() {
            self.runtime.block_on(server.close());
        }
    }
}

/// A folder in memory where the machine has one: a simulated disk needs no real one.
fn folder() -> TempDir {
    let memory = Path::new("/dev/shm");
    let made = if memory.is_dir() {
        tempfile::tempdir_in(memory)
    } else {
        tempfile::tempdir()
    };
    made.expect("a temporary folder")
}

fn doc(record: &[u8], part: i64) -> DocId {
    let bytes: [u8; 16] = record.try_into().expect("16 bytes");
    let part = if part == 0 { Part::Body } else { Part::Vault };
    DocId {
        record: RecordId::from_bytes(bytes),
        part,
    }
}

fn logged(row: &SqliteRow) -> Logged {
    let hash: &[u8] = row.get(4);
    let grid: &str = row.get(3);
    Logged {
        seq: u64::try_from(row.get::<i64, _>(0)).unwrap_or(0),
        doc: doc(row.get(1), row.get(2)),
        grid: super::people::unit(grid),
        hash: ChangeHash(hash.try_into().expect("32 bytes")),
        device_at: Millis(row.get(5)),
        received_at: Millis(row.get(6)),
        bytes: row.get(7),
    }
}
