//! Starts that ended in a crash: what was being read then is left alone, and after some in a row the
//! app starts without reading any record.
//!
//! Kept outside the store, as text, since the store may hold what the app crashes on.

use std::collections::BTreeSet;

use crate::id::RecordId;

/// So many crashes in a row, and the next start reads no record.
pub const CRASHES_MAX: u32 = 3;
/// The most records that are left alone; the oldest ids give way.
const SHUNNED_MAX: usize = 20;

/// What is remembered of the starts before this one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Attempts {
    /// Crashes since the app last ran well.
    pub crashes: u32,
    /// The record that is being read now.
    pub reading: Option<RecordId>,
    /// The app crashed while it read these.
    pub shunned: BTreeSet<RecordId>,
}

impl core::fmt::Display for Attempts {
    fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(out, "{} ", self.crashes)?;
        match self.reading {
            Some(id) => write!(out, "{id}")?,
            None => out.write_str("-")?,
        }
        self.shunned.iter().try_for_each(|id| write!(out, " {id}"))
    }
}

impl Attempts {
    /// Reads the text; nonsense is as if nothing had happened.
    #[must_use]
    pub fn read(text: &str) -> Self {
        let mut words = text.split(' ');
        let crashes = words.next().and_then(|word| word.parse().ok()).unwrap_or(0);
        let reading = words.next().and_then(|word| word.parse().ok());
        let shunned = words.filter_map(|word| word.parse().ok());
        Self {
            crashes,
            reading,
            shunned: shunned.take(SHUNNED_MAX).collect(),
        }
    }

    /// The app has crashed: what it was reading is left alone from now on.
    #[must_use]
    pub fn crashed(mut self) -> Self {
        self.crashes = self.crashes.saturating_add(1);
        self.shunned.extend(self.reading.take());
        while self.shunned.len() > SHUNNED_MAX {
            self.shunned.pop_first();
        }
        self
    }

    /// Whether this start reads no record.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.crashes >= CRASHES_MAX
    }

    /// The app has run for a while without a crash.
    #[must_use]
    pub fn ran_well(mut self) -> Self {
        self.crashes = 0;
        self.reading = None;
        self
    }

    /// Somebody wants to try a record again.
    #[must_use]
    pub fn forgive(mut self, id: RecordId) -> Self {
        self.shunned.remove(&id);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u8) -> RecordId {
        RecordId::from_bytes([n; 16])
    }

    #[test]
    fn dm4_f18_what_was_read_at_a_crash_is_left_alone_and_the_third_start_reads_nothing() {
        let mut attempts = Attempts::default();
        for n in 1..=3 {
            assert!(!attempts.is_plain());
            attempts.reading = Some(id(n));
            attempts = Attempts::read(&attempts.crashed().to_string());
            assert_eq!(attempts.reading, None);
            assert!(attempts.shunned.contains(&id(n)));
        }
        assert!(attempts.is_plain());
        let well = attempts.ran_well();
        assert!(!well.is_plain() && well.shunned.len() == 3);
        assert!(!well.forgive(id(1)).shunned.contains(&id(1)));
    }

    #[test]
    fn dm4_nonsense_is_as_if_nothing_had_happened() {
        for text in ["", "x", "- - -", "0 - zzz"] {
            assert_eq!(Attempts::read(text), Attempts::default(), "{text}");
        }
        let many = (0..40).fold(Attempts::default(), |attempts, n| {
            let reading = Some(id(n));
            Attempts {
                reading,
                ..attempts
            }
            .crashed()
        });
        assert_eq!(many.shunned.len(), SHUNNED_MAX);
    }
}
