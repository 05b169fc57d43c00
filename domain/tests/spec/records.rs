//! RC: what a record is and what may happen to it.

use domain::codelist::List;
use domain::command::{Command, Denial};
use domain::document::{Document, Edit, Stamp, Value};
use domain::id::{DocId, Part, RecordId};
use domain::record::dispute::{AgreementDraft, CloseDraft, EventDraft, SessionDraft, TermDraft};
use domain::record::patrol::{CheckinDraft, Counter, StartDraft};
use domain::record::{FieldError, FieldName, Kind, Problem, Said};
use domain::replica::{CommandError, StoredChange, WriteBatch};
use domain::time::{DAY_MS, MINUTE_MS, Millis};
use domain::view::case::Contents;

use crate::fixture::{actor, draft, morning, new_dispute, officer, record, said};
use crate::phone::{Phone, Server};

fn registered() -> (Phone, Server, RecordId) {
    let mut phone = Phone::new(1, &officer("p1"));
    let mut server = Server::with(&[(&phone, &officer("p1"))]);
    let id = record(1);
    let done = phone.act(
        &mut server,
        Command::RegisterDispute {
            id,
            new: new_dispute(),
        },
    );
    assert_eq!(done, Ok(id));
    (phone, server, id)
}

fn session(result: &str) -> SessionDraft {
    SessionDraft {
        statements: "双方各陈己见".to_owned(),
        result: result.to_owned(),
        consent: true,
        notice: true,
        ..SessionDraft::default()
    }
}

fn agreement(due: &[&str]) -> AgreementDraft {
    let term = |due: &&str| TermDraft {
        text: "修好水沟".to_owned(),
        due: (*due).to_owned(),
    };
    AgreementDraft {
        content: "以老田坎为界".to_owned(),
        terms: due.iter().map(term).collect(),
        consent: true,
        notice: true,
        ..AgreementDraft::default()
    }
}

#[test]
fn rc1_a_record_keeps_the_id_that_its_phone_gave_it() {
    let (phone, _, id) = registered();
    assert_eq!(phone.row(id).id, id);
    assert_eq!(id.created_at(), morning());
    assert_eq!(id.to_string().parse::<RecordId>(), Ok(id));
}

#[test]
fn rc2_a_form_names_every_missing_and_wrong_field_at_once() {
    let mut form = draft();
    form.category.clear();
    form.place = "  ".to_owned();
    form.party_a_phone = "abc".to_owned();
    form.found_at = "2026-11-25T10:00".to_owned();
    let error = |field, problem| FieldError { field, problem };
    assert_eq!(
        form.parse(morning()),
        Err(vec![
            error(FieldName::Category, Problem::Missing),
            error(FieldName::Place, Problem::Missing),
            error(FieldName::FoundAt, Problem::InFuture),
            error(FieldName::PartyAPhone, Problem::NotAPhone),
        ])
    );
}

#[test]
fn rc3_no_text_field_takes_an_identity_number() {
    let number = "11010519491231002X";
    let mut form = draft();
    form.brief = format!("证号{number}");
    form.party_b_name = number.to_owned();
    form.place = number.to_owned();
    let errors = form.parse(morning()).expect_err("refused");
    assert_eq!(errors.len(), 3);
    assert!(
        errors
            .iter()
            .all(|error| error.problem == Problem::IdentityNumber)
    );
    let event = EventDraft {
        kind: "visit".to_owned(),
        text: number.to_owned(),
        ..Default::default()
    };
    assert!(event.parse(morning()).is_err());
    let mut said = session("again");
    said.statements = number.to_owned();
    assert!(said.parse(morning(), true).is_err());
}

#[test]
fn rc4_names_and_phones_are_in_the_vault_and_nowhere_else() {
    let (phone, _, id) = registered();
    let stored = phone.store.load(id);
    let holds = |bytes: &[u8], text: &str| {
        bytes
            .windows(text.len())
            .any(|window| window == text.as_bytes())
    };
    for secret in ["周仁发", "李国清", "10000001234"] {
        assert!(
            stored
                .vault
                .iter()
                .any(|change| holds(&change.bytes, secret)),
            "{secret}"
        );
        assert!(
            !stored
                .body
                .iter()
                .any(|change| holds(&change.bytes, secret)),
            "{secret}"
        );
        assert!(!holds(&phone.row(id).encode(), secret), "{secret}");
    }
    let parties = phone.case(id).parties.expect("the vault is here");
    assert_eq!(parties.len(), 2);
}

#[test]
fn rc5_a_status_is_the_fold_of_steps_and_a_step_out_of_order_is_refused() {
    let (mut phone, mut server, id) = registered();
    let step = |to: &'static str| Command::Step {
        id,
        to,
        reason: Said::default(),
    };
    let denied = phone.act(&mut server, step("performed"));
    let status = Denial::Status {
        kind: Kind::Dispute,
        from: "reported".to_owned(),
    };
    assert_eq!(denied, Err(CommandError::Denied(status)));
    assert_eq!(phone.act(&mut server, step("accepted")), Ok(id));
    assert_eq!(phone.row(id).status, "accepted");
    assert_eq!(phone.row(id).accepted_at, Some(morning()));
}

#[test]
fn rc6_there_is_no_session_without_consent_and_notice() {
    let (mut phone, mut server, id) = registered();
    let mut form = session("again");
    form.consent = false;
    form.notice = false;
    let errors = form.parse(morning(), false).expect_err("refused");
    let fields: Vec<_> = errors.iter().map(|error| error.field).collect();
    assert_eq!(fields, [FieldName::Consent, FieldName::Notice]);
    let new = session("again").parse(morning(), false).expect("sound");
    assert_eq!(
        phone.act(&mut server, Command::RecordSession { id, new }),
        Ok(id)
    );
    let Contents::Dispute(dispute) = phone.case(id).contents else {
        panic!("a dispute")
    };
    assert_eq!(dispute.consent_at, Some(morning()));
    assert_eq!(
        (dispute.standing.status.as_str(), dispute.sessions.len()),
        ("mediating", 1)
    );
    // The case holds the consent from then on.
    assert!(form.parse(morning(), true).is_ok());
}

#[test]
fn rc7_a_record_of_a_newer_version_is_shown_kept_and_not_edited() {
    let (mut phone, mut server, id) = registered();
    let newer = record(9);
    let mut document = Document::default();
    let mut edits = vec![Edit::new("ev/*", ""), Edit::new("x/*", "")];
    edits.extend([
        Edit::new("kind", "dispute"),
        Edit::new("schema", Value::Int(99)),
        Edit::new("grid", "g1"),
        Edit::new("number", "N"),
        Edit::new("by", "p1"),
        Edit::new("created_at", morning()),
        Edit::new("place", "石桥"),
        Edit::new("x/from_the_future", "kept"),
    ]);
    let stamp = Stamp {
        actor: actor(7),
        at: morning(),
    };
    let change = document
        .commit(stamp, &edits)
        .expect("writes")
        .expect("a change");
    let author = "p1".parse().expect("a code");
    let stored = StoredChange {
        hash: change.hash,
        author,
        seq: Some(1),
        bytes: change.bytes,
        way: Default::default(),
    };
    let batch = WriteBatch {
        changes: vec![(DocId::body(newer), stored)],
        ..Default::default()
    };
    phone.store.commit(&batch).expect("writes");
    let case = phone.case(newer);
    assert!(case.newer && case.row.place == "石桥");
    assert!(case.writers.contains_key("x/from_the_future"));
    let new = EventDraft {
        kind: "visit".to_owned(),
        text: "走访".to_owned(),
        ..Default::default()
    };
    let new = new.parse(morning()).expect("sound");
    let denied = phone.act(&mut server, Command::AddEvent { id: newer, new });
    assert_eq!(denied, Err(CommandError::Denied(Denial::Newer)));
    assert!(!phone.case(id).newer);
}

#[test]
fn rc9_a_case_ends_with_an_agreement_or_with_a_reason_and_remedies() {
    let (mut phone, mut server, id) = registered();
    let new = session("none").parse(morning(), false).expect("sound");
    assert_eq!(
        phone.act(&mut server, Command::RecordSession { id, new }),
        Ok(id)
    );
    let form = |outcome: &str| CloseDraft {
        outcome: outcome.to_owned(),
        ..CloseDraft::default()
    };
    let new = form("11").parse().expect("sound");
    let denied = phone.act(&mut server, Command::CloseDispute { id, new });
    assert_eq!(denied, Err(CommandError::Denied(Denial::NeedsAgreement)));
    let errors = form("22").parse().expect_err("a reason is needed");
    let fields: Vec<_> = errors.iter().map(|error| error.field).collect();
    assert_eq!(fields, [FieldName::Result, FieldName::Remedies]);
    let mut failed = form("22");
    failed.fail_reason = "R2".to_owned();
    failed.remedies_told = true;
    let new = failed.parse().expect("sound");
    assert_eq!(
        phone.act(&mut server, Command::CloseDispute { id, new }),
        Ok(id)
    );
    let row = phone.row(id);
    assert_eq!(
        (row.status.as_str(), row.outcome.as_str(), row.open),
        ("closed", "22", false)
    );
    assert_eq!(row.closed_at, Some(morning()));
}

#[test]
fn rc10_an_agreement_brings_a_return_visit_after_its_last_term() {
    let (mut phone, mut server, id) = registered();
    let new = agreement(&["2026-11-25", "2026-11-30"])
        .parse(morning(), false)
        .expect("sound");
    assert_eq!(
        phone.act(&mut server, Command::RecordAgreement { id, new }),
        Ok(id)
    );
    let visit = phone
        .store
        .rows()
        .find(|row| row.link == Some(id))
        .expect("a visit")
        .clone();
    assert_eq!(
        visit.due.map(|due| due.at.day().to_string()).as_deref(),
        Some("2026-12-07")
    );
    let row = phone.row(id);
    assert_eq!(row.status, "agreed");
    assert_eq!(
        row.due.map(|due| due.at.day().to_string()).as_deref(),
        Some("2026-11-25")
    );
    // When the last term is performed, the agreement is.
    for _ in 0..2 {
        let Contents::Dispute(dispute) = phone.case(id).contents else {
            panic!("a dispute")
        };
        let terms = &dispute.agreements.last().expect("an agreement").terms;
        let term = terms
            .iter()
            .find(|term| term.done_at.is_none())
            .expect("an open term")
            .id;
        assert_eq!(
            phone.act(&mut server, Command::PerformTerm { id, term }),
            Ok(id)
        );
    }
    assert_eq!(phone.row(id).status, "performed");
}

#[test]
fn rc11_counts_of_two_devices_on_one_patrol_are_summed() {
    let (p1, p2) = (officer("p1"), officer("p2"));
    let (mut first, mut second) = (Phone::new(1, &p1), Phone::new(2, &p2));
    let mut server = Server::with(&[(&first, &p1), (&second, &p2)]);
    let id = record(5);
    let start = StartDraft {
        grid: "g1".to_owned(),
        ..StartDraft::default()
    };
    let new = start.parse().expect("sound");
    assert_eq!(
        first.act(&mut server, Command::StartPatrol { id, new }),
        Ok(id)
    );
    second.sync(&mut server);
    let count = |more| Command::Count {
        id,
        counter: Counter::Persuaded,
        more,
    };
    assert_eq!(first.act(&mut server, count(2)), Ok(id));
    assert_eq!(second.act(&mut server, count(3)), Ok(id));
    assert_eq!(first.act(&mut server, count(1)), Ok(id));
    first.sync(&mut server);
    second.sync(&mut server);
    for phone in [&first, &second] {
        let Contents::Patrol(patrol) = phone.case(id).contents else {
            panic!("a patrol")
        };
        assert_eq!(patrol.counts[0], (Counter::Persuaded, 6));
    }
}

#[test]
fn rc12_time_on_patrol_leaves_pauses_out() {
    let (mut phone, mut server, _) = registered();
    let id = record(6);
    let start = StartDraft {
        grid: "g1".to_owned(),
        ..StartDraft::default()
    };
    let new = start.parse().expect("sound");
    assert_eq!(
        phone.act(&mut server, Command::StartPatrol { id, new }),
        Ok(id)
    );
    let step = |to: &'static str| Command::Step {
        id,
        to,
        reason: Said::default(),
    };
    for (minutes, command) in [
        (30, step("paused")),
        (20, step("active")),
        (
            10,
            Command::CheckIn {
                id,
                new: CheckinDraft {
                    place: "村口".to_owned(),
                    ..Default::default()
                }
                .parse()
                .expect("sound"),
            },
        ),
        (
            5,
            Command::FinishPatrol {
                id,
                log: said("平安"),
            },
        ),
    ] {
        phone.now = phone.now.plus(minutes * MINUTE_MS);
        assert_eq!(phone.act(&mut server, command), Ok(id));
    }
    let row = phone.row(id);
    assert_eq!((row.active_ms, row.checkins), (45 * MINUTE_MS, 1));
    assert_eq!((row.status.as_str(), row.open), ("finished", false));
    let counted = phone.act(
        &mut server,
        Command::Count {
            id,
            counter: Counter::Helped,
            more: 1,
        },
    );
    let status = Denial::Status {
        kind: Kind::Patrol,
        from: "finished".to_owned(),
    };
    assert_eq!(counted, Err(CommandError::Denied(status)));
}

#[test]
fn rc13_every_code_that_a_machine_uses_is_in_its_list() {
    let machines = [
        (&domain::record::dispute::MACHINE, List::DisputeStatus),
        (&domain::record::patrol::MACHINE, List::PatrolStatus),
        (&domain::record::hazard::MACHINE, List::HazardStatus),
        (&domain::record::task::MACHINE, List::TaskStatus),
    ];
    for (machine, list) in machines {
        let named = machine.rules.iter().flat_map(|rule| [rule.from, rule.to]);
        for code in named
            .chain([machine.initial])
            .chain(machine.open.iter().copied())
        {
            assert!(
                domain::codelist::find(list, code).is_some(),
                "{list:?} {code}"
            );
        }
    }
}

#[test]
fn rc14_what_is_due_follows_the_level_the_status_and_the_category() {
    let (mut phone, mut server, id) = registered();
    let due = |phone: &Phone| phone.row(id).due.expect("due").at.day();
    assert_eq!(due(&phone), morning().day().plus(3));
    let step = Command::Step {
        id,
        to: "accepted",
        reason: Said::default(),
    };
    assert_eq!(phone.act(&mut server, step), Ok(id));
    assert_eq!(due(&phone), morning().plus(30 * DAY_MS).day());
    let mut form = session("again");
    form.next_at = "2026-11-24T15:00".to_owned();
    let new = form.parse(morning(), false).expect("sound");
    assert_eq!(
        phone.act(&mut server, Command::RecordSession { id, new }),
        Ok(id)
    );
    assert_eq!(
        phone.row(id).due.map(|due| due.at),
        Millis::from_local_text("2026-11-24T15:00")
    );
    assert_eq!(Part::Body, DocId::body(id).part);
}
