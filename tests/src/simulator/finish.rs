//! The end of a run: every fault is over, time goes on, and then all must agree.

use std::collections::{BTreeMap, BTreeSet};

use domain::access::Refusal;
use domain::document::{Document, Tree, check};
use domain::id::{ChangeHash, DocId, Part, RecordId, UnitId};
use domain::replica::{AsideReason, Cause, StoredChange};
use domain::view::{Delivery, Row};

use super::bug::Bug;
use super::chance::Chance;
use super::invariant::{Broken, Invariant};
use super::phone::{Net, Phone};
use super::plan::{PhoneNo, Work};
use super::truth::{Truth, short};
use super::world::World;

/// The length of a round, in milliseconds: a little more than a resting phone waits.
const ROUND_MS: i64 = 61_000;
/// All agree within so many rounds.
const ROUNDS_MAX: u32 = 25;
/// Changes that the server's disk damages.
const DAMAGED: usize = 3;
/// A phone asks so often in a round at most.
const REQUESTS_A_ROUND: u64 = 30;

impl World {
    /// Ends all faults, lets time go on, and compares everything.
    pub(super) fn heal(&mut self) -> Result<(), Broken> {
        self.say(|_| "all faults are over".to_owned());
        self.fuse = None;
        if std::mem::take(&mut self.full) {
            self.station.set_full(false);
        }
        self.bring_all_back();
        for no in 0..self.phones.len() {
            self.mend(no)?;
        }
        let (hurt, holed) = (self.truth.hurt, self.truth.holed);
        self.spoil_disk();
        let before = self.letters;
        let mut rounds = 0;
        loop {
            rounds += 1;
            self.run_until(self.now + ROUND_MS)?;
            match self.agree() {
                Ok(()) => break,
                Err(broken) if rounds == ROUNDS_MAX => return Err(broken),
                Err(_) => self.join_the_rest()?,
            }
        }
        // What the disk damaged is back, and nothing is excused by it any more.
        (self.truth.hurt, self.truth.holed) = (hurt, holed);
        for phone in &self.phones {
            self.truth.row_of_each(phone)?;
        }
        let phones = u64::try_from(self.phones.len()).unwrap_or(1);
        let most = phones * REQUESTS_A_ROUND * u64::from(rounds);
        let sent = self.letters - before;
        self.truth.hold(sent <= most, Invariant::I11, || {
            format!("{sent} requests in {rounds} rounds of {phones} phones")
        })?;
        self.truth.keeps_promises(&self.phones)?;
        self.look_closely()
    }

    /// The server's disk turns bits of changes that some phone has, and the server is started again:
    /// it serves none of them, and gets each of them back.
    fn spoil_disk(&mut self) {
        let believed = self.bug == Some(Bug::ServesDamaged);
        if self.bug.is_some() && !believed {
            return;
        }
        // What was set aside is missing until somebody brings it back.
        self.truth.hurt = true;
        self.truth.holed = true;
        let held = |doc: DocId, hash: ChangeHash, grid: &UnitId| {
            self.phones.iter().any(|phone| {
                let scope = self.town.scope(&phone.person);
                let replica = phone.replica.as_ref();
                let joined = replica.is_some_and(|replica| replica.directory().is_some());
                let change = phone.disk.kept.change(doc, hash);
                joined && scope.contains(grid) && change.is_some_and(|change| change.seq.is_some())
            })
        };
        let log = self.truth.log.iter();
        let found = log.filter(|((doc, hash), entry)| held(*doc, *hash, &entry.grid));
        let found: Vec<_> = found.map(|(key, _)| *key).collect();
        let mut chance = Chance::new(self.now.unsigned_abs());
        for _ in 0..DAMAGED {
            if let Some(key) = chance.pick(&found) {
                self.station.turn_bit(*key, chance.number(), believed);
            }
        }
        self.station.power_cut();
    }

    fn mend(&mut self, no: PhoneNo) -> Result<(), Broken> {
        let Some(phone) = self.phones.get_mut(no) else {
            return Ok(());
        };
        let was_down = phone.net != Net::Up;
        phone.net = Net::Up;
        phone.letters.clear();
        phone.disk.trouble = None;
        phone.disk.unreadable = false;
        phone.asleep = false;
        if phone.replica.is_none() {
            return self.restart(no);
        }
        if was_down {
            return self.wake(no, Cause::Online);
        }
        Ok(())
    }

    /// People whose phone has not joined, or has lost its key, type a code again.
    fn join_the_rest(&mut self) -> Result<(), Broken> {
        for no in 0..self.phones.len() {
            let joined = self.phones.get(no).is_none_or(|phone| {
                phone
                    .replica
                    .as_ref()
                    .is_some_and(|r| r.directory().is_some())
            });
            if !joined {
                if let Some(phone) = self.phones.get_mut(no) {
                    phone.code = None;
                }
                self.button(no)?;
            } else {
                self.type_code(no)?;
            }
        }
        Ok(())
    }

    /// Whether all phones and the server hold the same.
    fn agree(&mut self) -> Result<(), Broken> {
        let rows = self.station.record_rows();
        let rows: BTreeMap<RecordId, Row> = rows.into_iter().map(|row| (row.id, row)).collect();
        for no in 0..self.phones.len() {
            self.phone_agrees(no, &rows)?;
        }
        let damaged = self.station.damaged();
        self.truth.hold(damaged == 0, Invariant::I2, || {
            format!("{damaged} changes that the server's disk damaged have not come back")
        })?;
        self.come_back()
    }

    /// What a restored server lost is back: what a person wrote, from that person's phones, and what
    /// others have of it, where an administrator has opened healing. What could not be taken, since
    /// what it follows is on no such phone, was set aside, or waits for the station.
    fn come_back(&mut self) -> Result<(), Broken> {
        let held = self.station.held();
        for phone in &self.phones {
            let aside = phone.disk.set_aside();
            let scope = self.town.scope(&phone.person);
            let here = |doc: DocId| {
                let mut rows = phone.disk.kept.rows();
                rows.any(|row| row.id == doc.record && scope.contains(&row.grid))
            };
            let missing = phone.disk.kept.changes().find(|(doc, change)| {
                let is_own = change.author == phone.person;
                let excused = aside.contains(&change.hash) || held.contains(&doc.record);
                self.truth.lost.contains(&change.hash)
                    && (is_own || self.healing)
                    && !(excused || phone.replica.is_none())
                    && here(*doc)
                    && follows_what_is_there(&self.truth, &change.bytes)
            });
            let missing = missing.map(|(doc, change)| (doc, short(change.hash)));
            let name = &phone.name;
            self.truth.hold(missing.is_none(), Invariant::I2, || {
                format!("{missing:?} that a restored server lost has not come back from {name}")
            })?;
        }
        Ok(())
    }

    fn phone_agrees(&mut self, no: PhoneNo, rows: &BTreeMap<RecordId, Row>) -> Result<(), Broken> {
        let Some(phone) = self.phones.get(no) else {
            return Ok(());
        };
        let healing = self.healing.then(|| self.station.held());
        let (truth, name) = (&mut self.truth, &phone.name);
        let lost = waiting_for_the_lost(truth, phone, healing.as_ref());
        let waiting = phone.disk.kept.waiting().count() - lost.len();
        truth.hold(waiting == 0, Invariant::I1, || {
            format!("{name} still has {waiting} changes to send")
        })?;
        let scope = self.town.scope(&phone.person);
        let known = phone.disk.kept.meta().directory;
        let known = known.map(|known| known.grids.into_iter().map(|grid| grid.id));
        let known: BTreeSet<_> = known.into_iter().flatten().collect();
        let same = known.iter().eq(scope.iter());
        truth.hold(same, Invariant::I3, || {
            format!("{name} believes to work in {known:?}; it is {scope:?}")
        })?;
        let lacks = truth.log.values().find(|entry| {
            scope.contains(&entry.grid) && phone.disk.kept.change(entry.doc, entry.hash).is_none()
        });
        let lacks = lacks.map(|entry| (entry.doc, short(entry.hash), entry.seq));
        truth.hold(lacks.is_none(), Invariant::I3, || {
            format!("{name} lacks {lacks:?}")
        })?;
        let ahead = phone.disk.kept.rows();
        let ahead = ahead.filter(|row| row.delivery.is_ahead()).count();
        truth.hold(ahead == 0, Invariant::I3, || {
            format!("{name} still waits for {ahead} records of which it has the rows")
        })?;
        left_behind(truth, phone)?;
        let aside = phone.disk.set_aside();
        let own: Vec<(DocId, ChangeHash)> = phone
            .disk
            .kept
            .changes()
            .map(|(doc, change)| (doc, change.hash))
            .filter(|key| !truth.log.contains_key(key) && !lost.contains(key))
            .collect();
        // What others wrote and a restored server has lost stays quietly where it is.
        let quiet = |(doc, hash): &(DocId, ChangeHash)| {
            let kept = phone.disk.kept.change(*doc, *hash);
            let others = |kept: &StoredChange| kept.seq.is_some() && kept.author != phone.person;
            truth.lost.contains(hash) && kept.is_some_and(others)
        };
        let mut strays = own.iter().filter(|(_, hash)| !aside.contains(hash));
        let stray = strays.find(|key| !quiet(key));
        truth.hold(stray.is_none(), Invariant::I1, || {
            format!("{name} alone has {stray:?}, and nobody was told")
        })?;
        let own: BTreeSet<RecordId> = own.iter().map(|(doc, _)| doc.record).collect();
        let differs = phone.disk.kept.rows().find(|row| {
            let theirs = rows.get(&row.id);
            let bare = Row {
                delivery: Delivery::default(),
                ..(*row).clone()
            };
            scope.contains(&row.grid) && !own.contains(&row.id) && theirs != Some(&bare)
        });
        let differs = differs.map(|row| row.id);
        truth.hold(differs.is_none(), Invariant::I3, || {
            format!("{name} and the server show {differs:?} differently")
        })
    }

    /// What only the end shows: rows folded anew, and every word in its place.
    fn look_closely(&mut self) -> Result<(), Broken> {
        if self.chance.one_in(4) {
            let differ = self.station.rows_that_differ();
            self.truth.hold(differ == 0, Invariant::I4, || {
                format!("{differ} of the server's rows are not what their changes say")
            })?;
        }
        let mut trees = BTreeMap::new();
        let docs: BTreeSet<DocId> = self.truth.log.keys().map(|(doc, _)| *doc).collect();
        for doc in docs {
            trees.insert(doc, self.tree(doc));
        }
        for said in self.truth.said.clone() {
            let body = trees.get(&DocId::body(said.record));
            let vault = trees.get(&DocId::vault(said.record));
            // What was refused, or lost with a phone, is told of elsewhere.
            let kept = |hash: &ChangeHash| self.truth.log.keys().any(|(_, name)| name == hash);
            if !said.hashes.iter().all(kept) {
                continue;
            }
            let count = |tree: Option<&Tree>| tree.map_or(0, |tree| fields_with(tree, &said.token));
            let found = count(body) + count(vault);
            let holds = match said.work {
                Work::Note | Work::Party => found == 1,
                Work::CheckIn => found == 2,
                Work::Dispute | Work::Hazard | Work::Task => found >= 1,
                Work::Edit => found == 1 || self.is_followed(&said.hashes),
                Work::Patrol | Work::Count | Work::Advance | Work::Button => true,
            };
            let what = if found > 1 {
                Invariant::I4
            } else {
                Invariant::I5
            };
            self.truth.hold(holds, what, || {
                format!(
                    "{:?} {} of {} is there {found} times",
                    said.work, said.token, said.record
                )
            })?;
        }
        self.counters(&trees)
    }

    /// The fields of a document of the server's log.
    fn tree(&self, doc: DocId) -> Tree {
        let first = (doc, ChangeHash([0; 32]));
        let last = (doc, ChangeHash([255; 32]));
        let entries = self.truth.log.range(first..=last).map(|(_, entry)| entry);
        let bytes: Vec<&[u8]> = entries.map(|entry| entry.bytes.as_slice()).collect();
        let (mut document, _) = Document::from_changes(bytes);
        document.tree()
    }

    /// Whether another edit of the same field was made by somebody who saw this one.
    fn is_followed(&self, hashes: &[ChangeHash]) -> bool {
        let edits: BTreeSet<ChangeHash> = self
            .truth
            .said
            .iter()
            .filter(|said| said.work == Work::Edit)
            .flat_map(|said| said.hashes.iter().copied())
            .chain(self.truth.unsaid_edits.iter().copied())
            .collect();
        edits.iter().any(|edit| {
            !hashes.contains(edit) && hashes.iter().all(|hash| self.follows(*edit, *hash))
        })
    }

    /// Whether one change follows another, directly or through others.
    fn follows(&self, later: ChangeHash, earlier: ChangeHash) -> bool {
        let mut open = vec![later];
        let mut known = BTreeSet::new();
        while let Some(hash) = open.pop() {
            let entry = self.truth.log.values().find(|entry| entry.hash == hash);
            let head = entry.and_then(|entry| check(&entry.bytes).ok());
            for dep in head.into_iter().flat_map(|head| head.deps) {
                if dep == earlier {
                    return true;
                }
                if known.insert(dep) {
                    open.push(dep);
                }
            }
        }
        false
    }

    /// Counters are the sums of what everybody added.
    fn counters(&mut self, trees: &BTreeMap<DocId, Tree>) -> Result<(), Broken> {
        let names: BTreeSet<ChangeHash> = self.truth.log.keys().map(|(_, hash)| *hash).collect();
        let mut sums: BTreeMap<RecordId, i64> = BTreeMap::new();
        for (record, hash) in &self.truth.counted {
            *sums.entry(*record).or_default() += i64::from(names.contains(hash));
        }
        for (record, sum) in sums {
            let tree = trees.get(&DocId {
                record,
                part: Part::Body,
            });
            let patrol = tree.and_then(|tree| domain::record::patrol::Patrol::fold(tree).ok());
            let Some(patrol) = patrol else {
                continue;
            };
            let counted: i64 = patrol.counts.iter().map(|(_, count)| count).sum();
            self.truth.hold(counted == sum, Invariant::I5, || {
                format!("{record} counts {counted}; {sum} were added")
            })?;
        }
        Ok(())
    }
}

/// How many fields of a document have a value that holds a word.
fn fields_with(tree: &Tree, token: &str) -> usize {
    let has = |field: &domain::document::Field| {
        let mut texts = field
            .values
            .iter()
            .filter_map(|written| written.value.as_text());
        texts.any(|text| text.contains(token))
    };
    tree.fields().filter(|(_, field)| has(field)).count()
}

/// What waits for what a restored server has lost and others alone may bring back: it stays on its phone,
/// and is sent again from time to time. While healing is open all comes back, save what waits for the
/// station.
fn waiting_for_the_lost(
    truth: &Truth,
    phone: &Phone,
    healing: Option<&BTreeSet<RecordId>>,
) -> BTreeSet<(DocId, ChangeHash)> {
    let may_wait = |doc: DocId| healing.is_none_or(|held| held.contains(&doc.record));
    let waiting = phone.disk.kept.waiting();
    let waiting = waiting.map(|(_, doc, hash)| (doc, hash));
    let of_lost = waiting.filter(|(doc, hash)| {
        let change = phone.disk.kept.change(*doc, *hash);
        !truth.lost.is_empty()
            && may_wait(*doc)
            && change.is_some_and(|change| !follows_what_is_there(truth, &change.bytes))
    });
    of_lost.collect()
}

/// Whether all that a change follows is in the log.
fn follows_what_is_there(truth: &Truth, change: &[u8]) -> bool {
    let head = check(change);
    head.is_ok_and(|head| {
        let mut deps = head.deps.iter();
        deps.all(|dep| truth.log.keys().any(|(_, hash)| hash == dep))
    })
}

/// Whether something waits for good for what it follows, although that is there.
fn left_behind(truth: &mut Truth, phone: &Phone) -> Result<(), Broken> {
    let kept = phone.disk.kept.aside();
    let other = |id| {
        let reasons = kept
            .iter()
            .filter(|aside| aside.doc.map(|doc| doc.record) == id);
        let mut reasons = reasons.map(|aside| aside.reason);
        reasons.any(|reason| reason != AsideReason::Refused(Refusal::MissingDeps))
    };
    let orphan = kept.iter().find(|aside| {
        let late = aside.reason == AsideReason::Refused(Refusal::MissingDeps);
        let key = aside.doc.zip(aside.hash);
        let gone = key.is_none_or(|key| !truth.log.contains_key(&key));
        late && gone && !other(aside.doc.map(|doc| doc.record))
    });
    let orphan = orphan.and_then(|aside| aside.hash).map(short);
    // What it follows may be lost for good where healing was not opened.
    let excused = !truth.hurt || !truth.lost.is_empty();
    truth.hold(orphan.is_none() || excused, Invariant::I10, || {
        format!(
            "{}'s {orphan:?} was set aside, and what it follows is there",
            phone.name
        )
    })
}
