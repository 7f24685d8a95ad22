//! What the system wraps around the words of its people: lines at the top and at the end that several mails share.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use regex::Regex;

use super::super::Kind;
use super::pattern_text::{is_sound, literal, without_numbers};
use super::{Seen, Tags, said};

/// Patterns of one list.
const MOST: usize = 4;
/// Characters of a line that its pattern has.
const LINE_CHARS: usize = 60;

/// Patterns for `[text]`, each with the mails that show it.
#[derive(Clone, Debug, Default)]
pub struct Cuts {
    pub to: Vec<(String, usize)>,
    pub above: Vec<(String, usize)>,
    pub below: Vec<(String, usize)>,
}

static MARKER: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"(?i)(?:above|over|oberhalb|über|au[- ]dessus|sopra|encima|выше)\b.{0,40}(?:line|zeile|ligne|linea|riga|línea|строк|черт)").ok()
});
static LABEL: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"(?i)^ {0,4}((?:resolution|solution|lösung|résolution|soluzione|risoluzione|solución|решение)(?: (?:text|notes?|description))? ?:)").ok()
});

/// Finds what frames the text.
pub fn cuts(system: &[&Seen<'_>], tags: &Tags) -> Cuts {
    let shared = shared(system);
    let mut above: BTreeMap<String, usize> = BTreeMap::new();
    let mut below: BTreeMap<String, usize> = BTreeMap::new();
    let mut texts: BTreeSet<&str> = BTreeSet::new();
    for seen in system.iter().filter(|seen| texts.insert(seen.newest.trim())) {
        let lines: Vec<&str> = seen.newest.trim().lines().collect();
        let is_frame = |line: &&&str| line.trim().is_empty() || shared.contains(&form(line));
        let top = lines.iter().take_while(is_frame).count();
        let bottom = lines.iter().rev().take_while(is_frame).count();
        let usable = |line: &&&str| line.trim().chars().count() > 2 && tags.read(line).is_empty();
        if top < lines.len() {
            note(&mut above, seen, lines[..top].iter().rev().find(usable));
            note(&mut below, seen, lines[lines.len() - bottom..].iter().find(usable));
        }
        let marker = lines.iter().take(10).find(|line| MARKER.as_ref().is_some_and(|marker| marker.is_match(line)));
        note(&mut above, seen, marker);
    }
    let markers: Vec<String> =
        above.keys().filter(|line| MARKER.as_ref().is_some_and(|marker| marker.is_match(line))).cloned().collect();
    Cuts { to: labels(system), above: frequent(above, &markers), below: frequent(below, &[]) }
}

/// Lines that several mails have, whatever their numbers.
fn shared(system: &[&Seen<'_>]) -> BTreeSet<String> {
    let mut mails: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for seen in system {
        for line in seen.newest.lines().filter(|line| !line.trim().is_empty()) {
            mails.entry(form(line)).or_default().insert(seen.newest.trim());
        }
    }
    let least = (system.len() / 6).max(2);
    mails.into_iter().filter(|(_, texts)| texts.len() >= least).map(|(line, _)| line).collect()
}

/// A line with no numbers.
fn form(line: &str) -> String {
    let mut form: String = line.trim().chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    while form.contains("00") {
        form = form.replace("00", "0");
    }
    form
}

fn note(lines: &mut BTreeMap<String, usize>, seen: &Seen<'_>, line: Option<&&str>) {
    if let Some(pattern) = line.and_then(|line| pattern_of(seen, line)) {
        *lines.entry(pattern).or_default() += 1;
    }
}

/// The beginning of a line, or all of a short one; nothing where that says too little.
fn pattern_of(seen: &Seen<'_>, line: &str) -> Option<String> {
    let line = line.trim();
    let length = line.chars().count();
    let rule = line.chars().next().filter(|first| !first.is_alphanumeric() && line.chars().all(|c| c == *first));
    if let Some(first) = rule.filter(|_| length > 4) {
        return Some(format!("^{}{{{},{}}} ?$", literal(&first.to_string()), length - 2, length + 2));
    }
    if length <= LINE_CHARS {
        return Some(format!("^ ?{} ?$", said::pattern_of(seen, line, None)));
    }
    let start: String = line.chars().take(LINE_CHARS).collect();
    let (words, _) = start.rsplit_once(' ')?;
    (words.chars().filter(|c| c.is_alphabetic()).count() > 5)
        .then(|| format!("^ ?{}", said::pattern_of(seen, words, None)))
}

/// A line of one mail is its words; one that says where to answer is not.
fn frequent(lines: BTreeMap<String, usize>, certain: &[String]) -> Vec<(String, usize)> {
    let is_frame = |(line, mails): &(String, usize)| {
        (*mails > 1 || certain.contains(line)) && is_sound(line) && !line.contains('\'')
    };
    let mut lines: Vec<_> = lines.into_iter().filter(is_frame).collect();
    lines.sort_by_key(|(_, mails)| std::cmp::Reverse(*mails));
    lines.truncate(MOST);
    lines
}

/// What stands in front of the solution, where a mail says so in its line.
fn labels(system: &[&Seen<'_>]) -> Vec<(String, usize)> {
    let mut labels: BTreeMap<String, usize> = BTreeMap::new();
    let is_solved = |seen: &&&Seen<'_>| seen.specimen.told.as_ref().is_none_or(|told| told.kind == Some(Kind::Solved));
    for seen in system.iter().filter(is_solved) {
        let label = seen.newest.lines().find_map(|line| Some(LABEL.as_ref()?.captures(line)?[1].trim().to_owned()));
        if let Some(label) = label {
            *labels.entry(format!("^ ?{} ?", without_numbers(&label))).or_default() += 1;
        }
    }
    labels.into_iter().filter(|(label, _)| is_sound(label)).take(MOST).collect()
}
