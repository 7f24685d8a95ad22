//! The facts of many tickets, for reports: one ticket after the other, none of their mails and none of their texts but
//! what stands in a fact. Memory does not grow with the store.

use jiff::Timestamp;
use rusqlite::{Connection, Params};

use super::cells::{self, Cells, micros, sql_count};
use super::error::{Fault, StoreError};
use super::reader::Reader;
use super::sql;
use crate::report::{Fact, TicketFacts};

/// Facts of one ticket that are read; a ticket with more is stranger than its report is exact.
const MOST_FACTS: usize = 10_000;

impl Reader {
    /// Tells of each ticket that was made before a moment, and was open or changed since another; of others it may tell
    /// too. Tests don't count. All of it is one state of the store.
    pub fn facts(
        &self,
        since: Timestamp,
        until: Timestamp,
        mut tell: impl FnMut(&TicketFacts),
    ) -> Result<(), StoreError> {
        self.ask(|conn| {
            each(conn, sql::TICKETS_STILL_OPEN, [micros(until)], &mut tell)?;
            each(conn, sql::TICKETS_ENDED_SINCE, [micros(until), micros(since)], &mut tell)
        })
    }
}

fn each(conn: &Connection, text: &str, key: impl Params, tell: &mut impl FnMut(&TicketFacts)) -> Result<(), Fault> {
    let mut statement = conn.prepare_cached(text)?;
    let mut rows = statement.query(key)?;
    while let Some(row) = rows.next()? {
        let row = Cells(row);
        let id: i64 = row.plain("id")?;
        tell(&TicketFacts {
            created: row.time("created")?,
            vo: row.plain("vo")?,
            type_of_problem: row.plain("type_of_problem")?,
            facts: cells::rows(conn, sql::FACTS, (id, sql_count(MOST_FACTS)), fact)?,
        });
    }
    Ok(())
}

fn fact(row: &Cells<'_>) -> Result<Fact, Fault> {
    Ok(Fact { at: row.time("at")?, actor: row.json("actor")?, event: row.json("event")? })
}
