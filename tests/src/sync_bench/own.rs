//! What officers make in the app itself: each dispute registered, two notes and a session added.

use serde_json::Value as Json;

use domain::command::Command;
use domain::id::{RecordId, UnitId};
use domain::record::Said;
use domain::record::dispute::{NewDispute, NewEvent, NewSession};
use domain::record::vault::{Party, PartyRole};
use domain::time::{DAY_MS, Millis};

use super::stage::Stage;
use super::table::{Row, Table, bytes, calls};
use super::{BenchError, Options, SIZE_LINES, floor};
use crate::headless::shell::{Shell, now};
use crate::proxy::{Profile, Tally};

/// What is typed for a dispute, as fields of a record of the workload.
const TYPED: [&str; 7] = [
    "place",
    "narrative",
    "party_a",
    "party_b",
    "action_taken",
    "note",
    "agreement",
];

/// One phone makes them and uploads, a tablet downloads.
pub(super) async fn run(options: &Options, table: &mut Table) -> Result<(), BenchError> {
    let workload = options.workload(SIZE_LINES)?;
    let stage = Stage::new().await?;
    let (mut phone, line) = stage.shell("own-a", Profile::CLEAR).await?;
    let grid = phone.grid()?;
    let mut typed = String::new();
    for (record, n) in records(&workload.initial).zip(0..) {
        typed.push_str(&TYPED.map(|name| text(&record, name)).join("\t"));
        typed.push('\n');
        for command in commands(&record, &grid, n) {
            phone.act(command)?;
        }
    }
    phone.settle()?;
    let floor = floor::of(&typed);
    phone.sync().await?;
    let up = line.tally();
    let (mut tablet, line) = stage.shell("own-b", Profile::CLEAR).await?;
    tablet.sync().await?;
    let down = line.tally();
    let same = dump(&phone) == dump(&tablet);
    for (what, tally) in [("upload", &up), ("download", &down)] {
        table.row(&row(what, tally, floor));
    }
    if same {
        Ok(())
    } else {
        Err(BenchError::Different)
    }
}

fn row(what: &str, tally: &Tally, floor: u64) -> Row {
    let each = tally.bytes() / u64::try_from(SIZE_LINES).unwrap_or(1);
    Row {
        scenario: format!("{what} of {SIZE_LINES} disputes made by the app's own commands"),
        goal: "printed".to_owned(),
        measured: format!(
            "{}, {each} B a dispute, {}",
            bytes(tally.bytes()),
            calls(tally)
        ),
        met: None,
        method: format!(
            "quick register, two notes and a session each, texts of the workload; the words \
             that were typed take {} by brotli 11",
            bytes(floor)
        ),
    }
}

/// The records that a workload begins with.
fn records(operations: &str) -> impl Iterator<Item = Json> {
    operations.lines().filter_map(|line| {
        let mut operation: Json = serde_json::from_str(line).ok()?;
        operation.get_mut("put").map(Json::take)
    })
}

fn text<'a>(record: &'a Json, name: &str) -> &'a str {
    let field = record.get(name).and_then(Json::as_str);
    field.unwrap_or_default()
}

fn said(text: &str) -> Said {
    text.parse().unwrap_or_default()
}

fn commands(record: &Json, grid: &UnitId, n: u64) -> [Command; 4] {
    let text = |name: &str| said(text(record, name));
    let at = now();
    let mut random = [0; 10];
    random[2..].copy_from_slice(&n.wrapping_mul(0x9E37_79B9_7F4A_7C15).to_be_bytes());
    let id = RecordId::new(at, random);
    let note = |text| Command::AddEvent {
        id,
        new: NewEvent {
            kind: said("note"),
            at,
            text,
        },
    };
    let register = Command::RegisterDispute {
        id,
        new: dispute(grid, &text, at),
    };
    let session = Command::RecordSession {
        id,
        new: NewSession {
            at,
            place: text("place"),
            mode: said("onsite"),
            statements: text("agreement"),
            result: said("agreed"),
            next_at: Some(at.plus(2 * DAY_MS)),
            consent: true,
            notice: true,
        },
    };
    [
        register,
        note(text("action_taken")),
        note(text("note")),
        session,
    ]
}

fn dispute(grid: &UnitId, text: &impl Fn(&str) -> Said, at: Millis) -> NewDispute {
    let party = |role, name: Said| Party {
        role,
        name,
        phone: Said::default(),
    };
    NewDispute {
        grid: grid.clone(),
        title: Said::default(),
        category: said("01"),
        place: text("place"),
        found_at: at,
        brief: text("narrative"),
        level: said("G"),
        parties: vec![
            party(PartyRole::A, text("party_a")),
            party(PartyRole::B, text("party_b")),
        ],
    }
}

/// Every change, by document and name.
fn dump(phone: &Shell) -> Vec<(domain::id::DocId, domain::id::ChangeHash)> {
    let kept = &phone.store().kept;
    let mut all: Vec<_> = kept
        .changes()
        .map(|(doc, change)| (doc, change.hash))
        .collect();
    all.sort_unstable();
    all
}
