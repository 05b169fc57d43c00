//! Numbers and bytes on the wire: the shortest form of each, read back with bounds.

/// The bytes end too early, or a number is longer than it may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Short;

/// Writes fields one after the other.
#[derive(Debug, Default)]
pub(super) struct Writer {
    pub(super) bytes: Vec<u8>,
}

impl Writer {
    /// Seven bits a byte, the lowest first.
    pub(super) fn number(&mut self, mut value: u64) {
        loop {
            let low = u8::try_from(value & 0x7f).unwrap_or(0);
            value >>= 7;
            if value == 0 {
                self.bytes.push(low);
                return;
            }
            self.bytes.push(low | 0x80);
        }
    }

    /// A number that may be negative, small where it is near zero.
    pub(super) fn signed(&mut self, value: i64) {
        self.number(((value << 1) ^ (value >> 63)).cast_unsigned());
    }

    /// A count.
    pub(super) fn count(&mut self, count: usize) {
        self.number(u64::try_from(count).unwrap_or(u64::MAX));
    }

    /// Bytes of a length that the reader knows.
    pub(super) fn raw(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Bytes after their length.
    pub(super) fn block(&mut self, bytes: &[u8]) {
        self.count(bytes.len());
        self.raw(bytes);
    }
}

/// Reads fields one after the other.
#[derive(Debug, Clone)]
pub(super) struct Reader<'a> {
    pub(super) rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn number(&mut self) -> Result<u64, Short> {
        let mut value = 0_u64;
        for shift in (0..70).step_by(7) {
            let [byte] = self.array()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                return Err(Short);
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Short)
    }

    pub(super) fn signed(&mut self) -> Result<i64, Short> {
        let value = self.number()?;
        Ok((value >> 1).cast_signed() ^ -(value & 1).cast_signed())
    }

    pub(super) fn count(&mut self) -> Result<usize, Short> {
        usize::try_from(self.number()?).map_err(|_| Short)
    }

    pub(super) fn raw(&mut self, len: usize) -> Result<&'a [u8], Short> {
        let (head, rest) = self.rest.split_at_checked(len).ok_or(Short)?;
        self.rest = rest;
        Ok(head)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Short> {
        self.raw(N)?.try_into().map_err(|_| Short)
    }

    pub(super) fn block(&mut self) -> Result<&'a [u8], Short> {
        let len = self.count()?;
        self.raw(len)
    }
}

/// Many bytes as a field of a message: written as ever, but not one by one.
pub(super) mod block {
    use serde::{Deserialize as _, Deserializer, Serializer};

    pub(in crate::sync) fn serialize<S: Serializer>(
        bytes: &[u8],
        out: S,
    ) -> Result<S::Ok, S::Error> {
        out.serialize_bytes(bytes)
    }

    pub(in crate::sync) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Vec<u8>, D::Error> {
        <&[u8]>::deserialize(from).map(<[u8]>::to_vec)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_written_as_its_bytes_one_by_one_would_be() {
        #[derive(serde::Serialize, serde::Deserialize)]
        struct Fields(#[serde(with = "block")] Vec<u8>, u8);
        for len in [0, 1, 127, 128, 70_000] {
            let bytes: Vec<u8> = (0..=u8::MAX).cycle().take(len).collect();
            let written = postcard::to_allocvec(&Fields(bytes.clone(), 7)).expect("writes");
            assert_eq!(Ok(written.clone()), postcard::to_allocvec(&(&bytes, 7_u8)));
            let Fields(read, after) = postcard::from_bytes(&written).expect("reads");
            assert_eq!((read, after), (bytes, 7));
            let cut = written.get(..len).unwrap_or_default();
            assert!(postcard::from_bytes::<Fields>(cut).is_err());
        }
    }

    #[test]
    fn numbers_read_back_and_short_ones_are_short() {
        for value in [0, 1, 127, 128, 300, u64::from(u32::MAX), u64::MAX] {
            let mut writer = Writer::default();
            writer.number(value);
            assert_eq!(
                Reader {
                    rest: &writer.bytes
                }
                .number(),
                Ok(value)
            );
        }
        for value in [0, -1, 63, -64, 64, i64::MIN, i64::MAX] {
            let mut writer = Writer::default();
            writer.signed(value);
            assert_eq!(
                Reader {
                    rest: &writer.bytes
                }
                .signed(),
                Ok(value)
            );
            assert_eq!(writer.bytes.len() == 1, (-64..64).contains(&value));
        }
        assert_eq!(Reader { rest: &[0x80; 9] }.number(), Err(Short));
        assert_eq!(Reader { rest: &[0xff; 12] }.number(), Err(Short));
    }
}
