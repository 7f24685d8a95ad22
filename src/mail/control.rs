//! Control lines: what a person at a helpdesk writes when the helpdesk has no word for it (`STATUS: solved`,
//! `LOCAL ID: 4711`). Only in the newest text, only at its very top or bottom, each alone on a line.

use serde::{Deserialize, Serialize};

/// The states that a line may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AskedStatus {
    InProgress,
    OnHold,
    Solved,
    Unsolved,
    Verified,
    WaitingForReply,
}

/// One control line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Control {
    /// `ASSIGN TO: ROC_France`.
    AssignTo(String),
    /// `INTERNAL`: this comment goes to nobody but the desk.
    Internal,
    /// `LOCAL ID: 4711`.
    LocalId(String),
    /// `REFUSE: reason`.
    Refuse(String),
    /// `SOLUTION: text`, to the end or the next control line.
    Solution(String),
    /// `STATUS: …`.
    Status(AskedStatus),
    /// `WAKE: 2026-12-01`.
    Wake(jiff::civil::Date),
}

/// What was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Controls {
    /// Readable lines, in order.
    pub lines: Vec<Control>,
    /// Lines that look like a control line but can't be read, as written.
    pub unreadable: Vec<String>,
    /// The text without the control lines.
    pub rest: String,
}

/// Reads the control lines of a newest text.
pub fn controls(newest: &str) -> Controls {
    let _ = newest;
    todo!("reader")
}
