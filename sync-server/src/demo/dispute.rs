//! Disputes of the demonstration: each lives through the stages that its line of data names.

use domain::command::Command;
use domain::id::{PersonId, RecordId, UnitId};
use domain::record::dispute::{
    Draft, NewAgreement, NewClosing, NewDispute, NewEvent, NewSession, NewTerm,
};
use domain::record::task::NewReport;
use domain::record::{Kind, Said};
use domain::time::{DAY_MS, HOUR_MS, MINUTE_MS, Millis};
use domain::view::case::{Case, Contents};

use super::crew::Crew;
use super::line::{Line, Progress};
use super::org::Place;
use super::time::Course;
use super::{DemoError, Stage, Words, said};

/// Who deals with one case.
struct Hands {
    worker: PersonId,
    mediator: PersonId,
}

/// Lets one case happen.
pub(crate) fn play(stage: &mut Stage<'_>, line: &Line, place: &Place) -> Result<(), DemoError> {
    let grid = stage
        .crew
        .random
        .pick(&place.grids)
        .cloned()
        .ok_or(DemoError::Layout)?;
    let (from, to) = line.stage.days(line.late);
    let days = stage.crew.random.between(from, to);
    let mut course = Course::begin(&mut stage.crew.random, stage.now, days);
    let hands = Hands {
        worker: place.worker_of(&grid),
        mediator: place.mediator.clone(),
    };
    let id = register(stage, line, (place, &grid), (&hands, &mut course))?;
    let notes = if line.stage == Progress::Reported {
        line.n.len()
    } else {
        1
    };
    for note in line.n.iter().take(notes) {
        add_note(stage.crew, id, (&hands.worker, course.after(HOUR_MS)), note)?;
    }
    match line.stage {
        Progress::Reported => Ok(()),
        Progress::Withdrawn => {
            let at = course.after(DAY_MS);
            close(stage.crew, (id, &hands.worker, at), ("41", "", &line.z))
        }
        Progress::Closed if line.spot => on_the_spot(stage, line, id, (&hands, &mut course)),
        Progress::Accepted
        | Progress::Mediating
        | Progress::Agreed
        | Progress::Closed
        | Progress::Failed
        | Progress::Referred => handle(stage, line, id, (&hands, &mut course)),
    }
}

fn register(
    stage: &mut Stage<'_>,
    line: &Line,
    (place, grid): (&Place, &UnitId),
    (hands, course): (&Hands, &mut Course),
) -> Result<RecordId, DemoError> {
    let at = course.reached();
    let random = &mut stage.crew.random;
    let (a, b) = (stage.words.name(random), stage.words.name(random));
    let mut phone = || format!("1000000{:04}", random.below(10_000));
    let draft = Draft {
        grid: grid.to_string(),
        title: line.ti.clone(),
        category: line.c.clone(),
        place: place.words_for(&line.p),
        found_at: at.plus(-40 * MINUTE_MS).to_local_text(),
        brief: line.b.clone(),
        party_a_phone: phone(),
        party_b_phone: phone(),
        party_a_name: a,
        party_b_name: b,
        level: line.l.clone(),
    };
    let new = draft
        .parse(at)
        .map_err(|errors| DemoError::Form(format!("{errors:?} in {}", line.b)))?;
    let id = stage.crew.id(at);
    stage
        .crew
        .act(&hands.worker, at, Command::RegisterDispute { id, new })?;
    Ok(id)
}

/// Acceptance and what comes after it.
fn handle(
    stage: &mut Stage<'_>,
    line: &Line,
    id: RecordId,
    (hands, course): (&Hands, &mut Course),
) -> Result<(), DemoError> {
    let step = |to: &'static str, reason: &str| -> Result<Command, DemoError> {
        let reason = said(reason)?;
        Ok(Command::Step { id, to, reason })
    };
    let mediator = &hands.mediator;
    stage.crew.act(
        mediator,
        course.after(20 * HOUR_MS),
        step("accepted", &stage.words.accept)?,
    )?;
    for note in line.n.iter().skip(1) {
        add_note(
            stage.crew,
            id,
            (&hands.worker, course.after(5 * HOUR_MS)),
            note,
        )?;
    }
    if line.stage == Progress::Accepted {
        return Ok(());
    }
    if line.stage == Progress::Referred {
        return stage.crew.act(
            mediator,
            course.after(DAY_MS),
            step("referred", &line.r#ref)?,
        );
    }
    let session_at = course.after(2 * DAY_MS);
    let session = session(line, session_at, stage.now)?;
    stage.crew.act(
        mediator,
        session_at,
        Command::RecordSession { id, new: session },
    )?;
    match line.stage {
        Progress::Mediating if !line.conflict.is_empty() => {
            conflict(stage, (id, &line.conflict), (hands, course.after(DAY_MS)))
        }
        Progress::Failed => {
            let closing = (line.outcome.as_str(), line.reason.as_str(), line.z.as_str());
            close(
                stage.crew,
                (id, mediator, course.after(6 * DAY_MS)),
                closing,
            )
        }
        Progress::Agreed | Progress::Closed => agree(stage, line, id, (hands, course)),
        Progress::Reported
        | Progress::Accepted
        | Progress::Mediating
        | Progress::Withdrawn
        | Progress::Referred => Ok(()),
    }
}

fn session(line: &Line, at: Millis, now: Millis) -> Result<NewSession, DemoError> {
    let result = match line.stage {
        Progress::Agreed | Progress::Closed => "agreed",
        Progress::Failed => "none",
        Progress::Reported
        | Progress::Accepted
        | Progress::Mediating
        | Progress::Withdrawn
        | Progress::Referred => "again",
    };
    let next_at = line
        .again
        .map(|days| now.day().plus(days).start().plus(9 * HOUR_MS));
    Ok(NewSession {
        at,
        place: Said::default(),
        mode: said(&line.mode)?,
        statements: said(&line.s)?,
        result: said(result)?,
        next_at,
        consent: true,
        notice: true,
    })
}

fn agree(
    stage: &mut Stage<'_>,
    line: &Line,
    id: RecordId,
    (hands, course): (&Hands, &mut Course),
) -> Result<(), DemoError> {
    let at = course.after(2 * HOUR_MS);
    let closed = line.stage == Progress::Closed;
    let base = if closed { at } else { stage.now };
    let terms = line.t.iter().map(|(text, days)| {
        let due = Some(base.day().plus(*days).end());
        let text = said(text)?;
        Ok(NewTerm { text, due })
    });
    let new = NewAgreement {
        form: said(&line.form)?,
        content: said(&line.a)?,
        terms: terms.collect::<Result<_, DemoError>>()?,
        consent: true,
        notice: true,
    };
    stage
        .crew
        .act(&hands.mediator, at, Command::RecordAgreement { id, new })?;
    let case = stage
        .crew
        .record(id)
        .and_then(|stored| Case::fold(stored).ok());
    let Some(Contents::Dispute(dispute)) = case.map(|case| case.contents) else {
        return Err(DemoError::Layout);
    };
    let terms = dispute
        .agreements
        .last()
        .map(|agreement| agreement.terms.clone());
    for term in terms.unwrap_or_default() {
        // In an open case, what has come due is done, unless it is the only thing or left late.
        let past = term.due.is_some_and(|due| due < stage.now);
        if closed || (past && line.t.len() > 1 && !line.late_term) {
            let command = Command::PerformTerm { id, term: term.id };
            stage
                .crew
                .act(&hands.worker, course.after(3 * DAY_MS), command)?;
        }
    }
    if closed {
        let outcome = if line.form == "written" { "11" } else { "12" };
        close(
            stage.crew,
            (id, &hands.worker, course.after(DAY_MS)),
            (outcome, "", &line.z),
        )?;
    }
    visit(stage, id, (hands, course))
}

/// Settled and performed at the first visit.
fn on_the_spot(
    stage: &mut Stage<'_>,
    line: &Line,
    id: RecordId,
    (hands, course): (&Hands, &mut Course),
) -> Result<(), DemoError> {
    let at = course.after(2 * HOUR_MS);
    let new = NewAgreement {
        form: said("oral")?,
        content: said(&line.a)?,
        terms: Vec::new(),
        consent: true,
        notice: true,
    };
    stage
        .crew
        .act(&hands.worker, at, Command::RecordAgreement { id, new })?;
    close(
        stage.crew,
        (id, &hands.worker, course.after(HOUR_MS)),
        ("13", "", &line.z),
    )?;
    visit(stage, id, (hands, course))
}

fn close(
    crew: &mut Crew,
    (id, by, at): (RecordId, &PersonId, Millis),
    (outcome, reason, summary): (&str, &str, &str),
) -> Result<(), DemoError> {
    let new = NewClosing {
        outcome: said(outcome)?,
        fail_reason: said(reason)?,
        summary: said(summary)?,
        remedies_told: true,
    };
    crew.act(by, at, Command::CloseDispute { id, new })
}

/// Most return visits that have come due were made; some are still waiting.
fn visit(
    stage: &mut Stage<'_>,
    id: RecordId,
    (hands, course): (&Hands, &mut Course),
) -> Result<(), DemoError> {
    for task in stage.crew.followers(id, Kind::Task) {
        let row = stage
            .crew
            .record(task)
            .and_then(|stored| stored.row.as_ref());
        let due = row.and_then(|row| row.due).map(|due| due.at);
        let past = due.is_some_and(|due| due < stage.now);
        if !past || stage.crew.random.below(4) == 0 {
            continue;
        }
        let text = stage
            .crew
            .random
            .pick(&stage.words.visit_texts)
            .cloned()
            .unwrap_or_default();
        let new = NewReport {
            finding: said("1")?,
            mode: said("1")?,
            text: said(&text)?,
        };
        let at = course.after(5 * DAY_MS);
        stage
            .crew
            .act(&hands.worker, at, Command::ReportTask { id: task, new })?;
    }
    Ok(())
}

fn add_note(
    crew: &mut Crew,
    id: RecordId,
    (by, at): (&PersonId, Millis),
    (kind, text): &(String, String),
) -> Result<(), DemoError> {
    let new = NewEvent {
        kind: said(kind)?,
        at,
        text: said(text)?,
    };
    crew.act(by, at, Command::AddEvent { id, new })
}

/// Two people write the same field, each without having heard of the other.
fn conflict(
    stage: &mut Stage<'_>,
    (id, field): (RecordId, &str),
    (hands, at): (&Hands, Millis),
) -> Result<(), DemoError> {
    let before = stage.crew.record(id).cloned().ok_or(DemoError::Layout)?;
    let case = Case::fold(&before).map_err(|_| DemoError::Layout)?;
    let Contents::Dispute(dispute) = case.contents else {
        return Err(DemoError::Layout);
    };
    let base = dispute
        .to_draft()
        .parse(at)
        .map_err(|e| DemoError::Form(format!("{e:?}")))?;
    let (mut left, mut right) = (base.clone(), base.clone());
    write(field, (&mut left, &mut right), stage.words)?;
    let edit = |base: &NewDispute, new| Command::EditDispute {
        id,
        base: base.clone(),
        new,
    };
    stage
        .crew
        .act_on(&hands.mediator, at, edit(&base, left), Some(&before))?;
    let later = at.plus(25 * MINUTE_MS);
    stage
        .crew
        .act_on(&hands.worker, later, edit(&base, right), Some(&before))
}

fn write(
    field: &str,
    (left, right): (&mut NewDispute, &mut NewDispute),
    words: &Words,
) -> Result<(), DemoError> {
    if field == "level" {
        (left.level, right.level) = (said("R")?, said("G")?);
    } else {
        left.place = said(&format!("{}{}", left.place.as_str(), words.place_one))?;
        right.place = said(&format!("{}{}", right.place.as_str(), words.place_two))?;
    }
    Ok(())
}
