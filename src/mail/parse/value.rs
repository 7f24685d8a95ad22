//! Structured field values: a word with parameters (RFC 2045 section 5.1), pieces and charsets of parameters (RFC 2231)
//! put together. Encoded words in them are decoded although RFC 2047 forbids them there, since half of the world writes
//! them.

use std::collections::BTreeMap;

use super::{charset, words};

/// Parameters kept of one field.
const MOST_PARAMETERS: usize = 100;

/// `Content-Type: text/plain; charset=utf-8` and its kin.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Value {
    /// The word before the parameters, in lower case, without blanks and comments.
    pub word: String,
    /// Names in lower case; of a name that occurs twice the first.
    parameters: BTreeMap<String, String>,
}

impl Value {
    /// Reads an unfolded value.
    pub fn parse(text: &str) -> Self {
        let mut pieces = split(text).into_iter();
        let first = pieces.next().unwrap_or_default();
        // The semicolon before the first parameter is forgotten at times.
        let (word, forgotten) = match first.trim().split_once(char::is_whitespace) {
            Some((word, rest)) if rest.contains('=') => (word, Some(rest.to_owned())),
            _ => (first.as_str(), None),
        };
        let word = word.to_lowercase().split_whitespace().collect();
        let given = forgotten.into_iter().chain(pieces).take(MOST_PARAMETERS).filter_map(|piece| {
            let (name, value) = piece.split_once('=')?;
            Some((name.trim().to_lowercase(), value.trim().to_owned()))
        });
        Self { word, parameters: joined(given) }
    }

    /// The parameter called `name`, where it is not empty.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.get(name).map(String::as_str).filter(|text| !text.is_empty())
    }
}

/// Pieces between semicolons. Quotes are taken off, comments left out; a quote that never ends ends with the value.
fn split(text: &str) -> Vec<String> {
    let mut pieces = Vec::new();
    let mut piece = String::new();
    let (mut quoted, mut escaped, mut comment) = (false, false, 0_usize);
    for c in text.chars() {
        match c {
            _ if escaped => {
                escaped = false;
                // Windows programs write paths: a backslash before anything but `"` and `\` is itself.
                let whole = if matches!(c, '"' | '\\') { "" } else { "\\" };
                piece.extend(whole.chars().chain([c]).filter(|_| comment == 0));
            }
            '\\' if quoted || comment > 0 => escaped = true,
            '"' if comment == 0 => quoted = !quoted,
            _ if quoted => piece.push(c),
            // A file name such as `report (1).pdf` is often written without quotes; there it is no comment.
            '(' if comment > 0 || !is_file_name(&piece) => comment += 1,
            ')' if comment > 0 => comment -= 1,
            _ if comment > 0 => {}
            ';' => pieces.push(std::mem::take(&mut piece)),
            _ => piece.push(c),
        }
    }
    pieces.push(piece);
    pieces
}

fn is_file_name(piece: &str) -> bool {
    piece.split_once('=').is_some_and(|(name, _)| name.trim_end().to_ascii_lowercase().ends_with("name"))
}

/// `name*0*`, `name*1` … put together and decoded; beside them a plain `name` is the poorer copy.
fn joined(given: impl Iterator<Item = (String, String)>) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut pieces: BTreeMap<String, BTreeMap<usize, (String, bool)>> = BTreeMap::new();
    for (name, value) in given {
        match name.split_once('*') {
            None => {
                found.entry(name).or_insert_with(|| words::decode(&value));
            }
            Some((base, rest)) => {
                let encoded = rest.is_empty() || rest.ends_with('*');
                let number = rest.trim_end_matches('*').parse().unwrap_or(0);
                pieces.entry(base.to_owned()).or_default().entry(number).or_insert((value, encoded));
            }
        }
    }
    found.extend(pieces.into_iter().map(|(name, numbered)| (name, extended(&numbered))));
    found
}

/// The first encoded piece may begin with `charset'language'`.
fn extended(pieces: &BTreeMap<usize, (String, bool)>) -> String {
    let mut bytes = Vec::new();
    let mut label = None;
    for (at, (value, encoded)) in pieces.values().enumerate() {
        let marks = || value.split_once('\'').and_then(|(label, rest)| Some((label, rest.split_once('\'')?.1)));
        let text = match marks().filter(|_| at == 0 && *encoded) {
            Some((charset, text)) => {
                label = Some(charset);
                text
            }
            None => value,
        };
        match encoded {
            true => bytes.extend(percent(text)),
            false => bytes.extend_from_slice(text.as_bytes()),
        }
    }
    words::decode(&charset::decode(&bytes, label).text)
}

/// `%XX` to bytes.
pub fn percent(text: &str) -> Vec<u8> {
    let digit = |byte: &u8| (*byte as char).to_digit(16);
    let (mut out, mut rest) = (Vec::with_capacity(text.len()), text.as_bytes());
    while let Some((first, after)) = rest.split_first() {
        let escaped = match (first, after) {
            (b'%', [high, low, ..]) => digit(high).zip(digit(low)),
            _ => None,
        };
        out.push(escaped.map_or(*first, |(high, low)| (high << 4 | low) as u8));
        rest = if escaped.is_some() { &after[2..] } else { after };
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> String {
        Value::parse(text).parameter("name").unwrap_or_default().to_owned()
    }

    #[test]
    fn the_usual_forms() {
        let value = Value::parse("Text/Plain (a comment); charset=\"utf-8\" (b); Format = flowed;; x");
        assert_eq!(value.word, "text/plain");
        assert_eq!((value.parameter("charset"), value.parameter("format")), (Some("utf-8"), Some("flowed")));
        assert_eq!(Value::parse("multipart/mixed; boundary=\"a;b=(c)\"").parameter("boundary"), Some("a;b=(c)"));
        let forgotten = Value::parse("multipart/mixed boundary=\"b c\"");
        assert_eq!((forgotten.word.as_str(), forgotten.parameter("boundary")), ("multipart/mixed", Some("b c")));
        assert_eq!(Value::parse("text / plain ; a=b").word, "text/plain");
        assert_eq!(Value::parse("").parameter("name"), None);
        assert_eq!(Value::parse("a; name=").parameter("name"), None);
    }

    #[test]
    fn names_in_all_dress() {
        for (text, expected) in [
            ("a/b; name=report.pdf", "report.pdf"),
            ("a/b; name=\"the \\\"x\\\".pdf\"", "the \"x\".pdf"),
            ("a/b; name=\"C:\\temp\\x.pdf\"", "C:\\temp\\x.pdf"),
            ("a/b; name=my report (1).pdf; x=y", "my report (1).pdf"),
            ("a/b; name=\"never ends", "never ends"),
            ("a/b; name=\"=?utf-8?Q?Gr=C3=BC=C3=9Fe?=.txt\"", "Grüße.txt"),
            ("a/b; name==?utf-8?B?R3LDvMOfZQ==?=", "Grüße"),
            ("a/b; name*=utf-8''Gr%C3%BC%C3%9Fe.txt", "Grüße.txt"),
            ("a/b; name*0*=iso-8859-1'de'Gr%FC; name*1*=%DFe; name*2=\".txt\"", "Grüße.txt"),
            ("a/b; name*1=b.txt; name*0=a; name=poor.txt", "ab.txt"),
            ("a/b; name*=%C3%BC 100%", "ü 100%"),
            ("a/b; name=first; name=second", "first"),
        ] {
            assert_eq!(name(text), expected, "{text}");
        }
    }
}
