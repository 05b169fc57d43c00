//! The fictional town: one city, district and station, 2 posts, 14 villages, 98 grids, their people.

use domain::id::{PersonId, UnitId};
use domain::unit::Role;
use serde::Deserialize;

use crate::store::org::{CheckpointLine, Org, PersonLine, UnitLine};

/// The layout, kept as data: units above the grids, villages with seven places each, names.
#[derive(Debug, Deserialize)]
struct Layout {
    units: Vec<(String, u8, String, Option<String>)>,
    grid_word: String,
    villages: Vec<Village>,
    names: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Village {
    name: String,
    code: String,
    parent: String,
    /// What patrols pass: name and kind.
    places: Vec<(String, String)>,
}

pub(crate) const STATION: &str = "station";
const DISTRICT: &str = "district";
/// Grids of one village.
pub(crate) const GRIDS_PER_VILLAGE: usize = 7;
const WORKERS_PER_VILLAGE: usize = 2;
/// Grids of the first worker; the second has the rest.
const FIRST_WORKER_GRIDS: usize = 4;

/// A village of the demonstration with its grids and people.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) name: String,
    pub(crate) grids: Vec<UnitId>,
    pub(crate) checkpoints: Vec<(UnitId, UnitId)>,
    pub(crate) workers: Vec<PersonId>,
    pub(crate) auxiliary: PersonId,
    pub(crate) mediator: PersonId,
    pub(crate) police: PersonId,
    parent: String,
}

impl Place {
    /// The grid worker of a grid.
    pub(crate) fn worker_of(&self, grid: &UnitId) -> PersonId {
        let index = self.grids.iter().position(|own| own == grid).unwrap_or(0);
        let worker = self.workers.get(usize::from(index >= FIRST_WORKER_GRIDS));
        worker.unwrap_or(&self.auxiliary).clone()
    }

    /// Whether this is a village and not a part of the town.
    pub(crate) fn is_village(&self) -> bool {
        self.parent != STATION
    }

    /// A place in words: the village stands before what does not name it or the town.
    pub(crate) fn words_for(&self, place: &str) -> String {
        let start: String = self.name.chars().take(2).collect();
        if !self.is_village() || place.starts_with(&start) {
            return place.to_owned();
        }
        // The word for village ends the name and begins many a place: it is said once.
        let last = self.name.chars().last().unwrap_or_default();
        format!("{}{}", self.name, place.strip_prefix(last).unwrap_or(place))
    }
}

/// The organisation, and the villages for the cases that happen in them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Town {
    pub(crate) org: Org,
    pub(crate) places: Vec<Place>,
}

/// Lays out the town.
pub(crate) fn town() -> Option<Town> {
    let layout: Layout = serde_json::from_str(include_str!("../../demo/town.json")).ok()?;
    let mut town = Town::default();
    let mut names = layout.names.iter().map(String::as_str);
    for (id, level, name, parent) in &layout.units {
        town.org.units.push(UnitLine {
            id: id.parse().ok()?,
            level: *level,
            name: name.clone(),
            parent: parent.as_deref().map(str::parse).transpose().ok()?,
            village_code: None,
            village: None,
        });
    }
    for (number, village) in layout.villages.iter().enumerate() {
        let site = (number, village, layout.grid_word.as_str());
        let place = lay_out(&mut town.org, site, &mut names)?;
        town.places.push(place);
    }
    staff(&mut town, &mut names)?;
    Some(town)
}

fn lay_out<'a>(
    org: &mut Org,
    (number, village, grid_word): (usize, &Village, &str),
    names: &mut impl Iterator<Item = &'a str>,
) -> Option<Place> {
    let mut grids: Vec<UnitId> = Vec::new();
    let mut checkpoints = Vec::new();
    for grid in 1..=GRIDS_PER_VILLAGE {
        let id: UnitId = format!("{}{grid:03}", village.code).parse().ok()?;
        org.units.push(UnitLine {
            id: id.clone(),
            level: 5,
            name: format!("{}{grid:02}{grid_word}", village.name),
            parent: Some(village.parent.parse().ok()?),
            village_code: Some(village.code.clone()),
            village: Some(village.name.clone()),
        });
        // Each grid has its own place, the next one's, and in every other grid the village office.
        let own = [
            Some(grid - 1),
            Some(grid % GRIDS_PER_VILLAGE),
            (grid % 2 == 0).then_some(5),
        ];
        let mut seen: Vec<usize> = Vec::new();
        for index in own.into_iter().flatten() {
            if seen.contains(&index) {
                continue;
            }
            seen.push(index);
            let (name, kind) = village.places.get(index)?;
            let point: UnitId = format!("{id}-{}", seen.len()).parse().ok()?;
            checkpoints.push((id.clone(), point.clone()));
            let (name, kind) = (name.clone(), kind.clone());
            org.checkpoints.push(CheckpointLine {
                id: point,
                grid: id.clone(),
                name,
                kind,
            });
        }
        grids.push(id);
    }
    let mut workers = Vec::new();
    // The first worker has four of the seven grids, the second the other three.
    let (first, second) = grids.split_at_checked(FIRST_WORKER_GRIDS)?;
    for (half, own) in [first, second].into_iter().enumerate() {
        let id = format!("gw-{:02}", number * WORKERS_PER_VILLAGE + half + 1);
        workers.push(hire(org, &id, names.next()?, &[Role::GridWorker], own)?);
    }
    let auxiliary = hire(
        org,
        &format!("aux-{:02}", number + 1),
        names.next()?,
        &[Role::AuxOfficer],
        &grids,
    )?;
    let mediator = hire(
        org,
        &format!("med-{:02}", number + 1),
        names.next()?,
        &[Role::Mediator],
        &grids,
    )?;
    let police = format!("pol-{}", number % 4 + 1).parse().ok()?;
    Some(Place {
        name: village.name.clone(),
        grids,
        checkpoints,
        workers,
        auxiliary,
        mediator,
        police,
        parent: village.parent.clone(),
    })
}

/// Police, staff of the station and everybody above.
fn staff<'a>(town: &mut Town, names: &mut impl Iterator<Item = &'a str>) -> Option<()> {
    let grids_where = |keep: &dyn Fn(&Place) -> bool| -> Vec<UnitId> {
        town.places
            .iter()
            .filter(|place| keep(place))
            .flat_map(|p| p.grids.clone())
            .collect()
    };
    let all = grids_where(&|_| true);
    let beats: Vec<(String, Vec<UnitId>)> = (1..=4)
        .map(|beat| {
            let id = format!("pol-{beat}");
            let grids = grids_where(&|place: &Place| place.police.as_str() == id);
            (id, grids)
        })
        .collect();
    let org = &mut town.org;
    for (id, grids) in &beats {
        hire(org, id, names.next()?, &[Role::CommunityPolice], grids)?;
    }
    hire(org, "med-town", names.next()?, &[Role::Mediator], &all)?;
    let station = [STATION.parse().ok()?];
    hire(org, "head", names.next()?, &[Role::StationHead], &station)?;
    hire(org, "duty", names.next()?, &[Role::StationDuty], &station)?;
    hire(
        org,
        "judicial",
        names.next()?,
        &[Role::JudicialOffice],
        &station,
    )?;
    let district = [DISTRICT.parse().ok()?];
    hire(
        org,
        "supervisor",
        names.next()?,
        &[Role::Supervisor],
        &district,
    )?;
    hire(org, "admin", names.next()?, &[Role::Admin], &district)?;
    hire(org, "auditor", names.next()?, &[Role::Auditor], &district)?;
    Some(())
}

fn hire(org: &mut Org, id: &str, name: &str, roles: &[Role], units: &[UnitId]) -> Option<PersonId> {
    let id: PersonId = id.parse().ok()?;
    org.people.push(PersonLine {
        id: id.clone(),
        name: name.to_owned(),
        roles: roles.iter().map(|role| role.code().to_owned()).collect(),
        units: units.to_vec(),
    });
    Some(id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_town_has_the_planned_size_and_no_name_twice() {
        let town = town().expect("laid out");
        let grids = town.org.units.iter().filter(|unit| unit.level == 5).count();
        assert_eq!((grids, town.places.len()), (98, 14));
        let of = |role: &str| town.org.people.iter().filter(|p| p.roles == [role]).count();
        assert_eq!(
            (of("aux_officer"), of("grid_worker"), of("mediator")),
            (14, 28, 15)
        );
        assert_eq!(
            (of("community_police"), of("station_head"), of("supervisor")),
            (4, 1, 1)
        );
        let names: BTreeSet<_> = town.org.people.iter().map(|person| &person.name).collect();
        assert_eq!(names.len(), town.org.people.len());
        let points = town.org.checkpoints.iter().map(|point| &point.grid);
        let mut per_grid = std::collections::BTreeMap::<_, usize>::new();
        points.for_each(|grid| *per_grid.entry(grid).or_default() += 1);
        assert!(per_grid.len() == 98 && per_grid.values().all(|count| (2..=4).contains(count)));
    }
}
