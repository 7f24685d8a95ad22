//! Digests: writes those that are due, each in one piece with the time of the next.

use std::panic::{AssertUnwindSafe, catch_unwind};

use jiff::Timestamp;

use super::intake::{Failed, Rules, record};
use crate::desk::decision::{Decision, Outbound, Verdict};
use crate::desk::digest::{self, MOST, Quarantined, Triage, Undelivered};
use crate::desk::policy::{Policy, Unit, UnitName};
use crate::store::{Batch, OutboxFilter, OutboxState, QuarantineFilter, Reader, StoreError};

/// Mails that the triaging unit's digest lists.
const MAILS: usize = 50;

/// What was written, and the units over whose digest the code failed.
pub(super) type Written = (Vec<Outbound>, Vec<UnitName>);

/// Writes the digests that are due.
pub(super) fn turn(rules: Rules<'_>, batch: &mut Batch<'_>, now: Timestamp) -> Result<Written, StoreError> {
    let policy = rules.policy;
    let mut noted = batch.digests()?;
    let (mut sent, mut failed) = (Vec::new(), Vec::new());
    for unit in policy.units.values() {
        let due = noted.remove(&unit.name);
        let turn = digest::turn(policy, unit, due, now);
        if turn.sends.is_none() && turn.next == due {
            continue;
        }
        let done = batch.item(|batch| {
            let attempt = catch_unwind(AssertUnwindSafe(|| take(rules, batch, unit, turn, now)));
            attempt.map_err(|_| Failed::Poison)?.map_err(Failed::from)
        })?;
        match done {
            Ok(mail) => sent.extend(mail),
            Err(Failed::Poison) => {
                batch.set_digest(&unit.name, turn.next)?;
                failed.push(unit.name.clone());
            }
            Err(Failed::Store(error)) => return Err(error),
        }
    }
    // Units that are no more.
    noted.keys().try_for_each(|unit| batch.set_digest(unit, None))?;
    Ok((sent, failed))
}

fn take(
    rules: Rules<'_>,
    batch: &mut Batch<'_>,
    unit: &Unit,
    turn: digest::Turn,
    now: Timestamp,
) -> Result<Option<Outbound>, StoreError> {
    let mail = match turn.sends {
        Some(at) => written(rules.policy, batch.reader(), unit, at, now)?,
        None => None,
    };
    // A clock that was set back comes to the same day again.
    let mail = match mail {
        Some(mail) if batch.has_letter(&mail)? => None,
        mail => mail,
    };
    if let Some(mail) = &mail {
        let decision = Decision { outbound: vec![mail.clone()], ..Decision::nothing(Verdict::Report) };
        record(rules, batch, None, &decision, now)?;
    }
    batch.set_digest(&unit.name, turn.next)?;
    Ok(mail)
}

fn written(
    policy: &Policy,
    reader: &Reader,
    unit: &Unit,
    at: Timestamp,
    now: Timestamp,
) -> Result<Option<Outbound>, StoreError> {
    if unit.name == policy.default_unit {
        return Ok(digest::of_triage(policy, unit, &triage(policy, reader)?, at, now));
    }
    let tickets = reader.open_tickets(&unit.name, MOST)?;
    let open = reader.unit_counts(&unit.name)?.open;
    Ok(digest::of_unit(policy, unit, &tickets, open, at, now))
}

fn triage(policy: &Policy, reader: &Reader) -> Result<Triage, StoreError> {
    let mut facts = Triage {
        unrouted: (reader.open_tickets(&policy.default_unit, MOST)?, reader.unit_counts(&policy.default_unit)?.open),
        ..Triage::default()
    };
    for unit in policy.units.keys().filter(|unit| **unit != policy.default_unit) {
        facts.unacknowledged.extend(reader.open_tickets(unit, MOST)?);
        let failing = reader.interface(unit)?.failing;
        facts.failing.extend(failing.map(|failing| (unit.clone(), failing.at, failing.why)));
    }
    let dead = OutboxFilter { state: Some(OutboxState::Dead), ticket: None };
    facts.undelivered.extend(reader.outbox(&dead, MAILS)?.into_iter().map(|line| Undelivered {
        number: line.id.0,
        to: line.to.to_string(),
        subject: line.subject,
        why: line.answer,
    }));
    facts.quarantined.0.extend(reader.quarantine(QuarantineFilter::Open, MAILS)?.into_iter().map(|row| Quarantined {
        number: row.mail.0,
        since: row.since,
        sender: row.sender.unwrap_or_else(|| "nobody known".to_owned()),
        subject: row.subject,
        why: row.reason,
    }));
    facts.quarantined.1 = reader.quarantine_count()?;
    Ok(facts)
}
