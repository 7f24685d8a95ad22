//! `report`: a period of the desk in figures, for people, for programs, and as a page to hand on.

use std::path::Path;
use std::process::ExitCode;

use jiff::civil::Date;

use super::table::{count, table};
use super::{Failure, open_reader, print, print_json};
use crate::daemon::clock;
use crate::render::report::{page, took};
use crate::report::{GroupRow, Period, Report, Spread, Tally};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Without --month or --from it is last month, in the desk's time zone. `report --html > october.html` makes a \
    page that needs nothing else. docs/report.md tells what each figure counts."
)]
pub struct Args {
    /// A month: 2026-10
    #[arg(long, value_parser = month, conflicts_with_all = ["from", "to"])]
    month: Option<Date>,
    /// The first day: 2026-01-01
    #[arg(long, value_name = "DATE", requires = "to")]
    from: Option<Date>,
    /// The last day, within the period
    #[arg(long, value_name = "DATE", requires = "from")]
    to: Option<Date>,
    #[arg(long)]
    json: bool,
    /// One figure a line, for a spreadsheet
    #[arg(long, conflicts_with = "json")]
    csv: bool,
    /// A page with charts
    #[arg(long, conflicts_with_all = ["json", "csv"])]
    html: bool,
}

fn month(text: &str) -> Result<Date, String> {
    let shaped = text.len() == 7 && text.as_bytes().get(4) == Some(&b'-');
    let first = format!("{text}-01").parse().ok().filter(|_| shaped);
    first.ok_or_else(|| "write it as 2026-10".to_owned())
}

pub fn run(config: &Path, args: &Args) -> Result<ExitCode, Failure> {
    let (loaded, reader) = open_reader(config)?;
    let (policy, now) = (&loaded.policy, clock::now());
    let zone = policy.desk.calendar.zone.clone();
    let period = match (args.month, args.from, args.to) {
        (Some(month), ..) => Period::month(month, zone),
        (None, Some(from), Some(to)) => Period::new(from, to, zone).map_err(Failure::Refused)?,
        _ => Period::last_month(now, zone),
    };
    let (since, until) = (period.since(), period.until());
    let mut tally = Tally::new(policy, period);
    reader.facts(since, until, |ticket| tally.add(ticket))?;
    let report = tally.report(now);
    match (args.json, args.csv, args.html) {
        (true, ..) => print_json(&report)?,
        (_, true, _) => print(csv(&report).trim_end())?,
        (_, _, true) => print(&page(&report).map_err(Failure::Data)?)?,
        _ => print(&text(&report))?,
    }
    Ok(ExitCode::SUCCESS)
}

fn text(report: &Report) -> String {
    let totals = &report.totals;
    let line = |name: &str, value: String| format!("{name:20}{value}");
    let spread =
        |spread: &Spread| format!("half within {}, nine of ten within {}", took(spread.median), took(spread.ninetieth));
    let mut parts = vec![
        format!("{}, {} to {} ({})", report.desk, report.first, report.last, report.time_zone),
        String::new(),
        line("came in", format!("{}, {} reopened", count(totals.opened, "ticket"), totals.reopened)),
        line("ended", format!("{} solved, {} unsolved", totals.solved, totals.unsolved)),
        line("open", format!("{} at the start, {} at the end", totals.open_before, totals.open_after)),
        line("acknowledged", spread(&totals.acknowledgement)),
        line("solved", spread(&totals.solution)),
        line(
            "overdue",
            format!(
                "{} at TPM, {} not acknowledged, {} not answered",
                totals.late_triage, totals.late_acknowledgement, totals.late_response
            ),
        ),
        String::new(),
    ];
    let heading = [
        "unit",
        "given",
        "ack. half",
        "9 of 10",
        "solved",
        "half",
        "9 of 10",
        "unsolved",
        "refused",
        "passed on",
        "reopened",
        "overdue",
        "open",
    ];
    let rows: Vec<[String; 13]> = report
        .units
        .iter()
        .map(|row| {
            let (acknowledged, solved) = (&row.acknowledgement, &row.solution);
            [
                row.unit.to_string(),
                row.given.to_string(),
                took(acknowledged.median),
                took(acknowledged.ninetieth),
                row.solved.to_string(),
                took(solved.median),
                took(solved.ninetieth),
                row.unsolved.to_string(),
                row.refused.to_string(),
                row.handed_over.to_string(),
                row.reopened.to_string(),
                row.late.to_string(),
                row.open.to_string(),
            ]
        })
        .collect();
    parts.push(table(heading, &rows));
    for (name, groups) in [("VO", &report.vos), ("type of problem", &report.types_of_problem)] {
        parts.push(String::new());
        parts.push(of_groups(name, groups));
    }
    parts.join("\n")
}

fn of_groups(name: &str, groups: &[GroupRow]) -> String {
    let rows: Vec<[String; 6]> = groups
        .iter()
        .map(|group| {
            let name = group.name.clone().unwrap_or_else(|| "none named".to_owned());
            let (opened, solved, open) = (group.opened, group.solved, group.open);
            let (median, ninetieth) = (took(group.solution.median), took(group.solution.ninetieth));
            [name, opened.to_string(), solved.to_string(), median, ninetieth, open.to_string()]
        })
        .collect();
    table([name, "came in", "solved", "half", "9 of 10", "open"], &rows)
}

/// `table,name,to,measure,value`: one figure a line, so that one file holds them all. Times are in seconds.
fn csv(report: &Report) -> String {
    let mut lines = Csv("table,name,to,measure,value\r\n".to_owned());
    let totals = &report.totals;
    lines.row("desk", "", "", "opened", totals.opened);
    lines.row("desk", "", "", "solved", totals.solved);
    lines.row("desk", "", "", "unsolved", totals.unsolved);
    lines.row("desk", "", "", "reopened", totals.reopened);
    lines.row("desk", "", "", "open_before", totals.open_before);
    lines.row("desk", "", "", "open_after", totals.open_after);
    lines.row("desk", "", "", "late_triage", totals.late_triage);
    lines.row("desk", "", "", "late_acknowledgement", totals.late_acknowledgement);
    lines.row("desk", "", "", "late_response", totals.late_response);
    lines.spread("desk", "", "acknowledgement", &totals.acknowledgement);
    lines.spread("desk", "", "solution", &totals.solution);
    for row in &report.units {
        let name = &row.unit.0;
        for (measure, value) in [
            ("given", row.given),
            ("solved", row.solved),
            ("unsolved", row.unsolved),
            ("refused", row.refused),
            ("handed_over", row.handed_over),
            ("reopened", row.reopened),
            ("late", row.late),
            ("open", row.open),
        ] {
            lines.row("unit", name, "", measure, value);
        }
        lines.spread("unit", name, "acknowledgement", &row.acknowledgement);
        lines.spread("unit", name, "solution", &row.solution);
    }
    for (kind, groups) in [("vo", &report.vos), ("type_of_problem", &report.types_of_problem)] {
        for group in groups {
            let name = group.name.as_deref().unwrap_or_default();
            lines.row(kind, name, "", "opened", group.opened);
            lines.row(kind, name, "", "solved", group.solved);
            lines.row(kind, name, "", "unsolved", group.unsolved);
            lines.row(kind, name, "", "open", group.open);
            lines.spread(kind, name, "solution", &group.solution);
        }
    }
    for row in &report.backlog {
        let (first, last) = (row.first.to_string(), row.last.to_string());
        lines.row("backlog", &first, &last, "opened", row.opened);
        lines.row("backlog", &first, &last, "reopened", row.reopened);
        lines.row("backlog", &first, &last, "ended", row.ended);
        lines.row("backlog", &first, &last, "open", row.open);
    }
    for row in &report.flow {
        let from = row.from.as_ref().map(ToString::to_string).unwrap_or_default();
        lines.row("flow", &from, &row.to.0, "tickets", row.tickets);
    }
    lines.0
}

struct Csv(String);

impl Csv {
    fn row(&mut self, table: &str, name: &str, to: &str, measure: &str, value: impl std::fmt::Display) {
        self.0 += &format!("{table},{},{},{measure},{value}\r\n", cell(name), cell(to));
    }

    fn spread(&mut self, table: &str, name: &str, measure: &str, spread: &Spread) {
        self.row(table, name, "", &format!("{measure}_count"), spread.count);
        for (part, seconds) in [("median", spread.median), ("ninetieth", spread.ninetieth)] {
            if let Some(seconds) = seconds {
                self.row(table, name, "", &format!("{measure}_{part}"), seconds);
            }
        }
    }
}

/// Quoted where it must be (RFC 4180). Strangers choose names of VOs: none is a formula for a spreadsheet.
fn cell(text: &str) -> String {
    let text = crate::mail::plain::line(text, 400);
    let text = if text.starts_with(['=', '+', '-', '@']) { format!("'{text}") } else { text };
    if text.contains(['"', ',']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_is_written_in_one_way() {
        assert_eq!(month("2026-10"), Ok("2026-10-01".parse().unwrap()));
        for wrong in ["", "2026", "2026-13", "10-2026", "2026-1", "2026-10-01"] {
            assert!(month(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn no_cell_is_a_formula_or_two_cells() {
        assert_eq!(cell("=HYPERLINK(\"x\",1)"), "\"'=HYPERLINK(\"\"x\"\",1)\"");
        assert_eq!(cell("a,b\nc"), "\"a,b c\"");
        assert_eq!(cell("ROC_UK/Ireland"), "ROC_UK/Ireland");
    }
}
