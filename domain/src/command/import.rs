//! Taking over records that were kept elsewhere, with the fields that have no place here.

use super::{Context, Denial, Desk, Plan, dispute};
use crate::document::{Edit, Value};
use crate::id::{Part, RecordId};
use crate::record::Kind;
use crate::record::dispute::NewDispute;

/// Where a field of another system is kept.
const EXTRA: &str = "x/";
/// The fields of a dispute that may be put one by one.
const DISPUTE_FIELDS: [&str; 7] = [
    "title",
    "category",
    "place",
    "found_at",
    "brief",
    "level",
    "follow_up",
];

/// Registers a dispute with more fields than the quick register has.
pub(super) fn dispute(
    context: &mut Context<'_>,
    id: RecordId,
    new: &NewDispute,
    more: &[(String, Value)],
) -> Vec<Plan> {
    let mut plan = dispute::register(context, id, new);
    let allowed = more.iter().filter(|(path, _)| may_put(Kind::Dispute, path));
    let more = allowed.map(|(path, value)| edit(path, value));
    if let Some((_, body)) = plan.edits.iter_mut().find(|(part, _)| *part == Part::Body) {
        body.extend(more);
    }
    vec![plan]
}

/// Writes fields; emptying one that is not there is nothing to write.
pub(super) fn put(desk: &mut Desk<'_, '_>, fields: &[(String, Value)]) -> Result<(), Denial> {
    for (path, value) in fields {
        if !may_put(desk.header.kind, path) {
            return Err(Denial::Nothing);
        }
        if *value != Value::Null || desk.current.body.field(path).is_some() {
            desk.body.push(edit(path, value));
        }
    }
    Ok(())
}

fn edit(path: &str, value: &Value) -> Edit {
    Edit {
        path: path.to_owned(),
        value: value.clone(),
    }
}

/// Header, status and course of a record are not fields that may be put.
fn may_put(kind: Kind, path: &str) -> bool {
    let extra = path
        .strip_prefix(EXTRA)
        .is_some_and(|name| !name.is_empty() && !name.contains('/'));
    extra || (kind == Kind::Dispute && DISPUTE_FIELDS.contains(&path))
}
