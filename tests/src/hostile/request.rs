//! Requests that are refused as a whole: too large, cut, turned, packed too well, from nobody.

use domain::document::Hashed;
use domain::id::DeviceId;
use domain::sync::message::{
    BATCH_ITEMS_MAX, Batch, ErrorCode, MESSAGE_BYTES_MAX, UNPACKED_BYTES_MAX, VERSION, closed,
};
use domain::sync::pack;
use domain::sync::repair::{Repair, STREAMS_MAX};
use domain::sync::signed::{PublicKey, SIGNATURE_BYTES, SIGNED, signed};
use fuzz::seed;

use super::forge::unsigned;
use super::{Fate, Hostile};

/// The bytes before the sealed rest of a request: version, device, secret, no code.
const CALLER_BYTES: usize = 34;

/// A request to the exchange; `query` as it stands in the address.
pub(super) fn post(query: &str, body: &[u8]) -> Vec<u8> {
    announced(query, body.len(), body)
}

fn announced(query: &str, len: usize, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "POST /api/v1/exchange{query} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\
         content-length: {len}\r\n\r\n"
    );
    [head.as_bytes(), body].concat()
}

/// All of them.
pub(super) fn all() -> Vec<Hostile> {
    let sound = seed::request(9, &seed::dispute(40), true).encode();
    let whole = |name, body: &[u8], status, code| Hostile {
        name,
        bytes: post("", body),
        fate: Fate::Whole(status, code),
    };
    let mut turned = sound.clone();
    if let Some(byte) = turned.last_mut() {
        *byte ^= 1;
    }
    let mut stranger = seed::request(9, &seed::dispute(40), true);
    stranger.device = DeviceId([99; 16]);
    let (cut, _) = sound.split_at(sound.len() / 2);
    let zeros = closed(vec![VERSION; MESSAGE_BYTES_MAX - 4]);
    let mut all = vec![
        Hostile {
            name: "a body of 2 MiB announced",
            bytes: announced("", 2 << 20, &[]),
            fate: Fate::Whole(413, ErrorCode::TooLarge),
        },
        Hostile {
            name: "a body without an end",
            bytes: endless(&[0; 64]),
            fate: Fate::Whole(400, ErrorCode::OtherVersion),
        },
        Hostile {
            name: "a known device's body without an end",
            bytes: endless(cut),
            fate: Fate::Whole(413, ErrorCode::TooLarge),
        },
        Hostile {
            name: "a part of 4 GiB announced",
            bytes: post(
                "?part=00112233445566778899aabb&at=0&of=4294967296",
                &[1; 64],
            ),
            fate: Fate::Whole(413, ErrorCode::TooLarge),
        },
        Hostile {
            name: "a head of 256 KiB",
            bytes: [
                b"GET /".as_slice(),
                &[b'a'; 256 << 10],
                b" HTTP/1.1\r\n\r\n",
            ]
            .concat(),
            fate: Fate::Head(431),
        },
        whole("cut in the middle", cut, 400, ErrorCode::BadRequest),
        whole("a bit turned", &turned, 400, ErrorCode::BadRequest),
        whole("1 MiB of one byte", &zeros, 400, ErrorCode::BadRequest),
        whole(
            "another version",
            &[SIGNED + 1; 64],
            400,
            ErrorCode::OtherVersion,
        ),
        whole(
            "a stranger",
            &stranger.encode(),
            401,
            ErrorCode::UnknownDevice,
        ),
    ];
    all.extend(strangers());
    all.extend(unproven());
    all.extend(sealed());
    all.extend(repairs());
    all
}

/// A body in chunks that goes on beyond the limit.
fn endless(begins: &[u8]) -> Vec<u8> {
    let head = "POST /api/v1/exchange HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\
                transfer-encoding: chunked\r\n\r\n";
    let mut bytes = head.as_bytes().to_vec();
    bytes.extend(format!("{:x}\r\n", begins.len()).bytes());
    bytes.extend(begins);
    bytes.extend(b"\r\n");
    let piece = [0_u8; 16 * 1024];
    for _ in 0..=MESSAGE_BYTES_MAX / piece.len() {
        bytes.extend(format!("{:x}\r\n", piece.len()).bytes());
        bytes.extend(piece);
        bytes.extend(b"\r\n");
    }
    bytes
}

/// As much as a request may have, from callers who are not known: nobody hashes or unpacks it.
fn strangers() -> Vec<Hostile> {
    let from = |device, join: Option<&str>, name, (status, code)| {
        let mut request = seed::request(9, &[], true);
        (request.device, request.join) = (device, join.map(str::to_owned));
        let mut body = request.encode();
        body.resize(MESSAGE_BYTES_MAX, 7);
        Hostile {
            name,
            bytes: post("", &body),
            fate: Fate::Whole(status, code),
        }
    };
    let nobody = DeviceId([99; 16]);
    let unknown = (401, ErrorCode::UnknownDevice);
    let no_code = (403, ErrorCode::UnknownCode);
    let damaged = (400, ErrorCode::BadRequest);
    let mut keyless = vec![SIGNED];
    keyless.extend([98; 8]);
    keyless.resize(MESSAGE_BYTES_MAX, 0);
    vec![
        from(nobody, None, "1 MiB of a stranger", unknown),
        from(
            nobody,
            Some("0000-0001"),
            "1 MiB with a code that nobody gave",
            no_code,
        ),
        from(
            seed::DEVICE,
            None,
            "1 MiB of a known device, damaged",
            damaged,
        ),
        Hostile {
            name: "1 MiB signed by a device without a key",
            bytes: post("", &keyless),
            fate: Fate::Whole(401, ErrorCode::UnknownKey),
        },
    ]
}

/// Requests that end with a signature which is nobody's.
fn unproven() -> Vec<Hostile> {
    let mut request = seed::request(0, &seed::dispute(40), true);
    if let Some(batch) = &mut request.batch {
        batch.no = Batch::number(&batch.digest());
    }
    let nobody = |name, message: Vec<u8>| Hostile {
        name,
        bytes: post("", &signed(message, &[1; SIGNATURE_BYTES])),
        fate: Fate::Whole(401, ErrorCode::UnknownKey),
    };
    let signing = |key| request.encode_to_sign(key).unwrap_or_default();
    let no_point = PublicKey {
        x: [0; 32],
        y: [0; 32],
    };
    let mut long = signing(None);
    long.resize(MESSAGE_BYTES_MAX - SIGNATURE_BYTES, 7);
    vec![
        nobody("a signature of nobody", signing(None)),
        nobody(
            "a key that is no point of the curve",
            signing(Some(no_point)),
        ),
        nobody("1 MiB with a signature of nobody", long),
    ]
}

/// Sound callers with something else in what is sealed.
fn sealed() -> Vec<Hostile> {
    let idle = seed::request(0, &[], false).encode();
    let (caller, _) = idle.split_at(CALLER_BYTES);
    let seal = |name, rest: &[&[u8]], status, code| Hostile {
        name,
        bytes: post("", &closed([caller, &rest.concat()].concat())),
        fate: Fate::Whole(status, code),
    };
    let most = unsigned(u64::MAX);
    let zeros = pack::pack(&vec![0; UNPACKED_BYTES_MAX]).unwrap_or_default();
    // A byte less than a reader wants for so much: refused before it is unpacked.
    let (_, bomb) = zeros.split_last().unwrap_or((&0, &[]));
    let full = unsigned(1 << 20);
    let huge = unsigned(1 << 40);
    let page = |count: u64| {
        // No cursor, no directory, time, KiB, not sound, no trouble; a batch: it has a name, number
        // and digest, no grids, no authors, and its page.
        let page = [unsigned(count), vec![0; 8]].concat();
        let batch = [
            &[1, 1, 9][..],
            &[0; 16],
            &[0, 0],
            &unsigned(page.len() as u64),
            &page,
        ]
        .concat();
        [&[0, 0, 0, 1, 0, 0][..], &batch].concat()
    };
    let bad = ErrorCode::BadRequest;
    vec![
        seal("a cursor of 2^64 bytes", &[&[0], &most, &[0; 32]], 400, bad),
        seal("a page of 2^64 changes", &[&[0], &page(u64::MAX)], 400, bad),
        seal(
            "a page of 8,192 empty changes",
            &[&[0], &page(8_192)],
            400,
            bad,
        ),
        seal(
            "packed, of 2^40 bytes",
            &[&[1], &huge, &[0; 64]],
            413,
            ErrorCode::TooLarge,
        ),
        seal(
            "packed, 1 MiB from 64 bytes",
            &[&[1], &full, &[7; 64]],
            400,
            bad,
        ),
        seal("packed, 1 MiB of zeros", &[&[1], &full, bomb], 400, bad),
        seal(
            "packed, 1 MiB from noise",
            &[&[1], &full, &noise(20_000)],
            400,
            bad,
        ),
        seal("packed in an unknown way", &[&[9], &[0; 64]], 400, bad),
        Hostile {
            name: "2,001 changes in a batch",
            bytes: post("", &many(BATCH_ITEMS_MAX + 1, 1)),
            fate: Fate::Whole(413, ErrorCode::TooLarge),
        },
        Hostile {
            name: "2,001 changes behind 500 grids",
            bytes: post("", &many(BATCH_ITEMS_MAX + 1, 500)),
            fate: Fate::Whole(413, ErrorCode::TooLarge),
        },
        Hostile {
            name: "2,001 grids in a batch",
            bytes: post("", &many(BATCH_ITEMS_MAX, BATCH_ITEMS_MAX + 1)),
            fate: Fate::Whole(413, ErrorCode::TooLarge),
        },
    ]
}

/// Bytes that look like chance.
pub(super) fn noise(len: usize) -> Vec<u8> {
    let mut state = len as u64;
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        state.to_be_bytes()[0]
    };
    (0..len).map(|_| next()).collect()
}

/// A batch of so many changes that are noise, and of so many grids.
fn many(count: usize, grids: usize) -> Vec<u8> {
    let mut request = seed::request(9, &seed::patrol(41), true);
    if let Some(batch) = &mut request.batch {
        let items = batch.items.iter().cycle().take(count).cloned();
        batch.items = items.collect();
        let names = (0..grids).map(|n| format!("g{n}").parse().expect("a code"));
        batch.grids = names.collect();
        for (item, place) in batch.items.iter_mut().zip(0_usize..) {
            // What packs better than anything honest is refused before it is counted.
            item.change = Hashed::of(noise(20 + place % 400));
        }
    }
    request.encode()
}

/// Questions of repair that make no sense.
fn repairs() -> Vec<Hostile> {
    let ask = |name, repair, fate| {
        let mut request = seed::request(0, &[], false);
        request.ask.repair = Some(repair);
        Hostile {
            name,
            bytes: post("", &request.encode()),
            fate,
        }
    };
    let bad = Fate::Whole(400, ErrorCode::BadRequest);
    let streams = |count| vec![(seed::grid(), [0; 8]); count];
    vec![
        ask(
            "4,097 grids in a question",
            Repair::Streams(streams(STREAMS_MAX + 1)),
            bad,
        ),
        ask(
            "a comparison that is noise",
            Repair::Ranges {
                streams: vec![seed::grid()],
                message: [vec![0x61], noise(30_000)].concat(),
            },
            bad,
        ),
        ask(
            "513 changes wanted",
            Repair::Wanted(vec![[1; 16]; 513]),
            bad,
        ),
        ask(
            "a wrong name wanted",
            Repair::Wanted(vec![[1; 16]]),
            Fate::Ignored,
        ),
    ]
}
