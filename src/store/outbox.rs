//! The outbox: `ready -> leased -> sent | ready (later) | dead`. A row is leased before the courier gets it, and its
//! attempt is counted before it is made, so a crash loses no mail and no count. It is at-least-once: a row whose lease
//! ran out goes out again, with the same bytes under the same Message-ID, and is marked `unknown`.
//!
//! | state   | lease              | settle: sent | again | dead | retry              | drop                 |
//! |---------|--------------------|--------------|-------|------|--------------------|----------------------|
//! | ready   | leased, when due   | sent         | -     | -    | ready              | dropped              |
//! | leased  | leased, when ended | sent         | ready | dead | ready, when ended  | dropped, when ended  |
//! | sent    | -                  | -            | -     | -    | refused            | refused              |
//! | dead    | -                  | sent         | -     | -    | ready              | dropped              |
//! | dropped | -                  | sent         | -     | -    | ready              | refused              |
//!
//! An answer that comes late (the lease had run out, a person was faster) still counts where it says "sent": what has
//! gone out has gone out. Any other late answer is passed over.
//!
//! A row may be held back on purpose: it stays ready, is due later, and says why. That is decided elsewhere. One that is
//! parked is due [`UNTIL_RELEASED`]: only `retry` brings it out.

use jiff::{SignedDuration, Timestamp};
use rusqlite::Connection;

use super::batch::Batch;
use super::cells::{self, execute, micros, own_id, sql_count, sql_id, to_json};
use super::error::{Fault, StoreError};
use super::rows::{OutboxId, OutboxLine, OutboxRow, OutboxState};
use super::{interface, lines, sql};
use crate::desk::decision::Recipient;
use crate::desk::policy::UnitName;

/// When a parked letter is due: in the last second that can be written, so never by itself.
pub const UNTIL_RELEASED: Timestamp = Timestamp::constant(253_402_207_200, 0);

/// What became of an attempt, and what follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settlement {
    /// Not yet: the same bytes go out again at `at`. `unknown`: it may have arrived all the same.
    Again { at: Timestamp, error: String, unknown: bool },
    /// Never.
    Dead { error: String },
    /// The other side has it; `answer` is what it said.
    Sent { answer: String },
}

/// The middle columns of the table above: the state that follows, or `None` where the answer changes nothing.
fn next_state(state: OutboxState, settlement: &Settlement) -> Option<OutboxState> {
    match (state, settlement) {
        (OutboxState::Sent, _) => None,
        (_, Settlement::Sent { .. }) => Some(OutboxState::Sent),
        (OutboxState::Leased, Settlement::Again { .. }) => Some(OutboxState::Ready),
        (OutboxState::Leased, Settlement::Dead { .. }) => Some(OutboxState::Dead),
        (OutboxState::Ready | OutboxState::Dead | OutboxState::Dropped, _) => None,
    }
}

impl Batch<'_> {
    /// Rows that are due, at most `most`, those that are due longest first. Each is to be leased or held back.
    pub fn due(&mut self, now: Timestamp, most: usize) -> Result<Vec<OutboxLine>, StoreError> {
        self.call(|conn| cells::rows(conn, sql::OUTBOX_DUE, (micros(now), sql_count(most)), lines::outbox_line))
    }

    /// Leases a row that is due. Until `now + lease` nobody else gets it; the caller commits before it sends.
    pub fn lease(&mut self, id: OutboxId, now: Timestamp, lease: SignedDuration) -> Result<OutboxRow, StoreError> {
        let until = now.saturating_add(lease).unwrap_or(Timestamp::MAX);
        self.call(|conn| {
            let number = own_id("outbox row", id.0)?;
            execute(conn, sql::OUTBOX_CLAIM, (number, micros(until), micros(now)))?;
            lines::outbox_row(conn, number)?.ok_or_else(|| Fault::NotFound(format!("outbox row {id}")))
        })
    }

    /// Has a row that is ready wait on purpose; `why` is shown to people.
    pub fn hold(&mut self, id: OutboxId, until: Timestamp, why: &str) -> Result<(), StoreError> {
        self.call(|conn| {
            let number = own_id("outbox row", id.0)?;
            execute(conn, sql::OUTBOX_HOLD, (number, micros(until), why)).map(drop)
        })
    }

    /// When the dispatches to a unit after `since` went out or will, the latest first, at most `most`. Those that are
    /// ready count where they were queued before the row `before`; one that is under way goes just now.
    pub fn dispatches(
        &mut self,
        unit: &UnitName,
        before: OutboxId,
        (since, now): (Timestamp, Timestamp),
        most: usize,
    ) -> Result<Vec<Timestamp>, StoreError> {
        self.call(|conn| {
            let recipient = to_json("recipient", &Recipient::Unit(unit.clone()))?;
            let before = own_id("outbox row", before.0)?;
            let key = (recipient, micros(since), before, sql_count(most));
            let mut going = cells::rows(conn, sql::OUTBOX_DISPATCHES, key, |row| {
                let at = row.time("going")?;
                Ok(if row.word("state", OutboxState::from_word)? == OutboxState::Leased { now } else { at })
            })?;
            going.sort_by_key(|at| std::cmp::Reverse(*at));
            Ok(going)
        })
    }

    /// Until when an earlier mail of the same ticket to the same recipient is held back, where one is; not a parked one.
    pub fn held_before(&mut self, line: &OutboxLine) -> Result<Option<Timestamp>, StoreError> {
        let Some((ticket, number)) = line.ticket.zip(line.number) else { return Ok(None) };
        self.call(|conn| {
            let key = (sql_id(ticket.0), number, to_json("recipient", &line.recipient)?, micros(UNTIL_RELEASED));
            let until: Option<i64> = cells::value(conn, sql::OUTBOX_HELD_BEFORE, key)?;
            until.map(|until| cells::time("due", until)).transpose()
        })
    }

    /// Writes down what became of an attempt; `false` where it came too late to change anything. See the table in the
    /// module's text for what it does in each state.
    pub fn settle(&mut self, id: OutboxId, settlement: &Settlement, now: Timestamp) -> Result<bool, StoreError> {
        self.call(|conn| {
            let number = own_id("outbox row", id.0)?;
            let (state, _) = state_of(conn, id)?;
            let next = next_state(state, settlement);
            let (outcome, answer) = in_words(settlement);
            execute(conn, sql::ATTEMPT_NEW, (number, micros(now), outcome, answer))?;
            next.map(|next| write_settlement(conn, number, next, settlement, now)).transpose()?;
            if next == Some(OutboxState::Sent) {
                interface::delivered(conn, number, now)?;
            }
            Ok(next.is_some())
        })
    }

    /// Ends all leases, for the start of a daemon that knows itself alone: what was under way when the last one fell
    /// goes out again now, marked `unknown`, and not only when its lease ends. How many there were.
    pub fn end_leases(&mut self, now: Timestamp) -> Result<usize, StoreError> {
        self.call(|conn| execute(conn, sql::OUTBOX_END_LEASES, [micros(now)]))
    }

    /// When the next row is due or the next lease ends; `None` when nothing is under way.
    pub fn next_due(&mut self) -> Result<Option<Timestamp>, StoreError> {
        self.call(|conn| {
            let due: Option<i64> = cells::value(conn, sql::OUTBOX_NEXT_DUE, [])?;
            due.map(|due| cells::time("due", due)).transpose()
        })
    }

    /// A person wants it tried again now; attempts and age count anew from here.
    pub fn outbox_retry(&mut self, id: OutboxId, now: Timestamp) -> Result<(), StoreError> {
        self.call(|conn| {
            let number = own_id("outbox row", id.0)?;
            match state_of(conn, id)? {
                (OutboxState::Sent, _) => Err(refused(id, "was sent; nothing is left to do")),
                _ if cells::value_or_none::<i64, _>(conn, sql::OUTBOX_HAS_BYTES, [number])?.is_none() => {
                    Err(refused(id, "is kept without its text; nothing is left to send"))
                }
                state if is_under_way(state, now) => Err(refused(id, UNDER_WAY)),
                _ => execute(conn, sql::OUTBOX_RETRY, (number, micros(now))).map(drop),
            }
        })
    }

    /// A person takes it out: it is never sent. The row and its bytes are kept.
    pub fn outbox_drop(&mut self, id: OutboxId, by: &str, now: Timestamp) -> Result<(), StoreError> {
        self.call(|conn| {
            let number = own_id("outbox row", id.0)?;
            match state_of(conn, id)? {
                (OutboxState::Sent, _) => Err(refused(id, "was sent; it can't be called back")),
                (OutboxState::Dropped, _) => Err(refused(id, "was dropped already; nothing is left to do")),
                state if is_under_way(state, now) => Err(refused(id, UNDER_WAY)),
                _ => execute(conn, sql::OUTBOX_DROP, (number, micros(now), by)).map(drop),
            }
        })
    }
}

const UNDER_WAY: &str = "is being sent just now; look again in some minutes";

fn refused(id: OutboxId, why: &str) -> Fault {
    Fault::Refused(format!("outbox row {id} {why}"))
}

/// Whether a lease holds: its row belongs to the courier.
fn is_under_way((state, due): (OutboxState, Option<i64>), now: Timestamp) -> bool {
    state == OutboxState::Leased && due.is_some_and(|until| until > micros(now))
}

fn state_of(conn: &Connection, id: OutboxId) -> Result<(OutboxState, Option<i64>), Fault> {
    let number = own_id("outbox row", id.0)?;
    let found = cells::row(conn, sql::OUTBOX_STATE, [number], |row| {
        Ok((row.word("state", OutboxState::from_word)?, row.plain("due")?))
    })?;
    found.ok_or_else(|| Fault::NotFound(format!("outbox row {id}")))
}

fn in_words(settlement: &Settlement) -> (&'static str, &str) {
    match settlement {
        Settlement::Again { error, unknown: true, .. } => ("unknown", error),
        Settlement::Again { error, unknown: false, .. } => ("again", error),
        Settlement::Dead { error } => ("dead", error),
        Settlement::Sent { answer } => ("sent", answer),
    }
}

fn write_settlement(
    conn: &Connection,
    id: i64,
    next: OutboxState,
    settlement: &Settlement,
    now: Timestamp,
) -> Result<(), Fault> {
    let settled = Some(micros(now));
    let (due, answer, unknown, settled) = match settlement {
        Settlement::Again { at, error, unknown } => (Some(micros(*at)), error, *unknown, None),
        Settlement::Dead { error } => (None, error, false, settled),
        Settlement::Sent { answer } => (None, answer, false, settled),
    };
    execute(conn, sql::OUTBOX_SET, (id, next.word(), due, answer, unknown, settled)).map(drop)
}
