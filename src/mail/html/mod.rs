//! HTML bodies to text that a person likes to read, within bounds. Hidden text is neither shown nor read, nothing is
//! fetched, scripts and their links are left out.
//!
//! Done here and not by a library: those at hand build a tree, and are quadratic in its depth and in the attributes of a
//! tag, while this is linear whatever is written. A link's target stands behind its words, not in a list at the end, where
//! it would be cut off together with the quoted mail.

mod hidden;
mod layout;
mod tokens;

use std::collections::BTreeMap;

use hidden::{Sheet, Visibility};
use layout::{Break, Layout};
use tokens::{Tag, Token, Tokens, unescaped};

/// Bytes of HTML that are read; the rest is left out.
const MOST_BYTES: usize = 4 << 20;
/// Bytes in which a document names its charset.
const LONGEST_HEAD: usize = 4 << 10;
/// Elements that are known to be open at once; what lies deeper is shown, but nothing is known to be around it.
const DEEPEST: usize = 500;
/// Characters of a link that is shown.
const LONGEST_LINK: usize = 2_000;
/// Characters of an image's description.
const LONGEST_ALT: usize = 100;

/// Elements that have no content.
const VOID: [&str; 14] =
    ["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr"];
/// Elements that an opening tag of the same name ends.
const ENDS_ITSELF: [&str; 8] = ["a", "dd", "dt", "li", "option", "p", "td", "tr"];

/// Text of an HTML body, quotes with `>`, at most `most_chars` characters.
pub fn to_text(html: &str, most_chars: usize) -> String {
    let mut page = Page::new(most_chars);
    for token in Tokens::new(&html[..html.floor_char_boundary(MOST_BYTES)]) {
        match token {
            Token::Text(text) => page.text(text),
            Token::Open(tag) => page.open(&tag),
            Token::Close(name) => page.close(&name),
            Token::Style(css) => page.sheet.read(css),
        }
        if page.layout.is_full() {
            break;
        }
    }
    page.end_link();
    page.layout.finish()
}

/// The charset that the document names in its head.
pub fn charset(html: &[u8]) -> Option<String> {
    let head = String::from_utf8_lossy(&html[..html.len().min(LONGEST_HEAD)]).to_ascii_lowercase();
    let (_, named) = head.split_once("charset=")?;
    let label = named.trim_start_matches(['"', '\'']).split(|c: char| c.is_whitespace() || "\"'/>;".contains(c)).next();
    label.filter(|label| !label.is_empty()).map(str::to_owned)
}

/// A document on its way to text.
struct Page {
    layout: Layout,
    sheet: Sheet,
    open: Vec<Element>,
    /// How many elements of each name are open, so that an end without a beginning costs nothing.
    open_by_name: BTreeMap<String, usize>,
    preformatted: usize,
    link: Option<Link>,
}

struct Element {
    name: String,
    visibility: Visibility,
    /// How what follows it is set apart.
    after: Break,
}

/// A link that is open, with the words in it.
struct Link {
    target: String,
    words: String,
}

impl Page {
    fn new(most_chars: usize) -> Self {
        let (sheet, open, open_by_name) = (Sheet::default(), Vec::new(), BTreeMap::new());
        Self { layout: Layout::new(most_chars), sheet, open, open_by_name, preformatted: 0, link: None }
    }

    fn visibility(&self) -> Visibility {
        self.open.last().map_or_else(Visibility::default, |element| element.visibility)
    }

    fn text(&mut self, text: &str) {
        if !self.visibility().shows() {
            return;
        }
        let text = unescaped(text);
        if let Some(link) = self.link.as_mut().filter(|link| link.words.len() < LONGEST_LINK) {
            link.words.push_str(&text);
        }
        match self.preformatted {
            0 => self.layout.text(&text),
            _ => self.layout.preformatted(&text),
        }
    }

    fn open(&mut self, tag: &Tag) {
        let name = tag.name.as_str();
        if ENDS_ITSELF.contains(&name) && self.open.last().is_some_and(|element| element.name == name) {
            self.close(name);
        }
        let visibility = self.sheet.visibility(tag, self.visibility());
        let is_void = VOID.contains(&name);
        let is_kept = !is_void && self.open.len() < DEEPEST;
        let around = set_apart(tag);
        if !visibility.hidden {
            self.layout.break_by(around);
            self.begin(tag, visibility, is_kept);
        }
        if is_kept {
            self.open.push(Element { name: name.to_owned(), visibility, after: around });
            *self.open_by_name.entry(name.to_owned()).or_default() += 1;
        }
    }

    /// What an element does to the page where it begins. One that is not kept has no end, so it opens nothing.
    fn begin(&mut self, tag: &Tag, visibility: Visibility, is_kept: bool) {
        match tag.name.as_str() {
            "br" => self.layout.new_line(),
            "hr" => self.layout.rule(),
            "img" if visibility.shows() => self.image(tag),
            "li" => self.layout.item(),
            "tr" => self.layout.row(),
            "td" | "th" => self.layout.cell(),
            "blockquote" if is_kept => self.layout.quote(true),
            "ol" | "ul" if is_kept => self.layout.open_list(tag.name == "ol"),
            "pre" | "listing" | "xmp" if is_kept => self.preformatted += 1,
            "a" if is_kept => {
                self.end_link();
                let target = tag.attribute("href").and_then(target);
                self.link = target.map(|target| Link { target, words: String::new() });
            }
            _ => {}
        }
    }

    fn close(&mut self, name: &str) {
        if self.open_by_name.get(name).is_none_or(|count| *count == 0) {
            // Browsers read an end without a beginning as an empty element here.
            if name == "br" || name == "p" {
                self.layout.break_by(Break::Line);
            }
            return;
        }
        while let Some(element) = self.open.pop() {
            self.open_by_name.entry(element.name.clone()).and_modify(|count| *count -= 1);
            if !element.visibility.hidden {
                self.end(&element);
            }
            if element.name == name {
                return;
            }
        }
    }

    fn end(&mut self, element: &Element) {
        match element.name.as_str() {
            "blockquote" => self.layout.quote(false),
            "ol" | "ul" => self.layout.close_list(),
            "pre" | "listing" | "xmp" => self.preformatted = self.preformatted.saturating_sub(1),
            "tr" => self.layout.row(),
            "a" => self.end_link(),
            _ => {}
        }
        self.layout.break_by(element.after);
    }

    /// Puts a link's target behind its words, where they do not say it already.
    fn end_link(&mut self) {
        let Some(link) = self.link.take() else { return };
        let bare = |text: &str| {
            let lower = text.trim().to_lowercase();
            let rest =
                lower.split_once(':').filter(|(scheme, _)| SCHEMES.contains(scheme)).map_or(&*lower, |(_, rest)| rest);
            rest.trim_start_matches('/').trim_start_matches("www.").trim_end_matches('/').to_owned()
        };
        let words = link.words.split_whitespace().collect::<Vec<_>>().join(" ");
        if !words.is_empty() && !bare(&words).contains(&bare(&link.target)) {
            self.layout.text(&format!(" <{}>", link.target));
        }
    }

    /// What an image says in words. Those that only count readers say nothing and are tiny.
    fn image(&mut self, tag: &Tag) {
        let is_tiny = |name: &str| {
            let size = tag.attribute(name).map(|text| text.trim_end_matches("px").trim().parse::<u32>());
            matches!(size, Some(Ok(0..=2)))
        };
        let alt = tag.attribute("alt").unwrap_or_default();
        let alt: String = alt.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(LONGEST_ALT).collect();
        if alt.is_empty() || is_tiny("width") || is_tiny("height") {
            return;
        }
        // Pictures of faces stand for a single sign.
        let is_sign = alt.chars().count() <= 8 && !alt.chars().any(char::is_alphanumeric);
        let words = if is_sign { alt } else { format!("[{alt}]") };
        self.text(&words.replace('&', "&amp;"));
    }
}

/// Schemes of links that a person can follow from a text.
const SCHEMES: [&str; 4] = ["ftp", "http", "https", "mailto"];

/// A link's target that may be shown.
fn target(href: &str) -> Option<String> {
    let clean: String = href.chars().filter(|c| !(c.is_whitespace() || c.is_control() || "<>".contains(*c))).collect();
    let (scheme, rest) = clean.split_once(':')?;
    let is_known = SCHEMES.contains(&scheme.to_ascii_lowercase().as_str());
    let short = clean.chars().count() <= LONGEST_LINK && rest.len() > 2;
    (is_known && short).then(|| if scheme.eq_ignore_ascii_case("mailto") { rest.to_owned() } else { clean.clone() })
}

/// How an element is set apart from what is around it.
fn set_apart(tag: &Tag) -> Break {
    match tag.name.as_str() {
        "h1" | "h2" | "h3" | "h4" | "h5" | "h6" | "pre" | "listing" | "xmp" => Break::Paragraph,
        "p" if has_no_margin(tag) => Break::Line,
        "p" => Break::Paragraph,
        "address" | "article" | "aside" | "blockquote" | "caption" | "center" | "dd" | "div" | "dl" | "dt"
        | "fieldset" | "figcaption" | "figure" | "footer" | "form" | "header" | "li" | "main" | "nav" | "section"
        | "table" | "tbody" | "thead" | "tr" => Break::Line,
        _ => Break::None,
    }
}

/// Outlook writes each line as a paragraph without a margin; so do the editors of web mailers.
fn has_no_margin(tag: &Tag) -> bool {
    let class = tag.attribute("class").unwrap_or_default();
    let style: String = tag.attribute("style").unwrap_or_default().to_ascii_lowercase().replace(' ', "");
    let margin = style.split(';').filter_map(|one| one.split_once(':')).any(|(name, value)| {
        matches!(name, "margin" | "margin-bottom") && value.starts_with('0') && !value.contains("em")
    });
    class.starts_with("Mso") || margin
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(html: &str) -> String {
        to_text(html, 100_000)
    }

    #[test]
    fn a_mail_reads_like_text() {
        for (html, expected) in [
            ("<p>Hello <b>Anna</b>,<br>see below.</p><p>Bye</p>", "Hello Anna,\nsee below.\n\nBye"),
            ("<div>one</div><div>two</div><div><br></div><div>three</div>", "one\ntwo\n\nthree"),
            (
                "<p class=MsoNormal>one<o:p></o:p></p><p class=MsoNormal><o:p>&nbsp;</o:p></p><p class=MsoNormal>two",
                "one\n\ntwo",
            ),
            ("<p class=MsoNormal>SITE: INFN-T1</p>\n<p class=MsoNormal>VO: atlas</p>", "SITE: INFN-T1\nVO: atlas"),
            (
                "new<blockquote type=cite><div>old</div><blockquote>older</blockquote></blockquote>newer",
                "new\n> old\n>> older\nnewer",
            ),
            ("<ul><li>a<li>b</ul><ol><li><p>c</p></li></ol>", "* a\n* b\n\n1. c"),
            (
                "<table><tr><td>SITE:</td><td><p>INFN-T1</p></td></tr><tr><td>VO:<td>atlas</table>",
                "SITE:  INFN-T1\nVO:  atlas",
            ),
            ("a<pre>  x\n\n  y &lt;</pre>b", "a\n\n  x\n\n  y <\n\nb"),
            ("<h1>Title</h1>text<hr>more", "Title\n\ntext\n________________________________\nmore"),
            ("a&nbsp;&nbsp;b &amp; c&#8203;d", "a b & cd"),
            ("&lt;Ticket&gt;", "<Ticket>"),
            ("no markup\nat all", "no markup at all"),
            ("<html><head><title>no</title></head><body>yes</body></html>", "yes"),
            ("", ""),
        ] {
            assert_eq!(text(html), expected, "{html}");
        }
        assert_eq!(text(&"word ".repeat(1_000)).lines().count(), 1);
    }

    #[test]
    fn links_stand_behind_their_words() {
        for (html, expected) in [
            ("see <a href='https://x.example/a?b=1&amp;c'>this</a>.", "see this <https://x.example/a?b=1&c>."),
            ("<a href='https://www.x.example/'>x.example</a>", "x.example"),
            ("<a href='http://x.example/a'>http://x.example/a</a>", "http://x.example/a"),
            ("<a href='mailto:a@x.example'>a@x.example</a>", "a@x.example"),
            ("<a href='MAILTO:a@x.example'>Anna</a>", "Anna <a@x.example>"),
            ("<a href='https://x.example/'><img src=logo.png></a>", ""),
            ("<a href='javascript:alert(1)'>x</a> <a href='data:text/html,y'>y</a> <a href='#top'>z</a>", "x y z"),
            ("<a href='java\nscript:x'>x</a>", "x"),
            ("<a href='https://x.example/'>open", "open <https://x.example/>"),
            (
                "<a href='https://a.example/'>a<a href='https://b.example/'>b</a>",
                "a <https://a.example/>b <https://b.example/>",
            ),
        ] {
            assert_eq!(text(html), expected, "{html}");
        }
    }

    #[test]
    fn images_say_what_they_show() {
        assert_eq!(text("<img src=x alt='A plot'>"), "[A plot]");
        assert_eq!(text("hi <img src=x alt='😀'>"), "hi 😀");
        assert_eq!(text("<img src=x><img src='http://t.example/' width=1 height=1 alt=t>"), "");
    }

    #[test]
    fn what_is_hidden_is_not_read() {
        for hidden in [
            "<div style=\"display:none\">SECRET <b>SECRET</b></div>",
            "<span style='color:red; visibility: hidden'>SECRET</span>",
            "<div style=\"font-size:0px;\">SECRET</div>",
            "<p hidden>SECRET</p>",
            "<p hidden>SECRET<p>",
            "<div style=\"display:none;mso-hide:all\"><a href=\"https://secret.example/SECRET\">SECRET</a></div>",
            "<div hidden><span></div></span></div>",
            "<script>SECRET</script>",
            "<style>SECRET</style>",
            "<!-- SECRET -->",
            "<!--[if mso]><p>SECRET</p><![endif]-->",
            "<style>.pre { display:none }</style><div class=\"pre\">SECRET</div>",
            "<img alt=SECRET style=display:none>",
            "<blockquote hidden>SECRET</blockquote>",
        ] {
            let text = text(&format!("<p>seen</p>{hidden}<p>end</p>"));
            assert_eq!(text, "seen\n\nend", "{hidden}");
        }
        assert_eq!(text("<td style=\"font-size:0\"><div style=\"font-size:13px\">seen</div></td>"), "seen");
    }

    #[test]
    fn a_document_names_its_charset() {
        assert_eq!(charset(b"<meta charset=utf-8>").as_deref(), Some("utf-8"));
        assert_eq!(charset(b"<META content=\"text/html; charset=KOI8-R\" >").as_deref(), Some("koi8-r"));
        assert_eq!(charset(b"<p>charset</p>"), None);
    }

    /// Quadratic readers take minutes over each of these.
    #[test]
    fn hostile_html_is_read_within_bounds() {
        for (start, middle, end) in [
            ("", "<div>", "x"),
            ("", "</x><div>", "x"),
            ("", "<picture>", "x"),
            ("", "<blockquote>", "x"),
            ("", "<ul><li>", "x"),
            ("", "<a href=https://x.example/>", "x"),
            ("<a ", "b=c ", ">x</a>"),
            ("<a ", "b=\"c\" ", ">x</a>"),
            ("", "<", ""),
            ("", "<a b=\"", "x"),
            ("", "<a b='\"", "x"),
            ("", "<!--", "x"),
            ("", "<script></s", "x"),
            ("", "<style>.a{display:none}</style>", "x"),
            ("<style>", "@a{", "x"),
            ("", "&", "x"),
            ("", "&#x", "x"),
            ("<p style=\"", "a:b;", "\">x"),
            ("", "<br>", "x"),
            ("", "<table><tr><td>", "x"),
            ("", "<pre>\n", "x"),
        ] {
            let html = format!("{start}{}{end}", middle.repeat((1 << 20) / middle.len()));
            assert!(to_text(&html, 1_000).chars().count() <= 1_000, "{middle}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn no_html_breaks_the_reader(pieces in prop::collection::vec(piece(), 0..40)) {
            let html = pieces.concat();
            prop_assert!(to_text(&html, 500).chars().count() <= 500);
            prop_assert!(charset(html.as_bytes()).is_none_or(|label| !label.is_empty()));
        }
    }

    fn piece() -> impl Strategy<Value = String> {
        let marks = [
            "<",
            ">",
            "</",
            "/>",
            "<!--",
            "-->",
            "<![if",
            "&",
            "&#",
            ";",
            "\"",
            "'",
            "=",
            " ",
            "\n",
            "<p",
            "<br>",
            "<td>",
            "<tr>",
            "<li>",
            "<ul>",
            "</ul>",
            "<blockquote>",
            "</blockquote>",
            "<a href=",
            "https://x.example/",
            "</a>",
            "<style>",
            ".a{",
            "}",
            "@media",
            "</style>",
            "<script>",
            "</script>",
            " style=",
            "display:none",
            "font-size:0",
            "<pre>",
            "</pre>",
            "<img alt=",
            "charset=",
            "¡",
            "\u{a0}",
            "\u{200b}",
        ];
        prop_oneof![4 => prop::sample::select(marks.to_vec()).prop_map(str::to_owned), 1 => "\\PC{0,6}"]
    }
}
