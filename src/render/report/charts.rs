//! Where the parts of each chart stand: numbers for the page, which draws them. It knows no colour: that is the style's.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;

use super::took;
use crate::desk::policy::UnitName;
use crate::report::{BacklogRow, Report, UnitRow};

/// Width of every chart; it grows and shrinks with the page.
const WIDTH: f64 = 960.0;
/// Lines of a scale, at least.
const FEWEST_LINES: f64 = 3.0;

#[derive(Debug, Serialize)]
pub struct Charts {
    pub backlog: Backlog,
    pub units: Units,
    pub flow: Flow,
}

impl Charts {
    pub fn of(report: &Report) -> Self {
        Self { backlog: Backlog::of(&report.backlog), units: Units::of(&report.units), flow: Flow::of(report) }
    }
}

/// A line of a scale, with what stands beside it.
#[derive(Debug, Serialize)]
pub struct Tick {
    pub at: f64,
    pub label: String,
}

/// Open tickets as a line; below it, what came in upwards and what ended downwards.
#[derive(Debug, Serialize)]
pub struct Backlog {
    pub left: f64,
    pub right: f64,
    pub top: f64,
    pub bottom: f64,
    pub zero: f64,
    pub height: f64,
    pub open: Vec<Tick>,
    pub moved: Vec<Tick>,
    pub months: Vec<Tick>,
    pub line: String,
    pub area: String,
    pub bars: Vec<Bar>,
    /// The last point, and how many were open then.
    pub end: Tick,
    pub end_y: f64,
}

/// What came and ended in one step.
#[derive(Debug, Serialize)]
pub struct Bar {
    pub x: f64,
    pub width: f64,
    pub up: f64,
    pub down: f64,
    pub label: String,
}

impl Backlog {
    fn of(rows: &[BacklogRow]) -> Self {
        let (left, right, top, bottom) = (52.0, WIDTH - 60.0, 14.0, 214.0);
        let (zero, reach, height) = (306.0, 62.0, 404.0);
        let step = (right - left) / rows.len().max(1) as f64;
        let (scale, open) = scale(rows.iter().map(|row| row.open as f64).fold(0.0, f64::max), bottom - top);
        let came = |row: &BacklogRow| (row.opened + row.reopened) as f64;
        let (moves, moved) =
            self::scale(rows.iter().map(|row| came(row).max(row.ended as f64)).fold(0.0, f64::max), reach);
        let y = |open: u64| bottom - open as f64 * scale;
        let mut line = String::new();
        for (at, row) in rows.iter().enumerate() {
            let letter = if at == 0 { 'M' } else { 'L' };
            // Writing into a string does not fail.
            let _ = write!(line, "{letter}{:.1} {:.1}", left + step * (at as f64 + 0.5), y(row.open));
        }
        let ends = (left + step * 0.5, left + step * (rows.len().max(1) as f64 - 0.5));
        let bar = |(at, row): (usize, &BacklogRow)| Bar {
            x: left + step * at as f64 + step * 0.12,
            width: step * 0.76,
            up: came(row) * moves,
            down: row.ended as f64 * moves,
            label: format!("{}: {} open, {} in, {} ended", days(row), row.open, came(row), row.ended),
        };
        let last = rows.last().map_or(0, |row| row.open);
        let mirrored = moved.iter().skip(1).map(|tick| Tick { at: zero + tick.at, label: tick.label.clone() });
        Self {
            open: open.into_iter().map(|tick| Tick { at: bottom - tick.at, ..tick }).collect(),
            moved: moved
                .iter()
                .map(|tick| Tick { at: zero - tick.at, label: tick.label.clone() })
                .chain(mirrored)
                .collect(),
            months: months(rows, left, step),
            area: format!("{line}L{:.1} {bottom}L{:.1} {bottom}Z", ends.1, ends.0),
            line,
            bars: rows.iter().enumerate().map(bar).collect(),
            end: Tick { at: ends.1, label: last.to_string() },
            end_y: y(last),
            left,
            right,
            top,
            bottom,
            zero,
            height,
        }
    }
}

fn days(row: &BacklogRow) -> String {
    if row.first == row.last { row.first.to_string() } else { format!("{} to {}", row.first, row.last) }
}

/// Names below the chart: of months where it shows weeks, of days where it shows days.
fn months(rows: &[BacklogRow], left: f64, step: f64) -> Vec<Tick> {
    let by_day = rows.first().is_some_and(|row| row.first == row.last);
    let every = rows.len().div_ceil(10).max(1);
    let wanted = |at: usize, row: &BacklogRow| match by_day {
        true => at.is_multiple_of(every),
        false => row.first.day() <= 7,
    };
    let short = |row: &BacklogRow| match by_day {
        true => row.first.strftime("%-d %b").to_string(),
        false if row.first.month() == 1 => row.first.strftime("%b %Y").to_string(),
        false => row.first.strftime("%b").to_string(),
    };
    let found = rows.iter().enumerate().filter(|(at, row)| wanted(*at, row));
    let ticks: Vec<Tick> =
        found.map(|(at, row)| Tick { at: left + step * (at as f64 + 0.5), label: short(row) }).collect();
    // Over many years every month would stand on the next one.
    let every = ticks.len().div_ceil(14).max(1);
    ticks.into_iter().step_by(every).collect()
}

/// Time to solution by unit: a bar to the median, a line to the 90th percentile.
#[derive(Debug, Serialize)]
pub struct Units {
    pub left: f64,
    pub right: f64,
    pub bottom: f64,
    pub height: f64,
    pub ticks: Vec<Tick>,
    pub rows: Vec<UnitBar>,
}

#[derive(Debug, Serialize)]
pub struct UnitBar {
    pub y: f64,
    pub unit: UnitName,
    pub median: f64,
    pub ninetieth: f64,
    pub label: String,
}

impl Units {
    fn of(rows: &[UnitRow]) -> Self {
        const ROW: f64 = 30.0;
        const DAY: f64 = 86_400.0;
        let (left, right) = (160.0, WIDTH - 170.0);
        let mut measured: Vec<(&UnitRow, i64, i64)> =
            rows.iter().filter_map(|row| Some((row, row.solution.median?, row.solution.ninetieth?))).collect();
        measured.sort_by_key(|(_, median, ninetieth)| (*median, *ninetieth));
        let longest = measured.iter().map(|(_, _, ninetieth)| *ninetieth).max().unwrap_or_default();
        let (scale, ticks) = scale(longest as f64 / DAY, right - left);
        let bars = measured.iter().enumerate().map(|(at, (row, median, ninetieth))| UnitBar {
            y: 12.0 + ROW * at as f64,
            unit: row.unit.clone(),
            median: left + *median as f64 / DAY * scale,
            ninetieth: left + *ninetieth as f64 / DAY * scale,
            label: format!("{}, {}", took(Some(*median)), took(Some(*ninetieth))),
        });
        let bottom = 12.0 + ROW * measured.len() as f64;
        Self {
            rows: bars.collect(),
            ticks: ticks.into_iter().map(|tick| Tick { at: left + tick.at, ..tick }).collect(),
            left,
            right,
            bottom,
            height: bottom + 44.0,
        }
    }
}

/// Who passed tickets to whom: a row for who had them, a column for who got them.
#[derive(Debug, Serialize)]
pub struct Flow {
    pub left: f64,
    pub top: f64,
    pub cell: f64,
    pub width: f64,
    pub height: f64,
    pub rows: Vec<Tick>,
    pub columns: Vec<Tick>,
    pub cells: Vec<Cell>,
}

#[derive(Debug, Serialize)]
pub struct Cell {
    pub x: f64,
    pub y: f64,
    /// From 1, few, to 5, many; by orders of magnitude, since most come from the users.
    pub level: u32,
    pub tickets: u64,
    pub label: String,
}

impl Flow {
    fn of(report: &Report) -> Self {
        let (left, top) = (160.0, 128.0);
        let to: Vec<&UnitName> = unique(report.flow.iter().map(|row| &row.to));
        let from: Vec<Option<&UnitName>> = unique(report.flow.iter().map(|row| row.from.as_ref()));
        let cell = ((WIDTH - left - 20.0) / to.len().max(1) as f64).min(52.0);
        let row_height = 30.0;
        let most = report.flow.iter().map(|row| row.tickets).max().unwrap_or(1);
        let column: BTreeMap<&UnitName, f64> =
            to.iter().enumerate().map(|(at, unit)| (*unit, left + cell * at as f64)).collect();
        let line: BTreeMap<Option<&UnitName>, f64> =
            from.iter().enumerate().map(|(at, unit)| (*unit, top + row_height * at as f64)).collect();
        let place = |row: &crate::report::FlowRow| {
            let who = row.from.as_ref().map_or_else(|| SUBMITTERS.to_owned(), ToString::to_string);
            Some(Cell {
                x: *column.get(&row.to)?,
                y: *line.get(&row.from.as_ref())?,
                level: level(row.tickets, most),
                tickets: row.tickets,
                label: format!("{who} to {}: {}", row.to, row.tickets),
            })
        };
        let name = |unit: &Option<&UnitName>| unit.map_or_else(|| SUBMITTERS.to_owned(), ToString::to_string);
        Self {
            rows: from
                .iter()
                .map(|unit| Tick { at: line.get(unit).copied().unwrap_or_default(), label: name(unit) })
                .collect(),
            columns: column.iter().map(|(unit, at)| Tick { at: at + cell / 2.0, label: unit.to_string() }).collect(),
            cells: report.flow.iter().filter_map(place).collect(),
            width: WIDTH,
            height: top + row_height * from.len() as f64 + 10.0,
            left,
            top,
            cell,
        }
    }
}

const SUBMITTERS: &str = "new from users";

/// Each once, in order.
fn unique<T: Ord + Copy>(all: impl Iterator<Item = T>) -> Vec<T> {
    let set: std::collections::BTreeSet<T> = all.collect();
    set.into_iter().collect()
}

fn level(tickets: u64, most: u64) -> u32 {
    let share = (tickets.max(1) as f64).ln() / ((most + 1) as f64).ln();
    1 + (share * 5.0).clamp(0.0, 4.0) as u32
}

/// How long one is on a scale that ends at a round number, and the scale's lines from nought.
fn scale(most: f64, length: f64) -> (f64, Vec<Tick>) {
    let most = most.max(1.0);
    let rough = most / FEWEST_LINES;
    let power = 10_f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|times| times * power).rfind(|step| *step <= rough);
    let step = step.unwrap_or(power).max(1.0);
    let lines = (most / step).ceil().max(1.0);
    let one = length / (lines * step);
    let tick = |line: u32| Tick { at: f64::from(line) * step * one, label: format!("{}", f64::from(line) * step) };
    (one, (0..=lines as u32).map(tick).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_end_at_round_numbers() {
        let labels = |most: f64| scale(most, 100.0).1.into_iter().map(|tick| tick.label).collect::<Vec<_>>();
        assert_eq!(labels(0.0), ["0", "1"]);
        assert_eq!(labels(4.0), ["0", "1", "2", "3", "4"]);
        assert_eq!(labels(137.0), ["0", "20", "40", "60", "80", "100", "120", "140"]);
        assert_eq!(labels(900.0), ["0", "200", "400", "600", "800", "1000"]);
    }

    #[test]
    fn shades_go_by_orders_of_magnitude() {
        assert_eq!([1, 4, 20, 100, 400].map(|tickets| level(tickets, 400)), [1, 2, 3, 4, 5]);
        assert_eq!(level(1, 1), 1);
    }
}
