//! Working days: Monday to Friday in a time zone. Holidays and hours come with the clocks.

use jiff::civil::Weekday;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

/// Whole working days between two moments: the number of Mondays to Fridays that began after `from`, up to `to`.
pub fn between(from: Timestamp, to: Timestamp, zone: &TimeZone) -> u32 {
    // More days than any setting asks about need not be counted one by one.
    const MOST: usize = 1_000;
    let (mut day, last) = (from.to_zoned(zone.clone()).date(), to.to_zoned(zone.clone()).date());
    let mut count = 0;
    for _ in 0..MOST {
        if day >= last {
            break;
        }
        let Ok(next) = day.checked_add(1.day()) else { break };
        day = next;
        count += u32::from(!matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday));
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weekends_do_not_count() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let friday = at("2026-11-20T15:00:00Z");
        assert_eq!(between(friday, at("2026-11-22T15:00:00Z"), &TimeZone::UTC), 0);
        assert_eq!(between(friday, at("2026-11-23T09:00:00Z"), &TimeZone::UTC), 1);
        assert_eq!(between(friday, at("2026-12-04T09:00:00Z"), &TimeZone::UTC), 10);
        assert_eq!(between(friday, at("2026-11-20T09:00:00Z"), &TimeZone::UTC), 0);
    }
}
