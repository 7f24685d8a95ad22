//! `unit`: who solves what.

use std::path::Path;
use std::process::ExitCode;

use clap::Subcommand;
use serde_json::json;

use super::table::table;
use super::{Failure, print, print_json};
use crate::config;
use crate::desk::policy::Unit;
use crate::store::Reader;

#[derive(Debug, Subcommand)]
pub enum Action {
    /// List the units with their dialect and open tickets
    List {
        #[arg(long)]
        json: bool,
    },
}

pub fn run(config: &Path, action: &Action) -> Result<ExitCode, Failure> {
    let Action::List { json } = action;
    let loaded = config::load(config)?;
    // A desk that has never run has no store, and no open ticket.
    let reader = Reader::open(&loaded.plant.store).ok();
    let open = |unit: &Unit| {
        reader.as_ref().and_then(|reader| reader.unit_counts(&unit.name).ok()).map_or(0, |counts| counts.open)
    };
    let sites = |unit: &Unit| {
        let names = loaded.policy.sites.iter().map(|(_, site)| site).filter(|site| site.unit == unit.name);
        names.map(|site| site.name.as_str()).collect::<std::collections::BTreeSet<_>>().len()
    };
    let units: Vec<&Unit> = loaded.policy.units.values().collect();
    if *json {
        let rows = units.iter().map(|unit| {
            json!({
                "name": unit.name, "address": unit.address, "dialect": unit.dialect.name, "language": unit.language,
                "trust": unit.trust, "reply": unit.reply, "sites": sites(unit), "open": open(unit),
                "default": unit.name == loaded.policy.default_unit,
            })
        });
        print_json(&rows.collect::<Vec<_>>())?;
    } else {
        let rows: Vec<[String; 6]> = units
            .iter()
            .map(|unit| {
                let trust = format!("{:?}", unit.trust).to_lowercase();
                let name = unit.name.to_string();
                [
                    name,
                    unit.dialect.name.clone(),
                    trust,
                    sites(unit).to_string(),
                    open(unit).to_string(),
                    unit.address.to_string(),
                ]
            })
            .collect();
        print(&table(["unit", "dialect", "trust", "sites", "open", "address"], &rows))?;
    }
    Ok(ExitCode::SUCCESS)
}
