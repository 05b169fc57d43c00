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
        let length = text::length(name.trim());
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
mod tests {
    use super::super::PersonLine;
    use super::*;

    /// Numbers that look like chance and are the same in every run.
    struct Dice(u64);

    impl Dice {
        fn below(&mut self, most: usize) -> usize {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            usize::try_from(self.0 % u64::try_from(most).expect("small")).expect("small")
        }

        fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
            &of[self.below(of.len())]
        }
    }

    fn line(id: &str, level: u8, parent: Option<&str>) -> UnitLine<String> {
        UnitLine {
            id: id.to_owned(),
            level,
            name: format!("{id} 单位"),
            parent: parent.map(str::to_owned),
            village_code: (level == 5).then(|| "v1".to_owned()),
            village: (level == 5).then(|| "双河村".to_owned()),
        }
    }

    fn small() -> Draft {
        let units = vec![
            line("g1", 5, Some("p1")),
            line("c1", 1, None),
            line("d1", 2, Some("c1")),
            line("s1", 3, Some("d1")),
            line("p1", 4, Some("s1")),
        ];
        Draft {
            units,
            ..Draft::default()
        }
    }

    /// What would be there after an import.
    fn put(known: &mut Known, import: &Draft) {
        for line in &import.units {
            let unit = KnownUnit {
                level: line.level,
                parent: line.parent.clone(),
                active: true,
                village: line.village_code.clone().zip(line.village.clone()),
            };
            known.units.insert(line.id.clone(), unit);
        }
    }

    fn wrongs(known: &Known, import: &Draft) -> Vec<(String, Wrong)> {
        let flaws = judge(known, import).expect_err("something is wrong");
        let told = flaws.first.into_iter();
        told.map(|flaw| (flaw.place, flaw.wrong)).collect()
    }

    #[test]
    fn ac15_a_unit_below_its_own_child_is_refused_and_named() {
        let mut known = Known::default();
        assert_eq!(judge(&known, &small()), Ok(()), "any order");
        put(&mut known, &small());
        // What was seen: the district again, as a post below the station that lies below it.
        let units = vec![line("d1", 4, Some("s1"))];
        let import = Draft {
            units,
            ..Draft::default()
        };
        let expected = vec![
            ("units[0].level".to_owned(), Wrong::LevelChanged(2)),
            ("units[0].parent".to_owned(), Wrong::Cycle),
        ];
        assert_eq!(wrongs(&known, &import), expected);
        // The same within one import, and a unit below itself.
        let mut import = small();
        import.units[2] = line("d1", 4, Some("s1"));
        import.units.push(line("c2", 1, Some("c2")));
        let seen = wrongs(&Known::default(), &import);
        let circles: Vec<_> = seen
            .iter()
            .filter(|(_, wrong)| *wrong == Wrong::Cycle)
            .map(|(place, _)| place.as_str())
            .collect();
        assert_eq!(
            circles,
            ["units[2].parent", "units[3].parent", "units[5].parent"]
        );
    }

    /// An import with a flaw of each kind.
    fn faulty() -> Draft {
        let mut units = vec![
            line("g1", 5, Some("p1")),
            line("g1", 5, Some("s1")),
            line("s1", 2, Some("c1")),
            line("n1", 3, Some("nowhere")),
            line("n2", 7, None),
            line("n3", 3, None),
            line("n4", 4, Some("c1")),
            line("a b", 3, Some("d1")),
        ];
        units[0].village = Some("双河\u{202e}村".to_owned());
        units[2].name = "\u{1b}[2J".to_owned();
        units[3].name = "零\u{200b}宽".to_owned();
        units[5].name = "长".repeat(61);
        units[6].name = " ".to_owned();
        units.push(UnitLine {
            village: None,
            ..line("g2", 5, Some("s1"))
        });
        units.push(UnitLine {
            village: Some("别的村".to_owned()),
            village_code: Some("v 1".to_owned()),
            ..line("g3", 5, Some("s1"))
        });
        let person = |id: &str, roles: &[&str], units: &[&str]| PersonLine {
            id: id.to_owned(),
            name: "张三".to_owned(),
            roles: roles.iter().map(|role| (*role).to_owned()).collect(),
            units: units.iter().map(|unit| (*unit).to_owned()).collect(),
        };
        let people = vec![
            person(
                "p1",
                &["grid_worker", "king"],
                &["g1", "nowhere", "p1", "g1"],
            ),
            person("p1", &["auditor"], &[]),
            person("p2", &[], &[]),
        ];
        let checkpoint = |id: &str, grid: &str, kind: &str| super::super::CheckpointLine {
            id: id.to_owned(),
            grid: grid.to_owned(),
            name: "校门".to_owned(),
            kind: kind.to_owned(),
        };
        let kind = codelist::codes(List::CheckpointKind)
            .next()
            .expect("a kind");
        let checkpoints = vec![
            checkpoint("x1", "s1", kind.code),
            checkpoint("x1", "g1", kind.code),
            checkpoint("x2", "g1", "moon"),
        ];
        Draft {
            units,
            people,
            checkpoints,
        }
    }

    #[test]
    fn ac15_all_flaws_are_told_at_once_each_with_its_place() {
        let mut known = Known::default();
        put(&mut known, &small());
        let retired = known.units.get_mut("p1").expect("a post");
        retired.active = false;
        let seen = wrongs(&known, &faulty());
        let expected = [
            ("units[0].parent", Wrong::Retired("p1".to_owned())),
            ("units[0].village", Wrong::NameSigns),
            ("units[1].id", Wrong::Twice),
            ("units[2].name", Wrong::NameSigns),
            ("units[3].name", Wrong::NameSigns),
            ("units[3].parent", Wrong::NoUnit("nowhere".to_owned())),
            ("units[4].level", Wrong::Level),
            ("units[5].name", Wrong::NameLength),
            ("units[5].parent", Wrong::NoParent),
            ("units[6].name", Wrong::NameLength),
            ("units[6].parent", Wrong::Below(4, 1)),
            ("units[7].id", Wrong::Code),
            ("units[8].village", Wrong::Village),
            ("units[8].parent", Wrong::Below(5, 2)),
            ("units[9].village_code", Wrong::Code),
            ("people[0].roles[1]", Wrong::Role),
            ("people[0].units[1]", Wrong::NoUnit("nowhere".to_owned())),
            ("people[0].units[2]", Wrong::Retired("p1".to_owned())),
            ("people[0].units[3]", Wrong::Twice),
            ("people[1].id", Wrong::Twice),
            ("people[2].roles", Wrong::NoRole),
            ("checkpoints[0].grid", Wrong::NotAGrid("s1".to_owned())),
            ("checkpoints[1].id", Wrong::Twice),
            ("checkpoints[2].kind", Wrong::Kind),
        ];
        for (place, wrong) in expected {
            assert!(
                seen.contains(&(place.to_owned(), wrong.clone())),
                "{place} {wrong:?} in {seen:#?}"
            );
        }
    }

    #[test]
    fn ac15_the_first_fifty_flaws_are_told_and_all_are_counted() {
        let units = (0..1_000).map(|n| line(&format!("u{n}\u{1b}"), 9, None));
        let import = Draft {
            units: units.collect(),
            ..Draft::default()
        };
        let flaws = judge(&Known::default(), &import).expect_err("wrong");
        assert_eq!((flaws.first.len(), flaws.count), (50, 3_000));
        let text = flaws.to_string();
        assert!(text.ends_with("and 2950 more"), "{text}");
        assert!(
            !text.contains('\u{1b}'),
            "a terminal is not told what to do"
        );
    }

    /// Whether every unit in use leads up to a city by levels that fit, by another way of looking.
    fn stands(known: &Known) -> bool {
        let active = |id: &str| known.units.get(id).filter(|unit| unit.active);
        known.units.values().filter(|unit| unit.active).all(|unit| {
            let (mut unit, mut steps) = (unit, 0);
            while let Some(parent) = unit.parent.as_deref() {
                let Some(above) = active(parent) else {
                    return false;
                };
                let levels = [unit.level, above.level].map(|l| Level::from_code(&l.to_string()));
                let [Some(lower), Some(upper)] = levels else {
                    return false;
                };
                if !lower.fits_below(upper) || steps > 5 {
                    return false;
                }
                (unit, steps) = (above, steps + 1);
            }
            unit.level == 1
        })
    }

    #[test]
    fn ac15_what_is_taken_always_stands_and_what_stands_is_always_taken() {
        let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
        let (mut taken, mut refused) = (0, 0);
        for _ in 0..20_000 {
            let mut known = Known::default();
            put(&mut known, &small());
            let ids = ["c1", "d1", "s1", "p1", "g1", "c2", "d2", "s2", "p2", "g2"];
            for _ in 0..dice.below(3) {
                let unit = known.units.get_mut(*dice.pick(&ids[..5])).expect("there");
                unit.active = dice.below(3) > 0;
            }
            let units = (0..=dice.below(4)).map(|_| {
                let id = *dice.pick(&ids);
                let level = match dice.below(3) {
                    0 => u8::try_from(dice.below(7)).expect("small"),
                    _ => {
                        1 + u8::try_from("cdspg".find(&id[..1]).expect("a letter")).expect("small")
                    }
                };
                let parent = match dice.below(3) {
                    0 => dice.pick(&ids),
                    _ => ids.get(dice.below(5)).expect("there"),
                };
                line(
                    id,
                    level,
                    (level != 1 || dice.below(9) == 0).then_some(*parent),
                )
            });
            let import = Draft {
                units: units.collect(),
                ..Draft::default()
            };
            let before = known.clone();
            let judged = judge(&known, &import);
            put(&mut known, &import);
            let mut codes: Vec<_> = import.units.iter().map(|line| &line.id).collect();
            codes.sort();
            codes.dedup();
            let twice = codes.len() < import.units.len();
            let moved = import.units.iter().any(|line| {
                let old = before.units.get(&line.id);
                old.is_some_and(|old| old.level != line.level)
            });
            if judged.is_ok() {
                taken += 1;
                // A unit that was retired above one in use is no doing of this import.
                assert!(!stands(&before) || stands(&known), "{import:?}");
            } else {
                refused += 1;
                assert!(twice || moved || !stands(&known), "{import:?} {judged:?}");
            }
        }
        assert!(taken > 500 && refused > 5_000, "{taken} {refused}");
    }
}
