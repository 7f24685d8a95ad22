//! What a report tells people: why it failed, and for whom. Old mail systems (qmail, Exim, DragonFly, Exchange 2003 and many
//! others) tell it in no other way; a text that does not say that something failed to arrive is no report.

use std::collections::BTreeSet;

use super::class::{self, Said};
use super::{Delivery, LONGEST, MOST_RECIPIENTS, Report, bounded};
use crate::mail::address::Address;
use crate::mail::message::Mail;
use crate::mail::parse::header_fields;
use crate::mail::pattern::Pattern;
use crate::mail::plain;

/// The text of a report in its two halves.
pub struct Told<'a> {
    mail: &'a Mail,
    /// In front of the mail that came back.
    reason: &'a str,
    returned: &'a str,
}

/// What is told about one recipient, or a paragraph about none.
struct Entry {
    text: String,
    recipient: Option<Address>,
}

impl<'a> Told<'a> {
    pub fn of(mail: &'a Mail) -> Self {
        let text = bounded(&mail.text);
        let returned = RETURNED.regex().and_then(|pattern| pattern.find(text));
        let (reason, returned) = text.split_at(returned.map_or(text.len(), |found| found.start()));
        Self { mail, reason, returned }
    }

    /// Reads a failure that is told in words alone.
    pub fn read(&self) -> Option<Report> {
        if !FAILED.is_match(bounded(&self.mail.text)) && !super::says_so(&self.mail.subject) {
            return None;
        }
        let entries = self.entries();
        let class = |entry: &Entry| {
            let status = class::status_in(&entry.text);
            class::of_failure(Said { status, words: &entry.text, to_data: self.to_data() })
        };
        let failure = entries.iter().map(class).max().unwrap_or(Delivery::SoftFailed);
        let waits = DELAYED.is_match(bounded(&self.mail.text)) || DELAYED.is_match(&self.mail.subject);
        let worst = entries.iter().filter(|entry| class(entry) == failure).filter_map(|entry| entry.recipient.clone());
        let said = self.reason.lines().map(str::trim).find(|line| SAID.is_match(line));
        Some(Report {
            delivery: if waits && failure != Delivery::Failed { Delivery::Delayed } else { failure },
            recipients: self.named().unwrap_or_else(|| worst.take(MOST_RECIPIENTS).collect()),
            status: class::status_in(self.reason).map(str::to_owned),
            diagnostic: said.map(|line| plain::line(line, LONGEST)),
            returned_ids: Vec::new(),
        })
    }

    /// Whether the other server refused the mail itself, after it had taken the recipient.
    pub fn to_data(&self) -> bool {
        TO_DATA.is_match(self.reason)
    }

    /// What is told about an address, or all of it.
    pub fn about(&self, address: Option<&Address>) -> String {
        let address = address.map(Address::key).unwrap_or_default();
        let names = |entry: &Entry| !address.is_empty() && entry.text.to_lowercase().contains(&address);
        let about: Vec<String> = self.entries().into_iter().filter(names).map(|entry| entry.text).collect();
        if about.is_empty() { self.reason.to_owned() } else { about.join("\n") }
    }

    /// Recipients where no field and no entry with the outcome names one: those that entries name, else the first address
    /// that could be meant, else to whom the mail that came back went.
    pub fn recipients(&self) -> Vec<Address> {
        let of_entries =
            || self.entries().into_iter().filter_map(|entry| entry.recipient).take(MOST_RECIPIENTS).collect();
        let in_text = || addresses(self.reason).find(|address| !self.is_own(address)).into_iter().collect();
        let addressed = || self.returned_to().take(MOST_RECIPIENTS).collect();
        let sources: [&dyn Fn() -> Vec<Address>; 3] = [&of_entries, &in_text, &addressed];
        sources.into_iter().map(|source| source()).find(|found| !found.is_empty()).unwrap_or_default()
    }

    /// `X-Failed-Recipients` of Exim.
    fn named(&self) -> Option<Vec<Address>> {
        let values = self.mail.headers_named("X-Failed-Recipients").flat_map(|value| value.split(','));
        let named: Vec<Address> = values.filter_map(Address::parse).take(MOST_RECIPIENTS).collect();
        (!named.is_empty()).then_some(named)
    }

    /// Paragraphs; a line that begins with an address begins another.
    fn entries(&self) -> Vec<Entry> {
        let mut entries = vec![Entry { text: String::new(), recipient: None }];
        for line in self.reason.lines() {
            let recipient =
                RECIPIENT.first(line).and_then(Address::parse).filter(|address| !self.wrote_or_got(address));
            match entries.last_mut() {
                Some(last) if recipient.is_none() && !line.trim().is_empty() => {
                    last.text.push('\n');
                    last.text.push_str(line);
                }
                _ => entries.push(Entry { text: line.to_owned(), recipient }),
            }
        }
        entries
    }

    fn returned_to(&self) -> impl Iterator<Item = Address> {
        let header = self.mail.returned_headers.as_deref().unwrap_or(self.returned);
        let to = header_fields(header).into_iter().filter(|field| field.name.eq_ignore_ascii_case("To"));
        to.map(|field| addresses(&field.value).collect::<Vec<_>>()).take(1).flatten()
    }

    /// The mail system's own address, or the one that the report went to.
    fn wrote_or_got(&self, address: &Address) -> bool {
        self.mail.sender() == Some(address) || self.mail.to.iter().any(|mailbox| mailbox.address == *address)
    }

    fn is_own(&self, address: &Address) -> bool {
        self.wrote_or_got(address) || super::is_daemon(address.local())
    }
}

/// Every address in a text, once.
fn addresses(text: &str) -> impl Iterator<Item = Address> {
    let mut seen = BTreeSet::new();
    let found = ADDRESS.regex().into_iter().flat_map(move |pattern| pattern.find_iter(text));
    found
        .filter_map(|found| Address::parse(found.as_str().trim_end_matches('.')))
        .filter(move |address| seen.insert(address.clone()))
}

static FAILED: Pattern = Pattern::new(
    r"(?ix) error\ delivering\ your\ mail | (?:attempting|trouble|problem)\ (?:to\ )?deliver | error\ has\ occurred\ while | giving\ up
    | incorrectly\ constructed | invalid\ user\ address | could\ ?n[o']t\ be\ delivered | not\ be\ delivered\ to
    | delivery\ (?:to\ the\ following\ recipients?)?\ ?(?:has\ )?(?:failed|was\ aborted) | unable\ to\ deliver | undeliverable
    | was(?:\ not|n't)\ delivered | failed\ permanently | permanent\ (?:fatal\ )?errors? | fatal\ errors | couldn't\ be\ found
    | user\ unknown | unknown\ user | no\ such\ (?:user|mailbox|recipient|address) | does\ ?n[o']t\ exist
    | mailbox\ (?:is\ )?(?:full|unavailable|not\ found|disabled) | address(?:es)?\ (?:rejected|failed) | over\ quota
    | exceeded\ (?:storage|quota) | did\ not\ reach\ the\ following\ recipient | delivery\ attempts?\ (?:have\ )?failed
    | recipient\ (?:rejected|unknown|not\ found) | host\ (?:or\ domain\ name\ )?(?:not\ found|unknown)
    | message\ (?:was\ )?(?:rejected|refused|blocked|undelivered) | still\ being\ (?:tried|retried) | has\ been\ delayed
    | not\ yet\ been\ delivered | will\ (?:continue|keep)\ (?:to\ try|trying)
    | konnte\ nicht\ zugestellt | n'a\ pas\ pu\ être | non\ è\ stato\ possibile | no\ (?:se\ )?(?:pudo|ha\ podido)\ entreg
    | не\ (?:может\ быть\ доставлено|доставлено)",
);
static DELAYED: Pattern = Pattern::new(
    r"(?ix) still\ being\ (?:tried|retried) | (?:has\ been|is)\ delayed | delayed\ mail | not\ yet\ been\ delivered
    | will\ (?:continue|keep)\ (?:to\ try|trying|to\ be) | delivery\ (?:is\ )?delayed | temporar(?:y|ily)\ (?:failure|unable|deferred)
    | warning:\ message",
);
/// A line that tells why.
static SAID: Pattern = Pattern::new(
    r"(?i)(?:\b[45]\d\d[ -]|\b[45]\.\d{1,3}\.\d{1,3}\b|unknown|not found|quota|full|disabled|rejected|refused|does ?n[o']t exist|no such)",
);
static ADDRESS: Pattern = Pattern::new(
    r"[A-Za-z0-9][A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{0,63}@[A-Za-z0-9](?:[A-Za-z0-9-]{0,62}\.){1,10}[A-Za-z]{2,24}",
);
/// A line that begins with an address, or with words such as "Recipient address:".
static RECIPIENT: Pattern = Pattern::new(
    r#"(?i)^[ \t>]*(?:[a-z][a-z ]{0,40} (?:to|address): *)?<?"?([a-z0-9][a-z0-9.!#$%&'*+/=?^_`{|}~-]{0,63}@[a-z0-9](?:[a-z0-9-]{0,62}\.){1,10}[a-z]{2,24})"?>?[:.]?(?:[\s,;]|$)"#,
);
/// The other server's answer came behind the mail (RFC 5321 section 3.3).
static TO_DATA: Pattern =
    Pattern::new(r"(?im)in reply to end of data|after end of data|for text command|^(?:>>> )?data\s*$");
/// Where the returned mail begins: a line that says so, or the first field of its header.
static RETURNED: Pattern = Pattern::new(
    r"(?im)^(?:-{2,}.{0,60}(?:copy of|original|returned|unsent|undelivered|header of) .{0,80}|.{0,20}below (?:this line )?is (?:a|the) copy of .{0,60}|(?:original )?message (?:headers )?follows?.{0,20}|original message:|(?:return-path|received|message-id): ?.{0,200})$",
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_compiles() {
        for pattern in [&FAILED, &DELAYED, &SAID, &ADDRESS, &RECIPIENT, &TO_DATA, &RETURNED] {
            assert!(pattern.regex().is_some());
        }
    }
}
