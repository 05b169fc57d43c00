//! Statuses are not fields but folds over steps that people took, so none is lost by a merge.

use super::{Event, EventKind};
use crate::document::Edit;
use crate::id::{ItemId, PersonId};
use crate::time::Millis;
use crate::unit::Role;

/// A step as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The status that its writer saw.
    pub from: String,
    /// The status that it leads to.
    pub to: String,
    /// Why, or with which result.
    pub reason: String,
    /// A person decided that another step holds instead.
    pub dropped: bool,
}

/// A step that a state machine allows.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// From this status.
    pub from: &'static str,
    /// To this one.
    pub to: &'static str,
    /// By people with one of these roles.
    pub roles: &'static [Role],
}

/// The state machine of a kind of record.
#[derive(Debug, Clone, Copy)]
pub struct Machine {
    /// The status that the first change gives.
    pub initial: &'static str,
    /// The steps that may be taken.
    pub rules: &'static [Rule],
    /// The statuses in which something is still to be done.
    pub open: &'static [&'static str],
}

/// Where a record stands after all its steps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The status now.
    pub status: String,
    /// When and by which event it was reached; `None` while it is the initial one.
    pub since: Option<(ItemId, Millis)>,
    /// Steps that contradict the ones taken before them, waiting for a person to decide.
    pub review: Vec<ItemId>,
}

impl Machine {
    /// Folds the steps in the order of their ids: a step that starts where the record stands and
    /// that a rule allows is taken, any other is kept for review, and neither is ever lost.
    #[must_use]
    pub fn fold(&self, events: &[Event]) -> Standing {
        let (taken, review) = self.sort(events);
        let last = taken.last();
        Standing {
            status: last
                .map_or(self.initial, |(_, step)| step.to.as_str())
                .to_owned(),
            since: last.map(|(event, _)| (event.id, event.at)),
            review,
        }
    }

    /// The steps that hold, in their order: whatever counts steps counts these, and none that was
    /// dropped or waits for review.
    #[must_use]
    pub fn taken<'a>(&self, events: &'a [Event]) -> Vec<(&'a Event, &'a Step)> {
        self.sort(events).0
    }

    /// The last step to a status that holds, where there is one.
    #[must_use]
    pub fn reached<'a>(&self, events: &'a [Event], status: &str) -> Option<(&'a Event, &'a Step)> {
        let taken = self.taken(events).into_iter();
        taken.rev().find(|(_, step)| step.to == status)
    }

    /// Steps that hold, and those that wait for review.
    fn sort<'a>(&self, events: &'a [Event]) -> (Vec<(&'a Event, &'a Step)>, Vec<ItemId>) {
        let (mut taken, mut review) = (Vec::new(), Vec::new());
        let mut status = self.initial;
        for event in events {
            let EventKind::Step(step) = &event.what else {
                continue;
            };
            if step.dropped {
                continue;
            }
            // The step must start where the record stands: one that was taken from elsewhere was
            // taken without knowing of the steps before it.
            if step.from == status && self.rule(&step.from, &step.to).is_some() {
                status = &step.to;
                taken.push((event, step));
            } else if step.to != status {
                review.push(event.id);
            }
        }
        (taken, review)
    }

    /// Whether something is still to be done in this status.
    #[must_use]
    pub fn is_open(&self, status: &str) -> bool {
        self.open.contains(&status)
    }

    /// The rule for a step, if there is one.
    #[must_use]
    pub fn rule(&self, from: &str, to: &str) -> Option<&'static Rule> {
        self.rules
            .iter()
            .find(|rule| rule.from == from && rule.to == to)
    }
}

/// The edits that write a step.
#[must_use]
pub fn step_edits(id: ItemId, by: &PersonId, at: Millis, step: &Step) -> Vec<Edit> {
    let field = |name: &str| format!("ev/{id}/{name}");
    let mut edits = vec![
        Edit::new(field("t"), "status"),
        Edit::new(field("at"), at),
        Edit::new(field("by"), by.as_str()),
        Edit::new(field("from"), step.from.as_str()),
        Edit::new(field("to"), step.to.as_str()),
    ];
    super::put_text(&mut edits, field("text"), &step.reason);
    edits
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::RecordId;

    const MACHINE: Machine = Machine {
        initial: "a",
        rules: &[
            Rule {
                from: "a",
                to: "b",
                roles: &[],
            },
            Rule {
                from: "b",
                to: "c",
                roles: &[],
            },
            Rule {
                from: "b",
                to: "d",
                roles: &[],
            },
        ],
        open: &["a", "b"],
    };

    fn step(ms: i64, from: &str, to: &str, dropped: bool) -> Event {
        let what = EventKind::Step(Step {
            from: from.to_owned(),
            to: to.to_owned(),
            reason: String::new(),
            dropped,
        });
        let by = "p1".parse().expect("code");
        Event {
            id: RecordId::new(Millis(ms), [0; 10]),
            at: Millis(ms),
            by,
            what,
        }
    }

    #[test]
    fn steps_are_taken_in_order() {
        let standing = MACHINE.fold(&[step(1, "a", "b", false), step(2, "b", "c", false)]);
        assert_eq!((standing.status.as_str(), standing.review.len()), ("c", 0));
    }

    #[test]
    fn of_two_contradicting_steps_the_second_waits_for_a_person() {
        let standing = MACHINE.fold(&[
            step(1, "a", "b", false),
            step(2, "b", "c", false),
            step(3, "b", "d", false),
        ]);
        assert_eq!(standing.status, "c");
        assert_eq!(standing.review, [RecordId::new(Millis(3), [0; 10])]);
        let decided = MACHINE.fold(&[
            step(1, "a", "b", false),
            step(2, "b", "c", true),
            step(3, "b", "d", false),
        ]);
        assert_eq!((decided.status.as_str(), decided.review.len()), ("d", 0));
    }

    #[test]
    fn the_same_step_taken_twice_is_one_step() {
        let standing = MACHINE.fold(&[step(1, "a", "b", false), step(2, "a", "b", false)]);
        assert_eq!((standing.status.as_str(), standing.review.len()), ("b", 0));
    }

    #[test]
    fn an_unknown_status_of_a_newer_version_is_kept_for_review() {
        let standing = MACHINE.fold(&[step(1, "a", "z", false)]);
        assert_eq!((standing.status.as_str(), standing.review.len()), ("a", 1));
    }
}
