//! The bench station: on loopback alone, any device may join it with one fixed code.
//!
//! For benchmarks and load tests, where nobody is there to hand out invitations.

use domain::id::PersonId;
use domain::sync::message::{CODE_CHARS_MAX, normal_code};

use crate::store::org::{self, Org, OrgError, PersonLine, UnitLine};
use crate::store::{Store, StoreError};

/// Who every device of the bench station belongs to.
pub const PERSON: &str = "bench";
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

/// Makes the station, its grid and its one person.
///
/// # Errors
/// When the database fails or holds other units with the same codes.
pub async fn seed(store: &Store) -> Result<(), BenchError> {
    let mut write = store.begin().await?;
    org::put(&mut write, &station()).await?;
    write.commit().await?;
    Ok(())
}

/// Whether a typed code is the fixed one; a device sends no more than so many characters.
#[must_use]
pub fn is_code(fixed: Option<&str>, typed: &str) -> bool {
    fixed.is_some_and(|fixed| {
        let sent: String = fixed.chars().take(CODE_CHARS_MAX).collect();
        let same = normal_code(fixed).is_some_and(|code| normal_code(typed) == Some(code));
        !sent.is_empty() && (sent == typed || same)
    })
}

/// The person that a device joins as.
#[must_use]
pub fn person() -> Option<PersonId> {
    PERSON.parse().ok()
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
    let person = person().map(|id| PersonLine {
        id,
        name: PERSON.to_owned(),
        roles: vec!["aux_officer".to_owned(), "mediator".to_owned()],
        units: GRID.parse().into_iter().collect(),
    });
    Org {
        units: units.into_iter().flatten().collect(),
        people: person.into_iter().collect(),
        checkpoints: Vec::new(),
    }
}
