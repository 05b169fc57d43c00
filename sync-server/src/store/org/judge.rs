//! The judgement of an organisation before anything of it is written: units, people and checkpoints
//! as they would stand together with those that are there.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use domain::codelist::{self, List};
use domain::id::{CODE_BYTES_MAX, PersonId, UnitId};
use domain::text;
use domain::unit::{Level, Role};

use super::{Draft, UnitLine};

/// The most characters of a name.
pub const NAME_CHARS_MAX: usize = 60;
/// Flaws that are told one by one; the others are counted.
pub const FLAWS_TOLD_MAX: usize = 50;
/// Steps up from a unit that are looked at: in a longer circle levels cannot fit.
const WAY_MAX: usize = 64;

/// What is there already.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// Units by code.
    pub units: BTreeMap<String, KnownUnit>,
}

/// A unit that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownUnit {
    /// Its level, 1 (city) to 5 (grid).
    pub level: u8,
    /// The unit above it.
    pub parent: Option<String>,
    /// Whether it is in use.
    pub active: bool,
    /// Of a grid: code and name of its village.
    pub village: Option<(String, String)>,
}

/// What is wrong with one place of an import.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum Wrong {
    /// Not a code.
    #[error("a code has 1 to {CODE_BYTES_MAX} letters, digits, `-`, `_` or `.`")]
    Code,
    /// The code stands in the list before.
    #[error("the code stands here twice")]
    Twice,
    /// No such level.
    #[error("the level is 1 (city), 2 (district), 3 (station), 4 (post) or 5 (grid)")]
    Level,
    /// The level differs from the one that the unit has, and something hangs on that.
    #[error("the level was {0} and stays: something hangs on it; take a new code")]
    LevelChanged(u8),
    /// Only a city stands at the top.
    #[error("only a city has no unit above it; give a parent")]
    NoParent,
    /// The unit above is not there.
    #[error("no unit {0}; add it first or with it")]
    NoUnit(String),
    /// The unit above, or of a member, is out of use.
    #[error("unit {0} is retired; list it too, or take another")]
    Retired(String),
    /// The unit lies below itself.
    #[error("the unit would lie below itself")]
    Cycle,
    /// A unit of this level does not hang below one of that.
    #[error("a unit of level {0} cannot hang below one of level {1}")]
    Below(u8, u8),
    /// Not a grid.
    #[error("unit {0} is no grid")]
    NotAGrid(String),
    /// A grid without a village.
    #[error("a grid lies in a village; give its name and code")]
    Village,
    /// One code of a village with two names.
    #[error("village {0} has another name in another grid")]
    VillageName(String),
    /// No name, or a very long one.
    #[error("a name has 1 to {NAME_CHARS_MAX} characters")]
    NameLength,
    /// A name with signs that nobody sees.
    #[error("a name holds no control signs, line ends, or signs that cannot be seen")]
    NameSigns,
    /// No role at all.
    #[error("a person has a role")]
    NoRole,
    /// No such role.
    #[error("no such role; roles are {known}", known = Role::ALL.map(Role::code).join(", "))]
    Role,
    /// No such kind of checkpoint.
    #[error("no such kind of checkpoint")]
    Kind,
}

/// One flaw and its place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Flaw {
    /// The place in the file, such as `units[3].name`.
    pub place: String,
    /// The code that stands there, without signs that could deceive.
    pub code: String,
    /// What is wrong.
    pub wrong: Wrong,
}

/// All flaws of an import: the first ones, and how many there are.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Flaws {
    /// The first [`FLAWS_TOLD_MAX`].
    pub first: Vec<Flaw>,
    /// How many in all.
    pub count: usize,
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}): {}", self.place, self.code, self.wrong)
    }
}

impl fmt::Display for Flaws {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, flaw) in self.first.iter().enumerate() {
            let line_end = if number == 0 { "" } else { "\n" };
            write!(f, "{line_end}{flaw}")?;
        }
        let more = self.count.saturating_sub(self.first.len());
        if more > 0 {
            write!(f, "\nand {more} more")?;
        }
        Ok(())
    }
}

impl std::error::Error for Flaws {}

impl Flaws {
    fn add(&mut self, (place, code): (String, &str), wrong: Wrong) {
        self.count += 1;
        if self.first.len() < FLAWS_TOLD_MAX {
            let code = plain(code);
            self.first.push(Flaw { place, code, wrong });
        }
    }
}

/// A code as it can be printed: whoever wrote it must not move the reader's cursor.
fn plain(code: &str) -> String {
    let signs = code.chars().filter(|c| !text::is_hidden(*c));
    signs.take(CODE_BYTES_MAX).collect()
}

/// Judges an import together with what is there.
///
/// # Errors
/// When anything is wrong with it: all of that at once.
pub fn judge(known: &Known, import: &Draft) -> Result<(), Flaws> {
    let mut bench = Bench {
        known,
        import,
        listed: BTreeMap::new(),
        villages: BTreeMap::new(),
        children: BTreeMap::new(),
        flaws: Flaws::default(),
    };
    bench.prepare();
    for (number, line) in import.units.iter().enumerate() {
        bench.unit(number, line);
    }
    bench.people();
    bench.checkpoints();
    if bench.flaws.count == 0 {
        Ok(())
    } else {
        Err(bench.flaws)
    }
}

/// The flaws of what is there: as if it were listed anew. Older versions took what this one refuses.
///
/// # Errors
/// When something is wrong with it.
pub fn sound(known: &Known) -> Result<(), Flaws> {
    let units = known.units.iter().filter(|(_, unit)| unit.active);
    let line = |(id, unit): (&String, &KnownUnit)| UnitLine {
        id: id.clone(),
        level: unit.level,
        // Names are judged when they come: what is there was taken and harms no query.
        name: id.clone(),
        parent: unit.parent.clone(),
        village_code: unit.village.as_ref().map(|(code, _)| code.clone()),
        village: unit.village.as_ref().map(|(code, _)| code.clone()),
    };
    let import = Draft {
        units: units.map(line).collect(),
        ..Draft::default()
    };
    judge(&Known::default(), &import)
}

/// An import on its way through the judgement.
struct Bench<'a> {
    known: &'a Known,
    import: &'a Draft,
    /// The first line of each code.
    listed: BTreeMap<&'a str, &'a UnitLine<String>>,
    /// The name of each village as it would be, where grids agree.
    villages: BTreeMap<&'a str, BTreeSet<&'a str>>,
    /// Of units that are there and not listed: those below each, with their levels.
    children: BTreeMap<&'a str, Vec<u8>>,
    flaws: Flaws,
}

impl<'a> Bench<'a> {
    fn prepare(&mut self) {
        for line in &self.import.units {
            self.listed.entry(&line.id).or_insert(line);
            if let (Some(code), Some(name)) = (&line.village_code, &line.village) {
                self.villages.entry(code).or_default().insert(name);
            }
        }
        for (id, unit) in &self.known.units {
            if !unit.active || self.listed.contains_key(id.as_str()) {
                continue;
            }
            if let Some(parent) = &unit.parent {
                self.children.entry(parent).or_default().push(unit.level);
            }
            if let Some((code, name)) = &unit.village {
                self.villages.entry(code).or_default().insert(name);
            }
        }
    }

    /// Level of a unit as it would be: none where it is not there, `Err` where it is out of use.
    fn level(&self, unit: &str) -> Option<Result<u8, ()>> {
        if let Some(line) = self.listed.get(unit) {
            return Some(Ok(line.level));
        }
        let unit = self.known.units.get(unit)?;
        Some(if unit.active { Ok(unit.level) } else { Err(()) })
    }

    fn parent(&self, unit: &str) -> Option<&'a str> {
        match self.listed.get(unit) {
            Some(line) => line.parent.as_deref(),
            None => self.known.units.get(unit)?.parent.as_deref(),
        }
    }

    /// Whether the way up from a unit comes back to it.
    fn is_below_itself(&self, unit: &str) -> bool {
        let first = self.parent(unit);
        let mut way = core::iter::successors(first, |id| self.parent(id)).take(WAY_MAX);
        way.any(|id| id == unit)
    }

    fn unit(&mut self, number: usize, line: &'a UnitLine<String>) {
        let id = line.id.as_str();
        let at = |field: &str| (format!("units[{number}]{field}"), id);
        if id.parse::<UnitId>().is_err() {
            self.flaws.add(at(".id"), Wrong::Code);
        }
        let first = self.listed.get(id).copied();
        if !first.is_some_and(|first| core::ptr::eq(first, line)) {
            self.flaws.add(at(".id"), Wrong::Twice);
            return;
        }
        self.name(at(".name"), &line.name);
        let Some(level) = Level::from_code(&line.level.to_string()) else {
            self.flaws.add(at(".level"), Wrong::Level);
            return;
        };
        self.keeps_level(at(".level"), line);
        self.hangs(at(".parent"), level, line);
        self.village(number, level, line);
    }

    /// What hangs on a unit's level: units below it, and the records and people of a grid.
    fn keeps_level(&mut self, at: (String, &str), line: &UnitLine<String>) {
        let before = self.known.units.get(&line.id).map(|unit| unit.level);
        let Some(before) = before.filter(|before| *before != line.level) else {
            return;
        };
        let below = self.children.contains_key(line.id.as_str());
        if below || before == 5 {
            self.flaws.add(at, Wrong::LevelChanged(before));
        }
    }

    fn hangs(&mut self, at: (String, &str), level: Level, line: &UnitLine<String>) {
        let wrong = match line.parent.as_deref() {
            None if level == Level::City => None,
            None => Some(Wrong::NoParent),
            Some(_) if self.is_below_itself(&line.id) => Some(Wrong::Cycle),
            Some(parent) => match self.level(parent) {
                None => Some(Wrong::NoUnit(plain(parent))),
                Some(Err(())) => Some(Wrong::Retired(plain(parent))),
                Some(Ok(above)) => {
                    let fits = Level::from_code(&above.to_string())
                        .is_some_and(|above| level.fits_below(above));
                    (!fits).then_some(Wrong::Below(line.level, above))
                }
            },
        };
        if let Some(wrong) = wrong {
            self.flaws.add(at, wrong);
        }
    }

    fn village(&mut self, number: usize, level: Level, line: &'a UnitLine<String>) {
        let at = |field: &str| (format!("units[{number}]{field}"), line.id.as_str());
        match (&line.village_code, &line.village) {
            (None, _) | (_, None) if level == Level::Grid => {
                self.flaws.add(at(".village"), Wrong::Village);
            }
            (Some(code), Some(name)) => {
                if code.parse::<UnitId>().is_err() {
                    self.flaws.add(at(".village_code"), Wrong::Code);
                }
                self.name(at(".village"), name);
                let names = self.villages.get(code.as_str());
                if names.is_some_and(|names| names.len() > 1) {
                    let wrong = Wrong::VillageName(plain(code));
                    self.flaws.add(at(".village"), wrong);
                }
            }
            _ => {}
        }
    }

    fn name(&mut self, at: (String, &str), name: &str) {
        let length = text::length(&text::clean(name));
        if !(1..=NAME_CHARS_MAX).contains(&length) || text::length(name) > NAME_CHARS_MAX {
            self.flaws.add(at, Wrong::NameLength);
        } else if name.chars().any(text::is_hidden) {
            self.flaws.add(at, Wrong::NameSigns);
        }
    }

    fn member_of(&mut self, at: (String, &str), unit: &str) {
        let wrong = match self.level(unit) {
            Some(Ok(_)) => return,
            None => Wrong::NoUnit(plain(unit)),
            Some(Err(())) => Wrong::Retired(plain(unit)),
        };
        self.flaws.add(at, wrong);
    }

    fn people(&mut self) {
        let mut seen = BTreeSet::new();
        for (number, line) in self.import.people.iter().enumerate() {
            let at = |field: String| (format!("people[{number}]{field}"), line.id.as_str());
            if line.id.parse::<PersonId>().is_err() {
                self.flaws.add(at(".id".to_owned()), Wrong::Code);
            }
            if !seen.insert(line.id.as_str()) {
                self.flaws.add(at(".id".to_owned()), Wrong::Twice);
                continue;
            }
            self.name(at(".name".to_owned()), &line.name);
            if line.roles.is_empty() {
                self.flaws.add(at(".roles".to_owned()), Wrong::NoRole);
            }
            for (place, role) in line.roles.iter().enumerate() {
                if Role::from_code(role).is_none() {
                    self.flaws.add(at(format!(".roles[{place}]")), Wrong::Role);
                }
            }
            let mut units = BTreeSet::new();
            for (place, unit) in line.units.iter().enumerate() {
                let here = at(format!(".units[{place}]"));
                if units.insert(unit.as_str()) {
                    self.member_of(here, unit);
                } else {
                    self.flaws.add(here, Wrong::Twice);
                }
            }
        }
    }

    fn checkpoints(&mut self) {
        let mut seen = BTreeSet::new();
        for (number, line) in self.import.checkpoints.iter().enumerate() {
            let at = |field: &str| (format!("checkpoints[{number}]{field}"), line.id.as_str());
            if line.id.parse::<UnitId>().is_err() {
                self.flaws.add(at(".id"), Wrong::Code);
            }
            if !seen.insert(line.id.as_str()) {
                self.flaws.add(at(".id"), Wrong::Twice);
                continue;
            }
            self.name(at(".name"), &line.name);
            if codelist::find(List::CheckpointKind, &line.kind).is_none() {
                self.flaws.add(at(".kind"), Wrong::Kind);
            }
            let wrong = match self.level(&line.grid) {
                Some(Ok(5)) => continue,
                Some(Ok(_)) => Wrong::NotAGrid(plain(&line.grid)),
                None => Wrong::NoUnit(plain(&line.grid)),
                Some(Err(())) => Wrong::Retired(plain(&line.grid)),
            };
            self.flaws.add(at(".grid"), wrong);
        }
    }
}

#[cfg(test)]
mod tests;
