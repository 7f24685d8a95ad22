//! A leg: one ticket at one unit, with that helpdesk's own (foreign) ids and its thread.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::policy::UnitName;
use crate::mail::MessageId;

/// How far the unit is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LegState {
    /// The dispatch is queued or sent; nothing has come back.
    Sent,
    /// The helpdesk told its foreign id.
    Acknowledged,
    /// A person accepted.
    Accepted,
    /// The unit gave the ticket back to TPM.
    Refused,
    /// The unit passed the ticket to another unit through the desk.
    HandedOver,
    /// The desk gave the ticket to another unit.
    Withdrawn,
    /// The unit's solution, or its reason for having none, ended it.
    Solved,
    /// The unit's address failed for good.
    Undeliverable,
}

impl LegState {
    /// Whether the unit is still expected to work.
    pub fn is_live(self) -> bool {
        matches!(self, Self::Sent | Self::Acknowledged | Self::Accepted)
    }

    /// As people write it.
    pub fn words(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Acknowledged => "acknowledged",
            Self::Accepted => "accepted",
            Self::Refused => "refused",
            Self::HandedOver => "handed over",
            Self::Withdrawn => "withdrawn",
            Self::Solved => "solved",
            Self::Undeliverable => "undeliverable",
        }
    }
}

/// What a unit is told once per leg and never again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Notice {
    /// A control line was not understood.
    LineNotUnderstood,
    /// Past the limits: the leg is on manual and operators were told.
    OnManual,
    /// Asked for the text of a solution.
    SolutionText,
    /// The ticket has ended; late text goes to nobody.
    TicketEnded,
}

/// One ticket at one unit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leg {
    pub unit: UnitName,
    pub state: LegState,
    /// Its ids there, oldest first: the last is current, all stay findable.
    pub foreign_ids: Vec<String>,
    /// Message-IDs of its mails and of ours to it, oldest first.
    pub thread: Vec<MessageId>,
    /// Message-ID of its last mail, which ours answer.
    pub last_from_unit: Option<MessageId>,
    /// By what the helpdesk will know an answer: quoted in every mail to it.
    #[serde(default)]
    pub watermark: Option<String>,
    pub said: BTreeSet<Notice>,
    /// Past the limits: nothing automatic goes there any more.
    pub manual: bool,
    /// When the unit got the ticket, or got it back.
    pub began: Timestamp,
    /// When the present state began.
    pub since: Timestamp,
    /// When a person there last wrote or did something.
    pub heard: Option<Timestamp>,
    /// The unit said "solved" without a text and was asked for it: its next text is the solution.
    pub owes_solution: bool,
    /// What it owes is the reason of an "unsolved".
    #[serde(default)]
    pub owes_reason: bool,
    /// The unit's last public text: where a helpdesk says "resolved" without a text, this is the solution.
    pub last_public: Option<String>,
}

impl Leg {
    /// A leg whose dispatch is being queued.
    pub fn new(unit: UnitName, now: Timestamp) -> Self {
        Self {
            unit,
            state: LegState::Sent,
            foreign_ids: Vec::new(),
            thread: Vec::new(),
            last_from_unit: None,
            watermark: None,
            said: BTreeSet::new(),
            manual: false,
            began: now,
            since: now,
            heard: None,
            owes_solution: false,
            owes_reason: false,
            last_public: None,
        }
    }

    /// The current foreign id.
    pub fn foreign_id(&self) -> Option<&str> {
        self.foreign_ids.last().map(String::as_str)
    }
}
