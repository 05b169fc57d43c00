//! A record laid open for writing: what a command does to it, step by step.

use super::{Context, Current, Denial, Plan};
use crate::access;
use crate::document::{Edit, Value};
use crate::id::{ItemId, Part, RecordId};
use crate::record::status::{Rule, Step, step_edits};
use crate::record::{
    EventKind, HEADER_PATHS, Header, Kind, SCHEMA, Said, events, hazard, last_event_at,
};
use crate::time::Millis;
use crate::unit::{Colleague, Member};

/// A record laid open for writing: collects edits and keeps track of the status on the way.
pub(super) struct Desk<'a, 'd> {
    pub(super) context: &'a mut Context<'d>,
    pub(super) current: &'a Current,
    pub(super) record: RecordId,
    pub(super) header: Header,
    pub(super) status: String,
    pub(super) body: Vec<Edit>,
    pub(super) vault: Vec<Edit>,
    pub(super) more: Vec<Plan>,
    last_event: Millis,
}

impl<'a, 'd> Desk<'a, 'd> {
    pub(super) fn open(
        context: &'a mut Context<'d>,
        record: RecordId,
        current: &'a Current,
    ) -> Result<Self, Denial> {
        let header = Header::fold(&current.body).map_err(|_| Denial::NotHere)?;
        if header.schema > SCHEMA {
            return Err(Denial::Newer);
        }
        context.may_begin(header.kind, &header.grid)?;
        let events = events(&current.body);
        let status = access::machine(header.kind).fold(&events).status;
        let last_event = last_event_at(&current.body);
        Ok(Self {
            context,
            current,
            record,
            header,
            status,
            body: Vec::new(),
            vault: Vec::new(),
            more: Vec::new(),
            last_event,
        })
    }

    pub(super) fn me(&self) -> &'d Member {
        &self.context.directory.me
    }

    pub(super) const fn now(&self) -> Millis {
        self.context.fresh.now
    }

    /// The id of a new item, later than every event that the writer has seen: the order of ids is
    /// thus never against the order of cause, even where a clock is behind.
    pub(super) fn item(&mut self) -> ItemId {
        let now = self.context.fresh.now;
        let at = now.max(self.last_event.plus(1));
        self.last_event = at;
        self.context.fresh.now = at;
        let id = self.context.fresh.id();
        self.context.fresh.now = now;
        id
    }

    pub(super) fn must_be(&self, statuses: &[&str]) -> Result<(), Denial> {
        if statuses.contains(&self.status.as_str()) {
            Ok(())
        } else {
            Err(self.not_now())
        }
    }

    /// The status that the record is in does not allow what was asked.
    pub(super) fn not_now(&self) -> Denial {
        Denial::Status {
            kind: self.header.kind,
            from: self.status.clone(),
        }
    }

    /// Takes a step that needs nothing but its status and a role: the others have commands of their
    /// own, which ask for what they need.
    pub(super) fn plain_step(&mut self, to: &str, reason: &Said) -> Result<(), Denial> {
        let needs_more = match self.header.kind {
            Kind::Dispute => ["agreed", "performed", "failed", "closed"].contains(&to),
            Kind::Patrol | Kind::Hazard | Kind::Task => false,
        };
        if needs_more {
            return Err(self.not_now());
        }
        self.step(to, reason)
    }

    /// Takes one step, if the status and the member's roles allow it.
    pub(super) fn step(&mut self, to: &str, reason: &Said) -> Result<(), Denial> {
        let machine = access::machine(self.header.kind);
        let rule = machine
            .rule(&self.status, to)
            .ok_or_else(|| self.not_now())?;
        if !self.me().has_any(rule.roles) {
            return Err(Denial::NotYourRole);
        }
        if self.header.kind == Kind::Hazard {
            self.another(to, rule)?;
        }
        let step = Step {
            from: self.status.clone(),
            to: to.to_owned(),
            reason: reason.as_str().to_owned(),
            dropped: false,
        };
        let (id, now) = (self.item(), self.now());
        self.body
            .extend(step_edits(id, &self.me().person, now, &step));
        to.clone_into(&mut self.status);
        Ok(())
    }

    /// What one person put right another one passes, where anybody else here may.
    fn another(&self, to: &str, rule: &Rule) -> Result<(), Denial> {
        let me = &self.me().person;
        let mine = hazard::mended_by(&self.current.body, &self.status, to).as_ref() == Some(me);
        let mut others = self.context.directory.colleagues.iter();
        let may = |other: &Colleague| other.person != *me && rule.roles.contains(&other.role);
        if mine && others.any(may) {
            Err(Denial::NeedsAnother)
        } else {
            Ok(())
        }
    }

    /// Takes several steps, or none.
    pub(super) fn steps(&mut self, way: &[&str]) -> Result<(), Denial> {
        way.iter()
            .try_for_each(|to| self.step(to, &Said::default()))
    }

    pub(super) fn drop_step(&mut self, event: ItemId) -> Result<(), Denial> {
        let found = events(&self.current.body)
            .into_iter()
            .find(|known| known.id == event);
        match found.map(|known| known.what) {
            Some(EventKind::Step(step)) if !step.dropped => {
                self.body
                    .push(Edit::new(format!("ev/{event}/dropped"), Value::Bool(true)));
                Ok(())
            }
            _ => Err(Denial::Nothing),
        }
    }

    pub(super) fn settle(&mut self, part: Part, path: &str, value: &Value) -> Result<(), Denial> {
        let tree = match part {
            Part::Body => Some(&self.current.body),
            Part::Vault => self.current.vault.as_ref(),
        };
        let field = tree
            .and_then(|tree| tree.field(path))
            .ok_or(Denial::Nothing)?;
        let claimed = field.values.iter().any(|written| written.value == *value);
        if !field.is_conflict() || !claimed || (part == Part::Body && HEADER_PATHS.contains(&path))
        {
            return Err(Denial::Nothing);
        }
        let edit = Edit {
            path: path.to_owned(),
            value: value.clone(),
        };
        match part {
            Part::Body => self.body.push(edit),
            Part::Vault => self.vault.push(edit),
        }
        Ok(())
    }

    pub(super) fn close(self) -> Vec<Plan> {
        let parts = [(Part::Body, self.body), (Part::Vault, self.vault)];
        let edits = parts
            .into_iter()
            .filter(|(_, edits)| !edits.is_empty())
            .collect();
        let mut plans = vec![Plan {
            record: self.record,
            edits,
        }];
        plans.extend(self.more);
        plans
    }
}
