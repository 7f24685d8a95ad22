//! Timers: what falls due in a ticket when nobody writes, and when (protocol section 6). Pure: of policy, ticket and a
//! moment; what is done when a step falls due is in [`act`], who hears of it in [`tell`].
//!
//! A timer runs from the moment on which its wait began and has steps. The steps of most are so much working time behind
//! that moment; when several passed while nobody looked, only the last is taken. The steps of [`Timer::Reply`] and
//! [`Timer::Operations`] follow each other: each is so much behind the one before it was taken, so that nobody loses the
//! time to answer because the desk was down.

pub mod act;
pub mod tell;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::calendar::{Calendar, WorkTime};
use super::leg::{Leg, LegState};
use super::policy::{Policy, Unit};
use super::rhythm::Rhythm;
use super::ticket::{Priority, Status, Ticket, TicketType};

/// What is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Timer {
    /// The unit's helpdesk tells its id, or somebody there writes.
    Acknowledgement,
    /// The days end in which an ended ticket can be opened again.
    Closing,
    /// The next step of an operational ticket.
    Operations,
    /// The submitter answers a question.
    Reply,
    /// Somebody of the unit says something, in the time that the priority gives.
    Response,
    /// The triaging unit gives a new ticket to somebody.
    Triage,
    /// The day on which an on-hold ticket wakes.
    Wake,
}

impl Timer {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Acknowledgement, Self::Closing, Self::Operations, Self::Reply, Self::Response, Self::Triage, Self::Wake];

    /// The word by which people name it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Acknowledgement => "acknowledgement",
            Self::Closing => "closing",
            Self::Operations => "operations",
            Self::Reply => "reply",
            Self::Response => "response",
            Self::Triage => "triage",
            Self::Wake => "wake",
        }
    }

    /// From the word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|timer| timer.word() == word)
    }

    /// Whether each step counts from the one before it.
    fn is_chain(self) -> bool {
        matches!(self, Self::Operations | Self::Reply)
    }
}

impl fmt::Display for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// The working times that the desk grants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clocks {
    /// For the triaging unit to give a new ticket to somebody.
    pub triage: WorkTime,
    /// Until a unit that has not acknowledged is reminded.
    pub acknowledgement_warning: WorkTime,
    /// Until somebody else hears that it has not.
    pub acknowledgement: WorkTime,
    /// How much of a limit has passed when a warning is due, in percent.
    pub warning_percent: u32,
    /// Until a first response, by priority; a priority without one has none.
    pub response: BTreeMap<Priority, WorkTime>,
    /// Until each reminder of a question, each behind the one before it.
    pub reply_reminders: Vec<WorkTime>,
    /// Behind the last reminder, until the ticket ends without an answer.
    pub reply_end: WorkTime,
    /// The four steps of an operational ticket, each behind the one before it.
    pub operations: [WorkTime; 4],
    /// When each unit gets the digest of its open tickets.
    pub unit_digest: Rhythm,
    /// When the triaging unit gets its own.
    pub triage_digest: Rhythm,
}

impl Default for Clocks {
    fn default() -> Self {
        use WorkTime::{Days, Hours};
        Self {
            triage: Hours(1),
            acknowledgement_warning: Days(1),
            acknowledgement: Days(5),
            warning_percent: 75,
            response: [(Priority::VeryUrgent, Days(1)), (Priority::TopPriority, Hours(4))].into(),
            reply_reminders: vec![Days(5), Days(5)],
            reply_end: Days(5),
            operations: [Days(3), Days(3), Days(5), Days(1)],
            unit_digest: Rhythm::MONDAYS,
            triage_digest: Rhythm::MORNINGS,
        }
    }
}

/// The steps of an operational ticket, E1 to E4.
pub const OPERATIONS: [&str; 4] = ["the site step", "the second site step", "the ROC step", "the operations step"];

impl Step {
    /// `reminder 2 of the question`: what falls due, for people.
    pub fn words(&self, policy: &Policy) -> String {
        let last = policy.clocks.reply_reminders.len();
        match (self.timer, self.number) {
            (Timer::Acknowledgement, 2) => "somebody else hears that the unit has not acknowledged".to_owned(),
            (Timer::Acknowledgement, number) => format!("reminder {} to acknowledge", number + 1),
            (Timer::Closing, _) => "the ticket closes".to_owned(),
            (Timer::Operations, number) => format!("E{}, {}", number + 1, OPERATIONS.get(number).unwrap_or(&"")),
            (Timer::Reply, number) if number == last => "the ticket ends without an answer".to_owned(),
            (Timer::Reply, number) => format!("reminder {} of the question", number + 1),
            (Timer::Response, 0) => "warning that a first response is expected".to_owned(),
            (Timer::Response, _) => "the time for a first response is over".to_owned(),
            (Timer::Triage, _) => "TPM is reminded to give it to a unit".to_owned(),
            (Timer::Wake, _) => "the ticket wakes".to_owned(),
        }
    }
}

/// What a ticket keeps of its timers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clock {
    /// The last step taken of each timer.
    taken: BTreeMap<Timer, Taken>,
    /// Timers that a person has stopped.
    pub stopped: BTreeSet<Timer>,
    /// When the next step falls due.
    pub due: Option<Timestamp>,
}

/// A step that was taken. It counts for the wait that began then, and for no other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Taken {
    began: Timestamp,
    step: usize,
    at: Timestamp,
}

/// A step that lies ahead, or is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    pub timer: Timer,
    /// From 0.
    pub number: usize,
    pub due: Timestamp,
    began: Timestamp,
}

impl Clock {
    /// Notes that a step was taken, and with it those before it.
    pub fn take(&mut self, step: Step, now: Timestamp) {
        self.taken.insert(step.timer, Taken { began: step.began, step: step.number, at: now });
    }

    fn taken(&self, timer: Timer, began: Timestamp) -> Option<Taken> {
        self.taken.get(&timer).copied().filter(|taken| taken.began == began)
    }
}

/// The next step of each timer that runs and is not stopped, the earliest first.
pub fn ahead(policy: &Policy, ticket: &Ticket) -> Vec<Step> {
    let running = Timer::ALL.into_iter().filter(|timer| !ticket.clock.stopped.contains(timer));
    let mut steps: Vec<Step> = running.filter_map(|timer| next(policy, ticket, timer)).collect();
    steps.sort_by_key(|step| step.due);
    steps
}

/// The steps that are due: of each timer the last that has passed.
pub fn due(policy: &Policy, ticket: &Ticket, now: Timestamp) -> Vec<Step> {
    let passed = |step: &Step| step.due <= now;
    let last = |first: Step| {
        let further =
            (first.number + 1..).map_while(|number| at(policy, ticket, first.timer, number)).take_while(passed);
        if first.timer.is_chain() { first } else { further.last().unwrap_or(first) }
    };
    ahead(policy, ticket).into_iter().filter(passed).map(last).collect()
}

/// When the last step of a timer that runs falls due.
pub fn limit(policy: &Policy, ticket: &Ticket, timer: Timer) -> Option<Timestamp> {
    (0..).map_while(|number| at(policy, ticket, timer, number)).last().map(|step| step.due)
}

fn next(policy: &Policy, ticket: &Ticket, timer: Timer) -> Option<Step> {
    let began = began(policy, ticket, timer)?;
    let number = ticket.clock.taken(timer, began).map_or(0, |taken| taken.step + 1);
    at(policy, ticket, timer, number)
}

/// A step of a timer that runs, where it has so many.
fn at(policy: &Policy, ticket: &Ticket, timer: Timer, number: usize) -> Option<Step> {
    let began = began(policy, ticket, timer)?;
    let from = ticket.clock.taken(timer, began).filter(|_| timer.is_chain()).map_or(began, |taken| taken.at);
    let due = moment(policy, ticket, timer, number, from)?;
    Some(Step { timer, number, due, began })
}

/// When the wait began; `None` while nothing is waited for.
fn began(policy: &Policy, ticket: &Ticket, timer: Timer) -> Option<Timestamp> {
    if ticket.probe || ticket.redacted.is_some() {
        return None;
    }
    // A slave waits for its master.
    if ticket.master.is_some() && timer != Timer::Closing {
        return None;
    }
    let leg = ticket.current_leg().filter(|leg| leg.unit != policy.default_unit && ticket.status.is_open());
    match timer {
        Timer::Acknowledgement => {
            leg.filter(|leg| leg.state == LegState::Sent && owes_a_response(leg)).map(|leg| leg.since)
        }
        Timer::Closing => ticket.ended.filter(|_| matches!(ticket.status, Status::Solved | Status::Unsolved)),
        Timer::Operations => (ticket.kind == TicketType::Ops && ticket.status.is_open()).then_some(ticket.created),
        Timer::Reply => (ticket.status == Status::WaitingForReply).then_some(ticket.status_since),
        Timer::Response => leg.filter(|leg| owes_a_response(leg)).map(|leg| leg.began),
        Timer::Triage => (ticket.status == Status::New).then_some(ticket.status_since),
        Timer::Wake => ticket.wake.filter(|_| ticket.status == Status::OnHold).map(|_| ticket.status_since),
    }
}

/// Nobody there has said or done anything since the ticket came; the helpdesk's own acknowledgement is nobody.
fn owes_a_response(leg: &Leg) -> bool {
    matches!(leg.state, LegState::Sent | LegState::Acknowledged) && leg.heard.is_none_or(|heard| heard < leg.began)
}

fn moment(policy: &Policy, ticket: &Ticket, timer: Timer, number: usize, from: Timestamp) -> Option<Timestamp> {
    let clocks = &policy.clocks;
    let unit = ticket.unit.as_ref().and_then(|unit| policy.units.get(unit));
    let of_unit = unit.map_or(&policy.desk.calendar, |unit| &unit.calendar);
    let percent = clocks.warning_percent;
    match (timer, number) {
        (Timer::Acknowledgement, 0) => Some(of_unit.after(from, clocks.acknowledgement_warning)),
        (Timer::Acknowledgement, 1) => Some(of_unit.after_part(from, clocks.acknowledgement, percent)),
        (Timer::Acknowledgement, 2) => Some(of_unit.after(from, clocks.acknowledgement)),
        (Timer::Closing, 0) => Some(end_of_reopening(policy, from)),
        (Timer::Operations, _) => Some(of_unit.after(from, *clocks.operations.get(number)?)),
        (Timer::Reply, _) => Some(policy.desk.calendar.after(from, reply_step(clocks, number)?)),
        (Timer::Response, 0 | 1) => response(clocks, unit?, ticket.priority, number, of_unit, from),
        (Timer::Triage, 0) => Some(policy.desk.calendar.after(from, clocks.triage)),
        (Timer::Wake, 0) => Some(of_unit.opens_on(ticket.wake?)),
        _ => None,
    }
}

fn response(
    clocks: &Clocks,
    unit: &Unit,
    priority: Priority,
    number: usize,
    calendar: &Calendar,
    from: Timestamp,
) -> Option<Timestamp> {
    let limit = *unit.response.get(&priority).or_else(|| clocks.response.get(&priority))?;
    let warning = || calendar.after_part(from, limit, clocks.warning_percent);
    Some(if number == 0 { warning() } else { calendar.after(from, limit) })
}

/// The reminders, and behind them the end.
fn reply_step(clocks: &Clocks, number: usize) -> Option<WorkTime> {
    clocks.reply_reminders.iter().chain([&clocks.reply_end]).nth(number).copied()
}

/// The steps of an operational ticket that lie ahead, from 0, with the days on which each falls due if nothing happens
/// before.
pub fn operations(policy: &Policy, ticket: &Ticket) -> Vec<(usize, Timestamp)> {
    let Some(first) = next(policy, ticket, Timer::Operations) else { return Vec::new() };
    let mut steps = vec![(first.number, first.due)];
    while let Some((number, due)) = steps.last().copied()
        && let Some(next) = moment(policy, ticket, Timer::Operations, number + 1, due)
    {
        steps.push((number + 1, next));
    }
    steps
}

/// Until when an ended ticket can be opened again; then it closes.
pub fn end_of_reopening(policy: &Policy, ended: Timestamp) -> Timestamp {
    policy.desk.calendar.after(ended, WorkTime::Days(policy.limits.reopen_days))
}
