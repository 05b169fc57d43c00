//! Who a device is: random secrets, their hashes, and invitation codes.

use sha2::{Digest, Sha256};

/// Fresh random bytes from the operating system.
///
/// A machine that cannot give random numbers must not hand out codes: zeros are never returned, the
/// process ends.
#[must_use]
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    if getrandom::fill(&mut bytes).is_err() {
        tracing::error!("the operating system gives no random numbers");
        std::process::abort();
    }
    bytes
}

/// The form in which secrets and codes are stored.
#[must_use]
pub fn hash(secret: &[u8]) -> [u8; 32] {
    Sha256::digest(secret).into()
}

/// Whether two hashes are equal, in a time that does not depend on where they differ.
#[must_use]
pub fn same(a: &[u8; 32], b: &[u8; 32]) -> bool {
    std::hint::black_box(a.iter().zip(b).fold(0_u8, |sum, (x, y)| sum | (x ^ y))) == 0
}

const CROCKFORD: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// A fresh invitation code, `XXXX-XXXX`: 40 random bits.
#[must_use]
pub fn new_code() -> String {
    let number = random::<5>()
        .iter()
        .fold(0_u64, |sum, byte| (sum << 8) | u64::from(*byte));
    let digit = |place: u32| {
        let index = usize::try_from((number >> (place * 5)) & 31).unwrap_or(0);
        char::from(CROCKFORD.get(index).copied().unwrap_or(b'0'))
    };
    let letters: String = (0..8).rev().map(digit).collect();
    let (left, right) = letters.split_at(4);
    format!("{left}-{right}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::sync::message::normal_code;

    #[test]
    fn a_fresh_code_reads_back_as_it_is_written() {
        let code = new_code();
        assert_eq!((code.len(), code.find('-')), (9, Some(4)));
        assert_eq!(
            normal_code(&code.to_lowercase()),
            Some(code.replace('-', ""))
        );
    }

    #[test]
    fn hashes_compare_by_all_their_bytes() {
        let (a, mut b) = (hash(b"a"), hash(b"a"));
        assert!(same(&a, &b));
        b[31] ^= 1;
        assert!(!same(&a, &b));
    }
}
