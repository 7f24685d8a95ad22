//! `unit status`: how far each unit's helpdesk has come with the desk.

use std::path::Path;

use serde_json::json;

use super::dialects;
use crate::cli::table::{harmless, table, time};
use crate::cli::{Failure, open_reader, print, print_json};
use crate::desk::policy::{Unit, UnitName};
use crate::desk::recognise;
use crate::desk::stage::{Reached, Stage};
use crate::store::{Interface, Reader};

pub fn run(config: &Path, json: bool) -> Result<(), Failure> {
    let (loaded, reader) = open_reader(config)?;
    let known = reader.recognised()?;
    let policy = recognise::in_force(&loaded.policy, &known);
    let units: Vec<(&Unit, Interface)> =
        policy.units.values().map(|unit| Ok((unit, reader.interface(&unit.name)?))).collect::<Result<_, Failure>>()?;
    if json {
        let rows = units.iter().map(|(unit, interface)| {
            let stage = stage(interface);
            json!({
                "name": unit.name, "dialect": unit.dialect.name, "address": unit.address,
                "stage": stage.word(), "stage_words": stage.words(), "interface": interface,
            })
        });
        return print_json(&rows.collect::<Vec<_>>());
    }
    let row = |(unit, interface): &(&Unit, Interface)| {
        let Interface { heard, delivered, acknowledged, solved, bounced, .. } = interface;
        let counts = [delivered, acknowledged, solved, bounced].map(ToString::to_string);
        let [delivered, acknowledged, solved, bounced] = counts;
        let heard = heard.map_or_else(|| "never".to_owned(), time);
        let (dialect, stage) = (dialects::dialect(unit, &known), stage(interface).words().to_owned());
        [unit.name.to_string(), dialect, heard, delivered, acknowledged, solved, bounced, stage]
    };
    let rows: Vec<[String; 8]> = units.iter().map(row).collect();
    let head = ["unit", "dialect", "last heard (UTC)", "delivered", "with its id", "solved", "bounced", "stage"];
    print(&table(head, &rows))?;
    let notes: Vec<String> = units.iter().filter_map(|(unit, interface)| failure(unit, interface)).collect();
    if !notes.is_empty() {
        print("")?;
    }
    notes.iter().try_for_each(|note| print(note))
}

/// How far a unit has come.
pub fn stage(interface: &Interface) -> Stage {
    let Interface { delivered, answered, acknowledged, solved, .. } = *interface;
    Stage::of(Reached { delivered, answered, acknowledged, solved })
}

/// The units whose addresses fail, in words.
pub fn failures<'a>(units: impl Iterator<Item = &'a Unit>, reader: &Reader) -> Result<Vec<String>, Failure> {
    let of_unit = |unit: &Unit| Ok(failure(unit, &reader.interface(&unit.name)?));
    units.filter_map(|unit| of_unit(unit).transpose()).collect()
}

fn failure(unit: &Unit, interface: &Interface) -> Option<String> {
    let failing = interface.failing.as_ref()?;
    let UnitName(name) = &unit.name;
    let (at, why) = (time(failing.at), harmless(&failing.why, 200));
    Some(format!("{name}: mail to {} fails, last at {at}: {why}; set another address in routing.toml", unit.address))
}
