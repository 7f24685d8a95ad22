//! Which dialect a unit writes, set or recognised, and what an operator should set. Words only: what is recognised is
//! decided by the desk.

use std::collections::BTreeMap;

use crate::cli::table::time;
use crate::desk::policy::{Policy, Unit, UnitName};
use crate::desk::recognise::Recognised;

/// What the store knows of units for which no dialect is set.
pub type Known = BTreeMap<UnitName, Recognised>;

/// `rt`, `rt (recognised, 95 %)`, `plain (auto)`. `unit` as the policy in force has it.
pub fn dialect(unit: &Unit, known: &Known) -> String {
    let name = &unit.dialect.name;
    match known.get(&unit.name).filter(|_| unit.auto) {
        None if unit.auto => format!("{name} (auto)"),
        None => name.clone(),
        Some(known) if known.is_in_force() => format!("{name} (recognised, {} %)", known.certainty),
        Some(known) => format!("{name} (auto, perhaps {})", known.dialect),
    }
}

/// What an operator should set for units whose dialect is recognised. `policy` is the one in force.
pub fn notes(policy: &Policy, known: &Known) -> Vec<String> {
    let automatic = policy.units.values().filter(|unit| unit.auto);
    automatic.filter_map(|unit| Some(of_unit(unit, known.get(&unit.name)?))).flatten().collect()
}

fn of_unit(unit: &Unit, known: &Recognised) -> Vec<String> {
    let (name, dialect) = (&unit.name, &unit.dialect.name);
    let missing = |(key, _): &(&String, _)| !unit.parameters.contains_key(*key);
    let wanted = unit.dialect.parameters().iter().filter(|(_, spec)| spec.wanted).filter(missing);
    let mut notes: Vec<String> = wanted
        .map(|(key, spec)| {
            format!("{name}: {dialect} wants the parameter {key}, {}; set it in routing.toml", spec.about)
        })
        .collect();
    let read =
        known.parameters.iter().filter(|(key, value)| known.is_in_force() && unit.parameters.get(*key) == Some(value));
    notes.extend(read.map(|(key, value)| {
        format!("{name}: its mails tell {key} = {value:?}; where that is wrong, set it in routing.toml")
    }));
    if known.is_in_force() && known.dialect != *dialect {
        notes.push(format!("{name}: {} was recognised, and there is no such dialect any more", known.dialect));
    }
    notes.extend(known.contradicted.as_ref().map(|other| {
        let (at, certainty) = (time(other.at), other.certainty);
        format!(
            "{name}: a mail of {at} speaks for {} ({certainty} %); set the dialect that is right in routing.toml",
            other.dialect
        )
    }));
    notes
}
