//! Planted bugs at the server's and the phones' edges; without one, nothing here does anything.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "each bug is planted in one place and does nothing in the others"
)]

use domain::access::Refusal;
use domain::document::Hashed;
use domain::id::{ChangeHash, DeviceId, DocId};
use domain::replica::LinkFailure;
use domain::sync::lean::{self, Known};
use domain::sync::message::{Answer, Entry, ItemResult, Request};
use domain::sync::signed::PublicKey;

use super::bug::Bug;
use super::invariant::Broken;
use super::phone::Letter;
use super::plan::PhoneNo;
use super::station::{Answered, Copy};
use super::truth::Truth;
use super::world::World;

impl World {
    /// What a server that forgets goes back to.
    pub(super) fn before_answer(&self) -> Option<Copy> {
        let forgets = matches!(
            self.bug,
            Some(Bug::AckBeforeCommit | Bug::BatchMatesDropped)
        );
        forgets.then(|| self.station.copy())
    }

    /// Lets a key in that the server did not let in.
    pub(super) fn let_in(
        &self,
        answered: Answered,
        (device, key): (DeviceId, &PublicKey),
        bytes: Vec<u8>,
    ) -> Answered {
        if self.bug != Some(Bug::SecretEnrols) || answered.status != 403 {
            return answered;
        }
        self.station.plant_key(device, key);
        self.station.answer(("", ""), bytes)
    }

    /// Whom the server takes a caller for who asks for the rest of an answer.
    pub(super) fn believed<'a>(&self, caller: &'a str, owner: &'a str) -> &'a str {
        match self.bug {
            Some(Bug::KeptForAnybody) => owner,
            _ => caller,
        }
    }

    /// Whether the server opens healing on a device's word.
    pub(super) fn is_deceived(&self, invented: bool) -> bool {
        match self.bug {
            Some(Bug::CursorBelieved) => invented,
            Some(Bug::HealingOnWord) => true,
            _ => false,
        }
    }

    /// Does to an answer what the planted bug does.
    pub(super) fn tamper(
        &mut self,
        letter: &Letter,
        answered: Answered,
        before: Option<Copy>,
    ) -> Result<Answered, Broken> {
        let Some(bug) = self.bug.filter(|_| answered.status == 200) else {
            return Ok(answered);
        };
        match bug {
            Bug::AckBeforeCommit => {
                if let Some(before) = before.filter(|_| self.chance.one_in(5)) {
                    self.station.restore(&before);
                }
                return Ok(answered);
            }
            Bug::BatchMatesDropped => return Ok(self.refuse_all(answered, before)),
            Bug::DeviceClockBelieved => {
                self.station.spoil_times();
                return Ok(answered);
            }
            _ => {}
        }
        self.look()?;
        let (newest, stale) = (self.served.get(&letter.phone).copied(), letter.phone);
        let mut served = newest;
        let outside = self.outside(letter.phone);
        let (seen, known) = (self.truth.last_seq, self.phones.get(stale));
        let has_directory = known.is_some_and(|phone| phone.disk.kept.meta().directory.is_some());
        let answered = rewrite(&self.truth, answered, |answer| match bug {
            Bug::WallClockCursor => {
                let after = |entry: &Entry| newest.is_none_or(|at| entry.received_at > at);
                let times = answer.entries.iter().map(|entry| entry.received_at);
                served = times.max().max(newest);
                answer.entries.retain(after);
            }
            Bug::StaleDirectory if has_directory => answer.directory = None,
            Bug::ScopeLeak => {
                let leak = outside.clone().filter(|_| !answer.authors.is_empty());
                answer.entries.extend(leak);
            }
            Bug::PageSkips if answer.entries.len() > 1 => {
                answer.entries.pop();
            }
            Bug::SeenTooEarly => answer.seen = seen,
            _ => {}
        });
        if let Some(served) = served {
            self.served.insert(letter.phone, served);
        }
        Ok(answered)
    }

    fn refuse_all(&self, answered: Answered, before: Option<Copy>) -> Answered {
        let lean = Answer::decode(&answered.body).ok();
        let receipt = lean.and_then(|lean| lean.answer.receipt);
        let refused = |result: &ItemResult| matches!(result, ItemResult::Refused(_));
        let spoilt = receipt.is_some_and(|receipt| receipt.results.iter().any(refused));
        let Some(_) = before.filter(|_| spoilt) else {
            return answered;
        };
        rewrite(&self.truth, answered, |answer| {
            let results = answer.receipt.iter_mut().flat_map(|r| r.results.iter_mut());
            results.for_each(|result| *result = ItemResult::Refused(Refusal::Damaged));
        })
    }

    /// An entry that a phone must not get.
    fn outside(&self, no: PhoneNo) -> Option<Entry> {
        let phone = self.phones.get(no)?;
        let scope = self.town.scope(&phone.person);
        let found = self.truth.log.values().find(|entry| {
            !scope.contains(&entry.grid) && entry.doc.part == domain::id::Part::Body
        })?;
        Some(Entry {
            seq: found.seq,
            doc: found.doc,
            author: 0,
            received_at: found.received_at,
            change: Hashed::of(found.bytes.clone()),
            passed_on: None,
        })
    }

    /// Does to an answer that came to a phone what the planted bug does.
    pub(super) fn misread(&mut self, no: PhoneNo, bytes: Vec<u8>) -> Result<Vec<u8>, LinkFailure> {
        let (Some(bug), Some(phone)) = (self.bug, self.phones.get_mut(no)) else {
            return Ok(bytes);
        };
        let lean = Answer::decode(&bytes).ok();
        let receipt = lean.as_ref().and_then(|lean| lean.answer.receipt.clone());
        match bug {
            Bug::AnyAnswerIsReceipt => {
                let sent: Vec<DocId> = phone.read.iter().map(|item| item.doc).collect();
                phone.disk.drop_waiting(|doc| sent.contains(&doc));
            }
            Bug::EmptyAnswerPurge => {
                let empty = lean.is_some_and(|lean| lean.docs().next().is_none());
                if empty && receipt.is_none() {
                    phone.disk.drop_changes(|_, _| true);
                }
            }
            Bug::RefusedBlocksRest => {
                let refused = |result: &ItemResult| matches!(result, ItemResult::Refused(_));
                if receipt.is_some_and(|receipt| receipt.results.iter().any(refused)) {
                    return Err(LinkFailure::NotOurs);
                }
            }
            Bug::OtherReceipt => {
                let sent = Request::open(&phone.last_request).ok();
                let sent = sent.and_then(|(_, sealed)| sealed.unseal().ok());
                let Some(batch) = sent.and_then(|(_, batch)| batch) else {
                    return Ok(bytes);
                };
                let (count, digest) = (phone.read.len(), batch.digest());
                let answered = Answered {
                    status: 200,
                    body: bytes,
                };
                let answered = rewrite(&self.truth, answered, |answer| {
                    if let Some(receipt) = &mut answer.receipt {
                        receipt.digest = digest;
                        receipt.results.resize(count, ItemResult::Had(1));
                    }
                });
                return Ok(answered.body);
            }
            _ => {}
        }
        Ok(bytes)
    }
}

/// Everything that the log holds.
struct All<'a>(&'a Truth);

impl Known for All<'_> {
    fn resolve(&self, doc: DocId, prefix: [u8; 4]) -> Option<ChangeHash> {
        let first = (doc, ChangeHash([0; 32]));
        let last = (doc, ChangeHash([255; 32]));
        let names = self.0.log.range(first..=last).map(|((_, hash), _)| hash);
        lean::only(names, prefix)
    }
}

/// Alters an answer and writes it again; one that cannot be read stays as it is.
fn rewrite(truth: &Truth, answered: Answered, alter: impl FnOnce(&mut Answer)) -> Answered {
    let lean = Answer::decode(&answered.body).ok();
    let Some(mut answer) = lean.and_then(|lean| lean.rebuild(&All(truth))) else {
        return answered;
    };
    alter(&mut answer);
    Answered {
        status: answered.status,
        body: answer.encode(true),
    }
}
