//! HTML written anew from its tokens: well formed, of bounded depth, with nothing in it but what the layout looks at.
//!
//! The library that lays out builds a tree, and what a stranger leaves open, nests or hides can make that cost the square
//! of the mail's size. Here every element that is written is ended in its place, so that the tree is what it looks like.

use std::cell::RefCell;

use html5ever::TokenizerResult;
use html5ever::tendril::{SliceExt as _, StrTendril};
use html5ever::tokenizer::states::RawKind::{Rawtext, Rcdata, ScriptData};
use html5ever::tokenizer::{
    BufferQueue, CharacterTokens, EndTag, StartTag, Tag, TagToken, Token, TokenSink, TokenSinkResult, Tokenizer,
    TokenizerOpts,
};

use crate::mail::pattern::Pattern;

/// Elements that are open at once; the text of deeper ones is kept.
const MOST_DEPTH: usize = 200;
/// Rules of the style sheet times elements beyond which the sheet is left out: each rule is tried on each element.
const MOST_MATCHES: usize = 2_000_000;

/// Elements that the layout knows by this name.
#[rustfmt::skip]
const KNOWN: [&str; 37] = [
    "a", "b", "blockquote", "br", "code", "dd", "del", "div", "dl", "dt", "em", "h1", "h2", "h3", "h4", "h5", "h6",
    "hr", "i", "img", "ins", "li", "ol", "p", "pre", "s", "span", "strong", "sup", "table", "tbody", "td", "th",
    "thead", "tr", "ul", "wbr",
];
/// Elements that stand on lines of their own and have no look beyond that.
const BLOCKS: [&str; 14] = [
    "address",
    "article",
    "aside",
    "center",
    "fieldset",
    "figcaption",
    "figure",
    "footer",
    "form",
    "header",
    "legend",
    "main",
    "nav",
    "section",
];
/// Elements of which there is nothing to be seen.
const UNSEEN: [&str; 22] = [
    "area", "base", "body", "col", "colgroup", "embed", "frame", "frameset", "head", "html", "iframe", "input", "link",
    "meta", "noembed", "noframes", "param", "script", "source", "style", "title", "track",
];
/// Elements without content.
const VOID: [&str; 4] = ["br", "hr", "img", "wbr"];
/// Elements within a line of text.
const INLINE: [&str; 11] = ["a", "b", "code", "del", "em", "i", "ins", "s", "span", "strong", "sup"];
/// Attributes that the layout looks at, without the spans of cells: a number that is too large makes it panic.
const ATTRIBUTES: [&str; 5] = ["alt", "class", "href", "id", "src"];

/// Styles that hide an element.
static HIDING: Pattern = Pattern::new(concat!(
    r"(?i)display\s*:\s*none|visibility\s*:\s*hidden|font-size\s*:\s*0(?:px|pt|em|%)?\s*(?:[;!]|$)",
    r"|opacity\s*:\s*0\s*(?:[;!]|$)|mso-hide\s*:\s*all|max-height\s*:\s*0",
));

/// A test on the name of an element.
type IsElement = fn(&str) -> bool;

/// Writes a document anew.
pub fn rewritten(html: &str) -> String {
    let tokenizer = Tokenizer::new(Sink::default(), TokenizerOpts::default());
    let input = BufferQueue::default();
    input.push_back(html.to_tendril());
    while !matches!(tokenizer.feed(&input), TokenizerResult::Done) {}
    tokenizer.end();
    tokenizer.sink.0.into_inner().finished()
}

#[derive(Default)]
struct Sink(RefCell<Writer>);

impl TokenSink for Sink {
    type Handle = ();

    fn process_token(&self, token: Token, _line: u64) -> TokenSinkResult<()> {
        let mut writer = self.0.borrow_mut();
        match token {
            TagToken(tag) if tag.kind == StartTag => return writer.start(&tag),
            TagToken(Tag { name, kind: EndTag, .. }) => writer.end(&name),
            CharacterTokens(text) => writer.text(&text),
            _ => {}
        }
        TokenSinkResult::Continue
    }
}

#[derive(Default)]
struct Writer {
    out: String,
    /// From the outermost to the innermost.
    open: Vec<&'static str>,
    elements: usize,
    /// The element whose content is no text to be read.
    within: Option<&'static str>,
    style: String,
}

impl Writer {
    fn start(&mut self, tag: &Tag) -> TokenSinkResult<()> {
        let (unread, kind) = match &*tag.name {
            "script" => ("script", ScriptData),
            "style" => ("style", Rawtext),
            "iframe" => ("iframe", Rawtext),
            "noembed" => ("noembed", Rawtext),
            "noframes" => ("noframes", Rawtext),
            "title" => ("title", Rcdata),
            name => {
                self.element(name, tag);
                return TokenSinkResult::Continue;
            }
        };
        self.within = Some(unread);
        TokenSinkResult::RawData(kind)
    }

    fn element(&mut self, name: &str, tag: &Tag) {
        let Some(name) = written_as(name) else { return };
        self.end_before(name);
        if !is_of_table(name) || name == "table" {
            self.enter_cell();
        }
        if self.open.len() >= MOST_DEPTH {
            return;
        }
        self.elements += 1;
        self.out.push('<');
        self.out.push_str(name);
        self.attributes(tag);
        self.out.push('>');
        if !VOID.contains(&name) {
            self.open.push(name);
        }
    }

    /// What stands in a table but in no cell gets one: a tree would have it moved before the table, piece by piece.
    fn enter_cell(&mut self) {
        let missing: &[&str] = match self.open.last() {
            Some(&("table" | "tbody" | "thead")) => &["tr", "td"],
            Some(&"tr") => &["td"],
            _ => &[],
        };
        for name in missing {
            self.out.push_str(&format!("<{name}>"));
            self.open.push(name);
        }
    }

    fn attributes(&mut self, tag: &Tag) {
        let hides = |name: &str, value: &str| name == "hidden" || name == "style" && HIDING.is_match(value);
        if tag.attrs.iter().any(|one| hides(&one.name.local, &one.value)) {
            self.out.push_str(" style=\"display:none\"");
        }
        for one in tag.attrs.iter().filter(|one| ATTRIBUTES.contains(&&*one.name.local) && !runs_something(&one.value))
        {
            self.out.push_str(&format!(" {}=\"", one.name.local));
            self.escaped(&one.value);
            self.out.push('"');
        }
    }

    fn end(&mut self, name: &str) {
        if self.within.take_if(|unread| *unread == name).is_some() {
            return;
        }
        let Some(name) = written_as(name) else { return };
        // An end inside a cell ends nothing around its table.
        let reach = if is_of_table(name) { 0 } else { self.open.iter().rposition(|one| is_cell(one)).unwrap_or(0) };
        if let Some(at) = self.open[reach..].iter().rposition(|one| *one == name) {
            self.end_from(reach + at);
        }
    }

    /// Ends what HTML lets an element end without saying so.
    fn end_before(&mut self, name: &str) {
        let (ends, within): (IsElement, IsElement) = match name {
            "a" => (|one| one == "a", |one| !is_cell(one)),
            "li" => (|one| one == "li", |one| !matches!(one, "ul" | "ol") && !is_cell(one)),
            "dd" | "dt" => (|one| matches!(one, "dd" | "dt"), |one| one != "dl" && !is_cell(one)),
            "td" | "th" => (is_cell, |one| !matches!(one, "tr" | "table")),
            "tr" => (|one| one == "tr", |one| one != "table"),
            "tbody" | "thead" => (|one| matches!(one, "tbody" | "thead"), |one| one != "table"),
            _ if INLINE.contains(&name) || VOID.contains(&name) && name != "hr" => return,
            _ => (|one| one == "p", |one| INLINE.contains(&one)),
        };
        let mut inner = self.open.iter().enumerate().rev();
        if let Some((at, _)) = inner.find(|(_, one)| ends(one) || !within(one)).filter(|(_, one)| ends(one)) {
            self.end_from(at);
        }
    }

    fn end_from(&mut self, at: usize) {
        for name in self.open.drain(at..).rev() {
            self.out.push_str(&format!("</{name}>"));
        }
    }

    fn text(&mut self, text: &StrTendril) {
        match self.within {
            None => {
                if !text.trim().is_empty() {
                    self.enter_cell();
                }
                self.escaped(text);
            }
            Some("style") => self.style.push_str(text),
            Some(_) => {}
        }
    }

    fn escaped(&mut self, text: &str) {
        for c in text.chars() {
            match c {
                '&' => self.out.push_str("&amp;"),
                '<' => self.out.push_str("&lt;"),
                '"' => self.out.push_str("&quot;"),
                _ => self.out.push(c),
            }
        }
    }

    fn finished(mut self) -> String {
        self.end_from(0);
        let rules = self.style.bytes().filter(|byte| *byte == b'{').count();
        match rules.saturating_mul(self.elements) {
            0 => self.out,
            matches if matches > MOST_MATCHES => self.out,
            _ => format!("<style>{}</style>{}", self.style, self.out),
        }
    }
}

/// The element that is written for one; `None` where there is nothing to be seen of it.
fn written_as(name: &str) -> Option<&'static str> {
    let known = KNOWN.iter().find(|known| **known == name).copied();
    let other = || match name {
        _ if UNSEEN.contains(&name) => None,
        _ if BLOCKS.contains(&name) => Some("div"),
        "tfoot" => Some("tbody"),
        _ => Some("span"),
    };
    known.or_else(other)
}

fn is_cell(name: &str) -> bool {
    matches!(name, "td" | "th")
}

fn is_of_table(name: &str) -> bool {
    is_cell(name) || matches!(name, "table" | "tbody" | "thead" | "tr")
}

/// Whether an address is a program or data, and leads nowhere.
fn runs_something(value: &str) -> bool {
    let bare: String = value.chars().filter(|c| !c.is_whitespace() && !c.is_control()).take(16).collect();
    let bare = bare.to_ascii_lowercase();
    ["javascript:", "vbscript:", "data:"].iter().any(|scheme| bare.starts_with(scheme))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pattern_compiles() {
        assert!(HIDING.regex().is_some());
    }

    #[test]
    fn every_element_is_ended_in_its_place() {
        for (html, expected) in [
            ("<B>a<i>b</b>c</i>", "<b>a<i>b</i></b>c"),
            ("<p>a<p>b<div>c", "<p>a</p><p>b</p><div>c</div>"),
            ("<p><b>a<p>b", "<p><b>a</b></p><p>b</p>"),
            ("<ul><li>a<li>b<ul><li>c</ul></ul>", "<ul><li>a</li><li>b<ul><li>c</li></ul></li></ul>"),
            ("<table><tr><td>a</div><td>b<tr><th>c", "<table><tr><td>a</td><td>b</td></tr><tr><th>c</th></tr></table>"),
            ("<div><table><tr><td></div>a</table>b", "<div><table><tr><td>a</td></tr></table>b</div>"),
            ("<table>a<br>b<tr>c<td>d", "<table><tr><td>a<br>b</td></tr><tr><td>c</td><td>d</td></tr></table>"),
            ("<dl><dt>a<dd>b<dt>c", "<dl><dt>a</dt><dd>b</dd><dt>c</dt></dl>"),
            ("</p></x>a</div>", "a"),
            ("<br title=\"></div>\"><div/>a<!-- </div> -->", "<br><div>a</div>"),
            ("<section>a<o:p>b</o:p></section>", "<div>a<span>b</span></div>"),
        ] {
            assert_eq!(rewritten(html), expected, "{html}");
        }
    }

    #[test]
    fn only_what_is_looked_at_is_written() {
        for (html, expected) in [
            ("<html><head><title>t</title><meta x></head><body>a", "a"),
            ("<script>if (a </b) '<b>'</script>a", "a"),
            (
                "<a href='x?a=1&amp;b=\"2\"' onclick=y>a &lt; b</a>",
                "<a href=\"x?a=1&amp;b=&quot;2&quot;\">a &lt; b</a>",
            ),
            ("<a href=' java\nscript:x'>a</a><img src=data:x>", "<a>a</a><img>"),
            ("<p style='color:red; Display : none'>a", "<p style=\"display:none\">a</p>"),
            ("<p style='font-size:0.9em'>a", "<p>a</p>"),
            ("<table><tr><td colspan=1000000000>a", "<table><tr><td>a</td></tr></table>"),
            ("<style>.a{x:y}</style><p class=a>b", "<style>.a{x:y}</style><p class=\"a\">b</p>"),
        ] {
            assert_eq!(rewritten(html), expected, "{html}");
        }
    }

    #[test]
    fn depth_is_bounded_whatever_stands_between() {
        for piece in ["<div>", "</x><div>", "<br title=\"></div>\"><div>", "<div/>", "<div><script></div></script>"] {
            let written = rewritten(&format!("{}end", piece.repeat(1_000)));
            assert_eq!(written.matches("<div>").count(), MOST_DEPTH, "{piece}");
            assert!(written.contains("end"), "{piece}");
        }
    }

    #[test]
    fn a_style_sheet_that_would_be_tried_too_often_is_left_out() {
        let sheet = format!("<style>{}</style>", ".a{x:y}".repeat(3_000));
        assert!(rewritten(&format!("{sheet}<b>a")).contains("<style>"));
        assert!(!rewritten(&format!("{sheet}{}", "<b>a</b>".repeat(1_000))).contains("<style>"));
    }
}
