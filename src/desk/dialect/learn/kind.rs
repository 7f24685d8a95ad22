//! What the mails mean: where the samples are told, what tells one kind from the others; else the words by which helpdesks
//! say such things. A rule has the helpdesk's own words, as they stand in its mails.

use std::collections::BTreeMap;

use regex::Regex;

use super::super::{Kind, pattern};
use super::pattern_text::{is_sound, literal, part};
use super::place::{IdPlace, Ids};
use super::said::{Sentence, pattern_of, sentences};
use super::sign::{Sign, own_fields};
use super::subject::Subject;
use super::words::{Meaning, in_change, in_phrase, in_sentence};
use super::{Seen, Tags};
use crate::desk::tag::normalise;
use crate::mail::signals::{Mark, signals};

/// Patterns of one rule.
const MOST_PATTERNS: usize = 16;

/// Where a mail says what it means. In the order in which rules are tried.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Where {
    Subject,
    Field(String),
    Text,
}

/// What one mail says.
#[derive(Clone, Debug)]
struct Finding {
    meaning: Meaning,
    place: Where,
    pattern: String,
}

/// What a sample says, by its number.
type Of<'a> = (usize, &'a Finding);

/// A rule of the file.
#[derive(Clone, Debug)]
pub struct Rule {
    pub name: String,
    pub kind: Kind,
    pub internal: bool,
    /// The insides of `when = { … }` and `unless = { … }`.
    pub when: String,
    pub unless: Option<String>,
    pub last_public: bool,
    /// Names of the samples that show it.
    pub samples: Vec<String>,
    pub doubts: Vec<String>,
}

/// Rules, and what there is to say about all of them.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    pub rules: Vec<Rule>,
    pub doubts: Vec<String>,
}

/// Finds what the mails mean.
pub fn rules(system: &[&Seen<'_>], signs: &[Sign], ids: &Ids, tags: &Tags) -> Rules {
    let reader = Reader {
        system,
        places: ids.places.iter().filter(|place| place.is_in_subject()).collect(),
        ids: &ids.by_sample,
        tags,
    };
    let findings: Vec<Option<Finding>> = (0..system.len()).map(|at| reader.finding(at)).collect();
    let mut rules = Rules { rules: reader.grouped(&findings), doubts: Vec::new() };
    reader.rest(&findings, signs, &mut rules);
    let shown = |kind: Kind| rules.rules.iter().any(|rule| rule.kind == kind);
    let wanted = [Kind::Acknowledgement, Kind::Comment, Kind::Question, Kind::Solved, Kind::Refused, Kind::Reopened];
    let missing: Vec<&str> = wanted.into_iter().filter(|kind| !shown(*kind)).map(Kind::word).collect();
    if !missing.is_empty() {
        rules.doubts.push(format!(
            "no sample was found for: {}; look for such mails, or see that there are none",
            missing.join(", ")
        ));
    }
    rules
}

struct Reader<'a> {
    system: &'a [&'a Seen<'a>],
    /// Of the id in the subject.
    places: Vec<&'a IdPlace>,
    /// By sample.
    ids: &'a BTreeMap<usize, String>,
    tags: &'a Tags,
}

impl Reader<'_> {
    /// What a mail says; what is told counts more than words.
    fn finding(&self, at: usize) -> Option<Finding> {
        let seen = self.system[at];
        let by_words = || self.in_subject(seen).or_else(|| self.in_text(seen, self.ids.get(&at)));
        let Some(told) = &seen.specimen.told else {
            return if self.is_absence(seen) { None } else { by_words() };
        };
        let meaning = Meaning { kind: told.kind?, internal: told.internal };
        let agrees = |finding: &Finding| finding.meaning == meaning && self.tells(finding);
        by_words().filter(agrees).or_else(|| {
            let candidates = self.candidates(seen).into_iter();
            candidates.map(|(place, pattern)| Finding { meaning, place, pattern }).find(|finding| self.tells(finding))
        })
    }

    /// A person's vacation mail; a subject that begins with the helpdesk's own tag is none, whatever its words.
    fn is_absence(&self, seen: &Seen<'_>) -> bool {
        let begins =
            || Subject::of(seen, &self.places, self.tags).ids.first().is_some_and(|(range, _)| range.start == 0);
        signals(seen.mail(), "").marks.iter().any(|mark| matches!(mark, Mark::OutOfOffice(_))) && !begins()
    }

    /// It holds for no sample that is told to mean something else.
    fn tells(&self, finding: &Finding) -> bool {
        let Ok(pattern) = pattern::compile(&finding.pattern) else { return false };
        self.system.iter().all(|seen| {
            let other = seen.specimen.told.as_ref().is_some_and(|told| {
                told.kind != Some(finding.meaning.kind) || told.internal != finding.meaning.internal
            });
            !other || !holds(seen, &finding.place, &pattern)
        })
    }

    /// The words in front of the desk's tag, or behind an id that stands at the end.
    fn in_subject(&self, seen: &Seen<'_>) -> Option<Finding> {
        let subject = Subject::of(seen, &self.places, self.tags);
        let head = subject.head.clone().and_then(|range| {
            let text = subject.masked(range.clone());
            let (meaning, word) = in_phrase(&text)?;
            let end = word_end(&text, word.end);
            Some((meaning, format!("^{}", subject.pattern(range.start..range.start + end)?)))
        });
        let tail = || {
            let range = subject.tail.clone()?;
            let (meaning, _) = in_phrase(&subject.text[range.clone()])?;
            let place = subject.ids.last()?.1.clone();
            Some((meaning, format!("{place}{}$", part(&subject.text[range]))))
        };
        let last = || {
            let range = subject.last.clone()?;
            let (meaning, _) = in_phrase(&subject.text[range.clone()])?;
            Some((meaning, format!("{}$", literal(&subject.text[range]))))
        };
        let (meaning, pattern) = head.or_else(tail).or_else(last)?;
        is_sound(&pattern).then_some(Finding { meaning, place: Where::Subject, pattern })
    }

    /// A change of the status, else the first sentence that says something.
    fn in_text(&self, seen: &Seen<'_>, id: Option<&String>) -> Option<Finding> {
        let sentences = sentences(&seen.newest, self.tags);
        let change = sentences.iter().find_map(|sentence| {
            let (meaning, from, end) = in_change(&sentence.text)?;
            Some((meaning, sentence, pattern_of(seen, &sentence.text[..end], from)))
        });
        let names = |text: &str| id.is_some_and(|id| text.contains(id));
        let mut saying = sentences.iter().filter_map(|sentence| {
            let (meaning, word) = in_sentence(&sentence.text, names(&sentence.text))?;
            let said = &sentence.text[..word_end(&sentence.text, word.end)];
            Some((meaning, sentence, pattern_of(seen, said, None)))
        });
        let person = seen.person();
        let saying = || {
            let first = saying.next()?;
            // Who has written a comment may have done more, and it stands below.
            let by_person =
                |sentence: &Sentence| person.as_ref().is_some_and(|person| sentence.text.starts_with(person));
            let more = (first.0.kind == Kind::Comment)
                .then(|| saying.find(|(meaning, sentence, _)| meaning.kind != Kind::Comment && by_person(sentence)));
            Some(more.flatten().unwrap_or(first))
        };
        let (meaning, sentence, pattern) = change.or_else(saying)?;
        let pattern = format!("{}{pattern}", sentence.start());
        is_sound(&pattern).then_some(Finding { meaning, place: Where::Text, pattern })
    }

    /// What may tell a kind where no word does.
    fn candidates(&self, seen: &Seen<'_>) -> Vec<(Where, String)> {
        let mut found = Vec::new();
        let subject = Subject::of(seen, &self.places, self.tags);
        if let Some(head) = subject.head.clone().filter(|range| subject.masked(range.clone()).trim().len() > 2) {
            found.extend(subject.pattern(head).map(|pattern| (Where::Subject, format!("^{}", pattern.trim_end()))));
        }
        if let (Some(tail), Some((_, place))) = (subject.tail.clone(), subject.ids.last()) {
            found.push((Where::Subject, format!("{place}{}$", part(&subject.text[tail]))));
        }
        let fields = own_fields(seen).into_iter().filter(|(_, value)| {
            value.len() <= 40 && !value.is_empty() && !value.contains(|c: char| c.is_ascii_digit() || c == '\'')
        });
        found.extend(fields.map(|(name, value)| (Where::Field(name.to_owned()), format!("^ ?{} ?$", literal(value)))));
        for sentence in sentences(&seen.newest, self.tags) {
            let words: Vec<&str> = sentence.text.split_whitespace().take(7).collect();
            if words.len() > 2 {
                found.push((Where::Text, format!("{}{}", sentence.start(), pattern_of(seen, &words.join(" "), None))));
            }
        }
        found.into_iter().filter(|(_, pattern)| is_sound(pattern)).collect()
    }

    /// One rule for each meaning and place.
    fn grouped(&self, findings: &[Option<Finding>]) -> Vec<Rule> {
        let mut groups: BTreeMap<(bool, Where, usize, Kind), Vec<Of<'_>>> = BTreeMap::new();
        for (at, finding) in findings.iter().enumerate().filter_map(|(at, finding)| Some((at, finding.as_ref()?))) {
            let Meaning { kind, internal } = finding.meaning;
            let key = (!internal, finding.place.clone(), order(kind), kind);
            groups.entry(key).or_default().push((at, finding));
        }
        groups.into_iter().map(|((public, place, _, kind), found)| self.rule(!public, &place, kind, &found)).collect()
    }

    fn rule(&self, internal: bool, place: &Where, kind: Kind, found: &[Of<'_>]) -> Rule {
        let mut patterns: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        found.iter().for_each(|(at, finding)| patterns.entry(&finding.pattern).or_default().push(*at));
        let mut patterns: Vec<(&str, Vec<usize>)> = patterns.into_iter().collect();
        patterns.sort_by_key(|(_, mails)| std::cmp::Reverse(mails.len()));
        patterns.truncate(MOST_PATTERNS);
        let sources: Vec<String> = patterns.iter().map(|(source, _)| super::page::quoted(source)).collect();
        let list = match &sources[..] {
            [only] => only.clone(),
            several => format!("[\n    {},\n]", several.join(",\n    ")),
        };
        let (what, when) = match place {
            Where::Subject => ("subject".to_owned(), format!("subject = {list}")),
            Where::Field(name) => (format!("header {name}"), format!("header = {{ {name} = {list} }}")),
            Where::Text => ("text".to_owned(), format!("text = {list}")),
        };
        let told = found.iter().all(|(at, _)| self.system[*at].specimen.told.is_some());
        let samples: Vec<String> = found.iter().map(|(at, _)| self.system[*at].specimen.name.clone()).collect();
        let mut doubts = Vec::new();
        if !told {
            let once = if samples.len() == 1 { ", and only one mail has them" } else { "" };
            doubts.push(format!("is this {}? Its words say so{once}", spoken(kind, internal)));
        }
        let last_public = kind == Kind::Solved
            && found.iter().all(|(at, finding)| says_no_more(self.system[*at], finding, self.tags));
        if last_public {
            doubts.push(
                "no more than that stands in these mails, so the solution is what was written last; see whether it is"
                    .to_owned(),
            );
        }
        let internal_word = if internal { "internal " } else { "" };
        let name = format!("{internal_word}{}, by its {what}", kind.word());
        Rule { name, kind, internal, when, unless: None, last_public, samples, doubts }
    }

    /// What no rule is for is an answer of a person, as far as it is not automatic.
    fn rest(&self, findings: &[Option<Finding>], signs: &[Sign], rules: &mut Rules) {
        let is_answer = |seen: &Seen<'_>| match &seen.specimen.told {
            Some(told) => told.kind == Some(Kind::Comment) && !told.internal,
            None => !self.is_absence(seen),
        };
        let rest: Vec<&&Seen<'_>> =
            self.system.iter().zip(findings).filter(|(_, finding)| finding.is_none()).map(|(seen, _)| seen).collect();
        let answers: Vec<&&&Seen<'_>> = rest.iter().filter(|seen| is_answer(seen)).collect();
        let unclear: Vec<String> = rest
            .iter()
            .filter(|seen| !is_answer(seen) && seen.specimen.told.as_ref().is_some_and(|told| told.kind.is_some()))
            .map(|seen| seen.specimen.name.clone())
            .collect();
        if !unclear.is_empty() {
            rules.doubts.push(format!("nothing was found that tells what these mean: {}", unclear.join(", ")));
        }
        let Some(sign) = signs.first().filter(|_| !answers.is_empty()) else { return };
        let by_hand = answers.iter().filter(|seen| !is_automatic(seen)).count();
        let machines = self
            .system
            .iter()
            .zip(findings)
            .filter(|(seen, finding)| finding.is_some() && seen.mail().header("Auto-Submitted").is_some());
        let unless = (by_hand * 2 >= answers.len() && machines.count() > 0)
            .then(|| "header = { Auto-Submitted = '(?i)^auto-' }".to_owned());
        let doubt = match unless {
            Some(_) => "whatever else it writes is taken for an answer of its people, save what is marked as automatic",
            None => {
                "whatever else it writes is taken for an answer of its people: add rules of kind \"ignore\" for what is not"
            }
        };
        rules.rules.push(Rule {
            name: "answer".to_owned(),
            kind: Kind::Comment,
            internal: false,
            when: sign.when.clone(),
            unless,
            last_public: false,
            samples: answers.iter().map(|seen| seen.specimen.name.clone()).collect(),
            doubts: vec![doubt.to_owned()],
        });
    }
}

/// Rules in the order in which they are tried: what others may quote comes last.
fn order(kind: Kind) -> usize {
    const ORDER: [Kind; 10] = [
        Kind::Refused,
        Kind::Unsolved,
        Kind::Reopened,
        Kind::Solved,
        Kind::Question,
        Kind::Accepted,
        Kind::HandedOver,
        Kind::Acknowledgement,
        Kind::Ignore,
        Kind::Comment,
    ];
    ORDER.iter().position(|one| *one == kind).unwrap_or_default()
}

fn spoken(kind: Kind, internal: bool) -> String {
    match kind {
        Kind::Comment if internal => "an internal comment, which nobody else may see".to_owned(),
        Kind::Ignore => "nothing to the ticket".to_owned(),
        kind => format!("what {:?} means", kind.word()),
    }
}

fn is_automatic(seen: &Seen<'_>) -> bool {
    signals(seen.mail(), "").automatic()
}

fn holds(seen: &Seen<'_>, place: &Where, pattern: &Regex) -> bool {
    match place {
        Where::Subject => pattern.is_match(&normalise(&seen.mail().subject)),
        Where::Field(name) => seen.mail().headers_named(name).any(|value| pattern.is_match(value)),
        Where::Text => pattern.is_match(&seen.newest),
    }
}

/// Behind the rest of the word, and a colon.
fn word_end(text: &str, at: usize) -> usize {
    let rest = &text[at..];
    let end = rest.find(|c: char| !c.is_alphanumeric()).unwrap_or(rest.len());
    at + end + usize::from(rest[end..].starts_with(':'))
}

/// Beside what says that it is solved there is no text in it.
fn says_no_more(seen: &Seen<'_>, finding: &Finding, tags: &Tags) -> bool {
    let Ok(pattern) = pattern::compile(&finding.pattern) else { return false };
    let greets = |text: &str| text.split(' ').count() < 5 && text.ends_with([',', ':', '!']);
    let more = sentences(&seen.newest, tags).into_iter().filter(|sentence| {
        let says = finding.place == Where::Text && pattern.is_match(&sentence.text);
        !says
            && !greets(&sentence.text)
            && sentence.text.split(' ').count() > 2
            && super::words::is_a_fact(&sentence.text)
    });
    more.count() == 0
}
