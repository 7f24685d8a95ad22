//! Fields in the subject (`[VO=atlas] [SITE=INFN-T1]`) and the prefixes of answers (protocol section 5). Tags of helpdesks
//! are left alone: which of them is whose is the desk's business.

use super::{Pair, names};
use crate::mail::pattern::Pattern;

/// Prefixes such as `Re:` that are taken off one subject.
const MOST_PREFIXES: usize = 30;

static IN_BRACKETS: Pattern = Pattern::new(r"\[\s*([\p{L}][\p{L}\p{N} _-]{0,40}?)\s*=\s*([^\[\]]{0,200}?)\s*\]");
static PREFIX: Pattern = Pattern::new(
    r"(?i)^\s*(?:re|aw|antw|antwort|fwd?|wg|tr|rv|r|i|sv|vs|vb|rif|res|enc|rép|odp|ynt|ilt|отв|ответ|пересл|回复|转发|答复)\s*(?:\[\d{1,3}\]|\(\d{1,3}\)|\^\d{1,3})?\s*[:：]",
);

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

fn one_line(text: &str) -> String {
    let is_gap = |c: char| c.is_whitespace() || c.is_control();
    text.split(is_gap).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn hostile_subjects_cost_little() {
        assert!(bare_subject(&"Re:".repeat(100_000)).len() > 1_000);
        assert!(take_fields(&"[a=".repeat(100_000)).0.is_empty());
    }
}
