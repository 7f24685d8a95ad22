//! The desk's own marks in mail: subject tags, reply tokens, Message-IDs. Every mark that is written can be read back.
//!
//! A tag finds a ticket and proves nothing. A token is a keyed hash over (ticket, party) and proves that a desk mail was
//! seen. The hash in a Message-ID makes it a key that can't be guessed, never a proof.

use std::collections::BTreeSet;
use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use regex::Regex;
use sha2::Sha256;
use subtle::ConstantTimeEq;
use unicode_normalization::UnicodeNormalization;

use super::policy::{Desk, UnitName};
use super::ticket::TicketId;
use crate::mail::{Address, MessageId};

/// The secrets behind tokens and Message-IDs: the first makes new ones, all are accepted (key roll-over).
#[derive(Clone)]
pub struct Keys(Vec<Vec<u8>>);

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keys({} secret)", self.0.len())
    }
}

/// To whom a token was given.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Party {
    /// The envelope sender of one mail: who uses it reports on the delivery of mail number n.
    Envelope(u32),
    /// The emergency address of the site of that name.
    Site(String),
    Unit(UnitName),
    /// Submitter or cc.
    User(Address),
}

/// Bits of a token: 80, in 16 characters of base 32.
const TOKEN_BYTES: usize = 10;
const BASE32: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

impl Keys {
    /// `secrets`: the current one first, then those that are being rolled over. `None` where there is none.
    pub fn new(secrets: Vec<Vec<u8>>) -> Option<Self> {
        (!secrets.is_empty() && secrets.iter().all(|secret| secret.len() >= 16)).then_some(Self(secrets))
    }

    /// The token of a party in a ticket.
    pub fn token(&self, ticket: TicketId, party: &Party) -> String {
        self.0.first().map(|secret| keyed(secret, &token_text(ticket, party))).unwrap_or_default()
    }

    /// Whether a token is this party's, in constant time.
    pub fn verify(&self, token: &str, ticket: TicketId, party: &Party) -> bool {
        self.matches(token, &token_text(ticket, party))
    }

    fn matches(&self, given: &str, text: &str) -> bool {
        let given = given.to_lowercase();
        self.0.iter().any(|secret| bool::from(keyed(secret, text).as_bytes().ct_eq(given.as_bytes())))
    }
}

fn token_text(ticket: TicketId, party: &Party) -> String {
    match party {
        Party::Envelope(number) => format!("envelope\n{ticket}\n{number}"),
        Party::Site(site) => format!("site\n{ticket}\n{site}"),
        Party::Unit(unit) => format!("unit\n{ticket}\n{unit}"),
        Party::User(address) => format!("user\n{ticket}\n{}", address.key()),
    }
}

fn keyed(secret: &[u8], text: &str) -> String {
    // HMAC takes keys of any length, so there is no error to meet here.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret) else { return String::new() };
    mac.update(text.as_bytes());
    base32(&mac.finalize().into_bytes()[..TOKEN_BYTES])
}

fn base32(bytes: &[u8]) -> String {
    let mut text = String::new();
    for group in bytes.chunks(5) {
        let bits = group.iter().fold(0u64, |bits, byte| bits << 8 | u64::from(*byte));
        (0..8).for_each(|place| text.push(BASE32[(bits >> (35 - 5 * place)) as usize & 31] as char));
    }
    text
}

/// What a tagged recipient address of the desk says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddressTag {
    pub ticket: TicketId,
    /// The number of the mail whose envelope sender it was; `None` for a reply address.
    pub number: Option<u32>,
    pub token: String,
}

/// `support+57890.<token>@…`: where the party answers.
pub fn reply_address(desk: &Desk, ticket: TicketId, party: &Party) -> Address {
    tagged(desk, &format!("{ticket}.{}", desk.keys.token(ticket, party)))
}

/// `support+57890-12.<token>@…`: where delivery reports about mail 12 of the ticket come.
pub fn envelope_address(desk: &Desk, ticket: TicketId, number: u32) -> Address {
    tagged(desk, &format!("{ticket}-{number}.{}", desk.keys.token(ticket, &Party::Envelope(number))))
}

fn tagged(desk: &Desk, detail: &str) -> Address {
    let plain = &desk.address;
    desk.subaddress
        .and_then(|separator| Address::parse(&format!("{}{separator}{detail}@{}", plain.local(), plain.domain())))
        .unwrap_or_else(|| plain.clone())
}

/// Reads the tag of a recipient address, where it is one of the desk's.
pub fn read_address(desk: &Desk, address: &Address) -> Option<AddressTag> {
    let separator = desk.subaddress.filter(|_| desk.is_own(address))?;
    let (_, detail) = address.local().split_once(separator)?;
    let (head, token) = detail.split_once('.')?;
    let (ticket, number) = match head.split_once('-') {
        Some((ticket, number)) => (ticket, Some(number.parse().ok()?)),
        None => (head, None),
    };
    Some(AddressTag { ticket: TicketId(ticket.parse().ok()?), number, token: token.to_owned() })
}

/// The Message-ID of mail `number` of a ticket: `57890.12.<hash>@ggus.example`.
pub fn message_id(desk: &Desk, ticket: TicketId, number: u32) -> MessageId {
    let hash = desk.keys.0.first().map(|secret| keyed(secret, &id_text(ticket, number))).unwrap_or_default();
    MessageId::made(&format!("{ticket}.{number}.{hash}"), desk.address.domain())
}

fn id_text(ticket: TicketId, number: u32) -> String {
    format!("message-id\n{ticket}\n{number}")
}

/// The ticket and the number in a Message-ID that this desk made; a forged or foreign one is `None`.
///
/// The domain is not looked at: some relays rewrite it and keep the left side.
pub fn read_message_id(desk: &Desk, id: &MessageId) -> Option<(TicketId, u32)> {
    let (ticket, number, hash) = take_apart(id)?;
    desk.keys.matches(hash, &id_text(ticket, number)).then_some((ticket, number))
}

/// Whether a Message-ID has the form of those that a desk makes, this one or another. It tells what a mail may be, and is
/// no key.
pub fn is_of_a_desk(id: &MessageId) -> bool {
    let is_hash = |hash: &str| hash.len() == TOKEN_BYTES * 8 / 5 && hash.bytes().all(|b| b.is_ascii_alphanumeric());
    take_apart(id).is_some_and(|(_, _, hash)| is_hash(hash))
}

fn take_apart(id: &MessageId) -> Option<(TicketId, u32, &str)> {
    let (left, _) = id.as_str().split_once('@')?;
    let (ticket, rest) = left.split_once('.')?;
    let (number, hash) = rest.split_once('.')?;
    Some((TicketId(ticket.parse().ok()?), number.parse().ok()?, hash))
}

/// The ticket in a Message-ID that has the form of the desk's, where its secret is not known: anybody could have written
/// it. Where the domain is known it must be that one, and the hash is not looked at.
pub fn ticket_by_form(id: &MessageId, domain: Option<&str>) -> Option<TicketId> {
    let (left, right) = id.as_str().split_once('@')?;
    let (ticket, rest) = left.split_once('.')?;
    let (number, hash) = rest.split_once('.')?;
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_ours = match domain {
        Some(domain) => right.eq_ignore_ascii_case(domain),
        None => hash.len() == TOKEN_BYTES * 8 / 5 && hash.bytes().all(|byte| BASE32.contains(&byte)),
    };
    let ticket = ticket.parse().ok().filter(|_| is_ours && is_number(ticket) && is_number(number))?;
    (ticket > 0).then_some(TicketId(ticket))
}

/// The subject tags of one desk.
#[derive(Clone, Debug)]
pub struct Tags {
    name: String,
    strict: Regex,
    tolerant: Regex,
}

impl Tags {
    /// Tags of a desk called `name`, 2 to 16 ASCII letters.
    pub fn new(name: &str) -> Result<Self, String> {
        let good = (2..=16).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphabetic());
        if !good {
            return Err(format!("{name:?} can't be a tag, use 2 to 16 letters such as \"GGUS\""));
        }
        // After normalising: ASCII brackets, single blanks. `\b` stands after the digits so that 57890x is no tag.
        let bracket = format!(r"\[ ?{name} ?(?::|-|#| ?#) ?0*([0-9]{{1,19}}) ?\]");
        let historic = format!(r"\b{name} ?[-_ ]? ?Ticket ?[-_ ]? ?ID ?: ?# ?0*([0-9]{{1,19}})\b");
        let loose = format!(r"\b{name}(?: ?[:#-] ?| )#? ?0*([0-9]{{1,19}})\b");
        let compile = |pattern: &str| Regex::new(&format!("(?i){pattern}")).map_err(|error| error.to_string());
        Ok(Self {
            name: name.to_owned(),
            strict: compile(&format!("{bracket}|{historic}"))?,
            tolerant: compile(&loose)?,
        })
    }

    /// `[GGUS:57890]`.
    pub fn write(&self, ticket: TicketId) -> String {
        format!("[{}:{ticket}]", self.name)
    }

    /// `GGUS-Ticket-ID: #57890`.
    pub fn write_historic(&self, ticket: TicketId) -> String {
        format!("{}-Ticket-ID: #{ticket}", self.name)
    }

    /// Every ticket that a decoded subject names in a form that the desk reads from anybody.
    pub fn read(&self, subject: &str) -> BTreeSet<TicketId> {
        numbers(&self.strict, &normalise(subject))
    }

    /// The same with the forms that only registered units may use (`GGUS 57890`, `GGUS#57890`).
    pub fn read_tolerant(&self, text: &str) -> BTreeSet<TicketId> {
        let plain = normalise(text);
        let mut found = numbers(&self.strict, &plain);
        found.extend(numbers(&self.tolerant, &plain));
        found
    }

    /// Where in a normalised subject the first tag stands.
    pub fn first_in(&self, subject: &str) -> Option<std::ops::Range<usize>> {
        self.strict.find(subject).map(|found| found.range())
    }

    /// A subject without the desk's tags, blanks put in order. Where there is no tag, nothing is changed.
    pub fn cut_from(&self, subject: &str) -> String {
        let plain = normalise(subject);
        if !self.strict.is_match(&plain) {
            return subject.to_owned();
        }
        let bare = self.strict.replace_all(&plain, " ");
        // What stood around a tag may be one itself now; an ellipsis joins nothing.
        let bare = self.strict.replace_all(&bare, "…");
        bare.split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

fn numbers(pattern: &Regex, text: &str) -> BTreeSet<TicketId> {
    let captures = pattern
        .captures_iter(text)
        .filter_map(|found| found.iter().skip(1).flatten().next().map(|m| m.as_str().to_owned()));
    captures.filter_map(|digits| digits.parse().ok()).filter(|number| *number > 0).map(TicketId).collect()
}

/// Full-width forms to ASCII, zero-width characters away, every run of white space to one blank.
pub fn normalise(text: &str) -> String {
    const ZERO_WIDTH: [char; 7] = ['\u{200b}', '\u{200c}', '\u{200d}', '\u{2060}', '\u{feff}', '\u{200e}', '\u{200f}'];
    let folded: String = text.nfkc().filter(|c| !ZERO_WIDTH.contains(c)).collect();
    // NFKC would also make ASCII of other scripts' digits: a tag's digits are ASCII as sent, or full-width.
    folded.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags() -> Tags {
        Tags::new("GGUS").unwrap()
    }

    fn only(subject: &str) -> Vec<u64> {
        tags().read(subject).into_iter().map(|id| id.0).collect()
    }

    #[test]
    fn tags_within_tags_leave_none() {
        let tags = Tags::new("GGUS").unwrap();
        for subject in ["Re: [GGUS[GGUS #1] #1] CE down", "[GGUS[GGUS[GGUS:1]:2]:3] x", "[[GGUS:1]GGUS:2]"] {
            let bare = tags.cut_from(subject);
            assert_eq!(tags.read(&bare), [].into(), "{bare}");
            assert_eq!(tags.cut_from(&bare), bare);
        }
    }

    #[test]
    fn tags_are_read_in_every_form_that_people_send() {
        for subject in [
            "[GGUS:57890] broken",
            "Re: [ggus:57890]",
            "[GGUS-57890]",
            "[GGUS #57890]",
            "[GGUS: 57890]",
            "[GGUS\u{a0}#57890]",
            "GGUS-Ticket-ID: #57890 broken",
            "AW: GGUS-Ticket-ID:\t#57890",
            "［GGUS：57890］",
            "[GG\u{200b}US:57890]",
            "[GGUS:0057890]",
            "Thanks for your inquiry ([GGUS:57890] foo) [Ticket#61042]",
        ] {
            assert_eq!(only(subject), [57890], "{subject}");
        }
    }

    #[test]
    fn what_belongs_to_somebody_else_is_no_tag() {
        for subject in [
            "#57890",
            "[#57890]",
            "[Ticket#2005] x",
            "Broken BDII ISSUE=7932 PROJ=71",
            "GGUS 57890",
            "[GGUS:]",
            "[GGUS:0]",
            "[XGGUS:12]",
            "[GGUS:57890x]",
            "[GGUS:99999999999999999999999]",
            "[rt.infn.example #4711]",
        ] {
            assert_eq!(only(subject), [0; 0], "{subject}");
        }
        assert_eq!(tags().read_tolerant("AW: GGUS 57890 done").len(), 1);
        assert_eq!(tags().read_tolerant("GGUS#57890").len(), 1);
        assert_eq!(tags().read_tolerant("XGGUS 57890").len(), 0);
    }

    #[test]
    fn two_tags_are_both_seen_and_a_cut_leaves_none() {
        assert_eq!(only("[GGUS:1] fwd [GGUS:2]"), [1, 2]);
        assert_eq!(tags().cut_from("Re: [GGUS:57890]  broken  CE"), "Re: broken CE");
    }

    #[test]
    fn a_message_id_is_known_by_its_form() {
        let ticket = |id: &str, domain| ticket_by_form(&MessageId::parse(id).unwrap(), domain).map(|id| id.0);
        let ours = "57890.12.abcdefghijklmno2@ggus.example";
        assert_eq!((ticket(ours, None), ticket(ours, Some("GGUS.example"))), (Some(57890), Some(57890)));
        assert_eq!(ticket(ours, Some("other.example")), None);
        assert_eq!(ticket("57890.1.x@ggus.example", Some("ggus.example")), Some(57890));
        for other in ["57890.1.x@ggus.example", "1795447380.812345.44@x.example", "0.1.abcdefghijklmno2@x.example"] {
            assert_eq!(ticket(other, None), None, "{other}");
        }
    }

    #[test]
    fn a_desk_name_that_is_no_word_is_refused() {
        for name in ["", "G", "GG US", "GG(", "ABCDEFGHIJKLMNOPQ"] {
            assert!(Tags::new(name).is_err(), "{name:?}");
        }
    }

    #[test]
    fn tokens_belong_to_one_ticket_and_one_party_and_survive_a_change_of_keys() {
        let old = Keys::new(vec![vec![1; 32]]).unwrap();
        let new = Keys::new(vec![vec![2; 32], vec![1; 32]]).unwrap();
        let unit = Party::Unit("ROC_Italy".into());
        let token = old.token(TicketId(7), &unit);
        assert_eq!(token.len(), 16);
        assert!(old.verify(&token.to_uppercase(), TicketId(7), &unit));
        assert!(new.verify(&token, TicketId(7), &unit));
        assert!(!old.verify(&token, TicketId(8), &unit));
        assert!(!old.verify(&token, TicketId(7), &Party::Unit("ROC_CE".into())));
        assert!(!old.verify(&new.token(TicketId(7), &unit), TicketId(7), &unit));
        assert!(!old.verify("", TicketId(7), &unit));
    }
}
