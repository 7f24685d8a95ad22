//! Known solutions: by which words a ticket is found again, which solved tickets are about the same problem, and what of
//! them a unit is shown. The store finds candidates by rare words; whether they are alike is decided here.
//!
//! It looks at title, first text and the solution that the user got, never at internal text. Addresses, tags, ids of other
//! helpdesks and the submitter's names are left out of what is found and of what is shown. Better none than a wrong one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use super::tag::Tags;
use super::ticket::{Ticket, TicketId};
use crate::mail::language::Language;
use crate::mail::plain;
use crate::mail::reply;

/// Words of one problem that are looked up.
pub const MOST_ASKED: usize = 16;
/// A word of so many tickets tells nothing, and is not looked at beyond that.
pub const COMMON: u64 = 2_000;
/// Words of one text by which it is found.
const MOST_KEPT: usize = 120;
/// Longest word that is kept, in characters: longer ones are keys and lumps of data.
const LONGEST_WORD: usize = 40;
/// Words that two tickets must have in common, and that their titles must.
const SHARED: usize = 4;
const SHARED_TITLE: usize = 2;
/// How much of the weight of a problem's words an alike one has, in percent.
const ALIKE_PERCENT: f64 = 50.0;
/// Weight of a word that stands in no other ticket: it may be a name that only this problem has.
const UNSEEN: f64 = 1.0;
/// What is shown of a solution.
const SHOWN_LINES: usize = 5;
const SHOWN_LINE: usize = 160;

/// What the store is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// Solved tickets with these words.
    Words(Vec<String>),
    /// Solved tickets with the words of the one ticket that the inquiry finds.
    OfTicket,
}

/// The store's answer: candidates, and how telling the words are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Tickets there are.
    pub tickets: u64,
    /// In how many each word that was asked for stands; no more than [`COMMON`] are counted.
    pub words: BTreeMap<String, u64>,
    /// Solved tickets with some of the words, the best first.
    pub solved: Vec<Ticket>,
}

/// The words by which a ticket is found, with blanks between: without case and accents, each once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findable {
    pub title: String,
    pub problem: String,
    pub solution: String,
}

impl Findable {
    /// `None` for a ticket that nobody may find so: a test, or one without its people. `is_solved`: it has a solution,
    /// and no reason why there is none.
    pub fn of(ticket: &Ticket, is_solved: bool) -> Option<Self> {
        if ticket.probe || ticket.redacted.is_some() {
            return None;
        }
        let private = Private::of(ticket);
        let kept = |text: &str| {
            let words: Vec<String> = private.words(text).collect();
            unique(words, MOST_KEPT).join(" ")
        };
        let solution = ticket.solution.as_ref().filter(|_| is_solved);
        Some(Self {
            title: kept(&ticket.subject),
            problem: kept(&newest(&ticket.description)),
            solution: solution.map(|solution| kept(&newest(&solution.text))).unwrap_or_default(),
        })
    }
}

/// The words of a problem that are worth looking up, those of its title first.
pub fn asked(title: &str, text: &str) -> Vec<String> {
    let nobody = Private::default();
    unique(nobody.words(title).chain(nobody.words(&newest(text))), MOST_ASKED)
}

/// The words of what a person looks for.
pub fn looked_for(text: &str) -> Vec<String> {
    unique(words(text), MOST_ASKED)
}

/// The candidates that are about the problem of a ticket, the most alike first.
pub fn alike<'a>(ticket: &Ticket, found: &'a Found, most: usize) -> Vec<&'a Ticket> {
    let title: BTreeSet<String> = asked(&ticket.subject, "").into_iter().collect();
    let asked: BTreeSet<String> = asked(&ticket.subject, &ticket.description).into_iter().collect();
    let weigh = |words: &mut dyn Iterator<Item = &String>| words.map(|word| weight(found, word)).sum::<f64>();
    let whole = weigh(&mut asked.iter());
    let share = |candidate: &Ticket| {
        let other = Findable::of(candidate, true)?;
        let set = |text: &str| text.split(' ').map(str::to_owned).collect::<BTreeSet<String>>();
        let (other_title, other_problem) = (set(&other.title), set(&other.problem));
        let shared = || asked.iter().filter(|word| other_title.contains(*word) || other_problem.contains(*word));
        let percent = 100.0 * weigh(&mut shared()) / whole;
        let enough = shared().count() >= SHARED && title.intersection(&other_title).count() >= SHARED_TITLE;
        (enough && percent >= ALIKE_PERCENT).then_some(percent)
    };
    let others = found.solved.iter().filter(|candidate| candidate.id != ticket.id);
    let mut alike: Vec<(f64, &Ticket)> = others.filter_map(|candidate| Some((share(candidate)?, candidate))).collect();
    alike.sort_by(|(one, a), (other, b)| other.total_cmp(one).then(b.id.cmp(&a.id)));
    alike.into_iter().map(|(_, ticket)| ticket).take(most).collect()
}

/// How much a word tells: the more, the fewer tickets have it.
fn weight(found: &Found, word: &str) -> f64 {
    // Counts are far below what a float holds exactly.
    let of = |some: u64| (((found.tickets + 1) as f64) / (some as f64 + 0.5)).ln().max(0.0);
    match found.words.get(word) {
        None => 0.0,
        Some(0) => UNSEEN.min(of(1)),
        Some(many) if *many >= COMMON => 0.0,
        Some(some) => of(*some),
    }
}

/// What a unit is told of a solved ticket: number, day and title on a line, the solution indented below, so that every
/// reader of the desk's mail takes it for text. The number stands in no form of a tag. `None` where a tag could still be
/// read in it, or nothing is left to tell.
pub fn shown(tags: &Tags, ticket: &Ticket) -> Option<String> {
    let private = Private::of(ticket);
    let title = plain::line(&private.cut(&tags.cut_from(&ticket.subject)), SHOWN_LINE);
    let solution = newest(&ticket.solution.as_ref()?.text);
    let lines = solution.lines().map(|line| plain::line(&private.cut(line), SHOWN_LINE));
    let lines: Vec<String> = lines.filter(|line| line.contains(char::is_alphanumeric)).collect();
    if title.is_empty() || lines.is_empty() {
        return None;
    }
    let TicketId(number) = ticket.id;
    let day = ticket.ended.unwrap_or(ticket.changed).strftime("%Y-%m-%d");
    let mut text = format!("{number}, solved on {day}: {title}");
    lines.iter().take(SHOWN_LINES).for_each(|line| text.push_str(&format!("\n    {line}")));
    if lines.len() > SHOWN_LINES {
        text.push_str("\n    […]");
    }
    tags.read_tolerant(&text).is_empty().then_some(text)
}

/// What of a ticket's words is nobody else's business.
#[derive(Default)]
struct Private {
    /// Ids that other helpdesks gave it.
    ids: BTreeSet<String>,
    /// Words of the submitter's names.
    names: BTreeSet<String>,
}

impl Private {
    fn of(ticket: &Ticket) -> Self {
        let submitter = &ticket.submitter;
        let names = [Some(submitter.address.local()), submitter.name.as_deref(), submitter.login_name.as_deref()];
        Self {
            ids: ticket.foreign_keys().into_iter().map(|(_, id)| id).filter(|id| !id.is_empty()).collect(),
            names: names.into_iter().flatten().flat_map(folded_words).collect(),
        }
    }

    /// Whether a run without blanks may be shown: no address, no id, no number in the form of a ticket's, no name.
    fn is_shown(&self, run: &str) -> bool {
        let is_ticket = |run: &str| run.contains('#') && run.contains(|c: char| c.is_ascii_digit());
        let is_id = self.ids.iter().any(|id| run.contains(id.as_str()));
        let is_name = folded_words(run).any(|word| self.names.contains(&word));
        !run.contains('@') && !is_ticket(run) && !is_id && !is_name
    }

    /// Whether it may be found by: also no link, and no number so long that it may be an id or a telephone.
    fn is_found(&self, run: &str) -> bool {
        let value = run.split_once(['=', ':']).map_or(run, |(_, value)| value);
        let digits = value.chars().filter(|c| c.is_numeric()).count();
        let is_number = digits > 3 && !value.contains(char::is_alphabetic);
        self.is_shown(run) && !run.contains("://") && !is_number
    }

    fn words(&self, text: &str) -> impl Iterator<Item = String> {
        let kept: Vec<String> = without_brackets(text)
            .split_whitespace()
            .filter(|run| self.is_found(run))
            .flat_map(words)
            .filter(|word| !self.names.contains(word))
            .take(MOST_KEPT * 4)
            .collect();
        kept.into_iter()
    }

    /// A line as it may be shown.
    fn cut(&self, line: &str) -> String {
        without_brackets(line).split_whitespace().filter(|run| self.is_shown(run)).collect::<Vec<_>>().join(" ")
    }
}

/// A text without what stands in brackets and holds a digit: the tags of helpdesks.
fn without_brackets(text: &str) -> String {
    let mut bare = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(open) = rest.find('[') {
        bare.push_str(&rest[..open]);
        let inner = &rest[open + 1..];
        let close = inner.find([']', '\n', '[']).filter(|at| inner[*at..].starts_with(']'));
        match close.filter(|close| inner[..*close].contains(|c: char| c.is_ascii_digit())) {
            Some(close) => {
                bare.push(' ');
                rest = &inner[close + 1..];
            }
            None => {
                bare.push('[');
                rest = inner;
            }
        }
    }
    bare.push_str(rest);
    bare
}

/// The text without quote, signature and the lines that greet somebody.
fn newest(text: &str) -> String {
    let newest = reply::cut(text).newest;
    let greets = |line: &str| line.trim_end().ends_with([',', '!']) && line.split_whitespace().count() <= 4;
    newest.lines().filter(|line| !greets(line)).collect::<Vec<_>>().join("\n")
}

/// The words that tell something, as the index knows them.
fn words(text: &str) -> impl Iterator<Item = String> {
    folded_words(text).filter(|word| {
        let length = word.chars().count();
        (2..=LONGEST_WORD).contains(&length) && !STOP_WORDS.contains(word)
    })
}

/// Without case and accents, split wherever the index splits.
fn folded_words(text: &str) -> impl Iterator<Item = String> {
    let folded: String = text.nfkd().filter(|c| !is_combining_mark(*c)).flat_map(char::to_lowercase).collect();
    let words: Vec<String> =
        folded.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_owned).collect();
    words.into_iter()
}

fn unique(words: impl IntoIterator<Item = String>, most: usize) -> Vec<String> {
    let mut seen = BTreeSet::new();
    words.into_iter().filter(|word| seen.insert(word.clone())).take(most).collect()
}

/// Words that stand in every text of the desk's languages.
static STOP_WORDS: LazyLock<BTreeSet<String>> = LazyLock::new(|| {
    let lists = Language::ALL.into_iter().filter_map(|language| stop_words::lookup(language.code()));
    lists.flatten().flat_map(|word| folded_words(word)).collect()
});
