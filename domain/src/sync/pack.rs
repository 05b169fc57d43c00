//! Packing: a message through an order-6 context model that already knows how our changes look.
//!
//! `PPMd` (variant H, 7-Zip's range coder) packs Chinese text in short pieces a fifth tighter than
//! brotli's best, at fifty times its speed, and its model can be warmed up: both ends first run the
//! same sample through it, so that even a single change is packed as if many had gone before. The
//! packed form of the sample is the same in every message and is left out.

use std::io::{Read, Write};
use std::sync::LazyLock;

use ppmd_rust::{Ppmd7Decoder, Ppmd7Encoder};

/// The sample that warms the model up, version 1. Its bytes are part of the wire format: a better
/// sample is a new file and a new method number.
const SAMPLE: &[u8] = include_bytes!("../../data/sample-1.bin");
/// The longest context in bytes.
const ORDER: u32 = 6;
/// The memory of the model in bytes, on both ends.
const MEMORY_BYTES: u32 = 4 * 1024 * 1024;
/// A packed message holds at most so many times its bytes.
///
/// What a stranger's costs to unpack thus follows from its length. Text packs five-fold, columns of equal
/// values twenty-fold. What packs better, such as 5,000 equal characters, is filled up with zeros to this.
pub const RATIO_MAX: usize = 64;

/// The bytes with which every packed stream begins: the packed sample, without the last few, which
/// depend on what follows.
static BEGINNING: LazyLock<Vec<u8>> = LazyLock::new(|| {
    // Whatever follows the sample decides its last bytes; those on which two very different
    // continuations agree are the sample's own.
    let (low, high) = (stream(&[0; 8]), stream(&[255; 8]));
    let (low, high) = (low.unwrap_or_default(), high.unwrap_or_default());
    let common = low.iter().zip(&high).take_while(|(a, b)| a == b).count();
    low.into_iter().take(common.saturating_sub(4)).collect()
});

/// Packs bytes; `None` where it would gain nothing.
#[must_use]
pub fn pack(bytes: &[u8]) -> Option<Vec<u8>> {
    let whole = stream(bytes)?;
    let mut packed = whole.strip_prefix(BEGINNING.as_slice())?.to_vec();
    // Nothing honest is refused for packing too well: the reader wants so many bytes, and reads no
    // further than what it is told to unpack.
    packed.resize(packed.len().max(bytes.len().div_ceil(RATIO_MAX)), 0);
    (packed.len() < bytes.len()).then_some(packed)
}

/// Unpacks `len` bytes.
#[must_use]
pub fn unpack(packed: &[u8], len: usize) -> Option<Vec<u8>> {
    unpack_while(packed, len, &mut |_| true)
}

/// The first bytes of what is unpacked that are shown.
const HEAD_BYTES: usize = 1024;

/// Unpacks `len` bytes as long as `sound` agrees to their beginning, of which it is shown ever more.
#[must_use]
pub fn unpack_while(
    packed: &[u8],
    len: usize,
    sound: &mut dyn FnMut(&[u8]) -> bool,
) -> Option<Vec<u8>> {
    if len > packed.len().saturating_mul(RATIO_MAX) {
        return None;
    }
    // In one piece: the decoder asks for a byte at a time.
    let input = [BEGINNING.as_slice(), packed].concat();
    let mut decoder = Ppmd7Decoder::new(input.as_slice(), ORDER, MEMORY_BYTES).ok()?;
    let mut sample = vec![0; SAMPLE.len()];
    decoder.read_exact(&mut sample).ok()?;
    let mut bytes = vec![0; len];
    let (mut from, mut to) = (0, HEAD_BYTES.min(len));
    loop {
        decoder.read_exact(bytes.get_mut(from..to)?).ok()?;
        if to == len {
            return (sample == SAMPLE).then_some(bytes);
        }
        if !sound(bytes.get(..to)?) {
            return None;
        }
        (from, to) = (to, to.saturating_mul(2).min(len));
    }
}

fn stream(bytes: &[u8]) -> Option<Vec<u8>> {
    let out = Vec::with_capacity(SAMPLE.len() + bytes.len() / 2);
    let mut encoder = Ppmd7Encoder::new(out, ORDER, MEMORY_BYTES).ok()?;
    encoder.write_all(SAMPLE).ok()?;
    encoder.write_all(bytes).ok()?;
    encoder.finish(false).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_is_unpacked() {
        let text = "双方因排水沟争吵，已劝开。".repeat(20);
        let packed = pack(text.as_bytes()).expect("packs");
        assert!(packed.len() * 4 < text.len());
        assert_eq!(
            unpack(&packed, text.len()).as_deref(),
            Some(text.as_bytes())
        );
        assert_eq!(unpack(&packed, text.len() * RATIO_MAX), None);
    }

    #[test]
    fn nothing_cut_or_damaged_is_worse_than_wrong() {
        let text = "楼上漏水，约好周三上门查看。".repeat(8);
        let packed = pack(text.as_bytes()).expect("packs");
        for len in 0..packed.len() {
            assert_ne!(
                unpack(&packed[..len], text.len()).as_deref(),
                Some(text.as_bytes()),
                "cut at {len}"
            );
        }
    }

    #[test]
    fn sy40_what_packs_too_well_is_filled_up_and_read() {
        for text in ["水".repeat(5_000), "a".repeat(60_000), " ".repeat(70)] {
            let packed = pack(text.as_bytes()).expect("packs");
            assert!(packed.len() * RATIO_MAX >= text.len());
            assert!(packed.len() <= text.len().div_ceil(RATIO_MAX).max(40));
            let back = unpack(&packed, text.len());
            assert_eq!(back.as_deref(), Some(text.as_bytes()));
        }
        // What is not filled up is refused as before, at the cost of its own length.
        let text = "水".repeat(5_000);
        let packed = pack(text.as_bytes()).expect("packs");
        let bomb = &packed[..packed.len() - 1];
        assert_eq!(unpack(bomb, text.len()), None);
    }

    #[test]
    fn noise_is_left_as_it_is() {
        let noise: Vec<u8> = (0..200_u32)
            .map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8)
            .collect();
        assert_eq!(pack(&noise), None);
    }
}
