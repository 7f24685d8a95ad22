//! A desk that works for weeks: users, twelve regional centres and the triaging unit write to each other through the real
//! engine and store, with the sample configuration and a clock that jumps from one thing that happens to the next.
//!
//! What the report says of it must be what the people saw: [`ledger`] counts from the mails that they got and sent, never
//! from the desk's facts.
//!
//! `YEAR_WEEKS=52 YEAR_PAGE=/tmp/year.html cargo test --test year -- --nocapture` plays a year, and writes its page.

// It has throws that this simulation does not need.
#[allow(dead_code)]
#[path = "../simulation/dice.rs"]
mod dice;
mod ledger;
mod people;
mod world;

use ggus_gateway::render::report::page;
use ggus_gateway::report::{Period, Report, Tally};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use ledger::Ledger;
use world::World;

/// Weeks of a run that asks for none.
const WEEKS: i64 = 5;
/// A Monday; the fourth week begins with the end of summer time.
const FIRST: Date = jiff::civil::date(2026, 10, 5);

#[test]
fn a_report_says_what_people_saw() {
    let weeks = std::env::var("YEAR_WEEKS").map_or(WEEKS, |weeks| weeks.parse().unwrap());
    let first = if weeks > 13 { jiff::civil::date(2026, 1, 1) } else { FIRST };
    let last = if weeks == 52 { jiff::civil::date(2026, 12, 31) } else { first + (weeks * 7 - 1).days() };
    let zone = TimeZone::UTC;
    // Some weeks before, so that the period begins with a backlog.
    let period = Period::new(first, last, zone.clone()).unwrap();
    let mut world = World::new(7, period.midnight(first - 21.days()));
    world.run(period.until());
    let middle = first + (weeks * 7 / 2).days();
    for (first, last) in [(first, last), (middle, middle + 6.days())] {
        let period = Period::new(first, last, zone.clone()).unwrap();
        let report = reported(&world, period.clone());
        let wanted = world.ledger.figures(&period);
        assert_eq!(Ledger::of(&report), wanted);
        let spread = |row: &ggus_gateway::report::UnitRow| row.given > 0;
        assert!(report.units.iter().filter(|row| spread(row)).count() >= 12);
    }
    let report = reported(&world, period);
    println!("{}", serde_json::to_string_pretty(&report.totals).unwrap());
    println!("{}", world.ledger.said());
    let page = page(&report).unwrap();
    if let Ok(path) = std::env::var("YEAR_PAGE") {
        std::fs::write(path, &page).unwrap();
    }
    stands_alone(&page);
}

fn reported(world: &World, period: Period) -> Report {
    let (since, until) = (period.since(), period.until());
    let mut tally = Tally::new(&world.loaded.policy, period);
    world.store.reader().facts(since, until, |ticket| tally.add(ticket)).unwrap();
    tally.report(Timestamp::UNIX_EPOCH)
}

/// Nothing from elsewhere, no script, and a stranger's name is text.
fn stands_alone(page: &str) {
    for what in ["<script", "http:", "https:", "url(", "@import", "<img", "<link", world::HOSTILE_VO] {
        assert!(!page.contains(what), "{what}");
    }
    assert!(page.contains("&lt;b onclick"), "the name of a VO is not there");
    assert_eq!(page.matches("<svg").count(), page.matches("</svg>").count());
    assert_eq!(page.matches("<svg").count(), 3);
}
