//! Finding tickets by words, by number, by another helpdesk's id, and by what they are. Every way is by index, and how
//! many tickets are looked at is bounded: words that very many tickets have find the newest of them.

use rusqlite::Connection;
use serde::Serialize;

use super::cells::{self, sql_count, sql_id};
use super::error::{Fault, StoreError};
use super::known::quoted;
use super::reader::Reader;
use super::rows::{TicketFilter, TicketLine};
use super::{lines, sql};
use crate::desk::known;

/// Tickets with all the words that are looked at, the newest first.
const LOOKED_AT: usize = 4_000;

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Hits {
    /// Those that the whole text is the number or a foreign id of, then those with all its words, the newest first.
    pub tickets: Vec<TicketLine>,
    /// So many newest tickets with these words were looked at, and there may be older ones.
    pub looked_at: Option<usize>,
}

impl Reader {
    /// Tickets with all the words of a text, as far as the filter lets them through; at most `most`. Words that every
    /// text has are passed over. Test and redacted tickets have no words.
    pub fn search(&self, text: &str, filter: &TicketFilter, most: usize) -> Result<Hits, StoreError> {
        if text.trim().is_empty() {
            return Ok(Hits { tickets: self.tickets(filter, most)?, looked_at: None });
        }
        self.ask(|conn| {
            let mut tickets = by_id(conn, text.trim(), filter, most)?;
            let words = known::looked_for(text);
            let mut looked_at = None;
            if !words.is_empty() {
                let all: Vec<String> = words.iter().map(|word| quoted(word)).collect();
                let more = by_words(conn, &all.join(" AND "), filter, most)?;
                looked_at = more.looked_at;
                let fresh = more.tickets.into_iter().filter(|line| tickets.iter().all(|known| known.id != line.id));
                tickets.extend(fresh.collect::<Vec<_>>());
                tickets.truncate(most);
            }
            Ok(Hits { tickets, looked_at })
        })
    }
}

/// The ticket of that number, and those that a helpdesk has given that id.
fn by_id(conn: &Connection, text: &str, filter: &TicketFilter, most: usize) -> Result<Vec<TicketLine>, Fault> {
    let number = text.parse().ok().and_then(sql_id);
    let named = cells::rows(conn, sql::TICKETS_OF_FOREIGN_ID, (text, sql_count(most)), |row| row.plain("ticket"))?;
    let mut found = Vec::new();
    for id in number.into_iter().chain(named.into_iter().filter(|id| Some(*id) != number)).take(most) {
        found.extend(line(conn, id, filter)?);
    }
    Ok(found)
}

fn by_words(conn: &Connection, query: &str, filter: &TicketFilter, most: usize) -> Result<Hits, Fault> {
    let mut statement = conn.prepare_cached(sql::SEARCH)?;
    let mut ids = statement.query((query, sql_count(LOOKED_AT)))?;
    let mut hits = Hits::default();
    let mut seen = 0;
    while hits.tickets.len() < most
        && let Some(row) = ids.next()?
    {
        seen += 1;
        hits.tickets.extend(line(conn, row.get(0)?, filter)?);
    }
    hits.looked_at = (seen == LOOKED_AT).then_some(LOOKED_AT);
    Ok(hits)
}

fn line(conn: &Connection, id: i64, filter: &TicketFilter) -> Result<Option<TicketLine>, Fault> {
    let found = cells::row(conn, sql::TICKET_LINE, [id], lines::ticket_line)?;
    Ok(found.filter(|line| lets_through(filter, line)))
}

/// The same as the filter of a listing: names without case.
fn lets_through(filter: &TicketFilter, line: &TicketLine) -> bool {
    let same = |wanted: Option<&str>, is: Option<&str>| match (wanted, is) {
        (None, _) => true,
        (Some(wanted), Some(is)) => wanted.eq_ignore_ascii_case(is),
        (Some(_), None) => false,
    };
    (!filter.open || line.status.is_open())
        && filter.status.is_none_or(|status| status == line.status)
        && same(filter.unit.as_ref().map(|unit| unit.0.as_str()), line.unit.as_ref().map(|unit| unit.0.as_str()))
        && same(filter.site.as_deref(), line.site.as_deref())
        && same(filter.vo.as_deref(), line.vo.as_deref())
        && same(filter.submitter.as_deref(), Some(&line.submitter))
}
