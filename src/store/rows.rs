//! What the store gives out: one struct per kind of row, fit to be shown and to be JSON. Field names are a public
//! interface where `--json` prints them.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::desk::decision::{Recipient, Template, Understood, Verdict};
use crate::desk::event::{Actor, Event};
use crate::desk::policy::UnitName;
use crate::desk::ticket::{Status, TicketId};
use crate::desk::trail::Reason;
use crate::mail::{Address, Digest, MessageId};

/// Number of a mail that was taken in; never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MailNumber(pub u64);

impl fmt::Display for MailNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Number of an outbox row; never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OutboxId(pub u64);

impl fmt::Display for OutboxId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Which tickets to list. Empty: all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TicketFilter {
    pub status: Option<Status>,
    /// Only those that are open.
    pub open: bool,
    /// Name of the responsible unit, without case; so are site and VO.
    pub unit: Option<UnitName>,
    pub site: Option<String>,
    pub vo: Option<String>,
    /// Address of the submitter, without case.
    pub submitter: Option<String>,
}

/// A ticket in a listing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TicketLine {
    pub id: TicketId,
    pub subject: String,
    pub status: Status,
    /// `less urgent`, as people write it.
    pub priority: String,
    /// `USER`, `TEAM`, `ALARM`, `OPS`.
    #[serde(rename = "type")]
    pub kind: String,
    pub vo: Option<String>,
    pub site: Option<String>,
    pub unit: Option<UnitName>,
    /// Address of the submitter.
    pub submitter: String,
    pub created: Timestamp,
    pub changed: Timestamp,
}

/// A fact of a ticket's history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EventRow {
    /// Its number in the ticket, from 1.
    pub n: u64,
    pub at: Timestamp,
    pub actor: Actor,
    pub event: Event,
    /// The mail that brought it, where one did.
    pub mail: Option<MailNumber>,
}

/// Which way a mail went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    In,
    Out,
}

/// A mail of a ticket, received or written. The names of its attachments come from reading its bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MessageRow {
    pub direction: Direction,
    /// When it was taken in or queued.
    pub at: Timestamp,
    /// Of a received one.
    pub mail: Option<MailNumber>,
    pub verdict: Option<Verdict>,
    /// Of a written one.
    pub outbox: Option<OutboxId>,
    pub template: Option<Template>,
    pub state: Option<OutboxState>,
    /// Who wrote it, or whom it was written to.
    pub peer: Option<String>,
    pub subject: String,
    pub message_id: Option<MessageId>,
    /// In bytes.
    pub size: u64,
}

/// A mail that was taken in, in a listing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MailLine {
    pub number: MailNumber,
    pub digest: Digest,
    /// Name of the source, and what the mail is called there.
    pub source: String,
    pub identity: String,
    pub message_id: Option<MessageId>,
    pub sender: Option<String>,
    pub subject: String,
    pub received: Timestamp,
    /// In bytes.
    pub size: u64,
    pub verdict: Verdict,
    pub ticket: Option<TicketId>,
}

/// A mail that was taken in, whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KeptMail {
    #[serde(flatten)]
    pub line: MailLine,
    /// Why it went where it went.
    pub trail: Vec<Reason>,
    pub understood: Understood,
    /// The bytes as they came.
    #[serde(skip)]
    pub raw: Vec<u8>,
}

/// How far a mail of ours is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OutboxState {
    /// Waits until it is due.
    Ready,
    /// Under way until its lease ends.
    Leased,
    /// The other side has it.
    Sent,
    /// Given up: a person must look.
    Dead,
    /// A person took it out.
    Dropped,
}

impl OutboxState {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Ready, Self::Leased, Self::Sent, Self::Dead, Self::Dropped];

    /// The word that the store, the command line and JSON use.
    pub fn word(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Leased => "leased",
            Self::Sent => "sent",
            Self::Dead => "dead",
            Self::Dropped => "dropped",
        }
    }

    /// From the word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.word() == word)
    }
}

/// Which outbox rows to list. Empty: all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OutboxFilter {
    pub state: Option<OutboxState>,
    pub ticket: Option<TicketId>,
}

/// A mail of ours, in a listing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OutboxLine {
    pub id: OutboxId,
    /// The same letter is never queued twice under this key.
    pub key: String,
    pub ticket: Option<TicketId>,
    /// Its number in the ticket.
    pub number: Option<u32>,
    pub recipient: Recipient,
    pub to: Address,
    pub template: Template,
    pub subject: String,
    pub message_id: MessageId,
    /// `None`: the null sender.
    pub envelope_sender: Option<Address>,
    /// It counts against the limits on automatic mail.
    pub automatic: bool,
    /// In bytes.
    pub size: u64,
    pub state: OutboxState,
    /// When it may go out, or when its lease ends; `None` when it is settled, or parked until a person releases it.
    pub due: Option<Timestamp>,
    /// Why it waits on purpose until it is due.
    pub held: Option<String>,
    /// Attempts that were begun since it was queued or a person asked for a retry.
    pub attempts: u32,
    /// An attempt ended so that nobody knows whether the mail arrived: the recipient may have it twice.
    pub unknown: bool,
    /// The last answer of the other side, or what went wrong.
    pub answer: String,
    pub created: Timestamp,
    /// The first attempt since it was queued or a person asked for a retry.
    pub first_tried: Option<Timestamp>,
    pub settled: Option<Timestamp>,
    /// The person who settled it, where one did.
    pub settled_by: Option<String>,
    /// The mail for which it was written, where it was one.
    pub mail: Option<MailNumber>,
}

/// A mail of ours, with its bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OutboxRow {
    #[serde(flatten)]
    pub line: OutboxLine,
    #[serde(skip)]
    pub bytes: Vec<u8>,
}

/// What a person did about a mail in quarantine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Resolution {
    /// Looked at, and of no use. Its bytes are kept.
    Dropped,
    /// Decided again.
    Retried,
}

impl Resolution {
    /// The word that the store and JSON use.
    pub fn word(self) -> &'static str {
        match self {
            Self::Dropped => "dropped",
            Self::Retried => "retried",
        }
    }

    /// From the word.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Dropped, Self::Retried].into_iter().find(|resolution| resolution.word() == word)
    }
}

/// Which mails in quarantine to list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum QuarantineFilter {
    All,
    /// Those that wait for a person.
    #[default]
    Open,
}

/// A mail in quarantine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct QuarantineRow {
    pub mail: MailNumber,
    pub since: Timestamp,
    pub reason: String,
    pub source: String,
    pub sender: Option<String>,
    pub subject: String,
    pub resolved: Option<Timestamp>,
    pub resolution: Option<Resolution>,
    pub resolved_by: Option<String>,
}

/// How a part of the daemon fares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HealthState {
    Well,
    /// Not working for now, and trying again by itself.
    Trouble,
    /// Working again only after a person did something.
    Blocked,
}

impl HealthState {
    /// The word that the store and JSON use.
    pub fn word(self) -> &'static str {
        match self {
            Self::Well => "well",
            Self::Trouble => "trouble",
            Self::Blocked => "blocked",
        }
    }

    /// From the word.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Well, Self::Trouble, Self::Blocked].into_iter().find(|state| state.word() == word)
    }
}

/// The latest report of one part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HealthRow {
    /// `source support`.
    pub part: String,
    pub state: HealthState,
    pub text: String,
    pub at: Timestamp,
    /// Since when it is well, or is not.
    pub since: Timestamp,
    /// When people were told that it is not.
    pub told: Option<Timestamp>,
}

/// Rows of one outbox state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct OutboxCount {
    pub count: u64,
    /// When the oldest of them was queued.
    pub oldest: Option<Timestamp>,
}

/// Mails to one recipient that are held back on purpose.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HeldBack {
    pub recipient: Recipient,
    pub mails: u64,
    /// When the last of them may go out; `None`: when a person releases it.
    pub until: Option<Timestamp>,
}

/// The store in numbers, for `status`. Every key is there, with zero where there is nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Counts {
    pub tickets: BTreeMap<Status, u64>,
    pub outbox: BTreeMap<OutboxState, OutboxCount>,
    /// What of the outbox is held back on purpose.
    pub held: Vec<HeldBack>,
    /// Mails that wait for a person.
    pub quarantine: u64,
    /// Mails of the last 24 hours.
    pub mails: BTreeMap<Verdict, u64>,
}

/// A unit's tickets, for `unit list`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UnitCounts {
    pub unit: UnitName,
    pub open: u64,
    /// Statuses that it has tickets in.
    pub by_status: BTreeMap<Status, u64>,
}
