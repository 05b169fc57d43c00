//! Joining: one code, once, while online.

use domain::replica::Activity;
use domain::sync::message::normal_code;
use leptos::prelude::*;

use crate::component::field::{Text, TextKind};
use crate::component::shell::{Top, top};
use crate::locale::{Word, fault, word};
use crate::screen::settings::people;
use crate::state::{Actions, State, draft, state};
use crate::{nav, platform};

/// The join screen.
pub fn join() -> AnyView {
    let state = state();
    let top = top(Top {
        title: word::JOIN.s().to_owned(),
        ..Top::default()
    });
    // Whom a code did not let in is asked for the number of the phone.
    let number = move || state.refused.get().and_then(|_| number());
    let below = view! {
        <p class="lead number">{number}</p>
        <p class="quiet">{word::NOT_SURVEILLANCE.s()}</p>
        {move || others(state)}
    };
    ask(state, (top, word::JOIN_LEAD, word::JOIN), below.into_any())
}

/// The same for a phone that joined before and that the server lets in no more: everything on it stays.
pub fn again() -> AnyView {
    let top = top(Top {
        title: word::AGAIN.s().to_owned(),
        back: true,
        ..Top::default()
    });
    let below = view! { <p class="lead number">{number()}</p> };
    let words = (top, word::AGAIN_LEAD, word::AGAIN);
    ask(state(), words, below.into_any())
}

/// The number by which the station knows this phone.
fn number() -> Option<String> {
    Actions::number().map(|number| word::THIS_NUMBER.with(number))
}

/// Asks for a code.
fn ask(state: State, (top, lead, action): (AnyView, Word, Word), below: AnyView) -> AnyView {
    let form = draft::once(invited().unwrap_or_default());
    let asked = RwSignal::new(false);
    // The exchange tells how joining went; success brings the directory, and with it the app.
    Effect::new(move |_| {
        let activity = state.status.with(|status| status.activity);
        if !asked.get_untracked() {
            return;
        }
        match activity {
            Activity::Failed(failure) => {
                form.failure.set(Some(state.told(fault::join(failure))));
                form.busy.set(false);
            }
            Activity::StoreFailed(problem) => {
                form.failure.set(Some(fault::store(problem).s().to_owned()));
                form.busy.set(false);
            }
            Activity::Idle | Activity::Working => {}
        }
    });
    let send = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        let typed = form.draft.get_untracked();
        if normal_code(&typed).is_none() {
            form.failure.set(Some(word::JOIN_INCOMPLETE.s().to_owned()));
            return;
        }
        form.failure.set(None);
        form.busy.set(true);
        asked.set(true);
        platform::spawn(async move {
            if Actions::join(typed).await.is_err() {
                form.failure.try_set(Some(word::JOIN_FAILED.s().to_owned()));
                form.busy.try_set(false);
            }
        });
    };
    let code = Text::required(
        domain::record::FieldName::Title,
        word::INVITATION_CODE,
        TextKind::Line,
    )
    .hint(word::JOIN_HINT);
    view! {
        <form class="screen join" on:submit=send novalidate>
            {top}
            <main>
                <p class="lead">{lead.s()}</p>
                <div class="card code">{form.text(code, |code| code)}</div>
                {below}
            </main>
            {form.save_bar(action, None)}
        </form>
    }
    .into_any()
}

/// The people who joined on this phone before: the way back for whoever came here by mistake.
fn others(state: State) -> Option<AnyView> {
    let any = state
        .identities
        .with(|all| all.iter().any(|known| !known.name.is_empty()));
    any.then(|| {
        view! {
            <section>
                <h2>{word::ON_THIS_PHONE.s()}</h2>
                {people(state)}
            </section>
        }
        .into_any()
    })
}

/// The code of an invitation link or QR code.
fn invited() -> Option<String> {
    nav::invitation().filter(|code| normal_code(code).is_some())
}
