//! A small mutator for the normal tests: it cuts, repeats, swaps and writes numbers that break things.

/// Numbers that readers get wrong, as LEB128.
const NUMBERS: &[&[u8]] = &[
    &[0],
    &[1],
    &[0x7f],
    &[0x80, 0x01],
    &[0xff, 0xff, 0x03],
    &[0x80, 0x80, 0x40],
    &[0xff, 0xff, 0xff, 0xff, 0x07],
    &[0xff, 0xff, 0xff, 0xff, 0x0f],
    &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f],
    &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
    &[
        0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01,
    ],
];
/// The most mutations of one input.
const MUTATIONS_MAX: usize = 6;
/// The longest stretch that is cut, repeated or moved, in bytes.
const STRETCH_MAX: usize = 64;

/// Makes inputs from other inputs, the same from the same number.
#[derive(Debug, Clone)]
pub struct Mutator {
    state: u64,
}

impl Mutator {
    /// A mutator that begins with this number.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// An input made from one of `seeds` and a piece of another one.
    pub fn input(&mut self, seeds: &[Vec<u8>]) -> Vec<u8> {
        let Some(seed) = self.pick(seeds) else {
            return Vec::new();
        };
        let mut bytes = seed.clone();
        for _ in 0..=self.below(MUTATIONS_MAX) {
            self.once(&mut bytes, seeds);
        }
        bytes.truncate(crate::INPUT_BYTES_MAX);
        bytes
    }

    fn once(&mut self, bytes: &mut Vec<u8>, seeds: &[Vec<u8>]) {
        let at = self.below(bytes.len() + 1);
        let end = bytes.len().min(at + self.below(STRETCH_MAX) + 1);
        match self.below(8) {
            0 => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << self.below(8);
                }
            }
            1 => {
                let value = self.next().to_le_bytes()[0];
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = value;
                }
            }
            2 => drop(bytes.drain(at..end)),
            3 => bytes.truncate(at),
            4 => {
                let again = bytes[at..end].to_vec();
                drop(bytes.splice(at..at, again));
            }
            5 => {
                let number = NUMBERS[self.below(NUMBERS.len())];
                drop(bytes.splice(at..at, number.iter().copied()));
            }
            6 => {
                let number = NUMBERS[self.below(NUMBERS.len())];
                let end = bytes.len().min(at + 1);
                drop(bytes.splice(at..end, number.iter().copied()));
            }
            _ => {
                let other = self.pick(seeds).cloned().unwrap_or_default();
                let from = self.below(other.len() + 1);
                let to = other.len().min(from + self.below(STRETCH_MAX) + 1);
                drop(bytes.splice(at..end, other[from..to].iter().copied()));
            }
        }
    }

    fn pick<'a>(&mut self, seeds: &'a [Vec<u8>]) -> Option<&'a Vec<u8>> {
        seeds.get(self.below(seeds.len().max(1)))
    }

    fn below(&mut self, end: usize) -> usize {
        let end = u64::try_from(end.max(1)).unwrap_or(1);
        usize::try_from(self.next() % end).unwrap_or(0)
    }

    const fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}
