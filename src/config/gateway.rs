//! `gateway.toml`: the desk, its doors and ways out, its limits.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span};
use serde::Deserialize;

use super::calendar::{CalendarKeys, calendar};
use super::clocks::clocks;
use super::document::Document;
use super::problem::Report;
use super::{Files, Plant, watching};
use crate::desk::calendar::{Calendar, WorkingHours};
use crate::desk::policy::{AddressPattern, Desk, Limits, Trust};
use crate::desk::retention::Retention;
use crate::desk::tag::{Keys, Tags};
use crate::desk::timer::Clocks;
use crate::engine::delivery::OutboxSettings;
use crate::mail::Address;
use crate::mail::language::Language;
use crate::mail::parse::ReadLimits;
use crate::proof;
use crate::relay::RelaySettings;
use crate::source::SourceSettings;

/// The sections of the file, as written.
const SECTIONS: [&str; 14] = [
    "alerts",
    "clocks",
    "desk",
    "files",
    "limits",
    "log",
    "metrics",
    "outbox",
    "proof",
    "relay",
    "retention",
    "smime",
    "source",
    "store",
];

/// `[desk]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct DeskFile {
    address: Address,
    #[serde(default = "default_name")]
    name: String,
    display_name: Option<String>,
    #[serde(default)]
    aliases: Vec<Address>,
    #[serde(default = "plus")]
    subaddress: String,
    instance: Option<String>,
    #[serde(default)]
    language: Language,
    time_zone: Option<String>,
    working_hours: Option<WorkingHours>,
    holidays: Option<BTreeSet<Date>>,
    holidays_file: Option<PathBuf>,
    #[serde(default = "default_secret")]
    secret_file: PathBuf,
    #[serde(default)]
    operators: Vec<Address>,
    #[serde(default)]
    portals: Vec<AddressPattern>,
    #[serde(default)]
    trusted_servers: Vec<String>,
    #[serde(default = "by_address")]
    submitter_trust: Trust,
    #[serde(default)]
    vos: Vec<String>,
    #[serde(default)]
    types_of_problem: Vec<String>,
    #[serde(default = "one")]
    first_ticket: u64,
}

/// `[files]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FilesFile {
    #[serde(default = "default_routing")]
    pub routing: PathBuf,
    pub sites: Option<PathBuf>,
    pub templates: Option<PathBuf>,
    #[serde(default = "default_dialects")]
    pub dialects: PathBuf,
}

/// `[store]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoreFile {
    path: PathBuf,
}

/// `[smime]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SmimeFile {
    ca_folder: PathBuf,
}

/// `[retention]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RetentionFile {
    raw_mails: Option<Span>,
    tickets: Option<Span>,
}

/// `[limits]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct LimitsFile {
    answers_per_correspondent: Option<u32>,
    answers_per_ticket: Option<u32>,
    repeat_window: Option<SignedDuration>,
    reopen_days: Option<u32>,
    copies: Option<usize>,
    known_solutions: Option<usize>,
    passed_on: Option<Size>,
    xml_description: Option<usize>,
    mail_size: Option<Size>,
    parts: Option<usize>,
    levels: Option<usize>,
    header_lines: Option<usize>,
    header_size: Option<Size>,
    text_chars: Option<usize>,
}

/// `[log]`
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogSettings {
    pub format: LogFormat,
    /// `error`, `warn`, `info`, `debug`, `trace`, or a filter such as `info,ggus_gateway::source=debug`.
    pub level: String,
    /// Show addresses as `a…@domain`.
    pub mask_addresses: bool,
}

impl Default for LogSettings {
    fn default() -> Self {
        Self { format: LogFormat::Text, level: "info".to_owned(), mask_addresses: false }
    }
}

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    Json,
    #[default]
    Text,
}

/// Bytes, written as a number or as `25 MiB`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "SizeText")]
struct Size(usize);

#[derive(Deserialize)]
#[serde(untagged)]
enum SizeText {
    Bytes(usize),
    Words(String),
}

impl TryFrom<SizeText> for Size {
    type Error = String;

    fn try_from(text: SizeText) -> Result<Self, String> {
        let words = match text {
            SizeText::Bytes(bytes) => return Ok(Self(bytes)),
            SizeText::Words(words) => words,
        };
        let digits: String = words.chars().take_while(char::is_ascii_digit).collect();
        let factor = match words[digits.len()..].trim() {
            "" | "B" => Some(1),
            "KiB" => Some(1 << 10),
            "MiB" => Some(1 << 20),
            "GiB" => Some(1 << 30),
            _ => None,
        };
        let bytes = digits.parse::<usize>().ok().zip(factor).and_then(|(number, factor)| number.checked_mul(factor));
        bytes.map(Self).ok_or_else(|| format!("{words:?} is no size, write a number of bytes or \"25 MiB\""))
    }
}

fn default_name() -> String {
    "GGUS".to_owned()
}

fn plus() -> String {
    "+".to_owned()
}

fn default_secret() -> PathBuf {
    PathBuf::from("secret")
}

fn default_routing() -> PathBuf {
    PathBuf::from("routing.toml")
}

fn default_dialects() -> PathBuf {
    PathBuf::from("dialects")
}

fn by_address() -> Trust {
    Trust::Address
}

fn one() -> u64 {
    1
}

/// The file as far as it can be used. What is missing is in the report; the rest lets other files be checked too.
#[derive(Debug)]
pub struct Gateway {
    pub desk: Option<Desk>,
    pub files: Option<FilesFile>,
    /// Whether S/MIME signatures are checked.
    pub checks_smime: bool,
    limits: Option<Limits>,
    clocks: Option<Clocks>,
    plant: Option<Plant>,
}

impl Gateway {
    /// What the rest of the configuration is made of, where all of it is there.
    pub fn into_parts(self) -> Option<(Plant, Desk, Limits, Clocks)> {
        Some((self.plant?, self.desk?, self.limits?, self.clocks?))
    }
}

/// Reads `gateway.toml`.
pub fn read(path: &Path, text: &str, files: &dyn Files, report: &mut Report) -> Gateway {
    let document = Document::parse(path, text, report);
    document.only(&SECTIONS, report);
    let (limits, read_limits) = document.section::<LimitsFile>(&["limits"], report).map(limits).unzip();
    let clocks = clocks(&document, report);
    let desk_file = document.section::<DeskFile>(&["desk"], report);
    let first_ticket = desk_file.as_ref().map(|file| file.first_ticket);
    let desk = desk_file.and_then(|file| desk(&document, file, files, report));
    let files_file = document.section::<FilesFile>(&["files"], report);
    let store = store(&document, files, report);
    let log = document.section::<LogSettings>(&["log"], report);
    let outbox = outbox(&document, report);
    let proof = proof(&document, report);
    let checks_smime = document.keys(&[]).iter().any(|key| key == "smime");
    let ca_folder = checks_smime.then(|| ca_folder(&document, files, report)).flatten();
    let retention = retention(&document, report);
    let sources = sources(&document, files, report);
    let relay = relay(&document, files, report);
    let metrics = watching::metrics(&document, report);
    let alerts = watching::alerts(&document, files, report);
    let plant = || {
        Some(Plant {
            config: path.to_owned(),
            store: store?,
            sources,
            relay: relay?,
            templates: files_file.as_ref()?.templates.as_ref().map(|folder| files.at(folder)),
            outbox: outbox?,
            first_ticket: first_ticket?,
            log: log?,
            proof: proof?,
            ca_folder,
            retention: retention?,
            metrics,
            alerts,
        })
    };
    let plant = plant();
    let desk = desk.map(|desk| Desk { read_limits: read_limits.unwrap_or_default(), ..desk });
    Gateway { desk, files: files_file, checks_smime, limits, clocks, plant }
}

/// Where the store is.
pub fn store(document: &Document<'_>, files: &dyn Files, report: &mut Report) -> Option<PathBuf> {
    document.section::<StoreFile>(&["store"], report).map(|file| files.at(&file.path))
}

fn outbox(document: &Document<'_>, report: &mut Report) -> Option<OutboxSettings> {
    let settings = document.section::<OutboxSettings>(&["outbox"], report)?;
    for (key, message) in settings.problems() {
        document.error(report, &["outbox", key], message, "");
    }
    Some(settings)
}

fn proof(document: &Document<'_>, report: &mut Report) -> Option<proof::Settings> {
    let settings = document.section::<proof::Settings>(&["proof"], report)?;
    for problem in settings.problems() {
        document.error(report, &["proof", problem.key], problem.message, problem.hint);
    }
    Some(settings)
}

fn ca_folder(document: &Document<'_>, files: &dyn Files, report: &mut Report) -> Option<PathBuf> {
    let folder = files.at(&document.section::<SmimeFile>(&["smime"], report)?.ca_folder);
    if let Err(why) = files.authorities(&folder) {
        document.error(report, &["smime", "ca_folder"], why, "");
    }
    Some(folder)
}

fn retention(document: &Document<'_>, report: &mut Report) -> Option<Retention> {
    let RetentionFile { raw_mails, tickets } = document.section(&["retention"], report)?;
    for (key, age) in [("raw_mails", &raw_mails), ("tickets", &tickets)] {
        if age.as_ref().is_some_and(|age| !age.is_positive()) {
            let hint = "write for example \"2 years\" or \"90 days\", or leave it out to keep them for ever";
            document.error(report, &["retention", key], "an age is more than nothing", hint);
        }
    }
    Some(Retention { raw_mails, tickets })
}

fn desk(document: &Document<'_>, file: DeskFile, files: &dyn Files, report: &mut Report) -> Option<Desk> {
    let tags = match Tags::new(&file.name) {
        Ok(tags) => Some(tags),
        Err(why) => {
            document.error(report, &["desk", "name"], why, "");
            None
        }
    };
    let subaddress = match file.subaddress.chars().collect::<Vec<_>>()[..] {
        [] => None,
        [separator] if !separator.is_alphanumeric() => Some(separator),
        _ => {
            let hint = "write \"+\", another single character, or \"\" where the mail server knows no tagged addresses";
            document.error(report, &["desk", "subaddress"], format!("{:?} can't separate", file.subaddress), hint);
            None
        }
    };
    if file.subaddress.is_empty() {
        let hint = "with it, answers are proven by a token in the address they go to";
        document.warning(report, &["desk", "subaddress"], "tagged recipient addresses are switched off", hint);
    }
    let keys = keys(document, &file, files, report);
    if file.submitter_trust == Trust::Smime && !document.keys(&[]).iter().any(|key| key == "smime") {
        let hint = "write [smime] with ca_folder";
        document.error(report, &["desk", "submitter_trust"], "no S/MIME signature is checked", hint);
    }
    let of_desk = CalendarKeys {
        time_zone: file.time_zone,
        working_hours: file.working_hours,
        holidays: file.holidays,
        holidays_file: file.holidays_file,
    };
    let calendar = calendar(document, &["desk"], of_desk, &Calendar::new(TimeZone::UTC), files, report);
    if file.first_ticket == 0 {
        document.error(report, &["desk", "first_ticket"], "0 is no ticket", "write 1 or more");
    }
    Some(Desk {
        display_name: file.display_name.unwrap_or_else(|| format!("{} Support", file.name)),
        instance: file.instance.unwrap_or_else(|| file.address.domain().to_lowercase()),
        name: file.name,
        address: file.address,
        aliases: file.aliases,
        subaddress,
        language: file.language,
        calendar: calendar?,
        operators: file.operators,
        portals: file.portals,
        trusted_servers: file.trusted_servers,
        submitter_trust: file.submitter_trust,
        vos: file.vos,
        problem_types: file.types_of_problem,
        tags: tags?,
        keys: keys?,
        read_limits: ReadLimits::default(),
    })
}

fn keys(document: &Document<'_>, file: &DeskFile, files: &dyn Files, report: &mut Report) -> Option<Keys> {
    let at = ["desk", "secret_file"];
    match files.secrets(&file.secret_file) {
        Ok((secrets, warning)) => {
            if let Some(warning) = warning {
                document.warning(report, &at, warning, "");
            }
            let keys = Keys::new(secrets);
            if keys.is_none() {
                document.error(report, &at, "a key is too short", "`ggus-gateway init` makes a good one");
            }
            keys
        }
        Err(why) => {
            document.error(report, &at, why, "");
            None
        }
    }
}

fn limits(file: LimitsFile) -> (Limits, ReadLimits) {
    let (desk, read) = (Limits::default(), ReadLimits::default());
    let bytes = |size: Option<Size>, default: usize| size.map_or(default, |size| size.0);
    let limits = Limits {
        answers_per_correspondent: file.answers_per_correspondent.unwrap_or(desk.answers_per_correspondent),
        answers_per_ticket: file.answers_per_ticket.unwrap_or(desk.answers_per_ticket),
        repeat_window: file.repeat_window.unwrap_or(desk.repeat_window),
        reopen_days: file.reopen_days.unwrap_or(desk.reopen_days),
        copies: file.copies.unwrap_or(desk.copies),
        known_solutions: file.known_solutions.unwrap_or(desk.known_solutions),
        passed_on_bytes: bytes(file.passed_on, desk.passed_on_bytes),
        xml_description_chars: file.xml_description.unwrap_or(desk.xml_description_chars),
    };
    let read = ReadLimits {
        mail_bytes: bytes(file.mail_size, read.mail_bytes),
        parts: file.parts.unwrap_or(read.parts),
        levels: file.levels.unwrap_or(read.levels),
        header_lines: file.header_lines.unwrap_or(read.header_lines),
        header_bytes: bytes(file.header_size, read.header_bytes),
        text_chars: file.text_chars.unwrap_or(read.text_chars),
    };
    (limits, read)
}

fn sources(document: &Document<'_>, files: &dyn Files, report: &mut Report) -> BTreeMap<String, SourceSettings> {
    let names = document.keys(&["source"]);
    if names.is_empty() {
        let hint = "add [source.support.imap] or [source.support.maildir]; until then only `ingest` brings mail in";
        document.warning(report, &["source"], "no source is configured", hint);
    }
    let mut sources = BTreeMap::new();
    for name in names {
        let at = ["source", name.as_str()];
        let Some(mut settings) = document.section::<SourceSettings>(&at, report) else { continue };
        settings.resolve(&|path| files.at(path));
        for problem in settings.problems() {
            document.error(report, &["source", &name, settings.kind(), problem.key], problem.message, problem.hint);
        }
        sources.insert(name, settings);
    }
    sources
}

fn relay(document: &Document<'_>, files: &dyn Files, report: &mut Report) -> Option<RelaySettings> {
    if document.keys(&["relay"]).is_empty() {
        let hint = "add [relay.smtp] with a host, or [relay.maildir] with a path";
        document.error(report, &["relay"], "no relay is configured", hint);
        return None;
    }
    let mut settings = document.section::<RelaySettings>(&["relay"], report)?;
    settings.resolve(&|path| files.at(path));
    for problem in settings.problems() {
        document.error(report, &["relay", settings.kind(), problem.key], problem.message, problem.hint);
    }
    Some(settings)
}
