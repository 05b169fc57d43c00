//! Without a signal: a file for a colleague to carry, and a colleague's file to send along.

use domain::sync::bundle::{Code, FILE_BYTES_MAX};
use leptos::prelude::*;
use wasm_bindgen::JsCast;

use crate::locale::{Word, word};
use crate::platform;
use crate::runtime::carry::{Bundle, Carried, CarryFault};
use crate::state::{Actions, State, state};

/// Both ways, as a section of the settings.
pub fn carry() -> AnyView {
    let state = state();
    view! {
        <section>
            <h2>{word::NO_SIGNAL.s()}</h2>
            <div class="card text">{hand_on(state)}</div>
            <div class="card text">{take_along()}</div>
        </section>
    }
    .into_any()
}

/// What waits on this phone, as a file. It is made first and handed on by a second press: browsers
/// hand a file on only right after a press.
fn hand_on(state: State) -> AnyView {
    let made: RwSignal<Option<Bundle>> = RwSignal::new(None);
    let said: RwSignal<Option<Word>> = RwSignal::new(None);
    let busy = RwSignal::new(false);
    let make = move |_| {
        if busy.get_untracked() {
            return;
        }
        busy.set(true);
        said.set(None);
        platform::spawn(async move {
            match Actions::bundle().await {
                Ok(bundle) => drop(made.try_set(Some(bundle))),
                Err(fault) => drop(said.try_set(Some(word_of(fault)))),
            }
            busy.try_set(false);
        });
    };
    let ready = move || {
        let bundle = made.get()?;
        let code = bundle.code.grouped();
        let give = move |_| {
            if let Some(bundle) = made.get_untracked() {
                Actions::hand_on(bundle.file);
            }
        };
        Some(view! {
            <p>{word::CARRY_CODE.with(bundle.records)}</p>
            <p class="carry-code" lang="en">{code}</p>
            <button type="button" class="button" on:click=give>{word::CARRY_GIVE.s()}</button>
        })
    };
    let waiting = move || {
        let count = state.status.with(|status| status.on_phone);
        if count == 0 {
            word::EXPORT_NOTHING.s().to_owned()
        } else {
            word::CARRY_LEAD.with(count)
        }
    };
    view! {
        <p>{waiting}</p>
        <button type="button" class="button" on:click=make
            prop:disabled=move || busy.get() || state.status.with(|status| status.on_phone == 0)>
            {word::CARRY_MAKE.s()}
        </button>
        <div role="status">
            {ready}
            {move || said.get().map(|word| view! { <p class="error">{word.s()}</p> })}
        </div>
    }
    .into_any()
}

/// A colleague's file, sent by this phone.
fn take_along() -> AnyView {
    let input: NodeRef<leptos::html::Input> = NodeRef::new();
    let code = RwSignal::new(String::new());
    let said: RwSignal<Option<Result<Carried, Word>>> = RwSignal::new(None);
    let busy = RwSignal::new(false);
    let send = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        if busy.get_untracked() {
            return;
        }
        let file = input
            .get_untracked()
            .and_then(|input| input.files()?.get(0));
        let Some(file) = file else {
            said.set(Some(Err(word::CARRY_NO_FILE)));
            return;
        };
        let Some(code) = Code::read(&code.get_untracked()) else {
            said.set(Some(Err(word::CARRY_CODE_FORM)));
            return;
        };
        busy.set(true);
        said.set(None);
        platform::spawn(async move {
            let outcome = send_along(&file, &code).await;
            said.try_set(Some(outcome.map_err(word_of)));
            busy.try_set(false);
        });
    };
    let outcome = move || {
        said.get().map(|said| match said {
            Ok(carried) => view! {
                <p>{word::CARRY_TAKEN.with(carried.taken)}</p>
                {(carried.refused > 0).then(|| view! {
                    <p class="error">{word::CARRY_REFUSED_SOME.with(carried.refused)}</p>
                })}
            }
            .into_any(),
            Err(word) => view! { <p class="error">{word.s()}</p> }.into_any(),
        })
    };
    view! {
        <form class="carry" on:submit=send novalidate>
            <p>{word::CARRY_IN_LEAD.s()}</p>
            <div class="field">
                <label for="carry-file">{word::CARRY_FILE.s()}</label>
                <input id="carry-file" type="file" accept=".txt,text/plain" node_ref=input />
            </div>
            <div class="field">
                <label for="carry-code">{word::CARRY_CODE_FIELD.s()}</label>
                <input id="carry-code" type="text" autocomplete="off" autocapitalize="characters"
                    spellcheck="false" maxlength="20"
                    on:input=move |event| code.set(event_target_value(&event)) />
            </div>
            <button type="submit" class="button" prop:disabled=move || busy.get()>
                {move || if busy.get() { word::CARRY_BUSY.s() } else { word::CARRY_SEND.s() }}
            </button>
            <div role="status">{outcome}</div>
        </form>
    }
    .into_any()
}

async fn send_along(file: &web_sys::File, code: &Code) -> Result<Carried, CarryFault> {
    // A film chosen by mistake is not read into the memory of a small phone.
    if file.size() > FILE_BYTES_MAX as f64 {
        return Err(CarryFault::NotOurs);
    }
    let read = wasm_bindgen_futures::JsFuture::from(file.array_buffer()).await;
    let buffer: js_sys::ArrayBuffer = read
        .ok()
        .and_then(|buffer| buffer.dyn_into().ok())
        .ok_or(CarryFault::NotOurs)?;
    Actions::carry(&js_sys::Uint8Array::new(&buffer).to_vec(), code).await
}

const fn word_of(fault: CarryFault) -> Word {
    match fault {
        CarryFault::Nothing => word::EXPORT_NOTHING,
        CarryFault::NoKey => word::CARRY_NO_KEY,
        CarryFault::Store => word::CARRY_NO_STORE,
        CarryFault::NotOurs => word::CARRY_NOT_OURS,
        CarryFault::WrongCode => word::CARRY_WRONG_CODE,
        CarryFault::Offline => word::CARRY_OFFLINE,
        CarryFault::Refused => word::CARRY_REFUSED,
    }
}
