//! What somebody may do with a dispute: a screen shows nothing else.

use super::MACHINE;
use crate::access;
use crate::record::Kind;
use crate::unit::Member;

/// What somebody may do with a dispute as it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Offers {
    /// Record a session of mediation.
    pub session: bool,
    /// Record an agreement.
    pub agreement: bool,
    /// Close the case, in one way or another.
    pub close: bool,
}

/// What this member may do with a dispute in this status. A screen shows nothing else.
#[must_use]
pub fn offers(member: &Member, status: &str) -> Offers {
    let may = |way: &[&str]| {
        let from = core::iter::once(status).chain(way.iter().copied());
        from.zip(way)
            .all(|step| access::may_step(member, Kind::Dispute, (step.0, step.1)))
    };
    let mut rules = MACHINE.rules.iter();
    let any = rules.any(|rule| rule.from == status && member.has_any(rule.roles));
    Offers {
        session: match status {
            "reported" => may(&["accepted", "mediating"]),
            "accepted" | "suspended" => may(&["mediating"]),
            // Whoever may bring it to an agreement leads it.
            "mediating" => may(&["agreed"]),
            _ => false,
        },
        agreement: match status {
            "reported" | "mediating" => may(&["agreed"]),
            "accepted" | "suspended" => may(&["mediating", "agreed"]),
            _ => false,
        },
        close: any && MACHINE.is_open(status),
    }
}
