//! From an [`Outbound`] and its text to the bytes of a mail (RFC 5322, 2045 to 2047, 2183, 2231).
//!
//! The same input gives the same bytes: date and Message-ID come from outside, MIME boundaries from a hash. The only
//! file that names lettre's builder; it never uses what lettre makes up by itself. It refuses to write header fields
//! that belong to others on the way (`Return-Path`, `Sender`, `Bcc`, `Precedence`, `List-*`), whoever asks for them.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use lettre::message::header::{
    ContentDisposition, ContentTransferEncoding, ContentType, HeaderName, HeaderValue, Headers,
};
use lettre::message::{Body, MultiPart, SinglePart};
use sha2::{Digest, Sha256};

use super::header;
use crate::desk::decision::{Automatic, Outbound};
use crate::desk::policy::Desk;
use crate::mail::{Attachment, MessageId, plain};

/// Message-IDs in `References`: the first, which names the thread, and so many of the last.
const LAST_REFERENCES: usize = 20;
/// Longest line of text that is sent as it is; a longer one is broken softly by quoted-printable.
const LONGEST_TEXT_LINE: usize = 78;
/// Longest line in 7bit content, in octets without its end (RFC 5321 section 4.5.3.1.6).
const LONGEST_LINE: usize = 998;

/// Composes a mail. Never fails: what can't be written as it is, is encoded, shortened or left out.
pub fn compose(outbound: &Outbound, body: &str, desk: &Desk, date: Timestamp) -> Vec<u8> {
    let mut mail = headers(outbound, desk, date).to_string().into_bytes();
    mail.extend_from_slice(b"MIME-Version: 1.0\r\n");
    mail.extend(content(outbound, body));
    mail
}

/// The header fields of protocol section 5, in the order in which people are used to read them.
fn headers(outbound: &Outbound, desk: &Desk, date: Timestamp) -> Headers {
    let mut fields = Fields::default();
    fields.put("Date", written_date(date));
    fields.put("From", header::mailbox("From", Some(&desk.display_name), &desk.address));
    fields.put("To", header::mailbox("To", outbound.to_name.as_deref(), &outbound.to));
    fields.put("Subject", header::text("Subject", &outbound.subject));
    fields.put("Message-ID", header::ids("Message-ID", &[&outbound.message_id]));
    fields.put_text(&desk.loop_header(), &desk.instance);
    fields.refuse(&outbound.leave_out);
    if let Some(address) = &outbound.reply_to {
        fields.put("Reply-To", header::mailbox("Reply-To", Some(&desk.display_name), address));
    }
    fields.put("In-Reply-To", header::ids("In-Reply-To", &Vec::from_iter(&outbound.in_reply_to)));
    fields.put("References", header::ids("References", &references(outbound)));
    if let Some((ticket, _)) = outbound.ticket {
        fields.put_text(&format!("X-{}-Ticket", desk.name), &ticket.to_string());
    }
    if let Some(automatic) = outbound.automatic {
        fields.put_text("Auto-Submitted", auto_submitted(automatic));
        fields.put_text("X-Auto-Response-Suppress", "All");
    }
    let wanted = outbound.headers.iter().filter(|(name, _)| may_be_asked_for(name));
    wanted.for_each(|(name, value)| fields.put_text(name, value));
    fields.headers
}

/// Header fields, each at most once: the first of a name stays.
#[derive(Default)]
struct Fields {
    headers: Headers,
    refused: Vec<String>,
}

impl Fields {
    /// From now on fields of these names are left out.
    fn refuse(&mut self, names: &[String]) {
        self.refused.extend_from_slice(names);
    }

    fn put_text(&mut self, name: &str, value: &str) {
        self.put(name, header::text(name, value));
    }

    /// Adds a field whose value is encoded and folded; an empty value makes no field, save the subject's.
    fn put(&mut self, name: &str, value: String) {
        let refused = self.refused.iter().any(|refused| refused.eq_ignore_ascii_case(name));
        let empty = value.is_empty() && name != "Subject";
        if refused || empty || self.headers.get_raw(name).is_some() || !is_field_name(name) {
            return;
        }
        if let Ok(name) = HeaderName::new_from_ascii(name.to_owned()) {
            self.headers.insert_raw(HeaderValue::dangerous_new_pre_encoded(name, value.clone(), value));
        }
    }
}

/// RFC 5322 section 2.2: printable ASCII without the colon.
fn is_field_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_graphic() && b != b':')
}

/// Whether a dialect may add a field of that name: not what the desk writes itself, and not what would make a mail to a
/// helpdesk look like a machine's or a list's.
fn may_be_asked_for(name: &str) -> bool {
    const NEVER: [&str; 17] = [
        "auto-submitted",
        "bcc",
        "cc",
        "date",
        "from",
        "in-reply-to",
        "message-id",
        "mime-version",
        "precedence",
        "received",
        "references",
        "reply-to",
        "return-path",
        "sender",
        "subject",
        "to",
        "x-auto-response-suppress",
    ];
    const FAMILIES: [&str; 5] = ["arc-", "authentication-", "content-", "list-", "resent-"];
    let lower = name.to_ascii_lowercase();
    !NEVER.contains(&lower.as_str()) && !FAMILIES.iter().any(|family| lower.starts_with(family))
}

/// RFC 3834 section 5.
fn auto_submitted(automatic: Automatic) -> &'static str {
    match automatic {
        Automatic::Generated => "auto-generated",
        Automatic::Replied => "auto-replied",
    }
}

/// `Sat, 23 Nov 2026 14:05:00 +0000`; years that the form can't hold become 1970.
fn written_date(date: Timestamp) -> String {
    let written = |date: Timestamp| jiff::fmt::rfc2822::to_string(&date.to_zoned(TimeZone::UTC));
    written(date).or_else(|_| written(Timestamp::UNIX_EPOCH)).unwrap_or_default()
}

/// The recipient's thread: the mail answered is part of it (RFC 5322 section 3.6.4), and a long one is shortened.
fn references(outbound: &Outbound) -> Vec<&MessageId> {
    let answered = outbound.in_reply_to.iter().filter(|id| !outbound.references.contains(id));
    let all: Vec<&MessageId> = outbound.references.iter().chain(answered).collect();
    let cut = all.len().saturating_sub(LAST_REFERENCES);
    all.iter().enumerate().filter(|(at, _)| *at == 0 || *at >= cut).map(|(_, id)| *id).collect()
}

/// `Content-*` fields, the blank line, and what follows.
fn content(outbound: &Outbound, body: &str) -> Vec<u8> {
    let text = text_part(body);
    if outbound.attachments.is_empty() {
        return text.formatted();
    }
    let mixed = MultiPart::mixed().boundary(boundary(outbound, body)).singlepart(text);
    outbound.attachments.iter().fold(mixed, |mixed, attachment| mixed.singlepart(attached(attachment))).formatted()
}

/// Plain UTF-8. Short ASCII lines go as they are; else quoted-printable, which leaves tags and machine blocks readable
/// in the raw mail and asks no relay for 8BITMIME.
fn text_part(body: &str) -> SinglePart {
    let text = plain::text(body).trim_end_matches('\n').to_owned();
    let as_it_is = |line: &str| {
        let printable = line.bytes().all(|b| b == b'\t' || (b' '..=b'~').contains(&b));
        // Mailboxes in mbox form mangle "From ", some relays cut blanks at the end.
        printable && line.len() <= LONGEST_TEXT_LINE && !line.starts_with("From ") && !line.ends_with([' ', '\t'])
    };
    let encoding = match text.split('\n').all(as_it_is) {
        true => ContentTransferEncoding::SevenBit,
        false => ContentTransferEncoding::QuotedPrintable,
    };
    // The library puts CRLF in by itself only where it chooses the encoding; a bare LF would be encoded as =0A.
    let body = Body::new_with_encoding(text.replace('\n', "\r\n"), encoding).unwrap_or_else(Body::new);
    SinglePart::builder().header(ContentType::TEXT_PLAIN).body(body)
}

/// A part with its file name. A mail goes as message/rfc822, which must not be encoded (RFC 2046 section 5.2.1): where
/// it can't stand as 7bit, it becomes a file of bytes, and so does everything else of the families message and multipart.
fn attached(attachment: &Attachment) -> SinglePart {
    let media_type = attachment.media_type.to_ascii_lowercase();
    let (family, _) = media_type.split_once('/').unwrap_or_default();
    let mail = (media_type == "message/rfc822").then(|| seven_bit(&attachment.bytes)).flatten();
    let (media_type, body) = match mail {
        Some(bytes) => (media_type.as_str(), Body::dangerous_pre_encoded(bytes, ContentTransferEncoding::SevenBit)),
        None if matches!(family, "message" | "multipart") => (BYTES, base64(&attachment.bytes)),
        None => (media_type.as_str(), base64(&attachment.bytes)),
    };
    SinglePart::builder()
        .header(content_type(media_type))
        .header(ContentDisposition::attachment(&header::file_name(&attachment.name)))
        .body(body)
}

const BYTES: &str = "application/octet-stream";

/// The media type where it is well-formed (RFC 2045 section 5.1), without parameters; else bytes.
fn content_type(media_type: &str) -> ContentType {
    let is_token = |part: &str| {
        (1..=64).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&b))
    };
    let well_formed = media_type.split_once('/').is_some_and(|(family, kind)| is_token(family) && is_token(kind));
    let parsed = well_formed.then(|| ContentType::parse(media_type).ok()).flatten();
    parsed.or_else(|| ContentType::parse(BYTES).ok()).unwrap_or(ContentType::TEXT_PLAIN)
}

fn base64(bytes: &[u8]) -> Body {
    // Base64 takes any bytes, so there is no refusal to meet here.
    Body::new_with_encoding(bytes.to_vec(), ContentTransferEncoding::Base64).unwrap_or_else(Body::new)
}

/// The bytes with CRLF line ends, where they are 7bit data (RFC 2045 section 2.7).
fn seven_bit(bytes: &[u8]) -> Option<Vec<u8>> {
    let lines = bytes.split(|b| *b == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let mut data = Vec::with_capacity(bytes.len() + bytes.len() / 32);
    for (at, line) in lines.enumerate() {
        if line.len() > LONGEST_LINE || line.iter().any(|b| !b.is_ascii() || matches!(b, 0 | b'\r')) {
            return None;
        }
        data.extend_from_slice(if at == 0 { b"" } else { b"\r\n" });
        data.extend_from_slice(line);
    }
    Some(data)
}

/// A boundary that no part can hold: it is a hash over the Message-ID and all that stands between. `=_` at its front
/// can't occur in quoted-printable or base64.
fn boundary(outbound: &Outbound, body: &str) -> String {
    let mut hash = Sha256::new();
    let attached = outbound.attachments.iter().map(|attachment| attachment.bytes.as_slice());
    for part in [outbound.message_id.as_str().as_bytes(), body.as_bytes()].into_iter().chain(attached) {
        hash.update(part.len().to_be_bytes());
        hash.update(part);
    }
    let hex: String = hash.finalize().iter().take(20).map(|byte| format!("{byte:02x}")).collect();
    format!("=_{hex}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::sample;
    use crate::desk::decision::{Recipient, Template, Words};
    use crate::desk::ticket::TicketId;
    use crate::mail::Address;
    use crate::mail::language::Language;

    fn address(text: &str) -> Address {
        Address::parse(text).unwrap()
    }

    fn id(text: &str) -> MessageId {
        MessageId::parse(text).unwrap()
    }

    fn desk() -> Desk {
        sample::loaded().unwrap().policy.desk
    }

    fn dispatch() -> Outbound {
        Outbound {
            ticket: Some((TicketId(57890), 3)),
            recipient: Recipient::Unit("ROC_Italy".into()),
            to: address("grid-support@infn.example"),
            to_name: Some("ROC_Italy".into()),
            template: Template::Dispatch,
            language: Language::En,
            subject: "[GGUS:57890] [rt.infn.example #4711] CE down".into(),
            words: Words::default(),
            message_id: id("57890.3.abc@ggus.example"),
            in_reply_to: None,
            references: Vec::new(),
            reply_to: Some(address("support+57890.token@ggus.example")),
            envelope_sender: Some(address("support@ggus.example")),
            automatic: None,
            headers: Vec::new(),
            leave_out: Vec::new(),
            attachments: Vec::new(),
            parked: None,
        }
    }

    fn text(outbound: &Outbound, body: &str) -> String {
        let date = "2026-11-23T14:05:00Z".parse().unwrap();
        let bytes = compose(outbound, body, &desk(), date);
        assert_eq!(bytes, compose(outbound, body, &desk(), date), "the same bytes each time");
        let text = String::from_utf8(bytes).unwrap();
        assert!(!text.replace("\r\n", "").contains(['\r', '\n']), "only CRLF ends a line");
        assert!(text.split("\r\n").all(|line| line.len() <= LONGEST_LINE), "no line is too long");
        text
    }

    fn with(bytes: &[u8], name: &str, media_type: &str) -> Outbound {
        let attachment = Attachment { name: name.into(), media_type: media_type.into(), bytes: bytes.into() };
        Outbound { attachments: vec![attachment], ..dispatch() }
    }

    #[test]
    fn a_dispatch_looks_like_a_persons_mail() {
        let wanted = "Date: Mon, 23 Nov 2026 14:05:00 +0000\r\n\
            From: GGUS Support <support@ggus.example>\r\n\
            To: ROC_Italy <grid-support@infn.example>\r\n\
            Subject: [GGUS:57890] [rt.infn.example #4711] CE down\r\n\
            Message-ID: <57890.3.abc@ggus.example>\r\n\
            X-GGUS-Loop: ggus.example\r\n\
            Reply-To: GGUS Support <support+57890.token@ggus.example>\r\n\
            X-GGUS-Ticket: 57890\r\n\
            MIME-Version: 1.0\r\n\
            Content-Type: text/plain; charset=utf-8\r\n\
            Content-Transfer-Encoding: 7bit\r\n\
            \r\n\
            Hello\r\n\
            \tworld\r\n";
        assert_eq!(text(&dispatch(), "Hello\n\tworld\n"), wanted);
    }

    #[test]
    fn mail_that_nobody_asked_for_says_so() {
        let mail = text(&Outbound { automatic: Some(Automatic::Replied), ..dispatch() }, "x");
        assert!(mail.contains("\r\nAuto-Submitted: auto-replied\r\nX-Auto-Response-Suppress: All\r\n"), "{mail}");
        let notice = Outbound { ticket: None, automatic: Some(Automatic::Generated), ..dispatch() };
        let mail = text(&notice, "x");
        assert!(mail.contains("Auto-Submitted: auto-generated") && !mail.contains("X-GGUS-Ticket"), "{mail}");
    }

    #[test]
    fn a_long_thread_keeps_its_first_and_its_last_mails() {
        let references: Vec<_> = (0..50).map(|n| id(&format!("{n}@x.example"))).collect();
        let mail = text(&Outbound { in_reply_to: Some(id("last@x.example")), references, ..dispatch() }, "x");
        assert!(mail.contains("\r\nIn-Reply-To: <last@x.example>\r\n"), "{mail}");
        let (_, thread) = mail.split_once("\r\nReferences: ").unwrap();
        let (thread, _) = thread.split_once("\r\nX-").unwrap();
        let ids: Vec<_> = thread.split_whitespace().collect();
        assert_eq!((ids.len(), ids[0], ids[1], ids[20]), (21, "<0@x.example>", "<31@x.example>", "<last@x.example>"));
    }

    #[test]
    fn a_dialect_may_add_fields_but_not_all_and_not_ours() {
        let headers = [
            ("X-RT-Queue", "grid\r\nBcc: x@x.example"),
            ("Precedence", "bulk"),
            ("list-id", "<x>"),
            ("Return-Path", "<>"),
            ("Auto-Submitted", "no"),
            ("Subject", "y"),
            ("X-GGUS-Loop", "other"),
            ("X Y", "z"),
            ("X-Ü", "z"),
            ("X-Empty", " "),
        ];
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        let mail = text(&Outbound { headers, ..dispatch() }, "x");
        let plain = text(&dispatch(), "x");
        assert_eq!(mail.replace("X-RT-Queue: grid Bcc: x@x.example\r\n", ""), plain);
        assert_ne!(mail, plain);
    }

    #[test]
    fn a_dialect_may_leave_fields_out_but_not_those_that_a_mail_needs() {
        let leave_out = ["references", "X-GGUS-Ticket", "Reply-To", "From", "Message-ID", "X-GGUS-Loop", "Subject"];
        let leave_out = leave_out.map(str::to_owned).to_vec();
        let mail = text(&Outbound { in_reply_to: Some(id("a@x.example")), leave_out, ..dispatch() }, "x");
        for gone in ["\r\nReferences:", "\r\nX-GGUS-Ticket:", "\r\nReply-To:"] {
            assert!(!mail.contains(gone), "{gone}");
        }
        for kept in ["\r\nFrom:", "\r\nMessage-ID:", "\r\nX-GGUS-Loop:", "\r\nSubject:", "\r\nIn-Reply-To:"] {
            assert!(mail.contains(kept), "{kept}");
        }
    }

    #[test]
    fn text_that_7bit_would_harm_is_quoted_printable() {
        for body in ["Grüße", "From here", "blank at the end ", &"x".repeat(79), "=", "."] {
            let mail = text(&dispatch(), body);
            let safe = matches!(body, "=" | ".");
            assert_eq!(mail.contains("Content-Transfer-Encoding: 7bit"), safe, "{body}");
            assert_eq!(mail.contains("Content-Transfer-Encoding: quoted-printable"), !safe, "{body}");
        }
        let mail = text(&dispatch(), &format!("[GGUS:57890]\n{}\n\nTICKET: 57890\n", "x".repeat(79)));
        assert!(mail.contains("\r\n[GGUS:57890]\r\nxxx") && mail.ends_with("\r\n\r\nTICKET: 57890\r\n"), "{mail}");
        let mail = text(&dispatch(), &format!("[GGUS:57890]\n{}\n\n=3D \nTICKET: 57890\n", "ж".repeat(2_000)));
        assert!(
            mail.contains("\r\n[GGUS:57890]\r\n=D0=B6") && mail.ends_with("=3D3D=20\r\nTICKET: 57890\r\n"),
            "{mail}"
        );
    }

    #[test]
    fn strange_addresses_are_written_all_the_same() {
        for to in ["a..b@x.example", "a.@x.example", "jörg@münchen.example"] {
            let mail = text(&Outbound { to: address(to), to_name: None, ..dispatch() }, "x");
            assert!(mail.contains(&format!("\r\nTo: <{to}>\r\n")), "{mail}");
        }
    }

    #[test]
    fn nothing_from_strangers_can_add_a_header() {
        let mut outbound = with(b"x", "a\r\nBcc: n@x.example\r\n\r\n.txt", "text/plain\r\nBcc: t@x.example");
        outbound.subject = "[GGUS:57890] a\r\nBcc: s@x.example\n\nbody".into();
        outbound.to_name = Some("A\r\nBcc: d@x.example".into());
        let mail = text(&outbound, "body\r\nBcc: b@x.example");
        assert!(mail.contains("Subject: [GGUS:57890] a Bcc: s@x.example body\r\n"), "{mail}");
        assert_eq!(
            mail.split("\r\n").filter(|line| line.starts_with("Bcc:")).collect::<Vec<_>>(),
            ["Bcc: b@x.example"]
        );
        assert!(mail.contains("Content-Type: application/octet-stream\r\n"), "{mail}");
    }

    #[test]
    fn attachments_are_parts_with_names() {
        let mail = text(&with(b"\x89PNG", "скриншот \"1\".png", "image/png"), "Hello");
        let (_, boundary) = mail.split_once("boundary=\"").unwrap();
        let (boundary, _) = boundary.split_once('"').unwrap();
        assert_eq!(mail.matches(&format!("--{boundary}\r\n")).count(), 2, "{mail}");
        assert!(mail.ends_with(&format!("\r\niVBORw==\r\n--{boundary}--\r\n")), "{mail}");
        assert!(mail.contains("filename*0*=utf-8''%D1%81"), "{mail}");
    }

    #[test]
    fn an_attached_mail_is_never_encoded_as_a_mail() {
        let plain = b"Subject: x\n\n--=_0\nhello\n";
        let mail = text(&with(plain, "x.eml", "message/rfc822"), "Hello");
        assert!(mail.contains("Content-Type: message/rfc822\r\n"), "{mail}");
        assert!(mail.contains("7bit\r\n\r\nSubject: x\r\n\r\n--=_0\r\nhello\r\n\r\n--=_"), "{mail}");
        let long = [b'x'; 999];
        let cases: [&[u8]; 4] = [b"Subject: \xe4\n\nx", b"a\0b", b"a\rb", &long];
        for bytes in cases {
            let mail = text(&with(bytes, "x.eml", "message/rfc822"), "Hello");
            assert!(mail.contains("Content-Type: application/octet-stream\r\n"), "{mail}");
            assert!(mail.contains("filename=\"x.eml\"\r\nContent-Transfer-Encoding: base64\r\n"), "{mail}");
        }
        let report = text(&with(b"Reporting-MTA: dns; x", "x", "message/delivery-status"), "Hello");
        assert!(report.contains("Content-Type: application/octet-stream\r\n"), "{report}");
    }

    #[test]
    fn a_date_that_the_form_cannot_hold_is_no_panic() {
        let bytes = compose(&dispatch(), "x", &desk(), Timestamp::MIN);
        assert!(bytes.starts_with(b"Date: Thu, 1 Jan 1970 00:00:00 +0000\r\n"));
        assert!(compose(&dispatch(), "x", &desk(), Timestamp::MAX).starts_with(b"Date: "));
    }
}
