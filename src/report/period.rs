//! The days of a report, in the desk's time zone, and the steps in which its course is shown.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

/// Days that are shown one by one; a longer period is shown by weeks.
const MOST_DAYS: usize = 62;
/// Days of the longest period: a century.
const LONGEST: i32 = 36_525;

/// From the first day to the last, both within it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Period {
    pub first: Date,
    pub last: Date,
    pub zone: TimeZone,
}

impl Period {
    /// The error says what is wrong with these days.
    pub fn new(first: Date, last: Date, zone: TimeZone) -> Result<Self, String> {
        if last < first {
            return Err(format!("the period ends on {last}, before it begins on {first}; exchange them"));
        }
        if (last - first).get_days() >= LONGEST {
            return Err("the period is longer than a century; take a shorter one".to_owned());
        }
        Ok(Self { first, last, zone })
    }

    /// The month of a day.
    pub fn month(day: Date, zone: TimeZone) -> Self {
        Self { first: day.first_of_month(), last: day.last_of_month(), zone }
    }

    /// The month before that of a moment.
    pub fn last_month(now: Timestamp, zone: TimeZone) -> Self {
        let first = now.to_zoned(zone.clone()).date().first_of_month();
        Self::month(first.yesterday().unwrap_or(first), zone)
    }

    /// When it begins.
    pub fn since(&self) -> Timestamp {
        self.midnight(self.first)
    }

    /// When it is over.
    pub fn until(&self) -> Timestamp {
        self.midnight(self.last.tomorrow().unwrap_or(Date::MAX))
    }

    /// Whether a moment lies in it.
    pub fn has(&self, at: Timestamp) -> bool {
        self.since() <= at && at < self.until()
    }

    /// First and last day of each step: days, or weeks that begin on the first day.
    pub fn steps(&self) -> Vec<(Date, Date)> {
        let days: Vec<Date> = self.first.series(1.day()).take_while(|day| *day <= self.last).collect();
        let length = if days.len() > MOST_DAYS { 7 } else { 1 };
        days.chunks(length).filter_map(|days| Some((*days.first()?, *days.last()?))).collect()
    }

    /// When a day begins; where daylight saving leaves midnight out, when the day's first hour does.
    pub fn midnight(&self, day: Date) -> Timestamp {
        self.zone
            .to_ambiguous_timestamp(day.to_datetime(jiff::civil::Time::midnight()))
            .compatible()
            .unwrap_or(Timestamp::MAX)
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn a_month_is_its_days_in_the_zone() {
        let rome = TimeZone::get("Europe/Rome").unwrap();
        let october = Period::last_month("2026-11-01T00:30:00Z".parse().unwrap(), rome.clone());
        assert_eq!((october.first, october.last), (date(2026, 10, 1), date(2026, 10, 31)));
        // Summer time when it begins, winter time when it ends.
        assert_eq!(october.since().to_string(), "2026-09-30T22:00:00Z");
        assert_eq!(october.until().to_string(), "2026-10-31T23:00:00Z");
        assert_eq!(october.steps().len(), 31);
        // In Rome it is November already.
        let late = Period::last_month("2026-10-31T23:30:00Z".parse().unwrap(), rome);
        assert_eq!(late.first, date(2026, 10, 1));
    }

    #[test]
    fn a_year_is_shown_by_weeks() {
        let year = Period::new(date(2028, 1, 1), date(2028, 12, 31), TimeZone::UTC).unwrap();
        let steps = year.steps();
        assert_eq!(steps.len(), 53);
        assert_eq!(steps[52], (date(2028, 12, 30), date(2028, 12, 31)));
        assert!(Period::new(date(2028, 1, 2), date(2028, 1, 1), TimeZone::UTC).is_err());
    }
}
