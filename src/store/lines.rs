//! Rows as they come out of the statements of `sql.rs`, made into the structs of `rows.rs`.

use jiff::Timestamp;
use rusqlite::Connection;

use super::cells::{self, Cells};
use super::error::Fault;
use super::outbox::UNTIL_RELEASED;
use super::reader::WITHOUT_TEXT;
use super::rows::{
    Direction, EventRow, HeldBack, MailLine, MailNumber, MessageRow, OutboxId, OutboxLine, OutboxRow, OutboxState,
    QuarantineRow, Resolution, TicketLine,
};
use super::sql;
use crate::desk::decision::{Template, Verdict};
use crate::desk::policy::UnitName;
use crate::desk::ticket::{Status, TicketId};
use crate::mail::{Address, Digest, MessageId};

pub(super) fn ticket_line(row: &Cells<'_>) -> Result<TicketLine, Fault> {
    Ok(TicketLine {
        id: TicketId(row.number("id")?),
        subject: row.plain("subject")?,
        status: row.word("status", Status::from_words)?,
        priority: row.plain("priority")?,
        kind: row.plain("kind")?,
        vo: row.plain("vo")?,
        site: row.plain("site")?,
        unit: row.plain::<Option<String>>("unit")?.map(UnitName),
        submitter: row.plain("submitter")?,
        created: row.time("created")?,
        changed: row.time("changed")?,
    })
}

pub(super) fn event_row(row: &Cells<'_>) -> Result<EventRow, Fault> {
    Ok(EventRow {
        n: row.number("n")?,
        at: row.time("at")?,
        actor: row.json("actor")?,
        event: row.json("event")?,
        mail: row.number_or_none("mail")?.map(MailNumber),
    })
}

pub(super) fn mail_line(row: &Cells<'_>) -> Result<MailLine, Fault> {
    Ok(MailLine {
        number: MailNumber(row.number("id")?),
        digest: Digest(row.plain("digest")?),
        source: row.plain("source")?,
        identity: row.plain("identity")?,
        message_id: row.word_or_none("message_id", MessageId::parse)?,
        sender: row.plain("sender")?,
        subject: row.plain("subject")?,
        received: row.time("received")?,
        size: row.number("size")?,
        verdict: row.word("verdict", Verdict::from_word)?,
        ticket: row.ticket_or_none("ticket")?,
    })
}

pub(super) fn received(mail: MailLine) -> MessageRow {
    MessageRow {
        direction: Direction::In,
        at: mail.received,
        mail: Some(mail.number),
        verdict: Some(mail.verdict),
        outbox: None,
        template: None,
        state: None,
        peer: mail.sender,
        subject: mail.subject,
        message_id: mail.message_id,
        size: mail.size,
    }
}

pub(super) fn written(line: OutboxLine) -> MessageRow {
    MessageRow {
        direction: Direction::Out,
        at: line.created,
        mail: None,
        verdict: None,
        outbox: Some(line.id),
        template: Some(line.template),
        state: Some(line.state),
        peer: Some(line.to.to_string()),
        subject: line.subject,
        message_id: Some(line.message_id),
        size: line.size,
    }
}

pub(super) fn outbox_line(row: &Cells<'_>) -> Result<OutboxLine, Fault> {
    let template = |name: &str| Template::ALL.into_iter().find(|template| template.name() == name);
    Ok(OutboxLine {
        id: OutboxId(row.number("id")?),
        key: row.plain("key")?,
        ticket: row.ticket_or_none("ticket")?,
        number: row.plain("number")?,
        recipient: row.json("recipient")?,
        to: row.address("address")?,
        template: row.word("template", template)?,
        subject: row.plain("subject")?,
        message_id: row.message_id("message_id")?,
        envelope_sender: row.word_or_none("envelope_sender", Address::parse)?,
        automatic: row.plain("automatic")?,
        size: row.number("size")?,
        state: row.word("state", OutboxState::from_word)?,
        due: row.time_or_none("due")?.and_then(planned),
        held: row.plain("held")?,
        attempts: row.small("attempts")?,
        unknown: row.plain("unknown")?,
        answer: row.plain("answer")?,
        created: row.time("created")?,
        first_tried: row.time_or_none("first_tried")?,
        settled: row.time_or_none("settled")?,
        settled_by: row.plain("settled_by")?,
        mail: row.number_or_none("mail")?.map(MailNumber),
    })
}

pub(super) fn held_back(row: &Cells<'_>) -> Result<HeldBack, Fault> {
    Ok(HeldBack { recipient: row.json("recipient")?, mails: row.number("mails")?, until: planned(row.time("until")?) })
}

/// A time that comes by itself.
fn planned(due: Timestamp) -> Option<Timestamp> {
    Some(due).filter(|due| *due < UNTIL_RELEASED)
}

pub(super) fn outbox_row(conn: &Connection, id: i64) -> Result<Option<OutboxRow>, Fault> {
    let Some(line) = cells::row(conn, sql::OUTBOX_ROW, [id], outbox_line)? else { return Ok(None) };
    let bytes = cells::value_or_none(conn, sql::OUTBOX_BYTES, [id])?;
    let bytes = bytes.ok_or_else(|| Fault::Refused(format!("outbox row {id} is kept {WITHOUT_TEXT}")))?;
    Ok(Some(OutboxRow { line, bytes }))
}

pub(super) fn quarantine_row(row: &Cells<'_>) -> Result<QuarantineRow, Fault> {
    Ok(QuarantineRow {
        mail: MailNumber(row.number("mail")?),
        since: row.time("since")?,
        reason: row.plain("reason")?,
        source: row.plain("source")?,
        sender: row.plain("sender")?,
        subject: row.plain("subject")?,
        resolved: row.time_or_none("resolved")?,
        resolution: row.word_or_none("resolution", Resolution::from_word)?,
        resolved_by: row.plain("resolved_by")?,
    })
}
