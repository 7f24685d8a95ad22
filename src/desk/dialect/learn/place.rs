//! The chosen places of the id as patterns. What stands beside the id in brackets may be the site's own, and becomes a
//! parameter.

use std::collections::{BTreeMap, BTreeSet};

use super::Seen;
use super::id::{Found, Search, rank};
use super::pattern_text::{digits, is_sound, literal, part, without_numbers};
use super::sight::{Frame, Shape};
use super::sign::own_fields;
use super::words::names_a_ticket;

/// Forms of one id, such as the letters in front of it.
const MOST_FORMS: usize = 8;

/// One place of the id.
#[derive(Clone, Debug)]
pub struct IdPlace {
    pub frame: Frame,
    /// With the groups `id` and perhaps `tag`.
    pub pattern: String,
    /// In how many samples it was seen.
    pub mails: usize,
    /// In how many of them another place has the same id.
    pub agreeing: usize,
    pub doubts: Vec<String>,
}

/// All that was found about the id.
#[derive(Clone, Debug, Default)]
pub struct Ids {
    pub places: Vec<IdPlace>,
    /// Values of the parameter `tag`, where the brackets hold one.
    pub tags: Vec<String>,
    pub own_tag: Option<String>,
    /// The id of each sample that has one.
    pub by_sample: BTreeMap<usize, String>,
    pub doubts: Vec<String>,
}

impl IdPlace {
    /// Without groups, for the patterns of rules.
    pub fn bare(&self) -> String {
        without_group(&self.without_id(), "tag")
    }

    /// With the group of the parameter alone.
    pub fn without_id(&self) -> String {
        without_group(&self.pattern, "id")
    }

    pub fn is_in_subject(&self) -> bool {
        matches!(self.frame, Frame::Bracket { .. } | Frame::Behind { .. })
    }
}

/// Writes the places that were chosen.
pub struct Maker<'a, 'b> {
    pub search: &'b Search<'a>,
    pub known: &'b BTreeMap<usize, String>,
    pub ids: Ids,
}

impl Maker<'_, '_> {
    pub fn made(mut self, chosen: &[&Frame]) -> Ids {
        let mut done: BTreeSet<String> = BTreeSet::new();
        for frame in chosen {
            let Some(place) = self.place(frame) else { continue };
            if done.insert(format!("{}{}", rank(frame), place.pattern)) {
                self.ids.places.push(place);
            }
        }
        let threads: BTreeSet<u64> = self.search.system.iter().filter_map(|seen| seen.thread).collect();
        if threads.len() < 2 {
            let doubt = "all samples are of one ticket of the desk, so that a number that never changes would look the \
                         same; try a mail of another ticket";
            self.ids.doubts.push(doubt.to_owned());
        }
        self.ids
    }

    fn place(&mut self, frame: &Frame) -> Option<IdPlace> {
        let found = &self.search.found[frame];
        let mut doubts = Vec::new();
        let id = self.id_pattern(frame, found, &mut doubts);
        let pattern = match frame {
            Frame::Field { sep, .. } if sep.is_empty() => format!("^ ?{id} ?$"),
            Frame::Field { sep, .. } => format!("{}{id} ?$", part(sep)),
            Frame::Bracket { open, sep, .. } => self.brackets(*open, sep, &id, found, &mut doubts),
            Frame::Behind { head, sep, shape } => {
                let start = if head.is_empty() && *shape == Shape::Number { "" } else { r"\b" };
                let tag = format!("{head}{sep}{{id}}");
                self.ids.own_tag.get_or_insert(tag);
                format!(r"{start}{}{}{id}\b", literal(head), part(sep))
            }
            Frame::Local { start, end, .. } => format!("{start}{id}{end}"),
            Frame::Text { head, sep, .. } => {
                doubts.push("a user may write this too; a place in a header or the subject is better".to_owned());
                let start = if head.is_empty() { "" } else { r"\b" };
                format!(r"(?i){start}{}{}{id}\b", literal(head), part(sep))
            }
        };
        let agreeing = found.iter().filter(|(at, sight)| self.search.support(*at, sight) >= 4).count();
        if agreeing == 0 && !matches!(frame, Frame::Text { .. }) {
            doubts.push(
                "no other place of these mails has this id; see whether it is the number that their people use"
                    .to_owned(),
            );
        }
        let place = IdPlace { frame: frame.clone(), pattern, mails: found.len(), agreeing, doubts };
        (is_sound(&place.pattern) && !place.pattern.contains('\'')).then_some(place)
    }

    fn id_pattern(&self, frame: &Frame, found: &Found<'_>, doubts: &mut Vec<String>) -> String {
        let is_key = matches!(
            frame,
            Frame::Bracket { shape: Shape::Key, .. }
                | Frame::Behind { shape: Shape::Key, .. }
                | Frame::Text { shape: Shape::Key, .. }
        );
        let longest = found.iter().map(|(_, sight)| sight.value.len()).max().unwrap_or_default();
        if !is_key {
            let zeros = found.iter().any(|(_, sight)| sight.value.starts_with('0') && sight.value.len() > 1);
            return match zeros
                && self
                    .search
                    .found
                    .keys()
                    .any(|frame| rank(frame) != 5 && matches!(frame, Frame::Local { .. } | Frame::Field { .. }))
            {
                true => format!(r"0{{0,12}}(?P<id>[1-9]\d{{0,{}}})", longest.max(12)),
                false => format!("(?P<id>{})", digits(longest)),
            };
        }
        let of_the_id = found.iter().filter(|(at, sight)| self.known.get(at).is_none_or(|id| id == sight.bare()));
        let forms: BTreeSet<String> = of_the_id.map(|(_, sight)| without_numbers(&sight.value)).collect();
        let forms: Vec<String> = forms.into_iter().take(MOST_FORMS).collect();
        doubts.push(
            "only these letters were seen in front of the number; add those of other kinds or projects".to_owned(),
        );
        format!("(?P<id>{})", if forms.len() == 1 { forms.concat() } else { format!("(?:{})", forms.join("|")) })
    }

    fn brackets(&mut self, open: char, sep: &str, id: &str, found: &Found<'_>, doubts: &mut Vec<String>) -> String {
        let close = if open == '[' { ']' } else { ')' };
        let (open_text, close_text) = (literal(&open.to_string()), literal(&close.to_string()));
        let mut heads: BTreeMap<&str, usize> = BTreeMap::new();
        let own = found.iter().filter(|(at, sight)| self.known.get(at).is_none_or(|id| id == sight.bare()));
        own.for_each(|(_, sight)| *heads.entry(sight.head.as_str()).or_default() += 1);
        let generic = heads.keys().all(|head| head.is_empty() || names_a_ticket(head) || self.is_of_the_system(head));
        let single = heads.len() == 1 && heads.keys().all(|head| !head.contains(['.', '/', '@', ' ', '-']));
        let width = found.iter().map(|(_, sight)| sight.value.len()).max().unwrap_or_default();
        let zeros = found.iter().all(|(_, sight)| sight.value.starts_with('0') && sight.value.len() == width);
        let filled = if zeros && width > 1 { format!("{{id:0{width}}}") } else { "{id}".to_owned() };
        if generic || single {
            let names: Vec<String> = heads.keys().map(|head| literal(head)).collect();
            let name = if names.len() == 1 { names.concat() } else { format!("(?:{})", names.join("|")) };
            let head = heads.iter().max_by_key(|(_, mails)| **mails).map_or("", |(head, _)| head);
            if !generic {
                doubts.push(format!("{head:?} is taken for the system's own word; where it is your site's or a queue's, make it a parameter"));
            }
            self.ids.own_tag.get_or_insert(format!("{open}{head}{sep}{filled}{close}"));
            return format!("{open_text}{name}{}{id}{close_text}", part(sep));
        }
        let mut values: Vec<(&str, usize)> = heads.into_iter().filter(|(head, _)| !head.is_empty()).collect();
        values.sort_by_key(|(_, mails)| std::cmp::Reverse(*mails));
        for (head, _) in values {
            let known = self.ids.tags.iter().any(|known| known.eq_ignore_ascii_case(head));
            if !known && !head.contains(',') && self.ids.tags.len() < MOST_FORMS {
                self.ids.tags.push(head.to_owned());
            }
        }
        self.ids.own_tag.get_or_insert(format!("{open}{{tag}}{sep}{filled}{close}"));
        format!(r"{open_text}(?P<tag>[^\[\]]{{1,80}}?){}{id}{close_text}", part(sep))
    }

    /// The system calls itself so in its headers.
    fn is_of_the_system(&self, head: &str) -> bool {
        let head = head.to_lowercase();
        let plain = head.len() > 1 && head.chars().all(char::is_alphanumeric);
        let names_it = |seen: &&Seen<'_>| {
            let fields =
                own_fields(seen).into_keys().any(|field| field.to_lowercase().split('-').any(|part| part == head));
            let id = seen.mail().message_id.as_ref().map_or("", |id| id.as_str()).to_lowercase();
            fields || id.starts_with(&head)
        };
        plain && self.search.system.iter().any(names_it)
    }
}

/// A pattern with what stands in a group in its place. No class in it has round brackets.
fn without_group(pattern: &str, name: &str) -> String {
    let Some((before, rest)) = pattern.split_once(&format!("(?P<{name}>")) else { return pattern.to_owned() };
    let mut depth = 1;
    let mut last = ' ';
    let end = rest.find(|c: char| {
        depth += if last == '\\' { 0 } else { i32::from(c == '(') - i32::from(c == ')') };
        last = c;
        depth == 0
    });
    let (inner, after) = rest.split_at(end.unwrap_or(rest.len()));
    format!("{before}{inner}{}", after.strip_prefix(')').unwrap_or(after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_taken_out_of_a_pattern() {
        for (pattern, bare) in [
            (r"\[Fall (?P<id>\d{1,12})\]", r"\[Fall \d{1,12}\]"),
            (r"\((?P<id>(?:INC|REQ)\d{1,15})\)", r"\((?:INC|REQ)\d{1,15}\)"),
            ("x", "x"),
        ] {
            assert_eq!(without_group(pattern, "id"), bare);
        }
    }
}
