//! What a text says, sentence by sentence, and a sentence as a pattern: any number, any person, any title in it.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use super::pattern_text::without_numbers;
use super::{Seen, Tags};

/// Sentences of a text that are looked at, and characters of one.
const SENTENCES: usize = 40;
const LONGEST_SENTENCE: usize = 300;

/// A sentence, on one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sentence {
    pub text: String,
    /// It begins a line.
    pub first: bool,
    /// It is a line of a table or a list, and may stand far to the right.
    pub field: bool,
}

impl Sentence {
    /// How a pattern for it begins.
    pub fn start(&self) -> &'static str {
        match (self.first, self.field) {
            (_, true) => "^ {0,40}",
            (true, false) => "^ ?",
            (false, false) => r"\b",
        }
    }
}

static FIELD: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"^\W{0,3}[\p{L} %]{2,30} ?[:|]|[-=]>|^[^\p{L}\d]{3,}$|\|.*\|").ok());
static ADDRESS: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"[^\s<>()]{1,60}@[^\s<>()]{1,60}").ok());
static QUOTED: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r#""[^"\n]{1,250}""#).ok());

/// The first sentences of a text. A line that is a field's is a sentence, whatever stands around it; addresses of pages and
/// what stands behind the desk's tag, a title, are no part of any.
pub fn sentences(text: &str, tags: &Tags) -> Vec<Sentence> {
    let mut found = Vec::new();
    let is_field = |line: &str| FIELD.as_ref().is_some_and(|field| field.is_match(line));
    for paragraph in text.split("\n\n") {
        let mut open = String::new();
        for line in paragraph.lines().filter(|line| line.len() < 1_000) {
            let line = words(line, tags);
            let field = is_field(&line);
            if field {
                close(&mut found, &mut open, false);
            }
            open.push_str(if open.is_empty() || line.is_empty() { "" } else { " " });
            open.push_str(&line);
            if field {
                close(&mut found, &mut open, true);
            }
        }
        close(&mut found, &mut open, false);
        if found.len() >= SENTENCES {
            break;
        }
    }
    found.truncate(SENTENCES);
    found
}

/// A line's words as far as the desk's tag.
fn words(line: &str, tags: &Tags) -> String {
    let words: Vec<&str> = line.split_whitespace().filter(|word| !word.contains("://")).collect();
    let line = words.join(" ");
    match tags.first_in(&line) {
        Some(tag) => line[..tag.start].trim_end_matches([' ', '"', '(']).to_owned(),
        None => line,
    }
}

fn close(found: &mut Vec<Sentence>, open: &mut String, field: bool) {
    let mut first = true;
    for sentence in open.split_inclusive(". ").flat_map(|text| text.split_inclusive(['!', '?'])) {
        let text = sentence.trim();
        if text.len() > 3 && text.len() <= LONGEST_SENTENCE {
            found.push(Sentence { text: text.to_owned(), first, field });
        }
        first = false;
    }
    open.clear();
}

/// A text as a pattern. `gap` is a part of it that may be anything.
pub fn pattern_of(seen: &Seen<'_>, text: &str, gap: Option<Range<usize>>) -> String {
    let name = seen.person();
    let named = name.and_then(|name| text.find(&name).map(|at| (at..at + name.len(), r"[^\n]{1,80}")));
    let all = |pattern: &LazyLock<Option<Regex>>| -> Vec<Range<usize>> {
        pattern.iter().flat_map(|pattern| pattern.find_iter(text)).map(|found| found.range()).collect()
    };
    let addresses = all(&ADDRESS).into_iter().map(|range| (range, r"\S{1,100}"));
    let titles = all(&QUOTED).into_iter().map(|range| (range.start + 1..range.end - 1, r"[^\n]{1,250}"));
    let given = gap.map(|range| (range, r"[^\n]{1,60}"));
    let mut gaps: Vec<(Range<usize>, &str)> = named.into_iter().chain(given).chain(addresses).chain(titles).collect();
    gaps.sort_by_key(|(range, _)| range.start);
    let mut pattern = String::new();
    let mut done = 0;
    for (range, any) in gaps {
        if range.start < done {
            continue;
        }
        pattern.push_str(&without_numbers(&text[done..range.start]));
        pattern.push_str(any);
        done = range.end;
    }
    pattern + &without_numbers(&text[done..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_falls_into_sentences_and_fields() {
        let text = "Your request has been\nresolved. Thank you.\n\nstatus: new -> closed\nhttps://x.example/1\nSummary: [GGUS:1] Down\n";
        let tags = Tags::new("GGUS").unwrap();
        let found: Vec<(String, bool)> = sentences(text, &tags).into_iter().map(|one| (one.text, one.first)).collect();
        let expected = [
            ("Your request has been resolved.", true),
            ("Thank you.", false),
            ("status: new -> closed", true),
            ("Summary:", true),
        ];
        assert_eq!(found, expected.map(|(text, first)| (text.to_owned(), first)));
    }
}
