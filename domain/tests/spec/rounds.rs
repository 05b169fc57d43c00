//! RC: patrols, hazards and tasks as people mean them.

use domain::command::{Command, Denial};
use domain::id::RecordId;
use domain::record::hazard::{self, StepDraft};
use domain::record::patrol::{CheckinDraft, Counter, StartDraft};
use domain::record::task::{RETURN_VISIT, ReportDraft};
use domain::record::{FieldName, Said};
use domain::time::MINUTE_MS;
use domain::unit::{Colleague, Directory, Role};
use domain::view::case::Contents;
use domain::view::running_patrol;

use crate::fixture::{officer, record, said};
use crate::phone::{Link, Phone, Server};

use crate::steps::{denied, registered, step};

pub fn patrol(phone: &mut Phone, server: &mut Server, id: RecordId) {
    let start = StartDraft {
        grid: "g1".to_owned(),
        ..StartDraft::default()
    };
    let new = start.parse().expect("sound");
    let command = Command::StartPatrol { id, new };
    assert_eq!(phone.act(server, command), Ok(id));
}

pub fn counted(phone: &Phone, id: RecordId) -> i64 {
    let Contents::Patrol(patrol) = phone.case(id).contents else {
        panic!("a patrol")
    };
    patrol.counts[0].1
}

#[test]
fn rc43_what_was_counted_before_a_restart_is_taken_back_after_it() {
    let (p1, p2) = (officer("p1"), officer("p2"));
    let (mut phone, mut other) = (Phone::new(1, &p1), Phone::new(2, &p2));
    let mut server = Server::with(&[(&phone, &p1), (&other, &p2)]);
    let id = record(5);
    patrol(&mut phone, &mut server, id);
    let count = |more| Command::Count {
        id,
        counter: Counter::Persuaded,
        more,
    };
    assert_eq!(phone.act(&mut server, count(1)), Ok(id));
    assert_eq!(phone.act(&mut server, count(1)), Ok(id));
    phone.restart(9);
    assert_eq!(phone.act(&mut server, count(-1)), Ok(id));
    assert_eq!(counted(&phone, id), 1);
    // Two phones take back the same one; the next one counts again.
    other.sync(&mut server);
    phone.link = Link::Down;
    assert_eq!(phone.act(&mut server, count(-1)), Ok(id));
    assert_eq!(other.act(&mut server, count(-1)), Ok(id));
    phone.link = Link::Up;
    phone.sync(&mut server);
    other.sync(&mut server);
    assert_eq!((counted(&phone, id), counted(&other, id)), (0, 0));
    // Nothing is said to be saved where nothing changed.
    let none = phone.act(&mut server, count(-1));
    assert_eq!(none, denied(Denial::Nothing));
    assert_eq!(phone.act(&mut server, count(1)), Ok(id));
    assert_eq!(counted(&phone, id), 1);
}

#[test]
fn rc45_one_patrol_at_a_time_and_one_check_in_a_minute() {
    let (mut phone, mut server, _) = registered();
    let id = record(5);
    patrol(&mut phone, &mut server, id);
    let me = "p1".parse().expect("a code");
    assert_eq!(running_patrol(phone.store.rows(), &me), Some(id));
    let other = "p2".parse().expect("a code");
    assert_eq!(running_patrol(phone.store.rows(), &other), None);
    let point = |note: &str| {
        let form = CheckinDraft {
            checkpoint: "c1".to_owned(),
            note: note.to_owned(),
            ..CheckinDraft::default()
        };
        let new = form.parse().expect("sound");
        Command::CheckIn { id, new }
    };
    assert_eq!(phone.act(&mut server, point("")), Ok(id));
    phone.now = phone.now.plus(20_000);
    assert_eq!(phone.act(&mut server, point("")), denied(Denial::Repeated));
    // What somebody has to say is kept, and the place counts once.
    assert_eq!(phone.act(&mut server, point("门锁坏了")), Ok(id));
    let shown = |phone: &Phone| {
        let Contents::Patrol(patrol) = phone.case(id).contents else {
            panic!("a patrol")
        };
        (
            patrol.checkins.len(),
            patrol.visits(),
            phone.row(id).checkins,
        )
    };
    assert_eq!(shown(&phone), (2, 1, 1));
    phone.now = phone.now.plus(MINUTE_MS);
    assert_eq!(phone.act(&mut server, point("")), Ok(id));
    assert_eq!(shown(&phone), (3, 2, 2));
    assert_eq!(phone.act(&mut server, step(id, "finished")), Ok(id));
    assert_eq!(running_patrol(phone.store.rows(), &me), None);
}

pub fn with_colleague(person: &str) -> Directory {
    let colleague = Colleague {
        person: "p9".parse().expect("a code"),
        name: "P9".to_owned(),
        role: Role::AuxOfficer,
    };
    Directory {
        colleagues: vec![colleague],
        ..officer(person)
    }
}

pub fn hazard(level: &str, fixed: &str) -> hazard::NewHazard {
    let form = hazard::Draft {
        grid: "g1".to_owned(),
        category: "H01".to_owned(),
        place: "桥头".to_owned(),
        description: "栏杆松了".to_owned(),
        level: level.to_owned(),
        fixed: fixed.to_owned(),
        ..hazard::Draft::default()
    };
    form.parse().expect("sound")
}

pub fn take(id: RecordId, to: &str) -> Command {
    let form = StepDraft {
        to: to.to_owned(),
        target: "T01".to_owned(),
        text: "已加固".to_owned(),
    };
    let new = hazard::NewStep {
        to: said(&form.to),
        target: Said::default(),
        text: said(&form.text),
    };
    Command::StepHazard { id, new }
}

#[test]
fn rc46_whoever_put_a_hazard_right_does_not_pass_it_where_others_may() {
    let known = with_colleague("p1");
    let (mut phone, mut other) = (Phone::new(1, &known), Phone::new(2, &officer("p2")));
    let mut server = Server::with(&[(&phone, &known), (&other, &officer("p2"))]);
    let id = record(6);
    let new = hazard("1", "");
    let register = Command::RegisterHazard { id, new };
    assert_eq!(phone.act(&mut server, register), Ok(id));
    assert_eq!(phone.act(&mut server, take(id, "rectified")), Ok(id));
    for command in [
        take(id, "closed"),
        take(id, "recheck_failed"),
        step(id, "closed"),
    ] {
        assert_eq!(
            phone.act(&mut server, command),
            denied(Denial::NeedsAnother)
        );
    }
    other.sync(&mut server);
    assert_eq!(other.act(&mut server, take(id, "closed")), Ok(id));
    // Alone at a station, one does both.
    let mut alone = Phone::new(3, &officer("p3"));
    let mut server = Server::with(&[(&alone, &officer("p3"))]);
    let new = hazard("1", "");
    let register = Command::RegisterHazard { id, new };
    assert_eq!(alone.act(&mut server, register), Ok(id));
    assert_eq!(alone.act(&mut server, take(id, "rectified")), Ok(id));
    assert_eq!(alone.act(&mut server, take(id, "closed")), Ok(id));
    // What was fixed on the spot: an ordinary one by the same person, any other by another.
    let mut server = Server::with(&[(&phone, &known)]);
    for (n, level, passes) in [(7, "1", true), (8, "2", false), (9, "3", false)] {
        let (id, new) = (record(n), hazard(level, "当场扶正"));
        let register = Command::RegisterHazard { id, new };
        assert_eq!(phone.act(&mut server, register), Ok(id));
        let done = phone.act(&mut server, take(id, "closed"));
        assert_eq!(done.is_ok(), passes, "level {level}");
    }
}

#[test]
fn rc47_a_task_is_reported_as_what_it_is() {
    let report = |finding: &str, text: &str| ReportDraft {
        finding: finding.to_owned(),
        mode: "1".to_owned(),
        text: text.to_owned(),
    };
    // Of a visit, what it found and how it was made; nothing of it is presumed.
    let errors = ReportDraft::default()
        .parse(RETURN_VISIT)
        .expect_err("refused");
    let fields: Vec<_> = errors.iter().map(|error| error.field).collect();
    assert_eq!(fields, [FieldName::Finding, FieldName::Mode]);
    assert!(report("1", "").parse(RETURN_VISIT).is_ok());
    // Of any other task, what was done.
    let errors = ReportDraft::default().parse("task").expect_err("refused");
    assert_eq!((errors.len(), errors[0].field), (1, FieldName::Text));
    let new = report("1", "已送达通知").parse("task").expect("sound");
    assert_eq!((new.finding.as_str(), new.mode.as_str()), ("", ""));
}
