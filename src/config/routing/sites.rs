//! `[site.NAME]` and the units' lists of sites: each site belongs to one unit, under one name and its aliases. What is left
//! out here comes from the sites that were imported; these never contradict.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::Reader;
use super::units::ReadUnit;
use crate::desk::gocdb::Record;
use crate::desk::policy::{Site, Sites, UnitName};
use crate::mail::Address;

/// `[site.NAME]`: only for what a unit's list of sites can't say.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SiteFile {
    unit: Option<String>,
    #[serde(default)]
    aliases: Vec<String>,
    copy: Option<Address>,
    emergency: Option<Address>,
}

impl Reader<'_> {
    pub fn sites(&mut self, units: &[ReadUnit], imported: &BTreeMap<String, Record>) -> Sites {
        // Of a unit that is gone nothing is left.
        let of_units = imported.iter().filter(|(_, record)| self.names.contains(&record.unit.0));
        let imported: BTreeMap<String, (&String, &Record)> =
            of_units.map(|(name, record)| (Sites::key(name), (name, record))).collect();
        let record = |site: &str| imported.get(&Sites::key(site)).map(|(_, record)| *record);
        let mut described: BTreeMap<String, SiteFile> = BTreeMap::new();
        for name in self.document.keys(&["site"]) {
            if let Some(file) = self.document.section::<SiteFile>(&["site", &name], self.report) {
                described.insert(name, file);
            }
        }
        let mut sites = Sites::default();
        for (unit, listed) in units.iter().filter_map(|(name, unit)| Some((name, &unit.as_ref()?.1))) {
            for site in listed {
                let file = described.remove(site);
                if let Some(other) = file.as_ref().and_then(|file| file.unit.as_ref()).filter(|other| *other != unit) {
                    let message = format!("site {site} is in the list of {unit}, and [site] gives it to {other}");
                    self.document.error(self.report, &["site", site, "unit"], message, "leave it in one place");
                }
                self.add_site(&mut sites, (site, unit), file, record(site), &["unit", unit, "sites"]);
            }
        }
        for (site, file) in described {
            let record = record(&site);
            match (file.unit.clone(), record) {
                (Some(unit), _) => {
                    if self.unit_named(&["site", &site, "unit"], &unit).is_some() {
                        self.add_site(&mut sites, (&site, &unit), Some(file), record, &["site", &site]);
                    }
                }
                (None, Some(known)) => {
                    self.add_site(&mut sites, (&site, &known.unit.0), Some(file), record, &["site", &site]);
                }
                (None, None) => {
                    let hint = "add it to a unit's list of sites, or write unit = …";
                    self.document.error(self.report, &["site", &site], "no unit has this site", hint);
                }
            }
        }
        self.add_imported(&mut sites, imported.values().copied());
        sites
    }

    /// The sites of which no person has said anything, and old names; a name that is taken stays with who has it.
    fn add_imported<'r>(&self, sites: &mut Sites, imported: impl Iterator<Item = (&'r String, &'r Record)> + Clone) {
        for (name, record) in imported.clone().filter(|(name, _)| sites.find(name).is_none()).collect::<Vec<_>>() {
            let emergency = self.emergency_of(record);
            let site = Site { name: name.clone(), unit: record.unit.clone(), copy: None, emergency, imported: true };
            let _ = sites.add(site, &[]);
        }
        for (name, record) in imported {
            let Some(site) = sites.find(name).cloned() else { continue };
            let free: Vec<String> =
                record.aliases.iter().filter(|alias| sites.find(alias).is_none()).cloned().collect();
            let _ = sites.add(site, &free);
        }
    }

    /// An alarm to the desk itself would wake nobody.
    fn emergency_of(&self, record: &Record) -> Option<Address> {
        record.alarm.clone().filter(|address| self.desk.is_none_or(|desk| !desk.is_own(address)))
    }

    /// A site that a person has described, or listed, with its unit; what is left out is filled from what was imported.
    fn add_site(
        &mut self,
        sites: &mut Sites,
        (name, unit): (&str, &str),
        file: Option<SiteFile>,
        record: Option<&Record>,
        at: &[&str],
    ) {
        let is_given = file.as_ref().is_some_and(|file| file.unit.is_some()) || at[0] == "unit";
        let (aliases, copy, emergency) = file.map(|file| (file.aliases, file.copy, file.emergency)).unwrap_or_default();
        if let Some(own) = emergency.as_ref().filter(|address| self.desk.is_some_and(|desk| desk.is_own(address))) {
            let hint = "an alarm to it would wake nobody; name an address that does";
            self.document.error(self.report, &["site", name, "emergency"], format!("{own} is the desk's own"), hint);
        }
        let twice = sites.find(name).map(|known| (known.name.clone(), known.unit.clone()));
        if let Some((known, other)) = twice {
            let message = format!("site {name} is known already, as {known} of {other}");
            return self.document.error(
                self.report,
                at,
                message,
                "case, hyphen and underscore are alike; leave it in one place",
            );
        }
        let emergency = emergency.or_else(|| self.emergency_of(record?));
        let site =
            Site { name: name.to_owned(), unit: UnitName(unit.to_owned()), copy, emergency, imported: !is_given };
        if let Err(taken) = sites.add(site, &aliases) {
            let hint = "an alias can belong to one site only";
            self.document.error(
                self.report,
                &["site", name, "aliases"],
                format!("{taken} is another site's name"),
                hint,
            );
        }
    }
}
