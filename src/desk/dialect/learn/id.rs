//! Which of the places is the helpdesk's id: the number that is the same in all mails of one ticket and another in the next,
//! and that the mail names in several places.

use std::collections::{BTreeMap, BTreeSet};

use super::place::{Ids, Maker};
use super::sight::{Frame, Local, Shape, Sight, sights};
use super::words::names_a_ticket;
use super::{Seen, Tags};

/// Places of one sort that are proposed.
const MOST_PLACES: usize = 3;
/// One frame in all samples: the sample, and what stands there.
pub type Found<'a> = Vec<(usize, &'a Sight)>;

/// All frames of all samples.
pub struct Search<'a> {
    pub system: &'a [&'a Seen<'a>],
    pub found: BTreeMap<&'a Frame, Found<'a>>,
    /// Of each sample the places of each value.
    values: Vec<BTreeMap<String, BTreeSet<String>>>,
}

/// Finds the id.
pub fn ids(system: &[&Seen<'_>], tags: &Tags) -> Ids {
    let all: Vec<Vec<Sight>> = system.iter().map(|seen| sights(seen, tags)).collect();
    let search = Search::of(system, &all);
    let Some(first) = search.primary() else {
        let doubt = "no number was found that is one in a ticket and another in the next; send mails of several tickets, \
                     or write the [[id]] places yourself";
        return Ids { doubts: vec![doubt.to_owned()], ..Ids::default() };
    };
    let mut chosen = vec![first];
    let known = search.values_of(first);
    chosen.extend(search.agreeing(first, &known));
    let covered: BTreeSet<usize> = chosen.iter().flat_map(|frame| &search.found[frame]).map(|(at, _)| *at).collect();
    chosen.extend(search.in_text(first, &known, &covered));
    chosen.sort_by_key(|frame| rank(frame));
    let ids = Ids { by_sample: known.clone(), ..Ids::default() };
    Maker { search: &search, known: &known, ids }.made(&chosen)
}

/// What can't be a user's words comes first.
pub fn rank(frame: &Frame) -> u8 {
    match frame {
        Frame::Field { .. } => 0,
        Frame::Bracket { .. } | Frame::Behind { .. } => 1,
        Frame::Local { place: Local::MessageId, .. } => 2,
        Frame::Local { place: Local::ReplyTo, .. } => 3,
        Frame::Local { place: Local::Reference, .. } => 4,
        Frame::Text { .. } => 5,
    }
}

fn place_of(frame: &Frame) -> String {
    match frame {
        Frame::Field { name, .. } => format!("header {name}"),
        other => rank(other).to_string(),
    }
}

impl<'a> Search<'a> {
    fn of(system: &'a [&'a Seen<'a>], all: &'a [Vec<Sight>]) -> Self {
        let mut found: BTreeMap<&Frame, Found<'_>> = BTreeMap::new();
        let mut values = vec![BTreeMap::<String, BTreeSet<String>>::new(); all.len()];
        for (at, sights) in all.iter().enumerate() {
            for sight in sights {
                values[at].entry(sight.bare().to_owned()).or_default().insert(place_of(&sight.frame));
            }
        }
        for (at, sights) in all.iter().enumerate() {
            let mut best: BTreeMap<&Frame, &Sight> = BTreeMap::new();
            let places = |sight: &Sight| values[at].get(sight.bare()).map_or(0, BTreeSet::len);
            for sight in sights {
                let better = best.get(&sight.frame).is_none_or(|known| places(sight) > places(known));
                if better {
                    best.insert(&sight.frame, sight);
                }
            }
            best.into_iter().for_each(|(frame, sight)| found.entry(frame).or_default().push((at, sight)));
        }
        Self { system, found, values }
    }

    /// So many other places of the mail have the same value; a text counts little, it may repeat a title.
    pub fn support(&self, at: usize, sight: &Sight) -> usize {
        let own = place_of(&sight.frame);
        let others = self.values[at].get(sight.bare()).into_iter().flatten().filter(|place| **place != own);
        let told = self.system[at].specimen.told.as_ref().and_then(|told| told.id.as_ref());
        let as_told = if told.is_some_and(|id| id == sight.bare() || *id == sight.value) { 4 } else { 0 };
        as_told + others.map(|place| if place == "5" { 1 } else { 4 }).max().unwrap_or_default()
    }

    fn primary(&self) -> Option<&'a Frame> {
        let score = |frame: &&Frame, found: &Found<'_>| -> Option<usize> {
            if !self.is_steady(found) {
                return None;
            }
            let support: usize = found.iter().map(|(at, sight)| self.support(*at, sight)).sum();
            let weight = match frame {
                Frame::Field { name, .. } if names_id(name) => 6,
                Frame::Bracket { .. } => 6,
                Frame::Behind { shape: Shape::Key, .. } => 5,
                Frame::Behind { sep, head, .. } if sep != " " => {
                    if names_a_ticket(head) {
                        6
                    } else {
                        4
                    }
                }
                Frame::Field { .. } => 2,
                // The number of a message is in its id as well.
                Frame::Local { .. } if support < found.len() => return None,
                Frame::Local { .. } => return Some(found.len() * 3),
                Frame::Behind { .. } => 1,
                Frame::Text { sep, head, .. } if sep.contains('#') || names_a_ticket(head) => 1,
                Frame::Text { .. } => return None,
            };
            let alone = found.len() == 1 && self.system.len() > 2;
            (!alone).then_some(found.len() * weight + support)
        };
        let scored = self.found.iter().filter_map(|(frame, found)| Some((score(frame, found)?, *frame)));
        // Of equal ones the first.
        scored.max_by(|(one, frame), (other, second)| one.cmp(other).then(second.cmp(frame))).map(|(_, frame)| frame)
    }

    /// It is one in a ticket and another in the next, as far as the samples show.
    fn is_steady(&self, found: &Found<'_>) -> bool {
        let mut threads: BTreeMap<u64, Vec<&str>> = BTreeMap::new();
        for (at, sight) in found {
            if let Some(thread) = self.system[*at].thread {
                threads.entry(thread).or_default().push(sight.bare());
            }
        }
        let distinct = |values: &Vec<&str>| values.iter().collect::<BTreeSet<_>>().len();
        let counts = threads.values().any(|values| distinct(values) * 2 > values.len() + 1);
        let all: BTreeSet<&&str> = threads.values().flatten().collect();
        let is_constant = threads.len() > 1 && all.len() == 1;
        !counts && !is_constant
    }

    fn values_of(&self, frame: &Frame) -> BTreeMap<usize, String> {
        self.found[frame].iter().map(|(at, sight)| (*at, sight.bare().to_owned())).collect()
    }

    /// Other places that always have the id where the first has it.
    fn agreeing(&self, first: &Frame, known: &BTreeMap<usize, String>) -> Vec<&'a Frame> {
        let mut taken: BTreeMap<u8, usize> = BTreeMap::new();
        let mut frames: Vec<(&'a Frame, usize)> = Vec::new();
        for (frame, found) in self.found.iter().filter(|(frame, _)| **frame != first && rank(frame) < 5) {
            let together = found.iter().filter(|(at, _)| known.contains_key(at)).count();
            let agreeing =
                found.iter().filter(|(at, sight)| known.get(at).is_some_and(|id| id == sight.bare())).count();
            let widens = is_wider(first, frame) && found.iter().any(|(at, _)| !known.contains_key(at));
            let agrees = agreeing > 0 && agreeing * 10 >= together * 9 && (agreeing > 1 || self.system.len() < 4);
            if (agrees && !is_within(first, frame) && self.is_steady(found)) || widens {
                frames.push((frame, found.len()));
            }
        }
        frames.sort_by_key(|(_, mails)| std::cmp::Reverse(*mails));
        frames.retain(|(frame, _)| {
            let taken = taken.entry(rank(frame)).or_default();
            *taken += 1;
            *taken <= MOST_PLACES
        });
        frames.into_iter().map(|(frame, _)| frame).collect()
    }

    /// Places in the text, for mails that name the id nowhere else.
    fn in_text(&self, first: &Frame, known: &BTreeMap<usize, String>, covered: &BTreeSet<usize>) -> Vec<&'a Frame> {
        let mut frames: Vec<(&'a Frame, usize)> = Vec::new();
        for (frame, found) in self.found.iter().filter(|(frame, _)| **frame != first && rank(frame) == 5) {
            let together = found.iter().filter(|(at, _)| known.contains_key(at)).count();
            let agreeing =
                found.iter().filter(|(at, sight)| known.get(at).is_some_and(|id| id == sight.bare())).count();
            let more = found.iter().filter(|(at, _)| !covered.contains(at)).count();
            if more > 0 && agreeing > 0 && agreeing * 5 >= together * 4 {
                frames.push((frame, more));
            }
        }
        frames.sort_by_key(|(_, more)| std::cmp::Reverse(*more));
        frames.into_iter().take(MOST_PLACES).map(|(frame, _)| frame).collect()
    }
}

fn names_id(field: &str) -> bool {
    let field = field.to_lowercase();
    field.ends_with("id") || field.split('-').any(names_a_ticket)
}

/// The same brackets, with letters in front of the number.
fn is_wider(first: &Frame, frame: &Frame) -> bool {
    match (first, frame) {
        (
            Frame::Bracket { open, sep, shape: Shape::Number },
            Frame::Bracket { open: other, sep: also, shape: Shape::Key },
        ) => open == other && sep == also && !sep.is_empty(),
        _ => false,
    }
}

/// What stands in brackets is found behind its word too, a key in every way.
fn is_within(first: &Frame, frame: &Frame) -> bool {
    let is_key = |frame: &Frame| {
        matches!(frame, Frame::Behind { shape: Shape::Key, .. } | Frame::Bracket { shape: Shape::Key, .. })
    };
    let same_words = match (first, frame) {
        (Frame::Bracket { sep, .. }, Frame::Behind { sep: other, .. }) => sep.trim() == other.trim(),
        _ => false,
    };
    same_words || (is_key(first) && rank(frame) == 1)
}
