//! A document read from its changes alone: what each operation leaves, without the merge library.
//!
//! Documents are maps in maps and three operations are known, so a value stands from the operation
//! that put it until one that takes its place. The gate judges each change by its effect; read here,
//! that costs as much as the change is long, however large the document is.

use std::collections::{BTreeMap, BTreeSet};

use super::check::{Action, ChangeHead, DecodeError, Hashed, OpId, Scalar, Sound, Step};
use super::history::History;
use super::tree::{Field, Tree, Written};
use super::{PATH_KEYS_MAX, Value};
use crate::id::{ActorKey, ChangeHash};

/// What to look at before and after a change.
#[derive(Debug, Clone, Copy)]
pub struct Lens {
    /// Fields of the document itself.
    pub fields: &'static [&'static str],
    /// The container whose items are looked at, those that the change touches.
    pub container: &'static str,
    /// The fields of such an item; of each only the value that is shown.
    pub item_fields: &'static [&'static str],
}

/// What a change does, as far as a lens shows it.
#[derive(Debug)]
pub struct Effect {
    /// What stood before; none for the first change.
    pub before: Option<Tree>,
    /// What stands after.
    pub after: Tree,
    /// Whether the change touches the lens's container itself, and so all items in it.
    pub container: bool,
    /// Whether the container, or an item that the change touches, is there more than once: of what
    /// lies in two maps at one key, one hides the other.
    pub twice: bool,
}

/// A document as its changes tell it.
#[derive(Debug, Default)]
pub struct Reading {
    history: History,
    fields: Fields,
}

impl Reading {
    /// Takes changes that were judged before, in any order; how many of them cannot be taken.
    pub fn from_changes<'a>(changes: impl IntoIterator<Item = &'a [u8]>) -> (Self, usize) {
        Self::of_all(changes.into_iter().map(Sound::read))
    }

    /// The same with changes whose names are known: they are not hashed again.
    pub fn from_hashed<'a>(changes: impl IntoIterator<Item = &'a Hashed>) -> (Self, usize) {
        Self::of_all(changes.into_iter().map(Sound::read_hashed))
    }

    fn of_all<'a>(changes: impl Iterator<Item = Result<Sound<'a>, DecodeError>>) -> (Self, usize) {
        let mut all = 0;
        let mut sounds = Vec::new();
        for sound in changes {
            all += 1;
            sounds.extend(sound);
        }
        // A change begins after the last operation of all that it follows.
        sounds.sort_by_key(|sound| sound.framed.head.start_op);
        let mut reading = Self::default();
        let taken = sounds.iter().filter(|sound| reading.retake(sound).is_ok());
        let damaged = all - taken.count();
        (reading, damaged)
    }

    /// Takes a change if it follows from what is there and `decide` agrees to its effect. Otherwise
    /// everything stays as it was.
    ///
    /// # Errors
    /// When the change does not follow from those that it names, and what `decide` says.
    pub fn take<T, E: From<DecodeError>>(
        &mut self,
        sound: &Sound<'_>,
        lens: &Lens,
        decide: impl FnOnce(&Effect) -> Result<T, E>,
    ) -> Result<T, E> {
        let first = self.history.is_empty();
        let fields = &mut self.fields;
        self.history.admit_sound(sound, || {
            let (touched, mut undo) = fields.announce(sound, lens.container);
            let before = (!first).then(|| fields.glimpse(lens, &touched.items));
            fields.write(sound, &mut undo);
            let effect = Effect {
                before,
                after: fields.glimpse(lens, &touched.items),
                container: touched.container,
                twice: fields.is_twice(lens, &touched.items),
            };
            let decided = decide(&effect);
            if decided.is_err() {
                fields.undo(undo);
            }
            decided
        })
    }

    fn retake(&mut self, sound: &Sound<'_>) -> Result<(), DecodeError> {
        let fields = &mut self.fields;
        self.history.admit_sound(sound, || {
            let (_, mut undo) = fields.announce(sound, "");
            fields.write(sound, &mut undo);
            Ok(())
        })
    }

    /// Some fields of the document itself.
    #[must_use]
    pub fn glimpse(&self, lens: &Lens) -> Tree {
        self.fields.glimpse(lens, &BTreeSet::new())
    }

    /// Every field with all its values and their writers.
    #[must_use]
    pub fn tree(&self) -> Tree {
        let mut fields = BTreeMap::new();
        self.fields.collect(&self.fields.root, "", 1, &mut fields);
        Tree::of(fields, self.history.spans().collect())
    }

    /// Whether no change was taken yet.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.history.is_empty()
    }

    /// Whether a change was taken.
    #[must_use]
    pub fn contains(&self, hash: &ChangeHash) -> bool {
        self.history.contains(hash)
    }

    /// How many operations all its changes have together.
    #[must_use]
    pub fn ops(&self) -> u64 {
        self.history.ops()
    }

    /// The names of the changes that no other one follows, in their order.
    #[must_use]
    pub fn heads(&self) -> Vec<ChangeHash> {
        self.history.heads()
    }
}

/// An operation's name, in the order in which the later of two values is shown.
type Name = (u64, ActorKey);

/// A value or a map that stands at a key.
#[derive(Debug, Clone)]
struct Live {
    name: Name,
    what: What,
}

#[derive(Debug, Clone)]
enum What {
    Map,
    Value(Value),
    Unshown,
}

#[derive(Debug, Default)]
struct Map {
    /// The first two keys on the way to it.
    path: Vec<String>,
    keys: BTreeMap<String, Vec<Live>>,
}

#[derive(Debug, Default)]
struct Fields {
    root: Map,
    /// Each by the operation that made it.
    maps: BTreeMap<Name, Map>,
}

/// What a change touches of a container.
#[derive(Debug, Default)]
struct Touched {
    container: bool,
    items: BTreeSet<String>,
}

/// How to go back to what stood before a change.
#[derive(Debug, Default)]
struct Undo {
    made: Vec<Name>,
    /// What was done at a key of a map, none for the root, in the order of writing.
    written: Vec<(Option<Name>, String, Deed)>,
}

#[derive(Debug)]
enum Deed {
    Put(Name),
    Taken(Live),
}

fn name_of(sound: &Sound<'_>, id: OpId) -> Option<Name> {
    Some((id.counter, sound.framed.actors.name(id.actor)?))
}

fn live(name: Name, action: Action, scalar: Scalar<'_>) -> Option<Live> {
    let what = match (action, scalar) {
        (Action::Delete, _) => return None,
        (Action::Make, _) => What::Map,
        (Action::Put, Scalar::Null) => What::Value(Value::Null),
        (Action::Put, Scalar::Bool(flag)) => What::Value(Value::Bool(flag)),
        (Action::Put, Scalar::Int(number)) => What::Value(Value::Int(number)),
        (Action::Put, Scalar::Text(text)) => What::Value(Value::Text(text.to_owned())),
        (Action::Put, Scalar::Unshown) => What::Unshown,
    };
    Some(Live { name, what })
}

impl Fields {
    fn map(&self, name: Option<Name>) -> Option<&Map> {
        match name {
            None => Some(&self.root),
            Some(name) => self.maps.get(&name),
        }
    }

    fn map_mut(&mut self, name: Option<Name>) -> Option<&mut Map> {
        match name {
            None => Some(&mut self.root),
            Some(name) => self.maps.get_mut(&name),
        }
    }

    /// Makes the maps of a change, which nothing leads to yet, and says what the change touches.
    fn announce(&mut self, sound: &Sound<'_>, container: &str) -> (Touched, Undo) {
        let (mut touched, mut undo) = (Touched::default(), Undo::default());
        for (name, step) in named(&sound.framed.head, &sound.steps) {
            let Step::Op {
                action,
                object,
                key,
                ..
            } = step
            else {
                continue;
            };
            let object = object.and_then(|id| name_of(sound, id));
            let Some(path) = self.map(object).map(|map| map.path.as_slice()) else {
                continue;
            };
            match path {
                [] => touched.container |= key == container,
                [first] if first == container => {
                    touched.items.insert(key.to_owned());
                }
                [first, item, ..] if first == container => {
                    touched.items.insert(item.clone());
                }
                [..] => {}
            }
            if action == Action::Make {
                let path = path.iter().cloned().chain([key.to_owned()]);
                let map = Map {
                    path: path.take(2).collect(),
                    keys: BTreeMap::new(),
                };
                undo.made.push(name);
                self.maps.insert(name, map);
            }
        }
        (touched, undo)
    }

    /// Puts the values of a change and takes away those that they take the place of.
    fn write(&mut self, sound: &Sound<'_>, undo: &mut Undo) {
        let mut at = (None, "");
        for (name, step) in named(&sound.framed.head, &sound.steps) {
            let deed = match step {
                Step::Op {
                    action,
                    object,
                    key,
                    scalar,
                } => {
                    at = (object.and_then(|id| name_of(sound, id)), key);
                    live(name, action, scalar).and_then(|live| self.put(at, live))
                }
                Step::Over(id) => name_of(sound, id).and_then(|over| self.take(at, over)),
            };
            undo.written
                .extend(deed.map(|deed| (at.0, at.1.to_owned(), deed)));
        }
    }

    fn put(&mut self, (map, key): (Option<Name>, &str), live: Live) -> Option<Deed> {
        let map = self.map_mut(map)?;
        let stands = match map.keys.get_mut(key) {
            Some(stands) => stands,
            None => map.keys.entry(key.to_owned()).or_default(),
        };
        let deed = Deed::Put(live.name);
        let place = stands.partition_point(|other| other.name < live.name);
        stands.insert(place, live);
        Some(deed)
    }

    fn take(&mut self, (map, key): (Option<Name>, &str), name: Name) -> Option<Deed> {
        let stands = self.map_mut(map)?.keys.get_mut(key)?;
        let place = stands.binary_search_by_key(&name, |live| live.name).ok()?;
        Some(Deed::Taken(stands.remove(place)))
    }

    fn undo(&mut self, undo: Undo) {
        for (map, key, deed) in undo.written.into_iter().rev() {
            match deed {
                Deed::Put(name) => self.take((map, &key), name),
                Deed::Taken(live) => self.put((map, &key), live),
            };
        }
        for name in undo.made {
            self.maps.remove(&name);
        }
    }

    fn is_twice(&self, lens: &Lens, items: &BTreeSet<String>) -> bool {
        self.maps_at(&self.root, lens.container).nth(1).is_some()
            || self.maps_at(&self.root, lens.container).any(|container| {
                let twice = |item: &String| self.maps_at(container, item).nth(1).is_some();
                items.iter().any(twice)
            })
    }

    fn glimpse(&self, lens: &Lens, items: &BTreeSet<String>) -> Tree {
        let mut fields = BTreeMap::new();
        for key in lens.fields {
            put(
                &mut fields,
                (*key).to_owned(),
                values(&self.root, key).collect(),
            );
        }
        for container in self.maps_at(&self.root, lens.container) {
            for item in items {
                for map in self.maps_at(container, item) {
                    for key in lens.item_fields {
                        let path = format!("{}/{item}/{key}", lens.container);
                        put(&mut fields, path, values(map, key).take(1).collect());
                    }
                }
            }
        }
        Tree::of(fields, Vec::new())
    }

    /// The maps that stand at a key, the one that is shown first.
    fn maps_at<'a>(&'a self, map: &'a Map, key: &str) -> impl Iterator<Item = &'a Map> {
        let stands = map.keys.get(key).map_or(&[][..], Vec::as_slice);
        stands.iter().rev().filter_map(|live| match live.what {
            What::Map => self.maps.get(&live.name),
            What::Value(_) | What::Unshown => None,
        })
    }

    fn collect(&self, map: &Map, prefix: &str, depth: usize, fields: &mut BTreeMap<String, Field>) {
        for key in map.keys.keys() {
            let path = format!("{prefix}{key}");
            if depth < PATH_KEYS_MAX {
                for inner in self.maps_at(map, key) {
                    self.collect(inner, &format!("{path}/"), depth + 1, fields);
                }
            }
            put(fields, path, values(map, key).collect());
        }
    }
}

/// The values at a key, the one that is shown first.
fn values<'a>(map: &'a Map, key: &str) -> impl Iterator<Item = Written> + use<'a> {
    let stands = map.keys.get(key).map_or(&[][..], Vec::as_slice);
    stands.iter().rev().filter_map(|live| match &live.what {
        What::Value(value) => Some(Written::of(value.clone(), live.name)),
        What::Map | What::Unshown => None,
    })
}

fn put(fields: &mut BTreeMap<String, Field>, path: String, values: Vec<Written>) {
    if !values.is_empty() {
        fields.insert(path, Field { values });
    }
}

/// The steps of a change, each with the name of the operation that it belongs to.
fn named<'a, 'b>(
    head: &'b ChangeHead,
    steps: &'b [Step<'a>],
) -> impl Iterator<Item = (Name, Step<'a>)> + use<'a, 'b> {
    let mut next = head.start_op;
    let mut name = (next, head.actor);
    steps.iter().map(move |step| {
        if matches!(step, Step::Op { .. }) {
            name = (next, head.actor);
            next = next.saturating_add(1);
        }
        (name, *step)
    })
}

#[cfg(test)]
mod tests {
    use super::super::{Document, Edit, Stamp};
    use super::*;
    use crate::time::Millis;

    const LENS: Lens = Lens {
        fields: &["kind"],
        container: "ev",
        item_fields: &["by", "text"],
    };

    fn commit(document: &mut Document, edits: &[Edit]) -> Vec<u8> {
        let stamp = Stamp {
            actor: ActorKey([1; 8]),
            at: Millis(1),
        };
        let change = document.commit(stamp, edits).expect("edits");
        change.expect("a change").bytes
    }

    #[test]
    fn sy17_a_change_shows_only_what_it_touches_however_large_its_document_is() {
        let mut document = Document::default();
        let begin = [Edit::new("kind", "k"), Edit::new("ev/*", "")];
        let mut changes = vec![commit(&mut document, &begin)];
        for n in 0..300 {
            let text = Edit::new(format!("ev/{n}/text"), "x");
            let more = Edit::new(format!("more{n}"), "y");
            changes.push(commit(&mut document, &[text, more]));
        }
        changes.push(commit(&mut document, &[Edit::new("ev/7/text", "z")]));
        let mut reading = Reading::default();
        let mut shown = Vec::new();
        for bytes in &changes {
            let sound = Sound::read(bytes).expect("sound");
            let taken = reading.take(&sound, &LENS, |effect| {
                assert!(!effect.twice);
                assert_eq!(effect.container, effect.before.is_none());
                let before = effect
                    .before
                    .as_ref()
                    .map_or(0, |tree| tree.fields().count());
                shown.push((before, effect.after.fields().count()));
                Ok::<_, DecodeError>(())
            });
            assert!(taken.is_ok());
        }
        let (first, rest) = shown.split_first().expect("the first");
        let (last, rest) = rest.split_last().expect("the last");
        assert_eq!((*first, *last), ((0, 1), (2, 2)));
        assert!(rest.iter().all(|shown| *shown == (1, 2)));
        assert_eq!(reading.tree(), document.tree());
    }
}
