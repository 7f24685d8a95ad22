//! Fields in the subject (`[VO=atlas] [SITE=INFN-T1]`) and the title that a new ticket gets (protocol section 5).
//! Tags of helpdesks are left alone: which of them is whose is the desk's business.

use super::{Field, Form, Pair, names};
use crate::mail::lines;
use crate::mail::pattern::Pattern;

/// Longest title in characters (protocol section 4).
pub const LONGEST_TITLE: usize = 255;
/// Prefixes such as `Re:` that are taken off one subject.
const MOST_PREFIXES: usize = 30;

static IN_BRACKETS: Pattern = Pattern::new(r"\[\s*([\p{L}][\p{L}\p{N} _-]{0,40}?)\s*=\s*([^\[\]]{0,200}?)\s*\]");
static PREFIX: Pattern = Pattern::new(
    r"(?i)^\s*(?:re|aw|antw|antwort|fwd?|wg|tr|rv|r|i|sv|vs|vb|rif|res|enc|rép|odp|ynt|ilt|отв|ответ|пересл|回复|转发|答复)\s*(?:\[\d{1,3}\]|\(\d{1,3}\)|\^\d{1,3})?\s*[:：]",
);

/// Title of a new ticket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Title {
    /// On one line, at most [`LONGEST_TITLE`] characters, the last one `…` where it was cut.
    pub short: String,
    /// The whole title where it was cut; it belongs at the top of the description.
    pub full: Option<String>,
}

/// Takes the fields out of a subject. Unknown names stay, they are somebody else's.
pub(super) fn take_fields(subject: &str) -> (Vec<Pair>, String) {
    let Some(pattern) = IN_BRACKETS.regex() else { return (Vec::new(), subject.to_owned()) };
    let mut pairs = Vec::new();
    let mut rest = String::with_capacity(subject.len());
    let mut done = 0;
    for found in pattern.captures_iter(subject) {
        let (Some(whole), Some(name), Some(value)) = (found.get(0), found.get(1), found.get(2)) else { continue };
        if names::field_named(name.as_str()).is_none() {
            continue;
        }
        pairs.push(Pair { name: name.as_str().to_owned(), value: value.as_str().to_owned() });
        rest.push_str(&subject[done..whole.start()]);
        done = whole.end();
    }
    rest.push_str(&subject[done..]);
    (pairs, if done == 0 { rest } else { one_line(&rest) })
}

/// A subject without the prefixes of answers and forwarded mails (`Re:`, `AW:`, `Fwd:`, `WG:`, `TR:`, `RV:`, `I:`, …).
pub fn bare_subject(subject: &str) -> &str {
    let mut rest = subject.trim();
    for _ in 0..MOST_PREFIXES {
        match PREFIX.regex().and_then(|prefix| prefix.find(rest)) {
            Some(found) => rest = rest[found.end()..].trim_start(),
            None => break,
        }
    }
    rest
}

/// The title of a new ticket: the form's subject field, else the mail's subject, else the first line of text, else
/// `(no subject)`.
pub fn title(form: &Form) -> Title {
    let field = form.fields.get(&Field::Subject).map_or("", String::as_str);
    let first_line = form.prose.lines().find(|line| !line.trim().is_empty() && !lines::is_quote(line));
    let full = [field, &form.subject, first_line.unwrap_or_default()]
        .into_iter()
        .map(|text| one_line(bare_subject(text)))
        .find(|text| !text.is_empty())
        .unwrap_or_else(|| "(no subject)".to_owned());
    if full.chars().nth(LONGEST_TITLE).is_none() {
        return Title { short: full, full: None };
    }
    let short = full.chars().take(LONGEST_TITLE - 1).chain(['…']).collect();
    Title { short, full: Some(full) }
}

fn one_line(text: &str) -> String {
    let is_gap = |c: char| c.is_whitespace() || c.is_control();
    text.split(is_gap).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn titled(subject: &str, prose: &str) -> Title {
        title(&Form { subject: subject.into(), prose: prose.into(), ..Form::default() })
    }

    #[test]
    fn the_patterns_compile() {
        assert!([&IN_BRACKETS, &PREFIX].into_iter().all(|pattern| pattern.regex().is_some()));
    }

    #[test]
    fn known_fields_leave_the_subject_and_foreign_tags_stay() {
        let (pairs, rest) = take_fields("Re: [VO=atlas] jobs fail [site = INFN-T1] [status=x] [Ticket#2005] [a=b]");
        let read: Vec<(&str, &str)> = pairs.iter().map(|pair| (pair.name.as_str(), pair.value.as_str())).collect();
        assert_eq!(read, [("VO", "atlas"), ("site", "INFN-T1"), ("status", "x")]);
        assert_eq!(rest, "Re: jobs fail [Ticket#2005] [a=b]");
    }

    #[test]
    fn a_subject_without_fields_is_untouched() {
        let (pairs, rest) = take_fields("a  [b]  [c=d]");
        assert!(pairs.is_empty());
        assert_eq!(rest, "a  [b]  [c=d]");
    }

    #[test]
    fn prefixes_of_answers_are_taken_off() {
        let cases = [
            ("Re: AW: Fwd: WG: jobs fail", "jobs fail"),
            ("RE[2]: jobs", "jobs"),
            ("Re^3: jobs", "jobs"),
            ("TR : RV: I: R: jobs", "jobs"),
            ("Отв: задачи", "задачи"),
            ("Re:Re:Re:", ""),
            ("Report: jobs", "Report: jobs"),
            ("[GGUS:1] Re: jobs", "[GGUS:1] Re: jobs"),
            ("I/O error: disk", "I/O error: disk"),
        ];
        for (subject, bare) in cases {
            assert_eq!(bare_subject(subject), bare, "{subject}");
        }
    }

    #[test]
    fn the_field_comes_before_the_subject_before_the_text() {
        let mut form = Form { subject: "Re: mail".into(), prose: "> q\n\ntext\nmore".into(), ..Form::default() };
        assert_eq!(title(&form).short, "mail");
        form.fields.insert(Field::Subject, "AW: field".into());
        assert_eq!(title(&form).short, "field");
        assert_eq!(titled("Re:", "> q\n\ntext\nmore").short, "text");
        assert_eq!(titled("", " \n").short, "(no subject)");
    }

    #[test]
    fn a_long_title_is_cut_with_a_mark_inside_the_limit() {
        let whole = "ä".repeat(255);
        assert_eq!(titled(&whole, ""), Title { short: whole.clone(), full: None });
        let long = "ä".repeat(256);
        let title = titled(&long, "");
        assert_eq!((title.short.chars().count(), title.short.ends_with("ä…")), (255, true));
        assert_eq!(title.full.as_deref(), Some(long.as_str()));
    }

    #[test]
    fn a_title_is_one_line_without_control_characters() {
        assert_eq!(titled("a\r\n\tb\u{7}c", "").short, "a b c");
    }

    #[test]
    fn hostile_subjects_cost_little() {
        assert!(bare_subject(&"Re:".repeat(100_000)).len() > 1_000);
        assert!(take_fields(&"[a=".repeat(100_000)).0.is_empty());
    }
}
