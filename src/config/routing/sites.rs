//! `[site.NAME]` and the units' lists of sites: each site belongs to one unit, under one name and its aliases.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::Reader;
use super::units::ReadUnit;
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
    pub fn sites(&mut self, units: &[ReadUnit]) -> Sites {
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
                self.add_site(&mut sites, site, unit, file, &["unit", unit, "sites"]);
            }
        }
        for (site, file) in described {
            match file.unit.clone() {
                Some(unit) => {
                    if self.unit_named(&["site", &site, "unit"], &unit).is_some() {
                        self.add_site(&mut sites, &site, &unit, Some(file), &["site", &site]);
                    }
                }
                None => {
                    let hint = "add it to a unit's list of sites, or write unit = …";
                    self.document.error(self.report, &["site", &site], "no unit has this site", hint);
                }
            }
        }
        sites
    }

    fn add_site(&mut self, sites: &mut Sites, name: &str, unit: &str, file: Option<SiteFile>, at: &[&str]) {
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
        let site = Site { name: name.to_owned(), unit: UnitName(unit.to_owned()), copy, emergency };
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
