//! Taking over records that were kept elsewhere, with the fields that have no place here.

use super::{Context, Denial, Desk, Plan, dispute};
use crate::codelist::List;
use crate::document::{Edit, Value};
use crate::id::{Part, RecordId};
use crate::record::dispute::{BRIEF_CHARS_MAX, NAME_CHARS_MAX, NewDispute, PLACE_CHARS_MAX};
use crate::record::{Kind, Problem, SAID_CHARS_MAX, Said};
use crate::text;

/// Where a field of another system is kept.
const EXTRA: &str = "x/";
/// The most characters of the name of such a field.
const EXTRA_NAME_CHARS_MAX: usize = 40;

/// A field by its name, with a value that was judged as the forms judge it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedField {
    path: String,
    value: Value,
}

impl NamedField {
    /// A field of a dispute's register, or one of another system (`x/NAME`).
    ///
    /// # Errors
    /// Why the value is not written there.
    pub fn new(path: &str, value: &Value) -> Result<Self, Problem> {
        let value = match path {
            "title" => text_of(value, |typed| Said::read_line(typed, NAME_CHARS_MAX))?,
            "place" => text_of(value, |typed| Said::read_line(typed, PLACE_CHARS_MAX))?,
            "brief" => text_of(value, |typed| Said::read(typed, BRIEF_CHARS_MAX))?,
            "category" => text_of(value, |code| Said::read_code(List::DisputeCategory, code))?,
            "level" => text_of(value, |code| Said::read_code(List::CaseLevel, code))?,
            "found_at" | "follow_up" => match value {
                Value::Int(_) | Value::Null => value.clone(),
                Value::Text(_) | Value::Bool(_) => return Err(Problem::NotATime),
            },
            _ => {
                let name = path.strip_prefix(EXTRA).ok_or(Problem::UnknownCode)?;
                if name.contains('/') || *Said::read(name, EXTRA_NAME_CHARS_MAX)? != *name {
                    return Err(Problem::UnknownCode);
                }
                if name.is_empty() {
                    return Err(Problem::Missing);
                }
                foreign(value)?
            }
        };
        let path = path.to_owned();
        Ok(Self { path, value })
    }

    /// Header, status and course of a record are not fields that may be put.
    fn may_stand_in(&self, kind: Kind) -> bool {
        kind == Kind::Dispute || self.path.starts_with(EXTRA)
    }

    fn edit(&self) -> Edit {
        Edit {
            path: self.path.clone(),
            value: self.value.clone(),
        }
    }
}

fn text_of(value: &Value, read: impl Fn(&str) -> Result<Said, Problem>) -> Result<Value, Problem> {
    match value {
        Value::Text(typed) => Ok(Value::from(read(typed)?.as_str())),
        Value::Null => Ok(Value::Null),
        Value::Int(_) | Value::Bool(_) => Err(Problem::UnknownCode),
    }
}

/// A value of another system: it is what it is, but a number of a person in it is none of ours.
fn foreign(value: &Value) -> Result<Value, Problem> {
    match value {
        Value::Text(_) => text_of(value, |typed| Said::read(typed, SAID_CHARS_MAX)),
        Value::Int(number) if text::has_identity_number(&number.to_string()) => {
            Err(Problem::IdentityNumber)
        }
        Value::Int(_) | Value::Bool(_) | Value::Null => Ok(value.clone()),
    }
}

/// Registers a dispute with more fields than the quick register has.
pub(super) fn dispute(
    context: &mut Context<'_>,
    id: RecordId,
    new: &NewDispute,
    more: &[NamedField],
) -> Vec<Plan> {
    let mut plan = dispute::register(context, id, new);
    if let Some((_, body)) = plan.edits.iter_mut().find(|(part, _)| *part == Part::Body) {
        body.extend(more.iter().map(NamedField::edit));
    }
    vec![plan]
}

/// Writes fields; emptying one that is not there is nothing to write.
pub(super) fn put(desk: &mut Desk<'_, '_>, fields: &[NamedField]) -> Result<(), Denial> {
    for field in fields {
        if !field.may_stand_in(desk.header.kind) {
            return Err(Denial::Nothing);
        }
        if field.value != Value::Null || desk.current.body.field(&field.path).is_some() {
            desk.body.push(field.edit());
        }
    }
    Ok(())
}
