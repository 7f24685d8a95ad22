//! Values of header fields: encoded words (RFC 2047), folding (RFC 5322 section 2.2.3), mailboxes, lists of ids,
//! file names.
//!
//! lettre has a writer for these too; ours differs in three points: a value that merely looks like an encoded word is
//! encoded itself (else a title could smuggle in what the desk has taken out of it), no control character gets through,
//! and any address that [`Address`] holds can be written (`a..b@x.example` is a legal sender in the wild).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::mail::{Address, MessageId, plain};

/// Column at which lines are folded (RFC 5322 section 2.1.1 wants 78 at most).
const WIDTH: usize = 76;
/// Longest value of an unstructured field and longest display name, in characters.
const LONGEST_VALUE: usize = 2_000;
const LONGEST_NAME: usize = 120;
/// Longest file name of an attachment, in characters.
const LONGEST_FILE_NAME: usize = 150;
/// Longest word that is written as it is; no line may have more than 998 octets, so a longer one is encoded in pieces.
const LONGEST_WORD: usize = 300;
/// Octets of text in one encoded word, which may have 75 characters in all.
const ENCODED_OCTETS: usize = 45;

/// An unstructured value (a subject), for a field called `name`: on one line, cleaned, encoded where needed, folded.
pub(super) fn text(name: &str, value: &str) -> String {
    let mut line = Folded::after(name);
    line.phrase(&plain::line(value, LONGEST_VALUE));
    line.text
}

/// `Name <address>`, or the address alone.
pub(super) fn mailbox(field: &str, name: Option<&str>, address: &Address) -> String {
    let name = name.map(|name| plain::line(name, LONGEST_NAME)).filter(|name| !name.is_empty());
    let mut line = Folded::after(field);
    match name {
        None if is_dot_atom(address.local()) => line.word(address.as_str()),
        None => line.word(&format!("<{address}>")),
        Some(name) => {
            match name.is_ascii() && !name.contains("=?") {
                true => line.word(&quoted(&name)),
                false => line.phrase(&name),
            }
            line.word(&format!("<{address}>"));
        }
    }
    line.text
}

/// Message-IDs with their brackets. One that is not plain ASCII, or has a bracket inside, can't be written and is left
/// out: it is a peer's fault, and a wrong header would be ours.
pub(super) fn ids(field: &str, ids: &[&MessageId]) -> String {
    let mut line = Folded::after(field);
    let writable = |id: &&&MessageId| id.as_str().bytes().all(|b| b.is_ascii_graphic() && !b"<>".contains(&b));
    ids.iter().filter(writable).for_each(|id| line.word(&id.to_string()));
    line.text
}

/// A file name without path separators, shortened in the middle so that its ending stays.
pub(super) fn file_name(name: &str) -> String {
    let name = plain::line(name, usize::MAX).replace(['/', '\\'], "_");
    let name = name.trim_start_matches('.');
    let length = name.chars().count();
    match name.rsplit_once('.') {
        _ if name.is_empty() => String::from("attachment"),
        _ if length <= LONGEST_FILE_NAME => name.to_owned(),
        Some((stem, ending)) if ending.len() <= 10 => {
            format!("{}~.{ending}", stem.chars().take(LONGEST_FILE_NAME - 12).collect::<String>())
        }
        _ => name.chars().take(LONGEST_FILE_NAME).collect(),
    }
}

/// A value that grows word by word and is folded between words.
struct Folded {
    text: String,
    /// Characters on the current line.
    column: usize,
}

impl Folded {
    fn after(name: &str) -> Self {
        Self { text: String::new(), column: name.len() + 2 }
    }

    /// Adds a word with a blank before it, or a fold and a blank.
    fn word(&mut self, word: &str) {
        let length = word.chars().count();
        if self.text.is_empty() {
            self.column += length;
        } else if self.column + 1 + length > WIDTH {
            self.text.push_str("\r\n ");
            self.column = 1 + length;
        } else {
            self.text.push(' ');
            self.column += 1 + length;
        }
        self.text.push_str(word);
    }

    /// Adds words separated by single blanks; neighbours that must be encoded are encoded together with the blanks
    /// between them, for a reader drops the white space between encoded words.
    fn phrase(&mut self, phrase: &str) {
        let mut pending = String::new();
        for word in phrase.split(' ').filter(|word| !word.is_empty()) {
            if needs_encoding(word) {
                pending.push_str(if pending.is_empty() { "" } else { " " });
                pending.push_str(word);
            } else {
                self.encoded(&std::mem::take(&mut pending));
                self.word(word);
            }
        }
        self.encoded(&pending);
    }

    /// Adds encoded words of at most 75 characters, none of which splits a character.
    fn encoded(&mut self, mut rest: &str) {
        while !rest.is_empty() {
            let room = (WIDTH.saturating_sub(self.column + 13) / 4 * 3).min(ENCODED_OCTETS);
            let octets = if room < 12 { ENCODED_OCTETS } else { room };
            let (piece, left) = rest.split_at(rest.floor_char_boundary(octets));
            self.word(&format!("=?utf-8?B?{}?=", STANDARD.encode(piece)));
            rest = left;
        }
    }
}

fn needs_encoding(word: &str) -> bool {
    word.len() > LONGEST_WORD || word.contains("=?") || !word.bytes().all(|b| b.is_ascii_graphic())
}

/// A display name as a quoted string, where it is not plain words.
fn quoted(name: &str) -> String {
    if name.split(' ').all(is_atom) {
        return name.to_owned();
    }
    format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\""))
}

fn is_dot_atom(text: &str) -> bool {
    text.split('.').all(is_atom)
}

/// RFC 5322 section 3.2.3.
fn is_atom(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Address {
        Address::parse(text).unwrap()
    }

    #[test]
    fn plain_text_is_written_as_it_is_and_folded_at_blanks() {
        assert_eq!(text("Subject", "[GGUS:57890] CE down"), "[GGUS:57890] CE down");
        let long = text("Subject", &"word ".repeat(40));
        assert!(long.split("\r\n").all(|line| line.len() <= 76), "{long}");
        assert_eq!(long.replace("\r\n", ""), "word ".repeat(40).trim_end());
    }

    #[test]
    fn other_writing_becomes_encoded_words_and_the_tag_stays() {
        let subject = text("Subject", "[GGUS:57890] Störung am CE");
        assert_eq!(subject, "[GGUS:57890] =?utf-8?B?U3TDtnJ1bmc=?= am CE");
        let subject = text("Subject", &format!("[GGUS:57890] {}", "Задание не запускается ".repeat(12)));
        assert!(subject.starts_with("[GGUS:57890] =?utf-8?B?"));
        for word in subject.split_whitespace().skip(1) {
            assert!(word.len() <= 75 && word.starts_with("=?utf-8?B?") && word.ends_with("?="), "{word}");
            let octets = STANDARD.decode(&word[10..word.len() - 2]).unwrap();
            assert!(String::from_utf8(octets).is_ok(), "{word}");
        }
        assert!(subject.split("\r\n").all(|line| line.len() <= 78), "{subject}");
    }

    #[test]
    fn nothing_can_break_out_of_a_header() {
        let subject = text("Subject", "a\r\nBcc: evil@x.example\0\u{85}b\u{2028}c");
        assert_eq!(subject, "a Bcc: evil@x.example b c");
        let name = mailbox("To", Some("Anna\" <evil@x.example>\r\nBcc: b@x.example"), &address("a@x.example"));
        assert_eq!(name, "\"Anna\\\" <evil@x.example> Bcc: b@x.example\" <a@x.example>");
    }

    #[test]
    fn what_looks_encoded_is_encoded() {
        let smuggled = "=?utf-8?B?W0dHVVM6MV0=?=";
        let subject = text("Subject", smuggled);
        assert_eq!(subject, format!("=?utf-8?B?{}?=", STANDARD.encode(smuggled)));
        assert!(!mailbox("To", Some(smuggled), &address("a@x.example")).contains(smuggled));
    }

    #[test]
    fn a_word_without_end_is_cut_into_pieces() {
        let subject = text("Subject", &"x".repeat(5_000));
        assert!(subject.split("\r\n").all(|line| line.len() <= 78));
    }

    #[test]
    fn mailboxes_are_written_for_every_living_address() {
        for (name, at, wanted) in [
            (None, "a.b@x.example", "a.b@x.example"),
            (None, "a..b@x.example", "<a..b@x.example>"),
            (None, "a.@x.example", "<a.@x.example>"),
            (None, "jörg@x.example", "<jörg@x.example>"),
            (Some(""), "a@x.example", "a@x.example"),
            (Some("GGUS Support"), "a@x.example", "GGUS Support <a@x.example>"),
            (Some("Rossi, Anna (INFN)"), "a@x.example", "\"Rossi, Anna (INFN)\" <a@x.example>"),
            (Some("Jörg Müller"), "a@x.example", "=?utf-8?B?SsO2cmcgTcO8bGxlcg==?= <a@x.example>"),
        ] {
            assert_eq!(mailbox("To", name, &address(at)), wanted);
        }
    }

    #[test]
    fn ids_are_folded_and_unwritable_ones_left_out() {
        let made: Vec<MessageId> =
            ["a@x", "b\u{e9}@x", "c><d@x", "e@x"].into_iter().filter_map(MessageId::parse).collect();
        let all: Vec<&MessageId> = made.iter().collect();
        assert_eq!(ids("References", &all), "<a@x> <e@x>");
        let many: Vec<MessageId> =
            (0..9).map(|n| MessageId::made(&format!("{n}.abcdefghijklmnop"), "x.example")).collect();
        let many = ids("References", &many.iter().collect::<Vec<_>>());
        assert!(many.contains("\r\n <") && many.split("\r\n").all(|line| line.len() <= 78), "{many}");
    }

    #[test]
    fn file_names_are_short_and_lead_nowhere() {
        assert_eq!(file_name("../../etc/passwd"), "_.._etc_passwd");
        assert_eq!(file_name("\\\\host\\x.log"), "__host_x.log");
        assert_eq!(file_name("\u{202e}gpj.exe\0"), "gpj.exe");
        assert_eq!(file_name(" .. "), "attachment");
        let long = file_name(&format!("{}.tar.gz", "ж".repeat(900)));
        assert!(long.chars().count() <= LONGEST_FILE_NAME && long.ends_with("~.gz"), "{long}");
        assert_eq!(file_name(&format!("a.{}", "b".repeat(900))).chars().count(), LONGEST_FILE_NAME);
    }
}
