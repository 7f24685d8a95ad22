//! Which tickets have a step due, and when the next one is. It does not know what a step is.

use jiff::Timestamp;

use super::batch::Batch;
use super::cells::{self, Cells, execute, micros, own_id, sql_count};
use super::error::StoreError;
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
            execute(conn, sql::TICKET_POSTPONED, (id, micros(until))).map(drop)
        })
    }
}
