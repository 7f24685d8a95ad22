//! Control lines: what a person at a helpdesk writes when the helpdesk has no word for it (`STATUS: solved`,
//! `LOCAL ID: 4711`). Only in the newest text, only at its very top or bottom, each alone on a line (protocol section 5).
//!
//! It refuses copied text (quoted, in a code fence, indented by four blanks or a tab, forwarded) and does not know who
//! may say what.

mod words;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use self::words::{Keyword, keyword};
use super::form::{field_named, fold, is_absent, is_machine_name, key_line, status_named};
use super::lines::{self, Line};
use super::reply;

/// The states that a line may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AskedStatus {
    InProgress,
    OnHold,
    Solved,
    Unsolved,
    Verified,
    WaitingForReply,
}

/// One control line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Control {
    /// `ASSIGN TO: ROC_France`.
    AssignTo(String),
    /// `HURRY`, or `HURRY: reason`: what a user asks for who has waited long.
    Hurry(String),
    /// `INTERNAL`: this comment goes to nobody but the desk.
    Internal,
    /// `LOCAL ID: 4711`.
    LocalId(String),
    /// `REFUSE: reason`; empty where the reason is the rest of the text.
    Refuse(String),
    /// `SOLUTION: text`, to the end or the next control line.
    Solution(String),
    /// `STATUS: …`.
    Status(AskedStatus),
    /// What somebody of the desk orders (`MASTER: 12`).
    Order(Order),
    /// `WAKE: 2026-12-01`.
    Wake(Date),
}

/// An order about another ticket, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// `MASTER: 12`.
    Master(u64),
    /// `MERGE INTO: 12`, `DUPLICATE OF: 12`.
    MergeInto(u64),
    /// `PARENT: 12`.
    Parent(u64),
    /// `RELATED TO: 12`.
    RelatedTo(u64),
}

impl Order {
    /// The other ticket.
    pub fn other(self) -> u64 {
        match self {
            Self::Master(other) | Self::MergeInto(other) | Self::Parent(other) | Self::RelatedTo(other) => other,
        }
    }

    /// As a line.
    pub fn line(self) -> String {
        match self {
            Self::Master(other) => format!("MASTER: {other}"),
            Self::MergeInto(other) => format!("MERGE INTO: {other}"),
            Self::Parent(other) => format!("PARENT: {other}"),
            Self::RelatedTo(other) => format!("RELATED TO: {other}"),
        }
    }
}

/// What was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Controls {
    /// Readable lines, in order.
    pub lines: Vec<Control>,
    /// Lines that look like a control line but can't be read, as written.
    pub unreadable: Vec<String>,
    /// The text without the control lines.
    pub rest: String,
}

/// Longest name of a unit, and longest reason, in characters.
const LONGEST: (usize, usize) = (120, 1_000);
/// Lines of one text that are listed as unreadable, and characters of each.
const MOST_UNREADABLE: (usize, usize) = (20, 200);
/// A mixed-case word with a longer value is prose ("Status: we wait for the vendor to send it").
const CERTAIN_WORDS: usize = 4;
/// A line of at least so many bytes may have been wrapped by the mail program, over at most so many lines.
const WRAPPED: (usize, usize) = (60, 5);

/// Reads the control lines of a newest text. Lines of a machine block may stand among them; they stay in the rest.
pub fn controls(newest: &str) -> Controls {
    let (own, forwarded) = reply::split_forwarded(newest);
    let lines = reply::lines_of(own);
    let items = items(&lines);
    let mut reader = Reader { read: Controls::default(), rest: Vec::new(), solution: None };
    let end_run = run_start(&items, items.len());
    let last_paragraph = last_paragraph(&items[..end_run]);
    let opening = (0..items.len()).find(|&at| opens_solution(&items, at, last_paragraph));
    let bottom = opening.map_or(end_run, |at| run_start(&items, at));
    let mut in_run = true;
    for (at, item) in items.iter().enumerate() {
        in_run = at >= bottom || in_run && item.is_run();
        let lines = &lines[item.from..item.to];
        if in_run { reader.act(item, lines, at >= end_run) } else { reader.keep(lines) }
    }
    reader.finish(forwarded)
}

/// First of the items before `end` among which nothing but control lines, form lines and blank lines stands.
fn run_start(items: &[Item], end: usize) -> usize {
    items[..end].iter().rposition(|item| !item.is_run()).map_or(0, |at| at + 1)
}

fn last_paragraph(items: &[Item]) -> usize {
    let is_blank = |item: &Item| matches!(item.kind, Kind::Blank);
    let end = items.iter().rposition(|item| !is_blank(item)).unwrap_or(0);
    items[..end].iter().rposition(is_blank).map_or(0, |at| at + 1)
}

/// A solution begins at the top, or in a paragraph of its own: any if written in capitals, else only in the last one.
fn opens_solution(items: &[Item], at: usize, last_paragraph: usize) -> bool {
    let Kind::Solution { certain, .. } = items[at].kind else { return false };
    let apart = at == 0 || items[at - 1].is_run();
    apart && (certain || at >= last_paragraph || run_start(items, at) == 0)
}

/// A line, with the lines wrapped off it.
#[derive(Debug)]
struct Item {
    kind: Kind,
    from: usize,
    to: usize,
}

#[derive(Debug)]
enum Kind {
    Blank,
    /// A control, and words on its line that are text (`INTERNAL: don't tell`).
    Control(Control, Option<String>),
    /// `SOLUTION:`, with what follows on the line.
    Solution {
        first: String,
        certain: bool,
    },
    /// A line of a machine block.
    Form,
    Unreadable,
    Text,
}

impl Item {
    /// Whether a run of control lines goes on here. A solution's text is no such run.
    fn is_run(&self) -> bool {
        !matches!(self.kind, Kind::Text | Kind::Solution { .. })
    }
}

fn items(lines: &[Line]) -> Vec<Item> {
    let mut items = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        let wrapped = wrapped_after(lines, at);
        let kind = kind(lines, at, wrapped);
        let to = if matches!(kind, Kind::Form | Kind::Control(Control::Refuse(_), _)) { wrapped } else { at + 1 };
        items.push(Item { kind, from: at, to });
        at = to;
    }
    items
}

/// End of a value that may be wrapped: indented lines, or any lines below a line that is full.
fn wrapped_after(lines: &[Line], at: usize) -> usize {
    let full = lines[at].text.len() >= WRAPPED.0;
    let follows = |line: &&Line| {
        let indented = line.text.starts_with(char::is_whitespace);
        !line.is_blank() && !line.fenced && !line.is_quote() && (indented || full) && key_line(line).is_none()
    };
    at + 1 + lines[at + 1..].iter().take(WRAPPED.1).take_while(follows).count()
}

fn kind(lines: &[Line], at: usize, wrapped: usize) -> Kind {
    let line = &lines[at];
    if line.is_blank() {
        return Kind::Blank;
    }
    if line.is_copied() {
        return Kind::Text;
    }
    let Some((name, value)) = key_line(line) else {
        return match keyword(line.bare().trim_end_matches(['!', '.'])) {
            Some((Keyword::Internal, _)) => Kind::Control(Control::Internal, None),
            Some((Keyword::Hurry, _)) => Kind::Control(Control::Hurry(String::new()), None),
            _ => Kind::Text,
        };
    };
    let Some((keyword, prefixed)) = keyword(name) else {
        return if is_machine_name(name) && field_named(name).is_some() { Kind::Form } else { Kind::Text };
    };
    let meant = prefixed || is_machine_name(name);
    match keyword {
        Keyword::Solution => Kind::Solution { first: value.to_owned(), certain: meant },
        Keyword::Hurry if is_denial(value) => Kind::Text,
        Keyword::Hurry => Kind::Control(Control::Hurry(value.chars().take(LONGEST.1).collect()), None),
        Keyword::Internal if is_denial(value) => Kind::Unreadable,
        Keyword::Internal => Kind::Control(Control::Internal, (!value.is_empty()).then(|| value.to_owned())),
        Keyword::Refuse => {
            let more = lines[at + 1..wrapped].iter().map(|line| line.bare());
            let reason: Vec<&str> = [value].into_iter().chain(more).collect();
            Kind::Control(Control::Refuse(reason.join(" ").trim().chars().take(LONGEST.1).collect()), None)
        }
        Keyword::Master | Keyword::MergeInto | Keyword::Parent | Keyword::RelatedTo => match order(keyword, value) {
            Some(order) => Kind::Control(Control::Order(order), None),
            None if prefixed => Kind::Unreadable,
            None => Kind::Text,
        },
        _ => match control(keyword, value) {
            Some(control) => Kind::Control(control, None),
            None if meant || value.split_whitespace().nth(CERTAIN_WORDS).is_none() => Kind::Unreadable,
            None => Kind::Text,
        },
    }
}

fn is_denial(value: &str) -> bool {
    matches!(fold(value).as_str(), "no" | "nein" | "non" | "нет" | "false" | "off" | "0")
}

fn control(keyword: Keyword, value: &str) -> Option<Control> {
    let named = !is_absent(value) && value.chars().nth(LONGEST.0).is_none();
    match keyword {
        Keyword::AssignTo => named.then(|| Control::AssignTo(value.to_owned())),
        Keyword::LocalId => local_id(value).map(Control::LocalId),
        Keyword::Status => asked_status(value).map(Control::Status),
        Keyword::Wake => date(value).map(Control::Wake),
        _ => None,
    }
}

/// `12`, `#12`, `[GGUS:12]`: the number of a ticket.
fn order(keyword: Keyword, value: &str) -> Option<Order> {
    let plain = value.trim().trim_start_matches('[').trim_end_matches([']', '.']);
    let at = plain.trim_end_matches(|c: char| c.is_ascii_digit()).len();
    let before = plain[..at].trim_end_matches([':', '-', '#', ' ']);
    let other = plain[at..].parse().ok().filter(|number| *number > 0 && before.chars().all(char::is_alphabetic))?;
    match keyword {
        Keyword::Master => Some(Order::Master(other)),
        Keyword::MergeInto => Some(Order::MergeInto(other)),
        Keyword::Parent => Some(Order::Parent(other)),
        Keyword::RelatedTo => Some(Order::RelatedTo(other)),
        _ => None,
    }
}

/// `4711`, `#4711`, `INC0010001`, `HD-2024-00012`: one word of letters, digits and a few marks.
fn local_id(value: &str) -> Option<String> {
    let id = value.trim_start_matches('#').trim_end_matches('.');
    let good = |c: char| c.is_ascii_alphanumeric() || "._:/-".contains(c);
    (!is_absent(id) && id.len() <= 64 && id.chars().all(good)).then(|| id.to_owned())
}

fn asked_status(value: &str) -> Option<AskedStatus> {
    match status_named(value.trim_end_matches(['.', '!', '*', ' ']))? {
        "in progress" => Some(AskedStatus::InProgress),
        "on hold" => Some(AskedStatus::OnHold),
        "solved" => Some(AskedStatus::Solved),
        "unsolved" => Some(AskedStatus::Unsolved),
        "verified" => Some(AskedStatus::Verified),
        "waiting for reply" => Some(AskedStatus::WaitingForReply),
        _ => None,
    }
}

/// `2026-12-01`, or `1.12.2026` as German and Russian write it. Slashes mean different days in different countries.
fn date(value: &str) -> Option<Date> {
    let value = value.trim_end_matches('.');
    let dotted = || {
        let mut parts = value.splitn(3, '.').map(|part| part.trim().parse::<i16>().ok());
        let (day, month, year) = (parts.next()??, parts.next()??, parts.next()??);
        Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()
    };
    let plain = value.len() == 10 && value.bytes().all(|b| b.is_ascii_digit() || b == b'-');
    let date = if plain { value.parse().ok() } else { dotted() };
    date.filter(|date: &Date| (2000..=2199).contains(&date.year()))
}

/// Goes through the items and sorts them into what was read and what is left.
struct Reader<'a> {
    read: Controls,
    rest: Vec<&'a str>,
    /// Lines of the solution that is being read.
    solution: Option<Vec<String>>,
}

impl<'a> Reader<'a> {
    fn act(&mut self, item: &Item, lines: &[Line<'a>], at_end: bool) {
        match &item.kind {
            Kind::Solution { first, .. } => {
                self.end_solution();
                self.solution = Some(vec![first.clone()]);
            }
            Kind::Control(control, words) => {
                self.end_solution();
                self.read.lines.push(control.clone());
                if words.is_some() {
                    self.rest.extend(
                        lines
                            .iter()
                            .filter_map(|line| line.text.split_once([':', '：']))
                            .map(|(_, words)| words.trim()),
                    );
                }
            }
            Kind::Unreadable => {
                self.end_solution();
                if self.read.unreadable.len() < MOST_UNREADABLE.0 {
                    let line = lines.iter().flat_map(|line| line.bare().chars()).take(MOST_UNREADABLE.1);
                    self.read.unreadable.push(line.collect());
                }
            }
            Kind::Form if at_end => self.keep(lines),
            Kind::Blank | Kind::Form | Kind::Text => match &mut self.solution {
                Some(solution) => solution.extend(lines.iter().map(|line| line.text.to_owned())),
                None => self.keep(lines),
            },
        }
    }

    fn keep(&mut self, lines: &[Line<'a>]) {
        self.rest.extend(lines.iter().map(|line| line.text));
    }

    fn end_solution(&mut self) {
        if let Some(solution) = self.solution.take() {
            self.read.lines.push(Control::Solution(lines::join(solution.iter().map(String::as_str))));
        }
    }

    fn finish(mut self, forwarded: &str) -> Controls {
        self.end_solution();
        let own = lines::join(self.rest);
        let parts = [own.as_str(), forwarded].into_iter().filter(|part| !part.trim().is_empty());
        Controls { rest: parts.collect::<Vec<_>>().join("\n\n"), ..self.read }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Vec<Control>, String) {
        let controls = controls(text);
        assert!(controls.unreadable.is_empty(), "{:?}", controls.unreadable);
        (controls.lines, controls.rest)
    }

    fn solution(text: &str) -> Control {
        Control::Solution(text.into())
    }

    const SOLVED: Control = Control::Status(AskedStatus::Solved);

    #[test]
    fn lines_at_the_top_and_at_the_bottom() {
        let (lines, rest) = read("STATUS: in progress\nLOCAL ID: 4711\n\nWe look at it.\n\nWAKE: 2026-12-01\n");
        let status = Control::Status(AskedStatus::InProgress);
        let wake = Control::Wake(jiff::civil::date(2026, 12, 1));
        assert_eq!(lines, [status, Control::LocalId("4711".into()), wake]);
        assert_eq!(rest, "We look at it.");
    }

    #[test]
    fn a_line_in_the_middle_is_text() {
        for text in ["Hello,\nSTATUS: solved\nis what they say", "a\n\nLOCAL ID: 1\n\nb"] {
            assert_eq!(read(text), (vec![], text.to_owned()));
        }
    }

    #[test]
    fn copied_lines_are_text() {
        for text in ["> STATUS: solved", "    STATUS: solved", "\tSTATUS: solved", "```\nSTATUS: solved\n```"] {
            assert_eq!(read(text), (vec![], text.to_owned()));
        }
        let form =
            "<Ticket>\n<GHD_Description>They said:\n\nSOLUTION: none\nSTATUS: solved</GHD_Description>\n</Ticket>";
        assert_eq!(read(form), (vec![], form.to_owned()), "what a user wrote comes back in a form");
        let forwarded = "see below\n\n---------- Forwarded message ----------\nFrom: x\n\nSTATUS: solved";
        assert_eq!(read(forwarded).0, []);
    }

    #[test]
    fn the_solution_goes_to_the_end_or_the_next_line() {
        let (lines, rest) = read("STATUS: solved\nSOLUTION: The BDII\nwas restarted.\n\nIt works.\nLOCAL ID: 7");
        assert_eq!(lines, [SOLVED, solution("The BDII\nwas restarted.\n\nIt works."), Control::LocalId("7".into())]);
        assert_eq!(rest, "");
        let (lines, rest) = read("Dear all,\nit is mended.\n\nSOLUTION:\nNew disk.\n\nSTATUS: solved");
        assert_eq!(lines, [solution("New disk."), SOLVED]);
        assert_eq!(rest, "Dear all,\nit is mended.");
    }

    #[test]
    fn a_solution_inside_a_paragraph_is_text() {
        for text in ["We see no other\nsolution: it must be bought new.", "a\n\nSolution: buy a disk.\n\nShall we?"] {
            assert_eq!(read(text), (vec![], text.to_owned()), "a helpdesk's prose must not close a ticket");
        }
        assert_eq!(read("a\n\nSolution: new disk.").0, [solution("new disk.")]);
        assert_eq!(read("a\n\nSOLUTION: new disk.\n\nAnna").0, [solution("new disk.\n\nAnna")]);
    }

    #[test]
    fn the_machine_block_stays_in_the_rest() {
        let (lines, rest) = read("Text.\n\nTICKET: 57890\nSTATUS: solved\nSOLUTION: done\nNOTIFIED SITE: INFN-\n  T1");
        assert_eq!(lines, [SOLVED, solution("done")]);
        assert_eq!(rest, "Text.\n\nTICKET: 57890\nNOTIFIED SITE: INFN-\n  T1");
        let (lines, rest) = read("GHD_Status: solved\nGHD_Detailed_Solution: x");
        assert_eq!((lines.len(), rest.lines().count()), (0, 2), "forms are read elsewhere");
    }

    #[test]
    fn any_case_prefix_and_separator() {
        for text in [
            "GGUS-STATUS: solved",
            "ggus-status: Solved",
            "Status : SOLVED.",
            "GGUS_Status: solved",
            "*STATUS:* solved",
        ] {
            assert_eq!(read(text).0, [SOLVED], "{text}");
        }
        assert_eq!(read("local_id: #INC-4711.").0, [Control::LocalId("INC-4711".into())]);
        assert_eq!(read("GGUS-Ticket-ID: #57890").0, [], "the desk's own tag");
    }

    #[test]
    fn words_in_six_languages() {
        let solved = ["Status: gelöst", "Estado: resuelto", "Statut : résolu", "Stato: risolto", "Статус: решено"];
        for text in solved {
            assert_eq!(read(text).0, [SOLVED], "{text}");
        }
        assert_eq!(read("LÖSUNG: neu gestartet").0, [solution("neu gestartet")]);
        assert_eq!(read("ZUWEISEN AN: ROC_France").0, [Control::AssignTo("ROC_France".into())]);
        assert_eq!(read("Отказ: не наш сайт").0, [Control::Refuse("не наш сайт".into())]);
        assert_eq!(read("Wiedervorlage: 1.12.2026").0, [Control::Wake(jiff::civil::date(2026, 12, 1))]);
    }

    #[test]
    fn internal_is_a_word_alone_or_before_words() {
        assert_eq!(read("INTERNAL\n\nThe disk is old."), (vec![Control::Internal], "The disk is old.".into()));
        assert_eq!(read("Internal: the disk is old."), (vec![Control::Internal], "the disk is old.".into()));
        assert_eq!(read("Internal server error").0, []);
        assert_eq!(controls("INTERNAL: no").unreadable, ["INTERNAL: no"]);
    }

    #[test]
    fn a_reason_may_be_wrapped_by_the_mail_program() {
        let text = "REFUSE: this site has not been in our region since the beginning of the\nyear, ask ROC_France";
        let reason = "this site has not been in our region since the beginning of the year, ask ROC_France";
        assert_eq!(read(text), (vec![Control::Refuse(reason.into())], String::new()));
        assert_eq!(read("REFUSE: not ours\nAsk others.").1, "Ask others.");
        assert_eq!(read("REFUSE:\n\nNot ours.").0, [Control::Refuse(String::new())]);
    }

    #[test]
    fn unreadable_lines_are_listed_beside_readable_ones() {
        let read = controls(
            "STATUS: frobnicate\nWAKE: someday\nLOCAL ID: two words\nLOCAL ID:\nASSIGN TO: ROC_France\n\nText.",
        );
        assert_eq!(read.unreadable, ["STATUS: frobnicate", "WAKE: someday", "LOCAL ID: two words", "LOCAL ID:"]);
        assert_eq!(
            (read.lines.as_slice(), read.rest.as_str()),
            ([Control::AssignTo("ROC_France".into())].as_slice(), "Text.")
        );
        assert_eq!(controls("WAKE: 01/02/2026").unreadable.len(), 1);
        assert_eq!(controls("STATUS: closed").unreadable.len(), 1, "the clock closes, nobody else");
    }

    #[test]
    fn prose_that_begins_like_a_line_is_text() {
        let text = "Status: we still wait for the vendor to send a disk.";
        assert_eq!(read(text), (vec![], text.to_owned()));
        assert_eq!(controls("STATUS: we still wait for the vendor").unreadable.len(), 1, "capitals are meant");
    }

    #[test]
    fn hostile_texts_are_read_once() {
        assert!(controls(&"STATUS: x\n".repeat(50_000)).unreadable.len() <= MOST_UNREADABLE.0);
        assert_eq!(controls(&"SOLUTION: x\ny\n".repeat(20_000)).rest, "");
        assert_eq!(controls(&("a\n".to_owned() + &"VO: x\nSolution: y\nz\n".repeat(20_000) + "\nz")).lines, []);
        assert_eq!(controls("").lines, []);
    }
}
