//! `unit list`: who solves what.

use std::path::Path;

use serde_json::json;

use super::dialects::{self, Known};
use crate::cli::table::table;
use crate::cli::{Failure, print, print_json};
use crate::config;
use crate::desk::policy::Unit;
use crate::desk::recognise;
use crate::store::Reader;

pub fn run(config: &Path, json: bool) -> Result<(), Failure> {
    let loaded = config::load(config)?;
    // A desk that has never run has no store, and no open ticket.
    let reader = Reader::open(&loaded.plant.store).ok();
    let known = reader.as_ref().map(Reader::recognised).transpose()?.unwrap_or_default();
    let policy = recognise::in_force(&loaded.policy, &known);
    let open = |unit: &Unit| {
        reader.as_ref().and_then(|reader| reader.unit_counts(&unit.name).ok()).map_or(0, |counts| counts.open)
    };
    let sites = |unit: &Unit| {
        let names = policy.sites.iter().map(|(_, site)| site).filter(|site| site.unit == unit.name);
        names.map(|site| site.name.as_str()).collect::<std::collections::BTreeSet<_>>().len()
    };
    if json {
        let rows = policy.units.values().map(|unit| {
            json!({
                "name": unit.name, "address": unit.address, "dialect": unit.dialect.name, "auto": unit.auto,
                "recognised": recognised(unit, &known), "language": unit.language, "trust": unit.trust,
                "reply": unit.reply, "sites": sites(unit), "open": open(unit),
                "default": unit.name == policy.default_unit,
            })
        });
        return print_json(&rows.collect::<Vec<_>>());
    }
    let row = |unit: &Unit| {
        let trust = format!("{:?}", unit.trust).to_lowercase();
        let dialect = dialects::dialect(unit, &known);
        let (sites, open) = (sites(unit).to_string(), open(unit).to_string());
        [unit.name.to_string(), dialect, trust, sites, open, unit.address.to_string()]
    };
    let rows: Vec<[String; 6]> = policy.units.values().map(row).collect();
    print(&table(["unit", "dialect", "trust", "sites", "open", "address"], &rows))?;
    let notes = dialects::notes(&policy, &known);
    if !notes.is_empty() {
        print("")?;
    }
    notes.iter().try_for_each(|note| print(note))
}

/// What was recognised, for programs; `null` where a dialect is set or nothing is known.
fn recognised(unit: &Unit, known: &Known) -> serde_json::Value {
    let known = known.get(&unit.name).filter(|_| unit.auto);
    known.map_or(serde_json::Value::Null, |known| {
        let contradicted = known.contradicted.as_ref().map(|other| &other.dialect);
        json!({
            "dialect": known.dialect, "certainty": known.certainty, "in_force": known.is_in_force(),
            "mails": known.mails, "since": known.since, "contradicted_by": contradicted,
            "parameters": known.parameters,
        })
    })
}
