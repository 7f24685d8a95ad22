//! The command line: one file per subcommand. It prints for people, and with `--json` for programs; it decides nothing.
//!
//! Exit codes: 0 done, 1 refused or not found, 2 usage, and of sysexits.h 65 (bad data), 75 (try again), 78 (configuration).
//! As a pipe (`ingest -`) it ends in 75 whatever is wrong on our side, wrong arguments and settings included: by any other
//! code a mail server takes the mail for undeliverable and sends it back.

mod announce;
mod backup;
mod check;
mod demo;
mod dialect;
mod explain;
mod import;
mod ingest;
mod init;
mod manual;
mod outbox;
mod quarantine;
mod reload;
mod report;
mod retention;
mod routing;
mod run;
mod search;
mod signatures;
mod status;
mod table;
mod ticket;
mod trace;
mod unit;

use std::ffi::OsString;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::{self, Loaded, Problems};
use crate::daemon::Setup;
use crate::engine::intake::OrderError;
use crate::render::template::Templates;
use crate::store::{Reader, Store, StoreError};

/// Where the configuration is, unless told.
const CONFIG: &str = "config/gateway.toml";

/// A hub that joins helpdesks by mail.
///
/// It watches a support mailbox, turns mail into tickets, routes each to the responsible unit's helpdesk, and mails the
/// user when the solution comes back. Start with `ggus-gateway demo` to see a whole ticket, then `ggus-gateway init`.
#[derive(Debug, Parser)]
#[command(name = "ggus-gateway", version, max_term_width = 110)]
pub struct Cli {
    /// The configuration
    #[arg(long, global = true, value_name = "FILE", default_value = CONFIG, env = "GGUS_CONFIG")]
    config: PathBuf,

    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write a sample configuration that runs as it is, and a new secret
    Init(init::Args),
    /// Run the gateway
    Run(run::Args),
    /// Have the gateway that runs read its configuration again
    Reload(reload::Args),
    /// Check the configuration; with --online, log in everywhere too
    Check(check::Args),
    /// Take mails from files or standard input
    Ingest(ingest::Args),
    /// Say step by step what would happen to a mail, and why; changes nothing
    Explain(explain::Args),
    /// Try another routing on the mail of the last days
    #[command(subcommand)]
    Routing(routing::Action),
    /// Take over what other systems know
    #[command(subcommand)]
    Import(import::Action),
    /// Look at tickets and work on them
    #[command(subcommand)]
    Ticket(ticket::Action),
    /// Find tickets by words, number, foreign id, address, site, state
    Search(search::Args),
    /// Look at mail that is to go out
    #[command(subcommand)]
    Outbox(outbox::Action),
    /// Look at mail that a person must decide about
    #[command(subcommand)]
    Quarantine(quarantine::Action),
    /// Look at units
    #[command(subcommand)]
    Unit(unit::Action),
    /// Mail a text to all units, or to some; each gets it once
    Announce(announce::Args),
    /// Look at helpdesks' dialects, try them on mails, teach a new one
    #[command(subcommand)]
    Dialect(dialect::Action),
    /// Copy the store while the gateway runs
    Backup(backup::BackupArgs),
    /// Put a copy back in the store's place
    Restore(backup::RestoreArgs),
    /// Take out personal data that is over its age, as the gateway does once a day
    Retention(retention::Args),
    /// Tell in one screen whether all is well
    Status(status::Args),
    /// Tell of a period in figures: as text, JSON, CSV, or as a page with charts
    Report(report::Args),
    /// Show the way of one mail, from its source to the last delivery
    Trace(trace::Args),
    /// Play a whole ticket on a throw-away desk, with no server at all
    Demo(demo::Args),
    /// Print shell completions or write man pages
    Manual(manual::Args),
}

/// Why a command did not do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The desk refuses, or there is no such thing (exit code 1).
    #[error("{0}")]
    Refused(String),
    /// The input can't be used (65, EX_DATAERR).
    #[error("{0}")]
    Data(String),
    /// It may work later (75, EX_TEMPFAIL).
    #[error("{0}")]
    Later(String),
    /// The configuration is wrong (78, EX_CONFIG).
    #[error("{0}")]
    Config(String),
    /// Whatever was being printed has nowhere to go any more.
    #[error("output: {0}")]
    Output(#[from] std::io::Error),
}

impl Failure {
    /// The exit code of sysexits.h, or 1.
    pub fn code(&self) -> ExitCode {
        match self {
            Self::Refused(_) | Self::Output(_) => ExitCode::from(1),
            Self::Data(_) => ExitCode::from(65),
            Self::Later(_) => ExitCode::from(TRY_AGAIN),
            Self::Config(_) => ExitCode::from(78),
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound { .. } | StoreError::Refused(_) => Self::Refused(error.to_string()),
            transient if transient.is_transient() => Self::Later(transient.to_string()),
            other => Self::Config(other.to_string()),
        }
    }
}

impl From<OrderError> for Failure {
    fn from(error: OrderError) -> Self {
        match error {
            OrderError::Refused(why) => Self::Refused(why),
            OrderError::Store(error) => error.into(),
        }
    }
}

impl From<Problems> for Failure {
    fn from(problems: Problems) -> Self {
        Self::Config(problems.to_string())
    }
}

/// A mail server keeps a mail that was piped to a program which ended like this (EX_TEMPFAIL).
const TRY_AGAIN: u8 = 75;
/// What Rust makes of a panic.
const PANICKED: u8 = 101;

/// Parses the arguments and does what they ask.
pub fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let is_pipe = is_pipe(&arguments);
    let done = catch_unwind(AssertUnwindSafe(|| match Cli::try_parse_from(&arguments) {
        Ok(cli) => run(&cli),
        Err(asked) if asked.exit_code() != 0 && is_pipe => {
            eprintln!("{asked}");
            ExitCode::from(TRY_AGAIN)
        }
        Err(asked) => asked.exit(),
    }));
    done.unwrap_or(ExitCode::from(if is_pipe { TRY_AGAIN } else { PANICKED }))
}

/// Whether mail comes in by standard input, as far as arguments tell that may be wrong.
fn is_pipe(arguments: &[OsString]) -> bool {
    arguments.iter().skip_while(|one| *one != "ingest").any(|one| one == "-")
}

fn run(cli: &Cli) -> ExitCode {
    match dispatch(cli) {
        Ok(code) => code,
        // `ggus-gateway ticket list | head` is no error.
        Err(Failure::Output(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{failure}");
            failure.code()
        }
    }
}

fn dispatch(cli: &Cli) -> Result<ExitCode, Failure> {
    let config = cli.config.as_path();
    match &cli.command {
        Command::Init(args) => init::run(args),
        Command::Run(args) => run::run(config, args),
        Command::Reload(args) => reload::run(config, args),
        Command::Check(args) => check::run(config, args),
        Command::Ingest(args) => ingest::run(config, args),
        Command::Explain(args) => explain::run(config, args),
        Command::Routing(action) => routing::run(config, action),
        Command::Import(action) => import::run(config, action),
        Command::Ticket(action) => ticket::run(config, action),
        Command::Outbox(action) => outbox::run(config, action),
        Command::Quarantine(action) => quarantine::run(config, action),
        Command::Unit(action) => unit::run(config, action),
        Command::Announce(args) => announce::run(config, args),
        Command::Dialect(action) => dialect::run(config, action),
        Command::Backup(args) => backup::backup(config, args),
        Command::Restore(args) => backup::restore(config, args),
        Command::Retention(args) => retention::run(config, args),
        Command::Search(args) => search::run(config, args),
        Command::Status(args) => status::run(config, args),
        Command::Report(args) => report::run(config, args),
        Command::Trace(args) => trace::run(config, args),
        Command::Demo(args) => demo::run(args),
        Command::Manual(args) => manual::run(args),
    }
}

/// The configuration with its mail templates; warnings are left to `check`.
fn load(config: &Path) -> Result<(Loaded, Templates), Failure> {
    Setup::read(config).map_err(Failure::Config)
}

/// The store, for writing; made where there is none. Its directory is not: a disk may not be mounted yet.
fn open_store(loaded: &Loaded) -> Result<Store, Failure> {
    let mut store = Store::open(&loaded.plant.store)?;
    store.set_first_ticket(crate::desk::ticket::TicketId(loaded.plant.first_ticket))?;
    Ok(store)
}

/// The store, for looking.
fn open_reader(config: &Path) -> Result<(Loaded, Reader), Failure> {
    let loaded = config::load(config)?;
    let reader = Reader::open(&loaded.plant.store)?;
    Ok((loaded, reader))
}

/// Who gives an order, for the history.
fn operator() -> String {
    let named = ["SUDO_USER", "USER", "LOGNAME"].into_iter().filter_map(|name| std::env::var(name).ok());
    named.into_iter().find(|name| !name.is_empty()).unwrap_or_else(|| "operator".to_owned())
}

/// Prints a value as JSON, on one line or indented.
fn print_json(value: &impl serde::Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value).map_err(|error| Failure::Data(error.to_string()))?;
    print(&text)
}

/// Prints a line; a closed pipe is an error and not a panic.
fn print(text: &str) -> Result<(), Failure> {
    use std::io::Write as _;
    Ok(writeln!(std::io::stdout(), "{text}")?)
}
