//! Code lists: versioned data with a Chinese and an English name for each code.

use std::sync::OnceLock;

use crate::record::Kind;

/// The lists as they ship: tab-separated list, code, Chinese, English.
const DATA: &str = include_str!("../data/codelists.tsv");

/// One of the two languages that the project speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Language {
    /// Simplified Chinese, the first language.
    #[default]
    Zh,
    /// English.
    En,
}

/// A list of codes; its name is the first column of the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum List {
    /// The list `dispute_category`.
    DisputeCategory,
    /// The list `dispute_source`.
    DisputeSource,
    /// The list `mediation_track`.
    MediationTrack,
    /// The list `dispute_status`.
    DisputeStatus,
    /// The list `dispute_outcome`.
    DisputeOutcome,
    /// The list `fail_reason`.
    FailReason,
    /// The list `referral_target`.
    ReferralTarget,
    /// The list `case_level`.
    CaseLevel,
    /// The list `visit_mode`.
    VisitMode,
    /// The list `visit_finding`.
    VisitFinding,
    /// The list `satisfaction`.
    Satisfaction,
    /// The list `party_role`.
    PartyRole,
    /// The list `patrol_type`.
    PatrolType,
    /// The list `patrol_mode`.
    PatrolMode,
    /// The list `patrol_status`.
    PatrolStatus,
    /// The list `checkpoint_kind`.
    CheckpointKind,
    /// The list `checkin_method`.
    CheckinMethod,
    /// The list `hazard_category`.
    HazardCategory,
    /// The list `hazard_level`.
    HazardLevel,
    /// The list `hazard_status`.
    HazardStatus,
    /// The list `task_status`.
    TaskStatus,
    /// The list `unit_level`.
    UnitLevel,
    /// The list `role`.
    Role,
    /// The list `event_kind`.
    EventKind,
    /// The list `told`: kinds of notes that come with a step or a report and that nobody picks.
    Told,
    /// The list `session_mode`.
    SessionMode,
    /// The list `session_result`.
    SessionResult,
    /// The list `agreement_form`.
    AgreementForm,
    /// The list `figure`.
    Figure,
}

impl List {
    const fn name(self) -> &'static str {
        match self {
            Self::DisputeCategory => "dispute_category",
            Self::DisputeSource => "dispute_source",
            Self::MediationTrack => "mediation_track",
            Self::DisputeStatus => "dispute_status",
            Self::DisputeOutcome => "dispute_outcome",
            Self::FailReason => "fail_reason",
            Self::ReferralTarget => "referral_target",
            Self::CaseLevel => "case_level",
            Self::VisitMode => "visit_mode",
            Self::VisitFinding => "visit_finding",
            Self::Satisfaction => "satisfaction",
            Self::PartyRole => "party_role",
            Self::PatrolType => "patrol_type",
            Self::PatrolMode => "patrol_mode",
            Self::PatrolStatus => "patrol_status",
            Self::CheckpointKind => "checkpoint_kind",
            Self::CheckinMethod => "checkin_method",
            Self::HazardCategory => "hazard_category",
            Self::HazardLevel => "hazard_level",
            Self::HazardStatus => "hazard_status",
            Self::TaskStatus => "task_status",
            Self::UnitLevel => "unit_level",
            Self::Role => "role",
            Self::EventKind => "event_kind",
            Self::Told => "told",
            Self::SessionMode => "session_mode",
            Self::SessionResult => "session_result",
            Self::AgreementForm => "agreement_form",
            Self::Figure => "figure",
        }
    }
}

/// One entry of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Code {
    list: &'static str,
    /// The code that records store.
    pub code: &'static str,
    /// Its Chinese name.
    pub zh: &'static str,
    /// Its English name.
    pub en: &'static str,
}

impl Code {
    /// The name in a language.
    #[must_use]
    pub const fn name(&self, language: Language) -> &'static str {
        match language {
            Language::Zh => self.zh,
            Language::En => self.en,
        }
    }
}

fn table() -> &'static [Code] {
    static TABLE: OnceLock<Vec<Code>> = OnceLock::new();
    TABLE.get_or_init(|| DATA.lines().filter_map(parse_line).collect())
}

fn parse_line(line: &'static str) -> Option<Code> {
    let mut columns = line.split('\t');
    let (list, code) = (columns.next()?, columns.next()?);
    let (zh, en) = (columns.next()?, columns.next()?);
    (!list.starts_with('#')).then_some(Code { list, code, zh, en })
}

/// The version of the lists.
#[must_use]
pub fn version() -> &'static str {
    table()
        .iter()
        .find(|entry| entry.list == "version")
        .map_or("0", |entry| entry.code)
}

/// The codes of a list, in the order to offer them.
pub fn codes(list: List) -> impl Iterator<Item = &'static Code> {
    let name = list.name();
    table()
        .iter()
        .filter(move |entry| entry.list == name && entry.code != "*")
}

/// The list that the statuses of a kind of record are in.
#[must_use]
pub const fn statuses(kind: Kind) -> List {
    match kind {
        Kind::Dispute => List::DisputeStatus,
        Kind::Patrol => List::PatrolStatus,
        Kind::Hazard => List::HazardStatus,
        Kind::Task => List::TaskStatus,
    }
}

/// The list that the codes of a field are in, by the kind of its record; none for a field that holds
/// no code, or one whose codes have no list.
#[must_use]
pub fn of_field(kind: Kind, path: &str) -> Option<List> {
    let (container, field) = path
        .split_once('/')
        .map_or(("", path), |(container, rest)| {
            (container, rest.rsplit('/').next().unwrap_or(rest))
        });
    Some(match (kind, container, field) {
        (Kind::Dispute, "", "category") => List::DisputeCategory,
        (Kind::Patrol, "", "category") => List::PatrolType,
        (Kind::Hazard, "", "category") => List::HazardCategory,
        (Kind::Dispute, "", "level") => List::CaseLevel,
        (Kind::Hazard, "", "level") => List::HazardLevel,
        (Kind::Dispute, "", "outcome") => List::DisputeOutcome,
        (Kind::Dispute, "", "fail_reason") => List::FailReason,
        (Kind::Hazard, "", "target") => List::ReferralTarget,
        (Kind::Task, "", "finding") => List::VisitFinding,
        (Kind::Task, "", "mode") => List::VisitMode,
        (Kind::Patrol, "", "mode") => List::PatrolMode,
        (Kind::Dispute, "sessions", "mode") => List::SessionMode,
        (Kind::Dispute, "sessions", "result") => List::SessionResult,
        (Kind::Dispute, "agreements", "form") => List::AgreementForm,
        (Kind::Dispute, "parties", "role") => List::PartyRole,
        _ => return None,
    })
}

/// The entry of a code, if the list has it.
#[must_use]
pub fn find(list: List, code: &str) -> Option<&'static Code> {
    codes(list).find(|entry| entry.code == code)
}

/// The name of a code; a code from a newer list is shown as it is.
#[must_use]
pub fn name(list: List, code: &str, language: Language) -> &str {
    find(list, code).map_or(code, |entry| entry.name(language))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [List; 29] = [
        List::Told,
        List::Figure,
        List::DisputeCategory,
        List::DisputeSource,
        List::MediationTrack,
        List::DisputeStatus,
        List::DisputeOutcome,
        List::FailReason,
        List::ReferralTarget,
        List::CaseLevel,
        List::VisitMode,
        List::VisitFinding,
        List::Satisfaction,
        List::PartyRole,
        List::PatrolType,
        List::PatrolMode,
        List::PatrolStatus,
        List::CheckpointKind,
        List::CheckinMethod,
        List::HazardCategory,
        List::HazardLevel,
        List::HazardStatus,
        List::TaskStatus,
        List::UnitLevel,
        List::Role,
        List::EventKind,
        List::SessionMode,
        List::SessionResult,
        List::AgreementForm,
    ];

    #[test]
    fn each_list_is_in_the_data_with_both_languages() {
        for list in ALL {
            assert!(codes(list).count() >= 2, "{list:?}");
            for entry in codes(list) {
                assert!(
                    !entry.zh.is_empty() && !entry.en.is_empty(),
                    "{list:?} {}",
                    entry.code
                );
            }
        }
        assert_eq!(version(), "1");
    }

    #[test]
    fn codes_are_unique_in_their_list() {
        for list in ALL {
            let mut seen: Vec<_> = codes(list).map(|entry| entry.code).collect();
            let count = seen.len();
            seen.sort_unstable();
            seen.dedup();
            assert_eq!(seen.len(), count, "{list:?}");
        }
    }

    #[test]
    fn an_unknown_code_is_shown_as_it_is() {
        assert_eq!(name(List::DisputeCategory, "02", Language::Zh), "邻里纠纷");
        assert_eq!(name(List::DisputeCategory, "77", Language::En), "77");
    }
}
