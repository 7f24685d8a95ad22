//! What the facts of all tickets come to. It keeps counts and times and forgets the tickets.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;

use super::course::{Course, Mark, TicketFacts, What, seconds};
use super::figures::{BacklogRow, FlowRow, GroupRow, Late, Report, Totals, UnitRow};
use super::period::Period;
use super::spread::Spread;
use crate::desk::policy::{Policy, UnitName};

/// Names of one kind that are told apart; whoever writes more of them has their tickets under no name.
const MOST_NAMES: usize = 1_000;

/// The figures of a period in the making.
#[derive(Debug)]
pub struct Tally {
    period: Period,
    since: Timestamp,
    until: Timestamp,
    desk: String,
    triage: UnitName,
    totals: Totals,
    acknowledgement: Vec<i64>,
    solution: Vec<i64>,
    units: BTreeMap<UnitName, Unit>,
    vos: BTreeMap<Option<String>, Group>,
    types_of_problem: BTreeMap<Option<String>, Group>,
    steps: Vec<Step>,
    flow: BTreeMap<(Option<UnitName>, UnitName), u64>,
}

#[derive(Debug, Default)]
struct Unit {
    given: u64,
    acknowledgement: Vec<i64>,
    solved: u64,
    unsolved: u64,
    solution: Vec<i64>,
    refused: u64,
    handed_over: u64,
    reopened: u64,
    late: u64,
    open: u64,
}

#[derive(Debug, Default)]
struct Group {
    opened: u64,
    solved: u64,
    unsolved: u64,
    solution: Vec<i64>,
    open: u64,
}

/// A day or a week of the period.
#[derive(Debug)]
struct Step {
    first: Date,
    last: Date,
    end: Timestamp,
    opened: u64,
    reopened: u64,
    ended: u64,
    open: u64,
}

impl Tally {
    /// Of a period, with every unit of the desk.
    pub fn new(policy: &Policy, period: Period) -> Self {
        let step = |(first, last): (Date, Date)| {
            let end = period.midnight(last.tomorrow().unwrap_or(Date::MAX));
            Step { first, last, end, opened: 0, reopened: 0, ended: 0, open: 0 }
        };
        Self {
            since: period.since(),
            until: period.until(),
            desk: policy.desk.display_name.clone(),
            triage: policy.default_unit.clone(),
            totals: Totals::default(),
            acknowledgement: Vec::new(),
            solution: Vec::new(),
            units: policy.units.keys().map(|unit| (unit.clone(), Unit::default())).collect(),
            vos: BTreeMap::new(),
            types_of_problem: BTreeMap::new(),
            steps: period.steps().into_iter().map(step).collect(),
            flow: BTreeMap::new(),
            period,
        }
    }

    /// Counts a ticket.
    pub fn add(&mut self, ticket: &TicketFacts) {
        if ticket.created >= self.until {
            return;
        }
        let course = Course::of(ticket, &self.triage, self.until);
        let end = course.end.as_ref().filter(|end| end.at >= self.since);
        let opened = ticket.created >= self.since;
        if !opened && end.is_none() && !course.is_open() && course.marks.iter().all(|mark| mark.at < self.since) {
            return;
        }
        self.totals.opened += u64::from(opened);
        self.totals.open_after += u64::from(course.is_open());
        self.totals.open_before += u64::from(course.open.iter().any(|span| is_open_at(*span, self.since)));
        if let Some(step) = self.steps.iter_mut().find(|step| opened && ticket.created < step.end) {
            step.opened += 1;
        }
        for step in &mut self.steps {
            step.open += u64::from(course.open.iter().any(|span| is_open_at(*span, step.end)));
        }
        let times = end.filter(|end| end.solved).map(|end| seconds(ticket.created, end.at));
        self.solution.extend(times);
        let solved = end.map(|end| end.solved);
        self.totals.solved += u64::from(solved == Some(true));
        self.totals.unsolved += u64::from(solved == Some(false));
        let named = |name: &Option<String>, known: &BTreeMap<Option<String>, Group>| {
            name.clone().filter(|_| known.len() < MOST_NAMES || known.contains_key(name))
        };
        let (vo, kind) = (named(&ticket.vo, &self.vos), named(&ticket.type_of_problem, &self.types_of_problem));
        for group in [self.vos.entry(vo).or_default(), self.types_of_problem.entry(kind).or_default()] {
            group.opened += u64::from(opened);
            group.solved += u64::from(solved == Some(true));
            group.unsolved += u64::from(solved == Some(false));
            group.solution.extend(times);
            group.open += u64::from(course.is_open());
        }
        self.of_units(&course);
        let in_period = |mark: &&Mark| mark.at >= self.since;
        for mark in course.marks.iter().filter(in_period).cloned().collect::<Vec<_>>() {
            self.mark(mark);
        }
    }

    /// What the units at both ends of a course have of it.
    fn of_units(&mut self, course: &Course) {
        if let Some(unit) = course.unit.as_ref().filter(|_| course.is_open()) {
            self.unit(unit).open += 1;
        }
        let Some(end) = course.end.as_ref().filter(|end| end.at >= self.since) else { return };
        let Some(unit) = &end.unit else { return };
        let row = self.units.entry(unit.clone()).or_default();
        row.solved += u64::from(end.solved);
        row.unsolved += u64::from(!end.solved);
        row.solution.extend(end.at_unit.filter(|_| end.solved));
    }

    fn mark(&mut self, mark: Mark) {
        let step = self.steps.iter_mut().find(|step| mark.at < step.end);
        match mark.what {
            What::Given { from, to } => {
                self.unit(&to).given += 1;
                *self.flow.entry((from, to)).or_default() += 1;
            }
            What::Acknowledged { unit, took } => {
                self.acknowledgement.push(took);
                self.unit(&unit).acknowledgement.push(took);
            }
            What::Refused { unit } => self.unit(&unit).refused += 1,
            What::HandedOver { unit } => self.unit(&unit).handed_over += 1,
            What::Reopened { unit } => {
                self.totals.reopened += 1;
                step.into_iter().for_each(|step| step.reopened += 1);
                unit.into_iter().for_each(|unit| self.unit(&unit).reopened += 1);
            }
            What::Late { unit, late } => {
                self.unit(&unit).late += 1;
                match late {
                    Late::Acknowledgement => self.totals.late_acknowledgement += 1,
                    Late::Response => self.totals.late_response += 1,
                    Late::Triage => self.totals.late_triage += 1,
                }
            }
            What::Ended => step.into_iter().for_each(|step| step.ended += 1),
        }
    }

    fn unit(&mut self, unit: &UnitName) -> &mut Unit {
        self.units.entry(unit.clone()).or_default()
    }

    /// The figures.
    pub fn report(self, made: Timestamp) -> Report {
        let totals = Totals {
            acknowledgement: Spread::of(&self.acknowledgement),
            solution: Spread::of(&self.solution),
            ..self.totals
        };
        let flow = self.flow.into_iter().map(|((from, to), tickets)| FlowRow { from, to, tickets });
        Report {
            desk: self.desk,
            first: self.period.first,
            last: self.period.last,
            time_zone: self.period.zone.iana_name().unwrap_or("UTC").to_owned(),
            made,
            totals,
            units: self.units.into_iter().map(unit_row).collect(),
            vos: group_rows(self.vos),
            types_of_problem: group_rows(self.types_of_problem),
            backlog: self.steps.into_iter().map(backlog_row).collect(),
            flow: flow.collect(),
        }
    }
}

/// Whether a span of being open reaches over a moment.
fn is_open_at((from, to): (Timestamp, Option<Timestamp>), at: Timestamp) -> bool {
    from < at && to.is_none_or(|to| to >= at)
}

fn unit_row((unit, row): (UnitName, Unit)) -> UnitRow {
    UnitRow {
        unit,
        given: row.given,
        acknowledgement: Spread::of(&row.acknowledgement),
        solved: row.solved,
        unsolved: row.unsolved,
        solution: Spread::of(&row.solution),
        refused: row.refused,
        handed_over: row.handed_over,
        reopened: row.reopened,
        late: row.late,
        open: row.open,
    }
}

fn group_rows(groups: BTreeMap<Option<String>, Group>) -> Vec<GroupRow> {
    let row = |(name, group): (Option<String>, Group)| GroupRow {
        name,
        opened: group.opened,
        solved: group.solved,
        unsolved: group.unsolved,
        solution: Spread::of(&group.solution),
        open: group.open,
    };
    let mut rows: Vec<GroupRow> = groups.into_iter().map(row).collect();
    rows.sort_by(|one, other| other.opened.cmp(&one.opened).then_with(|| one.name.cmp(&other.name)));
    rows
}

fn backlog_row(step: Step) -> BacklogRow {
    BacklogRow {
        first: step.first,
        last: step.last,
        opened: step.opened,
        reopened: step.reopened,
        ended: step.ended,
        open: step.open,
    }
}
