//! What a phone hears over HTTP, from whoever answers: heads, pieces and ends in any order.

use domain::id::PhotoHash;
use domain::record::photo::Size;
use domain::sync::transfer::{self, End, Head, Step, Transfer};
use domain::time::Millis;
use domain::upload::{Effect, Event, Picture, Uploader};

use crate::seed::{self, AT};

/// The most things that are heard.
const HEARD_MAX: usize = 64;
/// A long request, which goes in pieces.
const LONG: usize = 9_000;

/// Plays an input to one transfer and one courier.
pub(crate) fn run(input: &[u8]) {
    let heard = seed::blocks(input, HEARD_MAX);
    let len = heard
        .first()
        .map_or(0, |(kind, _)| usize::from(*kind & 1) * LONG);
    let proof = transfer::proof(seed::DEVICE, seed::SECRET);
    talk(Transfer::new(vec![1; len + 10], proof), &heard);
    courier(&heard);
}

fn talk(mut transfer: Transfer, heard: &[(u8, Vec<u8>)]) {
    let mut heard = heard.iter();
    loop {
        match transfer.step() {
            Step::Over(_) => return,
            Step::Pause(_) => continue,
            Step::Post(path, bytes, _) => assert!(path.len() < 200 && !bytes.is_empty()),
            Step::Get(path, _) => assert!(path.len() < 200),
        }
        let _watch = transfer.watch();
        let Some((kind, text)) = heard.next() else {
            return;
        };
        if kind & 64 != 0 && !transfer.watched(Some((u16::from(kind & 1) * 2 + 200, text))) {
            transfer.ended(End::Silent);
            continue;
        }
        if transfer.head(&head(*kind, text)) {
            let mut wanted = true;
            for (kind, piece) in heard.by_ref() {
                wanted = transfer.piece(piece);
                if !wanted || kind & 128 != 0 {
                    break;
                }
            }
            if wanted {
                transfer.ended([End::Clean, End::Broken, End::Silent][usize::from(kind % 3)]);
            }
        }
    }
}

/// A head: the status by its kind, the headers as lines of `name: value`.
fn head(kind: u8, text: &[u8]) -> Head {
    let text = String::from_utf8_lossy(text);
    let header = |name: &str| {
        let mut lines = text.lines().filter_map(|line| line.split_once(": "));
        lines
            .find(|(key, _)| *key == name)
            .map(|(_, value)| value.to_owned())
    };
    let status = [200, 202, 404, 409, 413, 500, 302, 401][usize::from(kind >> 1) % 8];
    Head::read(status, header)
}

/// The courier is told things that make no sense, and never sends what the picture does not have.
fn courier(heard: &[(u8, Vec<u8>)]) {
    let mut uploader = Uploader::default();
    let mut now = AT;
    let picture = |n: u8| Picture {
        record: seed::record(n),
        name: PhotoHash([n; 32]),
        size: if n & 1 == 0 { Size::Full } else { Size::Thumb },
        bytes: 1_000 * u32::from(n),
        taken_at: AT,
    };
    for (kind, text) in heard {
        let number = text
            .first_chunk()
            .map_or(0, |four| u32::from_le_bytes(*four));
        now = Millis(now.0.saturating_add(i64::from(number)));
        let random = u16::from(*kind);
        let event = match kind % 5 {
            0 => Event::Look {
                waiting: (1..*kind).map(picture).collect(),
                urgent: kind & 16 != 0,
                now,
            },
            1 => Event::Held {
                bytes: number,
                now,
                random,
            },
            2 => Event::Spoilt,
            3 => Event::Refused,
            _ => Event::Failed { now, random },
        };
        for effect in uploader.handle(event) {
            if let Effect::Send { picture, at, len } = effect {
                assert!(len > 0 && at.checked_add(len).is_some_and(|end| end <= picture.bytes));
            }
        }
    }
}

/// Answers that come whole, in pieces and not at all.
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let part = b"part: 00112233445566778899aabb\ntotal: 6\n";
    let json = b"content-type: application/json\n";
    vec![
        seed::lay(&[(0, b"content-length: 3\n"), (128, b"abc")]),
        seed::lay(&[(1, part), (0, b"abc"), (129, b""), (1, part), (128, b"def")]),
        seed::lay(&[(3, b""), (128, b"4096"), (1, part)]),
        seed::lay(&[
            (7, json),
            (128, b"{\"code\": \"unknown_changes\", \"detail\": \"\"}"),
        ]),
        seed::lay(&[
            (10, &[0; 4]),
            (1, &[0; 4]),
            (6, &[64, 0, 0, 0]),
            (2, b""),
            (4, &[0; 4]),
        ]),
    ]
}
