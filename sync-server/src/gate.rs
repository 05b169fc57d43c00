//! The gate: judges the pushed changes of one record, one by one, before any of them is kept.
//!
//! Pure: everything that is needed was read before. A change is checked whole and judged by its effect,
//! both read by our own code at the cost of the change, not of its document. Then the merge library has
//! to take, save and load each document as the batch leaves it. Should it fail at that, or panic, the
//! batch is judged again with this proof after each change, and what spoils a document is refused.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use domain::access::{self, Reach, Refusal};
use domain::document::{self, ChangeHead, DecodeError, Hashed, Reading, Sound, Tree};
use domain::id::{ActorKey, ChangeHash, DocId, Part, PersonId, RecordId, UnitId};
use domain::record::Header;
use domain::unit::Member;
use domain::view::Row;

use crate::limits;
use crate::store::log::Known;

/// What the gate needs to know.
#[derive(Debug)]
pub(crate) struct Case<'a> {
    pub(crate) record: RecordId,
    pub(crate) known: Known,
    /// Whose device brings them.
    pub(crate) member: &'a Member,
    /// Author keys of which is known whose they are; none inside where that person is not known here.
    pub(crate) owners: BTreeMap<ActorKey, Option<PersonId>>,
    /// The station has said that what is passed on here holds, whoever passed it on.
    pub(crate) confirmed: bool,
}

/// One pushed change, with the grid that it names or why that grid cannot be.
#[derive(Debug, Clone)]
pub(crate) struct Pushed {
    /// Who wrote it, where the sender passes it on; none inside for one who cannot be asked.
    pub(crate) passed_on: Option<Option<Arc<Member>>>,
    pub(crate) part: Part,
    pub(crate) grid: Result<UnitId, Refusal>,
    pub(crate) change: Hashed,
}

/// What becomes of one change.
#[derive(Debug, Clone)]
pub(crate) enum Verdict {
    /// To be kept.
    Keep(ChangeHead, UnitId),
    /// It is there already, at this place; 0 when it came twice in this batch.
    Had(u64, ChangeHash),
    /// Its bytes were set aside as damaged; these are sound, and go back to its place.
    Back(u64),
    /// Not taken.
    Refuse(Refusal),
    /// Its author may do this, and the person who passes it on may not: it waits for the station.
    Hold(ChangeHead, UnitId),
}

/// Why a change is not kept.
enum Stop {
    Refuse(Refusal),
    Hold,
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Refuse(refusal)
    }
}

impl From<DecodeError> for Stop {
    fn from(error: DecodeError) -> Self {
        Self::Refuse(error.into())
    }
}

/// What becomes of all of them, and the row that follows.
#[derive(Debug)]
pub(crate) struct Judgement {
    pub(crate) verdicts: Vec<Verdict>,
    pub(crate) row: Option<Row>,
}

/// Judges the changes in their order.
pub(crate) fn judge(case: Case<'_>, pushed: &[Pushed]) -> Judgement {
    judge_by(case, pushed, document::reopens)
}

/// Says whether the merge library takes the changes of a document, and saves and loads it again.
type Proof = fn(&Reading, &[&[u8]]) -> bool;

fn judge_by(case: Case<'_>, pushed: &[Pushed], proof: Proof) -> Judgement {
    let mut bench = Bench::open(case, proof);
    let mut verdicts: Vec<_> = pushed.iter().map(|one| bench.verdict(one)).collect();
    let mut row = bench.row_of(&verdicts);
    let lost_row = row.is_none() && any_kept(&verdicts) && !bench.lacks();
    if !bench.stands() || lost_row {
        tracing::error!(record = %bench.case.record, "a batch spoils its document");
        bench.rewind();
        verdicts = pushed.iter().map(|one| bench.verdict(one)).collect();
        row = bench.row_of(&verdicts);
    }
    Judgement { verdicts, row }
}

fn any_kept(verdicts: &[Verdict]) -> bool {
    verdicts
        .iter()
        .any(|verdict| matches!(verdict, Verdict::Keep(..) | Verdict::Back(..)))
}

struct Bench<'a> {
    case: Case<'a>,
    grid: Option<UnitId>,
    body: Open,
    vault: Open,
    proof: Proof,
    /// Each change is followed by the proof that the row can be folded.
    fold_each: bool,
}

/// One document on the bench.
#[derive(Default)]
struct Open {
    reading: Reading,
    hashes: BTreeMap<ChangeHash, u64>,
    /// The changes kept so far.
    kept: Vec<Hashed>,
    /// How many of them were there before the batch.
    stored: usize,
    /// The bytes of all of them.
    bytes: usize,
    /// Those that are damaged on the disk, with their places.
    lacking: BTreeMap<ChangeHash, u64>,
    /// Those of them that this batch brings back.
    back: BTreeMap<ChangeHash, u64>,
    /// Each change is followed by the proof that the document can be saved and loaded again.
    prove_each: bool,
}

impl Open {
    fn new(known: &mut Known, part: Part) -> Self {
        let lacking = known.lacking.iter().filter(|lacking| lacking.part == part);
        let mut open = Self {
            lacking: lacking.map(|of| (of.hash, of.seq)).collect(),
            ..Self::default()
        };
        for kept in std::mem::take(known.part_mut(part)) {
            open.hashes.insert(kept.change.hash(), kept.seq);
            open.bytes += kept.change.bytes().len();
            open.kept.push(kept.change);
        }
        open.stored = open.kept.len();
        open.reopen();
        open
    }

    /// Whether the document can be saved and loaded again.
    fn stands(&self, proof: Proof) -> bool {
        // What follows a damaged change waits for it, here as in the library.
        let taken = |change: &&Hashed| self.reading.contains(&change.hash());
        let changes = self.kept.iter().filter(taken).map(Hashed::bytes);
        let changes: Vec<&[u8]> = changes.collect();
        catch_unwind(AssertUnwindSafe(|| proof(&self.reading, &changes))).unwrap_or(false)
    }

    /// Goes back to what was there before the batch.
    fn rewind(&mut self, proof: Proof) {
        for change in self.kept.drain(self.stored..) {
            self.hashes.remove(&change.hash());
            self.bytes = self.bytes.saturating_sub(change.bytes().len());
        }
        self.reopen();
        // A document that was spoilt before tells nothing of what comes.
        self.prove_each = self.stands(proof);
    }

    fn reopen(&mut self) {
        let (reading, damaged) = Reading::from_hashed(&self.kept);
        if damaged > 0 && self.lacking.is_empty() {
            tracing::error!(count = damaged, "stored changes cannot be read");
        }
        self.reading = reading;
    }
}

impl<'a> Bench<'a> {
    fn open(mut case: Case<'a>, proof: Proof) -> Self {
        let body = Open::new(&mut case.known, Part::Body);
        let vault = Open::new(&mut case.known, Part::Vault);
        let grid = case.known.grid.clone();
        Self {
            case,
            grid,
            body,
            vault,
            proof,
            fold_each: false,
        }
    }

    /// Whether both documents, where the batch added to them, can be saved and loaded again.
    fn stands(&self) -> bool {
        [&self.body, &self.vault]
            .into_iter()
            .all(|open| open.kept.len() == open.stored || open.stands(self.proof))
    }

    /// Whether changes of the record are damaged on the disk and not back yet. Its row then stays as
    /// it was: folded from the rest it would lose what people see there.
    fn lacks(&self) -> bool {
        !(self.body.lacking.is_empty() && self.vault.lacking.is_empty())
    }

    /// Goes back to what was there before the batch, to judge it again with proof after each change.
    fn rewind(&mut self) {
        self.body.rewind(self.proof);
        self.vault.rewind(self.proof);
        self.grid = self.case.known.grid.clone();
        self.fold_each = !self.lacks() && (self.body.reading.is_empty() || self.row().is_some());
    }

    fn verdict(&mut self, pushed: &Pushed) -> Verdict {
        let sound = match Sound::read_hashed(&pushed.change) {
            Ok(sound) => sound,
            Err(error) => return Verdict::Refuse(error.into()),
        };
        let head = sound.head();
        if let Some(verdict) = self.bring_back(pushed) {
            return verdict;
        }
        if let Some(seq) = self.part(pushed.part).hashes.get(&head.hash) {
            return Verdict::Had(*seq, head.hash);
        }
        let grid = match self.admit(pushed, head) {
            Ok(grid) => grid,
            Err(refusal) => return Verdict::Refuse(refusal),
        };
        match catch_unwind(AssertUnwindSafe(|| self.apply(&sound, pushed, &grid))) {
            Ok(Ok(())) => {}
            Ok(Err(Stop::Refuse(refusal))) => return Verdict::Refuse(refusal),
            Ok(Err(Stop::Hold)) => return Verdict::Hold(head.clone(), grid),
            Err(_) => {
                // Nothing is known of what a panic leaves behind.
                self.part(pushed.part).reopen();
                return Verdict::Refuse(Refusal::Damaged);
            }
        }
        let open = self.part(pushed.part);
        open.hashes.insert(head.hash, 0);
        open.bytes += pushed.change.bytes().len();
        open.kept.push(pushed.change.clone());
        if self.spoils(pushed.part) {
            let open = self.part(pushed.part);
            open.hashes.remove(&head.hash);
            open.bytes = open.bytes.saturating_sub(pushed.change.bytes().len());
            open.kept.pop();
            open.reopen();
            return Verdict::Refuse(Refusal::Damaged);
        }
        self.grid = Some(grid.clone());
        Verdict::Keep(head.clone(), grid)
    }

    /// What becomes of a change that is damaged on the disk; none for any other. Its name was accepted
    /// before and proves its bytes, so it does not matter who brings them, as long as they may write
    /// there.
    fn bring_back(&mut self, pushed: &Pushed) -> Option<Verdict> {
        let hash = pushed.change.hash();
        let open = self.part(pushed.part);
        if let Some(seq) = open.back.get(&hash) {
            return Some(Verdict::Back(*seq));
        }
        let seq = *open.lacking.get(&hash)?;
        let of_theirs = match (&pushed.grid, &self.grid) {
            (Ok(named), Some(known)) if named != known => Err(Refusal::Fixed),
            (Ok(_), _) if access::reach(self.case.member) != Reach::Documents => {
                Err(Refusal::NotYourRole)
            }
            (Ok(_), _) => Ok(()),
            (Err(refusal), _) => Err(*refusal),
        };
        if let Err(refusal) = of_theirs {
            return Some(Verdict::Refuse(refusal));
        }
        let open = self.part(pushed.part);
        open.lacking.remove(&hash);
        open.back.insert(hash, seq);
        open.hashes.insert(hash, seq);
        // Among those of before the batch: a second look at the batch does not take it away.
        open.kept.insert(open.stored, pushed.change.clone());
        open.stored += 1;
        open.reopen();
        Some(Verdict::Back(seq))
    }

    /// Whether the newest change of a document spoils it, where that is asked after each.
    fn spoils(&mut self, part: Part) -> bool {
        let (proof, fold_each) = (self.proof, self.fold_each);
        let open = self.part(part);
        (open.prove_each && !open.stands(proof)) || (fold_each && self.row().is_none())
    }

    const fn part(&mut self, part: Part) -> &mut Open {
        match part {
            Part::Body => &mut self.body,
            Part::Vault => &mut self.vault,
        }
    }

    /// What can be said without touching the document.
    fn admit(&mut self, pushed: &Pushed, head: &ChangeHead) -> Result<UnitId, Refusal> {
        let grid = pushed.grid.clone()?;
        if self.grid.as_ref().is_some_and(|known| *known != grid) {
            return Err(Refusal::Fixed);
        }
        self.admit_author(pushed, head)?;
        let open = self.part(pushed.part);
        let ops = open.reading.ops().saturating_add(head.ops);
        let bytes = open.bytes.saturating_add(pushed.change.bytes().len());
        if open.kept.len() >= limits::DOC_CHANGES_MAX
            || ops > limits::DOC_OPS_MAX
            || bytes > limits::DOC_BYTES_MAX
        {
            return Err(Refusal::TooLarge);
        }
        if head.deps.iter().any(|dep| !open.reading.contains(dep)) {
            return Err(Refusal::MissingDeps);
        }
        // A document begins once: a second beginning would make its containers a second time.
        if head.deps.is_empty() && !(open.kept.is_empty() && open.lacking.is_empty()) {
            return Err(Refusal::Contradicts);
        }
        Ok(grid)
    }

    /// Whether a change with this author key may come in its author's name: a key that is known
    /// belongs to the person whose device used it first.
    fn admit_author(&mut self, pushed: &Pushed, head: &ChangeHead) -> Result<(), Refusal> {
        let author = self.author(pushed)?.person.clone();
        let owner = self.case.owners.entry(head.actor);
        if owner.or_insert_with(|| Some(author.clone())).as_ref() == Some(&author) {
            Ok(())
        } else {
            Err(Refusal::AnotherName)
        }
    }

    /// In whose name a change comes.
    fn author<'b>(&'b self, pushed: &'b Pushed) -> Result<&'b Member, Refusal> {
        match &pushed.passed_on {
            Some(author) => author.as_deref().ok_or(Refusal::AnotherName),
            None => Ok(self.case.member),
        }
    }

    /// Who else must be allowed to do what a change does: whoever passes it on, in its author's name.
    fn stand_in(&self, pushed: &Pushed) -> Option<Member> {
        let author = pushed.passed_on.as_ref()?.as_deref()?;
        (!self.case.confirmed).then(|| Member {
            person: author.person.clone(),
            ..self.case.member.clone()
        })
    }

    fn apply(&mut self, sound: &Sound<'_>, pushed: &Pushed, grid: &UnitId) -> Result<(), Stop> {
        let member = &self.author(pushed)?.clone();
        let stand_in = self.stand_in(pushed);
        let record = self.case.record;
        match pushed.part {
            Part::Body => self.body.reading.take(sound, &access::BODY_LENS, |effect| {
                let judge = |member: &Member| {
                    let kind = access::judge_effect(member, effect)?;
                    access::may_write(member, kind, Part::Body)
                };
                judge(member)?;
                let header = Header::fold(&effect.after).map_err(|_| Refusal::NotARecord)?;
                if header.grid != *grid {
                    return Err(Refusal::Fixed.into());
                }
                stand_in
                    .as_ref()
                    .map_or(Ok(()), judge)
                    .map_err(|_| Stop::Hold)
            }),
            Part::Vault => {
                if self.body.reading.is_empty() {
                    return Err(Refusal::MissingDeps.into());
                }
                let body = self.body.reading.glimpse(&access::BODY_LENS);
                let header = Header::fold(&body).map_err(|_| Refusal::NotARecord)?;
                access::may_write(member, header.kind, Part::Vault)?;
                let allowed = |member: &Member| access::may_write(member, header.kind, Part::Vault);
                if stand_in.as_ref().is_some_and(|who| allowed(who).is_err()) {
                    return Err(Stop::Hold);
                }
                let vault = &mut self.vault.reading;
                vault.take(sound, &access::VAULT_LENS, |effect| {
                    let of = effect.after.text("of").and_then(|text| text.parse().ok());
                    if of == Some(record) {
                        Ok(())
                    } else {
                        Err(Refusal::NotARecord.into())
                    }
                })
            }
        }
    }

    /// The row that follows where something was kept.
    fn row_of(&self, verdicts: &[Verdict]) -> Option<Row> {
        (any_kept(verdicts) && !self.lacks())
            .then(|| self.row())
            .flatten()
    }

    fn row(&self) -> Option<Row> {
        let tree = |open: &Open| (!open.reading.is_empty()).then(|| open.reading.tree());
        let (body, vault) = (tree(&self.body)?, tree(&self.vault));
        fold(self.case.record, &body, vault.as_ref())
    }
}

/// Folds the row of a record from its stored changes, as far as they are sound; none when its body
/// cannot be read.
pub(crate) fn refold(record: RecordId, known: &Known) -> Option<Row> {
    let tree = |part: Part| {
        let changes = known.part(part);
        let (reading, _) = Reading::from_hashed(changes.iter().map(|kept| &kept.change));
        (!changes.is_empty()).then(|| reading.tree())
    };
    let (body, vault) = (tree(Part::Body)?, tree(Part::Vault));
    fold(record, &body, vault.as_ref())
}

fn fold(record: RecordId, body: &Tree, vault: Option<&Tree>) -> Option<Row> {
    let folded = catch_unwind(AssertUnwindSafe(|| Row::fold(record, body, vault)));
    match folded {
        Ok(Ok(row)) => Some(row),
        Ok(Err(error)) => {
            tracing::error!(%error, doc = %DocId::body(record), "row cannot be folded");
            None
        }
        Err(_) => {
            tracing::error!(doc = %DocId::body(record), "folding a row panicked");
            None
        }
    }
}

/// The author keys that changes name; what is not a change names none.
pub(crate) fn actors(pushed: &[Pushed]) -> BTreeSet<ActorKey> {
    pushed
        .iter()
        .filter_map(|one| document::author(one.change.bytes()))
        .collect()
}
