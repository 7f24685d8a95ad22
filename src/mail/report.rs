//! Delivery status notifications (RFC 3464, RFC 6522) and the plain-text failures that return a Message-ID of ours.
//! One mail is one report, however many parts tell it. Delays and successes are reports too, and mean little.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::address::Address;
use super::message::{Mail, MessageId};
use super::parse::header_fields;
use super::pattern::Pattern;
use super::plain;

/// What became of the delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Delivery {
    /// It will never arrive (`Action: failed` with a 5.x.x status, or none).
    Failed,
    /// It failed for now and was given up (`failed` with 4.x.x), or is still being tried (`delayed`).
    Delayed,
    /// Delivered, relayed or expanded.
    Delivered,
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
    if is_answer_of_a_person(mail) {
        return None;
    }
    let read = structured(mail).or_else(|| in_plain_text(mail))?;
    Some(Report { returned_ids: returned_ids(mail), ..read })
}

/// A receipt for reading (RFC 8098) and an absence notice are answers, whatever they are wrapped in.
fn is_answer_of_a_person(mail: &Mail) -> bool {
    mail.content_type.contains("disposition-notification")
        || mail.status_parts.iter().any(|part| part.to_ascii_lowercase().contains("\ndisposition:"))
}

/// The groups of a `message/delivery-status` part (RFC 3464 section 2.3), all parts together.
fn structured(mail: &Mail) -> Option<Report> {
    let mut worst: Option<Report> = None;
    let text = mail.status_parts.join("\n\n").replace("\r\n", "\n");
    for group in bounded(&text).split("\n\n") {
        let fields = header_fields(group);
        let field = |name: &str| {
            fields.iter().find(|field| field.name.eq_ignore_ascii_case(name)).map(|field| field.value.as_str())
        };
        let recipient = field("Final-Recipient").or(field("Original-Recipient")).or(field("X-Actual-Recipient"));
        let (action, status) = (field("Action").map(str::to_lowercase), field("Status").and_then(status_in));
        if recipient.is_none() && action.is_none() {
            continue;
        }
        let diagnostic =
            field("Diagnostic-Code").map(|text| text.split_once(';').map_or(text, |(_, said)| said).trim());
        let delivery = delivery_of(action.as_deref(), status.as_deref(), diagnostic.unwrap_or_default());
        let address = recipient.and_then(|text| Address::parse(text.rsplit(';').next().unwrap_or(text)));
        add(&mut worst, delivery, address, status, diagnostic);
    }
    worst
}

fn delivery_of(action: Option<&str>, status: Option<&str>, diagnostic: &str) -> Delivery {
    match (action.map(str::trim), status) {
        (Some("delivered" | "relayed" | "expanded"), _) => Delivery::Delivered,
        (Some("delayed"), _) => Delivery::Delayed,
        // Many servers write 4.x.x where they have given up because of something that lasts: what was said decides.
        (_, Some(status)) if status.starts_with('4') && !says_permanent(diagnostic) => Delivery::Delayed,
        (_, Some(status)) if status.starts_with('2') => Delivery::Delivered,
        (_, Some(status)) if is_full(status, diagnostic) => Delivery::Delayed,
        _ => Delivery::Failed,
    }
}

fn add(
    worst: &mut Option<Report>,
    delivery: Delivery,
    address: Option<Address>,
    status: Option<String>,
    diagnostic: Option<&str>,
) {
    let rank = |delivery: Delivery| match delivery {
        Delivery::Failed => 2,
        Delivery::Delayed => 1,
        Delivery::Delivered => 0,
    };
    let diagnostic = diagnostic.map(|text| plain::line(text, LONGEST)).filter(|text| !text.is_empty());
    match worst {
        Some(known) if rank(known.delivery) > rank(delivery) => {}
        Some(known) if known.delivery == delivery => {
            known.recipients.extend(address.filter(|_| known.recipients.len() < MOST_RECIPIENTS));
            known.diagnostic = known.diagnostic.take().or(diagnostic);
            known.status = known.status.take().or(status);
        }
        _ => {
            let recipients = address.into_iter().collect();
            *worst = Some(Report { delivery, recipients, status, diagnostic, returned_ids: Vec::new() });
        }
    }
}

/// Failures that only a text tells: the author or the subject must be a mail system's, the text must say so.
fn in_plain_text(mail: &Mail) -> Option<Report> {
    let sender = mail.sender().map(|sender| sender.local().to_lowercase()).unwrap_or_default();
    let from_daemon = DAEMON.is_match(&sender);
    let says_so = SUBJECT.is_match(&mail.subject);
    let wrapped = mail.content_type.starts_with("multipart/report");
    if !(from_daemon || says_so || wrapped) {
        return None;
    }
    let text = bounded(&mail.text);
    let told = FAILED.regex().and_then(|pattern| pattern.find(text));
    if told.is_none() && !(says_so && (from_daemon || wrapped)) {
        return None;
    }
    let from = told.map_or(0, |found| found.start());
    let status = STATUS.first(text).map(str::to_owned);
    let diagnostic =
        text[from..].lines().map(str::trim).find(|line| SAID.is_match(line)).map(|line| plain::line(line, LONGEST));
    let delayed = DELAYED.is_match(text) || DELAYED.is_match(&mail.subject);
    let said = diagnostic.clone().unwrap_or_default();
    let delivery = match delayed && !says_permanent(&said) {
        true => Delivery::Delayed,
        false => delivery_of(Some("failed"), status.as_deref(), if said.is_empty() { text } else { &said }),
    };
    Some(Report { delivery, recipients: recipient_in(mail, text), status, diagnostic, returned_ids: Vec::new() })
}

/// `X-Failed-Recipients` of Exim, else the first address that the text gives and that is not ours or the daemon's.
fn recipient_in(mail: &Mail, text: &str) -> Vec<Address> {
    let named =
        mail.header("X-Failed-Recipients").into_iter().flat_map(|value| value.split(',')).filter_map(Address::parse);
    let named: Vec<Address> = named.take(MOST_RECIPIENTS).collect();
    if !named.is_empty() {
        return named;
    }
    let own = |address: &Address| {
        mail.sender() == Some(address)
            || mail.recipients.contains(address)
            || DAEMON.is_match(&address.local().to_lowercase())
    };
    let Some(pattern) = ADDRESS.regex() else { return Vec::new() };
    let found = pattern.find_iter(text).filter_map(|found| Address::parse(found.as_str().trim_end_matches('.')));
    found.filter(|address| !own(address)).take(1).collect()
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

fn status_in(text: &str) -> Option<String> {
    STATUS.first(text).map(str::to_owned)
}

/// A full mailbox or a policy of the moment will pass (RFC 3463: X.2.2).
fn is_full(status: &str, diagnostic: &str) -> bool {
    status.ends_with(".2.2") || FULL.is_match(diagnostic)
}

fn says_permanent(diagnostic: &str) -> bool {
    PERMANENT.is_match(diagnostic) && !FULL.is_match(diagnostic)
}

fn bounded(text: &str) -> &str {
    let mut end = text.len().min(LOOKED_AT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

static DAEMON: Pattern = Pattern::new(
    r"^(?:mailer-?daemon|mail-?daemon|postmaster|mdaemon|mmdf|mailerdaemon|postoffice|bounces?|mail-?deliver[a-z-]*|microsoftexchange[0-9a-f]*|mailsystem|mta)\b",
);
static SUBJECT: Pattern = Pattern::new(
    r"(?i)\b(?:undeliver(?:able|ed)|returned mail|return(?:ed)? to sender|delivery (?:status )?(?:notification|failure|report|error|problem|has failed)|mail (?:delivery|system) (?:failed|failure|error|subsystem)|failure notice|could not be delivered|not delivered|non[- ]?(?:delivery|remis)|mail could not|delayed mail|warning: message|message delayed|bounced?|unzustellbar|nicht zugestellt|non recapitabile|mancato recapito|no se puede entregar|échec de la remise|недоставлен)",
);
static FAILED: Pattern = Pattern::new(
    r"(?i)(?:could ?n[o']t be delivered|not be delivered to|delivery (?:to the following recipients?)? ?(?:has )?(?:failed|was aborted)|unable to deliver|undeliverable|was(?: not|n't) delivered|failed permanently|permanent (?:fatal )?errors?|fatal errors|couldn't be found|user unknown|unknown user|no such (?:user|mailbox|recipient|address)|does not exist|doesn't exist|mailbox (?:is )?(?:full|unavailable|not found|disabled)|address(?:es)? (?:rejected|failed)|over quota|exceeded (?:storage|quota)|did not reach the following recipient|delivery attempts? (?:have )?failed|recipient (?:rejected|unknown|not found)|host (?:or domain name )?(?:not found|unknown)|message (?:was )?(?:rejected|refused|blocked|undelivered)|still being (?:tried|retried)|has been delayed|not yet been delivered|will (?:continue|keep) (?:to try|trying)|konnte nicht zugestellt|n'a pas pu être|non è stato possibile|no (?:se )?(?:pudo|ha podido) entreg)",
);
static DELAYED: Pattern = Pattern::new(
    r"(?i)(?:still being (?:tried|retried)|(?:has been|is) delayed|delayed mail|not yet been delivered|will (?:continue|keep) (?:to try|trying|to be)|delivery (?:is )?delayed|temporar(?:y|ily) (?:failure|unable|deferred)|warning: message)",
);
static SAID: Pattern = Pattern::new(
    r"(?i)(?:\b[45]\d\d[ -]|\b[45]\.\d{1,3}\.\d{1,3}\b|unknown|not found|quota|full|disabled|rejected|refused|does ?n[o']t exist|no such)",
);
static STATUS: Pattern = Pattern::new(r"(?:^|[^\d.])([245]\.\d{1,3}\.\d{1,3})(?:$|[^\d.])");
static FULL: Pattern = Pattern::new(
    r"(?i)(?:mailbox (?:is )?full|mailfolder is full|over (?:disk )?quota|quota (?:is )?exceeded|exceed(?:ed|s|ing)? (?:the )?(?:storage|quota|(?:max(?:imum)? )?(?:mailbox|disk))|full mailbox|insufficient (?:disk|system) (?:space|storage)|out of (?:disk )?space|disk (?:is )?full|too many (?:mess|mail)ages|greylist|try again later|temporarily)",
);
static PERMANENT: Pattern = Pattern::new(
    r"(?i)(?:user unknown|unknown user|no such (?:user|mailbox|recipient|address|account|person)|does ?n[o']t exist|not (?:a valid|listed|found)|invalid (?:recipient|mailbox|address)|unrouteable|(?:account|mailbox|address) (?:has been |is )?(?:disabled|inactive|unavailable|suspended|closed)|unknown (?:local|recipient|address|host|domain)|host (?:unknown|not found)|no mx|domain not found|recipient (?:rejected|unknown|not found)|relay(?:ing)? (?:access )?denied|\b55[0-4]\b)",
);
static ADDRESS: Pattern = Pattern::new(
    r"[A-Za-z0-9][A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{0,63}@[A-Za-z0-9](?:[A-Za-z0-9-]{0,62}\.){1,10}[A-Za-z]{2,24}",
);
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
        for pattern in [&DAEMON, &SUBJECT, &FAILED, &DELAYED, &SAID, &STATUS, &FULL, &PERMANENT, &ADDRESS, &ID] {
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
        assert_eq!(of(&dsn("failed", "5.2.2")).unwrap().delivery, Delivery::Delayed);
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
