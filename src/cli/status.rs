//! `status`: whether all is well, in one screen: what a person should act on, how each part fares and since when, what waits
//! and why, what falls due next.

use std::path::Path;
use std::process::ExitCode;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::table::{count, harmless, time};
use super::{Failure, open_reader, print, print_json};
use crate::daemon::clock;
use crate::desk::decision::Recipient;
use crate::desk::policy::Policy;
use crate::desk::ticket::TicketId;
use crate::desk::timer;
use crate::store::{self, Counts, HealthRow, HealthState, HeldBack, OutboxLine, OutboxState, Reader, Standing};

#[derive(Debug, clap::Args)]
pub struct Args {
    #[arg(long)]
    json: bool,
}

pub fn run(config: &Path, args: &Args) -> Result<ExitCode, Failure> {
    let (loaded, reader) = open_reader(config)?;
    let noted = store::note(&loaded.plant.store);
    let runs = noted.is_some();
    let mut healths: Vec<HealthRow> = gateway(&loaded.plant.store, noted).into_iter().collect();
    healths.extend(reader.healths()?);
    let now = clock::now();
    let counts = reader.counts(now)?;
    let standing = reader.standing()?;
    let mut troubles = troubles(&counts, &healths);
    troubles.extend(healths.iter().map(|health| health.at).max().filter(|_| !runs).and_then(|last| stopped(last, now)));
    troubles.extend(late(&standing, now));
    let next = next(&loaded.policy, &reader)?;
    let failed = reader.failed_letters(MOST_SHOWN)?;
    if args.json {
        print_json(
            &json!({"well": troubles.is_empty(), "runs": runs, "troubles": troubles, "parts": healths, "counts": counts,
                "waiting_since": standing.waiting_since, "next": next.iter().map(|(ticket, due, what)| json!({"ticket": ticket, "due": due, "what": what})).collect::<Vec<_>>()}),
        )?;
        return Ok(ExitCode::SUCCESS);
    }
    print(if troubles.is_empty() { "All is well." } else { "Something needs you:" })?;
    for trouble in &troubles {
        print(&format!("  - {trouble}"))?;
    }
    print("")?;
    if !runs {
        print(&format!("{:20}does not run", "gateway"))?;
    }
    for health in &healths {
        print(&format!(
            "{:20}{:9}{}  {}",
            health.part,
            health.state.word(),
            time(health.at),
            harmless(&health.text, 200)
        ))?;
        if health.state != HealthState::Well {
            let told = health.told.map_or_else(String::new, |at| format!(", people were told at {}", time(at)));
            print(&format!("{:29}since {}, {}{told}", "", time(health.since), ago(now, health.since)))?;
        }
    }
    let tickets: Vec<String> = counts
        .tickets
        .iter()
        .filter(|(_, number)| **number > 0)
        .map(|(status, number)| format!("{number} {status}"))
        .collect();
    let mails: Vec<String> = counts
        .mails
        .iter()
        .filter(|(_, number)| **number > 0)
        .map(|(verdict, number)| format!("{number} {}", verdict.word()))
        .collect();
    let outbox: Vec<String> = counts
        .outbox
        .iter()
        .filter(|(_, row)| row.count > 0)
        .map(|(state, row)| format!("{} {}", row.count, state.word()))
        .collect();
    print(&format!("{:20}{}", "tickets", or_none(&tickets)))?;
    print(&format!("{:20}{}", "mails in, 24 h", or_none(&mails)))?;
    print(&format!("{:20}{}", "outbox", or_none(&outbox)))?;
    if let Some(oldest) = standing.waiting_since {
        print(&format!("{:20}the oldest that waits is {} old, since {}", "", ago(now, oldest), time(oldest)))?;
    }
    for line in &failed {
        print(&format!("{:20}{}", "", not_sent(line)))?;
    }
    for held in &counts.held {
        print(&format!("{:20}{}", "", held_back(held)))?;
    }
    print(&format!("{:20}{}", "quarantine", count(counts.quarantine, "mail")))?;
    if next.is_empty() {
        print(&format!("{:20}nothing falls due", "next"))?;
    }
    for (at, (ticket, due, what)) in next.iter().enumerate() {
        let head = if at == 0 { "next" } else { "" };
        print(&format!("{head:20}{}  ticket {ticket}: {}", time(*due), harmless(what, 200)))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Steps of tickets, and mails that failed, that are shown.
const MOST_SHOWN: usize = 3;

/// How late something may be before a person should look.
const LATE: SignedDuration = SignedDuration::from_hours(1);

/// A gateway that a timer starts (`run --once`) is none that has stopped.
fn stopped(last: Timestamp, now: Timestamp) -> Option<String> {
    let is_late = now.duration_since(last) > LATE;
    is_late.then(|| format!("the gateway has not run since {}; start it, mail waits", time(last)))
}

/// What should have happened a while ago.
fn late(standing: &Standing, now: Timestamp) -> Vec<String> {
    let late = |at: &Timestamp| now.duration_since(*at) > LATE;
    let mail = standing.waiting_since.filter(late).map(|since| {
        format!("mail has waited for {} to go out; `outbox list --state ready` shows why", ago(now, since))
    });
    let step = standing.next_step.filter(late).map(|since| {
        format!("steps of tickets have been due for {}; the log of the gateway says why", ago(now, since))
    });
    mail.into_iter().chain(step).collect()
}

/// The tickets of which a step falls due next: which, when, what.
fn next(policy: &Policy, reader: &Reader) -> Result<Vec<(TicketId, Timestamp, String)>, Failure> {
    let mut next = Vec::new();
    for (id, due) in reader.next_steps(MOST_SHOWN)? {
        let Some(ticket) = reader.ticket(id)? else { continue };
        let what = timer::ahead(policy, &ticket).first().map(|step| step.words(policy));
        next.push((id, due, what.unwrap_or_else(|| "a look at what is due".to_owned())));
    }
    Ok(next)
}

/// `not sent: dispatch to a@b.example, 3 attempts, next 2026-11-24 09:05: 451 try later`.
fn not_sent(line: &OutboxLine) -> String {
    let next = line.due.map_or_else(String::new, |due| format!(", next {}", time(due)));
    let (template, attempts) = (line.template.name(), count(line.attempts.into(), "attempt"));
    format!("not sent: {template} to {}, {attempts}{next}: {}", line.to, harmless(&line.answer, 200))
}

/// `20 min`, `3 h`, `2 days`.
fn ago(now: Timestamp, then: Timestamp) -> String {
    let minutes = now.duration_since(then).as_mins().max(0);
    match minutes {
        0..120 => format!("{minutes} min"),
        120..2_880 => format!("{} h", minutes / 60),
        _ => format!("{} days", minutes / 1_440),
    }
}

/// What the gateway that runs tells of its store; a look at the disk may find what it has not met yet.
fn gateway(store: &Path, noted: Option<HealthRow>) -> Option<HealthRow> {
    let found = store::probe(store).err().map(|error| HealthRow {
        part: "gateway".to_owned(),
        state: HealthState::Trouble,
        text: error.to_string(),
        at: clock::now(),
        since: clock::now(),
        told: None,
    });
    match noted {
        Some(noted) if noted.state == HealthState::Blocked => Some(noted),
        noted => found.or(noted),
    }
}

/// `12 mails held back for ROC_DECH, the last until 2026-11-24 09:05`.
fn held_back(HeldBack { recipient, mails, until }: &HeldBack) -> String {
    let to = match recipient {
        Recipient::Unit(unit) => format!(" for {unit}"),
        _ => String::new(),
    };
    let until = until.map_or_else(|| "a person releases it (`outbox retry`)".to_owned(), time);
    format!("{} held back{to}, the last until {until}; `outbox list --state ready`", count(*mails, "mail"))
}

fn or_none(parts: &[String]) -> String {
    if parts.is_empty() { "none".to_owned() } else { parts.join(", ") }
}

/// What a person should act on, each with the command that shows more.
fn troubles(counts: &Counts, healths: &[HealthRow]) -> Vec<String> {
    let mut troubles: Vec<String> = healths
        .iter()
        .filter(|health| health.state != HealthState::Well)
        .map(|health| format!("{}: {}", health.part, harmless(&health.text, 500)))
        .collect();
    if counts.quarantine > 0 {
        troubles.push(format!("{} in quarantine; `quarantine list`", count(counts.quarantine, "mail")));
    }
    if let Some(dead) = counts.outbox.get(&OutboxState::Dead).filter(|dead| dead.count > 0) {
        troubles.push(format!("{} given up; `outbox list --state dead`", count(dead.count, "mail")));
    }
    troubles
}
