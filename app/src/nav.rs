//! Where one is in the app: routes, links, the browser's history, and sheets that Back closes.

use core::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use domain::id::RecordId;
use gloo::events::EventListener;
use leptos::prelude::*;
use wasm_bindgen::{JsCast, JsValue};

/// From where the form of a new record is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Begin {
    /// The patrol on which it is begun.
    pub patrol: Option<RecordId>,
    /// The draft that is gone on with.
    pub draft: Option<RecordId>,
}

impl Begin {
    /// On a patrol.
    #[must_use]
    pub fn on(patrol: RecordId) -> Self {
        Self {
            patrol: Some(patrol),
            draft: None,
        }
    }

    fn parse(query: &str) -> Self {
        let part = |name: &str| {
            let mut parts = query.split('&').filter_map(|part| part.split_once('='));
            parts.find(|(key, _)| *key == name)?.1.parse().ok()
        };
        Self {
            patrol: part("patrol"),
            draft: part("draft"),
        }
    }

    fn path(self, form: &str) -> String {
        let parts = [("patrol", self.patrol), ("draft", self.draft)];
        let said = parts
            .iter()
            .filter_map(|(name, id)| Some(format!("{name}={}", (*id)?)));
        let query = said.collect::<Vec<_>>().join("&");
        if query.is_empty() {
            form.to_owned()
        } else {
            format!("{form}?{query}")
        }
    }
}

/// A screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    /// Joining with an invitation code.
    Join,
    /// The officer's day.
    Home,
    /// The quick register of a dispute.
    NewDispute(Begin),
    /// A dispute.
    Dispute(RecordId),
    /// All records, with search.
    Records,
    /// Patrols, the one under way first.
    Patrols,
    /// A patrol.
    Patrol(RecordId),
    /// The form for a hazard.
    NewHazard(Begin),
    /// A hazard.
    Hazard(RecordId),
    /// A task.
    Task(RecordId),
    /// The merged picture of the station.
    Station,
    /// The de-identified picture of a unit.
    Overview,
    /// Settings.
    Settings,
    /// What to do without a signal.
    Carry,
    /// No such screen.
    NotFound,
}

impl Route {
    /// The route of a path, with its query.
    #[must_use]
    pub fn parse(path: &str) -> Self {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let mut parts = path.trim_matches('/').split('/');
        let first = parts.next().unwrap_or_default();
        let second = parts.next();
        let id = second.and_then(|text| text.parse().ok());
        if parts.next().is_some() {
            return Self::NotFound;
        }
        match (first, second, id) {
            ("", None, _) => Self::Home,
            ("join", None, _) => Self::Join,
            ("disputes", Some("new"), _) => Self::NewDispute(Begin::parse(query)),
            ("disputes", _, Some(id)) => Self::Dispute(id),
            ("records", None, _) => Self::Records,
            ("patrols", None, _) => Self::Patrols,
            ("patrols", _, Some(id)) => Self::Patrol(id),
            ("hazards", Some("new"), _) => Self::NewHazard(Begin::parse(query)),
            ("hazards", _, Some(id)) => Self::Hazard(id),
            ("tasks", _, Some(id)) => Self::Task(id),
            ("station", None, _) => Self::Station,
            ("overview", None, _) => Self::Overview,
            ("settings", None, _) => Self::Settings,
            ("carry", None, _) => Self::Carry,
            _ => Self::NotFound,
        }
    }

    /// The path of the route.
    #[must_use]
    pub fn path(self) -> String {
        match self {
            Self::Join => "/join".to_owned(),
            Self::Home | Self::NotFound => "/".to_owned(),
            Self::NewDispute(begin) => begin.path("/disputes/new"),
            Self::Dispute(id) => format!("/disputes/{id}"),
            Self::Records => "/records".to_owned(),
            Self::Patrols => "/patrols".to_owned(),
            Self::Patrol(id) => format!("/patrols/{id}"),
            Self::NewHazard(begin) => begin.path("/hazards/new"),
            Self::Hazard(id) => format!("/hazards/{id}"),
            Self::Task(id) => format!("/tasks/{id}"),
            Self::Station => "/station".to_owned(),
            Self::Overview => "/overview".to_owned(),
            Self::Settings => "/settings".to_owned(),
            Self::Carry => "/carry".to_owned(),
        }
    }
}

/// The page of a record.
#[must_use]
pub const fn record_route(kind: domain::record::Kind, id: RecordId) -> Route {
    match kind {
        domain::record::Kind::Dispute => Route::Dispute(id),
        domain::record::Kind::Patrol => Route::Patrol(id),
        domain::record::Kind::Hazard => Route::Hazard(id),
        domain::record::Kind::Task => Route::Task(id),
    }
}

/// What stands in the address of a screen with a record beside its list.
const BESIDE: &str = "record=";

/// The query of the address under which a record stands beside the list.
#[must_use]
pub fn beside_query(kind: domain::record::Kind, id: RecordId) -> String {
    format!(
        "{BESIDE}{}",
        record_route(kind, id).path().trim_start_matches('/')
    )
}

/// The record that stands beside the list.
#[must_use]
pub fn beside() -> Option<(domain::record::Kind, RecordId)> {
    use domain::record::Kind;
    query().with(|query| match Route::parse(query.strip_prefix(BESIDE)?) {
        Route::Dispute(id) => Some((Kind::Dispute, id)),
        Route::Patrol(id) => Some((Kind::Patrol, id)),
        Route::Hazard(id) => Some((Kind::Hazard, id)),
        Route::Task(id) => Some((Kind::Task, id)),
        Route::Join
        | Route::Home
        | Route::NewDispute(_)
        | Route::Records
        | Route::Patrols
        | Route::NewHazard(_)
        | Route::Station
        | Route::Overview
        | Route::Settings
        | Route::Carry
        | Route::NotFound => None,
    })
}

thread_local! {
    static QUERY: RefCell<Option<RwSignal<String>>> = const { RefCell::new(None) };
    /// How far down each address was when it was left.
    static LEFT: RefCell<BTreeMap<String, f64>> = const { RefCell::new(BTreeMap::new()) };
    static ROUTE: RefCell<Option<RwSignal<Route>>> = const { RefCell::new(None) };
    static SHEET: RefCell<Option<RwSignal<bool>>> = const { RefCell::new(None) };
    static VISITED: Cell<bool> = const { Cell::new(false) };
    static INVITATION: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// The route that is shown; set up by [`start`].
#[must_use]
pub fn route() -> RwSignal<Route> {
    ROUTE.with(|slot| {
        *slot
            .borrow_mut()
            .get_or_insert_with(|| RwSignal::new(here()))
    })
}

/// What stands behind the path in the address: where one is within a screen.
#[must_use]
pub fn query() -> RwSignal<String> {
    QUERY.with(|slot| {
        *slot
            .borrow_mut()
            .get_or_insert_with(|| RwSignal::new(query_of(&address()).to_owned()))
    })
}

fn query_of(address: &str) -> &str {
    address.split_once('?').map_or("", |(_, query)| query)
}

/// Path and query of the page.
fn address() -> String {
    let location = web_sys::window().map(|window| window.location());
    let part = |read: fn(&web_sys::Location) -> Result<String, JsValue>| {
        location
            .as_ref()
            .and_then(|location| read(location).ok())
            .unwrap_or_default()
    };
    format!(
        "{}{}",
        part(web_sys::Location::pathname),
        part(web_sys::Location::search)
    )
}

fn here() -> Route {
    Route::parse(&address())
}

/// Notes how far down the page is that is about to be left.
fn leave() {
    let down = web_sys::window().and_then(|window| window.scroll_y().ok());
    LEFT.with(|left| left.borrow_mut().insert(address(), down.unwrap_or(0.0)));
}

/// Goes as far down as the page was when it was left, once it is drawn.
fn come_back() {
    let down = LEFT.with(|left| left.borrow().get(&address()).copied());
    crate::platform::after(RESTORE_MS, move || {
        if let (Some(window), Some(down)) = (web_sys::window(), down) {
            window.scroll_to_with_x_and_y(0.0, down);
        }
    })
    .keep();
}

/// How long a screen takes to be drawn, at most; a list is not as long before.
const RESTORE_MS: u32 = 30;

/// Goes elsewhere within the screen: it stays as it is, and Back leads to where one was.
pub fn turn(query: &str) {
    leave();
    turn_by(query, web_sys::History::push_state_with_url);
}

/// The same in place of where one is.
pub fn turn_back_to(query: &str) {
    turn_by(query, web_sys::History::replace_state_with_url);
}

type Entering = fn(&web_sys::History, &JsValue, &str, Option<&str>) -> Result<(), JsValue>;

fn turn_by(to: &str, enter: Entering) {
    close_sheet();
    let address = address();
    let path = address.split('?').next().unwrap_or_default();
    let path = match to {
        "" => path.to_owned(),
        to => format!("{path}?{to}"),
    };
    if let Some(history) = web_sys::window().and_then(|window| window.history().ok()) {
        // A refused entry only costs the Back button one step.
        let _entered = enter(&history, &JsValue::NULL, "", Some(&path));
    }
    query().set(to.to_owned());
}

/// Listens to the browser's Back and to links of ours, for the life of the page.
pub fn start() {
    let (Some(window), shown, within) = (web_sys::window(), route(), query()) else {
        return;
    };
    if let Ok(history) = window.history() {
        // The browser would try before the list is drawn.
        let _ours = history.set_scroll_restoration(web_sys::ScrollRestoration::Manual);
    }
    EventListener::new(&window, "popstate", move |_| {
        if !close_sheet() {
            within.set(query_of(&address()).to_owned());
            shown.set(here());
            come_back();
        }
    })
    .forget();
    let Some(document) = window.document() else {
        return;
    };
    let options = gloo::events::EventListenerOptions::enable_prevent_default();
    EventListener::new_with_options(&document, "click", options, move |event| {
        let Some(path) = followed(event) else { return };
        event.prevent_default();
        go(Route::parse(&path));
    })
    .forget();
}

/// The path of ours that a plain click follows.
fn followed(event: &web_sys::Event) -> Option<String> {
    let click: &web_sys::MouseEvent = event.dyn_ref()?;
    if click.default_prevented()
        || click.button() != 0
        || click.ctrl_key()
        || click.meta_key()
        || click.shift_key()
    {
        return None;
    }
    let target: web_sys::Element = event.target()?.dyn_into().ok()?;
    let link = target.closest("a[href^='/']").ok()??;
    let href = link.get_attribute("href")?;
    (!link.has_attribute("download") && !link.has_attribute("target")).then_some(href)
}

/// Goes to a screen.
pub fn go(to: Route) {
    visit(to, false);
}

/// Goes to a screen in place of the one that is shown: Back does not lead here again.
pub fn replace(to: Route) {
    visit(to, true);
}

fn visit(to: Route, replace: bool) {
    close_sheet();
    let Some(window) = web_sys::window() else {
        return;
    };
    INVITATION.with(|slot| slot.borrow_mut().take());
    leave();
    if let Ok(history) = window.history() {
        let path = to.path();
        // A refused entry only costs the Back button one step.
        let _entered = if replace {
            history.replace_state_with_url(&JsValue::NULL, "", Some(&path))
        } else {
            history.push_state_with_url(&JsValue::NULL, "", Some(&path))
        };
    }
    window.scroll_to_with_x_and_y(0.0, 0.0);
    query().set(query_of(&to.path()).to_owned());
    route().set(to);
}

/// Called when a screen is drawn: names the page after its heading and, unless this is the first
/// screen, puts the focus there, so that it is read out and the keyboard goes on from it.
pub fn arrive() {
    let first = VISITED.with(|slot| !slot.replace(true));
    crate::platform::after(0, move || {
        let document = web_sys::window().and_then(|window| window.document());
        let Some(document) = document else { return };
        let heading = document.query_selector("h1").ok().flatten();
        let Some(heading) = heading.and_then(|h| h.dyn_into::<web_sys::HtmlElement>().ok()) else {
            return;
        };
        let app = crate::locale::word::APP.s();
        let text = heading.text_content().unwrap_or_default();
        document.set_title(&format!("{text} · {app}"));
        if !first {
            let options = web_sys::FocusOptions::new();
            options.set_prevent_scroll(true);
            // A heading that cannot take the focus is still on the screen.
            let _focused = heading.focus_with_options(&options);
        }
    })
    .keep();
}

/// Goes back, or home where there is nothing to go back to.
pub fn back() {
    let history = web_sys::window().and_then(|window| window.history().ok());
    match history {
        Some(history) if history.length().unwrap_or(0) > 1 => {
            let _went = history.back();
        }
        Some(_) | None => replace(Route::Home),
    }
}

/// Tells that a sheet is open: the browser's Back then closes it and stays on the screen.
pub fn sheet_opened(open: RwSignal<bool>) {
    SHEET.with(|slot| *slot.borrow_mut() = Some(open));
    if let Some(history) = web_sys::window().and_then(|window| window.history().ok()) {
        let _entered = history.push_state_with_url(&JsValue::NULL, "", None);
    }
}

/// Closes the open sheet by its own button: takes its step out of the history as well.
pub fn sheet_dismissed() {
    let open = SHEET.with(|slot| slot.borrow().is_some());
    if open && let Some(history) = web_sys::window().and_then(|window| window.history().ok()) {
        let _went = history.back();
    }
}

/// What `boot.js` took out of the address.
const INVITED: &str = "fenggeInvitation";

/// The code of the link that led here, until one goes elsewhere. It is in no address and in no history.
#[must_use]
pub fn invitation() -> Option<String> {
    let window = web_sys::window()?;
    let taken = js_sys::Reflect::get(&window, &INVITED.into()).ok();
    INVITATION.with(|slot| {
        let mut kept = slot.borrow_mut();
        if let Some(code) = taken.and_then(|taken| taken.as_string()) {
            // From now on it is here and nowhere else.
            let _forgotten = js_sys::Reflect::delete_property(&window, &INVITED.into());
            *kept = Some(code).filter(|code| !code.is_empty());
        }
        kept.clone()
    })
}

fn close_sheet() -> bool {
    match SHEET.with(|slot| slot.borrow_mut().take()) {
        Some(open) => {
            open.set(false);
            true
        }
        None => false,
    }
}
