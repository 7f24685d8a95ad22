//! Orders: what a person of the desk does to a ticket at the command line. The same facts and mails as by mail.

use jiff::Timestamp;

use super::bond;
use super::decision::{Act, Decision, Order, Understood, Verdict};
use super::draft::Draft;
use super::event::{Actor, Event, Visibility};
use super::hurry;
use super::inquiry::Snapshot;
use super::leg::LegState;
use super::ops;
use super::policy::{Policy, UnitName};
use super::ticket::{Solution, Status, TicketType};
use super::timer::Timer;

/// Carries an order out; the error says why it can't be and what can be done instead.
pub fn decide(policy: &Policy, order: &Order, snapshot: &Snapshot, now: Timestamp) -> Result<Decision, String> {
    let id = order.ticket;
    let Some(ticket) = snapshot.tickets.get(&id) else {
        return Err(format!("ticket {id} does not exist, `ticket list` shows those that do"));
    };
    if ticket.redacted.is_some() {
        return Err(format!(
            "ticket {id} was redacted, nobody is left in it to write to; let a new mail open a new one"
        ));
    }
    let mut draft = Draft::new(policy, snapshot, ticket.clone(), now);
    let actor = Actor::Operator(order.by.clone());
    match &order.act {
        Act::Assign { unit, text } => assign(&mut draft, &actor, unit, text.as_deref())?,
        Act::Clear { text } => clear(&mut draft, &actor, text)?,
        Act::Close => close(&mut draft, &actor)?,
        Act::Comment { text, public } => {
            let visibility = if *public { Visibility::Public } else { Visibility::Internal };
            draft.keep(&actor, visibility, text);
        }
        Act::Hold { wake } => {
            open_only(&draft)?;
            let unit = draft.ticket.unit.clone().unwrap_or_else(|| policy.default_unit.clone());
            draft.ticket.wake = *wake;
            draft.status(Status::OnHold);
            draft.fact(&actor, Event::OnHold { unit, wake: *wake });
        }
        Act::Hurry { text } => hurry(&mut draft, &actor, text)?,
        Act::Master { master } => bond::enslave(&mut draft, &actor, *master)?,
        Act::Merge { into } => bond::merge(&mut draft, &actor, *into)?,
        Act::Parent { parent } => bond::parent(&mut draft, &actor, *parent)?,
        Act::Relate { to } => bond::relate(&mut draft, &actor, *to)?,
        Act::Reopen { text } => reopen(&mut draft, &actor, text)?,
        Act::Solve { text } => end(&mut draft, &actor, Status::Solved, text)?,
        Act::Timer { timer, runs } => set_timer(&mut draft, &actor, *timer, *runs)?,
        Act::Unsolve { text } => end(&mut draft, &actor, Status::Unsolved, text)?,
    }
    Ok(draft.finish(Verdict::Append, Understood { ticket: Some(id), ..Understood::default() }))
}

fn open_only(draft: &Draft<'_>) -> Result<(), String> {
    let (id, status) = (draft.ticket.id, draft.ticket.status);
    if status.is_open() { Ok(()) } else { Err(format!("ticket {id} is {status}, reopen it first")) }
}

fn assign(draft: &mut Draft<'_>, actor: &Actor, unit: &UnitName, text: Option<&str>) -> Result<(), String> {
    open_only(draft)?;
    if draft.ticket.probe {
        return Err(format!("ticket {} is a test, it goes to no other unit; close it instead", draft.ticket.id));
    }
    if !draft.policy.units.contains_key(unit) {
        return Err(format!("unit {unit} does not exist, `unit list` shows those that do"));
    }
    let live = |unit: &UnitName| draft.ticket.leg(unit).is_some_and(|leg| leg.state.is_live());
    if draft.ticket.unit.as_ref() == Some(unit) && live(unit) {
        return Err(format!("ticket {} is with {unit} already", draft.ticket.id));
    }
    if let Some(previous) = draft.ticket.unit.clone().filter(live) {
        draft.leg_state(&previous, LegState::Withdrawn);
        draft.fact(actor, Event::Withdrawn { unit: previous });
    }
    if let Some(text) = text {
        draft.keep(actor, Visibility::Internal, text);
    }
    let Actor::Operator(name) = actor else { return Ok(()) };
    draft.ticket.flags.clear();
    draft.assign(actor, unit, &format!("operator {name}"));
    Ok(())
}

fn close(draft: &mut Draft<'_>, actor: &Actor) -> Result<(), String> {
    match draft.ticket.status {
        Status::Closed => Err(format!("ticket {} is closed already", draft.ticket.id)),
        status if status.is_open() && draft.ticket.probe => {
            // The helpdesk is told; with nobody to wait for, the test ends.
            if let Some(unit) = draft.ticket.unit.clone() {
                draft.leg_state(&unit, LegState::Withdrawn);
                draft.fact(actor, Event::Withdrawn { unit });
            }
            Ok(())
        }
        status if status.is_open() => {
            Err(format!("ticket {} is {status}, solve it or give a reason with `--unsolved` first", draft.ticket.id))
        }
        _ => {
            draft.status(Status::Closed);
            draft.fact(actor, Event::Closed);
            Ok(())
        }
    }
}

fn clear(draft: &mut Draft<'_>, actor: &Actor, text: &str) -> Result<(), String> {
    open_only(draft)?;
    let (id, kind) = (draft.ticket.id, draft.ticket.kind.words());
    if draft.ticket.kind != TicketType::Ops {
        return Err(format!("ticket {id} is of type {kind} and has no alarm, solve it instead"));
    }
    let Actor::Operator(by) = actor else { return Ok(()) };
    let text = if text.trim().is_empty() { "The alarm is cleared." } else { text };
    ops::clear(draft, actor, by, text);
    Ok(())
}

fn hurry(draft: &mut Draft<'_>, actor: &Actor, text: &str) -> Result<(), String> {
    open_only(draft)?;
    let id = draft.ticket.id;
    hurry::next(draft.policy, &draft.ticket, draft.now).map_err(|why| format!("ticket {id}: {why}"))?;
    if hurry::raise(draft, actor, text) { Ok(()) } else { Err(format!("ticket {id} waits for the submitter's answer")) }
}

fn set_timer(draft: &mut Draft<'_>, actor: &Actor, timer: Timer, runs: bool) -> Result<(), String> {
    let stopped = &mut draft.ticket.clock.stopped;
    let changed = if runs { stopped.remove(&timer) } else { stopped.insert(timer) };
    if !changed {
        let state = if runs { "was not stopped" } else { "is stopped already" };
        return Err(format!(
            "ticket {}: the timer {timer} {state}, `ticket show` lists those that run",
            draft.ticket.id
        ));
    }
    draft.fact(actor, if runs { Event::TimerStarted { timer } } else { Event::TimerStopped { timer } });
    Ok(())
}

fn reopen(draft: &mut Draft<'_>, actor: &Actor, text: &str) -> Result<(), String> {
    let (id, status) = (draft.ticket.id, draft.ticket.status);
    if status.is_open() || status.is_final() {
        let hint = if status.is_open() { "there is nothing to reopen" } else { "open a new ticket that names it" };
        return Err(format!("ticket {id} is {status}, {hint}"));
    }
    draft.reopen();
    draft.fact(actor, Event::Reopened { text: text.to_owned() });
    Ok(())
}

fn end(draft: &mut Draft<'_>, actor: &Actor, status: Status, text: &str) -> Result<(), String> {
    open_only(draft)?;
    if text.trim().is_empty() {
        return Err(format!("ticket {} needs a text for the user, write it after --text", draft.ticket.id));
    }
    let Actor::Operator(by) = actor else { return Ok(()) };
    draft.end(status, Solution { short: None, text: text.to_owned(), by: by.clone(), at: draft.now });
    if let Some(unit) = draft.ticket.unit.clone() {
        draft.leg_state(&unit, LegState::Solved);
    }
    let text = text.to_owned();
    draft.fact(actor, if status == Status::Solved { Event::Solved { text } } else { Event::Unsolved { text } });
    Ok(())
}
