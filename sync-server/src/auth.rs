//! Who a device is: random secrets, their hashes, invitation codes, and the brake on guessing.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use sha2::{Digest, Sha256};

use crate::error::ApiError;
use crate::limits;

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

/// Counts failed attempts to join, by address and in all, within a window of time.
#[derive(Debug, Default)]
pub struct JoinBrake(Mutex<Failures>);

#[derive(Debug, Default)]
struct Failures {
    since: Option<Instant>,
    total: u32,
    by_ip: BTreeMap<IpAddr, u32>,
}

impl JoinBrake {
    /// Whether this address may try.
    ///
    /// # Errors
    /// When it, or everybody together, failed too often.
    pub fn check(&self, ip: IpAddr) -> Result<(), ApiError> {
        let failures = self.current();
        let of_ip = failures.by_ip.get(&ip).copied().unwrap_or(0);
        if of_ip >= limits::JOIN_FAILURES_PER_IP_MAX || failures.total >= limits::JOIN_FAILURES_MAX
        {
            return Err(ApiError::TooMany);
        }
        Ok(())
    }

    /// Counts a failure.
    pub fn count(&self, ip: IpAddr) {
        let mut failures = self.current();
        failures.total = failures.total.saturating_add(1);
        if failures.by_ip.len() < limits::JOIN_ADDRESSES_MAX || failures.by_ip.contains_key(&ip) {
            let of_ip = failures.by_ip.entry(ip).or_default();
            *of_ip = of_ip.saturating_add(1);
        }
    }

    fn current(&self) -> std::sync::MutexGuard<'_, Failures> {
        let mut failures = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let over = failures
            .since
            .is_none_or(|since| since.elapsed() > limits::JOIN_WINDOW);
        if over {
            *failures = Failures {
                since: Some(Instant::now()),
                ..Failures::default()
            };
        }
        failures
    }
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
    fn too_many_wrong_codes_stop_one_address_and_not_its_neighbour() {
        let brake = JoinBrake::default();
        let (wrong, honest) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        for _ in 0..limits::JOIN_FAILURES_PER_IP_MAX {
            assert!(brake.check(wrong).is_ok());
            brake.count(wrong);
        }
        assert!(matches!(brake.check(wrong), Err(ApiError::TooMany)));
        assert!(brake.check(honest).is_ok());
    }

    #[test]
    fn hashes_compare_by_all_their_bytes() {
        let (a, mut b) = (hash(b"a"), hash(b"a"));
        assert!(same(&a, &b));
        b[31] ^= 1;
        assert!(!same(&a, &b));
    }
}
