//! Changes that are refused one by one: bombs, forgeries, cuts, and sound changes that mean harm.

use std::io::Write as _;

use domain::access::Refusal;
use domain::document::{CHANGE_BYTES_MAX, Document, Edit, Stamp};
use domain::id::{ActorKey, DocId};
use domain::record::note_edits;
use flate2::Compression;
use flate2::write::DeflateEncoder;
use fuzz::seed::{self, AT, Made};

use super::forge::{self, Forged, Row, run, signed, unsigned};
use super::request::noise;
use super::{Fate, Hostile, beside};

/// The first honest record that stands beside a hostile change.
const MATES: u8 = 100;
/// The record that is attacked.
const RECORD: u8 = 60;
/// What another person has written.
const ANOTHER: u8 = 66;

/// A record of which some is known.
pub(super) fn known() -> Vec<Made> {
    seed::dispute(RECORD)
}

/// What another person has written, with a key of an own device.
pub(super) fn of_another() -> Vec<Made> {
    seed::colleagues_patrol(ANOTHER)
}

/// All of them.
pub(super) fn all() -> Vec<Hostile> {
    let bombs = [
        (
            "10^18 operations in a run",
            Forged::puts(1, 1_000_000_000_000_000_000).bytes(),
        ),
        ("10^18 keys in a run", keys(1_000_000_000_000_000_000)),
        ("2 operations over 2^60 others each", overs()),
        ("a value of 2^60 bytes", value()),
        (
            "a chunk of 30 MiB, packed",
            forge::chunk(2, &deflated(30 << 20)),
        ),
        ("a column of 1 MiB, packed", packed_column()),
        (
            "a whole document instead of a change",
            forge::chunk(0, &[0; 64]),
        ),
        ("65 dependencies", dependencies()),
        ("number 2^64", spoilt(|change| change.seq = u64::MAX)),
        (
            "first operation 2^32 - 2",
            spoilt(|change| change.start_op = 0xffff_fffe),
        ),
        (
            "an author of 16 bytes",
            spoilt(|change| change.actor = vec![1; 16]),
        ),
        ("cut in the middle", cut()),
        ("2,000 maps in each other", nested(2_000)),
        ("a map behind five keys", nested(5)),
        ("noise", noise(4_000)),
        ("nothing", Vec::new()),
    ];
    let harms = [
        (
            "64 KiB and a byte",
            noise(CHANGE_BYTES_MAX + 1),
            Refusal::TooLarge,
        ),
        (
            "a first change twice over",
            second_beginning(),
            Refusal::Contradicts,
        ),
        (
            "an author key of another person's device",
            forged_key(),
            Refusal::AnotherName,
        ),
        (
            "a note in another name",
            forged_name(),
            Refusal::AnotherName,
        ),
        ("the grid rewritten", header(), Refusal::Fixed),
        (
            "a change that follows nothing",
            orphan(),
            Refusal::MissingDeps,
        ),
    ];
    let bombs = bombs.map(|(name, bytes)| (name, bytes, Refusal::Damaged));
    let doc = DocId::body(seed::record(RECORD));
    let refused = |(name, bytes, refusal)| (name, bytes, Fate::Change(refusal));
    let all = bombs.into_iter().chain(harms).map(refused).zip(MATES..);
    let all = all.map(|((name, bytes, fate), mate)| beside(name, Made { doc, bytes }, mate, fate));
    // What two honest changes cost, to compare with.
    let honest = seed::patrol(MATES - 1).into_iter();
    let honest =
        honest.map(|made| beside("nothing, an honest change", made, MATES - 2, Fate::Kept));
    honest.chain(all).collect()
}

fn keys(count: i64) -> Vec<u8> {
    Forged::puts(1, 2)
        .with(forge::KEY, run(count, &[1, b'k']))
        .bytes()
}

fn overs() -> Vec<u8> {
    let many = run(2, &unsigned(1 << 60));
    Forged::puts(1, 2).with(forge::OVER_COUNT, many).bytes()
}

fn value() -> Vec<u8> {
    let kind = [signed(-1), unsigned(u64::MAX)].concat();
    Forged::puts(1, 1).with(forge::VALUE_KIND, kind).bytes()
}

fn deflated(len: usize) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    // Without some noise the whole request would be refused for packing too well.
    encoder.write_all(&noise(3_000)).expect("memory");
    encoder.write_all(&vec![0; len]).expect("memory");
    encoder.finish().expect("memory")
}

fn packed_column() -> Vec<u8> {
    Forged::puts(1, 1)
        .with(forge::KEY | 8, deflated(1 << 20))
        .bytes()
}

fn dependencies() -> Vec<u8> {
    spoilt(|change| change.deps = (0..65).map(|n| [n; 32]).collect())
}

fn spoilt(spoil: fn(&mut Forged)) -> Vec<u8> {
    let mut change = Forged::puts(1, 1);
    spoil(&mut change);
    change.bytes()
}

fn cut() -> Vec<u8> {
    let mut bytes = Forged::puts(1, 2_000).bytes();
    bytes.truncate(bytes.len() / 2);
    bytes
}

/// So many maps, each in the one before.
fn nested(count: u64) -> Vec<u8> {
    let (head, _) = stored();
    let row = |n: u64| Row {
        action: 0,
        object: (n > 0).then_some((0, head.1 + n)),
        ..Row::put("k")
    };
    let rows: Vec<Row> = (0..count).map(row).collect();
    let mut change = Forged::of(200, &rows);
    (change.deps, change.start_op) = (head.0, head.1 + 1);
    change.bytes()
}

/// Where the attacked document stands: its heads and its last operation; and the document.
fn stored() -> ((Vec<[u8; 32]>, u64), Document) {
    let doc = DocId::body(seed::record(RECORD));
    let known: Vec<_> = known().into_iter().filter(|one| one.doc == doc).collect();
    let (document, _) = Document::from_changes(known.iter().map(|one| one.bytes.as_slice()));
    let heads = known
        .iter()
        .map(|one| domain::document::check(&one.bytes).expect("sound"));
    let heads: Vec<_> = heads.collect();
    let last = heads.iter().map(domain::document::ChangeHead::max_op).max();
    let mut names: Vec<_> = heads.iter().skip(1).map(|head| head.hash.0).collect();
    names.sort_unstable();
    ((names, last.unwrap_or(0)), document)
}

fn written(actor: u8, edits: &[Edit]) -> Vec<u8> {
    let (_, mut document) = stored();
    commit(&mut document, actor, edits)
}

fn commit(document: &mut Document, actor: u8, edits: &[Edit]) -> Vec<u8> {
    let stamp = Stamp {
        actor: ActorKey([actor; 8]),
        at: AT,
    };
    let change = document.commit(stamp, edits).expect("edits");
    change.expect("something new").bytes
}

fn second_beginning() -> Vec<u8> {
    commit(
        &mut Document::default(),
        201,
        &[Edit::new("kind", "dispute")],
    )
}

fn note(who: &str) -> Vec<Edit> {
    let who = who.parse().expect("a code");
    note_edits(seed::record(77), &who, AT, "visit", "forged")
}

/// The key of another person's device.
fn forged_key() -> Vec<u8> {
    written(ANOTHER, &note(sync_server::bench::PERSON))
}

fn forged_name() -> Vec<u8> {
    written(202, &note("wang"))
}

fn header() -> Vec<u8> {
    written(203, &[Edit::new("grid", "g2")])
}

fn orphan() -> Vec<u8> {
    let (_, mut document) = stored();
    let _withheld = commit(&mut document, 204, &note(sync_server::bench::PERSON));
    commit(&mut document, 204, &[Edit::new("place", "elsewhere")])
}
