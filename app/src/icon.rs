//! The few icons, as paths drawn on a grid of 24.

use leptos::prelude::*;

/// An icon by its path; decoration only, the words beside it say what it is.
#[must_use]
pub fn icon(path: &'static str) -> AnyView {
    view! { <svg class="icon" viewBox="0 0 24 24" aria-hidden="true"><path d=path /></svg> }
        .into_any()
}

/// A house: today.
pub const TODAY: &str = "M4 11l8-7 8 7v8a1 1 0 0 1-1 1h-4v-6H9v6H5a1 1 0 0 1-1-1z";
/// A sheet: records.
pub const RECORDS: &str = "M6 3h9l4 4v14H6zM9 12h7M9 16h7";
/// A pin: patrols.
pub const PATROL: &str = "M12 21s7-6.2 7-11a7 7 0 0 0-14 0c0 4.8 7 11 7 11zM12 12.4a2.4 2.4 0 1 0 0-4.8 2.4 2.4 0 0 0 0 4.8z";
/// A wheel: settings.
pub const SETTINGS: &str = "M12 15a3 3 0 1 0 0-6 3 3 0 0 0 0 6zM12 3v3M12 18v3M3 12h3M18 12h3M5.6 5.6l2.1 2.1M16.3 16.3l2.1 2.1M18.4 5.6l-2.1 2.1M7.7 16.3l-2.1 2.1";
/// A building: the station.
pub const STATION: &str = "M4 21V8l8-5 8 5v13M9 21v-6h6v6M9 10h.01M15 10h.01";
/// Bars: the overview.
pub const OVERVIEW: &str = "M4 20h16M7 20v-7M12 20V6M17 20v-10";
/// An arrow to the left: back.
pub const BACK: &str = "M15 5l-7 7 7 7";
/// A cross: close.
pub const CLOSE: &str = "M6 6l12 12M18 6L6 18";
/// A camera.
pub const CAMERA: &str =
    "M4 8h3.5l1.7-2.5h5.6L16.5 8H20v11H4zM12 16.5a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7z";
/// A plus.
pub const PLUS: &str = "M12 5v14M5 12h14";
/// A lens: search.
pub const SEARCH: &str = "M11 18a7 7 0 1 0 0-14 7 7 0 0 0 0 14zM20 20l-4-4";
