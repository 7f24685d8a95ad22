//! The one exception to "the store does not delete": texts, addresses and names of tickets that are over, and bytes of
//! mails whose time is over. Rows, numbers, states, times, foreign ids and digests stay, and of Message-IDs a digest, so
//! that nothing that comes again is taken for new. What is taken out is decided elsewhere.
//!
//! SQLite writes zeros over what it deletes (`secure_delete`), but older copies stand in the write-ahead log. So a removal
//! notes in the same transaction that the log is to be emptied, and [`Store::erase`] does that, also after a crash.

use jiff::Timestamp;
use rusqlite::Connection;
use sha2::{Digest as _, Sha256};

use super::batch::Batch;
use super::cells::{self, Cells, execute, micros, own_id, sql_count, sql_id, to_json};
use super::error::Fault;
use super::outbox::UNTIL_RELEASED;
use super::record::put_ticket;
use super::rows::{MailNumber, OutboxId};
use super::{Store, StoreError, known, sql};
use crate::desk::decision::Understood;
use crate::desk::event::{Actor, Event};
use crate::desk::redact::{self, REDACTED};
use crate::desk::retention::Before;
use crate::desk::ticket::{Ticket, TicketId};
use crate::mail::Address;

/// What a redaction takes the people out of, in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Redaction {
    pub mails: usize,
    pub letters: usize,
    pub facts: usize,
}

/// Mails whose bytes are to go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stale {
    pub mails: Vec<MailNumber>,
    pub letters: Vec<OutboxId>,
}

/// What keeps a ticket from being redacted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unfinished {
    /// Mails of ours that have still to go out.
    pub letters: Vec<OutboxId>,
    /// Those that wait until a person releases them.
    pub parked: Vec<OutboxId>,
    /// Mails in quarantine that name the ticket and wait for a person.
    pub mails: Vec<MailNumber>,
}

/// Up to where bytes of mails were looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Looked {
    mail: i64,
    letter: i64,
}

/// The statements about one kind of bytes: up to where so many of them reach, one that came since, those that may go.
struct Bytes {
    up_to: &'static str,
    since: &'static str,
    stale: &'static str,
}

const MAILS: Bytes = Bytes { up_to: sql::MAILS_UP_TO, since: sql::MAIL_SINCE, stale: sql::MAILS_STALE };
const LETTERS: Bytes = Bytes { up_to: sql::LETTERS_UP_TO, since: sql::LETTER_SINCE, stale: sql::LETTERS_STALE };

struct Window {
    stale: Vec<i64>,
    /// Where the next one begins, where there is one.
    next: Option<i64>,
}

/// Looks at so many rows of bytes behind a number.
fn window(conn: &Connection, bytes: Bytes, before: Before, after: i64, most: usize) -> Result<Window, Fault> {
    let none = Window { stale: Vec::new(), next: None };
    let of_none = before.raw_mails.max(before.tickets);
    let Some(any) = of_none.filter(|_| after < i64::MAX) else { return Ok(none) };
    let since: Option<i64> = cells::value_or_none(conn, bytes.since, [micros(any)])?;
    let read = |row: &Cells<'_>| Ok((row.0.get::<_, Option<i64>>(0)?, row.0.get::<_, i64>(1)?));
    let reach = cells::row(conn, bytes.up_to, (after, sql_count(most)), read)?;
    let Some((Some(up_to), rows)) = reach else { return Ok(none) };
    let key = (before.raw_mails.map(micros), micros(any), after, up_to);
    let stale = cells::rows(conn, bytes.stale, key, |row| Ok(row.0.get::<_, i64>(0)?))?;
    // What comes in meanwhile is never stale, and must not keep this going.
    let goes_on = rows == sql_count(most) && since.is_none_or(|since| up_to < since);
    Ok(Window { stale, next: Some(up_to).filter(|_| goes_on) })
}

impl Batch<'_> {
    /// What is still to be done about a ticket.
    pub fn unfinished(&mut self, id: TicketId) -> Result<Unfinished, StoreError> {
        self.call(|conn| {
            let id = own_id("ticket", id.0)?;
            let key = [id, micros(UNTIL_RELEASED)];
            Ok(Unfinished {
                letters: cells::rows(conn, sql::LETTERS_UNDER_WAY, key, |row| row.number("id").map(OutboxId))?,
                parked: cells::rows(conn, sql::LETTERS_PARKED, key, |row| row.number("id").map(OutboxId))?,
                mails: cells::rows(conn, sql::QUARANTINE_WAITS, [id], |row| row.number("mail").map(MailNumber))?,
            })
        })
    }

    /// Puts a ticket without its people in the place of the ticket, and takes them out of everything that belongs to it:
    /// its mails both ways, mails in quarantine that named it, its history.
    ///
    /// Only for a ticket of which nothing is [`unfinished`](Self::unfinished).
    pub fn redact(
        &mut self,
        redacted: &Ticket,
        by: &Actor,
        reason: &str,
        now: Timestamp,
    ) -> Result<Redaction, StoreError> {
        self.call(|conn| {
            let id = own_id("ticket", redacted.id.0)?;
            let mails = cells::rows(conn, sql::MAILS_TO_REDACT, [id], |row| row.plain::<i64>("id"))?;
            mails.iter().try_for_each(|mail| redact_mail(conn, *mail))?;
            let letters = cells::rows(conn, sql::LETTERS_TO_REDACT, [id], |row| row.plain::<i64>("id"))?;
            letters.iter().try_for_each(|letter| redact_letter(conn, *letter))?;
            hide_threads(conn, id)?;
            known::forget(conn, id)?;
            let facts = redact_facts(conn, id)?;
            put_ticket(conn, sql::TICKET_CHANGED, id, redacted)?;
            let last: i64 = cells::value(conn, sql::EVENT_LAST, [id])?;
            let event = to_json("event", &Event::Redacted { reason: reason.to_owned() })?;
            execute(conn, sql::EVENT_NEW, (id, last + 1, micros(now), to_json("actor", by)?, event, None::<i64>))?;
            execute(conn, sql::ERASING, [micros(now)])?;
            Ok(Redaction { mails: mails.len(), letters: letters.len(), facts })
        })
    }

    /// Tickets that are over, not redacted, and unchanged since `before`, with the moment of their last change; the
    /// oldest first, from behind `after` on.
    pub fn over_since(
        &mut self,
        before: Timestamp,
        after: (Timestamp, TicketId),
        most: usize,
    ) -> Result<Vec<(Timestamp, TicketId)>, StoreError> {
        self.call(|conn| {
            let id = sql_id(after.1.0).unwrap_or(i64::MAX);
            let key = (micros(before), micros(after.0), id, sql_count(most));
            cells::rows(conn, sql::TICKETS_OVER, key, |row| Ok((row.time("changed")?, TicketId(row.number("id")?))))
        })
    }

    /// Mails whose bytes have had their time, those of tickets that were over by then; mails of no ticket go with
    /// whatever time is over first. So many of each kind are looked at, from behind `after` on.
    pub fn stale(&mut self, before: Before, after: Looked, most: usize) -> Result<(Stale, Option<Looked>), StoreError> {
        self.call(|conn| {
            let mails = window(conn, MAILS, before, after.mail, most)?;
            let letters = window(conn, LETTERS, before, after.letter, most)?;
            let next = (mails.next.is_some() || letters.next.is_some())
                .then(|| Looked { mail: mails.next.unwrap_or(i64::MAX), letter: letters.next.unwrap_or(i64::MAX) });
            let number = |id: i64| cells::number("id", id);
            let stale = Stale {
                mails: mails.stale.into_iter().map(|id| number(id).map(MailNumber)).collect::<Result<_, _>>()?,
                letters: letters.stale.into_iter().map(|id| number(id).map(OutboxId)).collect::<Result<_, _>>()?,
            };
            Ok((stale, next))
        })
    }

    /// Takes the bytes of mails out, and of those without a ticket also who wrote them and about what.
    pub fn forget(&mut self, stale: &Stale, now: Timestamp) -> Result<(), StoreError> {
        self.call(|conn| {
            for mail in &stale.mails {
                let mail = own_id("mail", mail.0)?;
                match cells::value::<Option<i64>, _>(conn, sql::MAIL_TICKET, [mail])? {
                    Some(_) => execute(conn, sql::MAIL_RAW_GONE, [mail]).map(drop)?,
                    None => redact_mail(conn, mail)?,
                }
            }
            for letter in &stale.letters {
                execute(conn, sql::OUTBOX_BYTES_GONE, [own_id("outbox row", letter.0)?])?;
            }
            execute(conn, sql::ERASING, [micros(now)]).map(drop)
        })
    }
}

impl Store {
    /// Empties the write-ahead log where something was taken out since that was last done, so that no file of the store
    /// holds it any more. Whether there was need.
    ///
    /// # Errors
    /// Another process reads just now; the next call makes up for it.
    pub fn erase(&mut self) -> Result<bool, StoreError> {
        let erasing = |batch: &mut Batch<'_>| {
            batch.call(|conn| Ok(cells::value_or_none::<i64, _>(conn, sql::ERASING_SINCE, [])?.is_some()))
        };
        if !self.batch(erasing)? {
            return Ok(false);
        }
        let reader = self.reader();
        let is_busy: i64 = reader
            .conn()
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))
            .map_err(|error| reader.fault(error))?;
        if is_busy != 0 {
            return Err(StoreError::Busy { file: reader.file().to_owned() });
        }
        self.batch(|batch| batch.call(|conn| execute(conn, sql::ERASED, [])))?;
        Ok(true)
    }
}

fn redact_mail(conn: &Connection, mail: i64) -> Result<(), Fault> {
    let ticket = cells::value::<Option<i64>, _>(conn, sql::MAIL_TICKET, [mail])?;
    let ticket = ticket.map(|id| cells::number("ticket", id).map(TicketId)).transpose()?;
    let understood = to_json("understanding", &Understood { ticket, ..Understood::default() })?;
    execute(conn, sql::MAIL_REDACTED, (mail, REDACTED, understood))?;
    execute(conn, sql::QUARANTINE_REDACTED, (mail, REDACTED))?;
    execute(conn, sql::MAIL_RAW_GONE, [mail]).map(drop)
}

/// A letter that was given up is no task any more.
fn redact_letter(conn: &Connection, letter: i64) -> Result<(), Fault> {
    let nobody = Address::nobody();
    execute(conn, sql::OUTBOX_REDACTED, (letter, nobody.as_str(), nobody.key(), REDACTED))?;
    execute(conn, sql::ATTEMPTS_REDACTED, [letter])?;
    execute(conn, sql::OUTBOX_BYTES_GONE, [letter]).map(drop)
}

/// Message-IDs name machines and at times people; their digests find the ticket as well.
fn hide_threads(conn: &Connection, ticket: i64) -> Result<(), Fault> {
    for id in cells::rows(conn, sql::THREADS_OF_TICKET, [ticket], |row| row.plain::<String>("message_id"))? {
        if !id.starts_with(HIDDEN) {
            execute(conn, sql::THREAD_HIDDEN, (&id, hidden(&id)))?;
        }
    }
    Ok(())
}

/// What a hidden Message-ID begins with; no Message-ID that was read does, since it has no blanks.
const HIDDEN: &str = "sha256 ";

/// The form in which a Message-ID of a redacted ticket is kept.
pub(super) fn hidden(message_id: &str) -> String {
    let digest: String = Sha256::digest(message_id.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{HIDDEN}{digest}")
}

fn redact_facts(conn: &Connection, ticket: i64) -> Result<usize, Fault> {
    let read = |row: &Cells<'_>| Ok((row.plain::<i64>("id")?, row.json("actor")?, row.json("event")?));
    let facts: Vec<(i64, Actor, Event)> = cells::rows(conn, sql::FACTS_OF_TICKET, [ticket], read)?;
    for (id, actor, event) in &facts {
        let (actor, event) = (redact::actor(actor), redact::event(event));
        execute(conn, sql::FACT_REDACTED, (id, to_json("actor", &actor)?, to_json("event", &event)?))?;
    }
    Ok(facts.len())
}
