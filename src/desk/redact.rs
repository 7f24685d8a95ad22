//! Taking people out of a ticket that is over: texts, titles, addresses and names go; numbers, states, times and what
//! finds the ticket stay, so that a mail that comes later is still known. What the desk's own operators did stays with
//! their names. It refuses tickets in which somebody may still write.

use jiff::Timestamp;

use super::event::{Actor, Event};
use super::leg::Leg;
use super::policy::Policy;
use super::ticket::{Origin, Solution, Submitter, Ticket};
use super::user;
use crate::mail::Address;
use crate::mail::report::Report;

/// What stands where a text or a name stood.
pub const REDACTED: &str = "(redacted)";

/// Why a ticket can't be redacted now, and what to do about it.
pub fn refusal(policy: &Policy, ticket: &Ticket, now: Timestamp) -> Option<String> {
    let (id, status) = (ticket.id, ticket.status);
    match ticket.redacted {
        Some(at) if ticket.changed <= at => Some(format!("ticket {id} was redacted already; nothing came since")),
        _ if status.is_open() => Some(format!("ticket {id} is {status}; solve and close it first")),
        _ if user::is_past(policy, ticket, now) => None,
        _ => Some(format!("ticket {id} is {status} and can still be reopened by its user; close it first")),
    }
}

/// The ticket without the people in it.
pub fn ticket(ticket: &Ticket, now: Timestamp) -> Ticket {
    let Submitter { language, .. } = ticket.submitter;
    let nobody = Address::nobody();
    Ticket {
        subject: REDACTED.to_owned(),
        description: REDACTED.to_owned(),
        submitter: Submitter {
            address: nobody,
            answers_to: None,
            name: None,
            login_name: None,
            phone: None,
            thread: Vec::new(),
            language,
        },
        origin: ticket.origin.as_ref().map(|origin| Origin { system: system(origin), ..origin.clone() }),
        cc: Vec::new(),
        cc_unconfirmed: Vec::new(),
        joined: Vec::new(),
        involve: Vec::new(),
        solution: ticket.solution.as_ref().map(solution),
        time_of_problem: None,
        question: None,
        clock: Default::default(),
        extra: Default::default(),
        flags: Vec::new(),
        legs: ticket.legs.iter().map(leg).collect(),
        changed: now,
        redacted: Some(now),
        ..ticket.clone()
    }
}

/// A unit's name is no person's; what a stranger's form named may be.
fn system(origin: &Origin) -> String {
    origin.unit.as_ref().map_or(REDACTED.to_owned(), |unit| unit.0.clone())
}

fn solution(solution: &Solution) -> Solution {
    Solution { short: None, text: REDACTED.to_owned(), ..solution.clone() }
}

fn leg(leg: &Leg) -> Leg {
    Leg { thread: Vec::new(), last_from_unit: None, last_public: None, ..leg.clone() }
}

/// Who did something, without saying who of the people outside.
pub fn actor(actor: &Actor) -> Actor {
    match actor {
        Actor::Stranger(_) => Actor::Stranger(REDACTED.to_owned()),
        Actor::User(_) => Actor::User(Address::nobody()),
        Actor::Desk | Actor::Monitor(_) | Actor::Operator(_) | Actor::Site(_) | Actor::Unit(_) => actor.clone(),
    }
}

/// A fact without what was written.
pub fn event(event: &Event) -> Event {
    let gone = || REDACTED.to_owned();
    match event.clone() {
        Event::AlarmRaised { site, .. } => Event::AlarmRaised { site, by: gone() },
        Event::Asked { unit, .. } => Event::Asked { unit, text: gone() },
        Event::Commented { visibility, .. } => Event::Commented { visibility, text: gone() },
        Event::DeliveryFailed { number, report, .. } => {
            let report = Report { recipients: Vec::new(), diagnostic: None, returned_ids: Vec::new(), ..report };
            Event::DeliveryFailed { number, recipient: gone(), report }
        }
        Event::Flagged { .. } => Event::Flagged { why: gone() },
        Event::HandedOver { from, to, text } => Event::HandedOver { from, to, text: text.map(|_| gone()) },
        Event::Hurried { level, .. } => Event::Hurried { level, text: gone() },
        Event::Joined { ticket, .. } => Event::Joined { ticket, text: gone() },
        Event::LateMail { unit, .. } => Event::LateMail { unit, text: gone() },
        Event::LineNotUnderstood { unit, lines } => {
            Event::LineNotUnderstood { unit, lines: lines.iter().map(|_| gone()).collect() }
        }
        Event::Noted { .. } => Event::Noted { note: gone() },
        Event::Refused { unit, .. } => Event::Refused { unit, reason: gone() },
        Event::Reopened { .. } => Event::Reopened { text: gone() },
        Event::Solved { .. } => Event::Solved { text: gone() },
        Event::Unsolved { .. } => Event::Unsolved { text: gone() },
        bare @ (Event::Accepted { .. }
        | Event::Acknowledged { .. }
        | Event::AlarmRefused { .. }
        | Event::Assigned { .. }
        | Event::Closed
        | Event::Enslaved { .. }
        | Event::FellDue { .. }
        | Event::LeftAlone { .. }
        | Event::Merged { .. }
        | Event::Parented { .. }
        | Event::OnHold { .. }
        | Event::Opened
        | Event::Recognised { .. }
        | Event::Redacted { .. }
        | Event::Related { .. }
        | Event::SolutionWithoutText { .. }
        | Event::TimerStarted { .. }
        | Event::TimerStopped { .. }
        | Event::Unanswered
        | Event::Verified
        | Event::Withdrawn { .. }
        | Event::Woke) => bare,
    }
}
