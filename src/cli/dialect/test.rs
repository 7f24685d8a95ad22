//! `dialect test`: a folder of sample mails against a dialect. Every `x.eml` has an `x.toml` that says what it must mean.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use super::super::table::{count, harmless};
use super::super::{Failure, print};
use super::named;
use crate::config::dialects::{self, DialectFile};
use crate::desk::dialect::sample::{self, Expectation};
use crate::desk::dialect::{Dialect, Reading, claims};
use crate::mail::Mail;
use crate::mail::parse::{ReadLimits, parse};

#[derive(Debug, clap::Args)]
#[command(after_help = "What an x.toml may say; what it does not say must not be found, save rule and text:\n\n    \
    kind = \"solved\"\n    rule = \"resolved\"\n    foreign_id = \"4711\"\n    internal = true\n    last_public = true\n    \
    text = \"contained in what people get to see\"\n    parameters = { tag = \"rt.infn.example\" }\n\n\
    Exit code 1: a sample is wrong or has no x.toml, a rule has no sample, or another dialect claims a sample.")]
pub struct Args {
    /// The dialect: a file, or the name of one that is known; without it the name of the folder
    #[arg(long, value_name = "FILE")]
    dialect: Option<PathBuf>,
    /// The folder with the samples
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

/// One sample with what was found in it.
pub(super) struct Tried {
    pub name: String,
    pub reading: Reading,
    /// What is wrong with it, line by line.
    pub faults: Vec<String>,
    /// Other dialects that are at least as certain that it is theirs.
    pub rivals: Vec<String>,
}

pub fn run(all: &BTreeMap<String, DialectFile>, args: &Args) -> Result<ExitCode, Failure> {
    let dialect = chosen(all, args)?;
    let mut others: BTreeMap<String, Arc<Dialect>> =
        all.iter().map(|(name, file)| (name.clone(), Arc::clone(&file.dialect))).collect();
    others.insert(dialect.name.clone(), Arc::clone(&dialect));
    let mails = mails(&args.folder)?;
    let tried: Vec<Tried> = mails.iter().map(|path| try_one(&dialect, &others, path)).collect::<Result<_, _>>()?;
    let (text, well) = report(&dialect, &tried);
    print(&text)?;
    Ok(if well { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

/// A file where there is one, else a dialect that is known.
fn chosen(all: &BTreeMap<String, DialectFile>, args: &Args) -> Result<Arc<Dialect>, Failure> {
    let name = |path: &Path| path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let Some(given) = &args.dialect else {
        let folder = std::fs::canonicalize(&args.folder).map_err(|error| unreadable(&args.folder, &error))?;
        return named(all, &name(&folder)).map(|file| Arc::clone(&file.dialect));
    };
    let is_name = given.components().count() == 1 && given.extension().is_none();
    if is_name && !given.is_file() {
        return named(all, &given.to_string_lossy()).map(|file| Arc::clone(&file.dialect));
    }
    let text = std::fs::read_to_string(given).map_err(|error| unreadable(given, &error))?;
    Ok(Arc::new(dialects::parse(&name(given), given, &text)?))
}

/// The samples of a folder, in the order of their names.
fn mails(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let entries = std::fs::read_dir(folder).map_err(|error| unreadable(folder, &error))?;
    let paths = entries.collect::<Result<Vec<_>, _>>().map_err(|error| unreadable(folder, &error))?;
    let is_mail = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "eml");
    let mut mails: Vec<PathBuf> = paths.into_iter().map(|entry| entry.path()).filter(is_mail).collect();
    mails.sort();
    if mails.is_empty() {
        return Err(Failure::Data(format!("{} has no sample; put mails there as x.eml", folder.display())));
    }
    Ok(mails)
}

fn try_one(dialect: &Dialect, all: &BTreeMap<String, Arc<Dialect>>, path: &Path) -> Result<Tried, Failure> {
    let raw = std::fs::read(path).map_err(|error| unreadable(path, &error))?;
    let mail = parse(&raw, &ReadLimits::default());
    let told = path.with_extension("toml");
    let (expectation, mut faults) = match expectation(&told)? {
        Some(Ok(expectation)) => (Some(expectation), Vec::new()),
        Some(Err(why)) => (None, why.lines().map(str::to_owned).collect()),
        None => (None, Vec::new()),
    };
    let parameters = expectation.as_ref().map(|expectation| expectation.parameters.clone()).unwrap_or_default();
    let reading = sample::read(dialect, &mail, &parameters);
    match &expectation {
        Some(expectation) => faults.extend(expectation.differences(&reading).iter().map(ToString::to_string)),
        None if faults.is_empty() => faults = missing(&told, &reading),
        None => {}
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Ok(Tried { name, reading, faults, rivals: rivals(dialect, all, &mail) })
}

/// What an `x.toml` says, where there is one, or what is wrong with it.
pub(super) fn expectation(told: &Path) -> Result<Option<Result<Expectation, String>>, Failure> {
    match std::fs::read_to_string(told) {
        Ok(text) => Ok(Some(Expectation::parse(&text))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(unreadable(told, &error)),
    }
}

/// The file to write, where what was found is right.
fn missing(told: &Path, reading: &Reading) -> Vec<String> {
    let name = told.file_name().unwrap_or_default().to_string_lossy();
    let head = format!("{name} is missing; where this is right, write it:");
    let found = Expectation::of(reading).to_toml();
    std::iter::once(head).chain(found.lines().map(|line| format!("    {line}"))).collect()
}

/// A dialect that is as certain as this one would be taken for it.
pub(super) fn rivals(dialect: &Dialect, all: &BTreeMap<String, Arc<Dialect>>, mail: &Mail) -> Vec<String> {
    let own = dialect.recognise(mail);
    let others = claims(all, mail).into_iter().filter(|claim| claim.dialect.name != dialect.name);
    let rivals = others.filter(|claim| claim.certainty >= own);
    rivals.map(|claim| format!("{}, with certainty {} against {own}", claim.dialect.name, claim.certainty)).collect()
}

/// What there is to say, and whether all is well.
pub(super) fn report(dialect: &Dialect, tried: &[Tried]) -> (String, bool) {
    let mut lines = Vec::new();
    for one in tried {
        let word = if one.faults.is_empty() && one.rivals.is_empty() { "ok   " } else { "wrong" };
        lines.push(format!("{word}  {}: {}", one.name, found(&one.reading)));
        lines.extend(one.faults.iter().map(|fault| format!("       {}", harmless_line(fault))));
        lines.extend(one.rivals.iter().map(|rival| format!("       it is taken for a mail of {rival}")));
    }
    let shown: BTreeSet<&str> = tried.iter().map(|one| one.reading.rule.as_str()).collect();
    let guesses: Vec<&str> = dialect.rules().filter(|rule| !shown.contains(rule)).collect();
    lines.push(String::new());
    lines.extend(guesses.iter().map(|rule| format!("no sample shows the rule {rule:?}")));
    let wrong = tried.iter().filter(|one| !one.faults.is_empty() || !one.rivals.is_empty()).count();
    let number = |number: usize, word: &str| count(u64::try_from(number).unwrap_or(u64::MAX), word);
    lines.push(match (wrong, guesses.len()) {
        (0, 0) => format!("{}: {}, all is well", dialect.name, number(tried.len(), "sample")),
        _ => format!(
            "{}: {}, {wrong} wrong; {} without a sample",
            dialect.name,
            number(tried.len(), "sample"),
            number(guesses.len(), "rule")
        ),
    });
    (lines.join("\n"), wrong + guesses.len() == 0)
}

/// `solved by "resolved", its ticket 4711`.
fn found(reading: &Reading) -> String {
    let internal = if reading.internal { "internal " } else { "" };
    let kind = match reading.kind {
        Some(kind) => format!("{internal}{} by {:?}", kind.word(), reading.rule),
        None => "no rule holds".to_owned(),
    };
    let id = reading.foreign_id.as_ref().map(|id| format!(", its ticket {}", harmless(id, 100))).unwrap_or_default();
    kind + &id
}

/// Blanks in front stay.
fn harmless_line(line: &str) -> String {
    let indent = line.len() - line.trim_start().len();
    format!("{}{}", &line[..indent], harmless(line, 400))
}

fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::Data(format!(
        "{} can't be read ({error}); name a folder with samples, a file or a dialect",
        path.display()
    ))
}
