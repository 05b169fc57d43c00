//! Patrols, hazards and tasks of the demonstration.

use domain::command::Command;
use domain::id::{PersonId, RecordId, UnitId};
use domain::record::Said;
use domain::record::hazard::{Draft, NewStep};
use domain::record::patrol::{Counter, NewCheckin, StartDraft};
use domain::record::task::NewTask;
use domain::time::{DAY_MS, HOUR_MS, MINUTE_MS, Millis};
use serde::Deserialize;

use super::org::Place;
use super::time::Course;
use super::{DemoError, Stage, said};

/// A patrol as the data tell it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PatrolLine {
    c: String,
    mode: String,
    /// The village, where the text names one.
    #[serde(default)]
    pub(crate) v: Option<String>,
    log: String,
}

/// A hazard as the data tell it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct HazardLine {
    c: String,
    l: String,
    p: String,
    pub(crate) v: Option<String>,
    d: String,
    /// What was done on the spot.
    fixed: String,
    /// The status that it has come to.
    stage: String,
    target: String,
    text: String,
    check: String,
}

/// Lets one patrol happen; `days` ago, or under way when that is none.
pub(crate) fn patrol(
    stage: &mut Stage<'_>,
    line: &PatrolLine,
    place: &Place,
    days: Option<i64>,
) -> Result<(), DemoError> {
    let random = &mut stage.crew.random;
    let grid = random
        .pick(&place.grids)
        .cloned()
        .ok_or(DemoError::Layout)?;
    let by = if random.below(2) == 0 {
        place.worker_of(&grid)
    } else {
        place.auxiliary.clone()
    };
    let at = match days {
        None => stage.now.plus(-random.between(15, 40) * MINUTE_MS),
        Some(days) => start(stage, line, days),
    };
    let draft = StartDraft {
        grid: grid.to_string(),
        kind: line.c.clone(),
        mode: line.mode.clone(),
    };
    let new = draft
        .parse()
        .map_err(|errors| DemoError::Form(format!("{errors:?}")))?;
    let id = stage.crew.id(at);
    stage.crew.act(&by, at, Command::StartPatrol { id, new })?;
    let last = check_in(stage, (place, &grid), (id, &by), at)?;
    if days.is_none() {
        return Ok(());
    }
    let more = stage.crew.random.between(1, 12);
    let count = Command::Count {
        id,
        counter: Counter::Persuaded,
        more,
    };
    stage.crew.act(&by, last.plus(2 * MINUTE_MS), count)?;
    let more = stage.crew.random.between(2, 20);
    let count = Command::Count {
        id,
        counter: Counter::Households,
        more,
    };
    stage.crew.act(&by, last.plus(3 * MINUTE_MS), count)?;
    let end = last.plus(stage.crew.random.between(6, 18) * MINUTE_MS);
    stage.crew.act(
        &by,
        end,
        Command::FinishPatrol {
            id,
            log: said(&line.log)?,
        },
    )?;
    if end.plus(DAY_MS) < stage.now && stage.crew.random.below(3) > 0 {
        let reason = said(&stage.words.review)?;
        let step = Command::Step {
            id,
            to: "reviewed",
            reason,
        };
        stage
            .crew
            .act(&stage.duty.clone(), end.plus(14 * HOUR_MS), step)?;
    }
    Ok(())
}

/// Night patrols begin in the evening, school duty when the children come.
fn start(stage: &mut Stage<'_>, line: &PatrolLine, days: i64) -> Millis {
    let (from, to) = match line.c.as_str() {
        "P02" => (20 * 60, 21 * 60),
        "P03" => (7 * 60, 7 * 60 + 20),
        _ => (8 * 60, 17 * 60),
    };
    let day = stage.now.day().plus(-days).start();
    let at = day.plus(stage.crew.random.between(from, to) * MINUTE_MS);
    // A patrol of two hours must be over by now.
    at.min(stage.now.plus(-150 * MINUTE_MS))
}

fn check_in(
    stage: &mut Stage<'_>,
    (place, grid): (&Place, &UnitId),
    (id, by): (RecordId, &PersonId),
    start: Millis,
) -> Result<Millis, DemoError> {
    let own = place
        .checkpoints
        .iter()
        .filter(|(of, _)| of == grid)
        .map(|(_, point)| point);
    let mut at = start;
    for point in own.cloned().collect::<Vec<_>>() {
        at = at.plus(stage.crew.random.between(4, 9) * MINUTE_MS);
        let note = stage
            .crew
            .random
            .pick(&stage.words.checkin_notes)
            .cloned()
            .unwrap_or_default();
        let new = NewCheckin {
            checkpoint: Some(point),
            place: Said::default(),
            note: said(&note)?,
        };
        stage.crew.act(by, at, Command::CheckIn { id, new })?;
    }
    Ok(at)
}

/// Lets one hazard happen.
pub(crate) fn hazard(
    stage: &mut Stage<'_>,
    line: &HazardLine,
    place: &Place,
) -> Result<(), DemoError> {
    let grid = stage
        .crew
        .random
        .pick(&place.grids)
        .cloned()
        .ok_or(DemoError::Layout)?;
    let (from, to) = match line.stage.as_str() {
        "found" => (0, 5),
        "" => (0, 22),
        "transferred" => (2, 14),
        _ => (4, 20),
    };
    let days = stage.crew.random.between(from, to);
    let mut course = Course::begin(&mut stage.crew.random, stage.now, days);
    let draft = Draft {
        grid: grid.to_string(),
        category: line.c.clone(),
        place: place.words_for(&line.p),
        description: line.d.clone(),
        level: line.l.clone(),
        patrol: String::new(),
        fixed: line.fixed.clone(),
    };
    let at = course.reached();
    let new = draft
        .parse()
        .map_err(|errors| DemoError::Form(format!("{errors:?}")))?;
    let id = stage.crew.id(at);
    let worker = place.worker_of(&grid);
    stage
        .crew
        .act(&worker, at, Command::RegisterHazard { id, new })?;
    for (to, by, text) in way(stage, line, &worker, place) {
        let target = if to == "transferred" {
            said(&line.target)?
        } else {
            Said::default()
        };
        let new = NewStep {
            to: said(to)?,
            target,
            text: said(&text)?,
        };
        stage.crew.act(
            &by,
            course.after(20 * HOUR_MS),
            Command::StepHazard { id, new },
        )?;
    }
    Ok(())
}

/// The steps to a status: who takes them, and what is written. Who put something right does not
/// check it again.
fn way(
    stage: &Stage<'_>,
    line: &HazardLine,
    worker: &PersonId,
    place: &Place,
) -> Vec<(&'static str, PersonId, String)> {
    let text = || line.text.clone();
    let by_worker = |to| (to, worker.clone(), text());
    let by_station = |to| (to, stage.duty.clone(), text());
    match line.stage.as_str() {
        "transferred" => vec![by_worker("transferred")],
        "rectified" => vec![by_worker("rectified")],
        "assigned" => vec![by_station("assigned")],
        "rectifying" => vec![by_station("assigned"), by_worker("rectifying")],
        "waived" => vec![by_station("waived")],
        "recheck_failed" => {
            vec![
                by_worker("rectified"),
                ("recheck_failed", place.auxiliary.clone(), text()),
            ]
        }
        "closed" => {
            vec![
                by_worker("rectified"),
                ("closed", place.auxiliary.clone(), line.check.clone()),
            ]
        }
        _ => Vec::new(),
    }
}

/// Tasks that the station gave.
pub(crate) fn tasks(stage: &mut Stage<'_>, places: &[Place]) -> Result<(), DemoError> {
    for (number, title) in stage.words.task_titles.clone().into_iter().enumerate() {
        let place = places.get(number * 3).ok_or(DemoError::Layout)?;
        let grid = place.grids.first().cloned().ok_or(DemoError::Layout)?;
        let course = Course::begin(&mut stage.crew.random, stage.now, 3);
        let days = i64::try_from(number).unwrap_or(0) * 2 - 1;
        let new = NewTask {
            grid,
            category: said("task")?,
            title: said(&title)?,
            place: said(&place.name)?,
            note: Said::default(),
            due: stage.now.day().plus(days).end(),
            link: None,
        };
        let id = stage.crew.id(course.reached());
        stage.crew.act(
            &stage.duty.clone(),
            course.reached(),
            Command::GiveTask { id, new },
        )?;
    }
    Ok(())
}
