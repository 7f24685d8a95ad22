//! `announce`: one mail to many units, each of which gets it once, however often the command is given.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use jiff::SignedDuration;

use super::table::{count, table, time};
use super::{Failure, load, open_store, print, unit};
use crate::daemon::clock;
use crate::desk::announce;
use crate::desk::decision::Outbound;
use crate::desk::policy::{Policy, Unit};
use crate::desk::stage::Stage;
use crate::engine::intake::{self, Rules};
use crate::engine::units;
use crate::render::announcement::Announcement;
use crate::store::{Reader, Store};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "The file begins with a line \"Subject: …\" and a blank line; it can name {{ unit }}, {{ desk }} and \
    {{ desk_address }}. Answers go to the first of the desk's operators."
)]
pub struct Args {
    /// The text
    file: PathBuf,
    /// Only to these units
    #[arg(long = "unit", value_name = "NAME")]
    units: Vec<String>,
    /// Only to units that have come so far: nothing, delivered, answers, returns-ids, full
    #[arg(long, value_parser = stage)]
    stage: Option<Stage>,
    /// The announcement's name: a unit gets each only once. By default the file's name without its ending
    #[arg(long)]
    name: Option<String>,
    /// So many mails go out in a minute
    #[arg(long, value_name = "MAILS", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    per_minute: u32,
    /// Send nothing: print who would get what
    #[arg(long)]
    dry_run: bool,
}

fn stage(text: &str) -> Result<Stage, String> {
    let known = Stage::ALL.map(Stage::word).join(", ");
    Stage::from_word(text).ok_or_else(|| format!("write one of: {known}"))
}

pub fn run(config: &Path, args: &Args) -> Result<ExitCode, Failure> {
    let (loaded, templates) = load(config)?;
    let policy = &loaded.policy;
    let shown = args.file.display();
    let text = std::fs::read_to_string(&args.file)
        .map_err(|error| Failure::Data(format!("{shown} can't be read ({error}); name a text file in UTF-8")))?;
    let wrong = |why| Failure::Data(format!("{shown}: {why}"));
    let announcement = Announcement::parse(&text).map_err(wrong)?;
    let stem = args.file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let name = args.name.clone().unwrap_or(stem);
    let rules = Rules { policy, templates: &templates };
    let mut store = match args.dry_run && !loaded.plant.store.exists() {
        true => Store::in_memory()?,
        false => open_store(&loaded)?,
    };
    let mut letters = Vec::new();
    for unit in chosen(policy, store.reader(), args)? {
        let (subject, body) = announcement.fill(&announce::words(policy, unit)).map_err(wrong)?;
        letters.push(announce::letter(policy, unit, &name, &subject, &body));
    }
    if letters.is_empty() {
        print("no unit is at that stage; `unit status` shows where each is")?;
        return Ok(ExitCode::SUCCESS);
    }
    if args.dry_run {
        return dry_run(rules, &mut store, &letters);
    }
    let gap = SignedDuration::from_millis(60_000 / i64::from(args.per_minute));
    let queued = units::announce(rules, &mut store, &letters, gap, clock::now())?;
    let had = letters.len() - queued.len();
    if let Some(last) = queued.last() {
        let mails = count(queued.len() as u64, "mail");
        print(&format!("{mails} queued, the last goes out at {} UTC as long as the gateway runs", time(*last)))?;
    }
    if had > 0 {
        print(&format!("{} had {name} before", count(had as u64, "unit")))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The units that are meant, by name or by how far they have come; else all.
fn chosen<'a>(policy: &'a Policy, reader: &Reader, args: &Args) -> Result<Vec<&'a Unit>, Failure> {
    let named: BTreeSet<&str> = args.units.iter().map(String::as_str).collect();
    if let Some(unknown) = named.iter().find(|name| !policy.units.contains_key(&(**name).into())) {
        return Err(Failure::Refused(format!("unit {unknown} does not exist, `unit list` shows those that do")));
    }
    let mut chosen = Vec::new();
    for unit in policy.units.values() {
        let is_named = named.is_empty() || named.contains(unit.name.0.as_str());
        let at_stage = match args.stage {
            Some(stage) => unit::stage(&reader.interface(&unit.name)?) == stage,
            None => true,
        };
        if is_named && at_stage {
            chosen.push(unit);
        }
    }
    Ok(chosen)
}

fn dry_run(rules: Rules<'_>, store: &mut Store, letters: &[Outbound]) -> Result<ExitCode, Failure> {
    let mut rows = Vec::new();
    let mut first = None;
    for letter in letters {
        let had = store.batch(|batch| batch.has_letter(letter))?;
        if !had && first.is_none() {
            first = Some(letter);
        }
        let what = if had { "had it before" } else { "would get it" };
        let unit = letter.words.unit.clone();
        rows.push([unit, letter.to.to_string(), what.to_owned(), letter.subject.clone()]);
    }
    print(&table(["unit", "address", "now", "subject"], &rows))?;
    if let Some(letter) = first {
        let mail = intake::written(rules, letter, clock::now());
        print(&format!("\nThe first of them:\n\n{}", String::from_utf8_lossy(&mail).replace('\r', "")))?;
    }
    Ok(ExitCode::SUCCESS)
}
