//! VW: rows and counts.

use domain::command::Command;
use domain::record::dispute::CloseDraft;
use domain::time::DAY_MS;
use domain::view::supervisor::{Counts, Period, PublicRow, is_small_cell};
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
    let count = |phone: &Phone, period| {
        let mut counts = Counts::default();
        counts.add(&phone.row(record(1)), period, morning());
        counts
    };
    let open = count(&phone, week());
    assert_eq!(
        (
            open.disputes_found,
            open.disputes_open,
            open.disputes_settled
        ),
        (1, 1, 0)
    );
    let before = Period {
        from: week().from.plus(-30),
        to: week().from.plus(-1),
    };
    assert_eq!(count(&phone, before).disputes_found, 0);
    let form = CloseDraft {
        outcome: "13".to_owned(),
        ..CloseDraft::default()
    };
    let new = form.parse().expect("sound");
    let close = Command::CloseDispute { id: record(1), new };
    assert_eq!(phone.act(&mut server, close), Ok(record(1)));
    let closed = count(&phone, week());
    assert_eq!((closed.disputes_open, closed.disputes_settled), (0, 1));
    assert_eq!(closed.settled_rate().per_mille(), Some(1_000));
    assert_eq!(closed.visits_rate().per_mille(), None);
}

#[test]
fn vw4_what_supervisors_see_holds_no_person_no_place_and_no_text() {
    let (phone, _) = registered();
    let row = phone.row(record(1));
    let bytes = postcard::to_allocvec(&PublicRow::from(&row)).expect("encodes");
    for secret in [
        row.place.as_str(),
        row.excerpt.as_str(),
        "p1",
        "周仁发",
        "10000001234",
    ] {
        let found = bytes
            .windows(secret.len())
            .any(|window| window == secret.as_bytes());
        assert!(!found, "{secret}");
    }
    assert!(is_small_cell(2) && !is_small_cell(3));
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
