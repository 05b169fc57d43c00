//! One request and its answer over connections that break: what to ask next, and when to give up.
//!
//! The edge carries out [`Transfer::step`], tells what it heard with [`Transfer::head`],
//! [`Transfer::piece`] and [`Transfer::ended`], and asks for the next step. Nothing here waits.

mod said;
#[cfg(test)]
mod tests;

use sha2::{Digest as _, Sha256};

use crate::id::DeviceId;
use crate::replica::LinkFailure;
use crate::sync::message::{ErrorCode, MESSAGE_BYTES_MAX, Secret};

pub use said::Head;

/// Requests below so many bytes are sent whole first: they are as soon sent again.
pub const PART_BYTES_MIN: usize = 4 * 1024;
/// Milliseconds without a byte after which the edge looks after a request, or gives a read up.
pub const SILENCE_MS: u32 = 20_000;
/// Connections in a row that may bring nothing while nothing has come at all.
const BARREN_MAX: u32 = 3;
/// Connections in a row that may bring nothing once something has come: half a minute without a
/// signal is not worth sending everything again.
const BARREN_MAX_BEGUN: u32 = 6;
/// The first pause after connections that brought nothing, in milliseconds; it doubles.
const PAUSE_MS: u32 = 1_000;
/// While the server works on a request that came whole, it is asked after so many milliseconds, and
/// then after twice as many each time.
const WORKING_MS: u32 = 100;
/// The longest pause of either kind, in milliseconds.
const PAUSE_MS_MAX: u32 = 8_000;
/// How often a server that works is asked before it is given up.
const WORKING_MAX: u32 = 16;
/// How often a server may forget what came of a request.
const FORGOTTEN_MAX: u32 = 2;
/// How much of an answer is asked for after a connection that broke before any of it could be read,
/// in bytes: half as much each time that happens again, half as much more each time it comes.
const REST_BYTES: usize = 4 * 1024;
/// The least that is asked for at once, in bytes.
const REST_BYTES_MIN: usize = 256;
/// How often a request may stand still before its connection is given up.
const STILL_MAX: u32 = 1;
/// The longest text that is read for what the server says about a request.
const TEXT_BYTES_MAX: usize = 4 * 1024;

/// The path of the exchange.
pub const EXCHANGE: &str = "/api/v1/exchange";
/// Where what was cut is asked for.
const PARTS: &str = "/api/v1/parts";

/// What the edge is to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step<'a> {
    /// Post these bytes to this path, with the proof where there is one.
    Post(String, &'a [u8], Option<&'a str>),
    /// Get this path, with the proof.
    Get(String, &'a str),
    /// Wait so many milliseconds and ask again.
    Pause(u32),
    /// The answer is there, or there is none.
    Over(Result<Vec<u8>, LinkFailure>),
}

/// How a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The body came to its end as far as the edge can tell.
    Clean,
    /// The connection broke, or none was made.
    Broken,
    /// Nothing moved for [`SILENCE_MS`].
    Silent,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// The request goes in one piece, without a name.
    Whole,
    /// The request goes from where the server has it.
    Piece,
    /// How much of it came?
    Ask,
    /// The rest of the answer.
    Rest,
}

/// What is being read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reading {
    Nothing,
    Answer,
    Text(u16),
}

/// What a device proves itself with in the header `authorization`: what came of its requests and what
/// it was answered is given to nobody else.
#[must_use]
pub fn proof(device: DeviceId, secret: Secret) -> String {
    format!("Device {}.{}", device.hex(), DeviceId(secret.0).hex())
}

/// One request on its way.
#[derive(Debug)]
pub struct Transfer {
    request: Vec<u8>,
    /// Whose connections they are; the request itself may be another's, who had no signal.
    proof: String,
    id: String,
    stage: Stage,
    /// How much of the request the server has.
    at: usize,
    reading: Reading,
    /// The name to ask for the rest of the answer by, its length, and as much as came.
    part: Option<String>,
    total: Option<usize>,
    answer: Vec<u8>,
    /// How much of the answer is asked for at once; none is all of it.
    most: Option<usize>,
    /// What the server says instead of an answer, and after how many seconds to come again.
    text: Vec<u8>,
    wait_s: Option<u32>,
    /// Bytes of the answer came over this connection.
    fresh: bool,
    /// Something of this request or its answer has come across.
    begun: bool,
    barren: u32,
    working: u32,
    forgotten: u32,
    /// The count that was last seen while the request was under way, and how often it stood still.
    watched: (usize, u32),
    pause: Option<u32>,
    /// What the server said last against the request.
    against: Option<ErrorCode>,
    over: Option<Result<Vec<u8>, LinkFailure>>,
}

impl Transfer {
    /// The transfer of one request by the device of this [`proof`].
    #[must_use]
    pub fn new(request: Vec<u8>, proof: String) -> Self {
        let stage = if request.len() < PART_BYTES_MIN {
            Stage::Whole
        } else {
            Stage::Piece
        };
        Self {
            id: name(&request),
            request,
            proof,
            stage,
            at: 0,
            reading: Reading::Nothing,
            part: None,
            total: None,
            answer: Vec::new(),
            most: None,
            text: Vec::new(),
            wait_s: None,
            fresh: false,
            begun: false,
            barren: 0,
            working: 0,
            forgotten: 0,
            watched: (0, 0),
            pause: None,
            against: None,
            over: None,
        }
    }

    /// What to do next.
    pub fn step(&mut self) -> Step<'_> {
        if let Some(over) = self.over.take() {
            return Step::Over(over);
        }
        if let Some(pause) = self.pause.take() {
            return Step::Pause(pause);
        }
        self.reading = Reading::Nothing;
        self.fresh = false;
        self.text.clear();
        self.watched = (self.at, 0);
        let total = self.request.len();
        let rest = self.request.get(self.at..).unwrap_or_default();
        match self.stage {
            Stage::Whole => Step::Post(EXCHANGE.to_owned(), rest, None),
            Stage::Piece => {
                let path = format!("{EXCHANGE}?part={}&at={}&of={total}", self.id, self.at);
                Step::Post(path, rest, Some(&self.proof))
            }
            Stage::Ask => Step::Get(self.ask(), &self.proof),
            Stage::Rest => {
                let part = self.part.as_ref().unwrap_or(&self.id);
                let most = self.most.map(|most| format!("&most={most}"));
                let (from, most) = (self.answer.len(), most.unwrap_or_default());
                Step::Get(format!("{PARTS}/{part}?from={from}{most}"), &self.proof)
            }
        }
    }

    /// Where to ask, after [`SILENCE_MS`] and beside the request, how much of it has come, and with
    /// what proof; none when the server would not know.
    #[must_use]
    pub fn watch(&self) -> Option<(String, &str)> {
        let is_known = self.stage == Stage::Piece && self.reading == Reading::Nothing;
        is_known.then(|| (self.ask(), self.proof.as_str()))
    }

    /// Only what is asked, no part of the answer: that is read from its own place.
    fn ask(&self) -> String {
        format!("{PARTS}/{}?from={MESSAGE_BYTES_MAX}", self.id)
    }

    /// Hears what the watch was answered: the status and its text, or nothing. False when the
    /// request does not move and its connection is to be given up.
    pub fn watched(&mut self, answer: Option<(u16, &[u8])>) -> bool {
        let came = match answer {
            Some((202, text)) => said::count(text),
            Some((200, _)) => return false,
            _ => None,
        };
        let (before, still) = self.watched;
        if let Some(came) = came.filter(|came| *came > before) {
            self.begun = true;
            self.watched = (came, 0);
            return true;
        }
        // What came whole is being worked on.
        if came == Some(self.request.len()) && still < WORKING_MAX {
            self.watched = (before, still + 1);
            return true;
        }
        self.watched = (before, still + 1);
        still < STILL_MAX
    }

    /// Hears the head of an answer; false when there is nothing more to read from it.
    pub fn head(&mut self, head: &Head) -> bool {
        let ours = head.status == 200 && head.is_binary();
        match (ours, self.stage) {
            (true, Stage::Whole | Stage::Piece) => {
                self.part.clone_from(&head.part);
                self.total = head.total.or(head.length);
                self.answer.clear();
                self.reading = Reading::Answer;
            }
            (true, Stage::Rest) if self.fits(head.total) => {
                self.total = head.total;
                self.reading = Reading::Answer;
            }
            (true, Stage::Ask) if head.total.is_some() => {
                self.part = Some(self.id.clone());
                self.total = head.total;
                self.stage = Stage::Rest;
                self.note(true);
                return false;
            }
            (false, Stage::Ask | Stage::Rest) if head.status == 202 => {
                self.reading = Reading::Text(202);
            }
            (false, _) if head.status != 200 && head.is_json() => {
                self.wait_s = head.wait_s;
                self.reading = Reading::Text(head.status);
            }
            _ => {
                self.fail(LinkFailure::NotOurs);
                return false;
            }
        }
        if self.total.is_some_and(|total| total > MESSAGE_BYTES_MAX) {
            self.fail(LinkFailure::NotOurs);
        }
        self.over.is_none()
    }

    /// The rest of an answer says how long the whole is, and always the same.
    fn fits(&self, total: Option<usize>) -> bool {
        total.is_some() && (self.total.is_none() || self.total == total)
    }

    /// Hears a piece of a body; false when no more of it is wanted.
    pub fn piece(&mut self, bytes: &[u8]) -> bool {
        match self.reading {
            Reading::Answer => {
                self.answer.extend_from_slice(bytes);
                self.fresh = self.fresh || !bytes.is_empty();
                if self.answer.len() > self.total.unwrap_or(MESSAGE_BYTES_MAX) {
                    self.fail(LinkFailure::NotOurs);
                }
            }
            Reading::Text(_) => {
                self.text.extend_from_slice(bytes);
                if self.text.len() > TEXT_BYTES_MAX {
                    self.fail(LinkFailure::NotOurs);
                }
            }
            Reading::Nothing => return false,
        }
        self.over.is_none()
    }

    /// Hears how the connection ended; not called where the head or a piece was enough.
    pub fn ended(&mut self, end: End) {
        match (self.reading, end) {
            (Reading::Answer, End::Clean) if self.is_whole() => {
                self.over = Some(Ok(core::mem::take(&mut self.answer)));
            }
            (Reading::Text(status), End::Clean) => self.said(status),
            (Reading::Answer, End::Clean) if self.fresh && self.most.is_some() => {
                self.most = self.most.map(|most| most + most / 2);
                self.note(true);
            }
            (Reading::Nothing | Reading::Answer | Reading::Text(_), _) => self.broken(end),
        }
    }

    /// A length that nobody told is what came.
    fn is_whole(&self) -> bool {
        self.total.is_none_or(|total| total == self.answer.len())
    }

    fn broken(&mut self, end: End) {
        if end == End::Silent && !self.begun && !self.fresh {
            self.fail(LinkFailure::Offline);
            return;
        }
        let heard = self.reading == Reading::Answer && self.part.is_some();
        match self.stage {
            Stage::Whole | Stage::Piece | Stage::Rest if heard => {
                self.stage = Stage::Rest;
                self.begun = true;
                if !self.fresh {
                    self.ask_for_less();
                }
                self.note(self.fresh);
                // The line is there: it only breaks too soon.
                self.pause = None;
            }
            // On a line this bad even a small request is sent so that it can be taken up.
            Stage::Whole => {
                self.answer.clear();
                self.total = None;
                self.stage = Stage::Piece;
                self.note(false);
            }
            Stage::Piece => self.stage = Stage::Ask,
            Stage::Ask => self.note(false),
            Stage::Rest => self.note(self.fresh),
        }
    }

    /// A browser throws away what it has not handed over when a connection breaks: on a line that
    /// breaks soon after it is made only an answer that ends before that comes at all.
    fn ask_for_less(&mut self) {
        let less = self.most.map_or(REST_BYTES, |most| most / 2);
        self.most = Some(less.max(REST_BYTES_MIN));
    }

    /// What the server says in words instead of an answer.
    fn said(&mut self, status: u16) {
        if status == 202 {
            match said::count(&self.text) {
                Some(count) if count < self.request.len() && self.stage == Stage::Ask => {
                    self.note(count > self.at);
                    self.at = count;
                    self.stage = Stage::Piece;
                }
                Some(_) => self.wait_for_work(),
                None => self.fail(LinkFailure::NotOurs),
            }
            return;
        }
        let Some(code) = said::code(&self.text) else {
            self.fail(LinkFailure::NotOurs);
            return;
        };
        match (self.stage, code) {
            (Stage::Ask, ErrorCode::NotFound) => self.begin_again(),
            // The answer is not kept any more: the next exchange brings its like.
            (Stage::Rest, ErrorCode::NotFound) => self.fail(LinkFailure::Offline),
            (Stage::Piece, ErrorCode::BadRequest) if status == 409 => {
                self.against = Some(code);
                self.stage = Stage::Ask;
            }
            // What came in time is kept.
            (Stage::Piece, ErrorCode::TooSlow) => self.stage = Stage::Ask,
            (_, ErrorCode::NotFound) => self.fail(LinkFailure::NotOurs),
            _ => {
                let wait = self.wait_s.filter(|_| code == ErrorCode::TooMany);
                self.fail(wait.map_or(LinkFailure::Refused(code), LinkFailure::Wait));
            }
        }
    }

    /// The server has everything and works on it.
    fn wait_for_work(&mut self) {
        self.begun = true;
        self.stage = Stage::Rest;
        self.part = Some(self.id.clone());
        if self.working >= WORKING_MAX {
            self.fail(LinkFailure::Offline);
            return;
        }
        self.pause = Some(doubled(WORKING_MS, self.working));
        self.working += 1;
    }

    /// The server has nothing of the request, or nothing any more.
    fn begin_again(&mut self) {
        if self.at > 0 || self.against.is_some() {
            self.forgotten += 1;
        }
        self.at = 0;
        self.stage = Stage::Piece;
        if self.forgotten > FORGOTTEN_MAX {
            let refused = self.against.map(LinkFailure::Refused);
            self.fail(refused.unwrap_or(LinkFailure::Offline));
        } else {
            self.note(false);
        }
    }

    /// Counts connections that brought nothing; too many in a row are no network.
    fn note(&mut self, brought: bool) {
        if brought {
            self.begun = true;
            self.barren = 0;
            return;
        }
        self.barren += 1;
        let most = if self.begun {
            BARREN_MAX_BEGUN
        } else {
            BARREN_MAX
        };
        if self.barren > most {
            self.fail(LinkFailure::Offline);
        } else if self.begun && self.barren > 1 {
            self.pause = Some(doubled(PAUSE_MS, self.barren - 2));
        }
    }

    fn fail(&mut self, failure: LinkFailure) {
        self.over = Some(Err(failure));
    }
}

fn doubled(ms: u32, times: u32) -> u32 {
    ms.saturating_mul(1 << times.min(16)).min(PAUSE_MS_MAX)
}

/// Names a request by its content: the first 12 bytes of its SHA-256 in hexadecimal digits.
fn name(bytes: &[u8]) -> String {
    let digest: [u8; 32] = Sha256::digest(bytes).into();
    let hex = |byte: u8| [byte >> 4, byte & 15].map(|digit| char::from_digit(digit.into(), 16));
    let head = digest.iter().take(12);
    head.flat_map(|byte| hex(*byte)).flatten().collect()
}
