//! Changes made by hand, with a true checksum over whatever they hold.

use sha2::{Digest, Sha256};

/// The columns of a change by their numbers.
pub const OBJECT_ACTOR: u64 = 0x01;
pub const OBJECT_COUNTER: u64 = 0x02;
pub const KEY: u64 = 0x15;
pub const INSERT: u64 = 0x34;
pub const ACTION: u64 = 0x42;
pub const VALUE_KIND: u64 = 0x56;
pub const VALUE: u64 = 0x57;
pub const OVER_COUNT: u64 = 0x70;
pub const OVER_ACTOR: u64 = 0x71;
pub const OVER_COUNTER: u64 = 0x73;

/// A change as its parts; anything may be wrong with it.
#[derive(Debug, Clone)]
pub struct Forged {
    pub deps: Vec<[u8; 32]>,
    pub actor: Vec<u8>,
    pub seq: u64,
    pub start_op: u64,
    pub at: i64,
    pub message: Vec<u8>,
    pub others: Vec<Vec<u8>>,
    pub columns: Vec<(u64, Vec<u8>)>,
    pub extra: Vec<u8>,
}

impl Forged {
    /// A sound first change of `actor` that puts nothing at the keys `k`, which are all the same.
    pub fn puts(actor: u8, ops: u64) -> Self {
        let ops_signed = i64::try_from(ops).expect("a count");
        let mut key = run(ops_signed, &[1, b'k']);
        if ops == 1 {
            key = [signed(-1), vec![1, b'k']].concat();
        }
        let one = |value: u8| match ops {
            1 => vec![0x7f, value],
            _ => run(ops_signed, &[value]),
        };
        Self {
            deps: Vec::new(),
            actor: vec![actor; 8],
            seq: 1,
            start_op: 1,
            at: 0,
            message: Vec::new(),
            others: Vec::new(),
            columns: vec![
                (KEY, key),
                (INSERT, unsigned(ops)),
                (ACTION, one(1)),
                (VALUE_KIND, one(0)),
                (OVER_COUNT, one(0)),
            ],
            extra: Vec::new(),
        }
    }

    /// The same with another column, in its place.
    pub fn with(mut self, kind: u64, bytes: Vec<u8>) -> Self {
        self.columns.retain(|(known, _)| *known != kind);
        self.columns.push((kind, bytes));
        self.columns.sort_by_key(|(known, _)| *known);
        self
    }

    pub fn bytes(&self) -> Vec<u8> {
        let mut contents = unsigned(self.deps.len() as u64);
        contents.extend(self.deps.concat());
        contents.extend(counted(&self.actor));
        contents.extend(unsigned(self.seq));
        contents.extend(unsigned(self.start_op));
        contents.extend(signed(self.at));
        contents.extend(counted(&self.message));
        contents.extend(unsigned(self.others.len() as u64));
        contents.extend(self.others.iter().flat_map(|other| counted(other)));
        contents.extend(unsigned(self.columns.len() as u64));
        for (kind, bytes) in &self.columns {
            contents.extend(unsigned(*kind));
            contents.extend(unsigned(bytes.len() as u64));
        }
        contents.extend(self.columns.iter().flat_map(|(_, bytes)| bytes.clone()));
        contents.extend(&self.extra);
        chunk(1, &contents)
    }
}

/// A chunk of any kind with a true checksum.
pub fn chunk(kind: u8, contents: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x85, 0x6f, 0x4a, 0x83, 0, 0, 0, 0, kind];
    bytes.extend(unsigned(contents.len() as u64));
    bytes.extend(contents);
    repair(&mut bytes);
    bytes
}

/// Makes the checksum true again.
pub fn repair(bytes: &mut [u8]) {
    if let Some((head, hashed)) = bytes.split_at_mut_checked(8) {
        head[4..].copy_from_slice(&Sha256::digest(hashed)[..4]);
    }
}

/// A run of one value.
pub fn run(count: i64, value: &[u8]) -> Vec<u8> {
    [signed(count), value.to_vec()].concat()
}

fn counted(bytes: &[u8]) -> Vec<u8> {
    [unsigned(bytes.len() as u64), bytes.to_vec()].concat()
}

pub fn unsigned(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = (value & 0x7f) as u8;
        value >>= 7;
        if value == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}

pub fn signed(mut value: i64) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = value.to_le_bytes()[0] & 0x7f;
        value >>= 7;
        if (value == 0 && low & 0x40 == 0) || (value == -1 && low & 0x40 != 0) {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}

/// One operation as it stands in the columns; authors by their place in the change's table.
#[derive(Debug, Clone)]
pub struct Row {
    /// 0 makes a map, 1 puts, 3 deletes.
    pub action: u64,
    pub object: Option<(u64, u64)>,
    pub key: String,
    /// Its kind, without its length, and its bytes.
    pub value: (u64, Vec<u8>),
    pub over: Vec<(u64, i64)>,
}

impl Row {
    /// Puts nothing at a key of the root.
    pub fn put(key: &str) -> Self {
        Self {
            action: 1,
            object: None,
            key: key.to_owned(),
            value: (0, Vec::new()),
            over: Vec::new(),
        }
    }
}

impl Forged {
    /// A first change of `actor` with these operations, in the form that the merge library writes.
    pub fn of(actor: u8, rows: &[Row]) -> Self {
        let number = |value: u64| Some(unsigned(value));
        let column = |read: &dyn Fn(&Row) -> Option<Vec<u8>>| runs(rows.iter().map(read));
        let overs = || rows.iter().flat_map(|row| &row.over);
        let mut before = 0;
        let steps = overs().map(|(_, counter)| {
            let step = counter - before;
            before = *counter;
            Some(signed(step))
        });
        let mut columns = vec![
            (OBJECT_ACTOR, column(&|row| number(row.object?.0))),
            (OBJECT_COUNTER, column(&|row| number(row.object?.1))),
            (KEY, column(&|row| Some(counted(row.key.as_bytes())))),
            (INSERT, unsigned(rows.len() as u64)),
            (ACTION, column(&|row| number(row.action))),
            (
                VALUE_KIND,
                column(&|row| number((row.value.1.len() as u64) << 4 | row.value.0)),
            ),
            (
                VALUE,
                rows.iter().flat_map(|row| row.value.1.clone()).collect(),
            ),
            (OVER_COUNT, column(&|row| number(row.over.len() as u64))),
            (OVER_ACTOR, runs(overs().map(|(actor, _)| number(*actor)))),
            (OVER_COUNTER, runs(steps)),
        ];
        columns.retain(|(_, bytes)| !bytes.is_empty());
        Self {
            columns,
            ..Self::puts(actor, 1)
        }
    }
}

/// Packs values as runs.
pub fn runs(values: impl Iterator<Item = Option<Vec<u8>>>) -> Vec<u8> {
    let mut groups: Vec<(Option<Vec<u8>>, i64)> = Vec::new();
    for value in values {
        match groups.last_mut() {
            Some((last, count)) if *last == value => *count += 1,
            _ => groups.push((value, 1)),
        }
    }
    if groups.iter().all(|(value, _)| value.is_none()) {
        return Vec::new();
    }
    let mut bytes = Vec::new();
    let single = |group: &(Option<Vec<u8>>, i64)| group.0.is_some() && group.1 == 1;
    for part in groups.chunk_by(|one, next| single(one) && single(next)) {
        match part {
            [(None, count)] => {
                bytes.extend(signed(0));
                bytes.extend(unsigned(count.unsigned_abs()));
            }
            [(Some(value), count @ 2..)] => bytes.extend(run(*count, value)),
            literals => {
                bytes.extend(signed(-(literals.len() as i64)));
                bytes.extend(
                    literals
                        .iter()
                        .filter_map(|group| group.0.clone())
                        .flatten(),
                );
            }
        }
    }
    bytes
}
