//! The answer that does not end: a line for each time that something is new.

use core::cell::RefCell;

use domain::id::DeviceId;
use domain::sync::message::Secret;

use super::fetch::{Body, Call};
use crate::platform::outcome::within;

/// Where news are told.
const NEWS: &str = "/api/v1/news";
/// The server says every 25 s that it is there; after so many milliseconds without it, it is not.
const SILENCE_MS: u32 = 60_000;
/// What the server names its answer, so that a portal's page is not taken for it.
const EVENTS: &str = "text/event-stream";

/// What was heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// The connection lives.
    Alive,
    /// Something is new.
    News,
}

/// One open answer.
#[derive(Debug)]
pub struct Ear {
    call: Call,
    body: RefCell<Option<Body>>,
}

impl Ear {
    /// Asks for nothing yet.
    #[must_use]
    pub fn new(device: DeviceId, secret: Secret) -> Self {
        let who: Vec<u8> = device.0.into_iter().chain(secret.0).collect();
        Self {
            call: Call::post(NEWS, &who, None),
            body: RefCell::default(),
        }
    }

    /// Ends it; whoever waits hears so.
    pub fn close(&self) {
        self.call.end();
    }

    /// Waits for the next sign; none when there is no such answer, or none any more.
    pub async fn next(&self) -> Option<Heard> {
        let held = self.body.borrow_mut().take();
        let mut body = match held {
            Some(body) => body,
            None => {
                let body = within(SILENCE_MS, self.call.send()).await?.ok()?;
                let head = body.head();
                let ours = head
                    .kind
                    .as_deref()
                    .is_some_and(|kind| kind.starts_with(EVENTS));
                (ours && head.status == 200).then_some(body)?
            }
        };
        let piece = within(SILENCE_MS, body.piece()).await?.ok()??;
        *self.body.borrow_mut() = Some(body);
        // Whatever follows "data", the meaning is the same: fetch.
        Some(if piece.windows(5).any(|five| five == b"data:") {
            Heard::News
        } else {
            Heard::Alive
        })
    }
}
