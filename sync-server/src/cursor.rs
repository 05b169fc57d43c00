//! Where a device stands in the log: a few bytes that only the server reads, and that it alone makes.
//!
//! Layout: what the log is known by at that place (1 byte), digest of the scope (4), place (varint).
//! While a scope that grew is filled up: 1, the digest of the new scope (4), the place reached there
//! (varint). During a first load: 2 for rows or 3 for changes, and where its next frame begins (two
//! varints). At the end a check (5 bytes) over all of it, under a key of this server: it says that the
//! server made the cursor, and nothing of whether the log still reaches to its place. Each byte counts:
//! the cursor goes up with every idle exchange. The check is also over how many damaged changes were
//! back when the cursor was made: a device that has not heard of one since cannot say that it has all.

use domain::id::ChangeHash;
use domain::sync::message::CURSOR_BYTES_MAX;
use ring::hmac;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// What the check is over, before the name of the log and the cursor.
const LABEL: &[u8] = b"fengge cursor\0";
const CHECK_BYTES: usize = 5;
/// A device that has not asked while so many damaged changes came back finds them by the sums.
const BACK_KNOWN_MAX: u64 = 64;
/// In place of one byte, what earlier versions knew the log by; they made cursors without a check.
const KNOWN_BY_BYTES_BEFORE: usize = 4;

const BACKFILL: u8 = 1;
const ROWS: u8 = 2;
const CHANGES: u8 = 3;

/// What this server's cursors are made with.
#[derive(Debug, Clone)]
pub struct Key {
    key: hmac::Key,
    generation: [u8; 4],
    back: u64,
}

impl Key {
    /// The key from the server's own random bytes, for the log of this name.
    #[must_use]
    pub fn new(secret: &[u8; 32], generation: [u8; 4]) -> Self {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
        Self {
            key,
            generation,
            back: 0,
        }
    }

    /// The key of cursors that go out with answers which know of so many damaged changes that are back.
    #[must_use]
    pub fn after(&self, back: u64) -> Self {
        Self {
            back,
            ..self.clone()
        }
    }

    /// How many damaged changes were back when a cursor was made with this key; none where it was not.
    fn made(&self, fields: &[u8], check: &[u8; CHECK_BYTES]) -> Option<u64> {
        let first = self.back.saturating_sub(BACK_KNOWN_MAX);
        let mut all = (first..=self.back).rev();
        all.find(|back| is_same(&self.after(*back).check(fields), check))
    }

    fn check(&self, fields: &[u8]) -> [u8; CHECK_BYTES] {
        let mut context = hmac::Context::with_key(&self.key);
        for part in [LABEL, &self.generation, fields] {
            context.update(part);
        }
        if self.back > 0 {
            context.update(&self.back.to_le_bytes());
        }
        let tag = context.sign();
        tag.as_ref().first_chunk().copied().unwrap_or_default()
    }
}

/// What a device presents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Presented {
    /// Nothing, or nothing that can be read.
    Nothing,
    /// It has the form of a cursor, and this server did not make it: another one did, or an earlier
    /// version of this one, or somebody who invented it. Nothing of it is believed but the scope,
    /// which only decides what is sent to whoever may have it anyway: as this version writes it, and
    /// as earlier ones did.
    Foreign(Vec<[u8; 4]>),
    /// This server made it, when so many damaged changes were back.
    Ours(Cursor, u64),
}

/// A place in the log for one scope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    /// What the log is known by at that place: a log that was restored from a backup and grew again
    /// most often has another one there, and where it has not, the sums tell.
    pub check: u8,
    /// The scope that the device has everything of, up to `seq`.
    pub scope: [u8; 4],
    /// The place.
    pub seq: u64,
    /// What is still on its way below that place.
    pub below: Below,
}

/// What a device still lacks below its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Below {
    /// Nothing.
    Nothing,
    /// Streams that came into scope later.
    Backfill(Backfill),
    /// The rest of its first load.
    First(First),
}

/// Where the next frame of a first load begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct First {
    /// Whether rows come next, or changes.
    pub rows: bool,
    /// The next record is the one that changed last at this place or before it.
    pub top: u64,
    /// Of that record everything up to here was sent.
    pub within: u64,
}

/// How far the streams that came into scope have been sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backfill {
    /// The scope that will be complete at the end.
    pub scope: [u8; 4],
    /// The place reached; the end is the cursor's own place.
    pub seq: u64,
}

/// What a log is known by at a place: its own name, and the change that lies there.
#[must_use]
pub fn check(generation: [u8; 4], change: Option<ChangeHash>) -> u8 {
    let change = change.map_or([0; 32], |hash| hash.0);
    let hash = Sha256::new()
        .chain_update(generation)
        .chain_update(change)
        .finalize();
    hash.first().copied().unwrap_or(0)
}

impl Cursor {
    /// The bytes that the device keeps.
    #[must_use]
    pub fn encode(&self, key: &Key) -> Vec<u8> {
        let mut bytes = self.fields();
        bytes.extend(key.check(&bytes));
        bytes
    }

    /// Reads what a device presents.
    #[must_use]
    pub fn read(bytes: &[u8], key: &Key) -> Presented {
        if bytes.len() > CURSOR_BYTES_MAX {
            return Presented::Nothing;
        }
        let split = bytes.split_last_chunk::<CHECK_BYTES>();
        if let Some((fields, check)) = split
            && let Some(back) = key.made(fields, check)
            && let Some(cursor) = Self::decode(fields)
        {
            return Presented::Ours(cursor, back);
        }
        let now = split.and_then(|(fields, _)| Self::decode(fields));
        let before = bytes.get(KNOWN_BY_BYTES_BEFORE - 1..);
        let before = before.and_then(Self::decode);
        // A first load begins anew, and who has nothing yet has lost nothing.
        let has_some = |form: &Self| form.seq > 0 && !matches!(form.below, Below::First(_));
        let forms = [now, before].into_iter().flatten().filter(has_some);
        let scopes: Vec<_> = forms.map(|form| form.scope).collect();
        if scopes.is_empty() {
            Presented::Nothing
        } else {
            Presented::Foreign(scopes)
        }
    }

    fn fields(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(24);
        bytes.push(self.check);
        bytes.extend(self.scope);
        put(&mut bytes, self.seq);
        match self.below {
            Below::Nothing => {}
            Below::Backfill(backfill) => {
                bytes.push(BACKFILL);
                bytes.extend(backfill.scope);
                put(&mut bytes, backfill.seq);
            }
            Below::First(first) => {
                bytes.push(if first.rows { ROWS } else { CHANGES });
                put(&mut bytes, first.top);
                put(&mut bytes, first.within);
            }
        }
        bytes
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (check, rest) = bytes.split_first()?;
        let (scope, rest) = rest.split_first_chunk::<4>()?;
        let (seq, rest) = take(rest)?;
        let (below, rest) = below(rest)?;
        rest.is_empty().then_some(Self {
            check: *check,
            scope: *scope,
            seq,
            below,
        })
    }
}

/// Whether two checks are equal, in a time that does not depend on where they differ.
fn is_same(a: &[u8; CHECK_BYTES], b: &[u8; CHECK_BYTES]) -> bool {
    std::hint::black_box(a.iter().zip(b).fold(0_u8, |sum, (x, y)| sum | (x ^ y))) == 0
}

fn below(bytes: &[u8]) -> Option<(Below, &[u8])> {
    match bytes {
        [] => Some((Below::Nothing, bytes)),
        [BACKFILL, rest @ ..] => {
            let (scope, rest) = rest.split_first_chunk::<4>()?;
            let (seq, rest) = take(rest)?;
            let scope = *scope;
            Some((Below::Backfill(Backfill { scope, seq }), rest))
        }
        [what @ (ROWS | CHANGES), rest @ ..] => {
            let (top, rest) = take(rest)?;
            let (within, rest) = take(rest)?;
            let rows = *what == ROWS;
            Some((Below::First(First { rows, top, within }), rest))
        }
        [_, ..] => None,
    }
}

fn put(bytes: &mut Vec<u8>, mut number: u64) {
    loop {
        let low = u8::try_from(number & 0x7f).unwrap_or(0);
        number >>= 7;
        if number == 0 {
            bytes.push(low);
            return;
        }
        bytes.push(low | 0x80);
    }
}

fn take(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut number = 0_u64;
    for (place, byte) in bytes.iter().enumerate().take(9) {
        number |= u64::from(byte & 0x7f) << (7 * u32::try_from(place).ok()?);
        if byte & 0x80 == 0 {
            return Some((number, bytes.get(place + 1..)?));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(secret: u8, generation: u8) -> Key {
        Key::new(&[secret; 32], [generation; 4])
    }

    fn cursors() -> Vec<Cursor> {
        let mut all = Vec::new();
        for seq in [1, 127, 128, 50_000_000, u64::MAX >> 1] {
            let backfill = Backfill {
                scope: [9; 4],
                seq: seq / 2,
            };
            let first = |rows| First {
                rows,
                top: seq,
                within: seq / 2,
            };
            for below in [
                Below::Nothing,
                Below::Backfill(backfill),
                Below::First(first(true)),
                Below::First(first(false)),
            ] {
                all.push(Cursor {
                    check: 1,
                    scope: [2; 4],
                    seq,
                    below,
                });
            }
        }
        all
    }

    #[test]
    fn sy26_a_cursor_reads_back_and_one_that_was_not_made_here_opens_nothing() {
        let own = key(1, 1);
        for cursor in cursors() {
            let bytes = cursor.encode(&own);
            assert_eq!(
                Cursor::read(&bytes, &own),
                Presented::Ours(cursor.clone(), 0)
            );
            let seen = match cursor.below {
                Below::First(_) => Presented::Nothing,
                Below::Nothing | Below::Backfill(_) => Presented::Foreign(vec![[2; 4]]),
            };
            for other in [key(2, 1), key(1, 2)] {
                assert_eq!(Cursor::read(&bytes, &other), seen);
            }
            // As an earlier version made it.
            let bare = [&[0; 3], &bytes[..bytes.len() - CHECK_BYTES]].concat();
            let known = match Cursor::read(&bare, &own) {
                Presented::Foreign(scopes) => scopes.contains(&[2; 4]),
                Presented::Nothing => false,
                Presented::Ours(..) => panic!("without a check"),
            };
            assert_eq!(known, seen != Presented::Nothing);
            for bit in 0..bytes.len() * 8 {
                let mut altered = bytes.clone();
                altered[bit / 8] ^= 1 << (bit % 8);
                let read = Cursor::read(&altered, &own);
                assert!(!matches!(read, Presented::Ours(..)), "bit {bit}");
            }
            for len in 0..bytes.len() {
                let read = Cursor::read(&bytes[..len], &own);
                assert!(!matches!(read, Presented::Ours(..)), "cut at {len}");
            }
        }
        for bytes in [vec![], vec![255; 40], vec![7; 300]] {
            assert_eq!(Cursor::read(&bytes, &own), Presented::Nothing);
        }
    }
}
