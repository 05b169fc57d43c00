//! Patrols: the list, the one under way, and what is left of it.

use std::sync::Arc;

use domain::codelist::List;
use domain::command::Command;
use domain::id::{RecordId, UnitId};
use domain::record::patrol::{CheckinDraft, Counter, Patrol, StartDraft};
use domain::record::{FieldName, Kind};
use domain::unit::Directory;
use domain::view::Row;
use domain::view::case::{Case, Contents};
use leptos::prelude::*;

use crate::component::field::{Form, Text, TextKind, save_bar};
use crate::component::list::{delivery_tag, list_card, row_link};
use crate::component::sheet::sheet;
use crate::component::shell::{Top, top};
use crate::locale::{self, Word, format, word};
use crate::nav::{self, Route};
use crate::platform;
use crate::screen::case_sheets::{code_chips, code_choices};
use crate::screen::{case_or_note, is_demo, submit, submit_plain, watched_case};
use crate::state::{Actions, State, state};

/// How many patrols the list shows.
const LIST_MAX: usize = 50;

/// The list of patrols.
pub fn patrols() -> AnyView {
    let state = state();
    let list = move || {
        let now = platform::now();
        let items = state.rows.with(|rows| {
            let mut all: Vec<&Row> = rows
                .values()
                .filter(|row| row.kind == Kind::Patrol)
                .collect();
            all.sort_by_key(|row| (!row.open, core::cmp::Reverse(row.happened_at)));
            let item = |row: &&Row| row_link(row, delivery_tag(state.delivery(row)), now);
            all.iter().take(LIST_MAX).map(item).collect::<Vec<_>>()
        });
        list_card(items, word::NO_PATROLS.s())
    };
    view! {
        {top(Top { title: word::PATROLS.s().to_owned(), demo: is_demo(state), ..Top::default() })}
        {super::line(state)}
        <main>
            <section class="big">{start_patrol(state)}</section>
            <section>{list}</section>
            <p class="quiet">{word::NO_TRACK.s()}</p>
        </main>
    }
    .into_any()
}

/// The button that starts a patrol, with its sheet.
pub(super) fn start_patrol(state: State) -> AnyView {
    let open = RwSignal::new(false);
    view! {
        <button type="button" class="button" on:click=move |_| open.set(true)>
            {word::START_PATROL.s()}
        </button>
        {sheet(open, || word::START_PATROL.s().to_owned(), move || start_form(state))}
    }
    .into_any()
}

fn start_form(state: State) -> AnyView {
    let grid = state.directory.with_untracked(|known| {
        let known = known.as_ref()?;
        known.grids.first().map(|grid| grid.id.to_string())
    });
    let draft = StartDraft {
        grid: grid.unwrap_or_default(),
        kind: "P01".to_owned(),
        mode: "walk".to_owned(),
    };
    let form = Form::new(draft);
    let id = Actions::new_id();
    let send = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        match form.draft.get_untracked().parse() {
            Ok(new) => submit(
                form,
                Command::StartPatrol { id, new },
                Vec::new(),
                move |id| {
                    nav::replace(Route::Patrol(id));
                },
            ),
            Err(errors) => form.show_errors(errors),
        }
    };
    view! {
        <form novalidate on:submit=send>
            <div class="card">
                {code_chips(form, (word::PATROL_KIND, FieldName::Category),
                    code_choices(List::PatrolType), |draft| &mut draft.kind)}
                {code_chips(form, (word::PATROL_MODE, FieldName::Mode),
                    code_choices(List::PatrolMode), |draft| &mut draft.mode)}
            </div>
            {save_bar(word::START_PATROL, form.busy, form.failure, || word::NO_TRACK.s())}
        </form>
    }
    .into_any()
}

/// The page of a patrol.
pub fn patrol_page(id: RecordId) -> AnyView {
    let state = state();
    let shown = watched_case(id);
    let sheets = Sheets::new(id);
    view! {
        {case_or_note(shown, move |case| page(state, &case, sheets))}
        {checkin_sheet(state, sheets)}
        {finish_sheet(sheets)}
    }
    .into_any()
}

#[derive(Clone, Copy)]
struct Sheets {
    id: RecordId,
    checkin: RwSignal<bool>,
    finish: RwSignal<bool>,
}

impl Sheets {
    fn new(id: RecordId) -> Self {
        Self {
            id,
            checkin: RwSignal::new(false),
            finish: RwSignal::new(false),
        }
    }
}

fn page(state: State, case: &Arc<Case>, sheets: Sheets) -> AnyView {
    let Contents::Patrol(patrol) = &case.contents else {
        return ().into_any();
    };
    let known = state.directory.get_untracked();
    let row = case.row.clone();
    let open = case.row.open;
    let aside = locale::code(List::PatrolType, &patrol.patrol_kind);
    let title = word::PATROL.s().to_owned();
    let delivery = move || delivery_tag(state.delivery(&row));
    let status = format::status(Kind::Patrol, &case.row.status);
    view! {
        <div class="screen patrol">
            {top(Top { title, aside, back: true, demo: is_demo(state) })}
            <div class="standing"><span class="tag strong">{status}</span>{delivery}</div>
            <main>
                {clock(state, patrol)}
                {counters(sheets.id, patrol, open)}
                {checkins(patrol, known.as_deref())}
                {(!patrol.log.is_empty()).then(|| view! {
                    <section>
                        <h2>{word::LOG.s()}</h2>
                        <div class="card text"><p>{patrol.log.clone()}</p></div>
                    </section>
                })}
                {found(state, sheets.id, open)}
            </main>
            {open.then(|| buttons(case, sheets))}
        </div>
    }
    .into_any()
}

fn clock(state: State, patrol: &Patrol) -> AnyView {
    let patrol = patrol.clone();
    let began = format::moment(patrol.started_at, platform::now());
    let ended = patrol
        .ended_at
        .map(|at| format!(" – {}", format::clock(at)));
    let span = move || {
        state.minute.track();
        let until = patrol.ended_at.unwrap_or_else(platform::now);
        format::span(patrol.active_ms(until))
    };
    view! {
        <section class="card clock">
            <small>{word::ELAPSED.s()}</small>
            <b>{span}</b>
            <small>{began}{ended}</small>
        </section>
    }
    .into_any()
}

const fn counter_name(counter: Counter) -> Word {
    match counter {
        Counter::Persuaded => word::PERSUADED,
        Counter::Households => word::HOUSEHOLDS,
        Counter::Leaflets => word::LEAFLETS,
        Counter::Helped => word::HELPED,
    }
}

fn counters(id: RecordId, patrol: &Patrol, open: bool) -> AnyView {
    let state = state();
    let failure = RwSignal::new(None);
    let item = |(counter, count): &(Counter, i64)| {
        let (counter, count) = (*counter, *count);
        let name = counter_name(counter).s();
        let step = move |more: i64, label: Word, sign: &'static str| {
            view! {
                <button type="button" class="step" aria-label=format!("{name} {}", label.s())
                    disabled=more < 0 && count <= 0
                    on:click=move |_| {
                        submit_plain(state, failure, Command::Count { id, counter, more });
                    }>{sign}</button>
            }
        };
        view! {
            <li class="row plain">
                <b>{name}</b>
                <span class="stepper">
                    {open.then(|| step(-1, word::ONE_LESS, "−"))}
                    <output>{count}</output>
                    {open.then(|| step(1, word::ONE_MORE, "+"))}
                </span>
            </li>
        }
    };
    let items: Vec<_> = patrol.counts.iter().map(item).collect();
    view! {
        <section>
            <ul class="card rows counts">{items}</ul>
            <p class="error" role="alert">{move || failure.get()}</p>
        </section>
    }
    .into_any()
}

fn checkpoint_name(known: Option<&Directory>, id: &UnitId) -> String {
    let known = known.and_then(|known| known.checkpoints.iter().find(|point| point.id == *id));
    known.map_or_else(|| id.to_string(), |point| point.name.clone())
}

fn checkins(patrol: &Patrol, known: Option<&Directory>) -> AnyView {
    let now = platform::now();
    let line = |checkin: &domain::record::patrol::Checkin| {
        let place = match &checkin.checkpoint {
            Some(id) => checkpoint_name(known, id),
            None => checkin.place.clone(),
        };
        let note = checkin.note.clone();
        view! {
            <li>
                <span>{place}</span>
                {(!note.is_empty()).then(|| view! { <p>{note}</p> })}
                <small>{format::moment(checkin.at, now)}</small>
            </li>
        }
    };
    let lines: Vec<_> = patrol.checkins.iter().map(line).collect();
    (!lines.is_empty())
        .then(|| {
            view! {
                <section>
                    <h2>{word::CHECKINS.with(lines.len())}</h2>
                    <div class="card"><ol class="line">{lines}</ol></div>
                </section>
            }
        })
        .into_any()
}

/// What was found on this patrol, and the way to note more.
fn found(state: State, id: RecordId, open: bool) -> AnyView {
    let list = move || {
        let now = platform::now();
        let items = state.rows.with(|rows| {
            let found = rows.values().filter(|row| row.link == Some(id));
            let item = |row: &Row| row_link(row, delivery_tag(state.delivery(row)), now);
            found.map(item).collect::<Vec<_>>()
        });
        (!items.is_empty()).then(|| list_card(items, ""))
    };
    view! {
        <section>
            <h2>{word::FOUND_ON_PATROL.s()}</h2>
            {list}
            {open.then(|| view! {
                <div class="big">
                    <a class="button" href=Route::NewHazard(Some(id)).path()>{word::NEW_HAZARD.s()}</a>
                    <a class="button" href=Route::NewDispute.path()>{word::NEW_DISPUTE.s()}</a>
                </div>
            })}
        </section>
    }
    .into_any()
}

fn buttons(case: &Case, sheets: Sheets) -> AnyView {
    let state = state();
    let failure = RwSignal::new(None);
    let paused = case.row.status == "paused";
    let (label, to) = if paused {
        (word::RESUME, "active")
    } else {
        (word::PAUSE, "paused")
    };
    let turn = move |_| {
        let step = Command::Step {
            id: sheets.id,
            to: to.to_owned(),
            reason: String::new(),
        };
        submit_plain(state, failure, step);
    };
    view! {
        <div class="foot grid three">
            <p class="error" role="alert">{move || failure.get()}</p>
            <button type="button" class="button" on:click=turn>{label.s()}</button>
            <button type="button" class="button primary" on:click=move |_| sheets.checkin.set(true)>
                {word::CHECK_IN.s()}
            </button>
            <button type="button" class="button" on:click=move |_| sheets.finish.set(true)>
                {word::FINISH.s()}
            </button>
        </div>
    }
    .into_any()
}

fn checkin_sheet(state: State, sheets: Sheets) -> AnyView {
    let body = move || {
        let form = Form::new(CheckinDraft::default());
        let known = state.directory.get_untracked();
        let points = known
            .as_ref()
            .map(|known| known.checkpoints.clone())
            .unwrap_or_default();
        let check_in = move |draft: CheckinDraft| match draft.parse() {
            Ok(new) => submit(
                form,
                Command::CheckIn { id: sheets.id, new },
                Vec::new(),
                move |_| {
                    nav::sheet_dismissed();
                    state.say(word::SAVED.s());
                },
            ),
            Err(errors) => form.show_errors(errors),
        };
        let point = |point: domain::unit::Checkpoint| {
            let id = point.id.to_string();
            view! {
                <button type="button" class="button" on:click=move |_| {
                    let mut draft = form.draft.get_untracked();
                    draft.checkpoint.clone_from(&id);
                    check_in(draft);
                }>{point.name}</button>
            }
        };
        let points: Vec<_> = points.into_iter().map(point).collect();
        let send = move |event: web_sys::SubmitEvent| {
            event.prevent_default();
            check_in(form.draft.get_untracked());
        };
        view! {
            <form novalidate on:submit=send>
                {(!points.is_empty()).then(|| view! {
                    <h3>{word::CHECKPOINTS.s()}</h3>
                    <div class="stack">{points}</div>
                })}
                <div class="card">
                    {form.text(Text::optional(FieldName::Checkpoint, word::OTHER_PLACE, TextKind::Line),
                        |draft| &mut draft.place)}
                    {form.text(Text::optional(FieldName::Text, word::REMARK, TextKind::Line),
                        |draft| &mut draft.note)}
                </div>
                {save_bar(word::SAVE, form.busy, form.failure, || word::NO_TRACK.s())}
            </form>
        }
        .into_any()
    };
    sheet(sheets.checkin, || word::CHECK_IN.s().to_owned(), body)
}

fn finish_sheet(sheets: Sheets) -> AnyView {
    let body = move || {
        let state = state();
        let form = Form::new(String::new());
        let send = move |event: web_sys::SubmitEvent| {
            event.prevent_default();
            let log = form.draft.get_untracked();
            submit(
                form,
                Command::FinishPatrol { id: sheets.id, log },
                Vec::new(),
                move |_| {
                    nav::sheet_dismissed();
                    state.say(word::SAVED.s());
                },
            );
        };
        view! {
            <form novalidate on:submit=send>
                <div class="card">
                    {form.text(Text::optional(FieldName::Log, word::LOG, TextKind::Area)
                        .hint(word::FINISH_HINT), |log| log)}
                </div>
                {save_bar(word::FINISH, form.busy, form.failure, || "")}
            </form>
        }
        .into_any()
    };
    sheet(sheets.finish, || word::FINISH.s().to_owned(), body)
}
