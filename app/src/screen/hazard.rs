//! Hazards: the form, and the page with its steps.

use domain::access;
use domain::codelist::List;
use domain::command::Command;
use domain::id::RecordId;
use domain::record::hazard::{Draft, Hazard, StepDraft};
use domain::record::{EVENTS, EventKind, FieldName, Kind};
use domain::unit::Directory;
use domain::view::case::{Case, Contents};
use leptos::prelude::*;

use crate::component::field::{Form, Text, TextKind};
use crate::component::sheet::sheet;
use crate::component::shell::{Top, top};
use crate::locale::{self, Word, format, word};
use crate::nav::{self, Begin, Route};
use crate::screen::case_sheets::{code_chips, code_choices};
use crate::screen::record::{Here, Parts, part};
use crate::screen::{
    grid, grid_name, is_demo, passed_on, photo, submit, submit_sheet, when_and_who,
};
use crate::state::draft::{self, Of};
use crate::state::{State, state};

/// What was typed, and how many photos were taken for it.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
struct Begun {
    /// Of an older draft, whose place says nothing of its record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    id: Option<RecordId>,
    draft: Draft,
    /// An older draft has none.
    #[serde(default)]
    photos: u32,
}

/// The form for a hazard: begun on a patrol, it takes the grid and the link of that one.
pub fn new_hazard(begin: Begin) -> AnyView {
    let state = state();
    let patrol = begin.patrol;
    let fresh = move || Begun {
        id: None,
        draft: Draft {
            grid: grid::preset(state, patrol),
            level: "1".to_owned(),
            patrol: patrol.map(|id| id.to_string()).unwrap_or_default(),
            ..Draft::default()
        },
        photos: 0,
    };
    draft::form(
        (Of::hazard(patrol), begin.draft),
        fresh,
        move |form, note| register_form(state, form, note),
    )
}

fn register_form(state: State, form: Form<Begun>, note: AnyView) -> AnyView {
    nav::arrive();
    let demo = is_demo(state);
    view! {
        <form class="screen" novalidate on:submit=move |event| {
            event.prevent_default();
            register(state, form);
        }>
            {top(Top { title: word::NEW_HAZARD.s().to_owned(), back: true, demo, ..Top::default() })}
            <main>
                {note}
                <section class="card">{fields(state, form)}</section>
                {photos(form)}
            </main>
            {form.save_bar(word::SAVE, Some(word::SAVE_HINT))}
        </form>
    }
    .into_any()
}

fn photos(form: Form<Begun>) -> AnyView {
    photo::of_draft(form.slot, move || {
        form.draft.try_update(|begun| begun.photos += 1);
    })
}

fn fields(state: State, form: Form<Begun>) -> AnyView {
    view! {
        {grid::field(state, form, |begun| &mut begun.draft.grid)}
        {code_chips(form, (word::CATEGORY, FieldName::Category), code_choices(List::HazardCategory),
            |begun| &mut begun.draft.category)}
        {form.text(Text::required(FieldName::Place, word::PLACE, TextKind::Line),
            |begun| &mut begun.draft.place)}
        {form.text(Text::required(FieldName::Description, word::DESCRIPTION, TextKind::Area),
            |begun| &mut begun.draft.description)}
        {code_chips(form, (word::LEVEL, FieldName::Level), code_choices(List::HazardLevel),
            |begun| &mut begun.draft.level)}
        {form.text(Text::optional(FieldName::Text, word::FIXED, TextKind::Area)
            .hint(word::FIXED_HINT), |begun| &mut begun.draft.fixed)}
    }
    .into_any()
}

fn register(state: State, form: Form<Begun>) {
    let typed = form.draft.get_untracked().draft;
    let new = match grid::checked(state, &typed.grid, typed.parse()) {
        Ok(new) => new,
        Err(errors) => return form.show_errors(errors),
    };
    let id = form.slot.own();
    submit(form, Command::RegisterHazard { id, new }, move |id| {
        state.say(word::SAVED.s());
        nav::replace(Route::Hazard(id));
    });
}

/// The parts of a hazard's page.
pub(super) fn parts(id: RecordId, here: Here) -> Parts {
    let open = RwSignal::new(false);
    let to = RwSignal::new("rectified");
    let status = Memo::new(move |_| {
        here.with(|case| {
            case.as_ref()
                .filter(|case| !case.newer)
                .map(|case| case.row.status.clone())
        })
    });
    let foot = move || status.get().map(|status| buttons(&status, (open, to)));
    let known = state().directory;
    let hazard = move |draw: fn(&Case, &Hazard, Option<&Directory>) -> AnyView| {
        part(here, move |case| match &case.contents {
            Contents::Hazard(hazard) => draw(case, hazard, known.get_untracked().as_deref()),
            Contents::Dispute(_) | Contents::Patrol(_) | Contents::Task(_) => ().into_any(),
        })
    };
    let main = view! { {hazard(says)} {photo::of_record(id, here)} {hazard(course)} };
    Parts {
        names: |case| {
            (
                format::number(&case.row.number),
                format::row_title(&case.row),
            )
        },
        main: main.into_any(),
        foot: view! { {foot} }.into_any(),
        sheets: step_sheet(id, open, to),
    }
}

/// What a hazard says.
fn says(_: &Case, hazard: &Hazard, known: Option<&Directory>) -> AnyView {
    let fact = |label: Word, text: String| {
        (!text.is_empty())
            .then(|| view! { <div class="fact"><dt>{label.s()}</dt><dd>{text}</dd></div> })
    };
    view! {
            <dl class="card facts">
                {fact(word::CATEGORY, locale::code(List::HazardCategory, &hazard.category))}
                {fact(word::PLACE, hazard.place.clone())}
                {fact(word::DESCRIPTION, hazard.description.clone())}
                {fact(word::LEVEL, locale::code(List::HazardLevel, &hazard.level))}
                {fact(word::TARGET, locale::code(List::ReferralTarget, &hazard.target))}
                {fact(word::GRID, grid_name(known, &hazard.header.grid))}
            </dl>
    }
    .into_any()
}

fn course(case: &Case, hazard: &Hazard, known: Option<&Directory>) -> AnyView {
    let header = &hazard.header;
    let mut lines = vec![(
        header.created_at,
        word::REGISTERED.s().to_owned(),
        String::new(),
        &header.by,
        "by".to_owned(),
    )];
    for event in &hazard.events {
        let (title, text) = match &event.what {
            EventKind::Note { kind, text } => (locale::note(kind), text.clone()),
            EventKind::Photo(_) => (word::PHOTO_ADDED.s().to_owned(), String::new()),
            EventKind::PhotoRemoved(_) => (word::PHOTO_REMOVED.s().to_owned(), String::new()),
            EventKind::Step(step) => (format::status(Kind::Hazard, &step.to), step.reason.clone()),
        };
        let path = format!("{EVENTS}/{}/", event.id);
        lines.push((event.at, title, text, &event.by, path));
    }
    let lines: Vec<_> = lines
        .into_iter()
        .map(|(at, title, text, by, path)| {
            let way = case.passed_on_at(&path).map(|way| passed_on(known, way));
            view! {
                <li>
                    <span>{title}</span>
                    {(!text.is_empty()).then(|| view! { <p>{text}</p> })}
                    <small>{when_and_who(known, at, by)}</small>
                    {way.map(|way| view! { <small>{way}</small> })}
                </li>
            }
        })
        .collect();
    view! {
        <section>
            <h2>{word::COURSE.s()}</h2>
            <div class="card"><ol class="line">{lines}</ol></div>
        </section>
    }
    .into_any()
}

fn buttons(status: &str, (open, to): (RwSignal<bool>, RwSignal<&'static str>)) -> AnyView {
    let steps: &[(&'static str, Word)] = match status {
        "found" => &[
            ("transferred", word::HAND_OVER),
            ("onspot", word::FIXED),
            ("rectified", word::RECTIFIED),
        ],
        "assigned" | "rectifying" | "recheck_failed" => &[("rectified", word::RECTIFIED)],
        "rectified" => &[
            ("recheck_failed", word::RECHECK_FAILED),
            ("closed", word::RECHECK),
        ],
        "transferred" | "onspot" => &[("closed", word::CLOSE_CASE)],
        _ => &[],
    };
    // What only others may do is no button here.
    let me = state().known();
    let mine = |(step, _): &&(&'static str, Word)| {
        me.as_ref()
            .is_some_and(|known| access::may_step(&known.me, Kind::Hazard, (status, step)))
    };
    let steps: Vec<_> = steps.iter().filter(mine).collect();
    let last = steps.len().saturating_sub(1);
    let button = |(place, (step, label)): (usize, &&(&'static str, Word))| {
        let step = *step;
        let class = if place == last {
            "button primary"
        } else {
            "button"
        };
        view! {
            <button type="button" class=class on:click=move |_| {
                to.set(step);
                open.set(true);
            }>{label.s()}</button>
        }
    };
    let buttons: Vec<_> = steps.iter().enumerate().map(button).collect();
    (!buttons.is_empty())
        .then(|| view! { <div class="foot grid">{buttons}</div> })
        .into_any()
}

fn step_sheet(id: RecordId, open: RwSignal<bool>, to: RwSignal<&'static str>) -> AnyView {
    let title = move || {
        match to.get() {
            "transferred" => word::HAND_OVER,
            "onspot" => word::FIXED,
            "rectified" => word::RECTIFIED,
            "recheck_failed" => word::RECHECK_FAILED,
            _ => word::CLOSE_CASE,
        }
        .s()
        .to_owned()
    };
    let body = move || {
        let to = to.get_untracked();
        let fresh = move || StepDraft {
            to: to.to_owned(),
            ..StepDraft::default()
        };
        draft::form((Of::sheet(to, id), None), fresh, move |form, note| {
            step_form((id, to), form, note)
        })
    };
    sheet(open, title, body)
}

fn step_form((id, to): (RecordId, &str), form: Form<StepDraft>, note: AnyView) -> AnyView {
    let send = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        match form.draft.get_untracked().parse() {
            Err(errors) => form.show_errors(errors),
            Ok(new) => submit_sheet(form, Command::StepHazard { id, new }),
        }
    };
    let handing_over = to == "transferred";
    let text = if handing_over {
        Text::optional
    } else {
        Text::required
    };
    view! {
        <form novalidate on:submit=send>
            {note}
            <div class="card">
                {handing_over.then(|| code_chips(form, (word::TARGET, FieldName::Target),
                    code_choices(List::ReferralTarget), |draft| &mut draft.target))}
                {form.text(text(FieldName::Text, word::MEASURE, TextKind::Area),
                    |draft| &mut draft.text)}
            </div>
            {form.save_bar(word::SAVE, None)}
        </form>
    }
    .into_any()
}
