//! People: adding, retiring and listing.

use std::io::Write;

use clap::Subcommand;
use domain::id::{PersonId, UnitId};
use domain::unit::Role;

use super::{AdminError, device};
use crate::store::org::{self, PersonLine};
use crate::store::{Store, retire};

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
    /// Refuses a person's devices from now on and cancels the open invitations; `add` brings the person
    /// back.
    Retire {
        /// The person's code.
        #[arg(long)]
        id: PersonId,
    },
    /// Lists all people with their devices.
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
        PersonAction::Retire { id } => {
            let cancelled = retire::person(&mut write, &id, crate::clock::now()).await?;
            write.commit().await?;
            writeln!(
                out,
                "person {id} is retired: the devices are refused from now on"
            )?;
            if cancelled > 0 {
                writeln!(out, "{cancelled} open invitations of {id} are cancelled")?;
            }
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
                let state = if active { "active" } else { "retired" };
                writeln!(
                    out,
                    "{}\t{}\t{roles}\t{units}\t{state}",
                    member.person, member.name
                )?;
                device::list(&mut write, Some(&member.person), out).await?;
            }
        }
    }
    Ok(())
}
