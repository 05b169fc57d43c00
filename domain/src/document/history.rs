//! What a document knows of the changes in it: enough to say whether one more follows from them.
//!
//! The merge library panics on a change whose numbers or names do not fit, so all of this is asked
//! before it sees the change. The answer depends only on the change and on those that it names (and
//! on another change with the same author and number), so every device gives the same one.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

use super::PATH_KEYS_MAX;
use super::check::{Action, ChangeHead, DecodeError, Framed, OpId, Sound, Step};
use super::tree::Span;
use crate::id::{ActorKey, ChangeHash};

/// The changes of a document and where each of their operations wrote.
#[derive(Debug, Default)]
pub(super) struct History {
    /// In the order of their coming.
    changes: Vec<Entry>,
    by_hash: HashMap<ChangeHash, usize>,
    authors: HashMap<ActorKey, usize>,
    /// The changes of each author, in the order of their numbers.
    by_author: Vec<Vec<usize>>,
    /// The changes that no other one follows.
    heads: Vec<usize>,
    /// One for each operation, change after change.
    places: Vec<Place>,
    keyed: RandomState,
}

#[derive(Debug)]
struct Entry {
    head: ChangeHead,
    deps: Vec<usize>,
    /// Where its places begin.
    places: usize,
}

/// Where an operation wrote: a digest of the map and the key, how many keys lead there, and what it
/// did there.
#[derive(Debug, Clone, Copy)]
struct Place {
    field: u64,
    keys: u8,
    action: Action,
}

/// A map: none for the root, or the author and number of the operation that made it.
type Object = Option<(usize, u64)>;

impl History {
    pub(super) const fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    pub(super) fn contains(&self, hash: &ChangeHash) -> bool {
        self.by_hash.contains_key(hash)
    }

    pub(super) fn ops(&self) -> u64 {
        u64::try_from(self.places.len()).unwrap_or(u64::MAX)
    }

    /// The changes, each as the span of its operations.
    pub(super) fn spans(&self) -> impl Iterator<Item = Span> {
        self.changes.iter().map(|entry| Span::of(&entry.head))
    }

    /// The names of the changes that no other one follows, in their order.
    pub(super) fn heads(&self) -> Vec<ChangeHash> {
        let mut heads: Vec<_> = self
            .heads
            .iter()
            .filter_map(|at| self.changes.get(*at).map(|entry| entry.head.hash))
            .collect();
        heads.sort_unstable();
        heads
    }

    /// Takes a change into the history if it follows from what is there and `then` takes it too.
    pub(super) fn admit(
        &mut self,
        framed: &Framed<'_>,
        then: impl FnOnce() -> Result<(), DecodeError>,
    ) -> Result<(), DecodeError> {
        self.admit_with(framed, None, then)
    }

    /// The same with the operations of a change that was read before.
    pub(super) fn admit_sound<T, E: From<DecodeError>>(
        &mut self,
        sound: &Sound<'_>,
        then: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, E> {
        self.admit_with(&sound.framed, Some(&sound.steps), then)
    }

    fn admit_with<T, E: From<DecodeError>>(
        &mut self,
        framed: &Framed<'_>,
        steps: Option<&[Step<'_>]>,
        then: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, E> {
        let settled = self.places.len();
        let judged = self.judge(framed, steps, settled).map_err(E::from);
        match judged.and_then(|deps| then().map(|done| (deps, done))) {
            Ok((deps, done)) => {
                self.enter(&framed.head, deps, settled);
                Ok(done)
            }
            Err(error) => {
                self.places.truncate(settled);
                Err(error)
            }
        }
    }

    fn judge(
        &mut self,
        framed: &Framed<'_>,
        steps: Option<&[Step<'_>]>,
        settled: usize,
    ) -> Result<Vec<usize>, DecodeError> {
        let head = &framed.head;
        let deps = head
            .deps
            .iter()
            .map(|dep| self.by_hash.get(dep).copied())
            .collect::<Option<Vec<_>>>()
            .ok_or(DecodeError::History)?;
        let last_op = deps.iter().filter_map(|at| self.changes.get(*at));
        let last_op = last_op.map(|dep| dep.head.max_op()).max().unwrap_or(0);
        if head.start_op != last_op.saturating_add(1) {
            return Err(DecodeError::History);
        }
        let past = self.past(deps);
        let own = self.author(head.actor);
        let written = self.by_author.get(own).map_or(&[][..], Vec::as_slice);
        match u64::try_from(written.len()).map(|count| head.seq.checked_sub(count)) {
            Ok(Some(1)) => {}
            Ok(Some(2..)) => return Err(DecodeError::History),
            Ok(None | Some(_)) | Err(_) => return Err(DecodeError::Contradicts),
        }
        if written.last().is_some_and(|last| !past.holds(*last)) {
            return Err(DecodeError::History);
        }
        let authors: Vec<_> = (0..framed.actors.len())
            .filter_map(|place| framed.actors.name(place).map(|name| self.author(name)))
            .collect();
        let mut walk = Walk {
            history: self,
            past: &past,
            authors: &authors,
            start: head.start_op,
            settled,
        };
        match steps {
            Some(steps) => steps.iter().try_for_each(|step| walk.step(*step))?,
            None => framed.walk(&mut |step| walk.step(step))?,
        }
        Ok(past.deps)
    }

    /// An author's place; one that is new here gets the next.
    fn author(&self, key: ActorKey) -> usize {
        let next = self.by_author.len();
        self.authors.get(&key).copied().unwrap_or(next)
    }

    fn enter(&mut self, head: &ChangeHead, deps: Vec<usize>, places: usize) {
        let at = self.changes.len();
        let author = self.author(head.actor);
        if author == self.by_author.len() {
            self.by_author.push(Vec::new());
            self.authors.insert(head.actor, author);
        }
        if let Some(written) = self.by_author.get_mut(author) {
            written.push(at);
        }
        self.heads.retain(|head| !deps.contains(head));
        self.heads.push(at);
        self.by_hash.insert(head.hash, at);
        self.changes.push(Entry {
            head: head.clone(),
            deps,
            places,
        });
    }

    /// Everything that a change with these dependencies follows.
    fn past(&self, deps: Vec<usize>) -> Past {
        let newest = self.heads.len() == deps.len();
        if newest && self.heads.iter().all(|head| deps.contains(head)) {
            return Past { deps, known: None };
        }
        let mut known = vec![false; self.changes.len()];
        let mut open = deps.clone();
        while let Some(at) = open.pop() {
            if let (Some(seen @ false), Some(entry)) = (known.get_mut(at), self.changes.get(at)) {
                *seen = true;
                open.extend(&entry.deps);
            }
        }
        Past {
            deps,
            known: Some(known),
        }
    }

    /// The place of an operation of an earlier change.
    fn earlier(&self, past: &Past, (author, counter): (usize, u64)) -> Option<Place> {
        let written = self.by_author.get(author)?;
        let after = written.partition_point(|at| {
            let entry = self.changes.get(*at);
            entry.is_some_and(|entry| entry.head.start_op <= counter)
        });
        let at = *written.get(after.checked_sub(1)?)?;
        let entry = self.changes.get(at).filter(|_| past.holds(at))?;
        let offset = counter.checked_sub(entry.head.start_op)?;
        if offset >= entry.head.ops {
            return None;
        }
        let offset = usize::try_from(offset).ok()?;
        self.places.get(entry.places.checked_add(offset)?).copied()
    }
}

/// The changes that one change follows.
struct Past {
    deps: Vec<usize>,
    /// None when it follows all that are there.
    known: Option<Vec<bool>>,
}

impl Past {
    fn holds(&self, at: usize) -> bool {
        self.known
            .as_ref()
            .is_none_or(|known| known.get(at).copied().unwrap_or(false))
    }
}

/// The way through the operations of one change, of which each adds its place.
struct Walk<'a> {
    history: &'a mut History,
    past: &'a Past,
    /// Where the authors that the change names stand in the history.
    authors: &'a [usize],
    start: u64,
    settled: usize,
}

impl Walk<'_> {
    fn step(&mut self, step: Step<'_>) -> Result<(), DecodeError> {
        match step {
            Step::Op {
                action,
                object,
                key,
                scalar: _,
            } => {
                let (object, above) = match object {
                    Some(id) => self.map(id).map(|(map, keys)| (Some(map), keys))?,
                    None => (None, 0),
                };
                // Deeper than any reader looks: the merge library would go down all the way.
                if usize::from(above) >= PATH_KEYS_MAX {
                    return Err(DecodeError::Bounds);
                }
                let field = self.history.keyed.hash_one((object as Object, key));
                self.history.places.push(Place {
                    field,
                    keys: above.saturating_add(1),
                    action,
                });
                Ok(())
            }
            Step::Over(id) => {
                let (_, over) = self.find(id)?;
                let field = self.history.places.last().map(|place| place.field);
                if Some(over.field) == field && over.action != Action::Delete {
                    Ok(())
                } else {
                    Err(DecodeError::History)
                }
            }
        }
    }

    /// A map, and how many keys lead to it.
    fn map(&self, id: OpId) -> Result<((usize, u64), u8), DecodeError> {
        match self.find(id)? {
            (author, place) if place.action == Action::Make => {
                Ok(((author, id.counter), place.keys))
            }
            _ => Err(DecodeError::History),
        }
    }

    /// The place of an operation of this change or of one that it follows.
    fn find(&self, id: OpId) -> Result<(usize, Place), DecodeError> {
        let author = *self.authors.get(id.actor).ok_or(DecodeError::History)?;
        let own = id.counter.checked_sub(self.start).filter(|_| id.actor == 0);
        let place = match own {
            Some(offset) => usize::try_from(offset)
                .ok()
                .and_then(|offset| self.settled.checked_add(offset))
                .and_then(|at| self.history.places.get(at).copied()),
            None => self.history.earlier(self.past, (author, id.counter)),
        };
        place
            .map(|place| (author, place))
            .ok_or(DecodeError::History)
    }
}
