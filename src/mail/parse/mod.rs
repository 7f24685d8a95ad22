//! Bytes to [`Mail`]. It never fails and never panics; what is strange or beyond a limit is marked by a [`Fault`].
//!
//! Everything is bounded by [`ReadLimits`], and depth as well: a stack of 2 MiB is enough for any mail.

mod addresses;
mod body;
mod charset;
mod fields;
mod header;
mod outline;
mod part;
mod text;
mod transfer;
mod value;
mod words;

use std::borrow::Cow;

use sha2::Digest as _;

use super::Address;
use super::message::{Author, Digest, Fault, Header, Mail};
use super::pattern::Pattern;
use header::Field;
use value::Value;

/// Characters of the text that make the fingerprint.
const FINGERPRINT_CHARS: usize = 500;
/// Bytes of a multipart in which the charset of its text is looked for.
const CHARSET_WITHIN: usize = 8 << 10;

/// What mail programs put before the subject of an answer or a forwarded mail, in the languages of Europe.
static PREFIX: Pattern = Pattern::new(
    r"(?i)^\s*(?:re|aw|antw|antwort|sv|vs|odp|отв|на|res|ref|rif|r|ynt|vá|fwd?|wg|tr|rv|i|enc|doorst|vl|pd|пер)(?:\[\d{1,3}\])?\s?:",
);

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
    let lines = with_line_ends(raw);
    let (block, rest) = header::split(without_envelope_line(&lines));
    let fields = header::fields(block, limits, |content_type| charset_of(content_type, rest), &mut faults);
    if fields.is_empty() {
        faults.push(Fault::NoHeader);
    }
    mail.headers = fields.iter().map(Field::decoded).collect();
    let content_type = mail.header("content-type").unwrap_or("text/plain").to_lowercase();
    mail.content_type = content_type;
    fields::fill(&mut mail, &fields, &mut faults);
    let body = body::read(&fields, rest, raw.len() > limits.mail_bytes, limits, &mut faults);
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
            checked: Vec::new(),
            original: None,
        }
    }
}

/// Of the bytes as they are.
pub fn digest(bytes: &[u8]) -> Digest {
    Digest(sha2::Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect())
}

/// A file whose lines end in CR alone gets line ends that the rest of the reader knows.
fn with_line_ends(raw: &[u8]) -> Cow<'_, [u8]> {
    if raw.contains(&b'\n') || !raw.contains(&b'\r') {
        return raw.into();
    }
    raw.iter().map(|byte| if *byte == b'\r' { b'\n' } else { *byte }).collect::<Vec<_>>().into()
}

/// The mail behind a byte order mark and a `From user date` line of an mbox, or `>From`, where a field follows it.
fn without_envelope_line(raw: &[u8]) -> &[u8] {
    let raw = raw.strip_prefix(b"\xef\xbb\xbf").unwrap_or(raw);
    let is_envelope = raw.strip_prefix(b">").unwrap_or(raw).starts_with(b"From ");
    let end = raw.iter().position(|byte| *byte == b'\n').filter(|_| is_envelope);
    let behind = end.map(|end| &raw[end + 1..]);
    behind.filter(|behind| !header::split(behind).0.is_empty()).unwrap_or(raw)
}

/// The charset of the text: the mail's own, else the first that one of its parts names.
fn charset_of(content_type: &Value, rest: &[u8]) -> Option<String> {
    let own = content_type.parameter("charset").map(str::to_owned);
    own.or_else(|| {
        let start = String::from_utf8_lossy(&rest[..rest.len().min(CHARSET_WITHIN)]).to_ascii_lowercase();
        let (_, named) = start.split_once("charset=").filter(|_| content_type.word.starts_with("multipart/"))?;
        let label = named.trim_start_matches('"').split(|c: char| c.is_whitespace() || ";\"".contains(c)).next();
        label.map(str::to_owned)
    })
}

/// The same mail by two ways has the same Message-ID, author, subject and beginning, whatever was added on the way.
fn fingerprint(mail: &Mail) -> Option<Digest> {
    let id = mail.message_id.as_ref()?;
    let sender = mail.sender().map(Address::key).unwrap_or_default();
    let start: String = mail.text.chars().filter(|c| c.is_alphanumeric()).take(FINGERPRINT_CHARS).collect();
    Some(digest(format!("{}\n{sender}\n{}\n{start}", id.as_str(), without_prefixes(&mail.subject)).as_bytes()))
}

fn without_prefixes(subject: &str) -> &str {
    let mut rest = subject;
    while let Some(prefix) = PREFIX.captures(rest).and_then(|found| found.get(0)) {
        rest = &rest[prefix.end()..];
    }
    rest.trim()
}

/// Values of a header block that stands inside a mail, as [`Header`]s.
pub fn header_fields(block: &str) -> Vec<Header> {
    header::inner_fields(block.as_bytes()).iter().map(Field::decoded).collect()
}

/// A mail, or an entity inside one, cut in two: its fields as they stand, each with its name, and what follows them.
pub fn verbatim(raw: &[u8]) -> (Vec<(&str, &[u8])>, &[u8]) {
    let (block, body) = header::split(without_envelope_line(raw));
    (header::verbatim(block), body)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(raw: &str) -> Mail {
        parse(raw.as_bytes(), &ReadLimits::default())
    }

    #[test]
    fn the_pattern_compiles() {
        assert!(PREFIX.regex().is_some());
    }

    #[test]
    fn a_text_without_a_header_is_kept() {
        let mail = of("Email with\r\nno header\r\n");
        assert_eq!(
            (mail.text.as_str(), mail.faults),
            ("Email with\nno header", vec![Fault::NoHeader, Fault::NoAuthor])
        );
        assert_eq!(of("").faults, [Fault::NoHeader, Fault::NoAuthor]);
    }

    #[test]
    fn what_stands_before_the_header_is_dropped() {
        for start in ["From anna Thu Feb  1 10:20:30 2007\n", ">From anna\r\n", "\u{feff}", "\u{feff}From x\n"] {
            let mail = of(&format!("{start}From: a@x.example\nSubject: s\n\nx"));
            assert_eq!((mail.subject.as_str(), mail.headers.len(), mail.text.as_str()), ("s", 2, "x"), "{start:?}");
        }
        assert_eq!(of("From here on\nit is text.").text, "From here on\nit is text.");
    }

    #[test]
    fn lines_may_end_in_any_way() {
        for end in ["\r\n", "\n", "\r"] {
            let mail = of(&["Subject: s", "To: a@x.example", "", "one", "two"].join(end));
            assert_eq!((mail.subject.as_str(), mail.to.len(), mail.text.as_str()), ("s", 1, "one\ntwo"), "{end:?}");
        }
    }

    #[test]
    fn raw_letters_of_a_header_are_in_the_charset_of_a_part() {
        let raw = b"Subject: \xc1\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\
                    Content-Type: text/plain; charset=\"KOI8-R\"\n\n\xc1\n--b--";
        let mail = parse(raw, &ReadLimits::default());
        assert_eq!((mail.subject.as_str(), mail.text.as_str(), mail.faults), ("а", "а", vec![Fault::NoAuthor]));
    }

    #[test]
    fn header_values_are_decoded() {
        let mail = of(
            "From: =?utf-8?Q?J=C3=B6rg?= <j@x.example>\nX-A: =?utf-8?Q?=C3=BC?=\nContent-Type: Text/Plain; Charset=UTF-8\n\n",
        );
        assert_eq!((mail.header("from"), mail.header("x-a")), (Some("Jörg <j@x.example>"), Some("ü")));
        assert_eq!(mail.content_type, "text/plain; charset=utf-8");
        assert_eq!(of("A: b\n\n").content_type, "text/plain");
    }

    #[test]
    fn the_same_mail_by_two_ways_has_one_fingerprint() {
        let one = of("Received: a\r\nFrom: a@x.example\r\nMessage-ID: <1@x>\r\nSubject: s\r\n\r\nhello  there\r\n");
        let two = of("From: A@x.example\r\nMessage-ID: <1@x>\r\nSubject: Re: AW: RE[2]: s\r\n\r\nhello there\r\n");
        let other = of("From: a@x.example\r\nMessage-ID: <1@x>\r\nSubject: s\r\n\r\nsomething else\r\n");
        assert!(one.fingerprint.is_some() && one.fingerprint == two.fingerprint && one.digest != two.digest);
        assert_ne!(one.fingerprint, other.fingerprint);
        assert_eq!(of("Subject: x\r\n\r\nx").fingerprint, None);
        for (subject, bare) in [("Re: x", "x"), ("Refund: x", "Refund: x"), ("[a] Re: x", "[a] Re: x"), ("Отв: x", "x")]
        {
            assert_eq!(without_prefixes(subject), bare);
        }
    }

    #[test]
    fn a_mail_over_the_limit_is_read_at_its_beginning() {
        let limits = ReadLimits { mail_bytes: 1_000, ..ReadLimits::default() };
        let mail = format!(
            "Subject: s\nContent-Type: multipart/mixed; boundary=b\n\n--b\nContent-Transfer-Encoding: base64\n\naGVsbG8=\n\
             --b\nContent-Type: image/png\n\n{}\n--b--",
            "x".repeat(2_000)
        );
        let mail = parse(mail.as_bytes(), &limits);
        assert_eq!((mail.subject.as_str(), mail.text.as_str(), mail.attachments.len()), ("s", "hello", 0));
        assert_eq!(mail.faults, [Fault::NoAuthor, Fault::TooLarge]);
    }

    /// Each of these once brought a mail program down, and the test's thread has the stack that is promised.
    fn is_read(what: &str, raw: String) -> Mail {
        let read = move || parse(raw.as_bytes(), &ReadLimits::default());
        let reader = std::thread::Builder::new().stack_size(2 << 20).spawn(read).unwrap();
        let mail = reader.join().unwrap();
        let bounded = mail.headers.len() <= 1_000 && mail.recipients.len() <= 1_000 && mail.attachments.len() <= 1_000;
        assert!(bounded, "{what}");
        mail
    }

    fn in_lines(text: &str) -> String {
        text.as_bytes().chunks(76).map(|line| format!("{}\r\n", String::from_utf8_lossy(line))).collect()
    }

    #[test]
    fn nested_mails_do_not_nest_the_reader() {
        use base64::Engine as _;
        let nested = "Content-Type: message/rfc822\r\n\r\n".repeat(40_000);
        assert_eq!(is_read("nested", nested.clone()).attachments.len(), 1);
        let hidden = in_lines(&base64::engine::general_purpose::STANDARD.encode(&nested));
        let wrapped = format!(
            "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: message/rfc822\r\n\
             Content-Transfer-Encoding: base64\r\n\r\n{hidden}--b--\r\n"
        );
        let mail = is_read("hidden", wrapped);
        assert_eq!((mail.attachments.len(), mail.attachments[0].bytes.len()), (1, nested.len()));
        let digests = "Content-Type: multipart/digest; boundary=b\r\n\r\n--b\r\n\r\n".repeat(30_000);
        assert!(is_read("digests", digests).faults.contains(&Fault::NotTakenApart));
        let padding = "x".repeat(1_000);
        let long = format!("Content-Type: message/rfc822; x={padding}\r\n\r\n").repeat(20_000);
        assert_eq!(is_read("long lines", long).attachments.len(), 1);
    }

    #[test]
    fn multiparts_beyond_reason_are_not_taken_apart() {
        let unclosed: String =
            (0..20_000).map(|n| format!("Content-Type: multipart/mixed; boundary=b{n}\r\n\r\n--b{n}\r\n")).collect();
        let mail = is_read("unclosed", unclosed);
        assert!(mail.faults.contains(&Fault::NotTakenApart) && mail.text.contains("boundary=b9999"));
        let level = |n: usize| format!("Content-Type: multipart/mixed; boundary=b{n}-\r\n\r\n--b{n}-\r\n");
        let nested: String = (0..1_000).map(level).collect();
        assert!(is_read("nested", nested).faults.contains(&Fault::NotTakenApart));
        let deep: String = (0..150).map(level).collect();
        let mail = is_read("deep", format!("{deep}\r\ninnermost"));
        assert!(mail.faults.contains(&Fault::TooManyParts) && !mail.text.contains("innermost"));
        let few: String = (0..15).map(level).collect();
        assert_eq!(is_read("few", format!("{few}\r\ninnermost")).text, "innermost");
    }

    #[test]
    fn parts_are_bounded_wherever_boundaries_stand() {
        let mixed = |parts: &str| format!("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n{parts}");
        let mail = is_read("in one line", mixed(&"x--b".repeat(1 << 20)));
        assert_eq!((mail.attachments.len(), mail.faults.contains(&Fault::TextCut)), (0, true));
        let part = "\r\n--b\r\nContent-Type: image/png\r\n\r\nx";
        let mail = is_read("parts", mixed(&part.repeat(3_000)));
        assert!(mail.faults.contains(&Fault::TooManyParts) && mail.attachments.len() > 900);
        assert!(is_read("lines", mixed(&part.repeat(6_000))).faults.contains(&Fault::NotTakenApart));
        is_read("dashes", mixed(&"-".repeat(10 << 20)));
    }

    #[test]
    fn headers_are_bounded() {
        let mail = is_read("fields", format!("{}\r\nx", "X-A: b\r\n".repeat(100_000)));
        assert_eq!((mail.text.as_str(), mail.faults.contains(&Fault::HeaderTooLong)), ("x", true));
        let mail = is_read("recipients", format!("To: {}\r\n\r\nx", "a@x.example, ".repeat(1_000_000)));
        assert!(mail.text == "x" && mail.faults.contains(&Fault::HeaderTooLong) && mail.recipients.len() == 1);
        let named: String = (0..1_000_000).map(|n| format!("<a{n}@x.example>,\r\n ")).collect();
        assert_eq!(is_read("folded recipients", format!("To: {named}\r\n\r\nx")).to.len(), 1_000);
        is_read("words", format!("Subject: {}\r\n\r\nx", "=?utf-8?Q?a".repeat(10_000)));
        is_read("one word", format!("From: {}\r\n\r\nx", "=?".repeat(30_000)));
        is_read("comments", format!("From: {}\r\n\r\nx", "(".repeat(60_000)));
        is_read("parameters", format!("Content-Type: a/b; {}\r\n\r\nx", "a*1*=x'; ".repeat(6_000)));
    }

    #[test]
    fn bodies_are_bounded() {
        let mail = is_read("one line", format!("A: b\r\n\r\n{}", "x".repeat(10 << 20)));
        assert_eq!((mail.text.len(), mail.faults.contains(&Fault::TextCut)), (1_000_000, true));
        assert!(is_read("header line", format!("A: {}", "x".repeat(10 << 20))).text.is_empty());
        assert_eq!(is_read("NUL", "\0".repeat(1_000)).text, "");
        assert!(of("A: b\r\n\r\nx\0y").faults.contains(&Fault::NulBytes));
        assert!(of("A: b\0c\r\n\r\nx").faults.contains(&Fault::NulBytes));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn no_mail_breaks_the_reader(pieces in prop::collection::vec(piece(), 0..60)) {
            let raw = pieces.concat();
            let limits = ReadLimits { mail_bytes: 400, text_chars: 100, parts: 5, levels: 2, ..ReadLimits::default() };
            for limits in [ReadLimits::default(), limits] {
                let mail = parse(&raw, &limits);
                prop_assert_eq!(mail.size, raw.len());
                prop_assert!(mail.text.chars().count() <= limits.text_chars);
                prop_assert!(mail.attachments.iter().all(|file| !file.name.is_empty() && !file.name.contains('/')));
            }
        }
    }

    fn piece() -> impl Strategy<Value = Vec<u8>> {
        let marks = [
            "\r\n",
            "\n",
            "\n\n",
            "\r",
            " ",
            "\t",
            "From ",
            "From: ",
            "To: ",
            "Subject: ",
            "Date: ",
            "Message-ID: ",
            "<",
            ">",
            "a@x.example",
            ",",
            ";",
            ":",
            "(",
            ")",
            "\"",
            "\\",
            "=?utf-8?Q?",
            "=?iso-2022-jp?B?",
            "GyRC",
            "?=",
            "=C3",
            "=",
            "Content-Type: ",
            "multipart/mixed",
            "multipart/alternative",
            "multipart/digest",
            "message/rfc822",
            "text/plain",
            "text/html",
            "; boundary=b",
            "; boundary=bb",
            "; charset=utf-7",
            "; charset=utf-16",
            "; name*0*=utf-8''%C3",
            "; format=flowed",
            "\n--b\n",
            "\n--bb\n",
            "\n--b--\n",
            "\n--bb--\n",
            "--",
            "b",
            "+",
            "\0",
            "> ",
            "1 Feb 2007 10:00",
            "Content-Transfer-Encoding: base64",
            "Content-Transfer-Encoding: quoted-printable",
            "Content-ID: <b>",
            "cid:b",
        ];
        let mark = prop::sample::select(marks.to_vec()).prop_map(|mark| mark.as_bytes().to_vec());
        prop_oneof![8 => mark, 1 => prop::collection::vec(any::<u8>(), 0..8)]
    }
}
