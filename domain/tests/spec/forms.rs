//! Forms: what comes twice, what a saved form leaves behind, and where a record belongs.

use domain::command::{Command, Denial, NamedField};
use domain::document::Value;
use domain::id::RecordId;
use domain::record::Said;
use domain::record::hazard::{Draft as HazardDraft, NewHazard};
use domain::record::patrol::StartDraft;
use domain::record::task::NewTask;
use domain::replica::CommandError;
use domain::unit::{Checkpoint, Grid};
use domain::view::case::Contents;

use crate::fixture::{directory, draft, member, morning, new_dispute, officer, record, said, unit};
use crate::phone::{Phone, Server};

fn hazard() -> HazardDraft {
    HazardDraft {
        grid: "g1".to_owned(),
        category: "H01".to_owned(),
        place: "双河小学".to_owned(),
        description: "围墙开裂".to_owned(),
        level: "1".to_owned(),
        patrol: record(40).to_string(),
        fixed: "拉起警戒线".to_owned(),
    }
}

fn hazard_of(change: impl FnOnce(&mut HazardDraft)) -> NewHazard {
    let mut form = hazard();
    change(&mut form);
    form.parse().expect("a sound form")
}

fn task() -> NewTask {
    NewTask {
        grid: unit("g1"),
        category: said("visit"),
        title: said("回访"),
        place: said("石桥"),
        note: said("看水沟修好没有"),
        due: morning(),
        link: Some(record(40)),
    }
}

/// Sends `first` twice and then each of `others` under the same id: nothing is written a second time.
fn comes_twice(id: RecordId, first: Command, others: Vec<Command>) {
    let mut phone = Phone::new(1, &officer("p1"));
    let mut server = Server::with(&[(&phone, &officer("p1"))]);
    assert_eq!(phone.act(&mut server, first.clone()), Ok(id));
    let kept = phone.store.load(id);
    let (body, vault) = (kept.body.len(), kept.vault.len());
    phone.now = phone.now.plus(60_000);
    assert_eq!(phone.act(&mut server, first), Ok(id), "the same again");
    for other in others {
        let said = format!("{other:?}");
        phone.store.put_draft("form", "{}");
        let refused = Err(CommandError::Denied(Denial::SavedBefore));
        assert_eq!(phone.act(&mut server, other), refused, "{said}");
        assert_eq!(phone.store.draft("form"), Some("{}"), "{said}");
    }
    let now = phone.store.load(id);
    assert_eq!((now.body.len(), now.vault.len()), (body, vault));
    assert_eq!(phone.store.rows().count(), 1);
}

/// What the officer saw: "saved", and a record that said half of one form and half of another.
#[test]
fn rc8_a_dispute_sent_twice_is_one_record_and_is_never_written_over() {
    let id = record(1);
    let other = |change: fn(&mut domain::record::dispute::Draft)| {
        let mut form = draft();
        change(&mut form);
        let new = form.parse(morning()).expect("a sound form");
        Command::RegisterDispute { id, new }
    };
    let start = StartDraft {
        grid: "g1".to_owned(),
        ..StartDraft::default()
    };
    comes_twice(
        id,
        Command::RegisterDispute {
            id,
            new: new_dispute(),
        },
        vec![
            other(|form| form.place = "乙村口".to_owned()),
            other(|form| form.title = "田坎".to_owned()),
            other(|form| form.found_at = "2026-11-21T08:00".to_owned()),
            other(|form| form.brief = "另一件".to_owned()),
            other(|form| form.party_a_name = "第二件甲".to_owned()),
            other(|form| form.party_a_phone.clear()),
            other(|form| form.party_b_name.clear()),
            other(|form| form.category = "02".to_owned()),
            other(|form| form.level = "Y".to_owned()),
            Command::StartPatrol {
                id,
                new: start.parse().expect("sound"),
            },
        ],
    );
}

#[test]
fn rc8_a_hazard_sent_twice_is_one_record_and_is_never_written_over() {
    let id = record(2);
    let other = |change: fn(&mut HazardDraft)| Command::RegisterHazard {
        id,
        new: hazard_of(change),
    };
    comes_twice(
        id,
        other(|_| ()),
        vec![
            other(|form| form.place = "粮站".to_owned()),
            other(|form| form.description = "电线裸露".to_owned()),
            other(|form| form.level = "2".to_owned()),
            other(|form| form.patrol.clear()),
            other(|form| form.fixed.clear()),
            other(|form| form.fixed = "切断了电源".to_owned()),
        ],
    );
    let unfixed = |form: &mut HazardDraft| form.fixed.clear();
    comes_twice(id, other(unfixed), vec![other(|_| ())]);
}

#[test]
fn rc8_a_patrol_and_a_task_sent_twice_are_one_record_and_are_never_written_over() {
    let id = record(3);
    let patrol = |mode: &str| {
        let form = StartDraft {
            grid: "g1".to_owned(),
            mode: mode.to_owned(),
            ..StartDraft::default()
        };
        let new = form.parse().expect("sound");
        Command::StartPatrol { id, new }
    };
    comes_twice(id, patrol("walk"), vec![patrol("car")]);
    let give = |change: fn(&mut NewTask)| {
        let mut new = task();
        change(&mut new);
        Command::GiveTask { id, new }
    };
    comes_twice(
        id,
        give(|_| ()),
        vec![
            give(|task| task.title = said("回访了")),
            give(|task| task.place = Said::default()),
            give(|task| task.note = Said::default()),
            give(|task| task.due = task.due.plus(1)),
            give(|task| task.link = None),
        ],
    );
}

#[test]
fn rc8_what_was_taken_over_twice_says_everything_of_the_second_time() {
    let mut phone = Phone::new(1, &officer("p1"));
    let mut server = Server::with(&[(&phone, &officer("p1"))]);
    let id = record(4);
    let import = |new, more: &str| Command::ImportDispute {
        id,
        new,
        more: vec![NamedField::new("x/officer", &Value::from(more)).expect("a field")],
    };
    assert_eq!(phone.act(&mut server, import(new_dispute(), "一")), Ok(id));
    let mut new = new_dispute();
    new.title = said("田坎");
    new.found_at = new.found_at.plus(-60_000);
    new.parties[0].name = said("周仁发（户主）");
    assert_eq!(phone.act(&mut server, import(new, "二")), Ok(id));
    let case = phone.case(id);
    let Contents::Dispute(dispute) = &case.contents else {
        panic!("a dispute")
    };
    assert_eq!(dispute.title, "田坎");
    assert_eq!(dispute.found_at, new_dispute().found_at.plus(-60_000));
    let parties = case.parties.expect("the vault is here");
    assert_eq!(parties.len(), 2);
    assert_eq!(parties[0].name, "周仁发（户主）");
    assert_eq!(phone.store.rows().count(), 1);
}

/// What the officer saw: the record was there, and home still announced an unfinished form.
#[test]
fn fm3_a_form_with_nothing_to_write_drops_its_draft_too() {
    let mut phone = Phone::new(1, &officer("p1"));
    let mut server = Server::with(&[(&phone, &officer("p1"))]);
    let id = record(5);
    let send = || Command::RegisterDispute {
        id,
        new: new_dispute(),
    };
    for _ in 0..2 {
        phone.store.put_draft("form", "{}");
        assert_eq!(phone.act(&mut server, send()), Ok(id));
        assert_eq!(phone.store.draft("form"), None);
    }
    assert_eq!(phone.store.load(id).body.len(), 1);
}

/// What the officer saw: on patrol in one village, only the first village's places to check in at.
#[test]
fn fm6_a_patrol_passes_the_checkpoints_of_its_own_village() {
    let mut known = directory(member("p1", &[], &["g1", "g2", "g3"]), &["g1", "g2", "g3"]);
    let village = |grid: &mut Grid, name: &str| name.clone_into(&mut grid.village);
    village(&mut known.grids[0], "石桥村");
    village(&mut known.grids[1], "双河村");
    village(&mut known.grids[2], "双河村");
    known.checkpoints = ["g1", "g2", "g3", "g4"]
        .iter()
        .map(|grid| Checkpoint {
            id: unit(&format!("{grid}-1")),
            grid: unit(grid),
            name: format!("{grid} 校门"),
            kind: "school".to_owned(),
        })
        .collect();
    let near = |grid: &str| -> Vec<String> {
        let grid = unit(grid);
        let points = known.checkpoints_near(&grid);
        points.map(|point| point.id.to_string()).collect()
    };
    assert_eq!(near("g1"), ["g1-1"]);
    assert_eq!(near("g2"), ["g2-1", "g3-1"]);
    // A grid that was taken away has no village here: its own places alone.
    assert_eq!(near("g4"), ["g4-1"]);
    assert_eq!(near("g5"), Vec::<String>::new());
}
