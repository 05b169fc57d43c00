//! A form that comes a second time: what says the same is nothing to write, and nothing is ever
//! written over a record that says something else.

use super::import::NamedField;
use super::{Beginning, Context, Current, Denial, Plan, import};
use crate::document::{Edit, Tree, Value};
use crate::id::{Part, RecordId};
use crate::record::dispute::{Dispute, NewDispute};
use crate::record::hazard::{Hazard, NewHazard};
use crate::record::patrol::{NewPatrol, Patrol};
use crate::record::task::{NewTask, Task};
use crate::record::vault::{KeptParty, Party};
use crate::record::{EventKind, HEADER_PATHS, Header, SCHEMA, vault};

/// What there is to write where the record is there already.
///
/// Two windows may send two matters under one id, and no one can tell that from a form that was
/// corrected: the form that says otherwise is refused, keeps its text and becomes a record of its own.
pub(super) fn form(
    record: RecordId,
    beginning: &Beginning<'_>,
    current: &Current,
) -> Result<Vec<Plan>, Denial> {
    let body = &current.body;
    let same = match beginning {
        Beginning::Dispute(new, _) => dispute(new, current),
        Beginning::Patrol(new) => patrol(new, body),
        Beginning::Hazard(new) => hazard(new, body),
        Beginning::Task(new) => task(new, body),
    };
    if same {
        Ok(vec![Plan {
            record,
            edits: Vec::new(),
        }])
    } else {
        Err(Denial::SavedBefore)
    }
}

fn dispute(new: &NewDispute, current: &Current) -> bool {
    let Ok(known) = Dispute::fold(&current.body) else {
        return false;
    };
    // Where the vault is withheld nobody can say that the parties are the same.
    let parties = current.vault.as_ref().map(vault::fold);
    let same = |kept: &KeptParty, new: &Party| {
        let said = (kept.role, kept.name.as_str(), kept.phone.as_str());
        said == (new.role, new.name.as_str(), new.phone.as_str())
    };
    let parties = parties.is_some_and(|kept| {
        let both = kept.iter().zip(&new.parties);
        kept.len() == new.parties.len() && both.into_iter().all(|(kept, new)| same(kept, new))
    });
    parties
        && known.header.grid == new.grid
        && known.title == new.title
        && known.category == new.category
        && known.place == new.place
        && known.found_at == new.found_at
        && known.brief == new.brief
        && known.level == new.level
}

fn patrol(new: &NewPatrol, body: &Tree) -> bool {
    Patrol::fold(body).is_ok_and(|known| {
        known.header.grid == new.grid && known.patrol_kind == new.kind && known.mode == new.mode
    })
}

fn hazard(new: &NewHazard, body: &Tree) -> bool {
    let Ok(known) = Hazard::fold(body) else {
        return false;
    };
    // What was done on the spot is a step of the moment in which the form was sent.
    let fixed = known.events.iter().find_map(|event| match &event.what {
        EventKind::Step(step) if event.at == known.header.created_at && step.to == "onspot" => {
            Some(step.reason.as_str())
        }
        EventKind::Step(_)
        | EventKind::Note { .. }
        | EventKind::Photo(_)
        | EventKind::PhotoRemoved(_) => None,
    });
    *fixed.unwrap_or_default() == *new.fixed
        && known.header.grid == new.grid
        && known.category == new.category
        && known.place == new.place
        && known.description == new.description
        && known.level == new.level
        && known.patrol == new.patrol
}

fn task(new: &NewTask, body: &Tree) -> bool {
    Task::fold(body).is_ok_and(|known| {
        known.header.grid == new.grid
            && known.category == new.category
            && known.title == new.title
            && known.place == new.place
            && known.note == new.note
            && known.due_at == new.due
            && known.link == new.link
    })
}

/// A record of another system that is taken over again: its id is that system's word that it is the
/// same one, so everything that it says otherwise is written, parties and further fields as well.
pub(super) fn import(
    context: &mut Context<'_>,
    record: RecordId,
    (new, more): (&NewDispute, &[NamedField]),
    current: &Current,
) -> Result<Vec<Plan>, Denial> {
    let header = Header::fold(&current.body).map_err(|_| Denial::NotHere)?;
    if header.schema > SCHEMA {
        return Err(Denial::Newer);
    }
    if header.grid != new.grid || Dispute::fold(&current.body).is_err() {
        return Err(Denial::SavedBefore);
    }
    let mut plans = import::dispute(context, record, new, more);
    for (part, edits) in plans.iter_mut().flat_map(|plan| &mut plan.edits) {
        let known = match part {
            Part::Body => Some(&current.body),
            Part::Vault => current.vault.as_ref(),
        };
        // What may not be seen here cannot be compared, and is not written over.
        let Some(known) = known else {
            return Err(Denial::NotYourRole);
        };
        edits.retain(|edit| differs(*part, edit, known));
    }
    Ok(plans)
}

fn differs(part: Part, edit: &Edit, known: &Tree) -> bool {
    let fixed = match part {
        Part::Body => HEADER_PATHS.contains(&edit.path.as_str()),
        Part::Vault => ["kind", "schema", "of"].contains(&edit.path.as_str()),
    };
    !fixed
        && !edit.path.ends_with("/*")
        && known.value(&edit.path).unwrap_or(&Value::Null) != &edit.value
}
