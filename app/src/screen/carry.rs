//! Without a signal: a file or QR codes for a colleague to carry, and a colleague's work taken along.

mod film;
mod hand;
mod show;

use core::pin::Pin;

use domain::sync::bundle::{Code, FILE_BYTES_MAX};
use leptos::prelude::*;
use wasm_bindgen::JsCast;

use crate::component::shell::{Top, top};
use crate::locale::{Word, word};
use crate::platform;
use crate::runtime::carry::CarryFault;
use crate::screen::is_demo;
use crate::state::{Actions, State, state};

/// The screen.
pub fn carry() -> AnyView {
    let state = state();
    let (codes, filming) = (RwSignal::new(Vec::new()), RwSignal::new(false));
    let head = Top {
        title: word::NO_SIGNAL.s().to_owned(),
        back: true,
        demo: is_demo(state),
        ..Top::default()
    };
    view! {
        {top(head)}
        <main class="carry">
            <section>
                <h2>{word::CARRY_MINE.s()}</h2>
                <div class="card text">{hand_on(state, codes)}</div>
            </section>
            <section>
                <h2>{word::CARRY_THEIRS.s()}</h2>
                <div class="card text">{take_along(state, filming)}</div>
            </section>
            <section>
                <h2>{word::FIRST_LOAD.s()}</h2>
                <div class="card text">{hand::hand_over(state)}</div>
            </section>
        </main>
        {show::sheet(codes)}
        {film::sheet(filming)}
    }
    .into_any()
}

/// What a piece of work leaves to be said.
type Said = Result<Option<String>, CarryFault>;

/// One piece of work at a time, and what the officer is told of it.
#[derive(Clone, Copy)]
struct Work {
    busy: RwSignal<bool>,
    said: RwSignal<Option<Result<String, Word>>>,
}

impl Work {
    fn new() -> Self {
        Self {
            busy: RwSignal::new(false),
            said: RwSignal::new(None),
        }
    }

    fn begin(self, work: impl Future<Output = Said> + 'static) {
        self.run(Box::pin(work));
    }

    fn run(self, work: Pin<Box<dyn Future<Output = Said>>>) {
        if self.busy.get_untracked() {
            return;
        }
        self.busy.set(true);
        self.said.set(None);
        platform::spawn(async move {
            let said = work.await.map_err(word_of).transpose();
            self.said.try_set(said);
            self.busy.try_set(false);
        });
    }

    fn words(self) -> Option<AnyView> {
        self.said.get().map(|said| match said {
            Ok(text) => view! { <p>{text}</p> }.into_any(),
            Err(word) => view! { <p class="error">{word.s()}</p> }.into_any(),
        })
    }
}

/// What waits on this phone. A file is made first and handed on by a second press: browsers hand a
/// file on only right after a press.
fn hand_on(state: State, codes: RwSignal<Vec<String>>) -> AnyView {
    let file = Ready::new(None);
    let work = Work::new();
    let show = move |_| {
        file.set(None);
        work.begin(async move {
            let leaves = Actions::bundle().await?.leaves()?;
            codes.try_set(leaves);
            Ok(None)
        });
    };
    let make = move |_| {
        file.set(None);
        work.begin(async move {
            let bundle = Actions::bundle().await?;
            file.try_set(Some(bundle.file().await?));
            Ok(Some(word::CARRY_CODE.with(bundle.records)))
        });
    };
    let ready = move || ready(file);
    let count = move || state.status.with(|status| status.on_phone);
    let waiting = move || match count() {
        0 => word::EXPORT_NOTHING.s().to_owned(),
        count => word::CARRY_LEAD.with(count),
    };
    let idle = move || work.busy.get() || count() == 0;
    view! {
        <p>{waiting}</p>
        <div class="pair">
            <button type="button" class="button" on:click=show prop:disabled=idle>
                {word::CARRY_SHOW.s()}
            </button>
            <button type="button" class="button" on:click=make prop:disabled=idle>
                {word::CARRY_MAKE.s()}
            </button>
        </div>
        <div role="status">{move || work.words()} {ready}</div>
    }
    .into_any()
}

/// A file that is ready, with its code.
type Ready = RwSignal<Option<(Vec<u8>, Code)>>;

/// The code to tell, and the press that hands the file on.
fn ready(file: Ready) -> Option<AnyView> {
    let (_, code) = file.get()?;
    let give = move |_| {
        if let Some((file, _)) = file.get_untracked() {
            Actions::hand_on(file);
        }
    };
    // The code and the next press come into view, wherever the file was asked for.
    let button: NodeRef<leptos::html::Button> = NodeRef::new();
    button.on_load(|button| drop(button.focus()));
    let view = view! {
        <p class="carry-code" lang="en">{code.grouped()}</p>
        <button type="button" class="button give" node_ref=button on:click=give>
            {word::CARRY_GIVE.s()}
        </button>
    };
    Some(view.into_any())
}

/// What was not sent, as a file, where the app opens no record.
pub fn unsent() -> AnyView {
    let (file, work) = (Ready::new(None), Work::new());
    let make = move |_| {
        file.set(None);
        work.begin(async move {
            let bundle = Actions::unsent().await?;
            file.try_set(Some(bundle.file().await?));
            Ok(Some(word::CARRY_CODE.with(bundle.records)))
        });
    };
    view! {
        <button type="button" class="button" on:click=make prop:disabled=move || work.busy.get()>
            {word::EXPORT.s()}
        </button>
        <div role="status" class="carry">{move || work.words()} {move || ready(file)}</div>
    }
    .into_any()
}

/// A colleague's work.
fn take_along(state: State, filming: RwSignal<bool>) -> AnyView {
    let input: NodeRef<leptos::html::Input> = NodeRef::new();
    let name: RwSignal<Option<String>> = RwSignal::new(None);
    let code = RwSignal::new(String::new());
    let work = Work::new();
    let file = move || input.get_untracked()?.files()?.get(0);
    let choose = move |_| {
        if let Some(input) = input.get_untracked() {
            input.click();
        }
    };
    let chosen = move |_| {
        work.said.set(None);
        name.set(file().map(|file| file.name()));
    };
    let send = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        let Some(file) = file() else {
            work.said.set(Some(Err(word::CARRY_NO_FILE)));
            return;
        };
        let Some(code) = Code::read(&code.get_untracked()) else {
            work.said.set(Some(Err(word::CARRY_CODE_FORM)));
            return;
        };
        work.begin(async move {
            let taken = take_file(&file, &code).await?;
            Ok(taken.map(|records| word::FIRST_LOAD_TAKEN.with(records)))
        });
    };
    view! {
        <p>{word::CARRY_IN_LEAD.s()}</p>
        <button type="button" class="button" on:click=move |_| filming.set(true)>
            {word::CARRY_SCAN.s()}
        </button>
        <form on:submit=send novalidate>
            // The browser's own field speaks the browser's language, not the officer's.
            <button type="button" class="button" on:click=choose>
                {move || name.get().unwrap_or_else(|| word::CARRY_CHOOSE.s().to_owned())}
            </button>
            <input id="carry-file" type="file" accept=".txt,text/plain" hidden tabindex="-1"
                aria-hidden="true" node_ref=input on:change=chosen />
            <div class="field">
                <label for="carry-code">{word::CARRY_CODE_FIELD.s()}</label>
                <input id="carry-code" type="text" autocomplete="off" autocapitalize="characters"
                    spellcheck="false" maxlength="20"
                    on:input=move |event| code.set(event_target_value(&event)) />
            </div>
            <button type="submit" class="button" prop:disabled=move || work.busy.get()>
                {move || if work.busy.get() { word::CARRY_BUSY.s() } else { word::CARRY_TAKE.s() }}
            </button>
        </form>
        <div role="status">{move || work.words()} {move || delivery(state)}</div>
    }
    .into_any()
}

/// What became of that which is carried.
fn delivery(state: State) -> Option<AnyView> {
    let told = state.carried.get();
    let line = |count: usize, word: Word| (count > 0).then(|| word.with(count));
    let good = [
        line(told.taken, word::CARRY_TAKEN),
        line(told.waiting, word::CARRY_WAITING),
    ];
    let bad = [
        line(told.refused, word::CARRY_REFUSED_SOME),
        line(told.turned_away, word::CARRY_REFUSED),
    ];
    let said =
        |class: &'static str| move |text: String| view! { <p class=class>{text}</p> }.into_any();
    let good = good.into_iter().flatten().map(said("good"));
    let bad = bad.into_iter().flatten().map(said("error"));
    let all: Vec<_> = good.chain(bad).collect();
    (!all.is_empty()).then(|| all.into_any())
}

async fn take_file(file: &web_sys::File, code: &Code) -> Result<Option<u32>, CarryFault> {
    // A film chosen by mistake is not read into the memory of a small phone.
    if file.size() > FILE_BYTES_MAX as f64 {
        return Err(CarryFault::NotOurs);
    }
    let read = wasm_bindgen_futures::JsFuture::from(file.array_buffer()).await;
    let buffer: js_sys::ArrayBuffer = read
        .ok()
        .and_then(|buffer| buffer.dyn_into().ok())
        .ok_or(CarryFault::NotOurs)?;
    Actions::take_file(&js_sys::Uint8Array::new(&buffer).to_vec(), code).await
}

const fn word_of(fault: CarryFault) -> Word {
    match fault {
        CarryFault::Nothing => word::EXPORT_NOTHING,
        CarryFault::NoKey => word::CARRY_NO_KEY,
        CarryFault::TooMuch => word::CARRY_TOO_MUCH,
        CarryFault::TooMuchForAFile => word::FIRST_LOAD_TOO_MUCH,
        CarryFault::NoRecords => word::FIRST_LOAD_NOTHING,
        CarryFault::NotForYou => word::FIRST_LOAD_NOT_FOR_YOU,
        CarryFault::NoRoom => word::SYNC_STORE,
        CarryFault::Store => word::CARRY_NO_STORE,
        CarryFault::Full => word::CARRY_FULL,
        CarryFault::NotOurs => word::CARRY_NOT_OURS,
        CarryFault::WrongCode => word::CARRY_WRONG_CODE,
    }
}
