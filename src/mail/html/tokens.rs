//! HTML as a stream of tags and text. Linear in its length whatever is written; it refuses to build a tree.
//!
//! It reads what browsers read (WHATWG HTML section 13.2.5) as far as mails need it: comments, conditional comments,
//! declarations and scripts are passed over.

use std::borrow::Cow;

use quick_xml::escape::resolve_html5_entity;

/// Bytes of one attribute's value that are kept, more than any link or style that means something.
const LONGEST_VALUE: usize = 4_000;
/// Attributes that are looked at in one tag.
const MOST_ATTRIBUTES: usize = 100;
/// Attributes that matter to what is shown.
const KNOWN: [&str; 7] = ["alt", "class", "height", "hidden", "href", "style", "width"];
/// Elements whose content is no markup, and is not shown.
const RAW: [&str; 6] = ["iframe", "noembed", "noframes", "script", "style", "title"];

/// One piece of a document.
#[derive(Debug, PartialEq, Eq)]
pub enum Token<'a> {
    Text(&'a str),
    Open(Tag),
    /// Name in lower case.
    Close(String),
    /// Content of a `<style>`.
    Style(&'a str),
}

/// An opening tag.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Tag {
    /// In lower case.
    pub name: String,
    /// Those that matter, entities resolved, names in lower case; of a name that occurs twice the first.
    attributes: Vec<(&'static str, String)>,
}

impl Tag {
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
    }
}

/// The tokens of a document.
pub struct Tokens<'a> {
    rest: &'a str,
}

impl<'a> Tokens<'a> {
    pub fn new(html: &'a str) -> Self {
        Self { rest: html }
    }

    fn take(&mut self, length: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(length.min(self.rest.len()));
        self.rest = rest;
        taken
    }

    /// Passes over everything up to and with `end`; to the end where there is none.
    fn skip_to(&mut self, end: &str) {
        let length = self.rest.find(end).map_or(self.rest.len(), |at| at + end.len());
        self.take(length);
    }

    /// The content of an element that holds no markup; without an end it is all the rest.
    fn raw_content(&mut self, name: &str) -> &'a str {
        let is_end = |at: &usize| {
            let behind = self.rest.as_bytes().get(at + 2..at + 2 + name.len());
            behind.is_some_and(|word| word.eq_ignore_ascii_case(name.as_bytes()))
        };
        let end = self.rest.match_indices("</").map(|(at, _)| at).find(is_end);
        self.take(end.unwrap_or(self.rest.len()))
    }

    fn open(&mut self) -> Tag {
        let length = tag_length(self.rest);
        let inside = self.take(length).trim_start_matches('<').trim_end_matches('>');
        let end = inside.find(|c: char| c.is_ascii_whitespace() || c == '/').unwrap_or(inside.len());
        Tag { name: inside[..end].to_ascii_lowercase(), attributes: attributes(&inside[end..]) }
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        loop {
            let second = self.rest.as_bytes().get(1).copied().unwrap_or_default();
            match self.rest.as_bytes().first()? {
                b'<' if self.rest.starts_with("<!--") => {
                    self.take("<!--".len());
                    self.skip_to("-->");
                }
                b'<' if matches!(second, b'!' | b'?') => self.skip_to(">"),
                b'<' if second == b'/' => {
                    let inside = self.take(self.rest.find('>').map_or(self.rest.len(), |end| end + 1));
                    let name = inside[2..].trim_end_matches('>').trim();
                    let end = name.find(|c: char| c.is_ascii_whitespace()).unwrap_or(name.len());
                    return Some(Token::Close(name[..end].to_ascii_lowercase()));
                }
                b'<' if second.is_ascii_alphabetic() => {
                    let tag = self.open();
                    if !RAW.contains(&tag.name.as_str()) {
                        return Some(Token::Open(tag));
                    }
                    let content = self.raw_content(&tag.name);
                    if tag.name == "style" {
                        return Some(Token::Style(content));
                    }
                }
                _ => {
                    // A `<` that begins no tag is text, with what follows it.
                    let end = self.rest.match_indices('<').map(|(at, _)| at).find(|at| *at > 0);
                    let end = end.unwrap_or(self.rest.len());
                    return Some(Token::Text(self.take(end)));
                }
            }
        }
    }
}

/// Bytes from `<` to the `>` that is in no quotes. Where quotes do not end, the first `>` is the end.
fn tag_length(rest: &str) -> usize {
    let mut quote = None;
    // A quote begins behind an equals sign only; others are letters of a broken tag.
    let mut after_equals = false;
    for (at, byte) in rest.bytes().enumerate() {
        match (quote, byte) {
            (Some(open), byte) if open == byte => quote = None,
            (Some(_), _) => {}
            (None, b'"' | b'\'') if after_equals => quote = Some(byte),
            (None, b'>') => return at + 1,
            (None, _) => {}
        }
        after_equals = byte == b'=' || after_equals && byte.is_ascii_whitespace();
    }
    rest.find('>').map_or(rest.len(), |end| end + 1)
}

fn attributes(text: &str) -> Vec<(&'static str, String)> {
    let mut found: Vec<(&'static str, String)> = Vec::new();
    let mut rest = text;
    for _ in 0..MOST_ATTRIBUTES {
        rest = rest.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '/');
        let end = rest.find(|c: char| c.is_ascii_whitespace() || "=/".contains(c)).unwrap_or(rest.len());
        let name = &rest[..end];
        let value = match rest[end..].trim_ascii_start().strip_prefix('=') {
            Some(behind) => {
                let (value, after) = value(behind.trim_ascii_start());
                rest = after;
                value
            }
            None => {
                rest = &rest[end..];
                ""
            }
        };
        if rest.is_empty() && name.is_empty() {
            break;
        }
        let known = KNOWN.iter().find(|known| name.eq_ignore_ascii_case(known));
        if let Some(known) = known.filter(|known| !found.iter().any(|(other, _)| other == *known)) {
            found.push((known, unescaped(if value.len() > LONGEST_VALUE { "" } else { value }).into_owned()));
        }
    }
    found
}

/// An attribute's value and what stands behind it.
fn value(text: &str) -> (&str, &str) {
    match text.chars().next() {
        Some(quote @ ('"' | '\'')) => text[1..].split_once(quote).unwrap_or((&text[1..], "")),
        _ => text.split_at(text.find(|c: char| c.is_ascii_whitespace()).unwrap_or(text.len())),
    }
}

/// Text with its character references resolved; what is none stays as it is.
pub fn unescaped(text: &str) -> Cow<'_, str> {
    if !text.contains('&') {
        return text.into();
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        let body = &rest[at + 1..];
        let end = body.find(|c: char| !(c.is_ascii_alphanumeric() || c == '#')).unwrap_or(body.len());
        match character(&body[..end]) {
            Some(resolved) => {
                out.push_str(&resolved);
                rest = body[end..].strip_prefix(';').unwrap_or(&body[end..]);
            }
            None => {
                out.push('&');
                rest = body;
            }
        }
    }
    out.push_str(rest);
    out.into()
}

/// `eacute`, `#233` or `#xE9`.
fn character(name: &str) -> Option<Cow<'static, str>> {
    let Some(number) = name.strip_prefix('#') else {
        return (name.len() <= 32).then(|| resolve_html5_entity(name)).flatten().map(Cow::Borrowed);
    };
    let code = match number.strip_prefix(['x', 'X']) {
        Some(hex) => u32::from_str_radix(hex, 16),
        None => number.parse(),
    };
    let code = code.ok()?;
    // Numbers of windows-1252 are meant where Unicode has control characters (WHATWG HTML section 13.2.5.80).
    if (0x80..0xa0).contains(&code) {
        let byte = [code as u8];
        return Some(encoding_rs::WINDOWS_1252.decode_without_bom_handling(&byte).0.into_owned().into());
    }
    Some(char::from_u32(code).filter(|c| *c != '\0').unwrap_or('\u{fffd}').to_string().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(html: &str) -> String {
        let show = |token: Token| match token {
            Token::Text(text) => format!("{text:?}"),
            Token::Open(tag) => {
                format!("<{}{}>", tag.name, tag.attributes.iter().map(|(n, v)| format!(" {n}={v}")).collect::<String>())
            }
            Token::Close(name) => format!("</{name}>"),
            Token::Style(text) => format!("style {text:?}"),
        };
        Tokens::new(html).map(show).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn tags_and_text_are_told_apart() {
        for (html, tokens) in [
            ("<P CLASS=x>a</P >b", "<p class=x> \"a\" </p> \"b\""),
            ("<a href=\"x>y\" href='z' style = 'a b'/>", "<a href=x>y style=a b>"),
            ("<a href=\"?a=1&amp;b=2\">", "<a href=?a=1&b=2>"),
            ("<p hidden>x", "<p hidden=> \"x\""),
            ("¡a < b <3 <", "\"¡a \" \"< b \" \"<3 \" \"<\""),
            ("a<!-- <p> -->b<![if !mso]>c<!doctype html><?xml?>d", "\"a\" \"b\" \"c\" \"d\""),
            ("<script>if (a < b) '</p>'</SCRIPT>x", "</script> \"x\""),
            ("<style>p {}</style><title>a<b</title>x", "style \"p {}\" </style> </title> \"x\""),
            ("<o:p>&nbsp;</o:p>", "<o:p> \"&nbsp;\" </o:p>"),
            ("<br/><img alt=\"a\"/>", "<br> <img alt=a>"),
            ("<a title=\"never ends href=x>text</a>", "<a> \"text\" </a>"),
            ("<p it's>x</p>", "<p> \"x\" </p>"),
            ("x<!-- never ends", "\"x\""),
            ("<script>never ends", ""),
            ("<p", "<p>"),
            ("</", "</>"),
        ] {
            assert_eq!(read(html), tokens, "{html}");
        }
    }

    #[test]
    fn character_references_are_resolved() {
        for (text, expected) in [
            ("a &amp;amp; b", "a &amp; b"),
            ("&eacute;&#233;&#xE9;&#XE9&eacute", "ééééé"),
            ("&#150;&#0;&#xD800;&#99999999999;", "–\u{fffd}\u{fffd}&#99999999999;"),
            ("AT&T &unknown; &", "AT&T &unknown; &"),
            ("&lt;Ticket&gt;", "<Ticket>"),
        ] {
            assert_eq!(unescaped(text), expected, "{text}");
        }
    }
}
