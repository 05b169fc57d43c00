//! Faults of ours while somebody works on the app.
//!
//! The app as it is shipped carries no words for its panics: they end it at once, and the page says
//! so (`public/start.js`), as it does when the stack or the memory is exhausted.

/// Says on the console what happened and where, in development.
pub fn install() {
    #[cfg(debug_assertions)]
    std::panic::set_hook(Box::new(|fault| {
        web_sys::console::error_1(&fault.to_string().into());
    }));
}
