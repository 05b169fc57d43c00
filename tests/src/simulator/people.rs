//! Who works where: the truth about units and people, as the simulated town hall knows it.

use std::collections::{BTreeMap, BTreeSet};

use domain::id::{PersonId, UnitId};
use sync_server::store::org::{Org, PersonLine, UnitLine};

/// The grids of the town.
pub const GRIDS: [&str; 3] = ["g1", "g2", "g3"];
/// Its stations.
pub const STATIONS: [&str; 2] = ["s1", "s2"];
/// The person whose device is hostile.
pub const HOSTILE: &str = "mallory";

/// Whose the phones are; two of one person, and the last shares its phone with the second.
pub const PHONES: [&str; 5] = ["wang", "li", "duty1", "wang", "zhao"];
/// The phone that shares its case with [`SHARED_WITH`].
pub const SHARED: usize = 4;
/// The phone that [`SHARED`] takes turns with.
pub const SHARED_WITH: usize = 1;

/// A code that is known to be one.
///
/// # Panics
/// When it is none.
#[must_use]
pub fn unit(code: &str) -> UnitId {
    code.parse().expect("a code of a unit")
}

/// A name that is known to be one.
///
/// # Panics
/// When it is none.
#[must_use]
pub fn person(code: &str) -> PersonId {
    code.parse().expect("a code of a person")
}

/// Units and people as they are now.
#[derive(Debug, Clone)]
pub struct Town {
    /// The station of each grid.
    stations: BTreeMap<UnitId, UnitId>,
    /// The units of each person.
    units: BTreeMap<PersonId, Vec<UnitId>>,
    /// People who are not let in.
    retired: BTreeSet<PersonId>,
    /// Grids that were outside a person's scope at some time.
    outside: BTreeSet<(PersonId, UnitId)>,
}

impl Default for Town {
    fn default() -> Self {
        let stations = [("g1", "s1"), ("g2", "s1"), ("g3", "s2")];
        let units: [(&str, &[&str]); 5] = [
            ("wang", &["g1"]),
            ("li", &["g1", "g2"]),
            ("zhao", &["g2", "g3"]),
            ("duty1", &["s1"]),
            (HOSTILE, &["g1"]),
        ];
        let mut town = Self {
            stations: stations
                .into_iter()
                .map(|(grid, station)| (unit(grid), unit(station)))
                .collect(),
            units: units
                .into_iter()
                .map(|(name, codes)| (person(name), codes.iter().map(|code| unit(code)).collect()))
                .collect(),
            retired: BTreeSet::new(),
            outside: BTreeSet::new(),
        };
        town.note();
        town
    }
}

impl Town {
    /// Notes who is outside of what.
    fn note(&mut self) {
        let mut outside = Vec::new();
        for who in self.units.keys() {
            let scope = self.scope(who);
            let beyond = self.stations.keys().filter(|grid| !scope.contains(grid));
            outside.extend(beyond.map(|grid| (who.clone(), grid.clone())));
        }
        self.outside.extend(outside);
    }

    /// Whether a grid was ever outside a person's scope.
    #[must_use]
    pub fn was_outside(&self, who: &PersonId, grid: &UnitId) -> bool {
        self.outside.contains(&(who.clone(), grid.clone()))
    }

    /// The grids in a person's scope.
    #[must_use]
    pub fn scope(&self, who: &PersonId) -> Vec<UnitId> {
        let own = self.units.get(who).map_or(&[][..], Vec::as_slice);
        let holds = |(grid, station): &(&UnitId, &UnitId)| {
            own.contains(grid) || (is_staff(who) && own.contains(station))
        };
        let grids = self.stations.iter().filter(holds);
        grids.map(|(grid, _)| grid.clone()).collect()
    }

    /// Moves a grid to the other station.
    pub fn move_grid(&mut self, grid: &UnitId) -> Option<UnitLine> {
        let station = self.stations.get_mut(grid)?;
        let [first, second] = STATIONS.map(unit);
        *station = if *station == first { second } else { first };
        let line = grid_line(grid, station);
        self.note();
        Some(line)
    }

    /// Gives a person other units.
    pub fn assign(&mut self, who: &PersonId, units: Vec<UnitId>) -> PersonLine {
        self.units.insert(who.clone(), units);
        self.retired.remove(who);
        self.note();
        self.line(who)
    }

    /// Retires a person.
    pub fn retire(&mut self, who: &PersonId) {
        self.retired.insert(who.clone());
    }

    /// Brings a person back, with the same units.
    pub fn bring_back(&mut self, who: &PersonId) -> PersonLine {
        self.retired.remove(who);
        self.line(who)
    }

    /// Whether a person is retired.
    #[must_use]
    pub fn is_retired(&self, who: &PersonId) -> bool {
        self.retired.contains(who)
    }

    /// Who is retired.
    #[must_use]
    pub fn retired(&self) -> Vec<PersonId> {
        self.retired.iter().cloned().collect()
    }

    /// The units of a person.
    #[must_use]
    pub fn units_of(&self, who: &PersonId) -> &[UnitId] {
        self.units.get(who).map_or(&[], Vec::as_slice)
    }

    /// The whole town, for the server.
    #[must_use]
    pub fn org(&self) -> Org {
        let mut units = vec![
            upper("city", 1, None),
            upper("district", 2, Some("city")),
            upper("s1", 3, Some("district")),
            upper("s2", 3, Some("district")),
        ];
        units.extend(self.stations.iter().map(|(grid, at)| grid_line(grid, at)));
        Org {
            units,
            people: self.units.keys().map(|who| self.line(who)).collect(),
            checkpoints: Vec::new(),
        }
    }

    fn line(&self, who: &PersonId) -> PersonLine {
        let roles: &[&str] = if is_staff(who) {
            &["station_duty"]
        } else {
            &["aux_officer", "mediator"]
        };
        PersonLine {
            id: who.clone(),
            name: who.as_str().to_owned(),
            roles: roles.iter().map(|role| (*role).to_owned()).collect(),
            units: self.units_of(who).to_vec(),
        }
    }
}

/// Whether a person sits at a station.
#[must_use]
pub fn is_staff(who: &PersonId) -> bool {
    who.as_str().starts_with("duty")
}

fn upper(id: &str, level: u8, parent: Option<&str>) -> UnitLine {
    UnitLine {
        id: unit(id),
        level,
        name: id.to_owned(),
        parent: parent.map(unit),
        village_code: None,
        village: None,
    }
}

fn grid_line(grid: &UnitId, station: &UnitId) -> UnitLine {
    UnitLine {
        id: grid.clone(),
        level: 5,
        name: grid.as_str().to_owned(),
        parent: Some(station.clone()),
        village_code: Some("v1".to_owned()),
        village: Some("Village".to_owned()),
    }
}
