//! What GOCDB, the register of sites, says of them. It is read by [`xml`], compared with what the desk knows by [`update`],
//! and [`pass`] says what becomes of open tickets of a site that is no longer certified. No I/O, and no guess: a site of a
//! ROC that no unit stands for is told and left out.

pub mod pass;
pub mod update;
pub mod xml;

use serde::{Deserialize, Serialize};

use super::policy::{Policy, Sites, UnitName};
use crate::mail::Address;

/// How far a site is trusted with production.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Certification {
    Candidate,
    Certified,
    Closed,
    Suspended,
    Uncertified,
}

impl Certification {
    const ALL: [Self; 5] = [Self::Candidate, Self::Certified, Self::Closed, Self::Suspended, Self::Uncertified];

    /// GOCDB's own word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Candidate => "Candidate",
            Self::Certified => "Certified",
            Self::Closed => "Closed",
            Self::Suspended => "Suspended",
            Self::Uncertified => "Uncertified",
        }
    }

    /// Reads GOCDB's word, without case.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.word().eq_ignore_ascii_case(word))
    }
}

/// A site as a file of GOCDB has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its number there, which stays when its name changes; empty where the file has none.
    pub key: String,
    pub name: String,
    pub roc: String,
    /// `None`: the file is a list of names and ROCs only.
    pub details: Option<Details>,
}

/// What only `get_site` tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Details {
    pub certification: Option<Certification>,
    pub contact: Option<Address>,
    pub alarm: Option<Address>,
}

/// What the desk keeps of a site; one table of the file of sites.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// Its number in GOCDB.
    #[serde(default)]
    pub gocdb: String,
    pub roc: String,
    /// The unit that stood for the ROC.
    pub unit: UnitName,
    /// Names that it had.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certification: Option<Certification>,
    /// Kept to tell when it is lost; nothing is sent to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contact: Option<Address>,
    /// Where alarms go.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alarm: Option<Address>,
}

/// The unit that stands for a ROC: one that names it, else one with its name, `ROC_` in front or not.
pub fn unit_of_roc<'a>(policy: &'a Policy, roc: &str) -> Option<&'a UnitName> {
    let key = Sites::key(roc);
    let named = policy.units.values().find(|unit| unit.rocs.iter().any(|name| Sites::key(name) == key));
    let alike = || {
        policy.units.values().find(|unit| {
            let name = Sites::key(&unit.name.0);
            name == key || name.strip_prefix("roc ").is_some_and(|bare| bare == key)
        })
    };
    named.or_else(alike).map(|unit| &unit.name)
}

/// The unit that `routing.toml` gives a site, whatever GOCDB says.
pub fn unit_by_hand<'a>(policy: &'a Policy, site: &str) -> Option<&'a UnitName> {
    policy.sites.find(site).filter(|site| !site.imported).map(|site| &site.unit)
}
