//! The ways out: one file per kind. A courier delivers one parcel at a time and says what became of it.
//!
//! It never decides whether to try again and never sees the store: that is the outbox's business.

pub mod maildir;
pub mod smtp;

use crate::mail::Address;

/// A composed mail under way to one recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parcel {
    /// Envelope sender; `None` is the null sender `<>` (RFC 5321 section 4.5.5).
    pub sender: Option<Address>,
    /// Envelope recipient.
    pub recipient: Address,
    /// The mail, CRLF line ends.
    pub bytes: Vec<u8>,
}

/// What became of a parcel. The text is the other side's answer, or what happened, on one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The other side has taken responsibility.
    Sent(String),
    /// Refused or unreachable for now: try the same bytes later.
    Transient(String),
    /// Refused for good.
    Permanent(String),
    /// Cut after the data were sent: it may have arrived. The same bytes go out again under the same Message-ID.
    Unknown(String),
}
