//! A dispute as the data of the demonstration tell it.

use serde::Deserialize;

/// One line of the data.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Line {
    /// How far the case has come.
    pub(super) stage: Progress,
    /// Title.
    pub(super) ti: String,
    /// Category.
    pub(super) c: String,
    /// Level.
    pub(super) l: String,
    /// Place inside the village.
    pub(super) p: String,
    /// The village, where the place is not just anywhere.
    pub(crate) v: Option<String>,
    /// What happened.
    pub(super) b: String,
    /// Notes: kind and text.
    pub(super) n: Vec<(String, String)>,
    /// What was said in the session.
    pub(super) s: String,
    /// Mode of the session.
    pub(super) mode: String,
    /// Days until the next session, from today.
    pub(super) again: Option<i64>,
    /// What was agreed.
    pub(super) a: String,
    /// Form of the agreement.
    pub(super) form: String,
    /// Terms: text and days, from the agreement in closed cases, from today in open ones.
    pub(super) t: Vec<(String, i64)>,
    /// A term that is overdue is left so.
    pub(super) late_term: bool,
    /// Closing summary.
    pub(super) z: String,
    /// Settled at the first visit.
    pub(super) spot: bool,
    /// Outcome of a case without an agreement.
    pub(super) outcome: String,
    /// Reason of such an end.
    pub(super) reason: String,
    /// Where to and why the case was handed over.
    pub(super) r#ref: String,
    /// Registered some days ago and not accepted yet.
    pub(super) late: bool,
    /// A field that two people wrote at the same time.
    pub(super) conflict: String,
}

impl Default for Line {
    fn default() -> Self {
        Self {
            stage: Progress::Reported,
            ti: String::new(),
            c: String::new(),
            l: "G".to_owned(),
            p: String::new(),
            v: None,
            b: String::new(),
            n: Vec::new(),
            s: String::new(),
            mode: "joint".to_owned(),
            again: None,
            a: String::new(),
            form: "oral".to_owned(),
            t: Vec::new(),
            late_term: false,
            z: String::new(),
            spot: false,
            outcome: String::new(),
            reason: String::new(),
            r#ref: String::new(),
            late: false,
            conflict: String::new(),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Progress {
    Reported,
    Accepted,
    Mediating,
    Agreed,
    Closed,
    Failed,
    Withdrawn,
    Referred,
}

impl Progress {
    /// How many days ago such a case was registered, from and to.
    pub(super) const fn days(self, late: bool) -> (i64, i64) {
        match self {
            Self::Reported if late => (5, 7),
            Self::Reported => (0, 2),
            Self::Accepted => (2, 9),
            Self::Mediating => (5, 18),
            Self::Agreed => (9, 20),
            Self::Closed => (9, 26),
            Self::Failed => (12, 24),
            Self::Withdrawn | Self::Referred => (4, 15),
        }
    }
}
