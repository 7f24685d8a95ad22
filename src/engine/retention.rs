//! Taking personal data out: of one ticket, as a person orders, or of all whose time is over. A rehearsal does the same
//! and undoes it.

use jiff::Timestamp;
use serde::Serialize;

use super::intake::OrderError;
use crate::desk::event::Actor;
use crate::desk::policy::Policy;
use crate::desk::redact;
use crate::desk::retention::Retention;
use crate::desk::ticket::{Ticket, TicketId};
use crate::store::{Batch, Looked, Redaction, Stale, Store, StoreError, Unfinished};

/// Tickets in one transaction, and mails whose bytes are looked at: mails that come in wait no longer than it takes.
const TICKETS_AT_ONCE: usize = 64;
const BYTES_AT_ONCE: usize = 500;
/// Said in the history of a ticket whose time was over.
const TIME_IS_OVER: &str = "its time was over";

/// What is done, or would be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Retained {
    pub redacted: Vec<(TicketId, Redaction)>,
    /// Tickets whose time is over and that stay for now, and why.
    pub waiting: Vec<(TicketId, String)>,
    /// Mails whose bytes go, both ways.
    pub mails: usize,
    pub letters: usize,
}

impl Retained {
    pub fn is_nothing(&self) -> bool {
        self.redacted.is_empty() && self.mails + self.letters == 0
    }
}

/// Takes the people out of a ticket, as a person orders.
pub fn redact(
    policy: &Policy,
    store: &mut Store,
    id: TicketId,
    (by, reason): (&str, &str),
    now: Timestamp,
    rehearse: bool,
) -> Result<Redaction, OrderError> {
    let actor = Actor::Operator(by.to_owned());
    let done = store.batch(|batch| {
        kept_if(batch, !rehearse, |batch| {
            let missing = || format!("ticket {id} does not exist, `ticket list` shows those that do");
            match batch.ticket(id)?.ok_or_else(missing) {
                Ok(ticket) => redact_one(policy, batch, &ticket, (&actor, reason), now),
                Err(why) => Ok(Err(why)),
            }
        })
    })?;
    done.map_err(OrderError::Refused)
}

/// Where a turn begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Behind the ticket that was looked at last, and the moment of its last change.
    Tickets(Timestamp, TicketId),
    /// Behind the bytes of mails that were looked at last.
    Bytes(Looked),
}

impl Default for Place {
    fn default() -> Self {
        Self::Tickets(Timestamp::MIN, TicketId(0))
    }
}

/// Takes out everything whose time is over. A rehearsal is one transaction, since all of it is undone.
pub fn retain(
    policy: &Policy,
    retention: &Retention,
    store: &mut Store,
    now: Timestamp,
    rehearse: bool,
) -> Result<Retained, StoreError> {
    let mut all = Retained::default();
    let mut place = Some(Place::default());
    if rehearse {
        let work = |batch: &mut Batch<'_>| {
            while let Some(here) = place {
                place = page(policy, retention, batch, now, here, &mut all)?;
            }
            Ok(())
        };
        store.batch(|batch| kept_if(batch, false, work))?;
        return Ok(all);
    }
    while let Some(here) = place {
        let (some, next) = turn(policy, retention, store, now, here)?;
        place = next;
        all.redacted.extend(some.redacted);
        all.waiting.extend(some.waiting);
        all.mails += some.mails;
        all.letters += some.letters;
    }
    Ok(all)
}

/// Takes out what is over its age, as much as fits into one short transaction; where the next turn begins, until all
/// was looked at. Mail can be taken in between two turns.
pub fn turn(
    policy: &Policy,
    retention: &Retention,
    store: &mut Store,
    now: Timestamp,
    place: Place,
) -> Result<(Retained, Option<Place>), StoreError> {
    let mut done = Retained::default();
    let next = store.batch(|batch| page(policy, retention, batch, now, place, &mut done))?;
    Ok((done, next))
}

fn page(
    policy: &Policy,
    retention: &Retention,
    batch: &mut Batch<'_>,
    now: Timestamp,
    place: Place,
    done: &mut Retained,
) -> Result<Option<Place>, StoreError> {
    let before = retention.before(now, &policy.desk.calendar.zone);
    match place {
        Place::Tickets(changed, id) => {
            let over = before
                .tickets
                .map_or(Ok(Vec::new()), |before| batch.over_since(before, (changed, id), TICKETS_AT_ONCE))?;
            for (_, id) in &over {
                let Some(ticket) = batch.ticket(*id)? else { continue };
                match redact_one(policy, batch, &ticket, (&Actor::Desk, TIME_IS_OVER), now)? {
                    Ok(redaction) => done.redacted.push((*id, redaction)),
                    Err(why) => done.waiting.push((*id, why)),
                }
            }
            let last = over.last().filter(|_| over.len() == TICKETS_AT_ONCE);
            Ok(Some(last.map_or(Place::Bytes(Looked::default()), |(changed, id)| Place::Tickets(*changed, *id))))
        }
        Place::Bytes(looked) => {
            let (stale, next) = batch.stale(before, looked, BYTES_AT_ONCE)?;
            done.mails += stale.mails.len();
            done.letters += stale.letters.len();
            if stale != Stale::default() {
                batch.forget(&stale, now)?;
            }
            Ok(next.map(Place::Bytes))
        }
    }
}

fn redact_one(
    policy: &Policy,
    batch: &mut Batch<'_>,
    ticket: &Ticket,
    (by, reason): (&Actor, &str),
    now: Timestamp,
) -> Result<Result<Redaction, String>, StoreError> {
    if let Some(why) = redact::refusal(policy, ticket, now) {
        return Ok(Err(why));
    }
    let Unfinished { letters, parked, mails } = batch.unfinished(ticket.id)?;
    let id = ticket.id;
    let why = match (letters.first(), parked.first(), mails.first()) {
        (Some(letter), ..) => format!("mail {letter} of ticket {id} has still to go out; wait, or `outbox drop` it"),
        (_, Some(letter), _) => {
            format!(
                "mail {letter} of ticket {id} waits until a person releases it; `outbox retry` or `outbox drop` it first"
            )
        }
        (.., Some(mail)) => {
            format!("mail {mail} in quarantine names ticket {id}; `quarantine retry` or `quarantine drop` it first")
        }
        _ => return batch.redact(&redact::ticket(ticket, now), by, reason, now).map(Ok),
    };
    Ok(Err(why))
}

/// Does the work, and undoes it again unless it is to be kept.
fn kept_if<T>(
    batch: &mut Batch<'_>,
    keep: bool,
    work: impl FnOnce(&mut Batch<'_>) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let done: Result<T, Result<T, StoreError>> = batch.item(|batch| match work(batch) {
        Ok(done) if keep => Ok(done),
        undone => Err(undone),
    })?;
    done.or_else(|undone| undone)
}
