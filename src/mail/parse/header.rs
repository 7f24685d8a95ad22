//! Header blocks: fields split, unfolded and decoded (RFC 5322 section 2.2, RFC 2047), within bounds.
//!
//! Done here and not by the library, since a mail must keep its fields however broken they are: repeated, raw 8-bit,
//! encoded words that split a character.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use encoding_rs::{Encoding, UTF_8, WINDOWS_1252};

use super::ReadLimits;
use crate::mail::message::{Fault, Header};
use crate::mail::pattern::Pattern;

/// Longest decoded value of one field, in characters; addresses of a million recipients need no more to be bounded.
const LONGEST_VALUE: usize = 64 << 10;

/// `=?charset*language?encoding?text?=`
static WORD: Pattern = Pattern::new(r"(?i)=\?([^?*\s]{1,40})(?:\*[^?\s]{0,40})?\?([bq])\?([^?\r\n]{0,4096})\?=");

/// Tolerant base 64: padding may be missing or wrong, stray bits at the end are dropped.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Where the header block ends: offset of the first byte of the body, and of the block's end.
pub fn split(raw: &[u8]) -> (&[u8], &[u8]) {
    let mut at = 0;
    while at < raw.len() {
        let end = raw[at..].iter().position(|byte| *byte == b'\n').map_or(raw.len(), |line| at + line + 1);
        if matches!(&raw[at..end], b"\n" | b"\r\n") {
            return (&raw[..at], &raw[end..]);
        }
        at = end;
    }
    (raw, &[])
}

/// The fields of a header block; `body_charset` helps with raw 8-bit values.
pub fn fields(block: &[u8], limits: &ReadLimits, body_charset: Option<&str>, faults: &mut Vec<Fault>) -> Vec<Header> {
    let mut fields = Vec::new();
    let bounded = &block[..block.len().min(limits.header_bytes)];
    let mut lines = bounded.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let mut current: Option<(String, Vec<u8>)> = None;
    let mut count = 0;
    for line in lines.by_ref() {
        count += 1;
        if count > limits.header_lines {
            break;
        }
        match (line.first(), &mut current) {
            (Some(b' ' | b'\t'), Some((_, value))) => value.extend(line),
            (Some(b' ' | b'\t') | None, _) => {}
            _ => {
                fields.extend(current.take().map(|(name, value)| field(name, &value, body_charset)));
                current = name_and_value(line);
            }
        }
    }
    fields.extend(current.map(|(name, value)| field(name, &value, body_charset)));
    if count > limits.header_lines || block.len() > limits.header_bytes {
        faults.push(Fault::HeaderTooLong);
    }
    fields
}

fn name_and_value(line: &[u8]) -> Option<(String, Vec<u8>)> {
    let colon = line.iter().position(|byte| *byte == b':')?;
    let name = std::str::from_utf8(&line[..colon]).ok()?.trim_end();
    let good = !name.is_empty() && name.len() <= 200 && name.bytes().all(|byte| byte.is_ascii_graphic());
    good.then(|| (name.to_owned(), line[colon + 1..].to_vec()))
}

fn field(name: String, raw: &[u8], body_charset: Option<&str>) -> Header {
    let addresses =
        ["from", "to", "cc", "reply-to", "sender", "bcc"].iter().any(|known| name.eq_ignore_ascii_case(known));
    let raw = eight_bit(raw, body_charset);
    // Words in an address list are decoded name by name, after the list has been taken apart.
    let value = if addresses { raw } else { decode_words(&raw) };
    Header { name, value: one_line(&value) }
}

/// Raw 8-bit text: UTF-8, else the body's charset, else windows-1252.
fn eight_bit(raw: &[u8], body_charset: Option<&str>) -> String {
    match std::str::from_utf8(raw) {
        Ok(text) => text.to_owned(),
        Err(_) => {
            let label = body_charset.and_then(|label| Encoding::for_label(label.as_bytes()));
            let charset = label.filter(|charset| *charset != UTF_8).unwrap_or(WINDOWS_1252);
            charset.decode_without_bom_handling(raw).0.into_owned()
        }
    }
}

/// Control characters and line ends to blanks, ends trimmed, bounded.
fn one_line(text: &str) -> String {
    let clean: String = text.chars().take(LONGEST_VALUE).map(|c| if c.is_control() { ' ' } else { c }).collect();
    clean.trim().to_owned()
}

/// Decodes every encoded word. White space between two words goes; neighbours in one charset are decoded as one run of
/// bytes, since some programs split a character over two words.
pub fn decode_words(text: &str) -> String {
    let Some(pattern) = WORD.regex() else { return text.to_owned() };
    let mut out = String::new();
    let mut run: Option<(&'static Encoding, Vec<u8>)> = None;
    let mut at = 0;
    for found in pattern.captures_iter(text) {
        let (Some(whole), Some(label), Some(kind), Some(data)) =
            (found.get(0), found.get(1), found.get(2), found.get(3))
        else {
            continue;
        };
        let charset = Encoding::for_label(label.as_str().as_bytes()).unwrap_or(UTF_8);
        // Raw 8-bit characters inside a word have been decoded already; they go back into the word's charset with the rest.
        let bytes = word_bytes(kind.as_str(), &charset.encode(data.as_str()).0);
        let gap = &text[at..whole.start()];
        let adjoins = run.is_some() && gap.chars().all(char::is_whitespace);
        if !adjoins {
            flush(&mut out, run.take());
            out.push_str(gap);
        }
        match &mut run {
            // ISO-2022-JP begins each word in ASCII, so its words must not be run together.
            Some((same, collected)) if *same == charset && charset != encoding_rs::ISO_2022_JP => {
                collected.extend(bytes)
            }
            _ => {
                flush(&mut out, run.take());
                run = Some((charset, bytes));
            }
        }
        at = whole.end();
    }
    flush(&mut out, run);
    out.push_str(&text[at..]);
    out
}

fn flush(out: &mut String, run: Option<(&'static Encoding, Vec<u8>)>) {
    if let Some((charset, bytes)) = run {
        let (text, broken) = charset.decode_without_bom_handling(&bytes);
        match (broken, std::str::from_utf8(&bytes)) {
            (true, Ok(utf8)) => out.push_str(utf8),
            _ => out.push_str(&text),
        }
    }
}

fn word_bytes(kind: &str, data: &[u8]) -> Vec<u8> {
    if kind.eq_ignore_ascii_case("b") {
        let clean: Vec<u8> = data.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
        return BASE64.decode(&clean).unwrap_or_default();
    }
    let mut bytes = Vec::with_capacity(data.len());
    let mut rest = data;
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        match first {
            b'_' => bytes.push(b' '),
            b'=' if after.len() >= 2 => match hex_pair(after[0], after[1]) {
                Some(byte) => {
                    bytes.push(byte);
                    rest = &after[2..];
                }
                None => bytes.push(b'='),
            },
            other => bytes.push(*other),
        }
    }
    bytes
}

fn hex_pair(high: u8, low: u8) -> Option<u8> {
    let digit = |byte: u8| (byte as char).to_digit(16);
    Some((digit(high)? << 4 | digit(low)?) as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pattern_compiles() {
        assert!(WORD.regex().is_some());
    }

    #[test]
    fn words_are_decoded_and_joined() {
        assert_eq!(decode_words("=?utf-8?Q?Gr=C3=BC=C3?= =?utf-8?Q?=9Fe?= x"), "Grüße x");
        assert_eq!(decode_words("a =?iso-8859-1?q?b=FC_c?= d"), "a bü c d");
        assert_eq!(decode_words("=?iso-8859-1?q?Fr\u{f6}sche=FC?="), "Fröscheü");
        assert_eq!(decode_words("=?utf-8?B?W0dHVVM6NTc4?= =?utf-8?B?OTBdIGJyb2tlbg==?="), "[GGUS:57890] broken");
        assert_eq!(decode_words("=?iso-2022-jp?B?GyRCRnxLXBsoQg==?= =?iso-2022-jp?B?GyRCOGwbKEI=?="), "日本語");
        assert_eq!(decode_words("no =?word here?= =?utf-8?x?y?="), "no =?word here?= =?utf-8?x?y?=");
    }

    #[test]
    fn fields_are_unfolded_bounded_and_never_forged() {
        let mut faults = Vec::new();
        let block = b"Subject: a\r\n b\r\nX-\xff: no\r\nnot a field\r\nTo: x@y.example\r\nX: \xe4\r\n";
        let fields = super::fields(block, &ReadLimits::default(), None, &mut faults);
        let seen: Vec<_> = fields.iter().map(|field| (field.name.as_str(), field.value.as_str())).collect();
        assert_eq!(seen, [("Subject", "a b"), ("To", "x@y.example"), ("X", "ä")]);
        assert!(faults.is_empty());
        let many = "A: b\n".repeat(5_000);
        let few = super::fields(many.as_bytes(), &ReadLimits::default(), None, &mut faults);
        assert_eq!((few.len(), faults), (1_000, vec![Fault::HeaderTooLong]));
    }

    #[test]
    fn a_block_ends_at_the_first_empty_line() {
        assert_eq!(split(b"A: b\r\n\r\nbody\n\nmore"), (&b"A: b\r\n"[..], &b"body\n\nmore"[..]));
        assert_eq!(split(b"A: b"), (&b"A: b"[..], &b""[..]));
        assert_eq!(split(b"\nbody"), (&b""[..], &b"body"[..]));
    }
}
