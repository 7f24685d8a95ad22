//! The snapshot: everything that deciding may know about one inquiry, looked up by key.
//!
//! At most [`Inquiry::MOST_KEYS`] keys of each kind are looked at; a mail that names more is read up to there.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::Connection;

use super::cells::{self, Cells, micros, sql_id};
use super::error::Fault;
use super::{known, redact, sql};
use crate::desk::decision::Verdict;
use crate::desk::inquiry::{Inquiry, Letter, Prior, Snapshot};
use crate::desk::policy::UnitName;
use crate::desk::recognise::Recognised;
use crate::desk::ticket::{Ticket, TicketId};
use crate::mail::{Digest, MessageId};

/// Longest way from a merged ticket to the one that survives.
const LONGEST_WAY: usize = 8;
const MOST: usize = Inquiry::MOST_KEYS;

pub(super) fn look(conn: &Connection, inquiry: &Inquiry) -> Result<Snapshot, Fault> {
    let threads = threads(conn, &inquiry.message_ids)?;
    let foreign_ids = foreign_ids(conn, &inquiry.foreign_ids)?;
    let letters = letters(conn, &inquiry.letters)?;
    let mut named: BTreeSet<TicketId> = inquiry.tickets.iter().take(MOST).copied().collect();
    named.extend(threads.values());
    named.extend(foreign_ids.values());
    let watched = match &inquiry.watched {
        Some(what) => cells::row(conn, sql::WATCHED, [what], ticket_of)?,
        None => None,
    };
    named.extend(watched);
    named.extend(letters.keys().map(|(ticket, _)| *ticket));
    let mut tickets = tickets(conn, &named)?;
    survivors(conn, &mut tickets)?;
    Ok(Snapshot {
        prior: prior(conn, inquiry)?,
        answers_to_correspondent: answers_to(conn, inquiry)?,
        answers_in_ticket: answers_in(conn, inquiry, tickets.keys())?,
        repeats: repeats(conn, inquiry)?,
        recognised: recognised(conn, inquiry)?,
        watched,
        known: known::look(conn, inquiry.known.as_ref(), &tickets)?,
        next_ticket: TicketId(cells::number("next", cells::value(conn, sql::NEXT_TICKET, [])?)?),
        tickets,
        threads,
        foreign_ids,
        letters,
    })
}

pub(super) fn ticket(conn: &Connection, id: TicketId) -> Result<Option<Ticket>, Fault> {
    let Some(number) = sql_id(id.0) else { return Ok(None) };
    let whole: Option<String> = cells::value_or_none(conn, sql::TICKET, [number])?;
    whole.map(|whole| cells::from_json(&format!("ticket {id}"), &whole)).transpose()
}

/// The same bytes; else the earliest mail that is known to be the same.
fn prior(conn: &Connection, inquiry: &Inquiry) -> Result<Option<Prior>, Fault> {
    let ask = |text: &str, key: &Option<Digest>| match key {
        Some(key) => cells::row(conn, text, [&key.0], |row| {
            Ok(Prior { verdict: row.word("verdict", Verdict::from_word)?, ticket: row.ticket_or_none("ticket")? })
        }),
        None => Ok(None),
    };
    match ask(sql::MAIL_BY_DIGEST, &inquiry.digest)? {
        Some(prior) => Ok(Some(prior)),
        None => ask(sql::MAIL_BY_FINGERPRINT, &inquiry.fingerprint),
    }
}

fn threads(conn: &Connection, ids: &BTreeSet<MessageId>) -> Result<BTreeMap<MessageId, TicketId>, Fault> {
    let mut found = BTreeMap::new();
    for id in ids.iter().take(MOST) {
        // The id of a redacted ticket first: it was there before anybody could use it again.
        let hidden = cells::row(conn, sql::THREAD, [&redact::hidden(id.as_str())], ticket_of)?;
        let ticket = match hidden {
            Some(ticket) => Some(ticket),
            None => cells::row(conn, sql::THREAD, [id.as_str()], ticket_of)?,
        };
        if let Some(ticket) = ticket {
            found.insert(id.clone(), ticket);
        }
    }
    Ok(found)
}

type ForeignKey = (UnitName, String);

fn foreign_ids(conn: &Connection, keys: &BTreeSet<ForeignKey>) -> Result<BTreeMap<ForeignKey, TicketId>, Fault> {
    let mut found = BTreeMap::new();
    for (unit, id) in keys.iter().take(MOST) {
        if let Some(ticket) = cells::row(conn, sql::FOREIGN_ID, [&unit.0, id], ticket_of)? {
            found.insert((unit.clone(), id.clone()), ticket);
        }
    }
    Ok(found)
}

fn ticket_of(row: &Cells<'_>) -> Result<TicketId, Fault> {
    row.number("ticket").map(TicketId)
}

type LetterKey = (TicketId, u32);

fn letters(conn: &Connection, keys: &BTreeSet<LetterKey>) -> Result<BTreeMap<LetterKey, Letter>, Fault> {
    let mut found = BTreeMap::new();
    for key in keys.iter().take(MOST) {
        let Some(ticket) = sql_id(key.0.0) else { continue };
        let letter = cells::row(conn, sql::LETTER, (ticket, key.1), |row| {
            Ok(Letter {
                recipient: row.json("recipient")?,
                to: row.address("address")?,
                message_id: row.message_id("message_id")?,
            })
        })?;
        found.extend(letter.map(|letter| (*key, letter)));
    }
    Ok(found)
}

fn tickets(conn: &Connection, ids: &BTreeSet<TicketId>) -> Result<BTreeMap<TicketId, Ticket>, Fault> {
    let mut found = BTreeMap::new();
    for id in ids {
        found.extend(ticket(conn, *id)?.map(|ticket| (*id, ticket)));
    }
    Ok(found)
}

/// What merged tickets go on in.
fn survivors(conn: &Connection, tickets: &mut BTreeMap<TicketId, Ticket>) -> Result<(), Fault> {
    for _ in 0..LONGEST_WAY {
        let next = tickets.values().filter_map(|ticket| ticket.merged_into).filter(|id| !tickets.contains_key(id));
        let next: BTreeSet<TicketId> = next.collect();
        if next.is_empty() {
            break;
        }
        for id in next {
            tickets.extend(ticket(conn, id)?.map(|ticket| (id, ticket)));
        }
    }
    Ok(())
}

fn answers_to(conn: &Connection, inquiry: &Inquiry) -> Result<u32, Fault> {
    match &inquiry.correspondent {
        Some(address) => Ok(cells::value(conn, sql::ANSWERS_TO, (address.key(), micros(inquiry.hour_ago)))?),
        None => Ok(0),
    }
}

fn answers_in<'a>(
    conn: &Connection,
    inquiry: &Inquiry,
    tickets: impl Iterator<Item = &'a TicketId>,
) -> Result<BTreeMap<TicketId, u32>, Fault> {
    let mut counts = BTreeMap::new();
    for id in tickets {
        let since = micros(inquiry.hour_ago);
        counts.insert(*id, cells::value(conn, sql::ANSWERS_IN, (sql_id(id.0), since))?);
    }
    Ok(counts)
}

fn recognised(conn: &Connection, inquiry: &Inquiry) -> Result<Option<Recognised>, Fault> {
    let Some(unit) = &inquiry.recognised else { return Ok(None) };
    cells::row(conn, sql::RECOGNISED, [&unit.0], |row| row.json("known"))
}

fn repeats(conn: &Connection, inquiry: &Inquiry) -> Result<BTreeSet<TicketId>, Fault> {
    match &inquiry.body_print {
        Some(print) => {
            let key = (&print.0, micros(inquiry.repeats_since), cells::sql_count(MOST));
            Ok(cells::rows(conn, sql::REPEATS, key, ticket_of)?.into_iter().collect())
        }
        None => Ok(BTreeSet::new()),
    }
}
