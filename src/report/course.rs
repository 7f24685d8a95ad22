//! The course of one ticket, read off its facts: when it was open, who had it, how it ended.
//!
//! A wait for an acknowledgement begins when a unit gets the ticket and ends with the first word of the unit, its
//! helpdesk's own number included. A ticket that was opened again has not ended.

use jiff::Timestamp;

use super::figures::Late;
use crate::desk::event::{Actor, Event};
use crate::desk::policy::UnitName;
use crate::desk::timer::Timer;

/// What the store tells of a ticket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TicketFacts {
    pub created: Timestamp,
    pub vo: Option<String>,
    pub type_of_problem: Option<String>,
    /// The oldest first.
    pub facts: Vec<Fact>,
}

/// One fact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    pub at: Timestamp,
    pub actor: Actor,
    pub event: Event,
}

/// Something that counts, and when it happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    pub at: Timestamp,
    pub what: What,
}

/// What counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// It came to a unit, from another or from its submitter.
    Given {
        from: Option<UnitName>,
        to: UnitName,
    },
    /// A unit said its first word, so many seconds after it got it.
    Acknowledged {
        unit: UnitName,
        took: i64,
    },
    Refused {
        unit: UnitName,
    },
    HandedOver {
        unit: UnitName,
    },
    Reopened {
        unit: Option<UnitName>,
    },
    Late {
        unit: UnitName,
        late: Late,
    },
    /// It ended, for now.
    Ended,
}

/// How a ticket ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct End {
    pub at: Timestamp,
    pub solved: bool,
    pub unit: Option<UnitName>,
    /// Seconds since the unit got it, or got it back.
    pub at_unit: Option<i64>,
}

/// The course of a ticket up to a moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Course {
    pub marks: Vec<Mark>,
    /// When it was open; without an end it still is.
    pub open: Vec<(Timestamp, Option<Timestamp>)>,
    pub end: Option<End>,
    /// Who has it.
    pub unit: Option<UnitName>,
    /// Since when the unit has it.
    had_since: Option<Timestamp>,
    /// The unit has not said a word yet.
    is_silent: bool,
}

impl Course {
    pub fn of(ticket: &TicketFacts, triage: &UnitName, until: Timestamp) -> Self {
        let mut course = Self { open: vec![(ticket.created, None)], ..Self::default() };
        for fact in ticket.facts.iter().take_while(|fact| fact.at < until) {
            course.word(fact);
            course.step(fact, triage);
        }
        course
    }

    pub fn is_open(&self) -> bool {
        self.open.last().is_some_and(|(_, end)| end.is_none())
    }

    fn mark(&mut self, at: Timestamp, what: What) {
        self.marks.push(Mark { at, what });
    }

    /// The first word of the unit that has it.
    fn word(&mut self, fact: &Fact) {
        let speaks = match (&fact.event, &fact.actor) {
            (Event::Acknowledged { unit, .. }, _) | (_, Actor::Unit(unit)) => Some(unit),
            _ => None,
        };
        let (Some(unit), Some(since)) = (speaks.filter(|unit| self.unit.as_ref() == Some(unit)), self.had_since) else {
            return;
        };
        if std::mem::take(&mut self.is_silent) {
            self.mark(fact.at, What::Acknowledged { unit: unit.clone(), took: seconds(since, fact.at) });
        }
    }

    fn step(&mut self, fact: &Fact, triage: &UnitName) {
        let at = fact.at;
        match &fact.event {
            Event::Assigned { unit, .. } => {
                let from = self.unit.replace(unit.clone());
                (self.had_since, self.is_silent) = (Some(at), unit != triage);
                self.mark(at, What::Given { from, to: unit.clone() });
            }
            Event::Refused { unit, .. } => self.mark(at, What::Refused { unit: unit.clone() }),
            Event::HandedOver { from, .. } => self.mark(at, What::HandedOver { unit: from.clone() }),
            Event::FellDue { timer, step } => {
                if let (Some(unit), Some(late)) = (self.unit.clone(), late(*timer, *step)) {
                    self.mark(at, What::Late { unit, late });
                }
            }
            Event::Solved { .. } => self.ended(fact, true),
            Event::Unsolved { .. } | Event::Unanswered => self.ended(fact, false),
            Event::Reopened { .. } if !self.is_open() => {
                self.end = None;
                self.open.push((at, None));
                (self.had_since, self.is_silent) = (Some(at), false);
                self.mark(at, What::Reopened { unit: self.unit.clone() });
            }
            _ => {}
        }
    }

    fn ended(&mut self, fact: &Fact, solved: bool) {
        if let Some((_, end @ None)) = self.open.last_mut() {
            *end = Some(fact.at);
            self.mark(fact.at, What::Ended);
        }
        let unit = match &fact.actor {
            Actor::Unit(unit) => Some(unit.clone()),
            _ => self.unit.clone(),
        };
        let at_unit = self.had_since.filter(|_| unit == self.unit).map(|since| seconds(since, fact.at));
        self.end = Some(End { at: fact.at, solved, unit, at_unit });
        self.is_silent = false;
    }
}

/// A step of a timer that says that somebody is late; earlier steps remind.
fn late(timer: Timer, step: usize) -> Option<Late> {
    match (timer, step) {
        (Timer::Acknowledgement, 2) => Some(Late::Acknowledgement),
        (Timer::Response, 1) => Some(Late::Response),
        (Timer::Triage, 0) => Some(Late::Triage),
        _ => None,
    }
}

/// A clock that was set back makes nothing negative.
pub(super) fn seconds(from: Timestamp, to: Timestamp) -> i64 {
    to.duration_since(from).as_secs().max(0)
}
