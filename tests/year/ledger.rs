//! What the people of the simulation saw, and the same figures of a report, in one form that can be compared.
//!
//! It knows of mails only: a dispatch is a ticket that a unit got, a solution that a user got is an end. Medians are found
//! in another way than the report finds them.

use std::collections::{BTreeMap, BTreeSet};

use ggus_gateway::desk::policy::UnitName;
use ggus_gateway::report::{Period, Report, Spread};
use jiff::Timestamp;

type Times = Vec<(Timestamp, i64)>;

/// A ticket, as its people see it.
#[derive(Debug)]
pub struct Seen {
    pub opened: Timestamp,
    pub vo: Option<String>,
    /// Who has it, since when, and whether they have said a word since.
    pub unit: Option<String>,
    pub since: Timestamp,
    pub silent: bool,
    /// Everybody who had it, and since when.
    pub holders: Vec<(Timestamp, String)>,
    /// When it was open.
    pub spans: Vec<(Timestamp, Option<Timestamp>)>,
    /// Each end: when, solved or not, who had it, how long.
    pub ends: Vec<(Timestamp, bool, String, i64)>,
}

#[derive(Debug, Default)]
pub struct Ledger {
    pub tickets: BTreeMap<u64, Seen>,
    /// Who had it, who got it, when.
    pub given: Vec<(Timestamp, String, String)>,
    pub acknowledged: Vec<(Timestamp, String, i64)>,
    /// What else happened at a unit.
    pub counts: Vec<(Timestamp, &'static str, String)>,
    pub digests: usize,
    pub mails: usize,
}

/// The figures that are compared.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// By name: opened, solved, late …
    pub totals: BTreeMap<&'static str, u64>,
    pub acknowledgement: (u64, i64, i64),
    pub solution: (u64, i64, i64),
    /// By unit and name.
    pub units: BTreeMap<(String, &'static str), i64>,
    pub vos: BTreeMap<(String, &'static str), i64>,
    pub flow: BTreeMap<(String, String), u64>,
    /// Open at the end of each step.
    pub backlog: Vec<u64>,
}

impl Ledger {
    pub fn said(&self) -> String {
        format!("{} tickets, {} mails out, {} digests", self.tickets.len(), self.mails, self.digests)
    }

    /// A report's figures.
    pub fn of(report: &Report) -> Figures {
        let totals = &report.totals;
        let mut figures = Figures {
            totals: [
                ("opened", totals.opened),
                ("solved", totals.solved),
                ("unsolved", totals.unsolved),
                ("reopened", totals.reopened),
                ("before", totals.open_before),
                ("after", totals.open_after),
                ("late triage", totals.late_triage),
                ("late acknowledgement", totals.late_acknowledgement),
                ("late response", totals.late_response),
            ]
            .into(),
            acknowledgement: plain(&totals.acknowledgement),
            solution: plain(&totals.solution),
            flow: report.flow.iter().map(|row| ((name(row.from.as_ref()), row.to.0.clone()), row.tickets)).collect(),
            backlog: report.backlog.iter().map(|step| step.open).collect(),
            ..Figures::default()
        };
        for row in &report.units {
            for (what, count) in [
                ("given", row.given),
                ("solved", row.solved),
                ("unsolved", row.unsolved),
                ("refused", row.refused),
                ("handed over", row.handed_over),
                ("reopened", row.reopened),
                ("late", row.late),
                ("open", row.open),
            ] {
                put(&mut figures.units, &row.unit.0, what, count as i64);
            }
            put(&mut figures.units, &row.unit.0, "acknowledged in", row.acknowledgement.median.unwrap_or(0));
            put(&mut figures.units, &row.unit.0, "solved in", row.solution.median.unwrap_or(0));
            put(&mut figures.units, &row.unit.0, "nine solved in", row.solution.ninetieth.unwrap_or(0));
        }
        for row in &report.vos {
            let vo = row.name.clone().unwrap_or_default();
            put(&mut figures.vos, &vo, "opened", row.opened as i64);
            put(&mut figures.vos, &vo, "solved", row.solved as i64);
            put(&mut figures.vos, &vo, "open", row.open as i64);
        }
        figures.units.retain(|_, value| *value != 0);
        figures.vos.retain(|_, value| *value != 0);
        figures
    }

    /// The same, as people saw it.
    pub fn figures(&self, period: &Period) -> Figures {
        let (since, until) = (period.since(), period.until());
        let within = |at: &Timestamp| since <= *at && *at < until;
        let mut figures = Figures::default();
        for what in ["opened", "solved", "unsolved", "reopened", "before", "after"] {
            figures.totals.insert(what, 0);
        }
        let mut solution = Times::new();
        let mut unit_solutions: BTreeMap<&str, Times> = BTreeMap::new();
        for seen in self.tickets.values().filter(|seen| seen.opened < until) {
            let mut count = |what: &'static str, yes: bool| *figures.totals.entry(what).or_default() += u64::from(yes);
            let vo = seen.vo.clone().unwrap_or_default();
            let open = open_at(seen, until);
            count("opened", seen.opened >= since);
            count("before", open_at(seen, since));
            count("after", open);
            put(&mut figures.vos, &vo, "opened", i64::from(seen.opened >= since));
            put(&mut figures.vos, &vo, "open", i64::from(open));
            let last = seen.ends.iter().rfind(|(at, ..)| *at < until).filter(|_| !open);
            let Some((at, solved, unit, took)) = last.filter(|(at, ..)| within(at)) else { continue };
            count(if *solved { "solved" } else { "unsolved" }, true);
            put(&mut figures.units, unit, if *solved { "solved" } else { "unsolved" }, 1);
            if *solved {
                put(&mut figures.vos, &vo, "solved", 1);
                solution.push((*at, at.duration_since(seen.opened).as_secs()));
                unit_solutions.entry(unit).or_default().push((*at, *took));
            }
        }
        for (_, from, to) in self.given.iter().filter(|(at, ..)| within(at)) {
            *figures.flow.entry((from.clone(), to.clone())).or_default() += 1;
            put(&mut figures.units, to, "given", 1);
        }
        for (_, what, unit) in self.counts.iter().filter(|(at, ..)| within(at)) {
            match *what {
                "reopened" => *figures.totals.entry("reopened").or_default() += 1,
                late if late.starts_with("late") => *figures.totals.entry(late).or_default() += 1,
                _ => {}
            }
            put(&mut figures.units, unit, if what.starts_with("late") { "late" } else { what }, 1);
        }
        for what in ["late triage", "late acknowledgement", "late response"] {
            figures.totals.entry(what).or_default();
        }
        let acknowledged: Vec<&(Timestamp, String, i64)> =
            self.acknowledged.iter().filter(|(at, ..)| within(at)).collect();
        let all: Times = acknowledged.iter().map(|(at, _, took)| (*at, *took)).collect();
        figures.acknowledgement = ranks(&all);
        figures.solution = ranks(&solution);
        let named: BTreeSet<&String> = acknowledged.iter().map(|(_, unit, _)| unit).collect();
        for unit in named {
            let times: Times =
                acknowledged.iter().filter(|(_, other, _)| *other == *unit).map(|(at, _, took)| (*at, *took)).collect();
            figures.units.insert((unit.clone(), "acknowledged in"), ranks(&times).1);
        }
        for (unit, times) in unit_solutions {
            let (_, half, nine) = ranks(&times);
            put(&mut figures.units, unit, "solved in", half);
            put(&mut figures.units, unit, "nine solved in", nine);
        }
        for seen in self.tickets.values().filter(|seen| seen.opened < until && open_at(seen, until)) {
            if let Some((_, holder)) = seen.holders.iter().rfind(|(since, _)| *since < until) {
                put(&mut figures.units, holder, "open", 1);
            }
        }
        figures.backlog = period
            .steps()
            .into_iter()
            .map(|(_, last)| period.midnight(last.tomorrow().unwrap()))
            .map(|end| self.tickets.values().filter(|seen| open_at(seen, end)).count() as u64)
            .collect();
        figures.units.retain(|_, value| *value != 0);
        figures.vos.retain(|_, value| *value != 0);
        figures
    }
}

/// Adds up.
fn put(all: &mut BTreeMap<(String, &'static str), i64>, name: &str, what: &'static str, value: i64) {
    *all.entry((name.to_owned(), what)).or_default() += value;
}

fn open_at(seen: &Seen, at: Timestamp) -> bool {
    seen.spans.iter().any(|(from, to)| *from < at && to.is_none_or(|to| to >= at))
}

fn name(unit: Option<&UnitName>) -> String {
    unit.map(ToString::to_string).unwrap_or_default()
}

fn plain(spread: &Spread) -> (u64, i64, i64) {
    (spread.count, spread.median.unwrap_or(0), spread.ninetieth.unwrap_or(0))
}

/// How many, and the smallest time that half of them, and nine of ten, do not exceed.
fn ranks(times: &Times) -> (u64, i64, i64) {
    let reach = |part: usize, of: usize| {
        let enough = |limit: &i64| times.iter().filter(|(_, time)| time <= limit).count() * of >= times.len() * part;
        times.iter().map(|(_, time)| *time).filter(enough).min().unwrap_or(0)
    };
    (times.len() as u64, reach(1, 2), reach(9, 10))
}
