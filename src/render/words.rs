//! The words of a mail made harmless before they meet a template: freed of control characters, and bounded.

use crate::desk::decision::Words;
use crate::mail::plain;

/// Longest value on one line, in characters.
const LONGEST_LINE: usize = 400;

/// The words as a template may use them.
pub(super) fn harmless(words: &Words) -> Words {
    let line = |value: &String| plain::line(value, LONGEST_LINE);
    Words {
        desk: line(&words.desk),
        desk_address: line(&words.desk_address),
        ticket: line(&words.ticket),
        tag: line(&words.tag),
        title: line(&words.title),
        status: line(&words.status),
        priority: line(&words.priority),
        kind: line(&words.kind),
        vo: line(&words.vo),
        site: line(&words.site),
        unit: line(&words.unit),
        type_of_problem: line(&words.type_of_problem),
        created: line(&words.created),
        submitter: line(&words.submitter),
        author: line(&words.author),
        text: text(&words.text),
        quoted: quoted(&text(&words.quoted)),
        foreign_id: line(&words.foreign_id),
        block: text(&words.block),
        cut: line(&words.cut),
        other_unit: line(&words.other_unit),
        hints: text(&words.hints),
        reopen_days: line(&words.reopen_days),
    }
}

/// Clean, without blank lines at its ends and without white space before it that was not meant as indentation.
fn text(value: &str) -> String {
    let clean = plain::text(value);
    let blank_lines = clean.len() - clean.trim_start().len();
    let first = clean[..blank_lines].rfind('\n').map_or(0, |at| at + 1);
    clean[first..].trim_end().to_owned()
}

/// Every line with `> `, whoever made it.
fn quoted(text: &str) -> String {
    if text.is_empty() {
        return String::new();
    }
    let mark = |line: &str| if line.starts_with('>') { line.to_owned() } else { format!("> {line}") };
    text.split('\n').map(|line| mark(line).trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}

/// The name in `Anna Rossi <anna@infn.example>`; empty for a bare address.
pub(super) fn name_in(person: &str) -> String {
    let name = person.split_once('<').map_or(person, |(name, _)| name).trim().trim_matches('"');
    if name.contains('@') { String::new() } else { name.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_keeps_its_lines_and_loses_what_lies() {
        let text = "\r\n\n  first\r\n\n\n\tlast\u{202e}\0\u{1b}[2J \n\n";
        let words = Words { text: text.to_owned(), ..Words::default() };
        assert_eq!(harmless(&words).text, "  first\n\n\n\tlast[2J");
        let words = Words { title: "a\nSTATUS: solved\u{2028}b".into(), quoted: "> a\nb\n".into(), ..Words::default() };
        let words = harmless(&words);
        assert_eq!((words.title.as_str(), words.quoted.as_str()), ("a STATUS: solved b", "> a\n> b"));
    }

    #[test]
    fn a_person_is_greeted_by_name_and_never_by_address() {
        assert_eq!(name_in("Anna Rossi <anna@infn.example>"), "Anna Rossi");
        assert_eq!(name_in("\"Rossi, Anna\" <anna@infn.example>"), "Rossi, Anna");
        assert_eq!(name_in("ROC_Italy"), "ROC_Italy");
        for bare in ["anna@infn.example", "<anna@infn.example>", "anna@infn.example <anna@infn.example>", ""] {
            assert_eq!(name_in(bare), "", "{bare}");
        }
    }
}
