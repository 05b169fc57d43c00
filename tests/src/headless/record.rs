//! A benchmark record of 18 plain fields, stored as a real dispute and read back exactly.

use domain::command::{Command, NamedField};
use domain::document::{Tree, Value};
use domain::id::{RecordId, UnitId};
use domain::record::Said;
use domain::record::dispute::NewDispute;
use domain::record::vault::{self, Party, PartyRole};
use domain::time::{DAY_MS, Day, HOUR_MS, MINUTE_MS, Millis};
use domain::view::case::Opened;
use domain::{document::Document, replica::StoredRecord};
use serde_json::{Map, Value as Json};

/// The fields of a record, in their order.
pub const FIELDS: [&str; 18] = [
    "id",
    "schema",
    "station",
    "grid",
    "officer",
    "created_at",
    "updated_at",
    "kind",
    "status",
    "title",
    "party_a",
    "party_b",
    "place",
    "narrative",
    "action_taken",
    "agreement",
    "follow_up_due",
    "note",
];

/// A dispute of no particular kind.
const OTHER: &str = "99";

/// Reads one line of operations as a command.
///
/// # Errors
/// What is wrong with the line.
pub fn command(line: &Json, grid: &UnitId, now: Millis) -> Result<Command, String> {
    match (line.get("put"), line.get("set")) {
        (Some(put), None) => import(put, grid, now),
        (None, Some(set)) => field(set),
        _ => Err("expected {\"put\": …} or {\"set\": …}".to_owned()),
    }
}

fn text<'a>(record: &'a Json, name: &str) -> Result<&'a str, String> {
    match record.get(name) {
        None => Ok(""),
        Some(Json::String(text)) => Ok(text),
        Some(_) => Err(format!("{name} is not a text")),
    }
}

fn id(record: &Json) -> Result<RecordId, String> {
    let typed = text(record, "id")?;
    let id: RecordId = typed.parse().map_err(|error| format!("id: {error}"))?;
    if id.to_string() == typed {
        Ok(id)
    } else {
        Err("id is not written as a ULID is".to_owned())
    }
}

fn party(place: u8, name: &str) -> Result<Party, String> {
    Ok(Party {
        role: if place == 1 {
            PartyRole::A
        } else {
            PartyRole::B
        },
        name: said(name)?,
        phone: Said::default(),
    })
}

fn said(text: &str) -> Result<Said, String> {
    text.parse()
        .map_err(|problem| format!("{problem:?} in {text}"))
}

fn named(path: &str, value: &Value) -> Result<NamedField, String> {
    NamedField::new(path, value).map_err(|problem| format!("{path}: {problem:?}"))
}

fn import(put: &Json, grid: &UnitId, now: Millis) -> Result<Command, String> {
    let id = id(put)?;
    if let Some(strange) = put
        .as_object()
        .and_then(|fields| fields.keys().find(|name| !FIELDS.contains(&name.as_str())))
    {
        return Err(format!("no field {strange}"));
    }
    let mut more = Vec::new();
    let mut found_at = now;
    for name in FIELDS {
        let value = text(put, name)?;
        match place(name) {
            Place::Header | Place::Party(_) | Place::Text(_) => {}
            Place::Extra | Place::Moment(_) if value.is_empty() => {}
            Place::Moment("found_at") if moment(name, value).is_some() => {
                found_at = moment(name, value).unwrap_or(now);
            }
            Place::Moment(path) => match moment(name, value) {
                Some(at) => more.push(named(path, &Value::from(at))?),
                None => more.push(named(&extra(name), &Value::from(value))?),
            },
            Place::Extra => more.push(named(&extra(name), &Value::from(value))?),
        }
    }
    let new = NewDispute {
        grid: grid.clone(),
        title: said(text(put, "title")?)?,
        category: said(OTHER)?,
        place: said(text(put, "place")?)?,
        found_at,
        brief: said(text(put, "narrative")?)?,
        level: said("G")?,
        parties: vec![
            party(1, text(put, "party_a")?)?,
            party(2, text(put, "party_b")?)?,
        ],
    };
    Ok(Command::ImportDispute { id, new, more })
}

fn field(set: &Json) -> Result<Command, String> {
    let id = id(set)?;
    let (name, value) = (text(set, "field")?, text(set, "value")?);
    let put = |path: &str, value: Value| {
        let fields = vec![named(path, &value)?];
        Ok(Command::PutFields { id, fields })
    };
    match place(name) {
        Place::Header => Err(format!("{name} cannot be set")),
        _ if !FIELDS.contains(&name) => Err(format!("no field {name}")),
        Place::Text(path) => put(path, Value::from(value)),
        Place::Party(place) => Ok(Command::PutParty {
            id,
            item: Some(vault::first_party(place)),
            party: party(place, value)?,
        }),
        Place::Moment(path) => match moment(name, value) {
            Some(at) => {
                let fields = vec![
                    named(path, &Value::from(at))?,
                    named(&extra(name), &Value::Null)?,
                ];
                Ok(Command::PutFields { id, fields })
            }
            None => put(&extra(name), Value::from(value)),
        },
        Place::Extra => put(&extra(name), Value::from(value)),
    }
}

/// Where a field is kept.
enum Place {
    /// It names the record.
    Header,
    /// In the party vault.
    Party(u8),
    /// A text of the dispute's own.
    Text(&'static str),
    /// A moment of the dispute's own, where it is written as moments are.
    Moment(&'static str),
    /// Beside the dispute's own fields.
    Extra,
}

fn place(name: &str) -> Place {
    match name {
        "id" => Place::Header,
        "party_a" => Place::Party(1),
        "party_b" => Place::Party(2),
        "title" => Place::Text("title"),
        "place" => Place::Text("place"),
        "narrative" => Place::Text("brief"),
        "created_at" => Place::Moment("found_at"),
        "follow_up_due" => Place::Moment("follow_up"),
        _ => Place::Extra,
    }
}

fn extra(name: &str) -> String {
    format!("x/{name}")
}

/// The moment that a text names, if it is written exactly as [`moment_text`] writes it.
fn moment(name: &str, text: &str) -> Option<Millis> {
    let at = if name == "follow_up_due" {
        text.parse::<Day>().ok()?.end()
    } else {
        instant(text)?
    };
    (moment_text(name, at) == text).then_some(at)
}

fn moment_text(name: &str, at: Millis) -> String {
    if name == "follow_up_due" {
        return at.day().to_string();
    }
    let (day, of_day) = (at.0.div_euclid(DAY_MS), at.0.rem_euclid(DAY_MS));
    let (hour, minute) = (of_day / HOUR_MS, of_day / MINUTE_MS % 60);
    let (second, ms) = (of_day / 1000 % 60, of_day % 1000);
    format!("{}T{hour:02}:{minute:02}:{second:02}.{ms:03}Z", Day(day))
}

/// Reads `2025-02-18T22:10:32.992Z`.
fn instant(text: &str) -> Option<Millis> {
    let (day, time) = text.strip_suffix('Z')?.split_once('T')?;
    let day: Day = day.parse().ok()?;
    let mut parts = time.split([':', '.']).map(|part| part.parse::<i64>().ok());
    let mut next = || parts.next().flatten();
    let (hour, minute, second, ms) = (next()?, next()?, next()?, next()?);
    let of_day = hour * HOUR_MS + minute * MINUTE_MS + second * 1000 + ms;
    Some(Millis(day.0 * DAY_MS + of_day))
}

/// Reads a record back as its 18 plain fields.
#[must_use]
pub fn dump(stored: &StoredRecord) -> Json {
    let mut opened = Opened::open(stored);
    let body = opened.body.tree();
    let parties = opened.vault.as_mut().map(Document::tree);
    let parties = parties.map(|tree| vault::fold(&tree)).unwrap_or_default();
    let own = |path: &str| body.text(path).unwrap_or_default().to_owned();
    let fields = FIELDS.map(|name| {
        let text = match place(name) {
            Place::Header => stored.id.to_string(),
            Place::Text(path) => own(path),
            Place::Extra => own(&extra(name)),
            Place::Party(place) => parties
                .iter()
                .find(|kept| kept.id == vault::first_party(place))
                .map(|kept| kept.name.clone())
                .unwrap_or_default(),
            Place::Moment(path) => moment_of(&body, path, name),
        };
        (name.to_owned(), Json::String(text))
    });
    Json::Object(Map::from_iter(fields))
}

/// A moment, or the text that could not be read as one.
fn moment_of(body: &Tree, path: &str, name: &str) -> String {
    let text = body.text(&extra(name)).map(ToOwned::to_owned);
    text.or_else(|| body.at(path).map(|at| moment_text(name, at)))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_kept_as_moments_only_where_they_read_back_as_they_were() {
        for (name, text) in [
            ("created_at", "2025-02-18T22:10:32.992Z"),
            ("created_at", "1969-12-31T23:59:59.001Z"),
            ("follow_up_due", "2024-02-29"),
        ] {
            assert!(moment(name, text).is_some(), "{text}");
        }
        for (name, text) in [
            ("created_at", "2025-02-18T22:10:32Z"),
            ("created_at", "2025-02-30T22:10:32.992Z"),
            ("created_at", "yesterday"),
            ("follow_up_due", "2025-2-1"),
            ("follow_up_due", ""),
        ] {
            assert!(moment(name, text).is_none(), "{text}");
        }
    }
}
