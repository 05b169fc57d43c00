//! The way to the server: carries out what a transfer asks for; what a cut delivered is not sent again.

use std::time::{Duration, Instant};

use domain::replica::LinkFailure;
use domain::sync::transfer::{End, Head, Step, Transfer};
use reqwest::header::AUTHORIZATION;
use reqwest::{Client, RequestBuilder};

/// The network of a phone.
#[derive(Debug)]
pub struct Link {
    client: Client,
    url: String,
    /// What the phone proves itself with.
    proof: String,
    /// When a byte was last known to have come across.
    pub progress: Instant,
}

impl Link {
    /// A network that leads to `url`, of the phone of this proof.
    #[must_use]
    pub fn new(url: &str, proof: String) -> Self {
        let client = Client::builder()
            .pool_idle_timeout(Duration::from_mins(5))
            .build()
            .unwrap_or_default();
        Self {
            client,
            url: url.trim_end_matches('/').to_owned(),
            proof,
            progress: Instant::now(),
        }
    }

    /// Posts an exchange and reads its answer, over as many connections as it takes.
    ///
    /// # Errors
    /// As the replica wants to know it.
    pub async fn exchange(&mut self, bytes: Vec<u8>) -> Result<Vec<u8>, LinkFailure> {
        let mut transfer = Transfer::new(bytes, self.proof.clone());
        loop {
            let request = match transfer.step() {
                Step::Over(over) => return over,
                Step::Pause(ms) => {
                    tokio::time::sleep(Duration::from_millis(ms.into())).await;
                    continue;
                }
                Step::Post(path, body, proof) => {
                    let url = format!("{}{path}", self.url);
                    let request = self.client.post(url).body(body.to_vec());
                    match proof {
                        Some(proof) => request.header(AUTHORIZATION, proof),
                        None => request,
                    }
                }
                Step::Get(path, proof) => {
                    let request = self.client.get(format!("{}{path}", self.url));
                    request.header(AUTHORIZATION, proof)
                }
            };
            if let Some(end) = self.receive(request, &mut transfer).await {
                transfer.ended(end);
            }
        }
    }

    /// Tells the transfer what comes; none when it has heard enough.
    async fn receive(&mut self, request: RequestBuilder, transfer: &mut Transfer) -> Option<End> {
        let Ok(mut response) = request.send().await else {
            return Some(End::Broken);
        };
        self.progress = Instant::now();
        let head = Head::read(response.status().as_u16(), |name| {
            let value = response.headers().get(name)?;
            value.to_str().ok().map(ToOwned::to_owned)
        });
        if !transfer.head(&head) {
            return None;
        }
        loop {
            match response.chunk().await {
                Ok(Some(piece)) => {
                    self.progress = Instant::now();
                    if !transfer.piece(&piece) {
                        return None;
                    }
                }
                Ok(None) => return Some(End::Clean),
                Err(_) => return Some(End::Broken),
            }
        }
    }
}
