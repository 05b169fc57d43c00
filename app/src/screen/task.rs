//! A task: what to do, by when, and the report that ends it.

use domain::codelist::List;
use domain::command::Command;
use domain::id::RecordId;
use domain::record::task::{MACHINE, RETURN_VISIT, ReportDraft, Task};
use domain::record::{EVENTS, FieldName};
use domain::unit::Directory;
use domain::view::case::{Case, Contents};
use leptos::prelude::*;

use crate::component::field::{Form, Text, TextKind};
use crate::component::sheet::sheet;
use crate::locale::{self, Word, format, word};
use crate::nav::Route;
use crate::platform;
use crate::screen::case_sheets::{code_chips, code_choices};
use crate::screen::record::{Here, Parts, part};
use crate::screen::{passed_on, submit_sheet, when_and_who};
use crate::state::draft::{self, Of};
use crate::state::state;

/// The parts of a task's page.
pub(super) fn parts(id: RecordId, here: Here) -> Parts {
    let open = RwSignal::new(false);
    let to_do = Memo::new(move |_| {
        here.with(|case| {
            case.as_ref()
                .is_some_and(|case| case.row.open && !case.newer)
        })
    });
    let category = Memo::new(move |_| {
        here.with(|case| {
            let category = case.as_ref().map(|case| case.row.category.clone());
            category.unwrap_or_default()
        })
    });
    let foot = move || {
        to_do.get().then(|| {
            view! {
                <div class="foot">
                    <button type="button" class="button primary" on:click=move |_| open.set(true)>
                        {report_word(&category.get()).s()}
                    </button>
                </div>
            }
        })
    };
    let known = state().directory;
    let main = part(here, move |case| match &case.contents {
        Contents::Task(task) => says(case, task, known.get_untracked().as_deref()),
        Contents::Dispute(_) | Contents::Patrol(_) | Contents::Hazard(_) => ().into_any(),
    });
    Parts {
        names: |case| {
            (
                format::row_category(&case.row),
                format::number(&case.row.number),
            )
        },
        main,
        foot: view! { {foot} }.into_any(),
        sheets: report_sheet(id, open, category),
    }
}

fn report_word(category: &str) -> Word {
    if category == RETURN_VISIT {
        word::REPORT
    } else {
        word::REPORT_TASK
    }
}

/// What a task says.
fn says(case: &Case, task: &Task, known: Option<&Directory>) -> AnyView {
    let now = platform::now();
    let fact = |label: Word, text: String| {
        (!text.is_empty())
            .then(|| view! { <div class="fact"><dt>{label.s()}</dt><dd>{text}</dd></div> })
    };
    let report = MACHINE.reached(&task.events, "done").map(|(event, step)| {
        (
            step.reason.clone(),
            when_and_who(known, event.at, &event.by),
            case.passed_on_at(&format!("{EVENTS}/{}/", event.id)),
        )
    });
    let link = task.link.map(|id| {
        view! { <a class="button" href=Route::Dispute(id).path()>{word::OPEN_CASE.s()}</a> }
    });
    view! {
            <dl class="card facts">
                {fact(word::MATTER, task.title.clone())}
                {fact(word::PLACE, task.place.clone())}
                {fact(word::CONTENT, task.note.clone())}
                {fact(word::DUE_DATE, format::day(task.due_at.day(), now.day()))}
                {fact(word::FINDING, locale::code(List::VisitFinding, &task.finding))}
                {report.map(|(text, who, way)| view! {
                    <div class="fact">
                        <dt>{word::TEXT.s()}</dt>
                        <dd>
                            {text}<small>{who}</small>
                            {way.map(|way| view! { <small>{passed_on(known, way)}</small> })}
                        </dd>
                    </div>
                })}
            </dl>
            {link}
    }
    .into_any()
}

fn report_sheet(id: RecordId, open: RwSignal<bool>, category: Memo<String>) -> AnyView {
    let body = move || {
        let asked = category.get_untracked();
        let fresh = ReportDraft::default;
        draft::form((Of::sheet("report", id), None), fresh, move |form, note| {
            report_form((id, asked.clone()), form, note)
        })
    };
    let title = move || report_word(&category.get()).s().to_owned();
    sheet(open, title, body)
}

/// The form of a report: a return visit is asked how it was made and what it found, any other task
/// what was done.
fn report_form(
    (id, category): (RecordId, String),
    form: Form<ReportDraft>,
    note: AnyView,
) -> AnyView {
    let visit = category == RETURN_VISIT;
    let text = if visit {
        Text::optional
    } else {
        Text::required
    };
    let send = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        match form.draft.get_untracked().parse(&category) {
            Err(errors) => form.show_errors(errors),
            Ok(new) => submit_sheet(form, Command::ReportTask { id, new }),
        }
    };
    view! {
        <form novalidate on:submit=send>
            {note}
            <div class="card">
                {visit.then(|| view! {
                    {code_chips(form, (word::FINDING, FieldName::Finding),
                        code_choices(List::VisitFinding), |draft| &mut draft.finding)}
                    {code_chips(form, (word::MODE, FieldName::Mode),
                        code_choices(List::VisitMode), |draft| &mut draft.mode)}
                })}
                {form.text(text(FieldName::Text, word::TEXT, TextKind::Area),
                    |draft| &mut draft.text)}
            </div>
            {form.save_bar(word::SAVE, None)}
        </form>
    }
    .into_any()
}
