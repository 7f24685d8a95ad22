//! How the parts of the daemon fare, now: what each said last, since when it is well or not, and when it last was. A value
//! that others look at; it says nothing to anybody itself.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::health::Health;
use crate::store::{HealthRow, HealthState};

/// The part that is the store itself; it is not kept in the store.
pub const STORE: &str = "store";

/// How one part fares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    pub health: Health,
    /// Since when it is well, or is not.
    pub since: Timestamp,
    /// When it said so last.
    pub at: Timestamp,
    /// When it last was well.
    pub well: Option<Timestamp>,
    /// When people were told that it is not well.
    pub told: Option<Timestamp>,
}

/// All parts by name: `relay`, `source support`, `store`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parts {
    pub all: BTreeMap<String, Part>,
}

impl Parts {
    /// As they were when the last daemon ended. What was well then is heard of anew.
    pub fn of(rows: Vec<HealthRow>) -> Self {
        let part = |row: HealthRow| {
            let health = match row.state {
                HealthState::Well => Health::Well(row.text),
                HealthState::Trouble => Health::Trouble(row.text),
                HealthState::Blocked => Health::Blocked(row.text),
            };
            let well = (row.state == HealthState::Well).then_some(row.at);
            (row.part, Part { health, since: row.since, at: row.at, well, told: row.told })
        };
        Self { all: rows.into_iter().map(part).collect() }
    }

    /// A part says how it fares.
    pub fn report(&mut self, name: &str, health: &Health, now: Timestamp) {
        let before = self.all.remove(name);
        let same = before.as_ref().filter(|before| before.health.is_well() == health.is_well());
        let part = Part {
            health: health.clone(),
            since: same.map_or(now, |same| same.since),
            at: now,
            well: if health.is_well() { Some(now) } else { before.as_ref().and_then(|before| before.well) },
            told: before.and_then(|before| before.told),
        };
        self.all.insert(name.to_owned(), part);
    }

    /// Parts that are there no more.
    pub fn forget(&mut self, is_gone: impl Fn(&str) -> bool) {
        self.all.retain(|name, _| !is_gone(name));
    }

    /// People were told that a part is not well, or that it is again.
    pub fn told(&mut self, name: &str, at: Option<Timestamp>) {
        if let Some(part) = self.all.get_mut(name) {
            part.told = at;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(minute * 60).unwrap()
    }

    #[test]
    fn trouble_counts_from_its_first_report_whatever_its_words() {
        let mut parts = Parts::default();
        let say = |parts: &mut Parts, minute, health| parts.report("relay", &health, at(minute));
        say(&mut parts, 1, Health::Well("x".into()));
        say(&mut parts, 5, Health::Trouble("refused".into()));
        say(&mut parts, 7, Health::Blocked("password".into()));
        let part = parts.all["relay"].clone();
        assert_eq!((part.since, part.at, part.well), (at(5), at(7), Some(at(1))));
        say(&mut parts, 9, Health::Well("x".into()));
        say(&mut parts, 11, Health::Well("y".into()));
        let part = parts.all["relay"].clone();
        assert_eq!((part.since, part.at, part.well), (at(9), at(11), Some(at(11))));
    }
}
