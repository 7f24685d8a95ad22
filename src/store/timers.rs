//! Which tickets have a step due, or must look at another one, and when the next is. It does not know what a step is.

use jiff::Timestamp;
use rusqlite::Connection;

use super::batch::Batch;
use super::cells::{self, Cells, execute, micros, own_id, sql_count};
use super::error::{Fault, StoreError};
use super::reader::Reader;
use super::sql;
use crate::desk::ticket::TicketId;

impl Batch<'_> {
    /// Tickets of which a step is due, the one that waited longest first, at most `most`.
    pub fn tickets_due(&mut self, now: Timestamp, most: usize) -> Result<Vec<TicketId>, StoreError> {
        self.call(|conn| {
            cells::rows(conn, sql::TICKETS_DUE, (micros(now), sql_count(most)), |row: &Cells<'_>| {
                Ok(TicketId(row.number("id")?))
            })
        })
    }

    /// Tickets that must look at another one, the one that waited longest first, at most `most`.
    pub fn roused(&mut self, now: Timestamp, most: usize) -> Result<Vec<TicketId>, StoreError> {
        self.call(|conn| {
            cells::rows(conn, sql::ROUSED, (micros(now), sql_count(most)), |row: &Cells<'_>| {
                Ok(TicketId(row.number("ticket")?))
            })
        })
    }

    /// It has looked.
    pub fn rested(&mut self, ticket: TicketId) -> Result<(), StoreError> {
        self.call(|conn| execute(conn, sql::ROUSE_GONE, [own_id("ticket", ticket.0)?]).map(drop))
    }

    /// Tickets that were merged into one, at most `most`.
    pub fn merged_into(&mut self, ticket: TicketId, most: usize) -> Result<Vec<TicketId>, StoreError> {
        self.call(|conn| linked(conn, ticket, "merged", most))
    }

    /// When the next step of any ticket or the next digest falls due; `None` while nothing is waited for.
    pub fn next_step(&mut self) -> Result<Option<Timestamp>, StoreError> {
        self.call(|conn| {
            let step: Option<i64> = cells::value(conn, sql::NEXT_STEP, [])?;
            let digest: Option<i64> = cells::value(conn, sql::NEXT_DIGEST, [])?;
            let first = step.into_iter().chain(digest).min();
            first.map(|due| cells::time("due", due)).transpose()
        })
    }

    /// Looks at a ticket no earlier than then: its steps can't be taken now.
    pub fn postpone(&mut self, ticket: TicketId, until: Timestamp) -> Result<(), StoreError> {
        self.call(|conn| {
            let id = own_id("ticket", ticket.0)?;
            execute(conn, sql::ROUSE_POSTPONED, (id, micros(until)))?;
            execute(conn, sql::TICKET_POSTPONED, (id, micros(until))).map(drop)
        })
    }
}

/// Tickets that hang on one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hanging {
    pub slaves: Vec<TicketId>,
    pub children: Vec<TicketId>,
}

/// Tickets of each kind that are listed; one with more is stranger than its list is long.
const MOST_HANGING: usize = 1_000;

impl Reader {
    /// What hangs on a ticket.
    pub fn hanging_on(&self, ticket: TicketId) -> Result<Hanging, StoreError> {
        self.ask(|conn| {
            let slaves = linked(conn, ticket, "master", MOST_HANGING)?;
            Ok(Hanging { slaves, children: linked(conn, ticket, "parent", MOST_HANGING)? })
        })
    }
}

pub(super) fn linked(conn: &Connection, other: TicketId, kind: &str, most: usize) -> Result<Vec<TicketId>, Fault> {
    let id = own_id("ticket", other.0)?;
    cells::rows(conn, sql::LINKED, (id, kind, sql_count(most)), |row: &Cells<'_>| Ok(TicketId(row.number("ticket")?)))
}
