//! Messages read back, are small, and are refused where they are damaged.

use super::super::{Ask, Batch, Caller, Item, PAGE_KIB_MAX, READS_CELLS, Request, Secret};
use super::*;
use crate::document::{Document, Edit, Hashed, Stamp};
use crate::id::{ActorKey, DeviceId, RecordId};
use crate::sync::signed::PublicKey;

struct Nothing;

impl Known for Nothing {
    fn resolve(&self, _: DocId, _: [u8; 4]) -> Option<ChangeHash> {
        None
    }
}

fn idle() -> Request {
    Request {
        device: DeviceId([1; 16]),
        secret: Secret([2; 16]),
        join: None,
        ask: Ask {
            cursor: vec![3; 14],
            directory: Some([4; 8]),
            now: Millis(1_795_000_000_000),
            page_kib: PAGE_KIB_MAX | READS_CELLS,
            whole: false,
            sound: true,
            repair: None,
        },
        batch: None,
    }
}

fn busy(count: u8) -> Request {
    let item = |n: u8| {
        let doc = DocId::body(RecordId::from_bytes([n; 16]));
        let stamp = Stamp {
            actor: ActorKey([5; 8]),
            at: Millis(i64::from(n)),
        };
        let text = format!("第{n}起：楼上漏水，约好周三上门查看").repeat(8);
        let change = Document::default().commit(stamp, &[Edit::new("brief", text.as_str())]);
        Item {
            doc,
            grid: 0,
            author: 0,
            change: Hashed::of(change.expect("edits").expect("a change").bytes),
        }
    };
    Request {
        batch: Some(Batch {
            no: 1,
            grids: vec!["g1".parse().expect("code")],
            authors: Vec::new(),
            items: (0..count).map(item).collect(),
        }),
        ..idle()
    }
}

fn read(bytes: &[u8]) -> Result<Request, MessageError> {
    let (caller, sealed) = Request::open(bytes)?;
    let (ask, batch) = sealed.unseal()?;
    let (device, secret, join) = match caller {
        Caller::Plain {
            device,
            secret,
            join,
        } => (device, secret, join),
        Caller::Signed { enrolment, .. } => {
            let enrolment = enrolment.expect("enrols");
            (enrolment.device, enrolment.secret, enrolment.join)
        }
    };
    Ok(Request {
        device,
        secret,
        join,
        ask,
        batch: batch.map(|batch| batch.rebuild(&Nothing).expect("rebuilds")),
    })
}

#[test]
fn a_signed_request_reads_back_with_what_is_signed() {
    let key = PublicKey {
        x: [6; 32],
        y: [7; 32],
    };
    assert_eq!(idle().encode_to_sign(Some(key)), None);
    let mut request = busy(20);
    assert_eq!(
        request.encode_to_sign(Some(key)),
        None,
        "a number of its own"
    );
    let batch = request.batch.as_mut().expect("a batch");
    batch.no = Batch::number(&batch.digest());
    let names = batch.names();
    let item = (batch.items[3].doc, batch.items[3].change.hash());
    let message = request.encode_to_sign(Some(key)).expect("to sign");
    let input = signed::to_sign(&message).expect("to sign");
    let bytes = signed::signed(message, &[8; 64]);
    let (_, sealed) = Request::open(&bytes).expect("opens");
    let proof = sealed.proof().expect("signed");
    assert_eq!((proof.claim.bytes(), proof.signature), (input, [8; 64]));
    assert!(proof.claim.is_of(&names));
    assert_eq!(signed::names(&names, item.0, item.1), Some(true));
    assert_eq!(
        signed::names(&names, DocId::vault(item.0.record), item.1),
        None
    );
    assert_eq!(read(&bytes), Ok(request));
}

#[test]
fn messages_read_back_packed_or_not() {
    assert_eq!(read(&idle().encode()), Ok(idle()));
    let request = busy(200);
    let bytes = request.encode();
    assert!(bytes.len() < 8_000, "{}", bytes.len());
    assert_eq!(read(&bytes), Ok(request));
}

#[test]
fn an_idle_exchange_is_below_100_bytes() {
    let answer = Answer {
        now: Millis(1_795_000_000_000),
        receipt: None,
        authors: Vec::new(),
        entries: Vec::new(),
        cursor: None,
        more: false,
        seen: 50_000_000,
        directory: None,
        sum: Some([9; 8]),
        repaired: None,
        frame: None,
        cells: Vec::new(),
    };
    let bytes = idle().encode().len() + answer.encode(false).len();
    assert!(bytes <= 100, "{bytes}");
}

#[test]
fn damaged_messages_are_refused() {
    let bytes = idle().encode();
    for len in 0..bytes.len() {
        assert!(read(&bytes[..len]).is_err(), "cut at {len}");
    }
    let mut other = bytes.clone();
    other[0] = 1;
    assert_eq!(read(&other), Err(MessageError::Version));
    let mut longer = bytes;
    longer.push(0);
    assert_eq!(read(&longer), Err(MessageError::Damaged));
    longer.truncate(longer.len() - 1);
    for place in 1..longer.len() {
        for bit in 0..8 {
            longer[place] ^= 1 << bit;
            assert_eq!(read(&longer), Err(MessageError::Damaged), "byte {place}");
            longer[place] ^= 1 << bit;
        }
    }
    let huge = vec![VERSION; MESSAGE_BYTES_MAX + 1];
    assert_eq!(read(&huge), Err(MessageError::TooLarge));
}

#[test]
fn a_batch_that_is_not_what_its_digest_says_is_not_rebuilt() {
    let request = busy(3);
    let (_, batch) = {
        let bytes = request.encode();
        let (_, sealed) = Request::open(&bytes).expect("opens");
        sealed.unseal().expect("reads")
    };
    let mut batch = batch.expect("a batch");
    batch.digest[0] ^= 1;
    assert_eq!(batch.rebuild(&Nothing), None);
}

#[test]
fn a_bomb_is_refused_before_it_is_unpacked() {
    let zeros = vec![0; UNPACKED_BYTES_MAX];
    let mut packed = pack::pack(&zeros).expect("packs");
    packed.pop();
    let mut head = Writer::default();
    head.count(zeros.len());
    let bytes = [&[VERSION, PACKED], head.bytes.as_slice(), &packed].concat();
    let bytes = closed(bytes);
    assert!(packed.len() * pack::RATIO_MAX < zeros.len());
    assert_eq!(decode::<Vec<u8>>(&bytes), Err(MessageError::Damaged));
    let mut head = Writer::default();
    head.count(UNPACKED_BYTES_MAX + 1);
    let bytes = [&[VERSION, PACKED], head.bytes.as_slice(), &packed].concat();
    let bytes = closed(bytes);
    assert_eq!(decode::<Vec<u8>>(&bytes), Err(MessageError::TooLarge));
}

#[test]
fn who_sends_a_request_is_read_from_its_first_bytes_alone() {
    let request = Request {
        join: Some("ABCD-EFGH".to_owned()),
        ..busy(40)
    };
    let key = PublicKey {
        x: [7; 32],
        y: [8; 32],
    };
    let signed = request.encode_to_sign(Some(key));
    let signed = signed.unwrap_or_else(|| {
        let mut named = request.clone();
        let batch = named.batch.as_mut().expect("a batch");
        batch.no = Batch::number(&batch.digest());
        named.encode_to_sign(Some(key)).expect("to be signed")
    });
    for whole in [request.encode(), signed] {
        assert!(whole.len() > 400, "{}", whole.len());
        let caller = Request::caller(&whole[..300]).expect("who");
        assert_eq!(caller.head(), [1; 8]);
        let enough = (1..300).find(|len| Request::caller(&whole[..*len]).is_ok());
        for len in 1..enough.expect("enough") {
            let read = Request::caller(&whole[..len]);
            assert_eq!(read, Err(MessageError::Damaged), "{len}");
        }
    }
    assert_eq!(Request::caller(&[9; 40]), Err(MessageError::Version));
    assert_eq!(Request::caller(&[]), Err(MessageError::Damaged));
}
