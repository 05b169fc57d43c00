//! Opening a database: upgrade by steps, and the three events that rexie hides.

use core::cell::{Cell, RefCell};
use std::rc::Rc;

use gloo::events::EventListener;
use gloo::timers::callback::Timeout;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Event, IdbDatabase, IdbFactory, IdbOpenDbRequest, IdbVersionChangeEvent};

use super::bridge::{error_name, field};
use super::schema::Schema;
use crate::platform::outcome::Outcome;

/// Opening a healthy database takes milliseconds; after this long it is called stuck.
const OPEN_MS_MAX: u32 = 10_000;

/// What a database tells while it is being opened or used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notice {
    /// Another window still uses an older version; close it to go on.
    Blocked,
    /// Another window needs a newer version: this connection closes in a moment.
    Closing,
    /// The browser closed the connection by itself.
    Closed,
    /// The browser found its files damaged and started an empty database.
    Lost,
    /// No database opens: the journal is used in its place.
    Spare,
}

/// Who hears the notices.
pub type Listener = Rc<dyn Fn(Notice)>;

/// Why a database cannot be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// The browser offers no database here, as in some private windows.
    #[error("no database in this browser")]
    Unavailable,
    /// A newer version of the app has written it.
    #[error("written by a newer version")]
    Newer,
    /// Another window holds an older version open.
    #[error("blocked by another window")]
    Blocked,
    /// No room to create it.
    #[error("no room")]
    Full,
    /// The browser cannot read its files.
    #[error("the browser cannot open it")]
    Broken,
    /// No answer in time.
    #[error("no answer in time")]
    Stuck,
}

type Opened = Outcome<Result<IdbDatabase, OpenError>>;

/// Opens `name` at the newest version of `schema`, upgrading it when it is older.
pub(crate) async fn open(
    name: &str,
    schema: Schema,
    listener: &Listener,
) -> Result<IdbDatabase, OpenError> {
    let request = factory()?
        .open_with_u32(name, schema.version())
        .map_err(|error| cause(&error))?;
    let opened: Opened = Outcome::new();
    let blocked = Rc::new(Cell::new(false));
    let listening = listen(&request, schema, &opened, &blocked, listener);
    let watchdog = {
        let opened = opened.clone();
        Timeout::new(OPEN_MS_MAX, move || {
            let error = if blocked.get() {
                OpenError::Blocked
            } else {
                OpenError::Stuck
            };
            opened.settle(Err(error));
        })
    };
    let database = opened.wait().await;
    drop((listening, watchdog));
    if database.is_err() {
        close_when_it_comes(&request);
    }
    database
}

fn listen(
    request: &IdbOpenDbRequest,
    schema: Schema,
    opened: &Opened,
    blocked: &Rc<Cell<bool>>,
    listener: &Listener,
) -> [EventListener; 4] {
    let upgrade = {
        let (request, opened, listener) = (request.clone(), opened.clone(), Rc::clone(listener));
        EventListener::new(&request.clone(), "upgradeneeded", move |event| {
            if let Err(error) = upgrade(&request, schema, event, &listener) {
                opened.settle(Err(cause(&error)));
                if let Some(transaction) = request.transaction() {
                    // A half-made version must not stay.
                    let _gone = transaction.abort();
                }
            }
        })
    };
    let success = {
        let (request, opened) = (request.clone(), opened.clone());
        EventListener::new(&request.clone(), "success", move |_| {
            let database = request
                .result()
                .ok()
                .and_then(|value| value.dyn_into().ok());
            opened.settle(database.ok_or(OpenError::Broken));
        })
    };
    let failure = {
        let (request, opened) = (request.clone(), opened.clone());
        EventListener::new(&request.clone(), "error", move |_| {
            let error = request.error().ok().flatten();
            opened.settle(Err(error.map_or(OpenError::Broken, |error| cause(&error))));
        })
    };
    let waiting = {
        let (blocked, listener) = (Rc::clone(blocked), Rc::clone(listener));
        EventListener::new(request, "blocked", move |_| {
            blocked.set(true);
            listener(Notice::Blocked);
        })
    };
    [upgrade, success, failure, waiting]
}

fn upgrade(
    request: &IdbOpenDbRequest,
    schema: Schema,
    event: &Event,
    listener: &Listener,
) -> Result<(), JsValue> {
    let database: IdbDatabase = request.result()?.dyn_into()?;
    let from = event
        .dyn_ref::<IdbVersionChangeEvent>()
        .map_or(0.0, IdbVersionChangeEvent::old_version);
    // Chromium alone says so when it threw damaged files away; `open` itself succeeds.
    let loss = field(event, "dataLoss").and_then(|loss| loss.as_string());
    if loss.is_some_and(|loss| loss != "none") {
        listener(Notice::Lost);
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a float cast saturates, and a version is a small whole number"
    )]
    schema.upgrade(&database, from as u32)
}

/// A request that nobody waits for any more may still succeed: its connection would block others.
fn close_when_it_comes(request: &IdbOpenDbRequest) {
    let late = request.clone();
    EventListener::once(request, "success", move |_| {
        if let Ok(database) = late.result().and_then(JsCast::dyn_into::<IdbDatabase>) {
            database.close();
        }
    })
    .forget();
}

/// A connection's own listeners; they are gone when this is dropped.
pub(crate) fn watch(database: &IdbDatabase, listener: &Listener) -> [EventListener; 2] {
    let change = {
        let listener = Rc::clone(listener);
        EventListener::new(database, "versionchange", move |_| {
            listener(Notice::Closing)
        })
    };
    let close = {
        let listener = Rc::clone(listener);
        EventListener::new(database, "close", move |_| listener(Notice::Closed))
    };
    [change, close]
}

/// Deletes a database; waits until every connection to it is closed.
pub async fn delete(name: &str) -> Result<(), OpenError> {
    let request = factory()?
        .delete_database(name)
        .map_err(|error| cause(&error))?;
    let done = Outcome::new();
    let mut listening = Vec::new();
    for (event, result) in [("success", Ok(())), ("error", Err(OpenError::Broken))] {
        let done = done.clone();
        listening.push(EventListener::new(&request, event, move |_| {
            done.settle(result)
        }));
    }
    let ring = done.clone();
    let watchdog = Timeout::new(OPEN_MS_MAX, move || ring.settle(Err(OpenError::Blocked)));
    let result = done.wait().await;
    drop((listening, watchdog));
    result
}

/// The browser's factory of databases, in a window or in a worker.
fn factory() -> Result<IdbFactory, OpenError> {
    field(&js_sys::global(), "indexedDB")
        .and_then(|found| found.dyn_into().ok())
        .ok_or(OpenError::Unavailable)
}

fn cause(error: &JsValue) -> OpenError {
    match error_name(error).as_str() {
        "VersionError" => OpenError::Newer,
        "QuotaExceededError" => OpenError::Full,
        "SecurityError" | "InvalidStateError" => OpenError::Unavailable,
        _ => OpenError::Broken,
    }
}

/// Something that is closed once, by whoever comes first.
#[derive(Debug)]
pub(crate) struct Shut<T>(RefCell<Option<T>>);

impl<T> Shut<T> {
    /// Open with `value`.
    pub(crate) fn new(value: T) -> Self {
        Self(RefCell::new(Some(value)))
    }

    /// Uses the value, unless it is closed.
    pub(crate) fn with<R>(&self, use_it: impl FnOnce(&T) -> R) -> Option<R> {
        self.0.borrow().as_ref().map(use_it)
    }

    /// Takes the value out for closing.
    pub(crate) fn take(&self) -> Option<T> {
        self.0.borrow_mut().take()
    }
}
