//! The app: a thin shell between the browser and the domain.

pub mod app;
pub mod component;
pub mod icon;
pub mod link;
pub mod locale;
pub mod nav;
pub mod platform;
pub mod runtime;
pub mod screen;
pub mod state;
pub mod store;

use platform::{attempts, panic};
use runtime::Phone;
use state::{Actions, Board, State};

/// Where the browser keeps the language that was chosen.
const LANGUAGE: &str = "fengge.locale";

/// Who runs so long without a crash runs well, in milliseconds.
const WELL_MS: u32 = 10_000;

/// Starts the app: the count of earlier faults, the signals, the phone, the screens, and then the
/// store.
pub fn run() {
    panic::install();
    attempts::count_stops();
    let state = State::new(locale::language(platform::setting(LANGUAGE).as_deref()));
    let phone = Phone::new(Board::new(state));
    Actions::install(std::rc::Rc::clone(&phone));
    app::mount(state);
    if attempts::attempts().is_plain() {
        // Nothing is read: the page offers what can be done without any record.
        state.stay_plain();
        return;
    }
    platform::spawn(async move { phone.start().await });
    platform::after(WELL_MS, attempts::ran_well).keep();
}
