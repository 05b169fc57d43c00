//! What the screens may ask for where there is no network.

use domain::id::UnitId;
use domain::sync::bundle::{Code, Content};

use super::Actions;
use crate::platform;
use crate::runtime::carry::{self, Bundle, CarryFault};

impl Actions {
    /// What waits to be sent, signed for somebody else to carry.
    ///
    /// # Errors
    /// When nothing waits, or this phone cannot sign it.
    pub async fn bundle() -> Result<Bundle, CarryFault> {
        let session = Self::phone().and_then(|phone| phone.session());
        session.ok_or(CarryFault::NoKey)?.bundle().await
    }

    /// What the server confirmed here of the records in these grids, for a new phone.
    ///
    /// # Errors
    /// When there are none, or too many for a file.
    pub async fn first_load(grids: Vec<UnitId>) -> Result<Bundle, CarryFault> {
        let session = Self::phone().and_then(|phone| phone.session());
        session.ok_or(CarryFault::Store)?.first_load(grids).await
    }

    /// What waits on this phone, when the app opens no record: after crashes in a row.
    ///
    /// # Errors
    /// When nothing waits, or the keys that sign it are not here.
    pub async fn unsent() -> Result<Bundle, CarryFault> {
        carry::unsent().await
    }

    /// Hands its file on, right after a press.
    pub fn hand_on(file: Vec<u8>) {
        let name = format!("fengge-{}.txt", platform::now().to_local_text())
            .replace(' ', "-")
            .replace(':', "");
        platform::spawn(async move {
            // Whoever closes the share sheet can press again.
            let _given = platform::hand_over(&name, "text/plain", &file).await;
        });
    }

    /// Takes a colleague's file: work to be sent is taken along, and a first load goes into the store;
    /// of that the number of its records is told.
    ///
    /// # Errors
    /// When it cannot be opened, or not be kept on this phone.
    pub async fn take_file(file: &[u8], code: &Code) -> Result<Option<u32>, CarryFault> {
        match carry::open(file, code).await? {
            Content::Requests(requests) => Self::carry(&requests).await.map(|()| None),
            Content::Load(load) => {
                let session = Self::phone().and_then(|phone| phone.session());
                let taken = session.ok_or(CarryFault::Store)?.take_in(load).await?;
                Ok(Some(taken))
            }
        }
    }

    /// Takes along what a colleague's QR codes held.
    ///
    /// # Errors
    /// When it is nothing that can be carried, or cannot be kept on this phone.
    pub async fn carry_filmed(content: &[u8]) -> Result<(), CarryFault> {
        let requests = Content::read(content).and_then(Content::requests);
        Self::carry(&requests.map_err(|_| CarryFault::NotOurs)?).await
    }

    async fn carry(requests: &[Vec<u8>]) -> Result<(), CarryFault> {
        let carrier = Self::phone().and_then(|phone| phone.carrier());
        carrier.ok_or(CarryFault::Store)?.take(requests).await
    }
}
