//! Bodies: MIME structure to text and attachments (RFC 2045, RFC 2046, RFC 8621 section 4.1.4). The only file that names
//! `mail_parser`, which takes 0.11.9 apart with a guard in front.
//!
//! Version 0.11 recurses when it drops nested mails and is quadratic in unclosed multiparts, so what looks dangerous is
//! not given to it: such a mail is shown as raw text. 1.x needs no guard; take it, and drop the guard, when its declared
//! `rust-version` is not above ours.

use encoding_rs::{Encoding, UTF_8, WINDOWS_1252};
use mail_parser::{Message, MessageParser, MessagePart, MimeHeaders, PartType};

use super::addresses::is_bidi;
use super::header::decode_words;
use super::{ReadLimits, header};
use crate::mail::html;
use crate::mail::message::{Attachment, Fault};

/// Mentions of nesting types beyond which a mail is not taken apart.
const MOST_NESTING: usize = 200;
/// Lines that could be boundaries beyond which a mail is not taken apart.
const MOST_BOUNDARIES: usize = 5_000;

/// What a body holds.
#[derive(Debug, Default)]
pub struct Body {
    pub text: String,
    pub from_html: bool,
    pub attachments: Vec<Attachment>,
    pub status_parts: Vec<String>,
    pub returned_headers: Option<String>,
}

/// Reads the body that belongs to a header block.
pub fn read(block: &[u8], rest: &[u8], limits: &ReadLimits, faults: &mut Vec<Fault>) -> Body {
    let too_large = block.len() + rest.len() > limits.mail_bytes;
    if too_large {
        faults.push(Fault::TooLarge);
    }
    if too_large || is_dangerous(rest) {
        if !too_large {
            faults.push(Fault::NotTakenApart);
        }
        return raw_text(rest, limits, faults);
    }
    let whole = mime_part(block, rest, limits);
    let Some(message) = MessageParser::new().parse(&whole) else { return raw_text(rest, limits, faults) };
    let mut body = Body::default();
    collect(&message, limits, faults, &mut body);
    body.text = tidy(&body.text, limits, faults);
    body
}

/// Nested mails and multiparts beyond reason, or more boundary lines than parts could need.
fn is_dangerous(rest: &[u8]) -> bool {
    let (mut nesting, mut boundaries) = (0, 0);
    for line in rest.split(|byte| *byte == b'\n') {
        boundaries += usize::from(line.starts_with(b"--"));
        // `type: multipart/…` may stand on a folded line of its own.
        if line.len() < 1_000 && line.contains(&b'/') {
            let lower = line.to_ascii_lowercase();
            let names = |word: &[u8]| lower.windows(word.len()).any(|part| part == word);
            nesting += usize::from(names(b"message/") || names(b"multipart/"));
        }
    }
    nesting > MOST_NESTING || boundaries > MOST_BOUNDARIES
}

/// The fields that shape the body, each on one line (0.11 loses a boundary on a folded line), and the body.
fn mime_part(block: &[u8], rest: &[u8], limits: &ReadLimits) -> Vec<u8> {
    let mut part = Vec::with_capacity(rest.len() + 1_024);
    for field in header::fields(block, limits, None, &mut Vec::new()) {
        if field.name.to_ascii_lowercase().starts_with("content-") {
            part.extend_from_slice(format!("{}: {}\r\n", field.name, field.value).as_bytes());
        }
    }
    part.extend_from_slice(b"MIME-Version: 1.0\r\n\r\n");
    part.extend_from_slice(rest);
    part
}

fn raw_text(rest: &[u8], limits: &ReadLimits, faults: &mut Vec<Fault>) -> Body {
    // Four bytes are the most that one character takes.
    let start = &rest[..rest.len().min(limits.text_chars.saturating_mul(4)).min(limits.mail_bytes)];
    let text = match std::str::from_utf8(start) {
        Ok(text) => text.to_owned(),
        Err(_) => guess(start),
    };
    Body { text: tidy(&text, limits, faults), ..Body::default() }
}

fn collect(message: &Message<'_>, limits: &ReadLimits, faults: &mut Vec<Fault>, body: &mut Body) {
    if message.parts.len() > limits.parts {
        faults.push(Fault::TooManyParts);
    }
    let (texts, htmls) = shown(message);
    let plain = texts.iter().any(|id| matches!(message.parts[*id].body, PartType::Text(_)));
    let chosen = if plain { &texts } else { &htmls };
    let html_source: String = htmls.iter().filter_map(|id| part_html(&message.parts[*id])).collect();
    for id in chosen {
        let part = &message.parts[*id];
        let shown = match &part.body {
            PartType::Text(text) => decoded(part, text, faults),
            PartType::Html(source) => {
                body.from_html = true;
                html::to_text(&decoded(part, source, faults), limits.text_chars)
            }
            _ => continue,
        };
        if !body.text.is_empty() && !shown.trim().is_empty() {
            body.text.push('\n');
        }
        body.text.push_str(&shown);
    }
    for (id, part) in message.parts.iter().enumerate().take(limits.parts) {
        let is_shown = chosen.contains(&id) || texts.contains(&id) || htmls.contains(&id);
        if !is_shown {
            attach(part, id, &html_source, body);
        }
    }
}

/// The parts of the text and of the HTML view that are text at all and not declared attachments.
fn shown(message: &Message<'_>) -> (Vec<usize>, Vec<usize>) {
    let is_text = |id: &u32| {
        message.parts.get(*id as usize).is_some_and(|part| {
            let attached = part.content_disposition().is_some_and(|value| value.is_attachment());
            !attached && matches!(part.body, PartType::Text(_) | PartType::Html(_)) && !is_status(part)
        })
    };
    let ids = |list: &[u32]| list.iter().filter(|id| is_text(id)).map(|id| *id as usize).collect();
    (ids(&message.text_body), ids(&message.html_body))
}

fn is_status(part: &MessagePart<'_>) -> bool {
    let kind = media_type(part);
    kind.starts_with("message/") || kind == "text/rfc822-headers"
}

fn part_html<'a>(part: &'a MessagePart<'_>) -> Option<&'a str> {
    match &part.body {
        PartType::Html(source) => Some(source),
        _ => None,
    }
}

/// The library has decoded by the declared charset. Where that went wrong: UTF-8 if valid, else detected.
fn decoded(part: &MessagePart<'_>, text: &str, faults: &mut Vec<Fault>) -> String {
    let declared = part.content_type().and_then(|value| value.attribute("charset"));
    let unknown = declared.is_none_or(|label| Encoding::for_label(label.as_bytes()).is_none());
    if !(text.contains('\u{fffd}') || (unknown && part.is_encoding_problem)) {
        return text.to_owned();
    }
    faults.push(Fault::Charset);
    // What was replaced is gone from the decoded text; its transfer-decoded bytes are the source of a second try.
    let bytes = part.contents();
    match std::str::from_utf8(bytes) {
        Ok(_) => text.to_owned(),
        Err(_) => guess(bytes),
    }
}

fn guess(bytes: &[u8]) -> String {
    let mut detector = chardetng::EncodingDetector::new(chardetng::Iso2022JpDetection::Deny);
    detector.feed(&bytes[..bytes.len().min(1 << 20)], true);
    let charset = detector.guess(None, chardetng::Utf8Detection::Allow);
    let charset = if charset == UTF_8 && std::str::from_utf8(bytes).is_err() { WINDOWS_1252 } else { charset };
    charset.decode_without_bom_handling(bytes).0.into_owned()
}

fn attach(part: &MessagePart<'_>, id: usize, html_source: &str, body: &mut Body) {
    let kind = media_type(part);
    let bytes = match &part.body {
        PartType::Multipart(_) => return,
        PartType::Text(text) | PartType::Html(text) => text.as_bytes().to_vec(),
        PartType::Binary(bytes) | PartType::InlineBinary(bytes) => bytes.to_vec(),
        PartType::Message(inner) => inner.raw_message().to_vec(),
    };
    match kind.as_str() {
        "message/delivery-status" | "message/global-delivery-status" | "message/disposition-notification" => {
            return body.status_parts.push(String::from_utf8_lossy(&bytes).into_owned());
        }
        "message/rfc822" | "message/global" | "text/rfc822-headers" | "message/rfc822-headers"
            if body.returned_headers.is_none() =>
        {
            let block = header::split(&bytes).0;
            body.returned_headers = Some(String::from_utf8_lossy(&block[..block.len().min(64 << 10)]).into_owned());
        }
        _ => {}
    }
    let shown_in_html =
        part.content_id().is_some_and(|cid| kind.starts_with("image/") && html_source.contains(&format!("cid:{cid}")));
    let signature = matches!(
        kind.as_str(),
        "application/pkcs7-signature" | "application/x-pkcs7-signature" | "application/pgp-signature"
    );
    if !shown_in_html && !signature {
        let name = name(part, &kind, id, &bytes);
        body.attachments.push(Attachment { name, media_type: kind, bytes });
    }
}

fn media_type(part: &MessagePart<'_>) -> String {
    let declared = part.content_type().map(|value| match value.subtype() {
        Some(subtype) => format!("{}/{subtype}", value.ctype()),
        None => value.ctype().to_owned(),
    });
    let fallback = match part.body {
        PartType::Message(_) => "message/rfc822",
        PartType::Text(_) => "text/plain",
        _ => "application/octet-stream",
    };
    let kind = declared.unwrap_or_else(|| fallback.to_owned()).to_lowercase();
    let clean = kind.chars().all(|c| c.is_ascii_alphanumeric() || "/.+-_".contains(c)) && kind.contains('/');
    if clean { kind } else { fallback.to_owned() }
}

/// A file name that is safe anywhere: no path, no control or direction characters, not empty, not long.
fn name(part: &MessagePart<'_>, kind: &str, id: usize, bytes: &[u8]) -> String {
    let given = part.attachment_name().map(decode_words);
    let titled = || {
        let block = header::split(bytes).0;
        let fields = header::fields(block, &ReadLimits::default(), None, &mut Vec::new());
        let subject = fields.into_iter().find(|field| field.name.eq_ignore_ascii_case("subject"))?.value;
        (!subject.is_empty()).then(|| format!("{}.eml", subject.chars().take(80).collect::<String>()))
    };
    let is_mail = kind == "message/rfc822";
    let raw = given.or_else(|| is_mail.then(titled).flatten()).unwrap_or_else(|| match is_mail {
        true => "message.eml".to_owned(),
        false => format!("part-{id}.{}", extension(kind)),
    });
    let base = raw.rsplit(['/', '\\']).next().unwrap_or_default();
    let clean: String =
        base.chars().filter(|c| !c.is_control() && !is_bidi(*c) && !"\"<>|:*?".contains(*c)).take(120).collect();
    let clean = clean.trim().trim_start_matches('.').to_owned();
    if clean.is_empty() { format!("part-{id}.{}", extension(kind)) } else { clean }
}

fn extension(kind: &str) -> &'static str {
    match kind {
        "application/pdf" => "pdf",
        "application/xml" | "text/xml" => "xml",
        "image/gif" => "gif",
        "image/jpeg" => "jpg",
        "image/png" => "png",
        "message/rfc822" => "eml",
        "text/calendar" => "ics",
        "text/html" => "html",
        "text/plain" => "txt",
        _ => "bin",
    }
}

/// One kind of line end, no NUL, no control characters but tab, bounded.
fn tidy(text: &str, limits: &ReadLimits, faults: &mut Vec<Fault>) -> String {
    if text.contains('\0') {
        faults.push(Fault::NulBytes);
    }
    let unix = text.replace("\r\n", "\n").replace('\r', "\n");
    let kept = |c: &char| *c == '\n' || *c == '\t' || !(c.is_control() || *c == '\u{feff}');
    let mut clean: String = unix.chars().filter(kept).take(limits.text_chars + 1).collect();
    if let Some((end, _)) = clean.char_indices().nth(limits.text_chars) {
        clean.truncate(end);
        faults.push(Fault::TextCut);
    }
    clean
}
