//! What people do: forms filled with words that can be found again.

use domain::command::Command;
use domain::id::{RecordId, UnitId};
use domain::record::dispute::{NewDispute, NewEvent};
use domain::record::hazard::{NewHazard, NewStep};
use domain::record::patrol::{Counter, NewCheckin, NewPatrol};
use domain::record::task::NewTask;
use domain::record::vault::{Party, PartyRole};
use domain::record::{Kind, Said};
use domain::time::Millis;
use domain::view::Row;

use super::chance::Chance;
use super::phone::Phone;
use super::plan::Work;

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// A command, with the word by which its effect is known.
#[derive(Debug)]
pub struct Asking {
    /// The command.
    pub command: Command,
    /// The word.
    pub token: String,
}

/// What a person asks for; nothing where there is no record to do it with.
pub fn command(
    phone: &Phone,
    work: Work,
    (now, number): (Millis, usize),
    chance: &mut Chance,
) -> Option<Asking> {
    let directory = phone.replica.as_ref()?.directory()?;
    let grids: Vec<&UnitId> = directory.grids.iter().map(|grid| &grid.id).collect();
    let token = format!("w{number}.");
    let fresh = RecordId::new(now, chance.bytes());
    let command = match work {
        Work::Dispute | Work::Patrol | Work::Hazard | Work::Task => {
            let grid = (*chance.pick(&grids)?).clone();
            begin(work, fresh, (grid, &token), now)?
        }
        Work::Edit
        | Work::Note
        | Work::Count
        | Work::CheckIn
        | Work::Party
        | Work::Advance
        | Work::Button => {
            let rows: Vec<&Row> = phone.disk.kept.rows().collect();
            let fits: Vec<&&Row> = rows.iter().filter(|row| fits(work, row.kind)).collect();
            go_on(work, chance.pick(&fits)?, &token, now)?
        }
    };
    Some(Asking { command, token })
}

fn fits(work: Work, kind: Kind) -> bool {
    match work {
        Work::Edit | Work::Party => kind == Kind::Dispute,
        Work::Count | Work::CheckIn => kind == Kind::Patrol,
        Work::Note => true,
        Work::Advance => matches!(kind, Kind::Hazard | Kind::Patrol),
        Work::Dispute | Work::Patrol | Work::Hazard | Work::Task | Work::Button => false,
    }
}

/// The dispute that every form begins with.
fn dispute(grid: UnitId, title: &str) -> NewDispute {
    NewDispute {
        grid,
        title: said(title),
        category: said("04"),
        place: said("start"),
        found_at: Millis(1_763_000_000_000),
        brief: said("brief"),
        level: said("G"),
        parties: vec![party("first")],
    }
}

fn party(name: &str) -> Party {
    Party {
        role: PartyRole::A,
        name: said(name),
        phone: Said::default(),
    }
}

/// What somebody typed; nothing where it would not be stored, which a token never is.
fn said(text: &str) -> Said {
    text.parse().unwrap_or_default()
}

fn begin(work: Work, id: RecordId, (grid, token): (UnitId, &str), now: Millis) -> Option<Command> {
    let text = || said(token);
    Some(match work {
        Work::Dispute => Command::RegisterDispute {
            id,
            new: dispute(grid, token),
        },
        Work::Patrol => Command::StartPatrol {
            id,
            new: NewPatrol {
                grid,
                kind: said("P01"),
                mode: said("walk"),
            },
        },
        Work::Hazard => Command::RegisterHazard {
            id,
            new: NewHazard {
                grid,
                category: said("01"),
                place: text(),
                description: text(),
                level: said("1"),
                patrol: None,
                fixed: Said::default(),
            },
        },
        Work::Task => Command::GiveTask {
            id,
            new: NewTask {
                grid,
                category: said("01"),
                title: text(),
                place: text(),
                note: text(),
                due: now.plus(DAY_MS),
                link: None,
            },
        },
        Work::Edit
        | Work::Note
        | Work::Count
        | Work::CheckIn
        | Work::Party
        | Work::Advance
        | Work::Button => return None,
    })
}

fn go_on(work: Work, row: &Row, token: &str, now: Millis) -> Option<Command> {
    let id = row.id;
    let text = || said(token);
    Some(match work {
        Work::Edit => {
            let base = dispute(row.grid.clone(), "");
            let mut new = base.clone();
            new.place = text();
            Command::EditDispute { id, base, new }
        }
        Work::Note => Command::AddEvent {
            id,
            new: NewEvent {
                kind: said("visit"),
                at: now,
                text: text(),
            },
        },
        Work::Count => Command::Count {
            id,
            counter: Counter::Households,
            more: 1,
        },
        Work::CheckIn => Command::CheckIn {
            id,
            new: NewCheckin {
                checkpoint: None,
                place: text(),
                note: text(),
            },
        },
        Work::Party => Command::PutParty {
            id,
            item: None,
            party: party(token),
        },
        Work::Advance if row.kind == Kind::Patrol => Command::FinishPatrol { id, log: text() },
        Work::Advance => Command::StepHazard {
            id,
            new: NewStep {
                to: said("onspot"),
                target: Said::default(),
                text: text(),
            },
        },
        Work::Dispute | Work::Patrol | Work::Hazard | Work::Task | Work::Button => return None,
    })
}

/// Gives a form that begins a record the id of the form before it.
pub fn reuse(command: &mut Command, last: &mut Option<RecordId>) {
    if let Command::RegisterDispute { id, .. } = command {
        match *last {
            Some(known) => *id = known,
            None => *last = Some(*id),
        }
    }
}
