//! The browser's side of crashes: they are counted in its settings, outside the database.

use domain::id::RecordId;
use domain::replica::attempts::{Attempts, CRASHES_MAX};

/// Where they are kept.
const KEY: &str = "fengge.attempts";
/// Where `public/start.js` notes that the app has stopped.
const STOPS: &str = "fengge.stops";

/// What is remembered.
#[must_use]
pub fn attempts() -> Attempts {
    super::setting(KEY).map_or_else(Attempts::default, |text| Attempts::read(&text))
}

fn keep(attempts: &Attempts) {
    super::keep_setting(KEY, &attempts.to_string());
}

/// Counts the stops of earlier starts, which the page noted where the app no longer could.
pub fn count_stops() {
    let noted = super::setting(STOPS).and_then(|text| text.parse().ok());
    let stops: u32 = noted.unwrap_or(0).min(CRASHES_MAX);
    if stops > 0 {
        let counted = (0..stops).fold(attempts(), |attempts, _| attempts.crashed());
        keep(&counted);
        super::keep_setting(STOPS, "0");
    }
}

/// The app runs well.
pub fn ran_well() {
    let now = attempts();
    let well = now.clone().ran_well();
    if now != well {
        keep(&well);
    }
}

/// Runs `work` on a record, so that a crash in it can be laid to the record.
pub fn reading<T>(id: RecordId, work: impl FnOnce() -> T) -> T {
    let before = attempts();
    keep(&Attempts {
        reading: Some(id),
        ..before.clone()
    });
    let done = work();
    keep(&before);
    done
}

/// Whether a record is left alone.
#[must_use]
pub fn is_shunned(id: RecordId) -> bool {
    attempts().shunned.contains(&id)
}

/// Somebody wants to try a record again.
pub fn forgive(id: RecordId) {
    keep(&attempts().forgive(id));
}
