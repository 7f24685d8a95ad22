//! HTML bodies to text within bounds of size, depth and attributes. Hidden text is neither shown nor read.
//!
//! The library that does the work is quadratic in nesting and in attributes, so what is beyond reason is not given to
//! it: of such a body only the text between the tags is kept.

use regex::Regex;

use super::pattern::Pattern;

/// Bytes of HTML that are laid out; the rest is left out.
const MOST_BYTES: usize = 512 << 10;
/// Elements that may be open at once.
const MOST_DEPTH: usize = 200;
/// Bytes in which a document names its charset.
const LONGEST_HEAD: usize = 4 << 10;
/// Bytes of one tag.
const MOST_TAG: usize = 16 << 10;
/// Attributes of one tag, by their equals signs.
const MOST_ATTRIBUTES: usize = 100;
/// Elements that do not nest: those without content, and those whose end is mostly left out.
const NOT_NESTED: [&str; 26] = [
    "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr", "p",
    "li", "dd", "dt", "option", "tr", "td", "th", "thead", "tbody", "tfoot", "colgroup",
];
/// Column at which lines are wrapped; people read mail at this width.
const WIDTH: usize = 100;

/// Ways to hide an element that the layout does not know of: a style, or the attribute `hidden`.
static HIDDEN: Pattern = Pattern::new(concat!(
    r"(?i)<([a-z][a-z0-9]{0,15})(?:\s[^<>]{0,2000})?\s",
    r"(?:style\s*=\s*[\x22'][^<>\x22']{0,1000}",
    r"(?:visibility\s*:\s*hidden|font-size\s*:\s*0(?:px|pt|em|%)?\s*[;\x22']|opacity\s*:\s*0\s*[;\x22']",
    r"|mso-hide\s*:\s*all|max-height\s*:\s*0)[^<>]{0,1000}",
    r"|hidden(?:\s[^<>]{0,1000}|=[^<>]{0,1000})?)>",
));

/// Text of an HTML body, links as footnotes, quotes with `>`; at most `most_chars` characters.
pub fn to_text(html: &str, most_chars: usize) -> String {
    let html = bounded(html);
    let text = if is_reasonable(html) { laid_out(html) } else { between_tags(html) };
    text.chars().take(most_chars).collect()
}

/// The charset that the document names in its head.
pub fn charset(html: &[u8]) -> Option<String> {
    let head = String::from_utf8_lossy(&html[..html.len().min(LONGEST_HEAD)]).to_ascii_lowercase();
    let (_, named) = head.split_once("charset=")?;
    let label = named.trim_start_matches(['"', '\'']).split(|c: char| c.is_whitespace() || "\"'/>;".contains(c)).next();
    label.filter(|label| !label.is_empty()).map(str::to_owned)
}

fn bounded(html: &str) -> &str {
    let mut end = html.len().min(MOST_BYTES);
    while !html.is_char_boundary(end) {
        end -= 1;
    }
    &html[..end]
}

/// Whether nesting and attributes are within what people's programs write.
///
/// An end counts only where it closes the element opened last: one that closes nothing must not hide depth. A slash at
/// the end of a tag closes nothing in HTML.
fn is_reasonable(html: &str) -> bool {
    let (mut open, mut rest) = (Vec::new(), html);
    while let Some(start) = rest.find('<') {
        rest = &rest[start + 1..];
        let end = rest.find('>').unwrap_or(rest.len());
        let tag = &rest[..end];
        if tag.len() > MOST_TAG && !tag.starts_with('!')
            || tag.bytes().filter(|byte| *byte == b'=').count() > MOST_ATTRIBUTES
        {
            return false;
        }
        match tag.strip_prefix('/') {
            Some(closed) => {
                open.pop_if(|name| *name == element(closed));
            }
            None if nests(&element(tag)) => open.push(element(tag)),
            None => {}
        }
        if open.len() > MOST_DEPTH {
            return false;
        }
        rest = &rest[end..];
    }
    true
}

/// Name of the element of a tag, in small letters; empty for a comment or a declaration.
fn element(tag: &str) -> String {
    let end = tag.find(|c: char| !c.is_ascii_alphanumeric() && c != ':' && c != '-').unwrap_or(tag.len());
    tag[..end].to_ascii_lowercase()
}

/// Whether an element stays open until its end is written: some have no content, others end where the next begins.
fn nests(element: &str) -> bool {
    !element.is_empty() && !NOT_NESTED.contains(&element)
}

fn laid_out(html: &str) -> String {
    let hide = |pattern: &Regex| pattern.replace_all(html, r#"<$1 style="display:none">"#).into_owned();
    let visible = HIDDEN.regex().map_or_else(|| html.to_owned(), hide);
    let layout =
        html2text::config::plain().use_doc_css().allow_width_overflow().no_table_borders().link_footnotes(true);
    match layout.string_from_read(visible.as_bytes(), WIDTH) {
        Ok(text) => without_script_links(&text),
        Err(_) => between_tags(html),
    }
}

fn without_script_links(text: &str) -> String {
    let unsafe_link = |line: &str| {
        let target = line.split_once("]: ").map_or("", |(_, target)| target).trim().to_ascii_lowercase();
        target.starts_with("javascript:") || target.starts_with("data:") || target.starts_with("vbscript:")
    };
    text.lines().filter(|line| !unsafe_link(line)).map(str::trim_end).collect::<Vec<_>>().join("\n")
}

/// The text between tags, as it stands: no layout, no entities.
fn between_tags(html: &str) -> String {
    let mut text = String::new();
    let mut rest = html;
    while let Some(open) = rest.find('<') {
        text.push_str(&rest[..open]);
        text.push(' ');
        let Some(close) = rest[open..].find('>') else { return text };
        rest = &rest[open + close + 1..];
    }
    text.push_str(rest);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pattern_compiles() {
        assert!(HIDDEN.regex().is_some());
    }

    #[test]
    fn a_mail_reads_like_text() {
        let text = to_text(
            "<p>Hello <b>Anna</b>,<br>see <a href='https://x.example/'>this</a>.</p><blockquote>old</blockquote>",
            1_000,
        );
        assert!(text.contains("Hello"), "{text}");
        assert!(text.contains("https://x.example/"), "{text}");
        assert!(text.contains("> old"), "{text}");
    }

    #[test]
    fn what_is_hidden_is_not_read() {
        for hidden in [
            "<div style=\"display:none\">SECRET</div>",
            "<span style='color:red; visibility: hidden'>SECRET</span>",
            "<div style=\"font-size:0px;\">SECRET</div>",
            "<p hidden>SECRET</p>",
            "<script>SECRET</script>",
            "<style>SECRET</style>",
            "<!-- SECRET -->",
        ] {
            let text = to_text(&format!("<p>seen</p>{hidden}<p>end</p>"), 1_000);
            assert!(text.contains("seen") && text.contains("end") && !text.contains("SECRET"), "{hidden}: {text}");
        }
    }

    #[test]
    fn ends_that_close_nothing_hide_no_depth() {
        assert!(!is_reasonable(&"</x><div>".repeat(1_000)));
        assert!(!is_reasonable(&"<div/>".repeat(1_000)));
        assert!(!is_reasonable(&"<b><div></b>".repeat(1_000)));
        assert!(is_reasonable(&"<DIV class='a'><p>x<br></div>".repeat(1_000)));
        assert!(is_reasonable(&format!("<table>{}</table>", "<tr><td>x<td>y".repeat(1_000))));
    }

    #[test]
    fn hostile_html_is_read_within_bounds() {
        for html in [
            "<div>".repeat(100_000),
            format!("<a {}>x</a>", "b=c ".repeat(200_000)),
            "<".repeat(500_000),
            "<blockquote>".repeat(5_000),
            "</x><div>".repeat(50_000),
            "<div/>".repeat(80_000),
        ] {
            assert!(to_text(&html, 1_000).chars().count() <= 1_000);
        }
        assert!(!to_text("<a href=\"javascript:alert(1)\">x</a>", 1_000).contains("javascript"));
    }
}
