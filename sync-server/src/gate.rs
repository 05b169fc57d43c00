//! The gate: judges the pushed changes of one record, one by one, before any of them is kept.
//!
//! Pure: everything that is needed was read before. A change is checked whole before the merge library
//! sees it. Should one make the library panic all the same, it is refused like any other damaged one,
//! and the documents are opened again without it.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use domain::access::{self, Refusal};
use domain::document::{ChangeHead, Document, Tree, check};
use domain::id::{ActorKey, ChangeHash, DeviceId, DocId, Part, RecordId, UnitId};
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
    pub(crate) member: &'a Member,
    pub(crate) device: DeviceId,
    /// Author keys that were used before, and by which device.
    pub(crate) owners: BTreeMap<ActorKey, DeviceId>,
}

/// One pushed change, with the grid that it names or why that grid cannot be.
#[derive(Debug, Clone)]
pub(crate) struct Pushed {
    /// Who wrote it, where the sender passes it on; none inside for one who cannot be asked.
    pub(crate) passed_on: Option<Option<Arc<Member>>>,
    pub(crate) part: Part,
    pub(crate) grid: Result<UnitId, Refusal>,
    pub(crate) bytes: Vec<u8>,
}

/// What becomes of one change.
#[derive(Debug, Clone)]
pub(crate) enum Verdict {
    /// To be kept.
    Keep(ChangeHead, UnitId),
    /// It is there already, at this place; 0 when it came twice in this batch.
    Had(u64, ChangeHash),
    /// Not taken.
    Refuse(Refusal),
}

/// What becomes of all of them, and the row that follows.
#[derive(Debug)]
pub(crate) struct Judgement {
    pub(crate) verdicts: Vec<Verdict>,
    pub(crate) row: Option<Row>,
}

/// Judges the changes in their order.
pub(crate) fn judge(case: Case<'_>, pushed: &[Pushed]) -> Judgement {
    judge_by(case, pushed, Document::reopens)
}

/// Says whether a document can be saved and loaded again.
type Proof = fn(&mut Document) -> bool;

fn judge_by(case: Case<'_>, pushed: &[Pushed], proof: Proof) -> Judgement {
    let mut bench = Bench::open(case, proof);
    let mut verdicts: Vec<_> = pushed.iter().map(|one| bench.verdict(one)).collect();
    if !bench.stands() {
        tracing::error!(record = %bench.case.record, "a batch spoils what the merge library saves");
        bench.rewind();
        verdicts = pushed.iter().map(|one| bench.verdict(one)).collect();
    }
    let kept = verdicts
        .iter()
        .any(|verdict| matches!(verdict, Verdict::Keep(..)));
    let row = kept.then(|| bench.row()).flatten();
    Judgement { verdicts, row }
}

struct Bench<'a> {
    case: Case<'a>,
    grid: Option<UnitId>,
    body: Open,
    vault: Open,
    proof: Proof,
}

/// One document on the bench.
#[derive(Default)]
struct Open {
    document: Document,
    tree: Option<Tree>,
    hashes: BTreeMap<ChangeHash, u64>,
    /// The changes kept so far, to open the document again after a refusal.
    kept: Vec<(ChangeHash, Vec<u8>)>,
    /// How many of them were there before the batch.
    stored: usize,
    /// Each change is followed by the proof that the document can be saved and loaded again.
    prove_each: bool,
}

impl Open {
    fn new(changes: impl Iterator<Item = (ChangeHash, u64, Vec<u8>)>) -> Self {
        let mut open = Self::default();
        for (hash, seq, bytes) in changes {
            open.hashes.insert(hash, seq);
            open.kept.push((hash, bytes));
        }
        open.stored = open.kept.len();
        open.reopen();
        open
    }

    /// Whether the document can be saved and loaded again.
    fn stands(&mut self, proof: Proof) -> bool {
        catch_unwind(AssertUnwindSafe(|| proof(&mut self.document))).unwrap_or(false)
    }

    /// Goes back to what was there before the batch.
    fn rewind(&mut self, proof: Proof) {
        for (hash, _) in self.kept.drain(self.stored..) {
            self.hashes.remove(&hash);
        }
        self.reopen();
        // A document that was spoilt before tells nothing of what comes.
        self.prove_each = self.stands(proof);
    }

    fn reopen(&mut self) {
        let (mut document, damaged) =
            Document::from_changes(self.kept.iter().map(|(_, bytes)| bytes.as_slice()));
        if !damaged.is_empty() {
            tracing::error!(count = damaged.len(), "stored changes cannot be read");
        }
        self.tree = (!document.is_empty()).then(|| document.tree());
        self.document = document;
    }
}

impl<'a> Bench<'a> {
    fn open(mut case: Case<'a>, proof: Proof) -> Self {
        let take = |changes: Vec<domain::replica::StoredChange>| {
            Open::new(
                changes
                    .into_iter()
                    .map(|c| (c.hash, c.seq.unwrap_or(0), c.bytes)),
            )
        };
        let body = take(std::mem::take(&mut case.known.body));
        let vault = take(std::mem::take(&mut case.known.vault));
        let grid = case.known.grid.clone();
        Self {
            case,
            grid,
            body,
            vault,
            proof,
        }
    }

    /// Whether both documents, where the batch added to them, can be saved and loaded again.
    fn stands(&mut self) -> bool {
        let proof = self.proof;
        [&mut self.body, &mut self.vault]
            .into_iter()
            .all(|open| open.kept.len() == open.stored || open.stands(proof))
    }

    /// Goes back to what was there before the batch, to judge it again with proof after each change.
    fn rewind(&mut self) {
        self.body.rewind(self.proof);
        self.vault.rewind(self.proof);
        self.grid = self.case.known.grid.clone();
    }

    fn verdict(&mut self, pushed: &Pushed) -> Verdict {
        let head = match check(&pushed.bytes) {
            Ok(head) => head,
            Err(error) => return Verdict::Refuse(error.into()),
        };
        if let Some(seq) = self.part(pushed.part).hashes.get(&head.hash) {
            return Verdict::Had(*seq, head.hash);
        }
        let grid = match self.admit(pushed, &head) {
            Ok(grid) => grid,
            Err(refusal) => return Verdict::Refuse(refusal),
        };
        // The library's state after a panic is unknown: the document is opened again in any case.
        let tried = catch_unwind(AssertUnwindSafe(|| self.apply(pushed, &grid)));
        let proof = self.proof;
        let tried = tried.unwrap_or(Err(Refusal::Damaged)).and_then(|tree| {
            let open = self.part(pushed.part);
            if open.prove_each && !open.stands(proof) {
                return Err(Refusal::Damaged);
            }
            Ok(tree)
        });
        match tried {
            Ok(tree) => {
                let open = self.part(pushed.part);
                open.hashes.insert(head.hash, 0);
                open.kept.push((head.hash, pushed.bytes.clone()));
                open.tree = Some(tree);
                self.grid = Some(grid.clone());
                Verdict::Keep(head, grid)
            }
            Err(refusal) => {
                self.part(pushed.part).reopen();
                Verdict::Refuse(refusal)
            }
        }
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
        let ops = open.document.ops().saturating_add(head.ops);
        if open.kept.len() >= limits::DOC_CHANGES_MAX || ops > limits::DOC_OPS_MAX {
            return Err(Refusal::TooLarge);
        }
        if head.deps.iter().any(|dep| !open.hashes.contains_key(dep)) {
            return Err(Refusal::MissingDeps);
        }
        // A document begins once: a second beginning would make its containers a second time.
        if head.deps.is_empty() && !open.kept.is_empty() {
            return Err(Refusal::Contradicts);
        }
        Ok(grid)
    }

    /// Whether the sender may bring a change with this author key.
    fn admit_author(&mut self, pushed: &Pushed, head: &ChangeHead) -> Result<(), Refusal> {
        let allowed = match &pushed.passed_on {
            // A key that is known belongs to the device that used it first.
            None => {
                let device = self.case.device;
                *self.case.owners.entry(head.actor).or_insert(device) == device
            }
            Some(author) => author.is_some(),
        };
        if allowed {
            Ok(())
        } else {
            Err(Refusal::AnotherName)
        }
    }

    fn apply(&mut self, pushed: &Pushed, grid: &UnitId) -> Result<Tree, Refusal> {
        let member = match &pushed.passed_on {
            Some(author) => author.as_deref().ok_or(Refusal::AnotherName)?,
            None => self.case.member,
        };
        match pushed.part {
            Part::Body => {
                self.body.document.apply(&pushed.bytes)?;
                let after = self.body.document.tree();
                let kind = access::judge(member, self.body.tree.as_ref(), &after)?;
                access::may_write(member, kind, Part::Body)?;
                let header = Header::fold(&after).map_err(|_| Refusal::NotARecord)?;
                if header.grid != *grid {
                    return Err(Refusal::Fixed);
                }
                Row::fold(self.case.record, &after, None).map_err(|_| Refusal::NotARecord)?;
                Ok(after)
            }
            Part::Vault => {
                let body = self.body.tree.as_ref().ok_or(Refusal::MissingDeps)?;
                let header = Header::fold(body).map_err(|_| Refusal::NotARecord)?;
                access::may_write(member, header.kind, Part::Vault)?;
                self.vault.document.apply(&pushed.bytes)?;
                let after = self.vault.document.tree();
                let of = after.text("of").and_then(|text| text.parse().ok());
                if of != Some(self.case.record) {
                    return Err(Refusal::NotARecord);
                }
                Ok(after)
            }
        }
    }

    fn row(&mut self) -> Option<Row> {
        let body = self.body.tree.as_ref()?;
        fold(self.case.record, body, self.vault.tree.as_ref())
    }
}

/// Folds the row of a record from its stored changes; none when its body cannot be read.
pub(crate) fn refold(record: RecordId, known: &Known) -> Option<Row> {
    let tree = |part: Part| {
        let changes = known.part(part);
        let (mut document, _) = Document::from_changes(changes.iter().map(|c| c.bytes.as_slice()));
        (!changes.is_empty()).then(|| document.tree())
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
        .filter_map(|one| check(&one.bytes).ok())
        .map(|head| head.actor)
        .collect()
}
