//! Dates, times, spans and states as people read them.

use domain::codelist::{Language, List};
use domain::record::Kind;
use domain::record::task::RETURN_VISIT;
use domain::text;
use domain::time::{Day, MINUTE_MS, Millis};
use domain::view::{DeliveryState, Due, DueKind, Row};

use super::{Word, category, code, spoken, word as w};

/// A day: `11 月 22 日`, `22 Nov`.
#[must_use]
pub fn day(day: Day, today: Day) -> String {
    let (year, month, date) = day.civil();
    let this_year = today.civil().0 == year;
    match spoken() {
        Language::Zh if this_year => format!("{month} 月 {date} 日"),
        Language::Zh => format!("{year} 年 {month} 月 {date} 日"),
        Language::En => {
            const MONTHS: [&str; 12] = [
                "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
            ];
            let place = usize::try_from(month - 1).unwrap_or(0);
            let name = MONTHS.get(place).copied().unwrap_or_default();
            if this_year {
                format!("{date} {name}")
            } else {
                format!("{date} {name} {year}")
            }
        }
    }
}

/// A moment: the clock alone today, otherwise with its day.
#[must_use]
pub fn moment(at: Millis, now: Millis) -> String {
    let (hour, minute) = at.clock();
    let clock = format!("{hour:02}:{minute:02}");
    match at.day().since(now.day()) {
        0 => w("今天 {}", "today {}").with(clock),
        -1 => w("昨天 {}", "yesterday {}").with(clock),
        1 => w("明天 {}", "tomorrow {}").with(clock),
        _ => format!("{} {clock}", day(at.day(), now.day())),
    }
}

/// A moment not long ago: today's by the clock alone.
#[must_use]
pub fn recent(at: Millis, now: Millis) -> String {
    if at.day() == now.day() {
        clock(at)
    } else {
        moment(at, now)
    }
}

/// The clock of a moment.
#[must_use]
pub fn clock(at: Millis) -> String {
    let (hour, minute) = at.clock();
    format!("{hour:02}:{minute:02}")
}

/// How long until something is due, or how long ago it was.
#[must_use]
pub fn until(due: Due, now: Millis) -> String {
    let days = due.at.day().since(now.day());
    if due.at < now && days == 0 {
        return w("已逾期", "overdue").s().to_owned();
    }
    match days {
        0 if due.what == DueKind::Session => clock(due.at),
        0 => w("今天", "today").s().to_owned(),
        1 => w("明天", "tomorrow").s().to_owned(),
        2.. => w("还剩 {} 天", "{} days left").with(days),
        -1 => w("逾期 1 天", "1 day late").s().to_owned(),
        ..0 => w("逾期 {} 天", "{} days late").with(-days),
    }
}

/// What is due.
#[must_use]
pub fn due_kind(what: DueKind) -> &'static str {
    match what {
        DueKind::Accept => w("待受理", "To accept"),
        DueKind::Session => w("下次调解", "Next session"),
        DueKind::Finish => w("办结期限", "To finish"),
        DueKind::Term => w("履行到期", "Term due"),
        DueKind::FollowUp => w("跟进", "Follow up"),
        DueKind::Visit => w("回访", "Return visit"),
        DueKind::Task => w("任务", "Task"),
        DueKind::Rectify => w("整改", "To put right"),
        DueKind::Recheck => w("复查", "To recheck"),
    }
    .s()
}

/// The word for a step of the ladder.
#[must_use]
pub const fn delivery(state: DeliveryState) -> Word {
    match state {
        DeliveryState::Draft => super::word::DRAFT,
        DeliveryState::OnPhone => super::word::ON_PHONE,
        DeliveryState::Sent => super::word::SENT,
        DeliveryState::Seen => super::word::SEEN,
        DeliveryState::NeedsAttention => super::word::NEEDS_ATTENTION,
    }
}

/// The word for a kind of record.
#[must_use]
pub fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Dispute => w("纠纷", "Dispute"),
        Kind::Patrol => w("巡逻", "Patrol"),
        Kind::Hazard => w("隐患", "Hazard"),
        Kind::Task => w("任务", "Task"),
    }
    .s()
}

/// The word for a status of a kind of record.
#[must_use]
pub fn status(of: Kind, status: &str) -> String {
    let list = match of {
        Kind::Dispute => List::DisputeStatus,
        Kind::Patrol => List::PatrolStatus,
        Kind::Hazard => List::HazardStatus,
        Kind::Task => {
            return match status {
                "open" => w("待办", "to do").s().to_owned(),
                "done" => w("已完成", "done").s().to_owned(),
                _ => code(List::TaskStatus, status),
            };
        }
    };
    match (of, status) {
        (Kind::Dispute, "agreed") => w("履行中", "in performance").s().to_owned(),
        (Kind::Dispute, "failed") => w("调解不成", "failed").s().to_owned(),
        _ => code(list, status),
    }
}

/// The name of a row's category.
#[must_use]
pub fn row_category(row: &Row) -> String {
    match row.kind {
        Kind::Dispute => category(&row.category),
        Kind::Patrol => code(List::PatrolType, &row.category),
        Kind::Hazard => code(List::HazardCategory, &row.category),
        Kind::Task => task(&row.category).s().to_owned(),
    }
}

/// The word for what a task asks for.
#[must_use]
pub fn task(category: &str) -> Word {
    if category == RETURN_VISIT {
        super::word::RETURN_VISIT
    } else {
        super::word::TASK
    }
}

/// The first line of a row.
#[must_use]
pub fn row_title(row: &Row) -> String {
    let category = row_category(row);
    match (row.kind, row.title.is_empty()) {
        (Kind::Task, false) => w("{}：{}", "{}: {}").with2(category, &row.title),
        (_, false) => row.title.clone(),
        (_, true) if row.place.is_empty() => category,
        (_, true) => format!("{category} · {}", row.place),
    }
}

/// The most characters of a text in the second line of a row.
const DETAIL_CHARS: usize = 60;

/// The second line of a row.
#[must_use]
pub fn row_detail(row: &Row, now: Millis) -> String {
    if row.kind != Kind::Patrol {
        return text::excerpt(&row.text, DETAIL_CHARS);
    }
    let began = moment(row.happened_at, now);
    let checkins = super::word::CHECKINS.with(row.checkins);
    if row.active_ms > 0 {
        format!("{began} · {} · {checkins}", span(row.active_ms))
    } else {
        format!("{began} · {checkins}")
    }
}

/// How many photos a record has, and how many of them have arrived where these are not all.
#[must_use]
pub fn photos(arrived: usize, all: usize) -> Option<String> {
    match all {
        0 => None,
        _ if arrived >= all => Some(super::word::PHOTOS_DONE.with(all)),
        _ => Some(super::word::PHOTOS_OF.with2(arrived, all)),
    }
}

/// A span of time.
#[must_use]
pub fn span(ms: i64) -> String {
    let minutes = (ms / MINUTE_MS).max(0);
    if minutes < 60 {
        super::word::MINUTES.with(minutes)
    } else {
        super::word::HOURS_MINUTES.with2(minutes / 60, minutes % 60)
    }
}

/// The provisional number.
#[must_use]
pub fn number(number: &str) -> String {
    w("暂-{}", "T-{}").with(number)
}

/// What a row is searched by beside its own text: the names of its codes, its grid, and its number as
/// it is shown in either language, for a number is read aloud and copied from paper.
#[must_use]
pub fn row_names(row: &Row, grid: &str) -> String {
    let (category, status) = (row_category(row), status(row.kind, &row.status));
    let number = &row.number;
    format!("{category} {grid} {status} 暂-{number} T-{number}")
}

/// A size in bytes.
#[must_use]
pub fn bytes(count: u64) -> String {
    let kilo = count / 1024;
    if kilo < 1024 {
        format!("{kilo} KB")
    } else {
        format!("{} MB", kilo / 1024)
    }
}

/// A share in percent with one place, from tenths of a percent.
#[must_use]
pub fn percent(per_mille: u32) -> String {
    if per_mille.is_multiple_of(10) {
        format!("{}%", per_mille / 10)
    } else {
        format!("{}.{}%", per_mille / 10, per_mille % 10)
    }
}
