//! A ticket: its fields (protocol section 4), its ten states, and what is kept of the people in it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use jiff::{Timestamp, civil::Date};
use serde::{Deserialize, Serialize};

use super::hurry::Hurry;
use super::leg::Leg;
use super::monitor::Watched;
use super::policy::UnitName;
use super::timer::Clock;
use crate::mail::language::Language;
use crate::mail::{Address, MessageId};

/// Number of a ticket; never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TicketId(pub u64);

impl fmt::Display for TicketId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The ten states, in the order of a ticket's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    New,
    Assigned,
    InProgress,
    WaitingForReply,
    OnHold,
    Reopened,
    Solved,
    Unsolved,
    Verified,
    Closed,
}

impl Status {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::New,
        Self::Assigned,
        Self::InProgress,
        Self::WaitingForReply,
        Self::OnHold,
        Self::Reopened,
        Self::Solved,
        Self::Unsolved,
        Self::Verified,
        Self::Closed,
    ];

    /// As people write it.
    pub fn words(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Assigned => "assigned",
            Self::InProgress => "in progress",
            Self::WaitingForReply => "waiting for reply",
            Self::OnHold => "on hold",
            Self::Reopened => "reopened",
            Self::Solved => "solved",
            Self::Unsolved => "unsolved",
            Self::Verified => "verified",
            Self::Closed => "closed",
        }
    }

    /// From the words; hyphen, underscore, blank and case are alike.
    pub fn from_words(text: &str) -> Option<Self> {
        let plain = text.trim().to_lowercase().replace(['-', '_'], " ");
        Self::ALL.into_iter().find(|status| status.words() == plain)
    }

    /// Whether work is still expected.
    pub fn is_open(self) -> bool {
        !matches!(self, Self::Solved | Self::Unsolved | Self::Verified | Self::Closed)
    }

    /// Whether nothing changes any more.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Verified | Self::Closed)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.words())
    }
}

/// What kind of ticket it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum TicketType {
    Alarm,
    Ops,
    Team,
    #[default]
    User,
}

impl TicketType {
    /// As the machine forms write it.
    pub fn words(self) -> &'static str {
        match self {
            Self::Alarm => "ALARM",
            Self::Ops => "OPS",
            Self::Team => "TEAM",
            Self::User => "USER",
        }
    }

    /// From the word, without case.
    pub fn from_words(text: &str) -> Option<Self> {
        let types = [Self::Alarm, Self::Ops, Self::Team, Self::User];
        types.into_iter().find(|kind| kind.words().eq_ignore_ascii_case(text.trim()))
    }
}

/// How urgent it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Priority {
    #[default]
    LessUrgent,
    Urgent,
    VeryUrgent,
    TopPriority,
}

impl Priority {
    /// As people write it.
    pub fn words(self) -> &'static str {
        match self {
            Self::LessUrgent => "less urgent",
            Self::Urgent => "urgent",
            Self::VeryUrgent => "very urgent",
            Self::TopPriority => "top priority",
        }
    }

    /// From the words; hyphen, underscore, blank and case are alike.
    pub fn from_words(text: &str) -> Option<Self> {
        let plain = text.trim().to_lowercase().replace(['-', '_'], " ");
        let all = [Self::LessUrgent, Self::Urgent, Self::VeryUrgent, Self::TopPriority];
        all.into_iter().find(|priority| priority.words() == plain)
    }
}

/// The person who has the problem, or the helpdesk that passes it on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Submitter {
    /// Who they are: the header `From` of their first mail, or what a portal said.
    pub address: Address,
    /// Where the answers go when that is elsewhere (`Reply-To`).
    pub answers_to: Option<Address>,
    pub name: Option<String>,
    pub login_name: Option<String>,
    pub phone: Option<String>,
    /// Message-IDs of their mails in this ticket and of ours to them, oldest first.
    pub thread: Vec<MessageId>,
    /// Language of what is written to them.
    pub language: Language,
}

/// The remote ticket that this one came from: another helpdesk is the "user" (protocol section 1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The registered unit, where it is one.
    pub unit: Option<UnitName>,
    /// Name of the remote system as given.
    pub system: String,
    /// Its id there, where known.
    pub foreign_id: Option<String>,
}

impl Submitter {
    /// Where mail to them goes.
    pub fn mailbox(&self) -> &Address {
        self.answers_to.as_ref().unwrap_or(&self.address)
    }

    /// Whether mail from this address may be theirs.
    pub fn is(&self, address: &Address) -> bool {
        self.address == *address || self.answers_to.as_ref() == Some(address)
    }
}

/// How a ticket ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Solution {
    /// In one line, where given.
    pub short: Option<String>,
    /// The text for the user; for `unsolved` the reason.
    pub text: String,
    /// Who gave it: a unit's name, or an operator's.
    pub by: String,
    pub at: Timestamp,
}

/// A ticket, whole. The store keeps it as one value beside a few searched columns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ticket {
    pub id: TicketId,
    /// Title without tags and reply prefixes, at most [`Ticket::LONGEST_SUBJECT`] characters.
    pub subject: String,
    pub description: String,
    pub submitter: Submitter,
    pub status: Status,
    /// When it became that.
    pub status_since: Timestamp,
    pub kind: TicketType,
    pub priority: Priority,
    /// Concerned virtual organisation.
    pub vo: Option<String>,
    /// Canonical name of the notified site.
    pub site: Option<String>,
    /// The unit responsible now.
    pub unit: Option<UnitName>,
    pub type_of_problem: Option<String>,
    pub origin: Option<Origin>,
    pub related: BTreeSet<TicketId>,
    pub parent: Option<TicketId>,
    /// Addresses that get copies of what the submitter hears.
    pub cc: Vec<Address>,
    /// Addresses that an unverified mail listed: kept, not mailed, until somebody of the desk confirms.
    pub cc_unconfirmed: Vec<Address>,
    pub involve: Vec<Address>,
    pub solution: Option<Solution>,
    /// As the user gave it.
    pub time_of_problem: Option<String>,
    /// Day on which an on-hold ticket wakes.
    pub wake: Option<Date>,
    /// What the submitter was asked last.
    #[serde(default)]
    pub question: Option<String>,
    #[serde(default)]
    pub clock: Clock,
    pub created: Timestamp,
    pub changed: Timestamp,
    /// When it last became solved or unsolved.
    pub ended: Option<Timestamp>,
    /// Fields of forms that the desk has no place for.
    pub extra: BTreeMap<String, String>,
    /// Why TPM should look at it, oldest first; empty when nobody need look.
    pub flags: Vec<String>,
    /// Mails sent in this ticket so far. Each outgoing mail has its number, which makes its Message-ID.
    pub mails_sent: u32,
    /// Legs in the order of their making.
    pub legs: Vec<Leg>,
    /// The ticket whose solution it waits for.
    #[serde(default)]
    pub master: Option<TicketId>,
    /// The ticket that it goes on in.
    #[serde(default)]
    pub merged_into: Option<TicketId>,
    /// Tickets that were merged into it, as far as it has taken them over.
    #[serde(default)]
    pub absorbed: BTreeSet<TicketId>,
    /// Who brought them: each hears what the submitter hears, in their own language and thread.
    #[serde(default)]
    pub joined: Vec<Submitter>,
    /// How far the user's "please hurry" has gone.
    #[serde(default)]
    pub hurry: Option<Hurry>,
    /// What an operational ticket is about, where a monitoring system watches it.
    #[serde(default)]
    pub watched: Option<Watched>,
    /// A test ticket of the desk's own: it has no user, and is about one unit.
    #[serde(default)]
    pub probe: bool,
    /// When the people in it were taken out: nothing says any more who they were.
    #[serde(default)]
    pub redacted: Option<Timestamp>,
}

impl Ticket {
    /// Longest title in characters (protocol section 4).
    pub const LONGEST_SUBJECT: usize = 255;

    /// A new ticket of which nothing is known but who brings it, and what it is about.
    pub fn new(id: TicketId, submitter: Submitter, subject: String, description: String, now: Timestamp) -> Self {
        Self {
            id,
            subject,
            description,
            submitter,
            status: Status::New,
            status_since: now,
            kind: TicketType::User,
            priority: Priority::LessUrgent,
            vo: None,
            site: None,
            unit: None,
            type_of_problem: None,
            origin: None,
            related: BTreeSet::new(),
            parent: None,
            cc: Vec::new(),
            cc_unconfirmed: Vec::new(),
            involve: Vec::new(),
            solution: None,
            time_of_problem: None,
            wake: None,
            question: None,
            clock: Clock::default(),
            created: now,
            changed: now,
            ended: None,
            extra: BTreeMap::new(),
            flags: Vec::new(),
            mails_sent: 0,
            legs: Vec::new(),
            master: None,
            merged_into: None,
            absorbed: BTreeSet::new(),
            joined: Vec::new(),
            hurry: None,
            watched: None,
            probe: false,
            redacted: None,
        }
    }

    /// The leg of a unit, where it holds or held one.
    pub fn leg(&self, unit: &UnitName) -> Option<&Leg> {
        self.legs.iter().find(|leg| leg.unit == *unit)
    }

    /// The same, to be changed.
    pub fn leg_mut(&mut self, unit: &UnitName) -> Option<&mut Leg> {
        self.legs.iter_mut().find(|leg| leg.unit == *unit)
    }

    /// Every foreign id that leads to this ticket, with the unit whose id it is.
    pub fn foreign_keys(&self) -> BTreeSet<(UnitName, String)> {
        let origin = self.origin.iter().filter_map(|origin| Some((origin.unit.clone()?, origin.foreign_id.clone()?)));
        let ids = |leg: &Leg| leg.foreign_ids.iter().map(|id| (leg.unit.clone(), id.clone())).collect::<Vec<_>>();
        self.legs.iter().flat_map(ids).chain(origin).collect()
    }

    /// The leg that work is expected of.
    pub fn current_leg(&self) -> Option<&Leg> {
        self.unit.as_ref().and_then(|unit| self.leg(unit))
    }
}
