//! The judgement of imports: what was seen, every flaw, and made-up trees.

use super::super::{CheckpointLine, PersonLine};
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
        name: format!("{id} unit"),
        parent: parent.map(str::to_owned),
        village_code: (level == 5).then(|| "v1".to_owned()),
        village: (level == 5).then(|| "Two Rivers".to_owned()),
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
    units[0].village = Some("Two\u{202e}Rivers".to_owned());
    units[2].name = "\u{1b}[2J".to_owned();
    units[3].name = "zero\u{200b}width".to_owned();
    units[5].name = "\u{957f}".repeat(61);
    units[6].name = " ".to_owned();
    units.push(UnitLine {
        village: None,
        ..line("g2", 5, Some("s1"))
    });
    units.push(UnitLine {
        village: Some("Elsewhere".to_owned()),
        village_code: Some("v 1".to_owned()),
        ..line("g3", 5, Some("s1"))
    });
    let person = |id: &str, roles: &[&str], units: &[&str]| PersonLine {
        id: id.to_owned(),
        name: "N".to_owned(),
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
    let checkpoint = |id: &str, grid: &str, kind: &str| CheckpointLine {
        id: id.to_owned(),
        grid: grid.to_owned(),
        name: "Gate".to_owned(),
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
                _ => 1 + u8::try_from("cdspg".find(&id[..1]).expect("a letter")).expect("small"),
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
