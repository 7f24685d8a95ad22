//! Bodies: which part of a mail is its text, and what is attached (RFC 2045, RFC 2046, RFC 8621 section 4.1.4). The only
//! file that names `mail_parser`.
//!
//! Version 0.11 is not safe with hostile mails, so it sees only what [`Outline`] lets it see, and is only asked where
//! parts begin and end and which are shown. 1.x needs none of this; take it, and drop the guard, when its declared
//! `rust-version` is not above ours.

use std::borrow::Cow;
use std::collections::BTreeSet;

use mail_parser::{Message, MessageParser, MessagePart, PartType};

use super::header::Field;
use super::outline::Outline;
use super::part::{Part, cids, kind_of};
use super::value::Value;
use super::{ReadLimits, charset, header, text};
use crate::mail::message::{Attachment, Fault};

/// Of a mail over the size limit, what is read of its body.
const BEGINNING: usize = 1 << 20;
/// Kept of a delivery status or of a returned header block, in bytes; they are small where they are true.
const LONGEST_STATUS: usize = 64 << 10;

/// What a body holds.
#[derive(Debug, Default)]
pub struct Body {
    pub text: String,
    pub from_html: bool,
    pub attachments: Vec<Attachment>,
    pub status_parts: Vec<String>,
    pub returned_headers: Option<String>,
}

/// Reads the body that belongs to a header. Of a mail that `is_too_large` only the beginning of the text is read.
pub fn read(fields: &[Field], rest: &[u8], is_too_large: bool, limits: &ReadLimits, faults: &mut Vec<Fault>) -> Body {
    if !is_too_large {
        return taken_apart(fields, rest, limits, faults);
    }
    faults.push(Fault::TooLarge);
    let beginning = &rest[..rest.len().min(BEGINNING).min(limits.mail_bytes)];
    let body = taken_apart(fields, beginning, limits, faults);
    Body { text: body.text, from_html: body.from_html, ..Body::default() }
}

fn taken_apart(fields: &[Field], rest: &[u8], limits: &ReadLimits, faults: &mut Vec<Fault>) -> Body {
    let part = Part::whole(fields.to_vec(), rest);
    let Some((head, boundary)) = multipart_head(&part.content_type) else {
        let shown = if part.is_text() && !part.is_attached() { vec![0] } else { Vec::new() };
        return Parts { parts: vec![Some(part)], texts: shown.clone(), htmls: shown }.read(limits, faults);
    };
    let Some(outline) = Outline::of(rest, boundary) else {
        faults.push(Fault::NotTakenApart);
        return as_it_stands(rest, limits, faults);
    };
    let copy = [head.as_bytes(), &outline.copy].concat();
    let parser = MessageParser::new().with_mime_headers().default_header_ignore();
    let found = parser.parse(&copy).and_then(|message| {
        let original = Original { fields, rest, head: head.len(), outline: &outline };
        Parts::found(&message, &original, limits, faults)
    });
    match found {
        Some(parts) => parts.read(limits, faults),
        None => as_it_stands(rest, limits, faults),
    }
}

/// The one field that the library sees of the mail's own header, on one line, since 0.11 loses a folded boundary; and the
/// boundary.
fn multipart_head(content_type: &Value) -> Option<(String, &str)> {
    let kind = content_type.word.strip_prefix("multipart/")?;
    let boundary = content_type.parameter("boundary")?;
    let kind = if matches!(kind, "alternative" | "related") { kind } else { "mixed" };
    let quoted = boundary.replace('\\', "\\\\").replace('"', "\\\"");
    Some((format!("Content-Type: multipart/{kind}; boundary=\"{quoted}\"\r\n\r\n"), boundary))
}

/// What the library saw a copy of.
struct Original<'a, 'f> {
    /// The mail's own fields.
    fields: &'f [Field],
    rest: &'a [u8],
    /// Bytes that stand before the body in what the library saw.
    head: usize,
    outline: &'f Outline,
}

impl<'a> Original<'a, '_> {
    fn bytes(&self, from: u32, to: u32) -> &'a [u8] {
        let at = |offset: u32| self.outline.original((offset as usize).saturating_sub(self.head)).min(self.rest.len());
        self.rest.get(at(from)..at(to)).unwrap_or_default()
    }

    fn fields(&self, part: &MessagePart<'_>) -> Vec<Field> {
        match part.offset_header {
            0 => self.fields.to_vec(),
            start => header::inner_fields(self.bytes(start, part.offset_body)),
        }
    }
}

/// The bytes as text, where no structure could be found in them or none may be looked for.
fn as_it_stands(rest: &[u8], limits: &ReadLimits, faults: &mut Vec<Fault>) -> Body {
    // Four bytes are the most that one character takes.
    let start = &rest[..rest.len().min(limits.text_chars.saturating_mul(4))];
    let decoded = charset::decode(start, None);
    Body { text: text::tidy(&decoded.text, limits, faults), ..Body::default() }
}

/// The parts of a mail in their order, `None` for those that only hold others, with the numbers of those that are shown.
struct Parts<'a> {
    parts: Vec<Option<Part<'a>>>,
    texts: Vec<usize>,
    htmls: Vec<usize>,
}

impl<'a> Parts<'a> {
    /// What the library found, read from the original. `None` where it found no part at all.
    fn found(
        message: &Message<'_>,
        original: &Original<'a, '_>,
        limits: &ReadLimits,
        faults: &mut Vec<Fault>,
    ) -> Option<Self> {
        let levels = levels(message, |part| kind_of(&original.fields(part)));
        let within = |id: usize| id < limits.parts && levels.get(id).is_some_and(|level| level.depth <= limits.levels);
        if (0..message.parts.len()).any(|id| !within(id)) {
            faults.push(Fault::TooManyParts);
        }
        let read = |id: usize, part: &MessagePart<'_>| {
            let is_leaf = id > 0 && within(id) && !matches!(part.body, PartType::Multipart(_));
            let content = || original.bytes(part.offset_body, part.offset_end);
            is_leaf.then(|| Part::inner(original.fields(part), content(), levels[id].in_digest))
        };
        let multipart = message.parts.first().is_some_and(|part| matches!(part.body, PartType::Multipart(_)));
        let parts: Vec<_> =
            message.parts.iter().enumerate().take(limits.parts).map(|(id, part)| read(id, part)).collect();
        let is_shown =
            |id: &usize| parts.get(*id).and_then(Option::as_ref).is_some_and(|p| p.is_text() && !p.is_attached());
        // What the library did not take for text, since it could not read the field that says so.
        let overlooked = |id: &usize| {
            let part = parts.get(*id).and_then(Option::as_ref);
            !levels[*id].in_choice && part.is_some_and(|part| !part.is_html() && !part.has_name())
        };
        let shown = |ids: &[u32]| -> Vec<usize> {
            let listed: BTreeSet<usize> = ids.iter().map(|id| *id as usize).collect();
            (0..parts.len()).filter(is_shown).filter(|id| listed.contains(id) || overlooked(id)).collect()
        };
        let (texts, htmls) = (shown(&message.text_body), shown(&message.html_body));
        multipart.then_some(Self { parts, texts, htmls })
    }

    fn read(&self, limits: &ReadLimits, faults: &mut Vec<Fault>) -> Body {
        let mut body = self.shown(limits, faults);
        let html = self.htmls.iter().filter_map(|id| self.part(*id)).filter(|part| part.is_html());
        let html: Vec<Cow<'_, [u8]>> = html.map(Part::content).collect();
        // Where the HTML has nothing but images, they are what the mail says.
        let shown_by_html = if body.text.is_empty() { BTreeSet::new() } else { cids(&html) };
        for (id, part) in self.parts.iter().enumerate().filter_map(|(id, part)| Some((id, part.as_ref()?))) {
            if self.texts.contains(&id) || self.htmls.contains(&id) {
                continue;
            }
            let content = part.content();
            body.keep_report(part, &content);
            let is_shown = part.is_image() && part.cid().is_some_and(|cid| shown_by_html.contains(&cid));
            if !(is_shown || part.is_signature()) {
                let (name, media_type) = (part.name(id, &content), part.kind.clone());
                body.attachments.push(Attachment { name, media_type, bytes: content.into_owned() });
            }
        }
        body
    }

    fn part(&self, id: usize) -> Option<&Part<'a>> {
        self.parts.get(id)?.as_ref()
    }

    /// text/plain before HTML, save where the plain text is empty and the HTML is not.
    fn shown(&self, limits: &ReadLimits, faults: &mut Vec<Fault>) -> Body {
        let is_plain = |id: &usize| self.part(*id).is_some_and(|part| !part.is_html());
        if self.texts.iter().any(is_plain) {
            let body = self.joined(&self.texts, limits, faults);
            if !body.text.is_empty() {
                return body;
            }
        }
        self.joined(if self.htmls.is_empty() { &self.texts } else { &self.htmls }, limits, faults)
    }

    fn joined(&self, ids: &[usize], limits: &ReadLimits, faults: &mut Vec<Fault>) -> Body {
        let mut body = Body::default();
        for part in ids.iter().filter_map(|id| self.part(*id)) {
            let shown = part.shown(limits, faults);
            body.from_html |= part.is_html();
            let length = body.text.trim_end_matches(['\r', '\n']).len();
            body.text.truncate(length);
            body.text.push_str(if length > 0 && !shown.is_empty() { "\n" } else { "" });
            body.text.push_str(&shown);
        }
        body.text = text::tidy(&body.text, limits, faults);
        body
    }
}

impl Body {
    /// What a delivery report needs (RFC 3464): status groups, and the header of the first mail that came back.
    fn keep_report(&mut self, part: &Part<'_>, content: &[u8]) {
        let start = |bytes: &[u8]| String::from_utf8_lossy(&bytes[..bytes.len().min(LONGEST_STATUS)]).into_owned();
        match part.kind.as_str() {
            "message/delivery-status" | "message/global-delivery-status" | "message/disposition-notification" => {
                self.status_parts.push(start(content));
            }
            "message/rfc822" | "message/global" | "text/rfc822-headers" | "message/rfc822-headers"
                if self.returned_headers.is_none() =>
            {
                self.returned_headers = Some(start(header::split(content).0));
            }
            _ => {}
        }
    }
}

/// How deep a part lies, and in what.
#[derive(Clone, Copy, Default)]
struct Level {
    depth: usize,
    in_digest: bool,
    /// Within parts of which one is chosen, or one is shown by another.
    in_choice: bool,
}

/// Children stand behind their parents, so one pass finds every depth.
fn levels(message: &Message<'_>, kind: impl Fn(&MessagePart<'_>) -> String) -> Vec<Level> {
    let mut levels = vec![Level::default(); message.parts.len()];
    for (id, part) in message.parts.iter().enumerate() {
        let PartType::Multipart(children) = &part.body else { continue };
        let kind = kind(part);
        let level = Level {
            depth: levels[id].depth + 1,
            in_digest: kind == "multipart/digest",
            in_choice: levels[id].in_choice || kind == "multipart/alternative" || kind == "multipart/related",
        };
        for child in children.iter().map(|child| *child as usize).filter(|child| *child > id) {
            levels.get_mut(child).into_iter().for_each(|known| *known = level);
        }
    }
    levels
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use super::*;
    use crate::mail::Mail;

    fn of(raw: &str) -> Mail {
        parse(raw.replace('\n', "\r\n").as_bytes(), &ReadLimits::default())
    }

    /// A mail of these parts, each with its own header block.
    fn multipart(kind: &str, parts: &[&str]) -> Mail {
        let parts: String = parts.iter().map(|part| format!("--b\n{part}\n")).collect();
        of(&format!(
            "From: a@x.example\nContent-Type: multipart/{kind}; boundary=b\n\npreamble\n{parts}--b--\nepilogue\n"
        ))
    }

    fn names(mail: &Mail) -> Vec<&str> {
        mail.attachments.iter().map(|file| file.name.as_str()).collect()
    }

    const PLAIN: &str = "Content-Type: text/plain\n\nplain\n";
    const HTML: &str = "Content-Type: text/html\n\n<p>html</p>\n";

    #[test]
    fn plain_text_is_read_before_html() {
        for (kind, parts, text, from_html) in [
            ("alternative", &[PLAIN, HTML][..], "plain", false),
            ("alternative", &[HTML, PLAIN], "plain", false),
            ("alternative", &["\n \n", HTML], "html", true),
            ("mixed", &[HTML], "html", true),
            ("mixed", &[PLAIN, HTML], "plain\nhtml", true),
            ("mixed", &[PLAIN, "\nfooter\n"], "plain\nfooter", false),
            ("signed", &[PLAIN], "plain", false),
        ] {
            let mail = multipart(kind, parts);
            assert_eq!((mail.text.as_str(), mail.from_html), (text, from_html), "{kind} {parts:?}");
            assert_eq!((names(&mail), &mail.faults[..]), (vec![], &[][..]), "{kind} {parts:?}");
        }
    }

    #[test]
    fn everything_but_the_text_is_attached() {
        let mail = multipart(
            "mixed",
            &[
                PLAIN,
                "Content-Type: text/plain; name=\"../../etc/pa\u{202e}sswd\"\nContent-Disposition: attachment\n\nx\n",
                "Content-Type: image/png; name=a.png\nContent-Transfer-Encoding: base64\n\niVBORw==\n",
                "Content-Type: message/rfc822\n\nSubject: inner/one\n\nSTATUS: solved\n",
                "Content-Type: message/rfc822\n\nX: y\n\nSTATUS: solved\n",
                "Content-Type: application/ms-tnef; name=winmail.dat\n\nx\n",
                "Content-Type: application/pkcs7-signature; name=smime.p7s\n\nx\n",
                "Content-Type: application/octet-stream; name=signature.asc\n\nx\n",
                "Content-Type: application/pdf\n\nx\n",
                "Content-Type: nonsense\n\nx\n",
            ],
        );
        assert_eq!(mail.text, "plain");
        let expected = ["passwd", "a.png", "inner-one.eml", "message.eml", "winmail.dat", "part-9.pdf", "part-10.bin"];
        assert_eq!(names(&mail), expected);
        assert_eq!(mail.attachments[1].bytes, b"\x89PNG");
        assert_eq!(mail.attachments[2].bytes, b"Subject: inner/one\r\n\r\nSTATUS: solved\r\n");
        assert_eq!(mail.attachments[6].media_type, "application/octet-stream");
    }

    #[test]
    fn images_that_the_html_shows_are_not_attached() {
        let image = |id: &str| format!("Content-Type: image/png; name={id}.png\nContent-ID: <{id}>\n\nx\n");
        let html = "Content-Type: text/html\n\n<p>html<img src=\"cid:img10\"><img src=cid:b%40x></p>\n";
        let mail = multipart("related", &[html, &image("img10"), &image("img1"), &image("b@x")]);
        assert_eq!((mail.text.as_str(), names(&mail)), ("html", vec!["img1.png"]));
        let nothing_else = "Content-Type: text/html\n\n<img src=\"cid:shot\">\n";
        assert_eq!(names(&multipart("related", &[nothing_else, &image("shot")])), ["shot.png"]);
    }

    #[test]
    fn folded_fields_of_parts_lose_nothing() {
        let inner = "Content-Type: multipart/alternative;\n boundary=\n \"in ner\"\n\n--in ner\n\nplain\n--in ner--\n";
        let file = "Content-Type: application/pdf;\n\tname*0*=utf-8''Gr%C3%BC;\n\tname*1=sse.pdf\n\nx\n";
        let mail = multipart("mixed", &[inner, file]);
        assert_eq!((mail.text.as_str(), names(&mail)), ("plain", vec!["Grüsse.pdf"]));
    }

    #[test]
    fn a_text_whose_kind_is_written_wrong_is_shown() {
        let mail = multipart("mixed", &["Content-Type: text/plain\n charset=\"utf-8\"\n\nplain\n", HTML]);
        assert_eq!((mail.text.as_str(), names(&mail)), ("plain\nhtml", vec![]));
    }

    #[test]
    fn a_boundary_in_mid_line_is_text() {
        let mail = multipart("mixed", &["\nsee --b here\nand x--b--\nend\n"]);
        assert_eq!(mail.text, "see --b here\nand x--b--\nend");
    }

    #[test]
    fn a_multipart_that_is_never_closed_ends_with_its_outer_one() {
        let inner = "Content-Type: multipart/alternative; boundary=bb\n\n--bb\n\nplain\n";
        let image = "Content-Type: image/png; name=a.png\n\nx\n";
        let mail = multipart("mixed", &[inner, image]);
        assert_eq!((mail.text.as_str(), names(&mail)), ("plain", vec!["a.png"]));
        let cut = of("From: a@x.example\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\none\n--b\n\ntwo\nth");
        assert_eq!((cut.text.as_str(), names(&cut)), ("one\ntwo\nth", vec![]));
    }

    #[test]
    fn a_digest_holds_mails() {
        let mail = multipart("digest", &["\nSubject: one\n\nSTATUS: solved\n", "Content-Type: text/plain\n\nfooter\n"]);
        assert_eq!((mail.text.as_str(), names(&mail)), ("footer", vec!["one.eml"]));
        assert_eq!(mail.attachments[0].media_type, "message/rfc822");
    }

    #[test]
    fn broken_encodings_and_charsets_cost_no_text() {
        for (head, body, text) in [
            ("Content-Transfer-Encoding: quoted-printable", "if a == b:\n  Gr=C3=BC=\n=C3=9Fe", "if a == b:\n  Grüße"),
            ("Content-Transfer-Encoding: base64", "R3LDvMOfZQ", "Grüße"),
            ("Content-Type: text", "x", "x"),
            ("Content-Type: text/plain; format=flowed", "a \nb\n-- \nc", "a b\n-- \nc"),
            ("Content-Type: multipart/mixed", "--x\n\nlost?", "--x\n\nlost?"),
            ("Content-Type: multipart/mixed; boundary=b", "no boundary", "no boundary"),
            ("Content-Type: text/x-unheard-of", "shown", "shown"),
        ] {
            let mail = of(&format!("From: a@x.example\n{head}\n\n{body}"));
            assert_eq!((mail.text.as_str(), mail.attachments.len()), (text, 0), "{head}");
        }
        let russian = "Здравствуйте, задания завершаются с ошибкой, что можно сделать?";
        for label in ["utf-8", "us-ascii", "x-unknown"] {
            let mut raw = format!("From: a@x.example\nContent-Type: text/plain; charset={label}\n\n").into_bytes();
            raw.extend_from_slice(&encoding_rs::WINDOWS_1251.encode(russian).0);
            let mail = parse(&raw, &ReadLimits::default());
            assert_eq!((mail.text.as_str(), mail.faults), (russian, vec![Fault::Charset]), "{label}");
        }
    }

    #[test]
    fn the_charset_of_html_may_stand_inside() {
        let html =
            b"Content-Type: text/html\n\n<meta http-equiv=Content-Type content=\"text/html; charset=koi8-r\"><p>\xc1";
        assert_eq!(parse(html, &ReadLimits::default()).text, "а");
    }

    #[test]
    fn a_report_keeps_its_status_and_what_came_back() {
        let mail = multipart(
            "report",
            &[
                PLAIN,
                "Content-Type: message/delivery-status\n\nAction: failed\n",
                "Content-Type: text/rfc822-headers\n\nMessage-ID: <1@x>\n",
                "Content-Type: message/rfc822\n\nMessage-ID: <2@x>\n\nbody\n",
            ],
        );
        assert_eq!(mail.status_parts, ["Action: failed\r\n"]);
        assert_eq!(mail.returned_headers.as_deref(), Some("Message-ID: <1@x>\r\n"));
        assert_eq!((mail.text.as_str(), mail.attachments.len()), ("plain", 3));
    }
}
