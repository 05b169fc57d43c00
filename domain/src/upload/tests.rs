//! The uploader against a server that is written down in three lines.

use std::collections::VecDeque;

use super::*;

const NOW: Millis = Millis(1_795_000_000_000);

fn picture(n: u8, size: Size, bytes: u32) -> Picture {
    Picture {
        record: RecordId::new(NOW, [1; 10]),
        name: PhotoHash([n; 32]),
        size,
        bytes,
        taken_at: Millis(i64::from(n)),
    }
}

fn look(uploader: &mut Uploader, waiting: &[Picture]) -> Vec<Effect> {
    uploader.handle(Event::Look {
        waiting: waiting.to_vec(),
        urgent: false,
        now: NOW,
    })
}

fn held(uploader: &mut Uploader, bytes: u32) -> Vec<Effect> {
    uploader.handle(Event::Held {
        bytes,
        now: NOW,
        random: 0,
    })
}

fn failed(uploader: &mut Uploader) -> Vec<Effect> {
    uploader.handle(Event::Failed {
        now: NOW,
        random: u16::MAX,
    })
}

/// Runs to the end against a server that holds `bytes` of everything at first; the order of arrival.
fn run(uploader: &mut Uploader, mut effects: Vec<Effect>, start: u32) -> (Vec<u8>, u32) {
    let (mut arrived, mut sent) = (Vec::new(), 0);
    while let Some(effect) = (!effects.is_empty()).then(|| effects.remove(0)) {
        match effect {
            Effect::Ask(_) => effects.extend(held(uploader, start)),
            Effect::Send { at, len, .. } => {
                sent += len;
                effects.extend(held(uploader, at + len));
            }
            Effect::Arrived(picture) => arrived.push(picture.name.0[0]),
            Effect::LetBe(_) | Effect::WakeAt(_) | Effect::Rest => {}
        }
    }
    (arrived, sent)
}

#[test]
fn ph9_thumbnails_go_first_and_the_newest_before_the_older() {
    let mut uploader = Uploader::default();
    let waiting = [
        picture(1, Size::Full, 50_000),
        picture(2, Size::Thumb, 5_000),
        picture(3, Size::Full, 50_000),
        picture(4, Size::Thumb, 5_000),
    ];
    let effects = look(&mut uploader, &waiting);
    let (arrived, sent) = run(&mut uploader, effects, 0);
    assert_eq!(arrived, [4, 2, 3, 1]);
    assert_eq!(sent, 110_000);
    assert!(!uploader.is_busy());
}

#[test]
fn a_picture_is_taken_up_from_the_byte_that_the_server_names() {
    for start in [0, 1, 16_384, 99_999, 100_000] {
        let mut uploader = Uploader::default();
        let effects = look(&mut uploader, &[picture(1, Size::Full, 100_000)]);
        let (arrived, sent) = run(&mut uploader, effects, start);
        assert_eq!((arrived, sent), (vec![1], 100_000 - start));
    }
}

#[test]
fn f37_a_wrong_offset_is_not_argued_with() {
    let mut uploader = Uploader::default();
    let one = picture(1, Size::Full, 100_000);
    look(&mut uploader, &[one]);
    held(&mut uploader, 0);
    // Another tab was faster.
    let effects = held(&mut uploader, 40_000);
    let len = PIECE_BYTES;
    let on = Effect::Send {
        picture: one,
        at: 40_000,
        len,
    };
    assert_eq!(effects, [on]);
    // A server that takes nothing and says nothing is not asked in a circle.
    let effects = held(&mut uploader, 40_000);
    assert!(matches!(effects[..], [Effect::WakeAt(_), Effect::Rest]));
}

#[test]
fn what_came_damaged_is_begun_again_and_then_let_be_while_the_rest_goes_on() {
    let mut uploader = Uploader::default();
    let (bad, good) = (picture(2, Size::Full, 9_000), picture(1, Size::Full, 9_000));
    look(&mut uploader, &[bad, good]);
    held(&mut uploader, 0);
    for _ in 1..SPOILT_MAX {
        let again = Effect::Send {
            picture: bad,
            at: 0,
            len: 9_000,
        };
        assert_eq!(uploader.handle(Event::Spoilt), [again]);
    }
    let effects = uploader.handle(Event::Spoilt);
    assert_eq!(effects, [Effect::LetBe(bad), Effect::Ask(good)]);
    let (arrived, _) = run(&mut uploader, effects[1..].to_vec(), 0);
    assert_eq!(arrived, [1]);
    // It is not tried again by itself, but it is when a person asks.
    assert_eq!(look(&mut uploader, &[bad]), [Effect::Rest]);
    let urgent = Event::Look {
        waiting: vec![bad],
        urgent: true,
        now: NOW,
    };
    assert_eq!(uploader.handle(urgent), [Effect::Ask(bad)]);
}

#[test]
fn f39_a_picture_that_is_refused_does_not_hold_up_the_queue() {
    let mut uploader = Uploader::default();
    let (big, good) = (picture(2, Size::Full, 9_000), picture(1, Size::Full, 9_000));
    look(&mut uploader, &[big, good]);
    let effects = uploader.handle(Event::Refused);
    assert_eq!(effects, [Effect::LetBe(big), Effect::Ask(good)]);
}

#[test]
fn a_failure_waits_longer_each_time_and_sends_smaller_pieces() {
    let mut uploader = Uploader::default();
    let one = picture(1, Size::Full, 100_000);
    look(&mut uploader, &[one]);
    let first = failed(&mut uploader);
    assert_eq!(first, [Effect::WakeAt(NOW.plus(2_000)), Effect::Rest]);
    // Too early: it is put off again and nothing is sent.
    assert_eq!(look(&mut uploader, &[one]), first);
    let later = Event::Look {
        waiting: vec![one],
        urgent: false,
        now: NOW.plus(2_000),
    };
    assert_eq!(uploader.handle(later), [Effect::Ask(one)]);
    let effects = held(&mut uploader, 0);
    let small = Effect::Send {
        picture: one,
        at: 0,
        len: PIECE_BYTES_MIN,
    };
    assert_eq!(effects, [small]);
}

#[test]
fn texts_that_come_meanwhile_go_first_and_nothing_of_the_picture_is_lost() {
    let mut uploader = Uploader::default();
    let one = picture(1, Size::Full, 100_000);
    look(&mut uploader, &[one]);
    held(&mut uploader, 0);
    assert_eq!(look(&mut uploader, &[]), []);
    assert_eq!(held(&mut uploader, PIECE_BYTES), [Effect::Rest]);
    assert_eq!(look(&mut uploader, &[one]), [Effect::Ask(one)]);
    let (arrived, sent) = run(&mut uploader, vec![Effect::Ask(one)], PIECE_BYTES);
    assert_eq!((arrived, sent), (vec![1], 100_000 - PIECE_BYTES));
}

/// A line of 20 kbit/s that loses every fifth packet, with 1.5 s there and back, cut every 45 s.
struct Slow {
    now: Millis,
    held: std::collections::BTreeMap<PhotoHash, u32>,
    sent: i64,
}

impl Slow {
    const BYTES_PER_S: i64 = 2_000;
    const ROUND_MS: i64 = 1_500;
    const CUT_MS: i64 = 45_000;

    /// Carries a request with so many bytes; false when the line is cut before its answer is there.
    fn carries(&mut self, bytes: u32) -> bool {
        let begins = self.now;
        let cut = Millis((begins.0 / Self::CUT_MS + 1) * Self::CUT_MS);
        let on_way = i64::from(bytes) * 1_000 / Self::BYTES_PER_S;
        let there = begins.plus(on_way + Self::ROUND_MS);
        let moved = cut.since(begins) * Self::BYTES_PER_S / 1_000;
        self.sent += moved.min(i64::from(bytes));
        self.now = there.min(cut);
        there < cut
    }

    fn answer(&mut self, effect: Effect, waiting: &mut Vec<Picture>) -> Option<Event> {
        let (picture, bytes) = match effect {
            Effect::Ask(picture) => (picture, 0),
            Effect::Send { picture, len, .. } => (picture, len),
            Effect::Arrived(picture) => {
                waiting.retain(|waits| waits.name != picture.name);
                return None;
            }
            Effect::WakeAt(at) => {
                self.now = self.now.max(at);
                let waiting = waiting.clone();
                let (urgent, now) = (false, self.now);
                return Some(Event::Look {
                    waiting,
                    urgent,
                    now,
                });
            }
            Effect::Rest | Effect::LetBe(_) => return None,
        };
        let good = self.carries(bytes);
        let (now, random) = (self.now, 0);
        let held = self.held.entry(picture.name).or_default();
        if good {
            *held += bytes;
            let bytes = *held;
            return Some(Event::Held { bytes, now, random });
        }
        Some(Event::Failed { now, random })
    }
}

#[test]
fn f36_thirty_photos_pass_a_line_that_is_cut_every_45_seconds() {
    let mut waiting = Vec::new();
    for n in 0..30 {
        waiting.push(picture(n, Size::Thumb, 6_000));
        waiting.push(picture(n + 100, Size::Full, 150_000));
    }
    let all: i64 = waiting.iter().map(|picture| i64::from(picture.bytes)).sum();
    let mut line = Slow {
        now: NOW,
        held: std::collections::BTreeMap::new(),
        sent: 0,
    };
    let mut uploader = Uploader::default();
    let mut effects: VecDeque<Effect> = look(&mut uploader, &waiting).into();
    while let Some(effect) = effects.pop_front() {
        if let Some(event) = line.answer(effect, &mut waiting) {
            effects.extend(uploader.handle(event));
        }
    }
    assert_eq!(waiting, []);
    let again = line.sent - all;
    assert!(again * 5 < all, "{again} of {all} bytes were sent again");
}
