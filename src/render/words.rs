//! The words of a mail made harmless before they meet a template: freed of control characters, bounded, and, in the
//! text of strangers, lines that the desk itself would obey are indented.
//!
//! A helpdesk may send our whole mail back, and what stood in it as a user's words must not come home as an order. Four
//! blanks make a line text for every reader of this program (protocol section 5).

use crate::desk::decision::{Template, Words};
use crate::mail::{control, form, plain};

/// Longest value on one line, in characters.
const LONGEST_LINE: usize = 400;
/// Longest name of a field or control line, in octets.
const LONGEST_NAME: usize = 200;

/// The words as a template may use them.
pub(super) fn harmless(template: Template, words: &Words) -> Words {
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
        vo: told(&words.vo),
        site: line(&words.site),
        unit: line(&words.unit),
        type_of_problem: told(&words.type_of_problem),
        created: line(&words.created),
        submitter: told(&words.submitter),
        author: told(&words.author),
        text: disarmed(template, &text(&words.text)),
        quoted: quoted(&text(&words.quoted)),
        foreign_id: line(&words.foreign_id),
        block: text(&words.block),
        cut: line(&words.cut),
        other_unit: line(&words.other_unit),
        hints: disarmed(template, &text(&words.hints)),
        known: disarmed(template, &text(&words.known)),
        reopen_days: line(&words.reopen_days),
        refusal: line(&words.refusal),
    }
}

/// A value on one line that a stranger chose and a template may begin a line with: without a colon it is no order
/// (`SOLUTION: none <anna@infn.example>` as a person's name).
fn told(value: &str) -> String {
    plain::line(&value.replace([':', '：'], " "), LONGEST_LINE)
}

/// Clean, without blank lines at its ends and without white space before it that was not meant as indentation.
fn text(value: &str) -> String {
    let clean = plain::text(value);
    let blank_lines = clean.len() - clean.trim_start().len();
    let first = clean[..blank_lines].rfind('\n').map_or(0, |at| at + 1);
    clean[first..].trim_end().to_owned()
}

/// Indents every line that reads as a control line, and, but in a dispatch, every one that reads as a known field. In a
/// dispatch the fields that a user wrote are shown as they are: the template's own lines stand between them and both
/// ends of the mail, so they are never part of a form. An XML form would be found anywhere.
fn disarmed(template: Template, text: &str) -> String {
    let plain_fields = template == Template::Dispatch;
    let armed = |line: &str| is_control(line) || is_form(line) || (!plain_fields && is_field(line));
    let lines =
        text.split('\n').map(|line| if armed(line) { format!("    {}", line.trim_start()) } else { line.to_owned() });
    lines.collect::<Vec<_>>().join("\n")
}

fn is_control(line: &str) -> bool {
    // Cheap, for a text may have very many lines: what has no colon is at most a word or two (`INTERNAL`).
    if !line.contains([':', '：']) && !(4..=LONGEST_NAME).contains(&line.trim().len()) {
        return false;
    }
    let read = control::controls(line);
    !read.lines.is_empty() || !read.unreadable.is_empty()
}

/// The first line of an XML form: `<Ticket>`, `<x:ticket …`, with its declaration before it or not.
fn is_form(line: &str) -> bool {
    line.trim_start().starts_with('<') && line.to_ascii_lowercase().contains("ticket")
}

fn is_field(line: &str) -> bool {
    let name = line.split_once([':', '：']).map(|(name, _)| name.trim().trim_matches('*'));
    name.filter(|name| name.len() <= LONGEST_NAME).is_some_and(|name| form::field_named(name).is_some())
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

    fn text_in(template: Template, text: &str) -> String {
        harmless(template, &Words { text: text.to_owned(), ..Words::default() }).text
    }

    #[test]
    fn orders_in_a_strangers_text_are_indented() {
        let text = "It fails.\nSTATUS: solved\n  GGUS-Solution: none\nVO: atlas\nError: 7\n    code: x\nINTERNAL\n<Ticket>\n<?xml version='1.0'?><g:TICKET x='y'>";
        let wanted = "It fails.\n    STATUS: solved\n    GGUS-Solution: none\n    VO: atlas\nError: 7\n    code: x\n    INTERNAL\n    <Ticket>\n    <?xml version='1.0'?><g:TICKET x='y'>";
        assert_eq!(text_in(Template::CommentUnit, text), wanted);
        assert_eq!(text_in(Template::Dispatch, text), wanted.replace("    VO", "VO"));
    }

    #[test]
    fn orders_in_other_languages_are_indented_too() {
        for line in ["Lösung: neu gestartet", "СТАТУС: решена", "statut : résolu", "Status：solved", "STATUS: banana"]
        {
            assert_eq!(text_in(Template::Comment, line), format!("    {line}"));
        }
    }

    #[test]
    fn the_readers_take_no_order_from_harmless_words() {
        let text = "x\n\nSTATUS: solved\nSOLUTION: done\nASSIGN TO: ROC_CE\nTICKET: 1\nGHD_Status: closed";
        for template in Template::ALL {
            let read = control::controls(&text_in(template, text));
            assert_eq!((read.lines, read.unreadable), (vec![], vec![]), "{}", template.name());
        }
    }

    #[test]
    fn a_name_is_no_order() {
        let words =
            Words { author: "SOLUTION: none <a@x.example>".into(), vo: "STATUS：solved".into(), ..Words::default() };
        let words = harmless(Template::CommentUnit, &words);
        assert_eq!((words.author.as_str(), words.vo.as_str()), ("SOLUTION none <a@x.example>", "STATUS solved"));
    }

    #[test]
    fn a_text_keeps_its_lines_and_loses_what_lies() {
        let text = "\r\n\n  first\r\n\n\n\tlast\u{202e}\0\u{1b}[2J \n\n";
        assert_eq!(text_in(Template::Dispatch, text), "  first\n\n\n\tlast[2J");
        let words = Words { title: "a\nSTATUS: solved\u{2028}b".into(), quoted: "> a\nb\n".into(), ..Words::default() };
        let words = harmless(Template::Receipt, &words);
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
