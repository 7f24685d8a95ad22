//! Configuration: files to a [`Policy`] and a [`Plant`], or to a list of everything that is wrong with them.
//!
//! All problems of all files come at once, each with file, line, key and a hint. What comes out is valid by construction:
//! nothing behind this module checks a setting again.

mod calendar;
pub mod changes;
mod clocks;
pub mod dialects;
mod document;
mod gateway;
pub mod imported;
mod problem;
mod routing;
pub mod sample;
pub mod secret;
mod watching;
mod written;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use gateway::{LogFormat, LogSettings};
pub use imported::Imported;
pub use problem::{Problem, Problems, Severity, did_you_mean};
pub use watching::{AlertSettings, MetricsSettings};

use crate::desk::policy::Policy;
use crate::desk::retention::Retention;
use crate::desk::units::Units;
use crate::engine::delivery::OutboxSettings;
use crate::proof;
use crate::relay::RelaySettings;
use crate::source::SourceSettings;
use document::Document;
use problem::Report;
use written::{Recorder, Written};

/// Everything that is configured.
#[derive(Clone, Debug)]
pub struct Loaded {
    pub policy: Policy,
    pub plant: Plant,
    /// The sites that were imported last.
    pub imported: Imported,
    /// What works and should not stay as it is.
    pub warnings: Vec<Problem>,
    /// What it was made from, to be compared with another.
    written: Written,
}

/// The machinery around the desk: where mail comes in, where it goes out, where things are kept.
#[derive(Clone, Debug)]
pub struct Plant {
    /// The file that was read; what it names is relative to its directory.
    pub config: PathBuf,
    pub store: PathBuf,
    pub sources: BTreeMap<String, SourceSettings>,
    pub relay: RelaySettings,
    /// Mail templates that replace the built-in ones.
    pub templates: Option<PathBuf>,
    pub outbox: OutboxSettings,
    /// Number of the first ticket of a new store.
    pub first_ticket: u64,
    pub log: LogSettings,
    pub proof: proof::Settings,
    /// Certificate authorities whose S/MIME signatures count; `None`: none is checked.
    pub ca_folder: Option<PathBuf>,
    pub retention: Retention,
    /// Where whoever watches the gateway may ask; `None`: nowhere.
    pub metrics: Option<MetricsSettings>,
    /// Whom the gateway calls when it is in trouble; `None`: nobody.
    pub alerts: Option<AlertSettings>,
}

/// Reads and checks `gateway.toml` and every file that it names.
pub fn load(gateway_toml: &Path) -> Result<Loaded, Problems> {
    let mut report = Report::default();
    let Some(text) = report.read_file(gateway_toml) else { return Err(report.into_problems()) };
    let base = gateway_toml.parent().unwrap_or(Path::new("."));
    let files = Disk { base: base.to_owned(), routing: None };
    check(gateway_toml, &text, &files, report)
}

/// Where the store is that `gateway.toml` names, whatever else is wrong with the file.
pub fn store(gateway_toml: &Path) -> Result<PathBuf, Problems> {
    let mut report = Report::default();
    let Some(text) = report.read_file(gateway_toml) else { return Err(report.into_problems()) };
    let base = gateway_toml.parent().unwrap_or(Path::new("."));
    let files = Disk { base: base.to_owned(), routing: None };
    let document = Document::parse(gateway_toml, &text, &mut report);
    gateway::store(&document, &files, &mut report).ok_or_else(|| report.into_problems())
}

/// The same with another routing file than the one that is named there.
pub fn load_with_routing(gateway_toml: &Path, routing: &Path) -> Result<Loaded, Problems> {
    let mut report = Report::default();
    let Some(text) = report.read_file(gateway_toml) else { return Err(report.into_problems()) };
    let base = gateway_toml.parent().unwrap_or(Path::new("."));
    let files = Disk { base: base.to_owned(), routing: Some(routing.to_owned()) };
    check(gateway_toml, &text, &files, report)
}

/// Whether a file is a `gateway.toml` and no routing file, as far as it can be read.
pub fn is_gateway(file: &Path) -> bool {
    let read = std::fs::read_to_string(file).ok().and_then(|text| text.parse::<toml::Table>().ok());
    read.is_some_and(|table| table.contains_key("desk"))
}

/// The same from texts, for tests and rehearsals: relative paths name nothing, the secret is given.
pub fn from_texts(gateway: &str, routing: &str, secret: &[u8]) -> Result<Loaded, Problems> {
    let files = Texts { routing: routing.to_owned(), secret: secret.to_vec() };
    check(Path::new("gateway.toml"), gateway, &files, Report::default())
}

/// Where the files behind `gateway.toml` come from.
trait Files {
    fn routing(&self, name: &Path, report: &mut Report) -> Option<(PathBuf, String)>;
    /// The file of sites that were imported; empty where there is none yet.
    fn sites(&self, name: &Path, report: &mut Report) -> Option<(PathBuf, String)>;
    /// A file that a setting names; the error says what is wrong with it.
    fn text(&self, name: &Path) -> Result<String, String>;
    fn secrets(&self, name: &Path) -> Result<(Vec<Vec<u8>>, Option<String>), String>;
    /// Dialect files beside the built-in ones: name, file, text.
    fn dialects(&self, folder: &Path, report: &mut Report) -> Vec<(String, PathBuf, String)>;
    /// Mail templates that replace built-in ones: `en/receipt`, and the text.
    fn templates(&self, folder: &Path) -> Vec<(String, Vec<u8>)>;
    /// Whether a folder of certificate authorities can be used; the error says what to do.
    fn authorities(&self, folder: &Path) -> Result<(), String>;
    fn at(&self, path: &Path) -> PathBuf;
}

/// What a path begins with that lies in the folder of the service's credentials.
const CREDENTIALS: &str = "$CREDENTIALS_DIRECTORY";

struct Disk {
    base: PathBuf,
    /// In place of the one that the settings name.
    routing: Option<PathBuf>,
}

struct Texts {
    routing: String,
    secret: Vec<u8>,
}

impl Files for Disk {
    fn routing(&self, name: &Path, report: &mut Report) -> Option<(PathBuf, String)> {
        let path = self.routing.clone().unwrap_or_else(|| self.at(name));
        report.read_file(&path).map(|text| (path, text))
    }

    fn sites(&self, name: &Path, report: &mut Report) -> Option<(PathBuf, String)> {
        let path = self.at(name);
        let text = if path.exists() { report.read_file(&path)? } else { String::new() };
        Some((path, text))
    }

    fn text(&self, name: &Path) -> Result<String, String> {
        let path = self.at(name);
        std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))
    }

    fn secrets(&self, name: &Path) -> Result<(Vec<Vec<u8>>, Option<String>), String> {
        secret::read(&self.at(name))
    }

    fn dialects(&self, folder: &Path, report: &mut Report) -> Vec<(String, PathBuf, String)> {
        let folder = self.at(folder);
        let Ok(entries) = std::fs::read_dir(&folder) else { return Vec::new() };
        let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        paths.sort();
        let files = paths.into_iter().filter(|path| path.extension().is_some_and(|ending| ending == "toml"));
        let named = files.filter_map(|path| Some((path.file_stem()?.to_string_lossy().into_owned(), path)));
        named.filter_map(|(name, path)| report.read_file(&path).map(|text| (name, path, text))).collect()
    }

    fn templates(&self, folder: &Path) -> Vec<(String, Vec<u8>)> {
        let below = |folder: &Path| -> Vec<PathBuf> {
            let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
            entries.map(|entry| entry.path()).collect()
        };
        let files = below(folder).into_iter().flat_map(|language| below(&language));
        let named = files.filter_map(|file| {
            let name = file.strip_prefix(folder).ok()?.with_extension("").display().to_string();
            Some((name, std::fs::read(file).ok()?))
        });
        named.collect()
    }

    fn authorities(&self, folder: &Path) -> Result<(), String> {
        proof::smime::Authorities::read(folder).map(drop)
    }

    /// `config` and `../var/desk.sqlite` is `var/desk.sqlite`: people read these paths. What systemd hands over
    /// (`LoadCredential=`) is found by the name that its documentation uses.
    fn at(&self, path: &Path) -> PathBuf {
        if let (Ok(credential), Some(folder)) =
            (path.strip_prefix(CREDENTIALS), std::env::var_os("CREDENTIALS_DIRECTORY"))
        {
            return Path::new(&folder).join(credential);
        }
        let mut base = self.base.clone();
        let mut rest = path;
        while let Ok(above) = rest.strip_prefix("..")
            && base.file_name().is_some()
            && !base.is_symlink()
            && base.pop()
        {
            rest = above;
        }
        base.join(rest)
    }
}

impl Files for Texts {
    fn routing(&self, _: &Path, _: &mut Report) -> Option<(PathBuf, String)> {
        Some((PathBuf::from("routing.toml"), self.routing.clone()))
    }

    fn sites(&self, _: &Path, _: &mut Report) -> Option<(PathBuf, String)> {
        None
    }

    fn text(&self, name: &Path) -> Result<String, String> {
        Err(format!("{}: there are no files here", name.display()))
    }

    fn secrets(&self, _: &Path) -> Result<(Vec<Vec<u8>>, Option<String>), String> {
        Ok((vec![self.secret.clone()], None))
    }

    fn dialects(&self, _: &Path, _: &mut Report) -> Vec<(String, PathBuf, String)> {
        Vec::new()
    }

    fn templates(&self, _: &Path) -> Vec<(String, Vec<u8>)> {
        Vec::new()
    }

    fn authorities(&self, _: &Path) -> Result<(), String> {
        Ok(())
    }

    fn at(&self, path: &Path) -> PathBuf {
        path.to_owned()
    }
}

fn check(path: &Path, text: &str, files: &dyn Files, mut report: Report) -> Result<Loaded, Problems> {
    let files = Recorder::new(files, text);
    let gateway = gateway::read(path, text, &files, &mut report);
    let routed = routing::read(&gateway, &files, &mut report);
    match (gateway.into_parts(), routed) {
        (Some((plant, desk, limits, clocks)), Some(routing)) if !report.has_errors() => {
            let routing::Routing { units, default_unit, sites, imported, rules, alarmers, monitors, dialects } =
                routing;
            let (units, rules) = (Units::from(units), Arc::new(rules));
            let (alarmers, monitors, dialects) = (Arc::new(alarmers), Arc::new(monitors), Arc::new(dialects));
            let policy =
                Policy { desk, units, default_unit, sites, rules, alarmers, monitors, limits, clocks, dialects };
            // What is in them is not read here; only whether they are the same.
            let _ = plant.templates.as_ref().map(|folder| files.templates(folder));
            Ok(Loaded { policy, plant, imported, warnings: report.into_problems().0, written: files.into_written() })
        }
        _ => Err(report.into_problems()),
    }
}
