//! Where in a mail an id may stand, and what stands around it. Nothing is decided here: an id, a year and a counter look
//! the same in one mail.

use std::sync::LazyLock;

use regex::Regex;

use super::pattern_text::{digits, literal};
use super::sign::own_fields;
use super::{Seen, Tags};
use crate::desk::tag::{is_of_a_desk, normalise};

/// A place with what stands around the id there; mails of one system have the same.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Frame {
    /// At the end of a header field of the system's own; what stands before it.
    Field { name: String, sep: String },
    /// In brackets in the subject: `[head sep ID]`.
    Bracket { open: char, sep: String, shape: Shape },
    /// In the subject, behind a word: `ISSUE=7932`.
    Behind { head: String, sep: String, shape: Shape },
    /// In an id of a mail or in Reply-To, behind a beginning that is always the same.
    Local { place: Local, start: String, end: String },
    /// In the text, behind a word.
    Text { head: String, sep: String, shape: Shape },
}

/// Which id of a mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Local {
    MessageId,
    Reference,
    ReplyTo,
}

/// What an id is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Shape {
    Number,
    /// Letters and a number, `GRID-17`, `INC000000012345`.
    Key,
}

/// What may be an id, where it stands.
#[derive(Clone, Debug)]
pub struct Sight {
    pub frame: Frame,
    /// What stands before the separator in the brackets.
    pub head: String,
    pub value: String,
}

impl Sight {
    /// Zeros in front do not count.
    pub fn bare(&self) -> &str {
        let bare = self.value.trim_start_matches('0');
        if bare.is_empty() || !bare.bytes().all(|byte| byte.is_ascii_digit()) { &self.value } else { bare }
    }
}

/// A piece of the left side of a Message-ID.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Run<'a> {
    Digits(&'a str),
    Word(&'a str),
    Any(&'a str),
    Between(&'a str),
}

impl Run<'_> {
    pub fn pattern(&self) -> String {
        match self {
            Self::Digits(text) => digits(text.len().max(17)),
            Self::Word(text) | Self::Between(text) => literal(text),
            Self::Any(_) => "[A-Za-z0-9]{1,60}".to_owned(),
        }
    }
}

/// The longest run of letters that is a word; longer ones are made up.
const LONGEST_WORD: usize = 12;

/// Takes the left side of a Message-ID apart.
pub fn runs(left: &str) -> Vec<Run<'_>> {
    let mut pieces = Vec::new();
    let mut rest = left;
    while let Some(first) = rest.chars().next() {
        let within = first.is_alphanumeric();
        let end = rest.find(|c: char| c.is_alphanumeric() != within).unwrap_or(rest.len());
        let (piece, more) = rest.split_at(end);
        rest = more;
        if !within {
            pieces.push(Run::Between(piece));
            continue;
        }
        let digits = piece.find(|c: char| c.is_ascii_digit()).unwrap_or(piece.len());
        let (letters, number) = piece.split_at(digits);
        let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        match (letters.len(), is_number) {
            (0, true) => pieces.push(Run::Digits(piece)),
            (2..=LONGEST_WORD, true) => pieces.extend([Run::Word(letters), Run::Digits(number)]),
            (1..=LONGEST_WORD, false) if number.is_empty() => pieces.push(Run::Word(piece)),
            _ => pieces.push(Run::Any(piece)),
        }
    }
    pieces
}

/// All that may be an id in a mail.
pub fn sights(seen: &Seen<'_>, tags: &Tags) -> Vec<Sight> {
    let subject = tags.cut_from(&normalise(&seen.mail().subject));
    let mut found = in_fields(seen);
    found.extend(in_brackets(&subject));
    found.extend(behind_words(&subject, &SUBJECT).into_iter().map(|(head, sep, shape, value)| Sight {
        frame: Frame::Behind { head: head.to_owned(), sep: sep.to_owned(), shape },
        head: head.to_owned(),
        value: value.to_owned(),
    }));
    found.extend(in_ids(seen));
    found.extend(in_text(seen, tags));
    found
}

fn in_fields(seen: &Seen<'_>) -> Vec<Sight> {
    let at_end = |(name, value): (&str, &str)| {
        let value = value.trim();
        let known = value.len() <= 120 && !value.contains("://") && !value.contains('@');
        let (before, id, _) = ending(value, false).filter(|_| known)?;
        // A version, `2.6.0`, a made-up word, a field that counts or measures.
        let sep: String = separator(before).to_owned();
        if measures(name) || sep.contains('.') || (sep.is_empty() && !before.is_empty()) {
            return None;
        }
        let frame = Frame::Field { name: name.to_owned(), sep };
        Some(Sight { frame, head: String::new(), value: id.to_owned() })
    };
    own_fields(seen).into_iter().filter_map(at_end).collect()
}

fn measures(field: &str) -> bool {
    const WORDS: [&str; 9] = ["version", "priority", "loop", "count", "score", "size", "date", "time", "level"];
    let field = field.to_lowercase();
    WORDS.iter().any(|word| field.ends_with(word))
}

/// What is no letter and no digit at the end of a text.
fn separator(before: &str) -> &str {
    let at =
        before.rfind(char::is_alphanumeric).map_or(0, |at| at + before[at..].chars().next().map_or(1, char::len_utf8));
    &before[at..]
}

/// The id at the end of a text: its digits, or with the letters in front of them; and what stands before.
fn ending(text: &str, with_letters: bool) -> Option<(&str, &str, Shape)> {
    let start = text
        .rfind(|c: char| !c.is_ascii_digit())
        .map_or(0, |at| at + text[at..].chars().next().map_or(1, char::len_utf8));
    let number = &text[start..];
    if number.is_empty() || number.len() > 20 {
        return None;
    }
    if !with_letters {
        return Some((&text[..start], number, Shape::Number));
    }
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let key =
        text.rfind(|c: char| !is_part(c)).map_or(0, |at| at + text[at..].chars().next().map_or(1, char::len_utf8));
    let whole = &text[key..];
    let letters =
        whole.len() > number.len() && whole.starts_with(|c: char| c.is_ascii_uppercase()) && whole.len() <= 40;
    letters.then_some((&text[..key], whole, Shape::Key))
}

static BRACKETS: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"([\[(])([^\[\]()\n]{1,80})[\])]").ok());
static SUBJECT: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"\b([A-Za-z]{2,20})( ?[#=:]{1,2} ?| )(\d{1,20})\b|(?:^|\s)(#)(\d{1,20})\b|\b([A-Z][A-Z0-9_]{1,19}-\d{1,10}|[A-Z]{2,8}\d{5,15})\b").ok()
});
static TEXT: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"\b([A-Z][A-Z0-9_]{1,19}-\d{1,10}|[A-Z]{2,8}\d{5,15})\b|([\p{L}]{2,20})[.:]?( ?[(\[#=:/_-]{1,3} ?#?| )(\d{1,20})\b|([\p{L}]{2,20})[.:]?( ?#)(\d{1,20})\b").ok()
});

fn in_brackets(subject: &str) -> Vec<Sight> {
    let mut found = Vec::new();
    for caught in BRACKETS.iter().flat_map(|pattern| pattern.captures_iter(subject)) {
        let inner = caught[2].trim();
        let open = caught[1].chars().next().unwrap_or('[');
        for (before, value, shape) in [ending(inner, false), ending(inner, true)].into_iter().flatten() {
            let sep = separator(before).to_owned();
            let head = before[..before.len() - sep.len()].trim().to_owned();
            found.push(Sight { frame: Frame::Bracket { open, sep, shape }, head, value: value.to_owned() });
        }
    }
    found
}

/// Word, separator, shape and id.
fn behind_words<'t>(
    text: &'t str,
    pattern: &'static LazyLock<Option<Regex>>,
) -> Vec<(&'t str, &'t str, Shape, &'t str)> {
    let mut found = Vec::new();
    for caught in pattern.iter().flat_map(|pattern| pattern.captures_iter(text)) {
        let groups: Vec<&str> = caught.iter().skip(1).flatten().map(|part| part.as_str()).collect();
        match groups[..] {
            [head, sep, id] => found.push((head, sep, Shape::Number, id)),
            [sep, id] => found.push(("", sep, Shape::Number, id)),
            [id] => found.push(("", "", Shape::Key, id)),
            _ => {}
        }
    }
    found
}

fn in_ids(seen: &Seen<'_>) -> Vec<Sight> {
    let mail = seen.mail();
    let references = mail.in_reply_to.iter().chain(mail.references.iter().rev()).filter(|id| !is_of_a_desk(id));
    let is_foreign = |id: &str| {
        crate::mail::MessageId::parse(id).is_none_or(|id| crate::desk::tag::ticket_by_form(&id, None).is_none())
    };
    let ids = mail.message_id.iter().map(|id| (Local::MessageId, id.as_str()));
    let ids = ids.chain(references.map(|id| (Local::Reference, id.as_str())));
    let ids = ids.chain(mail.reply_to.iter().map(|one| (Local::ReplyTo, one.address.as_str())));
    ids.filter(|(_, id)| is_foreign(id)).flat_map(|(place, id)| in_id(place, id)).collect()
}

fn in_id(place: Local, id: &str) -> Vec<Sight> {
    let left = id.split_once('@').map_or(id, |(left, _)| left);
    let mut found = Vec::new();
    let mut start = "^".to_owned();
    let pieces = runs(left);
    for (at, run) in pieces.iter().enumerate() {
        if let Run::Digits(value) = run {
            let next = match pieces.get(at + 1) {
                Some(Run::Between(text)) => literal(&text.chars().take(1).collect::<String>()),
                Some(_) => String::new(),
                None => "@".to_owned(),
            };
            if !next.is_empty() {
                let frame = Frame::Local { place, start: start.clone(), end: next };
                found.push(Sight { frame, head: String::new(), value: (*value).to_owned() });
            }
        }
        start.push_str(&run.pattern());
    }
    found
}

/// Lines that name the desk's ticket repeat a title.
fn in_text(seen: &Seen<'_>, tags: &Tags) -> Vec<Sight> {
    let whole = &seen.mail().text;
    let lines = whole.lines().take(300).filter(|line| line.len() < 1_000 && tags.read(line).is_empty());
    let sights = lines.flat_map(|line| behind_words(line, &TEXT));
    let sight = |(head, sep, shape, value): (&str, &str, Shape, &str)| Sight {
        frame: Frame::Text { head: head.to_lowercase(), sep: sep.to_owned(), shape },
        head: String::new(),
        value: value.to_owned(),
    };
    sights.map(sight).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_seen_in_brackets_and_behind_words() {
        let seen = |subject: &str| -> Vec<String> {
            in_brackets(subject)
                .into_iter()
                .map(|sight| format!("{}|{:?}|{}", sight.head, sight.frame, sight.value))
                .collect()
        };
        assert_eq!(
            seen("[rt.x.example #4711] y"),
            [r##"rt.x.example|Bracket { open: '[', sep: " #", shape: Number }|4711"##]
        );
        assert_eq!(seen("[Ticket#61042]"), [r##"Ticket|Bracket { open: '[', sep: "#", shape: Number }|61042"##]);
        assert_eq!(seen("(GRID-17)").len(), 2);
        let behind: Vec<_> = behind_words("Incident INC000000012345 and ISSUE=7932 #12", &SUBJECT);
        let ids: Vec<&str> = behind.iter().map(|(_, _, _, id)| *id).collect();
        assert_eq!(ids, ["INC000000012345", "7932", "12"]);
    }

    #[test]
    fn a_message_id_is_taken_apart() {
        assert_eq!(
            runs("rt-5.a1b2"),
            [Run::Word("rt"), Run::Between("-"), Run::Digits("5"), Run::Between("."), Run::Any("a1b2")]
        );
        let found = in_id(Local::Reference, "RT-Ticket-4711@x.example");
        assert!(
            matches!(&found[..], [Sight { frame: Frame::Local { start, .. }, value, .. }] if start == "^RT-Ticket-" && value == "4711")
        );
    }
}
