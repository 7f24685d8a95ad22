//! The memory of the desk: one SQLite file. The only place that names `rusqlite`.
//!
//! There is no trait and no second implementation in memory. One store needs no interface, a model beside it would have
//! to be kept equal to it, and SQLite in memory ([`Store::in_memory`]) is as quick as a model and behaves like the
//! real one because it is. The contract is the suite in `tests/store/`; a second database would begin by passing it.
//!
//! * Writing: a [`Store`], and in it one [`Batch`] at a time. A batch is one transaction, so many mails share one wait
//!   for the disk; each mail is an [`item`](Batch::item) that stands or falls alone.
//! * Reading: a [`Reader`], with a read-only connection of its own.
//! * Durable means durable: a write-ahead log with `synchronous = FULL`. What a batch returned survives a power cut.
//! * No number is given twice, of whatever: tickets count in a table of their own, the other ids are `AUTOINCREMENT`.
//! * No clock: the time is an argument. No network: a batch spans pure code only.
//!
//! It decides nothing about tickets, and it does not delete, but for personal data of tickets that are over ([`redact`]).

mod batch;
mod cells;
mod copy;
mod digests;
mod error;
mod facts;
mod interface;
mod known;
mod lines;
mod lock;
mod look;
mod outbox;
mod place;
mod reader;
mod record;
mod redact;
mod rows;
mod schema;
mod search;
mod sql;
mod standing;
mod timers;
mod trace;

use std::fmt;
use std::path::Path;

pub use batch::Batch;
pub use copy::restore;
pub use error::StoreError;
pub use interface::{Failing, Interface};
pub use lock::{Lock, note};
pub use outbox::{Settlement, UNTIL_RELEASED};
pub use place::probe;
pub use reader::Reader;
pub use record::{Letter, Record, Taken};
pub use redact::{Looked, Redaction, Stale, Unfinished};
pub use rows::{
    Counts, Direction, EventRow, HealthRow, HealthState, HeldBack, KeptMail, MailLine, MailNumber, MessageRow,
    OutboxCount, OutboxFilter, OutboxId, OutboxLine, OutboxRow, OutboxState, QuarantineFilter, QuarantineRow,
    Resolution, TicketFilter, TicketLine, UnitCounts,
};
pub use search::Hits;
pub use standing::Standing;
pub use timers::Hanging;
pub use trace::{Attempt, LetterPath, MailPath, Sighting};

use place::Place;

use crate::desk::ticket::TicketId;

/// The one writer of a process. Several processes may write (the daemon, and a person's command): they take turns.
pub struct Store {
    reader: Reader,
    /// `None` for a store without a file.
    place: Option<Place>,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Store({})", self.reader.file())
    }
}

impl Store {
    /// Opens the store in a file; makes it where there is none (its directory must be there) and brings its schema up
    /// to date. A new file can be read by its owner only: it holds people's mail.
    ///
    /// # Errors
    /// The file is a newer gateway's, another program's, damaged, read-only or can't be made.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let conn = schema::open_writer(path)?;
        Ok(Self { reader: Reader::over(conn, path.display().to_string()), place: Some(Place::of(path)) })
    }

    /// A store that is gone when it is dropped.
    pub fn in_memory() -> Result<Self, StoreError> {
        Ok(Self { reader: Reader::over(schema::open_memory()?, ":memory:".to_owned()), place: None })
    }

    /// One transaction. Everything that `work` did is durable when this returns `Ok`, and undone when `work` fails or
    /// panics.
    ///
    /// # Errors
    /// Beside those of `work`: the file was moved away, or was found damaged since it was opened; then it is left alone.
    pub fn batch<T>(&mut self, work: impl FnOnce(&mut Batch<'_>) -> Result<T, StoreError>) -> Result<T, StoreError> {
        if let Some(damaged) = self.reader.damaged() {
            return Err(damaged.clone());
        }
        if self.place.as_ref().is_some_and(|place| !place.is_the_same()) {
            return Err(StoreError::Gone { file: self.reader.file().to_owned() });
        }
        batch::run(&self.reader, work)
    }

    /// The listings, through the writer's own connection.
    pub fn reader(&self) -> &Reader {
        &self.reader
    }

    /// Sets the number of the first ticket. `false`: a number was given already, so it changes nothing.
    ///
    /// # Errors
    /// Zero, or a number that SQLite can't hold, is refused.
    pub fn set_first_ticket(&mut self, first: TicketId) -> Result<bool, StoreError> {
        let number = cells::sql_id(first.0).filter(|number| *number > 0 && *number < i64::MAX / 2);
        let Some(number) = number else {
            return Err(StoreError::Refused(format!("{first} can't be the first ticket; use a number from 1 up")));
        };
        self.batch(|batch| batch.call(|conn| Ok(cells::execute(conn, sql::FIRST_TICKET, [number])? > 0)))
    }
}
