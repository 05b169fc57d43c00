//! The way to the server: one request, one answer; what a cut connection delivered is not sent again.

use std::time::{Duration, Instant};

use domain::replica::LinkFailure;
use domain::sync::message::ErrorCode;
use reqwest::{Client, Response, StatusCode};
use serde_json::Value as Json;
use sha2::{Digest as _, Sha256};

const EXCHANGE: &str = "/api/v1/exchange";
const PARTS: &str = "/api/v1/parts";
/// Requests from so many bytes on are sent so that they can be taken up where they were cut.
const PART_BYTES_MIN: usize = 4 * 1024;
/// So often in a row a connection may bring nothing before the attempt is given up.
const BARREN_MAX: u32 = 3;
/// While the server works on a request that came whole, it is asked so often for its answer.
const ASK_AGAIN: Duration = Duration::from_millis(100);

/// The network of a phone.
#[derive(Debug)]
pub struct Link {
    client: Client,
    url: String,
    /// When a byte was last known to have come across.
    pub progress: Instant,
    /// Connections in a row that brought nothing.
    barren: u32,
}

/// An answer, as far as it came.
#[derive(Debug, Default)]
struct Coming {
    /// The name to ask for the rest by.
    part: Option<String>,
    total: Option<usize>,
    bytes: Vec<u8>,
}

impl Coming {
    fn is_whole(&self) -> bool {
        self.total == Some(self.bytes.len())
    }
}

/// What a request came to.
enum Outcome {
    Whole(Vec<u8>),
    /// The connection broke.
    Broken,
    /// The server has other bytes of the request, or none any more.
    Elsewhere,
    Refused(LinkFailure),
}

impl Link {
    /// A network that leads to `url`.
    #[must_use]
    pub fn new(url: &str) -> Self {
        let client = Client::builder()
            .pool_idle_timeout(Duration::from_mins(5))
            .build()
            .unwrap_or_default();
        Self {
            client,
            url: url.trim_end_matches('/').to_owned(),
            progress: Instant::now(),
            barren: 0,
        }
    }

    /// Posts an exchange and reads its answer, over as many connections as it takes.
    ///
    /// # Errors
    /// As the replica wants to know it.
    pub async fn exchange(&mut self, bytes: Vec<u8>) -> Result<Vec<u8>, LinkFailure> {
        self.barren = 0;
        let mut coming = Coming::default();
        if bytes.len() < PART_BYTES_MIN {
            let url = format!("{}{EXCHANGE}", self.url);
            let sent = self.client.post(url).body(bytes.clone());
            match self.receive(sent.send().await, &mut coming).await {
                Outcome::Whole(answer) => return Ok(answer),
                Outcome::Broken if coming.part.is_some() => return self.rest(coming).await,
                // On a line this bad even a small request is sent so that it can be taken up.
                Outcome::Broken => coming = Coming::default(),
                Outcome::Elsewhere => return Err(LinkFailure::NotOurs),
                Outcome::Refused(failure) => return Err(failure),
            }
        }
        let id = name(&bytes);
        coming.part = Some(id.clone());
        let mut at = 0;
        loop {
            let query = format!("?part={id}&at={at}&of={}", bytes.len());
            let rest = bytes.get(at..).unwrap_or_default().to_vec();
            let sent = self
                .client
                .post(format!("{}{EXCHANGE}{query}", self.url))
                .body(rest);
            match self.receive(sent.send().await, &mut coming).await {
                Outcome::Whole(answer) => return Ok(answer),
                Outcome::Refused(failure) => return Err(failure),
                Outcome::Broken if !coming.bytes.is_empty() => return self.rest(coming).await,
                Outcome::Broken | Outcome::Elsewhere => {}
            }
            match self.come(&id).await? {
                Come::Bytes(count) if count < bytes.len() => {
                    self.note(count > at)?;
                    at = count;
                }
                Come::Bytes(_) | Come::Answer => return self.rest(coming).await,
            }
        }
    }

    /// How much of a request has come, or that its answer is there.
    async fn come(&mut self, id: &str) -> Result<Come, LinkFailure> {
        loop {
            // Only what is asked, no part of the answer: that is read with its own place.
            let asked = self
                .client
                .get(format!("{}{PARTS}/{id}?from={}", self.url, usize::MAX));
            let Ok(response) = asked.send().await else {
                self.note(false)?;
                continue;
            };
            match response.status() {
                StatusCode::OK => return Ok(Come::Answer),
                StatusCode::NOT_FOUND => return Ok(Come::Bytes(0)),
                StatusCode::ACCEPTED => {}
                _ => return Err(LinkFailure::NotOurs),
            }
            if let Ok(Ok(count)) = response.text().await.map(|text| text.parse()) {
                return Ok(Come::Bytes(count));
            }
            self.note(false)?;
        }
    }

    /// Reads the rest of an answer.
    async fn rest(&mut self, mut coming: Coming) -> Result<Vec<u8>, LinkFailure> {
        let Some(part) = coming.part.clone() else {
            return Err(LinkFailure::Offline);
        };
        loop {
            let before = coming.bytes.len();
            let url = format!("{}{PARTS}/{part}?from={before}", self.url);
            let asked = self.client.get(url).send().await;
            if asked
                .as_ref()
                .is_ok_and(|answer| answer.status() == StatusCode::ACCEPTED)
            {
                tokio::time::sleep(ASK_AGAIN).await;
                continue;
            }
            match self.receive(asked, &mut coming).await {
                Outcome::Whole(answer) => return Ok(answer),
                Outcome::Broken => self.note(coming.bytes.len() > before)?,
                Outcome::Elsewhere => return Err(LinkFailure::Offline),
                Outcome::Refused(failure) => return Err(failure),
            }
        }
    }

    /// Counts connections that brought nothing; too many in a row are no network.
    fn note(&mut self, brought: bool) -> Result<(), LinkFailure> {
        if brought {
            self.barren = 0;
            self.progress = Instant::now();
        } else {
            self.barren += 1;
        }
        if self.barren > BARREN_MAX {
            Err(LinkFailure::Offline)
        } else {
            Ok(())
        }
    }

    async fn receive(
        &mut self,
        sent: Result<Response, reqwest::Error>,
        coming: &mut Coming,
    ) -> Outcome {
        let Ok(mut response) = sent else {
            return Outcome::Broken;
        };
        self.progress = Instant::now();
        let header = |name: &str| {
            let value = response.headers().get(name)?;
            value.to_str().ok().map(ToOwned::to_owned)
        };
        let status = response.status();
        if status == StatusCode::OK {
            let length = header("content-length").and_then(|text| text.parse::<usize>().ok());
            coming.part = header("part").or(coming.part.take());
            let total = header("total").and_then(|text| text.parse().ok());
            coming.total = total.or(length.map(|rest| coming.bytes.len() + rest));
            loop {
                match response.chunk().await {
                    Ok(Some(piece)) => {
                        self.progress = Instant::now();
                        coming.bytes.extend_from_slice(&piece);
                    }
                    Ok(None) if coming.is_whole() => {
                        return Outcome::Whole(std::mem::take(&mut coming.bytes));
                    }
                    Ok(None) | Err(_) => return Outcome::Broken,
                }
            }
        }
        let Ok(body) = response.bytes().await else {
            return Outcome::Broken;
        };
        let said: Option<Json> = serde_json::from_slice(&body).ok();
        let code = said.as_ref().and_then(|said| said.get("code")?.as_str());
        match code.and_then(ErrorCode::from_code) {
            Some(ErrorCode::NotFound) => Outcome::Elsewhere,
            Some(ErrorCode::BadRequest) if status == StatusCode::CONFLICT => Outcome::Elsewhere,
            Some(code) => Outcome::Refused(LinkFailure::Refused(code)),
            None => Outcome::Refused(LinkFailure::NotOurs),
        }
    }
}

/// What became of a request so far.
enum Come {
    Bytes(usize),
    Answer,
}

/// Names a request by its content.
fn name(bytes: &[u8]) -> String {
    let digest: [u8; 32] = Sha256::digest(bytes).into();
    digest
        .iter()
        .take(12)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
