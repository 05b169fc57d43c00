//! Hostile requests: a row for each, with its time and its memory.

use super::table::{Row, Table, float};
use crate::hostile::{self, Fate, MEMORY_KB_MAX, Outcome, TIME_MAX};

/// Sends them all and prints what each cost.
pub(super) async fn run(table: &mut Table) {
    let outcomes = hostile::run().await;
    for outcome in &outcomes {
        table.row(&row(outcome));
        if let Some(instead) = &outcome.instead {
            table.fail(&format!("answered with {instead}"));
        }
        if !outcome.next_is_served {
            table.fail("the next honest request was not served");
        }
    }
}

fn row(outcome: &Outcome) -> Row {
    let ms = outcome.took.as_secs_f64() * 1_000.0;
    let mb = float(outcome.more_kb) / 1_024.0;
    let fits = outcome.took <= TIME_MAX && outcome.more_kb <= MEMORY_KB_MAX;
    let refused = match outcome.fate {
        Fate::Whole(status, code) => format!("{status} {}", code.code()),
        Fate::Head(status) => status.to_string(),
        Fate::Change(refusal) => format!("refused alone: {refusal}"),
        Fate::Kept => "does no harm and is kept".to_owned(),
        Fate::Ignored => "finds nothing".to_owned(),
    };
    // What is sound is not refused: its work is the work of any change.
    let is_refusal = outcome.fate != Fate::Kept;
    Row {
        scenario: format!("hostile: {}", outcome.name),
        goal: "<= 5 ms, <= 32 MB more, next one served".to_owned(),
        measured: format!("{ms:.2} ms, {mb:.1} MB more; {refused}"),
        met: is_refusal.then_some(fits && outcome.next_is_served),
        method: "first byte sent to last byte of the answer, with the commit of the honest change \
                 beside a hostile one; peak resident memory over before"
            .to_owned(),
    }
}
