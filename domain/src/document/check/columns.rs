//! The operations of a change, read from its columns one by one.
//!
//! Documents here are maps in maps, so three operations are known: make a map, put a value, delete.

use super::reader::Reader;
use super::runs::Runs;
use super::{DecodeError, KEY_BYTES_MAX, OP_MAX, OPS_MAX, PREDS_MAX};
use crate::id::ActorKey;

/// What an operation does with its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::document) enum Action {
    Make,
    Put,
    Delete,
}

/// An operation's name: its author's place in the change's table, and its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::document) struct OpId {
    pub(in crate::document) actor: usize,
    pub(in crate::document) counter: u64,
}

/// A step through a change: an operation, then each operation that it takes the place of.
#[derive(Debug, Clone, Copy)]
pub(in crate::document) enum Step<'a> {
    Op {
        action: Action,
        /// The map that is written to; none for the root.
        object: Option<OpId>,
        key: &'a str,
        scalar: Scalar<'a>,
    },
    Over(OpId),
}

/// What an operation puts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::document) enum Scalar<'a> {
    Null,
    Bool(bool),
    Int(i64),
    Text(&'a str),
    /// A kind of value that is kept but not shown.
    Unshown,
}

/// The authors that a change names: its own first, then the others in the order of their bytes.
#[derive(Debug, Clone, Copy)]
pub(in crate::document) struct Actors<'a> {
    own: ActorKey,
    /// One byte of length and eight of name each.
    others: &'a [[u8; 9]],
}

impl<'a> Actors<'a> {
    pub(super) fn read(
        reader: &mut Reader<'a>,
        own: ActorKey,
        max: u64,
    ) -> Result<Self, DecodeError> {
        let count = reader.count(max)?;
        let (others, _) = reader
            .take_counted(count.saturating_mul(9))?
            .as_chunks::<9>();
        let mut before: Option<&[u8]> = None;
        for other in others {
            let [8, name @ ..] = other else {
                return Err(DecodeError::Actor);
            };
            if *name == own.0 || before.is_some_and(|before| before >= name.as_slice()) {
                return Err(DecodeError::Malformed);
            }
            before = Some(name);
        }
        Ok(Self { own, others })
    }

    /// How many there are, the change's own included.
    pub(in crate::document) const fn len(&self) -> usize {
        self.others.len() + 1
    }

    pub(in crate::document) fn name(&self, place: usize) -> Option<ActorKey> {
        match place.checked_sub(1) {
            None => Some(self.own),
            Some(other) => match self.others.get(other)? {
                [_, name @ ..] => Some(ActorKey(*name)),
            },
        }
    }
}

/// The columns of a change, each still packed.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Columns<'a> {
    object_actor: &'a [u8],
    object_counter: &'a [u8],
    key: &'a [u8],
    insert: &'a [u8],
    action: &'a [u8],
    value_kind: &'a [u8],
    value: &'a [u8],
    over_count: &'a [u8],
    over_actor: &'a [u8],
    over_counter: &'a [u8],
}

impl<'a> Columns<'a> {
    /// Reads the table of columns and the columns, which must fill the rest of the change.
    pub(super) fn read(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let count = reader.count(COLUMNS_MAX)?;
        let mut table = *reader;
        for _ in 0..count {
            reader.unsigned()?;
            reader.unsigned()?;
        }
        let mut columns = Self::default();
        let mut before = None;
        for _ in 0..count {
            let kind = table.unsigned()?;
            let bytes = reader.take_counted(table.unsigned()?)?;
            // A column of nothing is not written, and each only once.
            if bytes.is_empty() || before.is_some_and(|before| before >= kind) {
                return Err(DecodeError::Malformed);
            }
            before = Some(kind);
            *columns.slot(kind)? = bytes;
        }
        if reader.is_empty() {
            Ok(columns)
        } else {
            Err(DecodeError::Malformed)
        }
    }

    fn slot(&mut self, kind: u64) -> Result<&mut &'a [u8], DecodeError> {
        Ok(match kind {
            0x01 => &mut self.object_actor,
            0x02 => &mut self.object_counter,
            0x15 => &mut self.key,
            0x34 => &mut self.insert,
            0x42 => &mut self.action,
            0x56 => &mut self.value_kind,
            0x57 => &mut self.value,
            0x70 => &mut self.over_count,
            0x71 => &mut self.over_actor,
            0x73 => &mut self.over_counter,
            // Places in lists, and marks on text.
            0x11 | 0x13 | 0x94 | 0xa5 => return Err(DecodeError::Operation),
            packed if packed & 0x08 != 0 => return Err(DecodeError::Compressed),
            _ => return Err(DecodeError::Malformed),
        })
    }

    /// How many operations there are.
    pub(super) fn ops(&self) -> Result<u64, DecodeError> {
        match Runs::<u64>::new(self.action).count(OPS_MAX)? {
            0 => Err(DecodeError::Malformed),
            ops => Ok(ops),
        }
    }

    /// Goes through all operations and checks each; `see` may refuse as well.
    pub(super) fn walk(
        &self,
        start: u64,
        actors: Actors<'_>,
        see: &mut dyn FnMut(Step<'a>) -> Result<(), DecodeError>,
    ) -> Result<(), DecodeError> {
        let ops = self.ops()?;
        self.inserts_nothing(ops)?;
        let mut rows = Rows::new(self, actors);
        for counter in (start..).take(usize::try_from(ops).map_err(|_| DecodeError::Bounds)?) {
            if counter > OP_MAX {
                return Err(DecodeError::Bounds);
            }
            let action = rows.action()?;
            let object = rows.object(counter)?;
            let key = rows.key.value()?;
            if key.is_empty() || key.len() > KEY_BYTES_MAX {
                return Err(DecodeError::Bounds);
            }
            let scalar = rows.value(action)?;
            see(Step::Op {
                action,
                object,
                key,
                scalar,
            })?;
            rows.over((counter, action), see)?;
        }
        rows.end()
    }

    /// The column of insertions: one run of "no" over all operations.
    fn inserts_nothing(&self, ops: u64) -> Result<(), DecodeError> {
        let mut insert = Reader::new(self.insert);
        if insert.unsigned()? == ops && insert.is_empty() {
            Ok(())
        } else {
            Err(DecodeError::Operation)
        }
    }
}

struct Rows<'a, 'b> {
    actors: Actors<'b>,
    /// A bit for each author that some operation names.
    named: u128,
    overs: u64,
    object_actor: Runs<'a, u64>,
    object_counter: Runs<'a, u64>,
    key: Runs<'a, &'a str>,
    action: Runs<'a, u64>,
    value_kind: Runs<'a, u64>,
    value: Reader<'a>,
    over_count: Runs<'a, u64>,
    over_actor: Runs<'a, u64>,
    over_step: Runs<'a, i64>,
    over_counter: i64,
}

impl<'a, 'b> Rows<'a, 'b> {
    const fn new(columns: &Columns<'a>, actors: Actors<'b>) -> Self {
        Self {
            actors,
            named: 0,
            overs: 0,
            object_actor: Runs::new(columns.object_actor),
            object_counter: Runs::new(columns.object_counter),
            key: Runs::new(columns.key),
            action: Runs::new(columns.action),
            value_kind: Runs::new(columns.value_kind),
            value: Reader::new(columns.value),
            over_count: Runs::new(columns.over_count),
            over_actor: Runs::new(columns.over_actor),
            over_step: Runs::new(columns.over_counter),
            over_counter: 0,
        }
    }

    fn action(&mut self) -> Result<Action, DecodeError> {
        match self.action.value()? {
            0 => Ok(Action::Make),
            1 => Ok(Action::Put),
            3 => Ok(Action::Delete),
            _ => Err(DecodeError::Operation),
        }
    }

    fn object(&mut self, counter: u64) -> Result<Option<OpId>, DecodeError> {
        // Both columns are left out where every operation writes to the root.
        if self.object_actor.is_absent() && self.object_counter.is_absent() {
            return Ok(None);
        }
        match (self.object_actor.next()?, self.object_counter.next()?) {
            (None, None) => Ok(None),
            (Some(actor), Some(object)) => self.name(actor, object, counter).map(Some),
            (Some(_), None) | (None, Some(_)) => Err(DecodeError::Malformed),
        }
    }

    /// The name of an operation before the one at `counter`.
    fn name(&mut self, actor: u64, earlier: u64, counter: u64) -> Result<OpId, DecodeError> {
        let actor = usize::try_from(actor).map_err(|_| DecodeError::Bounds)?;
        if actor >= self.actors.len() || earlier == 0 || earlier >= counter {
            return Err(DecodeError::Bounds);
        }
        self.named |= 1 << actor;
        Ok(OpId {
            actor,
            counter: earlier,
        })
    }

    fn value(&mut self, action: Action) -> Result<Scalar<'a>, DecodeError> {
        let kind = self.value_kind.value()?;
        let mut value = Reader::new(self.value.take_counted(kind >> 4)?);
        let scalar = match kind & 0x0f {
            0 => Scalar::Null,
            1 => Scalar::Bool(false),
            2 => Scalar::Bool(true),
            3 => i64::try_from(value.unsigned()?).map_or(Scalar::Unshown, Scalar::Int),
            // A whole number, a moment.
            4 | 9 => Scalar::Int(value.signed()?),
            // A counter.
            8 => value.signed().map(|_| Scalar::Unshown)?,
            // A broken number.
            5 => value.take(8).map(|_| Scalar::Unshown)?,
            6 => {
                let bytes = core::mem::take(&mut value.rest);
                let text = core::str::from_utf8(bytes).map_err(|_| DecodeError::Malformed)?;
                Scalar::Text(text)
            }
            // Bytes and kinds of a newer version are kept as they are.
            _ => {
                value.rest = &[];
                Scalar::Unshown
            }
        };
        let plain = kind == 0 || action == Action::Put;
        if value.is_empty() && plain {
            Ok(scalar)
        } else {
            Err(DecodeError::Malformed)
        }
    }

    /// The operations that one takes the place of, in their order.
    fn over(
        &mut self,
        (counter, action): (u64, Action),
        see: &mut dyn FnMut(Step<'a>) -> Result<(), DecodeError>,
    ) -> Result<(), DecodeError> {
        let count = self.over_count.value()?;
        self.overs = self.overs.saturating_add(count);
        if self.overs > PREDS_MAX {
            return Err(DecodeError::Bounds);
        }
        // A deletion is only ever kept with what it deletes.
        if action == Action::Delete && count == 0 {
            return Err(DecodeError::Malformed);
        }
        let mut before = None;
        for _ in 0..count {
            let actor = self.over_actor.value()?;
            self.over_counter = self
                .over_counter
                .checked_add(self.over_step.value()?)
                .ok_or(DecodeError::Bounds)?;
            let earlier = u64::try_from(self.over_counter).map_err(|_| DecodeError::Bounds)?;
            let id = self.name(actor, earlier, counter)?;
            let order = Some((id.counter, self.actors.name(id.actor)));
            if before >= order {
                return Err(DecodeError::Malformed);
            }
            before = order;
            see(Step::Over(id))?;
        }
        Ok(())
    }

    /// That every column ended with the last operation, and that every author was named.
    fn end(&self) -> Result<(), DecodeError> {
        self.object_actor.end()?;
        self.object_counter.end()?;
        self.key.end()?;
        self.value_kind.end()?;
        self.over_count.end()?;
        self.over_actor.end()?;
        self.over_step.end()?;
        let others = (1_u128 << self.actors.len()) - 1;
        if self.value.is_empty() && (self.named | 1) == others {
            Ok(())
        } else {
            Err(DecodeError::Malformed)
        }
    }
}

/// More than all columns that are known.
const COLUMNS_MAX: u64 = 16;
