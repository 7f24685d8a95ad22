//! One pattern of a dialect file. It is linear (the `regex` crate knows no look-around and no back-references), what it
//! matches is bounded in length, and what it compiles to is bounded in memory.
//!
//! A blank in a pattern stands for any run of white space, line ends included: where a system wraps its lines, and whether
//! its HTML became text, does not matter then. `\d` is a digit of ASCII, as ids are written.

use regex::{Regex, RegexBuilder};
use regex_syntax::ParserBuilder;

/// Memory that one compiled pattern may take, in bytes.
const COMPILED_BYTES: usize = 1 << 20;
/// Bytes that one match may be long.
const LONGEST_MATCH: usize = 8_000;
/// What a blank stands for, and a blank that may be missing.
const WHITE: &str = r"[ \t\r\n\x{a0}]{1,8}";
const PERHAPS_WHITE: &str = r"[ \t\r\n\x{a0}]{0,8}";

/// Compiles a pattern as it stands in a dialect file: `^` and `$` are line ends. The error says what to write instead.
pub fn compile(source: &str) -> Result<Regex, String> {
    let expanded = expand(source);
    let parsed = ParserBuilder::new().multi_line(true).build().parse(&expanded).map_err(|error| one_line(&error))?;
    match parsed.properties().maximum_len() {
        None => {
            return Err("a match may be of any length, write {0,80} in place of * and {1,80} in place of +".to_owned());
        }
        Some(longest) if longest > LONGEST_MATCH => {
            return Err(format!("a match may be {longest} bytes long, bound it to less than {LONGEST_MATCH}"));
        }
        Some(_) => {}
    }
    RegexBuilder::new(&expanded).multi_line(true).size_limit(COMPILED_BYTES).build().map_err(|error| one_line(&error))
}

/// The last line of the crate's drawing says what is wrong.
fn one_line(error: &dyn std::fmt::Display) -> String {
    let text = error.to_string();
    let last = text.lines().rfind(|line| !line.trim().is_empty()).unwrap_or_default();
    last.trim().trim_start_matches("error: ").to_owned()
}

/// Blanks outside of classes and escapes become runs of white space, `\d` the digits of ASCII.
fn expand(source: &str) -> String {
    let mut expanded = String::with_capacity(source.len() * 2);
    let mut chars = source.chars().peekable();
    let mut classes = 0u32;
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some('d') => expanded.push_str(if classes == 0 { "[0-9]" } else { "0-9" }),
                other => expanded.extend(['\\'].into_iter().chain(other)),
            },
            ' ' if classes == 0 => match chars.peek() {
                Some('?') => {
                    chars.next();
                    expanded.push_str(PERHAPS_WHITE);
                }
                Some('{' | '*' | '+') => expanded.push(c),
                _ => expanded.push_str(WHITE),
            },
            _ => {
                match c {
                    '[' => classes += 1,
                    ']' => classes = classes.saturating_sub(1),
                    _ => {}
                }
                expanded.push(c);
            }
        }
    }
    expanded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blank_is_any_white_space() {
        let pattern = compile("it is not sent( to)? the Requestor").unwrap();
        assert!(pattern.is_match("it is not\nsent  to\u{a0}the Requestor"));
        assert!(!pattern.is_match("it isnot sent to the Requestor"));
        assert!(compile(r"^a ?b$").unwrap().is_match("x\nab\ny"));
        assert!(compile(r"[ x]y\ z").unwrap().is_match(" y z"));
    }

    #[test]
    fn digits_are_those_of_ascii() {
        let pattern = compile(r"^[a\d]x\d$").unwrap();
        assert!(pattern.is_match("7x7") && pattern.is_match("ax7"));
        assert!(!pattern.is_match("ax\u{0667}"));
    }

    #[test]
    fn what_is_not_bounded_is_refused() {
        for source in ["a+", r"\[.*\]", r"x\s+#", r"(?:a{1000}){1000}", r"\w{1,900}.{1,9000}"] {
            assert!(compile(source).is_err(), "{source}");
        }
        let error = compile(r"\[.*\]").unwrap_err();
        assert!(error.contains("{0,80} in place of *"), "{error}");
    }

    #[test]
    fn what_is_no_pattern_is_refused_in_one_line() {
        let error = compile("(?P<id>").unwrap_err();
        assert_eq!(error, "unclosed group");
        assert!(compile(r"(?=x)").is_err() && compile(r"(a)\1").is_err());
    }
}
