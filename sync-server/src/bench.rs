//! The bench station: on loopback alone, any device may join it with one fixed code.
//!
//! For benchmarks and load tests, where nobody is there to hand out invitations.

use domain::id::PersonId;
use domain::sync::message::{CODE_CHARS_MAX, normal_code};

use crate::store::org::{self, Org, OrgError, PersonLine, UnitLine};
use crate::store::{Store, StoreError};

/// Who every device of the bench station belongs to that joins with the code itself.
pub const PERSON: &str = "bench";
/// Who a device belongs to that joins with [`COLLEAGUE_MARK`] after the code: the same work, another name.
pub const COLLEAGUE: &str = "bench-colleague";
/// What stands after the code for a device of the colleague's.
pub const COLLEAGUE_MARK: &str = "-2";
/// The code of its grid.
pub const GRID: &str = "bench-grid";

/// Why the bench station cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// Its units do not fit to those that are there.
    #[error(transparent)]
    Org(#[from] OrgError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The database failed.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
}

/// Makes the station, its grid and its two people.
///
/// # Errors
/// When the database fails or holds other units with the same codes.
pub async fn seed(store: &Store) -> Result<(), BenchError> {
    let mut write = store.begin().await?;
    org::put(&mut write, &station()).await?;
    write.commit().await?;
    Ok(())
}

/// The person that a device joins as with the code itself.
#[must_use]
pub fn person() -> Option<PersonId> {
    PERSON.parse().ok()
}

/// The person that a device joins as with a code; none where it is not the fixed one. A device sends no
/// more than so many characters.
#[must_use]
pub fn joins_as(fixed: Option<&str>, typed: &str) -> Option<PersonId> {
    let fixed = fixed.filter(|fixed| !fixed.is_empty())?;
    let is = |code: &str, typed: &str| {
        let sent: String = code.chars().take(CODE_CHARS_MAX).collect();
        let same = normal_code(code).is_some_and(|code| normal_code(typed) == Some(code));
        sent == typed || same
    };
    let person = if is(fixed, typed) {
        PERSON
    } else if is(fixed, typed.strip_suffix(COLLEAGUE_MARK)?) {
        COLLEAGUE
    } else {
        return None;
    };
    person.parse().ok()
}

fn station() -> Org {
    let unit = |id: &str, level, parent: Option<&str>| {
        Some(UnitLine {
            id: id.parse().ok()?,
            level,
            name: id.to_owned(),
            parent: parent.and_then(|parent| parent.parse().ok()),
            village_code: (level == 5).then(|| "bench".to_owned()),
            village: (level == 5).then(|| "bench".to_owned()),
        })
    };
    let units = [
        unit("bench-city", 1, None),
        unit("bench-district", 2, Some("bench-city")),
        unit("bench-station", 3, Some("bench-district")),
        unit(GRID, 5, Some("bench-station")),
    ];
    let people = [PERSON, COLLEAGUE].map(|name| {
        let id = name.parse().ok()?;
        Some(PersonLine {
            id,
            name: name.to_owned(),
            roles: vec!["aux_officer".to_owned(), "mediator".to_owned()],
            units: GRID.parse().into_iter().collect(),
        })
    });
    Org {
        units: units.into_iter().flatten().collect(),
        people: people.into_iter().flatten().collect(),
        checkpoints: Vec::new(),
    }
}
