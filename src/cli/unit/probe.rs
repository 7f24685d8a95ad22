//! `unit probe`: tries a unit's helpdesk with a test ticket, and tells how far the answers came.

use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use crate::cli::table::{harmless, time};
use crate::cli::{Failure, load, open_reader, open_store, operator, print, print_json};
use crate::daemon::clock;
use crate::desk::decision::{Act, Order, Template};
use crate::desk::event::{Actor, Event};
use crate::desk::policy::UnitName;
use crate::desk::ticket::{Status, TicketId};
use crate::engine::intake::{self, Rules};
use crate::engine::units;
use crate::store::{Direction, OutboxFilter, OutboxState, Reader};

/// How often `--wait` looks.
const LOOK: Duration = Duration::from_secs(1);
/// Mails and facts of one probe.
const MOST: usize = 1_000;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Its name as `unit list` shows it
    unit: String,
    /// Send nothing: tell how far the last one came
    #[arg(long)]
    status: bool,
    /// Wait until it has come all the way, at most so many minutes
    #[arg(long, value_name = "MINUTES", num_args = 0..=1, default_missing_value = "10")]
    wait: Option<u64>,
    #[arg(long)]
    json: bool,
}

/// How far a probe has come.
#[derive(Debug, Serialize)]
struct Progress {
    unit: UnitName,
    ticket: TicketId,
    status: Status,
    sent: Timestamp,
    /// The relay has taken it.
    delivered: Option<Timestamp>,
    /// Any mail came back.
    answered: Option<Timestamp>,
    /// The helpdesk told its own id.
    foreign_id: Option<(Timestamp, String)>,
    /// The helpdesk ended it.
    solved: Option<(Timestamp, String)>,
    /// What went wrong.
    troubles: Vec<String>,
}

pub fn run(config: &Path, args: &Args) -> Result<(), Failure> {
    let unit = UnitName(args.unit.clone());
    if !args.status {
        start(config, &unit)?;
    }
    let (_, reader) = open_reader(config)?;
    let end = clock::now() + Duration::from_secs(args.wait.unwrap_or(0).min(7 * 24 * 60) * 60);
    let mut progress = progress(&reader, &unit)?;
    while args.wait.is_some() && !progress.status.is_final() && clock::now() < end {
        std::thread::sleep(LOOK);
        progress = self::progress(&reader, &unit)?;
    }
    if args.json { print_json(&progress) } else { print(&words(&progress)) }
}

/// Sends a probe; one that is still under way is ended first.
fn start(config: &Path, unit: &UnitName) -> Result<(), Failure> {
    let (loaded, templates) = load(config)?;
    let rules = Rules { policy: &loaded.policy, templates: &templates };
    let mut store = open_store(&loaded)?;
    let now = clock::now();
    let earlier = store.reader().last_probe(unit)?.map(|id| store.reader().ticket(id)).transpose()?.flatten();
    if let Some(ticket) = earlier.filter(|ticket| !ticket.status.is_final()) {
        let order = Order { ticket: ticket.id, by: operator(), act: Act::Close };
        intake::order(rules, &mut store, &order, now)?;
    }
    units::probe(rules, &mut store, unit, &operator(), now)?;
    Ok(())
}

fn progress(reader: &Reader, unit: &UnitName) -> Result<Progress, Failure> {
    let missing = || Failure::Refused(format!("unit {unit} was never tried; `unit probe {unit}` does it"));
    let id = reader.last_probe(unit)?.ok_or_else(missing)?;
    let ticket = reader.ticket(id)?.ok_or_else(missing)?;
    let events = reader.history(id, MOST)?;
    let mails = reader.mails_of(id, MOST)?;
    let outbox = reader.outbox(&OutboxFilter { ticket: Some(id), state: None }, MOST)?;
    let dispatch = outbox.iter().find(|line| line.template == Template::Dispatch);
    let by_unit = |actor: &Actor| *actor == Actor::Unit(unit.clone());
    let mut troubles: Vec<String> =
        dispatch.iter().filter_map(|line| waiting(line.state, line.held.as_deref(), &line.answer)).collect();
    troubles.extend(events.iter().filter_map(|row| match &row.event {
        Event::DeliveryFailed { recipient, report, .. } => {
            let why = report.diagnostic.as_deref().or(report.status.as_deref()).unwrap_or("no reason was given");
            Some(format!("mail to {recipient} could not be delivered: {why}"))
        }
        Event::Refused { reason, .. } => Some(format!("the helpdesk refused it: {reason}")),
        Event::Flagged { why } => Some(why.clone()),
        _ => None,
    }));
    Ok(Progress {
        unit: unit.clone(),
        ticket: id,
        status: ticket.status,
        sent: ticket.created,
        delivered: dispatch.and_then(|line| line.settled.filter(|_| line.state == OutboxState::Sent)),
        answered: mails.iter().find(|mail| mail.direction == Direction::In).map(|mail| mail.at),
        foreign_id: events.iter().find_map(|row| match &row.event {
            Event::Acknowledged { foreign_id, .. } => Some((row.at, foreign_id.clone())),
            _ => None,
        }),
        solved: events.iter().find_map(|row| match &row.event {
            Event::Solved { text } | Event::Unsolved { text } if by_unit(&row.actor) => Some((row.at, text.clone())),
            _ => None,
        }),
        troubles,
    })
}

/// Why the dispatch has not gone out.
fn waiting(state: OutboxState, held: Option<&str>, answer: &str) -> Option<String> {
    match state {
        OutboxState::Sent => None,
        OutboxState::Ready | OutboxState::Leased => match (held, answer) {
            (Some(held), _) => Some(held.to_owned()),
            (None, "") => Some("it waits in the outbox; is the gateway running? `status` tells".to_owned()),
            (None, answer) => Some(format!("it waits in the outbox: {answer}")),
        },
        OutboxState::Dead | OutboxState::Dropped => Some(format!("it was not sent: {answer}")),
    }
}

fn words(progress: &Progress) -> String {
    let Progress { unit, ticket, status, sent, .. } = progress;
    let step = |name: &str, at: Option<Timestamp>, text: &str| {
        let at = at.map_or_else(|| "not yet".to_owned(), time);
        format!("  {name:14}{at:18}{}", harmless(text, 80)).trim_end().to_owned()
    };
    let told = |step: &Option<(Timestamp, String)>| step.clone().unzip();
    let (id_at, id) = told(&progress.foreign_id);
    let (solved_at, solution) = told(&progress.solved);
    let mut lines = vec![
        format!("Test of {unit}, ticket {ticket}, {status}:"),
        step("written", Some(*sent), ""),
        step("delivered", progress.delivered, ""),
        step("answered", progress.answered, ""),
        step("its own id", id_at, &id.unwrap_or_default()),
        step("solved", solved_at, &solution.unwrap_or_default()),
    ];
    lines.extend(progress.troubles.iter().map(|trouble| format!("  - {}", harmless(trouble, 200))));
    if !status.is_final() {
        lines
            .push(format!("It closes itself when the helpdesk has solved it; `ticket close {ticket}` ends it before."));
        lines.push(format!("`unit probe {unit} --status` tells more later."));
    }
    lines.join("\n")
}
