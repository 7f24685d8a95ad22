//! Between Rust values and cells of a row. A cell that can't be read is a fault that names its column, never a panic
//! and never a silent default.

use jiff::Timestamp;
use rusqlite::types::FromSql;
use rusqlite::{OptionalExtension, Params, Row};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::error::Fault;
use crate::desk::ticket::TicketId;
use crate::mail::{Address, MessageId};

/// Microseconds since 1970, which is how the store keeps a time.
pub(super) fn micros(time: Timestamp) -> i64 {
    time.as_microsecond()
}

/// A number that SQLite can hold; a ticket number in a mail may be larger, and then it is no ticket.
pub(super) fn sql_id(id: u64) -> Option<i64> {
    i64::try_from(id).ok()
}

/// The same for a number that the store itself gave.
pub(super) fn own_id(what: &str, id: u64) -> Result<i64, Fault> {
    sql_id(id).filter(|id| *id > 0).ok_or_else(|| Fault::NotFound(format!("{what} {id}")))
}

/// A count or a size, which is never near the end of the range.
pub(super) fn sql_count(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

pub(super) fn to_json<T: Serialize>(what: &str, value: &T) -> Result<String, Fault> {
    serde_json::to_string(value).map_err(|error| Fault::Misused(format!("{what} can't be written as JSON: {error}")))
}

pub(super) fn from_json<T: DeserializeOwned>(what: &str, text: &str) -> Result<T, Fault> {
    serde_json::from_str(text).map_err(|error| Fault::unreadable(what, error))
}

/// A row, read by the names of its columns.
pub(super) struct Cells<'a>(pub(super) &'a Row<'a>);

impl Cells<'_> {
    pub(super) fn plain<T: FromSql>(&self, name: &str) -> Result<T, Fault> {
        Ok(self.0.get(name)?)
    }

    pub(super) fn time(&self, name: &str) -> Result<Timestamp, Fault> {
        time(name, self.0.get(name)?)
    }

    pub(super) fn time_or_none(&self, name: &str) -> Result<Option<Timestamp>, Fault> {
        self.0.get::<_, Option<i64>>(name)?.map(|at| time(name, at)).transpose()
    }

    /// A number that is not negative.
    pub(super) fn number(&self, name: &str) -> Result<u64, Fault> {
        number(name, self.0.get(name)?)
    }

    pub(super) fn small(&self, name: &str) -> Result<u32, Fault> {
        u32::try_from(self.number(name)?).map_err(|error| Fault::unreadable(name, error))
    }

    pub(super) fn number_or_none(&self, name: &str) -> Result<Option<u64>, Fault> {
        self.0.get::<_, Option<i64>>(name)?.map(|value| number(name, value)).transpose()
    }

    pub(super) fn ticket_or_none(&self, name: &str) -> Result<Option<TicketId>, Fault> {
        Ok(self.number_or_none(name)?.map(TicketId))
    }

    pub(super) fn json<T: DeserializeOwned>(&self, name: &str) -> Result<T, Fault> {
        from_json(name, &self.0.get::<_, String>(name)?)
    }

    /// A word of a closed list.
    pub(super) fn word<T>(&self, name: &str, read: impl Fn(&str) -> Option<T>) -> Result<T, Fault> {
        let word: String = self.0.get(name)?;
        read(&word).ok_or_else(|| Fault::unreadable(name, word))
    }

    pub(super) fn word_or_none<T>(&self, name: &str, read: impl Fn(&str) -> Option<T>) -> Result<Option<T>, Fault> {
        let word: Option<String> = self.0.get(name)?;
        word.map(|word| read(&word).ok_or_else(|| Fault::unreadable(name, word))).transpose()
    }

    pub(super) fn address(&self, name: &str) -> Result<Address, Fault> {
        self.word(name, Address::parse)
    }

    pub(super) fn message_id(&self, name: &str) -> Result<MessageId, Fault> {
        self.word(name, MessageId::parse)
    }
}

pub(super) fn time(name: &str, at: i64) -> Result<Timestamp, Fault> {
    Timestamp::from_microsecond(at).map_err(|error| Fault::unreadable(name, error))
}

pub(super) fn number(name: &str, value: i64) -> Result<u64, Fault> {
    u64::try_from(value).map_err(|error| Fault::unreadable(name, error))
}

/// The rows of a statement, kept compiled.
pub(super) fn rows<T, P: Params>(
    conn: &rusqlite::Connection,
    sql: &str,
    params: P,
    mut read: impl FnMut(&Cells<'_>) -> Result<T, Fault>,
) -> Result<Vec<T>, Fault> {
    let mut statement = conn.prepare_cached(sql)?;
    statement.query_and_then(params, |row| read(&Cells(row)))?.collect()
}

/// The one row of a statement, or none.
pub(super) fn row<T, P: Params>(
    conn: &rusqlite::Connection,
    sql: &str,
    params: P,
    read: impl FnOnce(&Cells<'_>) -> Result<T, Fault>,
) -> Result<Option<T>, Fault> {
    let mut statement = conn.prepare_cached(sql)?;
    let mut rows = statement.query(params)?;
    rows.next()?.map(|row| read(&Cells(row))).transpose()
}

/// The one value of a statement that always has one.
pub(super) fn value<T: FromSql, P: Params>(conn: &rusqlite::Connection, sql: &str, params: P) -> Result<T, Fault> {
    Ok(conn.prepare_cached(sql)?.query_row(params, |row| row.get(0))?)
}

/// The first value of a statement's one row, or none.
pub(super) fn value_or_none<T: FromSql, P: Params>(
    conn: &rusqlite::Connection,
    sql: &str,
    params: P,
) -> Result<Option<T>, Fault> {
    Ok(conn.prepare_cached(sql)?.query_row(params, |row| row.get(0)).optional()?)
}

/// Runs a statement that changes rows; how many it changed.
pub(super) fn execute<P: Params>(conn: &rusqlite::Connection, sql: &str, params: P) -> Result<usize, Fault> {
    Ok(conn.prepare_cached(sql)?.execute(params)?)
}
