//! The browser's side of crashes: they are counted in its settings, outside the database.

use domain::id::RecordId;
use domain::replica::attempts::Attempts;

/// Where they are kept.
const KEY: &str = "fengge.attempts";

/// What is remembered.
#[must_use]
pub fn attempts() -> Attempts {
    super::setting(KEY).map_or_else(Attempts::default, |text| Attempts::read(&text))
}

fn keep(attempts: &Attempts) {
    super::keep_setting(KEY, &attempts.to_string());
}

/// The app has crashed.
pub fn crashed() {
    keep(&attempts().crashed());
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
