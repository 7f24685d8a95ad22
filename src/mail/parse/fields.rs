//! The fields that the desk works with: people, ids, subject and date (RFC 5322 section 3.6), each bounded.

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;

use super::addresses::{AddressList, list};
use super::header::{Field, find};
use crate::mail::message::{Author, Fault, Mail, MessageId};
use crate::mail::{Address, Mailbox};

/// Addresses kept of one mail's recipients.
pub const MOST_RECIPIENTS: usize = 1_000;
/// Message-IDs kept of one field, the newest.
const MOST_REFERENCES: usize = 200;

/// Fills in what the fields say.
pub fn fill(mail: &mut Mail, fields: &[Field], faults: &mut Vec<Fault>) {
    mail.message_id = ids(fields, "message-id").into_iter().next();
    mail.in_reply_to = ids(fields, "in-reply-to");
    mail.references = ids(fields, "references");
    mail.author = author(fields, faults);
    mail.reply_to = mailboxes(fields, "reply-to");
    mail.to = mailboxes(fields, "to");
    mail.cc = mailboxes(fields, "cc");
    mail.recipients = recipients(fields, &mail.to, &mail.cc);
    mail.subject = find(fields, "subject").map(|field| field.decoded().value).unwrap_or_default();
    mail.date = fields.iter().filter(|field| field.is("date")).take(5).find_map(|field| date(&field.raw));
    if mail.author.mailbox.is_none() {
        faults.push(Fault::NoAuthor);
    }
}

fn lists<'a>(fields: &'a [Field], name: &'a str) -> impl Iterator<Item = AddressList> + 'a {
    fields.iter().filter(move |field| field.is(name)).map(|field| list(&field.raw, MOST_RECIPIENTS))
}

fn mailboxes(fields: &[Field], name: &str) -> Vec<Mailbox> {
    lists(fields, name).flat_map(|list| list.mailboxes).take(MOST_RECIPIENTS).collect()
}

fn author(fields: &[Field], faults: &mut Vec<Fault>) -> Author {
    let given: Vec<AddressList> = lists(fields, "from").take(10).collect();
    if given.len() > 1 {
        faults.push(Fault::SeveralFromFields);
    }
    let regular = given.iter().all(|list| !list.irregular && list.mailboxes.len() == 1);
    if !regular && !given.is_empty() {
        faults.push(Fault::AuthorNotPlain);
    }
    let plain = regular && given.len() == 1;
    let mut candidates: Vec<Mailbox> = given.into_iter().flat_map(|list| list.mailboxes).collect();
    let sender = mailboxes(fields, "sender").into_iter().next().filter(|_| candidates.len() > 1);
    let chosen = sender.and_then(|sender| candidates.iter().position(|one| one.address == sender.address));
    let mailbox = (!candidates.is_empty()).then(|| candidates.swap_remove(chosen.unwrap_or(0)));
    Author { mailbox, plain }
}

fn recipients(fields: &[Field], to: &[Mailbox], cc: &[Mailbox]) -> Vec<Address> {
    let traced = ["delivered-to", "x-original-to", "envelope-to"].iter().flat_map(|name| mailboxes(fields, name));
    let named = to.iter().chain(cc).cloned();
    let addresses = traced.chain(named).map(|mailbox| mailbox.address);
    let mut seen = BTreeSet::new();
    addresses.filter(|address| seen.insert(address.key())).take(MOST_RECIPIENTS).collect()
}

/// Ids of all fields called `name`: in angle brackets, or where there are none the words with an `@`, else the only word.
fn ids(fields: &[Field], name: &str) -> Vec<MessageId> {
    let values: Vec<&str> = fields.iter().filter(|field| field.is(name)).map(|field| field.raw.as_str()).collect();
    let text = values.join(" ");
    let mut found: Vec<MessageId> = bracketed(&text).filter_map(MessageId::parse).collect();
    if found.is_empty() {
        found.extend(text.split_whitespace().filter(|word| word.contains('@')).filter_map(MessageId::parse));
    }
    if found.is_empty() && text.split_whitespace().count() == 1 {
        found.extend(MessageId::parse(&text));
    }
    found.split_off(found.len().saturating_sub(MOST_REFERENCES))
}

fn bracketed(text: &str) -> impl Iterator<Item = &str> {
    text.split('<').skip(1).filter_map(|piece| piece.split_once('>')).map(|(id, _)| id)
}

/// A date with its faults forgiven: wrong weekday, comments, a zone that nobody knows or none (read as UTC).
fn date(value: &str) -> Option<Timestamp> {
    let parser = DateTimeParser::new().relaxed_weekday(true);
    let bare = value.split('(').next().unwrap_or(value).trim();
    let strict = parser.parse_timestamp(bare);
    strict.or_else(|_| parser.parse_timestamp(repaired(bare))).ok()
}

/// `[weekday,] day month year time [zone]`, in one of the orders and marks that occur.
fn repaired(value: &str) -> String {
    let words: Vec<&str> = value.split([' ', ',', '\t', '-']).filter(|word| !word.is_empty()).take(8).collect();
    let is_number = |word: &&str| word.bytes().all(|byte| byte.is_ascii_digit());
    let is_month =
        |word: &&str| MONTHS.iter().any(|month| word.get(..3).is_some_and(|w| w.eq_ignore_ascii_case(month)));
    let time = words.iter().find(|word| word.contains(':')).copied().unwrap_or("00:00");
    let month = words.iter().find(|word| is_month(word)).and_then(|word| word.get(..3)).unwrap_or_default();
    let mut numbers = words.iter().filter(|word| is_number(word) && word.len() <= 4);
    let (day, year) = (numbers.next().copied().unwrap_or_default(), numbers.next().copied().unwrap_or_default());
    let offset = |word: &&str| word.len() == 5 && word.starts_with(['+', '-']);
    let zone = value.split_whitespace().rfind(offset).unwrap_or("+0000");
    format!("{day} {month} {year} {time} {zone}")
}

const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::parse::{ReadLimits, parse};

    fn of(head: &str) -> Mail {
        parse(format!("{head}\r\n\r\nx").as_bytes(), &ReadLimits::default())
    }

    #[test]
    fn several_or_unclear_authors_are_not_plain() {
        for (head, who, plain, fault) in [
            ("From: a@x.example", Some("a@x.example"), true, None),
            ("From: a@x.example\r\nFrom: b@x.example", Some("a@x.example"), false, Some(Fault::SeveralFromFields)),
            ("From: a@x.example\r\nFROM : ", Some("a@x.example"), false, Some(Fault::SeveralFromFields)),
            (
                "From: a@x.example, b@x.example\r\nSender: B@x.example",
                Some("b@x.example"),
                false,
                Some(Fault::AuthorNotPlain),
            ),
            (
                "From: a@x.example, b@x.example\r\nSender: c@x.example",
                Some("a@x.example"),
                false,
                Some(Fault::AuthorNotPlain),
            ),
            ("From: people: a@x.example;", Some("a@x.example"), false, Some(Fault::AuthorNotPlain)),
            ("From: a@x.example\r\nSender: c@x.example", Some("a@x.example"), true, None),
            ("From: nobody", None, false, Some(Fault::NoAuthor)),
            ("Subject: x", None, false, Some(Fault::NoAuthor)),
        ] {
            let mail = of(head);
            assert_eq!((mail.sender().map(Address::as_str), mail.author.plain), (who, plain), "{head}");
            assert!(fault.is_none_or(|fault| mail.faults.contains(&fault)), "{head}: {:?}", mail.faults);
        }
    }

    #[test]
    fn recipients_are_of_the_envelope_first_and_once() {
        let mail = of("To: A <a@x.example>\r\nCc: c@x.example, A@x.example\r\nX-Original-To: o@x.example\r\n\
                       Envelope-To: e@x.example, f@x.example\r\nDelivered-To: d+tag@x.example");
        let found: Vec<&str> = mail.recipients.iter().map(Address::as_str).collect();
        let expected = ["d+tag@x.example", "o@x.example", "e@x.example", "f@x.example", "a@x.example", "c@x.example"];
        assert_eq!(found, expected);
    }

    #[test]
    fn ids_are_found_in_what_programs_write() {
        let id = |text: &str| MessageId::parse(text).unwrap();
        for (value, ids) in [
            ("<1@x>", vec![id("1@x")]),
            ("<1@x><2@x>\r\n\t<3@x>", vec![id("1@x"), id("2@x"), id("3@x")]),
            ("Message from anna@x of \"today\" <1@x>", vec![id("1@x")]),
            ("1@x 2@x", vec![id("1@x"), id("2@x")]),
            ("<1@x", vec![id("1@x")]),
            ("moderator", vec![id("moderator")]),
            ("your mail of today", vec![]),
            ("<>", vec![]),
        ] {
            assert_eq!(of(&format!("References: {value}")).references, ids, "{value}");
        }
        let many = of(&format!("References: {}<last@x>", "<a@x>\r\n ".repeat(900))).references;
        assert_eq!((many.len(), many.last()), (MOST_REFERENCES, Some(&id("last@x"))));
    }

    #[test]
    fn dates_are_read_with_their_faults() {
        for value in [
            "Thu, 1 Feb 2007 10:20:30 +0100",
            "Mon, 1 Feb 2007 10:20:30 +0100 (CET)",
            "1 Feb 07 09:20:30 GMT",
            "Thu, 01 Feb 2007 09:20:30",
            "Thu, 01-Feb-2007 09:20:30 WEST",
            "Thu Feb 1 10:20:30 2007 +0100",
            "broken\r\nDate: 1 Feb 2007 10:20:30 +0100",
        ] {
            assert_eq!(of(&format!("Date: {value}")).date.map(|date| date.as_second()), Some(1_170_321_630), "{value}");
        }
        for value in ["", "yesterday", "99 Feb 2007 10:00:00 +0000", &"1 ".repeat(500)] {
            assert_eq!(of(&format!("Date: {value}")).date, None, "{value}");
        }
    }
}
