//! What waits for the triaging unit: tickets that nobody has, tickets that their unit has not acknowledged, mail that could
//! not be delivered, mail in quarantine.

use jiff::Timestamp;

use super::MOST;
use super::list::{about, age};
use super::phrases;
use crate::desk::policy::{Policy, UnitName};
use crate::desk::ticket::Ticket;
use crate::desk::timer::tell::local;
use crate::desk::timer::{Timer, limit};
use crate::mail::language::Language;
use crate::mail::plain;

/// Longest reason, in characters.
const LONGEST_REASON: usize = 300;

/// What the store knows of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Triage {
    /// Open tickets at the triaging unit, and how many there are.
    pub unrouted: (Vec<Ticket>, u64),
    /// Open tickets at other units that wait to be acknowledged.
    pub unacknowledged: Vec<Ticket>,
    /// Units whose address fails, since when and why.
    pub failing: Vec<(UnitName, Timestamp, String)>,
    pub undelivered: Vec<Undelivered>,
    /// Mails in quarantine, and how many there are.
    pub quarantined: (Vec<Quarantined>, u64),
}

/// A mail that was given up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undelivered {
    /// Its number in the outbox.
    pub number: u64,
    pub to: String,
    pub subject: String,
    pub why: String,
}

/// A mail that a person must decide about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quarantined {
    pub number: u64,
    pub since: Timestamp,
    pub sender: String,
    pub subject: String,
    pub why: String,
}

/// Whether a ticket has waited so long for its unit that the unit was reminded.
pub fn is_unacknowledged(policy: &Policy, ticket: &Ticket, now: Timestamp) -> bool {
    let (Some(unit), Some(leg)) = (ticket.unit.as_ref().and_then(|unit| policy.units.get(unit)), ticket.current_leg())
    else {
        return false;
    };
    let warned = unit.calendar.after(leg.since, policy.clocks.acknowledgement_warning);
    limit(policy, ticket, Timer::Acknowledgement).is_some() && warned <= now
}

/// The whole text; `None` where nothing waits.
pub fn text(policy: &Policy, facts: &Triage, now: Timestamp) -> Option<String> {
    let waits: Vec<Ticket> =
        facts.unacknowledged.iter().filter(|ticket| is_unacknowledged(policy, ticket, now)).cloned().collect();
    let at = |at: Timestamp| local(at, &policy.desk.calendar);
    let unrouted = facts.unrouted.0.iter().map(|ticket| unrouted(ticket, now));
    let unacknowledged = waits.iter().map(|ticket| unacknowledged(policy, ticket, now));
    let failing = facts
        .failing
        .iter()
        .map(|(unit, since, why)| format!("{unit}: mail to it fails, last on {}:\n{}", at(*since), indented(why)));
    let undelivered = facts.undelivered.iter().map(|mail| {
        let (number, to) = (mail.number, &mail.to);
        format!("outgoing mail {number} to {to}\n{}\n{}", about(&mail.subject), indented(&mail.why))
    });
    let quarantined = facts.quarantined.0.iter().map(|mail| {
        let (number, sender) = (mail.number, &mail.sender);
        let why = indented(&mail.why);
        format!("mail {number} from {sender}, since {}\n{}\n{why}", at(mail.since), about(&mail.subject))
    });
    let bounced = failing.chain(undelivered).collect::<Vec<_>>();
    let sections = [
        section("No unit has these tickets", unrouted.collect(), facts.unrouted.1),
        section("Their unit has not acknowledged these tickets", unacknowledged.collect(), waits.len() as u64),
        section("Mail that could not be delivered", bounced.clone(), bounced.len() as u64),
        section("Mail in quarantine", quarantined.collect(), facts.quarantined.1),
    ];
    let filled: Vec<String> = sections.into_iter().flatten().collect();
    (!filled.is_empty()).then(|| filled.join("\n\n\n"))
}

/// A heading with what stands below it, and how much there is in all; `None` where there is nothing.
fn section(heading: &str, mut parts: Vec<String>, count: u64) -> Option<String> {
    if parts.is_empty() {
        return None;
    }
    parts.truncate(MOST);
    let more = count.saturating_sub(parts.len() as u64);
    if more > 0 {
        parts.push(phrases::more(Language::En, more));
    }
    let heading = format!("{heading} ({count})");
    let line = "-".repeat(heading.chars().count());
    Some(format!("{heading}\n{line}\n\n{}", parts.join("\n\n")))
}

fn unrouted(ticket: &Ticket, now: Timestamp) -> String {
    let why = ticket.flags.last().map(|flag| format!("\n{}", indented(flag))).unwrap_or_default();
    let (age, status) = (phrases::age(Language::En, age(ticket, now)), ticket.status);
    format!("{}   {age}   {status}\n{}{why}", ticket.id, about(&ticket.subject))
}

fn unacknowledged(policy: &Policy, ticket: &Ticket, now: Timestamp) -> String {
    let age = phrases::age(Language::En, age(ticket, now));
    let unit = ticket.unit.as_ref().map(ToString::to_string).unwrap_or_default();
    let since = ticket.current_leg().map_or(ticket.created, |leg| leg.since);
    let since = local(since, &policy.desk.calendar);
    format!("{}   {age}   {unit} has it since {since}\n{}", ticket.id, about(&ticket.subject))
}

fn indented(text: &str) -> String {
    format!("    {}", plain::line(text, LONGEST_REASON))
}
