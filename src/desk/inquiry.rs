//! What must be known to decide about an input, and the store's answer. Both are values, both are bounded.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::decision::{Recipient, Verdict};
use super::known;
use super::policy::UnitName;
use super::recognise::Recognised;
use super::ticket::{Ticket, TicketId};
use crate::mail::{Address, Digest, MessageId};

/// Keys only. The store answers all of it at once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inquiry {
    /// The mail's digest, and its fingerprint where it has one: was it taken before?
    pub digest: Option<Digest>,
    pub fingerprint: Option<Digest>,
    /// Tickets named by tokens, by Message-IDs of ours, by tags, by blocks.
    pub tickets: BTreeSet<TicketId>,
    /// Message-IDs that the mail names and that are not ours: of which tickets were they mails?
    pub message_ids: BTreeSet<MessageId>,
    /// Foreign ids with their unit: of which tickets?
    pub foreign_ids: BTreeSet<(UnitName, String)>,
    /// Mails of ours, by ticket and number: to whom did they go?
    pub letters: BTreeSet<(TicketId, u32)>,
    /// How many automatic mails has this address got since `hour_ago`?
    pub correspondent: Option<Address>,
    /// Print of sender and text: in which tickets was it seen since `repeats_since`?
    pub body_print: Option<Digest>,
    /// What is known of the dialect of this unit?
    pub recognised: Option<UnitName>,
    /// What a monitoring system watches: which ticket is the newest about it?
    pub watched: Option<String>,
    /// Which solved tickets may be about the same problem?
    pub known: Option<known::Asked>,
    pub hour_ago: Timestamp,
    pub repeats_since: Timestamp,
}

impl Inquiry {
    /// Most keys of one kind in one inquiry; a mail that names more is read up to here.
    pub const MOST_KEYS: usize = 64;
}

/// The same mail, taken before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prior {
    pub verdict: Verdict,
    pub ticket: Option<TicketId>,
}

/// A mail of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    pub recipient: Recipient,
    pub to: Address,
    pub message_id: MessageId,
}

/// The store's answer: everything that deciding may know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    pub prior: Option<Prior>,
    /// Every existing ticket that any key of the inquiry leads to.
    pub tickets: BTreeMap<TicketId, Ticket>,
    pub threads: BTreeMap<MessageId, TicketId>,
    pub foreign_ids: BTreeMap<(UnitName, String), TicketId>,
    pub letters: BTreeMap<(TicketId, u32), Letter>,
    /// Automatic mails that the correspondent got within the hour.
    pub answers_to_correspondent: u32,
    /// The same per ticket, for the tickets above.
    pub answers_in_ticket: BTreeMap<TicketId, u32>,
    /// Tickets in which the same text from the same sender was seen.
    pub repeats: BTreeSet<TicketId>,
    /// What is known of the dialect of the unit that was asked for.
    pub recognised: Option<Recognised>,
    /// The newest ticket about what is watched.
    pub watched: Option<TicketId>,
    /// Solved tickets that may be about the same problem.
    pub known: known::Found,
    /// The number that a new ticket would get.
    pub next_ticket: TicketId,
}
