//! Things to keep: one small mail, ticket, letter and decision each, told apart by a number.

use ggus_gateway::config;
use ggus_gateway::desk::decision::{Automatic, Decision, Outbound, Recipient, Template, Understood, Verdict, Words};
use ggus_gateway::desk::event::{Actor, Event};
use ggus_gateway::desk::inquiry::Inquiry;
use ggus_gateway::desk::policy::Policy;
use ggus_gateway::desk::ticket::{Priority, Status, Submitter, Ticket, TicketId};
use ggus_gateway::desk::trail::Reason;
use ggus_gateway::mail::language::Language;
use ggus_gateway::mail::parse::{ReadLimits, parse};
use ggus_gateway::mail::{Address, Digest, Mail, MessageId};
use ggus_gateway::store::{Batch, Letter, MailNumber, OutboxId, OutboxRow, Record, Store, StoreError, Taken};
use jiff::{SignedDuration, Timestamp};

/// 23 November 2006, 14:05 UTC, and so many minutes.
pub fn at(minutes: i64) -> Timestamp {
    Timestamp::from_second(1_164_290_700).unwrap() + SignedDuration::from_mins(minutes)
}

pub fn address(text: &str) -> Address {
    Address::parse(text).unwrap()
}

pub fn anna() -> Address {
    address("Anna@lab.example")
}

/// Message-ID of mail `n` that came in.
pub fn their_id(n: u64) -> MessageId {
    MessageId::made(&format!("mail-{n}"), "lab.example")
}

/// Message-ID of our mail.
pub fn our_id(ticket: TicketId, number: u32) -> MessageId {
    MessageId::made(&format!("{ticket}.{number}.hash"), "ggus.example")
}

pub fn body_print(n: u64) -> Digest {
    Digest(format!("b{n:063x}"))
}

pub fn raw(n: u64) -> Vec<u8> {
    let id = their_id(n);
    format!("From: Anna@lab.example\r\nMessage-ID: {id}\r\nSubject: CE is down, {n}\r\n\r\nIt is.\r\n").into_bytes()
}

pub fn mail(n: u64) -> Mail {
    parse(&raw(n), &ReadLimits::default())
}

pub fn ticket(id: TicketId) -> Ticket {
    let submitter = Submitter {
        address: anna(),
        answers_to: None,
        name: None,
        login_name: None,
        phone: None,
        thread: Vec::new(),
        language: Language::default(),
    };
    Ticket {
        status: Status::Assigned,
        priority: Priority::Urgent,
        vo: Some("atlas".to_owned()),
        site: Some("INFN-T1".to_owned()),
        unit: Some("ROC_Italy".into()),
        ..Ticket::new(id, submitter, "CE is down".to_owned(), "It is.".to_owned(), at(0))
    }
}

/// Mail `number` of a ticket; a receipt goes to Anna, a dispatch to ROC_Italy.
pub fn letter(ticket: TicketId, number: u32, template: Template) -> Outbound {
    let to_unit = template == Template::Dispatch;
    Outbound {
        ticket: Some((ticket, number)),
        recipient: if to_unit { Recipient::Unit("ROC_Italy".into()) } else { Recipient::User },
        to: if to_unit { address("helpdesk@infn.example") } else { anna() },
        to_name: None,
        template,
        language: Language::default(),
        subject: format!("[GGUS:{ticket}] CE is down"),
        words: Words::default(),
        message_id: our_id(ticket, number),
        in_reply_to: None,
        references: Vec::new(),
        reply_to: None,
        envelope_sender: to_unit.then(|| address("support@ggus.example")),
        automatic: (!to_unit).then_some(Automatic::Replied),
        headers: Vec::new(),
        leave_out: Vec::new(),
        attachments: Vec::new(),
        parked: None,
    }
}

/// A decision about nothing: what a test is about is put in.
pub fn decision(verdict: Verdict) -> Decision {
    Decision {
        verdict,
        ticket: None,
        events: Vec::new(),
        outbound: Vec::new(),
        trail: vec![Reason::NoKey],
        understood: Understood::default(),
    }
}

/// A new ticket: receipt to Anna, dispatch to the unit, two facts.
pub fn opening(id: TicketId) -> Decision {
    Decision {
        ticket: Some(Ticket { mails_sent: 2, ..ticket(id) }),
        events: vec![
            (Actor::User(anna()), Event::Opened),
            (Actor::Desk, Event::Assigned { unit: "ROC_Italy".into(), why: "rule site".to_owned() }),
        ],
        outbound: vec![letter(id, 1, Template::Receipt), letter(id, 2, Template::Dispatch)],
        ..decision(Verdict::Open)
    }
}

/// The bytes under which a letter goes out.
pub fn bytes_of(outbound: &Outbound) -> Vec<u8> {
    format!("Message-ID: {}\r\n\r\nHello\r\n", outbound.message_id).into_bytes()
}

/// Keeps a decision about mail `n`, or about none, with all its letters.
pub fn keep(
    batch: &mut Batch<'_>,
    now: Timestamp,
    n: Option<u64>,
    decision: &Decision,
) -> Result<Option<MailNumber>, StoreError> {
    let bytes: Vec<Vec<u8>> = decision.outbound.iter().map(bytes_of).collect();
    let letters: Vec<Letter<'_>> =
        decision.outbound.iter().zip(&bytes).map(|(outbound, bytes)| Letter { outbound, bytes, due: now }).collect();
    let mail = n.map(mail);
    let print = n.map(body_print);
    let (identity, raw) = (format!("imap:INBOX:1:{}", n.unwrap_or(0)), n.map(raw).unwrap_or_default());
    let taken = mail.as_ref().map(|mail| Taken {
        source: "support",
        identity: &identity,
        raw: &raw,
        mail,
        body_print: print.as_ref(),
        sender: mail.sender(),
    });
    batch.record(&Record { now, taken, decision, letters: &letters })
}

/// Opens a ticket by mail `n` in a batch of its own.
pub fn open_ticket(store: &mut Store, now: Timestamp, n: u64) -> TicketId {
    store.batch(|batch| open_in(batch, now, n)).unwrap()
}

/// Opens tickets by mails 1 to `last`.
pub fn open_tickets(store: &mut Store, last: u64) {
    for n in 1..=last {
        open_ticket(store, at(0), n);
    }
}

pub fn open_in(batch: &mut Batch<'_>, now: Timestamp, n: u64) -> Result<TicketId, StoreError> {
    let id = batch.look(&Inquiry::default())?.next_ticket;
    keep(batch, now, Some(n), &opening(id))?;
    Ok(id)
}

/// A policy in which no unit has a pace.
pub fn policy() -> Policy {
    let gateway = "[desk]\naddress = \"support@ggus.example\"\n[store]\npath = \"none\"\n\
                   [source.a.maildir]\npath = \"none\"\n[relay.maildir]\npath = \"none\"\n";
    let routing = "default_unit = \"ROC_Italy\"\n[unit.ROC_Italy]\naddress = \"helpdesk@infn.example\"\n";
    config::from_texts(gateway, routing, &[7; 32]).unwrap().policy
}

/// Leases what is due, at most `most`.
pub fn take_up(
    batch: &mut Batch<'_>,
    now: Timestamp,
    most: usize,
    lease: SignedDuration,
) -> Result<Vec<OutboxRow>, StoreError> {
    batch.due(now, most)?.into_iter().map(|line| batch.lease(line.id, now, lease)).collect()
}

/// The ids of what is leased at `now`.
pub fn claim(store: &mut Store, now: Timestamp) -> Vec<OutboxId> {
    let rows = store.batch(|batch| take_up(batch, now, 100, SignedDuration::from_mins(60))).unwrap();
    rows.into_iter().map(|row| row.line.id).collect()
}
