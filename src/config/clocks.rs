//! `[clocks]`: how much working time the desk grants (protocol section 6).

use std::collections::BTreeMap;

use serde::Deserialize;

use super::document::Document;
use super::problem::Report;
use crate::desk::calendar::WorkTime;
use crate::desk::rhythm::Rhythm;
use crate::desk::ticket::Priority;
use crate::desk::timer::Clocks;

/// `[clocks]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ClocksFile {
    triage: Option<WorkTime>,
    acknowledgement_warning: Option<WorkTime>,
    acknowledgement: Option<WorkTime>,
    warning_percent: Option<u32>,
    response: Option<BTreeMap<Priority, WorkTime>>,
    reply_reminders: Option<Vec<WorkTime>>,
    reply_end: Option<WorkTime>,
    operations: Option<[WorkTime; 4]>,
    unit_digest: Option<Rhythm>,
    triage_digest: Option<Rhythm>,
}

/// Most reminders of one question.
const MOST_REMINDERS: usize = 10;

/// Reads the section.
pub fn clocks(document: &Document<'_>, report: &mut Report) -> Option<Clocks> {
    let file = document.section::<ClocksFile>(&["clocks"], report)?;
    let default = Clocks::default();
    let clocks = Clocks {
        triage: file.triage.unwrap_or(default.triage),
        acknowledgement_warning: file.acknowledgement_warning.unwrap_or(default.acknowledgement_warning),
        acknowledgement: file.acknowledgement.unwrap_or(default.acknowledgement),
        warning_percent: file.warning_percent.unwrap_or(default.warning_percent),
        response: file.response.unwrap_or(default.response),
        reply_reminders: file.reply_reminders.unwrap_or(default.reply_reminders),
        reply_end: file.reply_end.unwrap_or(default.reply_end),
        operations: file.operations.unwrap_or(default.operations),
        unit_digest: file.unit_digest.unwrap_or(default.unit_digest),
        triage_digest: file.triage_digest.unwrap_or(default.triage_digest),
    };
    if !(1..=100).contains(&clocks.warning_percent) {
        let message = format!("{} is no share of a limit", clocks.warning_percent);
        document.error(report, &["clocks", "warning_percent"], message, "write 1 to 100");
    }
    if clocks.reply_reminders.len() > MOST_REMINDERS {
        let message = format!("{} reminders of one question are too many", clocks.reply_reminders.len());
        document.error(report, &["clocks", "reply_reminders"], message, "write ten at the most");
    }
    Some(clocks)
}
