//! `retention` and `ticket redact`: personal data goes, of all that is over its age, or of one ticket.

use std::path::Path;
use std::process::ExitCode;

use super::table::count;
use super::{Failure, load, open_store, operator, print, print_json};
use crate::daemon::clock;
use crate::desk::ticket::TicketId;
use crate::engine::retention::{self, Retained};
use crate::store::{Redaction, Store};

#[derive(Debug, clap::Args)]
#[command(after_help = "The ages stand in gateway.toml under [retention]. Backups and the mailbox are not touched.")]
pub struct Args {
    /// Change nothing: say what would go
    #[arg(long)]
    dry_run: bool,
    #[arg(long)]
    json: bool,
}

pub fn run(config: &Path, args: &Args) -> Result<ExitCode, Failure> {
    let (loaded, _) = load(config)?;
    let ages = &loaded.plant.retention;
    let mut store = open_store(&loaded)?;
    let retained = retention::retain(&loaded.policy, ages, &mut store, clock::now(), args.dry_run)?;
    if args.json {
        print_json(&retained)?;
    } else if ages.raw_mails.is_none() && ages.tickets.is_none() {
        print("everything is kept for ever; [retention] in gateway.toml sets ages")?;
    } else {
        tell(&retained, args.dry_run)?;
    }
    if !args.dry_run {
        erase(&mut store)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn tell(retained: &Retained, dry_run: bool) -> Result<(), Failure> {
    for (ticket, redaction) in &retained.redacted {
        print(&format!("ticket {ticket}: {}", in_words(redaction, dry_run)))?;
    }
    for (_, why) in &retained.waiting {
        print(&format!("stays for now: {why}"))?;
    }
    let (mails, letters) = (count(retained.mails as u64, "mail"), count(retained.letters as u64, "mail"));
    match retained {
        Retained { mails: 0, letters: 0, redacted, .. } if redacted.is_empty() => print("nothing is over its age"),
        Retained { mails: 0, letters: 0, .. } => Ok(()),
        _ if dry_run => print(&format!("the bytes of {mails} that came and of {letters} that went out would go")),
        _ => print(&format!("the bytes of {mails} that came and of {letters} that went out are gone")),
    }
}

/// Takes the people out of one ticket.
pub fn redact(config: &Path, ticket: TicketId, reason: &str, dry_run: bool) -> Result<(), Failure> {
    let (loaded, _) = load(config)?;
    let mut store = open_store(&loaded)?;
    let order = (operator(), reason);
    let now = clock::now();
    let done = retention::redact(&loaded.policy, &mut store, ticket, (&order.0, order.1), now, dry_run)?;
    if !dry_run {
        erase(&mut store)?;
    }
    print(&format!("ticket {ticket}: {}", in_words(&done, dry_run)))
}

fn in_words(redaction: &Redaction, dry_run: bool) -> String {
    let Redaction { mails, letters, facts } = *redaction;
    let (came, went) = (count(mails as u64, "mail"), count(letters as u64, "mail"));
    let ends = if dry_run { "would lose" } else { "have lost" };
    format!(
        "{came} that came, {went} that went out and {} {ends} all texts, addresses and names",
        count(facts as u64, "fact")
    )
}

fn erase(store: &mut Store) -> Result<(), Failure> {
    let later = |error| {
        Failure::Later(format!("the data is out of the tables; its traces in the file are not yet gone: {error}"))
    };
    store.erase().map(drop).map_err(later)
}
