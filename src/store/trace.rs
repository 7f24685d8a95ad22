//! The way of one mail: where it lay, what was decided about it and why, the letters that were written for it, and every
//! attempt to send them. It reads what was kept when it happened, and reckons nothing.

use jiff::Timestamp;
use serde::Serialize;

use super::cells::{self, Cells, sql_count, sql_id};
use super::error::StoreError;
use super::reader::Reader;
use super::rows::{MailLine, MailNumber, OutboxId, OutboxLine};
use super::{lines, sql};
use crate::desk::trail::Reason;
use crate::mail::MessageId;

/// Most of anything that belongs to one mail; there never is so much.
const MOST: usize = 1_000;

/// Where a mail was seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Sighting {
    /// What it is called at its source.
    pub identity: String,
    pub first: Timestamp,
    pub last: Timestamp,
    pub times: u64,
}

/// An attempt to send a letter that ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Attempt {
    pub at: Timestamp,
    /// `sent`, `again`, `unknown` (it may have arrived), `dead`.
    pub outcome: String,
    /// What the other side said, or what went wrong.
    pub answer: String,
}

/// A letter with its attempts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LetterPath {
    #[serde(flatten)]
    pub line: OutboxLine,
    pub tried: Vec<Attempt>,
}

/// The way of a mail that was taken in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MailPath {
    #[serde(flatten)]
    pub line: MailLine,
    pub sightings: Vec<Sighting>,
    pub reasons: Vec<Reason>,
    pub letters: Vec<LetterPath>,
}

impl Reader {
    /// Mails taken in under a Message-ID, the first first. It may be several: some programs use one twice.
    pub fn mails_called(&self, id: &MessageId, most: usize) -> Result<Vec<MailNumber>, StoreError> {
        let key = (id.as_str(), sql_count(most));
        self.ask(|conn| cells::rows(conn, sql::MAILS_CALLED, key, |row| row.number("id").map(MailNumber)))
    }

    /// Mails of ours under a Message-ID; several where they went to several people.
    pub fn letters_called(&self, id: &MessageId, most: usize) -> Result<Vec<OutboxLine>, StoreError> {
        self.ask(|conn| cells::rows(conn, sql::LETTERS_CALLED, (id.as_str(), sql_count(most)), lines::outbox_line))
    }

    /// The way of a mail that was taken in.
    pub fn path(&self, number: MailNumber) -> Result<Option<MailPath>, StoreError> {
        self.ask(|conn| {
            let Some(id) = sql_id(number.0) else { return Ok(None) };
            let Some(line) = cells::row(conn, sql::MAIL, [id], lines::mail_line)? else { return Ok(None) };
            let reasons = cells::row(conn, sql::MAIL_REASONS, [id], |row| row.json("trail"))?.unwrap_or_default();
            let sightings = cells::rows(conn, sql::SIGHTINGS, (id, sql_count(MOST)), |row: &Cells<'_>| {
                Ok(Sighting {
                    identity: row.plain("identity")?,
                    first: row.time("first")?,
                    last: row.time("last")?,
                    times: row.number("times")?,
                })
            })?;
            let lines = cells::rows(conn, sql::LETTERS_OF_MAIL, (id, sql_count(MOST)), lines::outbox_line)?;
            let mut letters = Vec::new();
            for line in lines {
                let tried = attempts(conn, line.id)?;
                letters.push(LetterPath { line, tried });
            }
            Ok(Some(MailPath { line, sightings, reasons, letters }))
        })
    }

    /// A letter with its attempts.
    pub fn letter_path(&self, line: OutboxLine) -> Result<LetterPath, StoreError> {
        let tried = self.ask(|conn| attempts(conn, line.id))?;
        Ok(LetterPath { line, tried })
    }
}

fn attempts(conn: &rusqlite::Connection, id: OutboxId) -> Result<Vec<Attempt>, super::error::Fault> {
    cells::rows(conn, sql::ATTEMPTS, (sql_id(id.0), sql_count(MOST)), |row| {
        Ok(Attempt { at: row.time("at")?, outcome: row.plain("outcome")?, answer: row.plain("answer")? })
    })
}
