//! Header blocks: fields split, unfolded and decoded (RFC 5322 section 2.2), within bounds.
//!
//! Done here and not by the library, since a mail must keep its fields however broken they are: repeated, raw 8-bit,
//! encoded words that split a character.

use std::ops::Range;

use super::charset;
use super::value::Value;
use super::{ReadLimits, words};
use crate::mail::message::{Fault, Header};

/// Longest value of one field, in bytes; addresses of a million recipients need no more to be bounded.
const LONGEST_VALUE: usize = 64 << 10;
/// Longest name of a field, in bytes.
const LONGEST_NAME: usize = 200;
/// Names by which a line that is no field is known to stand within a header block, and not to begin the text.
const COMMON: [&str; 10] = [
    "content-type",
    "content-transfer-encoding",
    "date",
    "from",
    "message-id",
    "mime-version",
    "received",
    "return-path",
    "subject",
    "to",
];

/// One field: its value unfolded, on one line, 8-bit letters read, encoded words not yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    pub name: String,
    pub raw: String,
}

impl Field {
    pub fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }

    pub fn decoded(&self) -> Header {
        Header { name: self.name.clone(), value: one_line(&words::decode(&self.raw)) }
    }
}

/// The first field called `name`.
pub fn find<'a>(fields: &'a [Field], name: &str) -> Option<&'a Field> {
    fields.iter().find(|field| field.is(name))
}

/// The header block and the body behind the blank line. Where the blank line is missing the body begins behind the last
/// field; without any field all is body.
pub fn split(raw: &[u8]) -> (&[u8], &[u8]) {
    let (mut at, mut end_of_fields, mut in_field, mut seen) = (0, 0, false, false);
    for line in raw.split_inclusive(|byte| *byte == b'\n') {
        let kind = kind(line);
        if kind == Line::Blank {
            let body = if end_of_fields == at { at + line.len() } else { end_of_fields };
            return if seen { (&raw[..end_of_fields], &raw[body..]) } else { (&[], raw) };
        }
        in_field = match kind {
            // What looks like a field behind a line that is none may be text: only a common name is believed.
            Line::Field(name) => end_of_fields == at || COMMON.iter().any(|known| name.eq_ignore_ascii_case(known)),
            Line::Continued => in_field,
            _ => false,
        };
        at += line.len();
        if in_field {
            (end_of_fields, seen) = (at, true);
        }
    }
    if seen { raw.split_at(end_of_fields) } else { (&[], raw) }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line<'a> {
    Blank,
    Field(&'a str),
    Continued,
    Other,
}

fn kind(line: &[u8]) -> Line<'_> {
    match line.trim_ascii_end() {
        [] if !line.starts_with(b" ") && !line.starts_with(b"\t") => Line::Blank,
        _ if matches!(line.first(), Some(b' ' | b'\t')) => Line::Continued,
        text => name(text).map_or(Line::Other, |(name, _)| Line::Field(name)),
    }
}

/// Name and value of a line that is a field.
fn name(line: &[u8]) -> Option<(&str, &[u8])> {
    let colon = line.iter().take(LONGEST_NAME + 1).position(|byte| *byte == b':')?;
    let name = std::str::from_utf8(&line[..colon]).ok()?.trim_end();
    let good = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic());
    good.then(|| (name, &line[colon + 1..]))
}

/// The fields of a header block. Raw 8-bit values are UTF-8, else in the charset that `charset_of` finds for the body.
pub fn fields(
    block: &[u8],
    limits: &ReadLimits,
    charset_of: impl Fn(&Value) -> Option<String>,
    faults: &mut Vec<Fault>,
) -> Vec<Field> {
    let fields = unfolded(block, limits, faults);
    if fields.iter().any(|(_, value)| value.contains(&0)) {
        faults.push(Fault::NulBytes);
    }
    let content_type = fields.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-type"));
    let content_type = content_type.map(|(_, value)| Value::parse(&String::from_utf8_lossy(value)));
    let charset = charset_of(&content_type.unwrap_or_default());
    let read = |raw: &[u8]| one_line(&charset::decode_header(raw, charset.as_deref()));
    fields.into_iter().map(|(name, value)| Field { raw: read(&value), name }).collect()
}

/// The fields of the header block of a part, or of a mail inside a mail.
pub fn inner_fields(block: &[u8]) -> Vec<Field> {
    fields(block, &ReadLimits::default(), |_| None, &mut Vec::new())
}

/// Names and values with their folds undone; lines that are neither field nor fold are passed over.
fn unfolded(block: &[u8], limits: &ReadLimits, faults: &mut Vec<Fault>) -> Vec<(String, Vec<u8>)> {
    let mut fields: Vec<(String, Vec<u8>)> = Vec::new();
    let (mut in_field, mut cut) = (false, block.len() > limits.header_bytes);
    let bounded = &block[..block.len().min(limits.header_bytes)];
    let mut lines = bounded.split_inclusive(|byte| *byte == b'\n');
    for line in lines.by_ref().take(limits.header_lines) {
        match (kind(line), fields.last_mut()) {
            (Line::Field(_), _) => {
                in_field = true;
                fields.extend(name(line.trim_ascii_end()).map(|(name, value)| (name.to_owned(), value.to_vec())));
            }
            (Line::Continued, Some((_, value))) if in_field => value.extend_from_slice(line.trim_ascii_end()),
            (kind, _) => in_field &= kind == Line::Continued,
        }
        if let Some((_, value)) = fields.last_mut().filter(|(_, value)| value.len() > LONGEST_VALUE) {
            value.truncate(LONGEST_VALUE);
            cut = true;
        }
    }
    if cut || lines.next().is_some() {
        faults.push(Fault::HeaderTooLong);
    }
    fields
}

/// The fields of a block with every byte that they have, folds and line ends too; lines that are none are left out.
pub fn verbatim(block: &[u8]) -> Vec<(&str, &[u8])> {
    let mut fields: Vec<(&str, Range<usize>)> = Vec::new();
    let (mut at, mut in_field) = (0, false);
    for line in block.split_inclusive(|byte| *byte == b'\n') {
        let end = at + line.len();
        match (kind(line), fields.last_mut()) {
            (Line::Field(name), _) => {
                in_field = true;
                fields.push((name, at..end));
            }
            (Line::Continued, Some((_, place))) if in_field => place.end = end,
            (kind, _) => in_field &= kind == Line::Continued,
        }
        at = end;
    }
    fields.into_iter().map(|(name, place)| (name, &block[place])).collect()
}

/// Control characters to blanks, NUL to nothing, ends trimmed.
fn one_line(text: &str) -> String {
    let kept = text.chars().filter(|c| *c != '\0').map(|c| if c.is_control() { ' ' } else { c });
    kept.collect::<String>().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(block: &[u8], charset: Option<&str>, faults: &mut Vec<Fault>) -> Vec<(String, String)> {
        let fields = fields(block, &ReadLimits::default(), |_| charset.map(str::to_owned), faults);
        fields.iter().map(Field::decoded).map(|field| (field.name, field.value)).collect()
    }

    #[test]
    fn fields_are_unfolded_and_never_forged() {
        let mut faults = Vec::new();
        let block = b"Subject: a\r\n b\r\n\t=?utf-8?Q?=C3=BC?=\r\nX-\xff: no\r\n folded\r\nnot a field\r\n\
                      To : x@y.example\r\nX: \xe4\0\r\nY:\r\n";
        let expected = [("Subject", "a b ü"), ("To", "x@y.example"), ("X", "ä"), ("Y", "")];
        assert_eq!(read(block, None, &mut faults), expected.map(|(name, value)| (name.into(), value.into())));
        assert_eq!(faults, [Fault::NulBytes]);
    }

    #[test]
    fn raw_letters_are_in_the_charset_of_the_body() {
        let fields = read(b"Subject: \xc1", Some("koi8-r"), &mut Vec::new());
        assert_eq!(fields, [("Subject".to_owned(), "а".to_owned())]);
    }

    #[test]
    fn everything_is_bounded() {
        for block in
            ["A: b\n".repeat(5_000), format!("A: {}", "b".repeat(LONGEST_VALUE + 1)), "A: b\n ".repeat(100_000)]
        {
            let mut faults = Vec::new();
            let fields = read(block.as_bytes(), None, &mut faults);
            assert!(fields.len() <= 1_000 && fields.iter().all(|(_, value)| value.len() <= LONGEST_VALUE));
            assert_eq!(faults, [Fault::HeaderTooLong]);
        }
    }

    #[test]
    fn fields_are_given_as_they_stand() {
        let block = b"A: b\r\n c\r\nno field\r\n fold of it\r\nB : d\nC: e";
        let expected: [(&str, &[u8]); 3] = [("A", b"A: b\r\n c\r\n"), ("B", b"B : d\n"), ("C", b"C: e")];
        assert_eq!(verbatim(block), expected);
    }

    #[test]
    fn a_block_ends_at_the_first_blank_line_or_behind_the_last_field() {
        for (raw, block, body) in [
            ("A: b\r\n\r\nbody\n\nmore", "A: b\r\n", "body\n\nmore"),
            ("A: b\n \nC: d\n\nbody", "A: b\n \nC: d\n", "body"),
            ("A: b", "A: b", ""),
            ("A: b\nSome text.\nNote: more\n\nend", "A: b\n", "Some text.\nNote: more\n\nend"),
            ("A: b\njunk\n  junk\nContent-Type: x/y\n\nbody", "A: b\njunk\n  junk\nContent-Type: x/y\n", "body"),
            ("A: b\nSome text.\n", "A: b\n", "Some text.\n"),
            ("no header\n\nat all: none\n", "", "no header\n\nat all: none\n"),
            ("\nbody", "", "\nbody"),
            ("", "", ""),
        ] {
            assert_eq!(split(raw.as_bytes()), (block.as_bytes(), body.as_bytes()), "{raw:?}");
        }
    }
}
