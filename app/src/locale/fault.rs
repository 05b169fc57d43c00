//! What went wrong and what to do, in words of people.

use domain::access::Refusal;
use domain::command::Denial;
use domain::document::EditError;
use domain::record::{FieldError, FieldName, Problem};
use domain::replica::journal::Damage;
use domain::replica::{Activity, CommandError, LinkFailure, StoreFault, SyncStatus};
use domain::sync::message::ErrorCode;
use domain::time::MINUTE_MS;

use super::{Word, word as w};
use crate::locale::word;

/// What is wrong with a field.
#[must_use]
pub fn field(error: &FieldError) -> String {
    match error.problem {
        Problem::Missing => missing(error.field).s().to_owned(),
        Problem::TooLong(max) => {
            w("太长了，最多 {} 字", "Too long: at most {} characters").with(max)
        }
        Problem::IdentityNumber => w(
            "这里像有身份证号。请删去，枫格不保存证件号",
            "This looks like an ID number. Please remove it: none are kept",
        )
        .s()
        .to_owned(),
        Problem::NotAPhone => w("电话只能有数字", "A telephone number has digits only")
            .s()
            .to_owned(),
        Problem::NotATime => w("时间不对，请重新选", "Not a time: choose again")
            .s()
            .to_owned(),
        Problem::InFuture => w(
            "时间还没到，请改成已经过去的时间",
            "This time has not come yet",
        )
        .s()
        .to_owned(),
        Problem::InPast => w("时间已经过去，请选以后的", "This time has passed")
            .s()
            .to_owned(),
        Problem::UnknownCode => w("请重新选一项", "Please choose again").s().to_owned(),
    }
}

fn missing(field: FieldName) -> Word {
    match field {
        FieldName::Category => w("请选一个类别", "Choose a category"),
        FieldName::Place => w("请写在哪里", "Say where"),
        FieldName::Brief => w(
            "请写一句话：因为什么、现在怎样",
            "One sentence: what about, and how it stands",
        ),
        FieldName::PartyAName | FieldName::PartyBName => w(
            "写了电话，也请写姓名",
            "With a telephone number, give the name too",
        ),
        FieldName::Description => w("请写是什么隐患", "Say what the hazard is"),
        FieldName::EventKind => w("请选一种方式", "Choose a kind"),
        FieldName::Text => w("请写几个字", "Write a few words"),
        FieldName::Statements => w("请写调解经过", "Say what was said"),
        FieldName::Result | FieldName::Outcome | FieldName::Finding => {
            w("请选一个结果", "Choose a result")
        }
        FieldName::Consent => w(
            "没有各方同意，不能调解（人民调解法第十七条）",
            "Without every party’s consent there is no mediation",
        ),
        FieldName::Notice => w("请先告知权利义务", "Explain rights and duties first"),
        FieldName::Remedies => w(
            "请先告知当事人其他途径（人民调解法第二十六条）",
            "Explain the other ways to the parties first",
        ),
        FieldName::Terms => w("请写约定了什么", "Say what was agreed"),
        FieldName::Checkpoint => w("请写到了哪里", "Say where you are"),
        FieldName::Target => w("请选移交给谁", "Choose whom it goes to"),
        FieldName::Grid => w("请选网格", "Choose a grid"),
        FieldName::FoundAt
        | FieldName::PartyAPhone
        | FieldName::PartyBPhone
        | FieldName::Level
        | FieldName::SessionAt
        | FieldName::SessionPlace
        | FieldName::Mode
        | FieldName::NextAt
        | FieldName::Form
        | FieldName::Due
        | FieldName::Summary
        | FieldName::Log
        | FieldName::Title => w("请填写", "Please fill in"),
    }
}

/// Why a command saved nothing, and what to do.
#[must_use]
pub fn command(error: &CommandError) -> String {
    match error {
        CommandError::Denied(denial) => self::denial(denial),
        CommandError::Edit(EditError::TooLarge) => {
            w("内容太多了，请删去一些", "Too much text: please shorten it")
                .s()
                .to_owned()
        }
        CommandError::Edit(EditError::Path | EditError::NoContainer | EditError::Refused) => w(
            "没有保存成功，内容还在，请再试一次",
            "Not saved; everything is still here: try again",
        )
        .s()
        .to_owned(),
        CommandError::Store(fault) => store(*fault).s().to_owned(),
        CommandError::Busy => w(
            "另一个窗口正在写这条记录，请稍后再试",
            "Another window is writing this record: try again in a moment",
        )
        .s()
        .to_owned(),
        CommandError::NotJoined => w("请先加入", "Join first").s().to_owned(),
    }
}

/// Why a command must not be done.
#[must_use]
pub fn denial(denial: &Denial) -> String {
    match denial {
        Denial::NotHere => word::CASE_MISSING.s().to_owned(),
        Denial::Newer => word::CASE_NEWER.s().to_owned(),
        Denial::NotYourGrid => w("这个网格不归您负责", "This grid is not yours")
            .s()
            .to_owned(),
        Denial::NotYourRole => w(
            "这一步要由调解员或所里来办",
            "This step is for a mediator or the station",
        )
        .s()
        .to_owned(),
        Denial::Status { kind, from } => w("现在是“{}”，不能这样办", "Not possible while “{}”")
            .with(super::format::status(*kind, from)),
        Denial::OpenTerms(terms) => w(
            "还没有履行：{}。已履行的，请先逐项“标记已履行”；没有履行的，请把结果选为未达成的一项",
            "Not performed yet: {}. Mark what was performed first; if it will not be, choose an outcome without agreement",
        )
        .with(super::listed(terms)),
        Denial::NeedsParties => w(
            "协议要有双方：请先点“添加当事人”登记甲方和乙方",
            "An agreement has two sides: add party A and party B first",
        )
        .s()
        .to_owned(),
        Denial::NeedsConsent => w(
            "请先确认：各方当事人同意调解，并已告知权利义务",
            "Say first that every party agrees to mediation and was told of rights and duties",
        )
        .s()
        .to_owned(),
        Denial::NeedsRemedies => missing(FieldName::Remedies).s().to_owned(),
        Denial::NeedsAnother => w(
            "整改的人不能自己复查，请另一位同事来办",
            "Whoever put it right does not check it: ask a colleague",
        )
        .s()
        .to_owned(),
        Denial::Repeated => w("刚刚已经记过这个点", "This place was recorded just now")
            .s()
            .to_owned(),
        Denial::NeedsAgreement => w("请先点“达成协议”记下协议", "Record the agreement first")
            .s()
            .to_owned(),
        Denial::Contested => w(
            "两人写得不一样，请先选定一个",
            "Two people wrote different values: choose one first",
        )
        .s()
        .to_owned(),
        Denial::TooManyPhotos => w("每条记录最多 20 张照片", "A record takes at most 20 photos")
            .s()
            .to_owned(),
        Denial::SavedBefore => word::DRAFT_SAVED_BEFORE.s().to_owned(),
        Denial::Nothing => w("没有要改的", "Nothing to change").s().to_owned(),
    }
}

/// How a store failed; what was typed is still in the form.
#[must_use]
pub const fn store(fault: StoreFault) -> Word {
    match fault {
        StoreFault::Full => w(
            "手机空间满了，还没有保存。内容还在这里：请清理一些空间，再点一次保存",
            "The phone is full: not saved yet. Everything is still here: free some space and save again",
        ),
        StoreFault::Closed => w(
            "本机数据被另一个窗口关闭，还没有保存。请刷新页面，草稿会恢复",
            "Another window closed the data: not saved yet. Reload; the draft comes back",
        ),
        StoreFault::Aborted | StoreFault::Unreadable => w(
            "没有保存成功，内容还在这里，请再点一次保存",
            "Not saved. Everything is still here: save again",
        ),
    }
}

/// Why the server did not take a change.
#[must_use]
pub const fn refusal(refusal: Refusal) -> Word {
    match refusal {
        Refusal::Damaged => w("内容在路上损坏", "damaged on the way"),
        Refusal::TooLarge => w("内容太大", "too large"),
        Refusal::UnknownGrid => w("没有这个网格", "unknown grid"),
        Refusal::NotYourGrid => w("网格不在您的范围", "not your grid"),
        Refusal::NotYourRole => w("您的岗位不能办这一步", "not your role"),
        Refusal::MissingDeps => w("前面的内容还没有到", "earlier changes are missing"),
        Refusal::Contradicts => w("与本机另一份内容矛盾", "contradicts another change"),
        Refusal::AnotherName => w("署名不是本人", "written in another name"),
        Refusal::Fixed => w("这部分登记后不能改", "this part cannot be altered"),
        Refusal::NotARecord => w("不是一条记录", "not a record"),
        Refusal::Retired => w(
            "这条记录已被管理员停用",
            "an administrator took the record out of use",
        ),
    }
}

/// The one calm line: what the exchange is doing, and how much is still on the phone; `photos` wait to be
/// sent, or wait for Wi-Fi.
#[must_use]
pub fn status(
    status: &SyncStatus,
    now: domain::time::Millis,
    (photos, for_wifi): (usize, bool),
) -> String {
    let head = match status.activity {
        Activity::Working => word::SYNC_WORKING,
        Activity::Idle if status.synced_at.is_none() => word::SYNC_NEVER,
        Activity::Idle if photos > 0 => word::TEXT_DONE,
        Activity::Idle => word::SYNC_DONE,
        Activity::Failed(LinkFailure::Offline) => word::SYNC_OFFLINE,
        Activity::Failed(LinkFailure::NotOurs) => word::SYNC_PORTAL,
        Activity::Failed(LinkFailure::Refused(code)) if is_shut_out(code) => word::SYNC_SHUT_OUT,
        Activity::Failed(LinkFailure::Refused(_) | LinkFailure::Wait(_)) => word::SYNC_SERVER,
        Activity::StoreFailed(_) => word::SYNC_STORE,
    };
    let held = status
        .held_until
        .filter(|until| now < *until && status.on_phone > 0);
    let mut parts = Vec::new();
    if let Some(until) = held {
        parts.push(word::SYNC_HELD.with(super::format::moment(until, now)));
    } else if status.activity != Activity::Idle || status.on_phone == 0 {
        parts.push(head.s().to_owned());
    }
    if status.on_phone > 0 {
        parts.push(word::SYNC_KEPT.with(status.on_phone));
    }
    if photos > 0 {
        let left = if for_wifi {
            word::PHOTOS_WIFI
        } else {
            word::PHOTOS_LEFT
        };
        parts.push(left.with(photos));
    }
    if let Some(at) = status.synced_at
        && status.activity != Activity::Working
    {
        parts.push(
            if status.on_phone == 0 && status.activity == Activity::Idle {
                super::format::recent(at, now)
            } else {
                word::SYNC_LAST.with(super::format::recent(at, now))
            },
        );
    }
    parts.join(" · ")
}

/// How far this phone's clock is off, and that the times are right all the same.
#[must_use]
pub fn clock(behind_ms: i64) -> String {
    let minutes = behind_ms.saturating_abs() / MINUTE_MS;
    let (days, hours) = (minutes / (24 * 60), minutes / 60);
    let by = match (days, hours) {
        (0, 0) => word::MINUTES.with(minutes),
        (0, _) => word::HOURS_MINUTES.with2(hours, minutes % 60),
        _ => w("{} 天", "{} d").with(days),
    };
    let off = if behind_ms > 0 {
        w(
            "本机时钟慢 {}，时间已按服务器校正",
            "This phone’s clock is {} behind: times are corrected",
        )
    } else {
        w(
            "本机时钟快 {}，时间已按服务器校正",
            "This phone’s clock is {} ahead: times are corrected",
        )
    };
    off.with(by)
}

/// The most records that are named after damage; the rest is a number.
const NAMED_MAX: usize = 12;

/// What the phone had lost, what came back and what did not.
#[must_use]
pub fn damage(damage: &Damage) -> String {
    let head = if damage.total {
        word::DAMAGE_TOTAL
    } else {
        word::DAMAGE_TAIL
    };
    let mut text = vec![head.s().to_owned()];
    if !damage.back.is_empty() {
        let named = damage.back.iter().take(NAMED_MAX);
        let named: Vec<_> = named
            .map(|(number, title)| format!("{number} {title}"))
            .collect();
        let more = if damage.back.len() > NAMED_MAX {
            "…"
        } else {
            ""
        };
        let back = word::DAMAGE_BACK.with(damage.back.len());
        let list = super::listed(&named);
        text.push(format!("{back}{list}{more}{}", w("。", ".").s()));
    }
    if damage.gone > 0 {
        text.push(word::DAMAGE_GONE.with(damage.gone));
    }
    text.push(word::DAMAGE_REST.s().to_owned());
    text.join(w("", " ").s())
}

/// Whether the server lets this phone in no more, whatever it brings.
#[must_use]
pub const fn is_shut_out(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::Revoked
            | ErrorCode::UnknownDevice
            | ErrorCode::UnknownKey
            | ErrorCode::KeyLocked
            | ErrorCode::TooManyKeys
    )
}

/// Why this phone is not let in, and what to do; nothing that was saved is lost.
#[must_use]
pub const fn shut_out(code: ErrorCode) -> Word {
    if matches!(code, ErrorCode::UnknownDevice) {
        // It never shut anybody out: it has never heard of this phone.
        word::SHUT_UNKNOWN
    } else if lets_in_by_code(code) {
        word::SHUT_LOCKED
    } else {
        word::SHUT_REVOKED
    }
}

/// Whether a new code, typed here, lets this phone in again.
#[must_use]
pub const fn lets_in_by_code(code: ErrorCode) -> bool {
    is_shut_out(code) && !matches!(code, ErrorCode::Revoked | ErrorCode::TooManyKeys)
}

/// Why joining did not work.
#[must_use]
pub const fn join(failure: LinkFailure) -> Word {
    match failure {
        LinkFailure::Offline | LinkFailure::NotOurs => word::JOIN_OFFLINE,
        LinkFailure::Refused(ErrorCode::UnknownCode) => word::JOIN_UNKNOWN,
        LinkFailure::Refused(ErrorCode::UsedCode) => word::JOIN_USED,
        LinkFailure::Refused(ErrorCode::ExpiredCode) => word::JOIN_EXPIRED,
        LinkFailure::Refused(ErrorCode::TooMany) | LinkFailure::Wait(_) => word::JOIN_TOO_MANY,
        LinkFailure::Refused(ErrorCode::KeyLocked | ErrorCode::UnknownKey) => word::JOIN_OTHER,
        LinkFailure::Refused(ErrorCode::NotAllowed) => word::JOIN_NOT_YOURS,
        LinkFailure::Refused(ErrorCode::Revoked | ErrorCode::TooManyKeys) => word::SHUT_REVOKED,
        LinkFailure::Refused(_) => word::JOIN_FAILED,
    }
}
