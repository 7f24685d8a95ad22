//! `dialect`: what the desk knows of helpdesks' mail, for the administrator of a helpdesk. It works without a
//! configuration; where there is one, the dialects of its folder count too.

mod identify;
mod learn;
mod list;
mod show;
mod test;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;

use clap::Subcommand;

use super::Failure;
use crate::config::dialects::{self, DialectFile};
use crate::config::did_you_mean;

#[derive(Debug, Subcommand)]
pub enum Action {
    /// List every dialect: those that are built in, and those of the configuration's folder
    List(list::Args),
    /// Say how a helpdesk is known, what its mails mean and how mail to it looks
    Show(show::Args),
    /// Tell for each mail from which helpdesk it is, what it means, and which tickets it names
    Identify(identify::Args),
    /// Propose a dialect from sample mails of an unknown helpdesk, and try it on them
    Learn(learn::Args),
    /// Try a dialect on a folder of sample mails with what they must mean
    Test(test::Args),
}

pub fn run(config: &Path, action: &Action) -> Result<ExitCode, Failure> {
    let all = known(config)?;
    match action {
        Action::List(args) => list::run(&all, args),
        Action::Show(args) => show::run(&all, args),
        Action::Identify(args) => identify::run(&all, args),
        Action::Learn(args) => learn::run(&all, args),
        Action::Test(args) => test::run(&all, args),
    }
}

/// A configuration that is named must be there; where none is in the usual place, the built-in dialects are all.
fn known(config: &Path) -> Result<BTreeMap<String, DialectFile>, Failure> {
    if config == Path::new(super::CONFIG) && !config.exists() {
        return Ok(dialects::built_in());
    }
    Ok(dialects::of(config)?)
}

/// A dialect by its name.
fn named<'a>(all: &'a BTreeMap<String, DialectFile>, name: &str) -> Result<&'a DialectFile, Failure> {
    all.get(name).ok_or_else(|| {
        let hint = did_you_mean(name, all.keys().map(String::as_str));
        let hint = hint.unwrap_or_else(|| "`dialect list` shows those there are".to_owned());
        Failure::Refused(format!("there is no dialect {name:?}; {hint}"))
    })
}

/// Where a dialect comes from.
fn origin(file: &DialectFile) -> String {
    file.path.as_ref().map_or_else(|| "built in".to_owned(), |path| path.display().to_string())
}
