//! A calendar: which days somebody works, from when to when, in which time zone. It counts and adds working time, and
//! knows nothing of what the time is for.
//!
//! Whole days keep the time of the day, over a change of daylight saving too: what begins on Monday at ten is one working
//! day old on Tuesday at ten. Hours are counted within working hours only. What begins outside of working time begins,
//! for the count, when work begins next.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use jiff::civil::{Date, DateTime, Time, Weekday, time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};
use serde::Deserialize;

/// Days that are looked at one by one at most: more than any setting asks about, with every day a holiday between.
const MOST_DAYS: usize = 2_000;

/// When a unit, or the desk, works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Calendar {
    pub zone: TimeZone,
    pub hours: WorkingHours,
    pub holidays: Arc<BTreeSet<Date>>,
}

/// From when to when, on every working day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct WorkingHours {
    from: Time,
    to: Time,
}

/// An amount of working time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum WorkTime {
    Days(u32),
    Hours(u32),
}

impl Default for WorkingHours {
    fn default() -> Self {
        Self { from: time(9, 0, 0, 0), to: time(17, 0, 0, 0) }
    }
}

impl WorkingHours {
    fn length(self) -> SignedDuration {
        self.to.duration_since(self.from)
    }
}

impl FromStr for WorkingHours {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let time = |text: &str| Time::strptime("%H:%M", text.trim()).ok();
        let read = text.split_once('-').and_then(|(from, to)| Some(Self { from: time(from)?, to: time(to)? }));
        let read = read.ok_or_else(|| format!("{text:?} is no working day, write \"09:00-17:00\""))?;
        if read.from < read.to {
            return Ok(read);
        }
        Err(format!("{text:?} ends before it begins, and working hours end on the day on which they began"))
    }
}

impl FromStr for WorkTime {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is no working time, write \"5 days\" or \"4 hours\"");
        let (number, unit) = text.trim().split_once(' ').ok_or_else(wrong)?;
        let number = number.parse::<u32>().ok().filter(|number| (1..=1_000).contains(number)).ok_or_else(wrong)?;
        match unit.trim() {
            "day" | "days" => Ok(Self::Days(number)),
            "hour" | "hours" => Ok(Self::Hours(number)),
            _ => Err(wrong()),
        }
    }
}

impl TryFrom<String> for WorkingHours {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl TryFrom<String> for WorkTime {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl fmt::Display for WorkTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Days(1) => f.write_str("1 working day"),
            Self::Days(days) => write!(f, "{days} working days"),
            Self::Hours(1) => f.write_str("1 working hour"),
            Self::Hours(hours) => write!(f, "{hours} working hours"),
        }
    }
}

impl Calendar {
    /// Monday to Friday, nine to five, without holidays.
    pub fn new(zone: TimeZone) -> Self {
        Self { zone, hours: WorkingHours::default(), holidays: Arc::default() }
    }

    /// Whether work is done on that day.
    pub fn is_workday(&self, date: Date) -> bool {
        !matches!(date.weekday(), Weekday::Saturday | Weekday::Sunday) && !self.holidays.contains(&date)
    }

    /// Whole working days between two moments: how many of them began after `from`, up to `to`.
    pub fn days_between(&self, from: Timestamp, to: Timestamp) -> u32 {
        let (day, last) = (self.local(from).date(), self.local(to).date());
        let days = days_after(day).take_while(|day| *day <= last).filter(|day| self.is_workday(*day));
        days.fold(0, |count, _| count + 1)
    }

    /// The moment that lies so much working time behind `from`.
    pub fn after(&self, from: Timestamp, time: WorkTime) -> Timestamp {
        match time {
            WorkTime::Days(days) => self.days_after(from, days),
            WorkTime::Hours(hours) => self.worked_after(from, SignedDuration::from_hours(i64::from(hours))),
        }
    }

    /// The moment at which `percent` of so much working time has passed.
    pub fn after_part(&self, from: Timestamp, time: WorkTime, percent: u32) -> Timestamp {
        let whole = match time {
            WorkTime::Days(days) => self.hours.length().saturating_mul(i32::try_from(days).unwrap_or(i32::MAX)),
            WorkTime::Hours(hours) => SignedDuration::from_hours(i64::from(hours)),
        };
        let part = SignedDuration::from_secs(whole.as_secs().saturating_mul(i64::from(percent)) / 100);
        self.worked_after(from, part)
    }

    /// When work begins on that day, or on the next on which there is work.
    pub fn opens_on(&self, date: Date) -> Timestamp {
        self.instant(self.workday_from(date).to_datetime(self.hours.from))
    }

    fn days_after(&self, from: Timestamp, days: u32) -> Timestamp {
        let begin = self.local(from);
        let begin = match self.is_workday(begin.date()) {
            true => begin,
            false => self.workday_from(begin.date()).to_datetime(self.hours.from),
        };
        let workdays = days_after(begin.date()).filter(|day| self.is_workday(*day));
        let day = std::iter::once(begin.date()).chain(workdays).nth(days as usize);
        day.map_or(Timestamp::MAX, |day| self.instant(day.to_datetime(begin.time())))
    }

    fn worked_after(&self, from: Timestamp, mut time: SignedDuration) -> Timestamp {
        let begin = self.local(from);
        let mut at = begin.time().max(self.hours.from);
        for day in std::iter::once(begin.date()).chain(days_after(begin.date())).filter(|day| self.is_workday(*day)) {
            if day != begin.date() {
                at = self.hours.from;
            }
            let left = self.hours.to.duration_since(at).max(SignedDuration::ZERO);
            if time <= left {
                return self.instant(day.to_datetime(at.saturating_add(time)));
            }
            time -= left;
        }
        Timestamp::MAX
    }

    fn workday_from(&self, date: Date) -> Date {
        std::iter::once(date).chain(days_after(date)).find(|day| self.is_workday(*day)).unwrap_or(Date::MAX)
    }

    /// What the clock on the wall shows there.
    pub(super) fn local(&self, at: Timestamp) -> DateTime {
        at.to_zoned(self.zone.clone()).datetime()
    }

    /// A time of the day that daylight saving leaves out is as long after the gap; one that comes twice is the first.
    pub(super) fn instant(&self, at: DateTime) -> Timestamp {
        self.zone.to_ambiguous_timestamp(at).compatible().unwrap_or(Timestamp::MAX)
    }
}

/// The days behind one, as far as anybody looks.
fn days_after(date: Date) -> impl Iterator<Item = Date> {
    std::iter::successors(Some(date), |day| day.checked_add(1.day()).ok()).skip(1).take(MOST_DAYS)
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use proptest::prelude::*;

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn rome() -> Calendar {
        let holidays = [date(2026, 12, 8), date(2026, 12, 25)].into();
        Calendar { holidays: Arc::new(holidays), ..Calendar::new(TimeZone::get("Europe/Rome").unwrap()) }
    }

    #[test]
    fn weekends_and_holidays_do_not_count() {
        let utc = Calendar::new(TimeZone::UTC);
        let friday = at("2026-11-20T15:00:00Z");
        assert_eq!(utc.days_between(friday, at("2026-11-22T15:00:00Z")), 0);
        assert_eq!(utc.days_between(friday, at("2026-11-23T09:00:00Z")), 1);
        assert_eq!(utc.days_between(friday, at("2026-12-04T09:00:00Z")), 10);
        assert_eq!(utc.days_between(friday, at("2026-11-20T09:00:00Z")), 0);
        // The eighth of December is a holiday in Rome, a Tuesday.
        assert_eq!(rome().days_between(at("2026-12-07T09:00:00Z"), at("2026-12-09T09:00:00Z")), 1);
        assert_eq!(rome().after(at("2026-12-07T09:00:00Z"), WorkTime::Days(1)), at("2026-12-09T09:00:00Z"));
    }

    #[test]
    fn days_keep_the_time_of_the_day_over_daylight_saving() {
        // Rome leaves summer time on Sunday 25 October 2026, and takes it up on Sunday 28 March 2027.
        assert_eq!(rome().after(at("2026-10-23T08:00:00Z"), WorkTime::Days(1)), at("2026-10-26T09:00:00Z"));
        assert_eq!(rome().after(at("2027-03-26T09:00:00Z"), WorkTime::Days(1)), at("2027-03-29T08:00:00Z"));
        // A leap day is a day.
        assert_eq!(rome().after(at("2028-02-28T09:00:00Z"), WorkTime::Days(1)), at("2028-02-29T09:00:00Z"));
        assert_eq!(rome().after(at("2028-02-28T09:00:00Z"), WorkTime::Days(2)), at("2028-03-01T09:00:00Z"));
    }

    #[test]
    fn hours_are_working_hours() {
        let rome = rome();
        // 16:30 in Rome: half an hour is left today, three and a half are tomorrow's.
        assert_eq!(rome.after(at("2026-11-23T15:30:00Z"), WorkTime::Hours(4)), at("2026-11-24T11:30:00Z"));
        // Saturday night: work begins on Monday at nine.
        assert_eq!(rome.after(at("2026-11-21T22:00:00Z"), WorkTime::Hours(1)), at("2026-11-23T09:00:00Z"));
        assert_eq!(rome.after(at("2026-11-21T22:00:00Z"), WorkTime::Days(1)), at("2026-11-24T08:00:00Z"));
        // Before work, and after it.
        assert_eq!(rome.after(at("2026-11-23T04:00:00Z"), WorkTime::Hours(1)), at("2026-11-23T09:00:00Z"));
        assert_eq!(rome.after(at("2026-11-23T20:00:00Z"), WorkTime::Hours(1)), at("2026-11-24T09:00:00Z"));
        // Three quarters of a day of eight hours, and of four days.
        assert_eq!(rome.after_part(at("2026-11-23T08:00:00Z"), WorkTime::Days(1), 75), at("2026-11-23T14:00:00Z"));
        assert_eq!(rome.after_part(at("2026-11-23T08:00:00Z"), WorkTime::Days(4), 75), at("2026-11-25T16:00:00Z"));
    }

    #[test]
    fn a_day_opens_with_work() {
        assert_eq!(rome().opens_on(date(2026, 12, 8)), at("2026-12-09T08:00:00Z"));
        assert_eq!(rome().opens_on(date(2026, 11, 21)), at("2026-11-23T08:00:00Z"));
    }

    #[test]
    fn settings_are_read_and_refused() {
        assert_eq!("5 days".parse(), Ok(WorkTime::Days(5)));
        assert_eq!("1 hour".parse(), Ok(WorkTime::Hours(1)));
        for wrong in ["", "5", "0 days", "5 weeks", "-1 days", "1001 days"] {
            assert!(wrong.parse::<WorkTime>().is_err(), "{wrong}");
        }
        let late = "08:30 - 18:00".parse::<WorkingHours>().unwrap();
        assert_eq!(late.length(), SignedDuration::from_mins(570));
        for wrong in ["", "9-17", "18:00-08:00", "09:00-09:00", "09:00"] {
            assert!(wrong.parse::<WorkingHours>().is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn working_time_is_never_short_and_never_runs_back(start in 0_i64..4_000_000_000, days in 0_u32..60, more in 0_u32..60) {
            let rome = rome();
            let from = Timestamp::from_second(start).unwrap();
            let end = rome.after(from, WorkTime::Days(days));
            prop_assert!(end >= from);
            prop_assert!(rome.days_between(from, end) >= days);
            prop_assert!(end <= rome.after(from, WorkTime::Days(days + more)));
            prop_assert!(days == 0 || rome.is_workday(rome.local(end).date()));
            let hours = rome.after(from, WorkTime::Hours(days + 1));
            prop_assert!(hours > from && rome.is_workday(rome.local(hours).date()));
            let time = rome.local(hours).time();
            prop_assert!(time > rome.hours.from && time <= rome.hours.to);
        }
    }
}
