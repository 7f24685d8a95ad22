//! A transaction, and savepoints in it. What was begun is ended on every way out: return, error and panic.
//!
//! SQLite undoes a whole transaction by itself after some failures (a full disk, a lost lock). What came next would then
//! be kept statement by statement, so every call looks first whether its transaction is still there.

use std::cell::RefCell;

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
    lost: &'a Lost,
}

/// Why the transaction is gone, once it is: nothing more may be done or kept, and every later call says this.
type Lost = RefCell<Option<StoreError>>;

/// `BEGIN IMMEDIATE`, the work, `COMMIT`; everything is undone when the work fails or panics.
pub(super) fn run<T>(
    reader: &Reader,
    work: impl FnOnce(&mut Batch<'_>) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let lost = Lost::default();
    reader.conn().execute_batch("BEGIN IMMEDIATE").map_err(|error| reader.fault(error))?;
    let undo = Undo { reader, lost: &lost, sql: "ROLLBACK", armed: true };
    let mut batch = Batch { reader, lost: &lost };
    batch.known_schema()?;
    let result = work(&mut batch)?;
    batch.call(|conn| Ok(conn.execute_batch("COMMIT")?))?;
    undo.disarm();
    Ok(result)
}

/// Undoes unless it was disarmed.
struct Undo<'a> {
    reader: &'a Reader,
    lost: &'a Lost,
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
        let conn = self.reader.conn();
        // In autocommit mode SQLite has undone everything already.
        if self.armed && !conn.is_autocommit() && conn.execute_batch(self.sql).is_err() {
            let undone = StoreError::Undone { file: self.reader.file().to_owned() };
            self.lost.borrow_mut().get_or_insert(undone);
        }
    }
}

impl Batch<'_> {
    /// The connection, as long as the transaction lives.
    fn conn(&self) -> Result<&Connection, Fault> {
        let conn = self.reader.conn();
        match &*self.lost.borrow() {
            Some(error) => Err(Fault::Lost(error.clone())),
            None if conn.is_autocommit() => Err(Fault::Undone),
            None => Ok(conn),
        }
    }

    /// Does a call's work and names the file where it fails. A failure that cost the transaction is remembered.
    pub(super) fn call<T>(&mut self, work: impl FnOnce(&Connection) -> Result<T, Fault>) -> Result<T, StoreError> {
        let done = self.conn().and_then(work).map_err(|fault| self.reader.told(fault));
        if let Err(error) = &done
            && self.reader.conn().is_autocommit()
        {
            self.lost.borrow_mut().get_or_insert_with(|| error.clone());
        }
        done
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
        let undo = Undo { reader: self.reader, lost: self.lost, sql: "ROLLBACK TO item; RELEASE item", armed: true };
        let result = work(&mut Batch { reader: self.reader, lost: self.lost });
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

    /// People were told that a part is not well; or, with `None`, that it is well again.
    pub fn set_told(&mut self, part: &str, at: Option<Timestamp>) -> Result<(), StoreError> {
        self.call(|conn| cells::execute(conn, sql::HEALTH_TOLD, (part, at.map(cells::micros))).map(drop))
    }

    /// Forgets the reports of parts that are there no more.
    pub fn forget_health(&mut self, is_gone: impl Fn(&str) -> bool) -> Result<(), StoreError> {
        let gone = self.reader().healths()?.into_iter().filter(|row| is_gone(&row.part));
        for row in gone {
            self.call(|conn| cells::execute(conn, sql::HEALTH_FORGET, [&row.part]).map(drop))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::path::Path;
    use std::time::Duration;

    use super::*;
    use crate::store::Store;

    fn note(batch: &mut Batch<'_>, part: &str, bytes: usize) -> Result<(), StoreError> {
        batch.set_health(part, HealthState::Well, &"x".repeat(bytes), Timestamp::UNIX_EPOCH)
    }

    fn notes(store: &Store) -> Vec<String> {
        store.reader().healths().unwrap().into_iter().map(|row| row.part).collect()
    }

    fn store_in(directory: &Path) -> Store {
        Store::open(&directory.join("desk.sqlite")).unwrap()
    }

    fn pragma(store: &Store, text: &str) {
        store.reader().conn().execute_batch(text).unwrap();
    }

    #[test]
    fn a_full_disk_is_said_to_be_full_and_keeps_what_was_there() {
        let directory = tempfile::tempdir().unwrap();
        let mut store = store_in(directory.path());
        store.batch(|batch| note(batch, "a", 1)).unwrap();
        pragma(&store, "PRAGMA max_page_count = 1");
        let error = store.batch(|batch| note(batch, "b", 500_000)).unwrap_err();
        assert!(matches!(error, StoreError::Full { .. }) && error.is_transient(), "{error}");
        assert_eq!(notes(&store), ["a"]);
        pragma(&store, "PRAGMA max_page_count = 100000");
        store.batch(|batch| note(batch, "b", 500_000)).unwrap();
        assert_eq!(notes(&store), ["a", "b"]);
    }

    /// SQLite undoes everything when the disk is full, whatever savepoints there are. The caller may not notice, if it
    /// takes the failure for the item's own; it must not go on as if the rest were still a transaction.
    #[test]
    fn a_disk_that_fills_in_an_item_ends_the_batch_and_says_why() {
        let directory = tempfile::tempdir().unwrap();
        let mut store = store_in(directory.path());
        pragma(&store, "PRAGMA max_page_count = 1");
        let ended = store.batch(|batch| {
            note(batch, "a", 1)?;
            let outcomes = [batch.item(|item| note(item, "b", 500_000)).map(drop), note(batch, "c", 1)];
            assert!(outcomes.iter().all(|call| matches!(call, Err(StoreError::Full { .. }))), "{outcomes:?}");
            Ok(())
        });
        assert!(matches!(ended, Err(StoreError::Full { .. })), "{ended:?}");
        assert_eq!(notes(&store), [""; 0]);
    }

    #[test]
    fn a_store_that_another_holds_is_busy() {
        let directory = tempfile::tempdir().unwrap();
        let (mut one, mut other) = (store_in(directory.path()), store_in(directory.path()));
        other.reader().conn().busy_timeout(Duration::ZERO).unwrap();
        one.batch(|batch| {
            note(batch, "a", 1)?;
            let error = other.batch(|batch| note(batch, "b", 1)).unwrap_err();
            assert!(matches!(error, StoreError::Busy { .. }) && error.is_transient(), "{error}");
            Ok(())
        })
        .unwrap();
        other.batch(|batch| note(batch, "b", 1)).unwrap();
        assert_eq!(notes(&one), ["a", "b"]);
    }

    #[test]
    fn a_store_that_may_not_be_written_is_read_only() {
        let mut store = Store::in_memory().unwrap();
        pragma(&store, "PRAGMA query_only = ON");
        let error = store.batch(|batch| note(batch, "a", 1)).unwrap_err();
        assert!(matches!(error, StoreError::ReadOnly { .. }) && error.is_transient(), "{error}");
    }

    #[test]
    fn nothing_is_done_after_sqlite_undid_the_transaction() {
        let mut store = Store::in_memory().unwrap();
        let ended = store.batch(|batch| {
            note(batch, "a", 1)?;
            batch.reader.conn().execute_batch("ROLLBACK").unwrap();
            let undone = [note(batch, "b", 1), batch.item(|item| note(item, "c", 1)).map(drop)];
            assert!(undone.iter().all(|call| matches!(call, Err(StoreError::Undone { .. }))), "{undone:?}");
            Ok(())
        });
        assert_eq!(ended, Err(StoreError::Undone { file: ":memory:".to_owned() }));
        assert_eq!(notes(&store), [""; 0]);
        assert_eq!(store.batch(|batch| note(batch, "d", 1)), Ok(()));
    }

    #[test]
    fn a_batch_whose_item_cannot_be_undone_is_undone_whole() {
        let mut store = Store::in_memory().unwrap();
        let ended = store.batch(|batch| {
            note(batch, "a", 1)?;
            let caught = catch_unwind(AssertUnwindSafe(|| {
                batch.item(|item| -> Result<(), ()> {
                    // The savepoint goes away behind the item's back.
                    item.reader.conn().execute_batch("RELEASE item").unwrap();
                    panic!("and now it can't be undone")
                })
            }));
            assert!(caught.is_err());
            Ok(())
        });
        assert_eq!(ended, Err(StoreError::Undone { file: ":memory:".to_owned() }));
        assert_eq!(notes(&store), [""; 0]);
    }
}
