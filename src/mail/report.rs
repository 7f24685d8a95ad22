//! Delivery status notifications (RFC 3464, RFC 6522) and the plain-text failures that return a Message-ID of ours.
//! One mail is one report, however many parts tell it. Delays and successes are reports too, and mean little.

use serde::{Deserialize, Serialize};

use super::address::Address;
use super::message::{Mail, MessageId};

/// What became of the delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Delivery {
    /// It will never arrive (`Action: failed` with a 5.x.x status, or none).
    Failed,
    /// It failed for now and was given up (`failed` with 4.x.x), or is still being tried (`delayed`).
    Delayed,
    /// Delivered, relayed or expanded.
    Delivered,
}

/// One delivery report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// The outcome; the worst where several recipients are named.
    pub delivery: Delivery,
    /// Final or original recipients with that outcome.
    pub recipients: Vec<Address>,
    /// Enhanced status code (RFC 3463), `5.1.1`.
    pub status: Option<String>,
    /// What the other server said, one line, bounded.
    pub diagnostic: Option<String>,
    /// Message-ID of the returned mail, and every other id found in what was returned.
    pub returned_ids: Vec<MessageId>,
}

/// Reads the report, where the mail is one.
pub fn report(mail: &Mail) -> Option<Report> {
    let _ = mail;
    todo!("reader")
}
