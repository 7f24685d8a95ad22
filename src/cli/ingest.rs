//! `ingest`: mails from files and from standard input, for a pipe, an import, a test.

use std::io::{IsTerminal, stderr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use super::signatures::Signatures;
use super::{Failure, load, open_store, print};
use crate::daemon::clock;
use crate::engine::intake::{self, Outcome, Rules};
use crate::source::Incoming;
use crate::source::files::{self, Found};
use crate::store::Store;

/// Mails in one transaction.
const BATCH: usize = 64;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "In a pipe, exit code 75 means that the mail was not kept and should come again: whatever is wrong with the \
    configuration, the store or the machine, the mail server keeps the mail. For a mail server:\n\n    \
    support: \"|/usr/bin/ggus-gateway --config /etc/ggus-gateway/gateway.toml ingest -\"\n\n\
    A mail that was taken before is known by its content and not taken twice."
)]
pub struct Args {
    /// Print one JSON object per mail
    #[arg(long)]
    json: bool,
    /// A mail, an mbox, a Maildir, a folder of mails, or - for standard input
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
}

/// What the command has done so far.
#[derive(Default)]
struct Tally {
    taken: u64,
    duplicates: u64,
    unreadable: u64,
    /// Why what was done could not be told.
    untold: Option<Failure>,
}

/// What is wrong on our side is no fault of a mail that comes by a pipe: its sender would hear of it, and we would not
/// have the mail.
pub fn run(config: &Path, args: &Args) -> Result<ExitCode, Failure> {
    let is_pipe = args.paths.iter().any(|path| path == Path::new("-"));
    let done = take_all(config, args);
    if !is_pipe {
        return done?.code();
    }
    match done {
        Ok(tally) if tally.unreadable > 0 => Err(Failure::Later("not everything could be read; try again".to_owned())),
        // They are kept, whether that could be told or not.
        Ok(tally) => Tally { untold: None, ..tally }.code(),
        Err(ours) => Err(keep(ours)),
    }
}

fn take_all(config: &Path, args: &Args) -> Result<Tally, Failure> {
    let (loaded, templates) = load(config)?;
    let mut store = open_store(&loaded).map_err(keep)?;
    let rules = Rules { policy: &loaded.policy, templates: &templates };
    let signatures = Signatures::new(&loaded)?;
    let bar = progress();
    let mut tally = Tally::default();
    let mut waiting = Vec::new();
    for found in args.paths.iter().flat_map(|path| files::mails(path)) {
        match found {
            Ok(found) => waiting.push(found),
            Err(error) => {
                tally.unreadable += 1;
                bar.suspend(|| eprintln!("{error}; name a file that can be read"));
            }
        }
        if waiting.len() >= BATCH {
            take(rules, &signatures, &mut store, &mut waiting, args.json, &bar, &mut tally)?;
        }
    }
    take(rules, &signatures, &mut store, &mut waiting, args.json, &bar, &mut tally)?;
    bar.finish_and_clear();
    if !args.json && stderr().is_terminal() {
        eprintln!(
            "{} mails taken, {} known before, {} files unreadable",
            tally.taken, tally.duplicates, tally.unreadable
        );
    }
    Ok(tally)
}

impl Tally {
    fn code(self) -> Result<ExitCode, Failure> {
        match self.untold {
            Some(untold) => Err(untold),
            None if self.unreadable > 0 => Ok(ExitCode::from(65)),
            None if self.taken + self.duplicates > 0 => Ok(ExitCode::SUCCESS),
            None => Err(Failure::Data("there was no mail in it; name a mail, an mbox or a Maildir".to_owned())),
        }
    }
}

fn take(
    rules: Rules<'_>,
    signatures: &Signatures,
    store: &mut Store,
    waiting: &mut Vec<Found>,
    json: bool,
    bar: &ProgressBar,
    tally: &mut Tally,
) -> Result<(), Failure> {
    let mut mails: Vec<Incoming> = waiting.iter_mut().map(incoming).collect();
    signatures.check(&mut mails);
    let outcomes = intake::take(rules, store, &mails, clock::now()).map_err(|error| keep(error.into()))?;
    for (found, outcome) in waiting.drain(..).zip(&outcomes) {
        let counter = if outcome.duplicate { &mut tally.duplicates } else { &mut tally.taken };
        *counter += 1;
        let told = bar.suspend(|| print(&line(&found, outcome, json)));
        tally.untold = tally.untold.take().or(told.err());
        bar.inc(1);
    }
    Ok(())
}

/// Whatever ails the store, a pipe must not take it for a fault of the mail.
fn keep(failure: Failure) -> Failure {
    Failure::Later(failure.to_string())
}

fn incoming(found: &mut Found) -> Incoming {
    let identity = format!("file:{}:{}", found.path, found.index);
    Incoming::new("ingest", identity, std::mem::take(&mut found.raw))
}

fn line(found: &Found, outcome: &Outcome, json: bool) -> String {
    let (verdict, ticket) = (outcome.decision.verdict.word(), outcome.decision.understood.ticket);
    let reason = outcome.reason();
    if json {
        let (path, index, duplicate) = (&found.path, found.index, outcome.duplicate);
        return json!({"path": path, "index": index, "verdict": verdict, "ticket": ticket, "duplicate": duplicate, "reason": reason})
            .to_string();
    }
    let ticket = ticket.map(|id| format!(" ticket {id}")).unwrap_or_default();
    format!("{}[{}] {verdict}{ticket}: {}", found.path, found.index, super::table::harmless(&reason, 200))
}

fn progress() -> ProgressBar {
    if !stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{spinner} {pos} mails, {per_sec}, {elapsed}");
    ProgressBar::new_spinner().with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()))
}
