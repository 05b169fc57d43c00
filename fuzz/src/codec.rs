//! The messages of the exchange: requests, answers, pages, packed bytes and comparisons.

use std::sync::LazyLock;

use domain::document::{Document, Hashed};
use domain::id::{ChangeHash, DocId};
use domain::sync::frame;
use domain::sync::lean::{self, Known, Tag, Whole};
use domain::sync::message::{
    Answer, Batch, Entry, ItemResult, LeanAnswer, Overview, OverviewRequest, Receipt, Request,
    UNPACKED_BYTES_MAX, VERSION, closed, decode,
};
use domain::sync::pack;
use domain::sync::repair::{Comparison, Repair, Repaired, Set};
use domain::sync::signed::{PublicKey, SIGNATURE_BYTES, signed};
use domain::upload::{Arrived, ArrivedRequest};
use domain::view::Row;

use crate::seed::{self, AT, Made};

/// The bytes before the sealed rest of a request without a code: version, device, secret, no code.
const CALLER_BYTES: usize = 34;
/// The check at the end of a message.
const CHECK_BYTES: usize = 4;
const PACKED: u8 = 1;
const AS_IT_IS: u8 = 0;

/// What is there: the changes of a dispute, found by the beginning of their name.
struct There(Vec<(DocId, ChangeHash)>);

impl There {
    fn of(made: &[Made]) -> Self {
        Self(
            made.iter()
                .map(|one| (one.doc, seed::name(&one.bytes)))
                .collect(),
        )
    }
}

impl Known for There {
    fn resolve(&self, doc: DocId, prefix: [u8; 4]) -> Option<ChangeHash> {
        let mut fitting = self
            .0
            .iter()
            .filter(|(of, name)| *of == doc && name.0.starts_with(&prefix));
        fitting.next().map(|(_, name)| *name)
    }
}

static THERE: LazyLock<There> =
    LazyLock::new(|| There::of(&[seed::dispute(10), seed::patrol(20)].concat()));
static SET: LazyLock<Set> = LazyLock::new(|| Set::of(THERE.0.iter().copied()).expect("a set"));

/// The input behind a true version and before a true check, or as it is.
fn framed(input: &[u8]) -> Vec<u8> {
    match input {
        [0, rest @ ..] => {
            let mut message = vec![VERSION];
            message.extend(rest);
            closed(message)
        }
        _ => input.to_vec(),
    }
}

/// The other way round.
fn unframed(message: &[u8]) -> Vec<u8> {
    let end = message.len().saturating_sub(CHECK_BYTES);
    [&[0], message.get(1..end).unwrap_or_default()].concat()
}

/// The same message with its sealed rest, which begins at `at`, laid bare for the mutator.
fn bare(input: &[u8], at: usize) -> Option<Vec<u8>> {
    let (head, sealed) = input.split_at_checked(at)?;
    let [PACKED, rest @ ..] = sealed else {
        return None;
    };
    let ends = rest.iter().position(|byte| byte & 0x80 == 0)? + 1;
    let (len, packed) = rest.split_at_checked(ends)?;
    let number = |(place, byte): (usize, &u8)| usize::from(byte & 0x7f) << (7 * place);
    let len = len.iter().enumerate().map(number).sum();
    let fields = pack::unpack(packed, len)?;
    Some([head, &[AS_IT_IS], &fields].concat())
}

/// A request as the server reads it.
pub(crate) fn request(input: &[u8]) {
    let message = framed(input);
    let _small = decode::<OverviewRequest>(&message);
    let _photos = decode::<ArrivedRequest>(&message);
    let Ok((_, sealed)) = Request::open(&message) else {
        return;
    };
    let Ok((_, Some(batch))) = sealed.unseal() else {
        return;
    };
    let _needed = batch.needed().count();
    if let Some(batch) = batch.rebuild(&*THERE) {
        // What was rebuilt travels on in full, and comes back as it was.
        let mut again = seed::request(batch.no, &[], true);
        again.batch = Some(batch.clone());
        let bytes = again.encode();
        let (_, sealed) = Request::open(&bytes).expect("our own request");
        if let Ok((_, Some(lean))) = sealed.unseal() {
            assert_eq!(lean.rebuild(&There(Vec::new())), Some(batch));
        }
    }
}

/// Requests with and without changes, in full and lean, packed and bare.
pub(crate) fn request_seeds() -> Vec<Vec<u8>> {
    let made = seed::dispute(10);
    let mut seeds = Vec::new();
    let mut repair = seed::request(1, &[], false);
    repair.ask.repair = Some(Repair::Streams(vec![(seed::grid(), [1; 8])]));
    let mut joining = seed::request(1, &[], false);
    joining.join = Some("ABCD1234".to_owned());
    let requests = [
        seed::request(1, &[], false),
        seed::request(1, &made, false),
        seed::request(1, &made, true),
        seed::request(2, &made[2..], false),
        repair,
        joining,
    ];
    for request in &requests {
        seeds.extend(signing(request));
    }
    for request in requests {
        let packed = unframed(&request.encode());
        seeds.extend(bare(&packed, CALLER_BYTES));
        seeds.push(packed);
    }
    seeds
}

/// The same, ending with a signature and telling of a key, where it brings changes.
fn signing(request: &Request) -> Option<Vec<u8>> {
    let mut request = request.clone();
    let batch = request.batch.as_mut()?;
    batch.no = Batch::number(&batch.digest());
    let key = PublicKey {
        x: [1; 32],
        y: [2; 32],
    };
    let message = request.encode_to_sign(Some(key))?;
    Some(signed(message, &[3; SIGNATURE_BYTES]))
}

/// An answer as a phone reads it.
pub(crate) fn answer(input: &[u8]) {
    let message = framed(input);
    let _counts = decode::<Overview>(&message);
    let _photos = decode::<Arrived>(&message);
    let Ok(lean) = Answer::decode(&message) else {
        return;
    };
    let _docs = lean.docs().count();
    if let Some(answer) = lean.rebuild(&*THERE) {
        let again = Answer::decode(&answer.encode(true)).ok();
        let again = again.and_then(|lean: LeanAnswer| lean.rebuild(&There(Vec::new())));
        if let Some(again) = again {
            assert_eq!(again, answer);
        }
    }
}

/// Answers that bring nothing, changes, receipts and everything else.
pub(crate) fn answer_seeds() -> Vec<Vec<u8>> {
    let entries = seed::dispute(10)
        .into_iter()
        .zip(1..)
        .map(|(one, seq)| Entry {
            seq,
            doc: one.doc,
            author: 0,
            received_at: AT,
            change: Hashed::of(one.bytes),
            passed_on: None,
        });
    let idle = Answer {
        now: AT,
        receipt: None,
        authors: Vec::new(),
        entries: Vec::new(),
        cursor: None,
        more: false,
        seen: 3,
        directory: None,
        sum: Some([5; 8]),
        repaired: None,
        frame: None,
        cells: Vec::new(),
    };
    let rows = Answer {
        frame: Some(frame::rows(&rows())),
        more: true,
        ..idle.clone()
    };
    let full = Answer {
        receipt: Some(Receipt {
            no: 1,
            digest: [1; 16],
            results: vec![ItemResult::Kept(1), ItemResult::Kept(2), ItemResult::Had(1)],
        }),
        authors: sync_server::bench::person().into_iter().collect(),
        entries: entries.collect(),
        cursor: Some(vec![1; 12]),
        more: true,
        directory: Some(seed::directory()),
        repaired: Some(Repaired::Streams(vec![seed::grid()])),
        ..idle.clone()
    };
    let mut seeds = Vec::new();
    for answer in [idle, full, rows] {
        for whole in [false, true] {
            let packed = unframed(&answer.encode(whole));
            seeds.extend(bare(&packed, 1));
            seeds.push(packed);
        }
    }
    seeds
}

/// The row of a dispute, some times over.
fn rows() -> Vec<Row> {
    let made = seed::dispute(10);
    let (mut document, _) = Document::from_changes([made[0].bytes.as_slice()]);
    let row = Row::fold(made[0].doc.record, &document.tree(), None);
    vec![row.expect("a row"); 3]
}

/// A page of changes without what its reader can work out.
pub(crate) fn page(input: &[u8]) {
    let Ok(items) = lean::read(input) else {
        return;
    };
    let _needed = lean::needed(&items).count();
    let Some(changes) = lean::rebuild(&items, &*THERE) else {
        return;
    };
    let whole = items.iter().zip(&changes).map(|(item, change)| Whole {
        doc: item.doc,
        tag: item.tag,
        hash: change.hash(),
        bytes: change.bytes(),
    });
    let again = lean::read(&lean::write(whole, true)).expect("our own page");
    let again = lean::rebuild(&again, &There(Vec::new())).expect("everything is named in full");
    assert_eq!(again, changes, "a page comes back byte for byte");
}

/// Pages of a dispute, lean and in full, and of bytes that are no change.
pub(crate) fn page_seeds() -> Vec<Vec<u8>> {
    let made = [seed::dispute(10), seed::patrol(20)].concat();
    let page = |made: &[Made], whole| {
        let items = made.iter().zip(1..).map(|(one, seq)| Whole {
            doc: one.doc,
            tag: Tag {
                who: 0,
                seq,
                at: AT.0,
            },
            hash: Hashed::name(&one.bytes),
            bytes: &one.bytes,
        });
        lean::write(items, whole)
    };
    let noise = Made {
        doc: seed::doc(0),
        bytes: vec![9; 40],
    };
    vec![
        page(&made, false),
        page(&made, true),
        page(&made[2..], false),
        page(&[noise], false),
    ]
}

/// Packed bytes: the first two say how long they claim to be, in steps of 32.
pub(crate) fn packed(input: &[u8]) {
    let [low, high, rest @ ..] = input else {
        return;
    };
    let len = usize::from(u16::from_le_bytes([*low, *high])) * 32;
    let len = len.min(UNPACKED_BYTES_MAX);
    if let Some(bytes) = pack::unpack(rest, len) {
        assert_eq!(bytes.len(), len);
    }
    if let Some(packed) = pack::pack(rest) {
        // Whatever is packed here is read there, however well it packs.
        let again = pack::unpack(&packed, rest.len());
        assert_eq!(again.as_deref(), Some(rest));
    }
}

/// Packed text and packed nothing.
pub(crate) fn packed_seeds() -> Vec<Vec<u8>> {
    let texts = [vec![b'a'; 3200], seed::dispute(10)[0].bytes[..256].to_vec()];
    let seed = |text: &Vec<u8>| {
        let len = u16::try_from(text.len() / 32).unwrap_or(0).to_le_bytes();
        [&len[..], &pack::pack(text).unwrap_or_default()].concat()
    };
    texts.iter().map(seed).collect()
}

/// A message of a comparison, as the server and as a phone read it.
pub(crate) fn repair(input: &[u8]) {
    let _server = SET.answer(input);
    let (mut comparison, _) = Comparison::begin(THERE.0.iter().copied()).expect("a comparison");
    let _phone = comparison.step(input);
}

/// What two sides with different changes say to each other.
pub(crate) fn repair_seeds() -> Vec<Vec<u8>> {
    let held = &THERE.0;
    let (mut comparison, first) = Comparison::begin(held[1..].to_vec()).expect("a comparison");
    let mut seeds = vec![first.clone()];
    let mut message = Some(first);
    while let Some(said) = message {
        let answer = SET.answer(&said).expect("an answer");
        seeds.push(answer.clone());
        message = comparison.step(&answer).expect("sense");
        seeds.extend(message.clone());
    }
    seeds
}
