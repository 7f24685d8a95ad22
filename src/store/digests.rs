//! When each unit's next digest is due, and what a digest tells. It does not know what a digest is.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::batch::Batch;
use super::cells::{self, Cells, execute, micros, sql_count};
use super::error::StoreError;
use super::reader::{MOST_UNITS, Reader};
use super::sql;
use crate::desk::policy::UnitName;
use crate::desk::ticket::Ticket;

impl Batch<'_> {
    /// When the next digest of each unit is due, where that was noted.
    pub fn digests(&mut self) -> Result<BTreeMap<UnitName, Timestamp>, StoreError> {
        self.call(|conn| {
            let read = |row: &Cells<'_>| Ok((UnitName(row.plain("unit")?), row.time("due")?));
            Ok(cells::rows(conn, sql::DIGESTS, [sql_count(MOST_UNITS)], read)?.into_iter().collect())
        })
    }

    /// Notes when the next digest of a unit is due; `None`: it gets none.
    pub fn set_digest(&mut self, unit: &UnitName, due: Option<Timestamp>) -> Result<(), StoreError> {
        self.call(|conn| match due {
            Some(due) => execute(conn, sql::DIGEST_SET, (&unit.0, micros(due))).map(drop),
            None => execute(conn, sql::DIGEST_GONE, [&unit.0]).map(drop),
        })
    }
}

impl Reader {
    /// The open tickets of a unit, whole, the oldest first. Tests don't count.
    pub fn open_tickets(&self, unit: &UnitName, most: usize) -> Result<Vec<Ticket>, StoreError> {
        self.ask(|conn| {
            let read = |row: &Cells<'_>| row.json::<Ticket>("whole");
            let mut tickets = cells::rows(conn, sql::TICKETS_OPEN_AT, (&unit.0, sql_count(most)), read)?;
            tickets.retain(|ticket| !ticket.probe);
            Ok(tickets)
        })
    }
}
