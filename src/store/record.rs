//! Writing a decision: ticket, mail, facts, letters and keys, all of them or none.
//!
//! Keys that find a ticket (Message-IDs, foreign ids) stay with the ticket that had them first. A helpdesk does not give
//! one id twice, so a second ticket with the same id is a local merge or a misreading; were the newest to win, one mail
//! that repeats a known id would draw the older ticket's mail to itself. Mail that carries our tag finds its ticket
//! whatever the foreign id says, so the second ticket is still reached. The ticket itself keeps every id as given.

use jiff::Timestamp;
use rusqlite::Connection;
use sha2::{Digest as _, Sha256};

use super::batch::Batch;
use super::cells::{self, execute, micros, own_id, sql_count, sql_id, to_json};
use super::error::{Fault, StoreError};
use super::rows::MailNumber;
use super::{interface, known, sql};
use crate::desk::decision::{Decision, Outbound, Verdict};
use crate::desk::event::Event;
use crate::desk::ticket::{Ticket, TicketId};
use crate::desk::trail::Reason;
use crate::mail::{Address, Digest, Mail};

/// What is to be kept of one input.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    pub now: Timestamp,
    /// The mail; `None` for a person's order or a timer.
    pub taken: Option<Taken<'a>>,
    pub decision: &'a Decision,
    /// The mails of `decision.outbound`, composed, in the same order.
    pub letters: &'a [Letter<'a>],
}

/// A mail that was taken in.
#[derive(Clone, Copy, Debug)]
pub struct Taken<'a> {
    /// Name of the source, and what the mail is called there.
    pub source: &'a str,
    pub identity: &'a str,
    pub raw: &'a [u8],
    pub mail: &'a Mail,
    /// Print of sender and text, by which a repeat is known.
    pub body_print: Option<&'a Digest>,
    pub sender: Option<&'a Address>,
}

/// A mail of ours, composed.
#[derive(Clone, Copy, Debug)]
pub struct Letter<'a> {
    pub outbound: &'a Outbound,
    /// From when on it may go out.
    pub due: Timestamp,
    /// CRLF line ends. These very bytes go out, however often it takes.
    pub bytes: &'a [u8],
}

impl Batch<'_> {
    /// Keeps a decision, all of it or nothing. The number is that of the mail, where there is one.
    ///
    /// A mail whose bytes are there already is an error: [`look`](Self::look) tells it, and then
    /// [`sighting`](Self::sighting) is the call. A new ticket must have the number that the snapshot named. A letter
    /// that was queued before (same Message-ID, same recipient) is not queued again.
    pub fn record(&mut self, record: &Record<'_>) -> Result<Option<MailNumber>, StoreError> {
        self.item(|batch| {
            batch.call(|conn| {
                let ticket = write_ticket(conn, record)?;
                let mail = record.taken.as_ref().map(|taken| write_mail(conn, record, taken)).transpose()?;
                write_rest(conn, record, ticket, mail)?;
                mail.map(|mail| cells::number("id", mail).map(MailNumber)).transpose()
            })
        })?
    }

    /// Keeps a new decision about a mail that is there (a retry out of quarantine). `record.taken` plays no part.
    ///
    /// The inquiry for such a decision leaves out digest and fingerprint, or the mail would find itself.
    pub fn record_again(&mut self, mail: MailNumber, record: &Record<'_>) -> Result<(), StoreError> {
        self.item(|batch| {
            batch.call(|conn| {
                let ticket = write_ticket(conn, record)?;
                let id = own_id("mail", mail.0)?;
                let (trail, understood) = reasons(record.decision)?;
                let values = (id, record.decision.verdict.word(), ticket_of_mail(record.decision), trail, understood);
                match execute(conn, sql::MAIL_DECIDED, values)? {
                    0 => Err(Fault::NotFound(format!("mail {mail}"))),
                    _ => write_rest(conn, record, ticket, Some(id)),
                }
            })
        })?
    }
}

impl Batch<'_> {
    /// Whether a mail was queued before, whatever became of it.
    pub fn has_letter(&mut self, outbound: &Outbound) -> Result<bool, StoreError> {
        let key = key_of(outbound);
        self.call(|conn| Ok(cells::value_or_none::<i64, _>(conn, sql::OUTBOX_BY_KEY, [&key])?.is_some()))
    }
}

fn write_ticket(conn: &Connection, record: &Record<'_>) -> Result<Option<i64>, Fault> {
    let Some(ticket) = &record.decision.ticket else { return Ok(None) };
    let id = own_id("ticket", ticket.id.0)?;
    if put_ticket(conn, sql::TICKET_CHANGED, id, ticket)? == 0 {
        if execute(conn, sql::NEXT_TICKET_TAKEN, [id])? == 0 {
            return Err(Fault::Misused(format!("ticket {id} does not exist and is not the next number")));
        }
        put_ticket(conn, sql::TICKET_NEW, id, ticket)?;
    }
    if let Some(unit) = ticket.unit.as_ref().filter(|_| ticket.probe) {
        execute(conn, sql::PROBE_SET, (id, &unit.0, ticket.status.words()))?;
    }
    write_links(conn, id, ticket)?;
    if let Some(watched) = &ticket.watched {
        execute(conn, sql::WATCHED_SET, (watched.key(), id))?;
    }
    for (unit, foreign_id) in ticket.foreign_keys() {
        execute(conn, sql::FOREIGN_ID_NEW, (&unit.0, &foreign_id, id))?;
    }
    known::note(conn, id, ticket, record.decision)?;
    Ok(Some(id))
}

fn write_links(conn: &Connection, id: i64, ticket: &Ticket) -> Result<(), Fault> {
    execute(conn, sql::LINKS_GONE, [id])?;
    for (kind, other) in [("master", ticket.master), ("merged", ticket.merged_into), ("parent", ticket.parent)] {
        if let Some(other) = other {
            execute(conn, sql::LINK_NEW, (id, kind, own_id("ticket", other.0)?))?;
        }
    }
    Ok(())
}

/// What a fact leaves to be done in other tickets is kept with it.
fn rouse(conn: &Connection, ticket: i64, event: &Event, now: Timestamp) -> Result<(), Fault> {
    match event {
        Event::Merged { into } => {
            execute(conn, sql::ROUSE, (own_id("ticket", into.0)?, micros(now)))?;
            execute(conn, sql::ROUSE_SLAVES, (ticket, micros(now))).map(drop)
        }
        Event::Solved { .. } | Event::Unanswered | Event::Unsolved { .. } => {
            execute(conn, sql::ROUSE_SLAVES, (ticket, micros(now))).map(drop)
        }
        _ => Ok(()),
    }
}

pub(super) fn put_ticket(conn: &Connection, text: &str, id: i64, ticket: &Ticket) -> Result<usize, Fault> {
    let values = rusqlite::params![
        id,
        ticket.status.words(),
        ticket.status.is_open(),
        ticket.kind.words(),
        ticket.priority.words(),
        ticket.unit.as_ref().map(|unit| &unit.0),
        ticket.site,
        ticket.vo,
        ticket.submitter.address.as_str(),
        ticket.subject,
        micros(ticket.created),
        micros(ticket.changed),
        ticket.redacted.filter(|at| *at >= ticket.changed).map(micros),
        to_json("ticket", ticket)?,
        ticket.clock.due.map(micros),
    ];
    execute(conn, text, values)
}

fn write_mail(conn: &Connection, record: &Record<'_>, taken: &Taken<'_>) -> Result<i64, Fault> {
    let mail = taken.mail;
    let (trail, understood) = reasons(record.decision)?;
    let values = rusqlite::params![
        mail.digest.0,
        mail.fingerprint.as_ref().map(|print| &print.0),
        taken.source,
        taken.identity,
        mail.message_id.as_ref().map(|id| id.as_str()),
        taken.sender.map(Address::as_str),
        mail.subject,
        micros(record.now),
        sql_count(taken.raw.len()),
        taken.body_print.map(|print| &print.0),
        record.decision.verdict.word(),
        ticket_of_mail(record.decision),
        trail,
        understood,
    ];
    let id = conn.prepare_cached(sql::MAIL_NEW)?.insert(values)?;
    execute(conn, sql::MAIL_RAW_NEW, (id, taken.raw))?;
    execute(conn, sql::SIGHTING, (taken.identity, id, micros(record.now)))?;
    Ok(id)
}

fn reasons(decision: &Decision) -> Result<(String, String), Fault> {
    Ok((to_json("trail", &decision.trail)?, to_json("understanding", &decision.understood)?))
}

/// The ticket whose history shows the mail: the one that it made or changed, else the one that it names. A mail in
/// quarantine belongs to none until a person has looked.
fn ticket_of_mail(decision: &Decision) -> Option<i64> {
    let named = decision.understood.ticket.filter(|_| decision.verdict != Verdict::Quarantine);
    decision.ticket.as_ref().map(|ticket| ticket.id).or(named).and_then(|id| sql_id(id.0))
}

/// Everything that hangs on ticket and mail.
fn write_rest(conn: &Connection, record: &Record<'_>, ticket: Option<i64>, mail: Option<i64>) -> Result<(), Fault> {
    let place = mail.map(|mail| place(conn, mail)).transpose()?;
    if let Some((Some(ticket), Some(message_id))) = &place {
        execute(conn, sql::THREAD_NEW, (message_id, ticket))?;
    }
    let of_mail = place.and_then(|(ticket, _)| ticket);
    write_events(conn, record, ticket.or(of_mail), mail)?;
    interface::note(conn, record, ticket.or(of_mail), mail)?;
    if let Some(mail) = mail.filter(|_| record.decision.verdict == Verdict::Quarantine) {
        execute(conn, sql::QUARANTINE_NEW, (mail, micros(record.now), quarantine_reason(record.decision)))?;
    }
    if record.letters.len() != record.decision.outbound.len() {
        return Err(Fault::Misused("a decision without all of its letters".to_owned()));
    }
    record.letters.iter().try_for_each(|letter| write_letter(conn, letter, mail, record.now))
}

/// The ticket of a mail as the store has it, and its Message-ID.
fn place(conn: &Connection, mail: i64) -> Result<(Option<i64>, Option<String>), Fault> {
    let found = cells::row(conn, sql::MAIL_PLACE, [mail], |row| Ok((row.plain("ticket")?, row.plain("message_id")?)))?;
    found.ok_or_else(|| Fault::NotFound(format!("mail {mail}")))
}

fn write_events(conn: &Connection, record: &Record<'_>, ticket: Option<i64>, mail: Option<i64>) -> Result<(), Fault> {
    if record.decision.events.is_empty() {
        return Ok(());
    }
    let last: i64 = cells::value(conn, sql::EVENT_LAST, [ticket])?;
    for (n, (actor, event)) in (last + 1..).zip(&record.decision.events) {
        if let Event::Recognised { unit, recognised } = event {
            execute(conn, sql::RECOGNISED_SET, (&unit.0, to_json("recognised", recognised)?, mail))?;
        }
        if let Some(ticket) = ticket {
            rouse(conn, ticket, event, record.now)?;
        }
        let (actor, event) = (to_json("actor", actor)?, to_json("event", event)?);
        execute(conn, sql::EVENT_NEW, (ticket, n, micros(record.now), actor, event, mail))?;
    }
    Ok(())
}

fn quarantine_reason(decision: &Decision) -> String {
    let stated = decision.trail.iter().rev().find_map(|reason| match reason {
        Reason::Quarantined { because } => Some(because.clone()),
        _ => None,
    });
    stated.or_else(|| decision.trail.last().map(ToString::to_string)).unwrap_or_else(|| "no reason given".to_owned())
}

fn write_letter(conn: &Connection, letter: &Letter<'_>, mail: Option<i64>, now: Timestamp) -> Result<(), Fault> {
    let Outbound { ticket, recipient, to, template, subject, message_id, envelope_sender, .. } = letter.outbound;
    let key = key_of(letter.outbound);
    let values = rusqlite::params![
        key,
        ticket.and_then(|(TicketId(id), _)| sql_id(id)),
        ticket.map(|(_, number)| number),
        to_json("recipient", recipient)?,
        to.as_str(),
        to.key(),
        template.name(),
        subject,
        message_id.as_str(),
        envelope_sender.as_ref().map(Address::as_str),
        template.is_limited(),
        sql_count(letter.bytes.len()),
        micros(letter.due),
        micros(now),
        letter.outbound.parked,
        mail,
    ];
    if let Some(id) = cells::value_or_none::<i64, _>(conn, sql::OUTBOX_NEW, values)? {
        execute(conn, sql::OUTBOX_BYTES_NEW, (id, letter.bytes))?;
    } else if cells::value_or_none::<i64, _>(conn, sql::OUTBOX_BY_KEY, [&key])?.is_none() {
        return Err(Fault::Misused(format!("{message_id} has the number of another letter of its ticket")));
    }
    if let Some(ticket) = ticket.and_then(|(TicketId(id), _)| sql_id(id)) {
        execute(conn, sql::THREAD_NEW, (message_id.as_str(), ticket))?;
    }
    Ok(())
}

/// One letter to one recipient, however often it is decided.
fn key_of(outbound: &Outbound) -> String {
    let text = format!("{}\n{}", outbound.message_id.as_str(), outbound.to.key());
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}
