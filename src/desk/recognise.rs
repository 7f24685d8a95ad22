//! Which dialect a unit writes that names none: learnt from its first mails.
//!
//! Only a mail that proves it speaks for the unit teaches. A certain sign teaches at once; weaker ones must agree, in
//! different tickets, since a sign in a subject may have been written by a user. What is in force stays: a mail that
//! speaks for another dialect is told to the operators, who can set one. Parameters are learnt where the dialect names a
//! place of the system's own that tells them; what an operator has set always counts more.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::case::Case;
use super::decision::Decision;
use super::dialect::{self, Claim, Parameters};
use super::event::{Actor, Event};
use super::inquiry::Snapshot;
use super::matching;
use super::policy::{Policy, Unit, UnitName};
use super::speak::{self, Role, Speaker};
use super::ticket::TicketId;
use super::trail::{Proof, Reason};
use crate::mail::signals::Mark;

/// A sign of this certainty needs no second mail.
const CERTAIN: u8 = 90;
/// A sign below this teaches nothing.
const TELLING: u8 = 50;
/// So many mails of less certain signs are enough together.
const AGREEING: u32 = 3;

/// What is known of the dialect of one unit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recognised {
    pub dialect: String,
    /// Of the most certain mail that speaks for it, 1 to 100.
    pub certainty: u8,
    /// Mails that speak for it, one of each ticket; not counted on once it is in force.
    pub mails: u32,
    /// The ticket of the last of them.
    pub ticket: Option<TicketId>,
    pub since: Timestamp,
    /// A later mail speaks for another dialect.
    pub contradicted: Option<Contradiction>,
    /// What its mails tell of its parameters; the first value stays.
    #[serde(default)]
    pub parameters: Parameters,
}

/// A mail that speaks for another dialect than the one in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contradiction {
    pub dialect: String,
    pub certainty: u8,
    pub at: Timestamp,
}

impl Recognised {
    /// Whether mail is read and written in it.
    pub fn is_in_force(&self) -> bool {
        self.certainty >= CERTAIN || self.mails >= AGREEING
    }

    /// As the end of a sentence that begins with the unit.
    pub fn words(&self) -> String {
        let Self { dialect, certainty, mails, contradicted, .. } = self;
        match contradicted {
            Some(other) => format!("writes {dialect}, and once {} ({} %)", other.dialect, other.certainty),
            None if self.is_in_force() => format!("writes {dialect} ({certainty} %)"),
            None => format!("may write {dialect} ({certainty} %, seen {mails} of {AGREEING} times)"),
        }
    }
}

/// What one mail teaches about its unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lesson {
    unit: UnitName,
    recognised: Recognised,
}

impl Lesson {
    /// The policy after it.
    pub fn applied<'a>(&self, policy: &'a Policy) -> Cow<'a, Policy> {
        in_force(policy, &BTreeMap::from([(self.unit.clone(), self.recognised.clone())]))
    }

    /// Adds it to the decision about the mail.
    pub fn noted_in(self, decision: &mut Decision) {
        let Self { unit, recognised } = self;
        decision.trail.insert(0, Reason::DialectRecognised { unit: unit.clone(), recognised: recognised.clone() });
        decision.events.push((Actor::Desk, Event::Recognised { unit, recognised }));
    }
}

/// The policy with the dialects that are in force for units without one.
pub fn in_force<'a>(policy: &'a Policy, known: &BTreeMap<UnitName, Recognised>) -> Cow<'a, Policy> {
    let mut in_force = Cow::Borrowed(policy);
    for (name, known) in known.iter().filter(|(_, known)| known.is_in_force()) {
        let unit = policy.units.get(name).filter(|unit| unit.auto && unit.dialect.name != known.dialect);
        let Some((unit, dialect)) = unit.zip(policy.dialects.get(&known.dialect)) else { continue };
        let mut unit = Unit { dialect: Arc::clone(dialect), ..unit.clone() };
        for (key, value) in &known.parameters {
            unit.parameters.entry(key.clone()).or_insert_with(|| value.clone());
        }
        in_force.to_mut().units.replace(unit);
    }
    in_force
}

/// What a mail teaches; `None` where that is nothing new.
pub fn lesson(policy: &Policy, case: &Case<'_>, snapshot: &Snapshot, now: Timestamp) -> Option<Lesson> {
    let unit = case.unit.filter(|unit| unit.auto)?;
    if snapshot.prior.is_some() || case.report.is_some() {
        return None;
    }
    let (ticket, speaker) = speaker(policy, case, snapshot);
    if speaker.role != Role::Unit(unit.name.clone()) || speaker.proof == Proof::None {
        return None;
    }
    let claims = dialect::claims(&policy.dialects, case.mail);
    // The words of a vacation mail are in subjects of helpdesks too (`AutoReply: …`), but no helpdesk's own header is on
    // a person's vacation mail.
    let absence = |mark: &Mark| matches!(mark, Mark::OutOfOffice(_));
    let least = if case.signals.marks.iter().any(absence) { CERTAIN } else { TELLING };
    let first = claims.first().filter(|claim| claim.certainty >= least)?;
    if claims.get(1).is_some_and(|second| second.certainty == first.certainty) {
        return None;
    }
    let known = snapshot.recognised.as_ref();
    let mut recognised = weigh(known, first, ticket, now);
    if recognised.dialect == first.dialect.name {
        for (key, value) in first.dialect.parameters_told(case.mail, &policy.desk.tags) {
            recognised.parameters.entry(key).or_insert(value);
        }
    }
    (known != Some(&recognised)).then(|| Lesson { unit: unit.name.clone(), recognised })
}

fn speaker(policy: &Policy, case: &Case<'_>, snapshot: &Snapshot) -> (Option<TicketId>, Speaker) {
    let found = matching::find(policy, case, snapshot);
    let ticket = found.strongest().and_then(|(_, id)| snapshot.tickets.get(&id));
    match ticket {
        Some(ticket) => (Some(ticket.id), speak::on_ticket(policy, case, &found, ticket)),
        None => (None, speak::on_new(policy, case)),
    }
}

fn weigh(known: Option<&Recognised>, claim: &Claim<'_>, ticket: Option<TicketId>, now: Timestamp) -> Recognised {
    let (dialect, certainty) = (claim.dialect.name.clone(), claim.certainty);
    match known {
        Some(known) if known.dialect == dialect => {
            let counts = !known.is_in_force() && (ticket.is_none() || ticket != known.ticket);
            Recognised {
                certainty: known.certainty.max(certainty),
                mails: known.mails + u32::from(counts),
                ticket: if counts { ticket } else { known.ticket },
                ..known.clone()
            }
        }
        Some(known) if known.is_in_force() => {
            let told = known.contradicted.as_ref().is_some_and(|other| other.dialect == dialect);
            let contradicted =
                if told { known.contradicted.clone() } else { Some(Contradiction { dialect, certainty, at: now }) };
            Recognised { contradicted, ..known.clone() }
        }
        _ => Recognised {
            dialect,
            certainty,
            mails: 1,
            ticket,
            since: now,
            contradicted: None,
            parameters: Parameters::new(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Claims as `dialect certainty ticket`, in order; what is known in the end.
    fn after(claims: &[(&str, u8, u64)]) -> Recognised {
        let dialects = dialect::built_in();
        let mut known = None;
        for (name, certainty, ticket) in claims {
            let claim = Claim { dialect: &dialects[*name], certainty: *certainty };
            known = Some(weigh(known.as_ref(), &claim, Some(TicketId(*ticket)), Timestamp::UNIX_EPOCH));
        }
        known.unwrap()
    }

    #[test]
    fn a_certain_sign_is_enough_and_weaker_ones_must_agree_in_different_tickets() {
        for (claims, in_force) in [
            (&[("rt", 95, 1)][..], true),
            (&[("rt", 80, 1)], false),
            (&[("rt", 80, 1), ("rt", 80, 2), ("rt", 80, 3)], true),
            (&[("rt", 80, 1), ("rt", 80, 1), ("rt", 80, 1)], false),
            (&[("rt", 80, 1), ("rt", 80, 2), ("zammad", 70, 3), ("rt", 80, 4)], false),
            (&[("rt", 80, 1), ("rt", 95, 1)], true),
        ] {
            let known = after(claims);
            assert_eq!((known.dialect.as_str(), known.is_in_force()), ("rt", in_force), "{claims:?}");
        }
    }

    #[test]
    fn what_is_in_force_stays_and_the_contradiction_is_told_once() {
        let known = after(&[("rt", 95, 1), ("zammad", 95, 2), ("zammad", 70, 3), ("rt", 95, 4)]);
        let other = known.contradicted.unwrap();
        assert_eq!((known.dialect.as_str(), known.mails), ("rt", 1));
        assert_eq!((other.dialect.as_str(), other.certainty), ("zammad", 95));
    }
}
