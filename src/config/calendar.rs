//! Working hours and holidays: of the desk in `gateway.toml`, of a unit in `routing.toml`, and in iCalendar files.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use icalendar::parser::{Component, read_calendar, unfold};
use jiff::ToSpan;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::Files;
use super::document::Document;
use super::problem::{Report, did_you_mean};
use crate::desk::calendar::{Calendar, WorkingHours};

/// Days of one holiday, and years in which one comes again: no calendar of holidays has more.
const MOST_DAYS: usize = 60;
const YEARS: usize = 30;

/// What a section says of somebody's calendar.
#[derive(Debug, Default)]
pub struct CalendarKeys {
    pub time_zone: Option<String>,
    pub working_hours: Option<WorkingHours>,
    pub holidays: Option<BTreeSet<Date>>,
    pub holidays_file: Option<PathBuf>,
}

/// The calendar that a section gives; what it does not say is as in `otherwise`. A list of holidays, or a file of them,
/// takes the place of others: one country's holidays are working days elsewhere.
pub fn calendar(
    document: &Document<'_>,
    section: &[&str],
    keys: CalendarKeys,
    otherwise: &Calendar,
    files: &dyn Files,
    report: &mut Report,
) -> Option<Calendar> {
    let at = |key: &'static str| section.iter().copied().chain([key]).collect::<Vec<_>>();
    let zone = match &keys.time_zone {
        Some(name) => zone(document, &at("time_zone"), name, report)?,
        None => otherwise.zone.clone(),
    };
    let named = keys.holidays.is_some() || keys.holidays_file.is_some();
    let mut holidays = keys.holidays.unwrap_or_default();
    if let Some(file) = &keys.holidays_file {
        holidays.extend(from_file(document, &at("holidays_file"), file, files, report)?);
    }
    Some(Calendar {
        zone,
        hours: keys.working_hours.unwrap_or(otherwise.hours),
        holidays: if named { Arc::new(holidays) } else { Arc::clone(&otherwise.holidays) },
    })
}

/// A time zone of the IANA database.
fn zone(document: &Document<'_>, path: &[&str], name: &str, report: &mut Report) -> Option<TimeZone> {
    match TimeZone::get(name) {
        Ok(zone) => Some(zone),
        Err(_) => {
            let known: Vec<String> = jiff::tz::db().available().map(|name| name.to_string()).collect();
            let hint = did_you_mean(name, known.iter().map(String::as_str));
            let hint = hint.unwrap_or_else(|| "write a name such as \"Europe/Rome\" or \"UTC\"".to_owned());
            document.error(report, path, format!("unknown time zone {name:?}"), hint);
            None
        }
    }
}

fn from_file(
    document: &Document<'_>,
    path: &[&str],
    name: &Path,
    files: &dyn Files,
    report: &mut Report,
) -> Option<BTreeSet<Date>> {
    let text = match files.text(name) {
        Ok(text) => text,
        Err(why) => {
            document.error(report, path, why, "give an iCalendar file (.ics) with the holidays as whole days");
            return None;
        }
    };
    match holidays(&text) {
        Ok((days, skipped)) => {
            for event in skipped {
                let hint = "only whole days, once or each year, are holidays; list it under holidays";
                document.warning(report, path, format!("{}: {event} is passed over", name.display()), hint);
            }
            Some(days)
        }
        Err(why) => {
            let hint = "export it anew, as iCalendar";
            document.error(report, path, format!("{}: {why}", name.display()), hint);
            None
        }
    }
}

/// The whole days of an iCalendar file (RFC 5545), and what in it is none.
fn holidays(text: &str) -> Result<(BTreeSet<Date>, Vec<String>), String> {
    let unfolded = unfold(text);
    let calendar = read_calendar(&unfolded).map_err(|error| format!("it is no iCalendar file: {error}"))?;
    let (mut days, mut skipped) = (BTreeSet::new(), Vec::new());
    for event in calendar.components.iter().filter(|component| component.name.as_str() == "VEVENT") {
        match days_of(event) {
            Some(of_event) => days.extend(of_event),
            None => skipped.push(value(event, "SUMMARY").unwrap_or("an event").to_owned()),
        }
    }
    if days.is_empty() {
        return Err("it has no whole day in it".to_owned());
    }
    Ok((days, skipped))
}

fn value<'a>(event: &'a Component<'_>, name: &str) -> Option<&'a str> {
    Some(event.find_prop(name)?.val.as_str())
}

/// `None` for what is no whole day, or comes again in another way than each year.
fn days_of(event: &Component<'_>) -> Option<Vec<Date>> {
    let day = |text: &str| Date::strptime("%Y%m%d", text).ok();
    let first = day(value(event, "DTSTART")?)?;
    // The end is the first day that is none; without one it is one day.
    let end = value(event, "DTEND").and_then(day).or_else(|| first.checked_add(1.day()).ok())?;
    let once = || first.series(1.day()).take_while(|day| *day < end).take(MOST_DAYS);
    let years = match value(event, "RRULE").map(|rule| rule.trim_end_matches(';').to_ascii_uppercase()) {
        None => 1,
        Some(rule) if rule == "FREQ=YEARLY" => YEARS,
        Some(_) => return None,
    };
    let in_year = |years: usize| once().filter_map(move |day| day.checked_add(i64::try_from(years).ok()?.years()).ok());
    Some((0..years).flat_map(in_year).collect())
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn holidays_are_whole_days_once_or_each_year() {
        let text = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\n\
                    BEGIN:VEVENT\r\nUID:1\r\nDTSTART;VALUE=DATE:20261225\r\nDTEND;VALUE=DATE:20261227\r\nSUMMARY:Christmas\r\nEND:VEVENT\r\n\
                    BEGIN:VEVENT\r\nUID:2\r\nDTSTART;VALUE=DATE:20200602\r\nRRULE:FREQ=YEARLY\r\nSUMMARY:Republic Day\r\nEND:VEVENT\r\n\
                    BEGIN:VEVENT\r\nUID:3\r\nDTSTART:20261201T100000Z\r\nSUMMARY:Meeting\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";
        let (days, skipped) = holidays(text).unwrap();
        for day in [date(2026, 12, 25), date(2026, 12, 26), date(2027, 6, 2), date(2020, 6, 2)] {
            assert!(days.contains(&day), "{day}");
        }
        assert!(!days.contains(&date(2026, 12, 27)));
        assert_eq!(skipped, ["Meeting"]);
        assert!(holidays("hello").is_err());
        assert!(holidays("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nEND:VCALENDAR\r\n").is_err());
    }
}
