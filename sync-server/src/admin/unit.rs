//! Units: adding and listing.

use std::io::Write;

use clap::Subcommand;
use domain::id::UnitId;

use super::AdminError;
use crate::store::Store;
use crate::store::org::{self, UnitLine};

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
