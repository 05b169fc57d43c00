//! Leaves: the content of a bundle as QR codes, which one phone shows one after another and another
//! one films.
//!
//! A leaf is text in base45 (RFC 9285), which a QR code holds as densely as bytes and every reader
//! gives back unharmed. Leaves are filmed in any order and as often as it takes.

use sha2::{Digest as _, Sha256};

/// The first bytes of a leaf, with the version of its form.
const MAGIC: [u8; 2] = *b"F\x01";
/// The bytes of content in a leaf. With its head it fills a code of 69 by 69 squares, which a cheap
/// camera still reads from the screen of a small phone.
pub const LEAF_BYTES_MAX: usize = 400;
/// The most leaves: more than a minute of filming is what a file is for.
pub const LEAVES_MAX: usize = 32;
/// The bytes that say which content a leaf belongs to.
const NAME_BYTES: usize = 4;

type Name = [u8; NAME_BYTES];

fn name(content: &[u8]) -> Name {
    let [a, b, c, d, ..]: [u8; 32] = Sha256::digest(content).into();
    [a, b, c, d]
}

/// The leaves of a content, each as the text of a QR code; `None` when there is nothing, or more than
/// is for filming.
#[must_use]
pub fn leaves(content: &[u8]) -> Option<Vec<String>> {
    let of = content.len().div_ceil(LEAF_BYTES_MAX);
    if !(1..=LEAVES_MAX).contains(&of) {
        return None;
    }
    // All of about one size, so that no code is denser than it need be.
    let pieces = content.chunks(content.len().div_ceil(of));
    let of = u8::try_from(pieces.len()).ok()?;
    let name = name(content);
    let leaf = |(at, piece): (u8, &[u8])| {
        let bytes = [&MAGIC, name.as_slice(), &[at, of], piece].concat();
        base45::encode(bytes)
    };
    Some((0..of).zip(pieces).map(leaf).collect())
}

/// What a filmed code brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Gathered {
    /// It is none of ours.
    NotOurs,
    /// So many leaves are there.
    Part {
        /// How many.
        have: usize,
        /// Of how many.
        of: usize,
    },
    /// The content is whole.
    Whole(Vec<u8>),
}

/// The leaves that were filmed so far.
#[derive(Debug, Clone, Default)]
pub struct Gathering {
    name: Name,
    pieces: Vec<Option<Vec<u8>>>,
}

impl Gathering {
    /// Takes the text of a code. A leaf of another content begins anew: the phone that shows them
    /// has made others meanwhile.
    pub fn take(&mut self, text: &str) -> Gathered {
        let Some((name, at, of, piece)) = parts(text) else {
            return Gathered::NotOurs;
        };
        if self.name != name || self.pieces.len() != of {
            self.name = name;
            self.pieces = vec![None; of];
        }
        if let Some(slot) = self.pieces.get_mut(at) {
            *slot = Some(piece);
        }
        let have = self.pieces.iter().flatten().count();
        if have < of {
            return Gathered::Part { have, of };
        }
        let content = self.pieces.drain(..).flatten().collect::<Vec<_>>().concat();
        if self::name(&content) == name {
            Gathered::Whole(content)
        } else {
            Gathered::Part { have: 0, of }
        }
    }
}

fn parts(text: &str) -> Option<(Name, usize, usize, Vec<u8>)> {
    // Longer than any code holds: not worth decoding.
    if text.len() > 2 * (LEAF_BYTES_MAX + 16) {
        return None;
    }
    let bytes = base45::decode(text).ok()?;
    let rest = bytes.strip_prefix(&MAGIC)?;
    let (name, rest) = rest.split_first_chunk()?;
    let ([at, of], piece) = rest.split_first_chunk()?;
    let (at, of) = (usize::from(*at), usize::from(*of));
    let sound = at < of && of <= LEAVES_MAX && (1..=LEAF_BYTES_MAX).contains(&piece.len());
    sound.then(|| (*name, at, of, piece.to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(len: usize) -> Vec<u8> {
        (0..len)
            .map(|n| u8::try_from(n * 7 % 256).unwrap_or(0))
            .collect()
    }

    #[test]
    fn bd5_leaves_in_any_order_and_with_repeats_give_the_content() {
        for len in [
            1,
            LEAF_BYTES_MAX,
            LEAF_BYTES_MAX + 1,
            LEAF_BYTES_MAX * LEAVES_MAX,
        ] {
            let content = content(len);
            let leaves = leaves(&content).expect("few enough");
            let mut gathering = Gathering::default();
            for leaf in leaves.iter().rev().take(leaves.len() - 1) {
                for _twice in 0..2 {
                    assert!(matches!(gathering.take(leaf), Gathered::Part { .. }));
                }
            }
            assert_eq!(gathering.take(&leaves[0]), Gathered::Whole(content));
        }
        assert_eq!(leaves(&[]), None);
        assert_eq!(leaves(&content(LEAF_BYTES_MAX * LEAVES_MAX + 1)), None);
    }

    #[test]
    fn bd5_a_leaf_holds_only_what_qr_codes_hold_densely() {
        let leaves = leaves(&content(LEAF_BYTES_MAX)).expect("one");
        let alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:";
        assert!(leaves[0].chars().all(|sign| alphabet.contains(sign)));
        // Version 13 at the lowest correction holds 619 such signs.
        assert!(leaves[0].len() <= 619, "{}", leaves[0].len());
    }

    #[test]
    fn bd5_other_codes_are_passed_over_and_new_leaves_begin_anew() {
        let (old, new) = (content(900), content(901));
        let (old, leaves) = (
            leaves(&old).expect("three"),
            leaves(&new).expect("three as well"),
        );
        let mut gathering = Gathering::default();
        assert_eq!(gathering.take(&old[0]), Gathered::Part { have: 1, of: 3 });
        for other in ["", "HTTPS://EXAMPLE.CN/", "枫格", &old[0][2..], "00"] {
            assert_eq!(gathering.take(other), Gathered::NotOurs, "{other}");
        }
        assert_eq!(gathering.take(&old[1]), Gathered::Part { have: 2, of: 3 });
        assert_eq!(
            gathering.take(&leaves[2]),
            Gathered::Part { have: 1, of: 3 }
        );
        assert_eq!(
            gathering.take(&leaves[0]),
            Gathered::Part { have: 2, of: 3 }
        );
        assert_eq!(gathering.take(&leaves[1]), Gathered::Whole(new));
    }

    #[test]
    fn bd5_leaves_of_two_contents_under_one_name_begin_anew() {
        let bytes = |at: u8, piece: &[u8]| {
            base45::encode([b"F\x01name".as_slice(), &[at, 2], piece].concat())
        };
        let mut gathering = Gathering::default();
        gathering.take(&bytes(0, b"one"));
        assert_eq!(
            gathering.take(&bytes(1, b"other")),
            Gathered::Part { have: 0, of: 2 }
        );
        // What follows is gathered as ever.
        let leaves = leaves(&content(500)).expect("two");
        gathering.take(&leaves[1]);
        assert_eq!(gathering.take(&leaves[0]), Gathered::Whole(content(500)));
    }
}
