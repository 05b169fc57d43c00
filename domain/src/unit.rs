//! Units of the five levels, members of staff, and the directory that a device carries.

use serde::{Deserialize, Serialize};

use crate::id::{PersonId, UnitId};

/// The five levels of units, highest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Level {
    /// 市局: the city.
    City,
    /// 分局、区县局: a district.
    District,
    /// 派出所: a station.
    Station,
    /// 警务站: a post of a station.
    Post,
    /// 最小作战单元: a grid, the smallest unit.
    Grid,
}

impl Level {
    /// The code in the list of unit levels, `1` to `5`.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::City => "1",
            Self::District => "2",
            Self::Station => "3",
            Self::Post => "4",
            Self::Grid => "5",
        }
    }

    /// The level with this code.
    #[must_use]
    pub fn from_code(code: &str) -> Option<Self> {
        [
            Self::City,
            Self::District,
            Self::Station,
            Self::Post,
            Self::Grid,
        ]
        .into_iter()
        .find(|level| level.code() == code)
    }

    /// Whether a unit of this level may hang below one of `parent`.
    ///
    /// A grid belongs to a station, optionally through a post.
    #[must_use]
    pub const fn fits_below(self, parent: Self) -> bool {
        matches!(
            (self, parent),
            (Self::District, Self::City)
                | (Self::Station, Self::District)
                | (Self::Post | Self::Grid, Self::Station)
                | (Self::Grid, Self::Post)
        )
    }
}

/// A unit of any level.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unit {
    /// Its code.
    pub id: UnitId,
    /// Its level.
    pub level: Level,
    /// Its name, such as `示例派出所`.
    pub name: String,
    /// The unit above it; none for the city.
    pub parent: Option<UnitId>,
    /// Of a grid: the name of the village that it lies in.
    pub village: Option<String>,
}

/// What a member of staff does; one person may have several roles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Role {
    /// 网格员.
    GridWorker,
    /// 辅警.
    AuxOfficer,
    /// 人民调解员.
    Mediator,
    /// 社区民警.
    CommunityPolice,
    /// 派出所值班/综合室.
    StationDuty,
    /// 派出所领导.
    StationHead,
    /// 督导.
    Supervisor,
    /// 司法所.
    JudicialOffice,
    /// 管理员.
    Admin,
    /// 审计员.
    Auditor,
}

impl Role {
    /// All roles.
    pub const ALL: [Self; 10] = [
        Self::GridWorker,
        Self::AuxOfficer,
        Self::Mediator,
        Self::CommunityPolice,
        Self::StationDuty,
        Self::StationHead,
        Self::Supervisor,
        Self::JudicialOffice,
        Self::Admin,
        Self::Auditor,
    ];

    /// The code in the list of roles.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::GridWorker => "grid_worker",
            Self::AuxOfficer => "aux_officer",
            Self::Mediator => "mediator",
            Self::CommunityPolice => "community_police",
            Self::StationDuty => "station_duty",
            Self::StationHead => "station_head",
            Self::Supervisor => "supervisor",
            Self::JudicialOffice => "judicial_office",
            Self::Admin => "admin",
            Self::Auditor => "auditor",
        }
    }

    /// The role with this code.
    #[must_use]
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.code() == code)
    }
}

/// A member of staff with roles and the units that the roles are held in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Who.
    pub person: PersonId,
    /// The name on the roster.
    pub name: String,
    /// What he or she does.
    pub roles: Vec<Role>,
    /// Own grids of an officer, the station of its staff, the top unit of a supervisor.
    pub units: Vec<UnitId>,
}

impl Member {
    /// Whether the member holds any of `roles`.
    #[must_use]
    pub fn has_any(&self, roles: &[Role]) -> bool {
        self.roles.iter().any(|role| roles.contains(role))
    }
}

/// A grid as a device knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grid {
    /// Its code, which is also the name of its stream of changes.
    pub id: UnitId,
    /// Its name, such as `双河村 03 网格`.
    pub name: String,
    /// The village that it lies in.
    pub village: String,
    /// The station that it belongs to.
    pub station: UnitId,
}

/// A place that patrols pass.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// Its code.
    pub id: UnitId,
    /// The grid that it lies in.
    pub grid: UnitId,
    /// Its name, such as `双河小学校门`.
    pub name: String,
    /// Code of its kind.
    pub kind: String,
}

/// A colleague: enough to show who wrote what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Colleague {
    /// Who.
    pub person: PersonId,
    /// The name on the roster.
    pub name: String,
    /// The role to show beside the name.
    pub role: Role,
}

/// Who and where, as far as one device needs it; sent by the server whenever it changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Directory {
    /// The person that the device belongs to.
    pub me: Member,
    /// The unit whose merged picture the person sees: station of staff, top unit of a supervisor.
    pub home: Unit,
    /// The grids in scope.
    pub grids: Vec<Grid>,
    /// The checkpoints of these grids.
    pub checkpoints: Vec<Checkpoint>,
    /// The people who write in these grids.
    pub colleagues: Vec<Colleague>,
    /// Whether all of this is invented: every screen says so.
    pub demo: bool,
}

impl Directory {
    /// The grid with this code.
    #[must_use]
    pub fn grid(&self, id: &UnitId) -> Option<&Grid> {
        self.grids.iter().find(|grid| grid.id == *id)
    }

    /// The checkpoints that a patrol of this grid passes: those of its village.
    pub fn checkpoints_near<'a>(
        &'a self,
        grid: &'a UnitId,
    ) -> impl Iterator<Item = &'a Checkpoint> {
        let village = |id: &UnitId| {
            let known = self.grid(id)?;
            Some((&known.station, known.village.as_str()))
        };
        let here = village(grid);
        self.checkpoints.iter().filter(move |point| {
            point.grid == *grid || (here.is_some() && village(&point.grid) == here)
        })
    }

    /// The name to show for a person; the code when the person is not in the directory.
    #[must_use]
    pub fn name_of<'a>(&'a self, person: &'a PersonId) -> &'a str {
        if self.me.person == *person {
            return &self.me.name;
        }
        self.colleagues
            .iter()
            .find(|colleague| colleague.person == *person)
            .map_or(person.as_str(), |colleague| colleague.name.as_str())
    }

    /// Eight bytes that change whenever the directory does.
    #[must_use]
    pub fn digest(&self) -> [u8; 8] {
        use sha2::{Digest, Sha256};
        let bytes = postcard::to_allocvec(self).unwrap_or_default();
        let hash = Sha256::digest(bytes);
        let mut digest = [0; 8];
        for (to, from) in digest.iter_mut().zip(hash.iter()) {
            *to = *from;
        }
        digest
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codelist::{self, List};

    #[test]
    fn a_grid_hangs_below_a_station_or_a_post_and_nothing_else() {
        for parent in [Level::City, Level::District, Level::Grid] {
            assert!(!Level::Grid.fits_below(parent));
        }
        assert!(Level::Grid.fits_below(Level::Station) && Level::Grid.fits_below(Level::Post));
        assert!(!Level::City.fits_below(Level::City));
    }

    #[test]
    fn roles_and_levels_are_those_of_the_code_lists() {
        let roles: Vec<_> = codelist::codes(List::Role)
            .map(|entry| entry.code)
            .collect();
        assert_eq!(roles, Role::ALL.map(Role::code));
        for entry in codelist::codes(List::UnitLevel) {
            assert!(Level::from_code(entry.code).is_some(), "{}", entry.code);
        }
    }
}
