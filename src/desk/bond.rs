//! Tickets that hang on another: slaves, which wait for their master's solution, and duplicates, which are merged into the
//! ticket that survives.
//!
//! A decision changes one ticket. What follows for the others is kept in the store as due work, in the same commit, and each
//! of them is then decided about by itself ([`follow`]): a death between loses none.

use super::draft::Draft;
use super::event::{Actor, Event};
use super::inquiry::Snapshot;
use super::leg::LegState;
use super::policy::Policy;
use super::ticket::{Solution, Status, Ticket, TicketId};
use super::timer::act;
use crate::mail::Address;

/// Longest way from a merged ticket to the one that survives.
const LONGEST: usize = 8;

/// The ticket that a merged one lives on in; itself where it was not merged.
pub fn survivor<'a>(snapshot: &'a Snapshot, ticket: &'a Ticket) -> &'a Ticket {
    let next = |ticket: &&'a Ticket| ticket.merged_into.and_then(|id| snapshot.tickets.get(&id));
    std::iter::successors(Some(ticket), next).take(LONGEST + 1).last().unwrap_or(ticket)
}

/// Another ticket that is named; the error says why it can't be taken.
pub fn other<'a>(draft: &Draft<'a>, id: TicketId) -> Result<&'a Ticket, String> {
    if id == draft.ticket.id {
        return Err(format!("ticket {id} can't hang on itself, name another one"));
    }
    let missing = || format!("ticket {id} does not exist, `ticket list` shows those that do");
    draft.snapshot.tickets.get(&id).ok_or_else(missing)
}

/// One on which another can hang.
fn open_other<'a>(draft: &Draft<'a>, id: TicketId) -> Result<&'a Ticket, String> {
    let other = other(draft, id)?;
    match (other.status.is_open(), other.master, other.merged_into) {
        (_, _, Some(into)) => Err(format!("ticket {id} was merged into {into}, name that one")),
        (false, ..) => Err(format!("ticket {id} is {}, reopen it first", other.status)),
        (_, Some(master), _) => Err(format!("ticket {id} is itself a slave of {master}, name that one")),
        _ if other.probe || draft.ticket.probe => Err("a test hangs on nothing, close it instead".to_owned()),
        _ => Ok(other),
    }
}

/// Makes the ticket a slave: nothing falls due in it any more, and its master's solution will be its own. `None` frees it.
pub fn enslave(draft: &mut Draft<'_>, actor: &Actor, master: Option<TicketId>) -> Result<(), String> {
    let id = draft.ticket.id;
    match (master, draft.ticket.master) {
        (None, None) => return Err(format!("ticket {id} has no master, `ticket show {id}` shows it")),
        (Some(new), Some(old)) if new == old => return Err(format!("ticket {id} is a slave of {old} already")),
        (Some(_), _) if !draft.ticket.status.is_open() => {
            return Err(format!("ticket {id} is {}, reopen it first", draft.ticket.status));
        }
        (Some(new), _) => drop(open_other(draft, new)?),
        (None, Some(_)) => {}
    }
    draft.ticket.master = master;
    draft.fact(actor, Event::Enslaved { master });
    Ok(())
}

/// Ends a duplicate: mail about it goes to the ticket that survives, which takes over those who wait.
pub fn merge(draft: &mut Draft<'_>, actor: &Actor, into: TicketId) -> Result<(), String> {
    let (id, status) = (draft.ticket.id, draft.ticket.status);
    if !status.is_open() {
        return Err(format!("ticket {id} is {status}, reopen it first"));
    }
    open_other(draft, into)?;
    let live = draft.ticket.legs.iter().filter(|leg| leg.state.is_live()).map(|leg| leg.unit.clone());
    for unit in live.collect::<Vec<_>>() {
        draft.leg_state(&unit, LegState::Withdrawn);
        draft.fact(actor, Event::Withdrawn { unit });
    }
    draft.ticket.merged_into = Some(into);
    draft.ticket.ended = Some(draft.now);
    draft.status(Status::Closed);
    draft.fact(actor, Event::Merged { into });
    Ok(())
}

/// Makes the ticket a part of another, or of none; nothing follows from it.
pub fn parent(draft: &mut Draft<'_>, actor: &Actor, parent: Option<TicketId>) -> Result<(), String> {
    let id = draft.ticket.id;
    if let Some(parent) = parent
        && other(draft, parent)?.parent == Some(id)
    {
        return Err(format!("ticket {parent} is a part of {id} already"));
    }
    if draft.ticket.parent == parent {
        return Err(format!("ticket {id} is that already, `ticket show {id}` shows it"));
    }
    draft.ticket.parent = parent;
    draft.fact(actor, Event::Parented { parent });
    Ok(())
}

/// Notes that another ticket is about the same.
pub fn relate(draft: &mut Draft<'_>, actor: &Actor, to: TicketId) -> Result<(), String> {
    other(draft, to)?;
    if !draft.ticket.related.insert(to) {
        return Err(format!("ticket {} is related to {to} already", draft.ticket.id));
    }
    draft.fact(actor, Event::Related { to });
    Ok(())
}

/// Does what other tickets have left to be done here. Whether anything was.
pub fn follow(draft: &mut Draft<'_>) -> bool {
    if draft.ticket.redacted.is_some() {
        return false;
    }
    let (id, snapshot) = (draft.ticket.id, draft.snapshot);
    let joins = |other: &&Ticket| other.merged_into == Some(id) && !draft.ticket.absorbed.contains(&other.id);
    let joining: Vec<&Ticket> = snapshot.tickets.values().filter(joins).collect();
    let joined = !joining.is_empty();
    joining.into_iter().for_each(|other| absorb(draft, other));
    let master = draft.ticket.master.and_then(|master| snapshot.tickets.get(&master));
    match master.filter(|master| !master.status.is_open() && draft.ticket.status.is_open()) {
        Some(master) => end_with(draft, master),
        None => return joined,
    }
    true
}

/// Takes over the people of a ticket that was merged into this one.
fn absorb(draft: &mut Draft<'_>, other: &Ticket) {
    let ticket = &mut draft.ticket;
    ticket.absorbed.insert(other.id);
    ticket.related.insert(other.id);
    for person in std::iter::once(&other.submitter).chain(&other.joined) {
        let known = ticket.submitter.is(&person.address) || ticket.joined.iter().any(|one| one.is(&person.address));
        if !known {
            ticket.joined.push(person.clone());
        }
    }
    for address in &other.cc {
        if !ticket.cc.contains(address) && !ticket.submitter.is(address) && ticket.cc.len() < draft.policy.limits.copies
        {
            ticket.cc.push(address.clone());
        }
    }
    let joined = |address: &Address| ticket.joined.iter().any(|person| person.is(address));
    let copies: Vec<Address> = ticket.cc.iter().filter(|address| !joined(address)).cloned().collect();
    ticket.cc = copies;
    let goes_on = ticket.status.is_open() || ticket.merged_into.is_some();
    draft.fact(&Actor::Desk, Event::Joined { ticket: other.id, text: other.description.clone() });
    if !goes_on {
        let why = format!("Ticket {} was merged into this one, which ended meanwhile: its user waits.", other.id);
        draft.fact(&Actor::Desk, Event::LeftAlone { why });
    }
}

/// The master has ended: with a solution that is this ticket's too, or without one.
fn end_with(draft: &mut Draft<'_>, master: &Ticket) {
    let status = match master.status {
        Status::Unsolved => Status::Unsolved,
        _ => Status::Solved,
    };
    let shares = |solution: &&Solution| master.status != Status::Closed && !act::is_unanswered(draft.policy, solution);
    let Some(solution) = master.solution.as_ref().filter(shares) else {
        draft.ticket.master = None;
        let why = format!("Ticket {}, its master, has ended without a solution that could be passed on.", master.id);
        return draft.fact(&Actor::Desk, Event::LeftAlone { why });
    };
    draft.note(format!("Its master, ticket {}, is {}.", master.id, master.status));
    draft.end(status, Solution { at: draft.now, ..solution.clone() });
    draft.end_legs();
    let text = solution.text.clone();
    let event = if status == Status::Solved { Event::Solved { text } } else { Event::Unsolved { text } };
    draft.fact(&Actor::Desk, event);
}

/// What a unit is told whose ticket waits for another one.
pub fn enslaved(policy: &Policy, master: Option<TicketId>) -> String {
    match master {
        Some(master) => format!(
            "This ticket has the same cause as ticket {master} of {}, and waits for that one. There is nothing for you to do: \
             the solution of ticket {master} will be its solution too, and you will hear of it.",
            policy.desk.display_name
        ),
        None => "This ticket does not wait for another one any more: please go on with it.".to_owned(),
    }
}
