//! The guard in front of the library that finds the parts of a mail: what it may see, and which mails it may not see.
//!
//! It is only asked where parts begin and end and which of them are shown, on a copy in which a few words and dashes are
//! masked; contents and fields are then read from the original. So it never descends into an attached mail (0.11
//! recurses there, and ends the process by a stack overflow), never takes a boundary in the middle of a line for one,
//! loses no boundary on a folded line and decodes nothing. A multipart that the mail leaves open is closed in the copy
//! where an outer one goes on, or the mail ends (RFC 2046 section 5.1.2).

use std::sync::LazyLock;

use regex::bytes::Regex;

use super::value::Value;

/// Nested multiparts beyond which a mail is not taken apart; unclosed ones cost the square of their number.
const MOST_NESTING: usize = 200;
/// Lines that could be boundaries beyond which a mail is not taken apart.
const MOST_BOUNDARIES: usize = 5_000;
/// Bytes of a line that may be a boundary; RFC 2046 allows 72.
const LONGEST_BOUNDARY: usize = 200;

/// Words on which the library would act by itself: mails inside the mail, transfer encodings, charsets.
static WORDS: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"(?i-u)rfc822|global|digest|base64|quoted-printable|charset").ok());

/// A copy of the body of a multipart that the library may see.
#[derive(Debug, Default)]
pub struct Outline {
    pub copy: Vec<u8>,
    /// Where something was put into the copy, and how long it is; in rising order.
    inserted: Vec<(usize, usize)>,
}

impl Outline {
    /// `None` where the body is too dangerous. `boundary` is the outermost.
    pub fn of(body: &[u8], boundary: &str) -> Option<Self> {
        let mut masked = body.to_vec();
        WORDS.as_ref()?.find_iter(body).for_each(|found| masked[found.start()] = b'x');
        let mut writer = Writer { open: vec![Multipart::declared(boundary.to_owned())], ..Writer::default() };
        let mut place = Place::Body;
        let mut at = 0;
        for line in body.split_inclusive(|byte| *byte == b'\n') {
            let end = at + line.len();
            place = next(place, line);
            writer.write(place, line, &masked[at..end]);
            at = end;
        }
        writer.close_from(0);
        let bounded = writer.nesting <= MOST_NESTING && writer.boundaries <= MOST_BOUNDARIES;
        bounded.then_some(writer.outline)
    }

    /// The place in the original that a place in the copy stands for.
    pub fn original(&self, at: usize) -> usize {
        let mut before = 0;
        for (start, length) in &self.inserted {
            match at {
                at if at < *start => break,
                at if at < start + length => return start - before,
                _ => before += length,
            }
        }
        at - before
    }
}

/// A multipart whose boundary has been declared.
#[derive(Debug)]
struct Multipart {
    boundary: String,
    /// Whether a part of it has begun.
    has_begun: bool,
}

impl Multipart {
    fn declared(boundary: String) -> Self {
        Self { boundary, has_begun: false }
    }
}

/// Where a line stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// It begins as a boundary does.
    Boundary,
    /// It may belong to the header block of a part.
    Field {
        folded: bool,
    },
    Body,
}

fn next(before: Place, line: &[u8]) -> Place {
    let blank = matches!(line, b"\n" | b"\r\n");
    let folded = matches!(line.first(), Some(b' ' | b'\t'));
    match before {
        _ if line.starts_with(b"--") => Place::Boundary,
        Place::Body => Place::Body,
        _ if blank => Place::Body,
        Place::Boundary => Place::Field { folded: false },
        Place::Field { .. } => Place::Field { folded },
    }
}

/// The outline in the making.
#[derive(Debug, Default)]
struct Writer {
    outline: Outline,
    /// From the outermost to the innermost.
    open: Vec<Multipart>,
    nesting: usize,
    boundaries: usize,
}

impl Writer {
    /// Takes a line over, `masked` as far as words go.
    fn write(&mut self, place: Place, line: &[u8], masked: &[u8]) {
        let clear = match place {
            Place::Boundary => {
                self.boundaries += 1;
                self.boundary(line)
            }
            Place::Field { folded } => {
                self.nesting += usize::from(mentions(line, b"multipart"));
                let room = self.open.len() <= MOST_NESTING;
                self.open.extend(boundary_in(line).filter(|_| room).map(Multipart::declared));
                if folded {
                    let ends = self.outline.copy.iter_mut().rev().take_while(|byte| b"\r\n".contains(byte));
                    ends.for_each(|byte| *byte = b' ');
                }
                line.len()
            }
            Place::Body => 0,
        };
        let start = self.outline.copy.len();
        self.outline.copy.extend_from_slice(masked);
        mask_dashes(&mut self.outline.copy[start + clear.min(line.len())..]);
    }

    /// Looks at a line that begins as a boundary does; says how many bytes of it the library may take for one.
    fn boundary(&mut self, line: &[u8]) -> usize {
        let text = line[2..].trim_ascii_end();
        let known = |ending: &str| {
            let is_it = |one: &Multipart| text.strip_prefix(one.boundary.as_bytes()) == Some(ending.as_bytes());
            self.open.iter().rposition(is_it)
        };
        match (known(""), known("--")) {
            (Some(level), _) => {
                self.close_from(level + 1);
                self.open[level].has_begun = true;
            }
            (None, Some(level)) => {
                self.close_from(level + 1);
                self.open.truncate(level.max(1));
                // The outermost stays known, that its boundary behind its end is seen as one.
                self.open.iter_mut().take(1).for_each(|outermost| outermost.has_begun &= level > 0);
            }
            // The library would take a boundary that another one begins with for that one.
            _ if self.open.iter().any(|one| text.starts_with(one.boundary.as_bytes())) => return 0,
            _ => {}
        }
        LONGEST_BOUNDARY
    }

    /// Ends the multiparts from this level on, the innermost first.
    fn close_from(&mut self, level: usize) {
        let copy = &mut self.outline.copy;
        for inner in self.open.drain(level..).rev().filter(|one| one.has_begun) {
            let end = format!("\r\n--{}--\r\n", inner.boundary);
            self.outline.inserted.push((copy.len(), end.len()));
            copy.extend_from_slice(end.as_bytes());
        }
    }
}

fn mentions(line: &[u8], word: &[u8]) -> bool {
    line.windows(word.len()).any(|part| part.eq_ignore_ascii_case(word))
}

/// The boundary that a line of a part's header declares.
fn boundary_in(line: &[u8]) -> Option<String> {
    if !mentions(line, b"boundary") {
        return None;
    }
    let line = String::from_utf8_lossy(line);
    let start = line.to_ascii_lowercase().find("boundary")?;
    Value::parse(&format!(";{}", &line[start..])).parameter("boundary").map(str::to_owned)
}

/// Takes every second dash of a run away, so that none begins a boundary.
fn mask_dashes(line: &mut [u8]) {
    for at in 1..line.len() {
        if line[at] == b'-' && line[at - 1] == b'-' {
            line[at] = b'.';
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn copy(body: &str) -> String {
        String::from_utf8(Outline::of(body.as_bytes(), "b").unwrap().copy).unwrap()
    }

    #[test]
    fn the_pattern_compiles() {
        assert!(WORDS.is_some());
    }

    #[test]
    fn what_the_library_must_not_act_on_is_masked() {
        let body =
            "pre --b\r\n--b\r\nContent-Type: Message/RFC822;\r\n name=\"--x\"\r\n\r\na --b c\r\n-----\r\n--b--\r\n";
        let seen =
            "pre -.b\r\n--b\r\nContent-Type: Message/xFC822;   name=\"--x\"\r\n\r\na -.b c\r\n-----\r\n--b--\r\n";
        assert_eq!(copy(body), seen);
        assert_eq!(copy("--b\n\nx\n--bb\n--b c\n--b--\n"), "--b\n\nx\n-.bb\n-.b c\n--b--\n");
        assert!(!copy(&format!("--{}", "-".repeat(500)))[LONGEST_BOUNDARY..].contains("--"));
    }

    #[test]
    fn what_is_left_open_is_closed() {
        let inner = "--b\nContent-Type: multipart/mixed;\n\tBoundary = \"c c\"; x=y\n\n--c c\n\ntext\n";
        let masked = inner.replace(";\n\t", "; \t");
        assert_eq!(copy(inner), format!("{masked}\r\n--c c--\r\n\r\n--b--\r\n"));
        let outer_goes_on = Outline::of(format!("{inner}--b\n\nmore").as_bytes(), "b").unwrap();
        let expected = format!("{masked}\r\n--c c--\r\n--b\n\nmore\r\n--b--\r\n");
        assert_eq!(String::from_utf8_lossy(&outer_goes_on.copy), expected);
        let never_begun = "--b\nContent-Type: multipart/mixed; boundary=c\n\nno part, --c in a line";
        assert!(copy(never_begun).ends_with("-.c in a line\r\n--b--\r\n"));
    }

    #[test]
    fn places_in_the_copy_are_places_in_the_original() {
        let body = "--b\nContent-Type: x; boundary=c\n\n--c\n\none\n--b\n\ntwo";
        let outline = Outline::of(body.as_bytes(), "b").unwrap();
        let copy = String::from_utf8_lossy(&outline.copy);
        for word in ["one", "two", "--b\n\ntwo"] {
            assert_eq!(outline.original(copy.find(word).unwrap()), body.find(word).unwrap(), "{word}");
        }
        assert_eq!(outline.original(copy.find("--c--").unwrap()), body.find("--b\n\ntwo").unwrap());
        assert_eq!(outline.original(copy.len()), body.len());
    }

    #[test]
    fn a_mail_beyond_reason_is_not_shown_to_the_library() {
        let multiparts = "--b\nContent-Type:\n multipart/mixed; boundary=b\n\n";
        for (body, safe) in [
            (multiparts.repeat(200), true),
            (multiparts.repeat(201), false),
            ("--b\n".repeat(5_000), true),
            ("--b\n".repeat(5_001), false),
            (format!("--b\nX: {} multipart\n\n", "x".repeat(2_000)).repeat(201), false),
            ("a multipart\n\n--b\n\nmultipart\n".repeat(1_000), true),
        ] {
            assert_eq!(Outline::of(body.as_bytes(), "b").is_some(), safe);
        }
    }
}
