//! Dialect files: those that are built in, and those of the configuration's folder, which replace or add.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::gateway::Gateway;
use super::problem::{Problem, Report, Severity};
use super::{Disk, Files, Problems, gateway};
use crate::desk::dialect::{self, Dialect};

/// A dialect with its file.
#[derive(Clone, Debug)]
pub struct DialectFile {
    pub dialect: Arc<Dialect>,
    /// `None`: it is built in.
    pub path: Option<PathBuf>,
    pub text: String,
}

/// The dialects by name of their files; what is wrong with one is in the report.
pub(super) fn read(gateway: &Gateway, files: &dyn Files, report: &mut Report) -> BTreeMap<String, DialectFile> {
    let mut all = built_in();
    let folder = gateway.files.as_ref().map(|files| files.dialects.clone()).unwrap_or_default();
    for (name, path, text) in files.dialects(&folder, report) {
        match parse(&name, &path, &text) {
            Ok(dialect) => {
                let dialect = Arc::new(dialect);
                all.insert(name, DialectFile { dialect, path: Some(path), text });
            }
            Err(problems) => problems.0.into_iter().for_each(|problem| report.add(problem)),
        }
    }
    all
}

/// Those that are built in.
pub fn built_in() -> BTreeMap<String, DialectFile> {
    let texts = BTreeMap::from(dialect::FILES);
    let file = |(name, dialect): (String, Arc<Dialect>)| {
        let text = texts.get(name.as_str()).map(|text| (*text).to_owned()).unwrap_or_default();
        (name, DialectFile { dialect, path: None, text })
    };
    dialect::built_in().into_iter().map(file).collect()
}

/// The dialects of a configuration, whatever else may be wrong with it.
pub fn of(gateway_toml: &Path) -> Result<BTreeMap<String, DialectFile>, Problems> {
    let mut report = Report::default();
    let Some(text) = report.read_file(gateway_toml) else { return Err(report.into_problems()) };
    let base = gateway_toml.parent().unwrap_or(Path::new("."));
    let files = Disk { base: base.to_owned(), routing: None };
    let gateway = gateway::read(gateway_toml, &text, &files, &mut Report::default());
    let all = read(&gateway, &files, &mut report);
    if report.has_errors() { Err(report.into_problems()) } else { Ok(all) }
}

/// A dialect from the text of a file; every problem with its line.
pub fn parse(name: &str, path: &Path, text: &str) -> Result<Dialect, Problems> {
    Dialect::parse(name, text).map_err(|problems| {
        let problems = problems.into_iter().map(|problem| {
            let dialect::DialectProblem { line, key, message, hint } = problem;
            Problem { severity: Severity::Error, file: path.to_owned(), line, key, message, hint }
        });
        Problems(problems.collect())
    })
}
