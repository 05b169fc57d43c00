//! RC, MG, VW: what a step demands, what it leaves behind, and what counts.

use domain::codelist::{self, List};
use domain::command::{Command, Denial};
use domain::id::RecordId;
use domain::record::dispute::{AgreementDraft, CloseDraft, SessionDraft, TermDraft};
use domain::record::task::{NewTask, RETURN_VISIT, ReportDraft};
use domain::record::{EventKind, FieldName, Kind, Problem, Said};
use domain::replica::CommandError;
use domain::time::{DAY_MS, MINUTE_MS};
use domain::unit::Role;
use domain::view::case::Contents;
use domain::view::figure::Figure;

use crate::fixture::{
    directory, draft, member, morning, new_dispute, officer, record, said, station,
};
use crate::phone::{Link, Phone, Server};
use crate::rounds::{hazard, patrol, take};

pub fn registered() -> (Phone, Server, RecordId) {
    let mut phone = Phone::new(1, &officer("p1"));
    let mut server = Server::with(&[(&phone, &officer("p1"))]);
    let (id, new) = (record(1), new_dispute());
    let register = Command::RegisterDispute { id, new };
    assert_eq!(phone.act(&mut server, register), Ok(id));
    (phone, server, id)
}

pub fn agreement(due: &[&str]) -> AgreementDraft {
    let term = |due: &&str| TermDraft {
        text: format!("修好水沟 {due}"),
        due: (*due).to_owned(),
    };
    AgreementDraft {
        form: "written".to_owned(),
        content: "以老田坎为界".to_owned(),
        terms: due.iter().map(term).collect(),
        consent: true,
        notice: true,
    }
}

pub fn agree(phone: &mut Phone, server: &mut Server, id: RecordId, due: &[&str]) {
    let new = agreement(due).parse(phone.now, false).expect("sound");
    let command = Command::RecordAgreement { id, new };
    assert_eq!(phone.act(server, command), Ok(id));
}

pub fn closing(outcome: &str) -> CloseDraft {
    CloseDraft {
        outcome: outcome.to_owned(),
        fail_reason: "R2".to_owned(),
        summary: String::new(),
        remedies_told: true,
    }
}

pub fn close(id: RecordId, outcome: &str) -> Command {
    let new = closing(outcome).parse().expect("sound");
    Command::CloseDispute { id, new }
}

pub fn step(id: RecordId, to: &'static str) -> Command {
    Command::Step {
        id,
        to,
        reason: Said::default(),
    }
}

pub const fn denied(denial: Denial) -> Result<RecordId, CommandError> {
    Err(CommandError::Denied(denial))
}

/// The kinds of the notes in a dispute's course.
pub fn notes(phone: &Phone, id: RecordId) -> Vec<String> {
    let Contents::Dispute(dispute) = phone.case(id).contents else {
        panic!("a dispute")
    };
    let kind = |event: &domain::record::Event| match &event.what {
        EventKind::Note { kind, .. } => Some(kind.clone()),
        EventKind::Step(_) | EventKind::Photo(_) | EventKind::PhotoRemoved(_) => None,
    };
    dispute.events.iter().filter_map(kind).collect()
}

#[test]
fn rc40_no_case_ends_as_settled_over_terms_that_nobody_performed() {
    for outcome in ["11", "12", "13", "14"] {
        let (mut phone, mut server, id) = registered();
        agree(&mut phone, &mut server, id, &["2026-11-25", "2026-11-30"]);
        let Contents::Dispute(dispute) = phone.case(id).contents else {
            panic!("a dispute")
        };
        let terms: Vec<_> = dispute.open_terms().map(|term| term.id).collect();
        let before = phone.store.load(id);
        let open = |days: &[&str]| {
            let named = days.iter().map(|day| format!("修好水沟 {day}"));
            denied(Denial::OpenTerms(named.collect()))
        };
        let done = phone.act(&mut server, close(id, outcome));
        assert_eq!(done, open(&["2026-11-25", "2026-11-30"]));
        assert_eq!(phone.store.load(id), before);
        // No other way leads there.
        let status = Denial::Status {
            kind: Kind::Dispute,
            from: "agreed".to_owned(),
        };
        for to in ["performed", "closed"] {
            assert_eq!(phone.act(&mut server, step(id, to)), denied(status.clone()));
        }
        let term = terms[0];
        let command = Command::PerformTerm { id, term };
        assert_eq!(phone.act(&mut server, command), Ok(id));
        let done = phone.act(&mut server, close(id, outcome));
        assert_eq!(done, open(&["2026-11-30"]));
        // Once all are performed it ends.
        let term = terms[1];
        let command = Command::PerformTerm { id, term };
        assert_eq!(phone.act(&mut server, command), Ok(id));
        assert_eq!(phone.act(&mut server, close(id, outcome)), Ok(id));
        assert_eq!(phone.row(id).status, "closed");
    }
    // What is not kept ends without an agreement, and nothing says that it was performed.
    let (mut phone, mut server, id) = registered();
    agree(&mut phone, &mut server, id, &["2026-11-25"]);
    assert_eq!(phone.act(&mut server, close(id, "22")), Ok(id));
    let Contents::Dispute(dispute) = phone.case(id).contents else {
        panic!("a dispute")
    };
    let machine = &domain::record::dispute::MACHINE;
    assert_eq!(machine.reached(&dispute.events, "performed"), None);
    assert_eq!(phone.row(id).status, "closed");
}

#[test]
fn rc41_an_agreement_needs_both_sides_consent_and_notice_and_keeps_who_said_so() {
    let (mut phone, mut server, id) = registered();
    let mut form = agreement(&[]);
    form.consent = false;
    form.notice = false;
    let errors = form.parse(morning(), false).expect_err("refused");
    let fields: Vec<_> = errors.iter().map(|error| error.field).collect();
    assert_eq!(fields, [FieldName::Consent, FieldName::Notice]);
    // A form that was read as if the case held them is stopped by the case itself.
    let new = form.parse(morning(), true).expect("sound");
    let command = Command::RecordAgreement { id, new };
    assert_eq!(
        phone.act(&mut server, command),
        denied(Denial::NeedsConsent)
    );
    let said = SessionDraft {
        statements: "双方各陈己见".to_owned(),
        result: "again".to_owned(),
        ..SessionDraft::default()
    };
    let new = said.parse(morning(), true).expect("sound");
    let command = Command::RecordSession { id, new };
    assert_eq!(
        phone.act(&mut server, command),
        denied(Denial::NeedsConsent)
    );
    agree(&mut phone, &mut server, id, &[]);
    assert_eq!(notes(&phone, id), ["consent"]);
    // The other ways are kept as well.
    let mut new = closing("22").parse().expect("sound");
    new.remedies_told = false;
    let command = Command::CloseDispute { id, new };
    assert_eq!(
        phone.act(&mut server, command),
        denied(Denial::NeedsRemedies)
    );
    phone.now = phone.now.plus(DAY_MS);
    assert_eq!(phone.act(&mut server, close(id, "22")), Ok(id));
    let Contents::Dispute(dispute) = phone.case(id).contents else {
        panic!("a dispute")
    };
    assert_eq!(notes(&phone, id), ["consent", "remedies"]);
    let told = dispute
        .events
        .iter()
        .find(|event| matches!(&event.what, EventKind::Note { kind, .. } if kind == "remedies"));
    let told = told.map(|event| (event.by.as_str(), event.at));
    assert_eq!(told, Some(("p1", morning().plus(DAY_MS))));
    for kind in ["consent", "remedies"] {
        assert!(codelist::find(List::Told, kind).is_some());
    }
}

#[test]
fn rc41_one_side_alone_agrees_with_nobody_and_a_closing_says_nothing_by_itself() {
    let (mut phone, mut server, _) = registered();
    // One side alone agrees with nobody; and without an agreement none is claimed.
    let id = record(2);
    let mut alone = draft();
    alone.party_b_name.clear();
    let new = alone.parse(morning()).expect("sound");
    let register = Command::RegisterDispute { id, new };
    assert_eq!(phone.act(&mut server, register), Ok(id));
    let new = agreement(&[]).parse(phone.now, false).expect("sound");
    let command = Command::RecordAgreement { id, new };
    assert_eq!(
        phone.act(&mut server, command),
        denied(Denial::NeedsParties)
    );
    for outcome in ["11", "12"] {
        let done = phone.act(&mut server, close(id, outcome));
        assert_eq!(done, denied(Denial::NeedsAgreement));
    }
    // A reason that was chosen for another outcome is not said of this one.
    let new = closing("13").parse().expect("sound");
    assert_eq!((new.fail_reason.as_str(), new.remedies_told), ("", false));
    let missing = CloseDraft::default()
        .parse()
        .expect_err("nothing is preselected");
    assert_eq!(
        (missing[0].field, missing[0].problem),
        (FieldName::Outcome, Problem::Missing)
    );
}

#[test]
fn rc42_what_a_return_visit_found_stands_in_the_course_of_its_case() {
    let (mut phone, mut server, id) = registered();
    agree(&mut phone, &mut server, id, &["2026-11-25"]);
    let visit = |phone: &Phone| {
        let mut rows = phone.store.rows();
        rows.find(|row| row.link == Some(id)).expect("a visit").id
    };
    let task = visit(&phone);
    let report = |finding: &str| ReportDraft {
        finding: finding.to_owned(),
        mode: "2".to_owned(),
        text: "水沟没有修".to_owned(),
    };
    let new = report("3").parse(RETURN_VISIT).expect("sound");
    phone.link = Link::Down;
    let command = Command::ReportTask { id: task, new };
    assert_eq!(phone.act(&mut server, command), Ok(task));
    assert_eq!(notes(&phone, id), ["consent", "visit_3"]);
    let Contents::Dispute(dispute) = phone.case(id).contents else {
        panic!("a dispute")
    };
    assert_eq!(dispute.trouble(), Some("visit_3"));
    let last = dispute.events.last().expect("a note");
    let text = EventKind::Note {
        kind: "visit_3".to_owned(),
        text: "水沟没有修".to_owned(),
    };
    assert_eq!((&last.what, last.by.as_str()), (&text, "p1"));
    assert_eq!(phone.row(task).status, "done");
    // Both records go to the server.
    phone.link = Link::Up;
    phone.sync(&mut server);
    assert_eq!((phone.waiting(), phone.row(id).delivery.refused), (0, 0));
    // Somebody does something about it.
    let done = phone.act(&mut server, step(id, "mediating"));
    assert_eq!(done, Ok(id));
    let Contents::Dispute(dispute) = phone.case(id).contents else {
        panic!("a dispute")
    };
    assert_eq!(dispute.trouble(), None);
    for finding in codelist::codes(List::VisitFinding) {
        let kind = domain::record::dispute::visit_note(finding.code).expect("a kind of note");
        assert!(codelist::find(List::Told, kind).is_some());
    }
}

#[test]
fn rc42_a_report_on_a_visit_whose_case_is_not_here_is_saved_all_the_same() {
    let (mut phone, mut server, _) = registered();
    let (task, gone) = (record(8), record(9));
    let new = NewTask {
        grid: crate::fixture::unit("g1"),
        category: said(RETURN_VISIT),
        title: said("水沟"),
        place: Said::default(),
        note: Said::default(),
        due: morning().plus(DAY_MS),
        link: Some(gone),
    };
    let give = Command::GiveTask { id: task, new };
    assert_eq!(phone.act(&mut server, give), Ok(task));
    let report = ReportDraft {
        finding: "3".to_owned(),
        mode: "1".to_owned(),
        text: String::new(),
    };
    let new = report.parse(RETURN_VISIT).expect("sound");
    let command = Command::ReportTask { id: task, new };
    assert_eq!(phone.act(&mut server, command), Ok(task));
    assert!(phone.store.load(gone).is_absent());
}

#[test]
fn rc44_an_edit_is_judged_only_in_what_this_person_changed() {
    let mut base = draft();
    // A colleague's newer list, and a time by another clock.
    base.category = "99".to_owned();
    base.found_at = "2026-11-25T10:00".to_owned();
    let mut new = base.clone();
    new.brief = "补充：水沟".to_owned();
    let (from, to) = new.parse_edit(&base, morning()).expect("sound");
    assert_eq!((from.category.as_str(), from.found_at), ("99", to.found_at));
    let edits = domain::record::dispute::changed_edits(&from, &to);
    let paths: Vec<_> = edits.iter().map(|edit| edit.path.as_str()).collect();
    assert_eq!(paths, ["brief"]);
    // What this person changed is judged as ever.
    new.found_at = "2026-11-26T10:00".to_owned();
    new.place.clear();
    let errors = new.parse_edit(&base, morning()).expect_err("refused");
    let errors: Vec<_> = errors.iter().map(|e| (e.field, e.problem)).collect();
    assert_eq!(
        errors,
        [
            (FieldName::Place, Problem::Missing),
            (FieldName::FoundAt, Problem::InFuture)
        ]
    );
}

#[test]
fn mg20_steps_that_contradict_each_other_are_decided_on_records_of_every_kind() {
    let (p1, p2) = (officer("p1"), officer("p2"));
    let (mut first, mut second) = (Phone::new(1, &p1), Phone::new(2, &p2));
    let mut server = Server::with(&[(&first, &p1), (&second, &p2)]);
    let id = record(6);
    let new = hazard("1", "");
    let register = Command::RegisterHazard { id, new };
    assert_eq!(first.act(&mut server, register), Ok(id));
    second.sync(&mut server);
    first.link = Link::Down;
    second.link = Link::Down;
    assert_eq!(first.act(&mut server, take(id, "onspot")), Ok(id));
    assert_eq!(first.act(&mut server, take(id, "closed")), Ok(id));
    second.now = second.now.plus(5_000);
    assert_eq!(second.act(&mut server, take(id, "transferred")), Ok(id));
    for phone in [&mut first, &mut second] {
        phone.link = Link::Up;
        phone.sync(&mut server);
    }
    first.sync(&mut server);
    assert_eq!(
        (first.row(id).status.as_str(), first.row(id).review),
        ("closed", 1)
    );
    let steps = first.case(id).contradiction().expect("to be decided");
    assert_eq!(
        (steps.stands.as_str(), steps.instead_of.len()),
        ("closed", 2)
    );
    let to: Vec<_> = steps.waiting.iter().map(|(_, to)| to.as_str()).collect();
    assert_eq!(to, ["transferred"]);
    for event in steps.instead_of {
        let drop = Command::DropStep { id, event };
        assert_eq!(first.act(&mut server, drop), Ok(id));
    }
    assert_eq!(first.row(id).status, "transferred");
    assert_eq!(first.case(id).contradiction(), None);
}

#[test]
fn mg21_a_code_is_named_by_the_list_of_its_own_kind_of_record() {
    for (kind, path, code) in [
        (Kind::Dispute, "category", "04"),
        (Kind::Hazard, "category", "H01"),
        (Kind::Patrol, "category", "P01"),
        (Kind::Dispute, "level", "R"),
        (Kind::Hazard, "level", "3"),
        (Kind::Task, "finding", "3"),
        (Kind::Dispute, "outcome", "11"),
        (Kind::Dispute, "sessions/01J/result", "again"),
        (Kind::Dispute, "agreements/01J/form", "oral"),
    ] {
        let list = codelist::of_field(kind, path).expect("a list");
        assert!(codelist::find(list, code).is_some(), "{kind:?} {path}");
    }
    for path in ["place", "brief", "checkins/01J/place", "x/level"] {
        assert_eq!(codelist::of_field(Kind::Hazard, path), None, "{path}");
    }
    for kind in Kind::ALL {
        let machine = domain::access::machine(kind);
        assert!(codelist::find(codelist::statuses(kind), machine.initial).is_some());
    }
}

#[test]
fn vw30_figures_count_what_their_words_say() {
    let (phone, _, id) = registered();
    let row = phone.row(id);
    let counts = |figure: Figure, kind, (category, status): (&str, &str)| {
        let row = domain::view::Row {
            kind,
            category: category.to_owned(),
            status: status.to_owned(),
            ..row.clone()
        };
        figure.moment(&row).is_some()
    };
    // Handing a hazard over puts nothing right.
    for (status, done) in [
        ("onspot", true),
        ("rectified", true),
        ("closed", true),
        ("transferred", false),
        ("found", false),
    ] {
        let hazard = (Kind::Hazard, ("H01", status));
        assert_eq!(
            counts(Figure::HazardsDone, hazard.0, hazard.1),
            done,
            "{status}"
        );
        assert_eq!(
            counts(Figure::HazardsLeft, hazard.0, hazard.1),
            !done,
            "{status}"
        );
    }
    // A task that is no return visit is none.
    for (category, visit) in [(RETURN_VISIT, true), ("task", false)] {
        for (status, figure) in [("open", Figure::VisitsLeft), ("done", Figure::VisitsDone)] {
            assert_eq!(counts(figure, Kind::Task, (category, status)), visit);
        }
    }
}

#[test]
fn vw30_a_step_that_was_dropped_does_not_count() {
    let duty = directory(
        member(
            "p1",
            &[Role::StationDuty, Role::Mediator, Role::AuxOfficer],
            &["s1"],
        ),
        &["g1"],
    );
    let (mut phone, mut other) = (Phone::new(1, &duty), Phone::new(2, &station()));
    let mut server = Server::with(&[(&phone, &duty), (&other, &station())]);
    let (id, new) = (record(1), new_dispute());
    let register = Command::RegisterDispute { id, new };
    assert_eq!(phone.act(&mut server, register), Ok(id));
    other.sync(&mut server);
    assert_eq!(phone.act(&mut server, step(id, "accepted")), Ok(id));
    assert_eq!(phone.row(id).accepted_at, Some(morning()));
    let Contents::Dispute(dispute) = phone.case(id).contents else {
        panic!("a dispute")
    };
    let (event, _) = dispute.standing.since.expect("a step");
    let drop = Command::DropStep { id, event };
    assert_eq!(phone.act(&mut server, drop), Ok(id));
    assert_eq!(
        (phone.row(id).accepted_at, phone.row(id).status.as_str()),
        (None, "reported")
    );
    // Nor does the end of a patrol that somebody took back, nor its pauses.
    let id = record(5);
    patrol(&mut phone, &mut server, id);
    phone.now = phone.now.plus(10 * MINUTE_MS);
    assert_eq!(phone.act(&mut server, step(id, "finished")), Ok(id));
    let Contents::Patrol(ended) = phone.case(id).contents else {
        panic!("a patrol")
    };
    let (event, _) = ended.standing.since.expect("a step");
    let drop = Command::DropStep { id, event };
    assert_eq!(phone.act(&mut server, drop), Ok(id));
    phone.now = phone.now.plus(10 * MINUTE_MS);
    let Contents::Patrol(going) = phone.case(id).contents else {
        panic!("a patrol")
    };
    assert_eq!(going.ended_at, None);
    assert_eq!(going.active_ms(phone.now), 20 * MINUTE_MS);
}
