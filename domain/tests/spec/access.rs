//! AC: who may read and write what.

use domain::access::scope_top;
use domain::access::{
    BODY_LENS, Reach, Refusal, is_station_staff, is_supervisor, judge, judge_effect, may_write,
    reach,
};
use domain::command::{Command, Current, Denial};
use domain::document::{Document, Edit, Reading, Sound, Stamp, Value};
use domain::id::{Fresh, ItemId, Part};
use domain::record::dispute::{NewDispute, SessionDraft, offers};
use domain::record::status::{Step, step_edits};
use domain::record::{Kind, note_edits, photo};
use domain::replica::CommandError;
use domain::unit::{Level, Member, Role};

use crate::fixture::{
    actor, directory, fresh, member, morning, new_dispute, officer, record, unit,
};
use crate::phone::{Phone, Server};

fn holder(role: Role) -> Member {
    member("p1", &[role], &["g1"])
}

#[test]
fn ac1_an_officer_writes_in_grids_of_the_directory_only() {
    let known = officer("p1");
    let mut phone = Phone::new(1, &known);
    let mut server = Server::with(&[(&phone, &known)]);
    let new = NewDispute {
        grid: unit("g2"),
        ..new_dispute()
    };
    let denied = phone.act(&mut server, Command::RegisterDispute { id: record(1), new });
    assert_eq!(denied, Err(CommandError::Denied(Denial::NotYourGrid)));
    assert!(phone.store.load(record(1)).is_absent());
}

#[test]
fn ac2_the_access_table_says_who_takes_documents_rows_or_nothing() {
    let expected = [
        (Role::GridWorker, Reach::Documents, Level::Post),
        (Role::AuxOfficer, Reach::Documents, Level::Post),
        (Role::Mediator, Reach::Documents, Level::Post),
        (Role::CommunityPolice, Reach::Documents, Level::Post),
        (Role::StationDuty, Reach::Documents, Level::Station),
        (Role::StationHead, Reach::Documents, Level::Station),
        (Role::Supervisor, Reach::PublicRows, Level::City),
        (Role::JudicialOffice, Reach::Documents, Level::Station),
        (Role::Admin, Reach::Nothing, Level::City),
        (Role::Auditor, Reach::Nothing, Level::City),
    ];
    assert_eq!(expected.map(|(role, ..)| role), Role::ALL);
    for (role, expected_reach, top) in expected {
        let holder = holder(role);
        assert_eq!(
            (reach(&holder), scope_top(&holder)),
            (expected_reach, top),
            "{role:?}"
        );
        let staff = matches!(role, Role::StationDuty | Role::StationHead);
        assert_eq!(is_station_staff(&holder), staff, "{role:?}");
        assert_eq!(is_supervisor(&holder), role == Role::Supervisor, "{role:?}");
    }
}

#[test]
fn ac3_supervisors_administrators_and_auditors_write_nothing() {
    for role in [Role::Supervisor, Role::Admin, Role::Auditor] {
        for kind in Kind::ALL {
            for part in [Part::Body, Part::Vault] {
                let refused = may_write(&holder(role), kind, part);
                assert_eq!(
                    refused,
                    Err(Refusal::NotYourRole),
                    "{role:?} {kind:?} {part:?}"
                );
            }
        }
    }
    // And a patrol, a hazard or a task has no vault for anybody.
    for kind in [Kind::Patrol, Kind::Hazard, Kind::Task] {
        assert!(may_write(&holder(Role::StationHead), kind, Part::Vault).is_err());
    }
}

/// The body of a registered dispute, and the member who registered it.
fn body() -> (Document, Member) {
    let (document, me, _) = begun();
    (document, me)
}

/// A dispute, who wrote it, and its first change.
fn begun() -> (Document, Member, Vec<u8>) {
    let known = officer("p1");
    let mut context = domain::command::Context {
        directory: &known,
        device: crate::fixture::device(1),
        actor: actor(1),
        fresh: Fresh::new(morning(), [1; 16]),
    };
    let register = Command::RegisterDispute {
        id: record(1),
        new: new_dispute(),
    };
    let plans = register.plan(&mut context, None).expect("a plan");
    let mut document = Document::default();
    let stamp = Stamp {
        actor: actor(1),
        at: morning(),
    };
    let first = document
        .commit(stamp, &plans[0].edits[0].1)
        .expect("writes")
        .expect("a change");
    (document, known.me, first.bytes)
}

fn judged(member: &Member, edits: &[Edit]) -> Result<Kind, Refusal> {
    let (mut document, _) = body();
    let before = document.tree();
    let stamp = Stamp {
        actor: actor(2),
        at: morning(),
    };
    document
        .commit(stamp, edits)
        .expect("writes")
        .expect("a change");
    judge(member, Some(&before), &document.tree())
}

#[test]
fn ac4_what_a_record_begins_with_is_never_altered() {
    let (_, me) = body();
    for path in ["grid", "number", "by"] {
        assert_eq!(
            judged(&me, &[Edit::new(path, "other")]),
            Err(Refusal::Fixed),
            "{path}"
        );
    }
    assert_eq!(
        judged(&me, &[Edit::new("created_at", morning().plus(1))]),
        Err(Refusal::Fixed)
    );
    assert_eq!(
        judged(&me, &[Edit::new("place", "other")]),
        Ok(Kind::Dispute)
    );
}

#[test]
fn ac5_nobody_writes_in_another_name() {
    let (mut document, me) = body();
    let other = member("p2", &[Role::AuxOfficer], &["g1"]);
    assert_eq!(
        judge(&other, None, &document.tree()),
        Err(Refusal::AnotherName)
    );
    assert_eq!(judge(&me, None, &document.tree()), Ok(Kind::Dispute));
    let id = fresh(3, morning()).id();
    let by = "p2".parse().expect("a code");
    let note = note_edits(id, &by, morning(), "visit", "x");
    assert_eq!(judged(&me, &note), Err(Refusal::AnotherName));
    assert_eq!(judged(&other, &note), Ok(Kind::Dispute));
}

#[test]
fn ac6_a_step_needs_a_role_that_may_take_it() {
    let step = |by: &Member| {
        let id = fresh(4, morning()).id();
        let step = Step {
            from: "reported".to_owned(),
            to: "accepted".to_owned(),
            reason: String::new(),
            dropped: false,
        };
        step_edits(id, &by.person, morning(), &step)
    };
    for (role, result) in [
        (Role::GridWorker, Err(Refusal::NotYourRole)),
        (Role::Mediator, Ok(Kind::Dispute)),
        (Role::StationDuty, Ok(Kind::Dispute)),
    ] {
        let by = holder(role);
        assert_eq!(judged(&by, &step(&by)), result, "{role:?}");
    }
}

/// What is said of a change that follows `first`: judged by whole trees and by what the lens shows.
fn judged_after(first: &[Edit], edits: &[Edit]) -> Result<Kind, Refusal> {
    let (mut document, me, begin) = begun();
    let stamp = Stamp {
        actor: actor(1),
        at: morning(),
    };
    let mut commit = |edits| {
        let change = document.commit(stamp, edits).expect("writes");
        (change.expect("a change").bytes, document.tree())
    };
    let (second, before) = commit(first);
    let (bytes, after) = commit(edits);
    let by_trees = judge(&me, Some(&before), &after);
    let (mut reading, damaged) = Reading::from_changes([begin.as_slice(), &second]);
    assert_eq!(damaged, 0);
    let sound = Sound::read(&bytes).expect("sound");
    let by_lens = reading.take(&sound, &BODY_LENS, |effect| judge_effect(&me, effect));
    assert_eq!(by_lens, by_trees);
    by_trees
}

#[test]
fn ac7_an_event_stays_as_it_was_written() {
    let (_, me) = body();
    let id = fresh(5, morning()).id();
    let note = note_edits(id, &me.person, morning(), "visit", "x");
    let photo = photo::add_edits(id, &me.person, &crate::photos::photo(1));
    let removal = photo::remove_edits(id, &me.person, morning(), fresh(6, morning()).id());
    for event in [&note, &photo, &removal] {
        for edit in event {
            // Emptied, and with another value of its own kind.
            let other = match &edit.value {
                Value::Int(number) => Value::Int(number - 1),
                Value::Text(text) => Value::Text(text.chars().rev().chain(['0']).collect()),
                Value::Null | Value::Bool(_) => unreachable!("events have none"),
            };
            for value in [Value::Null, other] {
                let rewrite = [Edit::new(edit.path.clone(), value)];
                assert_eq!(
                    judged_after(event, &rewrite),
                    Err(Refusal::Fixed),
                    "{edit:?}"
                );
            }
        }
        assert_eq!(
            judged_after(event, &[Edit::new("place", "2 km")]),
            Ok(Kind::Dispute)
        );
    }
    let known = directory(me, &["g1"]);
    assert!(known.grid(&unit("g1")).is_some());
}

/// A dispute that took these steps.
fn after_steps(way: &[&str]) -> Document {
    let (mut document, me) = body();
    let mut from = "reported";
    for (place, to) in (1_u8..).zip(way) {
        let step = Step {
            from: from.to_owned(),
            to: (*to).to_owned(),
            reason: String::new(),
            dropped: false,
        };
        let at = morning().plus(i64::from(place) * 1_000);
        let edits = step_edits(ItemId::new(at, [place; 10]), &me.person, at, &step);
        let stamp = Stamp {
            actor: actor(1),
            at,
        };
        document.commit(stamp, &edits).expect("writes");
        from = to;
    }
    document
}

/// Seen: a session was offered to grid workers, who may not lead one, and refused when it was saved.
#[test]
fn vw15_what_is_offered_is_refused_neither_for_a_role_nor_for_where_the_case_stands() {
    let ways: [&[&str]; 9] = [
        &[],
        &["accepted"],
        &["accepted", "mediating"],
        &["accepted", "mediating", "suspended"],
        &["agreed"],
        &["agreed", "performed"],
        &["accepted", "failed"],
        &["accepted", "referred"],
        &["closed"],
    ];
    let mut offered = 0;
    for role in Role::ALL {
        for way in ways {
            let status = way.last().copied().unwrap_or("reported");
            let current = Current {
                body: after_steps(way).tree(),
                vault: None,
            };
            let mut known = officer("p2");
            known.me.roles = vec![role];
            let session = SessionDraft {
                at: morning().to_local_text(),
                mode: "joint".to_owned(),
                statements: "x".to_owned(),
                result: "again".to_owned(),
                consent: true,
                notice: true,
                ..SessionDraft::default()
            };
            let new = session.parse(morning(), false).expect("a session");
            let mut context = domain::command::Context {
                directory: &known,
                device: crate::fixture::device(2),
                actor: actor(2),
                fresh: Fresh::new(morning().plus(60_000), [2; 16]),
            };
            let id = record(1);
            let plan = Command::RecordSession { id, new }.plan(&mut context, Some(&current));
            if offers(&known.me, status).session {
                offered += 1;
                assert!(plan.is_ok(), "{role:?} {status}: {plan:?}");
            }
        }
    }
    assert!(offered >= 8, "{offered}");
    let worker = holder(Role::GridWorker);
    assert!(!offers(&worker, "accepted").session && offers(&worker, "reported").agreement);
}
