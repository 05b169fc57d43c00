//! Fields that several people wrote at the same time: both values, and a way to choose.

use domain::command::Command;
use domain::document::Value;
use domain::time::Millis;
use domain::unit::Directory;
use domain::view::case::{Case, Conflict};
use leptos::prelude::*;

use crate::locale::{self, format, word};
use crate::platform;
use crate::screen::{submit_plain, when_and_who};
use crate::state::state;

/// Both values of each contested field, with their writers, and a way to choose one.
pub(super) fn conflicts(case: &Case, known: Option<&Directory>) -> AnyView {
    let failure = RwSignal::new(None);
    let cards: Vec<_> = case
        .conflicts
        .iter()
        .map(|conflict| conflict_card(conflict, known, failure))
        .collect();
    view! {
        {cards}
        <p class="error" role="alert">{move || failure.get()}</p>
    }
    .into_any()
}

fn conflict_card(
    conflict: &Conflict,
    known: Option<&Directory>,
    failure: RwSignal<Option<String>>,
) -> AnyView {
    let state = state();
    let now = platform::now();
    let claim = |claim: &domain::view::case::Claim| {
        let text = value_text(&conflict.path, &claim.value, now);
        let who = claim
            .by
            .as_ref()
            .map(|by| when_and_who(known, claim.at, by));
        let settle = Command::Settle {
            doc: conflict.doc,
            path: conflict.path.clone(),
            value: claim.value.clone(),
        };
        view! {
            <div class="choice">
                <span>{text}</span>
                <small>{who}</small>
                <button type="button" class="button"
                    on:click=move |_| submit_plain(state, failure, settle.clone())>
                    {word::USE_THIS.s()}
                </button>
            </div>
        }
    };
    let claims: Vec<_> = conflict.claims.iter().map(claim).collect();
    view! {
        <section class="conflict">
            <h2>{word::TWO_WROTE.with(field_name(&conflict.path))}</h2>
            <div class="card two">{claims}</div>
        </section>
    }
    .into_any()
}

/// The word for a field, by its path.
fn field_name(path: &str) -> &'static str {
    let last = path.rsplit('/').next().unwrap_or(path);
    match last {
        "category" => word::CATEGORY,
        "place" => word::PLACE,
        "found_at" | "at" => word::TIME,
        "brief" => word::WHAT_HAPPENED,
        "level" => word::LEVEL,
        "name" => word::NAME,
        "phone" => word::PHONE,
        "outcome" => word::OUTCOME,
        "summary" => word::SUMMARY,
        "fail_reason" => word::FAIL_REASON,
        "description" => word::DESCRIPTION,
        "content" => word::CONTENT,
        "done_at" => word::TERM_DONE,
        "consent_at" => word::CONSENT,
        "log" => word::LOG,
        "finding" => word::FINDING,
        "target" => word::TARGET,
        _ => word::TEXT,
    }
    .s()
}

/// A value as people read it.
fn value_text(path: &str, value: &Value, now: Millis) -> String {
    let last = path.rsplit('/').next().unwrap_or(path);
    match (last, value) {
        ("category", Value::Text(code)) => locale::category(code),
        ("level", Value::Text(code)) => locale::code(domain::codelist::List::CaseLevel, code),
        ("outcome", Value::Text(code)) => {
            locale::code(domain::codelist::List::DisputeOutcome, code)
        }
        (_, Value::Text(text)) => text.clone(),
        (name, Value::Int(number)) if name.ends_with("_at") || name == "at" || name == "due" => {
            format::moment(Millis(*number), now)
        }
        (_, Value::Int(number)) => number.to_string(),
        (_, Value::Bool(true)) => word::TERM_DONE.s().to_owned(),
        (_, Value::Bool(false) | Value::Null) => "—".to_owned(),
    }
}
