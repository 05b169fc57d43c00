//! Starts the app: the last page for faults, the signals, the phone, the screens, and then the store.

use app::platform::{self, panic};
use app::runtime::Phone;
use app::state::{Actions, Board, State};
use app::{app as screens, locale};

/// Where the browser keeps the language that was chosen.
const LANGUAGE: &str = "fengge.locale";

fn main() {
    panic::install(locale::LAST_WORDS);
    let state = State::new(locale::language(platform::setting(LANGUAGE).as_deref()));
    let phone = Phone::new(Board::new(state));
    Actions::install(std::rc::Rc::clone(&phone));
    screens::mount(state);
    platform::spawn(async move { phone.start().await });
}
