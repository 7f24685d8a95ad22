//! A user's "please hurry": three levels, at most one in a working day. First the unit hears, then the triaging unit too,
//! then whoever hears when the unit does not. Only the submitter can ask, or somebody of the desk for them.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::calendar::WorkTime;
use super::case::Case;
use super::draft::Draft;
use super::event::{Actor, Event};
use super::policy::Policy;
use super::ticket::{Status, Ticket};
use crate::mail::Address;
use crate::mail::control::Control;
use crate::mail::reply;

/// The last level: nobody is above those who hear of it.
const LAST: u8 = 3;

/// How far it has gone in a ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hurry {
    /// From 1.
    pub level: u8,
    pub at: Timestamp,
}

/// Whether a mail asks to hurry: by a line, or by words that ask for nothing else.
pub fn is_asked(case: &Case<'_>, text: &str) -> bool {
    line(case).is_some() || reply::only_hurry(text)
}

/// The words of its line, where it has one.
pub fn line<'a>(case: &'a Case<'_>) -> Option<&'a str> {
    case.controls.lines.iter().find_map(|line| match line {
        Control::Hurry(why) => Some(why.as_str()),
        _ => None,
    })
}

/// The next level, where it may be reached now; the error says why not.
pub fn next(policy: &Policy, ticket: &Ticket, now: Timestamp) -> Result<u8, String> {
    let Some(hurry) = ticket.hurry else { return Ok(1) };
    let again = policy.desk.calendar.after(hurry.at, WorkTime::Days(1));
    if hurry.level >= LAST {
        return Err("everybody who can be told to hurry has been told".to_owned());
    }
    if now < again {
        let until = super::timer::tell::local(again, &policy.desk.calendar);
        return Err(format!(
            "somebody was told to hurry less than a working day ago; the next level is free at {until}"
        ));
    }
    Ok(hurry.level + 1)
}

/// Goes one level up, with what was written; `false` where that can't be now, and the trail says why.
pub fn raise(draft: &mut Draft<'_>, actor: &Actor, text: &str) -> bool {
    if draft.ticket.status == Status::WaitingForReply {
        draft.keep_status("the unit waits for the submitter, who can't hurry it");
        return false;
    }
    match next(draft.policy, &draft.ticket, draft.now) {
        Ok(level) => {
            draft.ticket.hurry = Some(Hurry { level, at: draft.now });
            draft.fact(actor, Event::Hurried { level, text: text.to_owned() });
            true
        }
        Err(why) => {
            draft.note(format!("The submitter asks to hurry, and nobody else is told: {why}."));
            false
        }
    }
}

/// What the unit is told.
pub fn to_unit(level: u8, text: &str) -> String {
    let again = match level {
        1 => "",
        2 => " for the second time",
        _ => " for the third time",
    };
    let wrote = if text.trim().is_empty() { String::new() } else { format!("\n\nThey wrote:\n\n{text}") };
    format!("The user asks you{again} to hurry.{wrote}")
}

/// What others are told.
pub fn to_others(ticket: &Ticket, level: u8) -> String {
    let unit = ticket.unit.as_ref().map(ToString::to_string).unwrap_or_default();
    let times = if level == 2 { "second" } else { "third" };
    format!("The user asks for the {times} time that somebody hurries. {unit} has the ticket and was told each time.")
}

/// Who hears when asking the unit and the triaging unit was not enough.
pub fn above<'a>(policy: &'a Policy, ticket: &Ticket) -> &'a [Address] {
    let unit = ticket.unit.as_ref().and_then(|unit| policy.units.get(unit));
    let escalation = unit.and_then(|unit| unit.escalation.as_ref());
    escalation.map_or(&policy.desk.operators[..], std::slice::from_ref)
}
