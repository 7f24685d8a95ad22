//! Address lists (RFC 5322 section 3.4) as they occur: names in quotes, comments, groups, obsolete and broken forms.
//!
//! Only what stands where an address belongs is an address: a display name that looks like one stays a name.

use super::header::decode_words;
use crate::mail::{Address, Mailbox};

/// What an address list held.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct AddressList {
    pub mailboxes: Vec<Mailbox>,
    /// Group syntax was used, or something was no address.
    pub irregular: bool,
}

/// Reads an undecoded field value; at most `most` mailboxes of it.
pub fn list(value: &str, most: usize) -> AddressList {
    let mut result = AddressList::default();
    let mut token = Token::default();
    let mut comment = 0_usize;
    let (mut quoted, mut escaped, mut angle) = (false, false, false);
    for c in value.chars() {
        if result.mailboxes.len() >= most {
            return result;
        }
        match c {
            _ if escaped => {
                token.push(c, quoted, angle, comment);
                escaped = false;
            }
            '\\' if quoted || comment > 0 => escaped = true,
            '"' if comment == 0 => {
                quoted = !quoted;
                token.quoted |= !angle;
            }
            '(' if !quoted => comment += 1,
            ')' if !quoted && comment > 0 => comment -= 1,
            _ if quoted || comment > 0 => token.push(c, quoted, angle, comment),
            '<' => {
                angle = true;
                token.has_angle = true;
            }
            '>' => angle = false,
            ',' if !angle => token.end(&mut result),
            ';' if !angle => {
                token.end(&mut result);
                result.irregular = true;
            }
            ':' if !angle => {
                // `Group name: member, member;`
                token = Token::default();
                result.irregular = true;
            }
            _ => token.push(c, quoted, angle, comment),
        }
    }
    token.end(&mut result);
    result
}

/// One entry of a list in the making.
#[derive(Debug, Default)]
struct Token {
    words: String,
    inside: String,
    comment: String,
    has_angle: bool,
    quoted: bool,
}

impl Token {
    fn push(&mut self, c: char, quoted: bool, angle: bool, comment: usize) {
        let target = match (comment > 0, angle) {
            (true, _) => &mut self.comment,
            (_, true) => &mut self.inside,
            _ => &mut self.words,
        };
        // A blank in a quoted local part can't be written back safely; the address check refuses it.
        if !(angle && !quoted && c.is_whitespace()) {
            target.push(c);
        }
    }

    fn end(&mut self, result: &mut AddressList) {
        let token = std::mem::take(self);
        let words = token.words.trim();
        if words.is_empty() && !token.has_angle {
            return;
        }
        let (address, name) = match token.has_angle {
            // `<@relay.example:user@host.example>` is an obsolete route.
            true => (token.inside.rsplit(':').next().and_then(Address::parse), words),
            false => (Address::parse(words), token.comment.trim()),
        };
        match address {
            Some(address) => result.mailboxes.push(Mailbox { name: tidy_name(name), address }),
            None => result.irregular = true,
        }
    }
}

fn tidy_name(name: &str) -> Option<String> {
    let decoded = decode_words(name);
    let clean: String = decoded.chars().filter(|c| !c.is_control() && !is_bidi(*c)).take(200).collect();
    let clean = clean.split_whitespace().collect::<Vec<_>>().join(" ");
    (!clean.is_empty()).then_some(clean)
}

/// Characters that turn the direction of text and so make it read as something else (Unicode TR 36 section 3.1).
pub fn is_bidi(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{61c}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(value: &str) -> Vec<(Option<String>, String)> {
        let mailboxes = list(value, 100).mailboxes;
        mailboxes.into_iter().map(|mailbox| (mailbox.name, mailbox.address.to_string())).collect()
    }

    #[test]
    fn the_usual_forms() {
        assert_eq!(seen("anna@x.example"), [(None, "anna@x.example".to_owned())]);
        assert_eq!(seen("Anna B <anna@x.example>, <b@y.example>").len(), 2);
        assert_eq!(seen("\"B, Anna\" <anna@x.example>")[0].0.as_deref(), Some("B, Anna"));
        assert_eq!(seen("anna@x.example (Anna)")[0].0.as_deref(), Some("Anna"));
        assert_eq!(seen("=?utf-8?Q?J=C3=B6rg?= <j@x.example>")[0].0.as_deref(), Some("Jörg"));
        assert_eq!(seen("<@relay.example:a@x.example>")[0].1, "a@x.example");
    }

    #[test]
    fn a_name_that_looks_like_an_address_stays_a_name() {
        assert_eq!(
            seen("\"boss@bank.example\" <evil@x.example>"),
            [(Some("boss@bank.example".into()), "evil@x.example".into())]
        );
        assert_eq!(
            seen("boss@bank.example <evil@x.example>"),
            [(Some("boss@bank.example".into()), "evil@x.example".into())]
        );
        assert_eq!(seen("=?utf-8?Q?boss=40bank.example=2C?= <evil@x.example>")[0].1, "evil@x.example");
        assert_eq!(seen("(boss@bank.example) evil@x.example")[0].1, "evil@x.example");
    }

    #[test]
    fn groups_and_garbage_are_irregular() {
        let group = list("undisclosed: a@x.example, b@x.example;", 100);
        assert_eq!((group.mailboxes.len(), group.irregular), (2, true));
        let garbage = list("nobody at all", 100);
        assert_eq!((garbage.mailboxes.len(), garbage.irregular), (0, true));
        assert_eq!(list(&"a@x.example, ".repeat(10_000), 1_000).mailboxes.len(), 1_000);
    }
}
