//! `[[alarmer]]`: who may raise an alarm, for which sites.

use serde::Deserialize;

use super::{OneOrMore, Reader};
use crate::desk::alarm::Alarmer;
use crate::desk::policy::Sites;

/// `[[alarmer]]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct AlarmerFile {
    who: OneOrMore<String>,
    vo: Option<OneOrMore<String>>,
    site: Option<OneOrMore<String>>,
}

impl Reader<'_> {
    pub fn alarmers(&mut self, sites: &Sites) -> Vec<Alarmer> {
        let mut alarmers = Vec::new();
        for at in 0..self.document.entries(&["alarmer"]) {
            let index = at.to_string();
            let path = ["alarmer", index.as_str()];
            let Some(file) = self.document.section::<AlarmerFile>(&path, self.report) else { continue };
            self.needs_smime(&path);
            let named = file.site.map(OneOrMore::into_vec).unwrap_or_default();
            let Some(own) = self.site_names(&["alarmer", &index, "site"], named, sites) else { continue };
            let wakes = |name: &str| sites.find(name).is_some_and(|site| site.emergency.is_some());
            let silent = own.iter().find(|name| !wakes(name)).cloned();
            if silent.is_some() || own.is_empty() && !sites.iter().any(|(name, _)| wakes(name)) {
                let message = match silent {
                    Some(name) => format!("{name} has no emergency address, so no alarm is raised for it"),
                    None => "no site has an emergency address, so no alarm is raised".to_owned(),
                };
                self.document.warning(self.report, &path, message, "write emergency = … into [site.NAME]");
            }
            let vos = file.vo.map(OneOrMore::into_vec).unwrap_or_default();
            let persons = self.each(&["alarmer", &index, "who"], file.who.into_vec());
            alarmers.extend(persons.map(|persons| Alarmer { persons, vos, sites: own }));
        }
        alarmers
    }
}
