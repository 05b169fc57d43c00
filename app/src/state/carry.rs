//! What the screens may ask for where there is no network.

use domain::sync::bundle::{self, Code};

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

    /// Takes a colleague's file along.
    ///
    /// # Errors
    /// When it cannot be opened, or not be kept on this phone.
    pub async fn carry_file(file: &[u8], code: &Code) -> Result<(), CarryFault> {
        let requests = carry::open(file, code).await?;
        Self::carry(&requests).await
    }

    /// Takes along what a colleague's QR codes held.
    ///
    /// # Errors
    /// When it is nothing that can be carried, or cannot be kept on this phone.
    pub async fn carry_filmed(content: &[u8]) -> Result<(), CarryFault> {
        let requests = bundle::read(content).map_err(|_| CarryFault::NotOurs)?;
        Self::carry(&requests).await
    }

    async fn carry(requests: &[Vec<u8>]) -> Result<(), CarryFault> {
        let carrier = Self::phone().and_then(|phone| phone.carrier());
        carrier.ok_or(CarryFault::Store)?.take(requests).await
    }
}
