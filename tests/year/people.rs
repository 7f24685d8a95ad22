//! What people do, and when: how often each thing happens, in one place, so that it can be judged at a glance.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::dice::Dice;

/// What somebody is going to do.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Plan {
    /// A user writes to the desk.
    Open,
    /// The unit's helpdesk, or a person there, tells the local number.
    Number,
    Accept,
    Comment,
    Ask,
    HandOver,
    Refuse,
    Solve,
    GiveUp,
    /// The triaging unit gives it to the right one.
    Assign,
    /// The user answers the question.
    Answer,
    Thank,
    Complain,
    /// The mail server tells that the unit's mailbox is full for good.
    Bounce,
}

/// Tickets in a week of that day: less in August and around Christmas, more while a middleware release goes wrong.
pub fn tickets_in_week(day: Timestamp) -> usize {
    let date = day.to_zoned(TimeZone::UTC).date();
    match (date.month(), date.day()) {
        (8, _) => 52,
        (12, 20..) => 30,
        (1, ..=6) => 40,
        (3, 9..=29) => 125,
        (10, 5..=18) => 98,
        _ => 80,
    }
}

/// When in a week that begins on a Monday midnight: seldom on weekends and at night.
pub fn moment(dice: &mut Dice) -> SignedDuration {
    let day = dice.weighted(&[(20, 0), (19, 1), (19, 2), (18, 3), (16, 4), (4, 5), (4, 6)]);
    let hour = dice.weighted(&[(3, 2), (8, 7), (14, 9), (14, 11), (10, 13), (14, 15), (8, 17), (4, 20)]);
    SignedDuration::from_secs(day * 86_400 + hour * 3_600 + dice.number(0..7_200) as i64)
}

/// How slow a unit is, in percent of the usual time.
pub fn slowness(unit: &str) -> i64 {
    match unit {
        "ROC_CERN" => 55,
        "ROC_DECH" => 70,
        "ROC_UK/Ireland" | "ROC_North" => 85,
        "ROC_Italy" | "ROC_France" => 110,
        "ROC_SE" => 150,
        "ROC_Russia" => 190,
        "ROC_Asia/Pacific" => 165,
        _ => 100,
    }
}

/// What a unit does with a ticket, and after how much of its working time, in minutes. `right`: it belongs there.
pub fn work(dice: &mut Dice, unit: &str, right: bool) -> Vec<(Plan, i64)> {
    let mut minutes = |from: usize, to: usize| dice_minutes(dice, from, to) * slowness(unit) / 100;
    let first = minutes(20, 600);
    let (second, long) = (first + minutes(20, 900), minutes(60, 2_400));
    let very_long = minutes(2_400, 9_000);
    let machine = minutes(1, 8);
    if dice.percent(1) {
        return vec![(Plan::Bounce, 2)];
    }
    // Nobody looks until somebody reminds them.
    if dice.percent(5) {
        return Vec::new();
    }
    let mut plans = match dice.weighted(&[(70, 0), (22, 1), (8, 2)]) {
        0 => vec![(Plan::Number, machine)],
        1 => vec![(Plan::Accept, first)],
        _ => Vec::new(),
    };
    if !right {
        plans.push((if dice.percent(60) { Plan::HandOver } else { Plan::Refuse }, second));
        return plans;
    }
    if dice.percent(13) {
        plans.push((Plan::Ask, second));
        return plans;
    }
    if dice.percent(30) {
        plans.push((Plan::Comment, second));
    }
    let end = if dice.percent(5) { Plan::GiveUp } else { Plan::Solve };
    let takes = second + if dice.percent(18) { very_long } else { long };
    plans.push((end, takes));
    plans
}

/// After a reminder, a new word of the user, or a reopening.
pub fn work_again(dice: &mut Dice, unit: &str) -> Vec<(Plan, i64)> {
    vec![(Plan::Solve, dice_minutes(dice, 60, 1_800) * slowness(unit) / 100)]
}

/// What a user does after a question or a solution, and after how many minutes.
pub fn user(dice: &mut Dice, plan: Plan) -> Option<(Plan, i64)> {
    let minutes = dice_minutes(dice, 30, 6_000);
    match plan {
        Plan::Ask => dice.percent(84).then_some((Plan::Answer, minutes)),
        _ if dice.percent(25) => Some((Plan::Thank, minutes)),
        _ => dice.percent(7).then_some((Plan::Complain, minutes)),
    }
}

/// Short ones are more likely than long ones.
fn dice_minutes(dice: &mut Dice, from: usize, to: usize) -> i64 {
    let (one, other) = (dice.number(from..to), dice.number(from..to));
    let third = dice.number(from..to);
    one.min(other).min(third.max(from)) as i64
}
