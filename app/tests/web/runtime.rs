//! The event loop with a store and without a server.

use std::cell::RefCell;
use std::rc::Rc;

use app::runtime::{Runtime, Screens};
use app::store::memory::Memory;
use app::store::{List, Store};
use domain::command::{Command, Denial};
use domain::id::{ActorKey, DeviceId};
use domain::record::Said;
use domain::replica::{Activity, Cause, CommandError, Meta, Replica, SyncStatus};
use domain::sync::message::Secret;
use domain::unit::Directory;
use domain::view::{DeliveryState, ROW_VERSION, Row};
use wasm_bindgen_test::wasm_bindgen_test;

use crate::fixture::{database, id, new_dispute, officer};
use crate::raw;

/// What the screens were told.
#[derive(Debug, Default)]
struct Told {
    rows: RefCell<Vec<Row>>,
    statuses: RefCell<Vec<SyncStatus>>,
    aside: RefCell<Vec<u32>>,
}

impl Screens for Told {
    fn rows(&self, rows: Vec<Row>) {
        self.rows.borrow_mut().extend(rows);
    }

    fn status(&self, status: SyncStatus) {
        self.statuses.borrow_mut().push(status);
    }

    fn directory(&self, _directory: Directory) {}

    fn aside(&self, count: u32) {
        self.aside.borrow_mut().push(count);
    }
}

fn runtime<S: Store + 'static>(name: &str, store: S) -> (Rc<Runtime<S>>, Rc<Told>) {
    let told = Rc::new(Told::default());
    let meta = Meta {
        directory: Some(officer()),
        ..Meta::default()
    };
    let replica = Replica::new(DeviceId([1; 16]), Secret([2; 16]), ActorKey([3; 8]), &meta);
    let ears: Rc<dyn Screens> = Rc::clone(&told) as Rc<dyn Screens>;
    (Runtime::new(name.to_owned(), replica, store, ears), told)
}

fn register(n: u8) -> Command {
    Command::RegisterDispute {
        id: id(n),
        new: new_dispute(),
    }
}

#[wasm_bindgen_test]
async fn a_command_is_done_when_it_is_stored_and_then_the_row_is_shown() {
    let (runtime, told) = runtime("done", Memory::default());
    runtime.keep_draft("dispute/new", "{}").await.expect("kept");
    let done = runtime
        .command(register(1), vec!["dispute/new".to_owned()])
        .await;
    assert_eq!(done, Ok(id(1)));
    assert!(runtime.store().drafts().await.expect("drafts").is_empty());
    raw::until(|| told.rows.borrow().iter().any(|row| row.id == id(1))).await;
    assert_eq!(
        told.rows.borrow()[0].delivery.state(0),
        DeliveryState::OnPhone
    );
    let case = runtime.case(id(1)).await.expect("answer").expect("a case");
    assert_eq!(case.parties.map(|parties| parties.len()), Some(2));
    assert_eq!(
        runtime.case(id(9)).await.map(|case| case.is_none()),
        Ok(true)
    );
}

#[wasm_bindgen_test]
async fn a_denied_command_stores_nothing() {
    let (runtime, told) = runtime("denied", Memory::default());
    let mut new = new_dispute();
    new.grid = "g9".parse().expect("a code");
    let done = runtime
        .command(Command::RegisterDispute { id: id(1), new }, Vec::new())
        .await;
    assert_eq!(done, Err(CommandError::Denied(Denial::NotYourGrid)));
    assert!(told.rows.borrow().is_empty());
}

#[wasm_bindgen_test]
async fn without_the_server_everything_stays_on_the_phone_and_the_status_says_so() {
    let (runtime, told) = runtime("offline", Memory::default());
    runtime
        .command(register(1), Vec::new())
        .await
        .expect("saved");
    // The server of these tests knows no such page: the same as a portal on the way.
    let failed = |told: &Told| {
        let last = told.statuses.borrow().last().copied();
        last.filter(|status| matches!(status.activity, Activity::Failed(_)))
    };
    raw::until(|| failed(&told).is_some()).await;
    assert_eq!(failed(&told).map(|status| status.on_phone), Some(1));
    // Saving again and pressing the button do not pile up: one exchange at a time.
    runtime
        .command(register(2), Vec::new())
        .await
        .expect("saved");
    runtime.wake(Cause::Button);
    raw::until(|| failed(&told).is_some_and(|status| status.on_phone == 2)).await;
}

#[wasm_bindgen_test]
async fn fifty_commands_at_once_are_all_stored() {
    let (runtime, _told) = runtime("many", database("many").await);
    let finished = Rc::new(RefCell::new(0));
    for n in 0..50 {
        let (runtime, finished) = (Rc::clone(&runtime), Rc::clone(&finished));
        wasm_bindgen_futures::spawn_local(async move {
            runtime
                .command(register(n), Vec::new())
                .await
                .expect("saved");
            *finished.borrow_mut() += 1;
        });
    }
    raw::until(|| *finished.borrow() == 50).await;
    assert_eq!(
        runtime
            .store()
            .rows(List::Newest)
            .await
            .expect("rows")
            .len(),
        50
    );
    assert_eq!(
        runtime
            .store()
            .outbox(1_000_000, 1_000)
            .await
            .expect("outbox")
            .items
            .len(),
        100
    );
    runtime.store().close();
}

#[wasm_bindgen_test]
async fn a_damaged_row_is_folded_again_from_its_changes() {
    let (runtime, _told) = runtime("mended", database("mended").await);
    runtime
        .command(register(1), Vec::new())
        .await
        .expect("saved");
    let good = runtime.store().rows_of(&[id(1)]).await.expect("rows");
    let value = js_sys::Object::new();
    for (name, field) in [
        ("bytes", raw::bytes(&[ROW_VERSION, 9, 9])),
        ("rev", 1.into()),
        ("newest", 5.into()),
    ] {
        js_sys::Reflect::set(&value, &name.into(), &field).expect("set");
    }
    raw::put("test-mended", "rows", &id(1).to_string(), &value).await;
    let rows = runtime.store().rows(List::Newest).await.expect("rows");
    assert_eq!(rows, good);
    assert_eq!(runtime.store().aside_count().await.expect("count"), 1);
    // The mended row takes the next step like any other.
    let step = Command::Step {
        id: id(1),
        to: "accepted",
        reason: Said::default(),
    };
    assert_eq!(runtime.command(step, Vec::new()).await, Ok(id(1)));
    runtime.store().close();
}
