//! A subject taken apart: the helpdesk's own words stand in front of the desk's tag or at the end, what is between is a title
//! that a user wrote.

use std::ops::Range;

use super::super::pattern;
use super::pattern_text::without_numbers;
use super::place::IdPlace;
use super::{Seen, Tags};
use crate::desk::tag::normalise;

/// A subject, with the places in it that are no words of the helpdesk.
pub struct Subject {
    pub text: String,
    /// Places of ids, with the pattern of each.
    pub ids: Vec<(Range<usize>, String)>,
    /// In front of the desk's tag; all where there is none.
    pub head: Option<Range<usize>>,
    /// Behind the last id, where the desk's tag is in front of it.
    pub tail: Option<Range<usize>>,
    /// What stands in round brackets at its end.
    pub last: Option<Range<usize>>,
}

impl Subject {
    pub fn of(seen: &Seen<'_>, places: &[&IdPlace], tags: &Tags) -> Self {
        let text = normalise(&seen.mail().subject);
        let mut ids: Vec<(Range<usize>, String)> = Vec::new();
        for place in places {
            let bare = place.bare();
            let found = pattern::compile(&bare).ok().and_then(|pattern| pattern.find(&text).map(|hit| hit.range()));
            let apart = |range: &Range<usize>| {
                ids.iter().all(|(known, _)| range.end <= known.start || known.end <= range.start)
            };
            if let Some(range) = found.filter(apart) {
                ids.push((range, bare));
            }
        }
        ids.sort_by_key(|(range, _)| range.start);
        let tag = tags.first_in(&text);
        let end = tag.as_ref().map_or(text.len(), |tag| tag.start);
        let end = text[..end].trim_end_matches([' ', '(', '[', '"']).len();
        let is_reply = tag.is_some() && is_reply(&text);
        let head = (!is_reply && end > 0).then_some(0..end);
        let last = ids.last().map(|(range, _)| range.end);
        let tail = tag.clone().zip(last).filter(|(tag, last)| last > &tag.end).map(|(_, last)| last..text.len());
        let tail = tail.filter(|range| !text[range.clone()].trim().is_empty());
        let open = text.strip_suffix(')').and_then(|text| text.rfind('('));
        let last = open.filter(|at| text.len() - at < 40).map(|at| at..text.len());
        let last = last.filter(|range| tag.as_ref().is_some_and(|tag| tag.end <= range.start));
        Self { text, ids, head, tail, last }
    }

    /// A part with blanks in the places of ids.
    pub fn masked(&self, range: Range<usize>) -> String {
        let mut masked = String::new();
        for (at, c) in self.text[range.clone()].char_indices() {
            let within = self.ids.iter().any(|(id, _)| id.contains(&(range.start + at)));
            masked.push_str(&if within { " ".repeat(c.len_utf8()) } else { c.to_string() });
        }
        masked
    }

    /// A part as a pattern; `None` where it ends within an id.
    pub fn pattern(&self, range: Range<usize>) -> Option<String> {
        let mut pattern = String::new();
        let mut at = range.start;
        for (id, place) in self.ids.iter().filter(|(id, _)| id.start >= range.start && id.start < range.end) {
            pattern.push_str(&without_numbers(self.text.get(at..id.start)?));
            pattern.push_str(place);
            at = id.end;
        }
        pattern.push_str(&without_numbers(self.text.get(at..range.end.max(at))?));
        Some(pattern)
    }
}

fn is_reply(subject: &str) -> bool {
    const MARKS: [&str; 8] = ["re:", "aw:", "antw:", "sv:", "fwd:", "fw:", "wg:", "tr:"];
    let subject = subject.to_lowercase();
    MARKS.iter().any(|mark| subject.starts_with(mark))
}
