//! What the desk does to units beside their tickets: test tickets and announcements. Queued in one transaction each.

use jiff::{SignedDuration, Timestamp};

use super::intake::{OrderError, Rules, record, written};
use crate::desk::decision::{Decision, Outbound, Verdict};
use crate::desk::inquiry::Inquiry;
use crate::desk::policy::UnitName;
use crate::desk::probe;
use crate::store::{Letter, Record, Store, StoreError};

/// Opens a test ticket at a unit.
pub fn probe(
    rules: Rules<'_>,
    store: &mut Store,
    unit: &UnitName,
    by: &str,
    now: Timestamp,
) -> Result<Decision, OrderError> {
    let answer = store.batch(|batch| {
        let snapshot = batch.look(&Inquiry::default())?;
        let policy = rules.in_force(batch)?;
        match probe::open(&policy, unit, by, &snapshot, now) {
            Ok(decision) => record(rules, batch, None, &decision, now).map(|_| Ok(decision)),
            Err(refusal) => Ok(Err(refusal)),
        }
    })?;
    answer.map_err(OrderError::Refused)
}

/// Queues announcements, one each `gap`; those that were queued before are left as they are. When the new ones go out.
pub fn announce(
    rules: Rules<'_>,
    store: &mut Store,
    letters: &[Outbound],
    gap: SignedDuration,
    now: Timestamp,
) -> Result<Vec<Timestamp>, StoreError> {
    store.batch(|batch| {
        let mut queued = Vec::new();
        let mut due = now;
        for outbound in letters {
            if batch.has_letter(outbound)? {
                continue;
            }
            let bytes = written(rules, outbound, now);
            let letter = Letter { outbound, bytes: &bytes, due };
            let decision = Decision { outbound: vec![outbound.clone()], ..Decision::nothing(Verdict::Report) };
            batch.record(&Record { now, taken: None, decision: &decision, letters: &[letter] })?;
            queued.push(due);
            due = due.saturating_add(gap).unwrap_or(Timestamp::MAX);
        }
        Ok(queued)
    })
}
