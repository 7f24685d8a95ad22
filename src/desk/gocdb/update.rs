//! What a file of GOCDB changes of the sites that are known, before anything is written.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::pass::Left;
use super::{Certification, Details, Listed, Record, unit_by_hand, unit_of_roc};
use crate::desk::policy::{Policy, Sites, UnitName};
use crate::mail::Address;

/// A file in which more than one of so many known sites is missing has shrunk.
const ONE_OF: usize = 10;

/// All that a file changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Update {
    pub changes: Vec<Change>,
    /// The sites as they are after it.
    pub sites: BTreeMap<String, Record>,
    /// How many were known, and how many of them the file leaves out or no unit has any more.
    pub known: usize,
    pub missing: usize,
}

/// One thing that changes, or that an administrator must know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    Address {
        site: String,
        what: &'static str,
        to: Address,
    },
    Certification {
        site: String,
        to: Certification,
    },
    Closed {
        site: String,
    },
    /// The last word of GOCDB was that it was certified.
    Left(Left),
    LostAddress {
        site: String,
        what: &'static str,
        address: Address,
    },
    Missing {
        site: String,
    },
    Moved {
        site: String,
        from: UnitName,
        to: UnitName,
    },
    New {
        site: String,
        unit: UnitName,
    },
    /// No unit stands for this ROC.
    NoUnit {
        roc: String,
        sites: BTreeSet<String>,
    },
    /// `routing.toml` says something else of its unit, and wins.
    Overruled {
        site: String,
        by_hand: UnitName,
        unit: UnitName,
    },
    Renamed {
        from: String,
        to: String,
    },
}

impl Change {
    /// What kind of change it is, as a listing says it.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Address { .. } => "address",
            Self::Certification { .. } => "certification",
            Self::Closed { .. } => "closed",
            Self::Left(_) => "no longer certified",
            Self::LostAddress { .. } => "lost address",
            Self::Missing { .. } => "missing",
            Self::Moved { .. } => "moved",
            Self::New { .. } => "new",
            Self::NoUnit { .. } => "no unit",
            Self::Overruled { .. } => "overruled",
            Self::Renamed { .. } => "renamed",
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address { site, what, to } => write!(f, "{site}: its {what} address is {to}"),
            Self::Certification { site, to } => write!(f, "{site}: it is {}", to.word()),
            Self::Closed { site } => write!(f, "{site}: GOCDB says that it is closed"),
            Self::Left(Left { site, now, roc, .. }) => write!(f, "{site}: it is {}; {roc} has its tickets", now.word()),
            Self::LostAddress { site, what, address } => write!(f, "{site}: its {what} address was {address}"),
            Self::Missing { site } => write!(f, "{site}: it is not in the file, or no unit stands for its ROC"),
            Self::Moved { site, from, to } => write!(f, "{site}: from {from} to {to}"),
            Self::New { site, unit } => write!(f, "{site}: {unit}"),
            Self::NoUnit { roc, sites } => {
                let names: Vec<&str> = sites.iter().map(String::as_str).collect();
                write!(f, "{}: write roc = [{roc:?}] into the unit that stands for {roc}", names.join(", "))
            }
            Self::Overruled { site, by_hand, unit } => {
                write!(f, "{site}: routing.toml gives it to {by_hand}, which wins over {unit}")
            }
            Self::Renamed { from, to } => write!(f, "{to}: it was {from}, and is found by both"),
        }
    }
}

impl Update {
    /// Whether so many sites are missing that the file can't be believed.
    pub fn is_shrunken(&self) -> bool {
        self.missing * ONE_OF > self.known
    }

    /// The sites that are no longer certified.
    pub fn left(&self) -> impl Iterator<Item = &Left> {
        self.changes.iter().filter_map(|change| match change {
            Change::Left(left) => Some(left),
            _ => None,
        })
    }
}

/// Compares what GOCDB lists with what is known.
pub fn update(policy: &Policy, known: &BTreeMap<String, Record>, listed: &[Listed]) -> Update {
    let listed = merged(listed);
    let names: BTreeSet<&String> = listed.keys().collect();
    let mut update = Update { known: known.len(), ..Update::default() };
    let mut homeless: BTreeMap<&String, BTreeSet<String>> = BTreeMap::new();
    let mut seen: BTreeSet<&String> = BTreeSet::new();
    for site in listed.values() {
        let before = before(known, site, &names);
        if site.details.as_ref().is_some_and(|details| details.certification == Some(Certification::Closed)) {
            seen.extend(before.map(|(name, _)| name));
            update.changes.extend(before.into_iter().flat_map(|(name, record)| closed(policy, name, record)));
            continue;
        }
        let Some(unit) = unit_of_roc(policy, &site.roc) else {
            homeless.entry(&site.roc).or_default().insert(site.name.clone());
            continue;
        };
        seen.extend(before.map(|(name, _)| name));
        let record = record(site, unit, before, &names);
        update.changes.extend(changes(policy, site, before, &record));
        update.sites.insert(site.name.clone(), record);
    }
    let missing: Vec<&String> = known.keys().filter(|name| !seen.contains(name)).collect();
    update.missing = missing.len();
    update.changes.extend(missing.into_iter().map(|site| Change::Missing { site: site.clone() }));
    update.changes.extend(homeless.into_iter().map(|(roc, sites)| Change::NoUnit { roc: roc.clone(), sites }));
    update.changes.sort_by_key(Change::word);
    update
}

/// Each site once, by the key of its name; what `get_site` tells counts more than a list.
fn merged(listed: &[Listed]) -> BTreeMap<String, &Listed> {
    let mut merged: BTreeMap<String, &Listed> = BTreeMap::new();
    for site in listed {
        let one = merged.entry(Sites::key(&site.name)).or_insert(site);
        if one.details.is_none() {
            *one = site;
        }
    }
    merged
}

/// What is known of a site: under its number in GOCDB, since names change, else under its name.
fn before<'a>(
    known: &'a BTreeMap<String, Record>,
    site: &Listed,
    names: &BTreeSet<&String>,
) -> Option<(&'a String, &'a Record)> {
    let key = Sites::key(&site.name);
    // A name that another listed site has is not an old name of this one.
    let was = |name: &String| Sites::key(name) == key || !names.contains(&Sites::key(name));
    let by_number = known.iter().find(|(name, known)| !site.key.is_empty() && known.gocdb == site.key && was(name));
    by_number.or_else(|| known.iter().find(|(name, _)| Sites::key(name) == key))
}

fn record(site: &Listed, unit: &UnitName, before: Option<(&String, &Record)>, names: &BTreeSet<&String>) -> Record {
    let kept = |record: &Record| Details {
        certification: record.certification,
        contact: record.contact.clone(),
        alarm: record.alarm.clone(),
    };
    let details = site.details.clone().or_else(|| before.map(|(_, record)| kept(record))).unwrap_or_default();
    let old_names = before.into_iter().flat_map(|(name, record)| record.aliases.iter().chain([name]));
    let mut aliases: Vec<String> = old_names.filter(|name| !names.contains(&Sites::key(name))).cloned().collect();
    aliases.dedup();
    Record {
        gocdb: site.key.clone(),
        roc: site.roc.clone(),
        unit: unit.clone(),
        aliases,
        certification: details.certification,
        contact: details.contact,
        alarm: details.alarm,
    }
}

/// A site that is closed leaves the desk; one that was certified leaves tickets behind too.
fn closed(policy: &Policy, name: &str, record: &Record) -> Vec<Change> {
    let own = unit_by_hand(policy, name).filter(|by_hand| **by_hand != record.unit).cloned();
    let left = Left { site: name.to_owned(), now: Certification::Closed, roc: record.unit.clone(), own };
    let left = (record.certification == Some(Certification::Certified)).then_some(Change::Left(left));
    std::iter::once(Change::Closed { site: name.to_owned() }).chain(left).collect()
}

fn changes(policy: &Policy, site: &Listed, before: Option<(&String, &Record)>, now: &Record) -> Vec<Change> {
    let name = || site.name.clone();
    let by_hand = unit_by_hand(policy, &site.name).filter(|by_hand| **by_hand != now.unit);
    let overruled =
        by_hand.map(|by_hand| Change::Overruled { site: name(), by_hand: by_hand.clone(), unit: now.unit.clone() });
    let Some((old_name, old)) = before else {
        return std::iter::once(Change::New { site: name(), unit: now.unit.clone() }).chain(overruled).collect();
    };
    let mut changes: Vec<Change> = overruled.into_iter().collect();
    if *old_name != site.name {
        changes.push(Change::Renamed { from: old_name.clone(), to: name() });
    }
    if old.unit != now.unit {
        changes.push(Change::Moved { site: name(), from: old.unit.clone(), to: now.unit.clone() });
    }
    for (what, old, now) in [("contact", &old.contact, &now.contact), ("alarm", &old.alarm, &now.alarm)] {
        match (old, now) {
            (Some(address), None) => changes.push(Change::LostAddress { site: name(), what, address: address.clone() }),
            (old, Some(to)) if old.as_ref() != Some(to) => {
                changes.push(Change::Address { site: name(), what, to: to.clone() });
            }
            _ => {}
        }
    }
    match (old.certification, now.certification) {
        (Some(Certification::Certified), Some(is)) if is != Certification::Certified => {
            let (site, roc, own) = (name(), now.unit.clone(), by_hand.cloned());
            changes.push(Change::Left(Left { site, now: is, roc, own }));
        }
        (old, Some(to)) if old != Some(to) => changes.push(Change::Certification { site: name(), to }),
        _ => {}
    }
    changes
}
