//! Digests: what is open at a unit, each week, and what waits for the triaging unit, each working day (protocol section 6).
//! Pure: when the next is due, and the mail. Nothing is sent where nothing is open.
//!
//! A digest is no part of any ticket: it has no tag, no thread and no reply token, and all marks of automatic mail, by
//! which most helpdesks know that they must open no ticket from it. Its Message-ID comes from the unit and the day, so
//! that one day's digest is one mail, whatever a clock does.

mod list;
mod phrases;
mod triage;

use jiff::Timestamp;

use super::announce;
use super::calendar::Calendar;
use super::decision::{Automatic, Outbound, Template, Words};
use super::policy::{Policy, Unit};
use super::rhythm::Rhythm;
use super::ticket::Ticket;
use crate::mail::language::Language;

pub use triage::{Quarantined, Triage, Undelivered};

/// Tickets that one digest lists, of each kind; a longer list is read by nobody.
pub const MOST: usize = 200;

/// What is to be done about a unit's digest now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn {
    /// The time whose digest is to be sent: the last that has come.
    pub sends: Option<Timestamp>,
    /// When the next one is due.
    pub next: Option<Timestamp>,
}

/// What is to be done, where the next digest was noted to be due then. Of several that were missed the last is sent. A
/// unit of which nothing is noted waits for its next. Where settings or the clock have changed, the next is what they say.
pub fn turn(policy: &Policy, unit: &Unit, due: Option<Timestamp>, now: Timestamp) -> Turn {
    let (rhythm, calendar) = rhythm(policy, unit);
    let passed = due.filter(|due| *due <= now);
    let sends = passed.and_then(|due| rhythm.last(calendar, now).filter(|last| *last >= due));
    Turn { sends, next: rhythm.next(calendar, now) }
}

/// When a unit's digests come.
fn rhythm<'a>(policy: &'a Policy, unit: &'a Unit) -> (Rhythm, &'a Calendar) {
    if unit.digest.is_none() {
        (Rhythm::Never, &unit.calendar)
    } else if unit.name == policy.default_unit {
        (policy.clocks.triage_digest, &policy.desk.calendar)
    } else {
        (policy.clocks.unit_digest, &unit.calendar)
    }
}

/// A unit's digest of that time; `None` where nothing is open. `open` counts also what is not among the tickets.
pub fn of_unit(
    policy: &Policy,
    unit: &Unit,
    tickets: &[Ticket],
    open: u64,
    at: Timestamp,
    now: Timestamp,
) -> Option<Outbound> {
    let text = list::of_unit(policy, unit, tickets, open, now)?;
    let subject = phrases::subject(unit.language, &unit.name, day(&unit.calendar, at));
    letter(policy, unit, Template::Digest, unit.language, &subject, text, at)
}

/// The triaging unit's digest of that time; `None` where nothing waits.
pub fn of_triage(policy: &Policy, unit: &Unit, facts: &Triage, at: Timestamp, now: Timestamp) -> Option<Outbound> {
    let text = triage::text(policy, facts, now)?;
    let subject = format!("What waits at {} on {}", policy.desk.display_name, day(&policy.desk.calendar, at));
    letter(policy, unit, Template::TriageDigest, Language::En, &subject, text, at)
}

fn day(calendar: &Calendar, at: Timestamp) -> jiff::civil::Date {
    calendar.local(at).date()
}

/// As an announcement, but for its marks: people get the answers.
fn letter(
    policy: &Policy,
    unit: &Unit,
    template: Template,
    language: Language,
    subject: &str,
    text: String,
    at: Timestamp,
) -> Option<Outbound> {
    let (_, calendar) = rhythm(policy, unit);
    let day = day(calendar, at).to_string();
    let mail = announce::letter(policy, unit, &day, subject, "");
    Some(Outbound {
        to: unit.digest.clone()?,
        message_id: announce::message_id(policy, "digest", unit, &day),
        template,
        language,
        words: Words { text, ..mail.words },
        envelope_sender: None,
        automatic: Some(Automatic::Generated),
        ..mail
    })
}
