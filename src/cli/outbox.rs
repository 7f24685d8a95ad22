//! `outbox`: mail that is to go out, has gone out, or was given up.

use std::path::Path;
use std::process::ExitCode;

use clap::Subcommand;

use super::table::{table, time};
use super::{Failure, load, open_reader, open_store, operator, print, print_json};
use crate::daemon::clock;
use crate::desk::ticket::TicketId;
use crate::store::{OutboxFilter, OutboxId, OutboxState};

#[derive(Debug, Subcommand)]
pub enum Action {
    /// List mail, newest first
    List {
        #[arg(long)]
        json: bool,
        /// ready, leased, sent, dead, dropped
        #[arg(long, value_parser = state)]
        state: Option<OutboxState>,
        #[arg(long)]
        ticket: Option<u64>,
        /// How many at the most
        #[arg(long, default_value_t = 50)]
        most: usize,
    },
    /// Print a mail as it goes out
    Show {
        number: u64,
        /// Its row instead of its text
        #[arg(long)]
        json: bool,
    },
    /// Try again now
    Retry { number: u64 },
    /// Never send it
    Drop { number: u64 },
}

fn state(text: &str) -> Result<OutboxState, String> {
    let known: Vec<&str> = OutboxState::ALL.iter().map(|state| state.word()).collect();
    OutboxState::from_word(text).ok_or_else(|| format!("write one of: {}", known.join(", ")))
}

pub fn run(config: &Path, action: &Action) -> Result<ExitCode, Failure> {
    match action {
        Action::List { json, state, ticket, most } => {
            list(config, OutboxFilter { state: *state, ticket: ticket.map(TicketId) }, *most, *json)?;
        }
        Action::Show { number, json } => show(config, OutboxId(*number), *json)?,
        Action::Retry { number } => {
            let (loaded, _) = load(config)?;
            open_store(&loaded)?.batch(|batch| batch.outbox_retry(OutboxId(*number), clock::now()))?;
            print(&format!("mail {number} goes out as soon as the gateway runs and the pace of its helpdesk allows"))?;
        }
        Action::Drop { number } => {
            let (loaded, _) = load(config)?;
            open_store(&loaded)?.batch(|batch| batch.outbox_drop(OutboxId(*number), &operator(), clock::now()))?;
            print(&format!("mail {number} is not sent any more"))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn list(config: &Path, filter: OutboxFilter, most: usize, json: bool) -> Result<(), Failure> {
    let (_, reader) = open_reader(config)?;
    let lines = reader.outbox(&filter, most)?;
    if json {
        return print_json(&lines);
    }
    if lines.is_empty() {
        return print("no mail");
    }
    let rows: Vec<[String; 7]> = lines
        .into_iter()
        .map(|line| {
            let due = line.due.map(time).unwrap_or_default();
            let (id, state) = (line.id.to_string(), line.state.word().to_owned());
            [
                id,
                state,
                due,
                line.attempts.to_string(),
                line.to.to_string(),
                line.template.name().to_owned(),
                line.held.unwrap_or(line.answer),
            ]
        })
        .collect();
    print(&table(["mail", "state", "due (UTC)", "tried", "to", "what", "why it waits, or the last answer"], &rows))
}

fn show(config: &Path, id: OutboxId, json: bool) -> Result<(), Failure> {
    let (_, reader) = open_reader(config)?;
    let missing = || Failure::Refused(format!("mail {id} does not exist, `outbox list` shows those that do"));
    let row = reader.outbox_row(id)?.ok_or_else(missing)?;
    if json {
        return print_json(&row);
    }
    use std::io::Write as _;
    Ok(std::io::stdout().write_all(&row.bytes)?)
}
