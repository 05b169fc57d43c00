//! Patrols: the list, the one under way, and what is left of it.

use domain::codelist::List;
use domain::command::Command;
use domain::id::{RecordId, UnitId};
use domain::record::patrol::{CheckinDraft, Counter, Patrol, StartDraft, read_log};
use domain::record::{FieldName, Kind, Said};
use domain::unit::{Checkpoint, Directory};
use domain::view::case::Contents;
use domain::view::{self, Row};
use leptos::prelude::*;

use crate::component::field::{Form, Text, TextKind};
use crate::component::list::{delivery_tag, list_card, row_link, sort_rows};
use crate::component::sheet::sheet;
use crate::component::shell::{Top, top};
use crate::locale::{Word, format, word};
use crate::nav::{self, Begin, Route};
use crate::platform;
use crate::screen::case_sheets::{code_chips, code_choices};
use crate::screen::record::{Here, Parts, part};
use crate::screen::{grid, is_demo, photo, submit, submit_plain, submit_sheet};
use crate::state::draft::{self, Of};
use crate::state::{State, state};

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
            let newest = |row: &Row| (!row.open, core::cmp::Reverse(row.happened_at));
            sort_rows(&mut all, &|a, b| newest(a).cmp(&newest(b)));
            let item = |row: &&Row| row_link(row, delivery_tag(state.delivery(row)), now);
            all.iter().take(LIST_MAX).map(item).collect::<Vec<_>>()
        });
        list_card(items, state.none(word::NO_PATROLS))
    };
    view! {
        {top(Top { title: word::PATROLS.s().to_owned(), demo: is_demo(state), ..Top::default() })}
        {super::line(state)}
        <main class="patrols">
            <section class="big">{start_patrol(state)}</section>
            <section>{list}</section>
            <p class="quiet">{word::NO_TRACK.s()}</p>
        </main>
    }
    .into_any()
}

/// The own patrol that is under way; a person has one at a time.
fn running(state: State) -> Option<RecordId> {
    let me = state.directory.get()?;
    state
        .rows
        .with(|rows| view::running_patrol(rows.values(), &me.me.person))
}

/// The patrol under way, or the button that starts one. Only that decides: its sheet must outlive
/// the rows that an exchange brings.
pub(super) fn start_patrol(state: State) -> AnyView {
    let running = Memo::new(move |_| running(state));
    let button = move || match running.get() {
        Some(id) => view! {
            <a class="button running" href=Route::Patrol(id).path()>
                {word::PATROL_RUNNING.s()}
            </a>
        }
        .into_any(),
        None => start_button(state),
    };
    view! { {button} }.into_any()
}

fn start_button(state: State) -> AnyView {
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
    let fresh = move || StartDraft {
        grid: grid::preset(state, None),
        kind: "P01".to_owned(),
        mode: "walk".to_owned(),
    };
    draft::form((Of::PATROL, None), fresh, move |form, note| {
        start_fields(state, form, note)
    })
}

fn start_fields(state: State, form: Form<StartDraft>, note: AnyView) -> AnyView {
    let send = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        // Started in another window, or on another phone, while this sheet was open.
        if let Some(id) = untrack(|| running(state)) {
            nav::replace(Route::Patrol(id));
            return;
        }
        let typed = form.draft.get_untracked();
        let id = form.slot.own();
        match grid::checked(state, &typed.grid, typed.parse()) {
            Ok(new) => submit(form, Command::StartPatrol { id, new }, move |id| {
                nav::replace(Route::Patrol(id));
            }),
            Err(errors) => form.show_errors(errors),
        }
    };
    view! {
        <form novalidate on:submit=send>
            {note}
            <div class="card">
                {grid::field(state, form, |draft| &mut draft.grid)}
                {code_chips(form, (word::PATROL_KIND, FieldName::Category),
                    code_choices(List::PatrolType), |draft| &mut draft.kind)}
                {code_chips(form, (word::PATROL_MODE, FieldName::Mode),
                    code_choices(List::PatrolMode), |draft| &mut draft.mode)}
            </div>
            {form.save_bar(word::START_PATROL, Some(word::NO_TRACK))}
        </form>
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

/// The parts of a patrol's page.
pub(super) fn parts(id: RecordId, here: Here) -> Parts {
    let state = state();
    let sheets = Sheets::new(id);
    let open = Memo::new(move |_| {
        here.with(|case| {
            case.as_ref()
                .is_some_and(|case| case.row.open && !case.newer)
        })
    });
    let patrol = move |draw: fn(State, &Patrol) -> AnyView| {
        part(here, move |case| match &case.contents {
            Contents::Patrol(patrol) => draw(state, patrol),
            Contents::Dispute(_) | Contents::Hazard(_) | Contents::Task(_) => ().into_any(),
        })
    };
    let main = view! {
        {patrol(clock)}
        {move || counters(sheets.id, here, open.get())}
        {patrol(checkins)}
        {patrol(log)}
        {photo::of_record(id, here)}
        {move || found(state, sheets.id, open.get())}
    };
    let foot = move || open.get().then(|| buttons(here, sheets));
    let sheets = view! { {checkin_sheet(state, here, sheets)} {finish_sheet(sheets)} };
    Parts {
        names: |case| (word::PATROL.s().to_owned(), format::row_category(&case.row)),
        main: main.into_any(),
        foot: view! { {foot} }.into_any(),
        sheets: sheets.into_any(),
    }
}

fn log(_: State, patrol: &Patrol) -> AnyView {
    let log = patrol.log.clone();
    (!log.is_empty())
        .then(|| {
            view! {
                <section>
                    <h2>{word::LOG.s()}</h2>
                    <div class="card text"><p>{log}</p></div>
                </section>
            }
        })
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

fn count_of(here: Here, counter: Counter) -> i64 {
    here.with(|case| match case.as_deref().map(|case| &case.contents) {
        Some(Contents::Patrol(patrol)) => {
            let found = patrol.counts.iter().find(|(of, _)| *of == counter);
            found.map_or(0, |(_, count)| *count)
        }
        Some(Contents::Dispute(_) | Contents::Hazard(_) | Contents::Task(_)) | None => 0,
    })
}

/// The counters stay where they are while they count: the thumb is on them.
fn counters(id: RecordId, here: Here, open: bool) -> AnyView {
    let state = state();
    let failure = RwSignal::new(None);
    let item = |counter: Counter| {
        let count = Memo::new(move |_| count_of(here, counter));
        let name = counter_name(counter).s();
        let step = move |more: i64, label: Word, sign: &'static str| {
            view! {
                <button type="button" class="step" aria-label=format!("{name} {}", label.s())
                    disabled=move || more < 0 && count.get() <= 0
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
                    <output>{move || count.get()}</output>
                    {open.then(|| step(1, word::ONE_MORE, "+"))}
                </span>
            </li>
        }
    };
    let items: Vec<_> = Counter::ALL.into_iter().map(item).collect();
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

fn checkins(state: State, patrol: &Patrol) -> AnyView {
    let known = state.directory.get_untracked();
    let known = known.as_deref();
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
                    <h2>{word::CHECKINS.with(patrol.visits())}</h2>
                    <div class="card"><ol class="line">{lines}</ol></div>
                </section>
            }
        })
        .into_any()
}

/// What was found on this patrol, and the way to note more.
fn found(state: State, id: RecordId, open: bool) -> AnyView {
    let any = Memo::new(move |_| {
        state
            .rows
            .with(|rows| rows.values().any(|row| row.link == Some(id)))
    });
    let list = move || {
        let now = platform::now();
        let items = state.rows.with(|rows| {
            let found = rows.values().filter(|row| row.link == Some(id));
            let item = |row: &Row| row_link(row, delivery_tag(state.delivery(row)), now);
            found.map(item).collect::<Vec<_>>()
        });
        (!items.is_empty()).then(|| list_card(items, || ""))
    };
    view! {
        <section>
            {move || (open || any.get()).then(|| view! { <h2>{word::FOUND_ON_PATROL.s()}</h2> })}
            {list}
            {open.then(|| view! {
                <div class="big">
                    <a class="button" href=Route::NewHazard(Begin::on(id)).path()>{word::NEW_HAZARD.s()}</a>
                    <a class="button" href=Route::NewDispute(Begin::on(id)).path()>{word::NEW_DISPUTE.s()}</a>
                </div>
            })}
        </section>
    }
    .into_any()
}

fn buttons(here: Here, sheets: Sheets) -> AnyView {
    let state = state();
    let failure = RwSignal::new(None);
    let paused = Memo::new(move |_| {
        here.with(|case| {
            case.as_ref()
                .is_some_and(|case| case.row.status == "paused")
        })
    });
    let turn = move |_| {
        let step = Command::Step {
            id: sheets.id,
            to: if paused.get_untracked() {
                "active"
            } else {
                "paused"
            },
            reason: Said::default(),
        };
        submit_plain(state, failure, step);
    };
    view! {
        <div class="foot grid three">
            <p class="error" role="alert">{move || failure.get()}</p>
            <button type="button" class="button" on:click=turn>
                {move || if paused.get() { word::RESUME.s() } else { word::PAUSE.s() }}
            </button>
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

fn checkin_sheet(state: State, here: Here, sheets: Sheets) -> AnyView {
    let body = move || {
        let of = Of::sheet("checkin", sheets.id);
        draft::form((of, None), CheckinDraft::default, move |form, note| {
            checkin_form((sheets.id, points(state, here)), form, note)
        })
    };
    sheet(sheets.checkin, || word::CHECK_IN.s().to_owned(), body)
}

/// The checkpoints that the patrol passes.
fn points(state: State, here: Here) -> Vec<Checkpoint> {
    let grid = here.with_untracked(|case| case.as_ref().map(|case| case.row.grid.clone()));
    let known = state.directory.get_untracked();
    let (Some(grid), Some(known)) = (grid, known) else {
        return Vec::new();
    };
    known.checkpoints_near(&grid).cloned().collect()
}

fn checkin_form(
    (id, points): (RecordId, Vec<Checkpoint>),
    form: Form<CheckinDraft>,
    note: AnyView,
) -> AnyView {
    let check_in = move |draft: CheckinDraft| match draft.parse() {
        Ok(new) => submit_sheet(form, Command::CheckIn { id, new }),
        Err(errors) => form.show_errors(errors),
    };
    let point = |point: Checkpoint| {
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
            {note}
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
            {form.save_bar(word::SAVE, Some(word::NO_TRACK))}
        </form>
    }
    .into_any()
}

fn finish_sheet(sheets: Sheets) -> AnyView {
    let id = sheets.id;
    let body = move || {
        draft::form(
            (Of::sheet("finish", id), None),
            String::new,
            move |form, note| finish_form(id, form, note),
        )
    };
    sheet(sheets.finish, || word::FINISH.s().to_owned(), body)
}

fn finish_form(id: RecordId, form: Form<String>, note: AnyView) -> AnyView {
    let send = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        match read_log(&form.draft.get_untracked()) {
            Ok(log) => submit_sheet(form, Command::FinishPatrol { id, log }),
            Err(errors) => form.show_errors(errors),
        }
    };
    view! {
        <form novalidate on:submit=send>
            {note}
            <div class="card">
                {form.text(Text::optional(FieldName::Log, word::LOG, TextKind::Area)
                    .hint(word::FINISH_HINT), |log| log)}
            </div>
            {form.save_bar(word::FINISH, None)}
        </form>
    }
    .into_any()
}
