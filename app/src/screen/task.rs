//! A task: what to do, by when, and the report that ends it.

use domain::codelist::List;
use domain::command::Command;
use domain::id::RecordId;
use domain::record::task::{ReportDraft, Task};
use domain::record::{EventKind, FieldName, Kind};
use domain::view::case::{Case, Contents};
use leptos::prelude::*;

use crate::component::field::{Form, Text, TextKind, save_bar};
use crate::component::list::{delivery_tag, due_tag};
use crate::component::sheet::sheet;
use crate::component::shell::{Top, top};
use crate::locale::{self, Word, format, word};
use crate::nav::{self, Route};
use crate::platform;
use crate::screen::case_sheets::{code_chips, code_choices};
use crate::screen::{case_or_note, is_demo, submit, watched_case, when_and_who};
use crate::state::{State, state};

/// The page of a task.
pub fn task_page(id: RecordId) -> AnyView {
    let state = state();
    let shown = watched_case(id);
    let open = RwSignal::new(false);
    view! {
        {case_or_note(shown, move |case| page(state, &case, open))}
        {report_sheet(id, open)}
    }
    .into_any()
}

fn page(state: State, case: &Case, open: RwSignal<bool>) -> AnyView {
    let Contents::Task(task) = &case.contents else {
        return ().into_any();
    };
    let title = word::RETURN_VISIT.s().to_owned();
    let aside = format::number(&case.row.number);
    let button = (case.row.open && !case.newer).then(|| {
        view! {
            <div class="foot">
                <button type="button" class="button primary" on:click=move |_| open.set(true)>
                    {word::REPORT.s()}
                </button>
            </div>
        }
    });
    view! {
        <div class="screen case">
            {top(Top { title, aside, back: true, demo: is_demo(state) })}
            {task_body(state, case, task)}
            {button}
        </div>
    }
    .into_any()
}

/// What a task's page says, without its frame.
pub(super) fn task_body(state: State, case: &Case, task: &Task) -> AnyView {
    let now = platform::now();
    let row = case.row.clone();
    let known = state.directory.get_untracked();
    let delivery = {
        let row = row.clone();
        move || delivery_tag(state.delivery(&row))
    };
    let fact = |label: Word, text: String| {
        (!text.is_empty())
            .then(|| view! { <div class="fact"><dt>{label.s()}</dt><dd>{text}</dd></div> })
    };
    let report = task.events.iter().find_map(|event| match &event.what {
        EventKind::Step(step) if step.to == "done" => Some((
            step.reason.clone(),
            when_and_who(known.as_deref(), event.at, &event.by),
        )),
        EventKind::Step(_) | EventKind::Note { .. } => None,
    });
    let link = task.link.map(|id| {
        view! { <a class="button" href=Route::Dispute(id).path()>{word::OPEN_CASE.s()}</a> }
    });
    view! {
        <div class="standing">
            <span class="tag strong">{format::status(Kind::Task, &row.status)}</span>
            {delivery}
            {due_tag(&row, now)}
        </div>
        <main>
            <dl class="card facts">
                {fact(word::MATTER, task.title.clone())}
                {fact(word::PLACE, task.place.clone())}
                {fact(word::CONTENT, task.note.clone())}
                {fact(word::DUE_DATE, format::day(task.due_at.day(), now.day()))}
                {fact(word::FINDING, locale::code(List::VisitFinding, &task.finding))}
                {report.map(|(text, who)| view! {
                    <div class="fact"><dt>{word::TEXT.s()}</dt><dd>{text}<small>{who}</small></dd></div>
                })}
            </dl>
            {link}
        </main>
    }
    .into_any()
}

fn report_sheet(id: RecordId, open: RwSignal<bool>) -> AnyView {
    let body = move || {
        let state = state();
        let form = Form::new(ReportDraft {
            mode: "1".to_owned(),
            ..ReportDraft::default()
        });
        let send = move |event: web_sys::SubmitEvent| {
            event.prevent_default();
            match form.draft.get_untracked().parse() {
                Err(errors) => form.show_errors(errors),
                Ok(new) => submit(
                    form,
                    Command::ReportTask { id, new },
                    Vec::new(),
                    move |_| {
                        nav::sheet_dismissed();
                        state.say(word::SAVED.s());
                    },
                ),
            }
        };
        view! {
            <form novalidate on:submit=send>
                <div class="card">
                    {code_chips(form, (word::FINDING, FieldName::Finding),
                        code_choices(List::VisitFinding), |draft| &mut draft.finding)}
                    {code_chips(form, (word::MODE, FieldName::Mode),
                        code_choices(List::VisitMode), |draft| &mut draft.mode)}
                    {form.text(Text::optional(FieldName::Text, word::TEXT, TextKind::Area),
                        |draft| &mut draft.text)}
                </div>
                {save_bar(word::SAVE, form.busy, form.failure, || "")}
            </form>
        }
        .into_any()
    };
    sheet(open, || word::REPORT.s().to_owned(), body)
}
