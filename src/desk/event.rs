//! Facts of a ticket's life: the audit log, and the only source of notifications.
//!
//! An event is never changed. A reader of old stores must be able to read every variant that was ever written.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::alarm::Refusal;
use super::policy::UnitName;
use super::recognise::Recognised;
use super::ticket::TicketId;
use super::timer::Timer;
use crate::mail::Address;
use crate::mail::report::Report;

/// Who did it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Actor {
    /// The desk itself.
    Desk,
    /// A monitoring system, proven; its name.
    Monitor(String),
    /// A person at the command line, by name.
    Operator(String),
    /// A site's emergency address, proven as far as the policy asks; the site's name.
    Site(String),
    /// Somebody whom nothing proves to belong here.
    Stranger(String),
    /// A unit, proven.
    Unit(UnitName),
    /// The submitter or a cc, proven as far as the policy asks.
    User(Address),
}

/// Who may read a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Visibility {
    /// The desk only.
    Internal,
    /// Submitter and current unit.
    Public,
    /// The desk only, until somebody has looked: the sender proved nothing.
    Unverified,
}

/// One fact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "event")]
pub enum Event {
    /// The unit's helpdesk accepted (in progress).
    Accepted { unit: UnitName },
    /// The unit's helpdesk told its id, for the first time or a further one.
    Acknowledged { unit: UnitName, foreign_id: String, earlier: Option<String> },
    /// An alarm was asked for, and the ticket is an ordinary one.
    AlarmRefused { why: Refusal },
    /// An alarm went to the site's emergency address; `by` is whoever signed it.
    AlarmRaised { site: String, by: String },
    /// The unit asked the submitter.
    Asked { unit: UnitName, text: String },
    /// A leg was made; `why` names the rule or the person.
    Assigned { unit: UnitName, why: String },
    /// The ticket can no longer change.
    Closed,
    /// Somebody wrote.
    Commented { visibility: Visibility, text: String },
    /// It waits for another ticket's solution; `None`: no more.
    Enslaved { master: Option<TicketId> },
    /// A mail of ours could not be delivered. `number` is its number in the ticket.
    DeliveryFailed { number: u32, recipient: String, report: Report },
    /// Nobody did what was waited for: a step of a timer, counted from 0.
    FellDue { timer: Timer, step: usize },
    /// TPM should look.
    Flagged { why: String },
    /// The unit passed the ticket on through the desk.
    HandedOver { from: UnitName, to: UnitName, text: Option<String> },
    /// Another ticket was merged into this one; what its user wrote.
    Joined { ticket: TicketId, text: String },
    /// A unit wrote to a ticket that has ended; kept, sent to nobody.
    LateMail { unit: UnitName, text: String },
    /// Another ticket has left something here that a person must see to.
    LeftAlone { why: String },
    /// A control line or a form of this unit could not be read.
    LineNotUnderstood { unit: UnitName, lines: Vec<String> },
    /// The user asked to hurry; the level that this reached, from 1.
    Hurried { level: u8, text: String },
    /// It goes on in another ticket.
    Merged { into: TicketId },
    /// Something worth knowing that changes nothing.
    Noted { note: String },
    /// On hold, with the day on which it wakes.
    OnHold { unit: UnitName, wake: Option<Date> },
    /// The ticket was opened.
    Opened,
    /// It is a part of another ticket; `None`: of none any more.
    Parented { parent: Option<TicketId> },
    /// A mail tells which dialect a unit writes for which none is set: what is known of it now.
    Recognised { unit: UnitName, recognised: Recognised },
    /// Texts, addresses and names were taken out of the ticket.
    Redacted { reason: String },
    /// The unit gave the ticket back.
    Refused { unit: UnitName, reason: String },
    /// The user was not content, or wrote again.
    Reopened { text: String },
    /// The unit said "solved" without a text: kept as a comment, the text is asked for.
    SolutionWithoutText { unit: UnitName },
    /// Solved, with the text for the user.
    Solved { text: String },
    /// A person lets a timer run again.
    TimerStarted { timer: Timer },
    /// A person has stopped a timer for this ticket.
    TimerStopped { timer: Timer },
    /// The submitter did not answer the question, in the time and with the reminders that the desk grants.
    Unanswered,
    /// Not to be solved, with the reason for the user.
    Unsolved { text: String },
    /// The user confirmed the solution.
    Verified,
    /// The desk took the ticket from a unit.
    Withdrawn { unit: UnitName },
    /// The day has come until which it was on hold.
    Woke,
    /// Two tickets are about the same.
    Related { to: TicketId },
}
