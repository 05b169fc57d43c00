//! The party vault: names and phones of a dispute's parties, in a document of their own.
//!
//! Kept apart from the case so that it can be withheld from those who must not see it and erased
//! when its time is over, while the case stays.

use super::Said;
use crate::document::{Edit, Tree, Value};
use crate::id::{ItemId, RecordId};

/// On which side a party stands (codes of the list `party_role`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PartyRole {
    /// The applicant.
    A,
    /// The respondent.
    B,
    /// A third person.
    C,
}

impl PartyRole {
    /// The code that documents store.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::A => "A",
            Self::B => "B",
            Self::C => "C",
        }
    }

    fn from_code(code: &str) -> Option<Self> {
        [Self::A, Self::B, Self::C]
            .into_iter()
            .find(|role| role.code() == code)
    }
}

/// A party as typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Party {
    /// On which side.
    pub role: PartyRole,
    /// The name.
    pub name: Said,
    /// The telephone number, as its digits; may be empty.
    pub phone: Said,
}

/// A party as kept in the vault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptParty {
    /// Its name inside the vault.
    pub id: ItemId,
    /// On which side.
    pub role: PartyRole,
    /// The name.
    pub name: String,
    /// The telephone number; may be empty.
    pub phone: String,
}

/// The name of the party at this place, from 1, of a vault's first change.
#[must_use]
pub const fn first_party(place: u8) -> ItemId {
    let mut bytes = [0; 16];
    bytes[15] = place;
    ItemId::from_bytes(bytes)
}

/// Reads the parties of a vault, by side.
#[must_use]
pub fn fold(tree: &Tree) -> Vec<KeptParty> {
    let mut parties: Vec<KeptParty> = tree
        .items("parties")
        .filter_map(|key| kept(tree, key))
        .collect();
    parties.sort_unstable_by_key(|kept| (kept.role, kept.id));
    parties
}

fn kept(tree: &Tree, key: &str) -> Option<KeptParty> {
    let field = |name: &str| format!("parties/{key}/{name}");
    let text = |name: &str| tree.text(&field(name)).unwrap_or_default().to_owned();
    let role = PartyRole::from_code(tree.text(&field("role"))?)?;
    Some(KeptParty {
        id: key.parse().ok()?,
        role,
        name: text("name"),
        phone: text("phone"),
    })
}

/// The first edits of a vault.
#[must_use]
pub fn register_edits(of: RecordId, parties: &[(ItemId, &Party)]) -> Vec<Edit> {
    let mut edits = vec![
        Edit::new("parties/*", Value::Null),
        Edit::new("x/*", Value::Null),
        Edit::new("kind", "vault"),
        Edit::new("schema", Value::Int(super::SCHEMA)),
        Edit::new("of", Value::Text(of.to_string())),
    ];
    for (id, party) in parties {
        edits.extend(party_edits(*id, party));
    }
    edits
}

/// The edits that put a party.
#[must_use]
pub fn party_edits(id: ItemId, party: &Party) -> Vec<Edit> {
    let field = |name: &str| format!("parties/{id}/{name}");
    let mut edits = vec![
        Edit::new(field("role"), party.role.code()),
        Edit::new(field("name"), party.name.as_str()),
    ];
    super::put_text(&mut edits, field("phone"), &party.phone);
    edits
}
