//! `routing.toml`: units with their sites, sites with their aliases, rules.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use regex::{Regex, RegexBuilder};
use serde::Deserialize;

use super::calendar::{CalendarKeys, calendar};
use super::document::Document;
use super::gateway::Gateway;
use super::problem::{Report, did_you_mean};
use super::{Files, dialects};
use crate::desk::alarm::Alarmer;
use crate::desk::calendar::{Calendar, WorkTime, WorkingHours};
use crate::desk::dialect::Dialect;
use crate::desk::person::Person;
use crate::desk::policy::{AddressPattern, Desk, ReplyMeans, Site, Sites, Trust, Unit, UnitName};
use crate::desk::route::{Condition, Rule};
use crate::desk::ticket::Priority;
use crate::mail::Address;
use crate::mail::language::Language;

/// The word of a unit whose dialect is recognised from its mails; also what holds where none is named.
const AUTO: &str = "auto";

/// Memory that one compiled pattern of a rule may take, in bytes.
const PATTERN_BYTES: usize = 1 << 20;

/// What the file comes to.
#[derive(Debug)]
pub struct Routing {
    pub units: BTreeMap<UnitName, Unit>,
    pub default_unit: UnitName,
    pub sites: Sites,
    pub rules: Vec<Rule>,
    pub alarmers: Vec<Alarmer>,
    pub dialects: BTreeMap<String, Arc<Dialect>>,
}

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
    #[serde(default)]
    sites: Vec<String>,
}

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

/// `[[alarmer]]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct AlarmerFile {
    who: OneOrMore<String>,
    vo: Option<OneOrMore<String>>,
    site: Option<OneOrMore<String>>,
}

/// `[[rule]]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleFile {
    name: String,
    unit: String,
    site: Option<OneOrMore<String>>,
    vo: Option<OneOrMore<String>>,
    type_of_problem: Option<OneOrMore<String>>,
    sender: Option<OneOrMore<String>>,
    recipient: Option<OneOrMore<String>>,
    subject: Option<String>,
    body: Option<String>,
    header: Option<HeaderFile>,
    time: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct HeaderFile {
    name: String,
    value: String,
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

/// A unit's name, and the unit with its list of sites where it could be read.
type ReadUnit = (String, Option<(Unit, Vec<String>)>);

fn auto() -> String {
    AUTO.to_owned()
}

fn yes() -> bool {
    true
}

/// Reads the routing file that the gateway's names, as far as that can be read; `None` where it can't be used.
pub fn read(gateway: &Gateway, files: &dyn Files, report: &mut Report) -> Option<Routing> {
    let dialects =
        dialects::read(gateway, files, report).into_iter().map(|(name, file)| (name, file.dialect)).collect();
    let (path, text) = files.routing(&gateway.files.as_ref()?.routing, report)?;
    let document = Document::parse(&path, &text, report);
    document.only(&["alarmer", "default_unit", "rule", "site", "unit"], report);
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
    let sites = reader.sites(&read);
    let rules = reader.rules(&sites);
    let alarmers = reader.alarmers(&sites);
    let units: BTreeMap<UnitName, Unit> =
        read.into_iter().filter_map(|(_, unit)| unit).map(|(unit, _)| (unit.name.clone(), unit)).collect();
    shared_addresses(&document, &units, report);
    Some(Routing { units, default_unit: default_unit?, sites, rules, alarmers, dialects })
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

    fn unit(&mut self, name: &str) -> Option<(Unit, Vec<String>)> {
        let at = |key: &'static str| ["unit", name, key].map(str::to_owned);
        let file = self.document.section::<UnitFile>(&["unit", name], self.report)?;
        let dialect = self.dialect(name, &file);
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
        };
        Some((unit, file.sites))
    }

    /// A list of persons, or a demand for signatures, is of no use where none is checked.
    fn needs_smime(&mut self, path: &[&str]) {
        if !self.gateway.checks_smime {
            let hint = "write [smime] with ca_folder into the gateway's settings";
            self.document.error(self.report, path, "no S/MIME signature is checked", hint);
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

    fn sites(&mut self, units: &[ReadUnit]) -> Sites {
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

    fn rules(&mut self, sites: &Sites) -> Vec<Rule> {
        let mut rules: Vec<Rule> = Vec::new();
        let mut always: Option<String> = None;
        for at in 0..self.document.entries(&["rule"]) {
            let index = at.to_string();
            let path = ["rule", index.as_str()];
            let Some(file) = self.document.section::<RuleFile>(&path, self.report) else { continue };
            if let Some(earlier) = &always {
                let message = format!("rule {} is never asked", file.name);
                let hint = format!("rule {earlier} before it holds for every mail; move it to the end");
                self.document.warning(self.report, &path, message, hint);
            }
            if rules.iter().any(|rule| rule.name == file.name) {
                self.document.error(
                    self.report,
                    &path,
                    format!("two rules are called {:?}", file.name),
                    "give each its own name",
                );
            }
            let unit = self.unit_named(&["rule", &index, "unit"], &file.unit);
            let name = file.name.clone();
            let conditions = self.conditions(&index, file, sites);
            if let (Some(unit), Some(conditions)) = (unit, conditions) {
                if conditions.is_empty() {
                    always = Some(name.clone());
                }
                rules.push(Rule { name, conditions, unit });
            }
        }
        rules
    }

    fn alarmers(&mut self, sites: &Sites) -> Vec<Alarmer> {
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

    fn conditions(&mut self, index: &str, file: RuleFile, sites: &Sites) -> Option<Vec<Condition>> {
        let mut all: Vec<Option<Condition>> = Vec::new();
        all.extend(file.site.map(|names| self.rule_sites(index, names.into_vec(), sites)));
        all.extend(file.vo.map(|names| Some(Condition::Vo(names.into_vec()))));
        all.extend(file.type_of_problem.map(|names| Some(Condition::TypeOfProblem(names.into_vec()))));
        all.extend(
            file.sender.map(|list| self.each(&["rule", index, "sender"], list.into_vec()).map(Condition::Sender)),
        );
        all.extend(
            file.recipient
                .map(|list| self.each(&["rule", index, "recipient"], list.into_vec()).map(Condition::Recipient)),
        );
        all.extend(file.subject.map(|source| self.regex(index, "subject", &source).map(Condition::Subject)));
        all.extend(file.body.map(|source| self.regex(index, "body", &source).map(Condition::Body)));
        all.extend(file.header.map(|header| {
            let value = self.regex(index, "header", &header.value)?;
            Some(Condition::Header { name: header.name, value })
        }));
        all.extend(file.time.map(|text| self.time_of_day(index, &text)));
        all.into_iter().collect()
    }

    fn rule_sites(&mut self, index: &str, names: Vec<String>, sites: &Sites) -> Option<Condition> {
        self.site_names(&["rule", index, "site"], names, sites).map(Condition::Site)
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

    fn regex(&mut self, index: &str, key: &str, source: &str) -> Option<Regex> {
        match RegexBuilder::new(source).case_insensitive(true).multi_line(true).size_limit(PATTERN_BYTES).build() {
            Ok(pattern) => Some(pattern),
            Err(error) => {
                let hint = "a pattern of the Rust regex syntax, without look-around; a literal dot is \\.";
                self.document.error(self.report, &["rule", index, key], format!("{source:?}: {error}"), hint);
                None
            }
        }
    }

    fn time_of_day(&mut self, index: &str, text: &str) -> Option<Condition> {
        let time = |text: &str| Time::strptime("%H:%M", text.trim()).ok();
        let parsed = text.split_once('-').and_then(|(from, to)| Some((time(from)?, time(to)?)));
        if parsed.is_none() {
            let hint = "write \"18:00-08:00\", in the desk's time zone";
            self.document.error(self.report, &["rule", index, "time"], format!("{text:?} is no span of the day"), hint);
        }
        parsed.map(|(from, to)| Condition::TimeOfDay { from, to })
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
