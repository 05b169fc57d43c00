//! Numbers and pieces from the front of a change's bytes, each in the only form that is written.

use super::DecodeError;
use crate::id::ActorKey;

/// The bytes that were not read yet.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a> {
    pub(super) rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) const fn new(rest: &'a [u8]) -> Self {
        Self { rest }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(super) fn take(&mut self, len: usize) -> Result<&'a [u8], DecodeError> {
        let (head, rest) = self
            .rest
            .split_at_checked(len)
            .ok_or(DecodeError::Malformed)?;
        self.rest = rest;
        Ok(head)
    }

    /// As many bytes as a number that was read says.
    pub(super) fn take_counted(&mut self, len: u64) -> Result<&'a [u8], DecodeError> {
        self.take(usize::try_from(len).map_err(|_| DecodeError::Malformed)?)
    }

    pub(super) fn byte(&mut self) -> Result<u8, DecodeError> {
        let (first, rest) = self.rest.split_first().ok_or(DecodeError::Malformed)?;
        self.rest = rest;
        Ok(*first)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        self.take(N)?.try_into().map_err(|_| DecodeError::Malformed)
    }

    /// An unsigned LEB128 number in as few bytes as it needs.
    pub(super) fn unsigned(&mut self) -> Result<u64, DecodeError> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                return Err(DecodeError::Bounds);
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return if byte == 0 && shift > 0 {
                    Err(DecodeError::Malformed)
                } else {
                    Ok(value)
                };
            }
        }
        Err(DecodeError::Bounds)
    }

    /// A signed LEB128 number in as few bytes as it needs.
    pub(super) fn signed(&mut self) -> Result<i64, DecodeError> {
        let mut value = 0_i64;
        let mut before = 0_u8;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            if shift == 63 && byte != 0 && byte != 0x7f {
                return Err(DecodeError::Bounds);
            }
            value |= i64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                // The sixth bit of the last byte is the sign of all that lie above it.
                let negative = byte & 0x40 != 0;
                let repeats = byte == if before & 0x40 == 0 { 0 } else { 0x7f };
                if shift > 0 && repeats {
                    return Err(DecodeError::Malformed);
                }
                return Ok(if negative && shift < 57 {
                    value | (-1_i64 << (shift + 7))
                } else {
                    value
                });
            }
            before = byte;
        }
        Err(DecodeError::Bounds)
    }

    pub(super) fn count(&mut self, max: u64) -> Result<u64, DecodeError> {
        let count = self.unsigned()?;
        if count > max {
            Err(DecodeError::Bounds)
        } else {
            Ok(count)
        }
    }

    pub(super) fn actor(&mut self) -> Result<ActorKey, DecodeError> {
        if self.unsigned()? != 8 {
            return Err(DecodeError::Actor);
        }
        self.array().map(ActorKey)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unsigned(bytes: &[u8]) -> Result<u64, DecodeError> {
        Reader::new(bytes).unsigned()
    }

    fn signed(bytes: &[u8]) -> Result<i64, DecodeError> {
        Reader::new(bytes).signed()
    }

    #[test]
    fn numbers_are_read_up_to_64_bits() {
        assert_eq!(unsigned(&[0]), Ok(0));
        assert_eq!(unsigned(&[0xff, 0x7f]), Ok(16_383));
        let mut most = [0xff; 10];
        most[9] = 1;
        assert_eq!(unsigned(&most), Ok(u64::MAX));
        assert_eq!(signed(&[0x40]), Ok(-64));
        assert_eq!(signed(&[0x80, 0x40]), Ok(-8192));
        most[9] = 0;
        assert_eq!(signed(&most), Ok(i64::MAX));
        let mut least = [0x80; 10];
        least[9] = 0x7f;
        assert_eq!(signed(&least), Ok(i64::MIN));
        let mut nine = [0x80; 9];
        nine[8] = 0x40;
        assert_eq!(signed(&nine), Ok(-1 << 62));
    }

    #[test]
    fn longer_forms_and_larger_numbers_are_refused() {
        assert_eq!(unsigned(&[0x81, 0]), Err(DecodeError::Malformed));
        assert_eq!(signed(&[0xbf, 0]), Err(DecodeError::Malformed));
        assert_eq!(signed(&[0x81, 0xff, 0x7f]), Err(DecodeError::Malformed));
        assert_eq!(unsigned(&[0xff; 11]), Err(DecodeError::Bounds));
        let mut over = [0xff; 10];
        over[9] = 2;
        assert_eq!(unsigned(&over), Err(DecodeError::Bounds));
        assert_eq!(signed(&over), Err(DecodeError::Bounds));
        assert_eq!(unsigned(&[0x80]), Err(DecodeError::Malformed));
    }
}
