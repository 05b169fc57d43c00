//! The way to the server: carries out what a transfer asks for, and single questions beside it.

mod fetch;
pub mod listen;
pub mod photos;

use domain::id::DeviceId;
use domain::replica::LinkFailure;
use domain::sync::message::Secret;
use domain::sync::transfer::{self, End, SILENCE_MS, Step, Transfer};

use crate::platform;
use crate::platform::outcome::{First, first, within};
use fetch::{Body, Call};

/// The counts and de-identified rows for supervisors.
pub const OVERVIEW: &str = "/api/v2/overview";

/// How long a single question may wait for its answer, in milliseconds.
const ANSWER_MS: u32 = 60_000;
/// The largest answer to a single question.
const ANSWER_BYTES_MAX: usize = 16 * 1024 * 1024;
/// The longest text that is read for a count or a code.
const TEXT_BYTES_MAX: usize = 4 * 1024;

/// Why there is no answer to a single question.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LinkFault {
    /// No network, or nobody there.
    #[error("the server cannot be reached")]
    Unreachable,
    /// No answer in time.
    #[error("no answer in time")]
    Timeout,
    /// Something on the way answered instead of the server, such as a page that asks for a login.
    #[error("the answer is not from our server")]
    NotOurs,
    /// The server refused the request as a whole, with one of its fixed codes.
    #[error("the server refused: {code}")]
    Refused {
        /// The status of the answer.
        status: u16,
        /// The fixed code.
        code: String,
    },
}

/// Sends one exchange and reads its answer, over as many connections as it takes; `device` is this
/// phone, whoever wrote the request.
///
/// # Errors
/// When no answer of our server came; nothing is known then about whether it took the request.
pub async fn exchange(
    bytes: Vec<u8>,
    (device, secret): (DeviceId, Secret),
) -> Result<Vec<u8>, LinkFailure> {
    let mut transfer = Transfer::new(bytes, transfer::proof(device, secret));
    loop {
        let call = match transfer.step() {
            Step::Over(over) => return over,
            Step::Pause(ms) => {
                platform::sleep(ms).await;
                continue;
            }
            Step::Post(path, body, proof) => Call::post(&path, body, proof),
            Step::Get(path, proof) => Call::get(&path, proof),
        };
        if let Some(end) = carry(&call, &mut transfer).await {
            transfer.ended(end);
        }
    }
}

/// Tells the transfer what comes; none when it has heard enough.
async fn carry(call: &Call, transfer: &mut Transfer) -> Option<End> {
    let mut body = match head(call, transfer).await {
        Ok(body) => body,
        Err(end) => return Some(end),
    };
    if !transfer.head(body.head()) {
        return None;
    }
    loop {
        match within(SILENCE_MS, body.piece()).await {
            Some(Ok(Some(piece))) => {
                if !transfer.piece(&piece) {
                    return None;
                }
            }
            Some(Ok(None)) => return Some(End::Clean),
            Some(Err(())) => return Some(End::Broken),
            None => return Some(End::Silent),
        }
    }
}

/// Waits for the head of an answer for as long as the request moves: how far it has come is asked
/// beside it, since the browser does not tell.
async fn head(call: &Call, transfer: &mut Transfer) -> Result<Body, End> {
    let mut sent = core::pin::pin!(call.send());
    loop {
        match first(SILENCE_MS, sent.as_mut()).await {
            First::Came(head) => return head.map_err(|()| End::Broken),
            First::Late => {
                let Some((path, proof)) = transfer.watch() else {
                    return Err(End::Silent);
                };
                let said = within(SILENCE_MS, text(&path, proof)).await.flatten();
                let said = said
                    .as_ref()
                    .map(|(status, text)| (*status, text.as_slice()));
                if !transfer.watched(said) {
                    return Err(End::Silent);
                }
            }
        }
    }
}

/// The status and short text at a path.
async fn text(path: &str, proof: &str) -> Option<(u16, Vec<u8>)> {
    let call = Call::get(path, proof);
    let mut body = call.send().await.ok()?;
    let text = body.all(TEXT_BYTES_MAX).await.ok()?;
    Some((body.head().status, text))
}

/// Sends `body` to `path` and returns the bytes of the answer.
///
/// # Errors
/// When no answer of our server came.
pub async fn post(path: &str, body: &[u8]) -> Result<Vec<u8>, LinkFault> {
    let call = Call::post(path, body, None);
    let answer =
        within(ANSWER_MS, async {
            let mut body = call.send().await.map_err(|()| LinkFault::Unreachable)?;
            let head = body.head().clone();
            let max = if head.status == 200 {
                ANSWER_BYTES_MAX
            } else {
                TEXT_BYTES_MAX
            };
            let bytes = body.all(max).await.map_err(|()| LinkFault::Unreachable)?;
            match (head.status, head.is_binary()) {
                (200, true) => Ok(bytes),
                (200, false) => Err(LinkFault::NotOurs),
                (status, _) => Err(head.refusal(&bytes).map_or(LinkFault::NotOurs, |code| {
                    LinkFault::Refused {
                        status,
                        code: code.code().to_owned(),
                    }
                })),
            }
        });
    answer.await.unwrap_or(Err(LinkFault::Timeout))
}
