//! The figures of a report. Field names are a public interface: `report --json` prints them.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;

use super::spread::Spread;
use crate::desk::policy::UnitName;

/// A period of the desk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    pub desk: String,
    pub first: Date,
    pub last: Date,
    /// Name of the zone in which the days are counted.
    pub time_zone: String,
    /// When it was made.
    pub made: Timestamp,
    pub totals: Totals,
    /// Every unit, in the order of their names.
    pub units: Vec<UnitRow>,
    /// By concerned VO, the most tickets first; `null` is no VO.
    pub vos: Vec<GroupRow>,
    pub types_of_problem: Vec<GroupRow>,
    pub backlog: Vec<BacklogRow>,
    pub flow: Vec<FlowRow>,
}

/// All of the desk.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Totals {
    pub opened: u64,
    /// Solved and not opened again within the period.
    pub solved: u64,
    /// The same for those that ended without a solution.
    pub unsolved: u64,
    pub reopened: u64,
    pub open_before: u64,
    pub open_after: u64,
    /// From the moment on which a unit got a ticket to its first word.
    pub acknowledgement: Spread,
    /// From the opening to the end, of those that were solved.
    pub solution: Spread,
    pub late_triage: u64,
    pub late_acknowledgement: u64,
    pub late_response: u64,
}

impl Totals {
    /// Everything that was overdue.
    pub fn late(&self) -> u64 {
        self.late_triage + self.late_acknowledgement + self.late_response
    }
}

/// What was overdue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Late {
    Acknowledgement,
    Response,
    Triage,
}

/// One unit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UnitRow {
    pub unit: UnitName,
    /// Times that a ticket came to it.
    pub given: u64,
    pub acknowledgement: Spread,
    pub solved: u64,
    pub unsolved: u64,
    /// From the moment on which it got the ticket, or got it back, of those that were solved.
    pub solution: Spread,
    pub refused: u64,
    pub handed_over: u64,
    pub reopened: u64,
    /// Limits that passed.
    pub late: u64,
    /// At the end of the period.
    pub open: u64,
}

/// Tickets that have something in common.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct GroupRow {
    pub name: Option<String>,
    pub opened: u64,
    pub solved: u64,
    pub unsolved: u64,
    pub solution: Spread,
    pub open: u64,
}

/// A day, or a week.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BacklogRow {
    pub first: Date,
    pub last: Date,
    pub opened: u64,
    pub reopened: u64,
    /// Also those that were opened again later.
    pub ended: u64,
    /// When the last day is over.
    pub open: u64,
}

/// Tickets that went from one unit to another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FlowRow {
    /// `null`: from their submitters.
    pub from: Option<UnitName>,
    pub to: UnitName,
    pub tickets: u64,
}
