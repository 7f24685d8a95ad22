//! One part of a mail: what it is, what it is called, and its content, read from the original bytes.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::header::{self, Field, find};
use super::value::{Value, percent};
use super::{ReadLimits, charset, text, transfer};
use crate::mail::message::Fault;
use crate::mail::{html, plain};

/// Characters of an attachment's name.
const LONGEST_NAME: usize = 120;
/// Content ids of one mail that are looked for in its HTML.
const MOST_CIDS: usize = 1_000;
/// Bytes of one content id.
const LONGEST_CID: usize = 300;

/// A part that holds no others.
#[derive(Debug)]
pub struct Part<'a> {
    /// Media type in lower case; what stands in its place where none was given or none can be read.
    pub kind: String,
    pub content_type: Value,
    disposition: Value,
    fields: Vec<Field>,
    encoded: &'a [u8],
    /// Whether it is all that the mail has: then every text is shown, whatever its kind.
    is_whole: bool,
}

impl<'a> Part<'a> {
    /// A mail that is one part.
    pub fn whole(fields: Vec<Field>, encoded: &'a [u8]) -> Self {
        let kind = match kind_of(&fields) {
            kind if kind.is_empty() || kind.starts_with("multipart/") => "text/plain".to_owned(),
            kind => kind,
        };
        Self { is_whole: true, ..Self::of(fields, encoded, kind) }
    }

    /// A part of a multipart; in a digest each is a mail if nothing else is said (RFC 2046 section 5.1.5).
    pub fn inner(fields: Vec<Field>, encoded: &'a [u8], in_digest: bool) -> Self {
        let undeclared = find(&fields, "content-type").is_none();
        let kind = match (kind_of(&fields), undeclared) {
            (_, true) if in_digest => "message/rfc822".to_owned(),
            (_, true) => "text/plain".to_owned(),
            (kind, _) if kind.is_empty() => "application/octet-stream".to_owned(),
            // Its own parts were not found: it is shown as it stands.
            (kind, _) if kind.starts_with("multipart/") => "text/plain".to_owned(),
            (kind, _) => kind,
        };
        Self::of(fields, encoded, kind)
    }

    fn of(fields: Vec<Field>, encoded: &'a [u8], kind: String) -> Self {
        let value = |name: &str| find(&fields, name).map(|field| Value::parse(&field.raw)).unwrap_or_default();
        let (content_type, disposition) = (value("content-type"), value("content-disposition"));
        Self { kind, content_type, disposition, fields, encoded, is_whole: false }
    }

    /// Whether it can be shown as the text of the mail.
    pub fn is_text(&self) -> bool {
        let is_data = || matches!(self.kind.as_str(), "text/calendar" | "text/csv" | "text/vcard" | "text/x-vcard");
        let is_any_text = || self.kind.starts_with("text/") && !self.kind.ends_with("-headers") && !is_data();
        matches!(self.kind.as_str(), "text/plain" | "text/html") || self.is_whole && is_any_text()
    }

    pub fn is_html(&self) -> bool {
        self.kind == "text/html"
    }

    pub fn is_image(&self) -> bool {
        self.kind.starts_with("image/")
    }

    /// Declared to be kept, not shown (RFC 2183).
    pub fn is_attached(&self) -> bool {
        self.disposition.word == "attachment"
    }

    /// A detached signature: it says something of the mail, and nothing to a reader.
    pub fn is_signature(&self) -> bool {
        let kinds = ["application/pkcs7-signature", "application/x-pkcs7-signature", "application/pgp-signature"];
        let named = |name: &str| matches!(name.to_lowercase().as_str(), "smime.p7s" | "signature.asc");
        kinds.contains(&self.kind.as_str()) || self.given_name().is_some_and(named)
    }

    /// `Content-ID` without its brackets.
    pub fn cid(&self) -> Option<String> {
        let field = find(&self.fields, "content-id")?;
        Some(field.raw.trim().trim_start_matches('<').trim_end_matches('>').to_owned()).filter(|cid| !cid.is_empty())
    }

    /// The bytes without their transfer encoding.
    pub fn content(&self) -> Cow<'a, [u8]> {
        let encoding = find(&self.fields, "content-transfer-encoding").map_or("", |field| &field.raw);
        transfer::decode(self.encoded, encoding)
    }

    /// The content as a person reads it.
    pub fn shown(&self, limits: &ReadLimits, faults: &mut Vec<Fault>) -> String {
        let content = self.content();
        let declared = self.content_type.parameter("charset").map(str::to_owned);
        let declared = declared.or_else(|| html::charset(&content).filter(|_| self.is_html()));
        let decoded = charset::decode(&content, declared.as_deref());
        if decoded.faulty {
            faults.push(Fault::Charset);
        }
        let is =
            |name: &str, word: &str| self.content_type.parameter(name).is_some_and(|p| p.eq_ignore_ascii_case(word));
        if self.is_html() {
            html::to_text(&decoded.text, limits.text_chars)
        } else if is("format", "flowed") {
            text::unflowed(&decoded.text, is("delsp", "yes"))
        } else {
            decoded.text
        }
    }

    /// A file name that is safe anywhere: no path, no control or direction characters, not empty, not long.
    pub fn name(&self, id: usize, content: &[u8]) -> String {
        let is_mail = self.kind == "message/rfc822";
        let given = self.given_name().map(str::to_owned).or_else(|| subject_of(content).filter(|_| is_mail));
        let made_up = || match is_mail {
            true => "message.eml".to_owned(),
            false => format!("part-{id}.{}", extension(&self.kind)),
        };
        given.map(|name| safe(&name)).filter(|name| !name.is_empty()).unwrap_or_else(made_up)
    }

    pub fn has_name(&self) -> bool {
        self.given_name().is_some()
    }

    fn given_name(&self) -> Option<&str> {
        self.disposition.parameter("filename").or_else(|| self.content_type.parameter("name"))
    }
}

/// The declared media type, empty where there is none that can be read.
pub fn kind_of(fields: &[Field]) -> String {
    let word = find(fields, "content-type").map(|field| Value::parse(&field.raw).word).unwrap_or_default();
    let clean = word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/.+-_".contains(&byte));
    match word.as_str() {
        // What programs before MIME wrote.
        "text" => "text/plain".to_owned(),
        _ if clean && word.split('/').filter(|half| !half.is_empty()).count() == 2 && word.len() <= 127 => word,
        _ => String::new(),
    }
}

/// Name for an attached mail.
fn subject_of(content: &[u8]) -> Option<String> {
    let fields = header::inner_fields(header::split(content).0);
    let subject = find(&fields, "subject")?.decoded().value;
    // A subject is no path: its slashes are words between words.
    let name: String = subject.chars().take(LONGEST_NAME).collect::<String>().replace(['/', '\\'], "-");
    (!safe(&name).is_empty()).then(|| format!("{name}.eml"))
}

fn safe(name: &str) -> String {
    let base = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let kept = |c: &char| !"\"<>|:*?\u{200e}\u{200f}\u{61c}".contains(*c);
    let clean: String = plain::line(base, usize::MAX).chars().filter(kept).collect();
    let clean = clean.trim().trim_start_matches('.').trim_end_matches(['.', ' ']);
    if clean.chars().count() <= LONGEST_NAME {
        return clean.to_owned();
    }
    // The ending tells what it is: a name is cut before it.
    let (stem, ending) = clean.rsplit_once('.').filter(|(_, ending)| ending.len() <= 10).unwrap_or((clean, ""));
    let stem: String = stem.chars().take(LONGEST_NAME - 11).collect();
    if ending.is_empty() { stem } else { format!("{stem}.{ending}") }
}

fn extension(kind: &str) -> &'static str {
    match kind {
        "application/pdf" => "pdf",
        "application/xml" | "text/xml" => "xml",
        "image/gif" => "gif",
        "image/jpeg" => "jpg",
        "image/png" => "png",
        "text/calendar" => "ics",
        "text/csv" => "csv",
        "text/html" => "html",
        _ if kind.starts_with("text/") || kind.starts_with("message/") => "txt",
        _ => "bin",
    }
}

/// Content ids that HTML shows by `cid:` (RFC 2392).
pub fn cids(html: &[Cow<'_, [u8]>]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for source in html {
        let marks = source.windows(4).enumerate().filter(|(_, mark)| mark.eq_ignore_ascii_case(b"cid:"));
        for (at, mark) in marks.take(MOST_CIDS) {
            let behind = &source[at + mark.len()..];
            let length = behind.iter().take(LONGEST_CID).position(|byte| b"\"' \t\r\n>)&".contains(byte)).unwrap_or(0);
            let id = percent(&String::from_utf8_lossy(&behind[..length]));
            found.insert(String::from_utf8_lossy(&id).into_owned());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_safe_anywhere() {
        for (given, name) in [
            ("report.pdf", "report.pdf"),
            ("../../etc/passwd", "passwd"),
            ("C:\\temp\\x.doc", "x.doc"),
            ("in\u{202e}fdp.exe", "infdp.exe"),
            ("a\r\nb\0.txt ", "a b.txt"),
            (".htaccess", "htaccess"),
            ("a<b>:c*?.txt.", "abc.txt"),
            ("Größe 日本.txt", "Größe 日本.txt"),
            ("..", ""),
            ("/", ""),
        ] {
            assert_eq!(safe(given), name, "{given:?}");
        }
        let long = safe(&format!("{}.pdf", "x".repeat(1_000)));
        assert!(long.chars().count() <= LONGEST_NAME && long.ends_with("x.pdf"), "{long}");
    }

    #[test]
    fn content_ids_are_found_whole() {
        let html =
            b"<img src=\"cid:a%40x.example\"> <img src='CID:b@x'> <p style=\"background:url(cid:c)\"> :cid:".to_vec();
        let found = cids(&[html.into()]);
        assert_eq!(found.into_iter().collect::<Vec<_>>(), ["", "a@x.example", "b@x", "c"]);
    }
}
