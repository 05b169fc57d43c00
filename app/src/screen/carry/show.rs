//! QR codes one after another, for a colleague's camera.

use std::rc::Rc;

use leptos::prelude::*;

use crate::component::sheet;
use crate::locale::word;
use crate::platform::{self, qr::Reader};

/// What the codes stand on. (As a name, so that the element is made and not parsed: strings never become
/// HTML, `public/start.js`.)
const PAPER: &str = "#fff";
/// How long a code stands. A camera takes it in a tenth of that; a slow phone reads five a second.
const STANDS_MS: u32 = 400;

/// A code as it is drawn: the width in squares, and the dark ones as a path.
type Drawing = (u32, String);

/// The sheet, open while there are codes to show.
pub fn sheet(codes: RwSignal<Vec<String>>) -> AnyView {
    let open = RwSignal::new(false);
    Effect::new(move |_| open.set(codes.with(|codes| !codes.is_empty())));
    Effect::new(move |_| {
        if !open.get() && codes.with_untracked(|codes| !codes.is_empty()) {
            codes.set(Vec::new());
        }
    });
    let body =
        move || view! { <div class="codes">{player(codes.get_untracked())}</div> }.into_any();
    sheet::sheet(open, || word::CARRY_SHOW.s().to_owned(), body)
}

fn player(codes: Vec<String>) -> AnyView {
    let drawings: RwSignal<Vec<Drawing>> = RwSignal::new(Vec::new());
    let at = RwSignal::new(0_usize);
    let of = codes.len();
    platform::spawn(async move {
        let reader = Rc::new(Reader::default());
        for code in codes {
            let drawn = reader.draw(&code).await;
            let Some(drawn) = drawn else { continue };
            if drawings.try_update(|all| all.push(drawn)).is_none() {
                // The sheet is closed.
                return;
            }
        }
        loop {
            platform::sleep(STANDS_MS).await;
            if at.try_update(|at| *at = (*at + 1) % of.max(1)).is_none() {
                return;
            }
        }
    });
    let shown = move || {
        let at = at.get();
        let (size, path) = drawings.with(|all| all.get(at).cloned())?;
        Some(view! {
            <svg viewBox=format!("0 0 {size} {size}") role="img" aria-label=word::CARRY_SHOW.s()
                shape-rendering="crispEdges">
                <rect width="100%" height="100%" fill=PAPER />
                <path d=path fill="#000" />
            </svg>
        })
    };
    let place = move || (of > 1).then(|| format!("{} / {of}", at.get() + 1));
    view! {
        {shown}
        <p class="place">{place}</p>
        <p>{word::CARRY_SHOW_LEAD.s()}</p>
    }
    .into_any()
}
