//! The file of sites that `import gocdb` writes, beside `routing.toml`. Nobody edits it, and `routing.toml`, which people edit, is
//! never written: what that says of a site wins, key by key.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::Files;
use super::document::Document;
use super::gateway::Gateway;
use super::problem::Report;
use crate::desk::gocdb::Record;

const HEAD: &str = "# Sites as GOCDB has them. `ggus-gateway import gocdb` writes this file anew: what you want to be otherwise, write into\n\
                    # routing.toml, which wins.\n\n";

/// The sites that were imported last.
#[derive(Clone, Debug, Default)]
pub struct Imported {
    /// Where they are kept; `None`: the settings name no file.
    pub file: Option<PathBuf>,
    pub sites: BTreeMap<String, Record>,
}

#[derive(Serialize)]
struct SitesFile<'a> {
    site: &'a BTreeMap<String, Record>,
}

/// Reads the file that the gateway's settings name; one that is not there yet has no sites.
pub(super) fn read(gateway: &Gateway, files: &dyn Files, units: &[String], report: &mut Report) -> Imported {
    let named = gateway.files.as_ref().and_then(|files| files.sites.as_ref());
    let Some((path, text)) = named.and_then(|name| files.sites(name, report)) else { return Imported::default() };
    let document = Document::parse(&path, &text, report);
    document.only(&["site"], report);
    let mut sites = BTreeMap::new();
    for name in document.keys(&["site"]) {
        let Some(record) = document.section::<Record>(&["site", &name], report) else { continue };
        if !units.contains(&record.unit.0) {
            let message = format!("there is no unit {}, so the desk does not know the site", record.unit);
            let hint = format!("write roc = [{:?}] into the unit that stands for it, and import again", record.roc);
            document.warning(report, &["site", &name, "unit"], message, hint);
        }
        sites.insert(name, record);
    }
    Imported { file: Some(path), sites }
}

/// Writes the file anew: whole, or not at all.
pub fn write(file: &Path, sites: &BTreeMap<String, Record>) -> std::io::Result<()> {
    let tables = toml::to_string(&SitesFile { site: sites }).map_err(std::io::Error::other)?;
    let beside = file.with_extension("toml.new");
    let mut new = std::fs::File::create(&beside)?;
    new.write_all(HEAD.as_bytes())?;
    new.write_all(tables.as_bytes())?;
    new.sync_all()?;
    std::fs::rename(&beside, file)
}
