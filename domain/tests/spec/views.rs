//! VW: rows and counts.

use domain::codelist::{self, List};
use domain::command::Command;
use domain::record::Kind;
use domain::record::dispute::CloseDraft;
use domain::time::DAY_MS;
use domain::view::figure::Figure;
use domain::view::supervisor::Period;
use domain::view::{ROW_VERSION, Row};

use crate::fixture::{morning, new_dispute, officer, record};
use crate::phone::{Phone, Server};

fn registered() -> (Phone, Server) {
    let known = officer("p1");
    let mut phone = Phone::new(1, &known);
    let mut server = Server::with(&[(&phone, &known)]);
    let register = Command::RegisterDispute {
        id: record(1),
        new: new_dispute(),
    };
    assert_eq!(phone.act(&mut server, register), Ok(record(1)));
    (phone, server)
}

fn week() -> Period {
    Period {
        from: morning().day().plus(-6),
        to: morning().day(),
    }
}

#[test]
fn vw1_a_row_folded_again_from_its_changes_is_the_stored_row() {
    let (phone, _) = registered();
    assert_eq!(phone.case(record(1)).row, phone.row(record(1)));
}

#[test]
fn vw2_overdue_is_told_by_the_clock_and_never_stored() {
    let (phone, _) = registered();
    let row = phone.row(record(1));
    assert!(!row.is_overdue(morning()));
    assert!(!row.is_overdue(row.due.expect("due").at));
    assert!(row.is_overdue(row.due.expect("due").at.plus(1)));
    let closed = Row { open: false, ..row };
    assert!(!closed.is_overdue(morning().plus(400 * DAY_MS)));
}

#[test]
fn vw3_counts_hold_to_their_period_and_their_definition() {
    let (mut phone, mut server) = registered();
    let counts = |phone: &Phone, figure: Figure, period: Period| {
        let moment = figure.moment(&phone.row(record(1)));
        moment.is_some_and(|at| period.holds(at))
    };
    let stands = |phone: &Phone, figure: Figure| figure.stands(&phone.row(record(1)), morning());
    assert!(counts(&phone, Figure::Found, week()) && stands(&phone, Figure::Open));
    assert!(!counts(&phone, Figure::Settled, week()));
    let before = Period {
        from: week().from.plus(-30),
        to: week().from.plus(-1),
    };
    assert!(!counts(&phone, Figure::Found, before));
    let form = CloseDraft {
        outcome: "13".to_owned(),
        ..CloseDraft::default()
    };
    let new = form.parse().expect("sound");
    let close = Command::CloseDispute { id: record(1), new };
    assert_eq!(phone.act(&mut server, close), Ok(record(1)));
    assert!(!stands(&phone, Figure::Open) && counts(&phone, Figure::Settled, week()));
    assert!(!counts(&phone, Figure::Failed, week()));
}

/// Each kind of record is counted by one definition, whoever looks: what is late at the station is
/// late for the supervisor.
#[test]
fn vw11_overdue_and_major_are_the_same_for_station_and_supervisor() {
    let (phone, _) = registered();
    let row = phone.row(record(1));
    let late = row.due.expect("due").at.plus(1);
    for kind in [Kind::Dispute, Kind::Hazard, Kind::Task] {
        let row = Row {
            kind,
            ..row.clone()
        };
        assert!(Figure::Overdue.stands(&row, late) && Figure::Open.stands(&row, late));
        assert!(!Figure::Overdue.stands(&row, morning()));
    }
    let patrol = Row {
        kind: Kind::Patrol,
        ..row.clone()
    };
    assert!(!Figure::Open.stands(&patrol, late));
    for (kind, level, major) in [
        (Kind::Dispute, "R", true),
        (Kind::Dispute, "3", false),
        (Kind::Hazard, "3", true),
        (Kind::Task, "R", false),
    ] {
        let level = level.to_owned();
        let row = Row {
            kind,
            level,
            ..row.clone()
        };
        assert_eq!(Figure::Major.stands(&row, late), major, "{kind:?}");
    }
    for figure in Figure::BY_DAY.into_iter().chain(Figure::STANDING) {
        assert!(codelist::find(List::Figure, figure.code()).is_some());
    }
}

#[test]
fn vw5_search_finds_words_in_any_order_and_no_party() {
    let (phone, _) = registered();
    let row = phone.row(record(1));
    for query in [
        "石桥",
        "田坎 石桥",
        "山林 石桥",
        "",
        &row.number.to_lowercase(),
    ] {
        assert!(row.matches(query, "山林土地纠纷 双河村"), "{query}");
    }
    for query in ["周仁发", "10000001234", "石桥 不在"] {
        assert!(!row.matches(query, "山林土地纠纷 双河村"), "{query}");
    }
}

#[test]
fn up1_a_stored_row_of_another_version_is_not_read_but_folded_again() {
    let (phone, _) = registered();
    let mut bytes = phone.row(record(1)).encode();
    assert_eq!(Row::decode(&bytes), Some(phone.row(record(1))));
    bytes[0] = ROW_VERSION + 1;
    assert_eq!(Row::decode(&bytes), None);
    assert_eq!(Row::decode(&[]), None);
    assert_eq!(Row::decode(&[ROW_VERSION, 1, 2]), None);
}
