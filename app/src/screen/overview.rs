//! The supervisor's screen: counts and rates up and down the tree, without personal data.

use std::sync::Arc;

use domain::codelist::List;
use domain::record::Kind;
use domain::sync::message::{Overview, decode, encode};
use domain::view::cells::{Cell, SMALL_CELL_MAX};
use domain::view::figure::Figure;
use domain::view::matters::Matters;
use domain::view::supervisor::{Below, CategoryCount, Counts, Named, Place, Rate};
use domain::view::weeks::{Span, Weeks};
use leptos::prelude::*;

use crate::component::chips::{Choice, chips};
use crate::component::shell::{Top, top};
use crate::locale::{self, format, word};
use crate::nav;
use crate::platform;
use crate::screen::is_demo;
use crate::state::{Actions, OverviewFault, State, state};

/// What stands between a place and the one below it.
const STEP: &str = "›";

/// What is being looked at, which stands in the address, and what came of it.
#[derive(Clone, Copy)]
struct Look {
    place: Memo<Option<Place>>,
    period: Memo<Weeks>,
    found: RwSignal<Option<Arc<Overview>>>,
    fault: RwSignal<Option<OverviewFault>>,
    again: RwSignal<u32>,
}

impl Look {
    fn show(&self, place: &Place) {
        nav::turn(&written(Some(place), self.period.get_untracked()));
        if let Some(window) = web_sys::window() {
            window.scroll_to_with_x_and_y(0.0, 0.0);
        }
    }

    fn go_to(&self, period: Weeks) {
        let place = self.place.get_untracked();
        nav::turn(&written(place.as_ref(), period));
    }

    /// The last period of a length that is over.
    fn choose(&self, span: &str) {
        self.go_to(Weeks::latest(span_of(span), platform::now()));
    }
}

/// What is looked at, as it stands in the address.
fn written(place: Option<&Place>, period: Weeks) -> String {
    let period = match period {
        Weeks::Year(year) => format!("year.{year}"),
        Weeks::Quarter(year, quarter) => format!("quarter.{year}.{quarter}"),
        Weeks::Month(year, month) => format!("month.{year}.{month}"),
        Weeks::Week(week) => format!("week.{week}"),
    };
    let part = |name: &str, text: &str| {
        let text = String::from(js_sys::encode_uri_component(text));
        format!("&{name}={text}")
    };
    let unit = place.map(|place| part("unit", place.unit.as_str()));
    let village = place.and_then(|place| place.village.as_deref());
    let village = village.map(|village| part("village", village));
    format!(
        "period={period}{}{}",
        unit.unwrap_or_default(),
        village.unwrap_or_default()
    )
}

/// One part of the address.
fn read(query: &str, name: &str) -> Option<String> {
    let mut parts = query.split('&').filter_map(|part| part.split_once('='));
    let (_, text) = parts.find(|(known, _)| *known == name)?;
    js_sys::decode_uri_component(text).ok().map(String::from)
}

fn place_of(query: &str) -> Option<Place> {
    let unit = read(query, "unit")?.parse().ok()?;
    let village = read(query, "village");
    Some(Place { unit, village })
}

/// The period of the address, where it is one that is over.
fn period_of(query: &str) -> Option<Weeks> {
    let text = read(query, "period")?;
    let (span, numbers) = text.split_once('.')?;
    let mut numbers = numbers.split('.').map(|text| text.parse::<i64>().ok());
    let first = numbers.next()??;
    let period = match span {
        "year" => Weeks::Year(first),
        "quarter" => Weeks::Quarter(first, numbers.next()??),
        "month" => Weeks::Month(first, numbers.next()??),
        "week" => Weeks::Week(first),
        _ => return None,
    };
    (period.is_sound() && period.is_over(platform::now())).then_some(period)
}

fn span_of(choice: &str) -> Span {
    match choice {
        "week" => Span::Week,
        "quarter" => Span::Quarter,
        "year" => Span::Year,
        _ => Span::Month,
    }
}

const fn span_code(span: Span) -> &'static str {
    match span {
        Span::Week => "week",
        Span::Month => "month",
        Span::Quarter => "quarter",
        Span::Year => "year",
    }
}

/// The overview screen.
pub fn overview() -> AnyView {
    let state = state();
    let look = Look {
        place: Memo::new(|_| nav::query().with(|query| place_of(query))),
        period: Memo::new(|_| {
            let asked = nav::query().with(|query| period_of(query));
            asked.unwrap_or_else(|| Weeks::latest(Span::Month, platform::now()))
        }),
        found: RwSignal::new(None),
        fault: RwSignal::new(None),
        again: RwSignal::new(0),
    };
    Effect::new(move |_| ask(state, look));
    let span = Signal::derive(move || span_code(look.period.get().span()).to_owned());
    let spans = vec![
        Choice::new("week", word::WEEK.s()),
        Choice::new("month", word::MONTH.s()),
        Choice::new("quarter", word::QUARTER.s()),
        Choice::new("year", word::YEAR.s()),
    ];
    view! {
        <div class="wide">
            {move || heading(state, look)}
            <main class="overview">
                {move || path(look)}
                {chips(word::PERIOD.s(), spans, 4, span, move |span| look.choose(&span))}
                {move || period(look)}
                {move || fault(look)}
                {move || look.found.get().map(|found| picture(&found, look))}
            </main>
        </div>
    }
    .into_any()
}

/// The days of the period, between the ways to the one before and the one after.
fn period(look: Look) -> AnyView {
    let now = platform::now();
    let period = look.period.get();
    let before = Weeks::around(period.first().saturating_sub(1), period.span());
    let after = Weeks::around(period.last().saturating_add(1), period.span());
    let later = after.is_over(now).then(|| {
        view! {
            <button type="button" class="mini" on:click=move |_| look.go_to(after)>
                {word::PERIOD_AFTER.s()}
            </button>
        }
    });
    view! {
        <p class="path">
            <b>{days(period, now.day())}</b>
            <button type="button" class="mini" on:click=move |_| look.go_to(before)>
                {word::PERIOD_BEFORE.s()}
            </button>
            {later}
        </p>
    }
    .into_any()
}

fn days(period: Weeks, today: domain::time::Day) -> String {
    let days = period.days();
    let [from, to] = [days.from, days.to].map(|day| format::day(day, today));
    format!("{from} – {to}")
}

fn ask(state: State, look: Look) {
    look.again.track();
    let asked = (look.place.get(), look.period.get());
    let (place, period) = asked.clone();
    let of = place.as_ref().map_or_else(String::new, |place| {
        let village = place.village.as_deref().unwrap_or_default();
        format!("{}/{village}", place.unit)
    });
    let days = period.days();
    let key = format!("overview/{of}/{}/{}", days.from, days.to);
    platform::spawn(async move {
        let answer = Actions::overview(place, period).await;
        // An answer to an earlier question is not shown.
        let now = look
            .place
            .try_get_untracked()
            .zip(look.period.try_get_untracked());
        if now != Some(asked) {
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
    let _kept = Actions::write_draft(&key, Some(&text)).await;
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

/// The places above, as the way back up, and the place itself.
fn path(look: Look) -> AnyView {
    let found = look.found.get();
    let places = found.map(|found| found.path.clone()).unwrap_or_default();
    let last = places.len().saturating_sub(1);
    let step = |(at, named): (usize, Named)| {
        if at == last {
            return view! { <b aria-current="page">{name(&named)}</b> }.into_any();
        }
        let place = named.place.clone();
        view! {
            <button type="button" class="mini" on:click=move |_| look.show(&place)>
                {name(&named)}
            </button>
            <span aria-hidden="true">{STEP}</span>
        }
        .into_any()
    };
    let steps: Vec<_> = places.into_iter().enumerate().map(step).collect();
    view! { <nav class="path" aria-label=word::UNIT.s()>{steps}</nav> }.into_any()
}

/// The name of a place; grids without a village stand together without one.
fn name(named: &Named) -> String {
    if named.name.is_empty() {
        word::OTHER_PLACES.s().to_owned()
    } else {
        named.name.clone()
    }
}

fn fault(look: Look) -> Option<AnyView> {
    let text = match look.fault.get()? {
        OverviewFault::Offline => word::OVERVIEW_OFFLINE,
        OverviewFault::NotAllowed => word::OVERVIEW_REFUSED,
        OverviewFault::TooFine => word::OVERVIEW_TOO_FINE,
        OverviewFault::Outdated => word::OVERVIEW_OUTDATED,
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
    view! {
        {figures(&found.total)}
        <p class="quiet">{word::CELLS_NOTE.with(SMALL_CELL_MAX)}</p>
        <div class="columns">
            <div>{below(&found.below, look)} {matters(found)}</div>
            <aside>{categories(found)}</aside>
        </div>
    }
    .into_any()
}

fn figures(total: &Counts) -> AnyView {
    let count = |figure: Figure, count: Cell, bad: bool| {
        let bad = bad && count.drawn() > 0;
        let soft = count.count().is_none();
        view! {
            <div class="card kpi">
                <span>{locale::figure(figure)}</span>
                <b class:bad=bad class:soft=soft>{cell(count)}</b>
            </div>
        }
    };
    let rate = |label: locale::Word, rate: Option<Rate>| {
        let of = rate.map(|rate| word::OF_N.with2(rate.part, rate.of));
        let soft = rate.is_none_or(|rate| rate.of == 0);
        view! {
            <div class="card kpi">
                <span>{label.s()}</span><b class:soft=soft>{share(rate)}</b><i>{of}</i>
            </div>
        }
    };
    view! {
        <section class="kpis">
            {count(Figure::Found, total.found, false)}
            {count(Figure::Open, total.open, false)}
            {count(Figure::Overdue, total.overdue, true)}
            {count(Figure::Major, total.major, true)}
            {rate(word::SETTLED_RATE, total.settled_rate())}
            {rate(word::HAZARD_RATE, total.hazards_rate())}
            {rate(word::VISIT_RATE, total.visits_rate())}
            {count(Figure::Patrols, total.patrols, false)}
        </section>
    }
    .into_any()
}

fn share(rate: Option<Rate>) -> String {
    let Some(rate) = rate else {
        return word::NOT_SHOWN.s().to_owned();
    };
    rate.per_mille()
        .map_or_else(|| word::NO_BASE.s().to_owned(), format::percent)
}

/// A count as it came: the number, or that it is not told.
fn cell(count: Cell) -> String {
    match count {
        Cell::Count(count) => count.to_string(),
        Cell::Under => word::LESS_THAN.with(SMALL_CELL_MAX),
        Cell::Hidden => word::NOT_SHOWN.s().to_owned(),
    }
}

fn below(below: &[Below], look: Look) -> Option<AnyView> {
    if below.is_empty() {
        return None;
    }
    let labels = [Figure::Found, Figure::Open, Figure::Overdue].map(locale::figure);
    let [found, open, overdue] = labels;
    let settled = word::SETTLED_RATE.s();
    let line = |one: &Below| {
        let place = one.named.place.clone();
        let counts = one.counts;
        let late = if counts.overdue.drawn() > 0 {
            "n due"
        } else {
            "n"
        };
        let level = one
            .named
            .level
            .map(|level| locale::code(List::UnitLevel, level.code()));
        view! {
            <tr>
                <td>
                    <button type="button" class="link"
                        on:click=move |_| look.show(&place)>
                        {name(&one.named)}
                    </button>
                    {level.map(|level| view! { <small>{level}</small> })}
                </td>
                <td class="n" data-label=found>{cell(counts.found)}</td>
                <td class="n" data-label=open>{cell(counts.open)}</td>
                <td class=late data-label=overdue>{cell(counts.overdue)}</td>
                <td class="n" data-label=settled>{share(counts.settled_rate())}</td>
            </tr>
        }
    };
    let lines: Vec<_> = below.iter().map(line).collect();
    Some(
        view! {
            <section>
                <h2>{word::BY_UNIT.s()}</h2>
                <div class="card">
                    <table class="below">
                        <thead>
                            <tr>
                                <th scope="col">{word::UNIT.s()}</th>
                                <th scope="col" class="n">{found}</th>
                                <th scope="col" class="n">{open}</th>
                                <th scope="col" class="n">{overdue}</th>
                                <th scope="col" class="n">{settled}</th>
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

fn categories(found: &Overview) -> Option<AnyView> {
    let most = found
        .categories
        .iter()
        .map(|one| one.found.drawn())
        .max()?
        .max(1);
    let line = |one: &CategoryCount| {
        // A bar must not tell what the number hides: there is none.
        let width = format!("{}%", u64::from(one.found.drawn()) * 100 / u64::from(most));
        view! {
            <li class="bar-row">
                <span>{locale::category(&one.category)}</span>
                <span class="bar" aria-hidden="true"><i style:width=width></i></span>
                <output>{cell(one.found)}</output>
            </li>
        }
    };
    let lines: Vec<_> = found.categories.iter().map(line).collect();
    Some(
        view! {
            <h2>{word::BY_CATEGORY.s()}</h2>
            <p class="quiet">{days(found.quarter, found.now.day())}</p>
            <ul class="card bars">{lines}</ul>
        }
        .into_any(),
    )
}

fn matters(found: &Overview) -> Option<AnyView> {
    if found.matters.is_empty() {
        return None;
    }
    let today = found.now.day();
    let line = |group: &Matters| {
        let lists = match group.kind {
            Kind::Dispute => Some((List::DisputeCategory, List::CaseLevel)),
            Kind::Hazard => Some((List::HazardCategory, List::HazardLevel)),
            Kind::Patrol | Kind::Task => None,
        };
        let kind = format::kind(group.kind).to_owned();
        let coded = |list: Option<List>, code: &Option<String>| {
            let code = code.as_deref().filter(|code| !code.is_empty());
            list.zip(code).map(|(list, code)| locale::code(list, code))
        };
        let category = coded(lists.map(|lists| lists.0), &group.category);
        let level = coded(lists.map(|lists| lists.1), &group.level);
        let week = group.week.map(|week| days(week, today));
        let matter: Vec<String> = [Some(kind), category].into_iter().flatten().collect();
        let more: Vec<String> = [level, week].into_iter().flatten().collect();
        view! {
            <tr>
                <td>{matter.join(" · ")} <small>{more.join(" · ")}</small></td>
                <td class="n">{group.count}</td>
            </tr>
        }
    };
    let lines: Vec<_> = found.matters.iter().map(line).collect();
    Some(
        view! {
            <section>
                <h2>{word::OPEN_ROWS.s()}</h2>
                <div class="card">
                    <table class="matters">
                        <thead>
                            <tr>
                                <th scope="col">{word::MATTER.s()}</th>
                                <th scope="col" class="n">{word::HOW_MANY.s()}</th>
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
