//! Orders that are about more than one known ticket: opening one.

use jiff::Timestamp;

use super::intake::{OrderError, Rules, record};
use crate::desk::decision::Decision;
use crate::desk::inquiry::Inquiry;
use crate::desk::ops::{self, Opening};
use crate::store::Store;

/// Opens an operational ticket.
pub fn open(
    rules: Rules<'_>,
    store: &mut Store,
    opening: &Opening,
    by: &str,
    now: Timestamp,
) -> Result<Decision, OrderError> {
    let answer = store.batch(|batch| {
        let watched = opening.watched().map(|watched| watched.key());
        let snapshot = batch.look(&Inquiry { watched, ..Inquiry::default() })?;
        let policy = rules.in_force(batch)?;
        match ops::open(&policy, opening, by, &snapshot, now) {
            Ok(decision) => record(rules, batch, None, &decision, now).map(|_| Ok(decision)),
            Err(refusal) => Ok(Err(refusal)),
        }
    })?;
    answer.map_err(OrderError::Refused)
}
