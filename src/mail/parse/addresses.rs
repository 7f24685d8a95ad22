//! Address lists (RFC 5322 section 3.4) as they occur: names in quotes, comments, groups, obsolete and broken forms.
//!
//! Only what stands where an address belongs is an address: a display name that looks like one stays a name.

use super::words;
use crate::mail::{Address, Mailbox, plain};

/// Characters kept of a display name.
const LONGEST_NAME: usize = 200;

/// What an address list held.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct AddressList {
    pub mailboxes: Vec<Mailbox>,
    /// Group syntax was used, or something was no address or not clearly one.
    pub irregular: bool,
}

/// Reads a field value whose encoded words are not yet decoded; at most `most` mailboxes of it.
pub fn list(value: &str, most: usize) -> AddressList {
    let mut reader = Reader::default();
    let mut rest = value;
    while let Some(c) = rest.chars().next().filter(|_| reader.found.mailboxes.len() < most) {
        // A comma in an encoded word is not a separator, although it may not stand there bare.
        let word = words::length(rest).filter(|_| reader.comment == 0);
        match word {
            Some(length) => rest[..length].chars().for_each(|c| reader.push(c)),
            None => reader.read(c),
        }
        rest = &rest[word.unwrap_or(c.len_utf8())..];
    }
    if rest.is_empty() {
        reader.entry.is_broken |= reader.quoted || reader.angle || reader.comment > 0;
        reader.end();
    }
    let found = reader.found;
    if found.mailboxes.is_empty() && found.irregular { salvaged(value) } else { found }
}

/// Where nothing stands where it should, the first thing that is an address at all: better than no author, never plain.
fn salvaged(value: &str) -> AddressList {
    let decoded = words::decode(value);
    let words =
        decoded.split(|c: char| c.is_whitespace() || "<>()[],;:\"'".contains(c)).filter(|word| word.contains('@'));
    let mailboxes = words.take(10).find_map(Address::parse).map(Mailbox::from).into_iter().collect();
    AddressList { mailboxes, irregular: true }
}

/// State between two characters of a list.
#[derive(Debug, Default)]
struct Reader {
    found: AddressList,
    entry: Entry,
    quoted: bool,
    escaped: bool,
    angle: bool,
    comment: usize,
}

/// One entry of a list in the making.
#[derive(Debug, Default)]
struct Entry {
    words: String,
    inside: String,
    comment: String,
    has_angle: bool,
    is_broken: bool,
}

impl Reader {
    fn read(&mut self, c: char) {
        match c {
            _ if self.escaped => {
                self.escaped = false;
                self.push(c);
            }
            '\\' if self.quoted || self.comment > 0 => self.escaped = true,
            '"' if self.comment == 0 => self.quoted = !self.quoted,
            _ if self.quoted => self.push(c),
            // The brackets of a comment within a comment belong to its text.
            '(' if self.comment == 0 => self.comment = 1,
            ')' if self.comment == 1 => self.comment = 0,
            '(' | ')' if self.comment > 0 => {
                self.push(c);
                self.comment = if c == '(' { self.comment + 1 } else { self.comment - 1 };
            }
            _ if self.comment > 0 => self.push(c),
            '<' => {
                self.entry.is_broken |= self.entry.has_angle;
                self.entry.inside.clear();
                (self.angle, self.entry.has_angle) = (true, true);
            }
            '>' => self.angle = false,
            ',' if !self.angle => self.end(),
            ';' if !self.angle => {
                self.end();
                self.found.irregular = true;
            }
            ':' if !self.angle => {
                // `Group name: member, member;`
                self.entry = Entry::default();
                self.found.irregular = true;
            }
            c if self.angle && c.is_whitespace() => {}
            _ => self.push(c),
        }
    }

    fn push(&mut self, c: char) {
        match (self.comment > 0, self.angle) {
            (true, _) => self.entry.comment.push(c),
            (_, true) => self.entry.inside.push(c),
            _ => {
                self.entry.is_broken |= self.entry.has_angle && !c.is_whitespace();
                self.entry.words.push(c);
            }
        }
    }

    fn end(&mut self) {
        let entry = std::mem::take(&mut self.entry);
        let words = entry.words.trim();
        if words.is_empty() && !entry.has_angle && !entry.is_broken {
            return;
        }
        let (address, name) = match entry.has_angle {
            // `<@relay.example:user@host.example>` is an obsolete route.
            true => (entry.inside.rsplit(':').next().and_then(Address::parse), words),
            false => (Address::parse(words), entry.comment.trim()),
        };
        self.found.irregular |= entry.is_broken || address.is_none();
        let name = Some(plain::line(&words::decode(name), LONGEST_NAME)).filter(|name| !name.is_empty());
        self.found.mailboxes.extend(address.map(|address| Mailbox { name, address }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(value: &str) -> Vec<(Option<String>, String)> {
        let mailboxes = list(value, 100).mailboxes;
        mailboxes.into_iter().map(|mailbox| (mailbox.name, mailbox.address.to_string())).collect()
    }

    fn one(value: &str) -> (String, String) {
        let list = list(value, 100);
        assert!(list.mailboxes.len() == 1 && !list.irregular, "{value}: {list:?}");
        let (name, address) = seen(value).remove(0);
        (name.unwrap_or_default(), address)
    }

    #[test]
    fn the_usual_forms() {
        for (value, name, address) in [
            ("anna@x.example", "", "anna@x.example"),
            ("<anna@x.example>", "", "anna@x.example"),
            ("Anna B <anna@x.example>,", "Anna B", "anna@x.example"),
            ("\"B, \\\"Anna\\\" (x)\" <anna@x.example> (office)", "B, \"Anna\" (x)", "anna@x.example"),
            ("anna@x.example (Anna (B))", "Anna (B)", "anna@x.example"),
            ("=?utf-8?Q?J=C3=B6rg?=\t=?utf-8?Q?_B?= <j@x.example>", "Jörg B", "j@x.example"),
            ("\"=?utf-8?Q?J=C3=B6rg?=\" <j@x.example>", "Jörg", "j@x.example"),
            ("=?utf-8?Q?B,_J=C3=B6rg_<x>?= <j@x.example>", "B, Jörg <x>", "j@x.example"),
            ("Jörg <j@x.example>", "Jörg", "j@x.example"),
            ("<@relay.example:a@x.example>", "", "a@x.example"),
            ("< a@x.example >", "", "a@x.example"),
            ("\"anna\"@x.example", "", "anna@x.example"),
            ("A\u{202e}nna <anna@x.example>", "Anna", "anna@x.example"),
        ] {
            assert_eq!(one(value), (name.to_owned(), address.to_owned()), "{value}");
        }
        assert_eq!(seen("Anna B <anna@x.example>, <b@y.example>, c@z.example").len(), 3);
    }

    #[test]
    fn a_name_that_looks_like_an_address_stays_a_name() {
        for value in [
            "\"boss@bank.example\" <evil@x.example>",
            "boss@bank.example <evil@x.example>",
            "=?utf-8?Q?boss=40bank.example=2C?= <evil@x.example>",
            "=?utf-8?Q?<boss@bank.example>,?= <evil@x.example>",
            "(boss@bank.example) evil@x.example",
            "\"<boss@bank.example>\" <evil@x.example>",
        ] {
            assert_eq!(one(value).1, "evil@x.example", "{value}");
        }
    }

    #[test]
    fn what_is_not_clear_is_irregular() {
        for (value, addresses) in [
            ("undisclosed: a@x.example, b@x.example;", &["a@x.example", "b@x.example"][..]),
            ("undisclosed-recipients:;", &[]),
            ("nobody at all", &[]),
            ("Anna <a@x.example> <b@x.example>", &["b@x.example"]),
            ("<a@x.exa> <mple>", &["a@x.exa"]),
            ("<a@x.example> b@x.example", &["a@x.example"]),
            ("\"Anna <a@x.example>", &["a@x.example"]),
            ("Anna (a@x.example", &["a@x.example"]),
            ("Anna <a@x.example", &["a@x.example"]),
            ("Anna a@x.example", &["a@x.example"]),
            ("=?utf-8?Q?Anna_<a=40x.example>?=", &["a@x.example"]),
            ("a@x.example, nobody", &["a@x.example"]),
            ("\"a b\"@x.example", &[]),
        ] {
            let list = list(value, 100);
            let found: Vec<&str> = list.mailboxes.iter().map(|mailbox| mailbox.address.as_str()).collect();
            assert_eq!((&found[..], list.irregular), (addresses, true), "{value}");
        }
        assert!(!list("", 100).irregular);
    }

    #[test]
    fn lists_are_bounded() {
        assert_eq!(list(&"a@x.example, ".repeat(10_000), 1_000).mailboxes.len(), 1_000);
        assert!(list(&"=?utf-8?Q?a".repeat(5_000), 1_000).mailboxes.is_empty());
        assert!(list(&"(".repeat(60_000), 1_000).mailboxes.is_empty());
    }
}
