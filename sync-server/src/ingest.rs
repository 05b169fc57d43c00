//! Taking a batch: every record's changes through the gate, then log, row and receipt together.
//!
//! The only code that writes to the log. What a batch is judged by is read in one view of the database,
//! the judging holds neither view nor write, and the write only looks whether anything of what was read
//! has changed meanwhile, and appends. Where something has, what it touches is judged again; after some
//! tries within the write, so that it comes to an end.

mod facts;
mod keep;

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::access::Refusal;
use domain::document::Hashed;
use domain::id::{ActorKey, DeviceId, PersonId, RecordId, UnitId};
use domain::sync::message::{Batch, Item, ItemResult, PageDigest, Receipt};
use domain::sync::signed::{PublicKey, Signed};
use domain::time::Millis;
use domain::unit::Member;
use sqlx::SqliteConnection;

use crate::error::ApiError;
use crate::gate::{self, Case, Judgement, Pushed, Verdict};
use crate::healing::Gap;
use crate::keys;
use crate::limits;
use crate::proof;
use crate::scope::{Scope, Scopes};
use crate::store::held::Held;
use crate::store::usage::{self, Quotas};
use crate::store::{Store, damage, device, log, poison, receipt};
use facts::{Cases, Common, Stand};

/// Who pushes.
#[derive(Debug, Clone)]
pub struct Sender {
    /// The device.
    pub device: DeviceId,
    /// Its person's scope.
    pub scope: Arc<Scope>,
    /// The server's clock.
    pub now: Millis,
}

/// What a batch was signed with.
#[derive(Debug, Clone, Copy)]
pub struct Signature<'a> {
    /// What was signed.
    pub signed: &'a Signed,
    /// The key.
    pub key: &'a PublicKey,
}

/// The receipt of the same batch taken before, if it was.
///
/// # Errors
/// When the number was used for another batch, or the database fails.
pub async fn taken(
    db: &mut SqliteConnection,
    sender: &Sender,
    (no, digest): (u64, PageDigest),
) -> Result<Option<Receipt>, ApiError> {
    match receipt::get(db, sender.device, no).await? {
        Some((known, receipt)) if known == digest => Ok(Some(receipt)),
        Some(_) => Err(ApiError::BatchDiffers),
        None => Ok(None),
    }
}

/// Takes a batch that was not taken before.
///
/// # Errors
/// When the database fails or the device was shut out meanwhile: nothing was taken then.
pub async fn push(
    (store, scopes): (&Store, &Scopes),
    mut sender: Sender,
    batch: Batch,
    (signature, quotas): (Option<Signature<'_>>, &Quotas),
) -> Result<Receipt, ApiError> {
    let end = Ending {
        no: batch.no,
        digest: batch.digest(),
        names: signature.map(|_| batch.names()),
        signature,
    };
    let mut work = Work::of(batch);
    let mut tries = 0;
    let mut write = loop {
        let mut view = store.view().await?;
        let device = device::active(&mut view, sender.device).await?;
        sender.scope = scopes.of(&mut view, &device).await?;
        let cases = work.look(&mut view, &sender).await?;
        view.rollback().await?;
        if !cases.damaged.is_empty() {
            damage::note(store, &cases.damaged, sender.now).await?;
        }
        let bringer = work.bringer(&sender);
        work.judge(cases, &bringer).await?;
        let mut write = store.begin().await?;
        if let Some(receipt) = taken(&mut write, &sender, (end.no, end.digest)).await? {
            return Ok(receipt);
        }
        if work.still_holds(&mut write, &sender).await? {
            let receipt = end.write(&mut write, &bringer, (&work, quotas)).await?;
            write.commit().await?;
            return Ok(receipt);
        }
        tries += 1;
        match after(tries, work.open_changes(&mut write).await?) {
            Next::Within => break write,
            Next::Again => write.rollback().await?,
            Next::Later => return Err(ApiError::Queue),
        }
    };
    tracing::info!(device = ?sender.device, "a batch is judged within the write");
    let device = device::active(&mut write, sender.device).await?;
    sender.scope = scopes.of(&mut write, &device).await?;
    let cases = work.look(&mut write, &sender).await?;
    damage::set_aside(&mut write, &cases.damaged, sender.now).await?;
    let bringer = work.bringer(&sender);
    work.judge(cases, &bringer).await?;
    let receipt = end.write(&mut write, &bringer, (&work, quotas)).await?;
    write.commit().await?;
    Ok(receipt)
}

/// What is done with a batch that did not stand any more as it was judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    /// It is judged once more while others write.
    Again,
    /// It is judged while nobody else writes.
    Within,
    /// Its device is to come again.
    Later,
}

/// What is done after so many tries, with so many changes to judge anew.
const fn after(tries: usize, open: usize) -> Next {
    if tries >= limits::JUDGING_TRIES && open <= limits::JUDGED_WITHIN_MAX {
        Next::Within
    } else if tries >= limits::JUDGING_TRIES_LONG {
        Next::Later
    } else {
        Next::Again
    }
}

/// Takes the changes of a batch within a write of the caller's, without receipt, proof or count.
pub(crate) async fn take(
    db: &mut SqliteConnection,
    sender: &Sender,
    batch: Batch,
) -> Result<Vec<ItemResult>, ApiError> {
    let mut work = Work::of(batch);
    let cases = work.look(db, sender).await?;
    damage::set_aside(db, &cases.damaged, sender.now).await?;
    let bringer = work.bringer(sender);
    work.judge(cases, &bringer).await?;
    let (results, _) = keep::keep(db, &bringer, &work).await?;
    Ok(results)
}

/// Takes a change that was held, since the station says that it holds; it is judged by its author's
/// rights alone.
///
/// # Errors
/// When the database fails.
pub async fn confirm(
    db: &mut SqliteConnection,
    held: &Held,
    now: Millis,
) -> Result<ItemResult, ApiError> {
    let author = facts::author(db, &held.author).await?;
    let bringer = Bringer {
        device: held.device,
        member: Arc::new(Member {
            person: held.passed_by.clone(),
            name: String::new(),
            roles: Vec::new(),
            units: Vec::new(),
        }),
        now,
        gap: Some(held.gap),
        confirmed: true,
    };
    let grid = match &author {
        Some(author) if !author.holds(&held.grid) => Err(Refusal::NotYourGrid),
        Some(_) | None => Ok(held.grid.clone()),
    };
    // It lay on the disk meanwhile.
    let Ok(change) = Hashed::kept(held.hash, held.bytes.clone()) else {
        return Ok(ItemResult::Refused(Refusal::Damaged));
    };
    let pushed = Pushed {
        passed_on: Some(author.map(|author| author.member)),
        part: held.doc.part,
        grid,
        change,
    };
    let mut work = Work::alone(held.doc.record, pushed);
    let cases = Cases::read(db, &bringer, work.records.iter()).await?;
    damage::set_aside(db, &cases.damaged, now).await?;
    work.judge(cases, &bringer).await?;
    let (results, _) = keep::keep(db, &bringer, &work).await?;
    results.first().copied().ok_or(ApiError::Internal)
}

/// Who brings changes, and on which terms.
struct Bringer {
    device: DeviceId,
    member: Arc<Member>,
    now: Millis,
    /// What passed-on changes fill.
    gap: Option<Gap>,
    /// The station has said that they hold.
    confirmed: bool,
}

/// What is written down of a batch as a whole.
struct Ending<'a> {
    no: u64,
    digest: PageDigest,
    names: Option<Vec<u8>>,
    signature: Option<Signature<'a>>,
}

impl Ending<'_> {
    async fn write(
        &self,
        db: &mut SqliteConnection,
        bringer: &Bringer,
        (work, quotas): (&Work, &Quotas),
    ) -> Result<Receipt, ApiError> {
        let (device, now) = (bringer.device, bringer.now);
        let (results, mut used) = keep::keep(db, bringer, work).await?;
        let receipt = Receipt {
            no: self.no,
            digest: self.digest,
            results,
        };
        // What was refused may be taken the next time, when what it follows has come or a grid came
        // into scope: such a batch is judged anew, and what was taken is known by its hash.
        if used.refused == 0 {
            receipt::keep(db, device, &receipt, now).await?;
        } else if !poison::is_first_refusal(db, device, self.digest, now).await? {
            // Whoever sends a device's batch once more uses up nothing of its day.
            used.refused = 0;
        }
        if let (Some(with), Some(names)) = (self.signature, &self.names) {
            keys::note_use(db, (device, with.key), now).await?;
            // A batch that brought nothing new proves nothing that is looked for.
            if used.changes > 0 {
                proof::keep(db, (device, with.key), (with.signed, names), now).await?;
                let names = u64::try_from(names.len()).unwrap_or(u64::MAX);
                used.bytes = used.bytes.saturating_add(names);
            }
        }
        usage::add(db, (device, quotas), used, now).await?;
        Ok(receipt)
    }
}

/// A batch on its way through the gate, record by record.
struct Work {
    grids: Vec<UnitId>,
    authors: Vec<PersonId>,
    records: Vec<OfRecord>,
    /// How many changes there are.
    count: usize,
    /// What the judgements rely on beside the records themselves.
    common: Option<Common>,
}

/// What a batch brings of one record.
struct OfRecord {
    record: RecordId,
    /// The place of each change in the batch, with those of its grid and author in their lists.
    named: Vec<(usize, u16, u16)>,
    pushed: Vec<Pushed>,
    /// What it was judged against and how, once it was.
    judged: Option<(Stand, Judgement)>,
}

impl Work {
    fn of(batch: Batch) -> Self {
        let count = batch.items.len();
        let mut records: Vec<OfRecord> = Vec::new();
        let mut slots = BTreeMap::new();
        for (place, item) in batch.items.into_iter().enumerate() {
            let next = records.len();
            let slot = *slots.entry(item.doc.record).or_insert(next);
            if slot == next {
                records.push(OfRecord::of(item.doc.record));
            }
            if let Some(of) = records.get_mut(slot) {
                of.add(place, item);
            }
        }
        Self {
            grids: batch.grids,
            authors: batch.authors,
            records,
            count,
            common: None,
        }
    }

    /// One change that nobody sends.
    fn alone(record: RecordId, pushed: Pushed) -> Self {
        let mut of = OfRecord::of(record);
        of.named.push((0, 0, 0));
        of.pushed.push(pushed);
        Self {
            grids: Vec::new(),
            authors: Vec::new(),
            records: vec![of],
            count: 1,
            common: None,
        }
    }

    fn bringer(&self, sender: &Sender) -> Bringer {
        Bringer {
            device: sender.device,
            member: Arc::new(sender.scope.me().clone()),
            now: sender.now,
            gap: self.common.as_ref().and_then(|common| common.gap),
            confirmed: false,
        }
    }

    /// Reads what the batch is judged by, as far as that is open.
    async fn look(
        &mut self,
        db: &mut SqliteConnection,
        sender: &Sender,
    ) -> Result<Cases, ApiError> {
        let mut common = Common::read(db, sender, (&self.grids, &self.authors)).await?;
        match self.common.take() {
            // What stays judged was last looked at then.
            Some(then) if common.differs_by_the_log_alone(&then) => common.moment = then.moment,
            Some(_) | None => self.forget_all(),
        }
        for of in &mut self.records {
            of.name(sender, &common);
        }
        self.common = Some(common);
        let open = self.records.iter().filter(|of| of.judged.is_none());
        let bringer = self.bringer(sender);
        Cases::read(db, &bringer, open).await
    }

    fn forget_all(&mut self) {
        for of in &mut self.records {
            of.judged = None;
        }
    }

    /// Judges what is open, on a thread that serves no connections.
    async fn judge(&mut self, mut cases: Cases, bringer: &Bringer) -> Result<(), ApiError> {
        let mut all = std::mem::take(&mut self.records);
        let (member, confirmed) = (Arc::clone(&bringer.member), bringer.confirmed);
        let judging = tokio::task::spawn_blocking(move || {
            for of in all.iter_mut().filter(|of| of.judged.is_none()) {
                let (stand, known) = cases.take(of);
                if stand.retired {
                    let refused = Verdict::Refuse(Refusal::Retired);
                    let verdicts = vec![refused; of.pushed.len()];
                    let row = None;
                    of.judged = Some((stand, Judgement { verdicts, row }));
                    continue;
                }
                let case = Case {
                    record: of.record,
                    known,
                    member: &member,
                    owners: stand.people.clone(),
                    confirmed,
                };
                of.judged = Some((stand, gate::judge(case, &of.pushed)));
            }
            all
        });
        self.records = judging.await.map_err(|_| ApiError::Internal)?;
        Ok(())
    }

    /// Whether everything stands as it was judged; what does not is open again.
    async fn still_holds(
        &mut self,
        db: &mut SqliteConnection,
        sender: &Sender,
    ) -> Result<bool, ApiError> {
        device::active(db, sender.device).await?;
        let now = Common::read(db, sender, (&self.grids, &self.authors)).await?;
        let Some(then) = self.common.take() else {
            return Ok(false);
        };
        if now == then {
            self.common = Some(then);
            return Ok(true);
        }
        if !now.differs_by_the_log_alone(&then) {
            self.forget_all();
            return Ok(false);
        }
        let stands = facts::stands(db, &self.bringer(sender), &self.records).await?;
        let mut holds = true;
        for (of, stand) in self.records.iter_mut().zip(&stands) {
            if of.judged.as_ref().is_none_or(|(judged, _)| judged != stand) {
                of.judged = None;
                holds = false;
            }
        }
        self.common = Some(now);
        Ok(holds)
    }

    /// How many changes would be judged anew, those that are known of their records among them.
    async fn open_changes(&self, db: &mut SqliteConnection) -> Result<usize, sqlx::Error> {
        let open = || self.records.iter().filter(|of| of.judged.is_none());
        let records: Vec<_> = open().map(|of| of.record).collect();
        let known = log::counts(db, &records).await?;
        let known: usize = known.values().map(|(count, _)| *count).sum();
        let brought: usize = open().map(|of| of.pushed.len()).sum();
        Ok(known.saturating_add(brought))
    }

    /// The devices that author keys name which were not used before.
    fn named(&self) -> BTreeMap<ActorKey, DeviceId> {
        let stands = self.records.iter().filter_map(|of| of.judged.as_ref());
        stands.flat_map(|(stand, _)| stand.named.clone()).collect()
    }
}

impl OfRecord {
    const fn of(record: RecordId) -> Self {
        Self {
            record,
            named: Vec::new(),
            pushed: Vec::new(),
            judged: None,
        }
    }

    fn add(&mut self, place: usize, item: Item) {
        self.named.push((place, item.grid, item.author));
        self.pushed.push(Pushed {
            passed_on: None,
            part: item.doc.part,
            grid: Err(Refusal::UnknownGrid),
            change: item.change,
        });
    }

    /// Gives each change the grid that it names, and in whose name it comes.
    fn name(&mut self, sender: &Sender, common: &Common) {
        for ((_, grid, author), one) in self.named.iter().zip(&mut self.pushed) {
            let grid = common.grids.get(usize::from(*grid)).cloned();
            one.grid = grid.unwrap_or(Err(Refusal::UnknownGrid));
            let place = author.checked_sub(1).map(usize::from);
            let author = place.map(|place| common.authors.get(place).and_then(Option::as_ref));
            one.passed_on = match author {
                // Whoever names himself passes nothing on.
                Some(Some(author)) if author.member.person == sender.scope.me().person => None,
                Some(Some(author)) => {
                    if one.grid.as_ref().is_ok_and(|grid| !author.holds(grid)) {
                        one.grid = Err(Refusal::NotYourGrid);
                    }
                    Some(Some(Arc::clone(&author.member)))
                }
                Some(None) => Some(None),
                None => None,
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn qt4_what_costs_more_than_a_moment_is_never_judged_while_nobody_else_can_write() {
        let (most, short, long) = (
            limits::JUDGED_WITHIN_MAX,
            limits::JUDGING_TRIES,
            limits::JUDGING_TRIES_LONG,
        );
        assert_eq!(after(short - 1, most), Next::Again);
        assert_eq!(after(short, most), Next::Within);
        for tries in 1..long {
            assert_eq!(after(tries, most + 1), Next::Again);
        }
        assert_eq!(after(long, most + 1), Next::Later);
    }
}
