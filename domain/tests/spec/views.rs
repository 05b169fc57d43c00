//! VW: rows and counts.

use domain::codelist::{self, List};
use domain::command::Command;
use domain::record::Kind;
use domain::record::dispute::{AgreementDraft, CloseDraft};
use domain::time::DAY_MS;
use domain::view::figure::Figure;
use domain::view::supervisor::Period;
use domain::view::{ROW_VERSION, Row};

use crate::fixture::{morning, new_dispute, officer, record, said};
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
fn vw20_search_reads_the_whole_text_and_takes_what_looks_alike_for_the_same() {
    let (mut phone, mut server) = registered();
    let base = new_dispute();
    let mut new = base.clone();
    // Only the first sixty characters were searched, and a mark that nobody sees found nothing.
    new.brief = said(&format!(
        "{}最后说到阿布都·热合曼家的水窖",
        "长".repeat(400)
    ));
    let id = record(1);
    let edit = Command::EditDispute { id, base, new };
    assert_eq!(phone.act(&mut server, edit), Ok(id));
    let row = phone.row(id);
    let shown = format!("暂-{}", row.number);
    for query in [
        "水窖",
        "阿布都・热合曼",
        "阿布都•热合曼",
        "阿布都‧热合曼",
        "水\u{200b}窖\u{feff}",
        "\u{202d}石桥\u{202c}",
        &shown,
        &shown.to_lowercase(),
        &shown.replace('-', "－"),
        "\u{200b}",
    ] {
        assert!(
            row.matches(query, &format!("山林土地纠纷 {shown}")),
            "{query}"
        );
    }
}

#[test]
fn rc4_a_return_visit_lends_its_title_from_no_text() {
    let (mut phone, mut server) = registered();
    let id = record(1);
    let form = AgreementDraft {
        content: "以老田坎为界".to_owned(),
        consent: true,
        notice: true,
        ..Default::default()
    };
    let new = form.parse(morning(), false).expect("sound");
    let agree = Command::RecordAgreement { id, new };
    assert_eq!(phone.act(&mut server, agree), Ok(id));
    let visit = phone.store.rows().find(|row| row.link == Some(id)).cloned();
    let visit = visit.expect("a visit");
    assert_eq!(
        (visit.title.as_str(), visit.text.as_str()),
        ("", "以老田坎为界")
    );
    assert_eq!(visit.place, phone.row(id).place);
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
