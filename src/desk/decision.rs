//! What the desk decided about one input: one verdict, the whole next ticket, the facts, the mails, the reasons.
//!
//! A decision is a value that the store writes in one transaction. It can be made again from the same input.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::event::{Actor, Event};
use super::policy::UnitName;
use super::ticket::{Ticket, TicketId};
use super::timer::Timer;
use super::trail::{KeyKind, Proof, Reason};
use crate::mail::authres::MethodResult;
use crate::mail::language::Language;
use crate::mail::{Address, Attachment, MessageId};

/// What became of a mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Kept, and nothing follows: a repeat, an own mail that came back, a vacation answer.
    Absorb,
    /// Added to a ticket.
    Append,
    /// A new ticket.
    Open,
    /// Kept for a person to decide.
    Quarantine,
    /// A machine's mail whose facts were noted: an acknowledgement, a delivery report.
    Report,
}

impl Verdict {
    /// The word of the JSON interface.
    pub fn word(self) -> &'static str {
        match self {
            Self::Absorb => "absorb",
            Self::Append => "append",
            Self::Open => "open",
            Self::Quarantine => "quarantine",
            Self::Report => "report",
        }
    }

    /// From the word.
    pub fn from_word(word: &str) -> Option<Self> {
        let all = [Self::Absorb, Self::Append, Self::Open, Self::Quarantine, Self::Report];
        all.into_iter().find(|verdict| verdict.word() == word)
    }
}

/// A person's order, from the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    pub ticket: TicketId,
    /// Who ordered it.
    pub by: String,
    pub act: Act,
}

impl Act {
    /// The other ticket that it names.
    pub fn other(&self) -> Option<TicketId> {
        match self {
            Self::Master { master: other } | Self::Parent { parent: other } => *other,
            Self::Merge { into: other } | Self::Relate { to: other } => Some(*other),
            _ => None,
        }
    }
}

/// What a person can order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    Assign {
        unit: UnitName,
        text: Option<String>,
    },
    /// The alarm of an operational ticket is over.
    Clear {
        text: String,
    },
    Close,
    Comment {
        text: String,
        public: bool,
    },
    Hold {
        wake: Option<Date>,
    },
    /// The user asks by other ways that somebody hurries.
    Hurry {
        text: String,
    },
    Reopen {
        text: String,
    },
    Solve {
        text: String,
    },
    /// Waits for another ticket's solution; `None` frees it.
    Master {
        master: Option<TicketId>,
    },
    /// It is a duplicate of another.
    Merge {
        into: TicketId,
    },
    /// It is a part of another; `None`: of none any more.
    Parent {
        parent: Option<TicketId>,
    },
    /// Two tickets are about the same.
    Relate {
        to: TicketId,
    },
    /// Stops a timer of the ticket, or lets it run again.
    Timer {
        timer: Timer,
        runs: bool,
    },
    Unsolve {
        text: String,
    },
}

/// How a mail was understood, for `explain` and for the history. The store keeps it; a field that it did not yet have
/// when the mail was taken reads as its default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Understood {
    /// The ticket that it names.
    pub ticket: Option<TicketId>,
    pub matched_by: Option<KeyKind>,
    /// Who speaks, and by what proof.
    pub speaker: Option<(Actor, Proof)>,
    /// The unit whose list the sender's address is on, proven or not.
    pub unit: Option<UnitName>,
    /// Name of the dialect, what it took the mail for, and the foreign id it found.
    pub dialect: Option<String>,
    pub kind: Option<super::dialect::Kind>,
    pub foreign_id: Option<String>,
    /// The newest text as shown to people.
    pub text: String,
    /// What the gateway found out about the mail's signatures when it came.
    pub checked: Vec<MethodResult>,
}

/// One decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    pub verdict: Verdict,
    /// The whole next ticket, where one is made or changed.
    pub ticket: Option<Ticket>,
    /// Facts, with who did them, in order.
    pub events: Vec<(Actor, Event)>,
    pub outbound: Vec<Outbound>,
    pub trail: Vec<Reason>,
    pub understood: Understood,
}

impl Decision {
    /// No ticket, no fact, no mail.
    pub fn nothing(verdict: Verdict) -> Self {
        let (events, outbound, trail, understood) = (Vec::new(), Vec::new(), Vec::new(), Understood::default());
        Self { verdict, ticket: None, events, outbound, trail, understood }
    }

    /// Whether it tells more about the dialect of a unit.
    pub fn teaches(&self) -> bool {
        self.events.iter().any(|(_, event)| matches!(event, Event::Recognised { .. }))
    }
}

/// The part that the recipient of a mail has in the ticket.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Recipient {
    Copy,
    Operator,
    Site,
    Unit(UnitName),
    User,
}

/// Which text a mail has; one file of that name per language in `mail-templates/`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Template {
    /// To a site's emergency address: an alarm.
    Alarm,
    /// To the user: their alarm is raised, and has become a ticket.
    AlarmReceipt,
    /// To the user: their mail has become a ticket, and is no alarm.
    AlarmRefused,
    /// To a unit: what the desk has to say to all of them.
    Announcement,
    /// To the user: a public comment of the unit or the desk.
    Comment,
    /// To a unit: a public comment of the user or the desk.
    CommentUnit,
    /// To a unit: its open tickets.
    Digest,
    /// To a unit: the ticket.
    Dispatch,
    /// To a unit: your handing over is noted, close your local ticket.
    HandoverAcknowledged,
    /// To a unit, once: a line was not understood; what is possible.
    LineNotUnderstood,
    /// To the user: their ticket was merged into another one.
    Merged,
    /// To an operator: something that needs a person and has no ticket (a dead mail, quarantine).
    OperatorNotice,
    /// To the user: the unit's question.
    Question,
    /// To the user: the desk has the mail.
    Receipt,
    /// To a unit: your refusal is noted, close your local ticket.
    RefusalAcknowledged,
    /// To a unit: something was expected of it, or will be soon.
    Reminder,
    /// To the user: the ticket is open again.
    Reopened,
    /// To a unit: the user was not content.
    ReopenedUnit,
    /// To the user: the question that still waits for an answer.
    ReplyReminder,
    /// To a site: a copy of the dispatch.
    SiteCopy,
    /// To the user: the solution.
    Solution,
    /// To a unit: your solution is noted and passed on, close your local ticket.
    SolutionAcknowledged,
    /// To a unit, once: you said solved, what is the solution?
    SolutionTextWanted,
    /// To a unit: your answer to the test is noted, close your local ticket.
    TestEnded,
    /// To a unit, once: the ticket has ended, your text goes to nobody.
    TicketEnded,
    /// To TPM: a ticket needs you, and why.
    TpmNotice,
    /// To TPM: everything that waits for it.
    TriageDigest,
    /// To the user: no answer came, so the ticket ends.
    Unanswered,
    /// To the user: it will not be solved, and why.
    Unsolved,
    /// To a unit: the desk took the ticket back, close your local ticket.
    Withdrawn,
}

impl Template {
    /// Every template.
    pub const ALL: [Self; 30] = [
        Self::Alarm,
        Self::AlarmReceipt,
        Self::AlarmRefused,
        Self::Announcement,
        Self::Comment,
        Self::CommentUnit,
        Self::Digest,
        Self::Dispatch,
        Self::HandoverAcknowledged,
        Self::LineNotUnderstood,
        Self::Merged,
        Self::OperatorNotice,
        Self::Question,
        Self::Receipt,
        Self::RefusalAcknowledged,
        Self::Reminder,
        Self::Reopened,
        Self::ReopenedUnit,
        Self::ReplyReminder,
        Self::SiteCopy,
        Self::Solution,
        Self::SolutionAcknowledged,
        Self::SolutionTextWanted,
        Self::TestEnded,
        Self::TicketEnded,
        Self::TpmNotice,
        Self::TriageDigest,
        Self::Unanswered,
        Self::Unsolved,
        Self::Withdrawn,
    ];

    /// Name of its file without the ending.
    pub fn name(self) -> &'static str {
        match self {
            Self::Alarm => "alarm",
            Self::AlarmReceipt => "alarm-receipt",
            Self::AlarmRefused => "alarm-refused",
            Self::Announcement => "announcement",
            Self::Comment => "comment",
            Self::CommentUnit => "comment-unit",
            Self::Digest => "digest",
            Self::Dispatch => "dispatch",
            Self::HandoverAcknowledged => "handover-acknowledged",
            Self::LineNotUnderstood => "line-not-understood",
            Self::Merged => "merged",
            Self::OperatorNotice => "operator-notice",
            Self::Question => "question",
            Self::Receipt => "receipt",
            Self::RefusalAcknowledged => "refusal-acknowledged",
            Self::Reminder => "reminder",
            Self::Reopened => "reopened",
            Self::ReopenedUnit => "reopened-unit",
            Self::ReplyReminder => "reply-reminder",
            Self::SiteCopy => "site-copy",
            Self::Solution => "solution",
            Self::SolutionAcknowledged => "solution-acknowledged",
            Self::SolutionTextWanted => "solution-text-wanted",
            Self::TestEnded => "test-ended",
            Self::TicketEnded => "ticket-ended",
            Self::TpmNotice => "tpm-notice",
            Self::TriageDigest => "triage-digest",
            Self::Unanswered => "unanswered",
            Self::Unsolved => "unsolved",
            Self::Withdrawn => "withdrawn",
        }
    }

    /// Whether it counts against the limits on automatic mail. The others carry a person's words, or acknowledge a step
    /// that a unit can take only once: they must never be held back.
    pub fn is_limited(self) -> bool {
        matches!(
            self,
            Self::AlarmReceipt
                | Self::AlarmRefused
                | Self::LineNotUnderstood
                | Self::Receipt
                | Self::Reopened
                | Self::SolutionTextWanted
                | Self::TicketEnded
                | Self::TpmNotice
        )
    }

    /// Whether it tells a unit that the desk knows of the end of its part.
    pub fn acknowledges_an_end(self) -> bool {
        matches!(
            self,
            Self::HandoverAcknowledged | Self::RefusalAcknowledged | Self::SolutionAcknowledged | Self::TestEnded
        )
    }

    /// Whether all six languages must have it: users and, where it is a list, units read it in their own.
    pub fn is_in_all_languages(self) -> bool {
        self.is_for_users() || self == Self::Digest
    }

    /// Whether a user reads it.
    pub fn is_for_users(self) -> bool {
        matches!(
            self,
            Self::AlarmReceipt
                | Self::AlarmRefused
                | Self::Comment
                | Self::Merged
                | Self::Question
                | Self::Receipt
                | Self::Reopened
                | Self::ReplyReminder
                | Self::Solution
                | Self::Unanswered
                | Self::Unsolved
        )
    }
}

/// The values that a template may name. All are text; what does not apply is empty. Nothing else can be named.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Words {
    /// Display name of the desk.
    pub desk: String,
    /// The desk's plain address.
    pub desk_address: String,
    /// Number of the ticket.
    pub ticket: String,
    /// `[GGUS:57890]`.
    pub tag: String,
    /// Title of the ticket.
    pub title: String,
    pub status: String,
    pub priority: String,
    pub kind: String,
    pub vo: String,
    pub site: String,
    /// The unit responsible now.
    pub unit: String,
    pub type_of_problem: String,
    /// `2026-11-23 14:05 UTC`.
    pub created: String,
    /// Name or address of the submitter.
    pub submitter: String,
    /// Name of whoever wrote the text.
    pub author: String,
    /// The text that this mail is about: comment, question, solution, reason.
    pub text: String,
    /// The recipient's own words, each line with `> `.
    pub quoted: String,
    /// The recipient's own id of the ticket.
    pub foreign_id: String,
    /// The ticket in the machine form that the recipient reads: lines, or XML.
    pub block: String,
    /// Names of the attachments that were too large for this mail, `core.4711 (30 MiB)`; the template has the sentence.
    pub cut: String,
    /// Name of the other unit where one is concerned (handing over).
    pub other_unit: String,
    /// What the desk noticed and the recipient should know, one sentence a line; empty where nothing was.
    pub hints: String,
    /// Solved tickets about the same problem, one below the other; empty where none is alike.
    pub known: String,
    /// Days in which an answer reopens the ticket.
    pub reopen_days: String,
    /// Why an alarm is not raised: `no-address`, `unlisted`, `unproven`, `unsigned`.
    pub refusal: String,
}

/// Which mark of RFC 3834 a mail carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Automatic {
    Generated,
    Replied,
}

/// A mail to be sent, not yet composed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outbound {
    /// The ticket, and this mail's number in it; `None` for a notice that has no ticket.
    pub ticket: Option<(TicketId, u32)>,
    pub recipient: Recipient,
    pub to: Address,
    /// Display name of the recipient, where known.
    pub to_name: Option<String>,
    pub template: Template,
    pub language: Language,
    /// The whole subject, tags in front.
    pub subject: String,
    pub words: Words,
    pub message_id: MessageId,
    /// The recipient's own thread.
    pub in_reply_to: Option<MessageId>,
    pub references: Vec<MessageId>,
    /// Address with the reply token.
    pub reply_to: Option<Address>,
    /// `None`: the null sender.
    pub envelope_sender: Option<Address>,
    /// Mail to a person that no person asked for; `None` for a dispatch, which must look like a person's mail.
    pub automatic: Option<Automatic>,
    /// Further header fields that the recipient's dialect wants.
    pub headers: Vec<(String, String)>,
    /// Header fields that the recipient's dialect can't bear (`References`, `X-GGUS-Ticket`); without case.
    pub leave_out: Vec<String>,
    pub attachments: Vec<Attachment>,
    /// Over a limit on automatic mail: written, and not sent until a person releases it. Why, for people.
    pub parked: Option<String>,
}
