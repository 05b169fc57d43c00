//! One column of a change: runs of equal values, of different values and of nothing.
//!
//! A run is one count and never expanded, so 10^18 values cost no more than one. Only the form that
//! the merge library itself writes is taken: it writes columns anew when it saves a document, and a
//! change in another form would then have another hash and could never be loaded again.

use super::DecodeError;
use super::reader::Reader;

/// A kind of value in a column.
pub(super) trait Item<'a>: Copy + PartialEq {
    fn read(reader: &mut Reader<'a>) -> Result<Self, DecodeError>;
}

impl<'a> Item<'a> for u64 {
    fn read(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        reader.unsigned()
    }
}

impl<'a> Item<'a> for i64 {
    fn read(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        reader.signed()
    }
}

impl<'a> Item<'a> for &'a str {
    fn read(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let len = reader.unsigned()?;
        let bytes = reader.take_counted(len)?;
        core::str::from_utf8(bytes).map_err(|_| DecodeError::Malformed)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Run {
    Start,
    Equal,
    Different,
    Nothing,
}

/// The values of a column, one after the other.
#[derive(Debug, Clone)]
pub(super) struct Runs<'a, T> {
    reader: Reader<'a>,
    run: Run,
    left: u64,
    /// The last value; none after a run of nothing.
    last: Option<T>,
    /// Whether any value came: a column of nothing is not written at all.
    any: bool,
}

impl<'a, T: Item<'a>> Runs<'a, T> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self {
            reader: Reader::new(bytes),
            run: Run::Start,
            left: 0,
            last: None,
            any: false,
        }
    }

    /// How many values the column holds, if there are at most `max`.
    pub(super) fn count(mut self, max: u64) -> Result<u64, DecodeError> {
        let mut count = 0_u64;
        while !self.reader.is_empty() {
            self.begin()?;
            count = count.saturating_add(self.left);
            if count > max {
                return Err(DecodeError::Bounds);
            }
            // Values that all differ are there byte for byte, at most `max` of them.
            while self.left > 0 && self.run == Run::Different {
                self.step()?;
            }
            self.left = 0;
        }
        Ok(count)
    }

    /// The next value, or that there is nothing in its place.
    pub(super) fn next(&mut self) -> Result<Option<T>, DecodeError> {
        if self.left == 0 {
            self.begin()?;
        }
        self.step()
    }

    /// The next value.
    pub(super) fn value(&mut self) -> Result<T, DecodeError> {
        self.next()?.ok_or(DecodeError::Malformed)
    }

    /// Whether the column is not there.
    pub(super) const fn is_absent(&self) -> bool {
        matches!(self.run, Run::Start) && self.reader.is_empty()
    }

    /// That nothing is left over.
    pub(super) const fn end(&self) -> Result<(), DecodeError> {
        if self.left > 0
            || !self.reader.is_empty()
            || (!self.any && !matches!(self.run, Run::Start))
        {
            Err(DecodeError::Malformed)
        } else {
            Ok(())
        }
    }

    fn begin(&mut self) -> Result<(), DecodeError> {
        let count = self.reader.signed()?;
        let run = match count {
            2.. => Run::Equal,
            ..0 => Run::Different,
            0 => Run::Nothing,
            1 => return Err(DecodeError::Malformed),
        };
        // Two runs of different values, or of nothing, would have been written as one.
        if run == self.run && run != Run::Equal {
            return Err(DecodeError::Malformed);
        }
        self.run = run;
        self.left = count.unsigned_abs();
        match run {
            Run::Equal => {
                let value = T::read(&mut self.reader)?;
                self.differs(value)?;
            }
            Run::Nothing => {
                self.left = self.reader.unsigned()?;
                self.last = None;
                if self.left == 0 {
                    return Err(DecodeError::Malformed);
                }
            }
            Run::Start | Run::Different => {}
        }
        Ok(())
    }

    fn step(&mut self) -> Result<Option<T>, DecodeError> {
        self.left = self.left.checked_sub(1).ok_or(DecodeError::Malformed)?;
        if self.run == Run::Different {
            let value = T::read(&mut self.reader)?;
            self.differs(value)?;
        }
        Ok(self.last)
    }

    fn differs(&mut self, value: T) -> Result<(), DecodeError> {
        if self.last == Some(value) {
            return Err(DecodeError::Malformed);
        }
        self.last = Some(value);
        self.any = true;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(bytes: &[u8]) -> Result<Vec<Option<u64>>, DecodeError> {
        let mut runs = Runs::<u64>::new(bytes);
        let mut values = Vec::new();
        while runs.left > 0 || !runs.reader.is_empty() {
            values.push(runs.next()?);
        }
        runs.end()?;
        Ok(values)
    }

    #[test]
    fn runs_of_all_kinds_are_read() {
        let bytes = [3, 7, 0, 2, 0x7e, 1, 2, 2, 5];
        let seven = Some(7);
        assert_eq!(
            all(&bytes),
            Ok(vec![
                seven,
                seven,
                seven,
                None,
                None,
                Some(1),
                Some(2),
                Some(5),
                Some(5)
            ])
        );
        assert_eq!(Runs::<u64>::new(&bytes).count(9), Ok(9));
        assert_eq!(Runs::<u64>::new(&bytes).count(8), Err(DecodeError::Bounds));
    }

    #[test]
    fn every_other_form_of_the_same_values_is_refused() {
        let forms: [&[u8]; 9] = [
            &[1, 7],
            &[2, 7, 2, 7],
            &[0x7e, 7, 7],
            &[0x7f, 7, 0x7f, 8],
            &[0x7f, 7, 2, 7],
            &[2, 7, 0x7f, 7],
            &[0, 1, 0, 1, 0x7f, 1],
            &[0, 3],
            &[0, 0, 0x7f, 1],
        ];
        for form in forms {
            assert_eq!(all(form), Err(DecodeError::Malformed), "{form:?}");
        }
    }

    #[test]
    fn counting_a_long_run_takes_no_longer_than_a_short_one() {
        let million_million_million = [0x80, 0x80, 0x90, 0xbb, 0xba, 0xd6, 0xad, 0xf0, 0x0d, 7];
        let runs = Runs::<u64>::new(&million_million_million);
        assert_eq!(runs.clone().count(u64::MAX), Ok(1_000_000_000_000_000_000));
        assert_eq!(runs.count(2_000), Err(DecodeError::Bounds));
    }
}
