//! `status`: whether all is well, in one screen.

use std::path::Path;
use std::process::ExitCode;

use serde_json::json;

use super::table::{count, harmless, time};
use super::{Failure, open_reader, print, print_json};
use crate::daemon::clock;
use crate::desk::decision::Recipient;
use crate::store::{self, Counts, HealthRow, HealthState, HeldBack, OutboxState};

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
    let counts = reader.counts(clock::now())?;
    let troubles = troubles(&counts, &healths);
    if args.json {
        print_json(
            &json!({"well": troubles.is_empty(), "runs": runs, "troubles": troubles, "parts": healths, "counts": counts}),
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
    for held in &counts.held {
        print(&format!("{:20}{}", "", held_back(held)))?;
    }
    print(&format!("{:20}{}", "quarantine", count(counts.quarantine, "mail")))?;
    Ok(ExitCode::SUCCESS)
}

/// What the gateway that runs tells of its store; a look at the disk may find what it has not met yet.
fn gateway(store: &Path, noted: Option<HealthRow>) -> Option<HealthRow> {
    let found = store::probe(store).err().map(|error| HealthRow {
        part: "gateway".to_owned(),
        state: HealthState::Trouble,
        text: error.to_string(),
        at: clock::now(),
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
