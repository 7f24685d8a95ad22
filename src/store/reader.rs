//! What people ask: listings, histories, counts. Every listing is bounded by its caller and never walks a table that it
//! does not print, save the list of all tickets, which comes in the order of their numbers.
//!
//! A [`Reader`] on a file has its own read-only connection: it blocks nobody and sees what was committed.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, ToSql, params_from_iter};

use super::cells::{self, Cells, micros, sql_count, sql_id};
use super::error::{Fault, StoreError};
use super::rows::{
    Counts, EventRow, HealthRow, HealthState, KeptMail, MailNumber, MessageRow, OutboxCount, OutboxFilter, OutboxId,
    OutboxLine, OutboxRow, OutboxState, QuarantineFilter, QuarantineRow, TicketFilter, TicketLine, UnitCounts,
};
use super::{lines, look, schema, sql};
use crate::desk::decision::Verdict;
use crate::desk::policy::UnitName;
use crate::desk::recognise::Recognised;
use crate::desk::ticket::{Status, Ticket, TicketId};
use crate::mail::Digest;

/// Parts of a daemon that are shown; there are never so many.
const MOST_HEALTHS: usize = 1_000;

/// Units of one desk; there are never so many.
pub(super) const MOST_UNITS: usize = 10_000;

/// Problems that an integrity check tells at once.
const MOST_PROBLEMS: u32 = 20;

/// Said of mails whose bytes are gone.
pub(super) const WITHOUT_TEXT: &str = "without its text: it was redacted, or its time was over (`[retention]`)";

/// A read-only look into the store.
pub struct Reader {
    conn: Connection,
    file: String,
    /// SQLite has found the file damaged.
    damaged: OnceCell<StoreError>,
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reader({})", self.file)
    }
}

impl Reader {
    /// Opens the store in a file, which must be there and up to date.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        Ok(Self::over(schema::open_reader(path)?, path.display().to_string()))
    }

    pub(super) fn over(conn: Connection, file: String) -> Self {
        Self { conn, file, damaged: OnceCell::new() }
    }

    pub(super) fn conn(&self) -> &Connection {
        &self.conn
    }

    pub(super) fn file(&self) -> &str {
        &self.file
    }

    pub(super) fn fault(&self, error: rusqlite::Error) -> StoreError {
        self.told(error.into())
    }

    /// The error that a caller sees.
    pub(super) fn told(&self, fault: Fault) -> StoreError {
        let is_damage = fault.is_damage();
        let error = fault.at(&self.file);
        if is_damage {
            self.damaged.get_or_init(|| error.clone());
        }
        error
    }

    /// Why nothing more may be written into the file.
    pub(super) fn damaged(&self) -> Option<&StoreError> {
        self.damaged.get()
    }

    /// Does a call's look-ups on one state of the store.
    pub(super) fn ask<T>(&self, work: impl FnOnce(&Connection) -> Result<T, Fault>) -> Result<T, StoreError> {
        let look = || -> Result<T, Fault> {
            // Within a batch the transaction is there already.
            let transaction = self.conn.is_autocommit().then(|| self.conn.unchecked_transaction()).transpose()?;
            let found = work(&self.conn)?;
            transaction.map_or(Ok(()), rusqlite::Transaction::commit)?;
            Ok(found)
        };
        look().map_err(|fault| self.told(fault))
    }

    /// Tickets, the newest first.
    pub fn tickets(&self, filter: &TicketFilter, most: usize) -> Result<Vec<TicketLine>, StoreError> {
        self.ask(|conn| {
            let (text, mut values) = tickets_query(filter);
            values.push(Box::new(sql_count(most)));
            cells::rows(conn, &text, params_from_iter(values), lines::ticket_line)
        })
    }

    /// A ticket, whole.
    pub fn ticket(&self, id: TicketId) -> Result<Option<Ticket>, StoreError> {
        self.ask(|conn| look::ticket(conn, id))
    }

    /// The facts of a ticket, the oldest first.
    pub fn history(&self, id: TicketId, most: usize) -> Result<Vec<EventRow>, StoreError> {
        self.ask(|conn| cells::rows(conn, sql::EVENTS, (sql_id(id.0), sql_count(most)), lines::event_row))
    }

    /// The mails of a ticket both ways, the oldest first; of more than `most` the latest.
    pub fn mails_of(&self, id: TicketId, most: usize) -> Result<Vec<MessageRow>, StoreError> {
        self.ask(|conn| {
            let key = (sql_id(id.0), sql_count(most));
            let mut messages: Vec<MessageRow> = cells::rows(conn, sql::MAILS_OF_TICKET, key, lines::mail_line)?
                .into_iter()
                .map(lines::received)
                .collect();
            messages.extend(
                cells::rows(conn, sql::OUTBOX_OF_TICKET, key, lines::outbox_line)?.into_iter().map(lines::written),
            );
            // What a mail caused bears the mail's own time, so the mail comes first.
            messages.sort_by_key(|message| (message.at, message.mail.is_none(), message.mail, message.outbox));
            Ok(messages.split_off(messages.len().saturating_sub(most)))
        })
    }

    /// A mail that was taken in, with its bytes.
    pub fn mail(&self, number: MailNumber) -> Result<Option<KeptMail>, StoreError> {
        self.ask(|conn| {
            let Some(id) = sql_id(number.0) else { return Ok(None) };
            let Some(line) = cells::row(conn, sql::MAIL, [id], lines::mail_line)? else { return Ok(None) };
            let reasons = |row: &Cells<'_>| Ok((row.json("trail")?, row.json("understood")?));
            let (trail, understood) = cells::row(conn, sql::MAIL_REASONS, [id], reasons)?.unwrap_or_default();
            let raw = cells::value_or_none(conn, sql::MAIL_RAW, [id])?;
            let raw = raw.ok_or_else(|| Fault::Refused(format!("mail {number} is kept {WITHOUT_TEXT}")))?;
            Ok(Some(KeptMail { line, trail, understood, raw }))
        })
    }

    /// The mails that opened tickets since a time, the oldest first.
    pub fn opening(&self, since: Timestamp, most: usize) -> Result<Vec<MailNumber>, StoreError> {
        self.ask(|conn| {
            let key = (micros(since), sql_count(most));
            cells::rows(conn, sql::MAILS_OPENING, key, |row| row.number("id").map(MailNumber))
        })
    }

    /// The number of the mail with these bytes.
    pub fn mail_by_digest(&self, digest: &Digest) -> Result<Option<MailNumber>, StoreError> {
        self.ask(|conn| cells::row(conn, sql::MAIL_BY_DIGEST, [&digest.0], |row| row.number("id").map(MailNumber)))
    }

    /// Mails of ours, the newest first, without their bytes.
    pub fn outbox(&self, filter: &OutboxFilter, most: usize) -> Result<Vec<OutboxLine>, StoreError> {
        let most = sql_count(most);
        self.ask(|conn| match (filter.ticket, filter.state) {
            (Some(ticket), state) => {
                let of_ticket = cells::rows(conn, sql::OUTBOX_OF_TICKET, (sql_id(ticket.0), most), lines::outbox_line)?;
                Ok(of_ticket.into_iter().filter(|line| state.is_none_or(|state| line.state == state)).collect())
            }
            (None, Some(state)) => cells::rows(conn, sql::OUTBOX_IN_STATE, (state.word(), most), lines::outbox_line),
            (None, None) => cells::rows(conn, sql::OUTBOX_NEWEST, [most], lines::outbox_line),
        })
    }

    /// One mail of ours, with its bytes.
    pub fn outbox_row(&self, id: OutboxId) -> Result<Option<OutboxRow>, StoreError> {
        self.ask(|conn| sql_id(id.0).map_or(Ok(None), |id| lines::outbox_row(conn, id)))
    }

    /// Mails in quarantine, the newest first.
    pub fn quarantine(&self, filter: QuarantineFilter, most: usize) -> Result<Vec<QuarantineRow>, StoreError> {
        let text = match filter {
            QuarantineFilter::All => sql::QUARANTINE_ALL,
            QuarantineFilter::Open => sql::QUARANTINE_OPEN,
        };
        self.ask(|conn| cells::rows(conn, text, [sql_count(most)], lines::quarantine_row))
    }

    /// How many mails wait in quarantine.
    pub fn quarantine_count(&self) -> Result<u64, StoreError> {
        self.ask(|conn| count(conn, sql::QUARANTINE_COUNT, []))
    }

    /// The latest report of each part, by name.
    pub fn healths(&self) -> Result<Vec<HealthRow>, StoreError> {
        self.ask(|conn| {
            cells::rows(conn, sql::HEALTHS, [sql_count(MOST_HEALTHS)], |row| {
                Ok(HealthRow {
                    part: row.plain("part")?,
                    state: row.word("state", HealthState::from_word)?,
                    text: row.plain("text")?,
                    at: row.time("at")?,
                    since: row.time("since")?,
                    told: row.time_or_none("told")?,
                })
            })
        })
    }

    /// Mails that wait after an attempt failed, the oldest first.
    pub fn failed_letters(&self, most: usize) -> Result<Vec<OutboxLine>, StoreError> {
        self.ask(|conn| cells::rows(conn, sql::OUTBOX_FAILED, [sql_count(most)], lines::outbox_line))
    }

    /// Tickets whose steps fall due next, and when.
    pub fn next_steps(&self, most: usize) -> Result<Vec<(TicketId, Timestamp)>, StoreError> {
        let read = |row: &Cells<'_>| Ok((TicketId(row.number("id")?), row.time("due")?));
        self.ask(|conn| cells::rows(conn, sql::TICKETS_NEXT, [sql_count(most)], read))
    }

    /// The latest test ticket of a unit.
    pub fn last_probe(&self, unit: &UnitName) -> Result<Option<TicketId>, StoreError> {
        self.ask(|conn| cells::row(conn, sql::PROBE_LAST, [&unit.0], |row| row.number("ticket").map(TicketId)))
    }

    /// The store in numbers. Tests of units don't count.
    pub fn counts(&self, now: Timestamp) -> Result<Counts, StoreError> {
        let day_ago = now.saturating_sub(SignedDuration::from_hours(24)).unwrap_or(Timestamp::MIN);
        self.ask(|conn| {
            Ok(Counts {
                tickets: by_status(|status| {
                    let key = [status.words()];
                    Ok(count(conn, sql::TICKET_COUNT, key)?.saturating_sub(count(conn, sql::PROBE_COUNT, key)?))
                })?,
                outbox: OutboxState::ALL
                    .into_iter()
                    .map(|state| Ok((state, outbox_count(conn, state)?)))
                    .collect::<Result<_, Fault>>()?,
                held: cells::rows(conn, sql::OUTBOX_HELD, [sql_count(MOST_UNITS)], lines::held_back)?,
                quarantine: count(conn, sql::QUARANTINE_COUNT, [])?,
                mails: verdicts_since(conn, day_ago)?,
            })
        })
    }

    /// What is known of the dialects of units for which none is set.
    pub fn recognised(&self) -> Result<BTreeMap<UnitName, Recognised>, StoreError> {
        self.ask(|conn| {
            let read = |row: &Cells<'_>| Ok((UnitName(row.plain("unit")?), row.json("known")?));
            Ok(cells::rows(conn, sql::RECOGNISED_ALL, [sql_count(MOST_UNITS)], read)?.into_iter().collect())
        })
    }

    /// A unit's tickets in numbers. Tests don't count.
    pub fn unit_counts(&self, unit: &UnitName) -> Result<UnitCounts, StoreError> {
        self.ask(|conn| {
            let mut by_status = by_status(|status| {
                let key = (&unit.0, status.words());
                Ok(count(conn, sql::UNIT_COUNT, key)?.saturating_sub(count(conn, sql::UNIT_PROBE_COUNT, key)?))
            })?;
            by_status.retain(|_, count| *count > 0);
            let open = by_status.iter().filter(|(status, _)| status.is_open()).map(|(_, count)| count).sum();
            Ok(UnitCounts { unit: unit.clone(), open, by_status })
        })
    }

    /// Reads the whole file and compares every index with its table. Takes its time on a large store, so nothing does
    /// it by itself.
    pub fn check_integrity(&self) -> Result<(), StoreError> {
        let problems = self.ask(|conn| {
            let check = format!("PRAGMA integrity_check({MOST_PROBLEMS})");
            let mut found = cells::rows(conn, &check, [], |row| Ok(row.0.get::<_, String>(0)?))?;
            found.retain(|line| line != "ok");
            let dangling = cells::rows(conn, "PRAGMA foreign_key_check", [], |row| {
                Ok(format!("a row of table {} refers to nothing", row.0.get::<_, String>(0)?))
            })?;
            found.extend(dangling.into_iter().take(MOST_PROBLEMS as usize));
            Ok(found)
        })?;
        match problems.first() {
            Some(first) => {
                Err(Fault::Unreadable(format!("{} problems, the first: {first}", problems.len())).at(&self.file))
            }
            None => Ok(()),
        }
    }

    /// How SQLite would run a statement.
    #[cfg(test)]
    pub(super) fn plan(&self, text: &str) -> Vec<String> {
        let mut statement = self.conn.prepare(&format!("EXPLAIN QUERY PLAN {text}")).unwrap();
        (1..=statement.parameter_count()).for_each(|place| statement.raw_bind_parameter(place, 1).unwrap());
        let mut rows = statement.raw_query();
        let mut lines = Vec::new();
        while let Some(row) = rows.next().unwrap() {
            lines.push(row.get("detail").unwrap());
        }
        lines
    }
}

type Values = Vec<Box<dyn ToSql>>;

/// The one statement that is put together: a condition per field of the filter, the limit last.
fn tickets_query(filter: &TicketFilter) -> (String, Values) {
    let mut conditions = Vec::new();
    let mut values: Values = Vec::new();
    if let Some(status) = filter.status {
        conditions.push("status = ?");
        values.push(Box::new(status.words()));
    }
    if filter.open {
        conditions.push("open = 1");
    }
    let names = [
        ("unit = ?", filter.unit.as_ref().map(|unit| &unit.0)),
        ("site = ?", filter.site.as_ref()),
        ("vo = ?", filter.vo.as_ref()),
        ("submitter = ? COLLATE NOCASE", filter.submitter.as_ref()),
    ];
    for (condition, name) in names {
        if let Some(name) = name {
            conditions.push(condition);
            values.push(Box::new(name.clone()));
        }
    }
    let place = if conditions.is_empty() { String::new() } else { format!("WHERE {} ", conditions.join(" AND ")) };
    let text = format!(
        "SELECT id, subject, status, priority, kind, vo, site, unit, submitter, created, changed FROM ticket \
         {place}ORDER BY id DESC LIMIT ?"
    );
    (text, values)
}

pub(super) fn count<P: rusqlite::Params>(conn: &Connection, text: &str, key: P) -> Result<u64, Fault> {
    cells::number("count", cells::value(conn, text, key)?)
}

fn by_status(count: impl Fn(Status) -> Result<u64, Fault>) -> Result<BTreeMap<Status, u64>, Fault> {
    Status::ALL.into_iter().map(|status| Ok((status, count(status)?))).collect()
}

fn outbox_count(conn: &Connection, state: OutboxState) -> Result<OutboxCount, Fault> {
    let read = |row: &Cells<'_>| {
        let oldest: Option<i64> = row.0.get(1)?;
        let oldest = oldest.map(|at| cells::time("created", at)).transpose()?;
        Ok(OutboxCount { count: cells::number("count", row.0.get(0)?)?, oldest })
    };
    Ok(cells::row(conn, sql::OUTBOX_COUNT, [state.word()], read)?.unwrap_or(OutboxCount { count: 0, oldest: None }))
}

fn verdicts_since(conn: &Connection, since: Timestamp) -> Result<BTreeMap<Verdict, u64>, Fault> {
    let all = [Verdict::Absorb, Verdict::Append, Verdict::Open, Verdict::Quarantine, Verdict::Report];
    let mut counts: BTreeMap<Verdict, u64> = all.into_iter().map(|verdict| (verdict, 0)).collect();
    let found = cells::rows(conn, sql::MAIL_COUNT, [micros(since)], |row| {
        Ok((row.word("verdict", Verdict::from_word)?, cells::number("count", row.0.get(1)?)?))
    })?;
    counts.extend(found);
    Ok(counts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;

    /// Every combination of the filter's fields.
    fn filters() -> impl Iterator<Item = TicketFilter> {
        (0..64_u8).map(|bits| TicketFilter {
            status: (bits & 1 > 0).then_some(Status::New),
            open: bits & 2 > 0,
            unit: (bits & 4 > 0).then(|| "ROC_Italy".into()),
            site: (bits & 8 > 0).then(|| "INFN-T1".to_owned()),
            vo: (bits & 16 > 0).then(|| "atlas".to_owned()),
            submitter: (bits & 32 > 0).then(|| "anna@lab.example".to_owned()),
        })
    }

    #[test]
    fn every_list_of_tickets_comes_out_of_an_index_in_order() {
        let store = Store::in_memory().unwrap();
        for filter in filters() {
            let plan = store.reader().plan(&tickets_query(&filter).0);
            // Without a filter it is the newest tickets, taken from the end of the table.
            let step = if filter == TicketFilter::default() { "SCAN ticket" } else { "SEARCH ticket USING INDEX" };
            assert!(plan.len() == 1 && plan[0].starts_with(step), "{filter:?}: {plan:?}");
        }
    }
}
