//! The words by which tickets are found, kept with the ticket and taken out with its people; and candidates for known
//! solutions. Which words those are, and which candidates are alike, is decided elsewhere.

use std::collections::BTreeMap;

use rusqlite::Connection;

use super::cells::{self, Cells, execute, sql_count};
use super::error::Fault;
use super::sql;
use crate::desk::decision::Decision;
use crate::desk::event::Event;
use crate::desk::known::{self, Asked, COMMON, Findable, Found, MOST_ASKED};
use crate::desk::ticket::{Status, Ticket, TicketId};

/// Words by which candidates are found, the rarest of those asked for.
const RARE: usize = 5;
/// Candidates that are told.
const CANDIDATES: usize = 12;
/// A problem with fewer words that other tickets have is like no other.
const FEWEST: usize = 2;
/// All tickets, when the words are first written down.
const ALL_TICKETS: &str = "SELECT whole FROM ticket WHERE redacted IS NULL ORDER BY id";

/// Keeps the words of a ticket where a decision gives it new ones: it is opened, or its solution comes or goes.
pub(super) fn note(conn: &Connection, id: i64, ticket: &Ticket, decision: &Decision) -> Result<(), Fault> {
    let said = |(_, event): &(_, Event)| match event {
        Event::Solved { .. } => Some(true),
        Event::Opened | Event::Reopened { .. } | Event::Unanswered | Event::Unsolved { .. } => Some(false),
        _ => None,
    };
    match decision.events.iter().rev().find_map(said) {
        Some(is_solved) => put(conn, id, Findable::of(ticket, is_solved).as_ref()),
        None => Ok(()),
    }
}

/// Takes the words of a ticket out.
pub(super) fn forget(conn: &Connection, id: i64) -> Result<(), Fault> {
    put(conn, id, None)
}

fn put(conn: &Connection, id: i64, findable: Option<&Findable>) -> Result<(), Fault> {
    let read = |row: &Cells<'_>| {
        Ok(Findable { title: row.plain("title")?, problem: row.plain("problem")?, solution: row.plain("solution")? })
    };
    let before = cells::row(conn, sql::KNOWN, [id], read)?;
    if before.as_ref() == findable {
        return Ok(());
    }
    if let Some(Findable { title, problem, solution }) = &before {
        // The index is told what it holds: it keeps no text of its own.
        execute(conn, sql::KNOWN_WORDS_GONE, (id, title, problem, solution))?;
    }
    match findable {
        Some(Findable { title, problem, solution }) => {
            execute(conn, sql::KNOWN_SET, (id, title, problem, solution))?;
            execute(conn, sql::KNOWN_WORDS_NEW, (id, title, problem, solution)).map(drop)
        }
        None => execute(conn, sql::KNOWN_GONE, [id]).map(drop),
    }
}

/// Writes down the words of all tickets that are there, once.
pub(super) fn fill(conn: &Connection) -> Result<(), Fault> {
    let mut statement = conn.prepare(ALL_TICKETS)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let ticket: Ticket = cells::from_json("ticket", &row.get::<_, String>(0)?)?;
        let id = cells::own_id("ticket", ticket.id.0)?;
        let is_solved = match ticket.status {
            Status::Solved => true,
            Status::Closed | Status::Verified => was_solved(conn, id)?,
            _ => false,
        };
        put(conn, id, Findable::of(&ticket, is_solved).as_ref())?;
    }
    Ok(())
}

/// Whether what ended a ticket last was a solution.
fn was_solved(conn: &Connection, id: i64) -> Result<bool, Fault> {
    let events: Vec<Event> = cells::rows(conn, sql::FACTS_OF_TICKET, [id], |row| row.json("event"))?;
    let ends = |event: &Event| match event {
        Event::Solved { .. } => Some(true),
        Event::Unanswered | Event::Unsolved { .. } => Some(false),
        _ => None,
    };
    Ok(events.iter().rev().find_map(ends).unwrap_or(false))
}

/// Solved tickets that have the rarest of the words asked for. Bounded: of each word so many tickets are counted as make
/// it common, and common ones find nothing.
pub(super) fn look(
    conn: &Connection,
    asked: Option<&Asked>,
    tickets: &BTreeMap<TicketId, Ticket>,
) -> Result<Found, Fault> {
    let only = tickets.values().next().filter(|_| tickets.len() == 1);
    let words = match (asked, only) {
        (Some(Asked::Words(words)), _) => words.clone(),
        (Some(Asked::OfTicket), Some(ticket)) => known::asked(&ticket.subject, &ticket.description),
        (None, _) | (Some(Asked::OfTicket), None) => return Ok(Found::default()),
    };
    let mut counts = BTreeMap::new();
    for word in words.into_iter().take(MOST_ASKED) {
        let most = i64::try_from(COMMON).unwrap_or(i64::MAX);
        let count: i64 = cells::value(conn, sql::KNOWN_COUNT, (quoted(&word), most))?;
        counts.insert(word, cells::number("count", count)?);
    }
    let mut rare: Vec<(u64, &String)> =
        counts.iter().map(|(word, count)| (*count, word)).filter(|(count, _)| (1..COMMON).contains(count)).collect();
    rare.sort();
    let solved = if rare.len() < FEWEST {
        Vec::new()
    } else {
        let any: Vec<String> = rare.iter().take(RARE).map(|(_, word)| quoted(word)).collect();
        let key = (any.join(" OR "), sql_count(CANDIDATES));
        cells::rows(conn, sql::KNOWN_SOLVED, key, |row| row.json("whole"))?
    };
    let tickets = cells::number("given", cells::value(conn, sql::TICKETS_GIVEN, [])?)?;
    Ok(Found { tickets, words: counts, solved })
}

/// A word as a string of the query language, so that it is never an operator of it.
pub(super) fn quoted(word: &str) -> String {
    let plain: String = word.chars().filter(|c| !matches!(c, '"' | '\0')).collect();
    format!("\"{plain}\"")
}
