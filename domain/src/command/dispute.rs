//! The commands of a dispute.

use super::{Context, Current, Denial, Desk, Plan, vault_edits};
use crate::document::Edit;
use crate::id::{ItemId, Part, RecordId};
use crate::record::dispute::{
    self as record, Dispute, NewAgreement, NewClosing, NewDispute, NewSession, VISIT_AFTER_DAYS,
};
use crate::record::task::{self, NewReport, NewTask, RETURN_VISIT};
use crate::record::vault::{self, Party, PartyRole};
use crate::record::{Kind, Said, note_edits, put_text};

/// The most characters of a task's note that are taken over from an agreement.
const NOTE_CHARS_MAX: usize = 60;

pub(super) fn register(context: &mut Context<'_>, id: RecordId, new: &NewDispute) -> Plan {
    let header = context.header(id, Kind::Dispute, &new.grid);
    let body = record::register_edits(&header, new);
    let vault = vault_edits(id, &new.parties);
    Plan {
        record: id,
        edits: vec![(Part::Body, body), (Part::Vault, vault)],
    }
}

pub(super) fn edit(
    desk: &mut Desk<'_, '_>,
    base: &NewDispute,
    new: &NewDispute,
) -> Result<(), Denial> {
    desk.body.extend(record::changed_edits(base, new));
    if desk.body.is_empty() {
        Err(Denial::Nothing)
    } else {
        Ok(())
    }
}

pub(super) fn put_party(
    desk: &mut Desk<'_, '_>,
    item: Option<ItemId>,
    party: &Party,
) -> Result<(), Denial> {
    if desk.current.vault.is_none() {
        // The vault of a case that was registered without parties is there all the same; a vault
        // that is missing was withheld, and nobody adds to what he may not see.
        return Err(Denial::NotYourRole);
    }
    let id = item.unwrap_or_else(|| desk.item());
    desk.vault.extend(vault::party_edits(id, party));
    Ok(())
}

fn fold(current: &Current) -> Result<Dispute, Denial> {
    Dispute::fold(&current.body).map_err(|_| Denial::NotHere)
}

pub(super) fn record_session(desk: &mut Desk<'_, '_>, new: &NewSession) -> Result<(), Denial> {
    let way: &[&str] = match desk.status.as_str() {
        "reported" => &["accepted", "mediating"],
        "accepted" | "suspended" => &["mediating"],
        "mediating" => &[],
        _ => return Err(desk.not_now()),
    };
    consent(desk, new.consent && new.notice)?;
    desk.steps(way)?;
    let id = desk.item();
    desk.body
        .extend(record::session_edits(id, &desk.me().person, new));
    Ok(())
}

pub(super) fn record_agreement(desk: &mut Desk<'_, '_>, new: &NewAgreement) -> Result<(), Denial> {
    let way: &[&str] = match desk.status.as_str() {
        "reported" | "mediating" => &["agreed"],
        "accepted" | "suspended" => &["mediating", "agreed"],
        _ => return Err(desk.not_now()),
    };
    if !has_two_sides(desk.current) {
        return Err(Denial::NeedsParties);
    }
    consent(desk, new.consent && new.notice)?;
    desk.steps(way)?;
    let id = desk.item();
    let terms = new.terms.iter().map(|_| desk.item()).collect();
    let (by, now) = (&desk.me().person, desk.now());
    desk.body
        .extend(record::agreement_edits((id, terms), by, now, new));
    let visit = return_visit(desk, new)?;
    desk.more.push(visit);
    Ok(())
}

/// Whether both sides of a case are registered (People's Mediation Law art. 17 and 29).
fn has_two_sides(current: &Current) -> bool {
    let parties = current.vault.as_ref().map(vault::fold).unwrap_or_default();
    let on_side = |role| parties.iter().any(|kept| kept.role == role);
    on_side(PartyRole::A) && on_side(PartyRole::B)
}

/// Consent and notice: the case holds them, or what needs them brings them along. Who said so, and
/// when, stands in the course.
fn consent(desk: &mut Desk<'_, '_>, said: bool) -> Result<(), Denial> {
    if fold(desk.current)?.consent_at.is_some() {
        return Ok(());
    }
    if !said {
        return Err(Denial::NeedsConsent);
    }
    desk.body.push(Edit::new("consent_at", desk.now()));
    note(desk, record::CONSENT, "");
    Ok(())
}

fn note(desk: &mut Desk<'_, '_>, kind: &str, text: &str) {
    let (id, now) = (desk.item(), desk.now());
    let by = &desk.me().person;
    desk.body.extend(note_edits(id, by, now, kind, text));
}

/// What a return visit that met with trouble leaves in its case.
pub(super) fn note_visit(desk: &mut Desk<'_, '_>, report: &NewReport) -> Option<()> {
    let kind = record::visit_note(&report.finding)?;
    (desk.header.kind == Kind::Dispute).then(|| note(desk, kind, &report.text))
}

/// The return visit that follows an agreement: some days after its last term.
fn return_visit(desk: &mut Desk<'_, '_>, new: &NewAgreement) -> Result<Plan, Denial> {
    let dispute = fold(desk.current)?;
    let last = new
        .terms
        .iter()
        .filter_map(|term| term.due)
        .max()
        .unwrap_or_else(|| desk.now());
    let task = NewTask {
        grid: dispute.header.grid.clone(),
        category: Said::taken_over(RETURN_VISIT, NOTE_CHARS_MAX),
        // A case without a title lends none: the beginning of its text often names people.
        title: Said::taken_over(&dispute.title, task::TITLE_CHARS_MAX),
        place: Said::taken_over(&dispute.place, record::PLACE_CHARS_MAX),
        note: Said::taken_over(&new.content, NOTE_CHARS_MAX),
        due: last.day().plus(VISIT_AFTER_DAYS).end(),
        link: Some(desk.record),
    };
    let id = desk.context.fresh.id();
    let header = desk.context.header(id, Kind::Task, &task.grid);
    Ok(Plan {
        record: id,
        edits: vec![(Part::Body, task::give_edits(&header, &task))],
    })
}

pub(super) fn perform_term(desk: &mut Desk<'_, '_>, term: ItemId) -> Result<(), Denial> {
    desk.must_be(&["agreed"])?;
    let dispute = fold(desk.current)?;
    let agreement = dispute.agreements.last().ok_or(Denial::NeedsAgreement)?;
    let mut open = agreement
        .terms
        .iter()
        .filter(|known| known.done_at.is_none());
    if !open.clone().any(|known| known.id == term) {
        return Err(Denial::Nothing);
    }
    desk.body
        .push(Edit::new(format!("terms/{term}/done_at"), desk.now()));
    if open.all(|known| known.id == term) {
        desk.step("performed", &Said::default())?;
    }
    Ok(())
}

pub(super) fn close(desk: &mut Desk<'_, '_>, new: &NewClosing) -> Result<(), Denial> {
    // What weighs must be settled by a person before the case is closed over it.
    let contested = |path: &str| {
        desk.current
            .body
            .field(path)
            .is_some_and(|f| f.is_conflict())
    };
    if ["level", "outcome"].iter().any(|path| contested(path)) {
        return Err(Denial::Contested);
    }
    let way = way_to_close(desk, new)?;
    if new.is_failed() {
        if !new.remedies_told {
            return Err(Denial::NeedsRemedies);
        }
        note(desk, record::REMEDIES, "");
    }
    desk.body.push(Edit::new("outcome", new.outcome.as_str()));
    put_text(&mut desk.body, "fail_reason", &new.fail_reason);
    put_text(&mut desk.body, "summary", &new.summary);
    desk.steps(way)
}

fn way_to_close(desk: &Desk<'_, '_>, new: &NewClosing) -> Result<&'static [&'static str], Denial> {
    let denied = || desk.not_now();
    let status = desk.status.as_str();
    let way: &[&str] = if new.is_settled() {
        match status {
            // Without an agreement only what the parties settled at once, or among themselves.
            "reported" if !new.is_agreed() => &["closed"],
            "performed" => &["closed"],
            "agreed" => {
                let dispute = fold(desk.current)?;
                let open: Vec<_> = dispute.open_terms().map(|term| term.text.clone()).collect();
                if !open.is_empty() {
                    return Err(Denial::OpenTerms(open));
                }
                &["performed", "closed"]
            }
            "reported" | "accepted" | "mediating" | "suspended" => {
                return Err(Denial::NeedsAgreement);
            }
            _ => return Err(denied()),
        }
    } else if new.is_failed() {
        match status {
            "reported" => &["accepted", "failed", "closed"],
            "accepted" | "mediating" | "suspended" => &["failed", "closed"],
            // What was agreed was not kept: mediation is taken up again and ends without it.
            "agreed" => &["mediating", "failed", "closed"],
            "failed" => &["closed"],
            _ => return Err(denied()),
        }
    } else if new.outcome.starts_with('3') {
        match status {
            "reported" | "accepted" | "mediating" => &["referred", "closed"],
            "suspended" => &["mediating", "referred", "closed"],
            "referred" => &["closed"],
            _ => return Err(denied()),
        }
    } else {
        match status {
            "reported" | "accepted" | "mediating" | "suspended" => &["withdrawn", "closed"],
            "withdrawn" => &["closed"],
            _ => return Err(denied()),
        }
    };
    Ok(way)
}
