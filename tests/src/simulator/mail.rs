//! The line between phones and server, and everything that happens to what is on it.

use std::collections::BTreeSet;

use domain::access::Refusal;
use domain::id::DocId;
use domain::replica::LinkFailure;
use domain::sync::message::{Answer, ErrorCode, ItemResult, LeanAnswer, MESSAGE_BYTES_MAX};
use domain::sync::transfer::proof;
use sha2::{Digest as _, Sha256};

use super::invariant::{Broken, Invariant};
use super::phone::{Letter, Net};
use super::plan::{Fault, PhoneNo};
use super::station::Answered;
use super::world::{Coming, Happening, World};

/// A request without an answer is given up after this, in milliseconds.
const GIVE_UP_MS: i64 = 60_000;
/// The latest that a request comes, in milliseconds.
const LATE_MS_MAX: i64 = 3_600_000;
/// The largest answer: what the server may put into a page, and what goes with it.
const ANSWER_BYTES_MAX: usize = 600 * 1024;

/// What a portal answers, with the status 200.
const PORTAL: &[u8] = b"<!doctype html><title>Welcome</title><p>Please log in.";

impl World {
    /// A phone sends a request.
    pub(super) fn send(&mut self, no: PhoneNo, bytes: Vec<u8>) -> Result<(), Broken> {
        self.patient(no)?;
        self.letters += 1;
        let number = self.letters;
        let size = bytes.len();
        self.truth
            .hold(size <= MESSAGE_BYTES_MAX, Invariant::I11, || {
                format!("a request of {size} bytes")
            })?;
        let Some(phone) = self.phones.get_mut(no) else {
            return Ok(());
        };
        let bytes = phone.finished(bytes);
        phone.awaits = Some(number);
        phone.last_request.clone_from(&bytes);
        phone.typed = phone.typed && !phone.brings_a_code();
        if phone.disk.busy {
            return Ok(());
        }
        let down = phone.net == Net::Down;
        let fault = if down {
            None
        } else {
            phone.letters.pop_front()
        };
        let letter = Letter {
            phone: no,
            no: number,
            bytes,
            items: phone.read.clone(),
            query: String::new(),
            fault,
            answered: true,
        };
        self.say(|world| {
            let name = world.name(no);
            let with = letter
                .fault
                .map_or(String::new(), |(fault, _)| format!(", {fault:?}"));
            format!(
                "{name} sends request {number} with {} changes{with}",
                letter.items.len()
            )
        });
        if down {
            self.later_to(no, 5, Coming::Answer(number, Err(LinkFailure::Offline)));
        } else {
            self.later_to(
                no,
                GIVE_UP_MS,
                Coming::Answer(number, Err(LinkFailure::Offline)),
            );
            self.post(letter);
        }
        Ok(())
    }

    fn post(&mut self, mut letter: Letter) {
        let after = self.chance.span(5, 400);
        let broken = Coming::Answer(letter.no, Err(LinkFailure::Offline));
        match letter.fault {
            Some((Fault::LoseRequest, _)) => self.later_to(letter.phone, 2_000, broken),
            Some((Fault::Late, salt)) => {
                let late = i64::try_from(salt).unwrap_or(i64::MAX).unsigned_abs();
                let late = i64::try_from(late).unwrap_or(0) % LATE_MS_MAX;
                self.later(GIVE_UP_MS + late, Happening::Arrive(Box::new(letter)));
            }
            Some((Fault::Twice, salt)) => {
                let mut again = letter.clone();
                again.answered = false;
                let late = i64::try_from(salt % 90_000).unwrap_or(0);
                self.later(after, Happening::Arrive(Box::new(letter)));
                self.later(after + late, Happening::Arrive(Box::new(again)));
            }
            Some((Fault::CutRequest, salt)) => {
                letter.bytes.truncate(spot(&letter.bytes, salt));
                letter.answered = false;
                self.later_to(letter.phone, 1_500, broken);
                self.later(after, Happening::Arrive(Box::new(letter)));
            }
            Some((Fault::Resume, salt)) => self.post_in_pieces(letter, salt, after),
            Some((Fault::FlipRequest, _)) => self.later_to(letter.phone, 300, broken),
            Some((Fault::BareFlip, salt)) if salt.is_multiple_of(2) => {
                flip(&mut letter.bytes, salt >> 1);
                self.later(after, Happening::Arrive(Box::new(letter)));
            }
            Some((Fault::Portal, _)) => {
                let page = Coming::Answer(letter.no, Ok(PORTAL.to_vec()));
                self.later_to(letter.phone, after, page);
            }
            Some((Fault::Cached, _)) => {
                let old = self
                    .phones
                    .get(letter.phone)
                    .map(|phone| phone.last_answer.clone());
                let old = Coming::Answer(letter.no, Ok(old.unwrap_or_default()));
                self.later_to(letter.phone, after, old);
            }
            _ => self.later(after, Happening::Arrive(Box::new(letter))),
        }
    }

    /// A request of which the first piece comes, the connection breaks, and the rest follows.
    fn post_in_pieces(&mut self, mut letter: Letter, salt: u64, after: i64) {
        let digest: [u8; 32] = Sha256::digest(&letter.bytes).into();
        let id: String = digest
            .iter()
            .take(12)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let (all, cut) = (letter.bytes.len(), spot(&letter.bytes, salt));
        let mut first = letter.clone();
        first.bytes.truncate(cut);
        first.query = format!("?part={id}&at=0&of={all}");
        first.answered = false;
        letter.bytes.drain(..cut);
        letter.query = format!("?part={id}&at={cut}&of={all}");
        self.later(after, Happening::Arrive(Box::new(first)));
        self.later(after + 700, Happening::Arrive(Box::new(letter)));
    }

    /// A request comes to the server.
    pub(super) fn arrive(&mut self, letter: &Letter) -> Result<(), Broken> {
        self.set_server_clock();
        if let Some(instructions) = self.fuse.take() {
            let bytes = letter.bytes.clone();
            let proof = self.proof(letter.phone);
            let to = (letter.query.as_str(), proof.as_str());
            let ask = |station: &super::station::Station| station.answer(to, bytes);
            let (_, burnt) = self.station.with_fuse(instructions, ask);
            let when = if burnt { "within" } else { "after" };
            self.say(|_| format!("the server dies {when} request {}", letter.no));
            self.cut_power()?;
            let broken = Coming::Answer(letter.no, Err(LinkFailure::Offline));
            self.later_to(letter.phone, 50, broken);
            return Ok(());
        }
        let before = self.before_answer();
        let proof = self.proof(letter.phone);
        let to = (letter.query.as_str(), proof.as_str());
        let answered = self.station.answer(to, letter.bytes.clone());
        self.spy(letter, &answered)?;
        let answered = self.tamper(letter, answered, before)?;
        self.look()?;
        let lean = (answered.status == 200).then(|| Answer::decode(&answered.body).ok());
        self.judge(letter, &answered, lean.flatten().as_ref())?;
        self.say(|_| {
            format!(
                "the server answers request {} with {} and {} bytes",
                letter.no,
                answered.status,
                answered.body.len()
            )
        });
        if letter.answered {
            self.bring(letter, answered);
        }
        Ok(())
    }

    /// What a phone proves itself with.
    fn proof(&self, no: PhoneNo) -> String {
        let phone = self.phones.get(no);
        phone.map_or(String::new(), |phone| proof(phone.device, phone.secret))
    }

    /// Another phone that knows the name of a request in parts asks for its answer.
    fn spy(&mut self, letter: &Letter, answered: &Answered) -> Result<(), Broken> {
        let id = letter.query.strip_prefix("?part=");
        let id = id
            .and_then(|rest| rest.get(..24))
            .filter(|_| answered.status == 200);
        let (Some(id), true) = (id, self.phones.len() > 1) else {
            return Ok(());
        };
        let spy = self.proof((letter.phone + 1) % self.phones.len());
        let own = self.proof(letter.phone);
        // A copied phone is the same device.
        if spy == own {
            return Ok(());
        }
        let proof = self.believed(&spy, &own).to_owned();
        let heard = self.station.rest(id, &proof);
        // A spy whose person is retired is let in nowhere.
        let nothing = matches!(heard.status, 403 | 404);
        self.truth.hold(nothing, Invariant::I7, || {
            let bytes = heard.body.len();
            format!(
                "another device was given {bytes} bytes of the answer to {}",
                letter.no
            )
        })
    }

    /// Takes note of what the server has committed and what it refused.
    pub(super) fn look(&mut self) -> Result<(), Broken> {
        let new = self.station.log_after(self.truth.last_seq);
        self.truth.absorb(new, self.station.now())?;
        let (poison, last) = self.station.poison_after(self.truth.poison_id);
        self.truth.poison.extend(poison);
        self.truth.poison_id = last;
        Ok(())
    }

    /// The server stops without warning and starts again on what is on its disk.
    pub(super) fn cut_power(&mut self) -> Result<(), Broken> {
        self.station.power_cut();
        let all = self.station.log_after(0);
        self.truth.survives(&all)?;
        if self.full {
            self.station.set_full(true);
        }
        self.look()
    }

    /// What an answer may say.
    fn judge(
        &mut self,
        letter: &Letter,
        answered: &Answered,
        lean: Option<&LeanAnswer>,
    ) -> Result<(), Broken> {
        let size = answered.body.len();
        self.truth
            .hold(size <= ANSWER_BYTES_MAX, Invariant::I11, || {
                format!("an answer of {size} bytes")
            })?;
        let honest = letter
            .fault
            .is_none_or(|(fault, _)| fault != Fault::BareFlip);
        let internal = answered.status == 500 && honest;
        self.truth.hold(!internal, Invariant::I13, || {
            let said = String::from_utf8_lossy(&answered.body);
            format!("the server failed at request {}: {said}", letter.no)
        })?;
        let (Some(lean), Some(phone)) = (lean, self.phones.get(letter.phone)) else {
            return Ok(());
        };
        let name = phone.name.clone();
        let retired = self.town.is_retired(&phone.person);
        self.truth.hold(!retired, Invariant::I7, || {
            format!("{name} was let in though its person is retired")
        })?;
        let Some(phone) = self.phones.get(letter.phone) else {
            return Ok(());
        };
        let scope = self.town.scope(&phone.person);
        let outside = |doc: &DocId| {
            let grid = self.truth.grids.get(&doc.record);
            grid.is_none_or(|grid| !scope.contains(grid))
        };
        let outside = lean.docs().find(outside);
        let name = phone.name.clone();
        self.truth.hold(outside.is_none(), Invariant::I7, || {
            format!("{name} was sent {outside:?}, which is not in its scope")
        })?;
        let directory = lean.answer.directory.as_ref();
        let told = directory.map_or(&[][..], |known| known.grids.as_slice());
        let outside = told.iter().find(|grid| !scope.contains(&grid.id));
        self.truth.hold(outside.is_none(), Invariant::I7, || {
            format!("{name} was told of a grid outside its scope")
        })?;
        let Some(receipt) = &lean.answer.receipt else {
            return Ok(());
        };
        let fresh = letter.answered && honest && receipt.results.len() == letter.items.len();
        match self.phones.get(letter.phone) {
            Some(phone) if fresh => {
                let waits = ItemResult::Refused(Refusal::NotYourRole);
                let held = match receipt.results.contains(&waits) {
                    true => self.station.held(),
                    false => BTreeSet::new(),
                };
                let told = (receipt.results.as_slice(), &self.town, &held);
                self.truth.fair(phone, &letter.items, told)
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Brings an answer to its phone, or a part of it.
    fn bring(&mut self, letter: &Letter, answered: Answered) {
        let after = self.chance.span(5, 400);
        let one_way = self
            .phones
            .get(letter.phone)
            .is_none_or(|phone| phone.net != Net::Up);
        let mut body = answered.body;
        let result = match letter.fault {
            _ if one_way => return,
            Some((Fault::LoseAnswer, _)) => Err(LinkFailure::Offline),
            // Length and connection say that something is missing or wrong.
            Some((Fault::CutAnswer | Fault::FlipAnswer, _)) => Err(LinkFailure::Offline),
            Some((Fault::BareFlip, salt)) if !salt.is_multiple_of(2) => {
                flip(&mut body, salt >> 1);
                meaning(answered.status, body)
            }
            _ => meaning(answered.status, body),
        };
        self.later_to(letter.phone, after, Coming::Answer(letter.no, result));
    }
}

/// What the link makes of an answer.
fn meaning(status: u16, body: Vec<u8>) -> Result<Vec<u8>, LinkFailure> {
    if status == 200 {
        return Ok(body);
    }
    let said: Option<serde_json::Value> = serde_json::from_slice(&body).ok();
    let code = said.as_ref().and_then(|said| said.get("code")?.as_str());
    let code = code.and_then(ErrorCode::from_code);
    Err(code.map_or(LinkFailure::NotOurs, LinkFailure::Refused))
}

/// A place in some bytes.
fn spot(bytes: &[u8], salt: u64) -> usize {
    let len = u64::try_from(bytes.len().max(1)).unwrap_or(1);
    usize::try_from(salt % len).unwrap_or(0)
}

/// Makes one bit another.
fn flip(bytes: &mut [u8], salt: u64) {
    let at = spot(bytes, salt >> 3);
    if let Some(byte) = bytes.get_mut(at) {
        *byte ^= 1 << (salt & 7);
    }
}
