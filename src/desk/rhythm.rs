//! A rhythm: on which days, and at which time of the day, something comes again. It counts in a calendar's own time, so
//! seven in the morning stays seven over a change of daylight saving. It does not know what comes.

use std::str::FromStr;

use jiff::civil::{Date, Time, Weekday, time};
use jiff::{Timestamp, ToSpan};
use serde::Deserialize;

use super::calendar::Calendar;

/// Days that are looked at one by one at most, either way: no holidays last longer.
const MOST_DAYS: usize = 120;

/// When something comes again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Rhythm {
    Never,
    /// On every working day.
    Daily(Time),
    /// On that day of each week; where no work is done on it, on the next day on which there is.
    Weekly(Weekday, Time),
}

impl Rhythm {
    /// Every working day at seven.
    pub const MORNINGS: Self = Self::Daily(time(7, 0, 0, 0));
    /// Each Monday at seven.
    pub const MONDAYS: Self = Self::Weekly(Weekday::Monday, time(7, 0, 0, 0));

    /// The first time behind a moment.
    pub fn next(self, calendar: &Calendar, after: Timestamp) -> Option<Timestamp> {
        let today = calendar.local(after).date();
        let days = std::iter::successors(Some(today), |day| day.checked_add(1.day()).ok()).take(MOST_DAYS);
        days.filter_map(|day| self.on(calendar, day)).find(|at| *at > after)
    }

    /// The last time up to a moment.
    pub fn last(self, calendar: &Calendar, until: Timestamp) -> Option<Timestamp> {
        let today = calendar.local(until).date();
        let days = std::iter::successors(Some(today), |day| day.checked_sub(1.day()).ok()).take(MOST_DAYS);
        days.filter_map(|day| self.on(calendar, day)).find(|at| *at <= until)
    }

    /// When it comes on that day, if it does.
    fn on(self, calendar: &Calendar, day: Date) -> Option<Timestamp> {
        let (time, comes) = match self {
            Self::Never => return None,
            Self::Daily(time) => (time, calendar.is_workday(day)),
            Self::Weekly(weekday, time) => (time, calendar.is_workday(day) && belongs(calendar, weekday, day)),
        };
        comes.then(|| calendar.instant(day.to_datetime(time)))
    }
}

/// Whether a working day is the first from a day of the week on.
fn belongs(calendar: &Calendar, weekday: Weekday, day: Date) -> bool {
    let mut before = std::iter::successors(Some(day), |day| day.checked_sub(1.day()).ok()).take(MOST_DAYS);
    let decides = before.find(|one| one.weekday() == weekday || (*one != day && calendar.is_workday(*one)));
    decides.is_some_and(|one| one.weekday() == weekday && (one == day || !calendar.is_workday(one)))
}

impl FromStr for Rhythm {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("{text:?} is no rhythm, write \"Monday 07:00\", \"daily 07:00\" for working days, or \"never\"");
        let text = text.trim();
        if text.eq_ignore_ascii_case("never") {
            return Ok(Self::Never);
        }
        let (day, at) = text.split_once(' ').ok_or_else(wrong)?;
        let at = Time::strptime("%H:%M", at.trim()).map_err(|_| wrong())?;
        if day.eq_ignore_ascii_case("daily") {
            return Ok(Self::Daily(at));
        }
        let weekday = WEEKDAYS.into_iter().find(|(name, _)| day.eq_ignore_ascii_case(name));
        weekday.map(|(_, weekday)| Self::Weekly(weekday, at)).ok_or_else(wrong)
    }
}

const WEEKDAYS: [(&str, Weekday); 7] = [
    ("Monday", Weekday::Monday),
    ("Tuesday", Weekday::Tuesday),
    ("Wednesday", Weekday::Wednesday),
    ("Thursday", Weekday::Thursday),
    ("Friday", Weekday::Friday),
    ("Saturday", Weekday::Saturday),
    ("Sunday", Weekday::Sunday),
];

impl TryFrom<String> for Rhythm {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use jiff::civil::date;
    use jiff::tz::TimeZone;
    use proptest::prelude::*;

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn rome() -> Calendar {
        // The sixth of April is Easter Monday.
        let holidays = [date(2026, 4, 6), date(2026, 12, 25)].into();
        Calendar { holidays: Arc::new(holidays), ..Calendar::new(TimeZone::get("Europe/Rome").unwrap()) }
    }

    fn times(rhythm: Rhythm, from: &str, count: usize) -> Vec<String> {
        let next = |at: &Timestamp| rhythm.next(&rome(), *at);
        let all = std::iter::successors(rhythm.next(&rome(), at(from)), next).take(count);
        all.map(|at| at.to_string()).collect()
    }

    #[test]
    fn mondays_stay_at_seven_and_give_way_to_holidays() {
        // Summer time begins on 29 March.
        let wanted = ["2026-03-23T06:00:00Z", "2026-03-30T05:00:00Z", "2026-04-07T05:00:00Z", "2026-04-13T05:00:00Z"];
        assert_eq!(times(Rhythm::MONDAYS, "2026-03-17T12:00:00Z", 4), wanted);
        // Summer time ends on 25 October.
        let wanted = ["2026-10-19T05:00:00Z", "2026-10-26T06:00:00Z"];
        assert_eq!(times(Rhythm::MONDAYS, "2026-10-12T05:00:00Z", 2), wanted);
    }

    #[test]
    fn mornings_are_working_days() {
        let wanted = ["2028-02-28T06:00:00Z", "2028-02-29T06:00:00Z", "2028-03-01T06:00:00Z"];
        assert_eq!(times(Rhythm::MORNINGS, "2028-02-25T06:00:00Z", 3), wanted);
        let sunday = Rhythm::Weekly(Weekday::Sunday, time(7, 0, 0, 0));
        assert_eq!(times(sunday, "2026-04-01T00:00:00Z", 2), ["2026-04-07T05:00:00Z", "2026-04-13T05:00:00Z"]);
        assert_eq!(Rhythm::Never.next(&rome(), at("2026-01-01T00:00:00Z")), None);
    }

    #[test]
    fn settings_are_read_and_refused() {
        assert_eq!("Monday 07:00".parse(), Ok(Rhythm::MONDAYS));
        assert_eq!("daily 07:00".parse(), Ok(Rhythm::MORNINGS));
        assert_eq!("never".parse(), Ok(Rhythm::Never));
        for wrong in ["", "07:00", "Mon 07:00", "daily 7", "weekly 07:00", "Monday 25:00"] {
            assert!(wrong.parse::<Rhythm>().is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn what_comes_next_is_what_came_last(start in 0_i64..4_000_000_000, monday in any::<bool>()) {
            let rhythm = if monday { Rhythm::MONDAYS } else { Rhythm::MORNINGS };
            let from = Timestamp::from_second(start).unwrap();
            let next = rhythm.next(&rome(), from).unwrap();
            prop_assert!(next > from);
            prop_assert_eq!(rhythm.last(&rome(), next), Some(next));
            prop_assert!(rhythm.last(&rome(), from).is_some_and(|last| last <= from));
            prop_assert_eq!(rhythm.next(&rome(), rhythm.last(&rome(), from).unwrap()), Some(next));
        }
    }
}
