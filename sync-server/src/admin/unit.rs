//! Units: adding, retiring and listing.

use std::io::Write;

use clap::Subcommand;
use domain::id::UnitId;

use super::AdminError;
use crate::store::org::{self, UnitLine};
use crate::store::{Store, retire};

/// What to do with units.
#[derive(Debug, Clone, Subcommand)]
pub enum UnitAction {
    /// Adds or replaces a unit.
    Add {
        /// Its code.
        #[arg(long)]
        id: UnitId,
        /// 1 city, 2 district, 3 station, 4 post, 5 grid.
        #[arg(long)]
        level: u8,
        /// Its name.
        #[arg(long)]
        name: String,
        /// The unit above it.
        #[arg(long)]
        parent: Option<UnitId>,
        /// Of a grid: code of its village.
        #[arg(long)]
        village_code: Option<String>,
        /// Of a grid: name of its village.
        #[arg(long)]
        village: Option<String>,
    },
    /// Retires a unit: nobody sees or writes its records any more; `add` brings it back.
    Retire {
        /// Its code.
        #[arg(long)]
        id: UnitId,
        /// With all units below it, and whoever then has no unit.
        #[arg(long)]
        with_all_below: bool,
    },
    /// Lists all units.
    List,
}

/// Does it.
pub(super) async fn unit(
    store: &Store,
    action: UnitAction,
    out: &mut impl Write,
) -> Result<(), AdminError> {
    let mut write = store.begin().await?;
    match action {
        UnitAction::Add {
            id,
            level,
            name,
            parent,
            village_code,
            village,
        } => {
            let line = UnitLine {
                id,
                level,
                name,
                parent,
                village_code,
                village,
            };
            org::put_unit(&mut write, &line).await?;
            write.commit().await?;
            writeln!(out, "unit {} is there", line.id)?;
        }
        UnitAction::Retire { id, with_all_below } => {
            let now = crate::clock::now();
            let retired = retire::unit(&mut write, &id, with_all_below, now).await?;
            write.commit().await?;
            for unit in retired.units {
                writeln!(out, "unit {unit} is retired")?;
            }
            for person in retired.people {
                writeln!(
                    out,
                    "person {person} is retired: the devices are refused from now on"
                )?;
            }
        }
        UnitAction::List => {
            for unit in org::units(&mut write).await? {
                let parent = unit.parent.map_or_else(|| "-".to_owned(), String::from);
                let village = unit.village.unwrap_or_default();
                let (level, id, name) = (unit.level.code(), unit.id, unit.name);
                writeln!(out, "{level}\t{id}\t{parent}\t{name}\t{village}")?;
            }
        }
    }
    Ok(())
}
