//! A connection that comes back: browsers close databases under a sleeping page.

use core::cell::{Cell, RefCell};
use std::rc::Rc;

use gloo::events::EventListener;
use web_sys::IdbDatabase;

use super::open::{self, Listener, OpenError};
use super::read::Reads;
use super::save::{self, Plan, Write};
use super::schema::Schema;
use crate::store::Fault;

/// Both connections to one database, opened again once when the browser has closed them.
pub(crate) struct Connection {
    name: String,
    schema: Schema,
    listener: Listener,
    live: RefCell<Option<Rc<Live>>>,
    shut: Cell<bool>,
}

/// Our own connection for saves, and rexie's for the rest.
pub(crate) struct Live {
    database: IdbDatabase,
    pub(crate) reads: Reads,
    _listening: [EventListener; 2],
}

impl Drop for Live {
    fn drop(&mut self) {
        // A connection that nobody uses would keep every newer version of the app waiting.
        self.database.close();
        self.reads.close();
    }
}

impl Connection {
    /// Opens the database `name` at `schema`.
    pub(crate) async fn open(
        name: &str,
        schema: Schema,
        listener: &Listener,
    ) -> Result<Self, OpenError> {
        let live = Live::open(name, schema, listener).await?;
        Ok(Self {
            name: name.to_owned(),
            schema,
            listener: Rc::clone(listener),
            live: RefCell::new(Some(Rc::new(live))),
            shut: Cell::new(false),
        })
    }

    /// Closes for good; what is being written ends first.
    pub(crate) fn close(&self) {
        self.shut.set(true);
        let live = self.live.borrow_mut().take();
        if let Some(live) = live {
            live.database.close();
            live.reads.close();
        }
    }

    /// Runs `work`, and once more on a new connection when the old one turns out to be closed.
    ///
    /// A save that was closed upon may be done twice: its revisions then refuse the second time.
    pub(crate) async fn on<T>(
        &self,
        work: impl AsyncFn(&Live) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let live = self.live().await?;
        match work(&live).await {
            Err(Fault::Closed) if !self.shut.get() => {
                self.live
                    .borrow_mut()
                    .take_if(|known| Rc::ptr_eq(known, &live));
                drop(live);
                let again = self.live().await?;
                work(&again).await
            }
            other => other,
        }
    }

    /// Writes a plan, all of it or nothing.
    pub(crate) async fn save(&self, plan: &Plan) -> Result<(), Fault> {
        self.on(async |live| save::save(&live.database, plan.clone()).await)
            .await
    }

    /// Writes one thing that is asked for before anything is waited for.
    pub(crate) async fn write_at_once(&self, write: &Write) -> Result<(), Fault> {
        self.on(async |live| save::save_at_once(&live.database, write.clone()).await)
            .await
    }

    async fn live(&self) -> Result<Rc<Live>, Fault> {
        if self.shut.get() {
            return Err(Fault::Closed);
        }
        let known = self.live.borrow().clone();
        if let Some(live) = known {
            return Ok(live);
        }
        let opened = Live::open(&self.name, self.schema, &self.listener).await;
        let live = Rc::new(opened.map_err(|_| Fault::Closed)?);
        if self.shut.get() {
            return Err(Fault::Closed);
        }
        *self.live.borrow_mut() = Some(Rc::clone(&live));
        Ok(live)
    }
}

impl Live {
    async fn open(name: &str, schema: Schema, listener: &Listener) -> Result<Self, OpenError> {
        let database = open::open(name, schema, listener).await?;
        let listening = open::watch(&database, listener);
        match Reads::open(name, schema).await {
            Ok(reads) => Ok(Self {
                database,
                reads,
                _listening: listening,
            }),
            Err(error) => {
                database.close();
                Err(error)
            }
        }
    }
}
