//! Reading the log for one device: what is new in its scope, a page at a time.

use std::collections::BTreeSet;
use std::sync::Arc;

use domain::id::{PersonId, RecordId, UnitId};
use domain::sync::frame::Frame;
use domain::sync::message::{Cell, Entry};
use sqlx::SqliteConnection;

use crate::cursor::{self, Backfill, Below, Cursor, First, Presented};
use crate::error::ApiError;
use crate::frames::{self, Made};
use crate::limits;
use crate::scope::{self, Scope};
use crate::store::{log, retired};

/// Who asks, and from where.
#[derive(Debug, Clone)]
pub struct Reader {
    /// Places of what it pushed in this same exchange: it is not sent that again.
    pub own: BTreeSet<u64>,
    /// Its person's scope.
    pub scope: Arc<Scope>,
    /// The four bytes that stand for the scope in a cursor.
    pub digest: [u8; 4],
    /// The name of this log.
    pub generation: [u8; 4],
    /// What its cursors are made with.
    pub key: cursor::Key,
    /// How many damaged changes are back, as of the moment that is read.
    pub back: u64,
    /// The first place of what is not back: nothing from there on counts as seen.
    pub seen_below: Option<u64>,
    /// Most bytes of changes to answer with; one change is sent in any case.
    pub bytes_max: usize,
    /// Entries in scope from which on a first load comes in frames.
    pub frames_from: u64,
    /// Whether changes must name in full what they follow.
    pub whole: bool,
}

/// One page of the log.
#[derive(Debug, Default)]
pub struct Page {
    /// The people whom the entries name.
    pub authors: Vec<PersonId>,
    /// The entries.
    pub entries: Vec<Entry>,
    /// The next cursor; none when it stays as it is.
    pub cursor: Option<Vec<u8>>,
    /// Whether there is more at once.
    pub more: bool,
    /// The records that were taken out of use, with `true`, or given back.
    pub retired: Vec<(RecordId, bool)>,
    /// What a device that begins gets in place of entries.
    pub frame: Option<Frame>,
    /// The same, where it is new and to be kept.
    pub(crate) made: Option<Made>,
    /// Which entries of the frame were passed on.
    pub(crate) marks: Option<Cell>,
    /// What was found damaged: it is left out, and to be put right.
    pub(crate) damaged: Damaged,
}

/// What was found damaged while a page was made.
#[derive(Debug, Default)]
pub(crate) struct Damaged {
    /// Rows of changes, to be set aside.
    pub(crate) changes: Vec<i64>,
    /// Records whose rows were altered, to be folded anew.
    pub(crate) rows: Vec<RecordId>,
}

/// Where a device stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Its cursor, or the one that serves instead.
    pub cursor: Cursor,
    /// What its own cursor told.
    pub told: Told,
    /// How many damaged changes were back when the cursor was made.
    pub back: u64,
    /// The last place of the log.
    pub last: u64,
}

/// What the cursor of a device tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// The device has been sent this log up to its place.
    Reached,
    /// The same, and damaged changes have come back since it was last told how things stand: it may
    /// lack them and not know yet.
    Before,
    /// Nothing: there is none, or this server did not make it.
    Nothing,
    /// This server made it, and its log is another one there or ends before it: it was restored from
    /// a backup. The device finds out by the sums what is missing, on either side.
    Restored,
}

/// The place that a device has reached: the beginning where it has none, the end where this log is
/// not the one that it knew.
///
/// # Errors
/// When the database fails.
pub async fn place(
    db: &mut SqliteConnection,
    presented: &[u8],
    reader: &Reader,
) -> Result<Place, ApiError> {
    let last = log::last_seq(db).await?;
    let mut back = reader.back;
    let (scope, told) = match Cursor::read(presented, &reader.key.after(reader.back)) {
        Presented::Nothing => return Ok(beginning(reader, last)),
        // One that names no scope of ours is of a server that sent it nothing of this log.
        Presented::Foreign(scopes) => match known_of(db, &scopes).await? {
            Some(scope) => (scope, Told::Nothing),
            None => return Ok(beginning(reader, last)),
        },
        Presented::Ours(known, then) => {
            back = then;
            let is_first = matches!(known.below, Below::First(_));
            if known.seq <= last && known.check == check_at(db, reader, known.seq).await? {
                // A first load is of one scope.
                if is_first && known.scope != reader.digest {
                    return Ok(beginning(reader, last));
                }
                return Ok(Place {
                    cursor: known,
                    told: if back == reader.back {
                        Told::Reached
                    } else {
                        Told::Before
                    },
                    back,
                    last,
                });
            }
            if is_first {
                return Ok(Place {
                    told: Told::Restored,
                    ..beginning(reader, last)
                });
            }
            (known.scope, Told::Restored)
        }
    };
    let cursor = Cursor {
        check: check_at(db, reader, last).await?,
        scope,
        seq: last,
        below: Below::Nothing,
    };
    Ok(Place {
        cursor,
        told,
        back,
        last,
    })
}

/// The first of these scopes that was ever written down here.
async fn known_of(
    db: &mut SqliteConnection,
    scopes: &[[u8; 4]],
) -> Result<Option<[u8; 4]>, ApiError> {
    for scope in scopes {
        if scope::streams(db, *scope).await?.is_some() {
            return Ok(Some(*scope));
        }
    }
    Ok(None)
}

fn beginning(reader: &Reader, last: u64) -> Place {
    let cursor = Cursor {
        check: cursor::check(reader.generation, None),
        scope: reader.digest,
        seq: 0,
        below: Below::Nothing,
    };
    Place {
        cursor,
        told: Told::Nothing,
        back: reader.back,
        last,
    }
}

/// What the log is known by at a place.
async fn check_at(db: &mut SqliteConnection, reader: &Reader, seq: u64) -> Result<u8, ApiError> {
    let change = match seq {
        0 => None,
        seq => log::change_at(db, seq).await?,
    };
    Ok(cursor::check(reader.generation, change))
}

/// Reads one page from a place on, which a cursor presented.
///
/// # Errors
/// When the database fails.
pub async fn page(
    db: &mut SqliteConnection,
    reader: &Reader,
    (presented, place): (&[u8], &Place),
) -> Result<Page, ApiError> {
    let last = place.last;
    let mut cursor = place.cursor.clone();
    let start = cursor.seq;
    if start == 0
        && cursor.below == Below::Nothing
        && let Some(seq) = frames::begin(db, reader, last).await?
    {
        cursor.seq = seq;
        cursor.below = Below::First(First {
            rows: true,
            top: seq,
            within: 0,
        });
    }
    if let Below::First(first) = cursor.below {
        return first_load(db, reader, (cursor, first), last).await;
    }
    let mut filling = Filling {
        page: Page::default(),
        bytes_left: reader.bytes_max,
    };
    if cursor.scope != reader.digest {
        backfill(db, reader, &mut cursor, &mut filling).await?;
    }
    if cursor.scope == reader.digest && !filling.page.more {
        let (told, to) = retired(db, reader, (start, last)).await?;
        let span = (cursor.seq, to);
        let reached = filling
            .fill(db, reader, &reader.scope.streams, span)
            .await?;
        filling.page.more = filling.page.more || to < last;
        let told = told.into_iter().filter(|(at, ..)| *at <= reached.seq);
        filling.page.retired = told.map(|(_, record, gone)| (record, gone)).collect();
        let quiet = filling.page.entries.is_empty()
            && filling.page.retired.is_empty()
            && reached.whole
            && !reached.own;
        let lag = last.saturating_sub(cursor.seq);
        if !quiet || lag > limits::CURSOR_LAG_MAX {
            cursor.seq = reached.seq;
        }
    }
    if cursor.seq != start {
        cursor.check = check_at(db, reader, cursor.seq).await?;
    }
    // How things stand is told with the last page alone.
    let back = match filling.page.more {
        true => place.back,
        false => reader.back,
    };
    let bytes = cursor.encode(&reader.key.after(back));
    filling.page.cursor = (bytes != presented).then_some(bytes);
    Ok(filling.page)
}

/// What a device is told of records that were taken out of use or given back, and the place up to
/// which it may read with as much of it. One that begins has none of them.
async fn retired(
    db: &mut SqliteConnection,
    reader: &Reader,
    (start, last): (u64, u64),
) -> Result<(Vec<(u64, RecordId, bool)>, u64), ApiError> {
    if start == 0 {
        return Ok((Vec::new(), last));
    }
    let streams = &reader.scope.streams;
    let most = limits::RETIRED_TOLD_MAX;
    let mut told = retired::told(db, streams, (start, last), most + 1).await?;
    if i64::try_from(told.len()).unwrap_or(i64::MAX) <= most {
        return Ok((told, last));
    }
    told.pop();
    let to = told.last().map_or(last, |(at, ..)| *at);
    Ok((told, to))
}

/// One page of a first load.
async fn first_load(
    db: &mut SqliteConnection,
    reader: &Reader,
    (mut cursor, first): (Cursor, First),
    last: u64,
) -> Result<Page, ApiError> {
    let (part, made, damaged) = frames::part(db, reader, (cursor.seq, first)).await?;
    cursor.below = part.next.map_or(Below::Nothing, Below::First);
    cursor.check = check_at(db, reader, cursor.seq).await?;
    Ok(Page {
        cursor: Some(cursor.encode(&reader.key.after(reader.back))),
        marks: part.marks,
        more: part.next.is_some() || cursor.seq < last,
        frame: Some(part.frame),
        made,
        damaged,
        ..Page::default()
    })
}

impl Page {
    /// Adds entries that a device asked for by name, as far as there is room; it asks again for the
    /// others.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn add(
        &mut self,
        db: &mut SqliteConnection,
        found: Vec<log::Read>,
        bytes_max: usize,
    ) -> Result<(), ApiError> {
        let mut room = bytes_max;
        let there: BTreeSet<u64> = self.entries.iter().map(|entry| entry.seq).collect();
        let mut taken: Vec<log::Read> = Vec::new();
        for entry in found
            .into_iter()
            .filter(|entry| !there.contains(&entry.seq))
        {
            if entry.len > room && !taken.is_empty() {
                break;
            }
            room = room.saturating_sub(entry.len);
            taken.push(entry);
        }
        self.take(db, taken).await
    }

    /// Puts entries into the page, with their bytes.
    pub(crate) async fn take(
        &mut self,
        db: &mut SqliteConnection,
        taken: Vec<log::Read>,
    ) -> Result<(), ApiError> {
        let rows: Vec<i64> = taken.iter().map(|entry| entry.change).collect();
        let mut changes = log::changes(db, &rows).await?;
        self.damaged.changes.append(&mut changes.damaged);
        for entry in taken {
            let Some(change) = changes.sound.remove(&entry.change) else {
                continue;
            };
            let author = self.author(entry.author);
            let (seq, doc, received_at) = (entry.seq, entry.doc, entry.received_at);
            self.entries.push(Entry {
                seq,
                doc,
                author,
                received_at,
                change,
                passed_on: entry.passed_on,
            });
        }
        Ok(())
    }

    /// The place of a person in the page's list.
    fn author(&mut self, person: PersonId) -> u16 {
        let known = self.authors.iter().position(|author| *author == person);
        let place = known.unwrap_or_else(|| {
            self.authors.push(person);
            self.authors.len() - 1
        });
        u16::try_from(place).unwrap_or(u16::MAX)
    }
}

/// Sends what lies before the cursor in streams that came into scope after it was made.
async fn backfill(
    db: &mut SqliteConnection,
    reader: &Reader,
    cursor: &mut Cursor,
    filling: &mut Filling,
) -> Result<(), ApiError> {
    let old = scope::streams(db, cursor.scope).await?.unwrap_or_default();
    let streams = &reader.scope.streams;
    let gained: Vec<UnitId> = streams
        .iter()
        .filter(|id| !old.contains(id))
        .cloned()
        .collect();
    let from = match cursor.below {
        Below::Backfill(backfill) if backfill.scope == reader.digest => backfill.seq,
        Below::Backfill(_) | Below::First(_) | Below::Nothing => 0,
    };
    let reached = filling
        .fill(db, reader, &gained, (from, cursor.seq))
        .await?;
    if reached.whole {
        cursor.scope = reader.digest;
        cursor.below = Below::Nothing;
    } else {
        cursor.below = Below::Backfill(Backfill {
            scope: reader.digest,
            seq: reached.seq,
        });
    }
    Ok(())
}

struct Filling {
    page: Page,
    bytes_left: usize,
}

struct Reached {
    /// Everything up to here was sent.
    seq: u64,
    /// Nothing is left between the two places asked for.
    whole: bool,
    /// Something was left out because the device had just pushed it.
    own: bool,
}

impl Filling {
    async fn fill(
        &mut self,
        db: &mut SqliteConnection,
        reader: &Reader,
        streams: &[UnitId],
        (after, to): (u64, u64),
    ) -> Result<Reached, ApiError> {
        let found = log::read(db, streams, (after, to)).await?;
        let cut = i64::try_from(found.len()).unwrap_or(i64::MAX) >= limits::ANSWER_ENTRIES_MAX;
        let mut reached = Reached {
            seq: after,
            whole: !cut,
            own: false,
        };
        let mut taken = Vec::new();
        for entry in found {
            // Of what another device passed on its author learns it too.
            if reader.own.contains(&entry.seq) && entry.passed_on.is_none() {
                reached.seq = entry.seq;
                reached.own = true;
                continue;
            }
            let first = self.page.entries.is_empty() && taken.is_empty();
            if entry.len > self.bytes_left && !first {
                reached.whole = false;
                break;
            }
            self.bytes_left = self.bytes_left.saturating_sub(entry.len);
            reached.seq = entry.seq;
            taken.push(entry);
        }
        self.page.take(db, taken).await?;
        if reached.whole {
            reached.seq = to.max(after);
        }
        self.page.more = self.page.more || !reached.whole;
        Ok(reached)
    }
}
