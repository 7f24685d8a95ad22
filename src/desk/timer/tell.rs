//! Who hears of steps that fell due, and in which words. What fell due together in a ticket is one text for each.

use jiff::Timestamp;

use super::{OPERATIONS, Timer, limit};
use crate::desk::calendar::Calendar;
use crate::desk::policy::{Policy, Unit};
use crate::desk::ticket::Ticket;
use crate::mail::Address;

/// Sentences for each who hears; nothing for those who don't.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    pub unit: Vec<String>,
    pub triage: Vec<String>,
    /// Operators, and whom the unit's settings name; each once.
    pub people: Vec<(Address, Vec<String>)>,
    /// The submitter is reminded of the question.
    pub submitter: bool,
}

impl Told {
    /// For people of the desk; where nobody is named, somebody must hear of it all the same.
    fn people(&mut self, to: &[Address], text: &str) {
        if to.is_empty() {
            self.triage.push(text.to_owned());
        }
        for address in to {
            match self.people.iter_mut().find(|(known, _)| known == address) {
                Some((_, texts)) => texts.push(text.to_owned()),
                None => self.people.push((address.clone(), vec![text.to_owned()])),
            }
        }
    }
}

/// What is to be said of steps.
pub fn told(policy: &Policy, ticket: &Ticket, steps: &[(Timer, usize)]) -> Told {
    let mut told = Told::default();
    for (timer, step) in steps {
        let unit = ticket.unit.as_ref().and_then(|unit| policy.units.get(unit));
        match (timer, unit) {
            (Timer::Acknowledgement, Some(unit)) => acknowledgement(policy, ticket, unit, *step, &mut told),
            (Timer::Operations, Some(unit)) => operations(policy, ticket, unit, *step, &mut told),
            (Timer::Reply, _) => told.submitter = true,
            (Timer::Response, Some(unit)) => told.unit.push(response(policy, ticket, unit, *step)),
            (Timer::Triage, _) => {
                let since = local(ticket.status_since, &policy.desk.calendar);
                told.triage.push(format!("The ticket has waited since {since} to be given to a unit."));
            }
            _ => {}
        }
    }
    told
}

fn acknowledgement(policy: &Policy, ticket: &Ticket, unit: &Unit, step: usize, told: &mut Told) {
    let since = ticket.current_leg().map_or(ticket.created, |leg| leg.since);
    let at_unit = local(since, &unit.calendar);
    let mut text = format!(
        "This ticket came to you on {at_unit}, and nothing has come back: your helpdesk has told no number of its own, and \
         nobody has accepted it."
    );
    let until = limit(policy, ticket, Timer::Acknowledgement).map(|until| local(until, &unit.calendar));
    if let Some(until) = until.filter(|_| step == 1) {
        text += &format!(" After {until} somebody else will be asked to look.");
    }
    let silent = format!("{} has not acknowledged the ticket, which it was given on {at_unit}.", unit.name);
    match step {
        0 => told.unit.push(text),
        1 => {
            told.unit.push(text);
            told.triage.push(silent);
        }
        _ => {
            let to = unit.escalation.as_ref().map_or(&policy.desk.operators[..], std::slice::from_ref);
            told.people(to, &silent);
        }
    }
}

fn response(policy: &Policy, ticket: &Ticket, unit: &Unit, step: usize) -> String {
    let until = limit(policy, ticket, Timer::Response).map(|until| local(until, &unit.calendar)).unwrap_or_default();
    let priority = ticket.priority.words();
    match step {
        0 => format!("The ticket is {priority}: a first answer of one of you is expected by {until}."),
        _ => format!("The ticket is {priority}: a first answer of one of you was expected by {until}."),
    }
}

fn operations(policy: &Policy, ticket: &Ticket, unit: &Unit, step: usize, told: &mut Told) {
    let days = policy.clocks.operations.get(step).map(ToString::to_string).unwrap_or_default();
    let number = step + 1;
    let name = OPERATIONS.get(step).copied().unwrap_or_default();
    let of_unit = match step {
        0 => format!("The alarm of this ticket has not been cleared within {days}: please write to the site again."),
        1 => format!("The alarm has not been cleared within {days} more: please call the site."),
        _ => format!("The alarm has not been cleared within {days} more. The operators have been told."),
    };
    let ahead = super::operations(policy, ticket).first().map(|(next, due)| {
        format!(" The next step is E{}, {}, on {}.", next + 1, OPERATIONS[*next], local(*due, &unit.calendar))
    });
    let ahead = ahead.unwrap_or_default();
    if step < 3 {
        told.unit.push(format!("This is step E{number}, {name}. {of_unit}{ahead}"));
    }
    if step > 1 {
        let of_operators =
            format!("Step E{number}, {name}, is due: {} has the ticket, and its alarm stands.", unit.name);
        told.people(&policy.desk.operators, &format!("{of_operators}{ahead}"));
    }
}

/// The steps of an operational ticket with their days, for the unit that gets it; `None` for any other ticket.
pub fn plan(policy: &Policy, ticket: &Ticket) -> Option<String> {
    let unit = ticket.unit.as_ref().and_then(|unit| policy.units.get(unit))?;
    let steps = super::operations(policy, ticket);
    let line = |(step, due): &(usize, Timestamp)| {
        format!("    E{} {}, {}", step + 1, local(*due, &unit.calendar), OPERATIONS[*step])
    };
    let lines: Vec<String> = steps.iter().map(line).collect();
    let begin = "This is an operational ticket. While the alarm stands, its steps are:";
    (!lines.is_empty()).then(|| format!("{begin}\n\n{}", lines.join("\n")))
}

/// `2026-11-24 10:00 CET`.
pub fn local(at: Timestamp, calendar: &Calendar) -> String {
    at.to_zoned(calendar.zone.clone()).strftime("%Y-%m-%d %H:%M %Z").to_string()
}
