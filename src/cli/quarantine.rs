//! `quarantine`: mail that a machine can't decide about.

use std::path::Path;
use std::process::ExitCode;

use clap::Subcommand;

use super::table::{table, time};
use super::{Failure, load, open_reader, open_store, operator, print, print_json};
use crate::daemon::clock;
use crate::engine::intake::{self, Rules};
use crate::store::{KeptMail, MailNumber, QuarantineFilter, Resolution};

#[derive(Debug, Subcommand)]
pub enum Action {
    /// List what waits, oldest first
    List {
        #[arg(long)]
        json: bool,
        /// Those that were decided too
        #[arg(long)]
        all: bool,
        /// How many at the most
        #[arg(long, default_value_t = 50)]
        most: usize,
    },
    /// Print a mail as it came
    Show {
        number: u64,
        /// What is known of it instead of its text
        #[arg(long)]
        json: bool,
    },
    /// Decide again, after the configuration has changed
    Retry { number: u64 },
    /// It needs nothing; it is kept all the same
    Drop { number: u64 },
}

pub fn run(config: &Path, action: &Action) -> Result<ExitCode, Failure> {
    match action {
        Action::List { json, all, most } => list(config, *all, *most, *json)?,
        Action::Show { number, json } => show(config, MailNumber(*number), *json)?,
        Action::Retry { number } => {
            let (loaded, templates) = load(config)?;
            let rules = Rules { policy: &loaded.policy, templates: &templates };
            let mut store = open_store(&loaded)?;
            let decision = intake::retry(rules, &mut store, MailNumber(*number), &operator(), clock::now())?;
            let reason = decision.trail.last().map(ToString::to_string).unwrap_or_default();
            print(&format!("mail {number}: {}, {reason}", decision.verdict.word()))?;
        }
        Action::Drop { number } => {
            let (loaded, _) = load(config)?;
            let (by, now) = (operator(), clock::now());
            open_store(&loaded)?
                .batch(|batch| batch.quarantine_resolve(MailNumber(*number), Resolution::Dropped, &by, now))?;
            print(&format!("mail {number} needs nothing any more"))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn list(config: &Path, all: bool, most: usize, json: bool) -> Result<(), Failure> {
    let (_, reader) = open_reader(config)?;
    let filter = if all { QuarantineFilter::All } else { QuarantineFilter::Open };
    let rows = reader.quarantine(filter, most)?;
    if json {
        return print_json(&rows);
    }
    if rows.is_empty() {
        return print("nothing waits");
    }
    let rows: Vec<[String; 5]> = rows
        .into_iter()
        .map(|row| [row.mail.to_string(), time(row.since), row.sender.unwrap_or_default(), row.subject, row.reason])
        .collect();
    print(&table(["mail", "since (UTC)", "from", "subject", "why"], &rows))
}

fn show(config: &Path, number: MailNumber, json: bool) -> Result<(), Failure> {
    if json { print_json(&kept(config, number)?) } else { print_mail(config, number) }
}

/// Prints a mail as it came.
pub fn print_mail(config: &Path, number: MailNumber) -> Result<(), Failure> {
    use std::io::Write as _;
    Ok(std::io::stdout().write_all(&kept(config, number)?.raw)?)
}

fn kept(config: &Path, number: MailNumber) -> Result<KeptMail, Failure> {
    let (_, reader) = open_reader(config)?;
    let missing =
        || Failure::Refused(format!("mail {number} does not exist, `ticket show` and `quarantine list` name some"));
    reader.mail(number)?.ok_or_else(missing)
}
