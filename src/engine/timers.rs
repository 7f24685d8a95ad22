//! Timers: takes the steps that are due, each ticket's in one piece with the mails that follow from it; then the digests
//! that are due.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use jiff::{SignedDuration, Timestamp};

use super::digests;
use super::intake::{Failed, Rules, record};
use crate::desk::decision::{Decision, Outbound, Verdict};
use crate::desk::inquiry::Inquiry;
use crate::desk::policy::UnitName;
use crate::desk::ticket::TicketId;
use crate::desk::timer::act;
use crate::store::{Batch, Store, StoreError};

/// Tickets in one transaction: mails that come in wait no longer than it takes.
const BATCH: usize = 64;
/// Merged tickets that one takes over in one decision, and that are looked at for those that it has not.
const AT_ONCE: usize = 32;
const MOST_MERGED: usize = 10_000;
/// How long a ticket is left alone over which the code failed, while all others go on.
const RESPITE: SignedDuration = SignedDuration::from_hours(1);

/// What one turn did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Turn {
    /// One for each ticket of which steps were taken.
    pub decisions: Vec<Decision>,
    /// Tickets over which the code failed; they are tried again later.
    pub failed: Vec<TicketId>,
    /// Digests that were written.
    pub digests: Vec<Outbound>,
    /// Units over whose digest the code failed; they get the next one.
    pub without_digest: Vec<UnitName>,
    /// When the next step or digest falls due; it may be due already.
    pub next: Option<Timestamp>,
}

/// Takes steps that are due, of so many tickets as fit into one transaction.
pub fn turn(rules: Rules<'_>, store: &mut Store, now: Timestamp) -> Result<Turn, StoreError> {
    store.batch(|batch| {
        let mut turn = Turn::default();
        let policy = rules.in_force(batch)?;
        // In the order in which they were roused: what one takes over, the next may have to take over from it.
        let mut tickets = batch.roused(now, BATCH)?;
        let due = batch.tickets_due(now, BATCH - tickets.len())?;
        let only_due: Vec<TicketId> = due.into_iter().filter(|ticket| !tickets.contains(ticket)).collect();
        tickets.extend(only_due);
        // A digest tells of tickets whose steps have been taken.
        let are_all = tickets.len() < BATCH;
        for ticket in tickets {
            let rules = Rules { policy: &policy, ..rules };
            let done = batch.item(|batch| {
                let attempt = catch_unwind(AssertUnwindSafe(|| take(rules, batch, ticket, now)));
                attempt.map_err(|_| Failed::Poison)?.map_err(Failed::from)
            })?;
            match done {
                Ok(decision) => turn.decisions.extend(decision),
                Err(Failed::Poison) => {
                    batch.postpone(ticket, now.saturating_add(RESPITE).unwrap_or(Timestamp::MAX))?;
                    turn.failed.push(ticket);
                }
                Err(Failed::Store(error)) => return Err(error),
            }
        }
        if are_all {
            (turn.digests, turn.without_digest) = digests::turn(Rules { policy: &policy, ..rules }, batch, now)?;
        }
        turn.next = batch.next_step()?;
        Ok(turn)
    })
}

fn take(
    rules: Rules<'_>,
    batch: &mut Batch<'_>,
    ticket: TicketId,
    now: Timestamp,
) -> Result<Option<Decision>, StoreError> {
    let hour_ago = now.saturating_sub(SignedDuration::from_hours(1)).unwrap_or(Timestamp::MIN);
    let inquiry = Inquiry { tickets: [ticket].into(), hour_ago, repeats_since: now, ..Inquiry::default() };
    let snapshot = batch.look(&inquiry)?;
    let Some(known) = snapshot.tickets.get(&ticket) else { return Ok(None) };
    // What it hangs on, and what was merged into it.
    let merged = batch.merged_into(ticket, MOST_MERGED)?;
    let new = merged.into_iter().filter(|merged| !known.absorbed.contains(merged)).take(AT_ONCE);
    let others: BTreeSet<TicketId> = new.chain(known.master).collect();
    let rests = others.len() < AT_ONCE;
    let snapshot = match others.is_empty() {
        true => snapshot,
        false => batch.look(&Inquiry { tickets: &others | &inquiry.tickets, ..inquiry })?,
    };
    if rests {
        batch.rested(ticket)?;
    }
    let Some(decision) = act::decide(rules.policy, &snapshot, ticket, now) else { return Ok(None) };
    record(rules, batch, None, &decision, now)?;
    Ok(Some(decision).filter(|decision| decision.verdict == Verdict::Append))
}
