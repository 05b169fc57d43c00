//! Sending photos: which picture goes next, from which byte, and what an answer means.
//!
//! Pure: the shell says what waits and what the server answered, and runs what it is told. Nothing
//! here ever asks to drop bytes; a picture has arrived only when the server names all of its bytes.

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::id::{DeviceId, PhotoHash, PhotoKey, RecordId};
use crate::record::photo::Size;
use crate::sync::backoff::retry_ms;
use crate::sync::message::Secret;
use crate::time::Millis;

/// The first piece of a run, in bytes: some seconds on the slowest network.
pub const PIECE_BYTES: u32 = 16 * 1024;
/// The smallest piece, after failures.
pub const PIECE_BYTES_MIN: u32 = 8 * 1024;
/// The largest piece, where all goes well.
pub const PIECE_BYTES_MAX: u32 = 64 * 1024;
/// How long a piece should take, in milliseconds: a connection that breaks costs no more than one.
const PIECE_MS: i64 = 8_000;
/// How often a picture that arrived damaged is begun again before it is let be.
const SPOILT_MAX: u32 = 3;

/// Most records in one question about photos.
pub const RECORDS_MAX: usize = 512;

/// Asks which photos of some records the server has whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArrivedRequest {
    /// Who asks.
    pub device: DeviceId,
    /// What the device proves itself with.
    pub secret: Secret,
    /// At most [`RECORDS_MAX`].
    pub records: Vec<RecordId>,
}

/// The answer: photos that are whole, by record.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Arrived {
    /// In no order.
    pub photos: Vec<(RecordId, PhotoKey)>,
}

/// A picture that waits to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Picture {
    /// The record that names it.
    pub record: RecordId,
    /// Its name.
    pub name: PhotoHash,
    /// Which of the two of its photo.
    pub size: Size,
    /// Its length.
    pub bytes: u32,
    /// When the photo was taken.
    pub taken_at: Millis,
}

/// What happens to the uploader.
#[derive(Debug)]
pub enum Event {
    /// This waits now, in any order; nothing while texts are still to be sent.
    Look {
        /// What may be sent.
        waiting: Vec<Picture>,
        /// A person asked, or the network came back: earlier failures count no longer.
        urgent: bool,
        /// The device's clock.
        now: Millis,
    },
    /// The server holds so many bytes of the picture.
    Held {
        /// How many.
        bytes: u32,
        /// The device's clock.
        now: Millis,
        /// To spread the next attempt.
        random: u16,
    },
    /// What the server got was damaged, and it has dropped it.
    Spoilt,
    /// The server, or the phone's own store, will not do with this picture.
    Refused,
    /// No answer, or one that asks for patience.
    Failed {
        /// The device's clock.
        now: Millis,
        /// To spread the next attempt.
        random: u16,
    },
}

/// What the shell is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Ask the server how much it holds; answer with `Held`, `Refused` or `Failed`.
    Ask(Picture),
    /// Send a piece; answer with `Held`, `Spoilt`, `Refused` or `Failed`.
    Send {
        /// Of which picture.
        picture: Picture,
        /// From which byte.
        at: u32,
        /// How many bytes.
        len: u32,
    },
    /// Write down that the server has it, its hash checked.
    Arrived(Picture),
    /// The server will not take it; it stays where it is, and the rest goes on.
    LetBe(Picture),
    /// Look again at this time.
    WakeAt(Millis),
    /// Nothing is under way any more.
    Rest,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Idle,
    Asking(Picture),
    Sending { picture: Picture, at: u32, len: u32 },
}

/// The state machine of one device's uploads.
#[derive(Debug)]
pub struct Uploader {
    phase: Phase,
    queue: Vec<Picture>,
    let_be: BTreeSet<PhotoHash>,
    spoilt: u32,
    failures: u32,
    not_before: Millis,
    piece: u32,
    /// When the last piece went out.
    sent_at: Millis,
}

impl Default for Uploader {
    fn default() -> Self {
        Self {
            phase: Phase::Idle,
            queue: Vec::new(),
            let_be: BTreeSet::new(),
            spoilt: 0,
            failures: 0,
            not_before: Millis(0),
            piece: PIECE_BYTES,
            sent_at: Millis(0),
        }
    }
}

impl Uploader {
    /// Takes one event and tells what is to be done.
    pub fn handle(&mut self, event: Event) -> Vec<Effect> {
        let mut effects = Vec::new();
        match event {
            Event::Look {
                waiting,
                urgent,
                now,
            } => self.look(waiting, (urgent, now), &mut effects),
            Event::Held { bytes, now, random } => self.held(bytes, (now, random), &mut effects),
            Event::Spoilt => self.begin_again(&mut effects),
            Event::Refused => {
                if let Some(picture) = self.current() {
                    self.let_be(picture, &mut effects);
                }
            }
            Event::Failed { now, random } => self.failed((now, random), &mut effects),
        }
        effects
    }

    /// Whether a request is under way.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.phase != Phase::Idle
    }

    const fn current(&self) -> Option<Picture> {
        match self.phase {
            Phase::Idle => None,
            Phase::Asking(picture) | Phase::Sending { picture, .. } => Some(picture),
        }
    }

    fn look(
        &mut self,
        waiting: Vec<Picture>,
        (urgent, now): (bool, Millis),
        effects: &mut Vec<Effect>,
    ) {
        self.queue = waiting;
        // Thumbnails first: with them the station knows what is coming. Then the newest.
        self.queue
            .sort_by_key(|picture| (picture.size, -picture.taken_at.0, picture.name));
        self.queue.dedup_by_key(|picture| picture.name);
        if urgent {
            self.let_be.clear();
            self.failures = 0;
            self.not_before = Millis(0);
        }
        if self.is_busy() {
            return;
        }
        if now < self.not_before && !self.queue.is_empty() {
            effects.push(Effect::WakeAt(self.not_before));
            effects.push(Effect::Rest);
        } else {
            self.next(effects);
        }
    }

    fn next(&mut self, effects: &mut Vec<Effect>) {
        self.spoilt = 0;
        self.queue
            .retain(|picture| !self.let_be.contains(&picture.name));
        if let Some(picture) = self.queue.first().copied() {
            self.phase = Phase::Asking(picture);
            effects.push(Effect::Ask(picture));
        } else {
            self.phase = Phase::Idle;
            effects.push(Effect::Rest);
        }
    }

    fn held(&mut self, bytes: u32, when: (Millis, u16), effects: &mut Vec<Effect>) {
        let Some(picture) = self.current() else {
            return;
        };
        if let Phase::Sending { at, len, .. } = self.phase {
            if bytes == at {
                // The piece was not taken and nobody says why: not again at once.
                self.failed(when, effects);
                return;
            }
            if bytes == at.saturating_add(len) {
                self.pace(len, when.0);
            }
        }
        self.failures = 0;
        self.sent_at = when.0;
        if bytes == picture.bytes {
            self.queue.retain(|waiting| waiting.name != picture.name);
            effects.push(Effect::Arrived(picture));
            self.next(effects);
        } else if bytes > picture.bytes {
            self.let_be(picture, effects);
        } else {
            self.send(picture, bytes, effects);
        }
    }

    /// Makes the next pieces as long as this line carries in [`PIECE_MS`], by and by.
    fn pace(&mut self, len: u32, now: Millis) {
        let took = now.since(self.sent_at).max(1);
        let fitting = i64::from(len).saturating_mul(PIECE_MS) / took;
        let fitting = u32::try_from(fitting).unwrap_or(u32::MAX);
        // The last piece of a picture is short, and says little.
        let near = fitting.clamp(self.piece / 2, self.piece.saturating_mul(2));
        self.piece = near.clamp(PIECE_BYTES_MIN, PIECE_BYTES_MAX);
    }

    fn send(&mut self, picture: Picture, at: u32, effects: &mut Vec<Effect>) {
        // What was taken off the list meanwhile waits for its time: what came of it is kept.
        if !self.queue.contains(&picture) {
            self.next(effects);
            return;
        }
        let len = self.piece.min(picture.bytes.saturating_sub(at));
        self.phase = Phase::Sending { picture, at, len };
        effects.push(Effect::Send { picture, at, len });
    }

    fn begin_again(&mut self, effects: &mut Vec<Effect>) {
        let Some(picture) = self.current() else {
            return;
        };
        self.spoilt += 1;
        if self.spoilt >= SPOILT_MAX {
            self.let_be(picture, effects);
        } else {
            self.send(picture, 0, effects);
        }
    }

    fn let_be(&mut self, picture: Picture, effects: &mut Vec<Effect>) {
        self.let_be.insert(picture.name);
        effects.push(Effect::LetBe(picture));
        self.next(effects);
    }

    fn failed(&mut self, (now, random): (Millis, u16), effects: &mut Vec<Effect>) {
        if !self.is_busy() {
            return;
        }
        self.phase = Phase::Idle;
        self.failures = self.failures.saturating_add(1);
        self.piece = (self.piece / 2).max(PIECE_BYTES_MIN);
        self.not_before = now.plus(retry_ms(self.failures, random));
        effects.push(Effect::WakeAt(self.not_before));
        effects.push(Effect::Rest);
    }
}
