//! A decision in the making: the next ticket, the facts so far, the reasons so far.
//!
//! The steps of the desk write facts here; [`finish`](Draft::finish) turns facts into mails and closes the decision.

use jiff::Timestamp;

use super::case::Case;
use super::decision::{Decision, Understood, Verdict};
use super::event::{Actor, Event, Visibility};
use super::inquiry::Snapshot;
use super::leg::{Leg, LegState};
use super::notify;
use super::policy::{Policy, UnitName};
use super::probe;
use super::ticket::{Solution, Status, Ticket};
use super::timer;
use super::trail::Reason;

/// One decision in the making.
#[derive(Debug)]
pub struct Draft<'a> {
    pub policy: &'a Policy,
    pub snapshot: &'a Snapshot,
    /// The mail behind it; `None` for an order or a dead letter.
    pub case: Option<&'a Case<'a>>,
    pub now: Timestamp,
    pub ticket: Ticket,
    pub events: Vec<(Actor, Event)>,
    pub trail: Vec<Reason>,
}

impl<'a> Draft<'a> {
    /// A draft on a known ticket.
    pub fn new(policy: &'a Policy, snapshot: &'a Snapshot, ticket: Ticket, now: Timestamp) -> Self {
        Self { policy, snapshot, case: None, now, ticket, events: Vec::new(), trail: Vec::new() }
    }

    /// Notes a fact.
    pub fn fact(&mut self, actor: &Actor, event: Event) {
        self.events.push((actor.clone(), event));
    }

    /// Notes something that changes nothing.
    pub fn note(&mut self, note: impl Into<String>) {
        self.fact(&Actor::Desk, Event::Noted { note: note.into() });
    }

    /// Asks TPM to look.
    pub fn flag(&mut self, why: impl Into<String>) {
        let why = why.into();
        if !self.ticket.flags.contains(&why) {
            self.ticket.flags.push(why.clone());
            self.fact(&Actor::Desk, Event::Flagged { why });
        }
    }

    /// A reason.
    pub fn because(&mut self, reason: Reason) {
        self.trail.push(reason);
    }

    /// Sets the status and says so, where it changes.
    pub fn status(&mut self, to: Status) {
        let from = self.ticket.status;
        if from != to {
            self.because(Reason::StatusChange { from, to });
            (self.ticket.status, self.ticket.status_since) = (to, self.now);
            self.ticket.wake = self.ticket.wake.filter(|_| to == Status::OnHold);
        }
    }

    /// Says why the status stays.
    pub fn keep_status(&mut self, because: impl Into<String>) {
        self.because(Reason::StatusKept { status: self.ticket.status, because: because.into() });
    }

    /// Changes the state of a unit's leg.
    pub fn leg_state(&mut self, unit: &UnitName, state: LegState) {
        let now = self.now;
        if let Some(leg) = self.ticket.leg_mut(unit).filter(|leg| leg.state != state) {
            leg.state = state;
            leg.since = now;
        }
    }

    /// Opens an ended ticket again: the unit that had it works on, under the ids that it gave; TPM looks for another
    /// where that unit could not be reached.
    pub fn reopen(&mut self) {
        self.ticket.ended = None;
        self.ticket.master = None;
        if let Some(watched) = &mut self.ticket.watched {
            watched.cleared = None;
        }
        if let Some(unit) = self.ticket.unit.clone() {
            self.begin_again(&unit);
        }
        self.status(Status::Reopened);
    }

    fn begin_again(&mut self, unit: &UnitName) {
        let Some(leg) = self.ticket.leg_mut(unit) else { return };
        if leg.state == LegState::Undeliverable {
            let triaging = self.policy.default_unit.clone();
            return self.assign(&Actor::Desk, &triaging, &format!("failed delivery to {unit}"));
        }
        leg.said.clear();
        leg.began = self.now;
        let known = leg.foreign_id().is_some();
        self.leg_state(unit, if known { LegState::Acknowledged } else { LegState::Sent });
    }

    /// Gives the ticket to a unit: a leg is made, or an ended one begins again with the ids that it had.
    pub fn assign(&mut self, actor: &Actor, unit: &UnitName, why: &str) {
        if self.ticket.probe && self.ticket.unit.is_some() {
            return self.note(format!("A test goes to no other unit; it would have gone to {unit}, by {why}."));
        }
        let now = self.now;
        match self.ticket.leg_mut(unit) {
            Some(leg) => {
                (leg.state, leg.began, leg.since) = (LegState::Sent, now, now);
                (leg.manual, leg.owes_solution) = (false, false);
                leg.said.clear();
            }
            None => self.ticket.legs.push(Leg::new(unit.clone(), now)),
        }
        self.ticket.unit = Some(unit.clone());
        let triaging = *unit == self.policy.default_unit;
        self.status(if triaging { Status::New } else { Status::Assigned });
        self.because(Reason::Routed { unit: unit.clone(), by: why.to_owned() });
        self.fact(actor, Event::Assigned { unit: unit.clone(), why: why.to_owned() });
    }

    /// Keeps a text that goes to nobody.
    pub fn keep(&mut self, actor: &Actor, visibility: Visibility, text: &str) {
        if !text.is_empty() {
            self.fact(actor, Event::Commented { visibility, text: text.to_owned() });
        }
    }

    /// Ends the ticket with a text for the user. Whose part in it is over is for the caller to say.
    pub fn end(&mut self, status: Status, solution: Solution) {
        self.ticket.solution = Some(solution);
        self.ticket.ended = Some(self.now);
        self.ticket.hurry = None;
        self.status(status);
    }

    /// Ends the part of everybody who works on the ticket: the unit that has it knows its end by it, the others are told.
    pub fn end_legs(&mut self) {
        let current = self.ticket.unit.clone();
        let live = self.ticket.legs.iter().filter(|leg| leg.state.is_live()).map(|leg| leg.unit.clone());
        for unit in live.collect::<Vec<_>>() {
            if current.as_ref() == Some(&unit) {
                self.leg_state(&unit, LegState::Solved);
            } else {
                self.leg_state(&unit, LegState::Withdrawn);
                self.fact(&Actor::Desk, Event::Withdrawn { unit });
            }
        }
    }

    /// Turns the facts into mails and closes the decision.
    pub fn finish(mut self, verdict: Verdict, understood: Understood) -> Decision {
        probe::end_when_over(&mut self);
        let outbound = notify::mails(&mut self);
        self.ticket.changed = self.now;
        self.ticket.clock.due = timer::ahead(self.policy, &self.ticket).first().map(|step| step.due);
        Decision { verdict, ticket: Some(self.ticket), events: self.events, outbound, trail: self.trail, understood }
    }
}
