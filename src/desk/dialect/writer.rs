//! What a dialect says of mail to its helpdesk: its own tag, titles in which nothing reads as an id of its own, texts in
//! which it finds no command, texts without its tags, templates filled.

use std::ops::Range;

use regex::{Captures, Regex};

use super::Parameters;
use super::file::Place;
use super::reader::Reader;
use super::template;

/// How often a title is broken before everything but words is taken out of it, and a text at most.
const DEFUSES: usize = 20;
/// Stands where a tag was cut; no text has it, since control characters are taken out when mail is read.
const CUT: char = '\0';

/// What templates may name beside the parameters.
#[derive(Clone, Copy, Debug, Default)]
pub struct Known<'a> {
    /// Message-ID of the mail with which the ticket went to the helpdesk, without brackets.
    pub dispatch: Option<&'a str>,
    /// The helpdesk's own id.
    pub id: Option<&'a str>,
    /// Domain of the unit's address.
    pub host: Option<&'a str>,
    /// The desk's ticket.
    pub ticket: Option<&'a str>,
}

/// Fills a template; `None` where something in it is not known.
pub fn fill(reader: &Reader, form: &str, known: Known<'_>, parameters: &Parameters) -> Option<String> {
    template::fill(form, |name| match name {
        "dispatch" => known.dispatch,
        "host" => known.host,
        "id" => known.id,
        "ticket" => known.ticket,
        // Of several values the first is the one to write with; a blank behind a hook belongs to it.
        name => reader.value(name, parameters)?.split(',').next().map(str::trim_start),
    })
}

/// Breaks what this helpdesk would read as an id of its own, until nothing is left of it.
pub fn defuse(reader: &Reader, title: &str, parameters: &Parameters) -> String {
    let mut title = title.to_owned();
    for _ in 0..DEFUSES {
        let hits = read_as_ids(reader, &title, parameters);
        let Some(hit) = hits.first() else { return title };
        let broken = ways_to_break(&title[hit.clone()]);
        let mut tries = broken.into_iter().map(|text| format!("{}{text}{}", &title[..hit.start], &title[hit.end..]));
        let better = tries.find(|title| read_as_ids(reader, title, parameters).len() < hits.len());
        let Some(better) = better else { break };
        title = better;
    }
    if read_as_ids(reader, &title, parameters).is_empty() {
        return title;
    }
    let bare: String = title.chars().map(|c| if c.is_alphabetic() { c } else { ' ' }).collect();
    bare.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Where in a title this helpdesk would read an id of its own.
fn read_as_ids(reader: &Reader, title: &str, parameters: &Parameters) -> Vec<Range<usize>> {
    let mut hits = Vec::new();
    for pattern in reader.file.write.reads_as_id.iter().filter_map(|source| reader.patterns.get(source)) {
        let own = pattern.captures_iter(title).filter(|found| reader.agrees(pattern, found, parameters, true));
        hits.extend(own.filter_map(|found| found.get(0)).map(|hit| hit.range()));
    }
    hits
}

/// The least conspicuous first: a blank before the number, a blank behind the bracket, round brackets and no number sign, a
/// hyphen in the middle.
fn ways_to_break(tag: &str) -> [String; 4] {
    let number = tag.find(|c: char| c.is_ascii_digit()).unwrap_or(tag.len());
    let bracket = tag.find(['[', '(']).map_or(0, |at| at + 1);
    let round = tag.replace('[', "(").replace(']', ")").replace('#', "no. ").replace('=', " ");
    let middle = tag.char_indices().nth(tag.chars().count() / 2).map_or(0, |(at, _)| at);
    let apart = |at: usize, by: &str| format!("{}{by}{}", &tag[..at], &tag[at..]);
    [apart(number, " "), apart(bracket, " "), round, apart(middle, "-")]
}

/// Breaks what this helpdesk would read in a text as an id or as a command, each where it stands, until nothing is left
/// of it: what was broken may end where the next begins.
pub fn defuse_text(reader: &Reader, text: &str) -> String {
    let patterns = reader.file.write.reads_in_text.iter().filter_map(|source| reader.patterns.get(source));
    let patterns: Vec<&Regex> = patterns.collect();
    let mut text = text.to_owned();
    for _ in 0..DEFUSES {
        let Some(pattern) = patterns.iter().find(|pattern| pattern.is_match(&text)) else { break };
        text = pattern.replace_all(&text, |found: &Captures<'_>| broken(pattern, &found[0])).into_owned();
    }
    text
}

/// A blank in front of a line's first word, before the number, or behind the first sign; else only the words stay.
fn broken(pattern: &Regex, hit: &str) -> String {
    let number = hit.find(|c: char| c.is_ascii_digit()).unwrap_or_default();
    let sign = hit.find(|c: char| c.is_ascii_punctuation()).map_or(0, |at| at + 1);
    let mut ways = [0, number, sign].into_iter().map(|at| format!("{} {}", &hit[..at], &hit[at..]));
    let words = || hit.chars().map(|c| if c.is_alphabetic() { c } else { ' ' }).collect();
    ways.find(|way| !pattern.is_match(way)).unwrap_or_else(words)
}

/// Takes out every string in which this helpdesk's id stands in its own tag. Where it is not known which tags are its
/// own, all of the form go.
pub fn cut_own_tags(reader: &Reader, text: &str, parameters: &Parameters) -> String {
    let patterns = reader.file.id.iter().filter_map(|place| match place {
        Place::Subject(source) => reader.patterns.get(source),
        _ => None,
    });
    let cut = patterns.fold(text.to_owned(), |text, pattern| {
        let without = |found: &Captures<'_>| match reader.agrees(pattern, found, parameters, true) {
            true => CUT.to_string(),
            false => found[0].to_owned(),
        };
        if pattern.is_match(&text) { pattern.replace_all(&text, without).into_owned() } else { text }
    });
    if cut.contains(CUT) { cut.split('\n').map(tidy).collect::<Vec<_>>().join("\n") } else { cut }
}

/// A line in which something was cut gets its blanks in order; others stay as they are.
fn tidy(line: &str) -> String {
    if !line.contains(CUT) {
        return line.to_owned();
    }
    let indent = line.len() - line.trim_start().len();
    let words = line.split(|c: char| c == CUT || c.is_whitespace()).filter(|word| !word.is_empty());
    format!("{}{}", &line[..indent], words.collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use crate::desk::dialect::{Dialect, Parameters};

    fn dialect(write: &str) -> Dialect {
        let file = format!("about = \"x\"\n[[id]]\nsubject = '\\[x #(?P<id>\\d{{1,9}})\\]'\n[write]\n{write}\n");
        Dialect::parse("x", &file).unwrap()
    }

    /// What other helpdesks than those that are built in read as their own: a greedy bracket, a number in a bracket, a
    /// key of letters, a pair of fields, any number sign.
    #[test]
    fn every_form_of_an_id_can_be_broken() {
        for (pattern, title) in [
            (r"#\d{1,9}\]", "a [foo #12] and #13] too"),
            (r"\[\S{1,80} \d{1,9}\]", "[Bug 12] [Issue 13]"),
            (r"\b[A-Z][A-Z0-9_]{1,30}-\d{1,10}\b", "GGUS-12 UTF-8 CVE-2024-1"),
            (r"(?i)\bISSUE=\d{1,10} PROJ=\d{1,6}\b", "ISSUE=7932 PROJ=71"),
            (r"#[0-9A-Za-z]{1,20}", "no #12 #ab"),
            (r"^\[ ?[a-z]{1,20}\d{0,10} ?\]", "[issue12] x"),
            (r"\[[^\[\]]{1,80}\] ?$", "x [status=resolved]"),
            (r"(?i)autoreply", "no AutoReply comes"),
        ] {
            let dialect = dialect(&format!("reads_as_id = ['{pattern}']"));
            let defused = dialect.defuse(title, &Parameters::new());
            let plain = regex::Regex::new(pattern).unwrap();
            assert!(plain.is_match(title) && !plain.is_match(&defused), "{pattern}: {defused}");
        }
    }

    #[test]
    fn only_the_line_of_a_tag_changes_where_one_is_cut() {
        let text = "a  table\n  x   [x #12]   1\n    y   2\n";
        assert_eq!(dialect("").cut_own_tags(text, &Parameters::new()), "a  table\n  x 1\n    y   2\n");
    }

    #[test]
    fn templates_of_other_helpdesks_are_filled() {
        let dialect = dialect("own_tag = \"[GLPI #{id:07}]\"\nto = \"{id}@{host}\"");
        assert_eq!(dialect.own_tag("123", &Parameters::new()).as_deref(), Some("[GLPI #0000123]"));
        assert_eq!(dialect.own_tag("1\r\nBcc: x", &Parameters::new()), None);
        let known = super::Known { id: Some("4711"), host: Some("bugs.example"), ..Default::default() };
        let to = dialect.writing().to.clone().unwrap();
        assert_eq!(dialect.fill(&to, known, &Parameters::new()).as_deref(), Some("4711@bugs.example"));
        assert_eq!(dialect.fill(&to, super::Known::default(), &Parameters::new()), None);
    }
}
