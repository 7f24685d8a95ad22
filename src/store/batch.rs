//! A transaction, and savepoints in it. What was begun is ended on every way out: return, error and panic.
//!
//! SQLite undoes a whole transaction by itself after some failures (a full disk, a lost lock). What came next would then
//! be kept statement by statement, so every call looks first whether its transaction is still there.

use std::cell::Cell;

use jiff::Timestamp;
use rusqlite::Connection;

use super::error::{Fault, StoreError};
use super::reader::Reader;
use super::rows::{HealthState, MailNumber, Resolution};
use super::{cells, schema, sql};
use crate::desk::inquiry::{Inquiry, Snapshot};
use crate::desk::ticket::{Ticket, TicketId};
use crate::mail::Digest;

/// A write transaction under way. Nothing of it is seen by others or survives a crash before it is over.
pub struct Batch<'a> {
    reader: &'a Reader,
    /// An undoing failed: nothing more may be done or kept.
    broken: &'a Cell<bool>,
}

/// `BEGIN IMMEDIATE`, the work, `COMMIT`; everything is undone when the work fails or panics.
pub(super) fn run<T>(
    reader: &Reader,
    work: impl FnOnce(&mut Batch<'_>) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let broken = Cell::new(false);
    let conn = reader.conn();
    conn.execute_batch("BEGIN IMMEDIATE").map_err(|error| reader.fault(error))?;
    let undo = Undo { conn, broken: &broken, sql: "ROLLBACK", armed: true };
    let mut batch = Batch { reader, broken: &broken };
    batch.known_schema()?;
    let result = work(&mut batch)?;
    let conn = batch.conn().map_err(|fault| fault.at(reader.file()))?;
    conn.execute_batch("COMMIT").map_err(|error| reader.fault(error))?;
    undo.disarm();
    Ok(result)
}

/// Undoes unless it was disarmed.
struct Undo<'a> {
    conn: &'a Connection,
    broken: &'a Cell<bool>,
    sql: &'static str,
    armed: bool,
}

impl Undo<'_> {
    fn disarm(mut self) {
        self.armed = false;
    }
}

impl Drop for Undo<'_> {
    fn drop(&mut self) {
        // In autocommit mode SQLite has undone everything already.
        if self.armed && !self.conn.is_autocommit() && self.conn.execute_batch(self.sql).is_err() {
            self.broken.set(true);
        }
    }
}

impl Batch<'_> {
    /// The connection, as long as the transaction lives.
    pub(super) fn conn(&self) -> Result<&Connection, Fault> {
        let conn = self.reader.conn();
        if self.broken.get() || conn.is_autocommit() { Err(Fault::Undone) } else { Ok(conn) }
    }

    /// Does a call's work and names the file where it fails.
    pub(super) fn call<T>(&mut self, work: impl FnOnce(&Connection) -> Result<T, Fault>) -> Result<T, StoreError> {
        self.conn().and_then(work).map_err(|fault| fault.at(self.reader.file()))
    }

    /// A newer gateway may have renewed the file while this one ran.
    fn known_schema(&mut self) -> Result<(), StoreError> {
        let found = self.call(|conn| cells::value::<u32, _>(conn, sql::SCHEMA, []))?;
        let file = self.reader.file().to_owned();
        let known = schema::latest();
        if found == known { Ok(()) } else { Err(StoreError::Newer { file, found, known }) }
    }

    /// A part of the batch that stands or falls alone: when `work` fails or panics, only what it did is undone, and the
    /// batch goes on. A caller that catches the panic may go on with this batch.
    ///
    /// The outer error means that the whole batch is lost and must end.
    pub fn item<T, E>(
        &mut self,
        work: impl FnOnce(&mut Batch<'_>) -> Result<T, E>,
    ) -> Result<Result<T, E>, StoreError> {
        self.call(|conn| Ok(conn.execute_batch("SAVEPOINT item")?))?;
        let conn = self.reader.conn();
        let undo = Undo { conn, broken: self.broken, sql: "ROLLBACK TO item; RELEASE item", armed: true };
        let result = work(&mut Batch { reader: self.reader, broken: self.broken });
        if result.is_ok() {
            self.call(|conn| Ok(conn.execute_batch("RELEASE item")?))?;
            undo.disarm();
        } else {
            drop(undo);
            self.call(|_| Ok(()))?;
        }
        Ok(result)
    }

    /// What the listings tell, as it is within this batch.
    pub fn reader(&self) -> &Reader {
        self.reader
    }

    /// Answers an inquiry. Bounded by [`Inquiry::MOST_KEYS`] keys of each kind, and by index only.
    pub fn look(&mut self, inquiry: &Inquiry) -> Result<Snapshot, StoreError> {
        self.call(|conn| super::look::look(conn, inquiry))
    }

    /// A ticket, whole.
    pub fn ticket(&mut self, id: TicketId) -> Result<Option<Ticket>, StoreError> {
        self.call(|conn| super::look::ticket(conn, id))
    }

    /// The same bytes came again: only that is noted. The number of the mail that they are, or `None` where the store
    /// has no such mail; then nothing is noted.
    ///
    /// Only for the same *bytes*. A mail that is merely recognised (by its fingerprint) may have other attachments, so
    /// it is recorded with its own bytes and the verdict that the desk gives it.
    pub fn sighting(
        &mut self,
        identity: &str,
        digest: &Digest,
        now: Timestamp,
    ) -> Result<Option<MailNumber>, StoreError> {
        self.call(|conn| {
            let Some(mail) = cells::value_or_none::<i64, _>(conn, sql::MAIL_BY_DIGEST, [&digest.0])? else {
                return Ok(None);
            };
            cells::execute(conn, sql::SIGHTING, (identity, mail, cells::micros(now)))?;
            Ok(Some(MailNumber(cells::number("id", mail)?)))
        })
    }

    /// Notes what a person did about a mail in quarantine. The mail and its bytes are kept. A retry also needs
    /// [`record_again`](Self::record_again), after this call: it puts the mail back when it fails again.
    pub fn quarantine_resolve(
        &mut self,
        mail: MailNumber,
        resolution: Resolution,
        by: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.call(|conn| {
            let id = cells::own_id("mail in quarantine", mail.0)?;
            match cells::value_or_none::<bool, _>(conn, sql::QUARANTINE_STATE, [id])? {
                None => Err(Fault::NotFound(format!("mail {mail} in quarantine"))),
                Some(false) => Err(Fault::Refused(format!(
                    "mail {mail} is out of quarantine already; list all of the quarantine to see by whom"
                ))),
                Some(true) => {
                    let values = (id, cells::micros(now), resolution.word(), by);
                    cells::execute(conn, sql::QUARANTINE_RESOLVED, values).map(drop)
                }
            }
        })
    }

    /// Keeps the latest report of a part of the daemon (`source support`).
    pub fn set_health(&mut self, part: &str, state: HealthState, text: &str, now: Timestamp) -> Result<(), StoreError> {
        self.call(|conn| {
            cells::execute(conn, sql::HEALTH_SET, (part, state.word(), text, cells::micros(now))).map(drop)
        })
    }
}
