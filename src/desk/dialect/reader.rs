//! A dialect file compiled, and applied to mails. Every pattern is linear (no look-around, no back-references) and bounded
//! in size; every input is bounded in length.

use std::collections::BTreeMap;

use regex::{Captures, Regex, RegexBuilder};

use super::file::{DialectProblem, File, Patterns, Place, Rule, Sign, When};
use super::{Parameters, Reading, ThreadForm, Writing};
use crate::mail::Mail;

/// Memory that one compiled pattern may take, in bytes.
const PATTERN_BYTES: usize = 1 << 20;
/// Characters of a subject or header that are looked at.
const LINE: usize = 1_000;
/// Bytes of a text that are looked at.
const TEXT: usize = 64 << 10;
/// How often a title is broken before it is given up.
const DEFUSES: usize = 20;

/// A compiled dialect.
#[derive(Clone, Debug)]
pub struct Compiled {
    pub file: File,
    pub writing: Writing,
    patterns: BTreeMap<String, Regex>,
}

impl Compiled {
    /// Compiles every pattern; all that are wrong at once.
    pub fn new(file: File) -> Result<Self, Vec<DialectProblem>> {
        let mut patterns = BTreeMap::new();
        let mut problems = Vec::new();
        for (key, source) in sources(&file) {
            match RegexBuilder::new(source).size_limit(PATTERN_BYTES).multi_line(true).build() {
                Ok(pattern) => drop(patterns.insert(source.clone(), pattern)),
                Err(error) => {
                    problems.push(DialectProblem { line: None, key, message: format!("{source:?}: {error}") })
                }
            }
        }
        let write = &file.write;
        let writing = Writing {
            tag: write.tag,
            block: write.block,
            thread: write.in_reply_to.clone().map_or(ThreadForm::LastMail, ThreadForm::Made),
            quote_last: write.quote_last,
            leave_out: write.leave_out.clone(),
            to: write.to.clone(),
            pace: write.pace,
        };
        if problems.is_empty() { Ok(Self { file, writing, patterns }) } else { Err(problems) }
    }

    /// The highest certainty of a sign that holds.
    pub fn recognise(&self, mail: &Mail) -> u8 {
        let holding = self.file.recognise.iter().filter(|sign| self.holds(&sign.when, mail, &Parameters::new()));
        holding.map(|sign| sign.certainty).max().unwrap_or_default()
    }

    /// Reads one mail.
    pub fn read(&self, mail: &Mail, newest: &str, parameters: &Parameters) -> Reading {
        let rule = self.file.mail.iter().find(|rule| {
            let barred = rule.unless.as_ref().is_some_and(|when| self.holds(when, mail, parameters));
            !barred && self.holds(&rule.when, mail, parameters)
        });
        Reading {
            kind: rule.map(|rule| rule.kind),
            rule: rule.map(|rule| rule.name.clone()).unwrap_or_default(),
            foreign_id: self.foreign_id(mail, parameters),
            internal: rule.is_some_and(|rule| rule.internal),
            solution: rule.and_then(|rule| self.solution(rule, &mail.text)),
            text: self.without_boilerplate(newest),
            tag_in_body: self.file.text.tag_in_body,
        }
    }

    fn pattern(&self, source: &str) -> Option<&Regex> {
        self.patterns.get(source)
    }

    fn holds(&self, when: &When, mail: &Mail, parameters: &Parameters) -> bool {
        let any = |patterns: &Patterns, text: &str| {
            let text = bounded(text, TEXT);
            let mut compiled = patterns.iter().filter_map(|source| self.pattern(source));
            compiled.any(|pattern| pattern.captures_iter(text).any(|found| self.agrees(pattern, &found, parameters)))
        };
        let line = |patterns: &Patterns, text: &str| any(patterns, bounded(text, LINE));
        when.header.iter().all(|(name, patterns)| mail.headers_named(name).any(|value| line(patterns, value)))
            && when.subject.as_ref().is_none_or(|patterns| line(patterns, &mail.subject))
            && when.text.as_ref().is_none_or(|patterns| any(patterns, &mail.text))
            && when
                .message_id
                .as_ref()
                .is_none_or(|patterns| mail.message_id.as_ref().is_some_and(|id| line(patterns, id.as_str())))
    }

    /// Every group that is named like a parameter has one of the parameter's values.
    fn agrees(&self, pattern: &Regex, found: &Captures<'_>, parameters: &Parameters) -> bool {
        let mut named = pattern.capture_names().flatten().filter_map(|name| Some((name, found.name(name)?.as_str())));
        named.all(|(name, value)| match self.parameter(name, parameters) {
            Some(allowed) => allowed.split(',').any(|one| one.trim().to_lowercase() == value.trim().to_lowercase()),
            None => true,
        })
    }

    fn parameter<'a>(&'a self, name: &str, parameters: &'a Parameters) -> Option<&'a str> {
        let spec = self.file.parameters.get(name)?;
        parameters.get(name).or(spec.default.as_ref()).map(String::as_str)
    }

    fn foreign_id(&self, mail: &Mail, parameters: &Parameters) -> Option<String> {
        self.file.id.iter().find_map(|place| match place {
            Place::Header { name, pattern } => {
                mail.headers_named(name).find_map(|value| self.id_in(pattern, value, parameters))
            }
            Place::Subject(pattern) => self.id_in(pattern, &mail.subject, parameters),
            Place::Text(pattern) => self.id_in(pattern, &mail.text, parameters),
            Place::MessageId(pattern) => self.id_in(pattern, mail.message_id.as_ref()?.as_str(), parameters),
            Place::ReplyTo(pattern) => {
                mail.reply_to.iter().find_map(|mailbox| self.id_in(pattern, mailbox.address.as_str(), parameters))
            }
            Place::Reference(pattern) => {
                let mut named = mail.in_reply_to.iter().chain(mail.references.iter().rev());
                named.find_map(|id| self.id_in(pattern, id.as_str(), parameters))
            }
        })
    }

    fn id_in(&self, source: &str, text: &str, parameters: &Parameters) -> Option<String> {
        let pattern = self.pattern(source)?;
        let mut all =
            pattern.captures_iter(bounded(text, TEXT)).filter(|found| self.agrees(pattern, found, parameters));
        let found = all.find_map(|found| found.name("id").or(found.get(1)).map(|id| id.as_str().to_owned()));
        found.filter(|id| !id.is_empty())
    }

    fn solution(&self, rule: &Rule, text: &str) -> Option<String> {
        let after = self.pattern(rule.solution_after.as_ref()?)?;
        let until = rule.solution_until.as_ref().and_then(|source| self.pattern(source));
        let lines = bounded(text, TEXT).lines().skip_while(|line| !after.is_match(line)).skip(1);
        let kept: Vec<&str> = lines.take_while(|line| until.is_none_or(|until| !until.is_match(line))).collect();
        let text = kept.join("\n").trim().to_owned();
        (!text.is_empty()).then_some(text)
    }

    fn without_boilerplate(&self, newest: &str) -> String {
        let cuts = &self.file.text;
        let hits = |sources: &[String], line: &str| {
            let mut compiled = sources.iter().filter_map(|source| self.pattern(source));
            compiled.any(|pattern| pattern.is_match(bounded(line, LINE)))
        };
        let lines: Vec<&str> = newest.lines().collect();
        let start = lines.iter().rposition(|line| hits(&cuts.cut_above, line)).map_or(0, |at| at + 1);
        let end =
            lines[start..].iter().position(|line| hits(&cuts.cut_below, line)).map_or(lines.len(), |at| start + at);
        let kept = lines[start..end].iter().filter(|line| !hits(&cuts.drop_lines, line));
        kept.copied().collect::<Vec<_>>().join("\n").trim().to_owned()
    }

    /// Fills `{id}` and the parameters; `None` where one is missing.
    pub fn own_tag(&self, foreign_id: &str, parameters: &Parameters) -> Option<String> {
        let mut tag = self.file.write.own_tag.clone()?;
        for name in self.file.parameters.keys() {
            let place = format!("{{{name}}}");
            if tag.contains(&place) {
                let value = self.parameter(name, parameters)?.split(',').next()?;
                tag = tag.replace(&place, value.trim());
            }
        }
        Some(tag.replace("{id}", foreign_id))
    }

    /// Breaks what this helpdesk would read as an id of its own.
    pub fn defuse(&self, title: &str) -> String {
        let mut title = title.to_owned();
        for _ in 0..DEFUSES {
            let mut readers = self.file.write.reads_as_id.iter().filter_map(|source| self.pattern(source));
            let Some(hit) = readers.find_map(|pattern| pattern.find(&title)) else { return title };
            // The blank goes before the first digit of what matched: no system reads its number apart from its mark.
            let digit = title[hit.range()].find(|c: char| c.is_ascii_digit()).map_or(hit.end(), |at| hit.start() + at);
            title.insert(digit, ' ');
            if hit_still(&self.patterns, &self.file.write.reads_as_id, &title) {
                title = title.replacen(['#', '['], " ", 1);
            }
        }
        title
    }

    /// Takes out every string in which this helpdesk's id stands in its own tag.
    pub fn cut_own_tags(&self, text: &str, parameters: &Parameters) -> String {
        let sources = self.file.id.iter().filter_map(|place| match place {
            Place::Subject(source) => self.pattern(source),
            _ => None,
        });
        sources.fold(text.to_owned(), |text, pattern| {
            let keep = |found: &Captures<'_>| {
                let own = self.agrees(pattern, found, parameters);
                if own { String::new() } else { found[0].to_owned() }
            };
            let cut = pattern.replace_all(&text, keep);
            if cut == text { text } else { tidy(&cut) }
        })
    }
}

fn hit_still(patterns: &BTreeMap<String, Regex>, sources: &[String], title: &str) -> bool {
    sources.iter().filter_map(|source| patterns.get(source)).any(|pattern| pattern.is_match(title))
}

/// Blanks that a cut left behind, line by line.
fn tidy(text: &str) -> String {
    let line = |line: &str| {
        let indent = line.len() - line.trim_start().len();
        let words = line.split_whitespace().collect::<Vec<_>>().join(" ");
        format!("{}{words}", &line[..indent])
    };
    text.lines().map(line).collect::<Vec<_>>().join("\n").trim().to_owned()
}

fn bounded(text: &str, most: usize) -> &str {
    let mut end = text.len().min(most);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// Every pattern of a file with the path of its key.
fn sources(file: &File) -> Vec<(String, &String)> {
    let mut all: Vec<(String, &String)> = Vec::new();
    for (at, Sign { when, .. }) in file.recognise.iter().enumerate() {
        of_when(&format!("recognise.{at}.when"), when, &mut all);
    }
    for (at, place) in file.id.iter().enumerate() {
        let (Place::Header { pattern, .. }
        | Place::MessageId(pattern)
        | Place::Reference(pattern)
        | Place::ReplyTo(pattern)
        | Place::Subject(pattern)
        | Place::Text(pattern)) = place;
        all.push((format!("id.{at}"), pattern));
    }
    for rule in &file.mail {
        of_when(&format!("mail.{}.when", rule.name), &rule.when, &mut all);
        if let Some(when) = &rule.unless {
            of_when(&format!("mail.{}.unless", rule.name), when, &mut all);
        }
        let bounds = [("solution_after", &rule.solution_after), ("solution_until", &rule.solution_until)];
        all.extend(
            bounds
                .into_iter()
                .filter_map(|(key, source)| Some((format!("mail.{}.{key}", rule.name), source.as_ref()?))),
        );
    }
    let text = &file.text;
    let lists = [
        ("text.cut_above", &text.cut_above),
        ("text.cut_below", &text.cut_below),
        ("text.drop_lines", &text.drop_lines),
        ("write.reads_as_id", &file.write.reads_as_id),
    ];
    for (key, list) in lists {
        all.extend(list.iter().map(|source| (key.to_owned(), source)));
    }
    all
}

fn of_when<'a>(key: &str, when: &'a When, all: &mut Vec<(String, &'a String)>) {
    for (name, patterns) in &when.header {
        all.extend(patterns.iter().map(|source| (format!("{key}.header.{name}"), source)));
    }
    for (name, patterns) in [("subject", &when.subject), ("text", &when.text), ("message_id", &when.message_id)] {
        all.extend(patterns.iter().flat_map(Patterns::iter).map(|source| (format!("{key}.{name}"), source)));
    }
}
