//! `routing.toml`: units with their sites, sites with their aliases, rules, alarmers, monitors; one file per kind of table.

mod alarmers;
mod monitors;
mod rules;
mod sites;
mod units;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;

use self::units::ReadUnit;
use super::document::Document;
use super::gateway::Gateway;
use super::imported::{self, Imported};
use super::problem::{Report, did_you_mean};
use super::{Files, dialects};
use crate::desk::alarm::Alarmer;
use crate::desk::dialect::Dialect;
use crate::desk::monitor::Monitor;
use crate::desk::policy::{Desk, Sites, Unit, UnitName};
use crate::desk::route::Rule;

/// What the file comes to.
#[derive(Debug)]
pub struct Routing {
    pub units: BTreeMap<UnitName, Unit>,
    pub default_unit: UnitName,
    pub sites: Sites,
    pub imported: Imported,
    pub rules: Vec<Rule>,
    pub alarmers: Vec<Alarmer>,
    pub monitors: Vec<Monitor>,
    pub dialects: BTreeMap<String, Arc<Dialect>>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum OneOrMore<T> {
    One(T),
    More(Vec<T>),
}

impl<T> OneOrMore<T> {
    fn into_vec(self) -> Vec<T> {
        match self {
            Self::One(one) => vec![one],
            Self::More(list) => list,
        }
    }
}

/// Reads the routing file that the gateway's names, as far as that can be read; `None` where it can't be used.
pub fn read(gateway: &Gateway, files: &dyn Files, report: &mut Report) -> Option<Routing> {
    let dialects =
        dialects::read(gateway, files, report).into_iter().map(|(name, file)| (name, file.dialect)).collect();
    let (path, text) = files.routing(&gateway.files.as_ref()?.routing, report)?;
    let document = Document::parse(&path, &text, report);
    document.only(&["alarmer", "default_unit", "monitor", "rule", "site", "unit"], report);
    let names = document.keys(&["unit"]);
    let mut reader = Reader {
        gateway,
        desk: gateway.desk.as_ref(),
        files,
        document: &document,
        dialects: &dialects,
        names: &names,
        report,
    };
    let default_unit = reader.default_unit();
    let read: Vec<ReadUnit> = names.iter().map(|name| (name.clone(), reader.unit(name))).collect();
    let imported = imported::read(gateway, files, &names, reader.report);
    let sites = reader.sites(&read, &imported.sites);
    let rules = reader.rules(&sites);
    let alarmers = reader.alarmers(&sites);
    let monitors = reader.monitors();
    let units: BTreeMap<UnitName, Unit> =
        read.into_iter().filter_map(|(_, unit)| unit).map(|(unit, _)| (unit.name.clone(), unit)).collect();
    units::shared(&document, &units, report);
    Some(Routing { units, default_unit: default_unit?, sites, imported, rules, alarmers, monitors, dialects })
}

struct Reader<'a> {
    gateway: &'a Gateway,
    /// `None` where `gateway.toml` has no sound one: then what hangs on it is not checked.
    desk: Option<&'a Desk>,
    files: &'a dyn Files,
    document: &'a Document<'a>,
    dialects: &'a BTreeMap<String, Arc<Dialect>>,
    names: &'a [String],
    report: &'a mut Report,
}

impl Reader<'_> {
    fn default_unit(&mut self) -> Option<UnitName> {
        if !self.document.keys(&[]).iter().any(|key| key == "default_unit") {
            let hint = "write default_unit = \"TPM\", the unit that triages what no rule routes";
            self.document.error(self.report, &["default_unit"], "there is no default unit", hint);
            return None;
        }
        let name = self.document.section::<String>(&["default_unit"], self.report)?;
        self.unit_named(&["default_unit"], &name)
    }

    fn unit_named(&mut self, path: &[&str], name: &str) -> Option<UnitName> {
        if self.names.iter().any(|known| known == name) {
            return Some(UnitName(name.to_owned()));
        }
        let hint = did_you_mean(name, self.names.iter().map(String::as_str));
        let hint = hint.unwrap_or_else(|| format!("add [unit.{name:?}], or name one that is there"));
        self.document.error(self.report, path, format!("unknown unit {name:?}"), hint);
        None
    }

    /// The names as the desk spells them.
    fn site_names(&mut self, path: &[&str], names: Vec<String>, sites: &Sites) -> Option<Vec<String>> {
        let mut canonical = Vec::new();
        for name in names {
            match sites.find(&name) {
                Some(site) => canonical.push(site.name.clone()),
                None => {
                    let hint =
                        did_you_mean(&name, sites.iter().map(|(_, site)| site.name.as_str())).unwrap_or_default();
                    self.document.error(self.report, path, format!("unknown site {name:?}"), hint);
                    return None;
                }
            }
        }
        Some(canonical)
    }

    /// Reads each entry of a list; every one that can't be read is told.
    fn each<T: TryFrom<String, Error = String>>(&mut self, path: &[&str], list: Vec<String>) -> Option<Vec<T>> {
        let (read, wrong): (Vec<_>, Vec<_>) = list.into_iter().map(T::try_from).partition(Result::is_ok);
        for why in wrong.iter().filter_map(|one| one.as_ref().err()) {
            self.document.error(self.report, path, why.clone(), "");
        }
        wrong.is_empty().then(|| read.into_iter().flatten().collect())
    }

    /// A list of persons, or a demand for signatures, is of no use where none is checked.
    fn needs_smime(&mut self, path: &[&str]) {
        if !self.gateway.checks_smime {
            let hint = "write [smime] with ca_folder into the gateway's settings";
            self.document.error(self.report, path, "no S/MIME signature is checked", hint);
        }
    }
}
