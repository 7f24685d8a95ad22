//! Bytes to [`Mail`]. It never fails and never panics; what is strange or beyond a limit is marked by a [`Fault`].

mod addresses;
mod body;
mod header;

use sha2::Digest as _;

use super::message::{Author, Digest, Fault, Header, Mail, MessageId};
use super::{Address, Mailbox};
use addresses::{AddressList, list};

pub use addresses::is_bidi;

/// Addresses kept of one mail's recipients.
const MOST_RECIPIENTS: usize = 1_000;
/// Message-IDs kept of one `References`.
const MOST_REFERENCES: usize = 200;
/// Characters of the text that make the fingerprint.
const FINGERPRINT_CHARS: usize = 500;

/// How much of a mail is read.
#[derive(Clone, Copy, Debug)]
pub struct ReadLimits {
    /// Largest mail in bytes; of a larger one only the headers and the beginning of the text are read.
    pub mail_bytes: usize,
    /// MIME parts in one mail.
    pub parts: usize,
    /// MIME nesting.
    pub levels: usize,
    /// Header lines in one mail.
    pub header_lines: usize,
    /// Bytes of one mail's header block.
    pub header_bytes: usize,
    /// Characters of shown text.
    pub text_chars: usize,
}

impl Default for ReadLimits {
    fn default() -> Self {
        Self {
            mail_bytes: 25 << 20,
            parts: 1_000,
            levels: 20,
            header_lines: 1_000,
            header_bytes: 256 << 10,
            text_chars: 1_000_000,
        }
    }
}

/// Reads one mail.
pub fn parse(raw: &[u8], limits: &ReadLimits) -> Mail {
    let mut mail = Mail::unread(raw);
    let mut faults = Vec::new();
    let raw = without_envelope_line(raw);
    let (block, rest) = header_and_body(raw, limits);
    let content_type = content_type(block);
    let charset = parameter(&content_type, "charset");
    mail.headers = header::fields(block, limits, charset.as_deref(), &mut faults);
    if mail.headers.is_empty() {
        faults.push(Fault::NoHeader);
    }
    mail.content_type = content_type;
    fields(&mut mail, &mut faults);
    let body = body::read(block, rest, limits, &mut faults);
    mail.text = body.text;
    mail.from_html = body.from_html;
    mail.attachments = body.attachments;
    mail.status_parts = body.status_parts;
    mail.returned_headers = body.returned_headers;
    mail.fingerprint = fingerprint(&mail);
    faults.sort();
    faults.dedup();
    mail.faults = faults;
    mail
}

/// A text without a single header field is all body.
fn header_and_body<'a>(raw: &'a [u8], limits: &ReadLimits) -> (&'a [u8], &'a [u8]) {
    let (block, rest) = header::split(raw);
    match header::fields(block, limits, None, &mut Vec::new()).is_empty() {
        true => (&[], raw),
        false => (block, rest),
    }
}

impl Mail {
    /// A mail of which nothing was read but its digest and size.
    pub fn unread(raw: &[u8]) -> Self {
        Self {
            digest: digest(raw),
            fingerprint: None,
            size: raw.len(),
            headers: Vec::new(),
            message_id: None,
            in_reply_to: Vec::new(),
            references: Vec::new(),
            author: Author::default(),
            reply_to: Vec::new(),
            to: Vec::new(),
            cc: Vec::new(),
            recipients: Vec::new(),
            subject: String::new(),
            date: None,
            text: String::new(),
            from_html: false,
            attachments: Vec::new(),
            status_parts: Vec::new(),
            returned_headers: None,
            content_type: String::new(),
            faults: Vec::new(),
        }
    }
}

fn digest(bytes: &[u8]) -> Digest {
    Digest(sha2::Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect())
}

/// `From user date` of an mbox, or `>From`, that slipped into the mail.
fn without_envelope_line(raw: &[u8]) -> &[u8] {
    if !raw.starts_with(b"From ") && !raw.starts_with(b">From ") {
        return raw;
    }
    raw.iter().position(|byte| *byte == b'\n').map_or(raw, |end| &raw[end + 1..])
}

/// The `Content-Type` of the whole mail, unfolded, `text/plain` where absent.
fn content_type(block: &[u8]) -> String {
    let limits = ReadLimits::default();
    let fields = header::fields(block, &limits, None, &mut Vec::new());
    let found = fields.into_iter().find(|field| field.name.eq_ignore_ascii_case("content-type"));
    found.map_or_else(|| "text/plain".to_owned(), |field| field.value.to_lowercase())
}

/// A parameter of a structured value, without quotes.
fn parameter(value: &str, name: &str) -> Option<String> {
    let mut parts = value.split(';').skip(1).filter_map(|part| part.split_once('='));
    let (_, text) = parts.find(|(key, _)| key.trim().eq_ignore_ascii_case(name))?;
    Some(text.trim().trim_matches('"').to_owned())
}

fn fields(mail: &mut Mail, faults: &mut Vec<Fault>) {
    let lists = |name: &str| -> Vec<Mailbox> {
        let values = mail.headers.iter().filter(|field| field.name.eq_ignore_ascii_case(name));
        values.flat_map(|field| list(&field.value, MOST_RECIPIENTS).mailboxes).take(MOST_RECIPIENTS).collect()
    };
    let ids = |name: &str| -> Vec<MessageId> {
        let text = mail.headers_named(name).collect::<Vec<_>>().join(" ");
        message_ids(&text)
    };
    let (to, cc, reply_to) = (lists("to"), lists("cc"), lists("reply-to"));
    let (in_reply_to, references) = (ids("in-reply-to"), ids("references"));
    let recipients = recipients(mail, &to, &cc);
    mail.message_id = ids("message-id").into_iter().next();
    mail.date = mail.header("date").and_then(date);
    mail.subject = mail.header("subject").unwrap_or_default().to_owned();
    mail.author = author(mail, faults);
    (mail.to, mail.cc, mail.reply_to, mail.recipients) = (to, cc, reply_to, recipients);
    (mail.in_reply_to, mail.references) = (in_reply_to, references);
    if mail.author.mailbox.is_none() {
        faults.push(Fault::NoAuthor);
    }
}

fn date(value: &str) -> Option<jiff::Timestamp> {
    let bare = value.split('(').next().unwrap_or(value).trim();
    jiff::fmt::rfc2822::parse(bare).ok().map(|zoned| zoned.timestamp())
}

/// Ids in angle brackets; where there are none, the whole value is one.
fn message_ids(text: &str) -> Vec<MessageId> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(open) = rest.find('<') {
        let Some(close) = rest[open..].find('>') else { break };
        found.extend(MessageId::parse(&rest[open + 1..open + close]));
        rest = &rest[open + close + 1..];
        if found.len() >= MOST_REFERENCES {
            return found;
        }
    }
    if found.is_empty() && !text.contains(char::is_whitespace) {
        found.extend(MessageId::parse(text));
    }
    found
}

fn author(mail: &Mail, faults: &mut Vec<Fault>) -> Author {
    let fields: Vec<AddressList> = mail.headers_named("from").map(|value| list(value, MOST_RECIPIENTS)).collect();
    if fields.len() > 1 {
        faults.push(Fault::SeveralFromFields);
    }
    let regular = fields.iter().all(|field| !field.irregular && field.mailboxes.len() == 1);
    if !regular && !fields.is_empty() {
        faults.push(Fault::AuthorNotPlain);
    }
    let plain = regular && fields.len() == 1;
    let mut candidates: Vec<Mailbox> = fields.into_iter().flat_map(|field| field.mailboxes).collect();
    let sender = mail.header("sender").and_then(|value| list(value, 1).mailboxes.pop());
    let chosen = sender
        .filter(|_| candidates.len() > 1)
        .and_then(|sender| candidates.iter().position(|one| one.address == sender.address));
    let mailbox = (!candidates.is_empty()).then(|| candidates.swap_remove(chosen.unwrap_or(0)));
    Author { mailbox, plain }
}

fn recipients(mail: &Mail, to: &[Mailbox], cc: &[Mailbox]) -> Vec<Address> {
    let traced = ["delivered-to", "x-original-to", "envelope-to"];
    let envelope = traced.iter().flat_map(|name| mail.headers_named(name)).filter_map(Address::parse);
    let named = to.iter().chain(cc).map(|mailbox| mailbox.address.clone());
    let mut seen = std::collections::BTreeSet::new();
    envelope.chain(named).filter(|address| seen.insert(address.key())).take(MOST_RECIPIENTS).collect()
}

/// The same mail by two ways has the same Message-ID, author, subject and beginning, whatever was added on the way.
fn fingerprint(mail: &Mail) -> Option<Digest> {
    let id = mail.message_id.as_ref()?;
    let sender = mail.sender().map(Address::key).unwrap_or_default();
    let start: String = mail.text.chars().filter(|c| c.is_alphanumeric()).take(FINGERPRINT_CHARS).collect();
    Some(digest(format!("{}\n{sender}\n{}\n{start}", id.as_str(), mail.subject).as_bytes()))
}

/// Values of a header block that stands inside a mail, as [`Header`]s.
pub fn header_fields(block: &str) -> Vec<Header> {
    header::fields(block.as_bytes(), &ReadLimits::default(), None, &mut Vec::new())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(raw: &str) -> Mail {
        parse(raw.as_bytes(), &ReadLimits::default())
    }

    #[test]
    fn a_text_without_a_header_is_kept() {
        let mail = of("Email with\r\nno header\r\n");
        assert_eq!((mail.text.trim(), mail.faults.contains(&Fault::NoHeader)), ("Email with\nno header", true));
    }

    #[test]
    fn several_or_unclear_authors_are_not_plain() {
        for (head, who, plain) in [
            ("From: a@x.example", Some("a@x.example"), true),
            ("From: a@x.example\r\nFrom: b@x.example", Some("a@x.example"), false),
            ("From: a@x.example, b@x.example\r\nSender: b@x.example", Some("b@x.example"), false),
            ("From: a@x.example, b@x.example\r\nSender: c@x.example", Some("a@x.example"), false),
            ("From: people: a@x.example;", Some("a@x.example"), false),
            ("From: nobody", None, false),
            ("Subject: x", None, false),
        ] {
            let mail = of(&format!("{head}\r\n\r\nx"));
            assert_eq!((mail.sender().map(Address::as_str), mail.author.plain), (who, plain), "{head}");
        }
    }

    #[test]
    fn the_same_mail_by_two_ways_has_one_fingerprint() {
        let one = of("Received: a\r\nFrom: a@x.example\r\nMessage-ID: <1@x>\r\nSubject: s\r\n\r\nhello  there\r\n");
        let two = of("Received: b\r\nFrom: A@x.example\r\nMessage-ID: <1@x>\r\nSubject: s\r\n\r\nhello there\r\n");
        let other = of("From: a@x.example\r\nMessage-ID: <1@x>\r\nSubject: s\r\n\r\nsomething else\r\n");
        assert!(one.fingerprint.is_some() && one.fingerprint == two.fingerprint && one.digest != two.digest);
        assert_ne!(one.fingerprint, other.fingerprint);
        assert_eq!(of("Subject: x\r\n\r\nx").fingerprint, None);
    }

    #[test]
    fn attachments_have_safe_names_and_attached_mails_are_no_text() {
        let mail = of("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nshown\r\n--b\r\n\
                       Content-Type: text/plain; name=\"../../etc/pa\u{202e}sswd\"\r\nContent-Disposition: attachment\r\n\r\nx\r\n\
                       --b\r\nContent-Type: message/rfc822\r\n\r\nSubject: inner\r\n\r\nSTATUS: solved\r\n--b--\r\n");
        let names: Vec<&str> = mail.attachments.iter().map(|file| file.name.as_str()).collect();
        assert_eq!((mail.text.trim(), names), ("shown", vec!["passwd", "inner.eml"]));
    }

    /// Each of these once brought a mail program down.
    #[test]
    fn hostile_mails_are_read() {
        let nested = "Content-Type: message/rfc822\r\n\r\n".repeat(30_000);
        let unclosed: String =
            (0..20_000).map(|n| format!("Content-Type: multipart/mixed; boundary=b{n}\r\n\r\n--b{n}\r\n")).collect();
        let headers = "X-A: b\r\n".repeat(100_000);
        let recipients = format!("To: {}\r\n\r\nx", "a@x.example, ".repeat(100_000));
        for raw in [
            nested,
            unclosed,
            format!("{headers}\r\nx"),
            recipients,
            format!("A: b\r\n\r\n{}", "x".repeat(10 << 20)),
            "\0".repeat(1_000),
        ] {
            let mail = of(&raw);
            assert!(
                mail.headers.len() <= 1_000
                    && mail.recipients.len() <= MOST_RECIPIENTS
                    && mail.attachments.len() <= 1_000
            );
        }
        assert!(of("A: b\r\n\r\nx\0y").faults.contains(&Fault::NulBytes));
    }
}
