//! Pages of the log: no record is lost or sent twice at a boundary.

use crate::phone::{Phone, town};
use crate::server::TestServer;

async fn pull_all(server: &TestServer, phone: &mut Phone, page_kib: u16) -> (Vec<u64>, usize) {
    let (mut got, mut pages) = (Vec::new(), 0);
    loop {
        let mut request = phone.request();
        request.ask.page_kib = page_kib;
        let page = phone.send(server, &request).await.expect("pulled");
        pages += 1;
        got.extend(page.entries.iter().map(|entry| entry.seq));
        if !page.more {
            return (got, pages);
        }
    }
}

#[tokio::test]
async fn sy11_every_entry_comes_once_whatever_the_size_of_a_page() {
    let server = town().await;
    let mut one = Phone::joined(&server, 1, "one").await;
    let mut two = Phone::joined(&server, 2, "two").await;
    let items: Vec<_> = (0..40).map(|_| (one.hazard("a1").2, "a1")).collect();
    let len = items[0].0.change.bytes().len();
    one.push(&server, 1, &items).await;
    let fresh = two.cursor.clone();
    for pages_of in [1, 3, 5, 39, 40, 41] {
        two.cursor.clone_from(&fresh);
        let kib = (len * pages_of).div_ceil(1024).max(1);
        let page_kib = u16::try_from(kib).expect("small pages");
        let (got, pages) = pull_all(&server, &mut two, page_kib).await;
        assert_eq!(got, (1..=40).collect::<Vec<_>>(), "{pages_of}");
        // Some changes are a few bytes longer than the first.
        let fit = kib * 1024 / (len + 8);
        assert!(
            pages <= 40_usize.div_ceil(fit) + 2,
            "{pages} pages of {fit}"
        );
    }
    let (none, pages) = pull_all(&server, &mut two, 1).await;
    assert!(none.is_empty() && pages == 1);
    server.stop().await;
}

#[tokio::test]
async fn a_cursor_that_is_damaged_begins_anew_and_one_of_another_log_ends_in_a_comparison() {
    let server = town().await;
    let mut one = Phone::joined(&server, 1, "one").await;
    let mut two = Phone::joined(&server, 2, "two").await;
    let item = one.hazard("a1").2;
    one.push(&server, 1, &[(item, "a1")]).await;
    two.pull(&server).await;
    let good = two.cursor.clone();
    let mut other = good.clone();
    other[0] ^= 1;
    for cursor in [vec![1, 2, 3], vec![255; 200]] {
        two.cursor = cursor;
        assert_eq!(two.pull(&server).await.entries.len(), 1);
        assert_eq!(two.cursor, good);
    }
    // A log that was restored and has grown again: the sum tells whether anything is missing.
    two.cursor = other;
    let answer = two.pull(&server).await;
    assert!(answer.entries.is_empty() && answer.sum.is_some_and(|sum| sum != [0; 8]));
    assert_eq!(two.cursor, good);
    server.stop().await;
}

#[tokio::test]
async fn a_phone_that_lost_its_records_gets_its_own_back() {
    let server = town().await;
    let mut one = Phone::joined(&server, 1, "one").await;
    let item = one.hazard("a1").2;
    let pushed = one.push(&server, 1, &[(item.clone(), "a1")]).await;
    assert!(pushed.entries.is_empty() && pushed.cursor.is_some());
    assert!(one.pull(&server).await.entries.is_empty());
    one.cursor.clear();
    let page = one.pull(&server).await;
    assert_eq!(page.entries.len(), 1);
    assert_eq!(page.entries[0].change, item.change);
    server.stop().await;
}
