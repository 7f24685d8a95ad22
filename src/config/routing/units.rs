//! `[unit.NAME]`: who solves problems, how they are reached, and how they are believed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Deserialize;

use super::{OneOrMore, Reader};
use crate::config::calendar::{CalendarKeys, calendar};
use crate::config::document::Document;
use crate::config::problem::{Report, did_you_mean};
use crate::desk::calendar::{Calendar, WorkTime, WorkingHours};
use crate::desk::dialect::Dialect;
use crate::desk::person::Person;
use crate::desk::policy::{AddressPattern, ReplyMeans, Sites, Trust, Unit, UnitName};
use crate::desk::ticket::Priority;
use crate::mail::Address;
use crate::mail::language::Language;

/// The word of a unit whose dialect is recognised from its mails; also what holds where none is named.
const AUTO: &str = "auto";

/// `[unit.NAME]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct UnitFile {
    address: Address,
    #[serde(default)]
    speakers: Vec<AddressPattern>,
    #[serde(default = "auto")]
    dialect: String,
    #[serde(default)]
    parameters: BTreeMap<String, String>,
    language: Option<Language>,
    time_zone: Option<String>,
    working_hours: Option<WorkingHours>,
    holidays: Option<BTreeSet<Date>>,
    holidays_file: Option<PathBuf>,
    #[serde(default)]
    response: BTreeMap<Priority, WorkTime>,
    #[serde(default)]
    trust: Trust,
    #[serde(default)]
    signers: Vec<Person>,
    #[serde(default)]
    reply: ReplyMeans,
    #[serde(default = "yes")]
    opens: bool,
    escalation: Option<Address>,
    digest: Option<DigestFile>,
    #[serde(default)]
    sites: Vec<String>,
    roc: Option<OneOrMore<String>>,
}

/// `digest = false`, or another address than the helpdesk's.
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "write false, true, or an address")]
enum DigestFile {
    Wanted(bool),
    At(Address),
}

/// A unit's name, and the unit with its list of sites where it could be read.
pub type ReadUnit = (String, Option<(Unit, Vec<String>)>);

fn auto() -> String {
    AUTO.to_owned()
}

fn yes() -> bool {
    true
}

impl Reader<'_> {
    pub fn unit(&mut self, name: &str) -> Option<(Unit, Vec<String>)> {
        let at = |key: &'static str| ["unit", name, key].map(str::to_owned);
        let file = self.document.section::<UnitFile>(&["unit", name], self.report)?;
        let dialect = self.dialect(name, &file);
        let digest = self.digest(name, &file);
        let desk = self.desk;
        let keys = CalendarKeys {
            time_zone: file.time_zone,
            working_hours: file.working_hours,
            holidays: file.holidays,
            holidays_file: file.holidays_file,
        };
        let of_desk = desk.map_or_else(|| Calendar::new(TimeZone::UTC), |desk| desk.calendar.clone());
        let calendar = calendar(self.document, &["unit", name], keys, &of_desk, self.files, self.report);
        let speakers = file.speakers.iter().filter_map(|pattern| match pattern {
            AddressPattern::One(address) => Some(address),
            AddressPattern::Domain(_) => None,
        });
        for address in std::iter::once(&file.address)
            .chain(speakers)
            .filter(|address| desk.is_some_and(|desk| desk.is_own(address)))
        {
            let message = format!("{address} is the desk's own address");
            let hint = "mail to it would come back to the desk for ever; name the unit's helpdesk";
            self.document.error(self.report, &at("address").each_ref().map(String::as_str), message, hint);
        }
        if file.trust == Trust::Address {
            let hint = "take \"dkim\" or \"token\" as soon as the helpdesk's mail is signed or keeps Reply-To";
            let message = "whoever knows the unit's address can speak for it";
            self.document.warning(self.report, &["unit", name, "trust"], message, hint);
        }
        if file.trust == Trust::Smime || !file.signers.is_empty() {
            self.needs_smime(&["unit", name, if file.trust == Trust::Smime { "trust" } else { "signers" }]);
        }
        let unit = Unit {
            name: UnitName(name.to_owned()),
            address: file.address,
            speakers: file.speakers,
            dialect: dialect?,
            auto: file.dialect == AUTO,
            parameters: file.parameters,
            language: file.language.or(desk.map(|desk| desk.language)).unwrap_or_default(),
            calendar: calendar?,
            response: file.response,
            trust: file.trust,
            signers: file.signers,
            reply: file.reply,
            opens: file.opens,
            escalation: file.escalation,
            digest,
            rocs: file.roc.map(OneOrMore::into_vec).unwrap_or_default(),
        };
        Some((unit, file.sites))
    }

    /// Where the unit's digest goes.
    fn digest(&mut self, name: &str, file: &UnitFile) -> Option<Address> {
        match &file.digest {
            None | Some(DigestFile::Wanted(true)) => Some(file.address.clone()),
            Some(DigestFile::Wanted(false)) => None,
            Some(DigestFile::At(address)) => {
                if self.desk.is_some_and(|desk| desk.is_own(address)) {
                    let (message, hint) = (format!("{address} is the desk's own address"), "name somebody of the unit");
                    self.document.error(self.report, &["unit", name, "digest"], message, hint);
                }
                Some(address.clone())
            }
        }
    }

    fn dialect(&mut self, name: &str, file: &UnitFile) -> Option<Arc<Dialect>> {
        if file.dialect == AUTO {
            let known = self.dialects.values().flat_map(|dialect| dialect.parameters().keys()).collect();
            self.parameters(name, file, known, "the dialects know");
            return self.dialects.get("plain").cloned();
        }
        let Some(dialect) = self.dialects.get(&file.dialect) else {
            let known: Vec<&str> = self.dialects.keys().map(String::as_str).collect();
            let hint = did_you_mean(&file.dialect, known.iter().copied());
            let hint = hint.unwrap_or_else(|| format!("known here: {}", known.join(", ")));
            self.document.error(
                self.report,
                &["unit", name, "dialect"],
                format!("unknown dialect {:?}", file.dialect),
                hint,
            );
            return None;
        };
        let specs = dialect.parameters();
        self.parameters(name, file, specs.keys().collect(), &format!("dialect {} knows", dialect.name));
        for (wanted, spec) in specs.iter().filter(|(key, spec)| spec.wanted && !file.parameters.contains_key(*key)) {
            let hint = format!("{wanted} is {}", spec.about);
            let message = format!("dialect {} wants the parameter {wanted}", dialect.name);
            self.document.warning(self.report, &["unit", name, "dialect"], message, hint);
        }
        Some(Arc::clone(dialect))
    }

    fn parameters(&mut self, name: &str, file: &UnitFile, known: BTreeSet<&String>, whose: &str) {
        for given in file.parameters.keys().filter(|given| !known.contains(given)) {
            let hint = did_you_mean(given, known.iter().map(|name| name.as_str()));
            let hint = hint.unwrap_or_else(|| format!("{whose}: {}", join(known.iter().copied())));
            self.document.error(self.report, &["unit", name, "parameters", given], "unknown parameter", hint);
        }
    }
}

/// What only one unit can have: its address, and its ROCs.
pub fn shared(document: &Document<'_>, units: &BTreeMap<UnitName, Unit>, report: &mut Report) {
    shared_addresses(document, units, report);
    let mut owner: BTreeMap<String, &UnitName> = BTreeMap::new();
    for (unit, roc) in units.values().flat_map(|unit| unit.rocs.iter().map(move |roc| (unit, roc))) {
        if let Some(other) = owner.insert(Sites::key(roc), &unit.name) {
            let message = format!("{other} stands for the ROC {roc} too");
            let hint = "leave it in one place, or nobody knows whose its sites are";
            document.error(report, &["unit", &unit.name.0, "roc"], message, hint);
        }
    }
}

/// Two units behind one address can't be told apart when it writes.
fn shared_addresses(document: &Document<'_>, units: &BTreeMap<UnitName, Unit>, report: &mut Report) {
    let mut owner: BTreeMap<String, &UnitName> = BTreeMap::new();
    for unit in units.values() {
        if let Some(other) = owner.insert(unit.address.key(), &unit.name) {
            let message = format!("{other} has the address {} too", unit.address);
            let hint = "give each unit its own, or nobody knows for which it speaks";
            document.error(report, &["unit", &unit.name.0, "address"], message, hint);
        }
    }
}

fn join<'a>(names: impl Iterator<Item = &'a String>) -> String {
    let names: Vec<&str> = names.map(String::as_str).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}
