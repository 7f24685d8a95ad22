//! Delivery failures: status notifications (RFC 3464, RFC 6522) and those that a mail system only tells in a text. One mail
//! is one report, however many parts tell it. Delays and successes are reports too, and mean little.
//!
//! What a person writes is no report, whatever it quotes or forwards; nor are receipts for reading (RFC 8098), complaints
//! (RFC 5965) and absence notices.

mod class;
mod status;
mod text;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use text::Told;

use super::address::Address;
use super::message::{Mail, MessageId};
use super::parse::header_fields;
use super::pattern::Pattern;

/// What became of the delivery, the least bad first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Delivery {
    /// Delivered, relayed or expanded.
    Delivered,
    /// Still being tried.
    Delayed,
    /// It did not arrive and is tried no more, but the address may be good: a full mailbox, a refused text, a network.
    SoftFailed,
    /// It did not arrive and never will: nobody has this address.
    Failed,
}

impl Delivery {
    /// It did not arrive and is tried no more.
    pub fn is_failure(self) -> bool {
        self >= Self::SoftFailed
    }

    /// As people read it.
    pub fn words(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Delayed => "delayed",
            Self::SoftFailed => "not delivered, the address may be good",
            Self::Failed => "not delivered, nobody has the address",
        }
    }
}

/// One delivery report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// The outcome; the worst where several recipients are named.
    pub delivery: Delivery,
    /// Final or original recipients with that outcome.
    pub recipients: Vec<Address>,
    /// Enhanced status code (RFC 3463), `5.1.1`.
    pub status: Option<String>,
    /// What the other server said, one line, bounded.
    pub diagnostic: Option<String>,
    /// Message-ID of the returned mail, and every other id found in what was returned.
    pub returned_ids: Vec<MessageId>,
}

impl Report {
    /// What the other server said, or its status; in words for people.
    pub fn why(&self) -> &str {
        self.diagnostic.as_deref().or(self.status.as_deref()).unwrap_or("no reason was given")
    }
}

/// Recipients kept of one report.
const MOST_RECIPIENTS: usize = 50;
/// Ids kept of what was returned.
const MOST_IDS: usize = 20;
/// Bytes of a text that are looked at; what a server says stands at the beginning.
const LOOKED_AT: usize = 64 << 10;
/// Characters of a diagnosis.
const LONGEST: usize = 400;

/// Reads the report, where the mail is one.
pub fn report(mail: &Mail) -> Option<Report> {
    if is_about_no_delivery(mail) || !is_of_a_mail_system(mail) {
        return None;
    }
    let told = Told::of(mail);
    let parts = mail.status_parts.join("\n\n");
    let in_text = || status::read(&mail.text[GROUPS.regex()?.find(bounded(&mail.text))?.start()..], &told);
    let mut read = status::read(bounded(&parts), &told).or_else(in_text).or_else(|| told.read())?;
    if read.recipients.is_empty() {
        read.recipients = told.recipients();
    }
    Some(Report { returned_ids: returned_ids(mail), ..read })
}

/// A receipt for reading is an answer, and a complaint is about a mail that arrived, whatever they hold.
fn is_about_no_delivery(mail: &Mail) -> bool {
    let tells = |kind: &str| mail.content_type.contains(kind);
    tells("disposition-notification")
        || tells("feedback-report")
        || mail.status_parts.iter().any(|part| part.to_ascii_lowercase().contains("\ndisposition:"))
}

/// A mail system wrote it: it says so by its form, by its author, or has none (RFC 5321 section 4.5.5) and speaks of a
/// failure. A null sender alone proves nothing: lists have it too.
fn is_of_a_mail_system(mail: &Mail) -> bool {
    let is_daemons = mail.sender().is_none_or(|sender| is_daemon(sender.local()));
    let null_sender = mail.headers_named("Return-Path").next().is_some_and(|value| value.replace(' ', "") == "<>");
    mail.content_type.starts_with("multipart/report") || is_daemons || (null_sender && says_so(&mail.subject))
}

fn is_daemon(local: &str) -> bool {
    DAEMON.is_match(&local.to_lowercase())
}

/// Whether a subject tells of a failure, and not of an answer to one.
fn says_so(subject: &str) -> bool {
    SUBJECT.is_match(subject) && !ANSWERS.is_match(subject)
}

/// Message-ID of the returned mail first, then every other id that it or the text names.
fn returned_ids(mail: &Mail) -> Vec<MessageId> {
    let returned = mail.returned_headers.as_deref().map(header_fields).unwrap_or_default();
    let named = |name: &str| {
        let fields = returned.iter().filter(|field| field.name.eq_ignore_ascii_case(name));
        fields.map(|field| field.value.clone()).collect::<Vec<_>>().join(" ")
    };
    let text =
        [named("Message-ID"), named("In-Reply-To"), named("References"), id_lines(bounded(&mail.text))].join(" ");
    let own = mail.in_reply_to.iter().chain(&mail.references).cloned();
    let mut seen = BTreeSet::new();
    let Some(pattern) = ID.regex() else { return Vec::new() };
    let found = pattern.find_iter(&text).filter_map(|found| MessageId::parse(found.as_str()));
    found.chain(own).filter(|id| seen.insert(id.clone())).take(MOST_IDS).collect()
}

/// Lines of a returned header block inside the text.
fn id_lines(text: &str) -> String {
    let is_id = |line: &&str| {
        let lower = line.trim_start_matches(['>', ' ', '\t']).get(..11).unwrap_or_default().to_ascii_lowercase();
        lower.starts_with("message-id:") || lower.starts_with("references:")
    };
    text.lines().filter(is_id).collect::<Vec<_>>().join(" ")
}

/// The beginning of a text, as much as is looked at.
fn bounded(text: &str) -> &str {
    let mut end = text.len().min(LOOKED_AT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

static DAEMON: Pattern = Pattern::new(
    r"^(?:mailer-?daemon|mail-?daemon|post_?master|mdaemon|mmdf|mailerdaemon|postoffice|bounces?|mail-?deliver[a-z-]*|microsoftexchange[0-9a-f]*|mailsystem|mta)\b",
);
static SUBJECT: Pattern = Pattern::new(
    r"(?ix) \b (?:undeliver(?:able|ed) | returned\ mail | return(?:ed)?\ to\ sender
    | delivery\ (?:status\ )?(?:notification|failure|report|error|problem|has\ failed)
    | mail\ (?:delivery|system)\ (?:failed|failure|error|subsystem) | failure\ notice | could\ not\ be\ delivered | not\ delivered
    | non[-\ ]?(?:delivery|remis) | mail\ could\ not | delayed\ mail | warning:\ message | message\ delayed | bounced?
    | mail\ failure | error\ sending\ your\ mail | unzustellbar | nicht\ zugestellt | non\ recapitabile | mancato\ recapito
    | no\ se\ puede\ entregar | échec\ de\ la\ remise | недоставлен)",
);
/// Prefixes of answers and of what is passed on, in the languages of mail programs.
static ANSWERS: Pattern = Pattern::new(r"(?i)^\s*(?:re|aw|antw|sv|vs|odp|fwd?|wg|tr|i|rv|enc|fs|vl)\s*:");
/// Where a status notification has lost its parts on the way.
static GROUPS: Pattern = Pattern::new(r"(?im)^final-recipient:");
static ID: Pattern = Pattern::new(r"<[^<>\s]{1,400}@[^<>\s]{1,400}>");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::parse::{ReadLimits, parse};

    fn of(mail: &str) -> Option<Report> {
        report(&parse(mail.replace('\n', "\r\n").as_bytes(), &ReadLimits::default()))
    }

    fn dsn(action: &str, status: &str) -> String {
        format!(
            "From: MAILER-DAEMON@mx.example\nSubject: Undelivered Mail\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\n\n\
             --b\nContent-Type: text/plain\n\nsorry\n\n--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example\n\n\
             Final-Recipient: rfc822; helpdesk@roc.example\nAction: {action}\nStatus: {status}\nDiagnostic-Code: smtp; 550 {status} who?\n\n\
             --b\nContent-Type: message/rfc822\n\nMessage-ID: <57890.2.abc@ggus.example>\nSubject: x\n\nhello\n\n--b--\n"
        )
    }

    #[test]
    fn every_pattern_compiles() {
        for pattern in [&DAEMON, &SUBJECT, &ANSWERS, &GROUPS, &ID] {
            assert!(pattern.regex().is_some());
        }
    }

    #[test]
    fn a_delivery_status_is_one_report() {
        let read = of(&dsn("failed", "5.1.1")).unwrap();
        assert_eq!(read.delivery, Delivery::Failed);
        assert_eq!(read.recipients, [Address::parse("helpdesk@roc.example").unwrap()]);
        assert_eq!((read.status.as_deref(), read.diagnostic.as_deref()), (Some("5.1.1"), Some("550 5.1.1 who?")));
        assert_eq!(read.returned_ids[0].as_str(), "57890.2.abc@ggus.example");
        assert_eq!(of(&dsn("delayed", "4.4.1")).unwrap().delivery, Delivery::Delayed);
        assert_eq!(of(&dsn("delivered", "2.0.0")).unwrap().delivery, Delivery::Delivered);
        assert_eq!(of(&dsn("failed", "5.2.2")).unwrap().delivery, Delivery::SoftFailed);
    }

    #[test]
    fn old_mail_systems_say_it_in_words() {
        let qmail = of("From: MAILER-DAEMON@mx.example\nSubject: failure notice\n\nHi. This is the qmail-send program at mx.example.\nI'm afraid I wasn't able to deliver your message to the following addresses.\nThis is a permanent error; I've given up.\n\n<helpdesk@roc.example>:\nSorry, no mailbox here by that name. (#5.1.1)\n").unwrap();
        assert_eq!(
            (qmail.delivery, qmail.recipients[0].as_str(), qmail.status.as_deref()),
            (Delivery::Failed, "helpdesk@roc.example", Some("5.1.1"))
        );
        let exim = of("From: Mailer-Daemon@mx.example\nX-Failed-Recipients: helpdesk@roc.example\nSubject: Mail delivery failed: returning message to sender\n\nA message that you sent could not be delivered to one or more of its recipients.\n\n  helpdesk@roc.example\n    mailbox is full\n").unwrap();
        assert_eq!(exim.recipients[0].as_str(), "helpdesk@roc.example");
    }

    #[test]
    fn what_is_no_failure_is_no_report() {
        for mail in [
            "Return-Path: <>\nFrom: anna@x.example\nSubject: CE down\n\nhello\n",
            "From: anna@x.example\nSubject: Re: user unknown error\n\nI get user unknown at login.\n",
            "From: anna@x.example\nSubject: Out of office\n\nI am away.\n",
            "From: anna@x.example\nContent-Type: multipart/report; report-type=disposition-notification; boundary=b\nSubject: Read: x\n\n--b\nContent-Type: text/plain\n\nread\n--b--\n",
        ] {
            assert_eq!(of(mail), None, "{mail}");
        }
    }
}
