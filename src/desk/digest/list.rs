//! The open tickets of a unit, as lines: number, age, state, the unit's own number; what it is about; what is expected of
//! whom, and until when.

use jiff::Timestamp;
use jiff::civil::Date;

use super::MOST;
use super::phrases::{self, Until};
use crate::desk::leg::LegState;
use crate::desk::policy::{Policy, Unit};
use crate::desk::ticket::{Status, Ticket};
use crate::desk::timer::tell::local;
use crate::desk::timer::{Timer, limit};
use crate::mail::plain;

/// Longest title in a digest, in characters: a line is read on a terminal, too.
const LONGEST_TITLE: usize = 70;

/// What a ticket waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// The unit's helpdesk tells its number, or somebody there writes.
    Acknowledgement,
    /// The user was not content.
    AnotherLook,
    /// The user answers a question.
    Answer,
    /// Somebody of the unit says something, in the time that the priority gives.
    FirstAnswer,
    /// The reason of an "unsolved".
    Reason,
    Solution,
    /// The text of a solution.
    SolutionText,
    /// The unit takes it up again; nobody has said when.
    TakingUp,
    /// The day on which an on-hold ticket wakes.
    Waking(Date),
}

/// What a ticket waits for, and the timer that runs for it.
fn expected(policy: &Policy, ticket: &Ticket) -> (Expected, Option<Timer>) {
    let leg = ticket.current_leg();
    let runs = |timer: Timer| limit(policy, ticket, timer).is_some();
    match (ticket.status, ticket.wake) {
        (Status::WaitingForReply, _) => (Expected::Answer, None),
        (Status::OnHold, Some(day)) => (Expected::Waking(day), None),
        (Status::OnHold, None) => (Expected::TakingUp, None),
        _ if leg.is_some_and(|leg| leg.owes_reason) => (Expected::Reason, None),
        _ if leg.is_some_and(|leg| leg.owes_solution) => (Expected::SolutionText, None),
        _ if leg.is_some_and(|leg| leg.state == LegState::Sent) && runs(Timer::Acknowledgement) => {
            (Expected::Acknowledgement, Some(Timer::Acknowledgement))
        }
        _ if runs(Timer::Response) => (Expected::FirstAnswer, Some(Timer::Response)),
        (Status::Reopened, _) => (Expected::AnotherLook, None),
        _ => (Expected::Solution, None),
    }
}

/// The list; `None` where nothing is open.
pub fn of_unit(policy: &Policy, unit: &Unit, tickets: &[Ticket], open: u64, now: Timestamp) -> Option<String> {
    if tickets.is_empty() {
        return None;
    }
    let mut parts: Vec<String> = tickets.iter().take(MOST).map(|ticket| of_ticket(policy, unit, ticket, now)).collect();
    let more = open.saturating_sub(parts.len() as u64);
    if more > 0 {
        parts.push(phrases::more(unit.language, more));
    }
    Some(parts.join("\n\n"))
}

fn of_ticket(policy: &Policy, unit: &Unit, ticket: &Ticket, now: Timestamp) -> String {
    let language = unit.language;
    let yours = ticket.leg(&unit.name).and_then(|leg| leg.foreign_id());
    let head = [
        Some(ticket.id.to_string()),
        Some(phrases::age(language, age(ticket, now))),
        Some(phrases::status(language, ticket.status).to_owned()),
        yours.map(|id| phrases::yours(language, id)),
    ];
    let (expected, timer) = expected(policy, ticket);
    let until = timer.and_then(|timer| limit(policy, ticket, timer));
    let until = until.map(|until| {
        let told = local(until, &unit.calendar);
        if until <= now { Until::Over(told) } else { Until::Ahead(told) }
    });
    let head: Vec<String> = head.into_iter().flatten().collect();
    let title = unit.dialect.defuse(&ticket.subject, &unit.parameters);
    format!("{}\n{}\n    {}", head.join("   "), about(&title), phrases::expected(language, expected, until))
}

/// Whole days since the ticket was opened.
pub fn age(ticket: &Ticket, now: Timestamp) -> i64 {
    (now.duration_since(ticket.created).as_hours() / 24).max(0)
}

/// A title on a line of its own, as text.
pub fn about(title: &str) -> String {
    format!("    {}", plain::line(title, LONGEST_TITLE))
}
