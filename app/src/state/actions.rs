//! What the screens may ask for; everything goes to the runtime of whoever uses the phone.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use domain::command::Command;
use domain::id::{DeviceId, RecordId};
use domain::replica::{Cause, CommandError};
use domain::sync::message::{ErrorCode, Overview, OverviewRequest, decode, encode};
use domain::view::case::Case;
use domain::view::supervisor::Place;
use domain::view::weeks::Weeks;

use crate::link;
use crate::platform::{self, attempts};
use crate::runtime::phone::{Phone, PhoneError};
use crate::store::Store;

thread_local! {
    static PHONE: RefCell<Option<Rc<Phone>>> = const { RefCell::new(None) };
}

/// A record on its way to its page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CaseState {
    /// It is being read.
    Reading,
    /// Here it is.
    Here(Arc<Case>),
    /// It is not on this phone.
    NotHere,
    /// Only its row has come; the rest is asked for.
    Coming,
    /// It cannot be read.
    Damaged,
    /// The app stopped while it read this: it is left alone.
    Shunned,
}

/// Why something could not be read from the phone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the phone's store does not answer")]
pub struct LoadFault;

/// Why there is no overview.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OverviewFault {
    /// There is no network.
    #[error("no network")]
    Offline,
    /// The server does not show this unit to this person.
    #[error("not shown to this person")]
    NotAllowed,
    /// The server gives no counts of so small a place or period.
    #[error("too small a place or period")]
    TooFine,
    /// The app and the server are not of the same version.
    #[error("another version")]
    Outdated,
    /// The answer cannot be read.
    #[error("the answer cannot be read")]
    Unreadable,
}

fn refused(code: &str) -> OverviewFault {
    match ErrorCode::from_code(code) {
        Some(ErrorCode::TooFine) => OverviewFault::TooFine,
        Some(ErrorCode::OtherVersion | ErrorCode::NotFound) => OverviewFault::Outdated,
        Some(ErrorCode::Internal | ErrorCode::TooMany | ErrorCode::TooSlow) => {
            OverviewFault::Unreadable
        }
        Some(_) | None => OverviewFault::NotAllowed,
    }
}

/// The actions of this page.
#[derive(Debug, Clone, Copy)]
pub struct Actions;

impl Actions {
    /// Takes the phone that carries the actions out; called once, before mounting.
    pub fn install(phone: Rc<Phone>) {
        PHONE.with(|slot| *slot.borrow_mut() = Some(phone));
    }

    pub(super) fn phone() -> Option<Rc<Phone>> {
        PHONE.with(|slot| slot.borrow().clone())
    }

    /// A fresh id for a record whose form is being opened.
    #[must_use]
    pub fn new_id() -> RecordId {
        RecordId::new(platform::now(), platform::random())
    }

    /// Carries out a command; drafts with these keys are dropped in the same transaction.
    ///
    /// # Errors
    /// When nothing was saved.
    pub async fn submit(command: Command, drafts: Vec<String>) -> Result<RecordId, CommandError> {
        let session = Self::phone().and_then(|phone| phone.session());
        let session = session.ok_or(CommandError::NotJoined)?;
        session.command(command, drafts).await
    }

    /// Reads one record for its page.
    pub async fn case(id: RecordId) -> CaseState {
        let Some(session) = Self::phone().and_then(|phone| phone.session()) else {
            return CaseState::NotHere;
        };
        let Ok(mut found) = session.store().load(&[id]).await else {
            return CaseState::Damaged;
        };
        match found.pop() {
            None => CaseState::NotHere,
            Some(stored) if stored.is_absent() => CaseState::NotHere,
            Some(stored) if stored.is_ahead() => {
                session.bring(id);
                CaseState::Coming
            }
            Some(_) if attempts::is_shunned(id) => CaseState::Shunned,
            Some(stored) => attempts::reading(id, || Case::fold(&stored))
                .map_or(CaseState::Damaged, |case| CaseState::Here(Arc::new(case))),
        }
    }

    /// Keeps the text of an unfinished form, or drops it.
    ///
    /// # Errors
    /// When it could not be written.
    pub async fn write_draft(key: &str, text: Option<&str>) -> Result<(), LoadFault> {
        let session = Self::phone().and_then(|phone| phone.session());
        let session = session.ok_or(LoadFault)?;
        let written = match text {
            Some(text) => session.store().put_draft(key, text).await,
            None => session.store().remove_draft(key).await,
        };
        written.map_err(|_| LoadFault)
    }

    /// The unfinished forms as they are stored now; none where the store does not answer.
    pub async fn drafts() -> Option<Vec<(String, String)>> {
        let session = Self::phone().and_then(|phone| phone.session())?;
        session.store().drafts().await.ok()
    }

    /// Looks for something to exchange at once.
    pub fn sync_now() {
        if let Some(session) = Self::phone().and_then(|phone| phone.session()) {
            session.wake(Cause::Button);
        }
        Self::look_for_photos();
    }

    /// Joins with an invitation code.
    ///
    /// # Errors
    /// When the phone could not even write down that it is about to join.
    pub async fn join(code: String) -> Result<(), PhoneError> {
        match Self::phone() {
            Some(phone) => phone.join(&code).await,
            None => Ok(()),
        }
    }

    /// The number by which the station knows this phone, as it is told by voice.
    #[must_use]
    pub fn number() -> Option<String> {
        let name = Self::phone()?.proof().0.hex().to_ascii_uppercase();
        let (head, tail) = (name.get(..4)?, name.get(4..8)?);
        Some(format!("{head}-{tail}"))
    }

    /// Makes room for another person on this phone.
    pub fn join_another() {
        if let Some(phone) = Self::phone() {
            platform::spawn(async move {
                // Where this fails, the page stays as it is.
                let _begun = phone.join_another().await;
            });
        }
    }

    /// Lets another person who joined on this phone use it.
    pub fn switch(device: DeviceId) {
        if let Some(phone) = Self::phone() {
            platform::spawn(async move {
                // Where this fails, the page stays as it is.
                let _switched = phone.switch(device).await;
            });
        }
    }

    /// Asks for the de-identified picture of a place.
    ///
    /// # Errors
    /// When there is no answer or none that can be read.
    pub async fn overview(
        place: Option<Place>,
        period: Weeks,
    ) -> Result<Arc<Overview>, OverviewFault> {
        let phone = Self::phone().ok_or(OverviewFault::Offline)?;
        let (device, secret) = phone.proof();
        let request = OverviewRequest {
            device,
            secret,
            place,
            period,
        };
        match link::post(link::OVERVIEW, &encode(&request)).await {
            Ok(bytes) => decode(&bytes)
                .map(Arc::new)
                .map_err(|_| OverviewFault::Unreadable),
            Err(link::LinkFault::Refused { code, .. }) => Err(refused(&code)),
            Err(link::LinkFault::NotOurs) => Err(OverviewFault::Unreadable),
            Err(link::LinkFault::Unreachable | link::LinkFault::Timeout) => {
                Err(OverviewFault::Offline)
            }
        }
    }
}
