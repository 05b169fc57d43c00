//! Hostile requests to a real server process: each is refused as it should be and harms nobody.

use tests::hostile;

#[tokio::test]
async fn pr1_f45_f46_f47_hostile_requests_are_refused_and_the_next_honest_one_is_served() {
    let outcomes = hostile::run().await;
    assert!(outcomes.len() >= 40, "{}", outcomes.len());
    let wrong: Vec<_> = outcomes
        .iter()
        .filter(|outcome| outcome.instead.is_some() || !outcome.next_is_served)
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    // The clock belongs to the bench; memory does not depend on how busy the machine is.
    for outcome in &outcomes {
        assert!(outcome.more_kb <= hostile::MEMORY_KB_MAX, "{outcome:?}");
    }
}
