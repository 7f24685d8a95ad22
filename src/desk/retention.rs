//! How long personal data is kept. Ages are settings; this tells what is over its age at a given moment.

use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};

/// Ages after which something goes, counted from the last change of a ticket that has ended; `None`: never.
#[derive(Clone, Debug, Default)]
pub struct Retention {
    /// Mails as they came and as they went out. What was understood of them stays with the ticket.
    pub raw_mails: Option<Span>,
    /// Texts, addresses and names in tickets.
    pub tickets: Option<Span>,
}

/// The moments before which something must have ended for its time to be over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Before {
    pub raw_mails: Option<Timestamp>,
    pub tickets: Option<Timestamp>,
}

impl Retention {
    /// What is over its age now. Years and months are those of the calendar in `zone`.
    pub fn before(&self, now: Timestamp, zone: &TimeZone) -> Before {
        let ago = |age: &Option<Span>| {
            let age = age.as_ref()?;
            now.to_zoned(zone.clone()).checked_sub(*age).ok().map(|then| then.timestamp())
        };
        Before { raw_mails: ago(&self.raw_mails), tickets: ago(&self.tickets) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_those_of_the_calendar() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let of = |age: &str| {
            let retention = Retention { raw_mails: Some(age.parse().unwrap()), tickets: None };
            retention.before(at("2028-02-29T12:00:00Z"), &TimeZone::get("Europe/Rome").unwrap())
        };
        for (age, then) in [
            ("2 years", "2026-02-28T12:00:00Z"),
            ("6 months", "2027-08-29T11:00:00Z"),
            ("90 days", "2027-12-01T12:00:00Z"),
            ("36h", "2028-02-28T00:00:00Z"),
        ] {
            assert_eq!(of(age), Before { raw_mails: Some(at(then)), tickets: None }, "{age}");
        }
        assert_eq!(of("19000 years"), Before { raw_mails: None, tickets: None }, "older than the calendar is never");
    }
}
