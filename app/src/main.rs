//! Starts the app: the last page for faults, the signals, the phone, the screens, and then the store.

use app::platform::{self, attempts, panic};
use app::runtime::Phone;
use app::state::{Actions, Board, State};
use app::{app as screens, locale};

/// Where the browser keeps the language that was chosen.
const LANGUAGE: &str = "fengge.locale";

/// Who runs so long without a crash runs well, in milliseconds.
const WELL_MS: u32 = 10_000;

fn main() {
    panic::install(locale::LAST_WORDS);
    let state = State::new(locale::language(platform::setting(LANGUAGE).as_deref()));
    let phone = Phone::new(Board::new(state));
    Actions::install(std::rc::Rc::clone(&phone));
    screens::mount(state);
    if attempts::attempts().is_plain() {
        // Nothing is read: the page offers what can be done without any record.
        state.stay_plain();
        return;
    }
    platform::spawn(async move { phone.start().await });
    platform::after(WELL_MS, attempts::ran_well).keep();
}
