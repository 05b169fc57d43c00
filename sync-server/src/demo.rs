//! The demonstration: a fictional town with its people and a few weeks of invented work.
//!
//! Everything is made as on a phone and taken as from a phone: commands through the domain's state
//! machine, changes through the gate. The same seed and the same moment give the same records.

mod crew;
mod dispute;
mod field;
mod line;
mod org;
mod random;
mod time;

use domain::access::Refusal;
use domain::id::PersonId;
use domain::record::Said;
use domain::time::Millis;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::error::ApiError;
use crate::store::org::OrgError;
use crate::store::{self, Store, invitation};
use crew::Crew;
use org::{Place, Town};
use random::Random;

/// The seed of the demonstration.
const SEED: u64 = 0x5eed_0ff3_a66e;
/// Patrols that are over, and patrols under way.
const PATROLS: i64 = 118;
const PATROLS_UNDER_WAY: i64 = 2;
/// Days that the patrols are spread over.
const PATROL_DAYS: i64 = 21;

/// Why the demonstration cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// The data of the program are not as they must be.
    #[error("the data of the demonstration do not fit together")]
    Layout,
    /// A file of data cannot be read.
    #[error("the data of the demonstration cannot be read: {0}")]
    Data(#[from] serde_json::Error),
    /// A form was not filled in as it must be.
    #[error("a form of the demonstration is wrong: {0}")]
    Form(String),
    /// A command was not carried out.
    #[error("{person} could not do {told}: {why}")]
    Act {
        /// Who.
        person: String,
        /// What.
        told: String,
        /// Why not.
        why: String,
    },
    /// The gate did not take a change.
    #[error("a change of {person} was refused: {refusal}")]
    Refused {
        /// Whose.
        person: String,
        /// Why.
        refusal: Refusal,
    },
    /// A unit or a person was not taken.
    #[error(transparent)]
    Org(#[from] OrgError),
    /// The server refused.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// The database failed.
    #[error("database: {0}")]
    Database(#[from] sqlx::Error),
}

/// Where everything happens.
pub(crate) struct Stage<'a> {
    crew: &'a mut Crew,
    words: &'a Words,
    now: Millis,
    /// The duty desk of the station.
    duty: PersonId,
}

/// Names and phrases.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Words {
    surnames: Vec<String>,
    given: Vec<String>,
    task_titles: Vec<String>,
    visit_texts: Vec<String>,
    accept: String,
    checkin_notes: Vec<String>,
    place_one: String,
    place_two: String,
    review: String,
}

/// A text of the data as a person would have typed it.
fn said(text: &str) -> Result<Said, DemoError> {
    text.parse()
        .map_err(|problem| DemoError::Form(format!("{problem:?} in {text}")))
}

impl Words {
    /// An invented name of a party.
    fn name(&self, random: &mut Random) -> String {
        let surname = random.pick(&self.surnames).cloned().unwrap_or_default();
        let given = random.pick(&self.given).cloned().unwrap_or_default();
        surname + &given
    }
}

/// Makes the demonstration in an empty database; does nothing where there is a unit already.
///
/// # Errors
/// When it cannot be made; nothing is written then.
pub async fn seed(store: &Store, now: Millis) -> Result<(), DemoError> {
    let mut write = store.begin().await?;
    let units: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM unit")
        .fetch_one(&mut *write)
        .await?;
    if units > 0 {
        return Ok(());
    }
    let town = org::town().ok_or(DemoError::Layout)?;
    store::org::put(&mut write, &town.org).await?;
    store::set_setting(&mut write, store::DEMO, &[1]).await?;
    let people = town.org.people.iter().map(|person| &person.id);
    let mut crew = Crew::equip(&mut write, people, SEED).await?;
    play(&mut crew, &town, now)?;
    let changes = crew.push(&mut write).await?;
    write.commit().await?;
    tracing::info!(changes, "demonstration made");
    Ok(())
}

fn play(crew: &mut Crew, town: &Town, now: Millis) -> Result<(), DemoError> {
    let words: Words = read(include_str!("../demo/words.json"))?;
    let disputes: Vec<line::Line> = read(include_str!("../demo/disputes.json"))?;
    let patrols: Vec<field::PatrolLine> = read(include_str!("../demo/patrols.json"))?;
    let hazards: Vec<field::HazardLine> = read(include_str!("../demo/hazards.json"))?;
    let duty = "duty".parse().map_err(|_| DemoError::Layout)?;
    let mut stage = Stage {
        crew,
        words: &words,
        now,
        duty,
    };
    for (number, line) in disputes.iter().enumerate() {
        let place = place(&mut stage, town, (number, line.v.as_deref()))?;
        dispute::play(&mut stage, line, place)?;
    }
    for (number, line) in hazards.iter().enumerate() {
        let place = place(&mut stage, town, (number, line.v.as_deref()))?;
        field::hazard(&mut stage, line, place)?;
    }
    for (number, line) in (0..PATROLS + PATROLS_UNDER_WAY).zip(patrols.iter().cycle()) {
        let days = (number < PATROLS).then_some(number % PATROL_DAYS);
        let village = (usize::try_from(number).unwrap_or(0), line.v.as_deref());
        let place = place(&mut stage, town, village)?;
        field::patrol(&mut stage, line, place, days)?;
    }
    field::tasks(&mut stage, &town.places)
}

fn read<T: DeserializeOwned>(text: &str) -> Result<T, serde_json::Error> {
    serde_json::from_str(text)
}

/// Where something happens: in the village that it names; every third thing in the first village,
/// whose people the demonstration is joined as; the rest in any village.
fn place<'t>(
    stage: &mut Stage<'_>,
    town: &'t Town,
    (number, village): (usize, Option<&str>),
) -> Result<&'t Place, DemoError> {
    let named = village.and_then(|name| town.places.iter().find(|place| place.name == name));
    let found = match named {
        Some(place) => Some(place),
        None if number.is_multiple_of(3) => town.places.first(),
        None => {
            let villages: Vec<&Place> = town
                .places
                .iter()
                .filter(|place| place.is_village())
                .collect();
            stage.crew.random.pick(&villages).copied()
        }
    };
    found.ok_or(DemoError::Layout)
}

/// The people whom the demonstration is joined as: what to say, and who.
const JOIN: [(&str, &str); 6] = [
    ("officer", "gw-01"),
    ("officer", "med-01"),
    ("officer", "aux-01"),
    ("officer", "gw-03"),
    ("station", "duty"),
    ("supervisor", "supervisor"),
];

/// Fresh codes to join the demonstration with, one a line; none where the data are real.
///
/// # Errors
/// When the database fails.
pub async fn join_lines(store: &Store, now: Millis) -> Result<Vec<String>, DemoError> {
    let mut write = store.begin().await?;
    if store::setting(&mut write, store::DEMO).await?.is_none() {
        tracing::warn!("the database holds real data: there is no demonstration to join");
        return Ok(Vec::new());
    }
    invitation::drop_expired(&mut write, now).await?;
    let mut lines = Vec::new();
    for (what, id) in JOIN {
        let person = id.parse().map_err(|_| DemoError::Layout)?;
        // One who was retired can be brought back by the command alone.
        let Some(member) = store::org::person(&mut write, &person).await? else {
            continue;
        };
        let code = invitation::invite(&mut write, (&person, None), now).await?;
        let mut line = format!("JOIN {what} {code} {}", member.name);
        if what == "officer" {
            let grids = store::org::grids_of(&mut write, &member).await?;
            let grid = grids
                .first()
                .map(|grid| grid.name.as_str())
                .unwrap_or_default();
            line = format!("{line} {grid}");
        }
        lines.push(line);
    }
    write.commit().await?;
    Ok(lines)
}
