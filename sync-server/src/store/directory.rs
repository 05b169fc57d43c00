//! The directory of one person: who and where, as far as a device needs it.

use std::collections::BTreeSet;

use domain::access::{self, Reach};
use domain::id::UnitId;
use domain::unit::{Checkpoint, Colleague, Directory, Grid, Level, Member, Unit};
use sqlx::{Row, SqliteConnection};

use super::org::{code, grids_of, people, unit};
use crate::limits;

/// Who and where, as far as this person's device needs it.
///
/// # Errors
/// When the database fails or the person has no unit.
pub async fn of(
    db: &mut SqliteConnection,
    me: Member,
    demo: bool,
) -> Result<Directory, sqlx::Error> {
    let mut grids = grids_of(db, &me).await?;
    let home = home(db, &me, &grids).await?;
    if access::reach(&me) != Reach::Documents {
        // Who sees no case needs no colleagues; a city's grids would not fit into a message.
        grids.truncate(limits::SUPERVISOR_GRIDS_MAX);
        return Ok(Directory {
            me,
            home,
            grids,
            checkpoints: vec![],
            colleagues: vec![],
            demo,
        });
    }
    let checkpoints = checkpoints(db, &grids).await?;
    let colleagues = colleagues(db, &me, &grids).await?;
    Ok(Directory {
        me,
        home,
        grids,
        checkpoints,
        colleagues,
        demo,
    })
}

/// The station of an officer and of its staff; the top unit of everybody else.
async fn home(db: &mut SqliteConnection, me: &Member, grids: &[Grid]) -> Result<Unit, sqlx::Error> {
    let mut found = None;
    for id in &me.units {
        let row =
            sqlx::query("SELECT id, level, name, parent, village_name FROM unit WHERE id = ?")
                .bind(id.as_str())
                .fetch_one(&mut *db)
                .await?;
        let one = unit(&row)?;
        let higher = found
            .as_ref()
            .is_none_or(|best: &Unit| one.level < best.level);
        if higher {
            found = Some(one);
        }
    }
    let top = found.ok_or(sqlx::Error::RowNotFound)?;
    let (true, Some(grid)) = (top.level > Level::Station, grids.first()) else {
        return Ok(top);
    };
    let row = sqlx::query("SELECT id, level, name, parent, village_name FROM unit WHERE id = ?")
        .bind(grid.station.as_str())
        .fetch_one(db)
        .await?;
    unit(&row)
}

async fn checkpoints(
    db: &mut SqliteConnection,
    grids: &[Grid],
) -> Result<Vec<Checkpoint>, sqlx::Error> {
    let mine: BTreeSet<&str> = grids.iter().map(|grid| grid.id.as_str()).collect();
    let rows =
        sqlx::query("SELECT id, unit, name, kind FROM checkpoint WHERE active = 1 ORDER BY id")
            .fetch_all(db)
            .await?;
    rows.iter()
        .filter(|row| {
            row.try_get::<&str, _>(1)
                .is_ok_and(|unit| mine.contains(unit))
        })
        .map(|row| {
            Ok(Checkpoint {
                id: code(row, 0)?,
                grid: code(row, 1)?,
                name: row.try_get(2)?,
                kind: row.try_get(3)?,
            })
        })
        .collect()
}

/// People of the same grids, posts and stations.
async fn colleagues(
    db: &mut SqliteConnection,
    me: &Member,
    grids: &[Grid],
) -> Result<Vec<Colleague>, sqlx::Error> {
    let near: BTreeSet<&UnitId> = grids
        .iter()
        .flat_map(|grid| [&grid.id, &grid.station])
        .chain(&me.units)
        .collect();
    let all = people(db).await?;
    let found = all
        .into_iter()
        .map(|(member, _)| member)
        .filter(|member| member.units.iter().any(|unit| near.contains(unit)))
        .filter_map(|member| {
            let role = member.roles.first().copied()?;
            Some(Colleague {
                person: member.person,
                name: member.name,
                role,
            })
        })
        .collect();
    Ok(found)
}
