//! Drafts: what is typed into a form outlives its screen, its window and the app.
//!
//! A form cannot be made without a place for its draft (`form`), except where nothing may be kept
//! (`once`). The place is the form's own: a draft that is open in one window is opened in no other.

use core::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use domain::id::RecordId;
use leptos::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Actions, State, state};
use crate::component::field::Form;
use crate::locale::word;
use crate::nav::record_route;
use crate::platform::{self, Lock};

/// The pause in typing after which a draft is written, in milliseconds.
const PAUSE_MS: u32 = 400;
/// How long another window may take to let go of a draft that it has just left, in milliseconds.
const LEAVE_MS: u32 = 250;
/// How often, and how many times, a reader looks whether this window's own writes are done.
const LOOK_MS: u32 = 10;
const LOOKS_MAX: u32 = 200;
/// What the key of a form's draft begins with.
const FORM: &str = "form";
/// What stands in a key where the form is about nothing that is there yet.
const NEW: &str = "new";

thread_local! {
    static OPEN: RefCell<BTreeMap<u32, Rc<Open>>> = const { RefCell::new(BTreeMap::new()) };
    static LAST: Cell<u32> = const { Cell::new(0) };
    static WRITING: Cell<u32> = const { Cell::new(0) };
}

/// Which form: what it is for, and which record it is about or begins from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Of {
    kind: &'static str,
    about: Option<RecordId>,
}

impl Of {
    /// The register of a dispute.
    pub const DISPUTE: Self = Self {
        kind: "dispute",
        about: None,
    };
    /// The start of a patrol.
    pub const PATROL: Self = Self {
        kind: "patrol",
        about: None,
    };

    /// The form for a hazard: those that were found on different patrols are kept apart.
    #[must_use]
    pub const fn hazard(patrol: Option<RecordId>) -> Self {
        Self {
            kind: "hazard",
            about: patrol,
        }
    }

    /// The form called `kind` on the page of a record.
    #[must_use]
    pub const fn sheet(kind: &'static str, record: RecordId) -> Self {
        Self {
            kind,
            about: Some(record),
        }
    }

    fn key(self, own: RecordId) -> String {
        let about = self
            .about
            .map_or_else(|| NEW.to_owned(), |id| id.to_string());
        format!("{FORM}/{}/{about}/{own}", self.kind)
    }
}

/// A draft that was left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left {
    /// What the form is for.
    pub kind: String,
    /// Which record it is about or begins from.
    pub about: Option<RecordId>,
    /// Its own id; a new record's is that of the record.
    pub own: RecordId,
    key: String,
}

/// A draft of the time when each kind of form had one place.
#[derive(serde::Deserialize)]
struct Old {
    id: RecordId,
    draft: OldHazard,
}

#[derive(serde::Deserialize)]
struct OldHazard {
    #[serde(default)]
    patrol: String,
}

impl Left {
    fn read(key: &str, text: &str) -> Option<Self> {
        let mut parts = key.split('/');
        let kind = parts.next()?;
        if kind == FORM {
            let (kind, about, own) = (parts.next()?, parts.next()?, parts.next()?);
            return Some(Self {
                kind: kind.to_owned(),
                about: about.parse().ok(),
                own: own.parse().ok()?,
                key: key.to_owned(),
            });
        }
        if key != Of::DISPUTE.kind && key != Of::hazard(None).kind {
            return None;
        }
        let old: Old = serde_json::from_str(text).ok()?;
        Some(Self {
            kind: key.to_owned(),
            about: old.draft.patrol.parse().ok(),
            own: old.id,
            key: key.to_owned(),
        })
    }
}

/// Everything that was left, the newest first.
#[must_use]
pub fn left(state: State) -> Vec<Left> {
    let mut all: Vec<Left> = state.drafts.with(|drafts| {
        let read = drafts.iter().map(|(key, text)| Left::read(key, text));
        read.flatten().collect()
    });
    all.sort_by_key(|left| core::cmp::Reverse(left.own));
    all
}

/// Reads again what was left: other windows write and save as well.
pub async fn refresh(state: State) {
    for _ in 0..LOOKS_MAX {
        if WRITING.get() == 0 {
            break;
        }
        platform::sleep(LOOK_MS).await;
    }
    if let Some(drafts) = Actions::drafts().await {
        let drafts = drafts.into_iter().collect();
        if state.drafts.with_untracked(|known| *known != drafts) {
            state.drafts.set(drafts);
        }
    }
}

/// Writes at once whatever is typed into any form: the page may never come back.
pub fn keep_all() {
    let all: Vec<_> = OPEN.with(|open| open.borrow().values().cloned().collect());
    for open in all {
        if !open.saving.get() {
            platform::spawn(open.write(false));
        }
    }
}

/// A form that keeps nothing: for a code that serves once.
#[must_use]
pub fn once(code: String) -> Form<String> {
    Form::new(code, Slot(0), RwSignal::new(false))
}

/// A form with its draft. `fresh` makes a blank one; `draw` gets the form and what is to be said above it.
/// `want` is the draft that is asked for, where there may be several.
pub fn form<D>(
    (of, want): (Of, Option<RecordId>),
    fresh: impl Fn() -> D + Send + Sync + 'static,
    draw: impl Fn(Form<D>, AnyView) -> AnyView + Send + Sync + 'static,
) -> AnyView
where
    D: Serialize + DeserializeOwned + Send + Sync + 'static,
{
    let search = Search {
        state: state(),
        of,
        want,
        reads: |text| serde_json::from_str::<D>(text).is_ok(),
        kept: RwSignal::new(false),
        found: RwSignal::new(None),
    };
    let begun = move |found: Found| {
        let blank = fresh();
        let text = |draft: &D| serde_json::to_string(draft).unwrap_or_default();
        let pristine = text(&blank);
        let left = found.text.as_deref().map(serde_json::from_str);
        let draft = left.and_then(Result::ok).unwrap_or(blank);
        let form = Form::new(draft, found.slot, search.kept);
        let read = move || form.draft.try_with_untracked(text);
        watch((found.slot, pristine), Box::new(read), move || {
            form.draft.track();
        });
        draw(form, note(&found))
    };
    opened(search, Box::new(begun))
}

type Begun = Box<dyn Fn(Found) -> AnyView + Send + Sync>;

fn opened(search: Search, begun: Begun) -> AnyView {
    platform::spawn(async move { search.show(search.find().await) });
    on_cleanup(move || {
        if let Some(found) = search.found.try_get_untracked().flatten() {
            found.slot.leave();
        }
    });
    view! { {move || search.found.get().map(&begun)} }.into_any()
}

/// Hears every change of a form, and when it is left.
fn watch((slot, pristine): (Slot, String), read: Read, track: impl Fn() + 'static) {
    if let Some(open) = slot.open() {
        open.pristine.replace(pristine);
        open.read.replace(Some(read));
    }
    Effect::new(move |first: Option<()>| {
        track();
        if first.is_some() {
            slot.changed();
        }
    });
    on_cleanup(move || slot.leave());
}

/// What is said above a form: where its text comes from.
fn note(found: &Found) -> AnyView {
    let slot = found.slot;
    match found.note {
        Note::None => ().into_any(),
        Note::Elsewhere => {
            view! { <p class="restored" role="status">{word::DRAFT_ELSEWHERE.s()}</p> }.into_any()
        }
        Note::SavedBefore(id) => {
            let row = state().row(id);
            let there = row.map(|row| {
                let path = record_route(row.kind, id).path();
                view! { <a class="mini" href=path>{word::DRAFT_SAVED_OPEN.s()}</a> }
            });
            view! {
                <div class="callout" role="alert"><p>{word::DRAFT_SAVED_BEFORE.s()}</p>{there}</div>
            }
            .into_any()
        }
        Note::Restored => {
            let discard = move |_| {
                if let Some(open) = slot.open() {
                    open.discard();
                }
            };
            view! {
                <div class="restored">
                    <span role="status">{word::DRAFT_RESTORED.s()}</span>
                    <button type="button" class="mini" on:click=discard>
                        {word::DRAFT_DISCARD.s()}
                    </button>
                </div>
            }
            .into_any()
        }
    }
}

/// A form's own place for its draft.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot(u32);

impl Slot {
    /// What is kept there; none when the form keeps nothing or was left.
    #[must_use]
    pub fn open(self) -> Option<Rc<Open>> {
        OPEN.with(|open| open.borrow().get(&self.0).cloned())
    }

    /// The id that a new record gets from this form.
    #[must_use]
    pub fn own(self) -> RecordId {
        self.open().map_or_else(Actions::new_id, |open| open.own)
    }

    fn changed(self) {
        let Some(open) = self.open() else { return };
        open.search.kept.try_set(false);
        let turn = open.turn.get().wrapping_add(1);
        open.turn.set(turn);
        platform::after(PAUSE_MS, move || {
            if open.turn.get() == turn && !open.saving.get() {
                platform::spawn(open.write(false));
            }
        })
        .keep();
    }

    /// The form is left: what is typed is written at once, and another window may open it.
    fn leave(self) {
        let left = OPEN.with(|open| open.borrow_mut().remove(&self.0));
        let Some(open) = left else { return };
        // No timer of before may write after this.
        open.turn.set(open.turn.get().wrapping_add(1));
        if open.saving.get() {
            return;
        }
        let written = open.write(false);
        platform::spawn(async move {
            written.await;
            open.lock.take();
        });
    }
}

/// What was found when a form was opened.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Found {
    slot: Slot,
    text: Option<String>,
    note: Note,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Note {
    None,
    /// The text of last time.
    Restored,
    /// Another window has what was left.
    Elsewhere,
    /// This record was saved before and says something else.
    SavedBefore(RecordId),
}

/// A search for the draft of a form.
#[derive(Debug, Clone, Copy)]
struct Search {
    state: State,
    of: Of,
    want: Option<RecordId>,
    reads: fn(&str) -> bool,
    kept: RwSignal<bool>,
    found: RwSignal<Option<Found>>,
}

impl Search {
    /// The newest draft of this form that no other window has open, or a blank one.
    async fn find(self) -> Found {
        refresh(self.state).await;
        let mut note = Note::None;
        let all = untrack(|| left(self.state));
        let fits = |left: &Left| {
            left.kind == self.of.kind
                && left.about == self.of.about
                && self.want.is_none_or(|own| left.own == own)
        };
        for left in all.into_iter().filter(fits) {
            let Some(lock) = lock(&left.key).await else {
                note = Note::Elsewhere;
                continue;
            };
            // The other window may have saved it before it let go.
            refresh(self.state).await;
            let text = self
                .state
                .drafts
                .with_untracked(|d| d.get(&left.key).cloned());
            if let Some(text) = text.filter(|text| (self.reads)(text)) {
                self.kept.try_set(true);
                let slot = self.open((left.own, left.key), (Some(lock), Some(text.clone())));
                return Found {
                    slot,
                    text: Some(text),
                    note: Note::Restored,
                };
            }
        }
        self.blank(note)
    }

    /// A form of its own that nobody else can have.
    fn blank(self, note: Note) -> Found {
        let own = Actions::new_id();
        self.kept.try_set(false);
        let slot = self.open((own, self.of.key(own)), (None, None));
        if let Some(open) = slot.open() {
            platform::spawn(async move {
                let lock = lock(&open.key).await;
                open.lock.replace(lock);
            });
        }
        Found {
            slot,
            text: None,
            note,
        }
    }

    fn open(
        self,
        (own, key): (RecordId, String),
        (lock, written): (Option<Lock>, Option<String>),
    ) -> Slot {
        let number = LAST.get() + 1;
        LAST.set(number);
        let open = Open {
            search: self,
            own,
            key,
            lock: RefCell::new(lock),
            read: RefCell::default(),
            pristine: RefCell::default(),
            written: RefCell::new(written),
            failed: Cell::new(false),
            turn: Cell::new(0),
            saving: Cell::new(false),
            over: Cell::new(false),
        };
        OPEN.with(|all| all.borrow_mut().insert(number, Rc::new(open)));
        Slot(number)
    }

    /// Draws the form; one that was left meanwhile is closed.
    fn show(self, found: Found) {
        if let Some(Some(found)) = self.found.try_set(Some(found)) {
            found.slot.leave();
        }
    }
}

async fn lock(key: &str) -> Option<Lock> {
    platform::lock(&format!("fengge-draft-{key}"), LEAVE_MS).await
}

type Read = Box<dyn Fn() -> Option<String>>;

/// A draft that is open in this window.
pub struct Open {
    search: Search,
    own: RecordId,
    key: String,
    lock: RefCell<Option<Lock>>,
    /// What the form says now; none when it is gone.
    read: RefCell<Option<Read>>,
    /// What it says while nobody has said anything.
    pristine: RefCell<String>,
    /// What was written last.
    written: RefCell<Option<String>>,
    /// The last write came to nothing.
    failed: Cell<bool>,
    /// Counts the changes, so that only the last one starts a write.
    turn: Cell<u32>,
    /// Its record is being saved: nothing is written beside that.
    saving: Cell<bool>,
    /// It was saved or discarded.
    over: Cell<bool>,
}

impl core::fmt::Debug for Open {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Open")
    }
}

impl Open {
    /// The signals of the screens.
    #[must_use]
    pub fn state(&self) -> State {
        self.search.state
    }

    /// Where it lies.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Writes down what is typed, a blank form as well.
    pub async fn keep(self: Rc<Self>) {
        self.write(true).await;
    }

    /// Its record is about to be saved: the newest text comes first.
    pub async fn hold(self: &Rc<Self>) {
        let written = self.write(false);
        self.saving.set(true);
        written.await;
    }

    /// Its record was not saved.
    pub fn go_on(&self) {
        self.saving.set(false);
    }

    /// Its record was saved, and the draft went with that.
    pub fn end(&self) {
        self.over.set(true);
        self.search.state.drafts.update(|drafts| {
            drafts.remove(&self.key);
        });
        self.lock.take();
    }

    /// Its record was saved before with other words: the text stays, under an id of its own.
    pub fn renew(&self) {
        let read = self.read.borrow().as_ref().and_then(|read| read());
        let text = read.or_else(|| self.written.borrow().clone());
        let mut found = self.search.blank(Note::SavedBefore(self.own));
        found.text.clone_from(&text);
        if let (Some(open), Some(text)) = (found.slot.open(), text) {
            open.read
                .replace(Some(Box::new(move || Some(text.clone()))));
            platform::spawn(open.write(true));
        }
        self.remove();
        self.search.show(found);
    }

    fn discard(&self) {
        Actions::discard_photos(self.own);
        self.remove();
        self.search.show(self.search.blank(Note::None));
    }

    fn remove(&self) {
        self.end();
        let key = self.key.clone();
        platform::spawn(async move {
            WRITING.set(WRITING.get() + 1);
            // A draft that stays is offered again; nothing is lost.
            let _removed = Actions::write_draft(&key, None).await;
            WRITING.set(WRITING.get().saturating_sub(1));
        });
    }

    /// What is to be written, if anything: a text, or that there is none.
    fn due(&self, blank_too: bool) -> Option<Option<String>> {
        if self.over.get() {
            return None;
        }
        let text = self.read.borrow().as_ref().and_then(|read| read())?;
        let said = blank_too || text != *self.pristine.borrow();
        let text = said.then_some(text);
        (self.failed.get() || *self.written.borrow() != text).then_some(text)
    }

    /// Writes what is typed at this moment. The text is taken now, and the browser is asked as soon as
    /// the future is looked at; it does what it is asked in that order.
    fn write(self: &Rc<Self>, blank_too: bool) -> impl Future<Output = ()> + use<> {
        let due = self.due(blank_too);
        if let Some(text) = &due {
            self.written.replace(text.clone());
            self.failed.set(false);
            self.search.state.drafts.update(|drafts| match text {
                Some(text) => {
                    drafts.insert(self.key.clone(), text.clone());
                }
                None => {
                    drafts.remove(&self.key);
                }
            });
            WRITING.set(WRITING.get() + 1);
        }
        let open = Rc::clone(self);
        async move {
            let Some(text) = due else { return };
            let written = Actions::write_draft(&open.key, text.as_deref()).await;
            WRITING.set(WRITING.get().saturating_sub(1));
            if written.is_err() {
                open.failed.set(true);
            } else if *open.written.borrow() == text {
                open.search.kept.try_set(text.is_some());
            }
        }
    }
}
