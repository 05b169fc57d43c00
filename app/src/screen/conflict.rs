//! What a person must decide: fields that several people wrote at the same time, and steps that
//! exclude each other.

use domain::codelist;
use domain::command::Command;
use domain::document::Value;
use domain::record::Kind;
use domain::time::Millis;
use domain::unit::Directory;
use domain::view::case::{Case, Claim, Conflict, Contradiction};
use leptos::prelude::*;

use crate::locale::{self, format, word};
use crate::platform;
use crate::screen::{submit_plain, when_and_who};
use crate::state::state;

/// What the choices of one record share.
#[derive(Clone, Copy)]
struct Choices {
    failure: RwSignal<Option<String>>,
    /// The choice that was touched once. All are drawn anew after a decision, so whatever slides
    /// under the finger then asks again.
    touched: RwSignal<Option<usize>>,
}

/// Both values of each contested field and both sides of contradicting steps, with a way to choose.
pub(super) fn conflicts(case: &Case, known: Option<&Directory>) -> AnyView {
    let choices = Choices {
        failure: RwSignal::new(None),
        touched: RwSignal::new(None),
    };
    let mut places = 0..;
    let steps = case.contradiction();
    let steps = steps.map(|steps| step_card(case, &steps, choices, &mut places));
    let cards: Vec<_> = case
        .conflicts
        .iter()
        .map(|conflict| conflict_card((case.row.kind, conflict), known, choices, &mut places))
        .collect();
    view! {
        {steps}
        {cards}
        <p class="error" role="alert">{move || choices.failure.get()}</p>
    }
    .into_any()
}

/// One of the things to choose; it is done at the second touch.
fn choice(
    (text, note): (String, Option<String>),
    commands: Vec<Command>,
    choices: Choices,
    place: Option<usize>,
) -> AnyView {
    let state = state();
    let Choices { failure, touched } = choices;
    let sure = move || touched.get() == place;
    view! {
        <div class="choice">
            <span>{text}</span>
            <small>{note}</small>
            <button type="button" class="button" class:primary=sure on:click=move |_| {
                if touched.get_untracked() != place {
                    touched.set(place);
                    return;
                }
                touched.set(None);
                for command in commands.clone() {
                    submit_plain(state, failure, command);
                }
            }>
                {move || if sure() { word::USE_THIS_SURE.s() } else { word::USE_THIS.s() }}
            </button>
        </div>
    }
    .into_any()
}

/// Two steps that exclude each other: keep the one that stands, or take the other.
fn step_card(
    case: &Case,
    steps: &Contradiction,
    choices: Choices,
    places: &mut impl Iterator<Item = usize>,
) -> AnyView {
    let (id, kind) = (case.row.id, case.row.kind);
    let named = steps.waiting.iter().map(|(_, to)| format::status(kind, to));
    let other = named.collect::<Vec<_>>().join(" → ");
    let drop = |event| Command::DropStep { id, event };
    let keep = steps
        .waiting
        .iter()
        .map(|(event, _)| drop(*event))
        .collect();
    let stands = format::status(kind, &steps.stands);
    let stands = (stands, Some(word::STANDS.s().to_owned()));
    let stands = choice(stands, keep, choices, places.next());
    let take: Vec<_> = steps.instead_of.iter().copied().map(drop).collect();
    // A step that fits nowhere, as one of a newer version, is shown and cannot be taken.
    let take = (!take.is_empty()).then(|| {
        let waits = (other.clone(), Some(word::OTHER_STEP.s().to_owned()));
        choice(waits, take, choices, places.next())
    });
    let shown = take.is_none().then(|| {
        view! { <div class="choice"><span>{other}</span><small>{word::OTHER_STEP.s()}</small></div> }
    });
    view! {
        <section class="conflict">
            <h2>{word::TWO_STEPS.s()}</h2>
            <div class="card two">{stands}{take}{shown}</div>
        </section>
    }
    .into_any()
}

fn conflict_card(
    (kind, conflict): (Kind, &Conflict),
    known: Option<&Directory>,
    choices: Choices,
    places: &mut impl Iterator<Item = usize>,
) -> AnyView {
    let now = platform::now();
    let claim = |claim: &Claim| {
        let text = value_text((kind, &conflict.path), &claim.value, now);
        let who = claim
            .by
            .as_ref()
            .map(|by| when_and_who(known, claim.at, by));
        let settle = Command::Settle {
            doc: conflict.doc,
            path: conflict.path.clone(),
            value: claim.value.clone(),
        };
        choice((text, who), vec![settle], choices, places.next())
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
        "mode" => word::MODE,
        "result" => word::RESULT,
        "form" => word::FORM,
        "due" | "follow_up" => word::DUE_DATE,
        "target" => word::TARGET,
        _ => word::TEXT,
    }
    .s()
}

/// A value as people read it: codes by the list of the record's own kind.
fn value_text((kind, path): (Kind, &str), value: &Value, now: Millis) -> String {
    let last = path.rsplit('/').next().unwrap_or(path);
    match (codelist::of_field(kind, path), value) {
        (Some(codelist::List::DisputeCategory), Value::Text(code)) => locale::category(code),
        (Some(list), Value::Text(code)) => locale::code(list, code),
        (None, Value::Text(text)) => text.clone(),
        (_, Value::Int(at))
            if last.ends_with("_at") || ["at", "due", "follow_up"].contains(&last) =>
        {
            format::moment(Millis(*at), now)
        }
        (_, Value::Int(number)) => number.to_string(),
        (_, Value::Bool(true)) => word::TERM_DONE.s().to_owned(),
        (_, Value::Bool(false) | Value::Null) => "—".to_owned(),
    }
}
