//! `routing diff`: which tickets of the last days would have gone elsewhere under another routing file. Nothing is changed.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Subcommand;
use jiff::SignedDuration;

use super::table::{count, table};
use super::{Failure, open_reader, print, print_json};
use crate::config::{self, Loaded};
use crate::daemon::clock;
use crate::engine::reroute::{self, Replay};

/// Tickets that are replayed at most.
const MOST: usize = 100_000;

#[derive(Debug, Subcommand)]
pub enum Action {
    /// Say which tickets would have gone elsewhere, and why
    Diff(Diff),
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Before a change goes live: copy routing.toml, edit the copy, and look:\n\n    \
    ggus-gateway routing diff config/routing.toml new-routing.toml --days 30\n\n\
    A file may also be a whole gateway.toml; its files are then read beside it.")]
pub struct Diff {
    /// The routing file that was in force
    old: PathBuf,
    /// The one that is to be
    new: PathBuf,
    /// How far back to look
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=3_650))]
    days: u32,
    #[arg(long)]
    json: bool,
}

pub fn run(config: &Path, action: &Action) -> Result<ExitCode, Failure> {
    let Action::Diff(args) = action;
    let (_, reader) = open_reader(config)?;
    let (old, new) = (read(config, &args.old)?, read(config, &args.new)?);
    let since = clock::now() - SignedDuration::from_hours(24 * i64::from(args.days));
    let replay = reroute::replay(&reader, &old.policy, &new.policy, since, MOST)?;
    if args.json {
        print_json(&replay)?
    } else {
        tell(&replay, args.days)?
    }
    Ok(ExitCode::SUCCESS)
}

/// A routing file with the rest of the configuration, or a whole other configuration.
fn read(config: &Path, file: &Path) -> Result<Loaded, Failure> {
    Ok(if config::is_gateway(file) { config::load(file)? } else { config::load_with_routing(config, file)? })
}

fn tell(replay: &Replay, days: u32) -> Result<(), Failure> {
    let rows: Vec<[String; 6]> = replay
        .elsewhere
        .iter()
        .map(|one| {
            let ticket = one.ticket.map(|ticket| ticket.to_string()).unwrap_or_default();
            let [old, new] = [&one.old, &one.new];
            [ticket, old.goal(), new.goal(), old.why.clone(), new.why.clone(), one.subject.clone()]
        })
        .collect();
    if !rows.is_empty() {
        print(&table(["ticket", "old", "new", "by the old", "by the new", "title"], &rows))?;
        print("")?;
    }
    let (replayed, moved) = (count(replay.replayed as u64, "ticket"), replay.elsewhere.len());
    print(&format!(
        "of {replayed} that came in the last {}, {moved} would have gone elsewhere",
        count(u64::from(days), "day")
    ))?;
    match replay.without_text {
        0 => Ok(()),
        without => print(&format!(
            "{} could not be replayed, their mails are kept without their text",
            count(without as u64, "ticket")
        )),
    }
}
