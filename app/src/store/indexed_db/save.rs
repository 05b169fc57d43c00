//! The save path: one strict transaction, all or nothing, "saved" only when it is complete.
//!
//! Everything is encoded before the transaction opens and every request is issued without waiting
//! for anything else, since the browser commits an idle transaction by itself. A request's success
//! means nothing: with the disk full the browser reports success and then aborts.

use core::cell::{Cell, RefCell};
use std::rc::Rc;

use domain::id::ChangeHash;
use domain::replica::journal::Ledger;
use gloo::events::{EventListener, EventListenerOptions};
use gloo::timers::callback::Timeout;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{IdbDatabase, IdbRequest, IdbTransaction};

use super::bridge::{
    end_transaction, error_name, everyday_transaction, field, from_js, strict_transaction, to_js,
};
use super::schema::{META, ROWS};
use crate::platform;
use crate::platform::outcome::Outcome;
use crate::store::Fault;

/// The longest wait for a small save. Other windows may be writing before it.
const SAVE_MS_MAX: u32 = 10_000;
/// What each write may add to it.
const WRITE_MS_MAX: u32 = 20;
/// Less free room than this, after an abort without a reason, is taken for the reason.
const ROOM_BYTES_MIN: u64 = 1024 * 1024;

/// One write, ready for the browser.
#[derive(Debug, Clone)]
pub(crate) enum Write {
    /// Stores a value under a key, or under the next number where the store counts.
    Put {
        /// The store.
        store: &'static str,
        /// The key.
        key: Option<JsValue>,
        /// The value.
        value: JsValue,
    },
    /// Stores a value under a key where nothing is yet.
    Add {
        /// The store.
        store: &'static str,
        /// The key.
        key: JsValue,
        /// The value.
        value: JsValue,
    },
    /// Removes what is under a key or in a range of keys.
    Delete {
        /// The store.
        store: &'static str,
        /// The key or range.
        key: JsValue,
    },
}

impl Write {
    const fn store(&self) -> &'static str {
        match self {
            Self::Put { store, .. } | Self::Add { store, .. } | Self::Delete { store, .. } => store,
        }
    }
}

/// A save, encoded: what must still hold, and what to write then.
#[derive(Debug, Default, Clone)]
pub(crate) struct Plan {
    /// Keys of rows and the revisions that the decision was based on; 0 is "no row".
    pub(crate) expect: Vec<(JsValue, u32)>,
    /// The writes.
    pub(crate) writes: Vec<Write>,
    /// What is counted in the ledger.
    pub(crate) tally: Option<Rc<Tally>>,
}

/// Where the ledger lies among the things to remember.
pub(crate) const LEDGER: &str = "ledger";

/// The changes that a save counts, and the ledger after it.
#[derive(Debug)]
pub(crate) struct Tally {
    hashes: Vec<ChangeHash>,
    after: Cell<Option<Ledger>>,
}

impl Tally {
    /// Counts these.
    pub(crate) fn new(hashes: Vec<ChangeHash>) -> Rc<Self> {
        Rc::new(Self {
            hashes,
            after: Cell::new(None),
        })
    }

    /// The ledger, once the save is complete.
    pub(crate) fn after(&self) -> Option<Ledger> {
        self.after.get()
    }
}

impl Plan {
    /// All of these in one save, or none.
    pub(crate) fn together(plans: &[Self]) -> Self {
        let mut all = Self::default();
        for plan in plans {
            all.expect.extend(plan.expect.iter().cloned());
            all.writes.extend(plan.writes.iter().cloned());
        }
        all
    }

    fn stores(&self) -> Vec<&'static str> {
        let mut stores: Vec<_> = self.writes.iter().map(Write::store).collect();
        if !self.expect.is_empty() {
            stores.push(ROWS);
        }
        if self.tally.is_some() {
            stores.push(META);
        }
        stores.sort_unstable();
        stores.dedup();
        stores
    }

    fn wait_ms(&self) -> u32 {
        let writes = u32::try_from(self.writes.len()).unwrap_or(u32::MAX);
        writes
            .saturating_mul(WRITE_MS_MAX)
            .saturating_add(SAVE_MS_MAX)
    }
}

/// Writes the plan; `Ok` only when the browser says that the transaction is complete.
pub(crate) async fn save(database: &IdbDatabase, plan: Plan) -> Result<(), Fault> {
    let stores = plan.stores();
    if stores.is_empty() {
        return Ok(());
    }
    let wait_ms = plan.wait_ms();
    let transaction = strict_transaction(database, &stores)
        .map_err(|error| Fault::from_name(&error_name(&error)))?;
    let saving = Saving::new(transaction, plan.writes, plan.tally);
    let ends = saving.listen();
    let asks = Rc::clone(&saving).check(plan.expect);
    let ended = saving.ended(wait_ms).await;
    drop((ends, asks, saving.counting.take()));
    ended
}

/// Writes one thing with everyday care. Everything is asked for at once, the end as well: a page that
/// is being closed will never hear of it, and the write is done all the same.
pub(crate) async fn save_at_once(database: &IdbDatabase, write: Write) -> Result<(), Fault> {
    let transaction = everyday_transaction(database, write.store())
        .map_err(|error| Fault::from_name(&error_name(&error)))?;
    let saving = Saving::new(transaction, vec![write], None);
    let ends = saving.listen();
    saving.write();
    end_transaction(&saving.transaction);
    let ended = saving.ended(SAVE_MS_MAX).await;
    drop(ends);
    ended
}

/// How a transaction ended.
#[derive(Debug)]
enum End {
    Complete,
    Because(Fault),
    NoReason,
}

/// A running save.
#[derive(Debug)]
struct Saving {
    transaction: IdbTransaction,
    writes: RefCell<Vec<Write>>,
    tally: Option<Rc<Tally>>,
    counting: RefCell<Option<EventListener>>,
    unanswered: Cell<usize>,
    end: Outcome<End>,
}

impl Saving {
    fn new(transaction: IdbTransaction, writes: Vec<Write>, tally: Option<Rc<Tally>>) -> Rc<Self> {
        Rc::new(Self {
            transaction,
            writes: RefCell::new(writes),
            tally,
            counting: RefCell::default(),
            unanswered: Cell::new(0),
            end: Outcome::new(),
        })
    }

    /// Waits for its end, and no longer than so long.
    async fn ended(self: &Rc<Self>, wait_ms: u32) -> Result<(), Fault> {
        let watchdog = {
            let saving = Rc::clone(self);
            Timeout::new(wait_ms, move || saving.give_up(Fault::Timeout))
        };
        let end = self.end.clone().wait().await;
        drop(watchdog);
        match end {
            End::Complete => Ok(()),
            End::Because(fault) => Err(fault),
            End::NoReason => Err(probe().await),
        }
    }

    /// Both ends of a transaction; a failed request leads to an abort by itself, but for one that
    /// would have added what is there already.
    fn listen(&self) -> [EventListener; 3] {
        let complete = {
            let end = self.end.clone();
            EventListener::new(&self.transaction, "complete", move |_| {
                end.settle(End::Complete)
            })
        };
        let abort = {
            let (end, transaction) = (self.end.clone(), self.transaction.clone());
            EventListener::new(&self.transaction, "abort", move |_| {
                end.settle(match transaction.error() {
                    Some(error) => End::Because(Fault::from_name(&error.name())),
                    None => End::NoReason,
                });
            })
        };
        let options = EventListenerOptions::enable_prevent_default();
        let there = EventListener::new_with_options(&self.transaction, "error", options, |event| {
            let request = event
                .target()
                .and_then(|it| it.dyn_into::<IdbRequest>().ok());
            let error = request.and_then(|request| request.error().ok().flatten());
            if error.is_some_and(|error| error.name() == "ConstraintError") {
                event.prevent_default();
            }
        });
        [complete, abort, there]
    }

    /// Asks for the revisions; the answer to the last question issues the writes, inside its event.
    fn check(self: Rc<Self>, expect: Vec<(JsValue, u32)>) -> Vec<EventListener> {
        if expect.is_empty() {
            self.write();
            return Vec::new();
        }
        self.unanswered.set(expect.len());
        let mut listening = Vec::with_capacity(expect.len());
        for (key, revision) in expect {
            let asked = self
                .transaction
                .object_store(ROWS)
                .and_then(|rows| rows.get(&key));
            match asked {
                Ok(request) => listening.push(self.answer(&request, revision)),
                Err(error) => {
                    self.give_up(Fault::from_name(&error_name(&error)));
                    break;
                }
            }
        }
        listening
    }

    fn answer(self: &Rc<Self>, request: &IdbRequest, expected: u32) -> EventListener {
        let (saving, asked) = (Rc::clone(self), request.clone());
        EventListener::once(request, "success", move |_| {
            let found = asked.result().unwrap_or(JsValue::UNDEFINED);
            if revision(&found) != expected {
                saving.give_up(Fault::Stale);
                return;
            }
            saving
                .unanswered
                .set(saving.unanswered.get().saturating_sub(1));
            if saving.unanswered.get() == 0 {
                saving.write();
            }
        })
    }

    /// Reads the ledger and writes the next one, inside this transaction: no window counts past
    /// another.
    fn count(self: &Rc<Self>, tally: &Rc<Tally>) -> Result<(), JsValue> {
        let request = self.transaction.object_store(META)?.get(&LEDGER.into())?;
        let (saving, tally, asked) = (Rc::clone(self), Rc::clone(tally), request.clone());
        let counted = EventListener::once(&request, "success", move |_| {
            let bytes = asked.result().ok().and_then(|value| from_js(&value));
            let next = Ledger::decode(bytes.as_deref()).after(&tally.hashes);
            tally.after.set(Some(next));
            let value = to_js(&next.encode());
            let put = saving
                .transaction
                .object_store(META)
                .and_then(|meta| meta.put_with_key(&value, &LEDGER.into()));
            if let Err(error) = put {
                saving.give_up(Fault::from_name(&error_name(&error)));
            }
        });
        *self.counting.borrow_mut() = Some(counted);
        Ok(())
    }

    fn write(self: &Rc<Self>) {
        if let Some(tally) = &self.tally
            && let Err(error) = self.count(tally)
        {
            self.give_up(Fault::from_name(&error_name(&error)));
            return;
        }
        for write in self.writes.take() {
            if let Err(error) = self.issue(&write) {
                self.give_up(Fault::from_name(&error_name(&error)));
                return;
            }
        }
    }

    fn issue(&self, write: &Write) -> Result<(), JsValue> {
        let store = self.transaction.object_store(write.store())?;
        match write {
            Write::Put {
                key: Some(key),
                value,
                ..
            } => store.put_with_key(value, key)?,
            Write::Put {
                key: None, value, ..
            } => store.put(value)?,
            Write::Add { key, value, .. } => store.add_with_key(value, key)?,
            Write::Delete { key, .. } => store.delete(key)?,
        };
        Ok(())
    }

    /// Ends the save; the abort makes sure that nothing of it can still be written.
    fn give_up(&self, fault: Fault) {
        self.end.settle(End::Because(fault));
        // Refused when the transaction has ended already; its own event has then been heard.
        let _aborted = self.transaction.abort();
    }
}

/// The revision of a stored row; a row that is not there has none.
pub(crate) fn revision(row: &JsValue) -> u32 {
    let number = field(row, "rev")
        .and_then(|rev| rev.as_f64())
        .unwrap_or(0.0);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a float cast saturates, and we wrote a u32"
    )]
    {
        number as u32
    }
}

/// A full disk may show as a bare abort. The estimate is often wrong, so it only names the fault.
async fn probe() -> Fault {
    match platform::estimate().await {
        Some((used, quota)) if quota.saturating_sub(used) < ROOM_BYTES_MIN => Fault::Full,
        _ => Fault::Aborted,
    }
}
