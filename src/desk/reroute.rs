//! Where a mail would open its ticket under one configuration or another. Each is asked as if the desk had no ticket yet, so
//! that the answer rests on the mail and the configuration alone.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::Serialize;

use super::case::Case;
use super::decide::decide;
use super::decision::Verdict;
use super::event::Event;
use super::inquiry::Snapshot;
use super::policy::{Policy, UnitName};
use super::ticket::TicketId;
use super::trail::Reason;
use crate::mail::Mail;

/// What a policy does with a mail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Way {
    /// Whether it opens a ticket, and what else becomes of it.
    pub verdict: Verdict,
    /// The unit that gets the ticket.
    pub unit: Option<UnitName>,
    /// What decided: `rule VO support of biomed (VO is biomed)`, `site INFN-T1`, `the default unit`.
    pub why: String,
}

impl Way {
    /// Whether the ticket goes to the same people.
    pub fn leads_where(&self, other: &Self) -> bool {
        (self.verdict, &self.unit) == (other.verdict, &other.unit)
    }

    /// The unit, or what else becomes of the mail.
    pub fn goal(&self) -> String {
        self.unit.as_ref().map_or_else(|| self.verdict.word().to_owned(), ToString::to_string)
    }
}

/// The way of a mail that arrived at a time.
pub fn way(policy: &Policy, mail: &Mail, at: Timestamp) -> Way {
    let decision = decide(policy, &Case::read(policy, mail), &nothing_known(), at);
    let assigned = decision.events.iter().rev().find_map(|(_, event)| match event {
        Event::Assigned { unit, why } => Some((unit.clone(), why.clone())),
        _ => None,
    });
    let held = decision.trail.iter().find_map(|reason| match reason {
        Reason::Rule { holds: true, because, .. } => Some(because.clone()),
        _ => None,
    });
    let last = || decision.trail.last().map(ToString::to_string).unwrap_or_default();
    let (unit, why) = assigned.unzip();
    let why = match (why, held) {
        (Some(why), Some(because)) if why.starts_with("rule ") => format!("{why} ({because})"),
        (Some(why), _) => why,
        (None, _) => last(),
    };
    Way { verdict: decision.verdict, unit, why }
}

fn nothing_known() -> Snapshot {
    Snapshot {
        prior: None,
        tickets: BTreeMap::new(),
        threads: BTreeMap::new(),
        foreign_ids: BTreeMap::new(),
        letters: BTreeMap::new(),
        answers_to_correspondent: 0,
        answers_in_ticket: BTreeMap::new(),
        repeats: BTreeSet::new(),
        recognised: None,
        watched: None,
        known: Default::default(),
        next_ticket: TicketId(1),
    }
}
