//! The supervisor's screen: counts and rates up and down the tree, without personal data.

use std::sync::Arc;

use domain::codelist::List;
use domain::id::UnitId;
use domain::record::Kind;
use domain::sync::message::{Overview, decode, encode};
use domain::unit::Level;
use domain::view::supervisor::{
    Counts, Period, PublicRow, Rate, SMALL_CELL_MAX, UnitCounts, is_small_cell,
};
use leptos::prelude::*;

use crate::component::chips::{Choice, chips};
use crate::component::shell::{Top, top};
use crate::locale::{self, Word, format, word};
use crate::platform;
use crate::screen::is_demo;
use crate::state::{Actions, OverviewFault, State, state};

/// What stands between a unit and the one below it.
const STEP: &str = "›";

/// How many open records are drawn at once.
const PAGE: usize = 20;

/// What is being looked at and what came of it.
#[derive(Clone, Copy)]
struct Look {
    unit: RwSignal<Option<UnitId>>,
    days: RwSignal<String>,
    found: RwSignal<Option<Arc<Overview>>>,
    fault: RwSignal<Option<OverviewFault>>,
    again: RwSignal<u32>,
}

impl Look {
    fn show(&self, unit: UnitId) {
        self.unit.set(Some(unit));
        if let Some(window) = web_sys::window() {
            window.scroll_to_with_x_and_y(0.0, 0.0);
        }
    }
}

/// The overview screen.
pub fn overview() -> AnyView {
    let state = state();
    let look = Look {
        unit: RwSignal::new(None),
        days: RwSignal::new("30".to_owned()),
        found: RwSignal::new(None),
        fault: RwSignal::new(None),
        again: RwSignal::new(0),
    };
    Effect::new(move |_| ask(state, look));
    let periods = vec![
        Choice::new("7", word::WEEK.s()),
        Choice::new("30", word::MONTH.s()),
        Choice::new("90", word::QUARTER.s()),
    ];
    view! {
        <div class="wide">
            {move || heading(state, look)}
            <main class="overview">
                {move || path(look)}
                {chips(word::PERIOD.s(), periods, 3, look.days.into(), move |days| look.days.set(days))}
                {move || fault(look)}
                {move || look.found.get().map(|found| picture(&found, look))}
            </main>
        </div>
    }
    .into_any()
}

fn ask(state: State, look: Look) {
    look.again.track();
    let unit = look.unit.get();
    let days: i64 = look.days.with(|days| days.parse().unwrap_or(30));
    let today = platform::now().day();
    let period = Period {
        from: today.plus(1 - days),
        to: today,
    };
    let of = unit.as_ref().map_or("", UnitId::as_str);
    let key = format!("overview/{of}/{days}");
    platform::spawn(async move {
        let answer = Actions::overview(unit.clone(), period).await;
        // An answer to an earlier question is not shown.
        if look.unit.try_get_untracked() != Some(unit) {
            return;
        }
        match answer {
            Ok(found) => {
                keep(state, key, &found).await;
                look.fault.try_set(None);
                look.found.try_set(Some(found));
            }
            Err(fault) => {
                look.fault.try_set(Some(fault));
                if fault == OverviewFault::Offline
                    && let Some(kept) = kept(state, &key)
                {
                    look.found.try_set(Some(kept));
                }
            }
        }
    });
}

/// Keeps the last answer to a question, so that it can be read without network; its own clock stands
/// in the heading.
async fn keep(state: State, key: String, found: &Overview) {
    let text: String = encode(found)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    // Without a copy the picture is only missing offline.
    let _kept = Actions::keep_draft(&key, &text).await;
    state.drafts.update(|drafts| {
        drafts.insert(key, text);
    });
}

fn kept(state: State, key: &str) -> Option<Arc<Overview>> {
    let text = state
        .drafts
        .with_untracked(|drafts| drafts.get(key).cloned())?;
    let digits = (0..text.len()).step_by(2);
    let bytes = digits.map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok());
    let bytes: Vec<u8> = bytes.collect::<Option<_>>()?;
    decode(&bytes).ok().map(Arc::new)
}

fn heading(state: State, look: Look) -> AnyView {
    let at = look
        .found
        .get()
        .map(|found| word::AS_OF.with(format::moment(found.now, platform::now())));
    let aside = format!("{} · {}", word::DEIDENTIFIED.s(), at.unwrap_or_default());
    let title = word::OVERVIEW.s().to_owned();
    top(Top {
        title,
        aside,
        back: false,
        demo: is_demo(state),
    })
}

/// The units above, as the way back up, and the unit itself.
fn path(look: Look) -> AnyView {
    let found = look.found.get();
    let units = found.map(|found| found.path.clone()).unwrap_or_default();
    let last = units.len().saturating_sub(1);
    let step = |(place, unit): (usize, domain::unit::Unit)| {
        if place == last {
            return view! { <b aria-current="page">{unit.name}</b> }.into_any();
        }
        let id = unit.id.clone();
        view! {
            <button type="button" class="mini" on:click=move |_| look.show(id.clone())>
                {unit.name}
            </button>
            <span aria-hidden="true">{STEP}</span>
        }
        .into_any()
    };
    let steps: Vec<_> = units.into_iter().enumerate().map(step).collect();
    view! { <nav class="path" aria-label=word::UNIT.s()>{steps}</nav> }.into_any()
}

fn fault(look: Look) -> Option<AnyView> {
    let text = match look.fault.get()? {
        OverviewFault::Offline => word::OVERVIEW_OFFLINE,
        OverviewFault::NotAllowed => word::OVERVIEW_REFUSED,
        OverviewFault::Unreadable => word::OVERVIEW_BROKEN,
    };
    Some(
        view! {
            <div class="callout" role="status">
                <span>{text.s()}</span>
                <button type="button" class="mini" on:click=move |_| look.again.update(|n| *n += 1)>
                    {word::TRY_AGAIN.s()}
                </button>
            </div>
        }
        .into_any(),
    )
}

fn picture(found: &Arc<Overview>, look: Look) -> AnyView {
    let shown = RwSignal::new(PAGE);
    let categories = categories(found);
    let figures = figures(&found.total);
    let children = children(&found.children, look);
    let found = Arc::clone(found);
    let rows = move || rows(&found, shown);
    view! {
        {figures}
        <div class="columns">
            <div>{children} {rows}</div>
            <aside>{categories}</aside>
        </div>
    }
    .into_any()
}

fn figures(total: &Counts) -> AnyView {
    let count = |label: Word, count: u32, bad: bool| {
        let bad = bad && count > 0;
        view! {
            <div class="card kpi">
                <span>{label.s()}</span><b class:bad=bad>{count}</b>
            </div>
        }
    };
    let rate = |label: Word, rate: Rate| {
        view! {
            <div class="card kpi">
                <span>{label.s()}</span><b>{share(rate)}</b><i>{word::OF_N.with2(rate.part, rate.of)}</i>
            </div>
        }
    };
    view! {
        <section class="kpis">
            {count(word::FOUND, total.disputes_found, false)}
            {count(word::OPEN_NOW, total.disputes_open, false)}
            {count(word::OVERDUE, total.disputes_overdue, true)}
            {count(word::MAJOR, total.disputes_major, true)}
            {rate(word::SETTLED_RATE, total.settled_rate())}
            {rate(word::HAZARD_RATE, total.hazards_rate())}
            {rate(word::VISIT_RATE, total.visits_rate())}
            {count(word::PATROLS, total.patrols, false)}
        </section>
    }
    .into_any()
}

fn share(rate: Rate) -> String {
    rate.per_mille()
        .map_or_else(|| word::NO_BASE.s().to_owned(), format::percent)
}

fn children(children: &[UnitCounts], look: Look) -> Option<AnyView> {
    if children.is_empty() {
        return None;
    }
    let line = |child: &UnitCounts| {
        let id = child.unit.clone();
        let counts = child.counts;
        let late = if counts.disputes_overdue > 0 {
            "n due"
        } else {
            "n"
        };
        view! {
            <tr>
                <td>
                    <button type="button" class="link"
                        on:click=move |_| look.show(id.clone())>
                        {child.name.clone()}
                    </button>
                    {(child.level != Level::Grid).then(|| view! {
                        <small>{locale::code(List::UnitLevel, child.level.code())}</small>
                    })}
                </td>
                <td class="n">{counts.disputes_found}</td>
                <td class="n">{counts.disputes_open}</td>
                <td class=late>{counts.disputes_overdue}</td>
                <td class="n">{share(counts.settled_rate())}</td>
            </tr>
        }
    };
    let lines: Vec<_> = children.iter().map(line).collect();
    Some(
        view! {
            <section>
                <h2>{word::BY_UNIT.s()}</h2>
                <div class="card">
                    <table>
                        <thead>
                            <tr>
                                <th scope="col">{word::UNIT.s()}</th>
                                <th scope="col" class="n">{word::FOUND.s()}</th>
                                <th scope="col" class="n">{word::OPEN_NOW.s()}</th>
                                <th scope="col" class="n">{word::OVERDUE.s()}</th>
                                <th scope="col" class="n">{word::SETTLED_RATE.s()}</th>
                            </tr>
                        </thead>
                        <tbody>{lines}</tbody>
                    </table>
                </div>
            </section>
        }
        .into_any(),
    )
}

/// A count that may not single out a matter.
fn cell(count: u32) -> String {
    if is_small_cell(count) {
        word::LESS_THAN.with(SMALL_CELL_MAX)
    } else {
        count.to_string()
    }
}

fn categories(found: &Overview) -> AnyView {
    let most = found
        .categories
        .iter()
        .map(|category| category.found)
        .max()
        .unwrap_or(1)
        .max(1);
    let line = |category: &domain::view::supervisor::CategoryCount| {
        // The bar must not tell what the number hides.
        let small = is_small_cell(category.found);
        let shown = if small {
            SMALL_CELL_MAX - 1
        } else {
            category.found
        };
        let width = format!("{}%", shown * 100 / most);
        view! {
            <li class="bar-row">
                <span>{locale::category(&category.category)}</span>
                <span class="bar" aria-hidden="true"><i style:width=width></i></span>
                <output>{cell(category.found)}</output>
            </li>
        }
    };
    let lines: Vec<_> = found.categories.iter().map(line).collect();
    view! {
        <h2>{word::BY_CATEGORY.s()}</h2>
        <ul class="card bars">{lines}</ul>
    }
    .into_any()
}

fn rows(found: &Overview, shown: RwSignal<usize>) -> Option<AnyView> {
    if found.rows.is_empty() {
        return None;
    }
    let today = found.now.day();
    let line = |row: &PublicRow| {
        let kind = format::kind(row.kind);
        let matter = match row.kind {
            Kind::Dispute => format!("{kind} · {}", locale::category(&row.category)),
            Kind::Hazard => {
                format!(
                    "{kind} · {}",
                    locale::code(List::HazardCategory, &row.category)
                )
            }
            Kind::Patrol | Kind::Task => kind.to_owned(),
        };
        let late = row.due_on.is_some_and(|due| due < today);
        view! {
            <tr>
                <td>{matter}
                    <small>{format::number(&row.number)}</small></td>
                <td>{format::day(row.found_on, today)}</td>
                <td><span class="tag plain">{format::status(row.kind, &row.status)}</span></td>
                <td class=if late { "n due" } else { "n" }>
                    {row.due_on.map(|due| format::day(due, today))}
                </td>
            </tr>
        }
    };
    let total = found.rows.len().min(shown.get());
    let lines: Vec<_> = found.rows.iter().take(total).map(line).collect();
    let count = word::SHOWN_OF.with2(total, found.rows_total);
    let more = (total < found.rows.len()).then(|| {
        view! {
            <button type="button" class="button" on:click=move |_| shown.update(|n| *n += PAGE)>
                {word::SHOW_MORE.s()}
            </button>
        }
    });
    Some(
        view! {
            <section>
                <h2>{word::OPEN_ROWS.s()}</h2>
                <div class="card">
                    <table class="matters">
                        <thead>
                            <tr>
                                <th scope="col">{word::MATTER.s()}</th>
                                <th scope="col">{word::TIME.s()}</th>
                                <th scope="col">{word::STATUS.s()}</th>
                                <th scope="col" class="n">{word::DUE_COLUMN.s()}</th>
                            </tr>
                        </thead>
                        <tbody>{lines}</tbody>
                    </table>
                </div>
                <p class="quiet" role="status">{count}</p>
                {more}
            </section>
        }
        .into_any(),
    )
}
