//! People: adding and listing.

use std::io::Write;

use clap::Subcommand;
use domain::id::{PersonId, UnitId};
use domain::unit::Role;

use super::AdminError;
use crate::store::org::{self, PersonLine};
use crate::store::{Store, device};

/// What to do with people.
#[derive(Debug, Clone, Subcommand)]
pub enum PersonAction {
    /// Adds or replaces a person.
    Add {
        /// The person's code.
        #[arg(long)]
        id: PersonId,
        /// The name on the roster.
        #[arg(long)]
        name: String,
        /// Role; may be given several times.
        #[arg(long = "role", required = true)]
        roles: Vec<String>,
        /// Own grid, station or top unit; may be given several times.
        #[arg(long = "unit", required = true)]
        units: Vec<UnitId>,
    },
    /// Lists all people.
    List,
}

/// Does it.
pub(super) async fn people(
    store: &Store,
    action: PersonAction,
    out: &mut impl Write,
) -> Result<(), AdminError> {
    let mut write = store.begin().await?;
    match action {
        PersonAction::Add {
            id,
            name,
            roles,
            units,
        } => {
            let line = PersonLine {
                id,
                name,
                roles,
                units,
            };
            org::put_person(&mut write, &line).await?;
            write.commit().await?;
            writeln!(out, "person {} is there", line.id)?;
        }
        PersonAction::List => {
            for (member, active) in org::people(&mut write).await? {
                let roles = member.roles.iter().map(|role| Role::code(*role));
                let roles = roles.collect::<Vec<_>>().join(",");
                let units = member
                    .units
                    .iter()
                    .map(UnitId::as_str)
                    .collect::<Vec<_>>()
                    .join(",");
                let state = if active { "active" } else { "inactive" };
                writeln!(
                    out,
                    "{}\t{}\t{roles}\t{units}\t{state}",
                    member.person, member.name
                )?;
                for one in device::of_person(&mut write, &member.person).await? {
                    let state = if one.revoked { "revoked" } else { "joined" };
                    let seen = one.last_seen.to_local_text();
                    let copied = one.forked_at.map_or_else(String::new, |at| {
                        format!("\tcopied to another phone, noticed {}", at.to_local_text())
                    });
                    let id = one.id.hex();
                    writeln!(out, "\tdevice {id}\tlast seen {seen}\t{state}{copied}")?;
                }
            }
        }
    }
    Ok(())
}
