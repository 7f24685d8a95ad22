//! How far each unit's helpdesk has come with the desk, kept beside the facts as they are written, so that nobody need
//! look through all tickets. Each step of a ticket counts once, at its first time.

use jiff::Timestamp;
use rusqlite::Connection;
use serde::Serialize;

use super::cells::{self, Cells, execute, micros, sql_id};
use super::error::{Fault, StoreError};
use super::reader::Reader;
use super::record::Record;
use super::{lines, sql};
use crate::desk::decision::{Recipient, Template};
use crate::desk::event::{Actor, Event};
use crate::desk::policy::UnitName;
use crate::mail::report::{Delivery, Report};

/// A unit's interface in numbers: tickets that came so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Interface {
    /// When its proven mail last came.
    pub heard: Option<Timestamp>,
    /// The relay took the dispatch.
    pub delivered: u64,
    /// A proven mail of the unit came back.
    pub answered: u64,
    /// Its helpdesk told its own id.
    pub acknowledged: u64,
    /// The unit ended it by mail.
    pub solved: u64,
    /// Mail to the unit could not be delivered, for good.
    pub bounced: u64,
    /// Its address fails: since then nothing was heard.
    pub failing: Option<Failing>,
}

/// The last failure of a unit's address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Failing {
    pub at: Timestamp,
    pub why: String,
}

impl Reader {
    /// How far a unit has come.
    pub fn interface(&self, unit: &UnitName) -> Result<Interface, StoreError> {
        self.ask(|conn| {
            let count = |text| cells::number("count", cells::value(conn, text, [&unit.0])?);
            let (heard, failing) = cells::row(conn, sql::INTERFACE, [&unit.0], last_news)?.unwrap_or_default();
            Ok(Interface {
                heard,
                failing,
                delivered: count(sql::LEGS_DELIVERED)?,
                answered: count(sql::LEGS_ANSWERED)?,
                acknowledged: count(sql::LEGS_ACKNOWLEDGED)?,
                solved: count(sql::LEGS_SOLVED)?,
                bounced: count(sql::LEGS_BOUNCED)?,
            })
        })
    }
}

fn last_news(row: &Cells<'_>) -> Result<(Option<Timestamp>, Option<Failing>), Fault> {
    let (heard, failed) = (row.time_or_none("heard")?, row.time_or_none("failed")?);
    let failing = failed.filter(|failed| heard.is_none_or(|heard| heard < *failed));
    let why = row.plain("failure")?;
    Ok((heard, failing.map(|at| Failing { at, why })))
}

/// What a record tells about units: whose mail came, and which steps its facts are.
pub(super) fn note(
    conn: &Connection,
    record: &Record<'_>,
    ticket: Option<i64>,
    mail: Option<i64>,
) -> Result<(), Fault> {
    let now = micros(record.now);
    if let Some((Actor::Unit(unit), _)) = &record.decision.understood.speaker
        && mail.is_some()
    {
        execute(conn, sql::INTERFACE_HEARD, (&unit.0, now))?;
        step(conn, sql::LEG_ANSWERED, unit, ticket, now)?;
    }
    for (actor, event) in &record.decision.events {
        match (actor, event) {
            (_, Event::Acknowledged { unit, .. }) => step(conn, sql::LEG_ACKNOWLEDGED, unit, ticket, now)?,
            (Actor::Unit(unit), Event::Solved { .. } | Event::Unsolved { .. }) => {
                step(conn, sql::LEG_SOLVED, unit, ticket, now)?;
            }
            (_, Event::DeliveryFailed { number, report, .. }) if report.delivery == Delivery::Failed => {
                failed(conn, ticket, *number, report, now)?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// The relay has taken a mail: a step, where it was a dispatch to a unit.
pub(super) fn delivered(conn: &Connection, outbox: i64, now: Timestamp) -> Result<(), Fault> {
    let Some(line) = cells::row(conn, sql::OUTBOX_ROW, [outbox], lines::outbox_line)? else { return Ok(()) };
    match (&line.recipient, line.template) {
        (Recipient::Unit(unit), Template::Dispatch) => {
            let ticket = line.ticket.and_then(|ticket| sql_id(ticket.0));
            step(conn, sql::LEG_DELIVERED, unit, ticket, micros(now))
        }
        _ => Ok(()),
    }
}

fn failed(conn: &Connection, ticket: Option<i64>, number: u32, report: &Report, now: i64) -> Result<(), Fault> {
    let recipient = |row: &Cells<'_>| row.json::<Recipient>("recipient");
    let Some(Recipient::Unit(unit)) = cells::row(conn, sql::LETTER, (ticket, number), recipient)? else {
        return Ok(());
    };
    execute(conn, sql::INTERFACE_FAILED, (&unit.0, now, report.why()))?;
    step(conn, sql::LEG_BOUNCED, &unit, ticket, now)
}

fn step(conn: &Connection, text: &str, unit: &UnitName, ticket: Option<i64>, now: i64) -> Result<(), Fault> {
    match ticket {
        Some(ticket) => execute(conn, text, (&unit.0, ticket, now)).map(drop),
        None => Ok(()),
    }
}
